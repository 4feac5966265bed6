//! An SQS queue of the topology.
//!
//! Invariant: name and ARN follow from the stack's name; only the URL, which an endpoint of one's own changes, is asked for.

mod redrive;
mod terraform;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;
use serde_json::json;

pub use self::redrive::{Redrive, RedriveAllow};
use super::support::{Retag, Wait, resume, taken, until_seen};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Owner, Tags, touches};
use crate::stack::policy::PolicyDocument;

/// How long SQS may take until every reader sees a queue created, changed or deleted (SQS API reference: 60 s).
const PROPAGATION: Duration = Duration::from_mins(1);

/// What the stack wants of a queue, and equally what AWS holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Queue {
    /// The name, unique in account and region.
    pub name: String,
    /// How long a message is kept, in seconds. SQS: 60 s to 14 days (1 209 600 s).
    pub retention_seconds: u32,
    /// The largest message that is accepted, in bytes. SQS: 1 KiB to 1 MiB; where nothing is set, what its default was when
    /// the queue was created (256 KiB before August 2025, 1 MiB since).
    pub largest_message: u32,
    /// How long a received message is hidden from other consumers, in seconds. SQS: 0 s to 12 h (43 200 s).
    pub visibility_seconds: u32,
    /// Where messages go that were received too often; `None`: they stay until they expire.
    pub redrive: Option<Redrive>,
    /// Which queues may name this one as their dead-letter queue.
    pub redrive_allow: RedriveAllow,
    /// Encryption at rest.
    pub encryption: Encryption,
    /// Who may use the queue beside the account's identities; `None`: nobody.
    pub policy: Option<PolicyDocument>,
    /// The tags.
    pub tags: Tags,
    /// Settings that are left as SQS makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

/// Encryption at rest of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Encryption {
    /// None: never wanted, but possibly found.
    Off,
    /// With keys that SQS owns (SSE-SQS).
    SqsManaged,
    /// With the KMS key of this ARN.
    Kms(String),
}

/// A policy that denies everybody whatever does not come over TLS.
pub fn tls_only(queue_arn: &str) -> PolicyDocument {
    PolicyDocument::new([json!({
        "Sid": "DenyPlainHttp",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": queue_arn,
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })])
}

impl Queue {
    /// The queue's URL where it exists: it depends on the endpoint that the client speaks to.
    pub async fn url(&self, context: &Context) -> Result<Option<String>, AwsError> {
        if let Some(listings) = context.listings()
            && let Some(url) = listings.queue_url(&self.name, context).await?
        {
            return Ok(Some(url));
        }
        // A listing may lag behind: what it does not show is asked for by name.
        let answer = context.aws.sqs.get_queue_url().queue_name(&self.name).send().await;
        Ok(answer.found("GetQueueUrl", &self.name)?.and_then(|a| a.queue_url))
    }

    async fn read(&self, url: &str, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let sqs = &context.aws.sqs;
        let answer = sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(Attribute::All)
            .send()
            .await;
        let Some(answer) = answer.found("GetQueueAttributes", &self.name)? else {
            return Ok(None);
        };
        let tags = sqs
            .list_queue_tags()
            .queue_url(url)
            .send()
            .await
            .found("ListQueueTags", &self.name)?;
        let Some(tags) = tags else { return Ok(None) };
        let tags: Tags = tags.tags.unwrap_or_default().into_iter().collect();
        let held = self.held(&answer.attributes.unwrap_or_default(), tags.clone());
        Ok(Some(Held::tagged(
            context.names.queue_arn(&self.name),
            held,
            &tags,
            context,
        )))
    }

