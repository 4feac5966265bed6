//! What the parts send each other: the schedule's event (`Disparo`) and the work queue's message (`Mensaje`).
//!
//! Invariant: both change only by adding fields; fields that this version does not know are no error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{IdCalendarizacion, IdEjecucion, IdProceso, IdsEjecucion};
use crate::instant::{Timestamp, rfc3339_millis, serde_millis};
use crate::json_schema::{Instante, Numero};

/// One run to be done: the body of a message of the work queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
#[schemars(description = "Una ejecución por hacer: el cuerpo de un mensaje de la cola.")]
pub struct Mensaje {
    /// The run.
    #[schemars(description = "La ejecución.")]
    pub id_ejecucion: IdEjecucion,
    /// The process.
    #[schemars(description = "El proceso.")]
    pub id_proceso: IdProceso,
    /// The calendarización that fired.
    #[schemars(description = "La calendarización que disparó.")]
    pub id_calendarizacion: IdCalendarizacion,
    /// When it was due.
    #[serde(with = "serde_millis")]
    #[schemars(with = "Instante", description = "Cuándo debía ejecutarse.")]
    pub fecha_programada: Timestamp,
}

/// Writes the messages of one firing; what they have in common is written once.
///
/// Invariant: a message is, to the byte, the JSON of its [`Mensaje`].
#[derive(Debug, Clone)]
pub struct Mensajes {
    runs: IdsEjecucion,
    /// What follows the process's id.
    rest: String,
}

impl Mensajes {
    /// Those of the firing at `at` of the calendarización `id`, whose schedule has this ARN.
    pub fn new(schedule_arn: &str, id: &IdCalendarizacion, at: Timestamp) -> Self {
        let time = rfc3339_millis(at);
        Self {
            runs: IdsEjecucion::new(schedule_arn, at),
            rest: format!(r#"","IdCalendarizacion":"{id}","FechaProgramada":"{time}"}}"#),
        }
    }

    /// The message of a process.
    pub fn of(&self, id: &IdProceso) -> String {
        // Written by hand since it is done a million times; an id has no character that JSON would escape.
        let run = self.runs.of(id);
        format!(r#"{{"IdEjecucion":"{run}","IdProceso":"{id}{}"#, self.rest)
    }
}

/// A firing of a calendarización: what the dispatcher is invoked with.
///
/// It is read from the schedule's own input, from the continuation that the dispatcher sends itself, from a manual
/// invocation, and from what the dispatcher's and the schedules' dead-letter queues hold, as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", try_from = "Value")]
#[schemars(description = "Un disparo de una calendarización: con lo que se invoca al dispatcher.")]
pub struct Disparo {
    /// The calendarización.
    #[schemars(description = "La calendarización.")]
    pub id_calendarizacion: IdCalendarizacion,
    /// When it was due; none where nobody filled it in, as in a manual invocation.
    #[serde(
        serialize_with = "serde_millis::option::serialize",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(
        with = "Option<Instante>",
        description = "Cuándo debía disparar; sin ella, la hora de la invocación."
    )]
    pub fecha_programada: Option<Timestamp>,
    /// Which attempt of Scheduler's this is, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Numero>", description = "Qué intento de Scheduler es.")]
    pub intento: Option<u32>,
    /// In a continuation: the last process that has been dispatched.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(description = "En una continuación: el último proceso despachado.")]
    pub cursor: Option<IdProceso>,
    /// How many continuations led here.
    #[serde(skip_serializing_if = "is_zero")]
    #[schemars(description = "Cuántas continuaciones llevaron hasta aquí.")]
    pub saltos: u32,
}

impl Disparo {
    /// A firing at a known time.
    pub const fn new(id_calendarizacion: IdCalendarizacion, fecha_programada: Option<Timestamp>) -> Self {
        Self {
            id_calendarizacion,
            fecha_programada,
            intento: None,
            cursor: None,
            saltos: 0,
        }
    }

    /// The event with which the dispatcher goes on after `last`, at the same scheduled time; where nothing was dispatched, from
    /// where this event begins.
    #[must_use]
    pub fn continued(&self, fecha_programada: Timestamp, last: Option<IdProceso>) -> Self {
        Self {
            cursor: last.or_else(|| self.cursor.clone()),
            saltos: self.saltos + 1,
            ..self.at(fecha_programada)
        }
    }

