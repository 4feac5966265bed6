//! Items of DynamoDB, read as the records of `kairos`.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// An item.
pub type Item = HashMap<String, AttributeValue>;

/// Reads an item whose attributes are named like the record's keys.
///
/// # Errors
/// What is missing, or of another type.
pub fn read<T: DeserializeOwned>(item: &Item) -> Result<T, serde_json::Error> {
    let object: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), json(value))).collect();
    serde_json::from_value(Value::Object(object))
}

fn json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => number.parse::<Number>().map_or(Value::Null, Value::Number),
        AttributeValue::Bool(flag) => Value::Bool(*flag),
        AttributeValue::M(map) => Value::Object(map.iter().map(|(name, value)| (name.clone(), json(value))).collect()),
        AttributeValue::L(list) => Value::Array(list.iter().map(json).collect()),
        _ => Value::Null,
    }
}
