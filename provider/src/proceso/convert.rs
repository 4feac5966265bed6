//! Between what terraform has of a process and what the domain knows of it.
//!
//! Invariant: what only reads differently keeps the user's form, so that it never shows as a change.

use kairos::error::{Field, UserError};
use kairos::ids::IdProceso;
use kairos::instant::rfc3339_millis;
use kairos::parameters::json_equal;
use kairos::proceso::Proceso;
use kairos::registry::examine::IN_SYNC;
use kairos::schedule::Schedule;
use kairos::validation::Raw;
use tfplugin::{Attr, Diagnostics, Path};

use super::schema::ProcesoModel;
use crate::sentence::sentence;

/// The process as its user wrote it, for the domain to check.
pub(super) fn raw(model: &ProcesoModel) -> Raw {
    let unknown = [
        (Field::Nombre, model.nombre.is_unknown()),
        (Field::Cron, model.cron.is_unknown()),
        (Field::ZonaHoraria, model.zona_horaria.is_unknown()),
        (
            Field::VentanaFlexibleMinutos,
            model.ventana_flexible_minutos.is_unknown(),
        ),
        (Field::Inicio, model.inicio.is_unknown()),
        (Field::Fin, model.fin.is_unknown()),
        (Field::ArnRol, model.arn_rol.is_unknown()),
        (Field::ArnProceso, model.arn_proceso.is_unknown()),
        (Field::Parametros, model.parametros.is_unknown()),
        (Field::Habilitado, model.habilitado.is_unknown()),
        (Field::Reintentos, model.reintentos.is_unknown()),
        (Field::ModoInvocacion, model.modo_invocacion.is_unknown()),
        (Field::TiempoMaximoSegundos, model.tiempo_maximo_segundos.is_unknown()),
    ];
    Raw {
        nombre: model.nombre.known().cloned(),
        cron: model.cron.known().cloned(),
        zona_horaria: model.zona_horaria.known().cloned(),
        ventana_flexible_minutos: model.ventana_flexible_minutos.known().copied(),
        inicio: model.inicio.known().cloned(),
        fin: model.fin.known().cloned(),
        arn_rol: model.arn_rol.known().cloned(),
        arn_proceso: model.arn_proceso.known().cloned(),
        parametros: model.parametros.known().cloned(),
        habilitado: model.habilitado.known().copied(),
        reintentos: model.reintentos.known().copied(),
        modo_invocacion: model.modo_invocacion.known().cloned(),
        tiempo_maximo_segundos: model.tiempo_maximo_segundos.known().copied(),
        unknown: unknown
            .into_iter()
            .filter_map(|(field, unknown)| unknown.then_some(field))
            .collect(),
    }
}

/// The schedule of a model, where all of it is known and right.
pub(super) fn schedule(model: &ProcesoModel) -> Option<Schedule> {
    let parts = [&model.cron, &model.zona_horaria, &model.inicio, &model.fin];
    if parts.iter().any(|part| part.is_unknown()) || model.ventana_flexible_minutos.is_unknown() {
        return None;
    }
    Schedule::parse(
        model.cron.as_str()?,
        model.zona_horaria.as_str(),
        model.ventana_flexible_minutos.known().copied(),
        model.inicio.as_str(),
        model.fin.as_str(),
    )
    .ok()
}

/// What `held` is on another schedule than `shown` has, in its forms where both mean the same.
pub(super) fn model(stack: &str, held: &Proceso, schedule: &Schedule, shown: &ProcesoModel) -> ProcesoModel {
    let model = on_same_schedule(stack, held, shown);
    if self::schedule(shown).as_ref() == Some(schedule) {
        return model;
    }
    ProcesoModel {
        cron: schedule.expression.to_string().into(),
        zona_horaria: schedule.zone.name().to_owned().into(),
        ventana_flexible_minutos: schedule.window_minutes.map(i64::from).into(),
        inicio: schedule.start.map(rfc3339_millis).into(),
        fin: schedule.end.map(rfc3339_millis).into(),
        ..model
    }
}