    /// Reads SQS's attributes.
    fn held(&self, attributes: &HashMap<Attribute, String>, tags: Tags) -> Self {
        let text = |name: Attribute| attributes.get(&name).map(String::as_str).filter(|v| !v.is_empty());
        let number = |name: Attribute| text(name).and_then(|v| v.parse().ok()).unwrap_or_default();
        Self {
            name: self.name.clone(),
            retention_seconds: number(Attribute::MessageRetentionPeriod),
            largest_message: number(Attribute::MaximumMessageSize),
            visibility_seconds: number(Attribute::VisibilityTimeout),
            redrive: text(Attribute::RedrivePolicy).and_then(Redrive::parse),
            redrive_allow: text(Attribute::RedriveAllowPolicy).map_or(RedriveAllow::AllowAll, RedriveAllow::parse),
            encryption: match text(Attribute::KmsMasterKeyId) {
                Some(key) => Encryption::Kms(key.into()),
                None if text(Attribute::SqsManagedSseEnabled) == Some("true") => Encryption::SqsManaged,
                None => Encryption::Off,
            },
            policy: text(Attribute::Policy).map(PolicyDocument::parse),
            tags,
            extras: extras(attributes),
        }
    }

    /// The attributes as SQS takes them, each under the property that it belongs to; an empty value resets.
    fn attributes(&self) -> Vec<(&'static str, Attribute, String)> {
        let mut attributes = vec![
            (
                "MessageRetentionPeriod",
                Attribute::MessageRetentionPeriod,
                self.retention_seconds.to_string(),
            ),
            (
                "MaximumMessageSize",
                Attribute::MaximumMessageSize,
                self.largest_message.to_string(),
            ),
            (
                "VisibilityTimeout",
                Attribute::VisibilityTimeout,
                self.visibility_seconds.to_string(),
            ),
            (
                "RedrivePolicy",
                Attribute::RedrivePolicy,
                self.redrive.as_ref().map_or_else(String::new, Redrive::to_json),
            ),
            (
                "RedriveAllowPolicy",
                Attribute::RedriveAllowPolicy,
                self.redrive_allow.to_json(),
            ),
            (
                "Policy",
                Attribute::Policy,
                self.policy.as_ref().map_or_else(String::new, PolicyDocument::to_json),
            ),
        ];
        // SQS takes one kind of encryption at a time; naming a key turns SSE-SQS off by itself.
        let key = match &self.encryption {
            Encryption::Kms(key) => key.clone(),
            Encryption::SqsManaged | Encryption::Off => String::new(),
        };
        attributes.push(("Encryption", Attribute::KmsMasterKeyId, key));
        if !matches!(self.encryption, Encryption::Kms(_)) {
            let managed = self.encryption == Encryption::SqsManaged;
            attributes.push(("Encryption", Attribute::SqsManagedSseEnabled, managed.to_string()));
        }
        attributes
    }

    /// The settings that are left as SQS makes them, each with that value.
    fn usual() -> impl Iterator<Item = (&'static str, Attribute, String)> {
        USUAL
            .into_iter()
            .map(|(property, value)| (property, Attribute::from(property), value.to_owned()))
    }

    /// What SQS may take a while to show.
    fn unseen(&self, action: &'static str, state: &'static str) -> Wait<'_> {
        Wait {
            action,
            object: &self.name,
            state,
            limit: PROPAGATION,
        }
    }
}

/// What SQS makes of attributes that are not given (SQS API reference, CreateQueue).
const USUAL: [(&str, &str); 2] = [("DelaySeconds", "0"), ("ReceiveMessageWaitTimeSeconds", "0")];

/// A message that is delayed or awaited otherwise than SQS does by itself.
fn extras(attributes: &HashMap<Attribute, String>) -> Extras {
    let mut extras = Extras::default();
    for (property, attribute, usual) in Queue::usual() {
        if let Some(actual) = attributes.get(&attribute) {
            extras.note(property, actual, usual);
        }
    }
    extras
}

impl Kind for Queue {
    const TYPE: &'static str = "AWS::SQS::Queue";
    const SERVICE: &'static str = "sqs";
    const HOLDS_DATA: bool = true;

