//! REST APIs: what is a difference, and how one is created once although AWS would gladly create two.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::{Expect, expect};

use super::*;
use crate::stack::kinds::replay::{asked, context, lines, tags};

fn api() -> RestApi {
    let route = Route::proxy("arn:aws:lambda:us-east-1:100000000001:function:AcmeApi");
    RestApi {
        name: "AcmeApi".into(),
        description: "Processes".into(),
        endpoint: "REGIONAL".into(),
        routes: BTreeMap::from([("ANY /".into(), route.clone()), ("ANY /{proxy+}".into(), route)]),
        tags: tags(),
        extras: Extras::default(),
    }
}

#[track_caller]
fn check(held: &RestApi, expect: &Expect) {
    expect.assert_eq(&lines(&api().diff(held)));
}

#[test]
fn every_property_that_differs_is_named() {
    check(&api(), &expect![""]);
    let open = Route {
        key_required: false,
        ..Route::proxy("arn:aws:lambda:us-east-1:100000000001:function:AcmeApi")
    };
    let held = RestApi {
        description: String::new(),
        endpoint: "EDGE".into(),
        routes: BTreeMap::from([("ANY /".into(), open.clone()), ("GET /secret".into(), open)]),
        tags: Tags::new(),
        ..api()
    };
    check(
        &held,
        &expect![[r#"
        Description:  → Processes
        EndpointConfiguration: EDGE → REGIONAL
        Methods.ANY /: {"key_required":false,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:100000000001:function:AcmeApi"} → {"key_required":true,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:100000000001:function:AcmeApi"}
        Methods.ANY /{proxy+}: none → {"key_required":true,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:100000000001:function:AcmeApi"}
        Methods.GET /secret: {"key_required":false,"authorization":"NONE","integration":"AWS_PROXY","function":"arn:aws:lambda:us-east-1:100000000001:function:AcmeApi"} → none
        Tags.kairos:stack: none → us-east-1/Acme"#]],
    );
}

#[test]
fn the_shape_is_what_a_deployment_makes_live() {
    let renamed = RestApi {
        name: "Other".into(),
        description: "Other".into(),
        tags: Tags::new(),
        ..api()
    };
    assert_eq!(renamed.shape(), api().shape());
    let fewer = RestApi {
        routes: api().routes.into_iter().take(1).collect(),
        ..api()
    };
    assert_ne!(fewer.shape(), api().shape());
}

#[tokio::test]
async fn a_throttled_create_is_sent_once_and_awaited() {
    let throttled = (429, "TooManyRequestsException", r#"{"message":"Too Many Requests"}"#);
    let (context, replay) = context(&[(200, "", r#"{"item":[]}"#), throttled]);
    let error = api().create(&context).await.unwrap_err();
    assert!(RestApi::settling(&error), "{error}");
    assert_eq!(asked(&replay), ["GET /restapis", "POST /restapis"]);
}

#[tokio::test]
async fn after_a_lost_answer_the_oldest_stays() {
    let twins = r#"{"item":[
        {"id":"younger","name":"AcmeApi","createdDate":1700000001,"tags":{"kairos:stack":"us-east-1/Acme"}},
        {"id":"oldest","name":"AcmeApi","createdDate":1700000000,"tags":{"kairos:stack":"us-east-1/Acme"}},
        {"id":"foreign","name":"AcmeApi","createdDate":1600000000,"tags":{"kairos:stack":"us-east-1/Otro"}},
        {"id":"renamed","name":"Renamed","createdDate":1500000000,"tags":{"kairos:stack":"us-east-1/Acme"}}]}"#;
    let answers = [
        (200, "", r#"{"item":[]}"#),
        (500, "", "{}"),
        (200, "", twins),
        (202, "", ""),
    ];
    let (context, replay) = context(&answers);
    assert_eq!(make_once(&api(), &context).await.unwrap(), "oldest");
    let asked = asked(&replay);
    assert_eq!(
        asked,
        [
            "GET /restapis",
            "POST /restapis",
            "GET /restapis",
            "DELETE /restapis/younger"
        ]
    );
}

#[tokio::test]
async fn tags_that_a_list_leaves_out_are_asked_for() {
    let listed = r#"{"item":[{"id":"one","name":"AcmeApi"},{"id":"two","name":"Other"}]}"#;
    let owned = r#"{"tags":{"kairos:stack":"us-east-1/Acme"}}"#;
    let (context, replay) = context(&[(200, "", listed), (200, "", owned)]);
    assert_eq!(find(&api(), &context).await.unwrap().as_deref(), Some("one"));
    assert_eq!(asked(&replay).len(), 2);
}

#[tokio::test]
async fn what_others_set_on_the_api_is_set_back() {
    let ours = r#""tags":{"kairos:stack":"us-east-1/Acme"}"#;
    let listed = format!(r#"{{"item":[{{"id":"api1","name":"AcmeApi",{ours}}}]}}"#);
    let described = format!(
        r#"{{"id":"api1","name":"AcmeApi","description":"Processes","apiKeySource":"AUTHORIZER",
            "binaryMediaTypes":["image/png","*/*"],"endpointConfiguration":{{"types":["EDGE"]}},{ours}}}"#
    );
    let method = r#"{"apiKeyRequired":true,"authorizationType":"NONE","methodIntegration":{"type":"AWS_PROXY",
        "httpMethod":"POST","timeoutInMillis":50,
        "uri":"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:100000000001:function:AcmeApi/invocations"}}"#;
    let usual = method.replace(
        r#""timeoutInMillis":50"#,
        r#""timeoutInMillis":29000,"cacheNamespace":"r1""#,
    );
    let resources = format!(
        r#"{{"item":[{{"id":"r1","path":"/","resourceMethods":{{"ANY":{method}}}}},
            {{"id":"r2","path":"/{{proxy+}}","resourceMethods":{{"ANY":{usual}}}}}]}}"#
    );
    let owned = format!("{{{ours}}}");
    let (context, replay) = context(&[
        (200, "", &listed),
        (200, "", &described),
        (200, "", &resources),
        (200, "", &owned),
        (200, "", "{}"),
        (200, "", &resources),
        (204, "", ""),
        (201, "", "{}"),
        (201, "", "{}"),
    ]);
    let held = api().observe(&context).await.unwrap().unwrap();
    let changes = api().diff(&held.value);
    let expected = api().routes["ANY /"].clone();
    let slow = Route {
        integration: "AWS_PROXY (waits 50 ms)".into(),
        ..expected.clone()
    };
    let words = [slow, expected].map(|route| serde_json::to_string(&route).unwrap());
    expect![[r"
        EndpointConfiguration: EDGE → REGIONAL
        Methods.ANY /: {slow} → {ours}
        ApiKeySourceType: AUTHORIZER → HEADER
        BinaryMediaTypes: image/png, */* → none"]]
    .assert_eq(
        &lines(&changes)
            .replace(&words[0], "{slow}")
            .replace(&words[1], "{ours}"),
    );
    api().update(&held, &changes, &context).await.unwrap();
    let patches = crate::stack::kinds::replay::sent(&replay, 4)["patchOperations"].clone();
    let patches: Vec<String> = patches
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{} {}", p["op"], p["path"]))
        .collect();
    expect![[r#"
        "replace" "/endpointConfiguration/types/EDGE"
        "replace" "/apiKeySource"
        "remove" "/binaryMediaTypes/image~1png"
        "remove" "/binaryMediaTypes/*~1*""#]]
    .assert_eq(&patches.join("\n"));
}
