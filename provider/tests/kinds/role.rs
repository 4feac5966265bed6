//! Roles.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kinds::role::Role;

use crate::common::{allow, born, changed, gone, stack, tags, trust};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

pub(crate) fn role(context: &Context) -> Role {
    Role {
        name: context.names.executor_role(),
        path: "/kairos/".into(),
        description: "Runs the executor".into(),
        trust: trust("lambda.amazonaws.com"),
        policies: BTreeMap::from([("Kairos".into(), allow("sqs:SendMessage"))]),
        attached: BTreeSet::new(),
        permissions_boundary: Some("arn:aws:iam::aws:policy/PowerUserAccess".into()),
        max_session: 3600,
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn a_role_lives_and_loses_what_others_gave_it() {
    let (account, context) = stack();
    let iam = account.iam();
    let first = role(&context);
    born(&context, "executor_role", &first).await;
    let extra = iam.put_role_policy().role_name(&first.name).policy_name("Extra");
    extra.policy_document(allow("s3:*").to_json()).send().await.unwrap();
    let managed = iam
        .create_policy()
        .policy_name("Managed")
        .policy_document(allow("s3:*").to_json());
    let managed = managed.send().await.unwrap().policy.unwrap().arn.unwrap();
    iam.attach_role_policy()
        .role_name(&first.name)
        .policy_arn(&managed)
        .send()
        .await
        .unwrap();
    let second = Role {
        description: "Starts targets".into(),
        trust: trust("scheduler.amazonaws.com"),
        policies: BTreeMap::from([("Kairos".into(), allow("sqs:ReceiveMessage"))]),
        permissions_boundary: None,
        max_session: 7200,
        tags: tags(&context, "cost"),
        ..first
    };
    let held = changed(&context, &second, expect![[r#"
        Description: Runs the executor → Starts targets
        AssumeRolePolicyDocument: {"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}],"Version":"2012-10-17"} → {"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"scheduler.amazonaws.com"}}],"Version":"2012-10-17"}
        Policies.Extra: {"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"} → none
        Policies.Kairos: {"Statement":[{"Action":"sqs:SendMessage","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"} → {"Statement":[{"Action":"sqs:ReceiveMessage","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}
        ManagedPolicyArns: ["arn:aws:iam::ACCOUNT:policy/Managed"] → []
        PermissionsBoundary: arn:aws:iam::aws:policy/PowerUserAccess → none
        MaxSessionDuration: 3600 → 7200
        Tags.cost: none → data
        Tags.team: data → none"#]]).await;
    iam.attach_role_policy()
        .role_name(&second.name)
        .policy_arn(&managed)
        .send()
        .await
        .unwrap();
    gone(&context, &second, &held.id).await;
}

#[tokio::test]
async fn what_others_do_to_a_role_is_told_and_mended() {
    let (account, context) = stack();
    let wanted = role(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let iam = account.iam();
    let name = wanted.name.as_str();
    let call = iam
        .update_role()
        .role_name(name)
        .description("Theirs")
        .max_session_duration(3600);
    drift
        .by_hand("Description: Theirs → Runs the executor", call.send())
        .await;
    let call = iam
        .update_role()
        .role_name(name)
        .description("Runs the executor")
        .max_session_duration(43_200);
    drift.by_hand("MaxSessionDuration: 43200 → 3600", call.send()).await;
    let call = iam.update_assume_role_policy().role_name(name);
    let told = r#"AssumeRolePolicyDocument: {"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}],"Version":"2012-10-17"} → {"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}],"Version":"2012-10-17"}"#;
    drift
        .by_hand(told, call.policy_document(trust("ec2.amazonaws.com").to_json()).send())
        .await;
    let written = r#"{"Statement":{"Principal":{"Service":["lambda.amazonaws.com"]},"Effect":"Allow","Action":["STS:AssumeRole"]},"Version":"2012-10-17"}"#;
    let call = iam.update_assume_role_policy().role_name(name).policy_document(written);
    drift.beside("the same trust in other words", call.send()).await;

    let put = |policy: &str, action: &str| {
        let call = iam.put_role_policy().role_name(name).policy_name(policy);
        call.policy_document(allow(action).to_json()).send()
    };
    let document = |action: &str| {
        format!(r#"{{"Statement":[{{"Action":"{action}","Effect":"Allow","Resource":"*"}}],"Version":"2012-10-17"}}"#)
    };
    let (wider, ours) = (document("*"), document("sqs:SendMessage"));
    drift
        .by_hand(&format!("Policies.Kairos: {wider} → {ours}"), put("Kairos", "*"))
        .await;
    let call = iam.delete_role_policy().role_name(name).policy_name("Kairos");
    drift
        .by_hand(&format!("Policies.Kairos: none → {ours}"), call.send())
        .await;
    drift
        .by_hand(&format!("Policies.Extra: {wider} → none"), put("Extra", "*"))
        .await;
    let attach = |policy: &str| iam.attach_role_policy().role_name(name).policy_arn(policy).send();
    drift
        .by_hand(
            r#"ManagedPolicyArns: ["arn:aws:iam::aws:policy/PowerUserAccess"] → []"#,
            attach("arn:aws:iam::aws:policy/PowerUserAccess"),
        )
        .await;
    let call = iam.delete_role_permissions_boundary().role_name(name);
    drift
        .by_hand(
            "PermissionsBoundary: none → arn:aws:iam::aws:policy/PowerUserAccess",
            call.send(),
        )
        .await;
    let tag = |(key, value): (&str, &str)| Tag::builder().key(key).value(value).build().unwrap();
    let call = iam
        .tag_role()
        .role_name(name)
        .set_tags(Some(THEIR_TAGS.map(tag).to_vec()));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = iam.untag_role().role_name(name).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = Role {
        name: "Otro".into(),
        path: "/otro/".into(),
        description: String::new(),
        trust: trust("ec2.amazonaws.com"),
        policies: BTreeMap::from([("Extra".to_owned(), allow("*"))]),
        attached: BTreeSet::from(["arn:aws:iam::aws:policy/PowerUserAccess".to_owned()]),
        permissions_boundary: None,
        max_session: 43_200,
        tags: drifted_tags(&context),
    };
    drift.shows_everything(&other, &["RoleName", "Path"]);
}