    fn permissions(&self, names: &Names) -> Permissions {
        let queue = Scope::of([names.queue_arn(&self.name)]);
        let all = Scope::any("SQS lists queues for an account only");
        Permissions::default()
            .observe(&all, &["sqs:ListQueues"])
            .observe(
                &queue,
                &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"],
            )
            .create(&queue, &["sqs:CreateQueue", "sqs:TagQueue"])
            .update(&queue, &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"])
            .delete(&queue, &["sqs:DeleteQueue"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(context.names.queue_arn(&self.name))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("QueueName", |q| &q.name)
            .property("MessageRetentionPeriod", |q| q.retention_seconds)
            .property("MaximumMessageSize", |q| q.largest_message)
            .property("VisibilityTimeout", |q| q.visibility_seconds)
            .property("RedrivePolicy", |q| &q.redrive)
            .property("RedriveAllowPolicy", |q| &q.redrive_allow)
            .property("Encryption", |q| &q.encryption)
            .property("Policy", |q| &q.policy)
            .extras(|q| &q.extras)
            .tags(|q| &q.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        match self.url(context).await? {
            Some(url) => self.read(&url, context).await,
            None => Ok(None),
        }
    }

    /// SQS answers a create of a queue that exists with the same attributes by its URL, whatever its tags: whose it is is
    /// therefore read after the create as well.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let set = self.attributes().into_iter().filter(|(_, _, value)| !value.is_empty());
        let call = context
            .aws
            .sqs
            .create_queue()
            .queue_name(&self.name)
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let call = call.set_attributes(Some(set.map(|(_, name, value)| (name, value)).collect()));
        let created = match call.send().await.doing("CreateQueue", &self.name) {
            Err(e) if e.is("QueueAlreadyExists") || e.is("QueueNameExists") => {
                return resume(self, e, &self.name, context).await;
            }
            other => other?,
        };
        let url = created.queue_url.unwrap_or_default();
        match until_seen(self.unseen("CreateQueue", "out of sight"), context, || {
            self.read(&url, context)
        })
        .await?
        {
            Some(held) if held.owner != Owner::Ours => Err(taken("CreateQueue", &self.name, &held.owner)),
            _ => Ok(Held::ours(context.names.queue_arn(&self.name), self.clone())),
        }
    }

    async fn update(&self, _: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let sqs = &context.aws.sqs;
        let url = sqs
            .get_queue_url()
            .queue_name(&self.name)
            .send()
            .await
            .doing("GetQueueUrl", &self.name)?;
        let url = url.queue_url.unwrap_or_default();
        let set: HashMap<Attribute, String> = self
            .attributes()
            .into_iter()
            .chain(Self::usual())
            .filter(|(property, ..)| touches(changes, &[property]))
            .map(|(_, name, value)| (name, value))
            .collect();
        if !set.is_empty() {
            let call = sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(set));
            call.send().await.doing("SetQueueAttributes", &self.name)?;
        }
        let tags = Retag::of(&self.tags, changes);
        if !tags.set.is_empty() {
            let call = sqs
                .tag_queue()
                .queue_url(&url)
                .set_tags(Some(tags.set.into_iter().collect()));
            call.send().await.doing("TagQueue", &self.name)?;
        }
        if !tags.remove.is_empty() {
            let call = sqs.untag_queue().queue_url(&url).set_tag_keys(Some(tags.remove));
            call.send().await.doing("UntagQueue", &self.name)?;
        }
        // What is not seen by then is still coming: SQS has accepted it.
        until_seen(self.unseen("SetQueueAttributes", "as before"), context, || async {
            let held = self.read(&url, context).await?;
            Ok(held.filter(|h| self.diff(&h.value).is_empty()).map(|_| ()))
        })
        .await?;
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let Some(url) = self.url(context).await? else {
            return Ok(());
        };
        context
            .aws
            .sqs
            .delete_queue()
            .queue_url(&url)
            .send()
            .await
            .found("DeleteQueue", &self.name)?;
        until_seen(self.unseen("DeleteQueue", "there"), context, || async {
            Ok(self.read(&url, context).await?.is_none().then_some(()))
        })
        .await?;
        Ok(())
    }

    /// For 60 s after a deletion, SQS refuses a queue of the same name; a name that is taken by a queue which cannot be
    /// seen belongs to one on its way in or out.
    fn settling(error: &AwsError) -> bool {
        ["QueueDeletedRecently", "QueueAlreadyExists", "QueueNameExists"]
            .iter()
            .any(|code| error.is(code))
    }
}

#[cfg(test)]
mod tests;
