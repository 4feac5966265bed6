//! The usage plan: how much the holder of the API key may ask of which stage.
//!
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.

mod terraform;
#[cfg(test)]
mod tests;

use aws_sdk_apigateway::operation::get_usage_plan::GetUsagePlanOutput;
use aws_sdk_apigateway::types::{
    ApiStage as Association, PatchOperation, QuotaPeriodType, QuotaSettings, ThrottleSettings,
};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::gateway::{
    Listed, Made, Twin, add, arn, collection, converge, find, made, make_once, passing, remove, replace, resolve,
    retag, tags, unrepeated,
};
use super::rest_api::PAGE;
use crate::permissions::Permissions;
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Ref, Tags, touches};

/// A usage plan for one stage of one REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsagePlan {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The stages that its keys open; one of ours is wanted.
    pub stages: Vec<ApiStage>,
    /// Requests a second for each key; `None` sets no limit of the plan's own.
    pub throttle_rate: Option<f64>,
    /// How many requests may come at once for each key; `None` sets no limit of the plan's own.
    pub throttle_burst: Option<i32>,
    /// Requests a day for each key; `None` sets no quota.
    pub quota_per_day: Option<i32>,
    /// Its tags.
    pub tags: Tags,
}

/// A stage of a REST API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ApiStage {
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name.
    pub stage: String,
}

impl Kind for UsagePlan {
    const TYPE: &'static str = "AWS::ApiGateway::UsagePlan";
    const SERVICE: &'static str = "apigateway";

    fn permissions(&self, names: &Names) -> Permissions {
        collection("/usageplans", names).delete(&made("/usageplans/*", names), &["apigateway:PATCH"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .property("UsagePlanName", |p| &p.name)
            .property("Description", |p| &p.description)
            .property("ApiStages", |p| &p.stages)
            .property("Throttle.RateLimit", |p| p.throttle_rate)
            .property("Throttle.BurstLimit", |p| p.throttle_burst)
            .property("Quota", Self::quota_in_words)
            .tags(|p| &p.tags)
            .changes()
    }

    fn references(&self) -> Vec<Ref> {
        self.stages.iter().map(|stage| stage.rest_api.clone()).collect()
    }

    /// A plan outlives the API that it opened, and is found without it.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(id) = find(self, context).await? else {
            return Ok(None);
        };
        let call = context.aws.apigateway.get_usage_plan().usage_plan_id(&id);
        let Some(mut plan) = call.send().await.found("GetUsagePlan", &self.name)? else {
            return Ok(None);
        };
        let tags = tags(&plan_arn(&id, context), plan.tags.take(), context).await?;
        Ok(Some(Held::ours(id, self.held(plan, tags, context))))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        make_once(self, context).await?;
        converge(self, &self.name, context).await
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let call = || context.aws.apigateway.update_usage_plan().usage_plan_id(&held.id);
        if touches(changes, &["ApiStages"]) {
            let extra = held.value.stages.iter().filter(|stage| !self.stages.contains(stage));
            // What is not one of ours is held by its own id.
            let id = |stage: &ApiStage| context.id(&stage.rest_api).unwrap_or_else(|| stage.rest_api.0.clone());
            let extra: Vec<_> = extra.map(|stage| format!("{}:{}", id(stage), stage.stage)).collect();
            self.close(&held.id, extra, context).await?;
        }
        if touches(changes, &["Throttle"]) && self.lifts_a_throttle(&held.value) {
            let patch = remove("/throttle", None);
            call()
                .patch_operations(patch)
                .send()
                .await
                .doing("UpdateUsagePlan", &self.name)?;
        }
        let patches = self.patches(&held.value, changes, context)?;
        if !patches.is_empty() {
            call()
                .set_patch_operations(Some(patches))
                .send()
                .await
                .doing("UpdateUsagePlan", &self.name)?;
        }
        retag(&plan_arn(&held.id, context), &self.tags, changes, context).await
    }

