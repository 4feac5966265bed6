//! An SNS topic of the topology.
//!
//! Invariant: name and ARN follow from the stack's name.

use std::collections::HashMap;

use aws_sdk_sns::types::Tag;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::support::{Retag, resume};
use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags, touches};
use crate::stack::policy::PolicyDocument;

/// What the stack wants of a topic, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Topic {
    /// The name, unique in account and region.
    pub name: String,
    /// The sender's name in e-mails; empty where there is none. SNS: at most 100 characters.
    pub display_name: String,
    /// The key that encrypts messages at rest; `None`: SNS's own disk encryption only. Never `alias/aws/sns`, which
    /// CloudWatch alarms cannot publish through.
    pub kms_key_arn: Option<String>,
    /// Who may publish and subscribe. A topic always has one.
    pub policy: PolicyDocument,
    /// The tags.
    pub tags: Tags,
}

impl Topic {
    /// The attributes as SNS takes them, under its names, which are also the names of the properties.
    fn attributes(&self) -> [(&'static str, String); 3] {
        [
            ("DisplayName", self.display_name.clone()),
            ("KmsMasterKeyId", self.kms_key_arn.clone().unwrap_or_default()),
            ("Policy", self.policy.to_json()),
        ]
    }

    /// Reads SNS's attributes.
    fn held(&self, attributes: &HashMap<String, String>, tags: Tags) -> Self {
        let text = |name: &str| attributes.get(name).map(String::as_str).unwrap_or_default();
        Self {
            name: self.name.clone(),
            display_name: text("DisplayName").into(),
            kms_key_arn: Some(text("KmsMasterKeyId"))
                .filter(|k| !k.is_empty())
                .map(str::to_owned),
            policy: PolicyDocument::parse(text("Policy")),
            tags,
        }
    }
}

impl Kind for Topic {
    const TYPE: &'static str = "AWS::SNS::Topic";
    const SERVICE: &'static str = "sns";
    /// Its subscriptions go with it, and their owners would have to confirm again.
    const HOLDS_DATA: bool = true;

