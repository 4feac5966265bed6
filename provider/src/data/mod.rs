//! The data sources: what a configuration may read of stacks and processes, whoever manages them.
//!
//! Invariant: nothing here writes. Each asks AWS for as little as it shows, and [`permissions`](permissions::permissions) tells what.

mod ejecuciones;
mod found;
mod installation;
mod kms;
mod permissions;
mod proceso;
mod procesos;
mod rol;
mod stack;

use kairos::error::UserError;
use kairos::registry::RegistryError;
use serde_json::Value;
use tfplugin::{Attribute, Diagnostics, Path};

pub use ejecuciones::EjecucionesDataSource;
pub use installation::Installations;
pub use kms::PoliticaKmsDataSource;
pub use permissions::permissions;
pub use proceso::ProcesoDataSource;
pub use procesos::ProcesosDataSource;
pub use rol::RolDataSource;
pub use stack::StackDataSource;

use crate::sentence::sentence;
use crate::stack::policy::PolicyDocument;
use crate::stack::rules;

/// The attribute that names the stack.
fn stack_attribute(description: &str) -> Attribute {
    Attribute::string()
        .required()
        .validate(rules::name)
        .description(description)
}

/// A policy document of these statements, as JSON.
fn document(statements: impl IntoIterator<Item = Value>) -> String {
    PolicyDocument::new(statements).to_json()
}

/// What was read; otherwise its errors are among the diagnostics.
fn settle<T>(read: Result<T, Diagnostics>, diagnostics: &mut Diagnostics) -> Option<T> {
    read.map_err(|errors| diagnostics.extend(errors)).ok()
}

/// What a user got wrong, each at its attribute, with the position under the value.
fn wrong(errors: &[UserError]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for error in errors {
        let attribute = error.field.attribute();
        let caret = error.caret().unwrap_or_default();
        let caret = caret.lines().fold(String::new(), |text, line| text + "\n  " + line);
        let gap = if caret.is_empty() { "" } else { "\n" };
        diagnostics.error_at(
            Path::root(attribute),
            format!("Invalid {attribute}"),
            format!("{}{gap}{caret}", sentence(error)),
        );
    }
    diagnostics
}

/// Why `what` could not be read.
fn unread(what: &str, error: &RegistryError) -> Diagnostics {
    Diagnostics::of_error(format!("Cannot read {what}"), sentence(error))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use std::path::Path;

    use tfplugin::{DataSource, Schema, Type};

    use super::*;

    /// Each with its schema.
    fn all() -> [(&'static str, Schema); 6] {
        fn of<D: DataSource>(source: &D) -> (&'static str, Schema) {
            (D::NAME, source.schema())
        }
        [
            of(&StackDataSource),
            of(&ProcesoDataSource),
            of(&ProcesosDataSource),
            of(&EjecucionesDataSource),
            of(&RolDataSource),
            of(&PoliticaKmsDataSource),
        ]
    }

    /// The names of all attributes, nested ones too.
    fn attributes(ty: &Type) -> Vec<String> {
        match ty {
            Type::Object(members) => {
                let each = members.iter();
                each.flat_map(|(name, ty)| [name.clone()].into_iter().chain(attributes(ty)))
                    .collect()
            }
            Type::List(element) | Type::Set(element) | Type::Map(element) => attributes(element),
            _ => Vec::new(),
        }
    }

    #[test]
    fn terraform_takes_the_schemas() {
        for (name, schema) in all() {
            assert_eq!(schema.problems(), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn each_has_a_page_that_tells_of_every_attribute_and_shows_the_example() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (name, schema) in all() {
            let short = name.strip_prefix("kairos_").unwrap();
            let page = std::fs::read_to_string(root.join(format!("docs/data-sources/{short}.md"))).unwrap();
            assert!(
                page.starts_with(&format!("---\npage_title: \"{name} ")),
                "{name}: the front matter"
            );
            let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
            let attributes = attributes(&schema.object_type());
            for attribute in &attributes {
                let row = format!("| `{attribute}` |");
                assert!(
                    rows.iter().any(|line| line.starts_with(&row)),
                    "{name}: no row of \"{attribute}\""
                );
            }
            for row in &rows {
                let told = row.split('`').nth(1).unwrap_or_default().to_owned();
                assert!(attributes.contains(&told), "{name}: there is no \"{told}\"");
            }
            let example = root.join(format!("examples/data-sources/{name}/data-source.tf"));
            let example = std::fs::read_to_string(example).unwrap();
            assert!(
                page.contains(&format!("```terraform\n{example}```")),
                "{name}: another example than the page's"
            );
        }
    }
}
