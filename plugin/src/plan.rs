//! What a plan follows from without asking the resource: defaults, what is kept, what becomes unknown, what forces a
//! replacement.
//!
//! Invariant: pure; the configuration's own values are never touched, but for write-only ones, which no plan holds.

use crate::path::Path;
use crate::schema::{Attribute, Attributes, Kind, Nesting};
use crate::value::{Members, Value};

/// Makes terraform's proposal into a plan.
///
/// # Expected flow
/// 1. Attributes that the configuration leaves out take their defaults; write-only ones become null.
/// 2. If nothing differs from the prior state by now, that is the plan: an empty one.
/// 3. Otherwise, computed attributes that the configuration leaves out become unknown; those to be kept stay as they
///    are, unless they are null.
pub(crate) fn propose(attributes: &Attributes, prior: &Value, config: &Value, mut proposed: Value) -> Value {
    fill(attributes, config, &mut proposed, Pass::Defaults);
    if prior.is_null() || *prior != proposed {
        fill(attributes, config, &mut proposed, Pass::Unknowns);
    }
    proposed
}

/// The changes that need a new object: those of attributes that say so, and those that the resource named, as far as
/// something does change there. None on create.
pub(crate) fn replacements(attributes: &Attributes, prior: &Value, planned: &Value, named: Vec<Path>) -> Vec<Path> {
    if prior.is_null() || planned.is_null() {
        return Vec::new();
    }
    let mut found = Vec::new();
    replaced_in(attributes, prior, planned, &Path::empty(), &mut found);
    for path in named {
        if !found.contains(&path) && part(prior, &path) != part(planned, &path) {
            found.push(path);
        }
    }
    found
}

/// Gives unknown parts back what terraform knows of them: typed models cannot hold it.
pub(crate) fn refine(planned: &mut Value, proposed: &Value) {
    match (planned, proposed) {
        (Value::Unknown(planned), Value::Unknown(proposed)) => planned.clone_from(proposed),
        (Value::Object(planned), Value::Object(proposed)) | (Value::Map(planned), Value::Map(proposed)) => {
            for (name, member) in planned {
                if let Some(proposed) = proposed.get(name) {
                    refine(member, proposed);
                }
            }
        }
        (Value::List(planned), Value::List(proposed)) => {
            planned
                .iter_mut()
                .zip(proposed)
                .for_each(|(planned, proposed)| refine(planned, proposed));
        }
        _ => {}
    }
}

#[derive(Clone, Copy)]
enum Pass {
    Defaults,
    Unknowns,
}

fn fill(attributes: &Attributes, config: &Value, proposed: &mut Value, pass: Pass) {
    let Value::Object(members) = proposed else { return };
    for (name, attribute) in attributes {
        let given = config.attribute(name);
        let slot = members.entry(name.clone()).or_default();
        if attribute.write_only {
            *slot = Value::Null;
        } else if !given.is_null() {
            fill_nested(attribute, given, slot, pass);
        } else if let Some(default) = &attribute.default {
            if !settled(attribute, default, slot) {
                slot.clone_from(default);
            }
            fill_nested(attribute, default, slot, pass);
        } else if matches!(pass, Pass::Unknowns) && attribute.computed && (slot.is_null() || !attribute.keep) {
            *slot = Value::unknown();
        }
    }
}

fn fill_nested(attribute: &Attribute, given: &Value, slot: &mut Value, pass: Pass) {
    let Kind::Nested(nesting, inner) = &attribute.kind else {
        return;
    };
    match (nesting, given, slot) {
        (Nesting::Single, given @ Value::Object(_), slot) => fill(inner, given, slot, pass),
        (Nesting::List, Value::List(given), Value::List(slots)) => {
            given
                .iter()
                .zip(slots)
                .for_each(|(given, slot)| fill(inner, given, slot, pass));
        }
        (Nesting::Map, Value::Map(given), Value::Map(slots)) => {
            for (key, slot) in slots {
                if let Some(given) = given.get(key) {
                    fill(inner, given, slot, pass);
                }
            }
        }
        (Nesting::Set, Value::Set(given), Value::Set(slots)) => {
            let mut left: Vec<&Value> = given.0.iter().collect();
            for slot in &mut slots.0 {
                if let Some(position) = left.iter().position(|given| agrees(given, slot)) {
                    fill(inner, left.swap_remove(position), slot, pass);
                }
            }
        }
        _ => {}
    }
}

