//! A role as resources of hashicorp/aws: its inline policies apart, since they name what the role is needed for.

use super::Role;
use crate::render::{At, Block, Expr, Render};

impl Render for Role {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let role = Block::resource("aws_iam_role")
            .set("name", &self.name)
            .set("path", &self.path)
            .set("description", &self.description)
            .set("max_session_duration", self.max_session)
            .set_some("permissions_boundary", self.permissions_boundary.as_ref())
            .set("assume_role_policy", Expr::policy(&self.trust))
            .set("tags", &self.tags)
            .value(at.names.role_arn(&self.path, &self.name), "arn")
            .name(&self.name, "name")
            .import(at.if_held(&self.name));
        let policies = self.policies.iter().map(|(name, policy)| {
            let block = Block::resource("aws_iam_role_policy")
                .set("name", name)
                .set("role", Expr::Own("id"))
                .set("policy", Expr::policy(policy))
                .import(at.if_held(format!("{}:{name}", self.name)))
                .essential();
            if self.policies.len() > 1 {
                block.suffix(name)
            } else {
                block
            }
        });
        std::iter::once(role).chain(policies).collect()
    }
}
