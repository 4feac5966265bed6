//! What others do to the stage, its deployment and the mapping on a domain.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use terraform_provider_kairos::stack::kind::{Extras, Held, Kind, Owner, Ref};
use terraform_provider_kairos::stack::kinds::api_mapping::ApiMapping;
use terraform_provider_kairos::stack::kinds::stage::{ACCESS_LOG_FORMAT, Stage};

use crate::api::{deployment, prod, replace, rest_api};
use crate::common::{read, stack};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

#[tokio::test]
async fn what_others_do_to_the_stage_is_told_and_mended() {
    let (account, context) = stack();
    let api = rest_api(&context);
    let held = api.create(&context).await.unwrap();
    context.learn("rest_api", &held.id);
    deployment(&api).create(&context).await.unwrap();
    let wanted = prod(&context, &api);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let gateway = account.apigateway();
    let patch = |path: &str, value: &str| {
        let call = gateway.update_stage().rest_api_id(&held.id).stage_name("prod");
        call.patch_operations(replace(path, value)).send()
    };
    let cases = [
        ("/description", "Otra", "Description: Otra → Kairos"),
        (
            "/*/*/throttling/rateLimit",
            "1.5",
            "MethodSettings.ThrottlingRateLimit: 1.5 → 10.0",
        ),
        (
            "/*/*/throttling/burstLimit",
            "1",
            "MethodSettings.ThrottlingBurstLimit: 1 → 20",
        ),
        (
            "/*/*/metrics/enabled",
            "false",
            "MethodSettings.MetricsEnabled: false → true",
        ),
        (
            "/*/*/logging/loglevel",
            "INFO",
            "MethodSettings.LoggingLevel: INFO → OFF",
        ),
        (
            "/*/*/logging/dataTrace",
            "true",
            "MethodSettings.DataTraceEnabled: true → false",
        ),
        ("/tracingEnabled", "false", "TracingEnabled: false → true"),
        ("/cacheClusterEnabled", "true", "CacheClusterEnabled: true → false"),
    ];
    for (path, value, told) in cases {
        drift.by_hand(told, patch(path, value)).await;
    }
    let told = "AccessLogSetting.DestinationArn: arn:aws:logs:us-east-1:{account}:log-group:/otro → \
                arn:aws:logs:us-east-1:{account}:log-group:/aws/apigateway/Acme/access";
    let group = context.names.log_group_arn("/otro");
    drift
        .by_hand(told, patch("/accessLogSettings/destinationArn", &group))
        .await;
    let told = format!("AccessLogSetting.Format: $context.requestId → {ACCESS_LOG_FORMAT}");
    drift
        .by_hand(&told, patch("/accessLogSettings/format", "$context.requestId"))
        .await;
    let theirs = gateway.create_deployment().rest_api_id(&held.id).description("by hand");
    let theirs = theirs.send().await.unwrap().id.unwrap();
    let told = format!("Deployment: {theirs} → {}", wanted.shape);
    drift.by_hand(&told, patch("/deploymentId", &theirs)).await;
    let arn = format!("arn:aws:apigateway:us-east-1::/restapis/{}/stages/prod", held.id);
    let call = gateway.tag_resource().resource_arn(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = gateway.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let mut extras = Extras::default();
    for setting in [
        "CacheClusterEnabled",
        "CanarySetting",
        "MethodSettings.LoggingLevel",
        "MethodSettings.DataTraceEnabled",
    ] {
        extras.note(setting, "otro", "");
    }
    let other = Stage {
        rest_api: Ref::to("otra"),
        name: "otro".into(),
        description: String::new(),
        shape: "otra".into(),
        access_log: None,
        access_log_format: None,
        throttle_rate: None,
        throttle_burst: None,
        metrics: false,
        tracing: false,
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["StageName", "CanarySetting"]);
}

#[tokio::test]
async fn a_deployment_that_others_took_away_or_renamed_is_made_again() {
    let (account, context) = stack();
    let api = rest_api(&context);
    let held = api.create(&context).await.unwrap();
    context.learn("rest_api", &held.id);
    let wanted = deployment(&api);
    let drift = Drift::of(&context, wanted.clone()).await;
    let gateway = account.apigateway();
    let by_hand = gateway.create_deployment().rest_api_id(&held.id).description("by hand");
    drift.beside("a deployment of somebody else", by_hand.send()).await;
    let call = gateway
        .update_deployment()
        .rest_api_id(&held.id)
        .deployment_id(drift.id());
    let call = call.patch_operations(replace("/description", "kairos otra"));
    call.send().await.unwrap();
    let observed = wanted.observe(&context).await.unwrap().unwrap();
    let changes = wanted.diff(&observed.value);
    assert_eq!(changes[0].to_string(), format!("Shape: otra → {}", wanted.shape));
    wanted.update(&observed, &changes, &context).await.unwrap();
    let again = read(&context, &wanted).await;
    assert_ne!(again.id, drift.id());
    let left = gateway.get_deployments().rest_api_id(&held.id).send().await.unwrap();
    assert_eq!(left.items().len(), 2, "ours and theirs");
}

#[tokio::test]
async fn what_others_do_to_the_mapping_is_told_and_mended() {
    let (account, context) = stack();
    let api = rest_api(&context);
    let held = api.create(&context).await.unwrap();
    context.learn("rest_api", &held.id);
    deployment(&api).create(&context).await.unwrap();
    let prod = prod(&context, &api);
    prod.create(&context).await.unwrap();
    Stage {
        name: "otro".into(),
        ..prod
    }
    .create(&context)
    .await
    .unwrap();
    let domain = account.apigateway().create_domain_name().domain_name("api.example.com");
    domain.send().await.unwrap();
    let wanted = ApiMapping {
        domain: "api.example.com".into(),
        key: "cron".into(),
        rest_api: Ref::to("rest_api"),
        stage: "prod".into(),
    };
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let gateway = account.apigatewayv2();
    let id = drift.id().split_once('/').unwrap().1.to_owned();
    let update = || {
        let call = gateway
            .update_api_mapping()
            .domain_name("api.example.com")
            .api_mapping_id(&id);
        call.api_id(&held.id)
    };
    drift
        .by_hand("ApiMappingKey: otra → cron", update().api_mapping_key("otra").send())
        .await;
    drift.by_hand("Stage: otro → prod", update().stage("otro").send()).await;

    // Pointed to an API that is there, it is theirs; to one that is gone, it is nobody's, and ours to take.
    let theirs = account
        .apigateway()
        .create_rest_api()
        .name("Otra")
        .send()
        .await
        .unwrap();
    let (theirs, key) = (theirs.id.unwrap(), "cron");
    let call = account
        .apigateway()
        .create_deployment()
        .rest_api_id(&theirs)
        .stage_name("prod");
    call.send().await.unwrap();
    update().api_id(&theirs).api_mapping_key(key).send().await.unwrap();
    let owner = |held: Option<Held<ApiMapping>>| held.unwrap().owner;
    assert_eq!(owner(wanted.observe(&context).await.unwrap()), Owner::Foreign(None));
    assert!(
        wanted
            .create(&context)
            .await
            .unwrap_err()
            .to_string()
            .contains("not this stack's")
    );
    account
        .apigateway()
        .delete_rest_api()
        .rest_api_id(&theirs)
        .send()
        .await
        .unwrap();
    let told = format!("ApiId: {theirs} → rest_api");
    drift
        .by_hand(&told, async { Ok::<_, std::convert::Infallible>(()) })
        .await;

    let other = ApiMapping {
        domain: "otro.example.com".into(),
        key: String::new(),
        rest_api: Ref::to("otra"),
        stage: "otro".into(),
    };
    drift.shows_everything(&other, &["DomainName"]);
}
