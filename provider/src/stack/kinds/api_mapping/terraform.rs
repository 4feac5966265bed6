//! A mapping as a resource of hashicorp/aws.

use super::ApiMapping;
use crate::render::{At, Block, Expr, Render};

impl Render for ApiMapping {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        // Ours is `domain/mapping`, theirs the other way round.
        let id = at.id().and_then(|id| id.split_once('/'));
        let id = id.map(|(domain, mapping)| format!("{mapping}/{domain}"));
        vec![
            Block::resource("aws_apigatewayv2_api_mapping")
                .set("api_id", Expr::id(&self.rest_api))
                .set("domain_name", &self.domain)
                .set_some("api_mapping_key", Some(&self.key).filter(|key| !key.is_empty()))
                .set("stage", Expr::name_of("aws_api_gateway_stage", &self.stage))
                .import(id),
        ]
    }
}
