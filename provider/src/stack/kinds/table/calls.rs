//! The calls that creating, reading and changing a table are made of.
//!
//! Invariant: after every call that changes the table itself, the change is awaited: DynamoDB takes one at a time.

use aws_sdk_dynamodb::types::{IndexStatus, SseStatus, TableDescription, TableStatus};
use kairos_aws::{AwsError, Doing};

use super::{CHANGE, Table, wire};
use crate::stack::context::Context;
use crate::stack::kind::{Held, Tags};
use crate::stack::kinds::support::{Wait, until};

impl Table {
    pub(super) async fn describe(&self, context: &Context) -> Result<Option<TableDescription>, AwsError> {
        let answer = context
            .aws
            .dynamodb
            .describe_table()
            .table_name(&self.name)
            .send()
            .await;
        Ok(answer.found("DescribeTable", &self.name)?.and_then(|a| a.table))
    }

    /// Waits until nothing about the table is under way: the table, or `None` where there is none any more.
    pub(super) async fn settled(&self, context: &Context) -> Result<Option<TableDescription>, AwsError> {
        let ask = || async {
            let table = self.describe(context).await?;
            Ok(if table.as_ref().is_none_or(is_settled) {
                Some(table)
            } else {
                None
            })
        };
        let wait = Wait {
            action: "DescribeTable",
            object: &self.name,
            state: "changing",
            limit: CHANGE,
        };
        until(wait, context, ask).await
    }

    /// Reads what `DescribeTable` leaves out.
    pub(super) async fn read(&self, table: TableDescription, context: &Context) -> Result<Held<Self>, AwsError> {
        let dynamodb = &context.aws.dynamodb;
        let expiry = dynamodb.describe_time_to_live().table_name(&self.name).send().await;
        let expiry = expiry
            .found("DescribeTimeToLive", &self.name)?
            .and_then(|a| a.time_to_live_description);
        let backups = dynamodb
            .describe_continuous_backups()
            .table_name(&self.name)
            .send()
            .await;
        let backups = match backups.found("DescribeContinuousBackups", &self.name) {
            Err(e) if e.is("TableNotFoundException") => None,
            other => other?.and_then(|a| a.continuous_backups_description),
        };
        let arn = context.names.table_arn(&self.name);
        let tags = self.read_tags(&arn, context).await?;
        Ok(Held::tagged(
            arn,
            wire::held(table, expiry, backups, tags.clone()),
            &tags,
            context,
        ))
    }

    pub(super) async fn read_tags(&self, arn: &str, context: &Context) -> Result<Tags, AwsError> {
        let (mut tags, mut next) = (Tags::new(), None);
        loop {
            let call = context
                .aws
                .dynamodb
                .list_tags_of_resource()
                .resource_arn(arn)
                .set_next_token(next);
            let Some(page) = call.send().await.found("ListTagsOfResource", &self.name)? else {
                return Ok(tags);
            };
            tags.extend(page.tags.unwrap_or_default().into_iter().map(|t| (t.key, t.value)));
            next = page.next_token;
            if next.is_none() {
                return Ok(tags);
            }
        }
    }

    /// Switches expiry on or off. DynamoDB refuses to say again what it knows already: that is success.
    pub(super) async fn expire(&self, attribute: &str, on: bool, context: &Context) -> Result<(), AwsError> {
        let call = context.aws.dynamodb.update_time_to_live().table_name(&self.name);
        let call = call.time_to_live_specification(wire::expiry(attribute, on, &self.name)?);
        match call.send().await.doing("UpdateTimeToLive", &self.name) {
            Err(e)
                if e.message
                    .contains(if on { "already enabled" } else { "already disabled" }) =>
            {
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }

    pub(super) async fn recover(&self, context: &Context) -> Result<(), AwsError> {
        let call = context.aws.dynamodb.update_continuous_backups().table_name(&self.name);
        let call = call.point_in_time_recovery_specification(wire::recovery(self.point_in_time_recovery, &self.name)?);
        call.send().await.doing("UpdateContinuousBackups", &self.name)?;
        Ok(())
    }

    /// Makes the indexes what is wanted, one at a time as DynamoDB wants it. What an index holds cannot be changed: it goes,
    /// and is built anew.
    pub(super) async fn reindex(&self, held: &Self, context: &Context) -> Result<(), AwsError> {
        let differs = |name: &String| held.indexes.get(name) != self.indexes.get(name);
        for name in held.indexes.keys().filter(|name| differs(name)) {
            let call = context.aws.dynamodb.update_table().table_name(&self.name);
            let call = call.global_secondary_index_updates(wire::delete_index(name, &self.name)?);
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        for (name, index) in self.indexes.iter().filter(|(name, _)| differs(name)) {
            let call = context.aws.dynamodb.update_table().table_name(&self.name);
            let call = call.set_attribute_definitions(Some(wire::attributes([&self.key, &index.key], &self.name)?));
            let call = call.global_secondary_index_updates(wire::create_index(name, index, &self.name)?);
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        Ok(())
    }

    pub(super) async fn protect(&self, on: bool, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .dynamodb
            .update_table()
            .table_name(&self.name)
            .deletion_protection_enabled(on);
        call.send().await.doing("UpdateTable", &self.name)?;
        self.settled(context).await?;
        Ok(())
    }
}

/// Whether nothing about the table is under way, other than its deletion.
fn is_settled(table: &TableDescription) -> bool {
    let building = [TableStatus::Creating, TableStatus::Updating];
    let reindexing = [IndexStatus::Creating, IndexStatus::Updating, IndexStatus::Deleting];
    let encrypting = [SseStatus::Enabling, SseStatus::Disabling, SseStatus::Updating];
    !table.table_status().is_some_and(|s| building.contains(s))
        && !table
            .global_secondary_indexes()
            .iter()
            .any(|i| i.index_status().is_some_and(|s| reindexing.contains(s)))
        && !table
            .sse_description()
            .and_then(|d| d.status())
            .is_some_and(|s| encrypting.contains(s))
}
