//! Values in JSON: stored states, which may be of an older schema, and results that arrive as JSON.
//!
//! Guarantees: numbers keep their digits; an attribute that the type lacks is dropped or refused, as the caller says.

use serde_json::Value as Json;

use super::{Members, Number, Type, Value, ValueError, ValueSet};
use crate::path::Path;

/// Reads a value of this type; nothing may be left over.
///
/// # Errors
/// The JSON is not a value of the type: where and why.
pub(crate) fn from_json(json: &Json, ty: &Type) -> Result<Value, ValueError> {
    read(json, ty, Surplus::Refused, &Path::empty())
}

/// Reads a state as it was stored: attributes that the type does not have (any more) are dropped, those that the state
/// does not have (yet) are null.
///
/// # Errors
/// The JSON is not a value of the type: where and why.
pub(crate) fn from_stored_json(json: &Json, ty: &Type) -> Result<Value, ValueError> {
    read(json, ty, Surplus::Dropped, &Path::empty())
}

#[derive(Clone, Copy, PartialEq)]
enum Surplus {
    Refused,
    Dropped,
}

fn read(json: &Json, ty: &Type, surplus: Surplus, path: &Path) -> Result<Value, ValueError> {
    match (ty, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Type::Bool, Json::Bool(truth)) => Ok(Value::Bool(*truth)),
        // Terraform's own notation: a bool or a number may be stored as a text and the other way round.
        (Type::Bool, Json::String(text)) if text == "true" || text == "false" => Ok(Value::Bool(text == "true")),
        (Type::Number, Json::Number(number)) => read_number(&number.to_string(), path),
        (Type::Number, Json::String(text)) => read_number(text, path),
        (Type::String, Json::String(text)) => Ok(Value::String(text.clone())),
        (Type::String, Json::Number(number)) => Ok(Value::String(number.to_string())),
        (Type::String, Json::Bool(truth)) => Ok(Value::String(truth.to_string())),
        (Type::Dynamic, Json::Object(parts)) => {
            let ty = parts.get("type").and_then(Type::from_json);
            let (Some(ty), Some(value)) = (ty, parts.get("value")) else {
                return Err(ValueError::new(
                    path,
                    "a dynamic value must be an object of \"type\" and \"value\"",
                ));
            };
            let value = read(value, &ty, surplus, path)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
        (Type::List(element), Json::Array(elements)) => {
            let each = elements.iter().enumerate();
            let each = each.map(|(i, json)| read(json, element, surplus, &path.clone().index(i)));
            each.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Set(element), Json::Array(elements)) => {
            let each = elements
                .iter()
                .map(|json| read(json, element, surplus, &path.clone().element(Value::Null)));
            each.collect::<Result<_, _>>()
                .map(|elements| Value::Set(ValueSet(elements)))
        }
        (Type::Tuple(types), Json::Array(elements)) if types.len() == elements.len() => {
            let each = elements.iter().zip(types).enumerate();
            let each = each.map(|(i, (json, ty))| read(json, ty, surplus, &path.clone().index(i)));
            each.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Map(element), Json::Object(entries)) => {
            let each = entries.iter();
            let each = each.map(|(key, json)| Ok((key.clone(), read(json, element, surplus, &path.clone().key(key))?)));
            each.collect::<Result<Members, ValueError>>().map(Value::Map)
        }
        (Type::Object(attributes), Json::Object(entries)) => {
            let unknown = entries.keys().find(|name| !attributes.contains_key(*name));
            if let (Some(name), Surplus::Refused) = (unknown, surplus) {
                return Err(ValueError::new(
                    &path.clone().attribute(name),
                    "there is no such attribute",
                ));
            }
            let each = attributes.iter().map(|(name, ty)| {
                let json = entries.get(name).unwrap_or(&Json::Null);
                Ok((name.clone(), read(json, ty, surplus, &path.clone().attribute(name))?))
            });
            each.collect::<Result<Members, ValueError>>().map(Value::Object)
        }
        (ty, json) => Err(ValueError::mismatch(
            path,
            &format!("value of the type {}", ty.to_json()),
            kind(json),
        )),
    }
}

fn read_number(text: &str, path: &Path) -> Result<Value, ValueError> {
    text.parse::<Number>()
        .map(Value::Number)
        .map_err(|error| ValueError::new(path, error.to_string()))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ty() -> Type {
        Type::object([
            ("n", Type::Number),
            ("s", Type::String),
            ("m", Type::map(Type::object([("b", Type::Bool)]))),
        ])
    }

    #[test]
    fn a_stored_state_loses_what_the_schema_no_longer_has() {
        let json = json!({"n": 1, "gone": [1], "m": {"k": {"b": "true", "gone": 2}}});
        let expected = Value::object([
            ("n", 1.into()),
            ("s", Value::Null),
            ("m", Value::map([("k", Value::object([("b", true.into())]))])),
        ]);
        assert_eq!(from_stored_json(&json, &ty()), Ok(expected));
    }

    #[test]
    fn a_result_with_something_left_over_is_refused() {
        let error = from_json(&json!({"m": {"k": {"gone": 2}}}), &ty()).map_err(|e| e.path.to_string());
        assert_eq!(error, Err("m[\"k\"].gone".to_owned()));
    }

    #[test]
    fn numbers_keep_their_digits() -> Result<(), Box<dyn std::error::Error>> {
        for digits in ["0.1", "0.30000000000000004", "123456789012345678901234567890", "1.50"] {
            let json: Json = serde_json::from_str(&format!(r#"{{"n": {digits}}}"#))?;
            let value = from_stored_json(&json, &ty())?;
            let Value::Number(number) = value.attribute("n") else {
                return Err("not a number".into());
            };
            assert_eq!(number.as_str(), digits);
        }
        Ok(())
    }

    #[test]
    fn a_wrong_type_is_named_by_its_path() {
        let error = from_stored_json(&json!({"m": {"k": {"b": 3}}}), &ty());
        let told = error.map_err(|e| format!("{}: {}", e.path, e.message));
        assert_eq!(
            told,
            Err("m[\"k\"].b: a value of the type \"bool\" is needed, found a number".to_owned())
        );
    }
}
