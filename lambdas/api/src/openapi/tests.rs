#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use expect_test::expect_file;

use super::*;

#[test]
fn the_document_in_docs_is_what_the_code_says() {
    // Written anew by `cargo xtask docs`.
    expect_file!["../../../../docs/api/openapi.json"].assert_eq(&written(&document()));
    expect_file!["../../../../docs/api/mensajes.schema.json"].assert_eq(&written(&messages()));
}

#[test]
fn every_operation_is_described_with_its_statuses_and_nothing_else_is() {
    let document = document();
    let mut told = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys();
            let statuses: BTreeSet<u16> = statuses.map(|status| status.parse().unwrap()).collect();
            told.insert((method.to_uppercase(), path.clone(), statuses));
        }
    }
    let listed = OPERATIONS.iter().map(|operation| {
        let statuses = operation.statuses.iter().chain(&GATEWAY_STATUSES).copied().collect();
        (operation.method.to_owned(), operation.path.to_owned(), statuses)
    });
    assert_eq!(told, listed.collect());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut seen = 0;
    each(&document, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            let place = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(place).is_some(), "{reference}");
            seen += 1;
        }
        if let Some(operation) = value.get("operationId").and_then(Value::as_str)
            && value.get("responses").is_none()
        {
            let mut found = false;
            each(&document["paths"], &mut |other| {
                found |= other["operationId"] == operation && other.get("responses").is_some();
            });
            assert!(found, "a link leads to {operation}");
        }
    });
    assert!(seen > 50, "{seen} references");
}

#[test]
fn every_type_of_problem_belongs_to_a_status_of_the_document() {
    let document = document();
    let schema = &document["components"]["schemas"]["TipoDeProblema"]["enum"];
    assert_eq!(schema.as_array().unwrap().len(), crate::problem::Kind::ALL.len());
    for kind in crate::problem::Kind::ALL {
        let response = &document["components"]["responses"][format!("Problema{}", kind.status().as_u16())];
        let text = response.to_string();
        // These two answer what is no operation.
        let of_no_operation = matches!(kind, crate::problem::Kind::NoRoute | crate::problem::Kind::Method);
        assert_eq!(text.contains(kind.urn()), !of_no_operation, "{kind:?}");
    }
}

#[test]
fn every_type_of_problem_is_in_the_page_with_its_status() {
    let page = include_str!("../../../../docs/api/README.md");
    for kind in crate::problem::Kind::ALL {
        let row = format!("| {} | `{}` |", kind.status().as_u16(), kind.urn());
        assert!(page.contains(&row), "{row}");
    }
    assert_eq!(
        page.matches("urn:kairos:problema:").count(),
        crate::problem::Kind::ALL.len()
    );
}

#[test]
fn every_text_that_users_read_is_there() {
    let document = document();
    each(&document["paths"], &mut |value| {
        let named = value.get("operationId").is_some() && value.get("responses").is_some() || value.get("in").is_some();
        if named {
            let description = value.get("description").or_else(|| value.get("schema")?.get("$ref"));
            assert!(
                description.and_then(Value::as_str).is_some_and(|text| !text.is_empty()),
                "{value}"
            );
        }
    });
    each(&document["components"]["schemas"], &mut |value| {
        for (key, schema) in value["properties"].as_object().into_iter().flatten() {
            // An id or a state says itself what it is.
            let told = ["description", "$ref", "anyOf"]
                .iter()
                .any(|told| schema.get(*told).is_some());
            assert!(told, "{key}: {schema}");
        }
    });
}

#[test]
fn examples_are_what_their_schemas_say() {
    let document = document();
    let mut seen = 0;
    each(&document, &mut |value| {
        if let (Some(schema), Some(example)) = (value.get("schema"), value.get("example")) {
            if let Err(wrong) = fits(&document, schema, example) {
                panic!("{wrong} in {example:#}");
            }
            seen += 1;
        }
    });
    assert!(seen >= 15, "{seen} examples");
}

/// Whether a value has the keys and the types that a schema says, as far as this document's schemas go.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&reference[1..]).unwrap(), value);
    }
    for choices in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[choices].as_array() {
            let outcomes: Vec<_> = choices.iter().map(|choice| fits(document, choice, value)).collect();
            return outcomes
                .iter()
                .find(|outcome| outcome.is_ok())
                .unwrap_or(&outcomes[0])
                .clone();
        }
    }
    if let Some(wanted) = schema.get("const") {
        return if wanted == value {
            Ok(())
        } else {
            Err(format!("{value} is not {wanted}"))
        };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    if !types.iter().any(|wanted| wanted == kind) {
        return Err(format!("{value} is no {}", schema["type"]));
    }
    for item in value.as_array().into_iter().flatten() {
        fits(document, &schema["items"], item)?;
    }
    let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return Ok(());
    };
    for required in schema["required"].as_array().into_iter().flatten() {
        let key = required.as_str().unwrap();
        object.get(key).ok_or_else(|| format!("{key} is missing"))?;
    }
    for (key, inner) in object {
        let schema = properties
            .get(key)
            .ok_or_else(|| format!("{key} is not in the schema"))?;
        fits(document, schema, inner)?;
    }
    Ok(())
}

/// Every object of a document.
fn each(value: &Value, look: &mut dyn FnMut(&Value)) {
    match value {
        Value::Object(object) => {
            look(value);
            object.values().for_each(|inner| each(inner, look));
        }
        Value::Array(items) => items.iter().for_each(|inner| each(inner, look)),
        _ => {}
    }
}
