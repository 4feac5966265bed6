//! What a queue's attributes mean, and the answers of SQS that no local AWS gives.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use super::*;
use crate::stack::kinds::replay;

const URL: &str = r#"{"QueueUrl":"https://sqs.us-east-1.amazonaws.com/100000000001/AcmeQueue"}"#;
const GONE: replay::Answer<'_> = (400, "AWS.SimpleQueueService.NonExistentQueue", "{}");
const OURS: &str = r#"{"Tags":{"kairos:stack":"us-east-1/Acme"}}"#;

fn queue() -> Queue {
    Queue {
        name: "AcmeQueue".into(),
        retention_seconds: 345_600,
        largest_message: 262_144,
        visibility_seconds: 720,
        redrive: Some(Redrive {
            target_arn: "arn:dlq".into(),
            max_receives: 20,
        }),
        redrive_allow: RedriveAllow::ByQueue(BTreeSet::from(["arn:a".into(), "arn:b".into()])),
        encryption: Encryption::SqsManaged,
        policy: Some(tls_only("arn:q")),
        tags: replay::tags(),
        extras: Extras::default(),
    }
}

#[track_caller]
fn check(attributes: &[(Attribute, &str)], expect: &Expect) {
    let attributes = attributes
        .iter()
        .map(|(name, value)| (name.clone(), (*value).to_owned()))
        .collect();
    let held = queue().held(&attributes, replay::tags());
    expect.assert_eq(&replay::lines(&queue().diff(&held)));
}

/// The attributes of a queue that is as wanted, as SQS returns them, with these in the place of its own.
fn with(changed: &[(Attribute, &'static str)]) -> Vec<(Attribute, &'static str)> {
    let mut attributes = vec![
        (Attribute::MessageRetentionPeriod, "345600"),
        (Attribute::VisibilityTimeout, "720"),
        (
            Attribute::RedrivePolicy,
            r#"{"maxReceiveCount":"20","deadLetterTargetArn":"arn:dlq"}"#,
        ),
        (
            Attribute::RedriveAllowPolicy,
            r#"{"sourceQueueArns":["arn:b","arn:a"],"redrivePermission":"byQueue"}"#,
        ),
        (Attribute::SqsManagedSseEnabled, "true"),
        (
            Attribute::Policy,
            r#"{"Statement":{"Condition":{"Bool":{"aws:SecureTransport":false}},"Resource":["arn:q"],"Action":"sqs:*",
                "Principal":"*","Effect":"Deny","Sid":"DenyPlainHttp"},"Version":"2012-10-17"}"#,
        ),
        (Attribute::MaximumMessageSize, "262144"),
        (Attribute::DelaySeconds, "0"),
    ];
    attributes.retain(|(name, _)| !changed.iter().any(|(changed, _)| changed == name));
    attributes.extend_from_slice(changed);
    attributes
}

#[test]
fn documents_that_only_read_differently_are_no_change() {
    check(&with(&[]), &expect![""]);
}

#[test]
fn what_is_missing_differs_and_a_key_counts_before_sqs_encryption() {
    check(
        &with(&[
            (Attribute::Policy, ""),
            (Attribute::RedrivePolicy, ""),
            (Attribute::KmsMasterKeyId, "alias/aws/sqs"),
        ]),
        &expect![[r#"
            RedrivePolicy: none → {"deadLetterTargetArn":"arn:dlq","maxReceiveCount":20}
            Encryption: {"Kms":"alias/aws/sqs"} → SqsManaged
            Policy: none → {"Statement":[{"Action":"sqs:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":"arn:q","Sid":"DenyPlainHttp"}],"Version":"2012-10-17"}"#]],
    );
    check(
        &with(&[(Attribute::SqsManagedSseEnabled, "false")]),
        &expect!["Encryption: Off → SqsManaged"],
    );
}

#[test]
fn a_document_that_nobody_can_read_differs() {
    check(
        &with(&[
            (Attribute::RedrivePolicy, "{"),
            (Attribute::RedriveAllowPolicy, "{"),
            (Attribute::VisibilityTimeout, "x"),
        ]),
        &expect![[r#"
            VisibilityTimeout: 0 → 720
            RedrivePolicy: none → {"deadLetterTargetArn":"arn:dlq","maxReceiveCount":20}
            RedriveAllowPolicy: AllowAll → {"ByQueue":["arn:a","arn:b"]}"#]],
    );
}

#[tokio::test]
async fn a_queue_deleted_a_moment_ago_is_awaited() {
    let (context, _) = replay::context(&[(
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        r#"{"message":"You must wait 60 seconds after deleting a queue before you can create another with the same name."}"#,
    )]);
    let error = queue().create(&context).await.unwrap_err();
    assert!(Queue::settling(&error), "{error}");
}

#[tokio::test]
async fn a_name_taken_by_a_queue_that_is_still_going_is_awaited() {
    let (context, replay) = replay::context(&[(400, "QueueAlreadyExists", "{}"), GONE]);
    let error = queue().create(&context).await.unwrap_err();
    assert!(Queue::settling(&error), "{error}");
    assert_eq!(replay::operations(&replay), ["CreateQueue", "GetQueueUrl"]);
}

#[tokio::test]
async fn a_queue_that_a_refused_create_finds_is_another_s_until_its_tags_say_otherwise() {
    let (context, _) = replay::context(&[
        (400, "QueueAlreadyExists", "{}"),
        (200, "", URL),
        (200, "", r#"{"Attributes":{}}"#),
        (200, "", "{}"),
    ]);
    let error = queue().create(&context).await.unwrap_err();
    assert!(!Queue::settling(&error), "{error}");
    expect![[r#"CreateQueue of "AcmeQueue" failed: it exists already and does not belong to this stack (it has no tag "kairos:stack")"#]]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn an_update_sends_only_what_changed_and_awaits_that_it_shows() {
    let before = r#"{"Attributes":{"MessageRetentionPeriod":"345600","MaximumMessageSize":"262144","VisibilityTimeout":"30","SqsManagedSseEnabled":"true"}}"#;
    let after = before.replace("\"30\"", "\"720\"");
    let (context, replay) = replay::context(&[
        (200, "", URL),
        (200, "", "{}"),
        (200, "", before),
        (200, "", OURS),
        (200, "", &after),
        (200, "", OURS),
    ]);
    let wanted = Queue {
        redrive: None,
        redrive_allow: RedriveAllow::AllowAll,
        policy: None,
        ..queue()
    };
    let held = Held::ours(
        "arn:q",
        Queue {
            visibility_seconds: 30,
            ..wanted.clone()
        },
    );
    wanted.update(&held, &wanted.diff(&held.value), &context).await.unwrap();
    assert_eq!(
        replay::sent(&replay, 1)["Attributes"],
        json!({ "VisibilityTimeout": "720" })
    );
    assert_eq!(replay.actual_requests().count(), 6);
}

#[tokio::test]
async fn a_delete_awaits_that_the_queue_is_gone() {
    let (context, replay) = replay::context(&[
        (200, "", URL),
        (200, "", "{}"),
        (200, "", r#"{"Attributes":{}}"#),
        (200, "", OURS),
        GONE,
    ]);
    queue().delete("", &context).await.unwrap();
    expect![[r#"
        [
            "GetQueueUrl",
            "DeleteQueue",
            "GetQueueAttributes",
            "ListQueueTags",
            "GetQueueAttributes",
        ]
    "#]]
    .assert_debug_eq(&replay::operations(&replay));
}
