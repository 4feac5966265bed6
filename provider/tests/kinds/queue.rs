//! Queues.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use expect_test::expect;
use serde_json::json;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Extras, Kind};
use terraform_provider_kairos::stack::kinds::queue::{Encryption, Queue, Redrive, RedriveAllow, tls_only};

use crate::common::{key, live, other_tags, refuse, stack, stacks, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

fn queue(context: &Context) -> Queue {
    let arn = context.names.queue_arn("AcmeQueue");
    Queue {
        name: "AcmeQueue".into(),
        retention_seconds: 345_600,
        largest_message: 262_144,
        visibility_seconds: 720,
        redrive: Some(Redrive {
            target_arn: context.names.queue_arn("AcmeDeadLetterQueue"),
            max_receives: 20,
        }),
        redrive_allow: RedriveAllow::DenyAll,
        encryption: Encryption::SqsManaged,
        extras: Extras::default(),
        policy: Some(tls_only(&arn)),
        tags: tags(context, "team"),
    }
}

fn dead_letter_queue(context: &Context) -> Queue {
    let sources = BTreeSet::from([context.names.queue_arn("AcmeQueue")]);
    Queue {
        name: "AcmeDeadLetterQueue".into(),
        redrive: None,
        redrive_allow: RedriveAllow::ByQueue(sources),
        policy: None,
        ..queue(context)
    }
}

#[tokio::test]
async fn a_queue_lives() {
    let context = stack().1;
    let dlq = dead_letter_queue(&context);
    dlq.create(&context).await.unwrap();
    let held = dlq.observe(&context).await.unwrap().unwrap();
    assert_eq!(dlq.diff(&held.value), []);
    let first = queue(&context);
    let second = Queue {
        retention_seconds: 1_209_600,
        visibility_seconds: 5400,
        redrive: None,
        redrive_allow: RedriveAllow::AllowAll,
        encryption: Encryption::Kms(key(&context)),
        policy: None,
        tags: other_tags(&context),
        ..first.clone()
    };
    live(&context, first, second, &expect![[r#"
        MessageRetentionPeriod: 345600 → 1209600
        VisibilityTimeout: 720 → 5400
        RedrivePolicy: {"deadLetterTargetArn":"arn:aws:sqs:us-east-1:{account}:AcmeDeadLetterQueue","maxReceiveCount":20} → none
        RedriveAllowPolicy: DenyAll → AllowAll
        Encryption: SqsManaged → {"Kms":"arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"}
        Policy: {"Statement":[{"Action":"sqs:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":"arn:aws:sqs:us-east-1:{account}:AcmeQueue","Sid":"DenyPlainHttp"}],"Version":"2012-10-17"} → none
        Tags.cost: none → 42
        Tags.team: data → none"#]]).await;
}

#[tokio::test]
async fn a_queue_goes_back_from_a_key_to_sqs_encryption() {
    let context = stack().1;
    let first = Queue {
        encryption: Encryption::Kms(key(&context)),
        ..dead_letter_queue(&context)
    };
    let second = dead_letter_queue(&context);
    live(&context, first, second, &expect![[r#"Encryption: {"Kms":"arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"} → SqsManaged"#]]).await;
}

#[tokio::test]
async fn a_queue_of_another_stack_is_refused_though_sqs_would_not() {
    let (context, other) = stacks();
    let theirs = Queue {
        tags: tags(&other, "team"),
        ..dead_letter_queue(&context)
    };
    refuse(theirs, &other, dead_letter_queue(&context), &context).await;
}

#[tokio::test]
async fn what_others_do_to_a_queue_is_told_and_mended() {
    let context = stack().1;
    dead_letter_queue(&context).create(&context).await.unwrap();
    let wanted = queue(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let sqs = &context.aws.sqs;
    let url = wanted.url(&context).await.unwrap().unwrap();
    let set = |attribute: Attribute, value: &str| {
        let call = sqs.set_queue_attributes().queue_url(&url);
        call.attributes(attribute, value).send()
    };
    let dlq = r#"{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:{account}:AcmeDeadLetterQueue","maxReceiveCount":20}"#;
    let policy = r#"{"Statement":[{"Action":"sqs:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":"*","Resource":"arn:aws:sqs:us-east-1:{account}:AcmeQueue","Sid":"DenyPlainHttp"}],"Version":"2012-10-17"}"#;
    let open = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": context.names.queue_arn("AcmeQueue"),
    }] });
    let key = key(&context);
    let cases = [
        (Attribute::MessageRetentionPeriod, "60", "MessageRetentionPeriod: 60 → 345600".to_owned()),
        (
            Attribute::MaximumMessageSize,
            "1048576",
            "MaximumMessageSize: 1048576 → 262144".into(),
        ),
        (Attribute::VisibilityTimeout, "0", "VisibilityTimeout: 0 → 720".into()),
        (Attribute::RedrivePolicy, "", format!("RedrivePolicy: none → {dlq}")),
        (
            Attribute::RedriveAllowPolicy,
            r#"{"redrivePermission":"allowAll"}"#,
            "RedriveAllowPolicy: AllowAll → DenyAll".into(),
        ),
        (
            Attribute::KmsMasterKeyId,
            &key,
            r#"Encryption: {"Kms":"arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"} → SqsManaged"#.into(),
        ),
        (Attribute::SqsManagedSseEnabled, "false", "Encryption: Off → SqsManaged".into()),
        (Attribute::Policy, "", format!("Policy: none → {policy}")),
        (
            Attribute::Policy,
            &open.to_string(),
            format!(r#"Policy: {{"Statement":[{{"Action":"sqs:*","Effect":"Allow","Principal":"*","Resource":"arn:aws:sqs:us-east-1:{{account}}:AcmeQueue"}}],"Version":"2012-10-17"}} → {policy}"#),
        ),
        (Attribute::DelaySeconds, "900", "DelaySeconds: 900 → 0".into()),
        (
            Attribute::ReceiveMessageWaitTimeSeconds,
            "20",
            "ReceiveMessageWaitTimeSeconds: 20 → 0".into(),
        ),
    ];
    for (attribute, value, told) in cases {
        drift.by_hand(&told, set(attribute, value)).await;
    }
    let call = sqs.tag_queue().queue_url(&url);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    drift
        .by_hand(UNTAGGED, sqs.untag_queue().queue_url(&url).tag_keys("team").send())
        .await;

    let mut extras = Extras::default();
    extras.note("DelaySeconds", 900, 0);
    extras.note("ReceiveMessageWaitTimeSeconds", 20, 0);
    let other = Queue {
        name: "Otra".into(),
        retention_seconds: 60,
        largest_message: 1_048_576,
        visibility_seconds: 0,
        redrive: None,
        redrive_allow: RedriveAllow::AllowAll,
        encryption: Encryption::Off,
        policy: None,
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["QueueName"]);
}
