//! How functions are invoked: what becomes of failed events, the queue that feeds one, and who else may.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_sdk_lambda::types::{
    DestinationConfig, Filter, FilterCriteria, FunctionResponseType, OnFailure, OnSuccess, ScalingConfig,
};
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Extras, Kind, Ref};
use terraform_provider_kairos::stack::kinds::event_invoke::EventInvoke;
use terraform_provider_kairos::stack::kinds::event_source::EventSource;
use terraform_provider_kairos::stack::kinds::function::Function;
use terraform_provider_kairos::stack::kinds::permission::Permission;

use crate::common::{born, changed, gone, read, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};
use crate::function::made_function;

#[tokio::test]
async fn an_event_invoke_configuration_lives() {
    let (_, context) = stack();
    let function = made_function(&context, context.names.dispatcher_function()).await;
    let first = EventInvoke {
        function: function.name,
        retries: 2,
        max_age: 3600,
        on_failure: Some(context.names.queue_arn(&context.names.dispatcher_dlq())),
        extras: Extras::default(),
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
        extras: Extras::default(),
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
        extras: Extras::default(),
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
async fn what_others_do_to_an_event_invoke_configuration_is_told_and_mended() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.dispatcher_function()).await;
    let wanted = EventInvoke {
        function: function.name.clone(),
        retries: 2,
        max_age: 3600,
        on_failure: Some(context.names.queue_arn(&context.names.dispatcher_dlq())),
        extras: Extras::default(),
    };
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let lambda = account.lambda();
    let (ours, theirs) = (
        context.names.queue_arn(&context.names.dispatcher_dlq()),
        context.names.queue_arn("Otra"),
    );
    let on_failure = |arn: &str| DestinationConfig::builder().on_failure(OnFailure::builder().destination(arn).build());
    let put = || {
        let call = lambda.put_function_event_invoke_config().function_name(&function.name);
        let call = call.maximum_retry_attempts(2).maximum_event_age_in_seconds(3600);
        call.destination_config(on_failure(&ours).build())
    };
    let on_success = on_failure(&ours).on_success(OnSuccess::builder().destination(&theirs).build());
    let cases = [
        (put().maximum_retry_attempts(0), "MaximumRetryAttempts: 0 → 2"),
        (
            put().maximum_event_age_in_seconds(60),
            "MaximumEventAgeInSeconds: 60 → 3600",
        ),
        (
            put().destination_config(on_failure(&theirs).build()),
            "DestinationConfig.OnFailure: arn:aws:sqs:us-east-1:{account}:Otra → arn:aws:sqs:us-east-1:{account}:AcmeDispatcherDeadLetterQueue",
        ),
        (
            put().destination_config(on_success.build()),
            "DestinationConfig.OnSuccess: arn:aws:sqs:us-east-1:{account}:Otra → none",
        ),
    ];
    for (call, told) in cases {
        drift.by_hand(told, call.send()).await;
    }
    let mut extras = Extras::default();
    extras.note("DestinationConfig.OnSuccess", theirs, "none");
    let other = EventInvoke {
        function: "Otra".into(),
        retries: 0,
        max_age: 60,
        on_failure: None,
        extras,
    };
    drift.shows_everything(&other, &["FunctionName"]);
}

fn event_source(context: &Context, function: String) -> EventSource {
    EventSource {
        function,
        queue: context.names.queue_arn(&context.names.queue()),
        batch_size: 10,
        window: 0,
        report_failures: true,
        maximum_concurrency: Some(2),
        enabled: true,
        tags: tags(context, "team"),
        extras: Extras::default(),
    }
}

