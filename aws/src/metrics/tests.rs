//! A process has one recorder, so that these tests share it and take turns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::MutexGuard;

use acceptance::emf::{Document, documents, sum, values};
use expect_test::{Expect, expect};

use super::*;

/// What was written, and whose turn it is.
static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static TURN: Mutex<()> = Mutex::new(());

/// The recorder of this process, with a clock that stands still, and nothing written yet.
fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if EMITTER.get().is_none() {
        let builder = Builder::new()
            .cloudwatch_namespace(NAMESPACE)
            .with_dimension(STACK, "Demo");
        let now = || "2026-01-02T03:04:05.678Z".parse().unwrap();
        let out = |lines: &[u8]| WRITTEN.lock().unwrap().extend_from_slice(lines);
        install(builder.with_timestamp(1_767_323_045_678), "INFO", now, out);
    }
    WRITTEN.lock().unwrap().clear();
    turn
}

fn written() -> String {
    String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap()
}

fn read() -> Vec<Document> {
    documents(&written()).unwrap()
}

/// What was written, with `T` in place of the invocation's own time, which nothing but a clock decides.
#[track_caller]
fn check(own_time: &str, expected: &Expect) {
    let mut text = written();
    documents(&text).unwrap();
    let key = format!("\"{own_time}\":[");
    if let Some(at) = text.find(&key) {
        let from = at + key.len();
        let to = from + text[from..].find(']').unwrap();
        text.replace_range(from..to, "T");
    }
    expected.assert_eq(&text);
}

#[test]
fn a_firing_is_one_line() {
    let _turn = turn();
    let dispatching = dispatching("request-1");
    found(12);
    left_out(2);
    sent(6);
    sent(4);
    rejected(1);
    drop(dispatching);
    check(
        DURACION_DESPACHO,
        &expect![[r#"
        {"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Kairos","Dimensions":[["Stack"]],"Metrics":[{"Name":"Descartadas","Unit":"Count"},{"Name":"Despachadas","Unit":"Count"},{"Name":"DuracionDespacho","Unit":"Milliseconds"},{"Name":"Encontradas","Unit":"Count"},{"Name":"Rechazadas","Unit":"Count"}]}]},"Stack":"Demo","Solicitud":"request-1","level":"INFO","timestamp":"2026-01-02T03:04:05.678Z","Descartadas":2,"Despachadas":10,"DuracionDespacho":[T],"Encontradas":12,"Rechazadas":1}
    "#]],
    );
}

#[test]
fn a_batch_is_a_line_for_the_stack_and_one_for_each_kind_of_target() {
    let _turn = turn();
    let executing = executing("request-2");
    run_began(Duration::from_millis(1_500));
    run_began(Duration::from_micros(2_000_250));
    attempt_ended("lambda", Duration::from_micros(20_125));
    attempt_ended("sqs", Duration::from_millis(5));
    attempt_ended("lambda".to_owned(), Duration::from_millis(30));
    run_done();
    run_done();
    run_failed();
    run_again();
    run_omitted();
    duplicate();
    unreadable();
    drop(executing);
    check(
        "",
        &expect![[r#"
        {"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Kairos","Dimensions":[["Stack"]],"Metrics":[{"Name":"DuplicadosSuprimidos","Unit":"Count"},{"Name":"Ejecutadas","Unit":"Count"},{"Name":"Fallidas","Unit":"Count"},{"Name":"Ilegibles","Unit":"Count"},{"Name":"Omitidas","Unit":"Count"},{"Name":"Reintentadas","Unit":"Count"},{"Name":"Retraso","Unit":"Milliseconds"}]}]},"Stack":"Demo","Solicitud":"request-2","level":"INFO","timestamp":"2026-01-02T03:04:05.678Z","DuplicadosSuprimidos":1,"Ejecutadas":2,"Fallidas":1,"Ilegibles":1,"Omitidas":1,"Reintentadas":1,"Retraso":[1500.0,2000.25]}
        {"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Kairos","Dimensions":[["Stack","Destino"]],"Metrics":[{"Name":"Duracion","Unit":"Milliseconds"}]}]},"Destino":"lambda","Stack":"Demo","Solicitud":"request-2","level":"INFO","timestamp":"2026-01-02T03:04:05.678Z","Duracion":[20.125,30.0]}
        {"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Kairos","Dimensions":[["Stack","Destino"]],"Metrics":[{"Name":"Duracion","Unit":"Milliseconds"}]}]},"Destino":"sqs","Stack":"Demo","Solicitud":"request-2","level":"INFO","timestamp":"2026-01-02T03:04:05.678Z","Duracion":[5.0]}
    "#]],
    );
}

