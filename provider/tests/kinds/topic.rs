//! The topic of alarms and its subscriptions.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_sdk_sns::types::Tag;
use expect_test::expect;
use serde_json::json;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::Kind;
use terraform_provider_kairos::stack::kinds::subscription::Subscription;
use terraform_provider_kairos::stack::kinds::topic::Topic;
use terraform_provider_kairos::stack::policy::PolicyDocument;

use crate::common::{key, live, other_tags, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

fn topic(context: &Context) -> Topic {
    let arn = context.names.topic_arn();
    Topic {
        name: context.names.topic(),
        display_name: "Kairos".into(),
        kms_key_arn: None,
        policy: PolicyDocument::new([json!({
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "sns:Publish", "Resource": arn,
        })]),
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn a_topic_lives() {
    let context = stack().1;
    let first = topic(&context);
    let second = Topic {
        display_name: String::new(),
        kms_key_arn: Some(key(&context)),
        policy: PolicyDocument::new([json!({
            "Effect": "Deny", "Principal": "*", "Action": "sns:Publish", "Resource": context.names.topic_arn(),
        })]),
        tags: other_tags(&context),
        ..first.clone()
    };
    live(&context, first, second, &expect![[r#"
        DisplayName: Kairos → 
        KmsMasterKeyId: none → arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab
        Policy: {"Statement":[{"Action":"sns:Publish","Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Resource":"arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"}],"Version":"2012-10-17"} → {"Statement":[{"Action":"sns:Publish","Effect":"Deny","Principal":"*","Resource":"arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"}],"Version":"2012-10-17"}
        Tags.cost: none → 42
        Tags.team: data → none"#]]).await;
}

#[tokio::test]
async fn a_subscription_lives_with_its_topic() {
    let context = stack().1;
    let topic = topic(&context);
    let subscription = Subscription::email(context.names.topic_arn(), "ops@example.com");
    assert_eq!(
        subscription.observe(&context).await.unwrap(),
        None,
        "there is not even a topic"
    );
    topic.create(&context).await.unwrap();
    Subscription::email(context.names.topic_arn(), "other@example.com")
        .create(&context)
        .await
        .unwrap();
    live(&context, subscription.clone(), subscription.clone(), &expect![[""]]).await;
    subscription.create(&context).await.unwrap();
    topic.delete(&context.names.topic_arn(), &context).await.unwrap();
    assert_eq!(
        subscription.observe(&context).await.unwrap(),
        None,
        "it went with its topic"
    );
}

#[tokio::test]
async fn what_others_do_to_a_topic_is_told_and_mended() {
    let context = stack().1;
    let wanted = topic(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let sns = &context.aws.sns;
    let arn = drift.id().to_owned();
    let set = |attribute: &str, value: String| {
        let call = sns.set_topic_attributes().topic_arn(&arn).attribute_name(attribute);
        call.attribute_value(value).send()
    };
    drift
        .by_hand("DisplayName: Otro → Kairos", set("DisplayName", "Otro".into()))
        .await;
    drift
        .by_hand(
            "KmsMasterKeyId: arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab → none",
            set("KmsMasterKeyId", key(&context)),
        )
        .await;
    let open =
        PolicyDocument::new([json!({ "Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": arn })]);
    let told = r#"Policy: {"Statement":[{"Action":"sns:Publish","Effect":"Allow","Principal":"*","Resource":"arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"}],"Version":"2012-10-17"} → {"Statement":[{"Action":"sns:Publish","Effect":"Allow","Principal":{"Service":"cloudwatch.amazonaws.com"},"Resource":"arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"}],"Version":"2012-10-17"}"#;
    drift.by_hand(told, set("Policy", open.to_json())).await;
    let same = json!({ "Statement": { "Resource": [arn], "Principal": { "Service": ["cloudwatch.amazonaws.com"] },
        "Effect": "Allow", "Action": ["SNS:Publish"] }, "Version": "2012-10-17", "Id": "__default_policy_ID" });
    drift
        .beside("the same policy in other words", set("Policy", same.to_string()))
        .await;
    let tags = THEIR_TAGS.map(|(key, value)| Tag::builder().key(key).value(value).build().unwrap());
    let call = sns.tag_resource().resource_arn(&arn).set_tags(Some(tags.to_vec()));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = sns.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let other = Topic {
        name: "Otro".into(),
        display_name: String::new(),
        kms_key_arn: Some(key(&context)),
        policy: open,
        tags: drifted_tags(&context),
    };
    drift.shows_everything(&other, &["TopicName"]);
}

#[tokio::test]
async fn what_others_subscribe_stays_whatever_becomes_of_ours() {
    let context = stack().1;
    let (topic, sns) = (topic(&context), &context.aws.sns);
    topic.create(&context).await.unwrap();
    let arn = context.names.topic_arn();
    let wanted = Subscription::email(&arn, "ops@example.com");
    let drift = Drift::of(&context, wanted.clone()).await;
    let theirs = ["email", "sms"].into_iter().zip(["theirs@example.com", "+15005550006"]);
    for (protocol, endpoint) in theirs {
        let call = sns.subscribe().topic_arn(&arn).protocol(protocol).endpoint(endpoint);
        drift.beside("another subscriber", call.send()).await;
    }
    let other = Subscription {
        topic_arn: "arn:aws:sns:us-east-1:1:Otro".into(),
        protocol: "sms".into(),
        endpoint: "otra@example.com".into(),
    };
    // All of it says which subscription is meant: what differs in any is another one.
    drift.shows_everything(&other, &["TopicArn", "Protocol", "Endpoint"]);
    sns.unsubscribe().subscription_arn(drift.id()).send().await.unwrap();
    assert_eq!(wanted.observe(&context).await.unwrap(), None, "somebody ended it");
    let again = wanted.create(&context).await.unwrap();
    wanted.delete(&again.id, &context).await.unwrap();
    let left = sns.list_subscriptions_by_topic().topic_arn(&arn).send().await.unwrap();
    assert_eq!(left.subscriptions().len(), 2, "the others are still there");
}
