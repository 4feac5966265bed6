//! Values on the wire: msgpack, read and written by type.
//!
//! Invariant: a value read and written again is the same value to terraform; numbers come back digit by digit.

use rmpv::Value as Raw;

use super::{Members, Number, Type, Unknown, Value, ValueError, ValueSet};
use crate::path::Path;

/// Extension that marks an unknown value; its content says nothing.
const UNKNOWN: i8 = 0;
/// Extension that marks an unknown value of which something is known already.
const REFINED: i8 = 12;

/// Reads a value of this type.
///
/// # Errors
/// The bytes are not msgpack, or not a value of the type: where and why.
pub(crate) fn from_msgpack(mut bytes: &[u8], ty: &Type) -> Result<Value, ValueError> {
    let raw = rmpv::decode::read_value(&mut bytes)
        .map_err(|error| ValueError::new(&Path::empty(), format!("the value is not msgpack: {error}")))?;
    read(raw, ty, &Path::empty())
}

/// Writes a value of this type.
///
/// # Errors
/// The value is not of the type: where and why.
pub(crate) fn to_msgpack(value: &Value, ty: &Type) -> Result<Vec<u8>, ValueError> {
    let raw = write(value, ty, &Path::empty())?;
    let mut bytes = Vec::with_capacity(256);
    rmpv::encode::write_value(&mut bytes, &raw)
        .map_err(|error| ValueError::new(&Path::empty(), format!("the value could not be written: {error}")))?;
    Ok(bytes)
}

fn read(raw: Raw, ty: &Type, path: &Path) -> Result<Value, ValueError> {
    match (ty, raw) {
        (_, Raw::Nil) => Ok(Value::Null),
        (_, Raw::Ext(REFINED, bytes)) => Ok(Value::Unknown(Unknown::refined(bytes))),
        (_, Raw::Ext(_, _)) => Ok(Value::unknown()),
        (Type::Bool, Raw::Boolean(truth)) => Ok(Value::Bool(truth)),
        (Type::String, Raw::String(text)) => read_text(text, path).map(Value::String),
        (Type::Number, raw) => read_number(&raw, path),
        (Type::Dynamic, Raw::Array(parts)) => read_dynamic(parts, path),
        (Type::List(element), Raw::Array(elements)) => {
            let each = elements
                .into_iter()
                .enumerate()
                .map(|(i, raw)| read(raw, element, &path.clone().index(i)));
            each.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Set(element), Raw::Array(elements)) => {
            let each = elements
                .into_iter()
                .map(|raw| read(raw, element, &path.clone().element(Value::Null)));
            each.collect::<Result<_, _>>()
                .map(|elements| Value::Set(ValueSet(elements)))
        }
        (Type::Tuple(types), Raw::Array(elements)) if types.len() == elements.len() => {
            let each = elements.into_iter().zip(types).enumerate();
            let each = each.map(|(i, (raw, ty))| read(raw, ty, &path.clone().index(i)));
            each.collect::<Result<_, _>>().map(Value::List)
        }
        (Type::Map(element), Raw::Map(entries)) => {
            let mut members = Members::new();
            for (key, raw) in entries {
                let key = read_key(key, path)?;
                let value = read(raw, element, &path.clone().key(&key))?;
                members.insert(key, value);
            }
            Ok(Value::Map(members))
        }
        (Type::Object(attributes), Raw::Map(entries)) => {
            let mut members = Members::new();
            for (key, raw) in entries {
                let key = read_key(key, path)?;
                let path = path.clone().attribute(&key);
                let ty = attributes
                    .get(&key)
                    .ok_or_else(|| ValueError::new(&path, "there is no such attribute"))?;
                members.insert(key, read(raw, ty, &path)?);
            }
            for name in attributes.keys() {
                members.entry(name.clone()).or_default();
            }
            Ok(Value::Object(members))
        }
        (ty, raw) => Err(ValueError::new(
            path,
            format!("a value of the type {} is needed, found {raw}", ty.to_json()),
        )),
    }
}

fn read_number(raw: &Raw, path: &Path) -> Result<Value, ValueError> {
    let number = match raw {
        Raw::Integer(integer) => integer
            .as_i64()
            .map(Number::from)
            .or_else(|| integer.as_u64().map(Number::from)),
        Raw::F64(double) => Number::exactly(*double),
        Raw::F32(float) => Number::exactly(f64::from(*float)),
        Raw::String(text) => text.as_str().and_then(|text| text.parse().ok()),
        _ => None,
    };
    number
        .map(Value::Number)
        .ok_or_else(|| ValueError::new(path, format!("a finite number is needed, found {raw}")))
}

