//! A queue as resources of hashicorp/aws: its policies apart, since they name the queue itself and each other's.

use serde_json::Value;

use super::{Encryption, Queue, Redrive, RedriveAllow};
use crate::render::{At, Block, Expr, Render};
use crate::stack::topology::queue_url;

impl Render for Queue {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let url = queue_url(at.names, &self.name);
        let json = |text: String| Expr::Json(serde_json::from_str(&text).unwrap_or(Value::Null));
        let mut queue = Block::resource("aws_sqs_queue")
            .set("name", &self.name)
            .set("message_retention_seconds", self.retention_seconds)
            .set("max_message_size", self.largest_message)
            .set("visibility_timeout_seconds", self.visibility_seconds);
        queue = match &self.encryption {
            Encryption::Kms(key) => queue.set("kms_master_key_id", Expr::Link(key.clone())),
            Encryption::SqsManaged => queue.set("sqs_managed_sse_enabled", true),
            Encryption::Off => queue.set("sqs_managed_sse_enabled", false),
        };
        let queue = queue
            .set("tags", &self.tags)
            .set_some("redrive_policy", self.redrive.as_ref().map(Redrive::to_json).map(json))
            .value(at.names.queue_arn(&self.name), "arn")
            .value(&url, "url")
            .name(&self.name, "name")
            .import(at.if_held(&url));
        let policy = self.policy.as_ref().map(|policy| {
            Block::resource("aws_sqs_queue_policy")
                .set("queue_url", Expr::Own("url"))
                .set("policy", Expr::policy(policy))
                .import(at.if_held(&url))
        });
        let allow = (self.redrive_allow != RedriveAllow::AllowAll).then(|| {
            Block::resource("aws_sqs_queue_redrive_allow_policy")
                .set("queue_url", Expr::Own("url"))
                .set("redrive_allow_policy", json(self.redrive_allow.to_json()))
                .import(at.if_held(&url))
        });
        [Some(queue), policy, allow].into_iter().flatten().collect()
    }
}
