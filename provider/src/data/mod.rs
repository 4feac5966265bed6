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
    use tfplugin::{DataSource, Schema};

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

    #[test]
    fn terraform_takes_the_schemas() {
        for (name, schema) in all() {
            assert_eq!(schema.problems(), Vec::<String>::new(), "{name}");
        }
    }
}
