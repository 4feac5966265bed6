//! The registry's scheduler over EventBridge Scheduler: what all schedules of an installation have in common.
//!
//! Invariant: every call resends the whole schedule, since `UpdateSchedule` resets what it is not given.
//! Invariant: a call ends within the registry's limit, with all tries of the SDK.

use aws_sdk_scheduler::Client;
use aws_sdk_scheduler::config::timeout::TimeoutConfig;
use aws_sdk_scheduler::error::BuildError;
use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    Target,
};
use kairos::ids::IdCalendarizacion;
use kairos::instant::Timestamp;
use kairos::message::schedule_input;
use kairos::names::Names;
use kairos::registry::{
    CALL_LIMIT, Creation, Deviation, Found, HeldSchedule, PortError, PortErrorKind, ScheduleSpec, Scheduler,
};

use crate::error::{Class, Doing};
use crate::store::port_error;

/// How often Scheduler hands a firing over to Lambda again.
const RETRIES: i32 = 5;
/// For how long it tries, in seconds.
const MAX_AGE: i32 = 3_600;

/// The schedules of one installation.
#[derive(Debug, Clone)]
pub struct EventBridgeScheduler {
    client: Client,
    names: Names,
    role_arn: String,
}

impl EventBridgeScheduler {
    /// The schedules of the installation with these names, which Scheduler serves with this role.
    pub fn new(client: Client, names: Names, role_arn: impl Into<String>) -> Self {
        Self {
            client,
            names,
            role_arn: role_arn.into(),
        }
    }

    fn target(&self, id: &IdCalendarizacion) -> Result<Target, BuildError> {
        let dlq = self.names.queue_arn(&self.names.schedule_dlq());
        Target::builder()
            .arn(self.names.function_arn(&self.names.dispatcher_function()))
            .role_arn(&self.role_arn)
            .input(schedule_input(id))
            .retry_policy(
                RetryPolicy::builder()
                    .maximum_retry_attempts(RETRIES)
                    .maximum_event_age_in_seconds(MAX_AGE)
                    .build(),
            )
            .dead_letter_config(DeadLetterConfig::builder().arn(dlq).build())
            .build()
    }
}

/// The longest text of a property that is told.
const TOLD: usize = 200;

/// What of a schedule's target, and of what follows its last firing, is not as `wanted`. Neither a description in other words
/// nor a key of the customer's changes what it does: they are not compared.
fn deviations(held: &GetScheduleOutput, wanted: &Target) -> Vec<Deviation> {
    let target = held.target();
    let text = |text: Option<&str>| text.unwrap_or("none").chars().take(TOLD).collect::<String>();
    let retry = |target: Option<&Target>, of: fn(&RetryPolicy) -> Option<i32>| {
        let number = target.and_then(Target::retry_policy).and_then(of);
        number.map_or_else(|| "default".to_owned(), |number| number.to_string())
    };
    let dlq = |target: Option<&Target>| {
        text(
            target
                .and_then(Target::dead_letter_config)
                .and_then(DeadLetterConfig::arn),
        )
    };
    let wanted = Some(wanted);
    let properties = [
        (
            "Target.Arn",
            text(target.map(Target::arn)),
            text(wanted.map(Target::arn)),
        ),
        (
            "Target.RoleArn",
            text(target.map(Target::role_arn)),
            text(wanted.map(Target::role_arn)),
        ),
        (
            "Target.Input",
            text(target.and_then(Target::input)),
            text(wanted.and_then(Target::input)),
        ),
        (
            "Target.RetryPolicy.MaximumRetryAttempts",
            retry(target, RetryPolicy::maximum_retry_attempts),
            retry(wanted, RetryPolicy::maximum_retry_attempts),
        ),
        (
            "Target.RetryPolicy.MaximumEventAgeInSeconds",
            retry(target, RetryPolicy::maximum_event_age_in_seconds),
            retry(wanted, RetryPolicy::maximum_event_age_in_seconds),
        ),
        ("Target.DeadLetterConfig.Arn", dlq(target), dlq(wanted)),
        (
            "ActionAfterCompletion",
            text(
                held.action_after_completion()
                    .map(ActionAfterCompletion::as_str)
                    .or(Some("NONE")),
            ),
            "NONE".to_owned(),
        ),
    ];
    let differing = properties.into_iter().filter(|(_, actual, wanted)| actual != wanted);
    differing
        .map(|(property, actual, wanted)| Deviation {
            property,
            actual,
            wanted,
        })
        .collect()
}

