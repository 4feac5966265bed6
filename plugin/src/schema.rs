//! What a resource, a data source or the provider takes and gives: its attributes, and how they behave in a plan.
//!
//! Invariant: an attribute has a type or nested attributes, never both.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::model::Model;
use crate::path::Path;
use crate::value::{Type, Value, ValueError, from_stored_json};

/// Says what is wrong with a known value, in a sentence that completes "… is not valid: …".
pub type Validator = Arc<dyn Fn(&Value) -> Result<(), String> + Send + Sync>;

/// The attributes of a resource, a data source or a provider.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    pub(crate) version: i64,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) attributes: Attributes,
}

pub(crate) type Attributes = BTreeMap<String, Attribute>;

/// One attribute: its type, who sets it, and how it behaves in a plan.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent of each other, as in the protocol"
)]
pub struct Attribute {
    pub(crate) kind: Kind,
    pub(crate) description: String,
    pub(crate) required: bool,
    pub(crate) optional: bool,
    pub(crate) computed: bool,
    pub(crate) sensitive: bool,
    pub(crate) write_only: bool,
    pub(crate) deprecated: bool,
    pub(crate) default: Option<Value>,
    pub(crate) keep: bool,
    pub(crate) requires_replace: bool,
    pub(crate) validators: Vec<Validator>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Plain(Type),
    Nested(Nesting, Attributes),
}

/// How many objects of nested attributes there are, and how they are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// One object.
    Single,
    /// Objects in order.
    List,
    /// Objects without order.
    Set,
    /// Objects under keys of the user's choice.
    Map,
}

/// Attributes within an attribute.
#[derive(Debug, Clone, Default)]
pub struct Nested(Attributes);

impl Schema {
    /// A schema of this version. States of older versions go through the resource's `upgrade`.
    pub fn new(version: i64) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    /// What it is for, in Markdown.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Warns whoever uses it.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.attributes.insert(name.into(), attribute);
        self
    }

    /// The type of the whole.
    pub fn object_type(&self) -> Type {
        object_type(&self.attributes)
    }

    /// Reads what terraform stores or shows of an object: attributes that it does not show are null.
    ///
    /// # Errors
    /// It is no such object: where and why.
    pub fn read_stored<M: Model>(&self, json: &serde_json::Value) -> Result<M, ValueError> {
        M::from_known(from_stored_json(json, &self.object_type())?, &Path::empty())
    }

    /// What terraform would refuse or misunderstand, each with the attribute's path; for the tests of a provider, and
    /// told to terraform when it asks for the schema.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        problems(&self.attributes, "", &mut found);
        found
    }
}

impl Nested {
    /// No attributes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.0.insert(name.into(), attribute);
        self
    }
}

/// What it is.
impl Attribute {
    /// A text.
    pub fn string() -> Self {
        Self::of(Type::String)
    }

    /// True or false.
    pub fn bool() -> Self {
        Self::of(Type::Bool)
    }

    /// A decimal number of any size and precision.
    pub fn number() -> Self {
        Self::of(Type::Number)
    }

    /// A whole number that fits 64 bits.
    pub fn int() -> Self {
        Self::number().validate(|value| match value {
            Value::Number(number) if number.as_i64().is_none() => {
                Err("it must be a whole number of 64 bits".to_owned())
            }
            _ => Ok(()),
        })
    }

    /// Elements of one type, in order.
    pub fn list(element: Type) -> Self {
        Self::of(Type::list(element))
    }

    /// Elements of one type, without order.
    pub fn set(element: Type) -> Self {
        Self::of(Type::set(element))
    }

    /// Elements of one type under keys of the user's choice.
    pub fn map(element: Type) -> Self {
        Self::of(Type::map(element))
    }

    /// A value of any type.
    pub fn dynamic() -> Self {
        Self::of(Type::Dynamic)
    }

    /// A value of this type.
    pub fn of(ty: Type) -> Self {
        Self::new(Kind::Plain(ty))
    }

    /// One object.
    pub fn single(nested: Nested) -> Self {
        Self::new(Kind::Nested(Nesting::Single, nested.0))
    }

    /// Objects in order.
    pub fn nested_list(nested: Nested) -> Self {
        Self::new(Kind::Nested(Nesting::List, nested.0))
    }

    /// Objects without order.
    pub fn nested_set(nested: Nested) -> Self {
        Self::new(Kind::Nested(Nesting::Set, nested.0))
    }

    /// Objects under keys of the user's choice.
    pub fn nested_map(nested: Nested) -> Self {
        Self::new(Kind::Nested(Nesting::Map, nested.0))
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            description: String::new(),
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            deprecated: false,
            default: None,
            keep: false,
            requires_replace: false,
            validators: Vec::new(),
        }
    }
}

