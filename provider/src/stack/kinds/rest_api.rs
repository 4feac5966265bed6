//! The REST API in front of the api function: the API itself, its resources, methods and integrations.
//!
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.
//! Invariant: nothing here is live before a deployment takes its snapshot.

mod routes;
mod terraform;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_apigateway::types::{ApiKeySourceType, EndpointConfiguration, EndpointType};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use self::routes::Route;
use super::gateway::{
    Listed, Made, Twin, arn, collection, converge, find, made, make_once, passing, remove, replace, retag, tags,
    unrepeated,
};
use crate::permissions::Permissions;
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Tags, touches};

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
    /// Settings that are left as API Gateway makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

/// The id of the stack's REST API; `None` where there is none.
pub async fn id(context: &Context) -> Result<Option<String>, AwsError> {
    let api = RestApi {
        name: context.names.rest_api(),
        description: String::new(),
        endpoint: String::new(),
        routes: BTreeMap::new(),
        tags: Tags::new(),
        extras: Extras::default(),
    };
    find(&api, context).await
}

/// What IAM must allow for [`id`].
pub fn lookup_permissions(names: &Names) -> Permissions {
    let (all, tags) = (made("/restapis", names), made("/tags/*", names));
    Permissions::default()
        .observe(&all, &["apigateway:GET"])
        .observe(&tags, &["apigateway:GET"])
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
            .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

impl Kind for RestApi {
    const TYPE: &'static str = "AWS::ApiGateway::RestApi";
    const SERVICE: &'static str = "apigateway";

    /// Doubles that a lost answer left are deleted as the object is created.
    fn permissions(&self, names: &Names) -> Permissions {
        let (resources, methods) = (
            made("/restapis/*/resources/*", names),
            made("/restapis/*/methods/*", names),
        );
        collection("/restapis", names)
            .create(&resources, &["apigateway:POST"])
            .create(&methods, &["apigateway:PUT"])
            .update(&resources, &["apigateway:POST"])
            .update(&methods, &["apigateway:DELETE", "apigateway:PUT"])
    }

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
        diff.extras(|a| &a.extras).tags(|a| &a.tags).changes()
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
        let mut extras = Extras::default();
        if let Some(source) = &api.api_key_source {
            extras.note(KEY_SOURCE, source.as_str(), ApiKeySourceType::Header.as_str());
        }
        let binary = api.binary_media_types.unwrap_or_default();
        if !binary.is_empty() {
            extras.note(BINARY, binary.join(", "), "none");
        }
        let arn = api_arn(&id, context);
        let (resources, tags) = tokio::try_join!(self.resources(&id, context), tags(&arn, api.tags, context))?;
        let held = Self {
            name: api.name.unwrap_or_default(),
            description: api.description.unwrap_or_default(),
            endpoint: types.iter().map(EndpointType::as_str).collect::<Vec<_>>().join(","),
            routes: resources.iter().flat_map(Route::all).collect(),
            tags,
            extras,
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
        if touches(changes, &[KEY_SOURCE]) {
            patches.push(replace("/apiKeySource", ApiKeySourceType::Header.as_str()));
        }
        if let Some(change) = changes.iter().find(|c| c.property == BINARY) {
            let types = change.actual.split(", ");
            patches.extend(types.map(|t| remove(&format!("/binaryMediaTypes/{}", t.replace('/', "~1")), None)));
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
            let listed = Listed {
                id: api.id,
                name: api.name,
                created: api.created_date,
                tags: api.tags,
            };
            twins.extend(listed.twin(&self.name, api_arn, context).await?);
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

/// Where a caller's key is read from: the header `x-api-key`.
const KEY_SOURCE: &str = "ApiKeySourceType";
/// Bodies that the function gets in Base64.
const BINARY: &str = "BinaryMediaTypes";

/// How much a page may hold (API Gateway: 500 at most).
pub(super) const PAGE: i32 = 500;

fn api_arn(id: &str, context: &Context) -> String {
    arn(&format!("/restapis/{id}"), context)
}