/// What `held` is, in the forms of `shown`, which has the same schedule.
pub(super) fn on_same_schedule(stack: &str, held: &Proceso, shown: &ProcesoModel) -> ProcesoModel {
    let nombre = shown
        .nombre
        .as_str()
        .filter(|nombre| IdProceso::of(nombre) == held.id_proceso);
    let parametros = shown.parametros.as_str();
    let same_parametros = json_equal(parametros, held.parametros.as_deref());
    ProcesoModel {
        stack: stack.into(),
        nombre: nombre.unwrap_or(&held.nombre).into(),
        cron: shown.cron.clone(),
        zona_horaria: shown.zona_horaria.clone(),
        ventana_flexible_minutos: shown.ventana_flexible_minutos,
        inicio: shown.inicio.clone(),
        fin: shown.fin.clone(),
        arn_rol: held.arn_rol.as_str().into(),
        arn_proceso: held.arn_proceso.as_str().into(),
        parametros: if same_parametros {
            shown.parametros.clone()
        } else {
            held.parametros.clone().into()
        },
        habilitado: held.habilitado.into(),
        reintentos: i64::from(held.reintentos).into(),
        modo_invocacion: held.modo_invocacion.as_str().into(),
        tiempo_maximo_segundos: held.tiempo_maximo_segundos.map(i64::from).into(),
        id: held.id_proceso.as_str().into(),
        id_calendarizacion: held.id_calendarizacion.as_str().into(),
        fecha_creacion: rfc3339_millis(held.fecha_creacion).into(),
        estado: IN_SYNC.into(),
    }
}

/// Keeps the prior form of what the plan only spells differently.
pub(super) fn keep_forms(planned: &mut ProcesoModel, prior: &ProcesoModel) {
    if planned.nombre != prior.nombre
        && let (Some(new), Some(old)) = (planned.nombre.as_str(), prior.nombre.as_str())
        && IdProceso::of(new) == IdProceso::of(old)
    {
        // The process is the same: it is not to be replaced for a capital letter.
        planned.nombre = prior.nombre.clone();
    }
    let times = |model: &ProcesoModel| {
        let ProcesoModel {
            cron,
            zona_horaria,
            inicio,
            fin,
            ..
        } = model;
        [cron, zona_horaria, inicio, fin].map(Attr::clone)
    };
    // What is the same to the letter needs no reading.
    if times(planned) != times(prior)
        && let (Some(new), Some(old)) = (schedule(planned), schedule(prior))
        && new == old
    {
        planned.cron = prior.cron.clone();
        planned.zona_horaria = prior.zona_horaria.clone();
        planned.inicio = prior.inicio.clone();
        planned.fin = prior.fin.clone();
    }
    if let (Some(new), Some(old)) = (planned.parametros.as_str(), prior.parametros.as_str())
        && json_equal(Some(new), Some(old))
    {
        planned.parametros = prior.parametros.clone();
    }
}

/// What a user got wrong, each at its attribute, with the position under the value.
pub(super) fn diagnose(errors: &[UserError], diagnostics: &mut Diagnostics) {
    for error in errors {
        let attribute = error.field.attribute();
        let caret = error
            .caret()
            .map(|lines| format!("\n\n{}", indented(&lines)))
            .unwrap_or_default();
        diagnostics.error_at(
            Path::root(attribute),
            format!("Invalid {attribute}"),
            format!("{}{caret}", sentence(error)),
        );
    }
}

