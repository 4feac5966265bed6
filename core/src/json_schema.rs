//! JSON Schemas of values that are texts of a certain form, in the words of the API's users.
//!
//! Invariant: what is written matches its schema: the tests match each pattern against what the code writes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::ids::{IdCalendarizacion, IdEjecucion, IdProceso};

/// What stands for an instant in a schema: `#[schemars(with = "kairos::json_schema::Instante")]`.
#[derive(Debug, Clone, Copy)]
pub struct Instante;

/// What stands for a day in a schema.
#[derive(Debug, Clone, Copy)]
pub struct Dia;

/// A whole number, or the same as text: Scheduler fills variables in as text.
#[derive(Debug, Clone, Copy)]
pub struct Numero;

macro_rules! schemas {
    ($($of:ty, $name:literal: $schema:tt)*) => {
        $(impl JsonSchema for $of {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_id() -> Cow<'static, str> {
                concat!(module_path!(), "::", $name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })*
    };
}

schemas! {
    IdProceso, "IdProceso": {
        "type": "string", "maxLength": 2048, "pattern": r"^proceso-[A-Za-z0-9._\-]+$",
        "description": "Id de un proceso; sigue de su nombre.",
        "examples": ["proceso-wyl3hh7omne5m6jk4uqhpridpi"]
    }
    IdCalendarizacion, "IdCalendarizacion": {
        "type": "string", "maxLength": 2048, "pattern": r"^calendarizacion-[A-Za-z0-9._\-]+$",
        "description": "Id de una calendarización; sigue de su expresión, zona horaria, ventana, inicio y fin.",
        "examples": ["calendarizacion-tg5hbnolpzbf7bj54rp6vyv42e"]
    }
    IdEjecucion, "IdEjecucion": {
        "type": "string", "format": "uuid",
        "description": "Id de una ejecución: un UUID que es el mismo cada vez que la misma ejecución se ve.",
        "examples": ["b6dd014f-5f36-59b7-8c1a-d967be7eeabc"]
    }
    Instante, "Instante": {
        "type": "string", "format": "date-time", "pattern": r"^-?\d{4,6}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
        "description": "Un instante en UTC, con milisegundos.",
        "examples": ["2026-01-02T03:04:05.678Z"]
    }
    Dia, "Dia": {
        "type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$",
        "description": "Un día en UTC: `aaaa-mm-dd`.",
        "examples": ["2026-01-02"]
    }
    Numero, "Numero": {
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+$"}]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::message::{Disparo, Mensaje};
    use crate::run::EstadoEjecucion;

    fn schema<T: JsonSchema>() -> serde_json::Value {
        schemars::generate::SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator()
            .into_root_schema_for::<T>()
            .to_value()
    }

    /// The keys of a type's schema, and those that are required.
    fn keys<T: JsonSchema>() -> (Vec<String>, Vec<String>) {
        let schema = schema::<T>();
        let properties = schema["properties"].as_object().unwrap().keys().cloned().collect();
        let required = schema["required"].as_array().unwrap().iter();
        (
            properties,
            required.map(|key| key.as_str().unwrap().to_owned()).collect(),
        )
    }

    #[test]
    fn messages_have_the_keys_that_are_written() {
        let (keys_of_message, required) = keys::<Mensaje>();
        assert_eq!(
            keys_of_message,
            ["IdEjecucion", "IdProceso", "IdCalendarizacion", "FechaProgramada"]
        );
        assert_eq!(required, keys_of_message);
        let (keys_of_firing, required) = keys::<Disparo>();
        assert_eq!(
            keys_of_firing,
            ["IdCalendarizacion", "FechaProgramada", "Intento", "Cursor", "Saltos"]
        );
        assert_eq!(required, ["IdCalendarizacion"]);
    }

    #[test]
    fn states_are_those_that_are_written() {
        let schema = schema::<EstadoEjecucion>();
        let states = schema["oneOf"].as_array().unwrap().iter();
        let states: Vec<_> = states.map(|state| state["const"].as_str().unwrap()).collect();
        assert_eq!(states, EstadoEjecucion::ALL.map(EstadoEjecucion::as_str));
    }
}
