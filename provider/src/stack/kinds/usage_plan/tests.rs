//! Usage plans: which patches bring one to what is wanted.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::{Expect, expect};

use super::*;
use crate::stack::kinds::replay::{context, lines, rest_api, tags};

fn plan() -> UsagePlan {
    UsagePlan {
        name: "AcmeUsagePlan".into(),
        description: "Kairos".into(),
        stages: vec![ApiStage {
            rest_api: rest_api(),
            stage: "prod".into(),
        }],
        throttle_rate: Some(5.0),
        throttle_burst: Some(10),
        quota_per_day: Some(1000),
        tags: tags(),
    }
}

/// The patches that bring `held` to what is wanted.
#[track_caller]
fn check(wanted: &UsagePlan, held: &UsagePlan, expect: &Expect) {
    let (context, _) = context(&[]);
    let changes = wanted.diff(held);
    let show = |p: &PatchOperation| {
        format!(
            "{} {} {}",
            p.op().unwrap().as_str(),
            p.path().unwrap(),
            p.value().unwrap_or("-")
        )
    };
    let patches: Vec<String> = wanted
        .patches(held, &changes, &context)
        .unwrap()
        .iter()
        .map(show)
        .collect();
    expect.assert_eq(&format!("{}\n{}", lines(&changes), patches.join("\n")));
}

#[test]
fn limits_are_added_where_there_are_none_and_replaced_otherwise() {
    let bare = UsagePlan {
        throttle_rate: None,
        throttle_burst: None,
        quota_per_day: None,
        ..plan()
    };
    check(
        &plan(),
        &bare,
        &expect![[r"
            Throttle.RateLimit: none → 5.0
            Throttle.BurstLimit: none → 10
            Quota: none → 1000
            add /throttle/rateLimit 5
            add /throttle/burstLimit 10
            add /quota/limit 1000
            add /quota/period DAY"]],
    );
    let other = UsagePlan {
        throttle_rate: Some(1.0),
        quota_per_day: Some(1),
        ..plan()
    };
    check(
        &plan(),
        &other,
        &expect![[r"
            Throttle.RateLimit: 1.0 → 5.0
            Quota: 1 → 1000
            replace /throttle/rateLimit 5
            replace /throttle/burstLimit 10
            replace /quota/limit 1000
            replace /quota/period DAY"]],
    );
    assert!(!plan().lifts_a_throttle(&other) && bare.lifts_a_throttle(&plan()));
    check(
        &bare,
        &plan(),
        &expect![[r"
            Throttle.RateLimit: 5.0 → none
            Throttle.BurstLimit: 10 → none
            Quota: 1000 → none
            remove /quota -"]],
    );
}

#[tokio::test]
async fn stages_of_other_apis_are_taken_out_even_where_they_are_gone() {
    let foreign = ApiStage {
        rest_api: Ref::to("api9"),
        stage: "prod".into(),
    };
    let held = UsagePlan {
        stages: vec![foreign],
        ..plan()
    };
    let gone = (
        400,
        "BadRequestException",
        r#"{"message":"API Stage not found: api9:prod"}"#,
    );
    let (context, replay) = context(&[gone, (200, "", "{}")]);
    let changes = plan().diff(&held);
    plan()
        .update(&Held::ours("p1", held), &changes, &context)
        .await
        .unwrap();
    let sent = |request: &aws_smithy_runtime_api::client::orchestrator::HttpRequest| {
        String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned()
    };
    let sent: Vec<String> = replay.actual_requests().map(sent).collect();
    expect![[r#"
        {"patchOperations":[{"op":"remove","path":"/apiStages","value":"api9:prod"}]}
        {"patchOperations":[{"op":"add","path":"/apiStages","value":"api1:prod"}]}"#]]
    .assert_eq(&sent.join("\n"));
}

#[test]
fn an_association_is_held_by_the_name_of_the_component() {
    let (context, _) = context(&[]);
    let ours = Association::builder().api_id("api1").stage("prod").build();
    let theirs = Association::builder().api_id("api9").stage("prod").build();
    let output = GetUsagePlanOutput::builder()
        .api_stages(theirs)
        .api_stages(ours)
        .build();
    let held = plan().held(output, Tags::new(), &context);
    let apis: Vec<String> = held.stages.iter().map(|stage| stage.rest_api.to_string()).collect();
    assert_eq!(apis, ["api9", "rest_api"]);
    assert_eq!(
        (held.throttle_rate, held.throttle_burst, held.quota_per_day),
        (None, None, None)
    );
}

#[tokio::test]
async fn a_plan_is_closed_before_it_is_deleted() {
    let open = r#"{"id":"p1","apiStages":[{"apiId":"api1","stage":"prod"}]}"#;
    let (context, replay) = context(&[(200, "", open), (200, "", "{}"), (202, "", "")]);
    plan().delete("p1", &context).await.unwrap();
    let asked = crate::stack::kinds::replay::asked(&replay);
    assert_eq!(
        asked,
        ["GET /usageplans/p1", "PATCH /usageplans/p1", "DELETE /usageplans/p1"]
    );
}
