//! From an action and its input to a request: method, path, query, headers and body, as the service's protocol has them.
//!
//! Invariant: pure; what botocore makes of the same input differs in nothing that a service reads.

use std::fmt::Write;

use aws_smithy_types::base64;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::{Map, Value};

use super::bindings::{Binding, Protocol, Words};
use super::names::{Names, first_letter};

/// A request before its host and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub uri: String,
    /// Headers: those of the protocol, and members that are sent as headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What the host begins with before the service's own name.
    pub host_prefix: String,
    /// Whether the action takes a signature at all.
    pub signed: bool,
}

/// Makes the request of an action.
///
/// Members of a request that are `null` are left out. Blobs inside JSON are base64, as the wire has them. A blob that is the
/// whole body is the text as it stands where it was given as text, and otherwise the JSON that was given: so that Lambda's
/// `Payload` can be written either way.
///
/// # Errors
/// The action is not known, or the input lacks what its path needs: the reason, in words.
pub fn prepare(service: &str, action: &str, input: &Value, token: Option<&str>) -> Result<Prepared, String> {
    let binding = Binding::find(service, action)?;
    let mut members = match input {
        Value::Object(members) => members.clone(),
        Value::Null => Map::new(),
        _ => return Err("the input must be a JSON object".to_owned()),
    };
    members.retain(|_, value| !value.is_null());
    if let Some(token) = token {
        for member in binding.action.list("i") {
            if find(&members, member).is_none() {
                members.insert(member.to_owned(), Value::String(token.to_owned()));
            }
        }
    }
    let host_prefix = host_prefix(binding.action.get("o").unwrap_or_default(), &members)?;
    let mut headers: Vec<(String, String)> = binding
        .service
        .pairs("x")
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (method, uri, body) = match binding.protocol {
        Protocol::Json(version) => {
            let prefix = binding.service.get("t").unwrap_or_default();
            let target = first_letter(action, |letter| letter.to_ascii_uppercase());
            headers.push(("content-type".into(), format!("application/x-amz-json-{version}")));
            headers.push(("x-amz-target".into(), format!("{prefix}.{target}")));
            let body = body(&binding, &members);
            ("POST", "/".to_owned(), body.to_string().into_bytes())
        }
        Protocol::Rest => rest(&binding, members, &mut headers)?,
    };
    Ok(Prepared {
        method,
        uri,
        headers,
        body,
        host_prefix,
        signed: !binding.action.has("u"),
    })
}

/// The members of a request as the wire has them.
fn body(binding: &Binding, members: &Map<String, Value>) -> Value {
    let names = Names(binding.service);
    let own: Vec<(&str, &str)> = binding.action.pairs("r").collect();
    let all = members.iter().map(|(member, value)| {
        let wire = match own.iter().find(|(name, _)| name == member) {
            Some((_, wire)) => (*wire).to_owned(),
            None => names.wire(member),
        };
        let value = names.member(&wire, value);
        (wire, value)
    });
    Value::Object(all.collect())
}

fn rest(
    binding: &Binding,
    mut members: Map<String, Value>,
    headers: &mut Vec<(String, String)>,
) -> Result<(&'static str, String, Vec<u8>), String> {
    let words = binding.action;
    let (method, template) = words.plain().ok_or("the table of bindings has no path")?;
    let mut uri = path(template, &mut members)?;
    for (member, name) in words.pairs("q") {
        if let Some(value) = take(&mut members, member) {
            query(&mut uri, name, &value);
        }
    }
    for (member, name) in words.pairs("h") {
        if let Some(value) = take(&mut members, member) {
            headers.extend(header(name, &value));
        }
    }
    for (member, prefix) in words.pairs("f") {
        if let Some(Value::Object(entries)) = take(&mut members, member) {
            headers.extend(
                entries
                    .iter()
                    .map(|(key, value)| (format!("{prefix}{key}"), text(value))),
            );
        }
    }
    let (body, content_type) = rest_body(binding, words, members);
    if !content_type.is_empty()
        && !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("content-type".into(), content_type.into()));
    }
    Ok((method, uri, body))
}

/// The body of a REST request, and its type.
fn rest_body(binding: &Binding, words: Words, mut members: Map<String, Value>) -> (Vec<u8>, &'static str) {
    const JSON: &str = "application/json";
    let Some(payload) = words.get("b") else {
        if words.has("j") {
            return (body(binding, &members).to_string().into_bytes(), JSON);
        }
        return (Vec::new(), "");
    };
    let Some(raw) = payload.strip_suffix('!') else {
        let value = take(&mut members, payload).unwrap_or_else(|| Value::Object(Map::new()));
        let value = Names(binding.service).structure(&value);
        return (value.to_string().into_bytes(), JSON);
    };
    match take(&mut members, raw) {
        Some(Value::String(text)) => (text.into_bytes(), "application/octet-stream"),
        Some(value) => (value.to_string().into_bytes(), "application/octet-stream"),
        None => (Vec::new(), ""),
    }
}