#[tokio::test]
async fn what_others_do_to_an_event_source_is_told_and_mended() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.executor_function()).await;
    let theirs = Function {
        name: "Otra".into(),
        ..function.clone()
    };
    theirs.create(&context).await.unwrap();
    let queue = account.sqs().create_queue().queue_name(context.names.queue());
    queue.send().await.unwrap();
    let mut drift = Drift::of(&context, event_source(&context, function.name)).await;
    let lambda = account.lambda();
    let id = drift.id().to_owned();
    let update = || lambda.update_event_source_mapping().uuid(&id);
    let filter = Filter::builder().pattern(r#"{"body":{"x":[1]}}"#).build();
    let cases = [
        (update().batch_size(1), "BatchSize: 1 → 10"),
        (
            update().maximum_batching_window_in_seconds(300),
            "MaximumBatchingWindowInSeconds: 300 → 0",
        ),
        (
            update().set_function_response_types(Some(Vec::<FunctionResponseType>::new())),
            "FunctionResponseTypes: none → ReportBatchItemFailures",
        ),
        (
            update().scaling_config(ScalingConfig::builder().maximum_concurrency(1000).build()),
            "MaximumConcurrency: 1000 → 2",
        ),
        (update().enabled(false), "Enabled: false → true"),
        (update().function_name("Otra"), "FunctionName: Otra → AcmeExecutor"),
        (
            update().filter_criteria(FilterCriteria::builder().filters(filter).build()),
            r#"FilterCriteria: {"body":{"x":[1]}} → none"#,
        ),
    ];
    for (call, told) in cases {
        drift.by_hand(told, call.send()).await;
    }
    let arn = context.names.arn("lambda", &format!("event-source-mapping:{id}"));
    let call = lambda.tag_resource().resource(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = lambda.untag_resource().resource(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let mut extras = Extras::default();
    extras.note("FilterCriteria", "{}", "none");
    let other = EventSource {
        function: "Otra".into(),
        queue: context.names.queue_arn("Otra"),
        batch_size: 1,
        window: 300,
        report_failures: false,
        maximum_concurrency: None,
        enabled: false,
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["EventSourceArn"]);
}

#[tokio::test]
async fn another_consumer_of_the_queue_is_left_alone() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.executor_function()).await;
    let theirs = Function {
        name: "Otra".into(),
        ..function.clone()
    };
    theirs.create(&context).await.unwrap();
    let queue = account.sqs().create_queue().queue_name(context.names.queue());
    queue.send().await.unwrap();
    let lambda = account.lambda();
    let wanted = event_source(&context, function.name);
    let call = lambda.create_event_source_mapping().function_name("Otra");
    let made = call
        .event_source_arn(&wanted.queue)
        .enabled(false)
        .send()
        .await
        .unwrap();
    assert_eq!(wanted.observe(&context).await.unwrap(), None, "it is not ours");
    let ours = wanted.create(&context).await.unwrap();
    assert_eq!(read(&context, &wanted).await.id, ours.id);
    wanted.delete(&ours.id, &context).await.unwrap();
    let left = lambda
        .get_event_source_mapping()
        .uuid(made.uuid().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(left.function_arn(), Some(context.names.function_arn("Otra").as_str()));
}

#[tokio::test]
async fn what_others_do_to_a_permission_is_told_and_mended() {
    let (account, context) = stack();
    let function = made_function(&context, context.names.api_function()).await;
    context.learn("rest_api", "api1");
    let wanted = Permission {
        function: function.name.clone(),
        statement_id: "KairosApi".into(),
        rest_api: Ref::to("rest_api"),
        stage: "prod".into(),
        extras: Extras::default(),
    };
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let lambda = account.lambda();
    let source = |resource: &str| context.names.arn("execute-api", resource);
    let again = |source: Option<String>, principal: &str, action: &str| {
        let remove = lambda
            .remove_permission()
            .function_name(&function.name)
            .statement_id("KairosApi");
        let add = lambda
            .add_permission()
            .function_name(&function.name)
            .statement_id("KairosApi");
        let add = add.set_source_arn(source).principal(principal).action(action);
        async move {
            remove.send().await.unwrap();
            add.send().await
        }
    };
    let (gateway, invoke) = ("apigateway.amazonaws.com", "lambda:InvokeFunction");
    let ours = Some(source("api1/prod/*"));
    let cases = [
        (
            Some(source("api2/prod/*")),
            gateway,
            invoke,
            "SourceArn: api2/prod → rest_api/prod",
        ),
        (
            Some(source("api1/otro/*")),
            gateway,
            invoke,
            "SourceArn: rest_api/otro → rest_api/prod",
        ),
        (None, gateway, invoke, "SourceArn: any → rest_api/prod"),
        (
            ours.clone(),
            "s3.amazonaws.com",
            invoke,
            r#"Principal: {"Service":"s3.amazonaws.com"} → {"Service":"apigateway.amazonaws.com"}"#,
        ),
        (
            ours,
            gateway,
            "lambda:GetFunction",
            "Action: lambda:GetFunction → lambda:InvokeFunction",
        ),
    ];
    for (source, principal, action, told) in cases {
        drift.by_hand(told, again(source, principal, action)).await;
    }
    let mut extras = Extras::default();
    for part in ["Effect", "Principal", "Action", "Resource", "Condition"] {
        extras.note(part, "otro", "");
    }
    let other = Permission {
        function: "Otra".into(),
        statement_id: "Otra".into(),
        rest_api: Ref::to("otra"),
        stage: "otro".into(),
        extras,
    };
    // AddPermission writes no other effect, resource or kind of condition.
    drift.shows_everything(
        &other,
        &["FunctionName", "StatementId", "Effect", "Resource", "Condition"],
    );
}
