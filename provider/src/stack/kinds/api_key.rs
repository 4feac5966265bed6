//! The API key, whose value AWS makes.
//!
//! Invariant: its value is no part of what is wanted or held; only [`value`] reads it, for the state's sensitive attribute.
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.

use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::gateway::{
    Listed, Made, Twin, arn, collection, converge, find, make_once, passing, replace, retag, tags, unrepeated,
};
use super::rest_api::PAGE;
use crate::permissions::Permissions;
use crate::render::{At, Block, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags, touches};

/// An API key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiKey {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// Whether it opens anything.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
}

/// The value that opens the API, of the key with this id; `None` where there is no such key.
pub async fn value(context: &Context, id: &str) -> Result<Option<String>, AwsError> {
    let call = context.aws.apigateway.get_api_key().api_key(id).include_value(true);
    Ok(call.send().await.found("GetApiKey", id)?.and_then(|key| key.value))
}

impl Kind for ApiKey {
    const TYPE: &'static str = "AWS::ApiGateway::ApiKey";
    const SERVICE: &'static str = "apigateway";
    /// Its value goes with it, which callers hold.
    const HOLDS_DATA: bool = true;

    fn permissions(&self, names: &Names) -> Permissions {
        collection("/apikeys", names)
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .property("Name", |k| &k.name)
            .property("Description", |k| &k.description)
            .property("Enabled", |k| k.enabled)
            .tags(|k| &k.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(id) = find(self, context).await? else {
            return Ok(None);
        };
        let call = context.aws.apigateway.get_api_key().api_key(&id).include_value(false);
        let Some(key) = call.send().await.found("GetApiKey", &self.name)? else {
            return Ok(None);
        };
        let held = Self {
            name: key.name.unwrap_or_default(),
            description: key.description.unwrap_or_default(),
            enabled: key.enabled,
            tags: tags(&key_arn(&id, context), key.tags, context).await?,
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
        if touches(changes, &["Enabled"]) {
            patches.push(replace("/enabled", self.enabled.to_string()));
        }
        if !patches.is_empty() {
            let call = context
                .aws
                .apigateway
                .update_api_key()
                .api_key(&held.id)
                .set_patch_operations(Some(patches));
            call.send().await.doing("UpdateApiKey", &self.name)?;
        }
        retag(&key_arn(&held.id, context), &self.tags, changes, context).await
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        context
            .aws
            .apigateway
            .delete_api_key()
            .api_key(id)
            .send()
            .await
            .found("DeleteApiKey", &self.name)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

impl Made for ApiKey {
    async fn twins(&self, context: &Context) -> Result<Vec<Twin>, AwsError> {
        let mut pages = context
            .aws
            .apigateway
            .get_api_keys()
            .limit(PAGE)
            .include_values(false)
            .into_paginator()
            .items()
            .send();
        let mut twins = Vec::new();
        while let Some(key) = pages.next().await {
            let key = key.doing("GetApiKeys", &self.name)?;
            let listed = Listed {
                id: key.id,
                name: key.name,
                created: key.created_date,
                tags: key.tags,
            };
            twins.extend(listed.twin(&self.name, key_arn, context).await?);
        }
        Ok(twins)
    }

    async fn make(&self, context: &Context) -> Result<String, AwsError> {
        let call = context
            .aws
            .apigateway
            .create_api_key()
            .name(&self.name)
            .description(&self.description);
        let call = call
            .enabled(self.enabled)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let made = call
            .customize()
            .config_override(unrepeated())
            .send()
            .await
            .doing("CreateApiKey", &self.name)?;
        Ok(made.id.unwrap_or_default())
    }
}

fn key_arn(id: &str, context: &Context) -> String {
    arn(&format!("/apikeys/{id}"), context)
}

impl Render for ApiKey {
    /// Without a value: the key that is imported keeps its own, and one that is created gets it from AWS.
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        vec![
            Block::resource("aws_api_gateway_api_key")
                .set("name", &self.name)
                .set("description", &self.description)
                .set("enabled", self.enabled)
                .set("tags", &self.tags)
                .import(at.id()),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay::{context, lines, tags};

    fn key() -> ApiKey {
        ApiKey {
            name: "AcmeKey".into(),
            description: "Kairos".into(),
            enabled: true,
            tags: tags(),
        }
    }

    #[test]
    fn every_property_that_differs_is_named() {
        assert_eq!(key().diff(&key()), []);
        let held = ApiKey {
            name: "Renamed".into(),
            description: String::new(),
            enabled: false,
            tags: Tags::new(),
        };
        expect![[r"
            Name: Renamed → AcmeKey
            Description:  → Kairos
            Enabled: false → true
            Tags.kairos:stack: none → us-east-1/Acme"]]
        .assert_eq(&lines(&key().diff(&held)));
    }

    #[tokio::test]
    async fn a_key_that_others_switched_off_is_switched_on() {
        let listed = r#"{"item":[{"id":"k1","name":"AcmeKey","tags":{"kairos:stack":"us-east-1/Acme"}}]}"#;
        let off = r#"{"id":"k1","name":"AcmeKey","description":"Kairos","enabled":false}"#;
        let owned = r#"{"tags":{"kairos:stack":"us-east-1/Acme"}}"#;
        let answers = [(200, "", listed), (200, "", off), (200, "", owned), (200, "", "{}")];
        let (context, replay) = context(&answers);
        let held = key().observe(&context).await.unwrap().unwrap();
        let changes = key().diff(&held.value);
        expect!["Enabled: false → true"].assert_eq(&lines(&changes));
        key().update(&held, &changes, &context).await.unwrap();
        assert_eq!(
            crate::stack::kinds::replay::sent(&replay, 3),
            serde_json::json!({ "patchOperations": [{ "op": "replace", "path": "/enabled", "value": "true" }] })
        );
    }

    #[tokio::test]
    async fn the_value_is_read_apart() {
        let (context, _) = context(&[
            (200, "", r#"{"id":"k1","value":"abcdefghij0123456789"}"#),
            (404, "NotFoundException", "{}"),
        ]);
        assert_eq!(
            value(&context, "k1").await.unwrap().as_deref(),
            Some("abcdefghij0123456789")
        );
        assert_eq!(value(&context, "k1").await.unwrap(), None);
    }
}
