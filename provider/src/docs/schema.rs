//! A schema in Markdown: as the registry's pages usually have it, and as one table of what can be set.
//!
//! Invariant: sorted by name, so that the same schema always gives the same text.

use std::fmt::Write as _;

use tfplugin::{Attribute, Facts, Nesting, Type, Value};

/// Whether a table tells what a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changes {
    /// It does: in place, or by another object.
    Told,
    /// Nothing changes an object.
    Untold,
}

/// The section `## Schema`: what is required, optional and read-only, and the nested attributes below.
pub(super) fn section(attributes: &[(&str, &Attribute)]) -> String {
    let mut text = String::from("## Schema\n");
    for (title, members) in groups(attributes) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n### {title}\n\n{}", lines(&members, ""));
    }
    nested(&mut text, attributes, "");
    text.trim_end().to_owned()
}

/// What can be set, nested attributes too, in one table.
pub(super) fn arguments(attributes: &[(&str, &Attribute)], changes: Changes) -> String {
    let mut text = match changes {
        Changes::Told => String::from("| argument | type | default | a change |\n|---|---|---|---|\n"),
        Changes::Untold => String::from("| argument | type | default |\n|---|---|---|\n"),
    };
    rows(&mut text, attributes, "", changes);
    text.trim_end().to_owned()
}

/// A type by the name that the registry's pages give it.
pub(super) fn type_name(ty: &Type) -> String {
    match ty {
        Type::Bool => "Boolean".into(),
        Type::Number => "Number".into(),
        Type::String => "String".into(),
        Type::List(element) => format!("List of {}", type_name(element)),
        Type::Set(element) => format!("Set of {}", type_name(element)),
        Type::Map(element) => format!("Map of {}", type_name(element)),
        Type::Object(_) => "Object".into(),
        Type::Tuple(_) => "Tuple".into(),
        _ => "Dynamic".into(),
    }
}

type Members<'a> = Vec<(&'a str, Facts<'a>)>;

/// The attributes by who sets them, without empty groups.
fn groups<'a>(attributes: &[(&'a str, &'a Attribute)]) -> Vec<(&'static str, Members<'a>)> {
    let group = |wanted: fn(&Facts<'_>) -> bool| -> Members<'a> {
        let each = attributes.iter().map(|(name, of)| (*name, of.facts()));
        each.filter(|(_, facts)| wanted(facts)).collect()
    };
    let all = [
        ("Required", group(|facts| facts.required)),
        ("Optional", group(|facts| facts.optional)),
        ("Read-Only", group(|facts| !facts.required && !facts.optional)),
    ];
    all.into_iter().filter(|(_, members)| !members.is_empty()).collect()
}

fn lines(members: &Members<'_>, parent: &str) -> String {
    let mut text = String::new();
    for (name, facts) in members {
        let _ = write!(text, "- `{name}` ({}) {}", kind(facts), facts.description);
        if facts.nesting.is_some() {
            let _ = write!(
                text,
                " (see [below for nested schema](#{}))",
                anchor(&join(parent, name))
            );
        }
        text.push('\n');
    }
    text
}

/// The sections of nested attributes, each after the one that it belongs to.
fn nested(text: &mut String, attributes: &[(&str, &Attribute)], parent: &str) {
    for (name, attribute) in attributes {
        let facts = attribute.facts();
        if facts.nesting.is_none() {
            continue;
        }
        let path = join(parent, name);
        let _ = write!(
            text,
            "\n<a id=\"{}\"></a>\n### Nested Schema for `{path}`\n",
            anchor(&path)
        );
        for (title, members) in groups(&facts.nested) {
            let _ = write!(text, "\n{title}:\n\n{}", lines(&members, &path));
        }
        nested(text, &facts.nested, &path);
    }
}

