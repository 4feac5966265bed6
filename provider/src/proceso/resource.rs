//! `kairos_proceso`: one scheduled process, in the registry that the HTTP API uses as well.
//!
//! Invariant: what can be known is refused while planning; apply checks all of it again before the first write.

use std::str::FromStr;

use kairos::error::UserError;
use kairos::ids::{IdCalendarizacion, IdProceso, InvalidId};
use kairos::instant::Timestamp;
use kairos::proceso::Definition;
use kairos::validation::{Limits, check, define};
use tfplugin::{
    Attr, CreateRequest, Ctx, Diagnostics, Imported, Outcome, Path, Plan, PlanRequest, Private, Resource, Schema,
    UpdateRequest,
};

use super::convert::{self, diagnose, keep_forms, raw};
use super::failure::{taken, told};
use super::registry::{Registered, schedule as schedule_of};
use super::schema::{self, ProcesoModel};
use crate::configuration::{Configured, Connection};

/// The resource.
#[derive(Debug, Default)]
pub struct ProcesoResource;

impl Resource for ProcesoResource {
    const NAME: &'static str = "kairos_proceso";
    type Model = ProcesoModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &ProcesoModel, diagnostics: &mut Diagnostics) {
        diagnose(&check(&raw(config), &Limits::default()), diagnostics);
    }

    async fn plan(
        &self,
        ctx: &Ctx<Configured>,
        request: PlanRequest<ProcesoModel>,
        diagnostics: &mut Diagnostics,
    ) -> Plan<ProcesoModel> {
        let creates = request.prior.is_none();
        let prior = request.prior.clone();
        let mut plan = Plan::of(request);
        let Some(planned) = &mut plan.planned else { return plan };
        if let Some(prior) = &prior {
            keep_forms(planned, prior);
        } else if let Some(nombre) = planned.nombre.as_str() {
            planned.id = IdProceso::of(nombre).as_str().into();
        }
        let schedule = convert::schedule(planned);
        if let Some(schedule) = &schedule {
            planned.id_calendarizacion = schedule.id().as_str().into();
        }
        if prior.as_ref() != Some(planned) {
            let mut errors = Vec::new();
            if let Some(limits) = limits(ctx.configured(), &planned.stack, diagnostics).await {
                errors = check(&raw(planned), &limits);
            }
            if creates && errors.is_empty() {
                errors.extend(schedule.and_then(|schedule| past(&schedule)));
            }
            diagnose(&errors, diagnostics);
        }
        plan
    }

    async fn create(&self, ctx: &Ctx<Configured>, request: CreateRequest<ProcesoModel>) -> Outcome<ProcesoModel> {
        let planned = request.planned;
        let work = async {
            let stack = Registered::open(ctx.configured(), planned.stack.as_str().unwrap_or_default()).await?;
            let definition = definition(&planned, &stack)?;
            if let Some(error) = past(&definition.schedule) {
                return Err(refused(&[error]));
            }
            match stack.register(&definition).await {
                Ok(held) => Ok(convert::model(stack.name(), &held, &definition.schedule, &planned)),
                Err(error) => Err(taken(&error, stack.name(), &definition.nombre)
                    .unwrap_or_else(|| told("register", &definition.nombre, &error))),
            }
        };
        work.await
            .map_or_else(|diagnostics: Diagnostics| Outcome::failed(diagnostics), Outcome::done)
    }

    async fn read(&self, ctx: &Ctx<Configured>, current: ProcesoModel, _private: Private) -> Outcome<ProcesoModel> {
        let work = async {
            let name = current.stack.as_str().unwrap_or_default();
            let Some(stack) = Registered::find(ctx.configured(), name).await? else {
                return Ok::<_, Diagnostics>(None);
            };
            let id: IdProceso = id_in(&current.id)?;
            let Some(entry) = stack
                .get(&id)
                .await
                .map_err(|error| told("read", id.as_str(), &error))?
            else {
                return Ok(None);
            };
            let schedule = schedule_of(&entry).map_err(|error| told("read the schedule of", id.as_str(), &error))?;
            Ok(Some(match schedule {
                Some(schedule) => convert::model(name, &entry.proceso, &schedule, &current),
                // Its calendarización is gone: without an expression here, the next apply puts it on a new one.
                None => ProcesoModel {
                    cron: Attr::Null,
                    ..current.clone()
                },
            }))
        };
        match work.await {
            Ok(Some(model)) => Outcome::done(model),
            Ok(None) => Outcome::gone(),
            Err(diagnostics) => Outcome::failed(diagnostics),
        }
    }

    async fn update(&self, ctx: &Ctx<Configured>, request: UpdateRequest<ProcesoModel>) -> Outcome<ProcesoModel> {
        let planned = request.planned;
        let work = async {
            let stack = Registered::open(ctx.configured(), planned.stack.as_str().unwrap_or_default()).await?;
            let definition = definition(&planned, &stack)?;
            let id: IdProceso = id_in(&planned.id)?;
            let changed = stack.change(&id, &definition).await;
            let held = changed.map_err(|error| told("change", &definition.nombre, &error))?;
            Ok(convert::model(stack.name(), &held, &definition.schedule, &planned))
        };
        work.await
            .map_or_else(|diagnostics: Diagnostics| Outcome::failed(diagnostics), Outcome::done)
    }

    async fn delete(&self, ctx: &Ctx<Configured>, prior: ProcesoModel, _private: Private) -> Outcome<ProcesoModel> {
        let work = async {
            let name = prior.stack.as_str().unwrap_or_default();
            let Some(stack) = Registered::find(ctx.configured(), name).await? else {
                return Ok::<_, Diagnostics>(());
            };
            let id: IdProceso = id_in(&prior.id)?;
            let nombre = prior.nombre.as_str().unwrap_or_default();
            let calendarizacion: IdCalendarizacion = id_in(&prior.id_calendarizacion)?;
            stack
                .delete(&id, &calendarizacion)
                .await
                .map_err(|error| told("delete", nombre, &error))
        };
        work.await.map_or_else(
            |diagnostics: Diagnostics| Outcome::failed(diagnostics),
            |()| Outcome::gone(),
        )
    }

    async fn import(&self, ctx: &Ctx<Configured>, id: String) -> Result<Vec<Imported<ProcesoModel>>, Diagnostics> {
        let Some((name, wanted)) = id
            .split_once('/')
            .filter(|(name, wanted)| !name.is_empty() && !wanted.is_empty())
        else {
            let detail = format!("\"{id}\" is not \"<stack>/<nombre>\" or \"<stack>/<id of the process>\".");
            return Err(Diagnostics::of_error("Invalid import id", detail));
        };
        let stack = Registered::open(ctx.configured(), name).await?;
        let found = stack
            .find_either(wanted)
            .await
            .map_err(|error| told("find", wanted, &error))?;
        let Some(entry) = found else {
            let detail = format!("The stack \"{name}\" has no process with the name or id \"{wanted}\".");
            return Err(Diagnostics::of_error("No such process", detail));
        };
        let schedule = schedule_of(&entry).map_err(|error| told("find", wanted, &error))?;
        let Some(schedule) = schedule else {
            let detail = format!(
                "The process \"{wanted}\" names the calendarización \"{}\", which the stack \"{name}\" does not have.",
                entry.proceso.id_calendarizacion
            );
            return Err(Diagnostics::of_error("The process has no schedule", detail));
        };
        Ok(vec![Imported::new(convert::model(
            name,
            &entry.proceso,
            &schedule,
            &ProcesoModel::default(),
        ))])
    }
}

