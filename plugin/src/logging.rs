//! Log lines as terraform reads them from a plugin's stderr: one JSON object a line, by the levels of `TF_LOG`.
//!
//! Guarantees: of other crates than the provider's own, warnings and errors only: their finer messages may quote
//! requests, and with them secrets.

use std::fmt;
use std::io::{self, Write as _};

use serde_json::{Map, Value as Json};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging, of this crate and of those whose names begin so. Does nothing where logging has been started.
pub(crate) fn start(crates: &[&str], variable: impl Fn(&str) -> Option<String>) {
    let targets = targets(crates, level(variable));
    let _ = tracing_subscriber::registry()
        .with(Lines { write: to_stderr }.with_filter(targets))
        .try_init();
}

fn targets(crates: &[&str], level: LevelFilter) -> Targets {
    let ours = crates.iter().copied().chain(["tfplugin"]).map(|name| (name, level));
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(ours)
}

/// `TF_LOG_PROVIDER` has precedence over `TF_LOG`. As in terraform, what is not a level means all.
fn level(variable: impl Fn(&str) -> Option<String>) -> LevelFilter {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let Some(name) = set("TF_LOG_PROVIDER").or_else(|| set("TF_LOG")) else {
        return LevelFilter::OFF;
    };
    match name.to_ascii_uppercase().as_str() {
        "OFF" => LevelFilter::OFF,
        "ERROR" => LevelFilter::ERROR,
        "WARN" => LevelFilter::WARN,
        "INFO" => LevelFilter::INFO,
        "DEBUG" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

fn to_stderr(line: &str) {
    // There is nobody to tell that nothing can be told.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

struct Lines<W> {
    write: W,
}

/// The fields of a span, for the lines within it.
struct SpanFields(Map<String, Json>);

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::default();
        record.record(&mut fields);
        if let Some(span) = ctx.span(id)
            && let Some(known) = span.extensions_mut().get_mut::<SpanFields>()
        {
            known.0.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let metadata = event.metadata();
        let mut line = Map::new();
        let level = match *metadata.level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        line.insert("@level".to_owned(), level.into());
        line.insert(
            "@message".to_owned(),
            fields.0.remove("message").unwrap_or_else(|| "".into()),
        );
        line.insert("@module".to_owned(), metadata.target().into());
        line.insert("@timestamp".to_owned(), format!("{:.6}", jiff::Timestamp::now()).into());
        for span in ctx
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(SpanFields(known)) = span.extensions().get() {
                line.extend(known.clone());
            }
        }
        line.extend(fields.0);
        (self.write)(&format!("{}\n", Json::Object(line)));
    }
}

/// Fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[test]
    fn the_provider_variable_comes_first_and_anything_else_means_all() {
        let read = |provider: &str, all: &str| {
            let variables = [("TF_LOG_PROVIDER", provider.to_owned()), ("TF_LOG", all.to_owned())];
            level(|name| {
                variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| value.clone())
            })
        };
        assert_eq!(read("", ""), LevelFilter::OFF);
        assert_eq!(read("", "info"), LevelFilter::INFO);
        assert_eq!(read("ERROR", "TRACE"), LevelFilter::ERROR);
        assert_eq!(read("off", "TRACE"), LevelFilter::OFF);
        assert_eq!(read("", "JSON"), LevelFilter::TRACE);
        assert_eq!(read("", "1"), LevelFilter::TRACE);
    }

    #[test]
    fn other_crates_tell_warnings_only() {
        let told = |level, name, at| targets(&["kairos"], level).would_enable(name, &at);
        assert!(told(LevelFilter::TRACE, "kairos_aws::store", Level::TRACE));
        assert!(told(LevelFilter::TRACE, "tfplugin::serve", Level::TRACE));
        assert!(told(LevelFilter::TRACE, "hyper::proto", Level::WARN));
        assert!(!told(LevelFilter::TRACE, "hyper::proto", Level::INFO));
        assert!(!told(LevelFilter::ERROR, "hyper::proto", Level::WARN));
        assert!(!told(LevelFilter::OFF, "kairos", Level::ERROR));
    }

    #[test]
    fn a_line_is_one_json_object_with_the_fields_of_its_spans() -> Result<(), serde_json::Error> {
        let lines = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&lines);
        let write = move |line: &str| sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
        let subscriber = tracing_subscriber::registry().with(Lines { write });
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("outer", componente = "queue", n = tracing::field::Empty);
            span.record("n", 2);
            span.in_scope(|| tracing::warn!(target: "x::y", ok = true, "two\nlines"));
        });
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(lines.lines().count(), 1);
        let mut line: Map<String, Json> = serde_json::from_str(&lines)?;
        let time = line.remove("@timestamp").unwrap_or_default().to_string();
        assert!(
            time.ends_with("Z\"") && time.len() == "\"2026-01-02T03:04:05.678901Z\"".len(),
            "{time}"
        );
        let expected = serde_json::json!({
            "@level": "warn", "@message": "two\nlines", "@module": "x::y", "componente": "queue", "n": 2, "ok": true
        });
        assert_eq!(Json::Object(line), expected);
        Ok(())
    }
}
