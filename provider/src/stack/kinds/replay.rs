//! A context whose AWS answers from a script, for what no local AWS shows: propagation, updates in progress, lost answers.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use kairos::names::{Names, Place};

use crate::stack::context::{Clients, Context};
use crate::stack::kind::{Change, Ref, Tags};

/// What AWS answers: a status, an error type where it is an error, and a body.
pub(crate) type Answer<'a> = (u16, &'a str, &'a str);

/// The stack `Acme` on an AWS that gives these answers, one after the other.
pub(crate) fn context(answers: &[Answer<'_>]) -> (Context, StaticReplayClient) {
    let replay = StaticReplayClient::new(answers.iter().map(|answer| event(*answer)).collect());
    let credentials = Credentials::new("100000000001", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(replay.clone())
        .build();
    let place = Place {
        partition: "aws".into(),
        account: "100000000001".into(),
        region: "us-east-1".into(),
    };
    let context = Context::new(Names::new("Acme", place), Clients::new(&config));
    context.learn("rest_api", "api1");
    (context, replay)
}

fn event((status, code, body): Answer<'_>) -> ReplayEvent {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    if !code.is_empty() {
        answer.headers_mut().insert("x-amzn-errortype", code.to_owned());
    }
    ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)
}

/// What was asked: method and path of each request.
pub(super) fn asked(replay: &StaticReplayClient) -> Vec<String> {
    let path = |uri: &str| {
        let path = uri.splitn(4, '/').nth(3).unwrap_or_default();
        path.split('?').next().unwrap_or_default().to_owned()
    };
    replay
        .actual_requests()
        .map(|request| format!("{} /{}", request.method(), path(request.uri())))
        .collect()
}

/// The REST API's reference.
pub(super) fn rest_api() -> Ref {
    Ref::to("rest_api")
}

/// The tags of the stack's objects.
pub(super) fn tags() -> Tags {
    Tags::from([(Names::OWNER_TAG.into(), "us-east-1/Acme".into())])
}

/// Changes as a plan shows them, one a line; those that need a new object are marked.
pub(super) fn lines(changes: &[Change]) -> String {
    let line = |change: &Change| format!("{change}{}", if change.replaces { " (replaces)" } else { "" });
    changes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What was asked of the services that have one path for everything: the operation of each request.
pub(in crate::stack) fn operations(replay: &StaticReplayClient) -> Vec<String> {
    let operation = |request: &HttpRequest| match request.headers().get("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None => form(request, "Action").unwrap_or_default(),
    };
    replay.actual_requests().map(operation).collect()
}

/// A parameter of a request of the query protocol.
pub(super) fn form(request: &HttpRequest, name: &str) -> Option<String> {
    let body = String::from_utf8_lossy(request.body().bytes()?).into_owned();
    body.split('&')
        .find_map(|pair| pair.strip_prefix(&format!("{name}=")))
        .map(str::to_owned)
}

/// What a request of a JSON protocol carried.
pub(super) fn sent(replay: &StaticReplayClient, request: usize) -> serde_json::Value {
    let request = replay.actual_requests().nth(request).unwrap();
    serde_json::from_slice(request.body().bytes().unwrap()).unwrap()
}

/// An answer of the query protocol.
pub(super) fn xml(operation: &str, result: &str) -> String {
    format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>")
}

/// A refusal of the query protocol.
pub(super) fn xml_error(code: &str, message: &str) -> String {
    format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>")
}
