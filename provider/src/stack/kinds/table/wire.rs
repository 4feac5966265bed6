//! Tables in DynamoDB's words: the parts of its requests, and what its answers mean.
//!
//! Invariant: reading what was written from a [`Table`] gives the same [`Table`].

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, ContinuousBackupsDescription, CreateGlobalSecondaryIndexAction,
    DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType,
    OnDemandThroughput, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, Projection as WireProjection,
    ProjectionType, ScalarAttributeType, SseDescription, SseSpecification, SseStatus, SseType, TableClass,
    TableClassSummary, TableDescription, Tag, TimeToLiveDescription, TimeToLiveSpecification, TimeToLiveStatus,
};
use aws_smithy_types::error::operation::BuildError;
use kairos_aws::AwsError;

use super::{Billing, Index, Key, Projection, TABLE_CLASS, THROUGHPUT, Table};
use crate::stack::kind::{Extras, Tags};
use crate::stack::kinds::support::malformed;

/// Reads a table from what DynamoDB tells in three answers.
pub(super) fn held(
    table: TableDescription,
    expiry: Option<TimeToLiveDescription>,
    backups: Option<ContinuousBackupsDescription>,
    tags: Tags,
) -> Table {
    let extras = extras(table.table_class_summary(), table.on_demand_throughput());
    let types: BTreeMap<String, ScalarAttributeType> = table
        .attribute_definitions
        .unwrap_or_default()
        .into_iter()
        .map(|a| (a.attribute_name, a.attribute_type))
        .collect();
    let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
    let expiry = expiry.filter(|e| e.time_to_live_status().is_some_and(|s| on.contains(s)));
    let recovery = backups.and_then(|b| b.point_in_time_recovery_description);
    let recovery = recovery.and_then(|r| r.point_in_time_recovery_status);
    // A table that was never provisioned by capacity has no other mode than the one by capacity where this is left out.
    let billing = table
        .billing_mode_summary
        .and_then(|b| b.billing_mode)
        .unwrap_or(BillingMode::Provisioned);
    let index = |i: aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
        let index = Index {
            key: read_key(&i.key_schema.unwrap_or_default(), &types),
            projection: read_projection(i.projection.unwrap_or_else(|| WireProjection::builder().build())),
        };
        (i.index_name.unwrap_or_default(), index)
    };
    Table {
        name: table.table_name.unwrap_or_default(),
        billing: if billing == BillingMode::PayPerRequest {
            Billing::PerRequest
        } else {
            Billing::Provisioned
        },
        key: read_key(&table.key_schema.unwrap_or_default(), &types),
        indexes: table
            .global_secondary_indexes
            .unwrap_or_default()
            .into_iter()
            .map(index)
            .collect(),
        time_to_live: expiry.and_then(|e| e.attribute_name),
        point_in_time_recovery: recovery == Some(PointInTimeRecoveryStatus::Enabled),
        kms_key_arn: table.sse_description.and_then(read_encryption),
        deletion_protection: table.deletion_protection_enabled.unwrap_or_default(),
        tags,
        extras,
    }
}

/// Storage that is cheaper to keep and dearer to read, and limits to what requests may use.
fn extras(class: Option<&TableClassSummary>, limits: Option<&OnDemandThroughput>) -> Extras {
    let mut extras = Extras::default();
    if let Some(class) = class.and_then(TableClassSummary::table_class) {
        extras.note(TABLE_CLASS, class.as_str(), TableClass::Standard.as_str());
    }
    let limit = |limit: Option<i64>| limit.filter(|l| *l >= 0);
    let read = limit(limits.and_then(OnDemandThroughput::max_read_request_units));
    let write = limit(limits.and_then(OnDemandThroughput::max_write_request_units));
    if read.is_some() || write.is_some() {
        let words = |limit: Option<i64>| limit.map_or_else(|| "any".into(), |l| l.to_string());
        extras.note(
            THROUGHPUT,
            format!("read {}, write {}", words(read), words(write)),
            "none",
        );
    }
    extras
}

/// Throughput as requests need it.
pub(super) fn unlimited() -> OnDemandThroughput {
    OnDemandThroughput::builder()
        .max_read_request_units(-1)
        .max_write_request_units(-1)
        .build()
}

/// A key attribute that is no text is read with its type behind the name, so that it differs from every wanted one.
fn read_key(schema: &[KeySchemaElement], types: &BTreeMap<String, ScalarAttributeType>) -> Key {
    let attribute = |kind: KeyType| {
        let name = &schema.iter().find(|e| e.key_type == kind)?.attribute_name;
        Some(match types.get(name) {
            Some(ScalarAttributeType::S) | None => name.clone(),
            Some(other) => format!("{name} ({})", other.as_str()),
        })
    };
    Key {
        partition: attribute(KeyType::Hash).unwrap_or_default(),
        sort: attribute(KeyType::Range),
    }
}

