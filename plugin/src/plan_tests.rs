//! Plans as data: a schema, a prior state, a configuration and what core proposes of them.

use super::*;
use crate::schema::{Nested, Schema};

fn schema() -> Schema {
    let rule = || {
        Nested::new()
            .attribute("port", Attribute::int().required().requires_replace())
            .attribute("note", Attribute::string().default("none"))
            .attribute("id", Attribute::string().computed().keep())
            .attribute("seen", Attribute::string().computed())
    };
    Schema::new(0)
        .attribute("id", Attribute::string().computed().keep())
        .attribute("name", Attribute::string().required().requires_replace())
        .attribute("color", Attribute::string().default("blue"))
        .attribute("etag", Attribute::string().computed())
        .attribute("size", Attribute::int().optional().computed())
        .attribute("secret", Attribute::string().optional().write_only())
        .attribute("one", Attribute::single(rule()).optional())
        .attribute("list", Attribute::nested_list(rule()).optional())
        .attribute("map", Attribute::nested_map(rule()).optional())
        .attribute("set", Attribute::nested_set(rule()).optional())
}

/// An object of the schema: null but for what is given.
fn object<const N: usize>(given: [(&str, Value); N]) -> Value {
    let names = schema().attributes.into_keys();
    let mut members: Members = names.map(|name| (name, Value::Null)).collect();
    members.extend(given.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(members)
}

fn rule(port: i64, note: Value, id: Value, seen: Value) -> Value {
    Value::object([("port", port.into()), ("note", note), ("id", id), ("seen", seen)])
}

#[track_caller]
fn check(prior: &Value, config: &Value, proposed: Value, expected: &Value, replace: &[&str]) {
    let attributes = schema().attributes;
    let planned = propose(&attributes, prior, config, proposed);
    assert_eq!(&planned, expected);
    let paths = replacements(&attributes, prior, &planned, Vec::new());
    assert_eq!(paths.iter().map(ToString::to_string).collect::<Vec<_>>(), replace);
}

fn state() -> Value {
    object([
        ("id", "i-1".into()),
        ("name", "a".into()),
        ("color", "blue".into()),
        ("etag", "e".into()),
        ("size", 3.into()),
    ])
}

fn with(value: Value, name: &str, member: Value) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    members.insert(name.to_owned(), member);
    Value::Object(members)
}

#[test]
fn a_create_has_defaults_and_unknowns_and_no_write_only_value() {
    let config = object([("name", "a".into()), ("secret", "s".into())]);
    let expected = object([
        ("id", Value::unknown()),
        ("name", "a".into()),
        ("color", "blue".into()),
        ("etag", Value::unknown()),
        ("size", Value::unknown()),
    ]);
    check(&Value::Null, &config, config.clone(), &expected, &[]);
}

#[test]
fn nothing_changed_is_an_empty_plan() {
    let config = object([("name", "a".into()), ("secret", "s".into())]);
    let proposed = with(state(), "secret", "s".into());
    check(&state(), &config, proposed, &state(), &[]);
}

#[test]
fn a_change_keeps_what_is_to_be_kept_and_makes_the_rest_unknown() {
    let config = object([("name", "a".into()), ("color", "red".into())]);
    let proposed = with(state(), "color", "red".into());
    let expected = with(
        with(proposed.clone(), "etag", Value::unknown()),
        "size",
        Value::unknown(),
    );
    check(&state(), &config, proposed, &expected, &[]);
}

#[test]
fn what_left_the_configuration_goes_back_to_its_default() {
    let prior = with(state(), "color", "red".into());
    let config = object([("name", "a".into())]);
    let expected = with(with(state(), "etag", Value::unknown()), "size", Value::unknown());
    check(&prior, &config, prior.clone(), &expected, &[]);
}

#[test]
fn a_null_in_the_state_is_not_kept() {
    let prior = with(state(), "id", Value::Null);
    let config = object([("name", "a".into()), ("color", "red".into()), ("size", 3.into())]);
    let proposed = with(prior.clone(), "color", "red".into());
    let expected = with(with(proposed.clone(), "etag", Value::unknown()), "id", Value::unknown());
    check(&prior, &config, proposed, &expected, &[]);
}

#[test]
fn an_unknown_in_the_configuration_stays_and_may_replace() {
    let config = object([("name", Value::unknown()), ("size", 3.into())]);
    let proposed = with(state(), "name", Value::unknown());
    let expected = with(proposed.clone(), "etag", Value::unknown());
    check(&state(), &config, proposed, &expected, &["name"]);
}

