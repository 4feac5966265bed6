//! The examples of the document, as values of the types that they are examples of.

use kairos::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use kairos::instant::Timestamp;
use kairos::names::{Names, Place};
use kairos::proceso::Proceso;
use kairos::registry::Entry;
use kairos::run::EstadoEjecucion;
use kairos::validation::{Limits, Raw, define};
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::{Detalle, Registrado, Salud};

/// When the examples happen: 2026-01-02T12:00:00Z.
const NOW: i64 = 1_767_355_200;

/// A run.
const RUN: &str = "b6dd014f-5f36-59b7-8c1a-d967be7eeabc";

/// A process to be registered.
pub(super) fn request() -> Value {
    let Raw {
        nombre,
        cron,
        zona_horaria,
        arn_rol,
        arn_proceso,
        parametros,
        habilitado,
        ..
    } = raw();
    json!({
        "nombre": nombre, "cron": cron, "zonaHoraria": zona_horaria, "arnRol": arn_rol, "arnProceso": arn_proceso,
        "parametros": parametros, "habilitado": habilitado
    })
}

/// What its registration answers.
pub(super) fn registered() -> Value {
    told(entry().map(|entry| Registrado::from(entry.proceso)))
}

/// What is known of it.
pub(super) fn detail() -> Value {
    told(entry().map(Detalle::from))
}

/// A page of a list of processes.
pub(super) fn processes() -> Value {
    let mut process = detail();
    if let Some(process) = process.as_object_mut() {
        // A list does not tell the schedule, which is its calendarización's.
        for key in ["Cron", "ZonaHoraria", "VentanaFlexibleMinutos", "Inicio", "Fin"] {
            process.remove(key);
        }
    }
    json!({"Procesos": [process], "Cursor": null})
}

/// A run that was asked for.
pub(super) fn run_asked() -> Value {
    json!({"IdEjecucion": RUN})
}

/// A page of a history.
pub(super) fn history() -> Value {
    let process = registered();
    json!({
        "Ejecuciones": [{
            "IdEjecucion": RUN, "IdProceso": process["IdProceso"], "IdCalendarizacion": process["IdCalendarizacion"],
            "FechaProgramada": "2026-01-05T06:00:00.000Z", "Estado": EstadoEjecucion::EjecutadoOk, "Intentos": 1,
            "FechaInicio": "2026-01-05T06:00:01.204Z", "FechaTermino": "2026-01-05T06:00:01.377Z",
            "DuracionMs": 158, "Respuesta": "Aceptado: 6f1d3e0c-8a54-4e0b-9d43-51d5f2a4b7aa", "Error": null
        }],
        "Cursor": null
    })
}

/// A page of a list of calendarizaciones.
pub(super) fn schedules() -> Value {
    json!({"Calendarizaciones": [schedule()], "Cursor": null})
}

/// A calendarización.
pub(super) fn schedule() -> Value {
    let process = detail();
    json!({
        "IdCalendarizacion": process["IdCalendarizacion"], "Cron": process["Cron"], "ZonaHoraria": process["ZonaHoraria"],
        "VentanaFlexibleMinutos": null, "Inicio": null, "Fin": null,
        "Descripcion": "De lunes a viernes a las 03:00 (America/Santiago)", "Estado": EstadoCalendarizacion::Activa,
        "CantProcesos": 1, "CantHabilitados": 1,
        "ProximasEjecuciones": ["2026-01-05T06:00:00.000Z", "2026-01-06T06:00:00.000Z"],
        "FechaCreacion": process["FechaCreacion"]
    })
}

/// A firing that is to be dispatched once more.
pub(super) fn replay() -> Value {
    json!({"fechaProgramada": "2026-01-05T06:00:00.000Z"})
}

/// What its request answers.
pub(super) fn replayed() -> Value {
    json!({"IdCalendarizacion": registered()["IdCalendarizacion"], "FechaProgramada": "2026-01-05T06:00:00.000Z"})
}

/// What the API tells of itself.
pub(super) fn health() -> Value {
    told(Some(Salud::of("Demo")))
}

/// A value as it is written. That it is there, a test tells: no example of the document is null.
fn told(value: Option<impl Serialize>) -> Value {
    value
        .and_then(|value| serde_json::to_value(value).ok())
        .unwrap_or_default()
}

fn raw() -> Raw {
    Raw {
        nombre: Some("Cierre diario".into()),
        cron: Some("cron(0 3 ? * MON-FRI *)".into()),
        zona_horaria: Some("America/Santiago".into()),
        arn_rol: Some("arn:aws:iam::123456789012:role/KairosProceso-cierre".into()),
        arn_proceso: Some("arn:aws:lambda:sa-east-1:123456789012:function:cierre".into()),
        parametros: Some(r#"{"ejecucion":"<kairos.id-ejecucion>"}"#.into()),
        habilitado: Some(true),
        ..Raw::default()
    }
}

fn entry() -> Option<Entry> {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    let names = Names::new("Demo", place);
    let limits = Limits {
        names: Some(names.clone()),
        role_prefix: Some("KairosProceso-".into()),
        ..Limits::default()
    };
    let now = Timestamp::from_second(NOW).ok()?;
    let definition = define(&raw(), &limits).ok()?;
    let proceso: Proceso = definition.create(now);
    Some(Entry {
        calendarizacion: Some(Calendarizacion::new(&definition.schedule, &names, now)),
        proceso,
    })
}