fn read_projection(projection: WireProjection) -> Projection {
    match projection.projection_type {
        Some(ProjectionType::KeysOnly) => Projection::KeysOnly,
        Some(ProjectionType::Include) => {
            Projection::Include(projection.non_key_attributes.unwrap_or_default().into_iter().collect())
        }
        _ => Projection::All,
    }
}

/// Where DynamoDB describes no encryption, or one that is off, it uses a key of its own.
fn read_encryption(description: SseDescription) -> Option<String> {
    let off = [SseStatus::Disabled, SseStatus::Disabling];
    if description.status().is_some_and(|s| off.contains(s)) {
        None
    } else {
        description.kms_master_key_arn
    }
}

/// The definitions of the attributes of some keys, each once.
pub(super) fn attributes<'a>(
    keys: impl IntoIterator<Item = &'a Key>,
    table: &str,
) -> Result<Vec<AttributeDefinition>, AwsError> {
    let names: BTreeSet<&String> = keys
        .into_iter()
        .flat_map(|k| std::iter::once(&k.partition).chain(&k.sort))
        .collect();
    let define = |name: &String| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build()
    };
    built(names.into_iter().map(define).collect(), table)
}

/// A key.
pub(super) fn key_schema(key: &Key, table: &str) -> Result<Vec<KeySchemaElement>, AwsError> {
    let element = |name: &String, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let partition = std::iter::once(element(&key.partition, KeyType::Hash));
    let sort = key.sort.iter().map(|name| element(name, KeyType::Range));
    built(partition.chain(sort).collect(), table)
}

/// The indexes of a new table; DynamoDB takes no empty list.
pub(super) fn indexes(
    indexes: &BTreeMap<String, Index>,
    table: &str,
) -> Result<Option<Vec<GlobalSecondaryIndex>>, AwsError> {
    let index = |(name, index): (&String, &Index)| {
        let builder = GlobalSecondaryIndex::builder()
            .index_name(name)
            .projection(projection(&index.projection));
        built(
            builder.set_key_schema(Some(key_schema(&index.key, table)?)).build(),
            table,
        )
    };
    let indexes: Vec<_> = indexes.iter().map(index).collect::<Result<_, _>>()?;
    Ok(Some(indexes).filter(|i| !i.is_empty()))
}

/// An index to build on a table that is there.
pub(super) fn create_index(name: &str, index: &Index, table: &str) -> Result<GlobalSecondaryIndexUpdate, AwsError> {
    let builder = CreateGlobalSecondaryIndexAction::builder()
        .index_name(name)
        .projection(projection(&index.projection));
    let create = built(
        builder.set_key_schema(Some(key_schema(&index.key, table)?)).build(),
        table,
    )?;
    Ok(GlobalSecondaryIndexUpdate::builder().create(create).build())
}

/// An index to drop.
pub(super) fn delete_index(name: &str, table: &str) -> Result<GlobalSecondaryIndexUpdate, AwsError> {
    let delete = built(
        DeleteGlobalSecondaryIndexAction::builder().index_name(name).build(),
        table,
    )?;
    Ok(GlobalSecondaryIndexUpdate::builder().delete(delete).build())
}

fn projection(projection: &Projection) -> WireProjection {
    let builder = WireProjection::builder();
    match projection {
        Projection::All => builder.projection_type(ProjectionType::All),
        Projection::KeysOnly => builder.projection_type(ProjectionType::KeysOnly),
        Projection::Include(names) => builder
            .projection_type(ProjectionType::Include)
            .set_non_key_attributes(Some(names.iter().cloned().collect())),
    }
    .build()
}

/// Encryption with a key, or with one that DynamoDB owns.
pub(super) fn encryption(key: Option<&str>) -> SseSpecification {
    match key {
        Some(key) => SseSpecification::builder()
            .enabled(true)
            .sse_type(SseType::Kms)
            .kms_master_key_id(key)
            .build(),
        None => SseSpecification::builder().enabled(false).build(),
    }
}

/// Expiry by an attribute, on or off.
pub(super) fn expiry(attribute: &str, on: bool, table: &str) -> Result<TimeToLiveSpecification, AwsError> {
    built(
        TimeToLiveSpecification::builder()
            .attribute_name(attribute)
            .enabled(on)
            .build(),
        table,
    )
}

/// Point-in-time recovery, on or off.
pub(super) fn recovery(on: bool, table: &str) -> Result<PointInTimeRecoverySpecification, AwsError> {
    built(
        PointInTimeRecoverySpecification::builder()
            .point_in_time_recovery_enabled(on)
            .build(),
        table,
    )
}

/// Tags.
pub(super) fn tags(tags: &Tags, table: &str) -> Result<Vec<Tag>, AwsError> {
    built(
        tags.iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect(),
        table,
    )
}

fn built<T>(part: Result<T, BuildError>, table: &str) -> Result<T, AwsError> {
    part.map_err(|e| malformed("a request about the table", table, &e))
}
