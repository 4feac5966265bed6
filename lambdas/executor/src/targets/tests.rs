#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod services;

use aws_config::SdkConfig;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use kairos_aws::clients::{lambda_config, target_config};
use serde_json::{Value, json};

use super::*;

const RUN: &str = "6b616972-6f73-5e0f-a1d2-07c593be48f6";

/// What AWS answers: a status, headers, a body.
struct Reply(u16, &'static [(&'static str, &'static str)], String);

/// Starts a target against one recorded answer; the request comes back as it went out.
async fn start(arn: &str, mode: InvocationMode, reply: Reply) -> (Result<Answer, Failure>, HttpRequest) {
    let (outcome, requests) = send(arn, r#"{"a":1}"#, mode, reply).await;
    assert_eq!(requests.len(), 1, "one call, whatever the answer");
    (outcome, requests.into_iter().next().unwrap())
}

/// Starts a target with a payload against one recorded answer; the requests come back as they went out.
async fn send(
    arn: &str,
    payload: &str,
    mode: InvocationMode,
    reply: Reply,
) -> (Result<Answer, Failure>, Vec<HttpRequest>) {
    let Reply(status, headers, body) = reply;
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    for (name, value) in headers {
        response.headers_mut().insert(*name, *value);
    }
    let replay = StaticReplayClient::new(vec![ReplayEvent::new(HttpRequest::new(SdkBody::empty()), response)]);
    let own = |name: &str| (name == "AWS_REGION").then(|| "us-east-1".to_owned());
    let config: SdkConfig = target_config(&lambda_config(own))
        .to_builder()
        .http_client(replay.clone())
        .build();
    let call = Call {
        target: Target::parse(arn).unwrap(),
        payload: payload.into(),
        id_ejecucion: RUN.parse().unwrap(),
        id_proceso: "proceso-a".parse().unwrap(),
        mode,
    };
    let credentials = Credentials::new("ASIAPROCESO", "secret", Some("token".into()), None, "test");
    let outcome = Targets::new(&config).start(&call, &credentials).await;
    let requests = replay.actual_requests().filter_map(HttpRequest::try_clone).collect();
    (outcome, requests)
}

fn ok(body: &Value) -> Reply {
    Reply(200, &[("x-amzn-requestid", "request-1")], body.to_string())
}

fn json_body(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body().bytes().unwrap()).unwrap()
}

fn form_body(request: &HttpRequest) -> String {
    String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap()
}

/// The region for which, and the key with which, a request was signed.
fn signed(request: &HttpRequest) -> String {
    let header = request.headers().get("authorization").unwrap();
    let scope = header.split("Credential=").nth(1).unwrap().split(',').next().unwrap();
    let parts: Vec<_> = scope.split('/').collect();
    format!("{} {}", parts[0], parts[2])
}

#[tokio::test]
async fn a_function_is_invoked_as_the_process_in_the_functions_region() {
    let arn = "arn:aws:lambda:sa-east-1:123456789012:function:cobro:prod";
    let reply = Reply(202, &[("x-amzn-requestid", "request-1")], String::new());
    let (outcome, request) = start(arn, InvocationMode::Event, reply).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted("request-1".into()));
    assert_eq!(signed(&request), "ASIAPROCESO sa-east-1");
    assert!(
        request.uri().starts_with("https://lambda.sa-east-1.amazonaws.com/"),
        "{}",
        request.uri()
    );
    assert!(request.uri().contains("function%3Acobro%3Aprod"), "{}", request.uri());
    assert_eq!(request.headers().get("x-amz-invocation-type"), Some("Event"));
    assert_eq!(form_body(&request), r#"{"a":1}"#);
}

#[tokio::test]
async fn a_function_that_was_waited_for_has_completed_with_its_answer() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:cobro";
    let reply = ok(&json!({"saldo": "ñ"}));
    let (outcome, request) = start(arn, InvocationMode::RequestResponse, reply).await;
    assert_eq!(outcome.unwrap().to_string(), "Completado: request-1: {\"saldo\":\"ñ\"}");
    assert_eq!(request.headers().get("x-amz-invocation-type"), Some("RequestResponse"));
    let nothing = Reply(200, &[("x-amzn-requestid", "request-1")], String::new());
    let (outcome, _) = start(arn, InvocationMode::RequestResponse, nothing).await;
    assert_eq!(outcome.unwrap().to_string(), "Completado: request-1");
}

