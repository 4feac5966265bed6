//! A number as terraform has it: decimal, of any size and precision.
//!
//! Invariant: what came in goes out digit by digit; only comparison looks at what the digits mean.

use std::fmt;
use std::str::FromStr;

/// A decimal number of any size and precision, kept as it was written.
#[derive(Debug, Clone)]
pub struct Number(String);

/// A text that is not a decimal number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a decimal number")]
pub struct NotANumber(String);

impl Number {
    /// As a whole number, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.whole()?.parse().ok()
    }

    /// As a whole number that is not negative, if it is one and fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.whole()?.parse().ok()
    }

    /// The nearest double: inexact for most fractions and for large numbers.
    pub fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Exactly what a double holds; none for infinities and what is not a number.
    pub(crate) fn exactly(double: f64) -> Option<Self> {
        if !double.is_finite() {
            return None;
        }
        // No double has more than 1074 decimals.
        let text = if double.fract() == 0.0 {
            format!("{double:.0}")
        } else {
            format!("{double:.1074}")
        };
        let text = if text.contains('.') {
            text.trim_end_matches('0')
        } else {
            &text
        };
        Some(Self(text.to_owned()))
    }

    /// Sign and digits without point, if it has no fraction and is of sane size.
    fn whole(&self) -> Option<String> {
        let Parts {
            negative,
            digits,
            exponent,
        } = Parts::of(&self.0)?;
        let zeros = usize::try_from(exponent).ok().filter(|zeros| *zeros <= 40)?;
        let sign = if negative { "-" } else { "" };
        Some(format!("{sign}{digits}{}", "0".repeat(zeros)))
    }
}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        Parts::of(text)
            .map(|_| Self(text.to_owned()))
            .ok_or_else(|| NotANumber(text.to_owned()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(number.to_string())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || Parts::of(&self.0) == Parts::of(&other.0)
    }
}

impl Eq for Number {}

/// What the digits mean: ±digits × 10^exponent, the digits with no zero at either end. Zero is "0", 0, positive.
#[derive(PartialEq, Eq)]
struct Parts {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if before.is_empty() && after.is_empty() || !(before.bytes().chain(after.bytes())).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = format!("{before}{after}");
        let leading = digits.trim_start_matches('0');
        let significant = leading.trim_end_matches('0');
        if significant.is_empty() {
            return Some(Self {
                negative: false,
                digits: "0".to_owned(),
                exponent: 0,
            });
        }
        let dropped = i64::try_from(leading.len() - significant.len()).ok()?;
        let decimals = i64::try_from(after.len()).ok()?;
        Some(Self {
            negative,
            digits: significant.to_owned(),
            exponent: i64::from(exponent) - decimals + dropped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number(text.to_owned())
    }

    #[test]
    fn numbers_are_compared_by_what_they_mean() {
        for (a, b) in [
            ("1", "1.0"),
            ("0", "-0.00"),
            ("1e3", "1000"),
            ("0.10", "1E-1"),
            ("+5", "5"),
            (".5", "0.50"),
        ] {
            assert_eq!(number(a), number(b));
        }
        for (a, b) in [
            ("0.1", "0.10000000000000001"),
            ("1", "-1"),
            ("10", "1"),
            ("18446744073709551616", "1"),
        ] {
            assert_ne!(number(a), number(b));
        }
    }

    #[test]
    fn whole_numbers_are_read_where_they_fit() {
        assert_eq!(number("9223372036854775807").as_i64(), Some(i64::MAX));
        assert_eq!(number("-9223372036854775808.0").as_i64(), Some(i64::MIN));
        assert_eq!(number("9223372036854775808").as_i64(), None);
        assert_eq!(number("18446744073709551615").as_u64(), Some(u64::MAX));
        assert_eq!(number("1.5").as_i64(), None);
        assert_eq!(number("1e300").as_i64(), None);
        assert_eq!(number("12e2").as_i64(), Some(1200));
    }

    #[test]
    fn a_double_is_taken_exactly() {
        assert_eq!(Number::exactly(0.5).map(|n| n.0).as_deref(), Some("0.5"));
        assert_eq!(
            Number::exactly(2f64.powi(70)).map(|n| n.0).as_deref(),
            Some("1180591620717411303424")
        );
        assert_eq!(Number::exactly(0.1).map(|n| n.0.len()), Some(57));
        assert!(Number::exactly(f64::INFINITY).is_none());
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-", ".", "1.2.3", "0x10", "1e", "NaN", "١"] {
            assert!(text.parse::<Number>().is_err(), "{text:?}");
        }
    }
}
