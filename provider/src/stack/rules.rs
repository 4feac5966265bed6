//! The rules for single attributes of `kairos_stack`, each with the limit's source.
//!
//! Invariant: pure, and over known values only; a message completes the sentence "… is not valid: …".

use std::collections::BTreeMap;
use std::time::Duration;

use kairos::names::Names;
use tfplugin::Value;

use super::config::Architecture;
use super::kind::Tags;

/// The retentions that CloudWatch Logs takes (`PutRetentionPolicy`).
const RETENTIONS: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

type Checked = Result<(), String>;

fn text(value: &Value, check: impl Fn(&str) -> Checked) -> Checked {
    value.as_str().map_or(Ok(()), check)
}

fn each(value: &Value, check: impl Fn(&str) -> Checked) -> Checked {
    match value {
        Value::List(elements) => elements.iter().try_for_each(|e| text(e, &check)),
        Value::Set(elements) => elements.0.iter().try_for_each(|e| text(e, &check)),
        _ => Ok(()),
    }
}

fn holds(condition: bool, message: impl FnOnce() -> String) -> Checked {
    if condition { Ok(()) } else { Err(message()) }
}

/// A whole number within limits.
pub fn between(value: &Value, low: i64, high: i64) -> Checked {
    match value {
        Value::Number(n) => holds(n.as_i64().is_some_and(|n| (low..=high).contains(&n)), || {
            if high == i64::from(i32::MAX) {
                format!("it must be at least {low}, not {n}")
            } else {
                format!("it must be between {low} and {high}, not {n}")
            }
        }),
        _ => Ok(()),
    }
}

/// A number above zero.
pub fn positive(value: &Value) -> Checked {
    match value {
        Value::Number(n) => holds(n.to_f64() > 0.0, || format!("it must be greater than 0, not {n}")),
        _ => Ok(()),
    }
}

/// A stack's name: the longest AWS name made of it still fits, and SSM takes it as the root of a hierarchy, which must not
/// begin with `aws` or `ssm` in any case.
pub fn name(value: &Value) -> Checked {
    text(value, |name| {
        let lower = name.to_ascii_lowercase();
        holds(name.len() <= 24, || {
            format!("\"{name}\" has {} characters, and at most 24 are allowed", name.len())
        })?;
        holds(
            name.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            || format!("\"{name}\" must begin with a letter and hold only letters, digits and hyphens"),
        )?;
        holds(!lower.starts_with("aws") && !lower.starts_with("ssm"), || {
            format!("\"{name}\" begins with \"aws\" or \"ssm\", which Systems Manager reserves for AWS")
        })
    })
}

/// What the names of the roles of processes begin with.
pub fn role_prefix(value: &Value) -> Checked {
    text(value, |prefix| {
        holds(prefix.chars().count() >= 3, || {
            format!(
                "\"{prefix}\" is too short: at least 3 characters, so that it does not cover every role of the account"
            )
        })?;
        holds(!prefix.contains(['*', '?']), || {
            format!("\"{prefix}\" must not hold \"*\" or \"?\"")
        })?;
        holds(!prefix.starts_with('/'), || {
            format!(
                "\"{prefix}\" must not begin with \"/\": it is compared with what follows \"role/\" in the role's ARN"
            )
        })?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c);
        holds(prefix.chars().all(allowed), || {
            format!("\"{prefix}\" holds characters that no role's name or path has (letters, digits and +=,.@_-/ only)")
        })
    })
}

/// An external id (STS: 2 to 1224 characters).
pub fn external_id(value: &Value) -> Checked {
    text(value, |id| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/_-".contains(c);
        holds((2..=1224).contains(&id.len()) && id.chars().all(allowed), || {
            format!("\"{id}\" must have 2 to 1224 characters, letters, digits and +=,.@:/_- only")
        })
    })
}

/// E-mail addresses.
pub fn emails(value: &Value) -> Checked {
    each(value, |email| {
        let parts = email.split_once('@');
        let plausible = parts.is_some_and(|(user, host)| {
            !user.is_empty()
                && host.contains('.')
                && !host.starts_with('.')
                && !host.ends_with('.')
                && !host.contains('@')
                && !email.contains(char::is_whitespace)
        });
        holds(plausible, || format!("\"{email}\" is not an e-mail address"))
    })
}

/// ARNs of layer versions (Lambda: at most 5).
pub fn layers(value: &Value) -> Checked {
    if let Value::List(elements) = value {
        holds(elements.len() <= 5, || {
            format!("a function has at most 5 layers, not {}", elements.len())
        })?;
    }
    each(value, |layer| {
        let parts: Vec<&str> = layer.split(':').collect();
        let version = parts.get(7).is_some_and(|v| v.parse::<u64>().is_ok());
        holds(
            parts.len() == 8 && parts[0] == "arn" && parts[2] == "lambda" && parts[5] == "layer" && version,
            || {
                format!(
                    "\"{layer}\" is not the ARN of a layer version, such as arn:aws:lambda:sa-east-1:123456789012:layer:name:1"
                )
            },
        )
    })
}

