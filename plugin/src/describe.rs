//! What a provider offers, as data: for whoever writes its documentation, or tests its schemas.
//!
//! Invariant: terraform is told the same descriptions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::function::Signature;
use crate::provider::Provider;
use crate::schema::{Attribute, Attributes, Kind, Nesting, Schema};
use crate::value::{Type, Value};

/// Everything that a provider offers, by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// The `provider` block.
    pub provider: Schema,
    /// The resources.
    pub resources: BTreeMap<&'static str, Schema>,
    /// The data sources.
    pub data_sources: BTreeMap<&'static str, Schema>,
    /// The functions.
    pub functions: BTreeMap<&'static str, Signature>,
}

/// What is known of an attribute.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other, as in the protocol"
)]
pub struct Facts<'a> {
    /// The type of the whole.
    pub ty: Type,
    /// How its nested attributes are held, where it has any.
    pub nesting: Option<Nesting>,
    /// Its nested attributes, sorted by name.
    pub nested: Vec<(&'a str, &'a Attribute)>,
    /// What it means, with its default and whether a change of it replaces the object, as terraform is told it.
    pub description: String,
    /// The user must set it.
    pub required: bool,
    /// The user may set it.
    pub optional: bool,
    /// The provider sets it, where the user does not.
    pub computed: bool,
    /// Terraform does not show it.
    pub sensitive: bool,
    /// It is in the configuration only.
    pub write_only: bool,
    /// Whoever sets it is warned.
    pub deprecated: bool,
    /// What it is where the user does not set it.
    pub default: Option<&'a Value>,
    /// A change of it destroys the object and creates a new one.
    pub requires_replace: bool,
}

impl Catalogue {
    /// What this provider offers.
    pub fn of(provider: &impl Provider) -> Self {
        let offers = provider.offers();
        Self {
            provider: provider.schema(),
            resources: offers.resources.iter().map(|r| (r.name(), r.schema())).collect(),
            data_sources: offers.data_sources.iter().map(|d| (d.name(), d.schema())).collect(),
            functions: offers.functions.iter().map(|f| (f.name(), f.signature())).collect(),
        }
    }
}

impl Schema {
    /// What it is for, in Markdown.
    pub fn told(&self) -> &str {
        &self.description
    }

    /// Its attributes, sorted by name.
    pub fn attributes(&self) -> Vec<(&str, &Attribute)> {
        sorted(&self.attributes)
    }
}

impl Attribute {
    /// What is known of it.
    pub fn facts(&self) -> Facts<'_> {
        let (nesting, nested) = match &self.kind {
            Kind::Plain(_) => (None, Vec::new()),
            Kind::Nested(nesting, attributes) => (Some(*nesting), sorted(attributes)),
        };
        Facts {
            ty: self.ty(),
            nesting,
            nested,
            description: self.told(),
            required: self.required,
            optional: self.optional,
            computed: self.computed,
            sensitive: self.sensitive,
            write_only: self.write_only,
            deprecated: self.deprecated,
            default: self.default.as_ref(),
            requires_replace: self.requires_replace,
        }
    }

    /// Asks its validators of a known value.
    ///
    /// # Errors
    /// What the first that refuses it says.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        self.validators.iter().try_for_each(|validator| validator(value))
    }

    /// Its description, and what follows from the schema alone.
    pub(crate) fn told(&self) -> String {
        let mut text = self.description.clone();
        if let Some(default) = self.default.as_ref().and_then(written) {
            // Writing to a string cannot fail.
            let _ = write!(text, " Defaults to `{default}`.");
        }
        if self.requires_replace {
            text.push_str(" A change forces replacement.");
        }
        text.trim_start().to_owned()
    }
}

fn sorted(attributes: &Attributes) -> Vec<(&str, &Attribute)> {
    attributes.iter().map(|(name, of)| (name.as_str(), of)).collect()
}

/// A default as a user would write it; none of what is made of others, whose own defaults are told.
fn written(default: &Value) -> Option<String> {
    match default {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.as_str().to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Nested;

    #[test]
    fn default_and_replacement_are_told_with_the_description() {
        let attribute = Attribute::int().default(30).requires_replace().description("Days.");
        let facts = attribute.facts();
        assert_eq!(
            facts.description,
            "Days. Defaults to `30`. A change forces replacement."
        );
        assert_eq!(facts.default, Some(&Value::from(30)));
        assert!(facts.optional && facts.computed && !facts.required);
    }

    #[test]
    fn the_default_of_an_object_is_told_by_its_attributes() {
        let nested = Nested::new()
            .attribute("b", Attribute::bool().default(true).description("B."))
            .attribute("a", Attribute::string().optional().description("A."));
        let attribute = Attribute::single(nested)
            .default(Value::object([("a", Value::Null), ("b", Value::from(true))]))
            .description("Both.");
        let facts = attribute.facts();
        assert_eq!(
            (facts.nesting, facts.description.as_str()),
            (Some(Nesting::Single), "Both.")
        );
        let told: Vec<_> = facts
            .nested
            .iter()
            .map(|(name, of)| (*name, of.facts().description))
            .collect();
        assert_eq!(
            told,
            [("a", "A.".to_owned()), ("b", "B. Defaults to `true`.".to_owned())]
        );
    }

    #[test]
    fn validators_can_be_asked() {
        let even = |value: &Value| match value {
            Value::Number(n) if n.as_i64().is_some_and(|n| n % 2 != 0) => Err("it must be even".to_owned()),
            _ => Ok(()),
        };
        let attribute = Attribute::int().optional().validate(even);
        assert_eq!(attribute.check(&Value::from(2)), Ok(()));
        assert_eq!(attribute.check(&Value::from(3)), Err("it must be even".to_owned()));
    }
}
