//! The provider's binary.

use std::io::Write;
use std::process::ExitCode;
use std::{env, io};

use terraform_provider_kairos::permissions;
use terraform_provider_kairos::provider::Kairos;
use terraform_provider_kairos::render;
use tfplugin::About;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("render") {
        return render::run(arguments);
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(("permissions", rest)) = arguments.split_first().map(|(command, rest)| (command.as_str(), rest)) {
        return ended(permissions::command::run(rest, &mut io::stdout().lock()));
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