fn rows(text: &mut String, attributes: &[(&str, &Attribute)], parent: &str, changes: Changes) {
    for (name, attribute) in attributes {
        let facts = attribute.facts();
        if !facts.required && !facts.optional {
            continue;
        }
        let path = join(parent, name);
        let default = match (facts.required, facts.default) {
            (true, _) => "required".into(),
            (false, Some(Value::String(text))) => format!("`\"{text}\"`"),
            (false, Some(Value::Bool(truth))) => format!("`{truth}`"),
            (false, Some(Value::Number(number))) => format!("`{}`", number.as_str()),
            _ => String::new(),
        };
        let change = match changes {
            Changes::Untold => "",
            Changes::Told if facts.requires_replace => " replaces |",
            Changes::Told => " in place |",
        };
        let _ = writeln!(text, "| `{path}` | {} | {default} |{change}", kind(&facts));
        rows(text, &facts.nested, &path, changes);
    }
}

/// `String, Sensitive` and the like.
fn kind(facts: &Facts<'_>) -> String {
    let of = match facts.nesting {
        None => type_name(&facts.ty),
        Some(Nesting::Single) => "Attributes".into(),
        Some(Nesting::List) => "Attributes List".into(),
        Some(Nesting::Set) => "Attributes Set".into(),
        Some(Nesting::Map) => "Attributes Map".into(),
    };
    let marks = [
        (facts.sensitive, ", Sensitive"),
        (facts.write_only, ", Write-only"),
        (facts.deprecated, ", Deprecated"),
    ];
    marks.iter().filter(|(set, _)| *set).fold(of, |of, (_, mark)| of + mark)
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

fn anchor(path: &str) -> String {
    format!("nestedatt--{}", path.replace('.', "--"))
}

#[cfg(test)]
mod tests {
    use tfplugin::{Nested, Schema};

    use super::*;

    fn subject() -> Schema {
        let inner = Nested::new().attribute("size", Attribute::int().default(5).description("Its size."));
        let outer = Nested::new()
            .attribute("inner", Attribute::nested_list(inner).required().description("Some."))
            .attribute(
                "token",
                Attribute::string().computed().sensitive().description("Secret."),
            );
        Schema::new(0)
            .attribute(
                "name",
                Attribute::string().required().requires_replace().description("A name."),
            )
            .attribute(
                "tags",
                Attribute::map(Type::String)
                    .optional()
                    .deprecated()
                    .description("Tags."),
            )
            .attribute("outer", Attribute::single(outer).optional().description("More."))
            .attribute("ids", Attribute::set(Type::Number).computed().description("Ids."))
    }

    #[test]
    fn a_section_has_every_attribute_once_in_its_group() {
        let expected = "\
## Schema

### Required

- `name` (String) A name. A change forces replacement.

### Optional

- `outer` (Attributes) More. (see [below for nested schema](#nestedatt--outer))
- `tags` (Map of String, Deprecated) Tags.

### Read-Only

- `ids` (Set of Number) Ids.

<a id=\"nestedatt--outer\"></a>
### Nested Schema for `outer`

Required:

- `inner` (Attributes List) Some. (see [below for nested schema](#nestedatt--outer--inner))

Read-Only:

- `token` (String, Sensitive) Secret.

<a id=\"nestedatt--outer--inner\"></a>
### Nested Schema for `outer.inner`

Optional:

- `size` (Number) Its size. Defaults to `5`.";
        assert_eq!(section(&subject().attributes()), expected);
    }

    #[test]
    fn the_table_has_what_can_be_set() {
        let expected = "\
| argument | type | default | a change |
|---|---|---|---|
| `name` | String | required | replaces |
| `outer` | Attributes |  | in place |
| `outer.inner` | Attributes List | required | in place |
| `outer.inner.size` | Number | `5` | in place |
| `tags` | Map of String, Deprecated |  | in place |";
        assert_eq!(arguments(&subject().attributes(), Changes::Told), expected);
        let untold = arguments(&subject().attributes(), Changes::Untold);
        assert_eq!(untold.lines().nth(2), Some("| `name` | String | required |"));
    }
}