#[tokio::test]
async fn an_error_of_the_function_inside_a_success_is_a_failure() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:cobro";
    for (kind, payload, expected) in [
        (
            "Unhandled",
            r#"{"errorMessage":"sin saldo","errorType":"Error","trace":["a","b"]}"#,
            "(Unhandled): Error: sin saldo",
        ),
        (
            "Unhandled",
            r#"{"errorMessage":"2026-01-02T12:00:00Z 6f1d Task timed out after 3.00 seconds"}"#,
            "(Unhandled): 2026-01-02T12:00:00Z 6f1d Task timed out after 3.00 seconds",
        ),
        (
            "Handled",
            r#"{"errorType":"Sandbox.Timedout"}"#,
            "(Handled): Sandbox.Timedout",
        ),
        ("Handled", "no JSON", "(Handled): no JSON"),
    ] {
        let headers: &'static [(&str, &str)] = match kind {
            "Handled" => &[("x-amzn-requestid", "request-1"), ("x-amz-function-error", "Handled")],
            _ => &[("x-amzn-requestid", "request-1"), ("x-amz-function-error", "Unhandled")],
        };
        let (outcome, _) = start(
            arn,
            InvocationMode::RequestResponse,
            Reply(200, headers, payload.into()),
        )
        .await;
        let failure = outcome.unwrap_err();
        assert!(failure.transient);
        assert_eq!(
            failure.message,
            format!("\"{arn}\" ended with an error {expected} (request id request-1)")
        );
    }
}

#[tokio::test]
async fn aws_says_which_errors_of_a_function_are_worth_another_attempt() {
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:cobro";
    for (status, code, transient) in [
        (429, "TooManyRequestsException", true),
        (503, "ServiceUnavailableException", true),
        (409, "ResourceConflictException", true),
        (404, "ResourceNotFoundException", false),
        (403, "AccessDeniedException", false),
        (400, "InvalidRequestContentException", false),
        (413, "RequestTooLargeException", false),
    ] {
        let headers: &'static [(&str, &str)] = match code {
            "TooManyRequestsException" => &[("x-amzn-errortype", "TooManyRequestsException")],
            "ServiceUnavailableException" => &[("x-amzn-errortype", "ServiceUnavailableException")],
            "ResourceConflictException" => &[("x-amzn-errortype", "ResourceConflictException")],
            "ResourceNotFoundException" => &[("x-amzn-errortype", "ResourceNotFoundException")],
            "AccessDeniedException" => &[("x-amzn-errortype", "AccessDeniedException")],
            "InvalidRequestContentException" => &[("x-amzn-errortype", "InvalidRequestContentException")],
            _ => &[("x-amzn-errortype", "RequestTooLargeException")],
        };
        for mode in [InvocationMode::Event, InvocationMode::RequestResponse] {
            let reply = Reply(status, headers, r#"{"message":"no"}"#.into());
            let failure = start(arn, mode, reply).await.0.unwrap_err();
            assert_eq!(failure.transient, transient, "{code}");
            assert!(
                failure.message.contains(code) && failure.message.contains(arn),
                "{}",
                failure.message
            );
        }
    }
}

const MACHINE: &str = "arn:aws:states:sa-east-1:123456789012:stateMachine:cierre";

#[tokio::test]
async fn an_execution_is_named_after_the_run() {
    let execution = format!("arn:aws:states:sa-east-1:123456789012:execution:cierre:{RUN}");
    let reply = ok(&json!({"executionArn": execution, "startDate": 1}));
    let (outcome, request) = start(MACHINE, InvocationMode::Event, reply).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted(execution));
    let sent = json_body(&request);
    assert_eq!(
        (&sent["name"], &sent["stateMachineArn"], &sent["input"]),
        (&json!(RUN), &json!(MACHINE), &json!(r#"{"a":1}"#))
    );
    assert_eq!(signed(&request), "ASIAPROCESO sa-east-1");
}

async fn exists(message: &str) -> Result<Answer, Failure> {
    let body = json!({"__type": "com.amazonaws.sfn#ExecutionAlreadyExists", "message": message});
    start(MACHINE, InvocationMode::Event, Reply(400, &[], body.to_string()))
        .await
        .0
}

#[tokio::test]
async fn an_execution_that_exists_under_our_name_is_ours() {
    let execution = format!("arn:aws:states:sa-east-1:123456789012:execution:cierre:{RUN}");
    let outcome = exists(&format!("Execution Already Exists: '{execution}'")).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted(execution));
}

