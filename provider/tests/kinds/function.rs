//! Functions.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::io::{Cursor, Write};

use acceptance::Account;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    ApplicationLogLevel, Architecture, DeadLetterConfig, Environment, EphemeralStorage, LogFormat, LoggingConfig,
    Runtime, TracingConfig, TracingMode, VpcConfig,
};
use expect_test::expect;
use terraform_provider_kairos::stack::component::Component;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::engine::{self, Limits, Pace, Run};
use terraform_provider_kairos::stack::kind::{Extras, Kind, Owner};
use terraform_provider_kairos::stack::kinds::api_key::ApiKey;
use terraform_provider_kairos::stack::kinds::function::{Code, Function, HANDLER, RUNTIME};
use terraform_provider_kairos::stack::kinds::role::Role;

use crate::common::{born, changed, gone, named, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};
use crate::key::key;
use crate::role::role;

/// A zip with a program of one line.
fn zipped(line: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).unwrap();
    zip.write_all(format!("#!/bin/sh\n{line}\n").as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn code(line: &str) -> Code {
    Code::zip(zipped(line))
}

pub(crate) fn function(context: &Context, name: String) -> Function {
    Function {
        runtime: RUNTIME.into(),
        handler: HANDLER.into(),
        description: "A function".into(),
        code: code("exit 0"),
        architecture: "x86_64".into(),
        role: context.names.role_arn("/kairos/", &context.names.executor_role()),
        memory: 128,
        timeout: 3,
        environment: [("KAIROS_STACK", "Acme"), ("KAIROS_OLD", "1")].into_iter().collect(),
        layers: vec![],
        tracing: false,
        log_group: context.names.function_logs(&name),
        log_level: "INFO".into(),
        reserved_concurrency: Some(5),
        kms_key: None,
        extras: Extras::default(),
        tags: tags(context, "team"),
        name,
    }
}

/// The function that others stand on, with its role.
pub(crate) async fn made_function(context: &Context, name: String) -> Function {
    role(context).create(context).await.unwrap();
    let function = function(context, name);
    function.create(context).await.unwrap();
    function
}

#[tokio::test]
async fn a_function_lives() {
    let (_, context) = stack();
    let first = function(&context, context.names.executor_function());
    role(&context).create(&context).await.unwrap();
    born(&context, "executor_function", &first).await;
    let second = Function {
        description: "Another".into(),
        code: code("exit 1"),
        memory: 256,
        timeout: 30,
        environment: [("KAIROS_STACK", "Acme"), ("KAIROS_NEW", "2")].into_iter().collect(),
        tracing: true,
        log_level: "DEBUG".into(),
        reserved_concurrency: None,
        kms_key: Some(context.names.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab")),
        tags: tags(&context, "cost"),
        ..first
    };
    let held = changed(
        &context,
        &second,
        expect![[r"
            Description: A function → Another
            MemorySize: 128 → 256
            Timeout: 3 → 30
            Environment.KAIROS_NEW: none → sha256:d4735e3a
            Environment.KAIROS_OLD: sha256:6b86b273 → none
            TracingConfig: PassThrough → Active
            LoggingConfig.ApplicationLogLevel: INFO → DEBUG
            KmsKeyArn: none → arn:aws:kms:us-east-1:ACCOUNT:key/1234abcd-12ab-34cd-56ef-1234567890ab
            CodeSha256: Mf5rypO8v1GT5lmpMXcqpQTXjQKeushG76N9U7+7YXA= → /M88D3RcMSrqdP/4GQ/LFB0INLJ/Uke2xAxvgO/p30U=
            ReservedConcurrentExecutions: 5 → none
            Tags.cost: none → data
            Tags.team: data → none"]],
    )
    .await;
    gone(&context, &second, &held.id).await;
}

#[tokio::test]
async fn what_is_another_stacks_is_not_taken_over() {
    let (account, context) = stack();
    let other = named(&account, "Otro");
    let theirs = Role {
        tags: tags(&other, "team"),
        ..role(&context)
    };
    theirs.create(&other).await.unwrap();
    let ours = role(&context);
    let held = ours.observe(&context).await.unwrap().unwrap();
    assert_eq!(held.owner, Owner::Foreign(Some("us-east-1/Otro".into())));
    let error = ours.create(&context).await.unwrap_err().to_string();
    assert!(error.ends_with("belongs to the stack \"us-east-1/Otro\""), "{error}");

    let theirs = Function {
        tags: tags(&other, "team"),
        ..function(&context, "Shared".into())
    };
    theirs.create(&other).await.unwrap();
    let error = function(&context, "Shared".into())
        .create(&context)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("belongs to the stack \"us-east-1/Otro\""), "{error}");

    // Names of these may repeat: theirs is not ours, and stays.
    let theirs = ApiKey {
        tags: tags(&other, "team"),
        ..key(&context)
    };
    let held = theirs.create(&other).await.unwrap();
    let ours = born(&context, "api_key", &key(&context)).await;
    assert_ne!(ours.id, held.id);
    gone(&context, &key(&context), &ours.id).await;
    assert_eq!(theirs.observe(&other).await.unwrap().unwrap().id, held.id);
}

#[tokio::test]
async fn what_others_do_to_a_function_is_told_and_mended() {
    let (account, context) = stack();
    role(&context).create(&context).await.unwrap();
    let wanted = function(&context, context.names.executor_function());
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let lambda = account.lambda();
    let (name, arn) = (wanted.name.as_str(), drift.id().to_owned());
    let update = || lambda.update_function_configuration().function_name(name);
    let variables = |variables: &[(&str, &str)]| {
        let of = |e: aws_sdk_lambda::types::builders::EnvironmentBuilder, v: &(&str, &str)| e.variables(v.0, v.1);
        variables.iter().fold(Environment::builder(), of).build()
    };
    let logging = || {
        let config = LoggingConfig::builder().log_group(&wanted.log_group);
        config
            .log_format(LogFormat::Json)
            .application_log_level(ApplicationLogLevel::Info)
    };
    let other_role = context.names.role_arn("/", "Otro");
    let key = context.names.arn("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let content = aws_sdk_lambda::types::LayerVersionContentInput::builder().zip_file(Blob::new(zipped("exit 0")));
    let published = lambda
        .publish_layer_version()
        .layer_name("otra")
        .content(content.build());
    let layer = published.send().await.unwrap().layer_version_arn.unwrap();
    let tracing = TracingConfig::builder().mode(TracingMode::Active).build();
    let storage = EphemeralStorage::builder().size(1024).build().unwrap();
    let vpc = VpcConfig::builder()
        .subnet_ids("subnet-1")
        .security_group_ids("sg-1")
        .build();
    let letters = DeadLetterConfig::builder()
        .target_arn(context.names.queue_arn("Otra"))
        .build();
    let ours = [("KAIROS_STACK", "Acme"), ("KAIROS_OLD", "1")];
    let cases = vec![
        (
            update().runtime(Runtime::Providedal2),
            "Runtime: provided.al2 → provided.al2023",
        ),
        (update().handler("otro"), "Handler: otro → bootstrap"),
        (update().description("Theirs"), "Description: Theirs → A function"),
        (
            update().role(&other_role),
            "Role: arn:aws:iam::{account}:role/Otro → arn:aws:iam::{account}:role/kairos/Acme-us-east-1-ExecutorRole",
        ),
        (update().memory_size(10_240), "MemorySize: 10240 → 128"),
        (update().timeout(900), "Timeout: 900 → 3"),
        (
            update().environment(variables(&[("KAIROS_STACK", "Otro"), ("KAIROS_OLD", "1")])),
            "Environment.KAIROS_STACK: sha256:0d5a52a9 → sha256:37036cd8",
        ),
        (
            update().environment(variables(&ours[..1])),
            "Environment.KAIROS_OLD: none → sha256:6b86b273",
        ),
        (
            update().environment(variables(&[ours[0], ours[1], ("PASSWORD", "secreto")])),
            "Environment.PASSWORD: sha256:df733656 → none",
        ),
        (
            update().layers(&layer),
            r#"Layers: ["arn:aws:lambda:us-east-1:{account}:layer:otra:1"] → []"#,
        ),
        (update().tracing_config(tracing), "TracingConfig: Active → PassThrough"),
        (
            update().logging_config(logging().log_group("/otro").build()),
            "LoggingConfig.LogGroup: /otro → /aws/lambda/AcmeExecutor",
        ),
        (
            update().logging_config(logging().application_log_level(ApplicationLogLevel::Fatal).build()),
            "LoggingConfig.ApplicationLogLevel: FATAL → INFO",
        ),
        (
            update().logging_config(
                LoggingConfig::builder()
                    .log_format(LogFormat::Text)
                    .log_group(&wanted.log_group)
                    .build(),
            ),
            "LoggingConfig.ApplicationLogLevel: none (plain text) → INFO",
        ),
        (
            update().kms_key_arn(&key),
            "KmsKeyArn: arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab → none",
        ),
        (update().ephemeral_storage(storage), "EphemeralStorage: 1024 → 512"),
        (update().vpc_config(vpc), "VpcConfig: subnet-1 → none"),
        (
            update().dead_letter_config(letters),
            "DeadLetterConfig: arn:aws:sqs:us-east-1:{account}:Otra → none",
        ),
    ];
    for (call, told) in cases {
        drift.by_hand(told, call.send()).await;
    }
    let zip = Blob::new(zipped("exit 7"));
    let digest = Code::zip(zipped("exit 7"));
    let told = format!("CodeSha256: {} → {}", shown(&digest), shown(&wanted.code));
    let call = lambda.update_function_code().function_name(name).zip_file(zip);
    drift.by_hand(&told, call.send()).await;
    let call = lambda
        .update_function_code()
        .function_name(name)
        .architectures(Architecture::Arm64);
    let call = call.zip_file(Blob::new(zipped("exit 0")));
    drift.by_hand("Architectures: arm64 → x86_64", call.send()).await;
    let call = lambda
        .put_function_concurrency()
        .function_name(name)
        .reserved_concurrent_executions(0);
    drift.by_hand("ReservedConcurrentExecutions: 0 → 5", call.send()).await;
    let call = lambda.delete_function_concurrency().function_name(name);
    drift
        .by_hand("ReservedConcurrentExecutions: none → 5", call.send())
        .await;
    let call = lambda.tag_resource().resource(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = lambda.untag_resource().resource(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;
    let call = lambda
        .add_permission()
        .function_name(name)
        .statement_id("Theirs")
        .action("lambda:InvokeFunction");
    drift
        .beside(
            "leave for somebody else to invoke it",
            call.principal("s3.amazonaws.com").send(),
        )
        .await;

    let mut extras = Extras::default();
    extras.note("EphemeralStorage", 1024, 512);
    extras.note("VpcConfig", "subnet-1", "none");
    extras.note("DeadLetterConfig", "arn:aws:sqs:us-east-1:1:Otra", "none");
    extras.note(
        "FileSystemConfigs",
        "arn:aws:elasticfilesystem:us-east-1:1:access-point/f",
        "none",
    );
    let other = Function {
        name: "Otra".into(),
        runtime: "provided.al2".into(),
        handler: "otro".into(),
        description: String::new(),
        code: digest,
        architecture: "arm64".into(),
        role: other_role,
        memory: 10_240,
        timeout: 900,
        environment: [("KAIROS_STACK", "Otro"), ("PASSWORD", "secreto")]
            .into_iter()
            .collect(),
        layers: vec![layer],
        tracing: true,
        log_group: "/otro".into(),
        log_level: "FATAL".into(),
        reserved_concurrency: None,
        kms_key: Some(key),
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["FunctionName", "FileSystemConfigs"]);
}

/// A digest as a difference shows it.
fn shown(code: &Code) -> String {
    serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_function_whose_role_was_deleted_is_bound_to_the_new_one() {
    let (account, context) = stack();
    let sibling = Role {
        name: context.names.dispatcher_role(),
        ..role(&context)
    };
    sibling.create(&context).await.unwrap();
    let function = function(&context, context.names.executor_function());
    let components = [
        Component::new("executor_role", role(&context), &[]),
        Component::new("executor_function", function.clone(), &["executor_role"]),
    ];
    for component in &components {
        component.node.create(&context).await.unwrap();
    }
    let look = async || {
        let seen = engine::observe(&components, &context, &Limits::default())
            .await
            .unwrap();
        engine::plan(&components, &[], &seen, &[]).unwrap()
    };
    assert!(look().await.is_empty());
    role(&context).delete("", &context).await.unwrap();
    let before = role_of(&account, &function).await;
    let plan = look().await;
    expect![[r"
        create executor_role
        update(Role: a role of this name that is gone → arn:aws:iam::ACCOUNT:role/kairos/Acme-us-east-1-ExecutorRole) executor_function after create executor_role
    "]]
    .assert_eq(&plan.to_string().replace(&context.names.place.account, "ACCOUNT"));
    let run = Run {
        context: context.clone(),
        limits: Limits::default(),
        pace: Pace::default(),
    };
    let report = engine::execute(&plan, &run).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(role_of(&account, &function).await, before);
    assert!(look().await.is_empty());
}

async fn role_of(account: &Account, function: &Function) -> Option<String> {
    let call = account
        .lambda()
        .get_function_configuration()
        .function_name(&function.name);
    call.send().await.unwrap().role
}
