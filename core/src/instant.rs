//! Instants as Kairos writes them: RFC 3339, UTC, always with milliseconds.
//!
//! Invariant: equal instants (to the millisecond) have equal text, and the text sorts as the instants do.

pub use jiff::Timestamp;
pub use jiff::civil::Date;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The instant as text, such as `2026-01-02T03:04:05.678Z`; what is finer than a millisecond is cut off.
pub fn rfc3339_millis(instant: Timestamp) -> String {
    format!("{:.3}", to_millis(instant))
}

/// The instant without what is finer than a millisecond (towards the past), as it will be read back from its text.
pub fn to_millis(instant: Timestamp) -> Timestamp {
    // Floored, not truncated towards zero: the text of an instant before 1970 must not lie after it.
    let millis = instant.as_nanosecond().div_euclid(1_000_000);
    i64::try_from(millis)
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
        .unwrap_or(Timestamp::MIN)
}

/// The day of an instant in UTC.
pub fn day(instant: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(instant).date()
}

/// Reads a day: `yyyy-mm-dd` and nothing else; none where the text is no day.
pub fn read_day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    // The parser takes more forms than this one.
    (day.to_string() == text).then_some(day)
}

/// Reads an instant that a table keeps: RFC 3339 with any offset, as the earlier system wrote local times; without one
/// it is taken for UTC.
///
/// # Errors
/// The text is no date and time.
pub fn read(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse::<Timestamp>().or_else(|error| {
        let plain = text.parse::<DateTime>().map_err(|_| error)?;
        Ok(plain.to_zoned(TimeZone::UTC)?.timestamp())
    })
}

/// For `#[serde(with = "kairos::instant::serde_millis")]` on a [`Timestamp`]: text with milliseconds.
pub mod serde_millis {
    use super::{Timestamp, read, rfc3339_millis};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the instant with milliseconds.
    pub fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339_millis(*instant))
    }

    /// Reads what [`read`](super::read) reads; finer parts are kept.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        read(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// The same for an `Option<Timestamp>`; combine with `#[serde(default)]` where the key may be missing.
    pub mod option {
        use super::{Timestamp, read, rfc3339_millis};
        use serde::de::Error;
        use serde::{Deserialize, Deserializer, Serializer};

        /// Writes the instant with milliseconds, or null.
        pub fn serialize<S: Serializer>(instant: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
            match instant {
                Some(instant) => serializer.serialize_some(&rfc3339_millis(*instant)),
                None => serializer.serialize_none(),
            }
        }

        /// Reads what [`read`] reads, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| read(&text).map_err(D::Error::custom)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use serde::{Deserialize, Serialize};

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(rfc3339_millis(text.parse().unwrap()), expected);
    }

    #[test]
    fn days_are_those_of_utc_and_have_one_form() {
        assert_eq!(
            day("2026-01-01T21:00:00-03:00".parse().unwrap()).to_string(),
            "2026-01-02"
        );
        assert_eq!(read_day("2026-01-02"), Some(Date::constant(2026, 1, 2)));
        for bad in [
            "",
            "2026-1-2",
            "20260102",
            "2026-02-30",
            "2026-01-02T00:00",
            " 2026-01-02",
            "hoy",
        ] {
            assert_eq!(read_day(bad), None, "{bad}");
        }
    }

    #[test]
    fn always_three_digits_in_utc() {
        check("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z");
        check("2026-01-02T03:04:05.6789Z", "2026-01-02T03:04:05.678Z");
        check("2026-01-02T00:04:05-03:00", "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn finer_parts_are_cut_towards_the_past_on_both_sides_of_1970() {
        check("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z");
        check("1970-01-01T00:00:00.0009Z", "1970-01-01T00:00:00.000Z");
        assert_eq!(to_millis(Timestamp::MIN), Timestamp::MIN);
        assert!(to_millis(Timestamp::MAX) <= Timestamp::MAX);
    }

    #[test]
    fn dates_of_other_writers_are_read_with_their_offset_or_as_utc() {
        for text in [
            "2026-01-02T03:04:05.678Z",
            "2026-01-02T00:04:05.678-03:00",
            "2026-01-02T00:04:05.6780000-03:00",
            "2026-01-02 00:04:05.678-0300",
            "2026-01-02T00:04:05.678-03:00[America/Santiago]",
            "2026-01-02T03:04:05.678",
            "2026-01-02 03:04:05.678",
        ] {
            assert_eq!(
                rfc3339_millis(read(text).unwrap()),
                "2026-01-02T03:04:05.678Z",
                "{text}"
            );
        }
        for text in ["", "hoy", "2026-13-02T03:04:05", "03:04:05"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn serde_writes_milliseconds_and_reads_them_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Record {
            #[serde(with = "serde_millis")]
            at: Timestamp,
            #[serde(with = "serde_millis::option")]
            until: Option<Timestamp>,
        }
        let record = Record {
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
            until: None,
        };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(text, r#"{"at":"2026-01-02T03:04:05.000Z","until":null}"#);
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }
}
