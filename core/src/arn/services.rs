//! The services and actions of universal targets (`arn:aws:scheduler:::aws-sdk:<service>:<action>`).
//!
//! Invariant: the table is text, one line a service, sorted by its first word; nothing is read before somebody asks, and a
//! question costs one binary search. `cargo xtask services` writes it from the public models of AWS's services.

use std::cmp::Ordering;
use std::fmt;

use crate::error::Rule;

/// The table: a service and its actions, or the reason why it is not called.
const TABLE: &str = include_str!("services.txt");

/// How the names of actions begin that only read, and that Scheduler's universal targets refuse for that reason, one a line. Whatever
/// writes the table reads the same text.
///
/// Source: "Using universal targets" of EventBridge Scheduler's user guide.
const READ_ONLY: &str = include_str!("read_only.txt");

/// The most names that a message proposes.
const PROPOSED: usize = 3;

/// A service as the table spells it, with the word `service` at its end where that was left out.
///
/// The names are the models' `serviceId`s in lower case without blanks. AWS's SDK for Java, and with it some examples of
/// Scheduler's and Step Functions' documentation, drop a `service` at their end: `databasemigration`, `directory`.
pub fn canonical(service: &str) -> Option<&'static str> {
    entry(service).map(|(name, _)| name)
}

/// Checks that `action` of `service` can be called.
pub fn check(service: &str, action: &str) -> Result<(), Rule> {
    let Some((_, actions)) = entry(service) else {
        let names = TABLE.lines().filter_map(|line| line.split(' ').next());
        return Err(Rule::UnknownService {
            service: service.to_owned(),
            similar: similar(service, names).into(),
        });
    };
    if let Some(reason) = actions.strip_prefix('!') {
        return Err(Rule::UnsupportedService {
            service: service.to_owned(),
            reason: unsupported(reason),
        });
    }
    if only_reads(action) {
        return Err(Rule::ReadOnlyAction {
            action: action.to_owned(),
        });
    }
    for known in actions.split(' ') {
        let (name, reason) = known.split_once('!').unwrap_or((known, ""));
        if name == action {
            return match reason {
                "" => Ok(()),
                reason => Err(Rule::UnsupportedAction {
                    action: action.to_owned(),
                    reason: unsupported(reason),
                }),
            };
        }
    }
    let names = actions
        .split(' ')
        .map(|known| known.split('!').next().unwrap_or_default());
    Err(Rule::UnknownAction {
        service: service.to_owned(),
        action: action.to_owned(),
        similar: similar(action, names).into(),
    })
}

/// Why a service or an action is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// The service speaks a protocol of query strings and XML, or CBOR alone.
    Protocol,
    /// Its requests are signed in another way than with keys for one region.
    Signature,
    /// The request or the answer is a stream of events.
    EventStream,
    /// The address must first be asked for, or is given in the request.
    Endpoint,
    /// The request must carry a checksum of a kind of its own.
    Checksum,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Protocol => "it speaks no JSON, and universal targets are called in JSON",
            Self::Signature => "its requests are signed in another way",
            Self::EventStream => "its request or its answer is a stream of events",
            Self::Endpoint => "its address is not known beforehand",
            Self::Checksum => "its request needs a checksum of its own",
        })
    }
}

/// Whether an action's only purpose is its answer, by its name.
fn only_reads(action: &str) -> bool {
    READ_ONLY.lines().any(|prefix| action.starts_with(prefix))
}

/// The table's word for each reason.
fn unsupported(reason: &str) -> Unsupported {
    match reason {
        "signature" => Unsupported::Signature,
        "stream" => Unsupported::EventStream,
        "endpoint" => Unsupported::Endpoint,
        "checksum" => Unsupported::Checksum,
        _ => Unsupported::Protocol,
    }
}

fn entry(service: &str) -> Option<(&'static str, &'static str)> {
    line(TABLE, service).or_else(|| line(TABLE, &format!("{service}service")))
}

