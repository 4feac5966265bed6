//! Ids: of processes, of calendarizaciones, of runs, and those of the earlier system.
//!
//! Invariant: an id is a pure function of what it identifies, and permanent: the tests pin several.

use std::fmt;
use std::str::FromStr;

use caseless::Caseless;
use data_encoding::{BASE32_NOPAD, BASE64};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::instant::{Timestamp, rfc3339_millis};

/// The namespace of the runs' ids. Never to be changed: a run seen twice is told by its id.
const RUNS: Uuid = Uuid::from_u128(0x6b61_6972_6f73_4e0f_a1d2_07c5_93be_48f6);

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not the id of {of}: it must look like {like}")]
pub struct InvalidId {
    text: String,
    of: &'static str,
    like: &'static str,
}

/// The id of a process, made from its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdProceso(String);

impl IdProceso {
    const PREFIX: &'static str = "proceso-";

    /// The id of the process with this name; names that differ in case or in repeated spaces have the same.
    pub fn of(nombre: &str) -> Self {
        Self(format!("{}{}", Self::PREFIX, digest(&normalised(nombre))))
    }

    /// The id that the earlier system gave to the process with this name.
    pub fn legacy(nombre: &str) -> Self {
        Self(format!("{}{}", Self::PREFIX, legacy(nombre)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a calendarización, made from its schedule; it is also the schedule's name in AWS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdCalendarizacion(String);

impl IdCalendarizacion {
    const PREFIX: &'static str = "calendarizacion-";

    /// The id of a schedule: canonical expression, zone as the tz database spells it, window in minutes, start and end.
    pub fn of(
        expression: &str,
        zone: &str,
        window: Option<u16>,
        start: Option<Timestamp>,
        end: Option<Timestamp>,
    ) -> Self {
        let hashed = serde_json::json!([
            expression,
            zone,
            window,
            start.map(rfc3339_millis),
            end.map(rfc3339_millis)
        ]);
        Self(format!("{}{}", Self::PREFIX, digest(&hashed.to_string())))
    }

    /// The id that the earlier system gave to a cron expression.
    pub fn legacy(cron: &str) -> Self {
        Self(format!("{}{}", Self::PREFIX, legacy(cron)))
    }

    /// The cron expression, in upper case, of an id that the earlier system gave; none of any other id.
    pub fn legacy_expression(&self) -> Option<String> {
        let encoded = self.0.strip_prefix(Self::PREFIX)?;
        let encoded = encoded.replace('-', "+").replace('_', "/").replace('.', "=");
        let text = String::from_utf8(BASE64.decode(encoded.as_bytes()).ok()?).ok()?;
        (Self::legacy(&text) == *self).then_some(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdEjecucion(Uuid);

impl IdEjecucion {
    /// The id of the run of a process at a scheduled time: whoever sees the firing again gets the same.
    pub fn scheduled(schedule_arn: &str, at: &Timestamp, id_proceso: &IdProceso) -> Self {
        Self::manual(schedule_arn, &rfc3339_millis(*at), id_proceso)
    }

    /// The id of a run that was asked for, told by the caller's token.
    pub fn manual(schedule_arn: &str, token: &str, id_proceso: &IdProceso) -> Self {
        let name = format!("{schedule_arn}\n{token}\n{id_proceso}");
        Self(Uuid::new_v5(&RUNS, name.as_bytes()))
    }

    /// The id of a run that was asked for without a token, from a random UUID.
    pub const fn random(random: Uuid) -> Self {
        Self(random)
    }

    /// Into how many parts the index by state and day divides a day, so that none of them runs hot.
    pub const SHARDS: u8 = 8;

    /// The part, 0 to 7, of its day's index in which the run is kept.
    pub const fn shard(self) -> u8 {
        self.0.as_bytes()[15] % Self::SHARDS
    }
}

/// The ids of the runs of one firing: [`IdEjecucion::scheduled`], where many of them are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdsEjecucion {
    /// What is hashed before the process's id.
    common: String,
}

impl IdsEjecucion {
    /// Those of the firing at `at` of the schedule with this ARN.
    pub fn new(schedule_arn: &str, at: Timestamp) -> Self {
        let time = rfc3339_millis(at);
        Self {
            common: format!("{schedule_arn}\n{time}\n"),
        }
    }

    /// The id of a process's run.
    pub fn of(&self, id_proceso: &IdProceso) -> IdEjecucion {
        let name = [self.common.as_str(), id_proceso.as_str()].concat();
        IdEjecucion(Uuid::new_v5(&RUNS, name.as_bytes()))
    }
}

/// The normal form of a name: NFC, trimmed, runs of white space as one space, case folded.
///
/// Folding may denormalise and normalising may unfold, so that it is done until nothing changes (twice, in practice).
fn normalised(nombre: &str) -> String {
    let mut text = spaces_collapsed(&nombre.nfc().collect::<String>());
    for _ in 0..4 {
        let next: String = text.chars().default_case_fold().nfc().collect();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn spaces_collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first 16 bytes of the SHA-256, in lower-case base32 without padding: 26 characters.
fn digest(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    let head: Vec<u8> = hash.iter().copied().take(16).collect();
    BASE32_NOPAD.encode(&head).to_ascii_lowercase()
}

fn legacy(text: &str) -> String {
    let upper = spaces_collapsed(&text.to_uppercase());
    BASE64
        .encode(upper.as_bytes())
        .replace('+', "-")
        .replace('/', "_")
        .replace('=', ".")
}

/// The most bytes of a partition key (DynamoDB).
const LONGEST: usize = 2048;

fn checked(text: &str, prefix: &str) -> bool {
    text.len() <= LONGEST
        && text.strip_prefix(prefix).is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
}

macro_rules! text_id {
    ($id:ident, $of:literal, $like:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $id {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $id {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                if checked(&text, Self::PREFIX) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId {
                        text,
                        of: $of,
                        like: $like,
                    })
                }
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $id {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(IdProceso, "a process", "proceso-…");
text_id!(IdCalendarizacion, "a calendarización", "calendarizacion-…");

impl fmt::Display for IdEjecucion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for IdEjecucion {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId {
            text: text.to_owned(),
            of: "a run",
            like: "a UUID",
        })
    }
}

impl TryFrom<String> for IdEjecucion {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<IdEjecucion> for String {
    fn from(id: IdEjecucion) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const ARN: &str = "arn:aws:scheduler:sa-east-1:123456789012:schedule/DemoScheduleGroup/calendarizacion-x";

    #[test]
    fn ids_of_processes_are_permanent() {
        assert_eq!(
            IdProceso::of("Cierre diario").as_str(),
            "proceso-wyl3hh7omne5m6jk4uqhpridpi"
        );
        assert_eq!(
            IdProceso::of("Ñandú Straße").as_str(),
            "proceso-jwrqafsbotanmudkinnztj4bim"
        );
    }

    #[test]
    fn ids_of_calendarizaciones_are_permanent() {
        let plain = IdCalendarizacion::of("cron(0 3 ? * 2-6 *)", "America/Santiago", None, None, None);
        assert_eq!(plain.as_str(), "calendarizacion-tg5hbnolpzbf7bj54rp6vyv42e");
        let full = IdCalendarizacion::of(
            "rate(5 minutes)",
            "UTC",
            Some(15),
            Some("2026-01-02T03:04:05Z".parse().unwrap()),
            Some("2027-01-02T03:04:05.678Z".parse().unwrap()),
        );
        assert_eq!(full.as_str(), "calendarizacion-r5vfpxos7xux75ishrxgiepqkm");
        assert!(
            full.as_str().len() <= 64,
            "Scheduler takes names of at most 64 characters"
        );
    }

    #[test]
    fn ids_of_runs_are_permanent() {
        let process = IdProceso::of("Cierre diario");
        let at = "2026-01-02T03:04:00Z".parse().unwrap();
        let scheduled = IdEjecucion::scheduled(ARN, &at, &process);
        assert_eq!(scheduled.to_string(), "b6dd014f-5f36-59b7-8c1a-d967be7eeabc");
        assert_eq!(
            scheduled,
            IdEjecucion::manual(ARN, "2026-01-02T03:04:00.000Z", &process)
        );
        assert_eq!(
            IdEjecucion::manual(ARN, "mi-token", &process).to_string(),
            "8deb9e8e-6e1d-511e-bef0-c4e43c55d3f4"
        );
    }

    #[test]
    fn names_that_differ_in_case_spaces_or_composition_are_one() {
        let id = IdProceso::of("Cierre Ñandú");
        for same in ["  cierre   ñandú ", "CIERRE\tÑANDÚ", "Cierre N\u{303}andu\u{301}"] {
            assert_eq!(IdProceso::of(same), id, "{same}");
        }
        assert_eq!(IdProceso::of("STRASSE"), IdProceso::of("straße"));
        assert_ne!(IdProceso::of("Cierre Nandu"), id);
    }

    #[test]
    fn ids_of_the_earlier_system_are_its_base64() {
        // In base64, "Q0lFUlJFIERJQVJJTw==" and "MCAzICogKiA/ICo=".
        assert_eq!(
            IdProceso::legacy("Cierre  diario").as_str(),
            "proceso-Q0lFUlJFIERJQVJJTw.."
        );
        assert_eq!(
            IdCalendarizacion::legacy("0 3 * * ? *").as_str(),
            "calendarizacion-MCAzICogKiA_ICo."
        );
    }

    #[test]
    fn an_id_of_the_earlier_system_tells_its_expression_and_no_other_does() {
        let told = |id: &IdCalendarizacion| id.legacy_expression();
        assert_eq!(
            told(&IdCalendarizacion::legacy("0  3 ? * mon-fri *")).as_deref(),
            Some("0 3 ? * MON-FRI *")
        );
        let ours = IdCalendarizacion::of("cron(0 3 * * ? *)", "UTC", None, None, None);
        assert_eq!(told(&ours), None);
        for text in ["calendarizacion-x", "calendarizacion-YWJj", "calendarizacion-____"] {
            assert_eq!(told(&text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn only_ids_are_read_as_ids() {
        for id in [IdProceso::of("x"), IdProceso::legacy("¿qué?")] {
            assert_eq!(id.to_string().parse::<IdProceso>().unwrap(), id);
        }
        for bad in [
            "",
            "proceso-",
            "proceso-á",
            "proceso-a/b",
            "calendarizacion-abc",
            "PROCESO-abc",
        ] {
            assert!(bad.parse::<IdProceso>().is_err(), "{bad}");
        }
        assert!(format!("proceso-{}", "a".repeat(LONGEST)).parse::<IdProceso>().is_err());
        assert!("no-uuid".parse::<IdEjecucion>().is_err());
        assert!(serde_json::from_str::<IdProceso>("\"otra-cosa\"").is_err());
    }
}
