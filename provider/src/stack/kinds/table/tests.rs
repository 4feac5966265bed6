//! What a table's descriptions mean, and the answers of DynamoDB that no local AWS gives.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::expect;
use serde_json::{Value, json};

use super::*;
use crate::stack::kinds::replay;

const GONE: replay::Answer<'_> = (400, "ResourceNotFoundException", "{}");

fn table() -> Table {
    let index = Index {
        key: Key::sorted("IdProceso", "Fecha"),
        projection: Projection::KeysOnly,
    };
    Table {
        name: "AcmeEjecuciones".into(),
        billing: Billing::PerRequest,
        key: Key::simple("IdEjecucion"),
        indexes: BTreeMap::from([("PorProceso".into(), index)]),
        time_to_live: Some("TTL".into()),
        point_in_time_recovery: true,
        kms_key_arn: None,
        deletion_protection: false,
        tags: replay::tags(),
        extras: Extras::default(),
    }
}

/// What `DescribeTable` says of that table.
fn described(status: &str) -> Value {
    json!({
        "TableName": "AcmeEjecuciones",
        "TableStatus": status,
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "KeySchema": [{ "AttributeName": "IdEjecucion", "KeyType": "HASH" }],
        "AttributeDefinitions": [
            { "AttributeName": "Fecha", "AttributeType": "S" },
            { "AttributeName": "IdEjecucion", "AttributeType": "S" },
            { "AttributeName": "IdProceso", "AttributeType": "S" },
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "PorProceso",
            "IndexStatus": "ACTIVE",
            "KeySchema": [
                { "AttributeName": "IdProceso", "KeyType": "HASH" },
                { "AttributeName": "Fecha", "KeyType": "RANGE" },
            ],
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
    })
}

fn answer(table: &Value) -> String {
    json!({ "Table": table }).to_string()
}

/// The answers that `DescribeTable` is completed with: expiry, backups, tags.
const EXPIRES: &str = r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLING","AttributeName":"TTL"}}"#;
const RESTORES: &str = r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED",
    "PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"ENABLED","RecoveryPeriodInDays":35}}}"#;
const OURS: &str = r#"{"Tags":[{"Key":"kairos:stack","Value":"us-east-1/Acme"}]}"#;

#[tokio::test]
async fn a_table_that_is_being_created_is_awaited_and_read() {
    let (context, replay) = replay::context(&[
        (200, "", &answer(&described("CREATING"))),
        (200, "", &answer(&described("CREATING"))),
        (200, "", &answer(&described("ACTIVE"))),
        (200, "", EXPIRES),
        (200, "", RESTORES),
        (200, "", r#"{"Tags":[],"NextToken":"more"}"#),
        (200, "", OURS),
    ]);
    let held = table().observe(&context).await.unwrap().unwrap();
    assert_eq!(
        (held.value, held.id),
        (
            table(),
            "arn:aws:dynamodb:us-east-1:100000000001:table/AcmeEjecuciones".into()
        )
    );
    assert_eq!(replay.actual_requests().count(), 7);
}

#[tokio::test]
async fn a_table_that_is_being_deleted_is_not_there() {
    let (context, _) = replay::context(&[(200, "", &answer(&described("DELETING")))]);
    assert_eq!(table().observe(&context).await.unwrap(), None);
}

#[tokio::test]
async fn what_others_changed_shows() {
    let mut changed = described("ACTIVE");
    changed["BillingModeSummary"] = Value::Null;
    changed["AttributeDefinitions"][1]["AttributeType"] = "N".into();
    changed["GlobalSecondaryIndexes"] = Value::Null;
    changed["SSEDescription"] = json!({ "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:key" });
    changed["DeletionProtectionEnabled"] = true.into();
    let (context, _) = replay::context(&[
        (200, "", &answer(&changed)),
        (
            200,
            "",
            r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLING","AttributeName":"TTL"}}"#,
        ),
        (400, "TableNotFoundException", "{}"),
        (
            200,
            "",
            r#"{"Tags":[{"Key":"team","Value":"data"},{"Key":"aws:cloudformation:stack-name","Value":"x"}]}"#,
        ),
    ]);
    let held = table().observe(&context).await.unwrap().unwrap();
    expect![[r#"
        BillingMode: PROVISIONED → PAY_PER_REQUEST
        KeySchema: {"partition":"IdEjecucion (N)","sort":null} → {"partition":"IdEjecucion","sort":null} (replaces)
        GlobalSecondaryIndexes.PorProceso: none → {"key":{"partition":"IdProceso","sort":"Fecha"},"projection":"KeysOnly"}
        TimeToLive: none → TTL
        PointInTimeRecovery: false → true
        KMSMasterKeyId: arn:key → none
        DeletionProtectionEnabled: true → false
        Tags.kairos:stack: none → us-east-1/Acme
        Tags.team: data → none"#]]
    .assert_eq(&replay::lines(&table().diff(&held.value)));
}

#[tokio::test]
async fn a_create_awaits_the_table_before_it_asks_for_more() {
    let active = answer(&described("ACTIVE"));
    let (context, replay) = replay::context(&[
        (200, "", "{}"),
        (200, "", &answer(&described("CREATING"))),
        (200, "", &active),
        (200, "", "{}"),
        (
            400,
            "ContinuousBackupsUnavailableException",
            r#"{"message":"Backups are being enabled for the table"}"#,
        ),
    ]);
    let error = table().create(&context).await.unwrap_err();
    assert!(Table::settling(&error), "{error}");
    expect![[r#"
        [
            "CreateTable",
            "DescribeTable",
            "DescribeTable",
            "UpdateTimeToLive",
            "UpdateContinuousBackups",
        ]
    "#]]
    .assert_debug_eq(&replay::operations(&replay));
    let sent = replay::sent(&replay, 0);
    assert_eq!(sent["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(sent["AttributeDefinitions"], described("")["AttributeDefinitions"]);
    assert_eq!(sent.get("SSESpecification"), None, "DynamoDB's own key is no setting");
}

#[tokio::test]
async fn a_create_that_is_made_again_completes_the_table() {
    let never = r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}"#;
    let active = answer(&described("ACTIVE"));
    let (context, replay) = replay::context(&[
        (
            400,
            "ResourceInUseException",
            r#"{"message":"Table already exists: AcmeEjecuciones"}"#,
        ),
        (200, "", &active),
        (200, "", never),
        (200, "", RESTORES),
        (200, "", OURS),
        (200, "", &active),
        (
            400,
            "ValidationException",
            r#"{"message":"TimeToLive is already enabled"}"#,
        ),
    ]);
    assert_eq!(table().create(&context).await.unwrap().value, table());
    assert_eq!(replay::operations(&replay)[6], "UpdateTimeToLive");
}

#[tokio::test]
async fn a_create_over_a_table_that_is_still_going_is_awaited() {
    let (context, _) = replay::context(&[
        (
            400,
            "ResourceInUseException",
            r#"{"message":"Table already exists: AcmeEjecuciones"}"#,
        ),
        (200, "", &answer(&described("DELETING"))),
    ]);
    let error = table().create(&context).await.unwrap_err();
    assert!(Table::settling(&error), "{error}");
}

#[tokio::test]
async fn an_index_that_holds_something_else_is_built_anew_once_the_old_one_is_gone() {
    let active = answer(&described("ACTIVE"));
    let mut going = described("ACTIVE");
    going["GlobalSecondaryIndexes"][0]["IndexStatus"] = "DELETING".into();
    let (context, replay) = replay::context(&[
        (200, "", &active),
        (200, "", "{}"),
        (200, "", &answer(&going)),
        (200, "", &active),
        (200, "", "{}"),
        (200, "", &active),
    ]);
    let mut wanted = table();
    wanted.indexes.insert(
        "PorProceso".into(),
        Index {
            key: Key::simple("IdProceso"),
            projection: Projection::All,
        },
    );
    let held = Held::ours("arn:t", table());
    wanted.update(&held, &wanted.diff(&held.value), &context).await.unwrap();
    assert_eq!(
        replay::sent(&replay, 1)["GlobalSecondaryIndexUpdates"],
        json!([{ "Delete": { "IndexName": "PorProceso" } }])
    );
    assert_eq!(
        replay::sent(&replay, 4)["GlobalSecondaryIndexUpdates"][0]["Create"]["Projection"],
        json!({ "ProjectionType": "ALL" })
    );
}

#[tokio::test]
async fn expiry_by_another_attribute_goes_off_first_and_may_have_to_wait() {
    let (context, replay) = replay::context(&[
        (200, "", &answer(&described("ACTIVE"))),
        (200, "", "{}"),
        (
            400,
            "ValidationException",
            r#"{"message":"Time to live has been modified multiple times within a fixed interval"}"#,
        ),
    ]);
    let wanted = Table {
        time_to_live: Some("Vence".into()),
        ..table()
    };
    let held = Held::ours("arn:t", table());
    let error = wanted
        .update(&held, &wanted.diff(&held.value), &context)
        .await
        .unwrap_err();
    assert!(Table::settling(&error), "{error}");
    let asked = |n| replay::sent(&replay, n)["TimeToLiveSpecification"].clone();
    assert_eq!(asked(1), json!({ "AttributeName": "TTL", "Enabled": false }));
    assert_eq!(asked(2), json!({ "AttributeName": "Vence", "Enabled": true }));
}

#[tokio::test]
async fn a_delete_takes_protection_off_and_awaits_the_end() {
    let mut protected = described("ACTIVE");
    protected["DeletionProtectionEnabled"] = true.into();
    let (context, replay) = replay::context(&[
        (200, "", &answer(&described("UPDATING"))),
        (200, "", &answer(&protected)),
        (200, "", "{}"),
        (200, "", &answer(&described("ACTIVE"))),
        (200, "", "{}"),
        (200, "", &answer(&described("DELETING"))),
        GONE,
    ]);
    table().delete("", &context).await.unwrap();
    expect![[r#"
        [
            "DescribeTable",
            "DescribeTable",
            "UpdateTable",
            "DescribeTable",
            "DeleteTable",
            "DescribeTable",
            "DescribeTable",
        ]
    "#]]
    .assert_debug_eq(&replay::operations(&replay));
    assert_eq!(replay::sent(&replay, 2)["DeletionProtectionEnabled"], false);
}

#[tokio::test]
async fn a_key_is_taken_and_given_back() {
    let active = answer(&described("ACTIVE"));
    let encrypted = Table {
        kms_key_arn: Some("arn:key".into()),
        ..table()
    };
    for (held, wanted, sent) in [
        (
            table(),
            encrypted.clone(),
            json!({ "Enabled": true, "SSEType": "KMS", "KMSMasterKeyId": "arn:key" }),
        ),
        (encrypted, table(), json!({ "Enabled": false })),
    ] {
        let (context, replay) = replay::context(&[(200, "", &active), (200, "", "{}"), (200, "", &active)]);
        let held = Held::ours("arn:t", held);
        wanted.update(&held, &wanted.diff(&held.value), &context).await.unwrap();
        assert_eq!(replay::sent(&replay, 1)["SSESpecification"], sent);
    }
}
