//! Properties of the schedule language over generated expressions.

use super::*;
use crate::error::CronField;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// So many cases from a fixed seed, so that every run is the same run; `KAIROS_CASES` asks for that many others.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let asked = std::env::var("KAIROS_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        rng_seed: asked.map_or(RngSeed::Fixed(7), |_| RngSeed::Random),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A field of lists, ranges and steps, as users write them.
fn list(part: CronField) -> impl Strategy<Value = String> {
    let (min, max) = (part.min(), part.max());
    let step = 1..=max - min;
    let entry = prop_oneof![
        3 => (min..=max).prop_map(|a| a.to_string()),
        2 => (min..=max, min..=max).prop_map(move |(a, b)| match part {
            CronField::Year => format!("{}-{}", a.min(b), a.max(b)),
            _ => format!("{a}-{b}"),
        }),
        1 => (min..=max, step.clone()).prop_map(|(a, step)| format!("{a}/{step}")),
        1 => step.prop_map(|step| format!("*/{step}")),
    ];
    prop_oneof![
        1 => Just("*".to_owned()),
        3 => prop::collection::vec(entry, 1..4).prop_map(|entries| entries.join(",")),
    ]
}

/// Months and years that are few enough for fields to restrict each other.
fn few(part: CronField, values: std::ops::Range<u16>) -> impl Strategy<Value = String> {
    let some = prop::collection::vec(values, 1..3)
        .prop_map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    prop_oneof![some, list(part)]
}

fn plain_cron() -> impl Strategy<Value = String> {
    let days = prop_oneof![
        (list(CronField::DayOfMonth), few(CronField::Month, 1..13)).prop_map(|(day, month)| format!("{day} {month} ?")),
        (25..32_u16, few(CronField::Month, 1..13)).prop_map(|(day, month)| format!("1-{day} {month} ?")),
        (few(CronField::Month, 1..13), list(CronField::DayOfWeek)).prop_map(|(month, day)| format!("? {month} {day}")),
    ];
    (
        list(CronField::Minutes),
        list(CronField::Hours),
        days,
        few(CronField::Year, 2023..2033),
    )
        .prop_map(|(minutes, hours, days, years)| format!("{minutes} {hours} {days} {years}"))
}

/// Any cron expression, most of them good.
pub(crate) fn any_cron() -> impl Strategy<Value = String> {
    let month = || prop_oneof![Just("*".to_owned()), list(CronField::Month)];
    let special = prop_oneof![
        month().prop_map(|month| format!("L {month} ?")),
        month().prop_map(|month| format!("LW {month} ?")),
        (1..32_u16, month()).prop_map(|(day, month)| format!("{day}W {month} ?")),
        month().prop_map(|month| format!("? {month} L")),
        (month(), 1..8_u16).prop_map(|(month, day)| format!("? {month} {day}L")),
        (month(), 1..8_u16, 1..6_u16).prop_map(|(month, day, nth)| format!("? {month} {day}#{nth}")),
    ];
    let special = (
        list(CronField::Minutes),
        list(CronField::Hours),
        special,
        few(CronField::Year, 2023..2033),
    )
        .prop_map(|(minutes, hours, days, years)| format!("{minutes} {hours} {days} {years}"));
    prop_oneof![3 => plain_cron(), 1 => special]
}

/// Any expression, most of them good.
fn any_expression() -> impl Strategy<Value = String> {
    let rate = (1..100_000_u32, 0..3_usize).prop_map(|(number, unit)| {
        let unit = ["minute", "hour", "day"][unit];
        format!("rate({number} {unit}{})", if number == 1 { "" } else { "s" })
    });
    let time = (0..10_000_u16, 1..13_u8, 1..32_u8, 0..24_u8, 0..60_u8, 0..60_u8).prop_map(
        |(year, month, day, hour, minute, second)| {
            format!("at({year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02})")
        },
    );
    prop_oneof![4 => any_cron(), 1 => rate, 1 => time]
}

/// The dates of an expression over all years: the days of each month, as a mask.
fn dates(cron: &Cron) -> Vec<u32> {
    let months = (1970..2200).flat_map(|year| (1..=12).map(move |month| (year, month)));
    let mask = |(year, month)| {
        if cron.years.contains(year) && cron.months.contains(month) {
            cron.days.mask(year, month)
        } else {
            0
        }
    };
    months.map(mask).collect()
}

