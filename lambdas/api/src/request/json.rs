//! A JSON object, key by key: what is given, and what is wrong with it so far.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::problem::{Fault, Problem};

/// The values of an object by key, and what is wrong with them so far.
pub(super) struct Values {
    given: BTreeMap<&'static str, Value>,
    faults: Vec<Fault>,
    /// The key whose values are never repeated in an answer.
    pub(super) confidential: Option<&'static str>,
}

impl Values {
    /// Reads an object that may have these keys, in any case.
    ///
    /// # Errors
    /// A body that is no JSON object. Keys that are unknown or given twice are kept for [`Values::done`].
    pub(super) fn read(body: &[u8], keys: &[&'static str], of: &str) -> Result<Self, Problem> {
        let Pairs(pairs) = serde_json::from_slice(body).map_err(|error| {
            // Every value is taken for a member, so that only another kind of document is wrong as such.
            if error.is_data() {
                Problem::not_an_object()
            } else {
                Problem::not_json(&error)
            }
        })?;
        let mut values = Self {
            given: BTreeMap::new(),
            faults: Vec::new(),
            confidential: None,
        };
        for (key, value) in pairs {
            match keys.iter().find(|known| known.eq_ignore_ascii_case(&key)) {
                None => values.faults.push(Fault::new(&key, unknown(keys, of))),
                Some(known) if values.given.contains_key(known) => {
                    values.faults.push(Fault::new(known, "viene más de una vez"));
                }
                Some(known) => {
                    values.given.insert(known, value);
                }
            }
        }
        Ok(values)
    }

    /// A text, where there is one.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.given.remove(key)? {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => self.wrong(key, &other, "debe ser un texto entre comillas"),
        }
    }

    /// A whole number, where there is one.
    pub(super) fn whole(&mut self, key: &'static str) -> Option<i64> {
        match self.given.remove(key)? {
            Value::Null => None,
            other => integral(&other).or_else(|| self.wrong(key, &other, "debe ser un número entero")),
        }
    }

    /// A flag, where there is one.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.given.remove(key)? {
            Value::Null => None,
            Value::Bool(flag) => Some(flag),
            other => self.wrong(key, &other, "debe ser true o false"),
        }
    }

    /// Whether nothing is wrong with a key so far.
    pub(super) fn is_right(&self, key: &str) -> bool {
        self.faults.iter().all(|fault| fault.field != key)
    }

    /// Something is missing.
    pub(super) fn missing(&mut self, key: &str) {
        self.faults
            .push(Fault::new(key, "es obligatorio y no puede estar vacío"));
    }

    /// What was read, or all that is wrong.
    pub(super) fn done<T>(self, read: T) -> Result<T, Problem> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(Problem::invalid(self.faults))
        }
    }

    fn wrong<T>(&mut self, key: &'static str, value: &Value, right: &str) -> Option<T> {
        let fault = Fault::new(key, right);
        self.faults.push(if self.confidential == Some(key) {
            fault
        } else {
            fault.with_value(&value.to_string())
        });
        None
    }
}

/// A whole number, however it is written: JSON has one kind of numbers, and `3.0` is 3.
fn integral(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        // Above 2⁵³ a float no longer tells neighbours apart.
        (float.fract() == 0.0 && float.abs() < 9e15).then(|| format!("{float:.0}").parse().ok())?
    })
}

fn unknown(keys: &[&str], of: &str) -> String {
    if keys.is_empty() {
        return format!("no es un campo de {of}, que no tiene campos");
    }
    format!("no es un campo de {of}; los campos son {}", keys.join(", "))
}

/// The members of an object as they stand there: a map would keep the last of those with one key.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Pairs(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        for (text, expected) in [
            ("3", Some(3)),
            ("3.0", Some(3)),
            ("-0.0", Some(0)),
            ("12e2", Some(1200)),
            ("3.5", None),
            ("1e400", None),
            ("9e15", None),
            ("\"3\"", None),
            ("true", None),
        ] {
            assert_eq!(
                integral(&serde_json::from_str(text).unwrap_or_default()),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            integral(&serde_json::from_str("9223372036854775807").unwrap()),
            Some(i64::MAX)
        );
    }
}