#[test]
fn a_request_is_one_line_with_its_route_as_a_property() {
    let _turn = turn();
    let mut request = answering("request-3", Some("GET /Procesos/{id}"));
    request.answered(404);
    drop(request);
    check(
        LATENCIA,
        &expect![[r#"
        {"_aws":{"Timestamp":1767323045678,"CloudWatchMetrics":[{"Namespace":"Kairos","Dimensions":[["Stack"]],"Metrics":[{"Name":"Fallas4xx","Unit":"Count"},{"Name":"Latencia","Unit":"Milliseconds"},{"Name":"Peticiones","Unit":"Count"}]}]},"Stack":"Demo","Ruta":"GET /Procesos/{id}","Solicitud":"request-3","level":"INFO","timestamp":"2026-01-02T03:04:05.678Z","Fallas4xx":1,"Latencia":[T],"Peticiones":1}
    "#]],
    );
}

#[test]
fn failures_of_the_caller_are_told_from_ours() {
    for (status, theirs, ours) in [
        (200, 0.0, 0.0),
        (304, 0.0, 0.0),
        (429, 1.0, 0.0),
        (500, 0.0, 1.0),
        (503, 0.0, 1.0),
    ] {
        let _turn = turn();
        let mut request = answering("r", None);
        request.answered(status);
        drop(request);
        let read = read();
        let told = [PETICIONES, FALLAS_4XX, FALLAS_5XX].map(|name| sum(&read, name));
        assert!(
            told.iter()
                .zip([1.0, theirs, ours])
                .all(|(a, b)| (a - b).abs() < f64::EPSILON),
            "{status}: {told:?}"
        );
        assert_eq!(
            read[0].line["Ruta"],
            serde_json::Value::Null,
            "the route of the request before is gone"
        );
    }
}

#[test]
fn a_panic_is_counted_and_written() {
    let _turn = turn();
    let panicked = std::thread::spawn(|| {
        let _request = answering("r", None);
        run_done();
        std::panic::resume_unwind(Box::new("as a handler would"));
    });
    assert!(panicked.join().is_err());
    let read = read();
    let told = [PETICIONES, FALLAS_5XX, EJECUTADAS].map(|name| sum(&read, name));
    assert!(told.iter().all(|count| (count - 1.0).abs() < f64::EPSILON), "{told:?}");
    assert_eq!(values(&read, LATENCIA).len(), 1);
}

#[test]
fn no_value_is_lost_however_many_there_are() {
    let _turn = turn();
    let executing = executing("r");
    for number in 0..1_001 {
        run_began(Duration::from_millis(number));
    }
    drop(executing);
    let read = read();
    let expected: Vec<f64> = (0..1_001).map(f64::from).collect();
    assert_eq!(values(&read, RETRASO), expected);
    assert_eq!(read.len(), 11, "a hundred a line");
}

#[test]
fn nothing_is_written_where_nothing_was_counted() {
    let _turn = turn();
    drop(executing("r"));
    assert_eq!(written(), "");
}

#[test]
fn every_metric_has_its_unit() {
    let _turn = turn();
    let executing = executing("r");
    for name in COUNTED {
        one(&counter!(name));
    }
    for name in TIMED {
        timed(&of_values!(name), Duration::from_millis(1));
    }
    drop(executing);
    let read = read();
    assert_eq!(read.len(), 1);
    for name in COUNTED {
        assert_eq!(read[0].units[name], "Count");
    }
    for name in TIMED {
        assert_eq!(read[0].units[name], "Milliseconds");
    }
}

#[test]
fn lines_pass_the_filter_of_the_log_whatever_it_lets_through() {
    for (filter, level) in [
        (None, "INFO"),
        (Some("TRACE"), "INFO"),
        (Some("info"), "INFO"),
        (Some("WARN"), "WARN"),
        (Some("error"), "ERROR"),
        (Some("FATAL"), "FATAL"),
        (Some("another"), "INFO"),
    ] {
        assert_eq!(passing(filter), level, "{filter:?}");
    }
}
