//! The life of roles, functions and everything that the HTTP API hangs on, on a local AWS: created, read back, changed,
//! deleted.
//!
//! Each test works in an account of its own; what differs on the way is shown in words.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};

use acceptance::Account;
use acceptance::ministack::{MiniStack, Options};
use expect_test::{Expect, expect};
use kairos::names::{Names, Place};
use serde_json::json;
use terraform_provider_kairos::stack::context::{Clients, Context};
use terraform_provider_kairos::stack::kind::{Held, Kind, Owner, Ref, Tags};
use terraform_provider_kairos::stack::kinds::api_key::{self, ApiKey};
use terraform_provider_kairos::stack::kinds::api_mapping::{self, ApiMapping};
use terraform_provider_kairos::stack::kinds::deployment::Deployment;
use terraform_provider_kairos::stack::kinds::event_invoke::EventInvoke;
use terraform_provider_kairos::stack::kinds::event_source::EventSource;
use terraform_provider_kairos::stack::kinds::function::{Code, Function, HANDLER, RUNTIME};
use terraform_provider_kairos::stack::kinds::permission::Permission;
use terraform_provider_kairos::stack::kinds::rest_api::{RestApi, Route};
use terraform_provider_kairos::stack::kinds::role::Role;
use terraform_provider_kairos::stack::kinds::stage::{self, ACCESS_LOG_FORMAT, Stage};
use terraform_provider_kairos::stack::kinds::usage_plan::{ApiStage, UsagePlan};
use terraform_provider_kairos::stack::kinds::usage_plan_key::UsagePlanKey;
use terraform_provider_kairos::stack::policy::PolicyDocument;

/// An account of its own, and the stack `Acme` in it.
fn stack() -> (Account, Context) {
    let account = MiniStack::shared(Options::default()).unwrap().account();
    let context = named(&account, "Acme");
    (account, context)
}

fn named(account: &Account, app: &str) -> Context {
    let place = Place {
        partition: "aws".into(),
        account: account.id.clone(),
        region: account.region.clone(),
    };
    Context::new(Names::new(app, place), Clients::new(&account.sdk_config()))
}

/// The tags of a stack's objects, with one of the user's.
fn tags(context: &Context, key: &str) -> Tags {
    Tags::from([
        (Names::OWNER_TAG.into(), context.names.owner()),
        (key.into(), "data".into()),
    ])
}

/// Creates an object, twice as after a lost answer, and reads it back; `component` is how others refer to it.
async fn born<K: Kind>(context: &Context, component: &str, wanted: &K) -> Held<K> {
    assert_eq!(wanted.observe(context).await.unwrap(), None, "nothing is there before");
    let created = wanted.create(context).await.unwrap();
    if let Some(id) = wanted.known_id(context) {
        assert_eq!(created.id, id, "the id was known before");
    }
    let held = read(context, wanted).await;
    assert_eq!(held.id, created.id);
    let again = wanted.create(context).await.unwrap();
    assert_eq!(again.id, created.id, "a create whose answer was lost may be made again");
    context.learn(component, &created.id);
    read(context, wanted).await
}

/// Reads an object that is ours and as it is wanted.
async fn read<K: Kind>(context: &Context, wanted: &K) -> Held<K> {
    let held = wanted.observe(context).await.unwrap().unwrap();
    assert_eq!(held.owner, Owner::Ours);
    assert_eq!(wanted.diff(&held.value), [], "what is there is what was wanted");
    held
}

/// Changes an object into `wanted`; `expect` shows what differs before.
async fn changed<K: Kind>(context: &Context, wanted: &K, expect: Expect) -> Held<K> {
    changed_with(context, wanted, &[], expect).await
}

/// The same, with other words for texts that differ from run to run.
async fn changed_with<K: Kind>(context: &Context, wanted: &K, words: &[(&str, &str)], expect: Expect) -> Held<K> {
    let held = wanted.observe(context).await.unwrap().unwrap();
    let changes = wanted.diff(&held.value);
    let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let mut text = lines.join("\n").replace(&context.names.place.account, "ACCOUNT");
    for (text_of_this_run, word) in words {
        text = text.replace(text_of_this_run, word);
    }
    expect.assert_eq(&text);
    wanted.update(&held, &changes, context).await.unwrap();
    read(context, wanted).await
}

