//! Where markers and claims are kept: SSM, or a map in tests.

use std::future::Future;

use aws_sdk_ssm::types::{ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use kairos_aws::{AwsError, Doing};

use crate::stack::context::Context;
use crate::stack::kind::{Tags, is_added_by_aws};

/// A place for small texts by name, of which only creation is atomic.
pub trait Shelf: Clone + Send + Sync + 'static {
    /// The text of this name.
    fn get(&self, name: &str) -> impl Future<Output = Result<Option<String>, AwsError>> + Send;
    /// The names of all texts below a path, which is written without a slash at its end.
    fn under(&self, path: &str) -> impl Future<Output = Result<Vec<String>, AwsError>> + Send;
    /// Puts a text where there is none; false where there is another one.
    fn create(&self, name: &str, text: &str) -> impl Future<Output = Result<bool, AwsError>> + Send;
    /// Puts a text in the place of another.
    fn write(&self, name: &str, text: &str) -> impl Future<Output = Result<(), AwsError>> + Send;
    /// Removes a text; that there is none is success.
    fn remove(&self, name: &str) -> impl Future<Output = Result<(), AwsError>> + Send;
}

/// SSM parameters with the stack's tags.
#[derive(Debug, Clone)]
pub struct Ssm {
    context: Context,
    tags: Tags,
}

impl Ssm {
    /// Parameters that are created with these tags.
    pub fn new(context: Context, tags: Tags) -> Self {
        Self { context, tags }
    }

    /// The tags that its parameters are to have.
    pub fn wanted(&self) -> &Tags {
        &self.tags
    }

    /// The tags of a parameter that exists.
    ///
    /// # Errors
    /// SSM's answer; one that is gone has no tags.
    pub async fn tags(&self, name: &str) -> Result<Tags, AwsError> {
        let call = self.context.aws.ssm.list_tags_for_resource();
        let call = call.resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
        let answer = match call.send().await.found("ListTagsForResource", name) {
            // SSM's word, in calls about tags, for a parameter that does not exist.
            Err(e) if e.is("InvalidResourceId") => None,
            other => other?,
        };
        let listed = answer.and_then(|a| a.tag_list).unwrap_or_default();
        Ok(listed.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }

    /// Brings the tags of a parameter to those of this shelf: SSM sets tags as it creates a parameter, not as it overwrites.
    ///
    /// # Errors
    /// SSM's answer.
    pub async fn retag(&self, name: &str) -> Result<(), AwsError> {
        let held = self.tags(name).await?;
        let ssm = &self.context.aws.ssm;
        let missing = self.tags.iter().filter(|(key, value)| held.get(*key) != Some(value));
        let set: Vec<Tag> = missing.filter_map(tag).collect();
        if !set.is_empty() {
            let call = ssm
                .add_tags_to_resource()
                .resource_type(ResourceTypeForTagging::Parameter);
            let call = call.resource_id(name).set_tags(Some(set));
            call.send().await.doing("AddTagsToResource", name)?;
        }
        let foreign = held
            .into_keys()
            .filter(|key| !self.tags.contains_key(key) && !is_added_by_aws(key));
        let remove: Vec<String> = foreign.collect();
        if !remove.is_empty() {
            let call = ssm
                .remove_tags_from_resource()
                .resource_type(ResourceTypeForTagging::Parameter);
            let call = call.resource_id(name).set_tag_keys(Some(remove));
            call.send().await.doing("RemoveTagsFromResource", name)?;
        }
        Ok(())
    }
}

impl Shelf for Ssm {
    async fn get(&self, name: &str) -> Result<Option<String>, AwsError> {
        let answer = self
            .context
            .aws
            .ssm
            .get_parameter()
            .name(name)
            .send()
            .await
            .found("GetParameter", name)?;
        Ok(answer.and_then(|a| a.parameter).and_then(|p| p.value))
    }

    async fn under(&self, path: &str) -> Result<Vec<String>, AwsError> {
        let call = self.context.aws.ssm.get_parameters_by_path().path(path).recursive(true);
        let mut pages = call.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.doing("GetParametersByPath", path)?;
            names.extend(page.parameters.unwrap_or_default().into_iter().filter_map(|p| p.name));
        }
        Ok(names)
    }

