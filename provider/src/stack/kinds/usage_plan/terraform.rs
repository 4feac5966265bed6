//! A usage plan as a resource of hashicorp/aws.

use super::UsagePlan;
use crate::render::{At, Block, Body, Expr, Render};

impl Render for UsagePlan {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let mut plan = Block::resource("aws_api_gateway_usage_plan")
            .set("name", &self.name)
            .set("description", &self.description)
            .set("tags", &self.tags);
        for stage in &self.stages {
            let stage = Body::default()
                .set("api_id", Expr::id(&stage.rest_api))
                .set("stage", Expr::name_of("aws_api_gateway_stage", &stage.stage));
            plan = plan.nested("api_stages", stage);
        }
        if self.throttle_rate.is_some() || self.throttle_burst.is_some() {
            let throttle = Body::default()
                .set_some("rate_limit", self.throttle_rate)
                .set_some("burst_limit", self.throttle_burst);
            plan = plan.nested("throttle_settings", throttle);
        }
        if let Some(limit) = self.quota_per_day {
            let quota = Body::default().set("limit", limit).set("period", "DAY");
            plan = plan.nested("quota_settings", quota);
        }
        vec![plan.import(at.id())]
    }
}