/// The line of a sorted text whose first word is `key`: that word, and what follows it.
///
/// Lines are sorted by their first words' bytes, which are letters, digits and dots.
pub fn line<'a>(table: &'a str, key: &str) -> Option<(&'a str, &'a str)> {
    let (mut low, mut high) = (0, table.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = table.as_bytes()[..middle]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let end = table.as_bytes()[middle..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(table.len(), |at| middle + at);
        let text = table.get(start..end)?;
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        match name.cmp(key) {
            Ordering::Equal => return Some((name, rest)),
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    None
}

/// The names nearest to what was written, nearest first: those that differ in case or dashes only, then those few letters
/// away, or that one begins with the other.
fn similar<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let plain = |text: &str| -> Vec<u8> {
        text.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| byte.to_ascii_lowercase())
            .collect()
    };
    let wanted = plain(written);
    let allowed = wanted.len() / 3;
    let mut near: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let name_plain = plain(name);
            let away = if name_plain.starts_with(&wanted) || (wanted.starts_with(&name_plain) && name_plain.len() > 2) {
                usize::from(name_plain != wanted)
            } else {
                distance(&wanted, &name_plain, allowed)?
            };
            Some((away, name))
        })
        .collect();
    near.sort_by_key(|(away, name)| (*away, name.len().abs_diff(written.len())));
    if near.first().is_some_and(|(away, _)| *away == 0) {
        near.retain(|(away, _)| *away == 0);
    }
    near.into_iter()
        .take(PROPOSED)
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// The number of letters to put in, take out or replace, up to `most`.
fn distance(one: &[u8], other: &[u8], most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().filter(|found| *found <= most)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[track_caller]
    fn refused(service: &str, action: &str) -> Rule {
        check(service, action).unwrap_err()
    }

    #[test]
    fn every_line_is_found_and_the_lines_are_sorted() {
        let names: Vec<&str> = TABLE.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.len() > 400, "{} services", names.len());
        assert!(names.is_sorted());
        for name in names {
            assert_eq!(line(TABLE, name).unwrap().0, name);
        }
        for missing in ["", "a", "zzz", "sqs ", "sq", "sqss", "\n"] {
            assert_eq!(line(TABLE, missing), None, "{missing:?}");
        }
    }

    #[test]
    fn actions_of_the_json_protocols_are_known() {
        for (service, action) in [
            ("sqs", "sendMessage"),
            ("dynamodb", "putItem"),
            ("eventbridge", "putEvents"),
            ("sfn", "startExecution"),
            ("lambda", "invoke"),
            ("ecs", "runTask"),
            ("cloudwatchlogs", "createExportTask"),
            ("cloudwatch", "putMetricData"),
            ("cognitoidentityprovider", "adminCreateUser"),
            ("databasemigration", "startReplicationTask"),
        ] {
            assert_eq!(check(service, action), Ok(()), "{service}:{action}");
        }
    }

    #[test]
    fn a_service_under_another_name_is_proposed() {
        let proposed = |service: &str| match refused(service, "putEvents") {
            Rule::UnknownService { similar, .. } => similar.into_vec(),
            other => vec![format!("{other:?}")],
        };
        assert_eq!(proposed("SQS"), ["sqs"]);
        assert_eq!(
            proposed("event-bridge").first().map(String::as_str),
            Some("eventbridge")
        );
        assert_eq!(proposed("dinamodb").first().map(String::as_str), Some("dynamodb"));
        assert!(proposed("completelyelsewhere").is_empty());
    }

    #[test]
    fn an_action_in_other_letters_is_proposed() {
        let Rule::UnknownAction { similar, .. } = refused("sqs", "SendMessage") else {
            unreachable!("an unknown action");
        };
        assert_eq!(similar.first().map(String::as_str), Some("sendMessage"));
    }

    #[test]
    fn what_only_reads_is_refused() {
        for action in ["getQueueUrl", "listQueues", "receiveMessage"] {
            assert!(
                matches!(refused("sqs", action), Rule::ReadOnlyAction { .. }),
                "{action}"
            );
        }
    }

    #[test]
    fn the_table_holds_nothing_that_only_reads() {
        for action in TABLE.lines().flat_map(|line| line.split(' ').skip(1)) {
            assert!(!only_reads(action), "{action}");
        }
    }

    #[test]
    fn every_line_of_the_prefixes_is_one() {
        let prefixes: Vec<&str> = READ_ONLY.lines().collect();
        assert_eq!(prefixes.len(), 25);
        for (at, prefix) in prefixes.iter().enumerate() {
            // An empty one would refuse every action.
            assert!(prefix.starts_with(|c: char| c.is_ascii_lowercase()), "{prefix:?}");
            assert!(prefix.chars().all(|c| c.is_ascii_alphabetic()), "{prefix:?}");
            let mut others = prefixes.iter().enumerate().filter(|(other, _)| *other != at);
            assert!(
                !others.any(|(_, other)| prefix.starts_with(other)),
                "{prefix} is said twice"
            );
        }
    }

    #[test]
    fn services_of_other_protocols_are_refused_with_the_reason() {
        for service in ["ec2", "iam", "rds", "s3", "sns", "cloudformation"] {
            assert_eq!(
                refused(service, "createThing"),
                Rule::UnsupportedService {
                    service: service.into(),
                    reason: Unsupported::Protocol
                }
            );
        }
        assert!(matches!(
            refused("glacier", "uploadArchive"),
            Rule::UnsupportedAction {
                reason: Unsupported::Checksum,
                ..
            }
        ));
    }
}