/// What the planned process is checked against: the stack as this run plans it, otherwise as it is installed. Where there
/// is neither, a warning: it may be created by the time of apply. `None` where nothing can be asked yet.
async fn limits(configured: &Configured, stack: &Attr<String>, diagnostics: &mut Diagnostics) -> Option<Limits> {
    let name = stack.as_str()?;
    // What needs AWS and cannot have it yet is checked at apply.
    let Ok(connection) = configured.connection() else {
        return Some(Limits::default());
    };
    let names = Some(connection.names(name));
    if let Some(planned) = configured.stacks.planned(name) {
        return Some(Limits {
            names,
            role_prefix: planned.role_prefix,
        });
    }
    match configured.stacks.installed(connection, name).await {
        Ok(Some(stack)) => Some(Limits {
            names,
            role_prefix: stack.role_prefix.clone(),
        }),
        Ok(None) => {
            diagnostics.warning_at(
                Path::root("stack"),
                "The stack does not exist yet",
                missing(connection, name, "Apply fails unless it does by then."),
            );
            Some(Limits {
                names,
                role_prefix: None,
            })
        }
        Err(error) => {
            diagnostics.error_at(Path::root("stack"), "Cannot read the stack", format!("{error}."));
            None
        }
    }
}

/// An id that the state holds.
fn id_in<T: FromStr<Err = InvalidId>>(attribute: &Attr<String>) -> Result<T, Diagnostics> {
    let parsed = attribute.as_str().unwrap_or_default().parse::<T>();
    parsed.map_err(|error| Diagnostics::of_error("The state was changed by hand", format!("{error}.")))
}

/// Where a stack was looked for.
pub(super) fn missing(connection: &Connection, name: &str, then: &str) -> String {
    let place = &connection.place;
    format!(
        "There is no stack \"{name}\" in account {}, region {}. {then}",
        place.account, place.region
    )
}

/// The definition of a planned process, checked against its stack.
fn definition(planned: &ProcesoModel, stack: &Registered) -> Result<Definition, Diagnostics> {
    define(&raw(planned), &stack.limits()).map_err(|errors| refused(&errors))
}

fn refused(errors: &[UserError]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnose(errors, &mut diagnostics);
    diagnostics
}

/// A schedule that is already over when its process is created would never fire.
fn past(schedule: &kairos::schedule::Schedule) -> Option<UserError> {
    schedule.check_future(Timestamp::now()).err()
}
