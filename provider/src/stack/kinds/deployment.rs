//! A deployment: the snapshot of a REST API that a stage serves.
//!
//! Invariant: its description carries the digest of the API's shape, so that a stage finds the deployment of its shape
//! whatever id AWS gave it; an API whose shape changed is deployed anew, and the stage is moved by its own component.

use aws_sdk_apigateway::types::Deployment as Snapshot;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::gateway::{Made, Twin, make_once, passing, resolve, unrepeated};
use super::rest_api::PAGE;
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
    const ACTIONS: &'static [&'static str] = &["apigateway:DELETE", "apigateway:GET", "apigateway:POST"];
    const SERVICE: &'static str = "apigateway";

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held).property("Shape", |d| &d.shape).changes()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.rest_api.clone()]
    }

    /// The deployment of the wanted shape, or the latest of another one of ours.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let ours = self.ours(context).await?;
        let wanted = ours.iter().find(|snapshot| shape(snapshot) == Some(&self.shape));
        Ok(wanted.or(ours.last()).map(|snapshot| {
            let held = Self {
                shape: shape(snapshot).unwrap_or_default().into(),
                ..self.clone()
            };
            Held::ours(snapshot.id.clone().unwrap_or_default(), held)
        }))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let id = make_once(self, context).await?;
        Ok(Held::ours(id, self.clone()))
    }

    /// A deployment never changes: another one is made, and those of ours that nothing serves go.
    async fn update(&self, _: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        make_once(self, context).await?;
        for old in self
            .ours(context)
            .await?
            .iter()
            .filter(|snapshot| shape(snapshot) != Some(&self.shape))
        {
            self.delete(old.id.as_deref().unwrap_or_default(), context).await?;
        }
        Ok(())
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
