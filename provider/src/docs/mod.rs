//! The registry's documentation of the provider, resources, data sources and functions: prose from `templates/`, examples from
//! `examples/`, and everything else from the schemas.
//!
//! Invariant: reads files and writes none; the pages in `docs/` are exactly these texts, which a test compares.

mod schema;
mod template;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use tfplugin::{Attribute, Catalogue, Signature, Type};

use self::schema::{Changes, type_name};
use crate::provider::Kairos;

/// The pages, by their paths below `docs/`.
pub type Pages = BTreeMap<String, String>;

/// Why a page cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A template or an example cannot be read.
    #[error("reading \"{file}\" for the page docs/{page} failed: {error}")]
    Read {
        /// The page.
        page: String,
        /// What was to be read.
        file: String,
        /// Why it was not.
        error: io::Error,
    },
    /// A template asks for what there is not.
    #[error("the template of docs/{page} asks for \"{{{{ {directive} }}}}\", which is none of {known}")]
    Directive {
        /// The page.
        page: String,
        /// What it asks for.
        directive: String,
        /// What it may ask for.
        known: &'static str,
    },
}

/// Every page, from the templates and the examples of the repository at `root`.
///
/// # Errors
/// A template is missing or asks for what there is not, or an example is missing.
pub fn pages(root: &Path) -> Result<Pages, Failure> {
    let catalogue = Catalogue::of(&Kairos);
    let mut pages = Pages::new();
    let mut add = |page: Page<'_>| -> Result<(), Failure> {
        let text = page.written(root)?;
        pages.insert(page.path, text);
        Ok(())
    };
    add(Page {
        path: "index.md".into(),
        title: "Provider: Kairos".into(),
        heading: "Kairos provider".into(),
        subcategory: false,
        summary: catalogue.provider.told().into(),
        subject: Subject::Block(
            catalogue.provider.told(),
            catalogue.provider.attributes(),
            Changes::Untold,
        ),
    })?;
    for (kind, folder, schemas, changes) in [
        ("Resource", "resources", &catalogue.resources, Changes::Told),
        ("Data Source", "data-sources", &catalogue.data_sources, Changes::Untold),
    ] {
        for (name, schema) in schemas {
            let short = name.strip_prefix("kairos_").unwrap_or(name);
            add(Page {
                path: format!("{folder}/{short}.md"),
                title: format!("{name} {kind} - kairos"),
                heading: format!("{name} ({kind})"),
                subcategory: true,
                summary: schema.told().into(),
                subject: Subject::Block(schema.told(), schema.attributes(), changes),
            })?;
        }
    }
    for (name, signature) in &catalogue.functions {
        add(Page {
            path: format!("functions/{name}.md"),
            title: format!("{name} function - kairos"),
            heading: format!("function: {name}"),
            subcategory: true,
            summary: signature.summary.clone(),
            subject: Subject::Function(name, signature),
        })?;
    }
    Ok(pages)
}

/// A page on its way.
struct Page<'a> {
    path: String,
    title: String,
    heading: String,
    /// Whether the registry may group it.
    subcategory: bool,
    summary: String,
    subject: Subject<'a>,
}

/// What a page is about.
enum Subject<'a> {
    /// A block with attributes: its description, its attributes, and whether changes of them are told.
    Block(&'a str, Vec<(&'a str, &'a Attribute)>, Changes),
    /// A function, by its name.
    Function(&'a str, &'a Signature),
}

/// What a template may ask for, in words.
const KNOWN: &str = "description, arguments, schema, signature, parameters, result, example <file of examples/>, shell <file of examples/>";

impl Page<'_> {
    fn written(&self, root: &Path) -> Result<String, Failure> {
        let template = self.read(&root.join("templates").join(format!("{}.tmpl", self.path)), root)?;
        let body = template::filled(&template, |directive| self.filling(directive, root))?;
        let subcategory = if self.subcategory { "subcategory: \"\"\n" } else { "" };
        Ok(format!(
            "---\npage_title: \"{}\"\n{subcategory}description: |-\n  {}\n---\n\n# {}\n\n{}\n",
            self.title,
            self.summary.replace('`', ""),
            self.heading,
            body.trim()
        ))
    }

    /// What stands where a template asks for it.
    fn filling(&self, directive: &str, root: &Path) -> Result<String, Failure> {
        match (directive.split_once(' ').unwrap_or((directive, "")), &self.subject) {
            (("description", ""), Subject::Block(told, ..)) => Ok((*told).to_owned()),
            (("description", ""), Subject::Function(_, signature)) => Ok(signature.description.clone()),
            (("arguments", ""), Subject::Block(_, attributes, changes)) => Ok(schema::arguments(attributes, *changes)),
            (("schema", ""), Subject::Block(_, attributes, _)) => Ok(schema::section(attributes)),
            (("signature", ""), Subject::Function(name, signature)) => Ok(call(name, signature)),
            (("parameters", ""), Subject::Function(_, signature)) => Ok(parameters(signature)),
            (("result", ""), Subject::Function(_, signature)) => Ok(format!("`{}`", written(&signature.result))),
            (("example", file), _) => self.block("terraform", file, root),
            (("shell", file), _) => self.block("shell", file, root),
            _ => Err(Failure::Directive {
                page: self.path.clone(),
                directive: directive.into(),
                known: KNOWN,
            }),
        }
    }

    fn block(&self, language: &str, file: &str, root: &Path) -> Result<String, Failure> {
        let text = self.read(&root.join("examples").join(file), root)?;
        Ok(format!("```{language}\n{}\n```", text.trim_end()))
    }

    fn read(&self, file: &Path, root: &Path) -> Result<String, Failure> {
        fs::read_to_string(file).map_err(|error| Failure::Read {
            page: self.path.clone(),
            file: file.strip_prefix(root).unwrap_or(file).display().to_string(),
            error,
        })
    }
}

/// `name(a string, b number) list of string`
fn call(name: &str, signature: &Signature) -> String {
    let each = signature
        .parameters
        .iter()
        .map(|p| format!("{} {}", p.name, written(&p.ty)));
    let variadic = signature
        .variadic
        .iter()
        .map(|p| format!("{} {}...", p.name, written(&p.ty)));
    let parameters: Vec<String> = each.chain(variadic).collect();
    format!(
        "```text\n{name}({}) {}\n```",
        parameters.join(", "),
        written(&signature.result)
    )
}

fn parameters(signature: &Signature) -> String {
    let mut text = String::new();
    for (index, parameter) in signature.parameters.iter().chain(&signature.variadic).enumerate() {
        let null = if parameter.takes_null { ", Nullable" } else { "" };
        let variadic = if index < signature.parameters.len() {
            ""
        } else {
            ", Variadic"
        };
        let (name, ty) = (&parameter.name, type_name(&parameter.ty));
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{}. `{name}` ({ty}{null}{variadic}) {}",
            index + 1,
            parameter.description
        );
    }
    text.trim_end().to_owned()
}

/// A type as signatures have it.
fn written(ty: &Type) -> String {
    type_name(ty).to_lowercase().replace("boolean", "bool")
}
