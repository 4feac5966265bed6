//! The pages in `docs/` are what schemas, templates and examples say, and schemas say enough.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use kairos::error::Field;
use kairos::validation::{Limits, Raw, check};
use tfplugin::{Facts, Value};

use super::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every attribute of every block, nested ones too, with its path.
fn attributes() -> Vec<(String, Attribute)> {
    fn collect(found: &mut Vec<(String, Attribute)>, parent: &str, attributes: &[(&str, &Attribute)]) {
        for (name, attribute) in attributes {
            let path = format!("{parent}.{name}");
            collect(found, &path, &attribute.facts().nested);
            found.push((path, (*attribute).clone()));
        }
    }
    let catalogue = Catalogue::of(&Kairos);
    let mut found = Vec::new();
    collect(&mut found, "provider", &catalogue.provider.attributes());
    for (name, schema) in &catalogue.resources {
        collect(&mut found, name, &schema.attributes());
    }
    for (name, schema) in &catalogue.data_sources {
        collect(&mut found, &format!("data.{name}"), &schema.attributes());
    }
    found
}

#[test]
fn the_pages_in_docs_are_up_to_date() {
    let pages = pages(&root()).unwrap();
    let stale: Vec<_> = pages
        .iter()
        .filter(|(page, text)| fs::read_to_string(root().join("docs").join(page)).ok().as_ref() != Some(*text))
        .map(|(page, _)| format!("docs/{page}"))
        .collect();
    assert!(
        stale.is_empty(),
        "not up to date: {}: run `cargo xtask docs`",
        stale.join(", ")
    );
}

#[test]
fn nothing_else_is_in_the_folders_that_the_registry_shows() {
    let pages = pages(&root()).unwrap();
    let generated: BTreeSet<&str> = pages.keys().map(String::as_str).collect();
    for folder in ["resources", "data-sources", "functions"] {
        for entry in fs::read_dir(root().join("docs").join(folder)).unwrap() {
            let page = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(
                generated.contains(page.as_str()),
                "docs/{page} documents nothing that there is"
            );
        }
    }
}

#[test]
fn every_page_shows_an_example_and_every_block_of_code_is_a_file_of_examples() {
    for (page, text) in pages(&root()).unwrap() {
        assert!(text.contains("## Example Usage\n"), "docs/{page} has no example");
        assert!(text.contains("\n```terraform\n"), "docs/{page} has no example");
        let template = fs::read_to_string(root().join("templates").join(format!("{page}.tmpl"))).unwrap();
        assert!(
            !template.contains("```terraform") && !template.contains("```hcl"),
            "templates/{page}.tmpl has code of its own, which nobody validates: make it a file of examples/"
        );
    }
}

#[test]
fn every_description_is_a_sentence() {
    let catalogue = Catalogue::of(&Kairos);
    let mut told: Vec<(String, String)> = attributes()
        .into_iter()
        .map(|(path, attribute)| (path, attribute.facts().description))
        .collect();
    told.push(("provider".into(), catalogue.provider.told().into()));
    for (name, schema) in catalogue.resources.iter().chain(&catalogue.data_sources) {
        told.push(((*name).into(), schema.told().into()));
    }
    for (name, signature) in &catalogue.functions {
        told.push((format!("{name}()"), signature.description.clone()));
        told.push((format!("{name}(), in a line"), signature.summary.clone()));
        for parameter in &signature.parameters {
            told.push((format!("{name}({})", parameter.name), parameter.description.clone()));
        }
    }
    assert!(told.len() > 100, "only {} descriptions", told.len());
    for (path, text) in told {
        assert!(
            text.len() > 5 && text.ends_with('.'),
            "{path}: \"{text}\" is no sentence"
        );
        assert!(!text.contains("  "), "{path}: \"{text}\" has two spaces in a row");
    }
}

