//! What a plan says of registered processes whose roles another `executor.role_prefix` leaves out.
//!
//! Invariant: asks AWS only where the prefix changes, and then for a bounded number of pages.

use kairos::arn;
use kairos::error::Rule;
use kairos::ids::IdProceso;
use kairos::names::Names;
use kairos::proceso::Proceso;
use kairos::registry::{PortError, PortErrorKind, Store};
use kairos_aws::store::DynamoStore;
use tfplugin::{Diagnostic, Path};

use crate::sentence::sentence;
use crate::stack::config::StackConfig;
use crate::stack::context::Context;
use crate::stack::model::StackModel;

/// How many processes a page has.
const PAGE: u32 = 500;
/// How many pages are read: a plan is not to take long. Of more processes it says that there may be others.
const PAGES: usize = 10;
/// How many processes are named.
const NAMED: usize = 5;
/// What follows for those that are left out.
const ADVICE: &str = "Unless the \"arn_rol\" of a process that is left out changes as well, in this apply or by the API, each of its \
                      runs will fail and end in the dead-letter queue.";

/// The warning of processes that the planned prefix leaves out; none where it stays, covers all that it did, or leaves nobody out.
pub(super) async fn warning(before: Option<&StackConfig>, model: &StackModel, context: &Context) -> Option<Diagnostic> {
    let old = before?.executor.role_prefix.as_str();
    let new = model.executor.known()?.role_prefix.as_str()?;
    if old.starts_with(new) {
        return None;
    }
    let store = DynamoStore::new(context.aws.dynamodb.clone(), &context.names);
    let warning = match uncovered(&store, new, &context.names).await {
        Ok(found) => found.warning(old, new, &context.names.app)?,
        // A table that is missing has no processes; the plan says elsewhere that it is.
        Err(error) if error.kind == PortErrorKind::NotFound => return None,
        Err(error) => Diagnostic::warning(
            "Cannot tell which processes the new role prefix leaves out",
            sentence(&error),
        ),
    };
    Some(warning.at(Path::root("executor").attribute("role_prefix")))
}

/// What the table says.
#[derive(Debug, Default)]
struct Found {
    left_out: Vec<Proceso>,
    read: usize,
    /// Whether there are processes that were not read.
    more: bool,
}

