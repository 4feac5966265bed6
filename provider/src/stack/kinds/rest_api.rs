//! The REST API in front of the api function: the API itself, its resources, methods and integrations.
//!
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.
//! Invariant: nothing here is live before a deployment takes its snapshot.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, IntegrationType, Method, Resource};
use kairos_aws::{AwsError, Doing};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::gateway::{
    Made, Twin, arn, converge, find, listed_as_ours, make_once, owner, passing, replace, retag, tags, unrepeated,
};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Owner, Tags, touches};

/// A REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RestApi {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// `REGIONAL` (`EDGE` and `PRIVATE` are never wanted).
    pub endpoint: String,
    /// Its methods by verb and path: `ANY /`, `ANY /{proxy+}`.
    pub routes: BTreeMap<String, Route>,
    /// Its tags.
    pub tags: Tags,
}

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
}

impl RestApi {
    /// A digest of what a deployment makes live, so that a deployment can be told to be of this shape.
    pub fn shape(&self) -> String {
        let routes: Vec<String> = self
            .routes
            .iter()
            .map(|(at, route)| format!("{at} {route:?}"))
            .collect();
        Sha256::digest(routes.join("\n"))
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Kind for RestApi {
    const TYPE: &'static str = "AWS::ApiGateway::RestApi";
    const ACTIONS: &'static [&'static str] = &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
    ];
    const SERVICE: &'static str = "apigateway";

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        let mut diff = Diff::of(self, held)
            .property("Name", |a| &a.name)
            .property("Description", |a| &a.description)
            .property("EndpointConfiguration", |a| &a.endpoint);
        let routes: BTreeSet<&String> = self.routes.keys().chain(held.routes.keys()).collect();
        for route in routes {
            diff = diff.property(&format!("Methods.{route}"), |a| a.routes.get(route));
        }
        diff.tags(|a| &a.tags).changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(id) = find(self, context).await? else {
            return Ok(None);
        };
        let answer = context
            .aws
            .apigateway
            .get_rest_api()
            .rest_api_id(&id)
            .send()
            .await
            .found("GetRestApi", &self.name)?;
        let Some(api) = answer else { return Ok(None) };
        let types = api.endpoint_configuration.and_then(|e| e.types).unwrap_or_default();
        let arn = api_arn(&id, context);
        let (resources, tags) = tokio::try_join!(self.resources(&id, context), tags(&arn, context))?;
        let held = Self {
            name: api.name.unwrap_or_default(),
            description: api.description.unwrap_or_default(),
            endpoint: types.iter().map(EndpointType::as_str).collect::<Vec<_>>().join(","),
            routes: resources.iter().flat_map(Route::all).collect(),
            tags,
        };
        Ok(Some(Held::ours(id, held)))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        make_once(self, context).await?;
        converge(self, &self.name, context).await
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let mut patches = Vec::new();
        if touches(changes, &["Name"]) {
            patches.push(replace("/name", &self.name));
        }
        if touches(changes, &["Description"]) {
            patches.push(replace("/description", &self.description));
        }
        if touches(changes, &["EndpointConfiguration"]) {
            patches.push(replace(
                &format!("/endpointConfiguration/types/{}", held.value.endpoint),
                &self.endpoint,
            ));
        }
        if !patches.is_empty() {
            let call = context
                .aws
                .apigateway
                .update_rest_api()
                .rest_api_id(&held.id)
                .set_patch_operations(Some(patches));
            call.send().await.doing("UpdateRestApi", &self.name)?;
        }
        let routes: Vec<&str> = changes
            .iter()
            .filter_map(|c| c.property.strip_prefix("Methods."))
            .collect();
        if !routes.is_empty() {
            self.put_routes(&held.id, &routes, context).await?;
        }
        retag(&api_arn(&held.id, context), &self.tags, changes, context).await
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        context
            .aws
            .apigateway
            .delete_rest_api()
            .rest_api_id(id)
            .send()
            .await
            .found("DeleteRestApi", &self.name)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Made for RestApi {
    async fn twins(&self, context: &Context) -> Result<Vec<Twin>, AwsError> {
        let mut pages = context
            .aws
            .apigateway
            .get_rest_apis()
            .limit(PAGE)
            .into_paginator()
            .items()
            .send();
        let mut twins = Vec::new();
        while let Some(api) = pages.next().await {
            let api = api.doing("GetRestApis", &self.name)?;
            let renamed = api.name.as_deref() != Some(&self.name);
            if renamed && !listed_as_ours(api.tags.as_ref(), context) {
                continue;
            }
            let arn = api_arn(api.id.as_deref().unwrap_or_default(), context);
            if owner(api.tags, &arn, context).await? == Owner::Ours {
                twins.push(Twin::new(api.id, api.created_date, renamed));
            }
        }
        Ok(twins)
    }

    async fn make(&self, context: &Context) -> Result<String, AwsError> {
        let endpoint = EndpointConfiguration::builder()
            .types(EndpointType::from(self.endpoint.as_str()))
            .build();
        let call = context
            .aws
            .apigateway
            .create_rest_api()
            .name(&self.name)
            .description(&self.description);
        let call = call
            .endpoint_configuration(endpoint)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let made = call
            .customize()
            .config_override(unrepeated())
            .send()
            .await
            .doing("CreateRestApi", &self.name)?;
        Ok(made.id.unwrap_or_default())
    }
}

/// How much a page may hold (API Gateway: 500 at most).
pub(super) const PAGE: i32 = 500;

impl RestApi {
    async fn resources(&self, id: &str, context: &Context) -> Result<Vec<Resource>, AwsError> {
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
    async fn put_routes(&self, id: &str, routes: &[&str], context: &Context) -> Result<(), AwsError> {
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
                // Lambda is invoked by POST, whatever the caller's method.
                let call = call.integration_http_method("POST").uri(route.uri(context));
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
            at = match find_path(resources, &below) {
                Some(resource) => resource.clone(),
                None => {
                    let call = context.aws.apigateway.create_resource().rest_api_id(id).path_part(part);
                    let call = call.parent_id(at.id.unwrap_or_default());
                    let made = call.send().await.doing("CreateResource", &below)?;
                    Resource::builder().set_id(made.id).path(below).build()
                }
            };
            resources.push(at.clone());
        }
        Ok(at)
    }
}

impl Route {
    /// The routes of one resource.
    fn all(resource: &Resource) -> Vec<(String, Self)> {
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
            integration: integration
                .and_then(|i| i.r#type.as_ref())
                .map_or("none", IntegrationType::as_str)
                .into(),
            function: function.unwrap_or(uri).into(),
        }
    }

    /// How API Gateway names the invocation of a function.
    fn uri(&self, context: &Context) -> String {
        let place = &context.names.place;
        let function = &self.function;
        format!(
            "arn:{}:apigateway:{}:lambda:path/2015-03-31/functions/{function}/invocations",
            place.partition, place.region
        )
    }
}

fn find_path<'a>(resources: &'a [Resource], path: &str) -> Option<&'a Resource> {
    resources.iter().find(|resource| resource.path.as_deref() == Some(path))
}

fn api_arn(id: &str, context: &Context) -> String {
    arn(&format!("/restapis/{id}"), context)
}