/// The path, its labels replaced: `{Name}` by one segment, `{Name+}` by as many as the value has.
fn path(template: &str, members: &mut Map<String, Value>) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((label, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        let (member, greedy) = match label.strip_suffix('+') {
            Some(member) => (member, true),
            None => (label, false),
        };
        let value = take(members, member).map(|value| text(&value)).unwrap_or_default();
        if value.is_empty() {
            return Err(format!(
                "the input must have a value for \"{member}\", which is part of the path"
            ));
        }
        encode(&mut out, &value, greedy);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The labels of a host's beginning, replaced.
fn host_prefix(template: &str, members: &Map<String, Value>) -> Result<String, String> {
    let Some((before, after)) = template.split_once('{') else {
        return Ok(template.to_owned());
    };
    let (member, after) = after.split_once('}').unwrap_or((after, ""));
    let value = find(members, member)
        .and_then(|name| members.get(&name))
        .map(text)
        .unwrap_or_default();
    let valid = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !valid {
        return Err(format!(
            "the input must have a value for \"{member}\" that can be part of a host"
        ));
    }
    Ok(format!("{before}{value}{after}"))
}

/// The name under which the input has a member: its own, or the same with its first letter in the other case.
fn find(members: &Map<String, Value>, member: &str) -> Option<String> {
    if members.contains_key(member) {
        return Some(member.to_owned());
    }
    let other = first_letter(member, |letter| {
        if letter.is_ascii_uppercase() {
            letter.to_ascii_lowercase()
        } else {
            letter.to_ascii_uppercase()
        }
    });
    members.contains_key(&other).then_some(other)
}

fn take(members: &mut Map<String, Value>, member: &str) -> Option<Value> {
    find(members, member).and_then(|name| members.shift_remove(&name))
}

/// A value outside a body: text as it stands, everything else as JSON writes it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Adds a member to the query: a list as often as it has values, a map by its keys.
fn query(uri: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(values) => {
            for value in values {
                query(uri, name, value);
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                query(uri, key, value);
            }
        }
        value => {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            encode(uri, name, false);
            uri.push('=');
            encode(uri, &text(value), false);
        }
    }
}

/// A member as a header; none for an empty list.
fn header(name: &str, value: &Value) -> Option<(String, String)> {
    if let Some(name) = name.strip_suffix('^') {
        return Some((name.to_owned(), base64::encode(value.to_string())));
    }
    if let Some(name) = name.strip_suffix('~') {
        return Some((name.to_owned(), http_date(value).unwrap_or_else(|| text(value))));
    }
    let value = match value {
        Value::Array(values) if values.is_empty() => return None,
        Value::Array(values) => values
            .iter()
            .map(|value| quoted(text(value)))
            .collect::<Vec<_>>()
            .join(","),
        value => text(value),
    };
    Some((name.to_owned(), value))
}

/// A value of a list in a header: in quotes where it has a comma or a quote.
fn quoted(value: String) -> String {
    if value.contains([',', '"']) {
        format!("\"{}\"", value.replace('"', "\\\""))
    } else {
        value
    }
}

/// An instant (RFC 3339 or seconds since 1970) as headers have it.
fn http_date(value: &Value) -> Option<String> {
    let at = match value {
        Value::String(text) => text.parse::<Timestamp>().ok()?,
        other => Timestamp::from_second(other.as_i64()?).ok()?,
    };
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

/// Adds a text to a URI, everything but unreserved characters (RFC 3986) in percent.
fn encode(out: &mut String, text: &str, greedy: bool) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' if greedy => out.push('/'),
            // Writing to a string cannot fail.
            other => drop(write!(out, "%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    /// Method, path, headers and body on lines of their own.
    fn shown(service: &str, action: &str, input: &Value) -> String {
        match prepare(service, action, input, Some("TOKEN")) {
            Ok(made) => {
                let headers: Vec<String> = made
                    .headers
                    .iter()
                    .map(|(name, value)| format!("{name}: {value}\n"))
                    .collect();
                let body = std::str::from_utf8(&made.body).unwrap();
                format!(
                    "{} {}{}\n{}{body}",
                    made.method,
                    made.host_prefix,
                    made.uri,
                    headers.concat()
                )
            }
            Err(reason) => format!("refused: {reason}"),
        }
    }

    #[track_caller]
    fn check(service: &str, action: &str, input: &Value, expected: &str) {
        assert_eq!(shown(service, action, input), expected, "{service}:{action}");
    }

    #[test]
    fn json_protocols_put_everything_into_the_body() {
        check(
            "sqs",
            "sendMessage",
            &json!({"QueueUrl": "https://q", "MessageBody": "ñ", "DelaySeconds": null}),
            "POST /\nx-amzn-query-mode: true\ncontent-type: application/x-amz-json-1.0\nx-amz-target: AmazonSQS.SendMessage\n\
             {\"QueueUrl\":\"https://q\",\"MessageBody\":\"ñ\"}",
        );
        check(
            "codebuild",
            "startBuild",
            &json!({"projectName": "p"}),
            "POST /\ncontent-type: application/x-amz-json-1.1\nx-amz-target: CodeBuild_20161006.StartBuild\n\
             {\"projectName\":\"p\"}",
        );
        check(
            "cloudwatch",
            "putMetricData",
            &json!({"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5}]}),
            "POST /\nx-amzn-query-mode: true\ncontent-type: application/x-amz-json-1.0\nx-amz-target: GraniteServiceVersion20100801.PutMetricData\n\
             {\"Namespace\":\"n\",\"MetricData\":[{\"MetricName\":\"m\",\"Value\":1.5}]}",
        );
    }

    #[test]
    fn tokens_are_filled_in_where_they_are_left_out() {
        check(
            "ecs",
            "runTask",
            &json!({"taskDefinition": "t"}),
            "POST /\ncontent-type: application/x-amz-json-1.1\nx-amz-target: AmazonEC2ContainerServiceV20141113.RunTask\n\
             {\"taskDefinition\":\"t\",\"clientToken\":\"TOKEN\"}",
        );
        check(
            "ecs",
            "runTask",
            &json!({"ClientToken": "mine"}),
            "POST /\ncontent-type: application/x-amz-json-1.1\nx-amz-target: AmazonEC2ContainerServiceV20141113.RunTask\n\
             {\"clientToken\":\"mine\"}",
        );
    }

    #[test]
    fn rest_takes_labels_headers_queries_and_bodies() {
        check(
            "batch",
            "submitJob",
            &json!({"jobName": "j", "jobQueue": "q", "jobDefinition": "d"}),
            "POST /v1/submitjob\ncontent-type: application/json\n\
             {\"jobName\":\"j\",\"jobQueue\":\"q\",\"jobDefinition\":\"d\"}",
        );
        check(
            "eks",
            "deleteNodegroup",
            &json!({"clusterName": "a/b ñ", "nodegroupName": "n"}),
            "DELETE /clusters/a%2Fb%20%C3%B1/node-groups/n\n",
        );
        check(
            "efs",
            "untagResource",
            &json!({"ResourceId": "r", "TagKeys": ["a", "b c"]}),
            "DELETE /2015-02-01/resource-tags/r?tagKeys=a&tagKeys=b%20c\n",
        );
        check(
            "apigateway",
            "createDeployment",
            &json!({"restApiId": "r", "stageName": "s"}),
            "POST /restapis/r/deployments\naccept: application/json\ncontent-type: application/json\n{\"stageName\":\"s\"}",
        );
        check(
            "apigatewayv2",
            "createDeployment",
            &json!({"ApiId": "a", "StageName": "s"}),
            "POST /v2/apis/a/deployments\ncontent-type: application/json\n{\"stageName\":\"s\"}",
        );
        check(
            "chimesdkmeetings",
            "stopMeetingTranscription",
            &json!({"MeetingId": "m"}),
            "POST /meetings/m/transcription?operation=stop\n",
        );
    }

    #[test]
    fn a_payload_is_text_as_it_stands_or_json() {
        for payload in [json!("{\"a\":1}"), json!({"a": 1})] {
            check(
                "lambda",
                "invoke",
                &json!({"FunctionName": "f", "InvocationType": "Event", "Payload": payload}),
                "POST /2015-03-31/functions/f/invocations\nX-Amz-Invocation-Type: Event\n\
                 content-type: application/octet-stream\n{\"a\":1}",
            );
        }
        check(
            "iotdataplane",
            "publish",
            &json!({"topic": "a/b", "qos": 1, "retain": true, "payload": "hola"}),
            "POST /topics/a%2Fb?qos=1&retain=true\ncontent-type: application/octet-stream\nhola",
        );
    }

    #[test]
    fn what_the_path_needs_must_be_there() {
        check(
            "lambda",
            "invoke",
            &json!({}),
            "refused: the input must have a value for \"FunctionName\", which is part of the path",
        );
        check(
            "sqs",
            "sendMessage",
            &json!([]),
            "refused: the input must be a JSON object",
        );
    }

    #[test]
    fn headers_have_instants_and_lists_as_http_writes_them() {
        let date = |value: Value| header("date~", &value).unwrap().1;
        assert_eq!(date(json!("2026-01-02T03:04:05Z")), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(date(json!(1_767_323_045)), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(
            header("l", &json!(["a", "b,c", "d\"e"])).unwrap().1,
            r#"a,"b,c","d\"e""#
        );
        assert_eq!(header("l", &json!([])), None);
        assert_eq!(
            header("j^", &json!({"a": 1})).unwrap(),
            ("j".into(), "eyJhIjoxfQ==".into())
        );
    }
}
