//! A CloudWatch alarm on a single metric.
//!
//! Invariant: name and ARN follow from the stack's name; an alarm of the same name that is not ours is never overwritten.

mod terraform;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{AlarmType, ComparisonOperator, Dimension, MetricAlarm, Statistic, Tag};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::support::{Retag, take_up};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Tags};

/// What the stack wants of an alarm, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alarm {
    /// The name, unique in account and region.
    pub name: String,
    /// What it means when it goes off, in words. CloudWatch: at most 1024 characters.
    pub description: String,
    /// The metric's namespace (`AWS/SQS`).
    pub namespace: String,
    /// The metric (`ApproximateNumberOfMessagesVisible`).
    pub metric: String,
    /// The metric's dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
    /// How the values of a period become one: `Maximum`, `Minimum`, `Sum`, `Average` or `SampleCount`.
    pub statistic: String,
    /// The length of a period, in seconds: 10, 20, 30 or a multiple of 60.
    pub period_seconds: u32,
    /// How many of the latest periods are looked at.
    pub evaluation_periods: u32,
    /// How many of them must be beyond the threshold.
    pub datapoints_to_alarm: u32,
    /// The threshold, in the metric's unit.
    pub threshold: f64,
    /// Where *beyond* is: `GreaterThanOrEqualToThreshold`, `GreaterThanThreshold`, `LessThanThreshold`, ….
    pub comparison: String,
    /// What a period without data counts as: `notBreaching`, `breaching`, `ignore` or `missing`.
    pub missing_data: String,
    /// Whether the actions are carried out.
    pub actions_enabled: bool,
    /// The ARNs that are told when the alarm goes off. CloudWatch: at most 5.
    pub alarm_actions: BTreeSet<String>,
    /// The ARNs that are told when all is well again. CloudWatch: at most 5.
    pub ok_actions: BTreeSet<String>,
    /// The tags.
    pub tags: Tags,
    /// Settings that are left as CloudWatch makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Alarm {
    /// The alarm's ARN.
    pub fn arn(&self, context: &Context) -> String {
        context.names.arn("cloudwatch", &format!("alarm:{}", self.name))
    }

    async fn read(&self, context: &Context) -> Result<Option<MetricAlarm>, AwsError> {
        if let Some(listings) = context.listings()
            && let Some(found) = listings.alarm(&self.name, context).await?
        {
            return Ok(Some(found));
        }
        // A listing may lag behind: what it does not show is asked for by name.
        let call = context.aws.cloudwatch.describe_alarms().alarm_names(&self.name);
        let answer = call.alarm_types(AlarmType::MetricAlarm).send().await;
        let alarms = answer
            .doing("DescribeAlarms", &self.name)?
            .metric_alarms
            .unwrap_or_default();
        Ok(alarms.into_iter().find(|a| a.alarm_name() == Some(self.name.as_str())))
    }

    /// Reads CloudWatch's alarm.
    fn held(alarm: MetricAlarm, tags: Tags) -> Self {
        let positive = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        let evaluation_periods = positive(alarm.evaluation_periods);
        let extras = extras(&alarm);
        let dimension = |d: Dimension| (d.name.unwrap_or_default(), d.value.unwrap_or_default());
        Self {
            name: alarm.alarm_name.unwrap_or_default(),
            description: alarm.alarm_description.unwrap_or_default(),
            namespace: alarm.namespace.unwrap_or_default(),
            metric: alarm.metric_name.unwrap_or_default(),
            dimensions: alarm
                .dimensions
                .unwrap_or_default()
                .into_iter()
                .map(dimension)
                .collect(),
            statistic: alarm
                .statistic
                .map(|s| s.as_str().to_owned())
                .or(alarm.extended_statistic)
                .unwrap_or_default(),
            period_seconds: positive(alarm.period),
            evaluation_periods,
            // Not set: all of the periods.
            datapoints_to_alarm: alarm
                .datapoints_to_alarm
                .map_or(evaluation_periods, |n| positive(Some(n))),
            threshold: alarm.threshold.unwrap_or_default(),
            comparison: alarm
                .comparison_operator
                .map(|c| c.as_str().to_owned())
                .unwrap_or_default(),
            missing_data: alarm
                .treat_missing_data
                .filter(|m| !m.is_empty())
                .unwrap_or_else(|| "missing".into()),
            actions_enabled: alarm.actions_enabled.unwrap_or(true),
            alarm_actions: alarm.alarm_actions.unwrap_or_default().into_iter().collect(),
            ok_actions: alarm.ok_actions.unwrap_or_default().into_iter().collect(),
            tags,
            extras,
        }
    }

    /// Writes the whole alarm: CloudWatch knows no smaller change. Tags are taken only where the alarm is new.
    async fn put(&self, tags: Option<Vec<Tag>>, context: &Context) -> Result<(), AwsError> {
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let dimension = |(name, value): (&String, &String)| Dimension::builder().name(name).value(value).build();
        let call = context
            .aws
            .cloudwatch
            .put_metric_alarm()
            .alarm_name(&self.name)
            .alarm_description(&self.description)
            .namespace(&self.namespace)
            .metric_name(&self.metric)
            .set_dimensions(Some(self.dimensions.iter().map(dimension).collect()))
            .statistic(Statistic::from(self.statistic.as_str()))
            .period(number(self.period_seconds))
            .evaluation_periods(number(self.evaluation_periods))
            .datapoints_to_alarm(number(self.datapoints_to_alarm))
            .threshold(self.threshold)
            .comparison_operator(ComparisonOperator::from(self.comparison.as_str()))
            .treat_missing_data(&self.missing_data)
            .actions_enabled(self.actions_enabled)
            .set_alarm_actions(Some(self.alarm_actions.iter().cloned().collect()))
            .set_ok_actions(Some(self.ok_actions.iter().cloned().collect()))
            .set_tags(tags);
        call.send().await.doing("PutMetricAlarm", &self.name)?;
        Ok(())
    }
}

