//! HCL as `terraform fmt` writes it.
//!
//! Invariant: the equals signs of neighbouring one-line arguments stand below each other; nothing else is aligned.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value as Json;

use super::block::{Block, Body, Item};
use super::expr::{Expr, Mode};
use super::links::{LOCAL, Links, Part};
use crate::stack::kind::Tags;

/// The longest line that a list of texts is written on.
const LINE: usize = 100;

/// Writes the blocks of one component, and remembers what they refer to.
pub(super) struct Writer<'a> {
    pub(super) links: &'a Links,
    pub(super) component: &'a str,
    /// The tags that `local.tags` stands for.
    pub(super) tags: &'a Tags,
    own: RefCell<String>,
    used: RefCell<BTreeSet<String>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(links: &'a Links, component: &'a str, tags: &'a Tags) -> Self {
        Self {
            links,
            component,
            tags,
            own: RefCell::default(),
            used: RefCell::default(),
        }
    }

    /// A block as text, and the addresses that it refers to. `after` is what it waits for besides.
    pub(super) fn block(&self, block: &Block, after: &[String]) -> (String, BTreeSet<String>) {
        let own = self
            .links
            .address(self.component, block.mode, block.resource, &block.suffix);
        self.own.replace(own);
        let mut text = block.comment.map(|line| format!("# {line}\n")).unwrap_or_default();
        let keyword = match block.mode {
            Mode::Managed => "resource",
            Mode::Data => "data",
        };
        let label = self.links.label(self.component, &block.suffix);
        let mut body = self.body(&block.body, 1);
        if !after.is_empty() {
            let after = after.iter().map(|address| Expr::Raw(address.clone())).collect();
            let _ = write!(body, "\n  depends_on = {}\n", self.value(&Expr::List(after), 1));
        }
        let _ = write!(text, "{keyword} \"{}\" \"{label}\" {{\n{body}}}\n", block.resource);
        (text, self.used.take())
    }

    /// An `import` block, with what it looks up.
    pub(super) fn import(&self, block: &Block) -> Option<String> {
        let id = block.import.as_ref()?;
        let to = self
            .links
            .address(self.component, block.mode, block.resource, &block.suffix);
        let mut text = String::new();
        for lookup in &block.lookups {
            text += &self.block(lookup, &[]).0;
            text.push('\n');
        }
        self.own.replace(String::new());
        let body = Body::default().set("to", Expr::Raw(to)).set("id", id.clone());
        let _ = write!(text, "import {{\n{}}}\n", self.body(&body, 1));
        Some(text)
    }

    /// The lines of a body, indented.
    pub(super) fn body(&self, body: &Body, depth: usize) -> String {
        let indent = "  ".repeat(depth);
        let mut text = String::new();
        let mut run: Vec<(String, String)> = Vec::new();
        for (index, item) in body.0.iter().enumerate() {
            match item {
                Item::Argument(name, value) => {
                    run.push((name.clone(), self.value(value, depth)));
                }
                Item::Nested(name, inner) => {
                    text += &aligned(&std::mem::take(&mut run), &indent, " = ", "");
                    if index > 0 {
                        text.push('\n');
                    }
                    let _ = write!(text, "{indent}{name} {{\n{}{indent}}}\n", self.body(inner, depth + 1));
                    if matches!(body.0.get(index + 1), Some(Item::Argument(..))) {
                        text.push('\n');
                    }
                }
            }
        }
        text + &aligned(&run, &indent, " = ", "")
    }

    fn value(&self, value: &Expr, depth: usize) -> String {
        match value {
            Expr::List(items) => list(
                &items.iter().map(|i| self.value(i, depth + 1)).collect::<Vec<_>>(),
                depth,
            ),
            Expr::Map(entries) => {
                let entries = entries.iter().map(|(k, v)| (key(k), self.value(v, depth + 1)));
                object(&entries.collect::<Vec<_>>(), depth)
            }
            Expr::Tags(tags) if tags == self.tags => "local.tags".into(),
            Expr::Tags(tags) => {
                let entries = tags.iter().map(|(k, v)| (key(k), quoted(v)));
                object(&entries.collect::<Vec<_>>(), depth)
            }
            Expr::Json(document) => format!("jsonencode({})", self.json(document, depth)),
            leaf => self.leaf(leaf),
        }
    }

    fn json(&self, document: &Json, depth: usize) -> String {
        match document {
            Json::Object(entries) => {
                let entries = entries.iter().map(|(k, v)| (key(k), self.json(v, depth + 1)));
                object(&entries.collect::<Vec<_>>(), depth)
            }
            Json::Array(items) => list(
                &items.iter().map(|i| self.json(i, depth + 1)).collect::<Vec<_>>(),
                depth,
            ),
            Json::String(text) => self.leaf(&Expr::Link(text.clone())),
            other => other.to_string(),
        }
    }

    fn leaf(&self, leaf: &Expr) -> String {
        let parts = self.links.parts(leaf, self.component, &self.own.borrow());
        let mut used = self.used.borrow_mut();
        let mut expression = |address: &String, attribute: &str| {
            if address != LOCAL {
                used.insert(address.clone());
            }
            format!("{address}.{attribute}")
        };
        match parts.as_slice() {
            [Part::Expression(text)] => text.clone(),
            [Part::Attribute { address, attribute }] => expression(address, attribute),
            parts => {
                let inner: String = parts
                    .iter()
                    .map(|part| match part {
                        Part::Plain(text) => escaped(text),
                        Part::Expression(text) => format!("${{{text}}}"),
                        Part::Attribute { address, attribute } => format!("${{{}}}", expression(address, attribute)),
                    })
                    .collect();
                format!("\"{inner}\"")
            }
        }
    }
}

