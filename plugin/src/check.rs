//! What the server checks so that a resource need not: single attributes of a configuration, and results.
//!
//! Guarantees: messages name attributes and never their values, which may be secret.

use crate::diagnostics::Diagnostics;
use crate::path::Path;
use crate::schema::{Attributes, Kind, Nesting};
use crate::value::{Value, ValueSet};

/// Runs the validators of all attributes on what the configuration knows of them.
pub(crate) fn validators(attributes: &Attributes, config: &Value, diagnostics: &mut Diagnostics) {
    validate(attributes, config, &Path::empty(), diagnostics);
}

/// Checks the result of an apply that succeeded: everything is known, and what was planned came true. What is still
/// unknown becomes null.
pub(crate) fn applied(type_name: &str, planned: &Value, new: Value, diagnostics: &mut Diagnostics) -> Value {
    let mut broken = Vec::new();
    compare(planned, &new, &Path::empty(), &mut broken);
    for path in broken {
        let detail = format!(
            "{} of \"{type_name}\" was planned with a known value, but came out differently. \
             This is a bug in the provider.",
            named(&path)
        );
        diagnostics.error_at(path, "Result differs from the plan", detail);
    }
    known(type_name, new, diagnostics)
}

/// Checks that everything in a result is known. What is still unknown becomes null.
pub(crate) fn known(type_name: &str, new: Value, diagnostics: &mut Diagnostics) -> Value {
    let Some(path) = new.first_unknown() else { return new };
    let detail = format!(
        "{} of \"{type_name}\" is still unknown afterwards. This is a bug in the provider.",
        named(&path)
    );
    diagnostics.error_at(path, "Result is not known", detail);
    new.without_unknowns()
}

fn named(path: &Path) -> String {
    if path.is_empty() {
        "The whole object".to_owned()
    } else {
        format!("The attribute \"{path}\"")
    }
}

fn validate(attributes: &Attributes, config: &Value, path: &Path, diagnostics: &mut Diagnostics) {
    for (name, attribute) in attributes {
        let value = config.attribute(name);
        if value.is_null() || value.is_unknown() {
            continue;
        }
        let path = path.clone().attribute(name);
        for check in &attribute.validators {
            if let Err(message) = check(value) {
                let detail = format!("\"{path}\" is not valid: {}.", message.trim_end_matches('.'));
                diagnostics.error_at(path.clone(), format!("Invalid value of \"{name}\""), detail);
            }
        }
        let Kind::Nested(nesting, inner) = &attribute.kind else {
            continue;
        };
        match (nesting, value) {
            (Nesting::List, Value::List(elements)) => {
                for (index, element) in elements.iter().enumerate() {
                    validate(inner, element, &path.clone().index(index), diagnostics);
                }
            }
            (Nesting::Set, Value::Set(elements)) => {
                for element in &elements.0 {
                    validate(inner, element, &path.clone().element(element.clone()), diagnostics);
                }
            }
            (Nesting::Map, Value::Map(members)) => {
                for (key, element) in members {
                    validate(inner, element, &path.clone().key(key), diagnostics);
                }
            }
            _ => validate(inner, value, &path, diagnostics),
        }
    }
}

/// Collects where a known part of the plan did not come true.
fn compare(planned: &Value, new: &Value, path: &Path, broken: &mut Vec<Path>) {
    match (planned, new) {
        // What is unknown in the result is reported as such.
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => {}
        (Value::Object(planned), Value::Object(new)) => {
            for (name, planned) in planned {
                let path = path.clone().attribute(name);
                compare(planned, new.get(name).unwrap_or(&Value::Null), &path, broken);
            }
        }
        (Value::Map(planned), Value::Map(new)) if planned.keys().eq(new.keys()) => {
            for (key, planned) in planned {
                compare(
                    planned,
                    new.get(key).unwrap_or(&Value::Null),
                    &path.clone().key(key),
                    broken,
                );
            }
        }
        (Value::List(planned), Value::List(new)) if planned.len() == new.len() => {
            for (index, (planned, new)) in planned.iter().zip(new).enumerate() {
                compare(planned, new, &path.clone().index(index), broken);
            }
        }
        (Value::Set(planned), Value::Set(new)) if came_true(planned, new) => {}
        (Value::Dynamic(planned), Value::Dynamic(new)) => compare(&planned.1, &new.1, path, broken),
        (planned, new) if planned == new => {}
        _ => broken.push(path.clone()),
    }
}

