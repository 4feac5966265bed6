//! Why an attempt failed, and what follows from it: another attempt, or the dead-letter queue.
//!
//! Invariant: pure; an error is retried only where repeating the same call can help.

use std::time::Duration;

use kairos_aws::error::{AwsError, Class};

/// How long the first repetition waits; each further one waits twice as long.
const FIRST_DELAY: Duration = Duration::from_secs(30);

/// How long a message waits at first whose invocation had no time for it.
const SOON: Duration = Duration::from_secs(1);

/// How long a repetition waits at most.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whether another attempt may end differently.
    pub transient: bool,
    /// Whether the service refused the call for who made it, before anything was done: for somebody else it may be let in.
    pub refused: bool,
    /// What failed, in words for the history.
    pub message: String,
}

impl Failure {
    /// A failure that another attempt may not meet again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self {
            transient: true,
            refused: false,
            message: message.into(),
        }
    }

    /// A failure that every further attempt would meet again.
    pub fn terminal(message: impl Into<String>) -> Self {
        Self {
            transient: false,
            refused: false,
            message: message.into(),
        }
    }

    /// The same, of a call that was refused for who made it.
    #[must_use]
    pub fn refused(self) -> Self {
        Self { refused: true, ..self }
    }
}

impl From<AwsError> for Failure {
    fn from(error: AwsError) -> Self {
        Self {
            transient: is_transient(&error),
            // Without a code nobody has answered.
            refused: error.class == Class::Denied && error.code.is_some() && !error.ambiguous,
            message: error.to_string(),
        }
    }
}

/// Codes that are no throttling by class, yet pass with time: a limit of what runs at once, a function or a key that is
/// being changed, credentials that ran out between their use and their arrival.
const PASSING: &[&str] = &[
    "ExecutionLimitExceeded",
    "OverLimit",
    "KmsThrottled",
    "KMSThrottled",
    "KMSThrottlingException",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "ConcurrentRunsExceededException",
    "AccountLimitExceededException",
    "ActiveStatementsExceededException",
    "ActiveSessionsExceededException",
    "DatabaseResumingException",
    "OperationTimeoutException",
    "InternalException",
];

fn is_transient(error: &AwsError) -> bool {
    match error.class {
        Class::Transient | Class::Propagation | Class::Conflict => true,
        Class::NotFound | Class::Denied | Class::Terminal => error.code.as_deref().is_some_and(|code| {
            let code = code.rsplit(['#', '.']).next().unwrap_or(code);
            PASSING.contains(&code)
        }),
    }
}

/// What follows a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another attempt after this long.
    Again(Duration),
    /// None: the run goes to the dead-letter queue.
    GiveUp,
}

/// What follows the failure of `attempt` (from 1) of a process that may be tried again `reintentos` times.
///
/// A run that is redriven after it was given up gets one attempt more, since its attempts are counted on.
pub(crate) fn next(failure: &Failure, attempt: u32, reintentos: u32) -> Next {
    if failure.transient && attempt <= reintentos {
        Next::Again(delay(attempt))
    } else {
        Next::GiveUp
    }
}

/// How long a message waits whose run could not even be begun, since a table or a queue did not answer, when it has been
/// received so often (from 1): as long as after so many failed attempts, so that its receives last for hours.
pub(crate) fn pause_after_trouble(receives: u32) -> Duration {
    delay(receives)
}

/// How long a message waits for an invocation with more time, when it has been received so often (from 1).
pub(crate) fn pause_before_beginning(receives: u32) -> Duration {
    doubled(SOON, receives)
}

/// 30 s × 2ⁿ after attempt n + 1, at most 15 min.
fn delay(attempt: u32) -> Duration {
    doubled(FIRST_DELAY, attempt)
}

fn doubled(first: Duration, time: u32) -> Duration {
    let doublings = time.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: &str, class: Class) -> AwsError {
        AwsError {
            action: "Invoke".into(),
            object: "arn".into(),
            code: Some(code.into()),
            message: "words".into(),
            request_id: Some("r".into()),
            class,
            ambiguous: false,
        }
    }

    #[track_caller]
    fn check(code: &str, class: Class, transient: bool) {
        assert_eq!(Failure::from(error(code, class)).transient, transient, "{code}");
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        check("ThrottlingException", Class::Transient, true);
        check("ResourceConflictException", Class::Conflict, true);
        check("ExecutionLimitExceeded", Class::Terminal, true);
        check("AWS.SimpleQueueService.OverLimit", Class::Terminal, true);
        check("ExpiredTokenException", Class::Denied, true);
        check("AccessDeniedException", Class::Denied, false);
        check("ResourceNotFoundException", Class::NotFound, false);
        check("InvalidRequestContentException", Class::Terminal, false);
    }

    #[test]
    fn only_an_answer_says_that_a_caller_was_refused() {
        let refused = |code: &str, class: Class| Failure::from(error(code, class)).refused;
        assert!(refused("AccessDeniedException", Class::Denied) && refused("ExpiredTokenException", Class::Denied));
        assert!(!refused("ResourceNotFoundException", Class::NotFound));
        assert!(!refused("ThrottlingException", Class::Transient));
        let unanswered = AwsError {
            code: None,
            ..error("", Class::Denied)
        };
        assert!(!Failure::from(unanswered).refused);
        assert!(!Failure::terminal("x").refused && Failure::terminal("x").refused().refused);
    }

    #[test]
    fn messages_wait_longer_each_time_and_twenty_receives_last_for_hours() {
        let all = |pause: fn(u32) -> Duration| (1..20).map(pause).sum::<Duration>();
        assert_eq!(pause_before_beginning(1), Duration::from_secs(1));
        assert_eq!(pause_after_trouble(1), Duration::from_secs(30));
        assert_eq!(pause_after_trouble(0), Duration::from_secs(30));
        assert!(all(pause_after_trouble) > Duration::from_hours(3));
        assert!(all(pause_before_beginning) > Duration::from_hours(2));
    }

    #[test]
    fn the_message_names_action_object_code_and_request() {
        let failure = Failure::from(error("AccessDeniedException", Class::Denied));
        assert_eq!(
            failure.message,
            "Invoke of \"arn\" failed: AccessDeniedException: words (request id r)"
        );
    }

    #[test]
    fn delays_double_up_to_a_quarter_of_an_hour() {
        let failure = Failure::transient("x");
        let delays: Vec<u64> = (1..=8)
            .map(|attempt| match next(&failure, attempt, 10) {
                Next::Again(delay) => delay.as_secs(),
                Next::GiveUp => 0,
            })
            .collect();
        assert_eq!(delays, [30, 60, 120, 240, 480, 900, 900, 900]);
    }

    #[test]
    fn there_is_one_attempt_more_than_repetitions() {
        let failure = Failure::transient("x");
        assert_eq!(next(&failure, 3, 3), Next::Again(Duration::from_mins(2)));
        assert_eq!(next(&failure, 4, 3), Next::GiveUp);
        assert_eq!(next(&failure, 1, 0), Next::GiveUp);
        assert_eq!(next(&failure, 99, 10), Next::GiveUp);
        assert_eq!(next(&Failure::terminal("x"), 1, 10), Next::GiveUp);
    }
}
