//! An SSM parameter: what other systems read to find the parts of a stack.
//!
//! Invariant: a parameter of the same name that is not ours is never overwritten.

mod terraform;

use std::fmt::Write;

use aws_sdk_ssm::types::{Parameter as Found, ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::{Serialize, Serializer};

use super::support::{Retag, malformed, resume, unresolved};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Ref, Tags, touches};

/// What the stack wants of a parameter of tier *standard*, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// The name, a path (`/{app}/SQS/QueueUrl`).
    pub name: String,
    /// The type: always `String` where it is ours.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value. SSM, tier standard: 1 to 4096 bytes, without `{{`.
    pub value: Text,
    /// The tags.
    pub tags: Tags,
}

/// A text that may hold ids which AWS makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(Vec<Part>);

/// A part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These very characters.
    Plain(String),
    /// The id of another component.
    Id(Ref),
}

impl Parameter {
    /// A parameter of type `String`.
    pub fn new(name: impl Into<String>, value: impl Into<Text>, tags: Tags) -> Self {
        Self {
            name: name.into(),
            kind: ParameterType::String.as_str().into(),
            value: value.into(),
            tags,
        }
    }

    /// The parameter's ARN. The name of a parameter begins with a slash, which its ARN has only once.
    fn arn(&self, context: &Context) -> String {
        context.names.arn("ssm", &format!("parameter{}", self.name))
    }

    fn resolved(&self, context: &Context) -> Result<String, AwsError> {
        self.value
            .resolve(context)
            .map_err(|missing| unresolved("PutParameter", &self.name, &missing.0))
    }

    async fn read(&self, context: &Context) -> Result<Option<Found>, AwsError> {
        if let Some(listings) = context.listings()
            && let Some(found) = listings.parameter(&self.name, context).await?
        {
            return Ok(Some(found));
        }
        // A listing may lag behind: what it does not show is asked for by name.
        let answer = context.aws.ssm.get_parameter().name(&self.name).send().await;
        Ok(answer.found("GetParameter", &self.name)?.and_then(|a| a.parameter))
    }

    /// Reads the value back: the same text is written as it is wanted, ids by the names of their components.
    fn held_value(&self, actual: &str, context: &Context) -> Text {
        match self.value.resolve(context) {
            Ok(wanted) if wanted == actual => self.value.clone(),
            _ => Text::from(actual),
        }
    }
}

impl Text {
    /// The text of these parts, in this order.
    pub fn of(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// The id of another component, alone.
    pub fn id_of(component: impl Into<String>) -> Self {
        Self(vec![Part::Id(Ref::to(component))])
    }

    /// The text with ids as `id` writes them.
    pub fn write(&self, mut id: impl FnMut(&Ref) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Plain(plain) => plain.clone(),
            Part::Id(component) => id(component),
        };
        self.0.iter().map(part).collect()
    }

    /// The text with every id in its place; the component whose id is not known otherwise.
    pub fn resolve(&self, context: &Context) -> Result<String, Ref> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Id(component) => text.push_str(&context.id(component).ok_or_else(|| component.clone())?),
            }
        }
        Ok(text)
    }
}

impl From<String> for Text {
    fn from(plain: String) -> Self {
        Self(vec![Part::Plain(plain)])
    }
}

impl From<&str> for Text {
    fn from(plain: &str) -> Self {
        Self::from(plain.to_owned())
    }
}

impl Serialize for Text {
    /// Ids are written as `${component}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.iter().fold(String::new(), |mut text, part| {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Plain(plain) => text.write_str(plain),
                Part::Id(component) => write!(text, "${{{component}}}"),
            };
            text
        });
        serializer.serialize_str(&text)
    }
}

impl Kind for Parameter {
    const TYPE: &'static str = "AWS::SSM::Parameter";
    const SERVICE: &'static str = "ssm";

