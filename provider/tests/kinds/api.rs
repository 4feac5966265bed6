//! The life of the REST API with its deployment and stage, and of its mapping on a domain; what others do to the API.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;

use aws_sdk_apigateway::types::{Op, PatchOperation};
use expect_test::expect;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Extras, Kind, Ref};
use terraform_provider_kairos::stack::kinds::api_mapping::{self, ApiMapping};
use terraform_provider_kairos::stack::kinds::deployment::Deployment;
use terraform_provider_kairos::stack::kinds::rest_api::{RestApi, Route};
use terraform_provider_kairos::stack::kinds::stage::{self, ACCESS_LOG_FORMAT, Stage};

use crate::common::{born, changed, changed_with, gone, read, stack, tags};
use crate::drift::{Drift, RETAGGED, THEIR_TAGS, UNTAGGED, drifted_tags};

pub(crate) fn rest_api(context: &Context) -> RestApi {
    let route = Route::proxy(context.names.function_arn(&context.names.api_function()));
    RestApi {
        name: "AcmeApi".into(),
        description: "Processes".into(),
        endpoint: "REGIONAL".into(),
        extras: Extras::default(),
        routes: BTreeMap::from([("ANY /".into(), route.clone()), ("ANY /{proxy+}".into(), route)]),
        tags: tags(context, "team"),
    }
}

pub(crate) fn deployment(api: &RestApi) -> Deployment {
    Deployment {
        rest_api: Ref::to("rest_api"),
        shape: api.shape(),
    }
}

pub(crate) fn prod(context: &Context, api: &RestApi) -> Stage {
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
        extras: Extras::default(),
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

pub(crate) fn replace(path: &str, value: &str) -> PatchOperation {
    PatchOperation::builder()
        .op(Op::Replace)
        .path(path)
        .value(value)
        .build()
}

/// A line about one of the two methods.
fn about(method: &str, actual: &str) -> String {
    let ours = r#"{"key_required":true,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:{account}:function:AcmeApi"}"#;
    format!("Methods.{method}: {actual} → {ours}")
}

#[tokio::test]
async fn what_others_do_to_the_rest_api_is_told_and_mended() {
    let (account, context) = stack();
    let wanted = rest_api(&context);
    let mut drift = Drift::of(&context, wanted.clone()).await;
    let gateway = account.apigateway();
    let id = drift.id().to_owned();
    let patch = |path: &str, value: &str| {
        let call = gateway.update_rest_api().rest_api_id(&id);
        call.patch_operations(replace(path, value)).send()
    };
    drift.by_hand("Name: Otra → AcmeApi", patch("/name", "Otra")).await;
    drift
        .by_hand("Description: Otra → Processes", patch("/description", "Otra"))
        .await;
    drift
        .by_hand(
            "ApiKeySourceType: AUTHORIZER → HEADER",
            patch("/apiKeySource", "AUTHORIZER"),
        )
        .await;

    let resources = gateway.get_resources().rest_api_id(&id).send().await.unwrap();
    let at = |path: &str| {
        let found = resources.items().iter().find(|r| r.path() == Some(path));
        found.unwrap().id().unwrap().to_owned()
    };
    let (root, below) = (at("/"), at("/{proxy+}"));
    let call = gateway
        .delete_method()
        .rest_api_id(&id)
        .resource_id(&root)
        .http_method("ANY");
    drift.by_hand(&about("ANY /", "none"), call.send()).await;
    let put = |key: bool, authorization: &str| {
        let call = gateway
            .put_method()
            .rest_api_id(&id)
            .resource_id(&below)
            .http_method("ANY");
        call.authorization_type(authorization).api_key_required(key).send()
    };
    let integrate = |uri: &str, by: &str| {
        let call = gateway
            .put_integration()
            .rest_api_id(&id)
            .resource_id(&below)
            .http_method("ANY");
        let call = call.r#type(aws_sdk_apigateway::types::IntegrationType::AwsProxy);
        call.integration_http_method(by).uri(uri).send()
    };
    let uri = |function: &str| {
        let function = context.names.function_arn(function);
        format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
    };
    let shown = |key: bool, authorization: &str, integration: &str, function: &str| {
        let function = format!("arn:aws:lambda:us-east-1:{{account}}:function:{function}");
        format!(
            r#"{{"key_required":{key},"authorization":"{authorization}","integration":"{integration}","function":"{function}"}}"#
        )
    };
    let open = async {
        put(false, "NONE").await.unwrap();
        integrate(&uri("AcmeApi"), "POST").await
    };
    let told = about("ANY /{proxy+}", &shown(false, "NONE", "AWS_PROXY", "AcmeApi"));
    drift.by_hand(&told, open).await;
    let signed = async {
        put(true, "AWS_IAM").await.unwrap();
        integrate(&uri("AcmeApi"), "POST").await
    };
    let told = about("ANY /{proxy+}", &shown(true, "AWS_IAM", "AWS_PROXY", "AcmeApi"));
    drift.by_hand(&told, signed).await;
    let told = about("ANY /{proxy+}", &shown(true, "NONE", "AWS_PROXY", "Otra"));
    drift.by_hand(&told, integrate(&uri("Otra"), "POST")).await;
    let told = about("ANY /{proxy+}", &shown(true, "NONE", "AWS_PROXY (by GET)", "AcmeApi"));
    drift.by_hand(&told, integrate(&uri("AcmeApi"), "GET")).await;
    let call = gateway
        .put_method()
        .rest_api_id(&id)
        .resource_id(&below)
        .http_method("GET");
    let call = call.authorization_type("NONE").api_key_required(false);
    let told = r#"Methods.GET /{proxy+}: {"key_required":false,"authorization":"NONE","integration":"none","function":""} → none"#;
    drift.by_hand(told, call.send()).await;

    let arn = format!("arn:aws:apigateway:us-east-1::/restapis/{id}");
    let call = gateway.tag_resource().resource_arn(&arn);
    let call = THEIR_TAGS
        .iter()
        .fold(call, |call, (key, value)| call.tags(*key, *value));
    drift.by_hand(RETAGGED, call.send()).await;
    let call = gateway.untag_resource().resource_arn(&arn).tag_keys("team");
    drift.by_hand(UNTAGGED, call.send()).await;

    let mut extras = Extras::default();
    extras.note("ApiKeySourceType", "AUTHORIZER", "HEADER");
    extras.note("BinaryMediaTypes", "image/png", "none");
    let other = RestApi {
        name: "Otra".into(),
        description: String::new(),
        endpoint: "EDGE".into(),
        routes: BTreeMap::from([("GET /{proxy+}".to_owned(), Route::proxy("otra"))]),
        tags: drifted_tags(&context),
        extras,
    };
    drift.shows_everything(&other, &["EndpointConfiguration", "BinaryMediaTypes"]);
}
