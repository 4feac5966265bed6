//! A stage as resources of hashicorp/aws: the settings of its methods apart.

use super::{ALL_METHODS, Stage, UNLIMITED_BURST, UNLIMITED_RATE};
use crate::render::{At, Block, Body, Expr, Render};
use crate::stack::kind::Ref;

impl Render for Stage {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let mut stage = Block::resource("aws_api_gateway_stage")
            .set("rest_api_id", Expr::id(&self.rest_api))
            // The topology names it so: a stage is never without.
            .set("deployment_id", Expr::id(&Ref::to("deployment")))
            .set("stage_name", &self.name)
            .set("description", &self.description)
            .set("xray_tracing_enabled", self.tracing)
            .set("tags", &self.tags);
        if let (Some(group), Some(format)) = (&self.access_log, &self.access_log_format) {
            let log = Body::default()
                .set("destination_arn", Expr::Link(group.clone()))
                .set("format", format);
            stage = stage.nested("access_log_settings", log);
        }
        let settings = Body::default()
            .set("metrics_enabled", self.metrics)
            .set("throttling_rate_limit", self.throttle_rate.unwrap_or(UNLIMITED_RATE))
            .set("throttling_burst_limit", self.throttle_burst.unwrap_or(UNLIMITED_BURST));
        let settings = Block::resource("aws_api_gateway_method_settings")
            .set("rest_api_id", Expr::id(&self.rest_api))
            .set("stage_name", Expr::Own("stage_name"))
            .set("method_path", ALL_METHODS)
            .nested("settings", settings)
            .import(at.id().map(|id| format!("{id}/{ALL_METHODS}")));
        vec![stage.name(&self.name, "stage_name").import(at.id()), settings]
    }
}
