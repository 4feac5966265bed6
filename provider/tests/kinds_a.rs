//! The life of every data-plane kind on a local AWS: created, read back, changed in every property, deleted.
//!
//! Each test works in an account of its own; what differs on the way is shown in words.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use acceptance::ministack::{MiniStack, Options};
use expect_test::{Expect, expect};
use kairos::names::{Names, Place};
use terraform_provider_kairos::stack::context::{Clients, Context};
use terraform_provider_kairos::stack::kind::{Kind, Owner, Ref, Tags};
use terraform_provider_kairos::stack::kinds::alarm::Alarm;
use terraform_provider_kairos::stack::kinds::log_group::LogGroup;
use terraform_provider_kairos::stack::kinds::parameter::{Parameter, Part, Text};
use terraform_provider_kairos::stack::kinds::queue::{Encryption, Queue, Redrive, RedriveAllow, tls_only};
use terraform_provider_kairos::stack::kinds::schedule_group::ScheduleGroup;
use terraform_provider_kairos::stack::kinds::subscription::Subscription;
use terraform_provider_kairos::stack::kinds::table::{Billing, Index, Key, Projection, Table};
use terraform_provider_kairos::stack::kinds::topic::Topic;
use terraform_provider_kairos::stack::policy::PolicyDocument;

/// The contexts of two stacks of one account, `Acme` and `Otro`.
fn stacks() -> (Context, Context) {
    let account = MiniStack::shared(Options::default()).unwrap().account();
    let clients = Clients::new(&account.sdk_config());
    let place = Place {
        partition: "aws".into(),
        account: account.id.clone(),
        region: account.region.clone(),
    };
    let stack = |app: &str| Context::new(Names::new(app, place.clone()), clients.clone());
    (stack("Acme"), stack("Otro"))
}

/// The tags of a stack's objects, with one of the user's.
fn tags(context: &Context, team: &str) -> Tags {
    Tags::from([
        (Names::OWNER_TAG.into(), context.names.owner()),
        ("team".into(), team.into()),
    ])
}

/// Other tags than those: one changed, one gone, one new.
fn other_tags(context: &Context) -> Tags {
    Tags::from([
        (Names::OWNER_TAG.into(), context.names.owner()),
        ("cost".into(), "42".into()),
    ])
}

/// Leads an object through its life: `first` is created, and then changed into `second`, which `expect` shows.
async fn live<K: Kind>(context: &Context, first: K, second: K, expect: &Expect) {
    assert_eq!(first.observe(context).await.unwrap(), None, "nothing is there before");
    let created = first.create(context).await.unwrap();
    if let Some(id) = first.known_id(context) {
        assert_eq!(created.id, id, "the id was known before");
    }
    let held = first.observe(context).await.unwrap().unwrap();
    assert_eq!((&held.id, &held.owner), (&created.id, &Owner::Ours));
    assert_eq!(first.diff(&held.value), [], "what was created is what was wanted");
    let again = first.create(context).await.unwrap();
    assert_eq!(again.id, created.id, "a create whose answer was lost may be made again");

    let changes = second.diff(&held.value);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    expect.assert_eq(&lines.join("\n").replace(&context.names.place.account, "{account}"));
    second.update(&held, &changes, context).await.unwrap();
    let held = second.observe(context).await.unwrap().unwrap();
    assert_eq!(second.diff(&held.value), [], "what was changed is what was wanted");
    assert_eq!(held.id, created.id, "it is the same object");

    second.delete(&held.id, context).await.unwrap();
    assert_eq!(second.observe(context).await.unwrap(), None, "nothing is there after");
    second.delete(&held.id, context).await.unwrap();
}

/// What belongs to another stack is seen as such and never taken over.
async fn refuse<K: Kind>(theirs: K, their_context: &Context, ours: K, context: &Context) {
    theirs.create(their_context).await.unwrap();
    let held = ours.observe(context).await.unwrap().unwrap();
    assert_eq!(held.owner, Owner::Foreign(Some("us-east-1/Otro".into())));
    let error = ours.create(context).await.unwrap_err().to_string();
    assert!(
        error.ends_with("it exists already and belongs to the stack \"us-east-1/Otro\""),
        "{error}"
    );
    let held = theirs.observe(their_context).await.unwrap().unwrap();
    assert_eq!(theirs.diff(&held.value), [], "it is as it was");
    theirs.delete(&held.id, their_context).await.unwrap();
}

