//! Values as terraform knows them: a tree whose every node is null, unknown or known.
//!
//! Invariant: null, unknown and known are three things; nothing here turns one into another.

mod json;
mod msgpack;
mod number;
mod types;

use std::collections::BTreeMap;

pub(crate) use self::json::{from_json, from_stored_json};
pub(crate) use self::msgpack::{from_msgpack, to_msgpack};
pub use self::number::Number;
pub use self::types::Type;
use crate::path::Path;

/// The attributes of an object, or the elements of a map.
pub type Members = BTreeMap<String, Value>;

/// A value of any type, known or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown(Unknown),
    /// True or false.
    Bool(bool),
    /// A number, verbatim.
    Number(Number),
    /// A text.
    String(String),
    /// A list, or a tuple: the order counts.
    List(Vec<Value>),
    /// A set: the order does not count.
    Set(ValueSet),
    /// A map: keys of the user's choice, elements of one type.
    Map(Members),
    /// An object: keys and types as the schema says.
    Object(Members),
    /// A value that brings its own type, for attributes of the type *dynamic*.
    Dynamic(Box<(Type, Value)>),
}

/// A value that apply will tell. What terraform already knows of it (not null, a prefix, bounds) is kept and given back
/// as it came; nothing here reads it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unknown {
    refinements: Option<Box<[u8]>>,
}

/// The elements of a set. Equal to another set with the same elements in any order.
///
/// Invariant: elements are never merged here, as two unknown ones may turn out to differ.
#[derive(Debug, Clone, Default)]
pub struct ValueSet(pub Vec<Value>);

/// A value that cannot be read or written, and where.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ValueError {
    /// The part at fault.
    pub path: Path,
    /// What is wrong with it.
    pub message: String,
}

impl ValueError {
    pub(crate) fn new(path: &Path, message: impl Into<String>) -> Self {
        Self {
            path: path.clone(),
            message: message.into(),
        }
    }

    pub(crate) fn mismatch(path: &Path, wanted: &str, found: &str) -> Self {
        Self::new(path, format!("a {wanted} is needed, found {found}"))
    }
}

impl Value {
    /// Not known before apply.
    pub fn unknown() -> Self {
        Self::Unknown(Unknown::default())
    }

    /// A list of values.
    pub fn list(elements: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self::List(elements.into_iter().map(Into::into).collect())
    }

    /// A set of values. Equal ones must not be given twice.
    pub fn set(elements: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self::Set(ValueSet(elements.into_iter().map(Into::into).collect()))
    }

    /// A map.
    pub fn map<K: Into<String>, V: Into<Value>>(elements: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(elements.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }

    /// An object.
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(attributes.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Whether it is not set.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is unknown itself; its parts may be even where it is not.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// Whether neither it nor any part of it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        self.first_unknown().is_none()
    }

    /// The text, if it is a known text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The members, if it is a known object or map.
    pub fn members(&self) -> Option<&Members> {
        if let Self::Object(members) | Self::Map(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// An attribute of a known object; null where there is none.
    pub fn attribute(&self, name: &str) -> &Value {
        const NULL: &Value = &Value::Null;
        self.members().and_then(|members| members.get(name)).unwrap_or(NULL)
    }

    /// What it is, in a word, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown(_) => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Set(_) => "a set",
            Self::Map(_) => "a map",
            Self::Object(_) => "an object",
            Self::Dynamic(_) => "a dynamic value",
        }
    }

    /// Where its first unknown part is.
    pub(crate) fn first_unknown(&self) -> Option<Path> {
        fn find(value: &Value, path: Path) -> Option<Path> {
            match value {
                Value::Unknown(_) => Some(path),
                Value::List(elements) => elements
                    .iter()
                    .enumerate()
                    .find_map(|(i, element)| find(element, path.clone().index(i))),
                Value::Set(elements) => elements
                    .0
                    .iter()
                    .find_map(|element| find(element, path.clone().element(element.clone()))),
                Value::Map(members) => members
                    .iter()
                    .find_map(|(key, member)| find(member, path.clone().key(key))),
                Value::Object(members) => members
                    .iter()
                    .find_map(|(name, member)| find(member, path.clone().attribute(name))),
                Value::Dynamic(inner) => find(&inner.1, path),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            }
        }
        find(self, Path::empty())
    }

    /// The same with every unknown part null: what is left of a result that apply could not complete.
    pub(crate) fn without_unknowns(self) -> Self {
        let all = |members: Members| members.into_iter().map(|(k, v)| (k, v.without_unknowns())).collect();
        match self {
            Self::Unknown(_) => Self::Null,
            Self::List(elements) => Self::List(elements.into_iter().map(Self::without_unknowns).collect()),
            Self::Set(elements) => Self::Set(ValueSet(elements.0.into_iter().map(Self::without_unknowns).collect())),
            Self::Map(members) => Self::Map(all(members)),
            Self::Object(members) => Self::Object(all(members)),
            Self::Dynamic(inner) => Self::Dynamic(Box::new((inner.0, inner.1.without_unknowns()))),
            known => known,
        }
    }
}

impl Unknown {
    pub(crate) fn refined(refinements: Vec<u8>) -> Self {
        Self {
            refinements: Some(refinements.into_boxed_slice()),
        }
    }

    pub(crate) fn refinements(&self) -> Option<&[u8]> {
        self.refinements.as_deref()
    }
}

impl PartialEq for ValueSet {
    fn eq(&self, other: &Self) -> bool {
        same_elements(&self.0, &other.0)
    }
}

/// Whether both hold the same elements, each as often, in any order.
pub(crate) fn same_elements<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a == b {
        return true;
    }
    let mut left: Vec<&T> = b.iter().collect();
    a.iter()
        .all(|wanted| match left.iter().position(|found| *found == wanted) {
            Some(position) => {
                left.swap_remove(position);
                true
            }
            None => false,
        })
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_in_any_order_and_count_their_elements() {
        assert_eq!(Value::set(["a", "b"]), Value::set(["b", "a"]));
        assert_ne!(Value::set(["a", "b"]), Value::set(["a", "a"]));
        assert_ne!(Value::set(["a"]), Value::set(["a", "a"]));
        assert_ne!(Value::list(["a", "b"]), Value::list(["b", "a"]));
    }

    #[test]
    fn two_unknown_elements_stay_two() {
        let two = Value::set([Value::unknown(), Value::unknown()]);
        assert_ne!(two, Value::set([Value::unknown()]));
        let Value::Set(elements) = two else {
            return assert!(matches!(two, Value::Set(_)));
        };
        assert_eq!(elements.0.len(), 2);
    }

    #[test]
    fn the_first_unknown_is_named_by_its_path() {
        let value = Value::object([
            ("a", 1.into()),
            ("b", Value::List(vec![Value::map([("k", Value::unknown())])])),
        ]);
        assert_eq!(
            value.first_unknown().map(|p| p.to_string()).as_deref(),
            Some("b[0][\"k\"]")
        );
        assert!(!value.is_wholly_known());
        assert!(value.without_unknowns().is_wholly_known());
    }
}
