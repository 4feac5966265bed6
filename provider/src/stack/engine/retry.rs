//! Which failures are tried again, and for how long.
//!
//! Invariant: only propagation of IAM (at most two minutes) and what is still settling (until the operation's time is
//! over) are tried again here. The SDK has its own policy for throttling and broken connections; nothing is added to it.

use std::time::Duration;

use kairos_aws::{AwsError, Class};

/// How patient to be.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pause after the first failure; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// How long IAM may take to show everywhere what was created (its documentation speaks of seconds).
    pub propagation: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(10),
            propagation: Duration::from_mins(2),
        }
    }
}

/// Whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// After this pause.
    Again(Duration),
    /// Never.
    GiveUp,
}

impl Pace {
    /// Judges the `failures`-th failure (from 1), `waited` after the first. `settling` is the kind's own word on it. Pure.
    pub fn judge(&self, error: &AwsError, settling: bool, failures: u32, waited: Duration) -> Verdict {
        let pause = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
            .min(self.longest);
        let again = settling || (error.class == Class::Propagation && waited + pause <= self.propagation);
        if again { Verdict::Again(pause) } else { Verdict::GiveUp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(class: Class) -> AwsError {
        AwsError {
            action: "CreateFunction".into(),
            object: "f".into(),
            code: None,
            message: String::new(),
            request_id: None,
            class,
            ambiguous: false,
        }
    }

    #[track_caller]
    fn check(class: Class, settling: bool, failures: u32, waited: u64, expect: Verdict) {
        let verdict = Pace::default().judge(&error(class), settling, failures, Duration::from_secs(waited));
        assert_eq!(
            verdict, expect,
            "{class:?} settling={settling} failures={failures} waited={waited}"
        );
    }

    #[test]
    fn only_propagation_and_settling_are_tried_again() {
        check(
            Class::Propagation,
            false,
            1,
            0,
            Verdict::Again(Duration::from_millis(250)),
        );
        check(Class::Propagation, false, 3, 2, Verdict::Again(Duration::from_secs(1)));
        check(Class::Propagation, false, 20, 119, Verdict::GiveUp);
        check(Class::Conflict, true, 20, 3000, Verdict::Again(Duration::from_secs(10)));
        for class in [
            Class::Conflict,
            Class::Transient,
            Class::Denied,
            Class::NotFound,
            Class::Terminal,
        ] {
            check(class, false, 1, 0, Verdict::GiveUp);
        }
    }
}