/// Whether a value is the default already, with what was computed filled in: that is not to be lost.
fn settled(attribute: &Attribute, default: &Value, value: &Value) -> bool {
    match (&attribute.kind, default, value) {
        (Kind::Nested(Nesting::Single, inner), Value::Object(_), Value::Object(_)) => {
            inner.iter().all(|(name, attribute)| {
                let (default, value) = (default.attribute(name), value.attribute(name));
                default.is_null() && attribute.computed || settled(attribute, default, value)
            })
        }
        _ => default == value,
    }
}

/// Whether the proposal is the given value with some of its nulls filled in: how elements of sets find each other.
fn agrees(given: &Value, proposed: &Value) -> bool {
    match (given, proposed) {
        (Value::Null, _) => true,
        (Value::Object(given), Value::Object(proposed)) => given
            .iter()
            .all(|(name, given)| proposed.get(name).is_some_and(|proposed| agrees(given, proposed))),
        (given, proposed) => given == proposed,
    }
}

fn replaced_in(attributes: &Attributes, prior: &Value, planned: &Value, path: &Path, found: &mut Vec<Path>) {
    for (name, attribute) in attributes {
        let (prior, planned) = (prior.attribute(name), planned.attribute(name));
        if prior == planned {
            continue;
        }
        let path = path.clone().attribute(name);
        if attribute.requires_replace {
            found.push(path);
        } else if let Kind::Nested(nesting, inner) = &attribute.kind {
            replaced_within(*nesting, inner, prior, planned, path, found);
        }
    }
}

fn replaced_within(
    nesting: Nesting,
    inner: &Attributes,
    prior: &Value,
    planned: &Value,
    path: Path,
    found: &mut Vec<Path>,
) {
    match nesting {
        Nesting::Single => replaced_in(inner, prior, planned, &path, found),
        Nesting::List => {
            let elements = |value: &Value| {
                if let Value::List(elements) = value {
                    elements.clone()
                } else {
                    Vec::new()
                }
            };
            let (prior, planned) = (elements(prior), elements(planned));
            for index in 0..prior.len().max(planned.len()) {
                let at = |elements: &[Value]| elements.get(index).cloned().unwrap_or_default();
                replaced_in(inner, &at(&prior), &at(&planned), &path.clone().index(index), found);
            }
        }
        Nesting::Map => {
            let none = Members::new();
            let (prior, planned) = (prior.members().unwrap_or(&none), planned.members().unwrap_or(&none));
            let added = planned.keys().filter(|key| !prior.contains_key(*key));
            for key in prior.keys().chain(added) {
                let at = |members: &Members| members.get(key).cloned().unwrap_or_default();
                replaced_in(inner, &at(prior), &at(planned), &path.clone().key(key), found);
            }
        }
        // An element of a set that differs is another element: the set as a whole is named.
        Nesting::Set if needs_replacement_somewhere(inner) => found.push(path),
        Nesting::Set => {}
    }
}

fn needs_replacement_somewhere(attributes: &Attributes) -> bool {
    attributes.values().any(|attribute| {
        attribute.requires_replace
            || matches!(&attribute.kind, Kind::Nested(_, inner) if needs_replacement_somewhere(inner))
    })
}

/// The part at the path; null where there is none. A set is its own part.
fn part<'a>(value: &'a Value, path: &Path) -> &'a Value {
    use crate::path::Step;
    const NULL: &Value = &Value::Null;
    path.steps().iter().fold(value, |value, step| match (step, value) {
        (Step::Attribute(key) | Step::Key(key), value) if value.members().is_some() => value.attribute(key),
        (Step::Index(index), Value::List(elements)) => elements.get(*index).unwrap_or(NULL),
        (_, set @ Value::Set(_)) => set,
        _ => NULL,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