/// Whether every planned element has one of its own in the result. Two unknown ones may have become one.
fn came_true(planned: &ValueSet, new: &ValueSet) -> bool {
    let (known, unknown): (Vec<_>, Vec<_>) = planned.0.iter().partition(|element| element.is_wholly_known());
    let mut left: Vec<&Value> = new.0.iter().collect();
    let all_found = known
        .iter()
        .all(|wanted| match left.iter().position(|found| found == wanted) {
            Some(position) => {
                left.swap_remove(position);
                true
            }
            None => false,
        });
    all_found && left.len() <= unknown.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Attribute, Nested, Schema};
    use crate::value::Number;

    fn told(diagnostics: &Diagnostics) -> Vec<String> {
        let path = |path: &Option<Path>| path.as_ref().map(ToString::to_string).unwrap_or_default();
        diagnostics
            .iter()
            .map(|d| format!("{}: {}", path(&d.path), d.detail))
            .collect()
    }

    #[test]
    fn validators_see_known_values_at_any_depth() {
        let rule = Nested::new().attribute("port", Attribute::int().required());
        let schema = Schema::new(0)
            .attribute("n", Attribute::int().required())
            .attribute("one", Attribute::single(rule.clone()).optional())
            .attribute("list", Attribute::nested_list(rule.clone()).optional())
            .attribute("map", Attribute::nested_map(rule.clone()).optional())
            .attribute("set", Attribute::nested_set(rule).optional());
        let bad = || Value::object([("port", Value::Number(Number::from(1_u64 << 63)))]);
        let config = Value::object([
            ("n", Value::unknown()),
            ("one", bad()),
            ("list", Value::List(vec![Value::object([("port", 1.into())]), bad()])),
            ("map", Value::map([("k", bad())])),
            ("set", Value::set([bad()])),
        ]);
        let mut diagnostics = Diagnostics::new();
        validators(&schema.attributes, &config, &mut diagnostics);
        let expected = ["list[1].port", "map[\"k\"].port", "one.port", "set[…].port"]
            .map(|path| format!("{path}: \"{path}\" is not valid: it must be a whole number of 64 bits."));
        assert_eq!(told(&diagnostics), expected);
    }

    #[track_caller]
    fn check_applied(planned: Value, new: Value, expected: &[&str]) {
        let mut diagnostics = Diagnostics::new();
        let wrap = |value| Value::object([("a", value)]);
        let state = applied("t", &wrap(planned), wrap(new), &mut diagnostics);
        assert!(state.is_wholly_known());
        let paths = diagnostics
            .iter()
            .map(|d| format!("{}: {}", d.summary, d.path.clone().unwrap_or_default()));
        assert_eq!(paths.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_plan_must_come_true() {
        let differs = "Result differs from the plan";
        check_applied(Value::unknown(), "x".into(), &[]);
        check_applied("x".into(), "y".into(), &[&format!("{differs}: a")]);
        check_applied(Value::Null, "y".into(), &[&format!("{differs}: a")]);
        check_applied(Value::list([1, 2]), Value::list([1, 3]), &[&format!("{differs}: a[1]")]);
        check_applied(Value::list([1, 2]), Value::list([1]), &[&format!("{differs}: a")]);
        check_applied(
            Value::map([("k", 1)]),
            Value::map([("k", 2)]),
            &[&format!("{differs}: a[\"k\"]")],
        );
        check_applied(
            Value::map([("k", 1)]),
            Value::map([("l", 1)]),
            &[&format!("{differs}: a")],
        );
        check_applied(Value::set([1, 2]), Value::set([2, 1]), &[]);
        check_applied(Value::set([1, 2]), Value::set([2, 3]), &[&format!("{differs}: a")]);
        check_applied(Value::set([1.into(), Value::unknown()]), Value::set([2, 1]), &[]);
        check_applied(
            Value::set([1.into(), Value::unknown()]),
            Value::set([2, 3]),
            &[&format!("{differs}: a")],
        );
    }

    #[test]
    fn nothing_may_stay_unknown() {
        check_applied(Value::unknown(), Value::unknown(), &["Result is not known: a"]);
        check_applied("x".into(), Value::unknown(), &["Result is not known: a"]);
    }
}
