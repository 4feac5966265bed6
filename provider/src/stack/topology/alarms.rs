//! The alarms of a stack, as one table.
//!
//! Invariant: every dead-letter queue has one, and every alarm tells the topic. Those on queues, which last until somebody acts,
//! tell their end as well; the end of those that count events says only that there were none in the last period.

use std::collections::{BTreeMap, BTreeSet};

use super::{Builder, STAGE};
use crate::stack::kind::Extras;
use crate::stack::kinds::alarm::Alarm;

/// Watched in periods of five minutes.
const PERIOD: u32 = 300;
/// The oldest message may be an hour old before somebody is told: runs then wait to be begun. How long retries take does not matter,
/// although the delays of eight or more add up to over an hour: SQS leaves a message that was received three times or more out of
/// this age, and the delays before that are a minute and a half.
const OLDEST_MESSAGE: f64 = 3600.0;

/// One line of the table.
struct Row {
    component: &'static str,
    /// What the alarm's name is made of.
    subject: String,
    suffix: &'static str,
    namespace: &'static str,
    metric: &'static str,
    dimensions: Vec<(&'static str, String)>,
    statistic: &'static str,
    threshold: f64,
    means: &'static str,
    /// Whether it lasts until somebody acts, so that its end is told too.
    lasts: bool,
}

pub(super) fn add(t: &mut Builder<'_>) {
    let n = t.names;
    let dlq = |component, queue: String, means| Row {
        component,
        dimensions: vec![("QueueName", queue.clone())],
        subject: queue,
        suffix: "",
        namespace: "AWS/SQS",
        metric: "ApproximateNumberOfMessagesVisible",
        statistic: "Maximum",
        threshold: 1.0,
        means,
        lasts: true,
    };
    let function = |component, function: String, metric, means| Row {
        component,
        dimensions: vec![("FunctionName", function.clone())],
        subject: function,
        suffix: metric,
        namespace: "AWS/Lambda",
        metric,
        statistic: "Sum",
        threshold: 1.0,
        means,
        lasts: false,
    };
    let schedules = |component, suffix, metric, means| Row {
        component,
        dimensions: vec![("ScheduleGroup", n.schedule_group())],
        subject: n.schedule_group(),
        suffix,
        namespace: "AWS/Scheduler",
        metric,
        statistic: "Sum",
        threshold: 1.0,
        means,
        lasts: false,
    };
    let mut rows = vec![
        dlq(
            "queue_dlq_alarm",
            n.queue_dlq(),
            "Runs were given up: their messages and the reasons are in the queue",
        ),
        dlq(
            "dispatcher_dlq_alarm",
            n.dispatcher_dlq(),
            "Firings could not be dispatched: the events are in the queue",
        ),
        dlq(
            "schedule_dlq_alarm",
            n.schedule_dlq(),
            "Firings did not reach the dispatcher: the events are in the queue",
        ),
        function(
            "dispatcher_errors_alarm",
            n.dispatcher_function(),
            "Errors",
            "The dispatcher fails",
        ),
        function(
            "dispatcher_throttles_alarm",
            n.dispatcher_function(),
            "Throttles",
            "The dispatcher is throttled",
        ),
        function(
            "executor_errors_alarm",
            n.executor_function(),
            "Errors",
            "The executor fails",
        ),
        function(
            "executor_throttles_alarm",
            n.executor_function(),
            "Throttles",
            "The executor is throttled",
        ),
        Row {
            component: "queue_age_alarm",
            dimensions: vec![("QueueName", n.queue())],
            subject: n.queue(),
            suffix: "Age",
            namespace: "AWS/SQS",
            metric: "ApproximateAgeOfOldestMessage",
            statistic: "Maximum",
            threshold: OLDEST_MESSAGE,
            means: "Runs wait longer than an hour",
            lasts: true,
        },
        schedules(
            "schedule_errors_alarm",
            "TargetErrors",
            "TargetErrorCount",
            "The dispatcher could not be invoked",
        ),
        schedules(
            "schedule_dropped_alarm",
            "Dropped",
            "InvocationDroppedCount",
            "Firings were dropped",
        ),
    ];
    if t.config.api.is_some() {
        rows.push(Row {
            component: "api_errors_alarm",
            dimensions: vec![("ApiName", n.rest_api()), ("Stage", STAGE.into())],
            subject: n.rest_api(),
            suffix: "Errors",
            namespace: "AWS/ApiGateway",
            metric: "5XXError",
            statistic: "Sum",
            threshold: 1.0,
            means: "The HTTP API answers with errors of its own",
            lasts: false,
        });
    }
    for row in rows {
        let component = row.component;
        let alarm = row.alarm(t);
        t.add(component, alarm, &["topic"]);
    }
}

impl Row {
    fn alarm(self, t: &Builder<'_>) -> Alarm {
        let topic = BTreeSet::from([t.names.topic_arn()]);
        Alarm {
            name: format!("{}{}Alarm", self.subject, self.suffix),
            description: format!("Kairos {}: {}", t.names.app, self.means),
            namespace: self.namespace.into(),
            metric: self.metric.into(),
            dimensions: self
                .dimensions
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<BTreeMap<_, _>>(),
            statistic: self.statistic.into(),
            period_seconds: PERIOD,
            evaluation_periods: 1,
            datapoints_to_alarm: 1,
            threshold: self.threshold,
            comparison: "GreaterThanOrEqualToThreshold".into(),
            missing_data: "notBreaching".into(),
            actions_enabled: true,
            ok_actions: if self.lasts { topic.clone() } else { BTreeSet::new() },
            alarm_actions: topic,
            tags: t.tags.clone(),
            extras: Extras::default(),
        }
    }
}
