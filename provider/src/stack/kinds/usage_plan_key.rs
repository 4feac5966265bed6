//! That an API key belongs to a usage plan.
//!
//! Invariant: there is nothing to change in place; it is there or it is not.

use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::gateway::{made, passing, resolve};
use crate::permissions::Permissions;
use crate::render::{At, Block, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Held, Kind, Ref};

/// The membership of an API key in a usage plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsagePlanKey {
    /// The usage plan.
    pub usage_plan: Ref,
    /// The API key.
    pub api_key: Ref,
}

impl Kind for UsagePlanKey {
    const TYPE: &'static str = "AWS::ApiGateway::UsagePlanKey";
    const SERVICE: &'static str = "apigateway";

    fn permissions(&self, names: &Names) -> Permissions {
        let (all, each) = (made("/usageplans/*/keys", names), made("/usageplans/*/keys/*", names));
        Permissions::default()
            .observe(&each, &["apigateway:GET"])
            .create(&all, &["apigateway:POST"])
            .delete(&each, &["apigateway:DELETE"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, _: &Self) -> Vec<Change> {
        Vec::new()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.usage_plan.clone(), self.api_key.clone()]
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let (Some(plan), Some(key)) = (context.id(&self.usage_plan), context.id(&self.api_key)) else {
            return Ok(None);
        };
        let id = format!("{plan}/{key}");
        let call = context
            .aws
            .apigateway
            .get_usage_plan_key()
            .usage_plan_id(plan)
            .key_id(key);
        let found = call.send().await.found("GetUsagePlanKey", &id)?;
        Ok(found.map(|_| Held::ours(id, self.clone())))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let plan = resolve(&self.usage_plan, "CreateUsagePlanKey", &self.api_key.0, context)?;
        let key = resolve(&self.api_key, "CreateUsagePlanKey", &self.usage_plan.0, context)?;
        let id = format!("{plan}/{key}");
        let call = context
            .aws
            .apigateway
            .create_usage_plan_key()
            .usage_plan_id(plan)
            .key_id(key)
            .key_type("API_KEY");
        match call.send().await.doing("CreateUsagePlanKey", &id) {
            // A conflict is also the answer where the key is in another plan of the same stage.
            Err(e) if e.is("ConflictException") => self.observe(context).await?.ok_or(e),
            other => other.map(|_| Held::ours(id, self.clone())),
        }
    }

    async fn update(&self, _: &Held<Self>, _: &[Change], _: &Context) -> Result<(), AwsError> {
        Ok(())
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let (plan, key) = id.split_once('/').unwrap_or_default();
        let call = context
            .aws
            .apigateway
            .delete_usage_plan_key()
            .usage_plan_id(plan)
            .key_id(key);
        call.send().await.found("DeleteUsagePlanKey", id)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Render for UsagePlanKey {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        vec![
            Block::resource("aws_api_gateway_usage_plan_key")
                .set("usage_plan_id", Expr::id(&self.usage_plan))
                .set("key_id", Expr::id(&self.api_key))
                .set("key_type", "API_KEY")
                .import(at.id()),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay::context;

    fn member() -> UsagePlanKey {
        UsagePlanKey {
            usage_plan: Ref::to("usage_plan"),
            api_key: Ref::to("api_key"),
        }
    }

    #[tokio::test]
    async fn a_key_that_is_in_the_plan_already_is_fine_and_one_in_another_plan_is_not() {
        let conflict = (
            409,
            "ConflictException",
            r#"{"message":"Usage Plan Key already exists"}"#,
        );
        let (context, _) = context(&[
            conflict,
            (200, "", r#"{"id":"k1"}"#),
            conflict,
            (
                404,
                "NotFoundException",
                r#"{"message":"Invalid API Key identifier specified"}"#,
            ),
        ]);
        context.learn("usage_plan", "p1");
        context.learn("api_key", "k1");
        assert_eq!(member().create(&context).await.unwrap().id, "p1/k1");
        assert!(member().create(&context).await.unwrap_err().is("ConflictException"));
    }

    #[tokio::test]
    async fn what_it_joins_must_exist() {
        let (context, _) = context(&[]);
        assert_eq!(member().observe(&context).await.unwrap(), None);
        let error = member().create(&context).await.unwrap_err().to_string();
        assert!(error.contains("\"usage_plan\""), "{error}");
    }
}
