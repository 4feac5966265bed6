//! Ours to the protocol's and back: schemas, diagnostics, paths, values.

use serde_json::Value as Json;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::erased::misfit;
use crate::function::{Parameter, Signature};
use crate::path::{Path, Step};
use crate::schema::{Attribute, Attributes, Kind, Nesting, Schema};
use crate::value::{Type, Value, from_json, from_msgpack, to_msgpack};
use crate::wire::tfplugin6 as wire;

pub(crate) fn schema(schema: &Schema) -> wire::Schema {
    let block = wire::schema::Block {
        version: schema.version,
        attributes: attributes(&schema.attributes),
        description: schema.description.clone(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: schema.deprecated,
    };
    wire::Schema {
        version: schema.version,
        block: Some(block),
    }
}

fn attributes(attributes: &Attributes) -> Vec<wire::schema::Attribute> {
    attributes.iter().map(|(name, of)| attribute(name, of)).collect()
}

fn attribute(name: &str, of: &Attribute) -> wire::schema::Attribute {
    let (ty, nested) = match &of.kind {
        Kind::Plain(ty) => (ty.to_json_bytes(), None),
        Kind::Nested(nesting, inner) => (Vec::new(), Some(object(*nesting, inner))),
    };
    wire::schema::Attribute {
        name: name.to_owned(),
        r#type: ty,
        description: of.told(),
        required: of.required,
        optional: of.optional,
        computed: of.computed,
        sensitive: of.sensitive,
        description_kind: wire::StringKind::Markdown.into(),
        deprecated: of.deprecated,
        nested_type: nested,
        write_only: of.write_only,
    }
}

fn object(nesting: Nesting, inner: &Attributes) -> wire::schema::Object {
    use wire::schema::object::NestingMode;
    let nesting = match nesting {
        Nesting::Single => NestingMode::Single,
        Nesting::List => NestingMode::List,
        Nesting::Set => NestingMode::Set,
        Nesting::Map => NestingMode::Map,
    };
    wire::schema::Object {
        attributes: attributes(inner),
        nesting: nesting.into(),
    }
}

pub(crate) fn function(signature: &Signature) -> wire::Function {
    wire::Function {
        parameters: signature.parameters.iter().map(parameter).collect(),
        variadic_parameter: signature.variadic.as_ref().map(parameter),
        r#return: Some(wire::function::Return {
            r#type: signature.result.to_json_bytes(),
        }),
        summary: signature.summary.clone(),
        description: signature.description.clone(),
        description_kind: wire::StringKind::Markdown.into(),
        deprecation_message: String::new(),
    }
}

fn parameter(parameter: &Parameter) -> wire::function::Parameter {
    wire::function::Parameter {
        name: parameter.name.clone(),
        r#type: parameter.ty.to_json_bytes(),
        allow_null_value: parameter.takes_null,
        allow_unknown_values: parameter.takes_unknown,
        description: parameter.description.clone(),
        description_kind: wire::StringKind::Markdown.into(),
    }
}

pub(crate) fn diagnostics(diagnostics: Diagnostics) -> Vec<wire::Diagnostic> {
    let each = diagnostics.into_iter().map(|diagnostic| {
        let severity = match diagnostic.severity {
            Severity::Error => wire::diagnostic::Severity::Error,
            Severity::Warning => wire::diagnostic::Severity::Warning,
        };
        let mut detail = diagnostic.detail;
        let place = diagnostic.path.filter(|path| !path.is_empty()).map(|whole| {
            let place = placeable(&whole);
            // What terraform is not told by the path, the user is told in words.
            if place != whole && !detail.contains(&whole.to_string()) {
                detail = format!("{detail}\n\nAt: {whole}");
            }
            path(&place)
        });
        wire::Diagnostic {
            severity: severity.into(),
            summary: diagnostic.summary,
            detail,
            attribute: place,
        }
    });
    each.collect()
}

/// As much of a path as terraform finds in a configuration: an attribute of the block, and an element of it. Steps into
/// nested attributes make it point at the block, or at an attribute of the block that has the same name.
fn placeable(path: &Path) -> Path {
    match (path.steps().first(), path.steps().get(1)) {
        (Some(Step::Attribute(name)), Some(Step::Index(index))) => Path::root(name).index(*index),
        (Some(Step::Attribute(name)), Some(Step::Key(key))) => Path::root(name).key(key),
        (Some(Step::Attribute(name)), _) => Path::root(name),
        _ => Path::empty(),
    }
}