    fn permissions(&self, names: &Names) -> Permissions {
        let topic = Scope::of([names.arn("sns", &self.name)]);
        Permissions::default()
            .observe(&topic, &["sns:GetTopicAttributes", "sns:ListTagsForResource"])
            .create(&topic, &["sns:CreateTopic", "sns:TagResource"])
            .update(
                &topic,
                &["sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
            )
            .delete(&topic, &["sns:DeleteTopic"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(context.names.arn("sns", &self.name))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("TopicName", |t| &t.name)
            .property("DisplayName", |t| &t.display_name)
            .property("KmsMasterKeyId", |t| &t.kms_key_arn)
            .property("Policy", |t| &t.policy)
            .tags(|t| &t.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let sns = &context.aws.sns;
        let arn = context.names.arn("sns", &self.name);
        let answer = sns.get_topic_attributes().topic_arn(&arn).send().await;
        let Some(answer) = answer.found("GetTopicAttributes", &self.name)? else {
            return Ok(None);
        };
        let tags = sns.list_tags_for_resource().resource_arn(&arn).send().await;
        let Some(tags) = tags.found("ListTagsForResource", &self.name)? else {
            return Ok(None);
        };
        let tags: Tags = tags
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|t| (t.key, t.value))
            .collect();
        let held = self.held(&answer.attributes.unwrap_or_default(), tags.clone());
        Ok(Some(Held::tagged(arn, held, &tags, context)))
    }

    /// SNS answers a create of a topic that exists and is identical, tags included, by its ARN, and refuses it where
    /// anything differs.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let set = self.attributes().into_iter().filter(|(_, value)| !value.is_empty());
        let set = set.map(|(name, value)| (name.to_owned(), value)).collect();
        let tags = tags(&self.tags, &self.name)?;
        let call = context
            .aws
            .sns
            .create_topic()
            .name(&self.name)
            .set_attributes(Some(set))
            .set_tags(Some(tags));
        match call.send().await.doing("CreateTopic", &self.name) {
            Ok(_) => Ok(Held::ours(context.names.arn("sns", &self.name), self.clone())),
            Err(e) if exists_otherwise(&e) => resume(self, e, &self.name, context).await,
            Err(e) => Err(e),
        }
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let sns = &context.aws.sns;
        for (name, value) in self
            .attributes()
            .into_iter()
            .filter(|(name, _)| touches(changes, &[name]))
        {
            let call = sns
                .set_topic_attributes()
                .topic_arn(&held.id)
                .attribute_name(name)
                .attribute_value(value);
            call.send().await.doing("SetTopicAttributes", &self.name)?;
        }
        let retag = Retag::of(&self.tags, changes);
        if !retag.set.is_empty() {
            let call = sns
                .tag_resource()
                .resource_arn(&held.id)
                .set_tags(Some(tags(&retag.set, &self.name)?));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !retag.remove.is_empty() {
            let call = sns
                .untag_resource()
                .resource_arn(&held.id)
                .set_tag_keys(Some(retag.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        context
            .aws
            .sns
            .delete_topic()
            .topic_arn(id)
            .send()
            .await
            .found("DeleteTopic", &self.name)?;
        Ok(())
    }

    /// SNS works on one topic's tags one call at a time, and refuses calls that come meanwhile.
    fn settling(error: &AwsError) -> bool {
        error.is("ConcurrentAccess") || error.is("ConcurrentAccessException")
    }
}

/// SNS's answer to the create of a topic that exists with another attribute or tag.
fn exists_otherwise(error: &AwsError) -> bool {
    (error.is("InvalidParameter") || error.is("InvalidParameterException")) && error.message.contains("already exists")
}

fn tags(tags: &Tags, object: &str) -> Result<Vec<Tag>, AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.iter()
        .map(tag)
        .collect::<Result<_, _>>()
        .map_err(|e| super::support::malformed("TagResource", object, &e))
}

impl Render for Topic {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let arn = at.names.arn("sns", &self.name);
        // The policy names the topic itself.
        let policy = Block::resource("aws_sns_topic_policy")
            .set("arn", Expr::Own("arn"))
            .set("policy", Expr::policy(&self.policy))
            .import(at.if_held(&arn));
        let topic = Block::resource("aws_sns_topic")
            .set("name", &self.name)
            .set_some("display_name", Some(&self.display_name).filter(|name| !name.is_empty()))
            .set_some("kms_master_key_id", self.kms_key_arn.clone().map(Expr::Link))
            .set("tags", &self.tags)
            .import(at.if_held(&arn))
            .value(arn, "arn");
        vec![topic, policy]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay;

    const ATTRIBUTES: &str = "<Attributes><entry><key>Policy</key><value>{}</value></entry></Attributes>";

    fn topic() -> Topic {
        Topic {
            name: "AcmeNotificaciones".into(),
            display_name: "Kairos".into(),
            kms_key_arn: None,
            policy: PolicyDocument::new([]),
            tags: replay::tags(),
        }
    }

    #[test]
    fn what_sns_leaves_out_is_not_set() {
        let held = topic().held(&HashMap::new(), Tags::new());
        expect![[r#"
            DisplayName:  → Kairos
            Policy:  → {"Statement":[],"Version":"2012-10-17"}
            Tags.kairos:stack: none → us-east-1/Acme"#]]
        .assert_eq(&replay::lines(&topic().diff(&held)));
    }

    #[tokio::test]
    async fn a_topic_with_other_tags_is_refused() {
        let attributes = replay::xml("GetTopicAttributes", ATTRIBUTES);
        let tag = "<Tags><member><Key>kairos:stack</Key><Value>us-east-1/Otro</Value></member></Tags>";
        let tags = replay::xml("ListTagsForResource", tag);
        let message = "Invalid parameter: Tags Reason: Topic already exists with different tags";
        let (context, replay) = replay::context(&[
            (400, "", &replay::xml_error("InvalidParameter", message)),
            (200, "", &attributes),
            (200, "", &tags),
        ]);
        let error = topic().create(&context).await.unwrap_err();
        expect![[
            r#"CreateTopic of "AcmeNotificaciones" failed: it exists already and belongs to the stack "us-east-1/Otro""#
        ]]
        .assert_eq(&error.to_string());
        assert_eq!(
            replay::operations(&replay),
            ["CreateTopic", "GetTopicAttributes", "ListTagsForResource"]
        );
    }

    #[tokio::test]
    async fn two_calls_about_one_topic_s_tags_take_turns() {
        let (context, _) = replay::context(&[(400, "", &replay::xml_error("ConcurrentAccess", "in progress"))]);
        let mut wanted = topic();
        wanted.tags.insert("team".into(), "data".into());
        let held = Held::ours("arn:t", topic());
        let error = wanted
            .update(&held, &wanted.diff(&held.value), &context)
            .await
            .unwrap_err();
        assert!(Topic::settling(&error), "{error}");
    }

    #[tokio::test]
    async fn a_key_is_taken_off_by_an_empty_value() {
        let (context, replay) = replay::context(&[(200, "", "")]);
        let held = Held::ours(
            "arn:t",
            Topic {
                kms_key_arn: Some("arn:key".into()),
                ..topic()
            },
        );
        topic()
            .update(&held, &topic().diff(&held.value), &context)
            .await
            .unwrap();
        let request = replay.actual_requests().next().unwrap();
        let asked = ["Action", "AttributeName", "AttributeValue"].map(|name| replay::form(request, name).unwrap());
        assert_eq!(asked, ["SetTopicAttributes", "KmsMasterKeyId", ""]);
    }
}