/// The same configuration with the registry's limit of time on a whole call.
fn limited() -> aws_sdk_scheduler::config::Builder {
    aws_sdk_scheduler::Config::builder().timeout_config(TimeoutConfig::builder().operation_timeout(CALL_LIMIT).build())
}

impl Scheduler for EventBridgeScheduler {
    async fn create(&self, spec: &ScheduleSpec) -> Result<Creation, PortError> {
        let created = self
            .client
            .create_schedule()
            .name(spec.id.as_str())
            .group_name(self.names.schedule_group())
            .description(&spec.description)
            .schedule_expression(&spec.expression)
            .schedule_expression_timezone(&spec.zone)
            .set_start_date(spec.start.map(date))
            .set_end_date(spec.end.map(date))
            .flexible_time_window(window(spec).map_err(incomplete)?)
            .state(state(spec))
            .action_after_completion(ActionAfterCompletion::None)
            .target(self.target(&spec.id).map_err(incomplete)?)
            .customize()
            .config_override(limited())
            .send()
            .await
            .doing("CreateSchedule", spec.id.as_str());
        match created {
            Ok(_) => Ok(Creation::Created),
            Err(error) if error.class == Class::Conflict => Ok(Creation::Exists),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn update(&self, spec: &ScheduleSpec) -> Result<Found, PortError> {
        let updated = self
            .client
            .update_schedule()
            .name(spec.id.as_str())
            .group_name(self.names.schedule_group())
            .description(&spec.description)
            .schedule_expression(&spec.expression)
            .schedule_expression_timezone(&spec.zone)
            .set_start_date(spec.start.map(date))
            .set_end_date(spec.end.map(date))
            .flexible_time_window(window(spec).map_err(incomplete)?)
            .state(state(spec))
            .action_after_completion(ActionAfterCompletion::None)
            .target(self.target(&spec.id).map_err(incomplete)?)
            .customize()
            .config_override(limited())
            .send()
            .await
            .found("UpdateSchedule", spec.id.as_str());
        match updated {
            Ok(Some(_)) => Ok(Found::Updated),
            Ok(None) => Ok(Found::Missing),
            Err(error) => Err(port_error(error)),
        }
    }

    async fn delete(&self, id: &IdCalendarizacion) -> Result<(), PortError> {
        let deleted = self
            .client
            .delete_schedule()
            .name(id.as_str())
            .group_name(self.names.schedule_group())
            .customize()
            .config_override(limited())
            .send()
            .await
            .found("DeleteSchedule", id.as_str());
        deleted.map(drop).map_err(port_error)
    }

    async fn get(&self, id: &IdCalendarizacion) -> Result<Option<HeldSchedule>, PortError> {
        let answer = self
            .client
            .get_schedule()
            .name(id.as_str())
            .group_name(self.names.schedule_group())
            .send()
            .await
            .found("GetSchedule", id.as_str());
        let Some(held) = answer.map_err(port_error)? else {
            return Ok(None);
        };
        let deviations = deviations(&held, &self.target(id).map_err(incomplete)?);
        let minutes = held
            .flexible_time_window()
            .filter(|window| *window.mode() == FlexibleTimeWindowMode::Flexible)
            .and_then(FlexibleTimeWindow::maximum_window_in_minutes);
        Ok(Some(HeldSchedule {
            window_minutes: minutes.and_then(|minutes| u16::try_from(minutes).ok()),
            start: held.start_date().and_then(timestamp),
            end: held.end_date().and_then(timestamp),
            enabled: held.state() != Some(&ScheduleState::Disabled),
            expression: held.schedule_expression.unwrap_or_default(),
            zone: held.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned()),
            deviations,
        }))
    }
}

fn date(instant: Timestamp) -> DateTime {
    DateTime::from_millis(instant.as_millisecond())
}

fn timestamp(date: &DateTime) -> Option<Timestamp> {
    date.to_millis()
        .ok()
        .and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

fn window(spec: &ScheduleSpec) -> Result<FlexibleTimeWindow, BuildError> {
    let window = FlexibleTimeWindow::builder();
    match spec.window_minutes {
        Some(minutes) => window
            .mode(FlexibleTimeWindowMode::Flexible)
            .maximum_window_in_minutes(minutes.into())
            .build(),
        None => window.mode(FlexibleTimeWindowMode::Off).build(),
    }
}

fn state(spec: &ScheduleSpec) -> ScheduleState {
    if spec.enabled {
        ScheduleState::Enabled
    } else {
        ScheduleState::Disabled
    }
}

fn incomplete(error: BuildError) -> PortError {
    PortError::new(PortErrorKind::Other, false, error)
}

#[cfg(test)]
mod tests {
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
}
