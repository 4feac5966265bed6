//! A deployment: the snapshot of a REST API that a stage serves.
//!
//! Invariant: its description carries the digest of the API's shape, so that a stage finds the deployment of its shape
//! whatever id AWS gave it; an API whose shape changed is deployed anew, and the stage is moved by its own component.

use aws_sdk_apigateway::types::Deployment as Snapshot;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::gateway::{Made, Twin, made, make_once, passing, resolve, unrepeated};
use super::rest_api::PAGE;
use crate::permissions::Permissions;
use crate::render::{At, Block, Body, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Ref};

/// What the description of a deployment of ours begins with; the shape follows.
const MARK: &str = "kairos ";

/// A deployment of a REST API. It has no tags of its own: it is whose the API is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Deployment {
    /// The REST API.
    pub rest_api: Ref,
    /// The digest of the API's shape ([`RestApi::shape`](super::rest_api::RestApi::shape)).
    pub shape: String,
}

impl Kind for Deployment {
    const TYPE: &'static str = "AWS::ApiGateway::Deployment";
    const SERVICE: &'static str = "apigateway";
    /// A deployment of the wanted shape may be there already.
    const REMADE: bool = true;

    fn permissions(&self, names: &Names) -> Permissions {
        let (all, each) = (
            made("/restapis/*/deployments", names),
            made("/restapis/*/deployments/*", names),
        );
        Permissions::default()
            .observe(&all, &["apigateway:GET"])
            .create(&all, &["apigateway:POST"])
            .create(&each, &["apigateway:DELETE"])
            .update(&all, &["apigateway:POST"])
            .update(&each, &["apigateway:DELETE"])
            .delete(&each, &["apigateway:DELETE"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held).property("Shape", |d| &d.shape).changes()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.rest_api.clone()]
    }

    /// The deployment of the wanted shape, or the latest of another one of ours. What is left beside the wanted one, since a
    /// change did not come to its end, is told with it.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let ours = self.ours(context).await?;
        let wanted = ours.iter().find(|snapshot| shape(snapshot) == Some(&self.shape));
        Ok(wanted.or(ours.last()).map(|snapshot| {
            let held = shape(snapshot).unwrap_or_default();
            let superseded = ours.len() - 1;
            let held = Self {
                shape: if wanted.is_some() && superseded > 0 {
                    format!("{held} and {superseded} superseded")
                } else {
                    held.into()
                },
                ..self.clone()
            };
            Held::ours(snapshot.id.clone().unwrap_or_default(), held)
        }))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let id = make_once(self, context).await?;
        Ok(Held::ours(id, self.clone()))
    }

    /// A deployment never changes: another one is made, and those of ours that nothing serves go. The one that the stage
    /// serves until it is moved goes when it is.
    async fn update(&self, _: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        make_once(self, context).await?;
        self.tidy(context).await
    }

    /// A deployment that a stage still serves, ours until it is moved or a user's, is left to go with its API.
    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let Some(rest_api) = context.id(&self.rest_api) else {
            return Ok(());
        };
        let call = context
            .aws
            .apigateway
            .delete_deployment()
            .rest_api_id(rest_api)
            .deployment_id(id);
        match call.send().await.found("DeleteDeployment", id) {
            Err(e) if e.is("BadRequestException") && e.message.contains("Active stages") => Ok(()),
            other => other.map(drop),
        }
    }

    /// API Gateway takes one CreateDeployment in 5 s for an account.
    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Made for Deployment {
    async fn twins(&self, context: &Context) -> Result<Vec<Twin>, AwsError> {
        let ours = self.ours(context).await?.into_iter();
        let same = ours.filter(|snapshot| shape(snapshot) == Some(&self.shape));
        Ok(same
            .map(|snapshot| Twin::new(snapshot.id, snapshot.created_date, false))
            .collect())
    }

    async fn make(&self, context: &Context) -> Result<String, AwsError> {
        let rest_api = resolve(&self.rest_api, "CreateDeployment", &self.rest_api.0, context)?;
        let call = context.aws.apigateway.create_deployment().rest_api_id(&rest_api);
        let call = call
            .description(format!("{MARK}{}", self.shape))
            .customize()
            .config_override(unrepeated());
        let made = call.send().await.doing("CreateDeployment", &rest_api)?;
        Ok(made.id.unwrap_or_default())
    }
}

