#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::test_util::{NeverClient, ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::json;

use super::*;
use crate::clients::{lambda_config, target_config};

/// The pair of keys of AWS's own examples of signatures.
fn example_credentials() -> Credentials {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    Credentials::new("AKIDEXAMPLE", secret, None, None, "test")
}

/// 2015-08-30T12:36:00Z, the instant of AWS's own examples of signatures.
const EXAMPLE_TIME: u64 = 1_440_938_160;

fn config(replay: &StaticReplayClient, endpoint: Option<&str>) -> SdkConfig {
    let own = |name: &str| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => endpoint.map(str::to_owned),
        _ => None,
    };
    target_config(&lambda_config(own))
        .to_builder()
        .http_client(replay.clone())
        .time_source(StaticTimeSource::new(UNIX_EPOCH + Duration::from_secs(EXAMPLE_TIME)))
        .build()
}

fn answers(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> StaticReplayClient {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    for (name, value) in headers {
        response.headers_mut().insert(*name, *value);
    }
    StaticReplayClient::new(vec![ReplayEvent::new(HttpRequest::new(SdkBody::empty()), response)])
}

async fn call(
    replay: &StaticReplayClient,
    endpoint: Option<&str>,
    (service, action): (&str, &str),
    region: &str,
    input: &Value,
) -> Result<Reply, AwsError> {
    Caller::new(&config(replay, endpoint))
        .call(Request {
            service,
            action,
            input,
            region,
            credentials: &example_credentials(),
            token: None,
            object: "the-target",
        })
        .await
}

fn only(replay: &StaticReplayClient) -> HttpRequest {
    let mut requests: Vec<HttpRequest> = replay.actual_requests().filter_map(HttpRequest::try_clone).collect();
    assert_eq!(requests.len(), 1, "one call is one request");
    requests.remove(0)
}

fn authorization(request: &HttpRequest) -> &str {
    request.headers().get("authorization").unwrap()
}

const SEND: (&str, &str) = ("sqs", "sendMessage");

#[tokio::test]
async fn a_call_goes_to_the_services_host_signed_for_its_region() {
    let replay = answers(200, &[("x-amzn-requestid", "request-1")], r#"{"MessageId":"m"}"#);
    let reply = call(&replay, None, SEND, "sa-east-1", &json!({"MessageBody": "x"}))
        .await
        .unwrap();
    assert_eq!((reply.status, reply.request_id.as_str()), (200, "request-1"));
    assert_eq!(reply.body, json!({"MessageId": "m"}));
    let request = only(&replay);
    assert_eq!(
        (request.method(), request.uri()),
        ("POST", "https://sqs.sa-east-1.amazonaws.com/")
    );
    assert_eq!(request.headers().get("x-amz-target"), Some("AmazonSQS.SendMessage"));
    assert_eq!(request.body().bytes(), Some(&br#"{"MessageBody":"x"}"#[..]));
    assert!(
        authorization(&request)
            .starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/sa-east-1/sqs/aws4_request"),
        "{}",
        authorization(&request)
    );
}

#[tokio::test]
async fn a_global_service_is_signed_for_its_own_region() {
    let replay = answers(200, &[], "{}");
    let close = ("organizations", "closeAccount");
    call(&replay, None, close, "sa-east-1", &json!({"AccountId": "123456789012"}))
        .await
        .unwrap();
    let request = only(&replay);
    assert_eq!(request.uri(), "https://organizations.us-east-1.amazonaws.com/");
    assert!(authorization(&request).contains("/us-east-1/organizations/"));
}

#[tokio::test]
async fn an_endpoint_of_the_configuration_takes_the_place_of_the_host() {
    let replay = answers(200, &[], "{}");
    let endpoint = Some("http://127.0.0.1:4566/");
    let delete = ("eks", "deleteCluster");
    call(&replay, endpoint, delete, "us-east-1", &json!({"name": "a b"}))
        .await
        .unwrap();
    assert_eq!(only(&replay).uri(), "http://127.0.0.1:4566/clusters/a%20b");
}

/// The suite of examples that AWS publishes for Signature Version 4 signs `GET https://example.amazonaws.com/` without a
/// body for the service `service`; ours carries no other header that a signature covers.
#[tokio::test]
async fn a_signature_is_the_one_that_aws_publishes_for_the_same_request() {
    let replay = answers(200, &[], "");
    Caller::new(&config(&replay, None))
        .signed(Signed {
            method: "GET",
            url: "https://example.amazonaws.com/",
            headers: &[],
            body: b"",
            service: "service",
            region: "us-east-1",
            credentials: &example_credentials(),
            action: "Invoke",
            object: "an API",
        })
        .await
        .unwrap();
    let request = only(&replay);
    assert_eq!(
        authorization(&request),
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-date, \
         Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    );
}

#[tokio::test]
async fn a_signed_request_keeps_its_path_query_headers_and_body() {
    let replay = answers(200, &[], "\"ok\"");
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let reply = Caller::new(&config(&replay, Some("http://localhost:1")))
        .signed(Signed {
            method: "POST",
            url: "https://abc.execute-api.sa-east-1.amazonaws.com/prod/cobros?a=1",
            headers: &headers,
            body: b"{}",
            service: "execute-api",
            region: "sa-east-1",
            credentials: &example_credentials(),
            action: "Invoke",
            object: "an API",
        })
        .await
        .unwrap();
    assert_eq!(reply.body, json!("ok"));
    let request = only(&replay);
    assert_eq!(request.uri(), "http://localhost:1/prod/cobros?a=1");
    assert_eq!(request.headers().get("content-type"), Some("application/json"));
    assert!(authorization(&request).contains("/sa-east-1/execute-api/"));
}

#[track_caller]
fn shown(error: &AwsError, code: Option<&str>, class: Class, ambiguous: bool) {
    assert_eq!(
        (error.code.as_deref(), error.class, error.ambiguous),
        (code, class, ambiguous),
        "{error}"
    );
}

#[tokio::test]
async fn errors_have_code_class_and_request() {
    for (status, code, class, ambiguous) in [
        (400, "ThrottlingException", Class::Transient, false),
        (403, "AccessDeniedException", Class::Denied, false),
        (404, "ResourceNotFoundException", Class::NotFound, false),
        (400, "ValidationException", Class::Terminal, false),
        (500, "InternalServerError", Class::Transient, true),
    ] {
        let body = json!({"__type": code, "message": "no"}).to_string();
        let replay = answers(status, &[("x-amzn-requestid", "r-1")], &body);
        let error = call(&replay, None, SEND, "us-east-1", &json!({})).await.unwrap_err();
        shown(&error, Some(code), class, ambiguous);
        assert_eq!(
            error.to_string(),
            format!("SendMessage of \"the-target\" failed: {code}: no (request id r-1)")
        );
    }
}

#[tokio::test]
async fn no_answer_is_ambiguous() {
    let unanswered = StaticReplayClient::new(vec![]);
    let config = config(&unanswered, None)
        .to_builder()
        .http_client(NeverClient::new())
        .timeout_config(
            TimeoutConfig::builder()
                .operation_timeout(Duration::from_millis(5))
                .build(),
        )
        .build();
    let error = Caller::new(&config)
        .call(Request {
            service: "sqs",
            action: "sendMessage",
            input: &json!({}),
            region: "us-east-1",
            credentials: &example_credentials(),
            token: None,
            object: "the-target",
        })
        .await
        .unwrap_err();
    shown(&error, None, Class::Transient, true);
}

#[tokio::test]
async fn what_cannot_be_sent_is_terminal_and_nothing_was_done() {
    let replay = answers(200, &[], "{}");
    for (action, input) in [
        (("ec2", "runInstances"), json!({})),
        (("lambda", "invoke"), json!({})),
        (SEND, json!("text")),
    ] {
        let error = call(&replay, None, action, "us-east-1", &input).await.unwrap_err();
        shown(&error, None, Class::Terminal, false);
    }
    assert_eq!(replay.actual_requests().count(), 0);
}

#[test]
fn urls_are_split_behind_the_host() {
    let check = |url, expected: Option<(&str, &str)>| {
        assert_eq!(
            split(url),
            expected.map(|(base, path)| (base, path.to_owned())),
            "{url}"
        );
    };
    check("https://a.b/c?d=e", Some(("https://a.b", "/c?d=e")));
    check("https://a.b", Some(("https://a.b", "/")));
    check("http://a:1?x=y", Some(("http://a:1", "/?x=y")));
    check("https:///c", None);
    check("ftp://a", None);
}
