//! The values of arguments: what a kind says, before it is known how other resources are addressed.

use serde_json::Value as Json;

use crate::stack::kind::{Ref, Tags};
use crate::stack::policy::PolicyDocument;

/// The value of an argument.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// This very text.
    Text(String),
    /// A text in which ARNs and URLs of the stack's other objects become references to them.
    Link(String),
    /// The name of another object of the stack, which becomes a reference to it. The type of its resource tells it from
    /// others of that name.
    Name(Option<&'static str>, String),
    /// A number as it is written.
    Number(String),
    /// True or false.
    Bool(bool),
    /// An expression as it is written.
    Raw(String),
    /// An attribute of the first resource of the same component.
    Own(&'static str),
    /// An attribute of another resource of the same component, with the suffix of its label.
    Sibling(Mode, &'static str, String, &'static str),
    /// An attribute of the first resource of another component.
    Of(Ref, &'static str),
    /// Texts and references, one behind the other.
    Joined(Vec<Expr>),
    /// A list.
    List(Vec<Expr>),
    /// A map or an object.
    Map(Vec<(String, Expr)>),
    /// A document that AWS takes as JSON, whose texts are [linked](Self::Link).
    Json(Json),
    /// The tags of an object.
    Tags(Tags),
}

/// Whether a block manages an object or only looks it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
}

impl Expr {
    /// The id that AWS makes for another component.
    pub fn id(component: &Ref) -> Self {
        Self::Of(component.clone(), "id")
    }

    /// The name of another object, whose resource is of this type.
    pub fn name_of(resource: &'static str, name: &str) -> Self {
        Self::Name(Some(resource), name.into())
    }

    /// A policy document.
    pub fn policy(document: &PolicyDocument) -> Self {
        // What was made of JSON is JSON.
        Self::Json(serde_json::from_str(&document.to_json()).unwrap_or(Json::Null))
    }

    /// A list of texts in which ARNs become references.
    pub fn links<'a>(texts: impl IntoIterator<Item = &'a String>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::Link(text.clone())).collect())
    }
}

impl From<&str> for Expr {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<&String> for Expr {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Expr {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Expr {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&Tags> for Expr {
    fn from(tags: &Tags) -> Self {
        Self::Tags(tags.clone())
    }
}

impl<E: Into<Expr>> From<Vec<E>> for Expr {
    fn from(items: Vec<E>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl From<$number> for Expr {
            fn from(number: $number) -> Self {
                Self::Number(number.to_string())
            }
        })*
    };
}

numbers!(i32, u32, f64);
