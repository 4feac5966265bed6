//! The log of a Lambda: what Lambda's logging controls ask for, in its environment.
//!
//! Invariant: levels are compared, and nothing is matched: a filter of expressions would bring its engine into every function.
//! Invariant: a line of JSON has its time: Lambda takes the level of one without as `INFO`, and drops it where only warnings pass.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing_subscriber::fmt::MakeWriter;

/// Writes what is logged from now on to the standard output: as JSON where `AWS_LAMBDA_LOG_FORMAT` says so, from the level that
/// `AWS_LAMBDA_LOG_LEVEL` names, or `INFO`. `variable` reads the environment.
pub fn init(variable: impl Fn(&str) -> Option<String>) {
    let level = level(variable("AWS_LAMBDA_LOG_LEVEL").as_deref());
    // A process has one log: where there is one already, it stays.
    let _ = if variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        set_global_default(json(level, std::io::stdout))
    } else {
        // CloudWatch keeps the time of a line beside it.
        let text = tracing_subscriber::fmt().with_target(false).with_max_level(level);
        set_global_default(text.without_time().finish())
    };
}

fn json<W>(level: LevelFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt().with_target(false).with_max_level(level);
    log.with_writer(writer).json().finish()
}

/// The level of a name of Lambda's: it knows one above errors, which nothing is logged with.
fn level(name: Option<&str>) -> LevelFilter {
    match name {
        Some(name) if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `work` logs as JSON.
    pub(crate) fn lines(level: LevelFilter, work: impl FnOnce()) -> Vec<serde_json::Value> {
        let written = Written::default();
        let writer = written.clone();
        tracing::subscriber::with_default(json(level, move || writer.clone()), work);
        let bytes = written.0.lock().unwrap().clone();
        let lines = serde_json::Deserializer::from_slice(&bytes).into_iter();
        lines.map(Result::unwrap).collect()
    }

    #[test]
    fn a_line_of_json_has_what_lambda_filters_by() {
        let lines = lines(LevelFilter::WARN, || {
            tracing::info!("not this");
            tracing::error!(id_proceso = "p", "failed");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line = &lines[0];
        assert_eq!(line["level"], "ERROR");
        assert!(
            line["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
            "{line}"
        );
        assert_eq!(
            line["fields"],
            serde_json::json!({"message": "failed", "id_proceso": "p"})
        );
    }

    #[test]
    fn the_levels_are_lambdas() {
        for (name, expected) in [
            (Some("TRACE"), LevelFilter::TRACE),
            (Some("DEBUG"), LevelFilter::DEBUG),
            (Some("INFO"), LevelFilter::INFO),
            (Some("WARN"), LevelFilter::WARN),
            (Some("ERROR"), LevelFilter::ERROR),
            (Some("FATAL"), LevelFilter::ERROR),
            (Some("another"), LevelFilter::INFO),
            (None, LevelFilter::INFO),
        ] {
            assert_eq!(level(name), expected, "{name:?}");
        }
    }
}