    /// The same event with its scheduled time filled in.
    #[must_use]
    pub fn at(&self, fecha_programada: Timestamp) -> Self {
        Self {
            fecha_programada: Some(fecha_programada),
            ..self.clone()
        }
    }
}

/// The input of a calendarización's schedule: Scheduler replaces what stands in angle brackets.
pub fn schedule_input(id: &IdCalendarizacion) -> String {
    // Written by hand since the contract fixes it to the byte; an id has no character that JSON would escape.
    format!(
        r#"{{"IdCalendarizacion":"{id}","FechaProgramada":"<aws.scheduler.scheduled-time>","Intento":"<aws.scheduler.attempt-number>"}}"#
    )
}

/// An event that is none of the dispatcher's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDisparo {
    /// Neither an event nor a dead-letter queue's body.
    #[error("the event has no \"IdCalendarizacion\"")]
    NoCalendarizacion,
    /// A field that cannot be read.
    #[error("\"{field}\" of the event cannot be read: {value}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
    },
}

/// How often one failed invocation may hold another: a destination's body that was sent in again and failed again.
const DEEPEST: usize = 8;

impl TryFrom<Value> for Disparo {
    type Error = InvalidDisparo;

    fn try_from(event: Value) -> Result<Self, InvalidDisparo> {
        let event = unwrapped(&event);
        let id = match event.get("IdCalendarizacion") {
            Some(Value::String(id)) => id.parse().map_err(|_| invalid("IdCalendarizacion", id.as_str()))?,
            Some(other) => return Err(invalid("IdCalendarizacion", other)),
            None => return Err(InvalidDisparo::NoCalendarizacion),
        };
        Ok(Self {
            id_calendarizacion: id,
            fecha_programada: substituted(event, "FechaProgramada", |text| text.parse().ok())?,
            intento: substituted(event, "Intento", |text| text.parse().ok())?,
            cursor: substituted(event, "Cursor", |text| text.parse().ok())?,
            saltos: substituted(event, "Saltos", |text| text.parse().ok())?.unwrap_or(0),
        })
    }
}

/// The event itself: what Lambda's on-failure destination wraps around it is in `requestPayload`.
fn unwrapped(event: &Value) -> &Value {
    let mut inner = event;
    for _ in 0..DEEPEST {
        match inner.get("requestPayload") {
            Some(payload) if inner.get("IdCalendarizacion").is_none() => inner = payload,
            _ => break,
        }
    }
    inner
}

/// A field's value; none where it is missing, empty, or a variable that Scheduler did not substitute.
fn substituted<T>(
    event: &Value,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, InvalidDisparo> {
    let text = match event.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(other) => return Err(invalid(field, other)),
    };
    if text.is_empty() || text.starts_with("<aws.scheduler.") {
        return Ok(None);
    }
    read(&text).map(Some).ok_or_else(|| invalid(field, text))
}