    /// API Gateway refuses to delete a plan that still opens a stage.
    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let gateway = &context.aws.apigateway;
        let plan = gateway
            .get_usage_plan()
            .usage_plan_id(id)
            .send()
            .await
            .found("GetUsagePlan", &self.name)?;
        let Some(plan) = plan else { return Ok(()) };
        let stages = plan.api_stages.unwrap_or_default();
        self.close(id, stages.iter().map(association).collect(), context)
            .await?;
        gateway
            .delete_usage_plan()
            .usage_plan_id(id)
            .send()
            .await
            .found("DeleteUsagePlan", &self.name)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Made for UsagePlan {
    async fn twins(&self, context: &Context) -> Result<Vec<Twin>, AwsError> {
        let mut pages = context
            .aws
            .apigateway
            .get_usage_plans()
            .limit(PAGE)
            .into_paginator()
            .items()
            .send();
        let mut twins = Vec::new();
        while let Some(plan) = pages.next().await {
            let plan = plan.doing("GetUsagePlans", &self.name)?;
            let listed = Listed {
                id: plan.id,
                name: plan.name,
                created: None,
                tags: plan.tags,
            };
            twins.extend(listed.twin(&self.name, plan_arn, context).await?);
        }
        Ok(twins)
    }

    async fn make(&self, context: &Context) -> Result<String, AwsError> {
        let stages = self.stages.iter().map(|stage| {
            let api = resolve(&stage.rest_api, "CreateUsagePlan", &self.name, context)?;
            Ok(Association::builder().api_id(api).stage(&stage.stage).build())
        });
        let call = context
            .aws
            .apigateway
            .create_usage_plan()
            .name(&self.name)
            .description(&self.description);
        let call = call.set_api_stages(Some(stages.collect::<Result<_, AwsError>>()?));
        let call = call.set_throttle(self.throttle()).set_quota(self.quota());
        let call = call.set_tags(Some(self.tags.clone().into_iter().collect()));
        let made = call
            .customize()
            .config_override(unrepeated())
            .send()
            .await
            .doing("CreateUsagePlan", &self.name)?;
        Ok(made.id.unwrap_or_default())
    }
}

impl UsagePlan {
    /// Takes stages out of the plan, one by one: one that is gone already is refused, and fine.
    async fn close(&self, id: &str, associations: Vec<String>, context: &Context) -> Result<(), AwsError> {
        for association in associations {
            let call = context.aws.apigateway.update_usage_plan().usage_plan_id(id);
            let call = call.patch_operations(remove("/apiStages", Some(association)));
            match call.send().await.found("UpdateUsagePlan", &self.name) {
                Err(e) if e.is("BadRequestException") && e.message.to_ascii_lowercase().contains("not found") => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    fn held(&self, plan: GetUsagePlanOutput, tags: Tags, context: &Context) -> Self {
        let associations = plan.api_stages.unwrap_or_default().into_iter();
        let mut stages: Vec<ApiStage> = associations.map(|stage| self.stage(&stage, context)).collect();
        stages.sort();
        let quota = plan.quota.filter(|quota| quota.limit > 0);
        Self {
            name: plan.name.unwrap_or_default(),
            description: plan.description.unwrap_or_default(),
            stages,
            throttle_rate: plan.throttle.as_ref().map(|t| t.rate_limit).filter(|rate| *rate > 0.0),
            throttle_burst: plan.throttle.map(|t| t.burst_limit).filter(|burst| *burst > 0),
            // A quota of another period is somebody else's: a number of requests a day that nobody asks for.
            quota_per_day: quota.map(|q| {
                if q.period == Some(QuotaPeriodType::Day) {
                    q.limit
                } else {
                    -q.limit
                }
            }),
            tags,
        }
    }

    /// A stage with its API by component name, where it is one of those that are wanted.
    fn stage(&self, stage: &Association, context: &Context) -> ApiStage {
        let id = stage.api_id.clone().unwrap_or_default();
        let known = self
            .stages
            .iter()
            .map(|wanted| context.reference(&wanted.rest_api, &id));
        let rest_api = known
            .into_iter()
            .find(|reference| reference.0 != id)
            .unwrap_or_else(|| Ref::to(id));
        ApiStage {
            rest_api,
            stage: stage.stage.clone().unwrap_or_default(),
        }
    }

    fn patches(&self, held: &Self, changes: &[Change], context: &Context) -> Result<Vec<PatchOperation>, AwsError> {
        let mut patches = Vec::new();
        if touches(changes, &["UsagePlanName"]) {
            patches.push(replace("/name", &self.name));
        }
        if touches(changes, &["Description"]) {
            patches.push(replace("/description", &self.description));
        }
        if touches(changes, &["ApiStages"]) {
            for stage in self.stages.iter().filter(|stage| !held.stages.contains(stage)) {
                let api = resolve(&stage.rest_api, "UpdateUsagePlan", &self.name, context)?;
                patches.push(add("/apiStages", format!("{api}:{}", stage.stage)));
            }
        }
        if touches(changes, &["Throttle"]) {
            // A throttle that is not there is added, one that is there replaced.
            let bare = self.lifts_a_throttle(held);
            let set = |path, limit: Option<String>, held: bool| {
                limit.map(|l| if held && !bare { replace(path, l) } else { add(path, l) })
            };
            let (rate, burst) = (
                self.throttle_rate.map(|l| l.to_string()),
                self.throttle_burst.map(|l| l.to_string()),
            );
            patches.extend(set("/throttle/rateLimit", rate, held.throttle_rate.is_some()));
            patches.extend(set("/throttle/burstLimit", burst, held.throttle_burst.is_some()));
        }
        if touches(changes, &["Quota"]) {
            let set = if held.quota_per_day.is_some() { replace } else { add };
            match self.quota_per_day {
                Some(limit) => {
                    patches.push(set("/quota/limit", limit.to_string()));
                    patches.push(set("/quota/period", QuotaPeriodType::Day.as_str().to_owned()));
                }
                None => patches.push(remove("/quota", None)),
            }
        }
        Ok(patches)
    }

    /// A quota of a day as its number; of one of another period only that it is none of ours.
    fn quota_in_words(&self) -> Option<String> {
        let words = |limit: i32| match limit {
            limit if limit < 0 => format!("{} in another period than a day", limit.unsigned_abs()),
            limit => limit.to_string(),
        };
        self.quota_per_day.map(words)
    }

    /// Whether a limit goes that another call has to take away: API Gateway only removes the two together.
    fn lifts_a_throttle(&self, held: &Self) -> bool {
        (held.throttle_rate.is_some() && self.throttle_rate.is_none())
            || (held.throttle_burst.is_some() && self.throttle_burst.is_none())
    }

    fn throttle(&self) -> Option<ThrottleSettings> {
        if self.throttle_rate.is_none() && self.throttle_burst.is_none() {
            return None;
        }
        let throttle = ThrottleSettings::builder()
            .set_rate_limit(self.throttle_rate)
            .set_burst_limit(self.throttle_burst);
        Some(throttle.build())
    }

    fn quota(&self) -> Option<QuotaSettings> {
        self.quota_per_day.map(|limit| {
            QuotaSettings::builder()
                .limit(limit)
                .period(QuotaPeriodType::Day)
                .build()
        })
    }
}

/// A stage as API Gateway's patches name it.
fn association(stage: &Association) -> String {
    format!(
        "{}:{}",
        stage.api_id.as_deref().unwrap_or_default(),
        stage.stage.as_deref().unwrap_or_default()
    )
}

fn plan_arn(id: &str, context: &Context) -> String {
    arn(&format!("/usageplans/{id}"), context)
}
