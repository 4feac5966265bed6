//! The set of values that a field of a cron expression takes.
//!
//! Invariant: a set holds only values within its field's limits, and equal sets are written alike.

use crate::error::CronField;
use std::fmt;

/// Values of one field.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Set {
    part: CronField,
    /// One bit per value, from the field's least on; the years need 230 of them.
    bits: [u64; 4],
}

impl Set {
    /// No value.
    pub(crate) fn empty(part: CronField) -> Self {
        Self { part, bits: [0; 4] }
    }

    /// All values of the field.
    pub(crate) fn full(part: CronField) -> Self {
        Self::range(part, part.min(), part.max())
    }

    /// The values from `first` to `last`; those outside of the field's limits are left out.
    pub(crate) fn range(part: CronField, first: u16, last: u16) -> Self {
        let (first, last) = (first.max(part.min()), last.min(part.max()));
        let mut set = Self::empty(part);
        if first > last {
            return set;
        }
        let (first, last) = (u32::from(first - part.min()), u32::from(last - part.min()));
        for (begin, word) in (0..).step_by(64).zip(&mut set.bits) {
            // The bits of this word that are not below the first and not above the last.
            if first < begin + 64 && last >= begin {
                *word = u64::MAX << first.saturating_sub(begin) & u64::MAX >> (begin + 63).saturating_sub(last);
            }
        }
        set
    }

    /// These values; those outside of the field's limits are left out.
    pub(crate) fn from_values(part: CronField, values: impl IntoIterator<Item = u16>) -> Self {
        let mut set = Self::empty(part);
        for value in values {
            set.insert(value);
        }
        set
    }

    /// Adds a value; one outside of the field's limits is ignored.
    pub(crate) fn insert(&mut self, value: u16) {
        if (self.part.min()..=self.part.max()).contains(&value)
            && let Some((word, bit)) = self.place(value)
        {
            self.bits[word] |= bit;
        }
    }

    /// Adds all values of another set of the same field.
    pub(crate) fn extend(&mut self, other: Self) {
        for (mine, theirs) in self.bits.iter_mut().zip(other.bits) {
            *mine |= theirs;
        }
    }

    /// The values that another set of the same field has too.
    pub(crate) fn intersection(mut self, other: Self) -> Self {
        for (mine, theirs) in self.bits.iter_mut().zip(other.bits) {
            *mine &= theirs;
        }
        self
    }

    /// The field.
    pub fn part(&self) -> CronField {
        self.part
    }

    /// Whether the value is in the set.
    pub fn contains(&self, value: u16) -> bool {
        self.place(value).is_some_and(|(word, bit)| self.bits[word] & bit != 0)
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.bits == [0; 4]
    }

    /// Whether every value of the field is in the set.
    pub fn is_full(&self) -> bool {
        let count: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
        count == u32::from(self.part.max() - self.part.min() + 1)
    }

    /// The values in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u16> {
        (self.part.min()..=self.part.max()).filter(|value| self.contains(*value))
    }

    /// The one value, where there is just one.
    pub fn single(&self) -> Option<u16> {
        let mut values = self.iter();
        values.next().filter(|_| values.next().is_none())
    }

    /// The least value that is not below `value`.
    pub fn at_or_after(&self, value: u16) -> Option<u16> {
        let (word, bit) = self.place(value.max(self.part.min()))?;
        // The bits from that of `value` on, and then the words behind it.
        let first = (word, self.bits[word] & !(bit - 1));
        let later = (word + 1..self.bits.len()).map(|word| (word, self.bits[word]));
        let (word, bits) = std::iter::once(first).chain(later).find(|(_, bits)| *bits != 0)?;
        Some(self.value(word, bits.trailing_zeros()))
    }

    /// The greatest value that is not above `value`.
    pub fn at_or_before(&self, value: u16) -> Option<u16> {
        let (word, bit) = self.place(value.min(self.part.max()))?;
        let first = (word, self.bits[word] & (bit | (bit - 1)));
        let earlier = (0..word).rev().map(|word| (word, self.bits[word]));
        let (word, bits) = std::iter::once(first).chain(earlier).find(|(_, bits)| *bits != 0)?;
        Some(self.value(word, bits.ilog2()))
    }

    /// The days of a month as a mask: bit `d` for day `d`. Only for the field [`CronField::DayOfMonth`].
    pub(super) fn day_mask(&self) -> u32 {
        // The least day is 1, so the first bit stands for it; 31 days fit.
        u32::try_from(self.bits[0] << 1 & u64::from(u32::MAX)).unwrap_or_default()
    }

    /// The set as runs of consecutive values, ascending.
    pub(crate) fn runs(&self) -> Vec<(u16, u16)> {
        let mut runs: Vec<(u16, u16)> = Vec::new();
        for value in self.iter() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == value => *last = value,
                _ => runs.push((value, value)),
            }
        }
        runs
    }

    /// `(first, last, step)` where the values are at least three at equal distances of two or more.
    pub(crate) fn progression(&self) -> Option<(u16, u16, u16)> {
        let values: Vec<u16> = self.iter().collect();
        let (first, last) = (*values.first()?, *values.last()?);
        let step = values.get(1)?.checked_sub(first).filter(|step| *step > 1)?;
        let even = values.len() > 2 && values.windows(2).all(|pair| pair[1] - pair[0] == step);
        even.then_some((first, last, step))
    }

    /// The value of a bit.
    fn value(&self, word: usize, bit: u32) -> u16 {
        let offset = u32::try_from(word * 64).unwrap_or_default() + bit;
        self.part.min() + u16::try_from(offset).unwrap_or_default()
    }

    fn place(&self, value: u16) -> Option<(usize, u64)> {
        let offset = value.checked_sub(self.part.min())?;
        let word = usize::from(offset / 64);
        (word < self.bits.len()).then_some((word, 1 << (offset % 64)))
    }
}

