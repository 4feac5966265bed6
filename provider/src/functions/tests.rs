//! The functions by themselves: results, and which argument is refused in which words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use tfplugin::{Function, Number};

use super::*;

fn canonical(expression: &str) -> Result<Value, FunctionError> {
    CronCanonico.call(vec![Value::from(expression)])
}

fn next(expression: &str, zone: Option<&str>, from: &str, count: &str) -> Result<Value, FunctionError> {
    let count: Number = count.parse().unwrap();
    let arguments = vec![
        Value::from(expression),
        Value::from(zone),
        Value::from(from),
        Value::from(count),
    ];
    ProximasEjecuciones.call(arguments)
}

#[track_caller]
fn check_refused(result: Result<Value, FunctionError>, argument: usize, text: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.argument, error.text.as_str()), (Some(argument), text));
}

#[test]
fn an_expression_has_its_canonical_form() {
    for (written, form) in [
        ("00 3 ? * MON-FRI *", "cron(0 3 ? * 2-6 *)"),
        ("rate(60 minutes)", "rate(1 hour)"),
        ("AT(2026-03-01t00:00:00)", "at(2026-03-01T00:00:00)"),
    ] {
        assert_eq!(canonical(written), Ok(Value::from(form)));
    }
    check_refused(
        canonical("0 25 * * ? *"),
        0,
        "\"0 25 * * ? *\", character 3 (\"25\"):\n\n  0 25 * * ? *\n    ^^\n\nHours must be between 0 and 23",
    );
    check_refused(canonical(" "), 0, "\" \": must not be empty");
}

#[test]
fn occurrences_come_in_order_and_end_with_the_schedule() {
    let from = "2026-09-04T12:00:00-03:00";
    // Santiago skips midnight on 6 September.
    assert_eq!(
        next("0 0 * * ? *", Some("America/Santiago"), from, "2"),
        Ok(Value::list(["2026-09-05T04:00:00.000Z", "2026-09-07T03:00:00.000Z"]))
    );
    assert_eq!(
        next("0 0 * * ? *", None, from, "1"),
        Ok(Value::list(["2026-09-05T00:00:00.000Z"]))
    );
    assert_eq!(
        next("rate(90 minutes)", None, from, "2"),
        Ok(Value::list(["2026-09-04T16:30:00.000Z", "2026-09-04T18:00:00.000Z"]))
    );
    assert_eq!(
        next("0 0 1 1 ? 2026-2028", None, from, "10"),
        Ok(Value::list(["2027-01-01T00:00:00.000Z", "2028-01-01T00:00:00.000Z"]))
    );
    assert_eq!(
        next("at(2026-09-04T15:00:00)", None, from, "3"),
        Ok(Value::list(Vec::<String>::new()))
    );
    let Ok(Value::List(many)) = next("* * * * ? *", None, from, "1000") else {
        unreachable!("a thousand minutes are at hand")
    };
    assert_eq!(many.len(), 1000);
}

#[test]
fn each_argument_is_refused_by_its_position() {
    let from = "2026-01-01T00:00:00Z";
    check_refused(
        next("0 3 * * * *", None, from, "1"),
        0,
        "\"0 3 * * * *\", character 9 (\"*\"):\n\n  0 3 * * * *\n          ^\n\n\
         Day of month and day of week cannot both be given: one of them must be ?",
    );
    check_refused(
        next("0 3 * * ? *", Some("America/Santigo"), from, "1"),
        1,
        "\"America/Santigo\": is not a time zone of the IANA database, such as America/Santiago or UTC; did you mean \
         America/Santiago?",
    );
    check_refused(
        next("30 2 29 3 ? 2026", Some("Europe/Berlin"), from, "1"),
        0,
        "\"30 2 29 3 ? 2026\":\n\n  30 2 29 3 ? 2026\n  ^^^^^^^^^^^^^^^^\n\n\
         Never occurs in Europe/Berlin: clocks jump over it there",
    );
    check_refused(
        next("0 3 * * ? *", None, "tomorrow", "1"),
        2,
        "\"tomorrow\": must be a date and time with an offset (RFC 3339), such as 2026-03-01T00:00:00Z",
    );
    for count in ["0", "1001", "-1", "2.5", "1e30"] {
        check_refused(
            next("0 3 * * ? *", None, from, count),
            3,
            &format!("{count} is not how many there can be: it must be a whole number, 1 to 1000"),
        );
    }
}
