//! A typed value that may be null or unknown.

use crate::model::Typed;
use crate::path::Path;
use crate::value::{Value, ValueError};

/// An attribute's value: not set, not known before apply, or known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Attr<T> {
    /// Not set.
    #[default]
    Null,
    /// Not known before apply.
    Unknown,
    /// Known.
    Known(T),
}

impl<T> Attr<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        if let Self::Known(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The value to change in place, if it is known.
    pub fn known_mut(&mut self) -> Option<&mut T> {
        if let Self::Known(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// The value, if it is known; null and unknown alike are none.
    pub fn into_known(self) -> Option<T> {
        if let Self::Known(value) = self {
            Some(value)
        } else {
            None
        }
    }

    /// Whether it is not set.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether it is not known before apply.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// Whether it is known.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// The same, with this value in place of null. An unknown stays unknown.
    #[must_use]
    pub fn or(self, value: T) -> Self {
        if self.is_null() { Self::Known(value) } else { self }
    }

    /// The same, with this value in place of unknown: for what apply has found out.
    #[must_use]
    pub fn resolve(self, value: impl Into<Self>) -> Self {
        if self.is_unknown() { value.into() } else { self }
    }

    /// What a function makes of a known value; null and unknown stay what they are.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Attr<U> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(f(value)),
        }
    }

    /// The same, holding a reference.
    pub fn as_ref(&self) -> Attr<&T> {
        match self {
            Self::Null => Attr::Null,
            Self::Unknown => Attr::Unknown,
            Self::Known(value) => Attr::Known(value),
        }
    }
}

impl Attr<String> {
    /// The text, if it is known.
    pub fn as_str(&self) -> Option<&str> {
        self.known().map(String::as_str)
    }
}

impl<T> From<T> for Attr<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

/// None is null.
impl<T> From<Option<T>> for Attr<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl From<&str> for Attr<String> {
    fn from(text: &str) -> Self {
        Self::Known(text.to_owned())
    }
}

impl<T: Typed> Attr<T> {
    /// Reads a value.
    ///
    /// # Errors
    /// A known value is not of the type: where and why.
    pub fn from_value(value: Value, path: &Path) -> Result<Self, ValueError> {
        match value {
            Value::Null => Ok(Self::Null),
            Value::Unknown(_) => Ok(Self::Unknown),
            known => T::from_known(known, path).map(Self::Known),
        }
    }

    /// As a value.
    pub fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Unknown => Value::unknown(),
            Self::Known(value) => value.into_known(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_and_unknown_are_told_apart() {
        assert_eq!(Attr::Null.or(1), Attr::Known(1));
        assert_eq!(Attr::Unknown.or(1), Attr::Unknown);
        assert_eq!(Attr::Unknown.resolve(1), Attr::Known(1));
        assert_eq!(Attr::<i64>::Unknown.resolve(None), Attr::Null);
        assert_eq!(Attr::<i64>::Null.resolve(1), Attr::Null);
        assert_eq!(Attr::Known(2).map(|n| n + 1), Attr::Known(3));
        assert_eq!(Attr::<i64>::from(None), Attr::default());
    }
}
