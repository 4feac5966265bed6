//! The EventBridge Scheduler group of a stack's schedules.
//!
//! Invariant: a group that is being deleted does not exist any more, and its name is not free yet.

use std::time::Duration;

use aws_sdk_scheduler::types::{ScheduleGroupState, Tag};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::support::{Retag, Wait, malformed, resume, until};
use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags};

/// How long the deletion of a group is awaited: Scheduler deletes its schedules first, in the background.
const DELETION: Duration = Duration::from_mins(15);

/// What the stack wants of a schedule group, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleGroup {
    /// The name, unique in account and region. Scheduler: at most 64 characters.
    pub name: String,
    /// The tags.
    pub tags: Tags,
}

impl ScheduleGroup {
    fn arn(&self, context: &Context) -> String {
        context.names.arn("scheduler", &format!("schedule-group/{}", self.name))
    }

    /// The group's state; `None` where there is no group.
    async fn state(&self, context: &Context) -> Result<Option<ScheduleGroupState>, AwsError> {
        let answer = context.aws.scheduler.get_schedule_group().name(&self.name).send().await;
        let group = answer.found("GetScheduleGroup", &self.name)?;
        Ok(group.map(|g| g.state.unwrap_or(ScheduleGroupState::Active)))
    }
}

impl Kind for ScheduleGroup {
    const TYPE: &'static str = "AWS::Scheduler::ScheduleGroup";
    const SERVICE: &'static str = "scheduler";
    /// Its schedules go with it.
    const HOLDS_DATA: bool = true;

