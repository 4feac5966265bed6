//! A CloudWatch log group.
//!
//! Invariant: name and ARN follow from the stack's name; ARNs here have no `:*` behind them.

use aws_sdk_cloudwatchlogs::types::LogGroup as Described;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::support::{Retag, resume};
use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags, touches};

/// What the stack wants of a log group, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// The name, a path (`/aws/lambda/{function}`).
    pub name: String,
    /// How long lines are kept, in days, one of the numbers that CloudWatch Logs knows (1, 3, 5, 7, 14, 30, 60, 90, …);
    /// `None`: for ever.
    pub retention_days: Option<u32>,
    /// The ARN of the key that encrypts the lines; `None`: CloudWatch Logs' own.
    pub kms_key_arn: Option<String>,
    /// The tags.
    pub tags: Tags,
}

impl LogGroup {
    fn arn(&self, context: &Context) -> String {
        context.names.log_group_arn(&self.name)
    }

    async fn read(&self, context: &Context) -> Result<Option<Described>, AwsError> {
        if let Some(listings) = context.listings()
            && let Some(found) = listings.log_group(&self.name, context).await?
        {
            return Ok(Some(found));
        }
        // A listing may lag behind: what it does not show is asked for by name.
        let call = context.aws.logs.describe_log_groups().log_group_name_prefix(&self.name);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let groups = page
                .doing("DescribeLogGroups", &self.name)?
                .log_groups
                .unwrap_or_default();
            let ours = |g: &Described| g.log_group_name() == Some(self.name.as_str());
            if let Some(group) = groups.into_iter().find(ours) {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    /// Sets or removes the retention.
    async fn retain(&self, context: &Context) -> Result<(), AwsError> {
        let logs = &context.aws.logs;
        if let Some(days) = self.retention_days {
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            let call = logs
                .put_retention_policy()
                .log_group_name(&self.name)
                .retention_in_days(days);
            call.send().await.doing("PutRetentionPolicy", &self.name)?;
        } else {
            let call = logs.delete_retention_policy().log_group_name(&self.name);
            call.send().await.doing("DeleteRetentionPolicy", &self.name)?;
        }
        Ok(())
    }

    /// Sets or removes the key. What is there already stays encrypted as it was.
    async fn encrypt(&self, context: &Context) -> Result<(), AwsError> {
        let logs = &context.aws.logs;
        if let Some(key) = &self.kms_key_arn {
            let call = logs.associate_kms_key().log_group_name(&self.name).kms_key_id(key);
            call.send().await.doing("AssociateKmsKey", &self.name)?;
        } else {
            let call = logs.disassociate_kms_key().log_group_name(&self.name);
            call.send().await.doing("DisassociateKmsKey", &self.name)?;
        }
        Ok(())
    }
}

impl Kind for LogGroup {
    const TYPE: &'static str = "AWS::Logs::LogGroup";
    const SERVICE: &'static str = "logs";
    /// Its lines go with it.
    const HOLDS_DATA: bool = true;

    /// CloudWatch Logs names a group with `:*` behind it, but for its tags.
    fn permissions(&self, names: &Names) -> Permissions {
        let arn = names.log_group_arn(&self.name);
        let (group, tags) = (Scope::of([format!("{arn}:*")]), Scope::of([&arn]));
        let all = Scope::wide(
            [names.log_group_arn("*")],
            "CloudWatch Logs authorises the listing of groups on all of them",
        );
        Permissions::default()
            .observe(&all, &["logs:DescribeLogGroups"])
            .observe(&tags, &["logs:ListTagsForResource"])
            .create(&group, &["logs:CreateLogGroup", "logs:PutRetentionPolicy"])
            .create(&tags, &["logs:TagResource"])
            .update(
                &group,
                &[
                    "logs:AssociateKmsKey",
                    "logs:DeleteRetentionPolicy",
                    "logs:DisassociateKmsKey",
                    "logs:PutRetentionPolicy",
                ],
            )
            .update(&tags, &["logs:TagResource", "logs:UntagResource"])
            .delete(&group, &["logs:DeleteLogGroup"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(self.arn(context))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("LogGroupName", |g| &g.name)
            .property("RetentionInDays", |g| g.retention_days)
            .property("KmsKeyId", |g| &g.kms_key_arn)
            .tags(|g| &g.tags)
            .changes()
    }

    /// CloudWatch Logs describes by prefix only, so that groups with longer names may come as well.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(group) = self.read(context).await? else {
            return Ok(None);
        };
        let logs = &context.aws.logs;
        let arn = self.arn(context);
        let answer = logs.list_tags_for_resource().resource_arn(&arn).send().await;
        let Some(answer) = answer.found("ListTagsForResource", &self.name)? else {
            return Ok(None);
        };
        let tags: Tags = answer.tags.unwrap_or_default().into_iter().collect();
        let held = Self {
            name: self.name.clone(),
            retention_days: group.retention_in_days.and_then(|days| u32::try_from(days).ok()),
            kms_key_arn: group.kms_key_id,
            tags: tags.clone(),
        };
        Ok(Some(Held::tagged(arn, held, &tags, context)))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let call = context.aws.logs.create_log_group().log_group_name(&self.name);
        let call = call
            .set_kms_key_id(self.kms_key_arn.clone())
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        match call.send().await.doing("CreateLogGroup", &self.name) {
            Err(e) if e.is("ResourceAlreadyExistsException") => return resume(self, e, &self.name, context).await,
            other => other?,
        };
        if self.retention_days.is_some() {
            self.retain(context).await?;
        }
        Ok(Held::ours(self.arn(context), self.clone()))
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let logs = &context.aws.logs;
        if touches(changes, &["RetentionInDays"]) {
            self.retain(context).await?;
        }
        if touches(changes, &["KmsKeyId"]) {
            self.encrypt(context).await?;
        }
        let retag = Retag::of(&self.tags, changes);
        if !retag.set.is_empty() {
            let call = logs
                .tag_resource()
                .resource_arn(&held.id)
                .set_tags(Some(retag.set.into_iter().collect()));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = logs
                .untag_resource()
                .resource_arn(&held.id)
                .set_tag_keys(Some(retag.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let call = context.aws.logs.delete_log_group().log_group_name(&self.name);
        call.send().await.found("DeleteLogGroup", &self.name)?;
        Ok(())
    }

    /// CloudWatch Logs works on one group one call at a time, and aborts calls that come meanwhile; a name that is taken by
    /// a group which cannot be seen belongs to one on its way in or out.
    fn settling(error: &AwsError) -> bool {
        error.is("OperationAbortedException") || error.is("ResourceAlreadyExistsException")
    }
}

impl Render for LogGroup {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        vec![
            Block::resource("aws_cloudwatch_log_group")
                .set("name", &self.name)
                .set_some("retention_in_days", self.retention_days)
                .set_some("kms_key_id", self.kms_key_arn.clone().map(Expr::Link))
                .set("tags", &self.tags)
                .value(at.names.log_group_arn(&self.name), "arn")
                .name(&self.name, "name")
                .import(at.if_held(&self.name)),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use serde_json::json;

    use super::*;
    use crate::stack::kinds::replay;

    const OURS: &str = r#"{"tags":{"kairos:stack":"us-east-1/Acme"}}"#;

    fn group() -> LogGroup {
        LogGroup {
            name: "/aws/lambda/AcmeApi".into(),
            retention_days: Some(30),
            kms_key_arn: None,
            tags: replay::tags(),
        }
    }

    #[tokio::test]
    async fn a_group_is_told_from_those_with_longer_names_on_whatever_page() {
        let first = r#"{"logGroups":[{"logGroupName":"/aws/lambda/AcmeApi2"}],"nextToken":"more"}"#;
        let second = r#"{"logGroups":[{"logGroupName":"/aws/lambda/AcmeApi","retentionInDays":30}]}"#;
        let (context, replay) = replay::context(&[(200, "", first), (200, "", second), (200, "", OURS)]);
        let held = group().observe(&context).await.unwrap().unwrap();
        assert_eq!(
            held,
            Held::ours(
                "arn:aws:logs:us-east-1:100000000001:log-group:/aws/lambda/AcmeApi",
                group()
            )
        );
        assert_eq!(
            replay::sent(&replay, 2)["resourceArn"],
            held.id,
            "tags are asked without `:*`"
        );
    }

    #[tokio::test]
    async fn a_key_is_taken_and_given_back() {
        let encrypted = LogGroup {
            kms_key_arn: Some("arn:key".into()),
            ..group()
        };
        for (held, wanted, operation) in [
            (group(), encrypted.clone(), "AssociateKmsKey"),
            (encrypted, group(), "DisassociateKmsKey"),
        ] {
            let (context, replay) = replay::context(&[(200, "", "{}")]);
            let held = Held::ours("arn:g", held);
            wanted.update(&held, &wanted.diff(&held.value), &context).await.unwrap();
            assert_eq!(replay::operations(&replay), [operation]);
        }
    }

    #[tokio::test]
    async fn a_create_that_is_made_again_completes_the_group() {
        let (context, replay) = replay::context(&[
            (400, "ResourceAlreadyExistsException", "{}"),
            (200, "", r#"{"logGroups":[{"logGroupName":"/aws/lambda/AcmeApi"}]}"#),
            (200, "", OURS),
            (200, "", "{}"),
        ]);
        assert_eq!(group().create(&context).await.unwrap().value, group());
        assert_eq!(replay::operations(&replay)[3], "PutRetentionPolicy");
        assert_eq!(
            replay::sent(&replay, 3),
            json!({ "logGroupName": "/aws/lambda/AcmeApi", "retentionInDays": 30 })
        );
    }

    #[tokio::test]
    async fn a_call_that_another_one_aborted_is_awaited() {
        let (context, _) = replay::context(&[(400, "OperationAbortedException", "{}")]);
        let error = group().delete("", &context).await.unwrap_err();
        assert!(LogGroup::settling(&error), "{error}");
    }
}
