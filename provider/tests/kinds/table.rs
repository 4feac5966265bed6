//! Tables.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    BillingMode, DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, OnDemandThroughput,
    ProvisionedThroughput, SseSpecification, SseType, TableClass, Tag,
};
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Extras, Kind};
use terraform_provider_kairos::stack::kinds::table::{Billing, Index, Key, Projection, Table};

use crate::common::{key, live, other_tags, refuse, stack, stacks, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

fn table(context: &Context) -> Table {
    Table {
        name: "AcmeEjecuciones".into(),
        billing: Billing::PerRequest,
        key: Key::simple("IdEjecucion"),
        indexes: BTreeMap::from([
            (
                "PorProceso".into(),
                Index {
                    key: Key::sorted("IdProceso", "FechaProgramada"),
                    projection: Projection::All,
                },
            ),
            (
                "Viejo".into(),
                Index {
                    key: Key::simple("Viejo"),
                    projection: Projection::KeysOnly,
                },
            ),
        ]),
        time_to_live: Some("TTL".into()),
        point_in_time_recovery: true,
        kms_key_arn: None,
        deletion_protection: false,
        extras: Extras::default(),
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn a_table_lives() {
    let context = stack().1;
    let first = table(&context);
    let mut second = first.clone();
    second.indexes.remove("Viejo");
    let nombres = BTreeSet::from(["Nombre".to_owned(), "ArnRol".to_owned()]);
    second.indexes.insert(
        "PorEstadoDia".into(),
        Index {
            key: Key::sorted("EstadoDia", "FechaProgramada"),
            projection: Projection::Include(nombres),
        },
    );
    second.time_to_live = None;
    second.point_in_time_recovery = false;
    second.kms_key_arn = Some(key(&context));
    second.deletion_protection = true;
    second.tags = other_tags(&context);
    live(&context, first, second, &expect![[r#"
        GlobalSecondaryIndexes.PorEstadoDia: none → {"key":{"partition":"EstadoDia","sort":"FechaProgramada"},"projection":{"Include":["ArnRol","Nombre"]}}
        GlobalSecondaryIndexes.Viejo: {"key":{"partition":"Viejo","sort":null},"projection":"KeysOnly"} → none
        TimeToLive: TTL → none
        PointInTimeRecovery: true → false
        KMSMasterKeyId: none → arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab
        DeletionProtectionEnabled: false → true
        Tags.cost: none → 42
        Tags.team: data → none"#]]).await;
}

#[tokio::test]
async fn a_table_of_another_stack_is_refused() {
    let (context, other) = stacks();
    let theirs = Table {
        tags: tags(&other, "team"),
        ..table(&context)
    };
    refuse(theirs, &other, table(&context), &context).await;
}

#[tokio::test]
async fn a_table_that_an_interrupted_create_left_is_completed() {
    let context = stack().1;
    let wanted = table(&context);
    let cut = Table {
        time_to_live: None,
        point_in_time_recovery: false,
        ..wanted.clone()
    };
    cut.create(&context).await.unwrap();
    wanted.create(&context).await.unwrap();
    let held = wanted.observe(&context).await.unwrap().unwrap();
    assert_eq!(wanted.diff(&held.value), []);
}

#[tokio::test]
async fn what_others_do_to_a_table_is_told_and_mended() {
    let context = stack().1;
    let wanted = table(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let dynamodb = &context.aws.dynamodb;
    let update = || dynamodb.update_table().table_name(&wanted.name);

    let capacity = ProvisionedThroughput::builder()
        .read_capacity_units(5)
        .write_capacity_units(5);
    let provisioned = update()
        .billing_mode(BillingMode::Provisioned)
        .provisioned_throughput(capacity.build().unwrap());
    drift
        .by_hand("BillingMode: PROVISIONED → PAY_PER_REQUEST", provisioned.send())
        .await;
    let index = DeleteGlobalSecondaryIndexAction::builder()
        .index_name("Viejo")
        .build()
        .unwrap();
    let without = update().global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().delete(index).build());
    let told =
        r#"GlobalSecondaryIndexes.Viejo: none → {"key":{"partition":"Viejo","sort":null},"projection":"KeysOnly"}"#;
    drift.by_hand(told, without.send()).await;
    let expiry = |attribute: &str, on: bool| {
        let specification = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder();
        let call = dynamodb.update_time_to_live().table_name(&wanted.name);
        call.time_to_live_specification(specification.attribute_name(attribute).enabled(on).build().unwrap())
            .send()
    };
    drift.by_hand("TimeToLive: none → TTL", expiry("TTL", false)).await;
    let elsewhere = async {
        expiry("TTL", false).await?;
        expiry("Otro", true).await
    };
    drift.by_hand("TimeToLive: Otro → TTL", elsewhere).await;
    let recovery = aws_sdk_dynamodb::types::PointInTimeRecoverySpecification::builder();
    let off = recovery.point_in_time_recovery_enabled(false).build().unwrap();
    let off = dynamodb
        .update_continuous_backups()
        .table_name(&wanted.name)
        .point_in_time_recovery_specification(off);
    drift.by_hand("PointInTimeRecovery: false → true", off.send()).await;
    let sse = SseSpecification::builder().enabled(true).sse_type(SseType::Kms);
    let encrypted = update().sse_specification(sse.kms_master_key_id(key(&context)).build());
    let told = "KMSMasterKeyId: arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab → none";
    drift.by_hand(told, encrypted.send()).await;
    drift
        .by_hand(
            "DeletionProtectionEnabled: true → false",
            update().deletion_protection_enabled(true).send(),
        )
        .await;
    drift
        .by_hand(
            "TableClass: STANDARD_INFREQUENT_ACCESS → STANDARD",
            update().table_class(TableClass::StandardInfrequentAccess).send(),
        )
        .await;
    let throttled = OnDemandThroughput::builder().max_read_request_units(1).build();
    drift
        .by_hand(
            "OnDemandThroughput: read 1, write any → none",
            update().on_demand_throughput(throttled).send(),
        )
        .await;
    let tags = THEIR_TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let arn = drift.id().to_owned();
    let call = dynamodb.tag_resource().resource_arn(&arn).set_tags(Some(tags.to_vec()));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = dynamodb.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let mut extras = Extras::default();
    extras.note("TableClass", "STANDARD_INFREQUENT_ACCESS", "STANDARD");
    extras.note("OnDemandThroughput", "read 1, write any", "none");
    let other = Table {
        name: "Otra".into(),
        billing: Billing::Provisioned,
        key: Key::simple("Otra"),
        indexes: BTreeMap::from([("PorProceso".to_owned(), wanted.indexes["PorProceso"].clone())]),
        time_to_live: None,
        point_in_time_recovery: false,
        kms_key_arn: Some(key(&context)),
        deletion_protection: true,
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["TableName", "KeySchema"]);
}