async fn uncovered(store: &impl Store, prefix: &str, names: &Names) -> Result<Found, PortError> {
    let is_left_out = |proceso: &Proceso| {
        let checked = arn::check_role(&proceso.arn_rol, &names.place, Some(prefix));
        checked.is_err_and(|error| matches!(error.rule, Rule::RolePrefix { .. }))
    };
    let (mut found, mut cursor) = (Found::default(), None::<IdProceso>);
    for _ in 0..PAGES {
        let page = store.procesos(cursor.as_ref(), PAGE).await?;
        found.read += page.items.len();
        found.left_out.extend(page.items.into_iter().filter(is_left_out));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.more = cursor.is_some();
    Ok(found)
}

impl Found {
    fn warning(mut self, old: &str, new: &str, app: &str) -> Option<Diagnostic> {
        let (all, read) = (self.left_out.len(), self.read);
        if all == 0 {
            return self.more.then(|| {
                Diagnostic::warning(
                    format!("The new role prefix may leave out processes of the stack \"{app}\""),
                    format!(
                        "\"executor.role_prefix\" changes from \"{old}\" to \"{new}\". The roles of the first {read} registered \
                         processes fit; there are more, which this plan has not read. {ADVICE}"
                    ),
                )
            });
        }
        self.left_out.sort_by(|a, b| a.nombre.cmp(&b.nombre));
        let named = self.left_out.iter().take(NAMED);
        let mut lines: Vec<String> = named.map(|p| format!("\"{}\": {}", p.nombre, p.arn_rol)).collect();
        if all > NAMED {
            lines.push(format!("and {} more", all - NAMED));
        }
        let of = if self.more {
            format!("{all} of the first {read} registered processes (there are more)")
        } else {
            format!("{all} of the {read} registered processes")
        };
        Some(Diagnostic::warning(
            format!("The new role prefix leaves out processes of the stack \"{app}\""),
            format!(
                "\"executor.role_prefix\" changes from \"{old}\" to \"{new}\", and the executor may then no longer assume the roles \
                 of {of}:\n\n{}\n\n{ADVICE}",
                lines.join("\n")
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use kairos::names::Place;
    use kairos::registry::memory::Memory;

    use super::*;

    fn proceso(nombre: &str, role: &str) -> Proceso {
        let arn_rol = format!("arn:aws:iam::123456789012:role/{role}");
        serde_json::from_value(serde_json::json!({
            "IdProceso": IdProceso::of(nombre), "Nombre": nombre, "ArnRol": arn_rol, "ArnProceso": "t", "Habilitado": true,
            "Reintentos": 0, "ModoInvocacion": "Event", "IdCalendarizacion": "calendarizacion-a",
            "FechaAsignacion": "2026-01-02T03:04:05.678Z", "FechaCreacion": "2026-01-02T03:04:05.678Z",
            "FechaActualizacion": "2026-01-02T03:04:05.678Z", "Version": 1
        }))
        .unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// What is said where these processes are registered and the prefix becomes `tarea-`.
    async fn check(procesos: &[(String, &str)], expect: &Expect) {
        let memory = Memory::new("2026-01-01T00:00:00Z".parse().unwrap_or_default());
        for (nombre, role) in procesos {
            let row = proceso(nombre, role);
            memory.world().tables.procesos.insert(row.id_proceso.clone(), row);
        }
        let place = Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        };
        let names = Names::new("Demo", place);
        let found = uncovered(&memory, "tarea-", &names).await;
        let found = found.unwrap_or_else(|error| unreachable!("{error}"));
        let told = found.warning("proceso-", "tarea-", "Demo");
        let said = told
            .map(|told| format!("{}\n\n{}", told.summary, told.detail))
            .unwrap_or_default();
        expect.assert_eq(&said);
    }

    #[tokio::test]
    async fn those_that_are_left_out_are_counted_and_some_are_named() {
        let mut all: Vec<(String, &str)> = (1..=7).map(|n| (format!("Cierre {n}"), "proceso-cierre")).collect();
        all.push(("Informe".into(), "tarea-informe"));
        all.push(("De un equipo".into(), "tarea-/de-equipo"));
        check(
            &all,
            &expect![[r#"
                The new role prefix leaves out processes of the stack "Demo"

                "executor.role_prefix" changes from "proceso-" to "tarea-", and the executor may then no longer assume the roles of 7 of the 9 registered processes:

                "Cierre 1": arn:aws:iam::123456789012:role/proceso-cierre
                "Cierre 2": arn:aws:iam::123456789012:role/proceso-cierre
                "Cierre 3": arn:aws:iam::123456789012:role/proceso-cierre
                "Cierre 4": arn:aws:iam::123456789012:role/proceso-cierre
                "Cierre 5": arn:aws:iam::123456789012:role/proceso-cierre
                and 2 more

                Unless the "arn_rol" of a process that is left out changes as well, in this apply or by the API, each of its runs will fail and end in the dead-letter queue."#]],
        )
        .await;
    }

    #[tokio::test]
    async fn where_nobody_is_left_out_nothing_is_said() {
        check(&[], &expect![""]).await;
        check(&[("Informe".into(), "tarea-informe")], &expect![""]).await;
    }

    #[tokio::test]
    async fn of_very_many_the_first_are_read() {
        let read = usize::try_from(PAGE).unwrap_or_default() * PAGES;
        let all: Vec<(String, &str)> = (0..=read).map(|n| (format!("P{n:05}"), "tarea-x")).collect();
        check(
            &all,
            &expect![[r#"
                The new role prefix may leave out processes of the stack "Demo"

                "executor.role_prefix" changes from "proceso-" to "tarea-". The roles of the first 5000 registered processes fit; there are more, which this plan has not read. Unless the "arn_rol" of a process that is left out changes as well, in this apply or by the API, each of its runs will fail and end in the dead-letter queue."#]],
        )
        .await;
    }
}