/// What may be left out says what it then is: by its default, or in words.
#[test]
fn what_is_left_out_is_told() {
    let words = [
        "Defaults to",
        "left out",
        "Without",
        "without",
        "Either this",
        "Left out",
        "together with",
        "`{}` takes",
    ];
    let filters = "data.kairos_procesos.";
    let objects = [
        "kairos_stack.tags",
        "kairos_stack.timeouts",
        "provider.default_tags",
        "provider.assume_role",
    ];
    for (path, attribute) in attributes() {
        let facts = attribute.facts();
        let expected = facts.optional && !path.starts_with(filters) && !objects.contains(&path.as_str());
        let told = words.iter().any(|word| facts.description.contains(word));
        let lists = ["acciones", "parametros"]
            .iter()
            .any(|name| path == format!("data.kairos_rol_ejecucion.{name}"));
        assert!(
            !expected || told || lists || path.ends_with("roles_a_pasar"),
            "{path}: \"{}\"",
            facts.description
        );
    }
}

/// `128 to 10240` and `at least 2` of a number's description.
fn bounds(facts: &Facts<'_>) -> Option<(i64, Option<i64>)> {
    let plain = |word: &str| {
        word.replace(',', "")
            .trim_end_matches([';', ':', '.'])
            .parse::<i64>()
            .ok()
    };
    let words: Vec<&str> = facts.description.split(' ').collect();
    words.windows(3).find_map(|three| match three {
        [low, "to", high] => Some((plain(low)?, Some(plain(high)?))),
        ["at", "least", low] => Some((plain(low)?, None)),
        _ => None,
    })
}

#[test]
fn the_limits_that_descriptions_tell_are_those_that_are_checked() {
    let mut checked = 0;
    for (path, attribute) in attributes() {
        let facts = attribute.facts();
        let settable = facts.required || facts.optional;
        let Some((low, high)) = bounds(&facts).filter(|_| settable && facts.ty == Type::Number) else {
            continue;
        };
        let takes = |number: i64| match path.strip_prefix("kairos_proceso.") {
            Some(field) => process_takes(field, number),
            None => attribute.check(&Value::from(number)).is_ok(),
        };
        // The schedule of a filter is checked as a process's is, with all its parts.
        if path.starts_with("data.kairos_procesos.") {
            continue;
        }
        checked += 1;
        assert!(takes(low) && !takes(low - 1), "{path}: {}", facts.description);
        if let Some(high) = high {
            assert!(takes(high) && !takes(high + 1), "{path}: {}", facts.description);
        }
    }
    assert!(checked >= 15, "only {checked} limits were found");
}

/// Whether a process may have this number there.
fn process_takes(field: &str, number: i64) -> bool {
    let raw = Raw {
        ventana_flexible_minutos: (field == "ventana_flexible_minutos").then_some(number),
        reintentos: (field == "reintentos").then_some(number),
        unknown: vec![Field::Nombre, Field::Cron, Field::ArnRol, Field::ArnProceso],
        ..Raw::default()
    };
    check(&raw, &Limits::default()).is_empty()
}

#[test]
fn the_retentions_that_are_named_are_taken() {
    let (_, retention) = attributes()
        .into_iter()
        .find(|(path, _)| path == "kairos_stack.log_retention_days")
        .unwrap();
    let text = retention.facts().description;
    let numbers: Vec<i64> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect();
    assert!(numbers.len() > 5, "{text}");
    assert!(
        numbers.iter().all(|days| retention.check(&Value::from(*days)).is_ok()),
        "{text}"
    );
}

#[test]
fn what_there_is_not_is_told_with_what_there_is() {
    let page = Page {
        path: "functions/f.md".into(),
        title: String::new(),
        heading: String::new(),
        subcategory: true,
        summary: String::new(),
        subject: Subject::Block("Told.", Vec::new(), Changes::Untold),
    };
    let error = page.filling("parameters", &root()).unwrap_err().to_string();
    assert!(
        error.starts_with("the template of docs/functions/f.md asks for \"{{ parameters }}\", which is none of"),
        "{error}"
    );
    let error = page.filling("example no/such.tf", &root()).unwrap_err().to_string();
    assert!(
        error.starts_with("reading \"examples/no/such.tf\" for the page docs/functions/f.md failed"),
        "{error}"
    );
}
