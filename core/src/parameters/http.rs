//! Methods of an API: `parametros` are an object of `method`, `path`, `query`, `headers` and `body`, each of which may be left
//! out where the ARN says it.
//!
//! Invariant: what is made of it stays within what the ARN names.

use serde_json::{Map, Value};

use super::actions::Action;
use super::request::object;
use crate::arn::{METHODS, Target, TargetKind};
use crate::error::{Expected, Rule};

/// A request to an API, but for host and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// The method.
    pub method: String,
    /// The path, stage included, and the query, percent-encoded.
    pub path: String,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Option<String>,
}

const CALL: Action = Action::of_ours("execute-api", &["body", "headers", "method", "path", "query"]);

/// Headers that the signature and the connection set.
const TAKEN: [&str; 11] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
];

/// The request that a payload asks of a method of an API.
///
/// # Errors
/// The payload is no object, has other members, or asks for what the target's ARN does not name.
pub fn http_call(target: &Target, payload: &str) -> Result<HttpCall, Rule> {
    let given = CALL.named(object(payload)?)?;
    let TargetKind::ApiMethod {
        stage, method, path, ..
    } = &target.kind
    else {
        return Err(Rule::UnknownTarget);
    };
    let method = chosen_method(&given, method.as_deref())?;
    let path = chosen_path(&given, path)?;
    let query = query(given.get("query"))?;
    let mut headers = headers(given.get("headers"))?;
    let body = given.get("body").map(|body| match body {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let has_type = headers.iter().any(|(name, _)| name == "content-type");
    if let Some(body) = body.as_deref().filter(|_| !has_type) {
        let kind = match serde_json::from_str::<serde::de::IgnoredAny>(body) {
            Ok(_) => "application/json",
            Err(_) => "text/plain; charset=utf-8",
        };
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let stage = match stage.as_str() {
        "$default" => String::new(),
        stage => format!("/{stage}"),
    };
    Ok(HttpCall {
        method,
        path: format!("{stage}/{}{query}", encoded(&path, "/")),
        headers,
        body,
    })
}

fn chosen_method(given: &Map<String, Value>, of_arn: Option<&str>) -> Result<String, Rule> {
    let Some(said) = given.get("method") else {
        return of_arn.map(str::to_owned).ok_or(Rule::MissingMember {
            member: "method",
            action: CALL.name,
            example: "POST",
        });
    };
    let said = said.as_str().map(str::to_ascii_uppercase).unwrap_or_default();
    if !METHODS.contains(&said.as_str()) {
        return Err(wrong("method", Expected::Method));
    }
    match of_arn {
        Some(method) if method != said => Err(Rule::ContradictsTarget {
            member: "method",
            expected: Some(method.to_owned()),
        }),
        _ => Ok(said),
    }
}

/// The path behind the stage, without its first slash.
fn chosen_path(given: &Map<String, Value>, of_arn: &str) -> Result<String, Rule> {
    let Some(said) = given.get("path") else {
        if of_arn.contains('*') {
            return Err(Rule::MissingMember {
                member: "path",
                action: CALL.name,
                example: "/clientes/42",
            });
        }
        return Ok(of_arn.to_owned());
    };
    let said = said.as_str().unwrap_or_default();
    let path = said.strip_prefix('/').unwrap_or(said);
    let climbs = path.split('/').any(|part| part == "." || part == "..");
    if said.is_empty() || climbs || said.contains(['?', '#']) || said.chars().any(char::is_control) {
        return Err(wrong("path", Expected::Path));
    }
    if fits(of_arn, path) {
        return Ok(path.to_owned());
    }
    let expected = format!("/{of_arn}");
    Err(if of_arn.contains('*') {
        Rule::OutsideTarget {
            member: "path",
            pattern: expected,
        }
    } else {
        Rule::ContradictsTarget {
            member: "path",
            expected: Some(expected),
        }
    })
}

/// Whether a text is like a pattern, in which each `*` stands for any characters, as in IAM.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut left) = text.strip_prefix(start) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

fn query(given: Option<&Value>) -> Result<String, Rule> {
    let Some(given) = given else {
        return Ok(String::new());
    };
    let fault = || wrong("query", Expected::Query);
    let mut pairs = Vec::new();
    for (name, value) in given.as_object().ok_or_else(fault)? {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            Value::Null => continue,
            value => std::slice::from_ref(value),
        };
        for value in values {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                _ => return Err(fault()),
            };
            pairs.push(format!("{}={}", encoded(name, ""), encoded(&value, "")));
        }
    }
    let mark = if pairs.is_empty() { "" } else { "?" };
    Ok(format!("{mark}{}", pairs.join("&")))
}

fn headers(given: Option<&Value>) -> Result<Vec<(String, String)>, Rule> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let fault = || wrong("headers", Expected::Headers);
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in given.as_object().ok_or_else(fault)? {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let value = value.as_str().ok_or_else(fault)?;
        let printable = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
        if name.is_empty() || !name.bytes().all(token) || !value.bytes().all(printable) {
            return Err(fault());
        }
        let lower = name.to_ascii_lowercase();
        if TAKEN.contains(&lower.as_str()) {
            return Err(wrong(&format!("headers.{name}"), Expected::FreeHeader));
        }
        if headers.iter().any(|(other, _)| *other == lower) {
            return Err(Rule::RepeatedMember {
                member: format!("headers.{name}"),
            });
        }
        headers.push((lower, value.to_owned()));
    }
    Ok(headers)
}

