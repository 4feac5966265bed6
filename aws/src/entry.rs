//! The beginning and the end of a Lambda's process.
//!
//! Invariant: what keeps a function from starting is a line of its log like any other, in words, at level `ERROR` and with its time:
//! Lambda would drop it otherwise where only errors pass.

use std::error::Error;
use std::process::ExitCode;

use crate::environment::of_process;
use crate::log;

/// What lets a function start, or keeps it from that.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Sets up the log as the environment says, and is `main` from then on. A failure is logged and ends the process as failed, which
/// Lambda takes as an error of its initialisation.
pub async fn run(main: impl Future<Output = Outcome>) -> ExitCode {
    log::init(of_process);
    ended(main.await)
}

fn ended(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = told(error.as_ref()), "not started");
            ExitCode::FAILURE
        }
    }
}

/// An error and what led to it.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use tracing::level_filters::LevelFilter;

    use super::*;
    use crate::environment::required;
    use crate::log::tests::lines;

    #[test]
    fn what_is_missing_is_told_in_words_and_with_its_time() {
        let mut code = ExitCode::SUCCESS;
        let lines = lines(LevelFilter::ERROR, || {
            let missing = required(|_| None, "KAIROS_STACK").unwrap_err();
            code = ended(Err(missing.into()));
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], "ERROR");
        assert!(lines[0]["timestamp"].is_string());
        assert_eq!(lines[0]["fields"]["message"], "not started");
        assert_eq!(
            lines[0]["fields"]["error"],
            "the environment variable \"KAIROS_STACK\" is missing: the stack sets it, so the function's configuration was changed \
             by hand"
        );
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::FAILURE));
    }

    #[test]
    fn a_cause_is_told_with_its_error() {
        #[derive(Debug, thiserror::Error)]
        #[error("the runtime did not answer")]
        struct Unanswered(#[source] std::fmt::Error);
        let lines = lines(LevelFilter::ERROR, || {
            let _ = ended(Err(Unanswered(std::fmt::Error).into()));
        });
        let expected = format!("the runtime did not answer: {}", std::fmt::Error);
        assert_eq!(lines[0]["fields"]["error"], expected);
    }

    #[test]
    fn an_end_without_a_failure_says_nothing() {
        let lines = lines(LevelFilter::TRACE, || {
            assert_eq!(format!("{:?}", ended(Ok(()))), format!("{:?}", ExitCode::SUCCESS));
        });
        assert!(lines.is_empty(), "{lines:?}");
    }
}
