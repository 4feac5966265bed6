//! Where in a value something is: the path from the root of a resource to one of its parts.
//!
//! Terraform points at the line of the configuration when every step is right, and at the block otherwise.

use std::fmt;

use crate::value::Value;

/// One step into a value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Into an attribute of an object.
    Attribute(String),
    /// Into an element of a list, from 0.
    Index(usize),
    /// Into an element of a map.
    Key(String),
    /// Into an element of a set, which is its own key.
    Element(Value),
}

/// The way from the root to a part of a value. The empty path is the root itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path(Vec<Step>);

impl Path {
    /// The whole value.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An attribute at the top.
    pub fn root(attribute: impl Into<String>) -> Self {
        Self::empty().attribute(attribute)
    }

    /// The same, one attribute further in.
    #[must_use]
    pub fn attribute(self, name: impl Into<String>) -> Self {
        self.with(Step::Attribute(name.into()))
    }

    /// The same, one list element further in, from 0.
    #[must_use]
    pub fn index(self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The same, one map element further in.
    #[must_use]
    pub fn key(self, key: impl Into<String>) -> Self {
        self.with(Step::Key(key.into()))
    }

    /// The same, one set element further in. The protocol has no such step: terraform is pointed at the set.
    #[must_use]
    pub fn element(self, value: Value) -> Self {
        self.with(Step::Element(value))
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn with(mut self, step: Step) -> Self {
        self.0.push(step);
        self
    }
}

/// As one would write it in the configuration: `executor.tags["team"]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Element(_) => f.write_str("[…]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_in_the_configuration() {
        let path = Path::root("rules").index(2).attribute("tags").key("a \"b\"");
        assert_eq!(path.to_string(), r#"rules[2].tags["a \"b\""]"#);
        assert_eq!(
            Path::root("set").element(Value::from("x")).attribute("y").to_string(),
            "set[…].y"
        );
        assert_eq!(Path::empty().to_string(), "");
    }
}