fn cron(text: &str) -> Option<Cron> {
    match Expression::parse(text) {
        Ok(Expression::Cron(cron)) => Some(cron),
        _ => None,
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn no_text_panics(text in ".*") {
        let _ = Expression::parse(&text).map_err(|error| (error.to_string(), error.caret()));
    }

    #[test]
    fn no_text_of_the_languages_own_letters_panics(text in "(cron|rate|at)?\\(?[-0-9*,/?LW#A-Z ñ]{0,40}\\)?") {
        if let Err(error) = Expression::parse(&text) {
            let position = error.position.clone();
            prop_assert!(position.is_none_or(|range| text.get(range).is_some()), "{error}");
        }
    }

    #[test]
    fn reading_what_is_written_gives_the_same(text in any_expression()) {
        if let Ok(expression) = Expression::parse(&text) {
            let written = expression.to_string();
            prop_assert_eq!(&Expression::parse(&written).unwrap(), &expression);
            prop_assert_eq!(Expression::parse(&written).unwrap().to_string(), written);
        }
    }

    #[test]
    fn rates_are_equal_exactly_when_their_periods_are(a in 1..6000_u32, b in 1..300_u32, unit in 0..3_usize) {
        let of = |number: u32, unit: usize| {
            let name = ["minute", "hour", "day"][unit];
            Expression::parse(&format!("rate({number} {name}{})", if number == 1 { "" } else { "s" })).unwrap()
        };
        let minutes = b * [1, 60, 1440][unit];
        prop_assert_eq!(of(a, 0) == of(b, unit), a == minutes);
        prop_assert_eq!(of(minutes, 0), of(b, unit));
    }
}

proptest! {
    #![proptest_config(config(60))]

    /// The promise of the canonical form, in both directions: equal forms, equal dates and times, over all years.
    #[test]
    fn expressions_are_equal_exactly_when_they_fire_alike(a in plain_cron(), b in plain_cron()) {
        for (a, b) in [(&a, &b), (&a, &a)] {
            if let (Some(a), Some(b)) = (cron(a), cron(b)) {
                // The same times of day, so that the dates decide.
                let b = Cron { minutes: a.minutes, hours: a.hours, ..b };
                prop_assert_eq!(a == b, dates(&a) == dates(&b), "{} {}", a, b);
            }
        }
    }

    /// Normalising loses and adds no date.
    #[test]
    fn the_form_fires_as_the_text_says(day in list(CronField::DayOfMonth), month in few(CronField::Month, 1..13), year in few(CronField::Year, 2023..2033)) {
        let read = |part, text: &str| field::set(part, Piece::whole(text)).unwrap();
        let literal = Cron {
            minutes: read(CronField::Minutes, "0"),
            hours: read(CronField::Hours, "0"),
            days: Days::OfMonth(read(CronField::DayOfMonth, &day)),
            months: read(CronField::Month, &month),
            years: read(CronField::Year, &year),
        };
        match Expression::parse(&format!("0 0 {day} {month} ? {year}")) {
            Ok(Expression::Cron(form)) => prop_assert_eq!(dates(&form), dates(&literal)),
            Ok(other) => prop_assert!(false, "{}", other),
            Err(UserError { rule: Rule::ExpressionTooLong { .. }, .. }) => {}
            Err(error) => prop_assert!(dates(&literal).iter().all(|mask| *mask == 0), "{}", error),
        }
    }
}

/// Small fields, all against all: where fields restrict each other the two directions hold too.
#[test]
fn small_expressions_are_equal_exactly_when_they_fire_alike() {
    let mut texts = Vec::new();
    for year in ["*", "2026", "2028", "2026,2027", "2028-2032/4", "2026,2028"] {
        for month in ["*", "2", "1,2", "2,4", "4", "4,6,9,11", "1,3,5,7,8,10,12"] {
            for day in [
                "*",
                "1-28",
                "29",
                "30",
                "31",
                "1-29",
                "1-30",
                "29,30",
                "29-31",
                "1,8,15,22",
                "1/7",
            ] {
                texts.push(format!("0 0 {day} {month} ? {year}"));
            }
            for day in ["1", "1-7", "2-6", "6"] {
                texts.push(format!("0 0 ? {month} {day} {year}"));
            }
        }
    }
    let mut by_dates = std::collections::HashMap::new();
    let mut by_form = std::collections::HashMap::new();
    for form in texts.iter().filter_map(|text| cron(text)) {
        let dates = dates(&form);
        assert_eq!(
            by_dates.entry(dates.clone()).or_insert_with(|| form.to_string()),
            &form.to_string()
        );
        assert_eq!(by_form.entry(form.to_string()).or_insert_with(|| dates.clone()), &dates);
    }
    assert!(by_form.len() > 50 && by_form.len() < texts.len());
}
