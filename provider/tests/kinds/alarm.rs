//! Alarms.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, StandardUnit, Statistic, Tag};
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::Extras;
use terraform_provider_kairos::stack::kinds::alarm::Alarm;

use crate::common::{live, other_tags, refuse, stack, stacks, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

fn alarm(context: &Context) -> Alarm {
    Alarm {
        name: "AcmeDeadLetterQueueAlarm".into(),
        description: "Runs were given up.".into(),
        namespace: "AWS/SQS".into(),
        metric: "ApproximateNumberOfMessagesVisible".into(),
        dimensions: BTreeMap::from([("QueueName".into(), "AcmeDeadLetterQueue".into())]),
        statistic: "Maximum".into(),
        period_seconds: 300,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        threshold: 1.0,
        comparison: "GreaterThanOrEqualToThreshold".into(),
        missing_data: "notBreaching".into(),
        actions_enabled: true,
        alarm_actions: BTreeSet::from([context.names.topic_arn()]),
        ok_actions: BTreeSet::new(),
        extras: Extras::default(),
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn an_alarm_lives() {
    let context = stack().1;
    let first = alarm(&context);
    let second = Alarm {
        description: "The function failed.".into(),
        namespace: "AWS/Lambda".into(),
        metric: "Errors".into(),
        dimensions: BTreeMap::from([("FunctionName".into(), "AcmeDispatcher".into())]),
        statistic: "Sum".into(),
        period_seconds: 60,
        evaluation_periods: 3,
        datapoints_to_alarm: 2,
        threshold: 2.5,
        comparison: "GreaterThanThreshold".into(),
        missing_data: "breaching".into(),
        actions_enabled: false,
        alarm_actions: BTreeSet::new(),
        ok_actions: BTreeSet::from([context.names.topic_arn()]),
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first,
        second,
        &expect![[r#"
        AlarmDescription: Runs were given up. → The function failed.
        Namespace: AWS/SQS → AWS/Lambda
        MetricName: ApproximateNumberOfMessagesVisible → Errors
        Dimensions: {"QueueName":"AcmeDeadLetterQueue"} → {"FunctionName":"AcmeDispatcher"}
        Statistic: Maximum → Sum
        Period: 300 → 60
        EvaluationPeriods: 1 → 3
        DatapointsToAlarm: 1 → 2
        Threshold: 1.0 → 2.5
        ComparisonOperator: GreaterThanOrEqualToThreshold → GreaterThanThreshold
        TreatMissingData: notBreaching → breaching
        ActionsEnabled: true → false
        AlarmActions: ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"] → []
        OKActions: [] → ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"]
        Tags.cost: none → 42
        Tags.team: data → none"#]],
    )
    .await;
}

#[tokio::test]
async fn an_alarm_of_another_stack_is_refused_though_cloudwatch_would_not() {
    let (context, other) = stacks();
    let theirs = Alarm {
        tags: tags(&other, "team"),
        threshold: 7.0,
        ..alarm(&context)
    };
    refuse(theirs, &other, alarm(&context), &context).await;
}

#[tokio::test]
async fn what_others_do_to_an_alarm_is_told_and_mended() {
    let context = stack().1;
    let wanted = alarm(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let cloudwatch = &context.aws.cloudwatch;
    let (arn, topic) = (drift.id().to_owned(), context.names.topic_arn());
    let dimension = |queue: &str| Dimension::builder().name("QueueName").value(queue).build();
    // Whoever changes an alarm writes the whole of it.
    let put = || {
        cloudwatch
            .put_metric_alarm()
            .alarm_name(&wanted.name)
            .alarm_description(&wanted.description)
            .namespace(&wanted.namespace)
            .metric_name(&wanted.metric)
            .set_dimensions(Some(vec![dimension("AcmeDeadLetterQueue")]))
            .statistic(Statistic::Maximum)
            .period(300)
            .evaluation_periods(1)
            .datapoints_to_alarm(1)
            .threshold(1.0)
            .comparison_operator(ComparisonOperator::GreaterThanOrEqualToThreshold)
            .treat_missing_data("notBreaching")
            .actions_enabled(true)
            .set_alarm_actions(Some(vec![topic.clone()]))
    };
    drift
        .beside("the same alarm, written by somebody else", put().send())
        .await;
    let cases = vec![
        (
            put().alarm_description("Theirs"),
            "AlarmDescription: Theirs → Runs were given up.",
        ),
        (put().namespace("AWS/SNS"), "Namespace: AWS/SNS → AWS/SQS"),
        (
            put().metric_name("NumberOfMessagesSent"),
            "MetricName: NumberOfMessagesSent → ApproximateNumberOfMessagesVisible",
        ),
        (
            put().set_dimensions(Some(vec![dimension("Otra")])),
            r#"Dimensions: {"QueueName":"Otra"} → {"QueueName":"AcmeDeadLetterQueue"}"#,
        ),
        (put().statistic(Statistic::Sum), "Statistic: Sum → Maximum"),
        (put().period(60), "Period: 60 → 300"),
        (put().evaluation_periods(3), "EvaluationPeriods: 3 → 1"),
        (
            put().evaluation_periods(3).datapoints_to_alarm(2),
            "EvaluationPeriods: 3 → 1\nDatapointsToAlarm: 2 → 1",
        ),
        (put().threshold(1000.0), "Threshold: 1000.0 → 1.0"),
        (
            put().comparison_operator(ComparisonOperator::GreaterThanThreshold),
            "ComparisonOperator: GreaterThanThreshold → GreaterThanOrEqualToThreshold",
        ),
        (
            put().treat_missing_data("ignore"),
            "TreatMissingData: ignore → notBreaching",
        ),
        (put().actions_enabled(false), "ActionsEnabled: false → true"),
        (
            put().set_alarm_actions(None),
            r#"AlarmActions: [] → ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"]"#,
        ),
        (
            put().ok_actions(&topic),
            r#"OKActions: ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"] → []"#,
        ),
        (put().unit(StandardUnit::Bytes), "Unit: Bytes → none"),
        (
            put().insufficient_data_actions(&topic),
            "InsufficientDataActions: arn:aws:sns:us-east-1:{account}:AcmeNotificaciones → none",
        ),
    ];
    for (call, told) in cases {
        drift.by_hand(told, call.send()).await;
    }
    let tags = THEIR_TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build());
    let call = cloudwatch
        .tag_resource()
        .resource_arn(&arn)
        .set_tags(Some(tags.to_vec()));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = cloudwatch.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let mut extras = Extras::default();
    extras.note("Unit", "Bytes", "none");
    extras.note("InsufficientDataActions", &topic, "none");
    let other = Alarm {
        name: "Otra".into(),
        description: String::new(),
        namespace: "AWS/SNS".into(),
        metric: "NumberOfMessagesSent".into(),
        dimensions: BTreeMap::new(),
        statistic: "Sum".into(),
        period_seconds: 60,
        evaluation_periods: 3,
        datapoints_to_alarm: 2,
        threshold: 7.0,
        comparison: "GreaterThanThreshold".into(),
        missing_data: "ignore".into(),
        actions_enabled: false,
        alarm_actions: BTreeSet::new(),
        ok_actions: BTreeSet::from([topic]),
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["AlarmName"]);
}