/// A unit, of which CloudWatch looks at no other data, and who is told when there is none. The whole alarm is written without.
fn extras(alarm: &MetricAlarm) -> Extras {
    let mut extras = Extras::default();
    if let Some(unit) = alarm.unit() {
        extras.note("Unit", unit.as_str(), "none");
    }
    let told = alarm.insufficient_data_actions();
    if !told.is_empty() {
        extras.note("InsufficientDataActions", told.join(", "), "none");
    }
    extras
}

impl Kind for Alarm {
    const TYPE: &'static str = "AWS::CloudWatch::Alarm";
    const SERVICE: &'static str = "cloudwatch";

    fn permissions(&self, names: &Names) -> Permissions {
        let alarm = Scope::of([names.arn("cloudwatch", &format!("alarm:{}", self.name))]);
        let all = Scope::wide(
            [names.arn("cloudwatch", "alarm:*")],
            "CloudWatch authorises the listing of alarms on all of them",
        );
        Permissions::default()
            .observe(&all, &["cloudwatch:DescribeAlarms"])
            .observe(&alarm, &["cloudwatch:ListTagsForResource"])
            .create(&alarm, &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"])
            .update(
                &alarm,
                &[
                    "cloudwatch:PutMetricAlarm",
                    "cloudwatch:TagResource",
                    "cloudwatch:UntagResource",
                ],
            )
            .delete(&alarm, &["cloudwatch:DeleteAlarms"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(self.arn(context))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("AlarmName", |a| &a.name)
            .property("AlarmDescription", |a| &a.description)
            .property("Namespace", |a| &a.namespace)
            .property("MetricName", |a| &a.metric)
            .property("Dimensions", |a| &a.dimensions)
            .property("Statistic", |a| &a.statistic)
            .property("Period", |a| a.period_seconds)
            .property("EvaluationPeriods", |a| a.evaluation_periods)
            .property("DatapointsToAlarm", |a| a.datapoints_to_alarm)
            .property("Threshold", |a| a.threshold)
            .property("ComparisonOperator", |a| &a.comparison)
            .property("TreatMissingData", |a| &a.missing_data)
            .property("ActionsEnabled", |a| a.actions_enabled)
            .property("AlarmActions", |a| &a.alarm_actions)
            .property("OKActions", |a| &a.ok_actions)
            .extras(|a| &a.extras)
            .tags(|a| &a.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(alarm) = self.read(context).await? else {
            return Ok(None);
        };
        let cloudwatch = &context.aws.cloudwatch;
        let arn = alarm.alarm_arn().map_or_else(|| self.arn(context), str::to_owned);
        let answer = cloudwatch.list_tags_for_resource().resource_arn(&arn).send().await;
        let Some(answer) = answer.found("ListTagsForResource", &self.name)? else {
            return Ok(None);
        };
        let tag = |t: Tag| (t.key.unwrap_or_default(), t.value.unwrap_or_default());
        let tags: Tags = answer.tags.unwrap_or_default().into_iter().map(tag).collect();
        Ok(Some(Held::tagged(arn, Self::held(alarm, tags.clone()), &tags, context)))
    }

    /// CloudWatch overwrites an alarm of the same name without a word, so whether there is one is read before.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        if let Some(held) = self.observe(context).await? {
            return take_up(self, held, "PutMetricAlarm", &self.name, context).await;
        }
        self.put(Some(tags(&self.tags)), context).await?;
        Ok(Held::ours(self.arn(context), self.clone()))
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let cloudwatch = &context.aws.cloudwatch;
        if changes.iter().any(|c| !c.property.starts_with("Tags.")) {
            self.put(None, context).await?;
        }
        let retag = Retag::of(&self.tags, changes);
        if !retag.set.is_empty() {
            let call = cloudwatch
                .tag_resource()
                .resource_arn(&held.id)
                .set_tags(Some(tags(&retag.set)));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = cloudwatch
                .untag_resource()
                .resource_arn(&held.id)
                .set_tag_keys(Some(retag.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        context
            .aws
            .cloudwatch
            .delete_alarms()
            .alarm_names(&self.name)
            .send()
            .await
            .found("DeleteAlarms", &self.name)?;
        Ok(())
    }
}

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay;

    fn alarm() -> Alarm {
        Alarm {
            name: "AcmeDeadLetterQueueAlarm".into(),
            description: String::new(),
            namespace: "AWS/SQS".into(),
            metric: "ApproximateNumberOfMessagesVisible".into(),
            dimensions: BTreeMap::new(),
            statistic: "Maximum".into(),
            period_seconds: 300,
            evaluation_periods: 2,
            datapoints_to_alarm: 2,
            threshold: 1.0,
            comparison: "GreaterThanOrEqualToThreshold".into(),
            missing_data: "missing".into(),
            actions_enabled: true,
            alarm_actions: BTreeSet::new(),
            ok_actions: BTreeSet::new(),
            tags: replay::tags(),
            extras: Extras::default(),
        }
    }

    /// The alarm as CloudWatch describes it where only what has no default was set.
    fn described() -> aws_sdk_cloudwatch::types::builders::MetricAlarmBuilder {
        MetricAlarm::builder()
            .alarm_name("AcmeDeadLetterQueueAlarm")
            .namespace("AWS/SQS")
            .metric_name("ApproximateNumberOfMessagesVisible")
            .statistic(Statistic::Maximum)
            .period(300)
            .evaluation_periods(2)
            .threshold(1.0)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
    }

    #[test]
    fn what_cloudwatch_fills_in_is_no_difference() {
        let held = Alarm::held(described().build(), replay::tags());
        assert_eq!(alarm().diff(&held), []);
    }

    #[test]
    fn an_alarm_that_somebody_switched_to_a_percentile_and_off_shows() {
        let changed = described()
            .set_statistic(None)
            .extended_statistic("p99")
            .actions_enabled(false)
            .build();
        expect![[r"
            Statistic: p99 → Maximum
            ActionsEnabled: false → true"]]
        .assert_eq(&replay::lines(&alarm().diff(&Alarm::held(changed, replay::tags()))));
    }
}