/// Who sets it, and what terraform tells of it.
impl Attribute {
    /// The user must set it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The user may set it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider sets it, where the user does not.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Terraform does not show it.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// It is in the configuration only: no plan and no state ever holds it. Needs terraform 1.11.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// Warns whoever sets it.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// What it means, its unit and limits, in Markdown.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// Checks every known value of the configuration; on a collection, the whole collection (whose elements may be
    /// unknown). Several are all asked.
    #[must_use]
    pub fn validate(mut self, check: impl Fn(&Value) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.validators.push(Arc::new(check));
        self
    }
}

/// How it behaves in a plan.
impl Attribute {
    /// What it is where the user does not set it; makes it optional and computed.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.optional = true;
        self.computed = true;
        self
    }

    /// The provider computes it once: a change of something else leaves it as the state has it. A null in the state is
    /// not kept.
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// A change of it destroys the object and creates a new one.
    #[must_use]
    pub fn requires_replace(mut self) -> Self {
        self.requires_replace = true;
        self
    }
}

impl Attribute {
    pub(crate) fn ty(&self) -> Type {
        match &self.kind {
            Kind::Plain(ty) => ty.clone(),
            Kind::Nested(nesting, attributes) => {
                let object = object_type(attributes);
                match nesting {
                    Nesting::Single => object,
                    Nesting::List => Type::list(object),
                    Nesting::Set => Type::set(object),
                    Nesting::Map => Type::map(object),
                }
            }
        }
    }

    fn problem(&self) -> Option<&'static str> {
        let settable = self.required || self.optional;
        match () {
            () if !settable && !self.computed => Some("is neither required nor optional nor computed"),
            () if self.required && self.optional => Some("is both required and optional"),
            () if self.required && self.computed => Some("is both required and computed"),
            () if self.required && self.default.is_some() => Some("is required and has a default"),
            () if self.write_only && self.computed => Some("is both write-only and computed, or has a default"),
            () if self.keep && !self.computed => Some("is to be kept, but not computed"),
            () if !settable && !self.validators.is_empty() && self.kind.is_nested() => {
                Some("has a validator, but is only computed")
            }
            () => None,
        }
    }
}

impl Kind {
    fn is_nested(&self) -> bool {
        matches!(self, Self::Nested(..))
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attribute")
            .field("type", &self.ty())
            .finish_non_exhaustive()
    }
}

pub(crate) fn object_type(attributes: &Attributes) -> Type {
    Type::object(
        attributes
            .iter()
            .map(|(name, attribute)| (name.clone(), attribute.ty())),
    )
}

fn problems(attributes: &Attributes, parent: &str, found: &mut Vec<String>) {
    for (name, attribute) in attributes {
        let path = if parent.is_empty() {
            name.clone()
        } else {
            format!("{parent}.{name}")
        };
        if !is_identifier(name) {
            found.push(format!("{path} is not a name that terraform takes"));
        }
        found.extend(attribute.problem().map(|problem| format!("{path} {problem}")));
        if let Kind::Nested(_, nested) = &attribute.kind {
            problems(nested, &path, found);
        }
    }
}

/// Lower-case letters, digits and underscores, the first a letter or an underscore.
fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_attributes_make_an_object_type() {
        let schema = Schema::new(1)
            .attribute("tags", Attribute::map(Type::String).optional())
            .attribute(
                "rules",
                Attribute::nested_list(Nested::new().attribute("n", Attribute::int().required())),
            );
        let expected = Type::object([
            ("tags", Type::map(Type::String)),
            ("rules", Type::list(Type::object([("n", Type::Number)]))),
        ]);
        assert_eq!(schema.object_type(), expected);
    }

    #[test]
    fn contradictions_are_told_with_their_path() {
        let nested = Nested::new()
            .attribute("both", Attribute::string().required().default("x"))
            .attribute("fine", Attribute::string().default("x"));
        let schema = Schema::new(0)
            .attribute("nothing", Attribute::string())
            .attribute("1st", Attribute::string().optional())
            .attribute("kept", Attribute::string().optional().keep())
            .attribute("secret", Attribute::string().write_only().computed())
            .attribute("inner", Attribute::single(nested).required());
        let expected = [
            "1st is not a name that terraform takes",
            "inner.both is both required and optional",
            "kept is to be kept, but not computed",
            "nothing is neither required nor optional nor computed",
            "secret is both write-only and computed, or has a default",
        ];
        assert_eq!(schema.problems(), expected);
    }
}
