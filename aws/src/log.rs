//! The log of a Lambda: what Lambda's logging controls ask for, in its environment.
//!
//! Invariant: levels are compared, and nothing is matched: a filter of expressions would bring its engine into every function.

use tracing::level_filters::LevelFilter;

/// Writes what is logged from now on to the standard output: as JSON where `AWS_LAMBDA_LOG_FORMAT` says so, from the level that
/// `AWS_LAMBDA_LOG_LEVEL` names, or `INFO`. `variable` reads the environment.
pub fn init(variable: impl Fn(&str) -> Option<String>) {
    let log = tracing_subscriber::fmt()
        .with_target(false)
        .without_time()
        .with_max_level(level(variable("AWS_LAMBDA_LOG_LEVEL").as_deref()));
    if variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().init();
    } else {
        log.init();
    }
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
mod tests {
    use super::*;

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
