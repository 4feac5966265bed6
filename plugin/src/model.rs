//! Typed models: rust structs that mirror a schema, made with [`model!`](crate::model!).
//!
//! Guarantees: a value that does not fit is refused with the path of the part at fault; nothing is dropped silently.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::attr::Attr;
use crate::path::Path;
use crate::value::{Members, Number, Value, ValueError, ValueSet, same_elements};

/// A type that a known value can be read as.
pub trait Typed: Sized {
    /// Reads a known value.
    ///
    /// # Errors
    /// The value is not of the type: where and why.
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError>;

    /// As a value.
    fn into_known(self) -> Value;
}

/// A struct with one field for every attribute of an object; made by [`model!`](crate::model!).
pub trait Model: Typed + Clone + Default + PartialEq + Send + Sync + 'static {}

/// The elements of a set attribute. Equal to another set with the same elements in any order.
#[derive(Debug, Clone)]
pub struct Set<T>(pub Vec<Attr<T>>);

/// Declares a [`Model`]: a struct whose fields are [`Attr`]s named as the attributes are.
///
/// ```
/// use tfplugin::{Attr, Set, model};
///
/// model! {
///     /// A rule.
///     pub struct Rule {
///         /// From 1.
///         pub priority: Attr<i64>,
///         pub r#match: Attr<Set<String>>,
///     }
/// }
///
/// model! {
///     pub struct Firewall {
///         pub name: Attr<String>,
///         pub rules: Attr<Vec<Attr<Rule>>>,
///     }
/// }
///
/// let firewall = Firewall { name: "front".into(), rules: Attr::Unknown };
/// assert!(firewall.rules.is_unknown());
/// ```
#[macro_export]
macro_rules! model {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $( $(#[$field_meta:meta])* $field_vis:vis $field:ident : $attr:ident<$ty:ty> ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq)]
        $vis struct $name {
            $( $(#[$field_meta])* $field_vis $field: $attr<$ty>, )*
        }

        impl $crate::Typed for $name {
            fn from_known(value: $crate::Value, path: &$crate::Path) -> ::std::result::Result<Self, $crate::ValueError> {
                let members = $crate::model::Reader::new(value, path)?;
                let model = Self { $( $field: members.take(stringify!($field))?, )* };
                members.finish()?;
                Ok(model)
            }

            fn into_known(self) -> $crate::Value {
                $crate::Value::object::<::std::string::String>([ $( $crate::model::member(stringify!($field), self.$field), )* ])
            }
        }

        impl $crate::Model for $name {}
    };
}

/// Takes the attributes out of an object, for [`model!`](crate::model!).
#[doc(hidden)]
pub struct Reader<'a> {
    members: RefCell<Members>,
    path: &'a Path,
}

impl<'a> Reader<'a> {
    pub fn new(value: Value, path: &'a Path) -> Result<Self, ValueError> {
        match value {
            Value::Object(members) => Ok(Self {
                members: RefCell::new(members),
                path,
            }),
            other => Err(ValueError::mismatch(path, "object", other.kind())),
        }
    }

    pub fn take<T: Typed>(&self, field: &str) -> Result<Attr<T>, ValueError> {
        let name = attribute_name(field);
        let path = self.path.clone().attribute(name);
        match self.members.borrow_mut().remove(name) {
            Some(value) => Attr::from_value(value, &path),
            None => Err(ValueError::new(
                &path,
                "the model has this attribute, the schema does not",
            )),
        }
    }

    pub fn finish(self) -> Result<(), ValueError> {
        match self.members.into_inner().into_keys().next() {
            Some(name) => {
                let path = self.path.clone().attribute(name);
                Err(ValueError::new(
                    &path,
                    "the schema has this attribute, the model does not",
                ))
            }
            None => Ok(()),
        }
    }
}

#[doc(hidden)]
pub fn member<T: Typed>(field: &str, attr: Attr<T>) -> (String, Value) {
    (attribute_name(field).to_owned(), attr.into_value())
}

/// A field that is named as a keyword is written `r#type`.
fn attribute_name(field: &str) -> &str {
    field.strip_prefix("r#").unwrap_or(field)
}

impl Typed for String {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(ValueError::mismatch(path, "string", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::String(self)
    }
}

impl Typed for bool {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::Bool(truth) => Ok(truth),
            other => Err(ValueError::mismatch(path, "bool", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::Bool(self)
    }
}

impl Typed for Number {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::Number(number) => Ok(number),
            other => Err(ValueError::mismatch(path, "number", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::Number(self)
    }
}

macro_rules! whole {
    ($($ty:ty: $read:ident, $wide:ty;)*) => { $(
        impl Typed for $ty {
            fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
                let number = Number::from_known(value, path)?;
                let fits = number.$read().and_then(|wide| Self::try_from(wide).ok());
                fits.ok_or_else(|| {
                    let (low, high) = (Self::MIN, Self::MAX);
                    ValueError::new(path, format!("a whole number from {low} to {high} is needed, found {number}"))
                })
            }

            fn into_known(self) -> Value {
                Value::Number(<$wide>::from(self).into())
            }
        }
    )* };
}

whole! { i64: as_i64, i64; u64: as_u64, u64; u32: as_u64, u64; u16: as_u64, u64; u8: as_u64, u64; }

/// Any value, as it is.
impl Typed for Value {
    fn from_known(value: Value, _path: &Path) -> Result<Self, ValueError> {
        Ok(value)
    }

    fn into_known(self) -> Value {
        self
    }
}

impl<T: Typed> Typed for Vec<Attr<T>> {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::List(elements) => {
                let each = elements.into_iter().enumerate();
                each.map(|(i, element)| Attr::from_value(element, &path.clone().index(i)))
                    .collect()
            }
            other => Err(ValueError::mismatch(path, "list", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::List(self.into_iter().map(Attr::into_value).collect())
    }
}

impl<T: Typed> Typed for Set<T> {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::Set(elements) => {
                let each = elements.0.into_iter();
                let each = each.map(|element| Attr::from_value(element.clone(), &path.clone().element(element)));
                each.collect::<Result<_, _>>().map(Self)
            }
            other => Err(ValueError::mismatch(path, "set", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::Set(ValueSet(self.0.into_iter().map(Attr::into_value).collect()))
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        same_elements(&self.0, &other.0)
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Typed> Typed for BTreeMap<String, Attr<T>> {
    fn from_known(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::Map(members) => {
                let each = members.into_iter();
                let each = each.map(|(key, member)| {
                    let member = Attr::from_value(member, &path.clone().key(&key))?;
                    Ok((key, member))
                });
                each.collect()
            }
            other => Err(ValueError::mismatch(path, "map", other.kind())),
        }
    }

    fn into_known(self) -> Value {
        Value::Map(
            self.into_iter()
                .map(|(key, member)| (key, member.into_value()))
                .collect(),
        )
    }
}

/// Reads a whole object, which may be null (`None`) but not unknown.
pub(crate) fn read<M: Model>(value: Value) -> Result<Option<M>, ValueError> {
    match Attr::from_value(value, &Path::empty())? {
        Attr::Null => Ok(None),
        Attr::Known(model) => Ok(Some(model)),
        Attr::Unknown => Err(ValueError::new(&Path::empty(), "the whole object is unknown")),
    }
}

/// A whole object, null where there is none.
pub(crate) fn written<M: Model>(model: Option<M>) -> Value {
    model.map_or(Value::Null, Typed::into_known)
}

#[cfg(test)]
mod tests {
    use super::*;

    model! {
        struct Inner {
            size: Attr<u16>,
            r#type: Attr<String>,
        }
    }

    model! {
        struct Outer {
            inner: Attr<Inner>,
            list: Attr<Vec<Attr<Inner>>>,
            map: Attr<BTreeMap<String, Attr<bool>>>,
            set: Attr<Set<String>>,
            any: Attr<Value>,
        }
    }

    fn inner(size: Value) -> Value {
        Value::object([("size", size), ("type", "t".into())])
    }

    fn outer(list: Value) -> Value {
        Value::object([
            ("inner", inner(3.into())),
            ("list", list),
            ("map", Value::map([("k", Value::unknown())])),
            ("set", Value::set(["a", "b"])),
            ("any", Value::unknown()),
        ])
    }

    #[test]
    fn a_model_is_read_and_written_back() -> Result<(), ValueError> {
        let value = outer(Value::List(vec![
            Value::Null,
            Value::unknown(),
            inner(Value::unknown()),
        ]));
        let model: Outer = read(value.clone())?.unwrap_or_default();
        assert_eq!(model.inner.known().map(|i| i.size), Some(Attr::Known(3)));
        assert_eq!(model.map.known().map(|m| m["k"]), Some(Attr::Unknown));
        assert_eq!(written(Some(model)), value);
        assert_eq!(read::<Outer>(Value::Null)?, None);
        Ok(())
    }

    #[track_caller]
    fn check_refused(value: Value, expected: &str) {
        let told = read::<Outer>(value)
            .map_err(|e| format!("{}: {}", e.path, e.message))
            .map(|_| ());
        assert_eq!(told, Err(expected.to_owned()));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_path() {
        check_refused(
            outer(Value::List(vec![inner(70_000.into())])),
            "list[0].size: a whole number from 0 to 65535 is needed, found 70000",
        );
        check_refused(outer(Value::from(true)), "list: a list is needed, found a bool");
        check_refused(
            outer(Value::List(vec![Value::object([("size", Value::Null)])])),
            "list[0].type: the model has this attribute, the schema does not",
        );
        let extra = Value::object([("size", Value::Null), ("type", Value::Null), ("x", Value::Null)]);
        check_refused(
            outer(Value::List(vec![extra])),
            "list[0].x: the schema has this attribute, the model does not",
        );
        check_refused(Value::unknown(), ": the whole object is unknown");
    }
}
