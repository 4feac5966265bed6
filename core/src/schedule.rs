//! A schedule: an expression in a time zone, with its window and bounds; what a calendarización is made from.
//!
//! Invariant: equal schedules have equal ids and fire at the same instants (rates: of the same creation).
//! Invariant: a schedule occurs at least once in its zone; whether that is within its bounds is its owner's affair.

mod english;
mod occurrence;
mod spanish;
#[cfg(test)]
mod tests;
mod words;
mod zone;

pub use words::Language;
pub use zone::Zone;

use crate::error::{Field, Rule, UserError};
use crate::expression::Expression;
use crate::ids::IdCalendarizacion;
use crate::instant::{Timestamp, rfc3339_millis, to_millis};

/// An expression, where and in which bounds it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// When it fires, in local time of the zone.
    pub expression: Expression,
    /// The zone.
    pub zone: Zone,
    /// The flexible window in minutes, 1 to 1440: how long after its time a firing may come.
    pub window_minutes: Option<u16>,
    /// Nothing fires before this instant (whole milliseconds). One-time schedules ignore it, as the scheduler does.
    pub start: Option<Timestamp>,
    /// Nothing fires after this instant (whole milliseconds). One-time schedules ignore it, as the scheduler does.
    pub end: Option<Timestamp>,
}

/// The flexible window's limits in minutes (the scheduler's `MaximumWindowInMinutes`).
const WINDOW: std::ops::RangeInclusive<u16> = 1..=1440;

/// The scheduler's limit on a schedule's description, in characters.
const MAX_DESCRIPTION: usize = 512;

impl Schedule {
    /// Reads a schedule as users give it: expression, IANA zone (UTC where none is given), window in minutes, start
    /// and end in RFC 3339.
    ///
    /// # Errors
    /// Everything that is wrong, each attribute once.
    pub fn parse(
        cron: &str,
        zona_horaria: Option<&str>,
        ventana_flexible_minutos: Option<i64>,
        inicio: Option<&str>,
        fin: Option<&str>,
    ) -> Result<Self, Vec<UserError>> {
        let mut errors = Vec::new();
        let expression = keep(Expression::parse(cron), &mut errors);
        let zone = keep(zona_horaria.map_or_else(|| Ok(Zone::utc()), Zone::parse), &mut errors);
        let window = keep(ventana_flexible_minutos.map(window).transpose(), &mut errors);
        let start = keep(inicio.map(|text| instant(Field::Inicio, text)).transpose(), &mut errors);
        let end = keep(fin.map(|text| instant(Field::Fin, text)).transpose(), &mut errors);
        if let (Some(Some(start)), Some(Some(end))) = (start, end)
            && end <= start
        {
            errors.push(UserError::new(
                Field::Fin,
                fin.unwrap_or_default(),
                Rule::EndBeforeStart { start },
            ));
        }
        if let (Some(expression), Some(zone)) = (&expression, &zone)
            && !occurrence::ever(expression, zone)
        {
            let rule = Rule::SkippedInZone {
                zone: zone.name().to_owned(),
            };
            errors.push(UserError::new(Field::Cron, cron, rule).at(0..cron.len()));
        }
        match (expression, zone, window, start, end) {
            (Some(expression), Some(zone), Some(window_minutes), Some(start), Some(end)) if errors.is_empty() => {
                Ok(Self {
                    expression,
                    zone,
                    window_minutes,
                    start,
                    end,
                })
            }
            _ => Err(errors),
        }
    }

    /// The id of the calendarización that is made from this schedule.
    pub fn id(&self) -> IdCalendarizacion {
        IdCalendarizacion::of(
            &self.expression.to_string(),
            self.zone.name(),
            self.window_minutes,
            self.start,
            self.end,
        )
    }

    /// The first occurrence strictly after `instant`. `created` is when the calendarización was created, which is
    /// where a rate without a later start begins to count; nothing else depends on it.
    ///
    /// Exact, with the scheduler's rules for clock changes: a local time that is skipped does not fire, one that is
    /// repeated fires the first time only; rates run on in elapsed time.
    pub fn next_after(&self, instant: Timestamp, created: Timestamp) -> Option<Timestamp> {
        occurrence::next_after(self, instant, created)
    }

    /// The last occurrence at or before `instant`, by the rules of [`Schedule::next_after`].
    pub fn latest_at_or_before(&self, instant: Timestamp, created: Timestamp) -> Option<Timestamp> {
        occurrence::latest_at_or_before(self, instant, created)
    }

    /// The instant of a one-time schedule; `None` for all others.
    pub fn one_time(&self) -> Option<Timestamp> {
        match self.expression {
            Expression::At(time) => self.zone.instant_of(time),
            Expression::Cron(_) | Expression::Rate(_) => None,
        }
    }

    /// Refuses a schedule that, created at `now`, would never fire: a one-time schedule whose time has come, an end before
    /// the next occurrence, years that are over. To be asked when a process is created or moved, not later.
    pub fn check_future(&self, now: Timestamp) -> Result<(), UserError> {
        if self.next_after(now, now).is_some() {
            return Ok(());
        }
        let endless = Self {
            end: None,
            ..self.clone()
        };
        Err(match (self.one_time(), self.end, endless.next_after(now, now)) {
            (None, Some(end), Some(next)) => {
                UserError::new(Field::Fin, rfc3339_millis(end), Rule::EndsTooSoon { next, now })
            }
            (Some(at), ..) => UserError::new(Field::Cron, self.expression.to_string(), Rule::AtPast { at, now }),
            (None, ..) => UserError::new(Field::Cron, self.expression.to_string(), Rule::Over { now }),
        })
    }

    /// The schedule in English words, for people who look at it in AWS: at most 512 characters.
    pub fn describe(&self) -> String {
        let mut text = self.describe_in(Language::English);
        if text.chars().count() > MAX_DESCRIPTION {
            text = text.chars().take(MAX_DESCRIPTION - 3).chain("...".chars()).collect();
        }
        text
    }

    /// The schedule in words of a language, in one sentence without a final stop, however long.
    pub fn describe_in(&self, language: Language) -> String {
        match language {
            Language::English => english::describe(self),
            Language::Spanish => spanish::describe(self),
        }
    }
}

fn keep<T>(result: Result<T, UserError>, errors: &mut Vec<UserError>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}

fn window(minutes: i64) -> Result<u16, UserError> {
    u16::try_from(minutes)
        .ok()
        .filter(|minutes| WINDOW.contains(minutes))
        .ok_or_else(|| {
            let rule = Rule::Between {
                min: (*WINDOW.start()).into(),
                max: (*WINDOW.end()).into(),
            };
            UserError::new(Field::VentanaFlexibleMinutos, minutes.to_string(), rule)
        })
}

/// Reads an instant as users give it: RFC 3339, with an offset. Finer parts than milliseconds, which would be in neither the
/// id nor the table, are cut off.
///
/// # Errors
/// [`Rule::NotAnInstant`], of `field`.
pub fn instant(field: Field, text: &str) -> Result<Timestamp, UserError> {
    let refused = || UserError::new(field, text, Rule::NotAnInstant);
    // The time library also reads notations that are not RFC 3339: "[zone]" after the offset, or no seconds.
    let (date, time) = text.trim().split_once(['T', 't', ' ']).ok_or_else(refused)?;
    if date.len() != "2026-01-01".len() || time.contains('[') || time.matches(':').count() < 2 {
        return Err(refused());
    }
    text.trim().parse().map(to_millis).map_err(|_| refused())
}
