//! A time zone, by its name in the IANA database that is compiled in.
//!
//! Invariant: the name is spelled as the database spells it, whatever case the user wrote; a link (`US/Eastern`) keeps
//! its own name, since ids are made from it.

use crate::error::{Field, Rule, UserError};
use crate::instant::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

/// The database that is compiled in: what a zone means must not depend on the machine.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone of the IANA database. Two are equal when their names are.
#[derive(Clone)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of schedules that name none.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }

    /// The zone of this name, in any case.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let known = DATABASE.get(text.trim()).ok().filter(|rules| !rules.is_unknown());
        let named = known.and_then(|rules| {
            Some(Self {
                name: rules.iana_name()?.to_owned(),
                rules,
            })
        });
        named.ok_or_else(|| {
            UserError::new(
                Field::ZonaHoraria,
                text,
                Rule::UnknownZone {
                    suggestion: suggestion(text.trim()),
                },
            )
        })
    }

    /// The name as the database spells it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its rules.
    pub fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// The local time at an instant.
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.rules.to_datetime(instant)
    }

    /// The instant of a local time: the first where clocks show it twice, none where they skip it.
    pub fn instant_of(&self, time: DateTime) -> Option<Timestamp> {
        match self.rules.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(time).ok()
            }
            AmbiguousOffset::Gap { .. } => None,
        }
    }

    /// The latest local time that clocks have shown up to an instant: later than the present one while a stretch is
    /// shown for the second time.
    pub(super) fn latest_local(&self, instant: Timestamp) -> DateTime {
        let local = self.local(instant);
        match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Fold { before, after } => local.checked_add(before.duration_since(after)).unwrap_or(local),
            _ => local,
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// In how many letters a name may differ from what was written to have been meant.
const NEAR: usize = 2;

/// A name that was perhaps meant: one whose last part is what was written, or that differs in few letters.
fn suggestion(text: &str) -> Option<String> {
    let written: String = simplified(text);
    // Nothing near is found for a text that is longer than any name, and comparing it would take its time.
    if !(3..=40).contains(&written.len()) {
        return None;
    }
    let nearness = |name: &str| {
        let name = simplified(name);
        let city = name.rsplit('/').next().unwrap_or_default();
        match name.len().abs_diff(written.len()) {
            _ if city == written => 0,
            // As many letters at least must be added or removed; most names need no closer look.
            longer if longer > NEAR => longer,
            _ => distance(&name, &written),
        }
    };
    let names = DATABASE.available().map(|name| name.as_str().to_owned());
    let (near, name) = names.map(|name| (nearness(&name), name)).min()?;
    (near <= NEAR).then_some(name)
}

fn simplified(name: &str) -> String {
    name.to_ascii_lowercase().replace([' ', '-'], "_")
}

/// How many characters must be changed, added or removed to come from one text to the other (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let cost = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_name_is_spelled_as_the_database_spells_it() {
        for (written, name) in [
            ("america/santiago", "America/Santiago"),
            ("UTC", "UTC"),
            ("utc", "UTC"),
            ("Etc/UTC", "Etc/UTC"),
            ("us/eastern", "US/Eastern"),
            (" Europe/Berlin ", "Europe/Berlin"),
            ("etc/gmt+3", "Etc/GMT+3"),
        ] {
            assert_eq!(Zone::parse(written).unwrap().name(), name);
        }
    }

    #[test]
    fn what_is_no_zone_is_refused_with_what_was_perhaps_meant() {
        for (written, meant) in [
            ("America/Santigo", Some("America/Santiago")),
            ("santiago", Some("America/Santiago")),
            ("New York", Some("America/New_York")),
            ("Mars/Olympus", None),
            ("+03:00", None),
            ("", None),
            ("Etc/Unknown", None),
            ("EST5EDT4,M3.2.0,M11.1.0", None),
            ("../../etc/passwd", None),
        ] {
            let error = Zone::parse(written).unwrap_err();
            assert_eq!(error.field, Field::ZonaHoraria);
            assert_eq!(
                error.rule,
                Rule::UnknownZone {
                    suggestion: meant.map(str::to_owned)
                },
                "{written}"
            );
        }
    }
}