/// `[type as JSON, value]`.
fn read_dynamic(parts: Vec<Raw>, path: &Path) -> Result<Value, ValueError> {
    let malformed = || ValueError::new(path, "a dynamic value must be its type and the value");
    let [ty, raw] = <[Raw; 2]>::try_from(parts).map_err(|_| malformed())?;
    let ty = match &ty {
        Raw::Binary(bytes) => serde_json::from_slice(bytes).ok(),
        Raw::String(text) => serde_json::from_slice(text.as_bytes()).ok(),
        _ => None,
    };
    let ty = ty.as_ref().and_then(Type::from_json).ok_or_else(malformed)?;
    let value = read(raw, &ty, path)?;
    Ok(Value::Dynamic(Box::new((ty, value))))
}

fn read_key(raw: Raw, path: &Path) -> Result<String, ValueError> {
    match raw {
        Raw::String(text) => read_text(text, path),
        other => Err(ValueError::new(path, format!("a key must be a string, found {other}"))),
    }
}

fn read_text(text: rmpv::Utf8String, path: &Path) -> Result<String, ValueError> {
    text.into_str()
        .ok_or_else(|| ValueError::new(path, "a string must be UTF-8"))
}

fn write(value: &Value, ty: &Type, path: &Path) -> Result<Raw, ValueError> {
    let raw = match (ty, value) {
        // An unknown or null of the type dynamic has no type to tell.
        (_, Value::Null) => Raw::Nil,
        (_, Value::Unknown(unknown)) => match unknown.refinements() {
            Some(refinements) => Raw::Ext(REFINED, refinements.to_vec()),
            None => Raw::Ext(UNKNOWN, vec![0]),
        },
        (Type::Dynamic, Value::Dynamic(inner)) => {
            let (ty, value) = inner.as_ref();
            Raw::Array(vec![Raw::Binary(ty.to_json_bytes()), write(value, ty, path)?])
        }
        (Type::Bool, Value::Bool(truth)) => Raw::Boolean(*truth),
        (Type::String, Value::String(text)) => Raw::from(text.as_str()),
        (Type::Number, Value::Number(number)) => write_number(number),
        (Type::List(element), Value::List(elements)) => {
            let each = elements
                .iter()
                .enumerate()
                .map(|(i, value)| write(value, element, &path.clone().index(i)));
            Raw::Array(each.collect::<Result<_, _>>()?)
        }
        (Type::Set(element), Value::Set(elements)) => {
            let each = elements
                .0
                .iter()
                .map(|value| write(value, element, &path.clone().element(value.clone())));
            Raw::Array(each.collect::<Result<_, _>>()?)
        }
        (Type::Tuple(types), Value::List(elements)) if types.len() == elements.len() => {
            let each = elements.iter().zip(types).enumerate();
            let each = each.map(|(i, (value, ty))| write(value, ty, &path.clone().index(i)));
            Raw::Array(each.collect::<Result<_, _>>()?)
        }
        (Type::Map(element), Value::Map(members)) => {
            let each = members
                .iter()
                .map(|(key, value)| Ok((Raw::from(key.as_str()), write(value, element, &path.clone().key(key))?)));
            Raw::Map(each.collect::<Result<_, ValueError>>()?)
        }
        (Type::Object(attributes), Value::Object(members)) => {
            if let Some(surplus) = members.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(ValueError::new(
                    &path.clone().attribute(surplus),
                    "there is no such attribute",
                ));
            }
            let each = attributes.iter().map(|(name, ty)| {
                let path = path.clone().attribute(name);
                let value = members
                    .get(name)
                    .ok_or_else(|| ValueError::new(&path, "the attribute is missing"))?;
                Ok((Raw::from(name.as_str()), write(value, ty, &path)?))
            });
            Raw::Map(each.collect::<Result<_, ValueError>>()?)
        }
        (ty, value) => {
            let message = format!("a value of the type {} is needed, found {}", ty.to_json(), value.kind());
            return Err(ValueError::new(path, message));
        }
    };
    Ok(raw)
}

/// Small whole numbers as integers, all others as their digits: both are exact.
fn write_number(number: &Number) -> Raw {
    if let Some(small) = number.as_i64() {
        Raw::from(small)
    } else if let Some(large) = number.as_u64() {
        Raw::from(large)
    } else {
        Raw::from(number.as_str())
    }
}

#[cfg(test)]
#[path = "msgpack_tests.rs"]
mod tests;