/// Ends before an element of a set: the protocol cannot name one.
pub(crate) fn path(path: &Path) -> wire::AttributePath {
    use wire::attribute_path::Step as WireStep;
    use wire::attribute_path::step::Selector;
    let steps = path.steps().iter().map_while(|step| match step {
        Step::Attribute(name) => Some(Selector::AttributeName(name.clone())),
        Step::Key(key) => Some(Selector::ElementKeyString(key.clone())),
        Step::Index(index) => i64::try_from(*index).ok().map(Selector::ElementKeyInt),
        Step::Element(_) => None,
    });
    wire::AttributePath {
        steps: steps
            .map(|selector| WireStep {
                selector: Some(selector),
            })
            .collect(),
    }
}

/// Reads a value; nothing at all is null.
pub(crate) fn read(value: Option<&wire::DynamicValue>, ty: &Type) -> Result<Value, Diagnostic> {
    match value {
        None => Ok(Value::Null),
        Some(value) if !value.msgpack.is_empty() => from_msgpack(&value.msgpack, ty).map_err(misfit),
        Some(value) if value.json.is_empty() => Ok(Value::Null),
        Some(value) => from_json(&json(&value.json)?, ty).map_err(misfit),
    }
}

pub(crate) fn write(value: &Value, ty: &Type) -> Result<wire::DynamicValue, Diagnostic> {
    to_msgpack(value, ty)
        .map(|msgpack| wire::DynamicValue {
            msgpack,
            json: Vec::new(),
        })
        .map_err(misfit)
}

pub(crate) fn json(bytes: &[u8]) -> Result<Json, Diagnostic> {
    serde_json::from_slice(bytes).map_err(|error| {
        Diagnostic::error(
            "State cannot be read",
            format!("What terraform stored is not JSON: {error}."),
        )
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use wire::attribute_path::step::Selector;

    use super::*;
    use crate::schema::Nested;

    /// One line for each attribute, with what terraform is told of it.
    fn rendered(attributes: &[wire::schema::Attribute], indent: &str) -> String {
        let each = attributes.iter().map(|attribute| {
            let mut told = String::from_utf8_lossy(&attribute.r#type).into_owned();
            if let Some(object) = &attribute.nested_type {
                let inner = rendered(&object.attributes, &format!("{indent}  "));
                told = format!("{:?} of {{\n{inner}{indent}}}", object.nesting());
            }
            let flags = [
                (attribute.required, " required"),
                (attribute.optional, " optional"),
                (attribute.computed, " computed"),
                (attribute.sensitive, " sensitive"),
                (attribute.write_only, " write_only"),
            ];
            let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
            format!("{indent}{}: {told}{flags}\n", attribute.name)
        });
        each.collect()
    }

    #[test]
    fn an_attribute_has_a_type_or_nested_attributes_and_never_both() {
        let nested = Nested::new().attribute("n", Attribute::int().required());
        let ours = Schema::new(3)
            .description("What")
            .attribute("plain", Attribute::map(Type::String).optional().sensitive())
            .attribute("secret", Attribute::string().optional().write_only())
            .attribute(
                "nested",
                Attribute::nested_set(nested).default(Value::set([] as [Value; 0])),
            );
        let block = schema(&ours).block.unwrap_or_default();
        expect![[r#"
            nested: Set of {
              n: "number" required
            } optional computed
            plain: ["map","string"] optional sensitive
            secret: "string" optional write_only
        "#]]
        .assert_eq(&rendered(&block.attributes, ""));
    }

    #[track_caller]
    fn check_told(path: Path, detail: &str, steps: usize, expected: &str) {
        let told = diagnostics(Diagnostic::error("s", detail).at(path).into());
        let found = told.first().map(|told| {
            let steps = told.attribute.as_ref().map(|path| path.steps.len());
            (steps, told.detail.as_str())
        });
        assert_eq!(found, Some((Some(steps), expected)));
    }

    #[test]
    fn a_diagnostic_points_as_far_as_terraform_follows_and_says_the_rest() {
        check_told(Path::root("a"), "d", 1, "d");
        check_told(Path::root("a").key("k"), "d", 2, "d");
        check_told(Path::root("a").index(1).attribute("b"), "d", 2, "d\n\nAt: a[1].b");
        check_told(Path::root("a").attribute("b"), "in a.b", 1, "in a.b");
    }

    #[test]
    fn a_path_ends_before_the_element_of_a_set() {
        let ours = Path::root("a").index(1).key("k").element("x".into()).attribute("b");
        let selectors: Vec<_> = path(&ours).steps.into_iter().filter_map(|step| step.selector).collect();
        let expected = [
            Selector::AttributeName("a".to_owned()),
            Selector::ElementKeyInt(1),
            Selector::ElementKeyString("k".to_owned()),
        ];
        assert_eq!(selectors, expected);
    }
}
