//! A name and a path for a process's role that carry the stack's prefix.
//!
//! Invariant: what is suggested is a role that a process of the stack may use; the same words always give the same name.

use kairos::arn::{Target, TargetKind};
use sha2::{Digest, Sha256};

/// How long a role's name may be (IAM).
const LIMIT: usize = 64;
/// How many letters of its digest end a name that was cut.
const DIGEST: usize = 8;

/// A role's path and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleName {
    /// The path, with a slash at both ends.
    pub(super) path: String,
    /// The name.
    pub(super) name: String,
}

/// The path and the name of a role for what is called `nombre`, whose path and name begin with `prefix`; none where the prefix
/// leaves no room for a name.
pub(super) fn suggest(prefix: &str, nombre: &str) -> Option<RoleName> {
    let (folder, start) = prefix
        .rsplit_once('/')
        .map_or(("", prefix), |(folder, start)| (folder, start));
    let path = if folder.is_empty() {
        "/".to_owned()
    } else {
        format!("/{folder}/")
    };
    let whole = format!("{start}{}", plain(nombre));
    if whole.len() <= LIMIT {
        return Some(RoleName { path, name: whole });
    }
    let digest = Sha256::digest(whole.as_bytes());
    let digest = digest
        .iter()
        .take(DIGEST / 2)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let kept = LIMIT - DIGEST - 1;
    let name = format!("{}-{digest}", whole[..kept].trim_end_matches('-'));
    name.starts_with(start).then_some(RoleName { path, name })
}

/// What a target is called where the user gives no name: its service and its name.
pub(super) fn of_target(target: &Target) -> String {
    if let TargetKind::SdkAction { service, action } = &target.kind {
        return format!("{service}-{action}");
    }
    let resource = &target.arn.resource;
    let kinds = [
        "function:",
        "stateMachine:",
        "event-bus/",
        "stream/",
        "deliverystream/",
        "cluster/",
        "cluster:",
        "task-definition/",
        "job-queue/",
        "project/",
        "job/",
        "workflow/",
        "workgroup/",
    ];
    let name = kinds.iter().find_map(|kind| resource.strip_prefix(kind));
    format!("{}-{}", target.arn.service, name.unwrap_or(resource))
}

/// Letters, digits and signs that names of roles have; accents go, and what is left becomes hyphens.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        let letter = unaccented(letter);
        if letter.is_ascii_alphanumeric() || "_+=,.@".contains(letter) {
            plain.push(letter);
        } else if !plain.is_empty() && !plain.ends_with('-') {
            plain.push('-');
        }
    }
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() {
        "proceso".to_owned()
    } else {
        plain.to_owned()
    }
}

fn unaccented(letter: char) -> char {
    let pairs = [
        ("áàâäã", 'a'),
        ("éèêë", 'e'),
        ("íìîï", 'i'),
        ("óòôöõ", 'o'),
        ("úùûü", 'u'),
        ("ñ", 'n'),
        ("ç", 'c'),
    ];
    let lower = letter.to_lowercase().next().unwrap_or(letter);
    let Some((_, base)) = pairs.iter().find(|(accented, _)| accented.contains(lower)) else {
        return letter;
    };
    if letter.is_uppercase() {
        base.to_ascii_uppercase()
    } else {
        *base
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kairos::arn::check_role;
    use kairos::names::{Names, Place};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(prefix: &str, nombre: &str, expected: &str) {
        let found = suggest(prefix, nombre).map(|role| format!("{}{}", role.path, role.name));
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn the_prefix_is_split_into_path_and_name() {
        check("proceso-", "Cierre diario", "/proceso-Cierre-diario");
        check("kairos/proceso-", "Año (2026)  ÁREA", "/kairos/proceso-Ano-2026-AREA");
        check("a/b/", "x", "/a/b/x");
        check("proceso-", "¡!", "/proceso-proceso");
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_told_from_others_cut_alike() {
        let (one, other) = ("a".repeat(70), "a".repeat(71));
        let names = [one, other].map(|nombre| suggest("proceso-", &nombre).unwrap().name);
        assert!(names.iter().all(|name| name.len() <= LIMIT), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_eq!(suggest(&"p".repeat(60), "nombre largo"), None);
    }

    #[test]
    fn a_target_lends_its_name() {
        let of = |arn: &str| of_target(&Target::parse(arn).unwrap());
        assert_eq!(
            of("arn:aws:lambda:sa-east-1:123456789012:function:cierre:prod"),
            "lambda-cierre:prod"
        );
        assert_eq!(of("arn:aws:sqs:sa-east-1:123456789012:trabajo"), "sqs-trabajo");
        assert_eq!(of("arn:aws:scheduler:::aws-sdk:ssm:sendCommand"), "ssm-sendCommand");
    }

    proptest! {
        #[test]
        fn what_is_suggested_is_a_role_that_a_process_may_use(prefix in "([a-z]{1,8}/){0,2}[a-zA-Z0-9-]{3,20}", nombre in ".{0,100}") {
            let place = Place { partition: "aws".into(), account: "123456789012".into(), region: "sa-east-1".into() };
            let role = suggest(&prefix, &nombre).unwrap();
            let arn = Names::new("Demo", place.clone()).role_arn(&role.path, &role.name);
            prop_assert_eq!(check_role(&arn, &place, Some(&prefix)).map(|arn| arn.to_string()), Ok(arn));
        }
    }
}
