//! The resources and methods of a REST API.
//!
//! Invariant: what is written here is not live; a deployment makes it so.

use aws_sdk_apigateway::types::{Integration, IntegrationType, Method, Resource};
use kairos::names::Place;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::{PAGE, RestApi};
use crate::stack::context::Context;
use crate::stack::kinds::gateway::passing;

/// What a method asks of its caller, and whom it asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Route {
    /// Whether a caller needs an API key.
    pub key_required: bool,
    /// How a caller is authorised otherwise: `NONE`.
    pub authorization: String,
    /// The integration: `AWS_PROXY`.
    pub integration: String,
    /// The ARN of the function behind it.
    pub function: String,
}

impl Route {
    /// A method that needs an API key and hands the whole request to a function.
    pub fn proxy(function: impl Into<String>) -> Self {
        Self {
            key_required: true,
            authorization: "NONE".into(),
            integration: "AWS_PROXY".into(),
            function: function.into(),
        }
    }

    /// The routes of one resource.
    pub(super) fn all(resource: &Resource) -> Vec<(String, Self)> {
        let path = resource.path.as_deref().unwrap_or_default();
        let methods = resource.resource_methods.iter().flatten();
        methods
            .map(|(verb, method)| (format!("{verb} {path}"), Self::held(method)))
            .collect()
    }

    fn held(method: &Method) -> Self {
        let integration = method.method_integration.as_ref();
        let uri = integration.and_then(|i| i.uri.as_deref()).unwrap_or_default();
        let function = uri
            .split_once("/functions/")
            .and_then(|(_, rest)| rest.strip_suffix("/invocations"));
        Self {
            key_required: method.api_key_required.unwrap_or_default(),
            authorization: method.authorization_type.clone().unwrap_or_default(),
            integration: integration.map_or_else(|| "none".into(), written),
            function: function.unwrap_or(uri).into(),
        }
    }

    /// How API Gateway names the invocation of a function.
    pub(super) fn uri(&self, place: &Place) -> String {
        let function = &self.function;
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{function}/invocations",
            place.partition, place.region
        )
    }
}

/// Lambda is invoked by POST, whatever the caller's method.
const INVOKED_BY: &str = "POST";
/// How long API Gateway waits for a function unless told otherwise, in milliseconds (API Gateway API reference, Integration).
const USUAL_WAIT: i32 = 29_000;

/// An integration: its type, and behind it whatever is otherwise than a method of ours has it.
fn written(integration: &Integration) -> String {
    let kind = integration.r#type().map_or("none", IntegrationType::as_str);
    let mut odd = Vec::new();
    if let Some(method) = integration.http_method().filter(|method| *method != INVOKED_BY) {
        odd.push(format!("by {method}"));
    }
    if ![0, USUAL_WAIT].contains(&integration.timeout_in_millis()) {
        odd.push(format!("waits {} ms", integration.timeout_in_millis()));
    }
    if let Some(role) = integration.credentials().filter(|role| !role.is_empty()) {
        odd.push(format!("as {role}"));
    }
    if odd.is_empty() {
        kind.into()
    } else {
        format!("{kind} ({})", odd.join(", "))
    }
}

impl RestApi {
    pub(super) async fn resources(&self, id: &str, context: &Context) -> Result<Vec<Resource>, AwsError> {
        let call = context
            .aws
            .apigateway
            .get_resources()
            .rest_api_id(id)
            .limit(PAGE)
            .embed("methods");
        let mut pages = call.into_paginator().items().send();
        let mut resources = Vec::new();
        while let Some(resource) = pages.next().await {
            resources.push(resource.doing("GetResources", &self.name)?);
        }
        Ok(resources)
    }

    /// Writes methods as they are wanted, and takes away those that are not. A method that differs is written anew: what is
    /// live is the deployment's snapshot, so that nobody misses it meanwhile.
    pub(super) async fn put_routes(&self, id: &str, routes: &[&str], context: &Context) -> Result<(), AwsError> {
        let gateway = &context.aws.apigateway;
        let mut resources = self.resources(id, context).await?;
        for at in routes {
            let Some((verb, path)) = at.split_once(' ') else {
                continue;
            };
            let resource = match (self.routes.contains_key(*at), find_path(&resources, path)) {
                (_, Some(resource)) => resource.clone(),
                (true, None) => self.make_path(id, path, &mut resources, context).await?,
                (false, None) => continue,
            };
            let resource_id = resource.id.unwrap_or_default();
            if resource
                .resource_methods
                .is_some_and(|methods| methods.contains_key(verb))
            {
                let call = gateway
                    .delete_method()
                    .rest_api_id(id)
                    .resource_id(&resource_id)
                    .http_method(verb);
                call.send().await.found("DeleteMethod", at)?;
            }
            if let Some(route) = self.routes.get(*at) {
                let call = gateway
                    .put_method()
                    .rest_api_id(id)
                    .resource_id(&resource_id)
                    .http_method(verb);
                let call = call
                    .authorization_type(&route.authorization)
                    .api_key_required(route.key_required);
                call.send().await.doing("PutMethod", at)?;
                let call = gateway
                    .put_integration()
                    .rest_api_id(id)
                    .resource_id(&resource_id)
                    .http_method(verb);
                let call = call.r#type(IntegrationType::from(route.integration.as_str()));
                let call = call
                    .integration_http_method(INVOKED_BY)
                    .uri(route.uri(&context.names.place));
                call.send().await.doing("PutIntegration", at)?;
            }
        }
        Ok(())
    }

    /// The resource at a path, made with those above it where they are missing.
    async fn make_path(
        &self,
        id: &str,
        path: &str,
        resources: &mut Vec<Resource>,
        context: &Context,
    ) -> Result<Resource, AwsError> {
        let root = find_path(resources, "/").cloned();
        let mut at = root.unwrap_or_else(|| Resource::builder().path("/").build());
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let above = at.path.unwrap_or_default();
            let below = format!("{}/{part}", above.trim_end_matches('/'));
            at = if let Some(resource) = find_path(resources, &below) {
                resource.clone()
            } else {
                let call = context.aws.apigateway.create_resource().rest_api_id(id).path_part(part);
                let call = call.parent_id(at.id.unwrap_or_default());
                match call.send().await.doing("CreateResource", &below) {
                    // The answer was lost, and the SDK asked again.
                    Err(e) if e.is("ConflictException") && !passing(&e) => {
                        *resources = self.resources(id, context).await?;
                        find_path(resources, &below).cloned().ok_or(e)?
                    }
                    other => Resource::builder().set_id(other?.id).path(below).build(),
                }
            };
            resources.push(at.clone());
        }
        Ok(at)
    }
}

fn find_path<'a>(resources: &'a [Resource], path: &str) -> Option<&'a Resource> {
    resources.iter().find(|resource| resource.path.as_deref() == Some(path))
}