    fn permissions(&self, names: &Names) -> Permissions {
        let parameter = Scope::of([names.arn("ssm", &format!("parameter{}", self.name))]);
        let path = names.arn("ssm", &format!("parameter/{}", names.app));
        let path = Scope::of([path.clone(), format!("{path}/*")]);
        Permissions::default()
            .observe(&path, &["ssm:GetParametersByPath"])
            .observe(&parameter, &["ssm:GetParameter", "ssm:ListTagsForResource"])
            .create(&parameter, &["ssm:AddTagsToResource", "ssm:PutParameter"])
            .update(
                &parameter,
                &[
                    "ssm:AddTagsToResource",
                    "ssm:DeleteParameter",
                    "ssm:PutParameter",
                    "ssm:RemoveTagsFromResource",
                ],
            )
            .delete(&parameter, &["ssm:DeleteParameter"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(self.arn(context))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("Name", |p| &p.name)
            .fixed("Type", |p| &p.kind)
            .property("Value", |p| &p.value)
            .tags(|p| &p.tags)
            .changes()
    }

    fn references(&self) -> Vec<Ref> {
        let id = |part: &Part| match part {
            Part::Plain(_) => None,
            Part::Id(component) => Some(component.clone()),
        };
        self.value.0.iter().filter_map(id).collect()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let ssm = &context.aws.ssm;
        let Some(parameter) = self.read(context).await? else {
            return Ok(None);
        };
        let call = ssm
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(&self.name);
        let Some(tags) = gone_is_none(call.send().await.found("ListTagsForResource", &self.name))? else {
            return Ok(None);
        };
        let tags: Tags = tags
            .tag_list
            .unwrap_or_default()
            .into_iter()
            .map(|t| (t.key, t.value))
            .collect();
        let held = Self {
            name: self.name.clone(),
            kind: parameter.r#type.map(|t| t.as_str().to_owned()).unwrap_or_default(),
            value: self.held_value(&parameter.value.unwrap_or_default(), context),
            tags: tags.clone(),
        };
        Ok(Some(Held::tagged(self.arn(context), held, &tags, context)))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let call = context
            .aws
            .ssm
            .put_parameter()
            .name(&self.name)
            .r#type(ParameterType::String)
            .tier(ParameterTier::Standard)
            .value(self.resolved(context)?)
            .overwrite(false)
            .set_tags(Some(tags(&self.tags, &self.name)?));
        match call.send().await.doing("PutParameter", &self.name) {
            Ok(_) => Ok(Held::ours(self.arn(context), self.clone())),
            Err(e) if e.is("ParameterAlreadyExists") => resume(self, e, &self.name, context).await,
            Err(e) => Err(e),
        }
    }

    /// SSM refuses tags together with an overwrite: they are changed by calls of their own.
    async fn update(&self, _: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let ssm = &context.aws.ssm;
        if touches(changes, &["Value"]) {
            let call = ssm
                .put_parameter()
                .name(&self.name)
                .value(self.resolved(context)?)
                .overwrite(true);
            call.send().await.doing("PutParameter", &self.name)?;
        }
        let retag = Retag::of(&self.tags, changes);
        let parameter = ResourceTypeForTagging::Parameter;
        if !retag.set.is_empty() {
            let call = ssm
                .add_tags_to_resource()
                .resource_type(parameter.clone())
                .resource_id(&self.name);
            let call = call.set_tags(Some(tags(&retag.set, &self.name)?));
            call.send().await.doing("AddTagsToResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = ssm
                .remove_tags_from_resource()
                .resource_type(parameter)
                .resource_id(&self.name);
            call.set_tag_keys(Some(retag.remove))
                .send()
                .await
                .doing("RemoveTagsFromResource", &self.name)?;
        }
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        context
            .aws
            .ssm
            .delete_parameter()
            .name(&self.name)
            .send()
            .await
            .found("DeleteParameter", &self.name)?;
        Ok(())
    }

    /// SSM writes one parameter one call at a time, and refuses calls that come meanwhile; a name that is taken by a
    /// parameter which cannot be seen was deleted less than 30 s ago.
    fn settling(error: &AwsError) -> bool {
        error.is("TooManyUpdates") || error.is("ParameterAlreadyExists")
    }
}

/// SSM's word, in calls about tags, for a parameter that does not exist.
fn gone_is_none<T>(answer: Result<Option<T>, AwsError>) -> Result<Option<T>, AwsError> {
    match answer {
        Err(e) if e.is("InvalidResourceId") => Ok(None),
        other => other,
    }
}

fn tags(tags: &Tags, object: &str) -> Result<Vec<Tag>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|e| malformed("PutParameter", object, &e))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use expect_test::expect;
    use serde_json::json;

    use super::*;
    use crate::stack::kinds::replay;

    fn parameter() -> Parameter {
        let url = Text::of([
            Part::Plain("https://".into()),
            Part::Id(replay::rest_api()),
            Part::Plain("/".into()),
        ]);
        Parameter::new("/Acme/Api/Url", url, replay::tags())
    }

    #[test]
    fn a_value_is_written_with_components_in_the_place_of_ids() {
        assert_eq!(
            serde_json::to_value(&parameter().value).unwrap(),
            json!("https://${rest_api}/")
        );
        let (context, _) = replay::context(&[]);
        assert_eq!(parameter().held_value("https://api1/", &context), parameter().value);
        assert_eq!(
            parameter().held_value("https://api2/", &context),
            Text::from("https://api2/")
        );
        context.forget("rest_api");
        assert_eq!(
            parameter().held_value("https://api1/", &context),
            Text::from("https://api1/")
        );
    }

    #[tokio::test]
    async fn a_parameter_that_somebody_made_secret_is_replaced() {
        let secret = r#"{"Parameter":{"Name":"/Acme/Api/Url","Type":"SecureString","Value":"cipher"}}"#;
        let ours = r#"{"TagList":[{"Key":"kairos:stack","Value":"us-east-1/Acme"}]}"#;
        let (context, _) = replay::context(&[(200, "", secret), (200, "", ours)]);
        let held = parameter().observe(&context).await.unwrap().unwrap();
        expect![[r"
            Type: SecureString → String (replaces)
            Value: cipher → https://${rest_api}/"]]
        .assert_eq(&replay::lines(&parameter().diff(&held.value)));
    }

    #[tokio::test]
    async fn an_update_overwrites_without_tags_and_may_have_to_wait() {
        let (context, replay) = replay::context(&[(400, "TooManyUpdates", "{}")]);
        let held = Held::ours(
            "arn:p",
            Parameter {
                value: "old".into(),
                ..parameter()
            },
        );
        let error = parameter()
            .update(&held, &parameter().diff(&held.value), &context)
            .await
            .unwrap_err();
        assert!(Parameter::settling(&error), "{error}");
        assert_eq!(
            replay::sent(&replay, 0),
            json!({ "Name": "/Acme/Api/Url", "Value": "https://api1/", "Overwrite": true })
        );
    }

    #[tokio::test]
    async fn a_parameter_that_goes_between_two_reads_is_not_there() {
        let found = r#"{"Parameter":{"Name":"/Acme/Api/Url","Type":"String","Value":"x"}}"#;
        let (context, _) = replay::context(&[(200, "", found), (400, "InvalidResourceId", "{}")]);
        assert_eq!(parameter().observe(&context).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_name_taken_by_a_parameter_that_is_still_going_is_awaited() {
        let (context, _) = replay::context(&[(400, "ParameterAlreadyExists", "{}"), (400, "ParameterNotFound", "{}")]);
        let error = parameter().create(&context).await.unwrap_err();
        assert!(Parameter::settling(&error), "{error}");
    }
}
