//! How the resources of a rendering are addressed, and which texts are attributes of one of them.
//!
//! Invariant: a reference that is written evaluates to the very text that it stands for.

use std::collections::{BTreeMap, BTreeSet};

use super::block::Block;
use super::expr::{Expr, Mode};

/// Where local values are addressed, which are no resources.
pub(super) const LOCAL: &str = "local";

/// A resource's address and what a text must be to stand for one of its attributes.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// Component → address of its first resource.
    first: BTreeMap<String, String>,
    /// Component → label.
    labels: BTreeMap<String, String>,
    /// ARN or URL → address and attribute.
    values: BTreeMap<String, (String, &'static str)>,
    /// Name → the resources of that name: type, address and attribute.
    names: BTreeMap<String, Vec<(&'static str, String, &'static str)>>,
}

/// A part of a text: as it is written, or an attribute of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Plain(String),
    Expression(String),
    Attribute { address: String, attribute: &'static str },
}

impl Links {
    /// Addresses the blocks of every component. `key` is the customer's, which is a local value.
    pub(super) fn of<'a>(
        components: impl IntoIterator<Item = (&'a str, &'a [Block])> + Clone,
        key: Option<&str>,
    ) -> Self {
        let mut links = Self::default();
        let mut taken = BTreeSet::new();
        for (component, _) in components.clone() {
            let plain = label(component);
            let mut candidates = std::iter::once(plain.clone()).chain((2..).map(|n| format!("{plain}_{n}")));
            if let Some(label) = candidates.find(|candidate| taken.insert(candidate.clone())) {
                links.labels.insert(component.into(), label);
            }
        }
        if let Some(key) = key {
            links.values.insert(key.into(), (LOCAL.into(), "kms_key_arn"));
        }
        for (component, blocks) in components {
            for block in blocks {
                let address = links.address(component, block.mode, block.resource, &block.suffix);
                links.first.entry(component.into()).or_insert_with(|| address.clone());
                for (value, attribute) in &block.values {
                    links.values.insert(value.clone(), (address.clone(), attribute));
                }
                for (name, attribute) in &block.names {
                    let of = (block.resource, address.clone(), *attribute);
                    links.names.entry(name.clone()).or_default().push(of);
                }
            }
        }
        links
    }

    /// A block's label.
    pub(super) fn label(&self, component: &str, suffix: &str) -> String {
        let label = self.labels.get(component).map_or(component, String::as_str);
        if suffix.is_empty() {
            label.to_owned()
        } else {
            format!("{label}_{suffix}")
        }
    }

    /// A block's address.
    pub(super) fn address(&self, component: &str, mode: Mode, resource: &str, suffix: &str) -> String {
        let prefix = if mode == Mode::Data { "data." } else { "" };
        format!("{prefix}{resource}.{}", self.label(component, suffix))
    }

    /// The address of a component's first resource.
    pub(super) fn first(&self, component: &str) -> Option<&String> {
        self.first.get(component)
    }

    /// The parts of a value that is neither list, map nor document. `own` is the address of the resource that it is an
    /// argument of, which cannot refer to itself.
    pub(super) fn parts(&self, expr: &Expr, component: &str, own: &str) -> Vec<Part> {
        let attribute = |address: String, attribute| vec![Part::Attribute { address, attribute }];
        match expr {
            Expr::Link(text) => self.linked(text, own),
            Expr::Name(resource, name) => match self.named(*resource, name) {
                Some((address, of)) if address != own => attribute(address.to_owned(), of),
                _ => vec![Part::Plain(name.clone())],
            },
            Expr::Own(of) => self
                .first(component)
                .map_or_else(Vec::new, |a| attribute(a.clone(), of)),
            Expr::Of(other, of) => self.first(&other.0).map_or_else(Vec::new, |a| attribute(a.clone(), of)),
            Expr::Sibling(mode, resource, suffix, of) => {
                attribute(self.address(component, *mode, resource, suffix), of)
            }
            Expr::Joined(parts) => parts.iter().flat_map(|p| self.parts(p, component, own)).collect(),
            Expr::Raw(text) | Expr::Number(text) => vec![Part::Expression(text.clone())],
            Expr::Bool(truth) => vec![Part::Expression(truth.to_string())],
            Expr::Text(text) => vec![Part::Plain(text.clone())],
            Expr::List(_) | Expr::Map(_) | Expr::Json(_) | Expr::Tags(_) => Vec::new(),
        }
    }

    /// The one resource of a name.
    fn named(&self, resource: Option<&str>, name: &str) -> Option<(&str, &'static str)> {
        let all = self.names.get(name)?.iter();
        let mut of_type = all.filter(|(of, ..)| resource.is_none_or(|resource| resource == *of));
        match (of_type.next(), of_type.next()) {
            (Some((_, address, attribute)), None) => Some((address, attribute)),
            _ => None,
        }
    }

    /// A text whose longest known beginning is a reference.
    fn linked(&self, text: &str, own: &str) -> Vec<Part> {
        let known = self.values.iter().rev().find(|(value, (address, _))| {
            let rest = text.strip_prefix(value.as_str());
            rest.is_some_and(ends_a_word) && address != own
        });
        let Some((value, (address, attribute))) = known else {
            return vec![Part::Plain(text.to_owned())];
        };
        let mut parts = vec![Part::Attribute {
            address: address.clone(),
            attribute,
        }];
        let rest = &text[value.len()..];
        if !rest.is_empty() {
            parts.push(Part::Plain(rest.to_owned()));
        }
        parts
    }
}

/// Whether a name that comes before `rest` is over.
fn ends_a_word(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// A component's name as a label.
fn label(component: &str) -> String {
    let text: String = component
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .collect();
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        text
    } else {
        format!("_{text}")
    }
}
