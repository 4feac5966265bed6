//! A small provider for the tests of this crate: notes, kept as files of a directory that plays the cloud.
//!
//! What can go wrong is asked for by the attribute `mishap`, so that a test reads as the configuration it runs.

mod note;

use std::path::PathBuf;
use std::process::ExitCode;

use tfplugin::{
    About, Attr, Attribute, Diagnostics, Function, FunctionError, Offers, Parameter, Path, Provider, Schema, Signature,
    Surroundings, Type, Value, model, serve,
};

fn main() -> ExitCode {
    let about = About {
        name: "paper",
        version: "0.0.1",
        source: "tests/paper",
        crates: &["terraform_provider_paper"],
    };
    serve(Paper, about)
}

struct Paper;

model! {
    struct Config {
        directory: Attr<String>,
    }
}

/// Where the notes are.
struct Cloud {
    directory: PathBuf,
}

impl Provider for Paper {
    type Config = Config;
    type Configured = Cloud;

    fn schema(&self) -> Schema {
        let directory = Attribute::string().required().description("Where the notes are kept.");
        Schema::new(0).attribute("directory", directory)
    }

    fn offers(&self) -> Offers<Cloud> {
        Offers::new()
            .resource(note::Notes)
            .data_source(note::NoteData)
            .function(Shout)
    }

    fn validate(&self, config: &Config, diagnostics: &mut Diagnostics) {
        if config.directory.as_str() == Some("") {
            diagnostics.error_at(Path::root("directory"), "Directory missing", "The directory is empty.");
        }
    }

    async fn configure(
        &self,
        config: Config,
        surroundings: Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Cloud> {
        tracing::info!(version = surroundings.terraform_version, "configured");
        let Some(directory) = config.directory.into_known() else {
            diagnostics.error_at(
                Path::root("directory"),
                "Directory unknown",
                "It must be known while planning.",
            );
            return None;
        };
        Some(Cloud {
            directory: PathBuf::from(directory),
        })
    }
}

/// `provider::paper::shout("a") == "A!"`
struct Shout;

impl Function for Shout {
    const NAME: &'static str = "shout";

    fn signature(&self) -> Signature {
        Signature::returning(Type::String)
            .summary("Says it louder")
            .parameter(Parameter::new("text", Type::String))
            .variadic(Parameter::new("more", Type::String))
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let mut said = String::new();
        for (position, argument) in arguments.iter().enumerate() {
            match argument.as_str() {
                Some(text) if !text.is_empty() => said.push_str(&text.to_uppercase()),
                _ => return Err(FunctionError::at(position, "There is nothing to shout.")),
            }
        }
        Ok(Value::from(format!("{said}!")))
    }
}