/// The one way in which a set is written, accepted by the scheduler:
/// `*` for all; `a/s` for steps up to the field's end (`a-b/s` for years that end before: lists of years would not
/// fit into the scheduler's limit); otherwise ascending values, three and more consecutive ones as `a-b`.
/// The day of the week takes no steps in the scheduler's reference, so it is always a list.
impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_full() {
            return f.write_str("*");
        }
        if self.part != CronField::DayOfWeek
            && let Some((first, last, step)) = self.progression()
        {
            if last + step > self.part.max() {
                return write!(f, "{first}/{step}");
            }
            if self.part == CronField::Year {
                return write!(f, "{first}-{last}/{step}");
            }
        }
        for (index, (first, last)) in self.runs().into_iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(part: CronField, values: &[u16], expected: &str) {
        assert_eq!(Set::from_values(part, values.iter().copied()).to_string(), expected);
    }

    #[test]
    fn each_set_is_written_in_one_short_way() {
        check(CronField::Minutes, &[0], "0");
        check(CronField::Minutes, &[0, 30], "0,30");
        check(CronField::Minutes, &[0, 15, 30, 45], "0/15");
        check(CronField::Minutes, &[0, 15, 30], "0,15,30");
        check(CronField::Minutes, &[1, 2, 3, 5, 6, 59], "1-3,5,6,59");
        check(CronField::DayOfWeek, &[2, 3, 4, 5, 6], "2-6");
        check(CronField::DayOfWeek, &[1, 3, 5, 7], "1,3,5,7");
        check(CronField::Year, &[2026, 2028, 2030], "2026-2030/2");
        assert_eq!(Set::full(CronField::Year).to_string(), "*");
    }

    #[test]
    fn a_range_has_the_values_between_its_ends() {
        for part in CronField::ALL {
            for (first, last) in [
                (0, u16::MAX),
                (1, 1),
                (5, 4),
                (0, 3),
                (1970, 2199),
                (1990, 2033),
                (2033, 2034),
                (2098, 2161),
                (30, 70),
            ] {
                let values = (first..=last).filter(|value| (part.min()..=part.max()).contains(value));
                assert_eq!(
                    Set::range(part, first, last),
                    Set::from_values(part, values),
                    "{part} {first} {last}"
                );
            }
            assert!(Set::full(part).is_full());
        }
        let (some, others) = (
            Set::range(CronField::Year, 2000, 2100),
            Set::range(CronField::Year, 2050, 2199),
        );
        assert_eq!(some.intersection(others), Set::range(CronField::Year, 2050, 2100));
    }

    #[test]
    fn values_are_found_in_both_directions() {
        let set = Set::from_values(CronField::Year, [1970, 2026, 2199]);
        assert_eq!(
            (set.at_or_after(0), set.at_or_after(1971), set.at_or_after(2200)),
            (Some(1970), Some(2026), None)
        );
        assert_eq!(
            (set.at_or_before(9999), set.at_or_before(2198)),
            (Some(2199), Some(2026))
        );
        assert_eq!((set.at_or_before(1969), set.contains(60000)), (None, false));
        assert_eq!(set.single(), None);
    }
}