#[test]
fn nested_attributes_are_planned_element_by_element() {
    let given = |port| rule(port, Value::Null, Value::Null, Value::Null);
    let held = |port, id: &str| rule(port, "none".into(), id.into(), "s".into());
    let kept = |port, id: &str| rule(port, "none".into(), id.into(), Value::unknown());
    let new = |port| rule(port, "none".into(), Value::unknown(), Value::unknown());
    for (name, wrap) in [
        ("list", Value::List as fn(Vec<Value>) -> Value),
        ("map", |v| {
            Value::Map(v.into_iter().enumerate().map(|(i, v)| (format!("k{i}"), v)).collect())
        }),
        ("set", |v| Value::set(v)),
    ] {
        let prior = with(with(state(), name, wrap(vec![held(1, "x")])), "size", Value::Null);
        let config = object([("name", "a".into()), (name, wrap(vec![given(1), given(2)]))]);
        let proposed = with(prior.clone(), name, wrap(vec![held(1, "x"), given(2)]));
        let expected = with(prior.clone(), name, wrap(vec![kept(1, "x"), new(2)]));
        let expected = with(with(expected, "etag", Value::unknown()), "size", Value::unknown());
        let replace = match name {
            "list" => "list[1].port",
            "map" => "map[\"k1\"].port",
            _ => "set",
        };
        check(&prior, &config, proposed, &expected, &[replace]);
    }
}

#[test]
fn a_default_object_keeps_what_was_computed_in_it() {
    let inner = Nested::new()
        .attribute("size", Attribute::int().optional())
        .attribute("id", Attribute::string().computed().keep())
        .attribute("seen", Attribute::string().computed());
    let one = |size: i64, id: Value, seen: Value| Value::object([("size", size.into()), ("id", id), ("seen", seen)]);
    let default = one(3, Value::Null, Value::Null);
    let schema = Schema::new(0)
        .attribute("one", Attribute::single(inner).default(default))
        .attribute("text", Attribute::string().optional());
    let whole = |one: Value, text: &str| Value::object([("one", one), ("text", text.into())]);
    let planned = |prior: &Value, proposed: Value| {
        let config = whole(Value::Null, "b");
        propose(&schema.attributes, prior, &config, proposed)
    };
    let created = whole(one(3, Value::unknown(), Value::unknown()), "b");
    assert_eq!(planned(&Value::Null, whole(Value::Null, "b")), created);
    let held = one(3, "i".into(), "s".into());
    assert_eq!(
        planned(&whole(held.clone(), "b"), whole(held.clone(), "b")),
        whole(held.clone(), "b")
    );
    let changed = whole(one(3, "i".into(), Value::unknown()), "b");
    assert_eq!(planned(&whole(held.clone(), "a"), whole(held, "b")), changed);
    // What the user had set there goes back to the default.
    let other = one(4, "i".into(), "s".into());
    assert_eq!(planned(&whole(other.clone(), "b"), whole(other, "b")), created);
}

#[test]
fn a_nested_change_names_its_own_path() {
    let prior = with(state(), "one", rule(1, "none".into(), "x".into(), "s".into()));
    let planned = with(state(), "one", rule(2, "none".into(), "x".into(), "s".into()));
    let attributes = schema().attributes;
    let told = |planned: &Value, named| {
        let paths = replacements(&attributes, &prior, planned, named);
        paths.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(told(&planned, vec![]), ["one.port"]);
    assert_eq!(told(&state(), vec![]), ["one.port"]);
    assert_eq!(told(&prior, vec![]), Vec::<String>::new());
    assert_eq!(
        told(&planned, vec![Path::root("one"), Path::root("color")]),
        ["one.port", "one"]
    );
}

#[test]
fn what_terraform_knows_of_an_unknown_is_given_back() {
    use crate::value::Unknown;
    let refined = Value::Unknown(Unknown::refined(vec![1]));
    let proposed = with(
        with(state(), "name", refined.clone()),
        "list",
        Value::List(vec![refined.clone()]),
    );
    let mut planned = with(
        with(state(), "name", Value::unknown()),
        "list",
        Value::List(vec![Value::unknown()]),
    );
    refine(&mut planned, &proposed);
    assert_eq!(planned, proposed);
}
