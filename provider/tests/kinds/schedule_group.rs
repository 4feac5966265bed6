//! Schedule groups.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_sdk_scheduler::types::Tag;
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kinds::schedule_group::ScheduleGroup;

use crate::common::{live, other_tags, refuse, stack, stacks, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

#[tokio::test]
async fn a_schedule_group_lives() {
    let context = stack().1;
    let first = ScheduleGroup {
        name: "AcmeScheduleGroup".into(),
        tags: tags(&context, "team"),
    };
    let second = ScheduleGroup {
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first,
        second,
        &expect![[r"
        Tags.cost: none → 42
        Tags.team: data → none"]],
    )
    .await;
}

#[tokio::test]
async fn a_schedule_group_of_another_stack_is_refused() {
    let (context, other) = stacks();
    let group = |context: &Context| ScheduleGroup {
        name: "AcmeScheduleGroup".into(),
        tags: tags(context, "team"),
    };
    refuse(group(&other), &other, group(&context), &context).await;
}

#[tokio::test]
async fn what_others_do_to_a_schedule_group_is_told_and_mended() {
    let context = stack().1;
    let wanted = ScheduleGroup {
        name: "AcmeScheduleGroup".into(),
        tags: tags(&context, "team"),
    };
    let mut drift = Drift::of(&context, wanted).await;
    let scheduler = &context.aws.scheduler;
    let arn = drift.id().to_owned();
    let tags = THEIR_TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let call = scheduler
        .tag_resource()
        .resource_arn(&arn)
        .set_tags(Some(tags.to_vec()));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = scheduler.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = ScheduleGroup {
        name: "Otro".into(),
        tags: drifted_tags(&context),
    };
    drift.shows_everything(&other, &["Name"]);
}
