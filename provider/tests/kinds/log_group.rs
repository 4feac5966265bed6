//! Log groups.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::expect;
use terraform_provider_kairos::stack::kind::{Kind, Owner};
use terraform_provider_kairos::stack::kinds::log_group::LogGroup;

use crate::common::{key, live, other_tags, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

#[tokio::test]
async fn a_log_group_lives() {
    let context = stack().1;
    let longer = LogGroup {
        name: "/aws/lambda/AcmeApiDos".into(),
        retention_days: None,
        kms_key_arn: None,
        tags: tags(&context, "team"),
    };
    longer.create(&context).await.unwrap();
    let first = LogGroup {
        name: "/aws/lambda/AcmeApi".into(),
        retention_days: Some(30),
        ..longer.clone()
    };
    // The local AWS takes a key at creation only; a key that changes is shown with replayed answers.
    let first = LogGroup {
        kms_key_arn: Some(key(&context)),
        ..first
    };
    let second = LogGroup {
        retention_days: Some(90),
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first.clone(),
        second,
        &expect![[r"
        RetentionInDays: 30 → 90
        Tags.cost: none → 42
        Tags.team: data → none"]],
    )
    .await;
    let second = LogGroup {
        retention_days: None,
        ..first.clone()
    };
    live(&context, first, second, &expect!["RetentionInDays: 30 → none"]).await;
    let held = longer.observe(&context).await.unwrap().unwrap();
    assert_eq!(longer.diff(&held.value), [], "the group with a longer name is another");
}

#[tokio::test]
async fn a_log_group_that_nobody_tagged_is_refused() {
    let context = stack().1;
    let name = "/aws/lambda/AcmeExecutor";
    context
        .aws
        .logs
        .create_log_group()
        .log_group_name(name)
        .send()
        .await
        .unwrap();
    let wanted = LogGroup {
        name: name.into(),
        retention_days: Some(30),
        kms_key_arn: None,
        tags: tags(&context, "team"),
    };
    assert_eq!(
        wanted.observe(&context).await.unwrap().unwrap().owner,
        Owner::Foreign(None)
    );
    let error = wanted.create(&context).await.unwrap_err().to_string();
    expect![[r#"CreateLogGroup of "/aws/lambda/AcmeExecutor" failed: it exists already and does not belong to this stack (it has no tag "kairos:stack")"#]]
        .assert_eq(&error);
}

#[tokio::test]
async fn what_others_do_to_a_log_group_is_told_and_mended() {
    let context = stack().1;
    let wanted = LogGroup {
        name: "/aws/lambda/AcmeApi".into(),
        retention_days: Some(30),
        kms_key_arn: None,
        tags: tags(&context, "team"),
    };
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let logs = &context.aws.logs;
    let arn = drift.id().to_owned();
    let call = logs
        .put_retention_policy()
        .log_group_name(&wanted.name)
        .retention_in_days(3653);
    drift.by_hand("RetentionInDays: 3653 → 30", call.send()).await;
    let call = logs.delete_retention_policy().log_group_name(&wanted.name);
    drift.by_hand("RetentionInDays: none → 30", call.send()).await;
    let call = logs.tag_resource().resource_arn(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = logs.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = LogGroup {
        name: "/otro".into(),
        retention_days: None,
        kms_key_arn: Some(key(&context)),
        tags: drifted_tags(&context),
    };
    drift.shows_everything(&other, &["LogGroupName", "KmsKeyId"]);
}
