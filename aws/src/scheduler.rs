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
mod tests;