    async fn create(&self, name: &str, text: &str) -> Result<bool, AwsError> {
        let tags: Vec<Tag> = self.tags.iter().filter_map(tag).collect();
        let call = self
            .context
            .aws
            .ssm
            .put_parameter()
            .name(name)
            .value(text)
            .overwrite(false);
        let call = call
            .r#type(ParameterType::String)
            .tier(ParameterTier::Standard)
            .set_tags(Some(tags));
        match call.send().await.doing("PutParameter", name) {
            Ok(_) => Ok(true),
            // An answer was lost, to us or to the SDK, which then asks again: it is ours if it says what we said.
            Err(e) if e.is("ParameterAlreadyExists") => Ok(self.get(name).await?.as_deref() == Some(text)),
            Err(e) if e.ambiguous && self.get(name).await?.as_deref() == Some(text) => Ok(true),
            Err(e) => Err(e),
        }
    }

    async fn write(&self, name: &str, text: &str) -> Result<(), AwsError> {
        let call = self
            .context
            .aws
            .ssm
            .put_parameter()
            .name(name)
            .value(text)
            .overwrite(true);
        call.r#type(ParameterType::String)
            .send()
            .await
            .doing("PutParameter", name)?;
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), AwsError> {
        self.context
            .aws
            .ssm
            .delete_parameter()
            .name(name)
            .send()
            .await
            .found("DeleteParameter", name)?;
        Ok(())
    }
}

fn tag((key, value): (&String, &String)) -> Option<Tag> {
    // Key and value are set: building cannot fail.
    Tag::builder().key(key).value(value).build().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay::{context, operations};

    const TAKEN: (u16, &str, &str) = (400, "ParameterAlreadyExists", "{}");

    #[tokio::test]
    async fn what_exists_already_is_ours_if_it_says_what_we_said() {
        for (held, ours) in [("ours", true), ("theirs", false)] {
            let body = format!(r#"{{"Parameter":{{"Value":"{held}"}}}}"#);
            let (context, replay) = context(&[TAKEN, (200, "", &body)]);
            let shelf = Ssm::new(context, Tags::new());
            assert_eq!(
                shelf.create("/Acme/Kairos/Instalacion", "ours").await.unwrap(),
                ours,
                "{held}"
            );
            assert_eq!(operations(&replay), ["PutParameter", "GetParameter"]);
        }
        let (context, _) = context(&[TAKEN, (400, "ParameterNotFound", "{}")]);
        assert!(
            !Ssm::new(context, Tags::new())
                .create("/Acme/Kairos/Instalacion", "ours")
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn tags_are_brought_to_those_of_the_shelf_and_those_of_aws_are_left() {
        let held =
            r#"{"TagList":[{"Key":"team","Value":"a"},{"Key":"old","Value":"x"},{"Key":"aws:backup","Value":"y"}]}"#;
        let (context, replay) = context(&[(200, "", held), (200, "", "{}"), (200, "", "{}"), (200, "", held)]);
        let shelf = |value: &str| Ssm::new(context.clone(), Tags::from([("team".into(), value.into())]));
        shelf("b").retag("/Acme/Kairos/Instalacion").await.unwrap();
        assert_eq!(
            operations(&replay),
            ["ListTagsForResource", "AddTagsToResource", "RemoveTagsFromResource"]
        );
        assert_eq!(shelf("b").tags("/Acme/Kairos/Instalacion").await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn claims_are_listed_page_by_page() {
        let pages = [
            (
                200,
                "",
                r#"{"Parameters":[{"Name":"/Acme/Kairos/Toma/1"}],"NextToken":"more"}"#,
            ),
            (200, "", r#"{"Parameters":[{"Name":"/Acme/Kairos/Toma/2"}]}"#),
        ];
        let (context, _) = context(&pages);
        let names = Ssm::new(context, Tags::new()).under("/Acme/Kairos/Toma").await.unwrap();
        assert_eq!(names, ["/Acme/Kairos/Toma/1", "/Acme/Kairos/Toma/2"]);
    }
}
