//! A stage of the REST API: which deployment is live, its access log, throttle, metrics and tracing.
//!
//! Invariant: it finds its deployment by the digest of the API's shape, never by id.

mod terraform;

use aws_sdk_apigateway::operation::get_stage::GetStageOutput;
use aws_sdk_apigateway::types::PatchOperation;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::deployment::{Deployment, marked};
use super::gateway::{arn, converge, made, passing, remove, replace, resolve, retag, tags};
use super::support::unresolved;
use crate::permissions::Permissions;
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Owner, Ref, Tags, touches};

/// The settings of all methods of a stage.
const ALL_METHODS: &str = "*/*";
/// The throttle of a stage that is to have none of its own, in requests a second and at once: an account's limits, where
/// AWS has not raised them (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>). It is always
/// written, since API Gateway otherwise fills in what differs between regions, and reads as none.
const UNLIMITED_RATE: f64 = 10_000.0;
const UNLIMITED_BURST: i32 = 5_000;

/// Settings of all methods that are written together.
const THROTTLE_AND_METRICS: [&str; 3] = [
    "MethodSettings.ThrottlingRateLimit",
    "MethodSettings.ThrottlingBurstLimit",
    "MethodSettings.MetricsEnabled",
];
/// Answers that are kept and given again.
const CACHE: &str = "CacheClusterEnabled";
/// Requests that go to another deployment.
const CANARY: &str = "CanarySetting";
/// API Gateway's own log of requests, and whether it holds what they carry.
const EXECUTION_LOG: &str = "MethodSettings.LoggingLevel";
const DATA_TRACE: &str = "MethodSettings.DataTraceEnabled";
const NO_LOG: &str = "OFF";

/// One valid JSON line for each request. Values that a caller could fill with quotes are left out.
pub const ACCESS_LOG_FORMAT: &str = concat!(
    r#"{"requestId":"$context.requestId","extendedRequestId":"$context.extendedRequestId","#,
    r#""ip":"$context.identity.sourceIp","apiKeyId":"$context.identity.apiKeyId","#,
    r#""requestTime":"$context.requestTime","httpMethod":"$context.httpMethod","resourcePath":"$context.resourcePath","#,
    r#""status":"$context.status","protocol":"$context.protocol","responseLength":"$context.responseLength","#,
    r#""responseLatency":"$context.responseLatency","integrationStatus":"$context.integration.status","#,
    r#""errorType":"$context.error.responseType"}"#
);

