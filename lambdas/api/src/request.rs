//! The body of a request: keys in any case, values of the right type, or a problem that names the key.
//!
//! Invariant: nothing is guessed: an unknown key, a key given twice and a value of another type are all refused.

use std::collections::BTreeMap;

use kairos::error::Field;
use kairos::validation::Raw;
use serde_json::{Map, Value};

use crate::problem::{Fault, Problem};

/// The keys of a process.
const FIELDS: [Field; 13] = [
    Field::Nombre,
    Field::Cron,
    Field::ZonaHoraria,
    Field::VentanaFlexibleMinutos,
    Field::Inicio,
    Field::Fin,
    Field::ArnRol,
    Field::ArnProceso,
    Field::Parametros,
    Field::Habilitado,
    Field::Reintentos,
    Field::ModoInvocacion,
    Field::TiempoMaximoSegundos,
];

/// Reads a process as its user wrote it.
///
/// # Errors
/// All that is wrong with the keys and types, at once; the values are checked by `kairos::validation`.
pub(crate) fn proceso(body: &[u8]) -> Result<Raw, Problem> {
    let Value::Object(object) = serde_json::from_slice(body).map_err(|error| Problem::not_json(&error))? else {
        return Err(Problem::not_an_object());
    };
    let mut values = Values::read(object);
    let raw = Raw {
        nombre: values.text(Field::Nombre),
        cron: values.text(Field::Cron),
        zona_horaria: values.text(Field::ZonaHoraria),
        ventana_flexible_minutos: values.whole(Field::VentanaFlexibleMinutos),
        inicio: values.text(Field::Inicio),
        fin: values.text(Field::Fin),
        arn_rol: values.text(Field::ArnRol),
        arn_proceso: values.text(Field::ArnProceso),
        parametros: values.text(Field::Parametros),
        habilitado: values.flag(Field::Habilitado),
        reintentos: values.whole(Field::Reintentos),
        modo_invocacion: values.text(Field::ModoInvocacion),
        tiempo_maximo_segundos: values.whole(Field::TiempoMaximoSegundos),
        unknown: Vec::new(),
    };
    if values.faults.is_empty() {
        Ok(raw)
    } else {
        Err(Problem::invalid(values.faults))
    }
}

/// The values by key, and what is wrong with them so far.
struct Values {
    given: BTreeMap<&'static str, Value>,
    faults: Vec<Fault>,
}

impl Values {
    fn read(object: Map<String, Value>) -> Self {
        let mut values = Self {
            given: BTreeMap::new(),
            faults: Vec::new(),
        };
        for (key, value) in object {
            match FIELDS.iter().find(|field| field.json().eq_ignore_ascii_case(&key)) {
                None => {
                    let known = FIELDS.map(Field::json).join(", ");
                    values.faults.push(Fault::new(
                        &key,
                        format!("no es un campo de un proceso; los campos son {known}"),
                    ));
                }
                Some(field) if values.given.contains_key(field.json()) => {
                    values.faults.push(Fault::new(field.json(), "viene más de una vez"));
                }
                Some(field) => {
                    values.given.insert(field.json(), value);
                }
            }
        }
        values
    }

    fn text(&mut self, field: Field) -> Option<String> {
        match self.given.remove(field.json())? {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => self.wrong(field, "un texto entre comillas"),
        }
    }

    fn whole(&mut self, field: Field) -> Option<i64> {
        match self.given.remove(field.json())? {
            Value::Null => None,
            Value::Number(number) if number.is_i64() => number.as_i64(),
            _ => self.wrong(field, "un número entero"),
        }
    }

    fn flag(&mut self, field: Field) -> Option<bool> {
        match self.given.remove(field.json())? {
            Value::Null => None,
            Value::Bool(flag) => Some(flag),
            _ => self.wrong(field, "true o false"),
        }
    }

    fn wrong<T>(&mut self, field: Field, right: &str) -> Option<T> {
        self.faults.push(Fault::new(field.json(), format!("debe ser {right}")));
        None
    }
}