fn key(context: &Context) -> String {
    context.names.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")
}

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
        tags: tags(context, "data"),
    }
}

#[tokio::test]
async fn a_table_lives() {
    let (context, _) = stacks();
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
        tags: tags(&other, "data"),
        ..table(&context)
    };
    refuse(theirs, &other, table(&context), &context).await;
}

#[tokio::test]
async fn a_table_that_an_interrupted_create_left_is_completed() {
    let (context, _) = stacks();
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

fn queue(context: &Context) -> Queue {
    let arn = context.names.queue_arn("AcmeQueue");
    Queue {
        name: "AcmeQueue".into(),
        retention_seconds: 345_600,
        visibility_seconds: 720,
        redrive: Some(Redrive {
            target_arn: context.names.queue_arn("AcmeDeadLetterQueue"),
            max_receives: 20,
        }),
        redrive_allow: RedriveAllow::DenyAll,
        encryption: Encryption::SqsManaged,
        policy: Some(tls_only(&arn)),
        tags: tags(context, "data"),
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
    let (context, _) = stacks();
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
    let (context, _) = stacks();
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
        tags: tags(&other, "data"),
        ..dead_letter_queue(&context)
    };
    refuse(theirs, &other, dead_letter_queue(&context), &context).await;
}

fn topic(context: &Context) -> Topic {
    let arn = context.names.topic_arn();
    Topic {
        name: context.names.topic(),
        display_name: "Kairos".into(),
        kms_key_arn: None,
        policy: PolicyDocument::new([serde_json::json!({
            "Effect": "Allow", "Principal": { "Service": "cloudwatch.amazonaws.com" }, "Action": "sns:Publish", "Resource": arn,
        })]),
        tags: tags(context, "data"),
    }
}

#[tokio::test]
async fn a_topic_lives() {
    let (context, _) = stacks();
    let first = topic(&context);
    let second = Topic {
        display_name: String::new(),
        kms_key_arn: Some(key(&context)),
        policy: PolicyDocument::new([serde_json::json!({
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
    let (context, _) = stacks();
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

fn alarm(context: &Context) -> Alarm {
    Alarm {
        name: "AcmeDeadLetterQueueAlarm".into(),
        description: "Runs were given up.".into(),
        namespace: "AWS/SQS".into(),
        metric: "ApproximateNumberOfMessagesVisible".into(),
        dimensions: BTreeMap::from([("QueueName".into(), "AcmeDeadLetterQueue".into())]),
        statistic: "Maximum".into(),
        period_seconds: 300,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        threshold: 1.0,
        comparison: "GreaterThanOrEqualToThreshold".into(),
        missing_data: "notBreaching".into(),
        actions_enabled: true,
        alarm_actions: BTreeSet::from([context.names.topic_arn()]),
        ok_actions: BTreeSet::new(),
        tags: tags(context, "data"),
    }
}

#[tokio::test]
async fn an_alarm_lives() {
    let (context, _) = stacks();
    let first = alarm(&context);
    let second = Alarm {
        description: "The function failed.".into(),
        namespace: "AWS/Lambda".into(),
        metric: "Errors".into(),
        dimensions: BTreeMap::from([("FunctionName".into(), "AcmeDispatcher".into())]),
        statistic: "Sum".into(),
        period_seconds: 60,
        evaluation_periods: 3,
        datapoints_to_alarm: 2,
        threshold: 2.5,
        comparison: "GreaterThanThreshold".into(),
        missing_data: "breaching".into(),
        actions_enabled: false,
        alarm_actions: BTreeSet::new(),
        ok_actions: BTreeSet::from([context.names.topic_arn()]),
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first,
        second,
        &expect![[r#"
        AlarmDescription: Runs were given up. → The function failed.
        Namespace: AWS/SQS → AWS/Lambda
        MetricName: ApproximateNumberOfMessagesVisible → Errors
        Dimensions: {"QueueName":"AcmeDeadLetterQueue"} → {"FunctionName":"AcmeDispatcher"}
        Statistic: Maximum → Sum
        Period: 300 → 60
        EvaluationPeriods: 1 → 3
        DatapointsToAlarm: 1 → 2
        Threshold: 1.0 → 2.5
        ComparisonOperator: GreaterThanOrEqualToThreshold → GreaterThanThreshold
        TreatMissingData: notBreaching → breaching
        ActionsEnabled: true → false
        AlarmActions: ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"] → []
        OKActions: [] → ["arn:aws:sns:us-east-1:{account}:AcmeNotificaciones"]
        Tags.cost: none → 42
        Tags.team: data → none"#]],
    )
    .await;
}

#[tokio::test]
async fn an_alarm_of_another_stack_is_refused_though_cloudwatch_would_not() {
    let (context, other) = stacks();
    let theirs = Alarm {
        tags: tags(&other, "data"),
        threshold: 7.0,
        ..alarm(&context)
    };
    refuse(theirs, &other, alarm(&context), &context).await;
}

#[tokio::test]
async fn a_parameter_lives() {
    let (context, _) = stacks();
    let first = Parameter::new("/Acme/Executor/PrefixRoles", "Acme-", tags(&context, "data"));
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
    let (context, _) = stacks();
    let plain = |text: &str| Part::Plain(text.into());
    let url = Text::of([
        plain("https://"),
        Part::Id(Ref::to("rest_api")),
        plain(".example.com/prod/"),
    ]);
    let parameter = Parameter::new("/Acme/Api/Url", url, tags(&context, "data"));
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
    let parameter = |context: &Context, value: &str| Parameter::new("/Acme/Shared", value, tags(context, "data"));
    refuse(
        parameter(&other, "theirs"),
        &other,
        parameter(&context, "ours"),
        &context,
    )
    .await;
}

#[tokio::test]
async fn a_log_group_lives() {
    let (context, _) = stacks();
    let longer = LogGroup {
        name: "/aws/lambda/AcmeApiDos".into(),
        retention_days: None,
        kms_key_arn: None,
        tags: tags(&context, "data"),
    };
    longer.create(&context).await.unwrap();
    let first = LogGroup {
        name: "/aws/lambda/AcmeApi".into(),
        retention_days: Some(30),
        ..longer.clone()
    };
    // The local AWS takes a key at creation only; a key that changes is shown with replayed answers.
    let first = LogGroup {
        kms_key_arn: Some(key(&context)),
        ..first
    };
    let second = LogGroup {
        retention_days: Some(90),
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first.clone(),
        second,
        &expect![[r"
        RetentionInDays: 30 → 90
        Tags.cost: none → 42
        Tags.team: data → none"]],
    )
    .await;
    let second = LogGroup {
        retention_days: None,
        ..first.clone()
    };
    live(&context, first, second, &expect!["RetentionInDays: 30 → none"]).await;
    let held = longer.observe(&context).await.unwrap().unwrap();
    assert_eq!(longer.diff(&held.value), [], "the group with a longer name is another");
}

#[tokio::test]
async fn a_log_group_that_nobody_tagged_is_refused() {
    let (context, _) = stacks();
    let name = "/aws/lambda/AcmeExecutor";
    context
        .aws
        .logs
        .create_log_group()
        .log_group_name(name)
        .send()
        .await
        .unwrap();
    let wanted = LogGroup {
        name: name.into(),
        retention_days: Some(30),
        kms_key_arn: None,
        tags: tags(&context, "data"),
    };
    assert_eq!(
        wanted.observe(&context).await.unwrap().unwrap().owner,
        Owner::Foreign(None)
    );
    let error = wanted.create(&context).await.unwrap_err().to_string();
    expect![[r#"CreateLogGroup of "/aws/lambda/AcmeExecutor" failed: it exists already and does not belong to this stack (it has no tag "kairos:stack")"#]]
        .assert_eq(&error);
}

#[tokio::test]
async fn a_schedule_group_lives() {
    let (context, _) = stacks();
    let first = ScheduleGroup {
        name: "AcmeScheduleGroup".into(),
        tags: tags(&context, "data"),
    };
    let second = ScheduleGroup {
        tags: other_tags(&context),
        ..first.clone()
    };
    live(
        &context,
        first,
        second,
        &expect![[r"
        Tags.cost: none → 42
        Tags.team: data → none"]],
    )
    .await;
}

#[tokio::test]
async fn a_schedule_group_of_another_stack_is_refused() {
    let (context, other) = stacks();
    let group = |context: &Context| ScheduleGroup {
        name: "AcmeScheduleGroup".into(),
        tags: tags(context, "data"),
    };
    refuse(group(&other), &other, group(&context), &context).await;
}
