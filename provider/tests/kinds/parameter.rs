//! Parameters.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_sdk_ssm::types::{ResourceTypeForTagging, Tag};
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Kind, Ref};
use terraform_provider_kairos::stack::kinds::parameter::{Parameter, Part, Text};

use crate::common::{live, other_tags, refuse, stack, stacks, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

#[tokio::test]
async fn a_parameter_lives() {
    let context = stack().1;
    let first = Parameter::new("/Acme/Executor/PrefixRoles", "Acme-", tags(&context, "team"));
    let second = Parameter::new("/Acme/Executor/PrefixRoles", "Proceso-", other_tags(&context));
    live(
        &context,
        first,
        second,
        &expect![[r"
        Value: Acme- → Proceso-
        Tags.cost: none → 42
        Tags.team: data → none"]],
    )
    .await;
}

#[tokio::test]
async fn a_parameter_holds_ids_that_aws_makes() {
    let context = stack().1;
    let plain = |text: &str| Part::Plain(text.into());
    let url = Text::of([
        plain("https://"),
        Part::Id(Ref::to("rest_api")),
        plain(".example.com/prod/"),
    ]);
    let parameter = Parameter::new("/Acme/Api/Url", url, tags(&context, "team"));
    let error = parameter.create(&context).await.unwrap_err().to_string();
    assert!(error.contains("\"rest_api\""), "{error}");
    assert_eq!(parameter.references(), [Ref::to("rest_api")]);

    context.learn("rest_api", "a1b2c3");
    parameter.create(&context).await.unwrap();
    let held = parameter.observe(&context).await.unwrap().unwrap();
    assert_eq!(parameter.diff(&held.value), []);
    let stored = context
        .aws
        .ssm
        .get_parameter()
        .name("/Acme/Api/Url")
        .send()
        .await
        .unwrap();
    assert_eq!(
        stored.parameter.unwrap().value.unwrap(),
        "https://a1b2c3.example.com/prod/"
    );

    context.learn("rest_api", "d4e5f6");
    let held = parameter.observe(&context).await.unwrap().unwrap();
    let changes = parameter.diff(&held.value);
    expect!["Value: https://a1b2c3.example.com/prod/ → https://${rest_api}.example.com/prod/"]
        .assert_eq(&changes[0].to_string());
    parameter.update(&held, &changes, &context).await.unwrap();
    let held = parameter.observe(&context).await.unwrap().unwrap();
    assert_eq!(parameter.diff(&held.value), []);
}

#[tokio::test]
async fn a_parameter_of_another_stack_is_refused() {
    let (context, other) = stacks();
    let parameter = |context: &Context, value: &str| Parameter::new("/Acme/Shared", value, tags(context, "team"));
    refuse(
        parameter(&other, "theirs"),
        &other,
        parameter(&context, "ours"),
        &context,
    )
    .await;
}

#[tokio::test]
async fn what_others_do_to_a_parameter_is_told_and_mended() {
    let context = stack().1;
    let name = "/Acme/Executor/PrefixRoles";
    let wanted = Parameter::new(name, "Acme-", tags(&context, "team"));
    let mut drift = Drift::of(&context, wanted).await;
    let ssm = &context.aws.ssm;
    let call = ssm.put_parameter().name(name).value("Otro-").overwrite(true);
    drift.by_hand("Value: Otro- → Acme-", call.send()).await;
    let kind = ResourceTypeForTagging::Parameter;
    let tags = THEIR_TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let call = ssm.add_tags_to_resource().resource_type(kind.clone()).resource_id(name);
    drift.by_hand(RETAGGED, call.set_tags(Some(tags.to_vec())).send()).await;
    let call = ssm.remove_tags_from_resource().resource_type(kind).resource_id(name);
    drift.by_hand(UNTAGGED, call.tag_keys("team").send()).await;

    let other = Parameter {
        name: "/Acme/Otro".into(),
        kind: "SecureString".into(),
        value: "Otro-".into(),
        tags: drifted_tags(&context),
    };
    drift.shows_everything(&other, &["Name", "Type"]);
}
