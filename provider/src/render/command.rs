//! `terraform-provider-kairos render`: the command line.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::files::{Files, render};
use super::subject::Subject;
use crate::stack::code;

/// What `--help` says.
const USAGE: &str = "\
Writes a stack of Kairos as a plain Terraform configuration of hashicorp/aws, with import blocks.

Usage: terraform show -json | terraform-provider-kairos render --out FOLDER [--address ADDRESS] [--state FILE]

  --out FOLDER       where to write; it is made, and must be empty if it exists
  --address ADDRESS  which kairos_stack, where there is more than one (module.cron.kairos_stack.this)
  --state FILE       what `terraform show -json` printed, of a state or of a plan; by default standard input

Nothing is asked of AWS, and nothing is changed.
";

/// Runs the command with the arguments behind `render`, and says what it did.
///
/// # Errors
/// What is wrong with the arguments, the state or the folder.
pub fn run(arguments: &[String], out: &mut impl Write) -> Result<(), String> {
    let said = match Arguments::parse(arguments.iter().cloned())? {
        None => USAGE.to_owned(),
        Some(arguments) => arguments.carry_out()?,
    };
    out.write_all(said.as_bytes())
        .map_err(|e| format!("writing to standard output: {e}"))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    out: PathBuf,
    address: Option<String>,
    state: Option<PathBuf>,
}

impl Arguments {
    /// `None` where help is asked for.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut parsed = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            if matches!(name.as_str(), "--help" | "-h") {
                return Ok(None);
            }
            if !matches!(name.as_str(), "--out" | "--address" | "--state") {
                return Err(format!("\"{name}\" is not known: see --help"));
            }
            let Some(value) = given.or_else(|| arguments.next()) else {
                return Err(format!("{name} needs a value: see --help"));
            };
            match name.as_str() {
                "--out" => parsed.out = value.into(),
                "--address" => parsed.address = Some(value),
                _ => parsed.state = (value != "-").then(|| value.into()),
            }
        }
        if parsed.out.as_os_str().is_empty() {
            return Err("--out is missing, the folder to write to: see --help".into());
        }
        Ok(Some(parsed))
    }

    fn carry_out(&self) -> Result<String, String> {
        let text = if let Some(file) = &self.state {
            fs::read_to_string(file).map_err(|e| format!("reading \"{}\": {e}", file.display()))?
        } else {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|e| format!("reading standard input: {e}"))?;
            text
        };
        let subject = Subject::read(&text, self.address.as_deref()).map_err(|e| e.to_string())?;
        let architecture = subject.config.architecture;
        let codes = code::codes(architecture).ok_or_else(|| {
            format!(
                "this build of the provider does not carry the functions for {}: use a release's",
                architecture.as_str()
            )
        })?;
        let files = render(&subject, &codes);
        write(&self.out, &files)?;
        let said = format!(
            "{} as {} resources in \"{}\", {} of them to import. Go on with the README.md there.\n",
            subject.address,
            files.resources,
            self.out.display(),
            files.imports
        );
        if files.differing.is_empty() {
            return Ok(said);
        }
        Ok(format!(
            "{said}The state has these otherwise, because they drifted or another version of the provider applied them; the \
             plan will change them: {}\n",
            files.differing.join(", ")
        ))
    }
}

fn write(folder: &Path, files: &Files) -> Result<(), String> {
    let problem = |path: &Path, e: std::io::Error| format!("writing \"{}\": {e}", path.display());
    fs::create_dir_all(folder).map_err(|e| problem(folder, e))?;
    let mut held = fs::read_dir(folder).map_err(|e| problem(folder, e))?;
    if held.next().is_some() {
        return Err(format!(
            "the folder \"{}\" is not empty: what is in it might get mixed up with the stack",
            folder.display()
        ));
    }
    for (name, content) in &files.files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|e| problem(&path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Arguments>, String> {
        Arguments::parse(arguments.iter().map(|a| (*a).to_owned()))
    }

    #[test]
    fn arguments_are_read_in_both_spellings() {
        let wanted = Arguments {
            out: "there".into(),
            address: Some("kairos_stack.a".into()),
            state: Some("state.json".into()),
        };
        let given = ["--out", "there", "--address=kairos_stack.a", "--state", "state.json"];
        assert_eq!(parse(&given), Ok(Some(wanted)));
        assert_eq!(parse(&["--help"]), Ok(None));
    }

    #[test]
    fn what_is_wrong_with_the_arguments_is_said() {
        for (given, problem) in [
            (&["--output", "x"][..], "\"--output\" is not known"),
            (&["--out"], "--out needs a value"),
            (&[], "--out is missing"),
        ] {
            let said = parse(given).err().unwrap_or_default();
            assert!(said.contains(problem), "{said}");
        }
    }
}