fn invalid(field: &'static str, value: impl std::fmt::Display) -> InvalidDisparo {
    InvalidDisparo::Field {
        field,
        value: value.to_string(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use serde_json::json;

    fn read(event: Value) -> Result<Disparo, InvalidDisparo> {
        Disparo::try_from(event)
    }

    fn firing(at: Option<&str>) -> Disparo {
        Disparo::new("calendarizacion-a".parse().unwrap(), at.map(|at| at.parse().unwrap()))
    }

    #[test]
    fn the_message_of_the_queue_has_four_keys_and_takes_more() {
        let text = r#"{"IdEjecucion":"6b616972-6f73-5e0f-a1d2-07c593be48f6","IdProceso":"proceso-a","IdCalendarizacion":"calendarizacion-a","FechaProgramada":"2026-01-02T03:04:00.000Z"}"#;
        let message: Mensaje = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        let later = text.replacen('{', r#"{"Nuevo":{"a":1},"#, 1);
        assert_eq!(serde_json::from_str::<Mensaje>(&later).unwrap(), message);
        assert!(serde_json::from_str::<Mensaje>(r#"{"IdProceso":"proceso-a"}"#).is_err());
    }

    #[test]
    fn a_firings_messages_are_those_of_its_processes() {
        let arn = "arn:aws:scheduler:sa-east-1:123456789012:schedule/DemoScheduleGroup/calendarizacion-a";
        let (id, at) = (
            "calendarizacion-a".parse().unwrap(),
            "2026-01-02T03:04:00Z".parse().unwrap(),
        );
        let messages = Mensajes::new(arn, &id, at);
        for process in [IdProceso::of("Cierre diario"), IdProceso::legacy("¿qué?")] {
            let message = Mensaje {
                id_ejecucion: IdEjecucion::scheduled(arn, &at, &process),
                id_proceso: process.clone(),
                id_calendarizacion: id.clone(),
                fecha_programada: at,
            };
            assert_eq!(messages.of(&process), serde_json::to_string(&message).unwrap());
        }
    }

    #[test]
    fn the_schedules_input_is_an_event_without_a_time_until_aws_fills_it_in() {
        let input = schedule_input(&"calendarizacion-a".parse().unwrap());
        assert_eq!(serde_json::from_str::<Disparo>(&input).unwrap(), firing(None));
        let filled = input
            .replace("<aws.scheduler.scheduled-time>", "2026-01-02T03:04:00Z")
            .replace("<aws.scheduler.attempt-number>", "2");
        let expected = Disparo {
            intento: Some(2),
            ..firing(Some("2026-01-02T03:04:00Z"))
        };
        assert_eq!(serde_json::from_str::<Disparo>(&filled).unwrap(), expected);
    }

    #[test]
    fn a_manual_invocation_needs_no_more_than_the_calendarizacion() {
        for event in [
            json!({"IdCalendarizacion": "calendarizacion-a"}),
            json!({"IdCalendarizacion": "calendarizacion-a", "FechaProgramada": null, "Intento": ""}),
        ] {
            assert_eq!(read(event).unwrap(), firing(None));
        }
    }

    #[test]
    fn what_the_dispatchers_dead_letter_queue_holds_is_an_event() {
        let event = json!({"IdCalendarizacion": "calendarizacion-a", "FechaProgramada": "2026-01-02T03:04:00Z"});
        let wrap = |payload: Value| {
            json!({
                "version": "1.0",
                "timestamp": "2026-01-02T03:20:00.000Z",
                "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
                "requestPayload": payload,
                "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                "responsePayload": {"errorMessage": "…"}
            })
        };
        let expected = firing(Some("2026-01-02T03:04:00Z"));
        assert_eq!(read(wrap(event.clone())).unwrap(), expected);
        assert_eq!(
            read(wrap(wrap(event))).unwrap(),
            expected,
            "one that was sent in again and failed again"
        );
    }

    #[test]
    fn a_continuation_is_read_as_it_is_written() {
        let at = "2026-01-02T03:04:00Z".parse().unwrap();
        let first = firing(None).continued(at, Some("proceso-m".parse().unwrap()));
        let second = first.continued(at, Some("proceso-z".parse().unwrap()));
        assert_eq!(
            serde_json::to_value(&second).unwrap(),
            json!({"IdCalendarizacion": "calendarizacion-a", "FechaProgramada": "2026-01-02T03:04:00.000Z",
                   "Cursor": "proceso-z", "Saltos": 2})
        );
        assert_eq!(read(serde_json::to_value(&second).unwrap()).unwrap(), second);
        let stuck = first.continued(at, None);
        assert_eq!((stuck.cursor, stuck.saltos), (first.cursor, 2), "from where it began");
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_field() {
        let refused = |event| read(event).unwrap_err().to_string();
        assert_eq!(refused(json!({})), "the event has no \"IdCalendarizacion\"");
        assert_eq!(refused(json!([])), "the event has no \"IdCalendarizacion\"");
        let id = "calendarizacion-a";
        assert!(refused(json!({"IdCalendarizacion": "proceso-a"})).contains("proceso-a"));
        assert!(refused(json!({"IdCalendarizacion": id, "FechaProgramada": "ayer"})).contains("ayer"));
        assert!(refused(json!({"IdCalendarizacion": id, "Saltos": -1})).contains("Saltos"));
        assert!(refused(json!({"IdCalendarizacion": id, "Cursor": {}})).contains("Cursor"));
    }
}
