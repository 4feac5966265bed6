//! What is sent to Scheduler, and what its answers are taken for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use kairos::names::Place;
use serde_json::json;

/// A scheduler that gets one answer: a status, an error's type and a body.
fn scheduler(status: u16, code: &str, body: &str) -> (EventBridgeScheduler, StaticReplayClient) {
    let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    answer.headers_mut().insert("x-amzn-errortype", code.to_owned());
    let replay = StaticReplayClient::new(vec![ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)]);
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("sa-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "k", "s", None, None, "test",
        )))
        .retry_config(RetryConfig::disabled())
        .http_client(replay.clone())
        .build();
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    let names = Names::new("Demo", place);
    let role = "arn:aws:iam::123456789012:role/ruta/Demo-sa-east-1-SchedulerRole";
    (
        EventBridgeScheduler::new(Client::from_conf(config), names, role),
        replay,
    )
}

fn spec() -> ScheduleSpec {
    ScheduleSpec {
        id: "calendarizacion-a".parse().unwrap(),
        expression: "cron(0 3 * * ? *)".into(),
        zone: "America/Santiago".into(),
        window_minutes: Some(15),
        start: Some("2027-01-02T03:04:05.500Z".parse().unwrap()),
        end: None,
        enabled: false,
        description: "At 03:00 every day (America/Santiago)".into(),
    }
}

/// What was sent: method, path and body.
fn sent(replay: &StaticReplayClient) -> (String, serde_json::Value) {
    let request = replay.actual_requests().last().unwrap();
    let body = request.body().bytes().unwrap_or_default();
    let path = request.uri().split_once(".com").unwrap().1.to_owned();
    (
        format!("{} {path}", request.method()),
        serde_json::from_slice(body).unwrap_or_default(),
    )
}

