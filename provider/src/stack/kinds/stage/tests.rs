//! What a stage sends for what differs, and how API Gateway's answers read.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use aws_sdk_apigateway::types::MethodSetting;
use expect_test::expect;

use super::*;
use crate::stack::kinds::replay::{context, lines, rest_api, tags};

fn stage() -> Stage {
    Stage {
        rest_api: rest_api(),
        name: "prod".into(),
        description: "Kairos".into(),
        shape: "new".into(),
        access_log: Some("arn:aws:logs:us-east-1:1:log-group:/aws/apigateway/Acme/access".into()),
        access_log_format: Some(ACCESS_LOG_FORMAT.into()),
        throttle_rate: None,
        throttle_burst: Some(20),
        metrics: true,
        tracing: true,
        tags: tags(),
        extras: Extras::default(),
    }
}

#[test]
fn a_line_of_the_access_log_is_json() {
    let line: serde_json::Value = serde_json::from_str(ACCESS_LOG_FORMAT).unwrap();
    assert!(
        line.as_object()
            .unwrap()
            .values()
            .all(|value| value.as_str().unwrap().starts_with("$context."))
    );
    assert!(!ACCESS_LOG_FORMAT.contains('\n'));
}

#[test]
fn every_property_that_differs_is_named_and_has_its_patch() {
    let held = Stage {
        description: String::new(),
        shape: "old".into(),
        access_log: None,
        access_log_format: None,
        throttle_rate: Some(1.5),
        throttle_burst: None,
        metrics: false,
        tracing: false,
        ..stage()
    };
    let changes = stage().diff(&held);
    expect![[r"
        Description:  → Kairos
        Deployment: old → new
        AccessLogSetting.DestinationArn: none → arn:aws:logs:us-east-1:1:log-group:/aws/apigateway/Acme/access
        AccessLogSetting.Format: none → {…}
        MethodSettings.ThrottlingRateLimit: 1.5 → none
        MethodSettings.ThrottlingBurstLimit: none → 20
        MethodSettings.MetricsEnabled: false → true
        TracingEnabled: false → true"]]
    .assert_eq(&lines(&changes).replace(ACCESS_LOG_FORMAT, "{…}"));
    let show = |patch: &PatchOperation| format!("{} {}", patch.path().unwrap(), patch.value().unwrap_or("-"));
    let patches: Vec<String> = stage().patches(&changes).iter().map(show).collect();
    expect![[r"
        /description Kairos
        /accessLogSettings/destinationArn arn:aws:logs:us-east-1:1:log-group:/aws/apigateway/Acme/access
        /accessLogSettings/format {…}
        /*/*/throttling/rateLimit 10000
        /*/*/throttling/burstLimit 20
        /*/*/metrics/enabled true
        /tracingEnabled true"]]
    .assert_eq(&patches.join("\n").replace(ACCESS_LOG_FORMAT, "{…}"));
}

#[test]
fn what_sets_metrics_leaves_no_throttle_for_api_gateway_to_fill_in() {
    let wanted = Stage {
        throttle_burst: None,
        ..stage()
    };
    let held = Stage {
        metrics: false,
        ..wanted.clone()
    };
    let sent = wanted.patches(&wanted.diff(&held));
    let sent: Vec<_> = sent.iter().filter_map(|p| p.path().zip(p.value())).collect();
    assert_eq!(
        sent,
        [
            ("/*/*/throttling/rateLimit", "10000"),
            ("/*/*/throttling/burstLimit", "5000"),
            ("/*/*/metrics/enabled", "true"),
        ]
    );
}

#[test]
fn a_throttle_that_leaves_it_to_the_account_is_none() {
    let reads = |rate, burst| {
        let all = MethodSetting::builder()
            .metrics_enabled(true)
            .throttling_rate_limit(rate)
            .throttling_burst_limit(burst);
        let output = GetStageOutput::builder().method_settings("*/*", all.build()).build();
        let held = stage().held(output, String::new(), Tags::new());
        (held.throttle_rate, held.throttle_burst)
    };
    assert_eq!(reads(-1.0, -1), (None, None));
    assert_eq!(reads(10_000.0, 5_000), (None, None));
    assert_eq!(reads(1.0, 2), (Some(1.0), Some(2)));
    let asked = Stage {
        throttle_rate: Some(10_000.0),
        throttle_burst: Some(5_000),
        ..stage()
    };
    let none = Stage {
        throttle_rate: None,
        throttle_burst: None,
        ..stage()
    };
    assert_eq!(lines(&asked.diff(&none)), "", "both are written alike");
}

#[test]
fn a_canary_that_others_sent_out_is_called_back() {
    let canary = aws_sdk_apigateway::types::CanarySettings::builder().percent_traffic(10.0);
    let output = GetStageOutput::builder().canary_settings(canary.deployment_id("d9").build());
    let held = stage().held(output.build(), String::new(), tags());
    let changes = stage().diff(&held);
    let told = changes.iter().find(|change| change.property == CANARY).unwrap();
    expect!["CanarySetting: 10 % of requests to the deployment d9 → none"].assert_eq(&told.to_string());
    let patches = stage().patches(&changes);
    assert!(
        patches
            .iter()
            .any(|p| p.path() == Some("/canarySettings") && p.value().is_none())
    );
}

#[tokio::test]
async fn a_stage_without_its_deployment_cannot_be_made() {
    let (context, _) = context(&[(200, "", r#"{"item":[{"id":"d1","description":"kairos old"}]}"#)]);
    let error = stage().create(&context).await.unwrap_err().to_string();
    assert!(error.contains("deployment"), "{error}");
}