/// A log level of Lambda.
pub fn log_level(value: &Value) -> Checked {
    let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    text(value, |level| {
        holds(levels.contains(&level), || {
            format!("\"{level}\" is none of {}", levels.join(", "))
        })
    })
}

/// A retention of CloudWatch Logs.
pub fn retention(value: &Value) -> Checked {
    match value {
        Value::Number(n) => holds(n.as_i64().is_some_and(|n| RETENTIONS.contains(&n)), || {
            let all: Vec<String> = RETENTIONS.iter().map(ToString::to_string).collect();
            format!("CloudWatch Logs does not take {n}; it takes {}", all.join(", "))
        }),
        _ => Ok(()),
    }
}

/// An architecture.
pub fn architecture(value: &Value) -> Checked {
    text(value, |a| {
        holds(Architecture::parse(a).is_some(), || {
            format!("\"{a}\" is neither \"x86_64\" nor \"arm64\"")
        })
    })
}

/// The ARN of a KMS key: an alias may point to another key tomorrow.
pub fn kms_key(value: &Value) -> Checked {
    text(value, |arn| {
        holds(arn_of(arn, "kms").is_some_and(|r| r.starts_with("key/")), || {
            format!("\"{arn}\" is not the ARN of a key, such as arn:aws:kms:sa-east-1:123456789012:key/…")
        })
    })
}

/// The ARN of an IAM policy.
pub fn policy_arn(value: &Value) -> Checked {
    text(value, |arn| {
        holds(arn_of(arn, "iam").is_some_and(|r| r.starts_with("policy/")), || {
            format!("\"{arn}\" is not the ARN of a policy, such as arn:aws:iam::123456789012:policy/boundary")
        })
    })
}

/// The path of roles (IAM: at most 512 characters, beginning and ending with a slash).
pub fn role_path(value: &Value) -> Checked {
    text(value, |path| {
        let visible = path.chars().all(|c| ('!'..='~').contains(&c));
        holds(
            path.starts_with('/') && path.ends_with('/') && visible && path.len() <= 512 && !path.contains("//"),
            || format!("\"{path}\" must begin and end with \"/\", such as \"/\" or \"/kairos/\""),
        )
    })
}

/// A custom domain's name.
pub fn domain(value: &Value) -> Checked {
    text(value, |domain| {
        let label = |l: &str| {
            !l.is_empty()
                && l.len() <= 63
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let labels = domain.strip_prefix("*.").unwrap_or(domain);
        holds(
            domain.len() <= 253 && labels.contains('.') && labels.split('.').all(label),
            || format!("\"{domain}\" is not a domain name, such as \"api.example.com\""),
        )
    })
}

/// A mapping key of API Gateway (at most 300 characters, several segments).
pub fn mapping_key(value: &Value) -> Checked {
    text(value, |key| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "$-_.+!*'()/".contains(c);
        let fits = !key.is_empty() && key.len() <= 300 && key.chars().all(allowed);
        holds(
            fits && !key.starts_with('/') && !key.ends_with('/') && !key.contains("//"),
            || format!("\"{key}\" must be a path without slashes at its ends, such as \"kairos\" or \"kairos/v1\""),
        )
    })
}

/// Tags as the user writes them, in one place.
pub fn tags(value: &Value) -> Checked {
    let Value::Map(tags) = value else { return Ok(()) };
    tag_set(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// All tags of an object: the provider's default ones and the stack's own.
pub fn all_tags(tags: &Tags) -> Checked {
    tag_set(tags.iter().map(|(key, value)| (key.as_str(), Some(value.as_str()))))
}

/// Tags that every service takes (50 an object; keys to 128, values to 256 characters), but for those that AWS and Kairos
/// keep for themselves. IAM, which tags roles, does not tell keys apart by case.
fn tag_set<'a>(tags: impl ExactSizeIterator<Item = (&'a str, Option<&'a str>)>) -> Checked {
    holds(tags.len() < 50, || {
        format!(
            "an object has at most 50 tags, one of them Kairos's own; these are {}",
            tags.len()
        )
    })?;
    let allowed = |c: char| c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c);
    let mut seen = BTreeMap::new();
    for (key, value) in tags {
        let lower = key.to_lowercase();
        holds(!lower.starts_with("aws:"), || {
            format!("the tag \"{key}\" begins with \"aws:\", which AWS reserves")
        })?;
        holds(lower != Names::OWNER_TAG, || {
            format!("the tag \"{key}\" is the one by which Kairos knows its own")
        })?;
        holds((1..=128).contains(&key.chars().count()), || {
            format!("the key \"{key}\" must have 1 to 128 characters")
        })?;
        let value = value.unwrap_or_default();
        holds(value.chars().count() <= 256, || {
            format!("the value of the tag \"{key}\" has more than 256 characters")
        })?;
        holds(key.chars().chain(value.chars()).all(allowed), || {
            format!("the tag \"{key}\" = \"{value}\" must hold only letters, digits, spaces and _.:/=+-@")
        })?;
        if let Some(other) = seen.insert(lower, key) {
            return Err(format!(
                "the tags \"{other}\" and \"{key}\" differ in case only, which IAM does not tell apart"
            ));
        }
    }
    Ok(())
}

