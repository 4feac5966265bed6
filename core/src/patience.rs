//! How long an executor waits for a target: what it does with the time that its function has, and what a process may ask for.
//!
//! Invariant: the executor, the provider and the API reckon with the same rule, so that what a plan accepts is waited for.

use std::time::Duration;

/// How much of its time an executor keeps at most, so that what came of its targets can still be recorded: 6 s.
const MARGIN: Duration = Duration::from_secs(6);

/// The longest time-out of a function, in seconds (Lambda quotas).
const LONGEST_TIMEOUT: u32 = 900;

/// The longest that any executor can wait for a target, in seconds.
pub const LONGEST: u32 = longest(LONGEST_TIMEOUT);

/// How long targets may be waited for by an invocation that has `left` before its deadline: all of it but for the margin,
/// or for a quarter where that is less.
pub fn patience(left: Duration) -> Duration {
    left.saturating_sub(MARGIN.min(left / 4))
}

/// The longest that an executor waits for a target whose function has a time-out of so many seconds: [`patience`], in whole
/// seconds.
pub const fn longest(timeout: u32) -> u32 {
    if timeout < 24 { timeout * 3 / 4 } else { timeout - 6 }
}

/// The least time-out, in seconds, with which an executor waits so many seconds for a target; at most a function's longest.
pub const fn timeout_for(seconds: u32) -> u32 {
    let timeout = if seconds < longest(24) {
        (seconds * 4).div_ceil(3)
    } else {
        seconds.saturating_add(6)
    };
    if timeout < LONGEST_TIMEOUT {
        timeout
    } else {
        LONGEST_TIMEOUT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_seconds_are_kept_or_a_quarter_where_there_is_little() {
        for (timeout, expected) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (10, 7),
            (24, 18),
            (25, 19),
            (120, 114),
            (900, 894),
        ] {
            assert_eq!(longest(timeout), expected, "{timeout}");
        }
        assert_eq!(patience(Duration::from_secs(1)), Duration::from_millis(750));
        for timeout in 0..=LONGEST_TIMEOUT {
            let patience = patience(Duration::from_secs(timeout.into()));
            assert_eq!(patience.as_secs(), u64::from(longest(timeout)), "{timeout}");
        }
    }

    #[test]
    fn the_timeout_that_is_asked_for_is_the_least_that_suffices() {
        for seconds in 1..=LONGEST {
            let timeout = timeout_for(seconds);
            assert!(
                longest(timeout) >= seconds && longest(timeout - 1) < seconds,
                "{seconds}"
            );
        }
        assert_eq!(timeout_for(LONGEST + 1), LONGEST_TIMEOUT);
    }
}