fn indented(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kairos::validation::{Limits, check, define};
    use tfplugin::Diagnostic;

    use super::*;

    fn written() -> ProcesoModel {
        ProcesoModel {
            stack: "Demo".into(),
            nombre: "Cierre  diario".into(),
            cron: "00 3 ? * MON-FRI *".into(),
            zona_horaria: "America/Santiago".into(),
            inicio: "2026-01-01T00:00:00-03:00".into(),
            arn_rol: "arn:aws:iam::123456789012:role/demo-cierre".into(),
            arn_proceso: "arn:aws:lambda:sa-east-1:123456789012:function:cierre".into(),
            parametros: r#"{ "a": 1 }"#.into(),
            habilitado: true.into(),
            reintentos: 3.into(),
            modo_invocacion: "Event".into(),
            ..ProcesoModel::default()
        }
    }

    fn held(model: &ProcesoModel) -> (Proceso, Schedule) {
        let definition = define(&raw(model), &Limits::default()).unwrap();
        (
            definition.create("2026-01-02T03:04:05Z".parse().unwrap()),
            definition.schedule,
        )
    }

    #[test]
    fn what_only_reads_differently_keeps_the_users_form() {
        let (mut proceso, schedule) = held(&written());
        proceso.parametros = Some(r#"{"a":1}"#.to_owned());
        proceso.nombre = "cierre diario".to_owned();
        let shown = model("Demo", &proceso, &schedule, &written());
        let expected = ProcesoModel {
            id: shown.id.clone(),
            id_calendarizacion: shown.id_calendarizacion.clone(),
            fecha_creacion: "2026-01-02T03:04:05.000Z".into(),
            estado: IN_SYNC.into(),
            ..written()
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_somebody_else_changed_shows_as_it_is() {
        let (mut proceso, _) = held(&written());
        let moved = ProcesoModel {
            cron: "0 4 * * ? *".into(),
            inicio: Attr::Null,
            ..written()
        };
        proceso.parametros = Some(r#"{"a":2}"#.to_owned());
        let shown = model("Demo", &proceso, &schedule(&moved).unwrap(), &written());
        assert_eq!(shown.cron.as_str(), Some("cron(0 4 * * ? *)"));
        assert!(shown.inicio.is_null());
        assert_eq!(shown.parametros.as_str(), Some(r#"{"a":2}"#));
    }

    #[test]
    fn a_plan_that_only_spells_differently_is_empty() {
        let mut planned = ProcesoModel {
            nombre: "CIERRE diario".into(),
            cron: "cron(0 3 ? * 2-6 *)".into(),
            inicio: "2026-01-01T03:00:00Z".into(),
            parametros: r#"{"a":1.0}"#.into(),
            ..written()
        };
        keep_forms(
            &mut planned,
            &ProcesoModel {
                parametros: r#"{"a":1.0}"#.into(),
                ..written()
            },
        );
        assert_eq!(planned.nombre, written().nombre);
        assert_eq!(planned.cron, written().cron);
        assert_eq!(planned.inicio, written().inicio);
        let mut changed = ProcesoModel {
            cron: "0 3 ? * 2-5 *".into(),
            ..written()
        };
        keep_forms(&mut changed, &written());
        assert_eq!(changed.cron.as_str(), Some("0 3 ? * 2-5 *"));
    }

    #[test]
    fn a_bad_value_is_shown_at_its_attribute_with_its_position() {
        let wrong = ProcesoModel {
            cron: "0 25 * * ? *".into(),
            ..written()
        };
        let mut diagnostics = Diagnostics::new();
        diagnose(&check(&raw(&wrong), &Limits::default()), &mut diagnostics);
        let told: Vec<&Diagnostic> = diagnostics.iter().collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].path, Some(Path::root("cron")));
        assert_eq!(told[0].summary, "Invalid cron");
        let expected =
            "cron \"0 25 * * ? *\", character 3 (\"25\"): hours must be between 0 and 23.\n\n  0 25 * * ? *\n    ^^";
        assert_eq!(told[0].detail, expected);
    }

    #[test]
    fn a_question_needs_no_full_stop() {
        let wrong = ProcesoModel {
            zona_horaria: "America/Santigo".into(),
            ..written()
        };
        let mut diagnostics = Diagnostics::new();
        diagnose(&check(&raw(&wrong), &Limits::default()), &mut diagnostics);
        let told: Vec<&str> = diagnostics.iter().map(|d| d.detail.as_str()).collect();
        assert_eq!(told.len(), 1);
        assert!(told[0].ends_with("; did you mean America/Santiago?"), "{}", told[0]);
    }

    #[test]
    fn what_is_not_known_yet_is_said_to_be_so() {
        let unknown = ProcesoModel {
            arn_proceso: Attr::Unknown,
            cron: Attr::Unknown,
            ..written()
        };
        assert_eq!(raw(&unknown).unknown, [Field::Cron, Field::ArnProceso]);
        assert_eq!(schedule(&unknown), None);
    }
}
