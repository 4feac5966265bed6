//! The kinds of years that a calendar has: what a month looks like depends on nothing but the kind.
//!
//! Invariant: each year of the language is of exactly one kind, and its months begin and end as those of the kind's example.

use super::calendar::{day_of_week, days_in_month};
use super::set::Set;
use crate::error::CronField;
use std::sync::LazyLock;

/// A kind of years: of one length, beginning on one day of the week.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// One of them, which stands for all.
    pub(super) example: u16,
    /// Those of the language, or of a set.
    pub(super) years: Set,
}

/// All of them, which are fourteen.
pub(super) static ALL: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let mut kinds: Vec<Kind> = Vec::new();
    for year in CronField::Year.min()..=CronField::Year.max() {
        let same = |example| {
            days_in_month(example, 2) == days_in_month(year, 2) && day_of_week(example, 1, 1) == day_of_week(year, 1, 1)
        };
        match kinds.iter_mut().find(|kind| same(kind.example)) {
            Some(kind) => kind.years.insert(year),
            None => kinds.push(Kind {
                example: year,
                years: Set::range(CronField::Year, year, year),
            }),
        }
    }
    kinds
});

/// The kinds of which a set has years, each with those.
pub(super) fn kinds(years: &Set) -> impl Iterator<Item = Kind> {
    let years = *years;
    ALL.iter().filter_map(move |kind| {
        let years = kind.years.intersection(years);
        (!years.is_empty()).then_some(Kind { years, ..*kind })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_year_is_of_one_kind_and_all_its_months_are_as_the_examples() {
        assert_eq!(ALL.len(), 14);
        for year in CronField::Year.min()..=CronField::Year.max() {
            let kinds: Vec<_> = ALL.iter().filter(|kind| kind.years.contains(year)).collect();
            assert_eq!(kinds.len(), 1, "{year}");
            for month in 1..=12 {
                let of = |year| (days_in_month(year, month), day_of_week(year, month, 1));
                assert_eq!(of(year), of(kinds[0].example), "{year}-{month}");
            }
        }
    }
}
