//! The provider's binary.

use std::io::Write;
use std::process::ExitCode;
use std::{env, io};

use terraform_provider_kairos::permissions;
use terraform_provider_kairos::provider::Kairos;
use terraform_provider_kairos::render;
use tfplugin::About;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        Some(("permissions", rest)) => return ended(permissions::command::run(rest, &mut io::stdout().lock())),
        Some(("render", rest)) => return ended(render::run(rest, &mut io::stdout().lock())),
        _ => {}
    }
    let about = About {
        name: "kairos",
        version: env!("CARGO_PKG_VERSION"),
        source: "kairos/kairos",
        crates: &["terraform_provider_kairos", "kairos", "kairos_aws"],
    };
    tfplugin::serve(Kairos, about)
}

/// A command's end: what went wrong is told on standard error.
fn ended<E: std::fmt::Display>(outcome: Result<(), E>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
