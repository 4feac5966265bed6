//! The key to the API: usage plan, API key and the membership of one in the other.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Kind, Ref};
use terraform_provider_kairos::stack::kinds::api_key::{self, ApiKey};
use terraform_provider_kairos::stack::kinds::usage_plan::{ApiStage, UsagePlan};
use terraform_provider_kairos::stack::kinds::usage_plan_key::UsagePlanKey;

use crate::api::{deployment, prod, replace, rest_api};
use crate::common::{born, changed, gone, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

fn plan(context: &Context) -> UsagePlan {
    UsagePlan {
        name: "AcmeUsagePlan".into(),
        description: "Kairos".into(),
        stages: vec![ApiStage {
            rest_api: Ref::to("rest_api"),
            stage: "prod".into(),
        }],
        throttle_rate: Some(5.5),
        throttle_burst: Some(10),
        quota_per_day: Some(1000),
        tags: tags(context, "team"),
    }
}

pub(crate) fn key(context: &Context) -> ApiKey {
    ApiKey {
        name: "AcmeKey".into(),
        description: "Kairos".into(),
        enabled: true,
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn the_key_to_the_api_lives() {
    let (account, context) = stack();
    let api = rest_api(&context);
    born(&context, "rest_api", &api).await;
    deployment(&api).create(&context).await.unwrap();
    prod(&context, &api).create(&context).await.unwrap();

    let first = plan(&context);
    let held_plan = born(&context, "usage_plan", &first).await;
    let second = UsagePlan {
        name: "Renamed".into(),
        description: "Other".into(),
        tags: tags(&context, "cost"),
        ..first
    };
    assert_eq!(
        changed(
            &context,
            &second,
            expect![[r"
        UsagePlanName: AcmeUsagePlan → Renamed
        Description: Kairos → Other
        Tags.cost: none → data
        Tags.team: data → none"]]
        )
        .await
        .id,
        held_plan.id
    );

    let first = key(&context);
    let held_key = born(&context, "api_key", &first).await;
    let value = api_key::value(&context, &held_key.id).await.unwrap().unwrap();
    assert!(value.len() >= 20);
    let renamed = ApiKey {
        name: "Renamed".into(),
        description: "Other".into(),
        tags: tags(&context, "cost"),
        ..first
    };
    assert_eq!(
        changed(
            &context,
            &renamed,
            expect![[r"
        Name: AcmeKey → Renamed
        Description: Kairos → Other
        Tags.cost: none → data
        Tags.team: data → none"]]
        )
        .await
        .id,
        held_key.id
    );
    assert_eq!(
        api_key::value(&context, &held_key.id).await.unwrap().unwrap(),
        value,
        "the same key"
    );

    let member = UsagePlanKey {
        usage_plan: Ref::to("usage_plan"),
        api_key: Ref::to("api_key"),
    };
    let held = born(&context, "usage_plan_key", &member).await;
    let members = account
        .apigateway()
        .get_usage_plan_keys()
        .usage_plan_id(&held_plan.id)
        .send()
        .await
        .unwrap();
    assert_eq!(members.items.unwrap().len(), 1);

    gone(&context, &member, &held.id).await;
    gone(&context, &renamed, &held_key.id).await;
    gone(&context, &second, &held_plan.id).await;
    assert_eq!(api_key::value(&context, &held_key.id).await.unwrap(), None);
}

#[tokio::test]
async fn what_others_do_to_the_key_is_told_and_mended() {
    let (account, context) = stack();
    let wanted = key(&context);
    let mut drift = Drift::of(&context, wanted).await;
    let gateway = account.apigateway();
    let id = drift.id().to_owned();
    let patch = |path: &str, value: &str| {
        let call = gateway.update_api_key().api_key(&id);
        call.patch_operations(replace(path, value)).send()
    };
    drift.by_hand("Name: Otra → AcmeKey", patch("/name", "Otra")).await;
    drift
        .by_hand("Description: Otra → Kairos", patch("/description", "Otra"))
        .await;
    let arn = format!("arn:aws:apigateway:us-east-1::/apikeys/{id}");
    let call = gateway.tag_resource().resource_arn(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = gateway.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = ApiKey {
        name: "Otra".into(),
        description: String::new(),
        enabled: false,
        tags: drifted_tags(&context),
    };
    // The local AWS keeps this patch as text, and cannot read the key then.
    drift.shows_everything(&other, &["Enabled"]);
}

#[tokio::test]
async fn what_others_do_to_the_usage_plan_is_told_and_mended() {
    let (account, context) = stack();
    let api = rest_api(&context);
    let held = api.create(&context).await.unwrap();
    context.learn("rest_api", &held.id);
    deployment(&api).create(&context).await.unwrap();
    prod(&context, &api).create(&context).await.unwrap();
    let wanted = plan(&context);
    let mut drift = Drift::of(&context, wanted).await;
    let gateway = account.apigateway();
    let id = drift.id().to_owned();
    let patch = |path: &str, value: &str| {
        let call = gateway.update_usage_plan().usage_plan_id(&id);
        call.patch_operations(replace(path, value)).send()
    };
    drift
        .by_hand("UsagePlanName: Otro → AcmeUsagePlan", patch("/name", "Otro"))
        .await;
    drift
        .by_hand("Description: Otra → Kairos", patch("/description", "Otra"))
        .await;
    let arn = format!("arn:aws:apigateway:us-east-1::/usageplans/{id}");
    let call = gateway.tag_resource().resource_arn(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = gateway.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = UsagePlan {
        name: "Otro".into(),
        description: String::new(),
        stages: Vec::new(),
        throttle_rate: None,
        throttle_burst: None,
        quota_per_day: None,
        tags: drifted_tags(&context),
    };
    // The local AWS keeps patches of limits and stages as text, and then cannot read the plan: patches are shown beside the
    // kind's own code.
    drift.shows_everything(
        &other,
        &["ApiStages", "Throttle.RateLimit", "Throttle.BurstLimit", "Quota"],
    );
}