/// Deletes an object, twice.
async fn gone<K: Kind>(context: &Context, wanted: &K, id: &str) {
    wanted.delete(id, context).await.unwrap();
    assert_eq!(wanted.observe(context).await.unwrap(), None, "nothing is there after");
    wanted.delete(id, context).await.unwrap();
}

fn allow(action: &str) -> PolicyDocument {
    PolicyDocument::new([json!({ "Effect": "Allow", "Action": [action], "Resource": "*" })])
}

fn trust(service: &str) -> PolicyDocument {
    let principal = json!({ "Service": service });
    PolicyDocument::new([json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" })])
}

fn role(context: &Context) -> Role {
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

/// A zip with a program of one line.
fn code(line: &str) -> Code {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    zip.start_file("bootstrap", options).unwrap();
    zip.write_all(format!("#!/bin/sh\n{line}\n").as_bytes()).unwrap();
    Code::zip(zip.finish().unwrap().into_inner())
}

fn function(context: &Context, name: String) -> Function {
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
        tags: tags(context, "team"),
        name,
    }
}

/// The function that others stand on, with its role.
async fn made_function(context: &Context, name: String) -> Function {
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
async fn an_event_invoke_configuration_lives() {
    let (_, context) = stack();
    let function = made_function(&context, context.names.dispatcher_function()).await;
    let first = EventInvoke {
        function: function.name,
        retries: 2,
        max_age: 3600,
        on_failure: Some(context.names.queue_arn(&context.names.dispatcher_dlq())),
    };
    born(&context, "dispatcher_invoke_config", &first).await;
    let second = EventInvoke {
        retries: 0,
        max_age: 60,
        on_failure: None,
        ..first
    };
    let held = changed(
        &context,
        &second,
        expect![[r"
            MaximumRetryAttempts: 2 → 0
            MaximumEventAgeInSeconds: 3600 → 60
            DestinationConfig.OnFailure: arn:aws:sqs:us-east-1:ACCOUNT:AcmeDispatcherDeadLetterQueue → none"]],
    )
    .await;
    gone(&context, &second, &held.id).await;
}

#[tokio::test]
async fn an_event_source_lives() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.executor_function()).await;
    account
        .sqs()
        .create_queue()
        .queue_name(context.names.queue())
        .send()
        .await
        .unwrap();
    let first = EventSource {
        function: function.name,
        queue: context.names.queue_arn(&context.names.queue()),
        batch_size: 10,
        window: 0,
        report_failures: true,
        maximum_concurrency: Some(2),
        enabled: true,
        tags: tags(&context, "team"),
    };
    let mapping = first.create(&context).await.unwrap();
    read(&context, &first).await;
    let second = EventSource {
        batch_size: 100,
        window: 5,
        report_failures: false,
        maximum_concurrency: None,
        enabled: false,
        tags: tags(&context, "cost"),
        ..first
    };
    let held = changed(
        &context,
        &second,
        expect![[r"
        BatchSize: 10 → 100
        MaximumBatchingWindowInSeconds: 0 → 5
        FunctionResponseTypes: ReportBatchItemFailures → none
        MaximumConcurrency: 2 → none
        Enabled: true → false
        Tags.cost: none → data
        Tags.team: data → none"]],
    )
    .await;
    assert_eq!(held.id, mapping.id);
    gone(&context, &second, &held.id).await;
}

fn rest_api(context: &Context) -> RestApi {
    let route = Route::proxy(context.names.function_arn(&context.names.api_function()));
    RestApi {
        name: "AcmeApi".into(),
        description: "Processes".into(),
        endpoint: "REGIONAL".into(),
        routes: BTreeMap::from([("ANY /".into(), route.clone()), ("ANY /{proxy+}".into(), route)]),
        tags: tags(context, "team"),
    }
}

fn deployment(api: &RestApi) -> Deployment {
    Deployment {
        rest_api: Ref::to("rest_api"),
        shape: api.shape(),
    }
}

fn prod(context: &Context, api: &RestApi) -> Stage {
    Stage {
        rest_api: Ref::to("rest_api"),
        name: "prod".into(),
        description: "Kairos".into(),
        shape: api.shape(),
        access_log: Some(context.names.log_group_arn(&context.names.access_logs())),
        access_log_format: Some(ACCESS_LOG_FORMAT.into()),
        throttle_rate: Some(10.0),
        throttle_burst: Some(20),
        metrics: true,
        tracing: true,
        tags: tags(context, "team"),
    }
}

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

fn key(context: &Context) -> ApiKey {
    ApiKey {
        name: "AcmeKey".into(),
        description: "Kairos".into(),
        enabled: true,
        tags: tags(context, "team"),
    }
}

#[tokio::test]
async fn a_rest_api_lives_with_its_deployment_and_stage() {
    let (_, context) = stack();
    let first = rest_api(&context);
    let api = born(&context, "rest_api", &first).await;
    let deployed = born(&context, "deployment", &deployment(&first)).await;
    let first_stage = prod(&context, &first);
    born(&context, "stage", &first_stage).await;

    let mut second = RestApi {
        description: "Runs".into(),
        tags: tags(&context, "cost"),
        ..first.clone()
    };
    second.routes.remove("ANY /");
    let route = Route {
        key_required: false,
        ..Route::proxy(context.names.function_arn("Other"))
    };
    second.routes.insert("ANY /{proxy+}".into(), route.clone());
    second.routes.insert("GET /salud/viva".into(), route);
    let held = changed(&context, &second, expect![[r#"
        Description: Processes → Runs
        Methods.ANY /: {"key_required":true,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:ACCOUNT:function:AcmeApi"} → none
        Methods.ANY /{proxy+}: {"key_required":true,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:ACCOUNT:function:AcmeApi"} → {"key_required":false,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:ACCOUNT:function:Other"}
        Methods.GET /salud/viva: none → {"key_required":false,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:ACCOUNT:function:Other"}
        Tags.cost: none → data
        Tags.team: data → none"#]]).await;
    assert_eq!(held.id, api.id);
    let (old, new) = (first.shape(), second.shape());
    let words = [(old.as_str(), "OLD"), (new.as_str(), "NEW")];
    let redeployed = changed_with(&context, &deployment(&second), &words, expect!["Shape: OLD → NEW"]).await;
    assert_ne!(
        redeployed.id, deployed.id,
        "a deployment is a snapshot: another shape is another one"
    );
    let second_stage = Stage {
        description: "Other".into(),
        shape: new.clone(),
        access_log: None,
        access_log_format: None,
        throttle_rate: None,
        throttle_burst: Some(7),
        metrics: false,
        tracing: false,
        tags: tags(&context, "cost"),
        ..first_stage
    };
    // The deployment that it served is gone here already; AWS keeps it until the stage is moved.
    let words = [
        (old.as_str(), "OLD"),
        (deployed.id.as_str(), "OLD"),
        (new.as_str(), "NEW"),
    ];
    let held = changed_with(&context, &second_stage, &words, expect![[r#"
        Description: Kairos → Other
        Deployment: OLD → NEW
        AccessLogSetting.DestinationArn: arn:aws:logs:us-east-1:ACCOUNT:log-group:/aws/apigateway/Acme/access → none
        AccessLogSetting.Format: {"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","ip":"$context.identity.sourceIp","apiKeyId":"$context.identity.apiKeyId","requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","resourcePath":"$context.resourcePath","status":"$context.status","protocol":"$context.protocol","responseLength":"$context.responseLength","responseLatency":"$context.responseLatency","integrationStatus":"$context.integration.status","errorType":"$context.error.responseType"} → none
        MethodSettings.ThrottlingRateLimit: 10.0 → none
        MethodSettings.ThrottlingBurstLimit: 20 → 7
        MethodSettings.MetricsEnabled: true → false
        TracingEnabled: true → false
        Tags.cost: none → data
        Tags.team: data → none"#]]).await;

    gone(&context, &second_stage, &held.id).await;
    gone(&context, &deployment(&second), &redeployed.id).await;
    gone(&context, &second, &api.id).await;
    context.forget("rest_api");
    assert_eq!(
        second_stage.observe(&context).await.unwrap(),
        None,
        "what it hangs on is gone"
    );
}

#[tokio::test]
async fn of_two_rest_apis_of_ours_the_oldest_stays() {
    let (account, context) = stack();
    let api = rest_api(&context);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let call = account.apigateway().create_rest_api().name(&api.name);
        let made = call
            .set_tags(Some(api.tags.clone().into_iter().collect()))
            .send()
            .await
            .unwrap();
        ids.push((made.created_date.unwrap().secs(), made.id.unwrap()));
    }
    ids.sort();
    let held = api.create(&context).await.unwrap();
    assert_eq!(held.id, ids[0].1);
    read(&context, &api).await;
    let left = account
        .apigateway()
        .get_rest_apis()
        .send()
        .await
        .unwrap()
        .items
        .unwrap();
    assert_eq!(left.len(), 1);
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
async fn a_permission_lives_and_follows_its_api() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.api_function()).await;
    let add = account
        .lambda()
        .add_permission()
        .function_name(&function.name)
        .statement_id("Others");
    add.principal("s3.amazonaws.com")
        .action("lambda:InvokeFunction")
        .send()
        .await
        .unwrap();
    let permission = Permission {
        function: function.name.clone(),
        statement_id: "KairosApi".into(),
        rest_api: Ref::to("rest_api"),
        stage: "prod".into(),
    };
    assert_eq!(
        permission.observe(&context).await.unwrap(),
        None,
        "nothing without its API"
    );
    assert!(
        permission
            .create(&context)
            .await
            .unwrap_err()
            .to_string()
            .contains("\"rest_api\"")
    );
    context.learn("rest_api", "api1");
    let held = born(&context, "api_permission", &permission).await;
    context.learn("rest_api", "api2");
    changed(&context, &permission, expect!["SourceArn: api1/prod → rest_api/prod"]).await;
    gone(&context, &permission, &held.id).await;
    let policy = account
        .lambda()
        .get_policy()
        .function_name(&function.name)
        .send()
        .await
        .unwrap()
        .policy
        .unwrap();
    assert!(policy.contains("Others"), "{policy}");
}

#[tokio::test]
async fn a_mapping_lives_on_the_users_domain() {
    let (account, context) = stack();
    let api = rest_api(&context);
    born(&context, "rest_api", &api).await;
    deployment(&api).create(&context).await.unwrap();
    prod(&context, &api).create(&context).await.unwrap();
    assert_eq!(api_mapping::domain(&context, "api.example.com").await.unwrap(), None);
    let domain = account.apigateway().create_domain_name().domain_name("api.example.com");
    let regional = aws_sdk_apigateway::types::EndpointConfiguration::builder()
        .types(aws_sdk_apigateway::types::EndpointType::Regional)
        .build();
    domain.endpoint_configuration(regional).send().await.unwrap();
    assert!(
        api_mapping::domain(&context, "api.example.com")
            .await
            .unwrap()
            .unwrap()
            .is_regional()
    );

    let first = ApiMapping {
        domain: "api.example.com".into(),
        key: "cron/v1".into(),
        rest_api: Ref::to("rest_api"),
        stage: "prod".into(),
    };
    let mapping = born(&context, "api_mapping", &first).await;
    let second = ApiMapping {
        key: "cron/v2".into(),
        ..first
    };
    let held = changed(&context, &second, expect!["ApiMappingKey: cron/v1 → cron/v2"]).await;
    assert_eq!(held.id, mapping.id);
    gone(&context, &second, &held.id).await;
}

#[tokio::test]
async fn the_accounts_logging_role_is_found() {
    let (account, context) = stack();
    assert_eq!(stage::logging_role(&context).await.unwrap(), None);
    let arn = context.names.role_arn("/", "ApiGatewayLogs");
    let patch = aws_sdk_apigateway::types::PatchOperation::builder()
        .op(aws_sdk_apigateway::types::Op::Replace)
        .path("/cloudwatchRoleArn")
        .value(&arn)
        .build();
    account
        .apigateway()
        .update_account()
        .patch_operations(patch)
        .send()
        .await
        .unwrap();
    assert_eq!(stage::logging_role(&context).await.unwrap(), Some(arn));
}