#[tokio::test]
async fn a_schedule_is_sent_in_full() {
    let (scheduler, replay) = scheduler(200, "", r#"{"ScheduleArn":"arn"}"#);
    assert_eq!(scheduler.update(&spec()).await.unwrap(), Found::Updated);
    let (call, mut body) = sent(&replay);
    assert_eq!(call, "PUT /schedules/calendarizacion-a");
    body.as_object_mut().unwrap().remove("ClientToken");
    let expected = serde_json::json!({
        "ActionAfterCompletion": "NONE",
        "Description": "At 03:00 every day (America/Santiago)",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
        "GroupName": "DemoScheduleGroup",
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "America/Santiago",
        "StartDate": 1_798_859_045.5,
        "State": "DISABLED",
        "Target": {
            "Arn": "arn:aws:lambda:sa-east-1:123456789012:function:DemoDispatcher",
            "DeadLetterConfig": { "Arn": "arn:aws:sqs:sa-east-1:123456789012:DemoScheduleDeadLetterQueue" },
            "Input": "{\"IdCalendarizacion\":\"calendarizacion-a\",\
                      \"FechaProgramada\":\"<aws.scheduler.scheduled-time>\",\
                      \"Intento\":\"<aws.scheduler.attempt-number>\"}",
            "RetryPolicy": { "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5 },
            "RoleArn": "arn:aws:iam::123456789012:role/ruta/Demo-sa-east-1-SchedulerRole"
        }
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_schedule_that_exists_or_is_missing_is_an_answer() {
    let (conflict, replay) = scheduler(409, "ConflictException", r#"{"Message":"Schedule exists"}"#);
    assert_eq!(conflict.create(&spec()).await.unwrap(), Creation::Exists);
    assert_eq!(sent(&replay).0, "POST /schedules/calendarizacion-a");
    let missing = || scheduler(404, "ResourceNotFoundException", r#"{"Message":"does not exist"}"#);
    assert_eq!(missing().0.update(&spec()).await.unwrap(), Found::Missing);
    let (missing, replay) = missing();
    missing.delete(&spec().id).await.unwrap();
    assert_eq!(
        sent(&replay).0.split('&').next(),
        Some("DELETE /schedules/calendarizacion-a?groupName=DemoScheduleGroup")
    );
}

/// What AWS answers for a schedule that is as it was sent, with what AWS fills in.
fn answer() -> serde_json::Value {
    serde_json::json!({
        "ActionAfterCompletion": "NONE",
        "Arn": "arn:aws:scheduler:sa-east-1:123456789012:schedule/DemoScheduleGroup/calendarizacion-a",
        "CreationDate": 1_798_000_000.25, "LastModificationDate": 1_798_000_000.25,
        "Description": "", "Name": "calendarizacion-a", "GroupName": "DemoScheduleGroup",
        "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 },
        "ScheduleExpression": "cron(0 3 * * ? *)",
        "ScheduleExpressionTimezone": "America/Santiago",
        "StartDate": 1_798_859_045.5,
        "State": "DISABLED",
        "Target": {
            "Arn": "arn:aws:lambda:sa-east-1:123456789012:function:DemoDispatcher",
            "DeadLetterConfig": { "Arn": "arn:aws:sqs:sa-east-1:123456789012:DemoScheduleDeadLetterQueue" },
            "Input": schedule_input(&spec().id),
            "RetryPolicy": { "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5 },
            "RoleArn": "arn:aws:iam::123456789012:role/ruta/Demo-sa-east-1-SchedulerRole"
        }
    })
}

/// The schedule that is read from an answer.
async fn held(answer: &serde_json::Value) -> HeldSchedule {
    let (scheduler, replay) = scheduler(200, "", &answer.to_string());
    let held = scheduler.get(&spec().id).await.unwrap().unwrap();
    assert_eq!(
        sent(&replay).0,
        "GET /schedules/calendarizacion-a?groupName=DemoScheduleGroup"
    );
    held
}

#[tokio::test]
async fn a_schedule_is_read_as_it_was_sent() {
    let expected = HeldSchedule {
        expression: spec().expression,
        zone: spec().zone,
        window_minutes: spec().window_minutes,
        start: spec().start,
        end: None,
        enabled: false,
        deviations: Vec::new(),
    };
    assert_eq!(held(&answer()).await, expected);
    // What is left out has AWS's default.
    let mut bare = answer();
    let object = bare.as_object_mut().unwrap();
    for left_out in [
        "ActionAfterCompletion",
        "ScheduleExpressionTimezone",
        "State",
        "StartDate",
    ] {
        object.remove(left_out);
    }
    object.insert("FlexibleTimeWindow".into(), serde_json::json!({ "Mode": "OFF" }));
    let plain = HeldSchedule {
        zone: "UTC".into(),
        window_minutes: None,
        start: None,
        enabled: true,
        ..expected
    };
    assert_eq!(held(&bare).await, plain);
    let (missing, _) = scheduler(404, "ResourceNotFoundException", r#"{"Message":"does not exist"}"#);
    assert_eq!(missing.get(&spec().id).await.unwrap(), None);
    let (denied, _) = scheduler(403, "AccessDeniedException", r#"{"Message":"not authorized"}"#);
    assert_eq!(denied.get(&spec().id).await.unwrap_err().kind, PortErrorKind::Denied);
}

#[tokio::test]
async fn what_all_schedules_have_in_common_is_compared() {
    for (pointer, value, told) in [
        (
            "/Target/Arn",
            json!("arn:aws:lambda:sa-east-1:123456789012:function:otra"),
            "Target.Arn: arn:aws:lambda:sa-east-1:123456789012:function:otra → \
             arn:aws:lambda:sa-east-1:123456789012:function:DemoDispatcher",
        ),
        (
            "/Target/RoleArn",
            json!("arn:aws:iam::123456789012:role/otro"),
            "Target.RoleArn: arn:aws:iam::123456789012:role/otro → \
             arn:aws:iam::123456789012:role/ruta/Demo-sa-east-1-SchedulerRole",
        ),
        (
            "/Target/Input",
            json!("{}"),
            "Target.Input: {} → {\"IdCalendarizacion\":\"calendarizacion-a\",\
             \"FechaProgramada\":\"<aws.scheduler.scheduled-time>\",\"Intento\":\"<aws.scheduler.attempt-number>\"}",
        ),
        (
            "/Target/RetryPolicy",
            json!({ "MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 3600 }),
            "Target.RetryPolicy.MaximumRetryAttempts: 185 → 5",
        ),
        (
            "/Target/RetryPolicy",
            json!({ "MaximumRetryAttempts": 5 }),
            "Target.RetryPolicy.MaximumEventAgeInSeconds: default → 3600",
        ),
        (
            "/Target/DeadLetterConfig",
            json!(null),
            "Target.DeadLetterConfig.Arn: none → arn:aws:sqs:sa-east-1:123456789012:DemoScheduleDeadLetterQueue",
        ),
        (
            "/ActionAfterCompletion",
            json!("DELETE"),
            "ActionAfterCompletion: DELETE → NONE",
        ),
    ] {
        let mut edited = answer();
        *edited.pointer_mut(pointer).unwrap() = value;
        let found: Vec<String> = held(&edited).await.deviations.iter().map(ToString::to_string).collect();
        assert_eq!(found, [told], "{pointer}");
    }
}

#[tokio::test]
async fn a_role_that_is_not_visible_yet_is_told_from_what_never_will_be() {
    let message =
        r#"{"Message":"The execution role you provide must allow AWS EventBridge Scheduler to assume the role."}"#;
    let (young, _) = scheduler(400, "ValidationException", message);
    assert_eq!(
        young.create(&spec()).await.unwrap_err().kind,
        PortErrorKind::Propagation
    );
    let (refused, _) = scheduler(
        400,
        "ValidationException",
        r#"{"Message":"Invalid Schedule Expression"}"#,
    );
    let error = refused.create(&spec()).await.unwrap_err();
    assert_eq!(error.kind, PortErrorKind::Other);
    assert!(
        error.to_string().contains("CreateSchedule of \"calendarizacion-a\""),
        "{error}"
    );
    let (denied, _) = scheduler(403, "AccessDeniedException", r#"{"Message":"not authorized"}"#);
    assert_eq!(denied.update(&spec()).await.unwrap_err().kind, PortErrorKind::Denied);
}
