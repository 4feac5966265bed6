//! The command `permissions` of the provider's binary: the policies for one stack, ready to attach.
//!
//! Invariant: AWS is not asked anything; the same arguments always give the same policies.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kairos::names::{Names, Place};

use super::guide;
use super::policy::{Document, policies};
use super::subject::{Duty, Subject};
use crate::stack::rules;

/// How the command is used.
pub const USAGE: &str = "\
Prints the IAM policies that terraform needs for one stack, as JSON: for each duty (plan, apply, destroy, procesos, data) a list of
policies. Attach those of `plan` in any case, those of `apply` and `destroy` beside them; `procesos` and `data` stand alone.

Usage: terraform-provider-kairos permissions --name <stack> --account <id> --region <region> [options]
       terraform-provider-kairos permissions --guide

Options:
  --partition <name>             aws, aws-cn, aws-us-gov, … [default: aws]
  --duty <duty>                  Only this duty: prints its list of policies
  --role-path <path>             The stack's role_path [default: /]
  --permissions-boundary <arn>   The stack's permissions_boundary_arn
  --kms-key <arn>                The stack's kms_key_arn
  --domain <name>                The domain_name of the stack's API
  --layer <arn>                  A layer of the functions; may be repeated
  --out <folder>                 Writes one file a policy (kairos-apply-1.json, …) instead of printing them; makes the folder
  --guide                        Prints docs/guides/permissions.md
";

/// Why the command did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments make no sense.
    #[error("{0}\n\n{USAGE}")]
    Arguments(String),
    /// A file or the output could not be written.
    #[error("writing {what} failed: {error}")]
    Write {
        /// What.
        what: String,
        /// Why.
        error: io::Error,
    },
}

/// Runs the command; what it prints goes to `out`.
///
/// # Errors
/// Arguments that make no sense, or an output that cannot be written.
pub fn run(arguments: &[String], out: &mut impl Write) -> Result<(), Failure> {
    let printed = |error| Failure::Write {
        what: "the output".into(),
        error,
    };
    if arguments.iter().any(|a| a == "--help" || a == "-h") {
        return out.write_all(USAGE.as_bytes()).map_err(printed);
    }
    if arguments == ["--guide"] {
        return out.write_all(guide::text().as_bytes()).map_err(printed);
    }
    let request = Request::parse(arguments)?;
    if let Some(folder) = &request.out {
        return write_files(&request, folder);
    }
    let text = match request.duty {
        Some(duty) => serde_json::to_string_pretty(&policies(&request.subject, duty)),
        None => serde_json::to_string_pretty(&all(&request.subject)),
    };
    writeln!(out, "{}", text.unwrap_or_default()).map_err(printed)
}

fn all(subject: &Subject) -> BTreeMap<&'static str, Vec<Document>> {
    let of = |duty: Duty| (duty.as_str(), policies(subject, duty));
    Duty::ALL.into_iter().map(of).collect()
}

fn write_files(request: &Request, folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::Write {
        what: folder.display().to_string(),
        error,
    })?;
    let duties = Duty::ALL
        .into_iter()
        .filter(|d| request.duty.is_none_or(|only| only == *d));
    for duty in duties {
        for (index, document) in policies(&request.subject, duty).iter().enumerate() {
            let file = folder.join(format!("kairos-{}-{}.json", duty.as_str(), index + 1));
            std::fs::write(&file, document.pretty() + "\n").map_err(|error| Failure::Write {
                what: file.display().to_string(),
                error,
            })?;
        }
    }
    Ok(())
}

/// What is asked for.
#[derive(Debug)]
struct Request {
    subject: Subject,
    duty: Option<Duty>,
    out: Option<PathBuf>,
}

impl Request {
    fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut given = Given::default();
        let mut rest = arguments.iter();
        while let Some(option) = rest.next() {
            let value = rest
                .next()
                .ok_or_else(|| wrong(format!("\"{option}\" needs a value")))?;
            given.take(option, value)?;
        }
        given.into_request()
    }
}

/// The options as they were given.
#[derive(Debug, Default)]
struct Given {
    single: BTreeMap<String, String>,
    layers: Vec<String>,
}

impl Given {
    const SINGLE: [&str; 10] = [
        "--name",
        "--account",
        "--region",
        "--partition",
        "--duty",
        "--role-path",
        "--permissions-boundary",
        "--kms-key",
        "--domain",
        "--out",
    ];

    fn take(&mut self, option: &str, value: &str) -> Result<(), Failure> {
        if option == "--layer" {
            self.layers.push(value.to_owned());
        } else if !Self::SINGLE.contains(&option) {
            return Err(wrong(format!("there is no option \"{option}\"")));
        } else if self.single.insert(option.to_owned(), value.to_owned()).is_some() {
            return Err(wrong(format!("\"{option}\" is given twice")));
        }
        Ok(())
    }

