//! Where markers and claims are kept: SSM, or a map in tests.

use std::future::Future;

use aws_sdk_ssm::types::{ParameterTier, ParameterType, Tag};
use kairos_aws::{AwsError, Doing};

use crate::stack::context::Context;
use crate::stack::kind::Tags;

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
        let mut tags = Vec::with_capacity(self.tags.len());
        for (key, value) in &self.tags {
            // Key and value are set: building cannot fail.
            tags.extend(Tag::builder().key(key).value(value).build().ok());
        }
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