/// Lines of `name = value`. Neighbours whose values stand on one line are aligned.
fn aligned(entries: &[(String, String)], indent: &str, equals: &str, end: &str) -> String {
    let mut text = String::new();
    for run in entries.chunk_by(|(_, a), (_, b)| !a.contains('\n') && !b.contains('\n')) {
        let width = run
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or_default();
        for (name, value) in run {
            let _ = writeln!(text, "{indent}{name:width$}{equals}{value}{end}");
        }
    }
    text
}

/// An object, an entry a line.
fn object(entries: &[(String, String)], depth: usize) -> String {
    if entries.is_empty() {
        return "{}".into();
    }
    let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    format!("{{\n{}{end}}}", aligned(entries, &indent, " = ", ""))
}

/// A list, on one line where it fits.
fn list(items: &[String], depth: usize) -> String {
    let line = format!("[{}]", items.join(", "));
    let (indent, end) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    let one_line = items.iter().all(|item| !item.contains('\n'));
    if one_line && (items.len() <= 1 || line.len() + indent.len() <= LINE) {
        return line;
    }
    let lines = items.iter().fold(String::new(), |mut lines, item| {
        let _ = writeln!(lines, "{indent}{item},");
        lines
    });
    format!("[\n{lines}{end}]")
}

/// The key of an object: bare where it is an identifier.
fn key(text: &str) -> String {
    let identifier = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if identifier { text.to_owned() } else { quoted(text) }
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// A text as it stands between quotes: no escape and no template is left in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                escaped.push(c);
                escaped.push(c);
            }
            // Beside the escape of a template it would be taken for a part of it.
            '$' if chars.peek() == Some(&'$') => escaped.push_str("\\u0024"),
            '%' if chars.peek() == Some(&'%') => escaped.push_str("\\u0025"),
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{:04x}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_written_so_that_it_reads_as_itself() {
        for (text, written) in [
            ("plain", r#""plain""#),
            (r#"a "b" \c"#, r#""a \"b\" \\c""#),
            ("${x} %{y} $z 100%", r#""$${x} %%{y} $z 100%""#),
            ("$${x}", r#""\u0024$${x}""#),
            ("a\nb\u{1}", r#""a\nb\u0001""#),
        ] {
            assert_eq!(quoted(text), written);
        }
    }

    #[test]
    fn only_neighbours_on_one_line_are_aligned() {
        let links = Links::default();
        let tags = Tags::new();
        let body = Body::default()
            .set("a", 1)
            .set("long_name", true)
            .set("map", Expr::Map(vec![("k-1".into(), "v".into())]))
            .set("b", Vec::<&str>::new())
            .nested("inner", Body::default().set("c", "d"))
            .set("e", 2.5);
        let text = Writer::new(&links, "x", &tags).body(&body, 0);
        let wanted = r#"a         = 1
long_name = true
map = {
  "k-1" = "v"
}
b = []

inner {
  c = "d"
}

e = 2.5
"#;
        assert_eq!(text, wanted);
    }
}