    fn into_request(mut self) -> Result<Request, Failure> {
        let mut required = |option: &str| {
            let value = self.single.remove(option);
            value.ok_or_else(|| wrong(format!("\"{option}\" is missing")))
        };
        let (app, account, region) = (required("--name")?, required("--account")?, required("--region")?);
        let mut optional = |option: &str| self.single.remove(option);
        valid("--name", &app, rules::name)?;
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong(format!("\"{account}\" is no account: it has twelve digits")));
        }
        let partition = optional("--partition").unwrap_or_else(|| "aws".into());
        let place = Place {
            partition,
            account,
            region,
        };
        let role_path = optional("--role-path").unwrap_or_else(|| "/".into());
        valid("--role-path", &role_path, rules::role_path)?;
        let boundary = optional("--permissions-boundary");
        if let Some(arn) = &boundary {
            valid("--permissions-boundary", arn, rules::policy_arn)?;
        }
        let key = optional("--kms-key");
        if let Some(arn) = &key {
            valid("--kms-key", arn, rules::kms_key)?;
        }
        let duty = match optional("--duty") {
            None => None,
            Some(name) => Some(Duty::parse(&name).ok_or_else(|| wrong(format!("there is no duty \"{name}\"")))?),
        };
        Ok(Request {
            duty,
            out: optional("--out").map(PathBuf::from),
            subject: Subject {
                names: Names::new(app, place),
                role_path,
                permissions_boundary_arn: boundary,
                kms_key_arn: key,
                domain_name: optional("--domain"),
                layers: self.layers,
            },
        })
    }
}

/// The stack's own rule for the same attribute.
fn valid(option: &str, value: &str, rule: impl Fn(&tfplugin::Value) -> Result<(), String>) -> Result<(), Failure> {
    rule(&tfplugin::Value::from(value)).map_err(|problem| wrong(format!("\"{option}\": {problem}")))
}

fn wrong(problem: String) -> Failure {
    Failure::Arguments(problem)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    const STACK: &str = "--name Acme --account 123456789012 --region us-east-1";

    fn ask(arguments: &str) -> Result<String, String> {
        let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        let mut out = Vec::new();
        run(&arguments, &mut out).map_err(|e| e.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn it_prints_the_policies_of_one_stack_for_each_duty() {
        let printed: serde_json::Value = serde_json::from_str(&ask(STACK).unwrap()).unwrap();
        for duty in Duty::ALL {
            let listed = printed[duty.as_str()].as_array().unwrap();
            assert!(
                listed.iter().all(|policy| policy["Version"] == "2012-10-17"),
                "{}",
                duty.as_str()
            );
            let alone: serde_json::Value =
                serde_json::from_str(&ask(&format!("{STACK} --duty {}", duty.as_str())).unwrap()).unwrap();
            assert_eq!(alone, printed[duty.as_str()]);
        }
    }

    #[test]
    fn files_have_what_is_printed() {
        let parent = std::env::temp_dir().join(format!("kairos-permissions-{}", std::process::id()));
        let folder = parent.join("policies");
        let arguments = format!("{STACK} --duty procesos --out {}", folder.display());
        assert_eq!(ask(&arguments).unwrap(), "");
        let file: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("kairos-procesos-1.json")).unwrap()).unwrap();
        let printed: serde_json::Value =
            serde_json::from_str(&ask(&format!("{STACK} --duty procesos")).unwrap()).unwrap();
        assert_eq!(file, printed[0]);
        std::fs::remove_dir_all(&parent).unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_usage() {
        for (arguments, problem) in [
            ("--name Acme --account 123456789012", "\"--region\" is missing"),
            ("--name 1x --account 123456789012 --region us-east-1", "--name"),
            ("--name Acme --account 12 --region us-east-1", "\"12\" is no account"),
            (&format!("{STACK} --duty all"), "there is no duty \"all\""),
            (&format!("{STACK} --colour red"), "there is no option \"--colour\""),
            (&format!("{STACK} --name Other"), "\"--name\" is given twice"),
            (&format!("{STACK} --domain"), "\"--domain\" needs a value"),
            (&format!("{STACK} --role-path kairos"), "--role-path"),
            (
                &format!("{STACK} --permissions-boundary policy"),
                "--permissions-boundary",
            ),
            (&format!("{STACK} --kms-key alias/x"), "--kms-key"),
        ] {
            let error = ask(arguments).unwrap_err();
            assert!(
                error.starts_with(problem) || error.contains(problem),
                "{arguments}: {error}"
            );
            assert!(error.contains("Usage:"), "{error}");
        }
    }
}
