//! An event source mapping as a resource of hashicorp/aws.

use super::EventSource;
use crate::render::{At, Block, Body, Expr, Render};

impl Render for EventSource {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let mapping = Block::resource("aws_lambda_event_source_mapping")
            .set("event_source_arn", Expr::Link(self.queue.clone()))
            .set("function_name", Expr::Link(at.names.function_arn(&self.function)))
            .set("batch_size", self.batch_size)
            .set("maximum_batching_window_in_seconds", self.window)
            .set("enabled", self.enabled)
            .set_some(
                "function_response_types",
                self.report_failures.then(|| vec!["ReportBatchItemFailures"]),
            )
            .set("tags", &self.tags)
            .import(at.id());
        vec![match self.maximum_concurrency {
            Some(most) => mapping.nested("scaling_config", Body::default().set("maximum_concurrency", most)),
            None => mapping,
        }]
    }
}
