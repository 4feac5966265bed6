//! Resources of hashicorp/aws as the kinds describe them, and what a kind may know when it does.

use std::collections::BTreeMap;

use kairos::names::Names;

use super::expr::{Expr, Mode};
use crate::stack::kind::Ref;
use crate::stack::kinds::function::Code;

/// A kind of object that can be written as resources of hashicorp/aws. Every kind can.
pub trait Render {
    /// The resources that stand for this object, the one that is the object itself first.
    fn render(&self, at: &At<'_>) -> Vec<Block>;
}

/// What a kind may know of the stack that it is written for.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The stack's names.
    pub names: &'a Names,
    pub(super) component: &'a str,
    pub(super) ids: &'a BTreeMap<String, String>,
}

impl<'a> At<'a> {
    /// The id that AWS knows the object by, where it exists.
    pub fn id(&self) -> Option<&'a str> {
        self.ids.get(self.component).map(String::as_str)
    }

    /// `id` where the object exists: the id to import it by, if that follows from names.
    pub fn if_held(&self, id: impl Into<String>) -> Option<Expr> {
        self.id().map(|_| Expr::Text(id.into()))
    }

    /// The id that AWS made for another component, where that exists.
    pub fn id_of(&self, component: &Ref) -> Option<&'a str> {
        self.ids.get(&component.0).map(String::as_str)
    }
}

/// A resource, with what others may refer to it by, and the id to import it by.
#[derive(Debug, Clone)]
pub struct Block {
    pub(super) mode: Mode,
    pub(super) resource: &'static str,
    pub(super) suffix: String,
    pub(super) comment: Option<&'static str>,
    pub(super) body: Body,
    pub(super) import: Option<Expr>,
    pub(super) lookups: Vec<Block>,
    pub(super) values: Vec<(String, &'static str)>,
    pub(super) names: Vec<(String, &'static str)>,
    pub(super) file: Option<(String, Code)>,
    pub(super) essential: bool,
    pub(super) after: Vec<(Ref, &'static str)>,
}

impl Block {
    /// A resource of this type, such as `aws_sqs_queue`.
    pub fn resource(resource: &'static str) -> Self {
        Self {
            mode: Mode::Managed,
            resource,
            suffix: String::new(),
            comment: None,
            body: Body::default(),
            import: None,
            lookups: Vec::new(),
            values: Vec::new(),
            names: Vec::new(),
            file: None,
            essential: false,
            after: Vec::new(),
        }
    }

    /// A data source of this type.
    pub fn data(source: &'static str) -> Self {
        Self {
            mode: Mode::Data,
            ..Self::resource(source)
        }
    }

    /// What the label has behind the component's name, where a component is several resources of one type.
    #[must_use]
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// A line above the block.
    #[must_use]
    pub fn comment(mut self, comment: &'static str) -> Self {
        self.comment = Some(comment);
        self
    }

    /// Sets an argument.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Expr>) -> Self {
        self.body = self.body.set(name, value);
        self
    }

    /// Sets an argument, or leaves it out.
    #[must_use]
    pub fn set_some(mut self, name: &str, value: Option<impl Into<Expr>>) -> Self {
        self.body = self.body.set_some(name, value);
        self
    }

    /// Adds a nested block.
    #[must_use]
    pub fn nested(mut self, name: &str, body: Body) -> Self {
        self.body = self.body.nested(name, body);
        self
    }

    /// The id to import it by; `None` where it does not exist.
    #[must_use]
    pub fn import(mut self, id: Option<impl Into<Expr>>) -> Self {
        self.import = id.map(Into::into);
        self
    }

    /// What must be looked up for the id to import it by.
    #[must_use]
    pub fn lookup(mut self, source: Option<Block>) -> Self {
        self.lookups.extend(source);
        self
    }

    /// An ARN or a URL, which is this attribute of the resource.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>, attribute: &'static str) -> Self {
        self.values.push((value.into(), attribute));
        self
    }

    /// A name, which is this attribute of the resource.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, attribute: &'static str) -> Self {
        self.names.push((name.into(), attribute));
        self
    }

    /// The zip that stands beside the configuration under this name.
    #[must_use]
    pub fn file(mut self, name: impl Into<String>, code: &Code) -> Self {
        self.file = Some((name.into(), code.clone()));
        self
    }

    /// Without this resource the object's own is of no use: who waits for the object waits for it.
    #[must_use]
    pub fn essential(mut self) -> Self {
        self.essential = true;
        self
    }

    /// It waits for all resources of this type of another component.
    #[must_use]
    pub fn after(mut self, component: &Ref, resource: &'static str) -> Self {
        self.after.push((component.clone(), resource));
        self
    }
}

/// What a block holds, in order.
#[derive(Debug, Clone, Default)]
pub struct Body(pub(super) Vec<Item>);

/// One line, or one nested block.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Argument(String, Expr),
    Nested(String, Body),
}

impl Body {
    /// Sets an argument.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<Expr>) -> Self {
        self.0.push(Item::Argument(name.into(), value.into()));
        self
    }

    /// Sets an argument, or leaves it out.
    #[must_use]
    pub fn set_some(self, name: &str, value: Option<impl Into<Expr>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Adds a nested block.
    #[must_use]
    pub fn nested(mut self, name: &str, body: Body) -> Self {
        self.0.push(Item::Nested(name.into(), body));
        self
    }
}