/// A text percent-encoded but for letters, digits, `-._~`, what `also` names, and what is percent-encoded already in a path.
fn encoded(text: &str, also: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    for (at, byte) in bytes.iter().enumerate() {
        let escape = !also.is_empty()
            && *byte == b'%'
            && bytes
                .get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || also.as_bytes().contains(byte);
        if plain || escape {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 0x0f] {
                out.extend(char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
    out
}

fn wrong(member: &str, expected: Expected) -> Rule {
    Rule::MemberKind {
        member: member.to_owned(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn read(route: &str, payload: &Value) -> Result<HttpCall, Rule> {
        let target = Target::parse(&format!("arn:aws:execute-api:sa-east-1:123456789012:{route}")).unwrap();
        http_call(&target, &payload.to_string())
    }

    #[track_caller]
    fn check(route: &str, payload: &Value, method: &str, path: &str) {
        let call = read(route, payload).unwrap();
        assert_eq!(
            (call.method.as_str(), call.path.as_str()),
            (method, path),
            "{route} {payload}"
        );
    }

    #[test]
    fn method_and_path_come_from_the_arn_and_from_the_payload_where_it_leaves_them_open() {
        check("abc/prod/POST/cierres", &json!({}), "POST", "/prod/cierres");
        check("abc/prod/POST", &json!({}), "POST", "/prod/");
        check("abc/$default/GET/cierres/", &json!({}), "GET", "/cierres/");
        check(
            "abc/prod/*/clientes/*",
            &json!({"method": "put", "path": "/clientes/42/saldo"}),
            "PUT",
            "/prod/clientes/42/saldo",
        );
        check(
            "abc/prod/GET/a/*/c/*",
            &json!({"Path": "a/b/c/d"}),
            "GET",
            "/prod/a/b/c/d",
        );
        check(
            "abc/prod/GET/a",
            &json!({"method": "GET", "path": "/a", "query": {"n": [1, true], "q": "ñ &", "z": null}}),
            "GET",
            "/prod/a?n=1&n=true&q=%C3%B1%20%26",
        );
        check(
            "abc/prod/GET/*",
            &json!({"path": "/@connections/ñ%2Fx%"}),
            "GET",
            "/prod/%40connections/%C3%B1%2Fx%25",
        );
    }

    #[test]
    fn a_body_is_sent_as_it_is_or_as_json() {
        let body = |payload: &Value| {
            let call = read("abc/prod/POST/a", payload).unwrap();
            (call.headers, call.body)
        };
        let header = |value: &str| vec![("content-type".to_owned(), value.to_owned())];
        let json_type = || header("application/json");
        assert_eq!(body(&json!({})), (vec![], None));
        assert_eq!(
            body(&json!({"body": {"a": [1]}})),
            (json_type(), Some("{\"a\":[1]}".to_owned()))
        );
        assert_eq!(
            body(&json!({"body": "{\"a\": 1}"})),
            (json_type(), Some("{\"a\": 1}".to_owned()))
        );
        assert_eq!(
            body(&json!({"body": "hola"})),
            (header("text/plain; charset=utf-8"), Some("hola".to_owned()))
        );
        assert_eq!(
            body(&json!({"body": "<a/>", "headers": {"Content-Type": "application/xml"}})),
            (header("application/xml"), Some("<a/>".to_owned()))
        );
    }

    #[track_caller]
    fn refused(route: &str, payload: &Value, expected: &str) {
        assert_eq!(
            read(route, payload).unwrap_err().to_string(),
            expected,
            "{route} {payload}"
        );
    }

    #[test]
    fn what_the_arn_does_not_name_is_refused() {
        let post = "abc/prod/POST/cierres";
        refused(
            post,
            &json!({"method": "GET"}),
            "contradicts arn_proceso: leave \"method\" out, or write \"POST\"",
        );
        refused(
            post,
            &json!({"path": "/otros"}),
            "contradicts arn_proceso: leave \"path\" out, or write \"/cierres\"",
        );
        refused(
            "abc/prod/GET/clientes/*",
            &json!({"path": "/otros"}),
            "\"path\" must be like \"/clientes/*\", as arn_proceso says",
        );
        let missing = |member: &str, example: &str| {
            format!("must have \"{member}\", which execute-api asks for, such as {{\"{member}\":\"{example}\"}}")
        };
        refused("abc/prod/*/a", &json!({}), &missing("method", "POST"));
        refused("abc/prod/GET/*", &json!({}), &missing("path", "/clientes/42"));
        for path in ["/clientes/../otros", "/clientes/a?b=1", ""] {
            let rule = read("abc/prod/GET/clientes/*", &json!({"path": path})).unwrap_err();
            let expected = Expected::Path;
            assert!(
                matches!(rule, Rule::MemberKind { expected: found, .. } if found == expected),
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let post = "abc/prod/POST/cierres";
        refused(
            post,
            &json!({"cliente": 42}),
            "has \"cliente\", which execute-api does not take",
        );
        refused(
            post,
            &json!({"headers": {"Host": "x"}}),
            "\"headers.Host\" must be left out: the signature and the connection set it",
        );
        for headers in [json!([]), json!({"A": 1}), json!({"A b": "x"}), json!({"A": "x\ny"})] {
            assert!(matches!(
                read(post, &json!({"headers": headers})),
                Err(Rule::MemberKind {
                    expected: Expected::Headers,
                    ..
                })
            ));
        }
        let twice = json!({"headers": {"Accept": "x", "accept": "y"}});
        assert!(matches!(read(post, &twice), Err(Rule::RepeatedMember { .. })));
        assert!(matches!(
            read(post, &json!({"query": {"a": {}}})),
            Err(Rule::MemberKind {
                expected: Expected::Query,
                ..
            })
        ));
        refused(
            "abc/prod/*/a",
            &json!({"method": "TRACE"}),
            "\"method\" must be DELETE, GET, HEAD, OPTIONS, PATCH, POST or PUT",
        );
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("a/*", "a/", true),
            ("a/*", "a/b/c", true),
            ("a/*", "b/a/", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("*/x/*", "a/x/b", true),
            ("*/x/*", "a/y/b", false),
            ("a/*/c", "a/b/c/d", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