    /// The schedules of a group are deleted with it, in the name of whoever deletes it.
    fn permissions(&self, names: &Names) -> Permissions {
        let group = Scope::of([names.schedule_group_arn()]);
        Permissions::default()
            .observe(&group, &["scheduler:GetScheduleGroup", "scheduler:ListTagsForResource"])
            .create(&group, &["scheduler:CreateScheduleGroup", "scheduler:TagResource"])
            .update(&group, &["scheduler:TagResource", "scheduler:UntagResource"])
            .delete(&group, &["scheduler:DeleteScheduleGroup"])
            .delete(&Scope::of([names.schedule_arn("*")]), &["scheduler:DeleteSchedule"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(self.arn(context))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("Name", |g| &g.name)
            .tags(|g| &g.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        if !matches!(self.state(context).await?, Some(state) if state != ScheduleGroupState::Deleting) {
            return Ok(None);
        }
        let arn = self.arn(context);
        let answer = context
            .aws
            .scheduler
            .list_tags_for_resource()
            .resource_arn(&arn)
            .send()
            .await;
        let Some(answer) = answer.found("ListTagsForResource", &self.name)? else {
            return Ok(None);
        };
        let tags: Tags = answer
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|t| (t.key, t.value))
            .collect();
        let held = Self {
            name: self.name.clone(),
            tags: tags.clone(),
        };
        Ok(Some(Held::tagged(arn, held, &tags, context)))
    }

    /// Refused as a conflict while a predecessor is being deleted: that is awaited as settling.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let tags = tags(&self.tags, &self.name)?;
        let call = context
            .aws
            .scheduler
            .create_schedule_group()
            .name(&self.name)
            .set_tags(Some(tags));
        match call.send().await.doing("CreateScheduleGroup", &self.name) {
            Ok(_) => Ok(Held::ours(self.arn(context), self.clone())),
            Err(e) if e.is("ConflictException") => resume(self, e, &self.name, context).await,
            Err(e) => Err(e),
        }
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let scheduler = &context.aws.scheduler;
        let retag = Retag::of(&self.tags, changes);
        if !retag.set.is_empty() {
            let call = scheduler
                .tag_resource()
                .resource_arn(&held.id)
                .set_tags(Some(tags(&retag.set, &self.name)?));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = scheduler
                .untag_resource()
                .resource_arn(&held.id)
                .set_tag_keys(Some(retag.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    /// Deletes the group with the schedules in it, and waits until all of them are gone.
    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        if self.state(context).await? == Some(ScheduleGroupState::Active) {
            let call = context.aws.scheduler.delete_schedule_group().name(&self.name);
            match call.send().await.found("DeleteScheduleGroup", &self.name) {
                // It may be going already: the wait tells.
                Err(e)
                    if e.is("ConflictException") && self.state(context).await? != Some(ScheduleGroupState::Active) => {}
                other => {
                    other?;
                }
            }
        }
        let wait = Wait {
            action: "DeleteScheduleGroup",
            object: &self.name,
            state: "DELETING",
            limit: DELETION,
        };
        until(wait, context, || async {
            Ok(self.state(context).await?.is_none().then_some(()))
        })
        .await
    }

    /// The group, or a predecessor of the same name, is still being created or deleted.
    fn settling(error: &AwsError) -> bool {
        error.is("ConflictException")
    }
}

fn tags(tags: &Tags, object: &str) -> Result<Vec<Tag>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|e| malformed("TagResource", object, &e))
}

impl Render for ScheduleGroup {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let arn = at.names.arn("scheduler", &format!("schedule-group/{}", self.name));
        vec![
            Block::resource("aws_scheduler_schedule_group")
                .set("name", &self.name)
                .set("tags", &self.tags)
                .value(arn, "arn")
                .name(&self.name, "name")
                .import(at.if_held(&self.name)),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay;

    const ACTIVE: &str = r#"{"Name":"AcmeScheduleGroup","State":"ACTIVE"}"#;
    const DELETING: &str = r#"{"Name":"AcmeScheduleGroup","State":"DELETING"}"#;
    const GONE: replay::Answer<'_> = (404, "ResourceNotFoundException", "{}");
    const CONFLICT: replay::Answer<'_> = (409, "ConflictException", "{}");

    fn group() -> ScheduleGroup {
        ScheduleGroup {
            name: "AcmeScheduleGroup".into(),
            tags: replay::tags(),
        }
    }

    #[tokio::test]
    async fn a_group_that_is_being_deleted_is_not_there() {
        let (context, _) = replay::context(&[(200, "", DELETING)]);
        assert_eq!(group().observe(&context).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_create_over_a_group_that_is_still_going_is_awaited() {
        let (context, _) = replay::context(&[CONFLICT, (200, "", DELETING)]);
        let error = group().create(&context).await.unwrap_err();
        assert!(ScheduleGroup::settling(&error), "{error}");
    }

    #[tokio::test]
    async fn a_create_over_a_group_of_others_is_refused_at_once() {
        let (context, _) = replay::context(&[CONFLICT, (200, "", ACTIVE), (200, "", r#"{"Tags":[]}"#)]);
        let error = group().create(&context).await.unwrap_err();
        assert!(!ScheduleGroup::settling(&error), "{error}");
    }

    #[tokio::test]
    async fn a_create_whose_answer_was_lost_is_success() {
        let ours = r#"{"Tags":[{"Key":"kairos:stack","Value":"us-east-1/Acme"}]}"#;
        let (context, _) = replay::context(&[CONFLICT, (200, "", ACTIVE), (200, "", ours)]);
        assert_eq!(group().create(&context).await.unwrap().value, group());
    }

    #[tokio::test]
    async fn a_delete_awaits_that_the_schedules_are_gone_too() {
        let (context, replay) = replay::context(&[
            (200, "", ACTIVE),
            (200, "", "{}"),
            (200, "", DELETING),
            (200, "", DELETING),
            GONE,
        ]);
        group().delete("", &context).await.unwrap();
        assert_eq!(replay::asked(&replay)[1], "DELETE /schedule-groups/AcmeScheduleGroup");
        assert_eq!(replay.actual_requests().count(), 5);
    }

    #[tokio::test]
    async fn a_delete_of_a_group_that_is_going_already_only_waits() {
        let (context, replay) = replay::context(&[(200, "", DELETING), GONE]);
        group().delete("", &context).await.unwrap();
        assert!(replay::asked(&replay).iter().all(|asked| asked.starts_with("GET ")));
        let (context, _) = replay::context(&[(200, "", ACTIVE), CONFLICT, (200, "", DELETING), GONE]);
        group().delete("", &context).await.unwrap();
    }
}