#[tokio::test]
async fn an_execution_that_exists_under_another_name_is_a_failure() {
    for other in [
        "arn:aws:states:sa-east-1:123456789012:execution:cierre:otra",
        "nothing quoted",
    ] {
        let failure = exists(&format!("Execution Already Exists: '{other}'"))
            .await
            .unwrap_err();
        assert!(
            failure.message.contains("ExecutionAlreadyExists"),
            "{}",
            failure.message
        );
    }
}

#[tokio::test]
async fn too_many_executions_at_once_pass() {
    let body = json!({"__type": "ExecutionLimitExceeded", "message": "1,000,000 open executions"}).to_string();
    let (outcome, _) = start(MACHINE, InvocationMode::Event, Reply(400, &[], body)).await;
    assert!(outcome.unwrap_err().transient);
}

fn published() -> Reply {
    let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                <MessageId>message-1</MessageId></PublishResult></PublishResponse>";
    Reply(200, &[], body.into())
}

#[tokio::test]
async fn a_topic_gets_the_payload_and_a_fifo_topic_the_run_as_well() {
    let (outcome, request) = start(
        "arn:aws:sns:sa-east-1:123456789012:avisos",
        InvocationMode::Event,
        published(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Answer::Accepted("message-1".into()));
    assert!(!form_body(&request).contains("MessageDeduplicationId"));

    let (_, request) = start(
        "arn:aws:sns:sa-east-1:123456789012:avisos.fifo",
        InvocationMode::Event,
        published(),
    )
    .await;
    let sent = form_body(&request);
    assert!(
        sent.contains(&format!("MessageDeduplicationId={RUN}")) && sent.contains("MessageGroupId=proceso-a"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_queue_is_found_by_its_arn_and_a_fifo_queue_gets_the_run_as_well() {
    let reply = || ok(&json!({"MessageId": "message-1"}));
    let (outcome, request) = start(
        "arn:aws-cn:sqs:cn-north-1:123456789012:cola",
        InvocationMode::Event,
        reply(),
    )
    .await;
    assert_eq!(outcome.unwrap(), Answer::Accepted("message-1".into()));
    let sent = json_body(&request);
    assert_eq!(
        sent["QueueUrl"],
        "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/cola"
    );
    assert_eq!(sent.get("MessageDeduplicationId"), None);
    assert_eq!(signed(&request), "ASIAPROCESO cn-north-1");

    let (_, request) = start(
        "arn:aws:sqs:sa-east-1:123456789012:cola.fifo",
        InvocationMode::Event,
        reply(),
    )
    .await;
    let sent = json_body(&request);
    assert_eq!(
        (&sent["MessageDeduplicationId"], &sent["MessageGroupId"]),
        (&json!(RUN), &json!("proceso-a"))
    );
}

#[tokio::test]
async fn an_alias_is_started_and_its_execution_found_by_the_state_machines_name() {
    let alias = format!("{MACHINE}:prod");
    let execution = format!("arn:aws:states:sa-east-1:123456789012:execution:cierre:{RUN}");
    let body = json!({
        "__type": "com.amazonaws.sfn#ExecutionAlreadyExists",
        "message": format!("Execution Already Exists: '{execution}'"),
    });
    let (outcome, request) = start(&alias, InvocationMode::Event, Reply(400, &[], body.to_string())).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted(execution));
    assert_eq!(json_body(&request)["stateMachineArn"], json!(alias));
}

#[tokio::test]
async fn the_execution_of_an_express_workflow_is_what_it_answers() {
    let express = format!("arn:aws:states:sa-east-1:123456789012:express:cierre:{RUN}:0f0f");
    let reply = ok(&json!({"executionArn": express, "startDate": 1}));
    let (outcome, _) = start(MACHINE, InvocationMode::Event, reply).await;
    assert_eq!(outcome.unwrap(), Answer::Accepted(express));
}
