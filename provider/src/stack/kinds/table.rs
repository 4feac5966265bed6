//! A DynamoDB table of the topology.
//!
//! Invariant: name and ARN follow from the stack's name; nothing is asked of a table that is still being built or changed.

mod calls;
mod terraform;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{BillingMode, TableClass, TableStatus};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::support::{Retag, Wait, resume, until};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Tags, touches};

/// How long one change of a table is awaited; only building an index over many items takes longer than some seconds.
const CHANGE: Duration = Duration::from_mins(15);

/// How a table is stored and paid for.
const TABLE_CLASS: &str = "TableClass";
/// What requests may use at most.
const THROUGHPUT: &str = "OnDemandThroughput";

/// What the stack wants of a table, and equally what AWS holds. Key attributes are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The name, unique in account and region.
    pub name: String,
    /// How reads and writes are paid.
    pub billing: Billing,
    /// The primary key.
    pub key: Key,
    /// The global secondary indexes, by name. DynamoDB: at most 20.
    pub indexes: BTreeMap<String, Index>,
    /// The attribute that holds when an item expires, in seconds since 1970; `None`: items do not expire.
    pub time_to_live: Option<String>,
    /// Whether the table can be restored to any second of the last 35 days.
    pub point_in_time_recovery: bool,
    /// The ARN of the key that encrypts the table; `None`: a key that DynamoDB owns.
    pub kms_key_arn: Option<String>,
    /// Whether DynamoDB refuses to delete the table.
    pub deletion_protection: bool,
    /// The tags.
    pub tags: Tags,
    /// Settings that are left as DynamoDB makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

/// How reads and writes of a table are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Billing {
    /// By request: what is always wanted.
    #[serde(rename = "PAY_PER_REQUEST")]
    PerRequest,
    /// By capacity: possibly found.
    #[serde(rename = "PROVISIONED")]
    Provisioned,
}

/// The key of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// The attribute that items are found by.
    pub partition: String,
    /// The attribute that items of one partition are ordered by.
    pub sort: Option<String>,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Index {
    /// Its key.
    pub key: Key,
    /// What it holds of an item.
    pub projection: Projection,
}

/// What an index holds of an item beside the keys of index and table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Projection {
    /// All attributes.
    All,
    /// Nothing.
    KeysOnly,
    /// These attributes. DynamoDB: at most 100 over all indexes of a table.
    Include(BTreeSet<String>),
}

impl Key {
    /// A key of one attribute.
    pub fn simple(partition: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            sort: None,
        }
    }

    /// A key of two attributes.
    pub fn sorted(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self {
            partition: partition.into(),
            sort: Some(sort.into()),
        }
    }
}

impl Kind for Table {
    const TYPE: &'static str = "AWS::DynamoDB::Table";
    const SERVICE: &'static str = "dynamodb";
    const HOLDS_DATA: bool = true;

    /// DynamoDB uses a customer's key in the name of whoever calls it, and lets itself be granted its further use.
    fn permissions(&self, names: &Names) -> Permissions {
        let table = Scope::of([names.table_arn(&self.name)]);
        let permissions = Permissions::default()
            .observe(
                &table,
                &[
                    "dynamodb:DescribeContinuousBackups",
                    "dynamodb:DescribeTable",
                    "dynamodb:DescribeTimeToLive",
                    "dynamodb:ListTagsOfResource",
                ],
            )
            .create(
                &table,
                &[
                    "dynamodb:CreateTable",
                    "dynamodb:TagResource",
                    "dynamodb:UpdateContinuousBackups",
                    "dynamodb:UpdateTimeToLive",
                ],
            )
            .update(
                &table,
                &[
                    "dynamodb:TagResource",
                    "dynamodb:UntagResource",
                    "dynamodb:UpdateContinuousBackups",
                    "dynamodb:UpdateTable",
                    "dynamodb:UpdateTimeToLive",
                ],
            )
            .delete(&table, &["dynamodb:DeleteTable", "dynamodb:UpdateTable"]);
        let Some(key) = &self.kms_key_arn else {
            return permissions;
        };
        let key = Scope::key(key, "dynamodb", names);
        let uses = &[
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ];
        permissions.create(&key, uses).update(&key, uses)
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(context.names.table_arn(&self.name))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        let indexes: BTreeSet<&String> = self.indexes.keys().chain(held.indexes.keys()).collect();
        let diff = Diff::of(self, held)
            .fixed("TableName", |t| &t.name)
            .property("BillingMode", |t| t.billing)
            .fixed("KeySchema", |t| &t.key);
        let diff = indexes.into_iter().fold(diff, |diff, index| {
            diff.property(&format!("GlobalSecondaryIndexes.{index}"), |t| t.indexes.get(index))
        });
        diff.property("TimeToLive", |t| &t.time_to_live)
            .property("PointInTimeRecovery", |t| t.point_in_time_recovery)
            .property("KMSMasterKeyId", |t| &t.kms_key_arn)
            .property("DeletionProtectionEnabled", |t| t.deletion_protection)
            .extras(|t| &t.extras)
            .tags(|t| &t.tags)
            .changes()
    }

