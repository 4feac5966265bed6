//! Functions: what is a difference, what is never shown, and how an update waits for Lambda.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::{Expect, expect};
use kairos_aws::Class;

use super::*;
use crate::stack::kinds::replay::{Answer, asked, context, lines, tags};

fn function() -> Function {
    Function {
        name: "AcmeExecutor".into(),
        runtime: RUNTIME.into(),
        handler: HANDLER.into(),
        description: "Starts targets".into(),
        code: Code::zip(&b"zip"[..]),
        architecture: "x86_64".into(),
        role: "arn:aws:iam::100000000001:role/Acme".into(),
        memory: 256,
        timeout: 120,
        environment: [("KAIROS_EXTERNAL_ID", "very-secret"), ("KAIROS_STACK", "Acme")]
            .into_iter()
            .collect(),
        layers: vec![],
        tracing: true,
        log_group: "/aws/lambda/AcmeExecutor".into(),
        log_level: "INFO".into(),
        reserved_concurrency: None,
        kms_key: None,
        tags: tags(),
        extras: Extras::default(),
    }
}

#[track_caller]
fn check(held: &Function, expect: &Expect) {
    expect.assert_eq(&lines(&function().diff(held)));
}

#[test]
fn every_property_that_differs_is_named() {
    check(&function(), &expect![""]);
    let held = Function {
        runtime: "provided.al2".into(),
        handler: "main".into(),
        code: Code::held("b3RoZXI="),
        architecture: "arm64".into(),
        memory: 128,
        timeout: 3,
        layers: vec!["arn:aws:lambda:us-east-1:1:layer:a:1".into()],
        tracing: false,
        log_level: "none (plain text)".into(),
        reserved_concurrency: Some(5),
        kms_key: Some("arn:aws:kms:us-east-1:100000000001:key/k".into()),
        ..function()
    };
    check(
        &held,
        &expect![[r#"
        Runtime: provided.al2 → provided.al2023
        Handler: main → bootstrap
        MemorySize: 128 → 256
        Timeout: 3 → 120
        Layers: ["arn:aws:lambda:us-east-1:1:layer:a:1"] → []
        TracingConfig: PassThrough → Active
        LoggingConfig.ApplicationLogLevel: none (plain text) → INFO
        KmsKeyArn: arn:aws:kms:us-east-1:100000000001:key/k → none
        CodeSha256: b3RoZXI= → SnD+mqZDbgLC3qNA+9HjUuTvLYzmylKtJdS5VHH8i/I=
        Architectures: arm64 → x86_64
        ReservedConcurrentExecutions: 5 → none"#]],
    );
}

#[test]
fn values_of_variables_are_compared_and_never_shown() {
    let environment = [("KAIROS_EXTERNAL_ID", "leaked-secret"), ("PASSWORD", "leaked-too")];
    let held = Function {
        environment: environment.into_iter().collect(),
        ..function()
    };
    check(
        &held,
        &expect![[r"
        Environment.KAIROS_EXTERNAL_ID: sha256:36469ac1 → sha256:b6441336
        Environment.KAIROS_STACK: none → sha256:37036cd8
        Environment.PASSWORD: sha256:0a1feb1d → none"]],
    );
    let shown = format!(
        "{held:?} {} {}",
        lines(&function().diff(&held)),
        serde_json::to_string(&held).unwrap()
    );
    assert!(!shown.contains("leaked"), "{shown}");
}

/// Changes `held` into what is wanted, on an AWS with these answers.
async fn update(held: Function, answers: &[Answer<'_>]) -> (Result<(), AwsError>, Vec<String>) {
    let (context, replay) = context(answers);
    let changes = function().diff(&held);
    let done = function().update(&Held::ours("arn", held), &changes, &context).await;
    (done, asked(&replay))
}

#[tokio::test]
async fn an_update_waits_between_configuration_and_code() {
    let held = Function {
        memory: 128,
        code: Code::held("b3RoZXI="),
        ..function()
    };
    let busy = r#"{"State":"Active","LastUpdateStatus":"InProgress"}"#;
    let done = r#"{"State":"Active","LastUpdateStatus":"Successful"}"#;
    let answers = [
        (200, "", busy),
        (200, "", busy),
        (200, "", done),
        (200, "", busy),
        (200, "", done),
    ];
    let (result, asked) = update(held, &answers).await;
    result.unwrap();
    expect![[r"
        PUT /2015-03-31/functions/AcmeExecutor/configuration
        GET /2015-03-31/functions/AcmeExecutor/configuration
        GET /2015-03-31/functions/AcmeExecutor/configuration
        PUT /2015-03-31/functions/AcmeExecutor/code
        GET /2015-03-31/functions/AcmeExecutor/configuration"]]
    .assert_eq(&asked.join("\n"));
}

#[tokio::test]
async fn an_update_in_progress_is_awaited_and_a_failed_one_says_why() {
    let held = Function {
        memory: 128,
        ..function()
    };
    let message =
        "{\"Message\":\"The operation cannot be performed at this time. An update is in progress for resource: arn\"}";
    let (result, _) = update(held.clone(), &[(409, "ResourceConflictException", message)]).await;
    let error = result.unwrap_err();
    assert!(Function::settling(&error), "{error}");

    let failed = r#"{"State":"Active","LastUpdateStatus":"Failed","LastUpdateStatusReason":"The key is disabled"}"#;
    let (result, _) = update(held, &[(200, "", "{}"), (200, "", failed)]).await;
    let error = result.unwrap_err();
    assert!(!Function::settling(&error));
    expect![[r#"UpdateFunctionConfiguration of "AcmeExecutor" failed: The key is disabled"#]]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_role_that_lambda_does_not_know_yet_is_propagation() {
    let message = r#"{"Message":"The role defined for the function cannot be assumed by Lambda."}"#;
    let (context, _) = context(&[(400, "InvalidParameterValueException", message)]);
    let error = function().create(&context).await.unwrap_err();
    assert_eq!((error.class, Function::settling(&error)), (Class::Propagation, false));
}

#[tokio::test]
async fn a_key_that_does_not_know_the_role_yet_is_settling() {
    let message =
        r#"{"Message":"KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid principal"}"#;
    let (context, _) = context(&[(400, "InvalidParameterValueException", message)]);
    assert!(Function::settling(&function().create(&context).await.unwrap_err()));
}

#[tokio::test]
async fn an_environment_that_lambda_quotes_stays_hidden() {
    let message = r#"{"Message":"Value '{KAIROS_EXTERNAL_ID=very-secret}' at 'environment.variables' is too long"}"#;
    let (context, _) = context(&[(400, "InvalidParameterValueException", message)]);
    let error = function().create(&context).await.unwrap_err();
    expect![[r#"CreateFunction of "AcmeExecutor" failed: InvalidParameterValueException: Value '{KAIROS_EXTERNAL_ID=***}' at 'environment.variables' is too long"#]].assert_eq(&error.to_string());
}

#[tokio::test]
async fn a_deletion_waits_until_the_function_is_gone() {
    let gone = (404, "ResourceNotFoundException", r#"{"Message":"Function not found"}"#);
    let (context, replay) = context(&[(204, "", ""), (200, "", r#"{"State":"Deleting"}"#), gone]);
    function().delete("arn", &context).await.unwrap();
    assert_eq!(asked(&replay).len(), 3);
}

#[tokio::test]
async fn a_role_that_was_deleted_and_made_again_is_left_and_taken_up() {
    let wanted = Function {
        role: "arn:aws:iam::100000000001:role/kairos/Acme-us-east-1-ExecutorRole".into(),
        ..function()
    };
    let change = wanted.rebinding(Role::TYPE).unwrap();
    assert_eq!(wanted.rebinding("AWS::Logs::LogGroup"), None);
    let done = (200, "", r#"{"State":"Active","LastUpdateStatus":"Successful"}"#);
    let (context, replay) = context(&[(200, "", "{}"), done, (200, "", "{}"), done]);
    let held = Held::ours("arn", wanted.clone());
    wanted.update(&held, &[change], &context).await.unwrap();
    let role = |request: usize| crate::stack::kinds::replay::sent(&replay, request);
    assert_eq!(
        [role(0), role(2)].map(|sent| sent["Role"].clone()),
        [
            "arn:aws:iam::100000000001:role/kairos/Acme-us-east-1-DispatcherRole",
            "arn:aws:iam::100000000001:role/kairos/Acme-us-east-1-ExecutorRole",
        ]
    );
}

#[test]
fn what_others_hung_on_a_function_shows_and_is_reset() {
    let configuration = aws_sdk_lambda::types::FunctionConfiguration::builder()
        .file_system_configs(
            aws_sdk_lambda::types::FileSystemConfig::builder()
                .arn("arn:aws:elasticfilesystem:us-east-1:100000000001:access-point/fsap-1")
                .local_mount_path("/mnt/x")
                .build()
                .unwrap(),
        )
        .build();
    let answer = aws_sdk_lambda::operation::get_function::GetFunctionOutput::builder();
    let held = function().held(answer.configuration(configuration).build(), tags());
    let changes = function().diff(&held);
    let mounted: Vec<&Change> = changes.iter().filter(|c| c.property == "FileSystemConfigs").collect();
    expect!["FileSystemConfigs: arn:aws:elasticfilesystem:us-east-1:100000000001:access-point/fsap-1 → none"]
        .assert_eq(&mounted[0].to_string());
    assert!(touches(&changes, CONFIGURATION));
}
