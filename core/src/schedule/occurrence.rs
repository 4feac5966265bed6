//! Next and previous occurrence of a schedule.
//!
//! Invariant: the first showings of local times come in the order of the local times, whatever clocks do; so a search
//! by local fields finds instants in order, and only skipped and repeated stretches are stepped through.

use super::{Schedule, Zone};
use crate::expression::{Cron, Expression, Rate};
use crate::instant::Timestamp;
use jiff::civil::DateTime;
use jiff::{SignedDuration, ToSpan};

/// Whether the expression has any occurrence in the zone.
pub(super) fn ever(expression: &Expression, zone: &Zone) -> bool {
    match expression {
        Expression::Cron(cron) => cron_after(cron, zone, Timestamp::MIN).is_some(),
        Expression::Rate(_) => true,
        Expression::At(time) => zone.instant_of(*time).is_some(),
    }
}

/// See [`Schedule::next_after`].
pub(super) fn next_after(schedule: &Schedule, instant: Timestamp, created: Timestamp) -> Option<Timestamp> {
    let Schedule {
        expression,
        zone,
        start,
        end,
        ..
    } = schedule;
    let next = match expression {
        Expression::At(_) => return schedule.one_time().filter(|at| *at > instant),
        Expression::Rate(rate) => rate_after(*rate, rate_base(*start, created), instant)?,
        Expression::Cron(cron) => {
            // The start itself may be an occurrence.
            let before_start = start.and_then(|start| start.checked_sub(1.nanosecond()).ok());
            cron_after(cron, zone, before_start.map_or(instant, |before| before.max(instant)))?
        }
    };
    end.is_none_or(|end| next <= end).then_some(next)
}

/// See [`Schedule::latest_at_or_before`].
pub(super) fn latest_at_or_before(schedule: &Schedule, instant: Timestamp, created: Timestamp) -> Option<Timestamp> {
    let Schedule {
        expression,
        zone,
        start,
        end,
        ..
    } = schedule;
    let instant_in_bounds = end.map_or(instant, |end| end.min(instant));
    match expression {
        Expression::At(_) => schedule.one_time().filter(|at| *at <= instant),
        Expression::Rate(rate) => rate_at_or_before(*rate, rate_base(*start, created), instant_in_bounds),
        Expression::Cron(cron) => {
            let latest = cron_at_or_before(cron, zone, instant_in_bounds)?;
            start.is_none_or(|start| latest >= start).then_some(latest)
        }
    }
}

/// The first local time whose first showing is after the instant.
fn cron_after(cron: &Cron, zone: &Zone, instant: Timestamp) -> Option<Timestamp> {
    let mut from = zone.local(instant);
    loop {
        let time = cron.at_or_after(from)?;
        if let Some(found) = zone.instant_of(time).filter(|found| *found > instant) {
            return Some(found);
        }
        from = time.checked_add(1.minute()).ok()?;
    }
}

/// The last local time whose first showing is not after the instant.
fn cron_at_or_before(cron: &Cron, zone: &Zone, instant: Timestamp) -> Option<Timestamp> {
    let mut from: DateTime = zone.latest_local(instant);
    loop {
        let time = cron.at_or_before(from)?;
        if let Some(found) = zone.instant_of(time).filter(|found| *found <= instant) {
            return Some(found);
        }
        from = time.checked_sub(1.minute()).ok()?;
    }
}

/// A rate's first occurrence. A start that was over on creation was never sent to AWS, which then counts from there.
fn rate_base(start: Option<Timestamp>, created: Timestamp) -> Timestamp {
    start.map_or(created, |start| start.max(created))
}

fn rate_after(rate: Rate, base: Timestamp, instant: Timestamp) -> Option<Timestamp> {
    if instant < base {
        return Some(base);
    }
    let periods = instant.duration_since(base).as_nanos() / rate.period().as_nanos() + 1;
    nth(rate, base, periods)
}

fn rate_at_or_before(rate: Rate, base: Timestamp, instant: Timestamp) -> Option<Timestamp> {
    if instant < base {
        return None;
    }
    let periods = instant.duration_since(base).as_nanos() / rate.period().as_nanos();
    nth(rate, base, periods)
}

fn nth(rate: Rate, base: Timestamp, periods: i128) -> Option<Timestamp> {
    let elapsed = periods.checked_mul(rate.period().as_nanos())?;
    base.checked_add(SignedDuration::try_from_nanos_i128(elapsed)?).ok()
}