    /// A table that is still being created is awaited, since not everything of it can be read before; one that is being
    /// deleted does not exist any more.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let mut table = self.describe(context).await?;
        if table
            .as_ref()
            .is_some_and(|t| t.table_status() == Some(&TableStatus::Creating))
        {
            table = self.settled(context).await?;
        }
        match table {
            Some(table) if table.table_status() != Some(&TableStatus::Deleting) => {
                self.read(table, context).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let keys = std::iter::once(&self.key).chain(self.indexes.values().map(|i| &i.key));
        let call = context
            .aws
            .dynamodb
            .create_table()
            .table_name(&self.name)
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(wire::attributes(keys, &self.name)?))
            .set_key_schema(Some(wire::key_schema(&self.key, &self.name)?))
            .set_global_secondary_indexes(wire::indexes(&self.indexes, &self.name)?)
            .set_sse_specification(self.kms_key_arn.as_deref().map(|key| wire::encryption(Some(key))))
            .deletion_protection_enabled(self.deletion_protection)
            .set_tags(Some(wire::tags(&self.tags, &self.name)?));
        match call.send().await.doing("CreateTable", &self.name) {
            Err(e) if e.is("ResourceInUseException") => return resume(self, e, &self.name, context).await,
            other => other?,
        };
        self.settled(context).await?;
        if let Some(attribute) = &self.time_to_live {
            self.expire(attribute, true, context).await?;
        }
        if self.point_in_time_recovery {
            self.recover(context).await?;
        }
        Ok(Held::ours(context.names.table_arn(&self.name), self.clone()))
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let dynamodb = &context.aws.dynamodb;
        self.settled(context).await?;
        if touches(changes, &["BillingMode"]) {
            let call = dynamodb
                .update_table()
                .table_name(&self.name)
                .billing_mode(BillingMode::PayPerRequest);
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        if touches(changes, &["GlobalSecondaryIndexes"]) {
            self.reindex(&held.value, context).await?;
        }
        if touches(changes, &["KMSMasterKeyId"]) {
            let call = dynamodb.update_table().table_name(&self.name);
            let call = call.sse_specification(wire::encryption(self.kms_key_arn.as_deref()));
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        if touches(changes, &[TABLE_CLASS]) {
            let call = dynamodb.update_table().table_name(&self.name);
            let call = call.table_class(TableClass::Standard);
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        if touches(changes, &[THROUGHPUT]) {
            let call = dynamodb.update_table().table_name(&self.name);
            let call = call.on_demand_throughput(wire::unlimited());
            call.send().await.doing("UpdateTable", &self.name)?;
            self.settled(context).await?;
        }
        if touches(changes, &["DeletionProtectionEnabled"]) {
            self.protect(self.deletion_protection, context).await?;
        }
        if touches(changes, &["TimeToLive"]) {
            if let Some(attribute) = &held.value.time_to_live {
                self.expire(attribute, false, context).await?;
            }
            if let Some(attribute) = &self.time_to_live {
                self.expire(attribute, true, context).await?;
            }
        }
        if touches(changes, &["PointInTimeRecovery"]) {
            self.recover(context).await?;
        }
        let retag = Retag::of(&self.tags, changes);
        if !retag.set.is_empty() {
            let call = dynamodb
                .tag_resource()
                .resource_arn(&held.id)
                .set_tags(Some(wire::tags(&retag.set, &self.name)?));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = dynamodb
                .untag_resource()
                .resource_arn(&held.id)
                .set_tag_keys(Some(retag.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    /// Takes DynamoDB's own protection off first: whether the stack may go was decided before.
    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let Some(table) = self.settled(context).await? else {
            return Ok(());
        };
        if table.table_status() != Some(&TableStatus::Deleting) {
            if table.deletion_protection_enabled() == Some(true) {
                self.protect(false, context).await?;
            }
            context
                .aws
                .dynamodb
                .delete_table()
                .table_name(&self.name)
                .send()
                .await
                .found("DeleteTable", &self.name)?;
        }
        let wait = Wait {
            action: "DeleteTable",
            object: &self.name,
            state: "DELETING",
            limit: CHANGE,
        };
        until(wait, context, || async {
            Ok(self.describe(context).await?.is_none().then_some(()))
        })
        .await
    }

    /// The table, or a predecessor of the same name, is being built, changed or deleted; too many tables of the account
    /// are; backups are not there yet for a new table; or expiry was changed within the last hour.
    fn settling(error: &AwsError) -> bool {
        [
            "ResourceInUseException",
            "LimitExceededException",
            "ContinuousBackupsUnavailableException",
        ]
        .iter()
        .any(|code| error.is(code))
            || error
                .message
                .contains("modified multiple times within a fixed interval")
    }
}

#[cfg(test)]
mod tests;