impl Deployment {
    /// The id of the deployment of this shape, where it exists.
    pub(super) async fn find(&self, context: &Context) -> Result<Option<String>, AwsError> {
        super::gateway::find(self, context).await
    }

    /// Deletes the deployments of ours that have another shape and are not served any more.
    pub(super) async fn tidy(&self, context: &Context) -> Result<(), AwsError> {
        let ours = self.ours(context).await?;
        for old in ours.iter().filter(|snapshot| shape(snapshot) != Some(&self.shape)) {
            self.delete(old.id.as_deref().unwrap_or_default(), context).await?;
        }
        Ok(())
    }

    /// The deployments that carry our mark, oldest first.
    async fn ours(&self, context: &Context) -> Result<Vec<Snapshot>, AwsError> {
        let Some(rest_api) = context.id(&self.rest_api) else {
            return Ok(Vec::new());
        };
        let mut pages = context
            .aws
            .apigateway
            .get_deployments()
            .rest_api_id(&rest_api)
            .limit(PAGE)
            .into_paginator()
            .items()
            .send();
        let mut ours = Vec::new();
        while let Some(snapshot) = pages.next().await {
            match snapshot.found("GetDeployments", &rest_api)? {
                Some(snapshot) if shape(&snapshot).is_some() => ours.push(snapshot),
                Some(_) => {}
                None => break,
            }
        }
        ours.sort_by_key(|snapshot| Twin::new(snapshot.id.clone(), snapshot.created_date, false));
        Ok(ours)
    }
}

fn shape(snapshot: &Snapshot) -> Option<&str> {
    marked(snapshot.description.as_deref())
}

/// The shape in the description of a deployment of ours.
pub(super) fn marked(description: Option<&str>) -> Option<&str> {
    description?.strip_prefix(MARK)
}

impl Render for Deployment {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let id = at.id_of(&self.rest_api).zip(at.id());
        vec![
            Block::resource("aws_api_gateway_deployment")
                .comment("Routes that change are live after `terraform apply -replace` of this deployment.")
                .set("rest_api_id", Expr::id(&self.rest_api))
                .set("description", format!("{MARK}{}", self.shape))
                .nested("lifecycle", Body::default().set("create_before_destroy", true))
                .after(&self.rest_api, "aws_api_gateway_integration")
                .import(id.map(|(api, deployment)| format!("{api}/{deployment}"))),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay::{asked, context, lines, rest_api};

    fn deployment() -> Deployment {
        Deployment {
            rest_api: rest_api(),
            shape: "new".into(),
        }
    }

    #[tokio::test]
    async fn another_shape_is_deployed_anew_and_what_is_still_served_stays() {
        let old =
            r#"{"item":[{"id":"d0","description":"by hand"},{"id":"d1","description":"kairos old","createdDate":1}]}"#;
        let both = r#"{"item":[{"id":"d2","description":"kairos new"},{"id":"d1","description":"kairos old"}]}"#;
        let active = r#"{"message":"Active stages pointing to this deployment must be moved or deleted"}"#;
        let (context, replay) = context(&[
            (200, "", old),
            (200, "", old),
            (201, "", r#"{"id":"d2"}"#),
            (200, "", both),
            (400, "BadRequestException", active),
        ]);
        let held = deployment().observe(&context).await.unwrap().unwrap();
        let changes = deployment().diff(&held.value);
        assert_eq!((held.id.as_str(), lines(&changes).as_str()), ("d1", "Shape: old → new"));
        deployment().update(&held, &changes, &context).await.unwrap();
        assert_eq!(asked(&replay).last().unwrap(), "DELETE /restapis/api1/deployments/d1");
    }

    #[tokio::test]
    async fn without_an_api_there_is_no_deployment_and_none_can_be_made() {
        let (context, replay) = context(&[]);
        context.forget("rest_api");
        assert_eq!(deployment().observe(&context).await.unwrap(), None);
        let error = deployment().create(&context).await.unwrap_err().to_string();
        assert!(error.contains("needs the id of the component \"rest_api\""), "{error}");
        deployment().delete("d1", &context).await.unwrap();
        assert_eq!(asked(&replay).len(), 0);
    }
}