/// A duration.
pub fn duration(value: &Value) -> Checked {
    text(value, |d| {
        holds(parse_duration(d).is_some_and(|d| d > Duration::ZERO), || {
            format!("\"{d}\" is not a duration, such as \"90s\", \"30m\" or \"1h30m\"")
        })
    })
}

/// Reads `1h30m10s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut left = text;
    let mut seconds: u64 = 0;
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, rest)) = left.split_once(unit) {
            seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
            left = rest;
        }
    }
    (left.is_empty() && !text.is_empty()).then_some(Duration::from_secs(seconds))
}

/// The resource part of an ARN of a service.
fn arn_of<'a>(arn: &'a str, service: &str) -> Option<&'a str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    (parts.len() == 6 && parts[0] == "arn" && parts[2] == service).then(|| parts[5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: impl Fn(&Value) -> Checked, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(rule(&Value::from(*text)), Ok(()), "{text}");
        }
        for text in bad {
            assert!(rule(&Value::from(*text)).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn texts() {
        check(
            name,
            &["a", "Kairos-1", "abcdefghijklmnopqrstuvwx"],
            &["", "1a", "a_b", "aws-x", "SsmX", "abcdefghijklmnopqrstuvwxy", "ñu"],
        );
        check(
            role_prefix,
            &["proc-", "kairos/proc-"],
            &["ab", "a*b", "pro?", "/kairos/", "a b c"],
        );
        check(external_id, &["ab", "a:b/c"], &["a", "a b"]);
        check(log_level, &["INFO"], &["info", "LOUD"]);
        check(architecture, &["x86_64", "arm64"], &["amd64"]);
        check(
            kms_key,
            &["arn:aws:kms:sa-east-1:123456789012:key/1"],
            &["alias/aws/sns", "arn:aws:kms:sa-east-1:123456789012:alias/x", "1234"],
        );
        check(
            policy_arn,
            &["arn:aws:iam::123456789012:policy/x", "arn:aws:iam::aws:policy/x"],
            &["arn:aws:iam::1:role/x"],
        );
        check(role_path, &["/", "/a/", "/a/b/"], &["", "a", "/a", "a/", "//", "/a b/"]);
        check(
            domain,
            &["api.example.com", "*.example.com"],
            &["example", "-a.com", "a..com", "https://a.com"],
        );
        check(mapping_key, &["a", "a/b"], &["", "/a", "a/", "a//b", "a b"]);
        check(
            duration,
            &["90s", "30m", "1h30m"],
            &["", "0s", "30", "m", "30x", "1m1h"],
        );
    }

    #[test]
    fn numbers() {
        for (days, taken) in [(30, true), (31, false), (0, false)] {
            assert_eq!(retention(&Value::from(days)).is_ok(), taken, "{days}");
        }
        assert!(between(&Value::from(128), 128, 10_240).is_ok());
        assert!(between(&Value::from(127), 128, 10_240).is_err());
        assert!(positive(&Value::from(0)).is_err());
    }

    #[test]
    fn collections() {
        assert!(emails(&Value::set(["a@example.com"])).is_ok());
        assert!(emails(&Value::set(["a@example"])).is_err());
        let layer = "arn:aws:lambda:sa-east-1:123456789012:layer:name:1";
        assert!(layers(&Value::list([layer])).is_ok());
        assert!(layers(&Value::list(["arn:aws:lambda:sa-east-1:123456789012:layer:name"])).is_err());
        assert!(layers(&Value::list([layer; 6])).is_err());
        assert!(tags(&Value::map([("team", "data")])).is_ok());
        assert!(tags(&Value::map([("kairos:stack", "x")])).is_err());
        assert!(tags(&Value::map([("aws:x", "y")])).is_err());
        assert!(tags(&Value::map([("Kairos:Stack", "x")])).is_err());
        assert!(tags(&Value::map([("cost centre", "R+D / año_1")])).is_ok());
        assert!(tags(&Value::map([("team", "a,b")])).is_err());
        assert!(tags(&Value::map([("team*", "a")])).is_err());
    }

    #[test]
    fn tags_of_the_provider_and_of_the_stack_fit_together() {
        let all = |keys: &[&str]| all_tags(&keys.iter().map(|key| ((*key).to_owned(), "x".to_owned())).collect());
        assert_eq!(all(&["team", "Owner"]), Ok(()));
        assert_eq!(
            all(&["team", "Team"]),
            Err("the tags \"Team\" and \"team\" differ in case only, which IAM does not tell apart".into())
        );
        let numbered = |count: u32| (0..count).map(|n| (format!("tag{n}"), String::new())).collect::<Tags>();
        assert_eq!(all_tags(&numbered(49)), Ok(()));
        assert!(all_tags(&numbered(50)).is_err());
    }
}