/// A stage of a REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name, part of the URL (`prod`).
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The digest of the shape that is live ([`RestApi::shape`](super::rest_api::RestApi::shape)).
    pub shape: String,
    /// The ARN of the access log's group, without `:*`.
    pub access_log: Option<String>,
    /// One line of the access log ([`ACCESS_LOG_FORMAT`]); set where `access_log` is.
    pub access_log_format: Option<String>,
    /// Requests a second for every method; `None` leaves it to the account's limit.
    pub throttle_rate: Option<f64>,
    /// How many requests may come at once, for every method; `None` leaves it to the account's limit.
    pub throttle_burst: Option<i32>,
    /// Whether CloudWatch gets metrics for each method.
    pub metrics: bool,
    /// Whether X-Ray traces requests.
    pub tracing: bool,
    /// Its tags.
    pub tags: Tags,
    /// Settings that are left as API Gateway makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Kind for Stage {
    const TYPE: &'static str = "AWS::ApiGateway::Stage";
    const SERVICE: &'static str = "apigateway";

    fn permissions(&self, names: &Names) -> Permissions {
        let stage = made(&format!("/restapis/*/stages/{}", self.name), names);
        let (stages, tags) = (made("/restapis/*/stages", names), made("/tags/*", names));
        let deployments = made("/restapis/*/deployments*", names);
        Permissions::default()
            .observe(&stage, &["apigateway:GET"])
            .observe(&deployments, &["apigateway:GET"])
            .observe(&tags, &["apigateway:GET"])
            .create(&stages, &["apigateway:POST"])
            .create(&tags, &["apigateway:PUT"])
            .update(&stage, &["apigateway:PATCH"])
            .update(&tags, &["apigateway:DELETE", "apigateway:PUT"])
            .update(&made("/restapis/*/deployments/*", names), &["apigateway:DELETE"])
            .delete(&stage, &["apigateway:DELETE"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("StageName", |s| &s.name)
            .property("Description", |s| &s.description)
            .property("Deployment", |s| &s.shape)
            .property("AccessLogSetting.DestinationArn", |s| &s.access_log)
            .property("AccessLogSetting.Format", |s| &s.access_log_format)
            .property("MethodSettings.ThrottlingRateLimit", |s| limiting_rate(s.throttle_rate))
            .property("MethodSettings.ThrottlingBurstLimit", |s| {
                limiting_burst(s.throttle_burst)
            })
            .property("MethodSettings.MetricsEnabled", |s| s.metrics)
            .property("TracingEnabled", |s| s.tracing)
            .extras(|s| &s.extras)
            .tags(|s| &s.tags)
            .changes()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.rest_api.clone()]
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(api) = context.id(&self.rest_api) else {
            return Ok(None);
        };
        let gateway = &context.aws.apigateway;
        let call = gateway.get_stage().rest_api_id(&api).stage_name(&self.name);
        let Some(mut stage) = call.send().await.found("GetStage", &self.name)? else {
            return Ok(None);
        };
        let id = self.id(&api);
        let live = stage.deployment_id.clone().unwrap_or_default();
        let call = gateway.get_deployment().rest_api_id(&api).deployment_id(&live);
        let deployment = call
            .send()
            .await
            .found("GetDeployment", &live)?
            .and_then(|d| d.description);
        // The tags that it was created with tell whose it is; the others may since have changed.
        let carried = stage.tags.take().unwrap_or_default();
        let mut known: Tags = carried.clone().into_iter().collect();
        let tags = tags(&stage_arn(&id, context), Some(carried), context).await?;
        known.extend(tags.clone());
        let shape = marked(deployment.as_deref()).map_or(live, str::to_owned);
        let mut held = Held::ours(id, self.held(stage, shape, tags));
        held.owner = Owner::of(&known, context);
        Ok(Some(held))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let api = resolve(&self.rest_api, "CreateStage", &self.name, context)?;
        let call = context
            .aws
            .apigateway
            .create_stage()
            .rest_api_id(&api)
            .stage_name(&self.name);
        let call = call
            .deployment_id(self.deployment("CreateStage", context).await?)
            .description(&self.description);
        let call = call
            .tracing_enabled(self.tracing)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        match self.observe(context).await? {
            // Cut short by an earlier failure, or somebody else's: the end of this function tells.
            Some(_) => {}
            None => match call.send().await.doing("CreateStage", &self.name) {
                Err(e) if e.is("ConflictException") && !passing(&e) => {}
                other => drop(other?),
            },
        }
        // Log, throttle and metrics can only be set on a stage that exists.
        converge(self, &self.name, context).await
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let mut patches = self.patches(changes);
        if touches(changes, &["Deployment"]) {
            patches.push(replace("/deploymentId", self.deployment("UpdateStage", context).await?));
        }
        if !patches.is_empty() {
            let api = resolve(&self.rest_api, "UpdateStage", &self.name, context)?;
            let call = context
                .aws
                .apigateway
                .update_stage()
                .rest_api_id(api)
                .stage_name(&self.name);
            call.set_patch_operations(Some(patches))
                .send()
                .await
                .doing("UpdateStage", &self.name)?;
        }
        if touches(changes, &["Deployment"]) {
            self.live().tidy(context).await?;
        }
        retag(&stage_arn(&held.id, context), &self.tags, changes, context).await
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let (api, name) = id.split_once('/').unwrap_or_default();
        let call = context.aws.apigateway.delete_stage().rest_api_id(api).stage_name(name);
        call.send().await.found("DeleteStage", &self.name)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Stage {
    fn id(&self, rest_api: &str) -> String {
        format!("{rest_api}/{}", self.name)
    }

    fn held(&self, stage: GetStageOutput, shape: String, tags: Tags) -> Self {
        let extras = extras(&stage);
        let log = stage.access_log_settings;
        let methods = stage
            .method_settings
            .as_ref()
            .and_then(|settings| settings.get(ALL_METHODS));
        let rate = limiting_rate(methods.map(|m| m.throttling_rate_limit));
        let burst = limiting_burst(methods.map(|m| m.throttling_burst_limit));
        Self {
            rest_api: self.rest_api.clone(),
            name: stage.stage_name.unwrap_or_default(),
            description: stage.description.unwrap_or_default(),
            shape,
            access_log: log
                .as_ref()
                .and_then(|l| l.destination_arn.clone())
                .map(|arn| arn.trim_end_matches(":*").into()),
            access_log_format: log.and_then(|l| l.format),
            throttle_rate: rate,
            throttle_burst: burst,
            metrics: methods.is_some_and(|m| m.metrics_enabled),
            tracing: stage.tracing_enabled,
            tags,
            extras,
        }
    }

    /// The patches for what changed, the deployment excepted.
    fn patches(&self, changes: &[Change]) -> Vec<PatchOperation> {
        let touched = |property: &str| touches(changes, &[property]);
        let mut patches = Vec::new();
        if touched("Description") {
            patches.push(replace("/description", &self.description));
        }
        if touched("AccessLogSetting") {
            // API Gateway takes the two only together.
            match (&self.access_log, &self.access_log_format) {
                (Some(group), Some(format)) => {
                    patches.push(replace("/accessLogSettings/destinationArn", group));
                    patches.push(replace("/accessLogSettings/format", format));
                }
                _ => patches.push(remove("/accessLogSettings", None)),
            }
        }
        if touches(changes, &THROTTLE_AND_METRICS) {
            // As soon as one of them is set, API Gateway fills in the others: so none is left to it.
            let rate = self.throttle_rate.unwrap_or(UNLIMITED_RATE);
            let burst = self.throttle_burst.unwrap_or(UNLIMITED_BURST);
            patches.push(replace("/*/*/throttling/rateLimit", rate.to_string()));
            patches.push(replace("/*/*/throttling/burstLimit", burst.to_string()));
            patches.push(replace("/*/*/metrics/enabled", self.metrics.to_string()));
        }
        if touched(CACHE) {
            patches.push(replace("/cacheClusterEnabled", "false"));
        }
        if touched(CANARY) {
            patches.push(remove("/canarySettings", None));
        }
        if touched(EXECUTION_LOG) {
            patches.push(replace("/*/*/logging/loglevel", NO_LOG));
        }
        if touched(DATA_TRACE) {
            patches.push(replace("/*/*/logging/dataTrace", "false"));
        }
        if touched("TracingEnabled") {
            patches.push(replace("/tracingEnabled", self.tracing.to_string()));
        }
        patches
    }

    /// The deployment of our shape.
    fn live(&self) -> Deployment {
        Deployment {
            rest_api: self.rest_api.clone(),
            shape: self.shape.clone(),
        }
    }

    /// The id of the deployment of our shape.
    async fn deployment(&self, action: &str, context: &Context) -> Result<String, AwsError> {
        self.live()
            .find(context)
            .await?
            .ok_or_else(|| unresolved(action, &self.name, "deployment"))
    }
}

/// What others may have switched on.
fn extras(stage: &GetStageOutput) -> Extras {
    let mut extras = Extras::default();
    extras.note(CACHE, stage.cache_cluster_enabled(), false);
    if let Some(canary) = stage.canary_settings() {
        let (percent, id) = (canary.percent_traffic(), canary.deployment_id().unwrap_or("none"));
        extras.note(
            CANARY,
            format!("{percent} % of requests to the deployment {id}"),
            "none",
        );
    }
    if let Some(all) = stage.method_settings().and_then(|settings| settings.get(ALL_METHODS)) {
        let level = all.logging_level().filter(|level| !level.is_empty()).unwrap_or(NO_LOG);
        extras.note(EXECUTION_LOG, level, NO_LOG);
        extras.note(DATA_TRACE, all.data_trace_enabled(), false);
    }
    extras
}

/// The role by which API Gateway writes the account's logs; without one it refuses every access log.
pub async fn logging_role(context: &Context) -> Result<Option<String>, AwsError> {
    let account = context
        .aws
        .apigateway
        .get_account()
        .send()
        .await
        .doing("GetAccount", &context.names.place.account)?;
    Ok(account.cloudwatch_role_arn.filter(|arn| !arn.is_empty()))
}

fn stage_arn(id: &str, context: &Context) -> String {
    let (api, name) = id.split_once('/').unwrap_or_default();
    arn(&format!("/restapis/{api}/stages/{name}"), context)
}

/// A rate that limits anything; API Gateway writes -1 for none.
fn limiting_rate(rate: Option<f64>) -> Option<f64> {
    rate.filter(|rate| *rate >= 0.0 && (rate - UNLIMITED_RATE).abs() > f64::EPSILON)
}

/// A burst that limits anything; API Gateway writes -1 for none.
fn limiting_burst(burst: Option<i32>) -> Option<i32> {
    burst.filter(|burst| *burst >= 0 && *burst != UNLIMITED_BURST)
}

#[cfg(test)]
mod tests;
