//! An e-mail subscription to the alarm topic.
//!
//! Invariant: a subscription that nobody confirmed yet is there, with a status of its own; one that expired is not.

use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind};

/// What SNS shows in the place of the ARN of a subscription that nobody confirmed yet.
const PENDING: &str = "PendingConfirmation";
/// What SNS shows, for a while, in the place of the ARN of a subscription that is gone.
const DELETED: &str = "Deleted";
/// The status of a subscription that nobody confirmed yet.
pub const STATUS_PENDING: &str = "pending";

/// What the stack wants of a subscription, and equally what AWS holds. None of it can be changed: an address that is not
/// wanted any more is another subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// The topic's ARN.
    pub topic_arn: String,
    /// How SNS delivers (`email`).
    pub protocol: String,
    /// Where to: the e-mail address.
    pub endpoint: String,
}

impl Subscription {
    /// The subscription of an e-mail address. SNS asks its owner to confirm, and forgets the subscription after 48 h.
    pub fn email(topic_arn: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            topic_arn: topic_arn.into(),
            protocol: "email".into(),
            endpoint: address.into(),
        }
    }

    fn found(&self, arn: &str) -> Held<Self> {
        let status = (arn == PENDING).then_some(STATUS_PENDING);
        Held {
            status,
            ..Held::ours(arn, self.clone())
        }
    }

    /// Whether this is the subscription that SNS lists; the letters' case of an address means nothing.
    fn is(&self, listed: &aws_sdk_sns::types::Subscription) -> bool {
        listed.protocol() == Some(self.protocol.as_str())
            && listed
                .endpoint()
                .is_some_and(|e| e.eq_ignore_ascii_case(&self.endpoint))
    }
}

impl Kind for Subscription {
    const TYPE: &'static str = "AWS::SNS::Subscription";
    const ACTIONS: &'static [&'static str] = &["sns:ListSubscriptionsByTopic", "sns:Subscribe", "sns:Unsubscribe"];
    const SERVICE: &'static str = "sns";

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("TopicArn", |s| &s.topic_arn)
            .fixed("Protocol", |s| &s.protocol)
            .fixed("Endpoint", |s| &s.endpoint)
            .changes()
    }

    /// An address may be listed more than once: what was confirmed counts before what is pending, what is gone not at all.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let mut pages = context
            .aws
            .sns
            .list_subscriptions_by_topic()
            .topic_arn(&self.topic_arn)
            .into_paginator()
            .send();
        let mut pending = None;
        while let Some(page) = pages.next().await {
            let Some(page) = page.found("ListSubscriptionsByTopic", &self.topic_arn)? else {
                return Ok(None);
            };
            for listed in page.subscriptions().iter().filter(|s| self.is(s)) {
                match listed.subscription_arn() {
                    Some(PENDING) => pending = Some(self.found(PENDING)),
                    None | Some(DELETED) => {}
                    Some(arn) => return Ok(Some(self.found(arn))),
                }
            }
        }
        Ok(pending)
    }

    /// An address that is subscribed already is left alone: SNS would send the same request to confirm once more.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        if let Some(held) = self.observe(context).await? {
            return Ok(held);
        }
        let call = context
            .aws
            .sns
            .subscribe()
            .topic_arn(&self.topic_arn)
            .protocol(&self.protocol)
            .endpoint(&self.endpoint);
        // Without the ARN, SNS answers "pending confirmation" exactly where it later lists the subscription as such.
        let answer = call
            .return_subscription_arn(false)
            .send()
            .await
            .doing("Subscribe", &self.endpoint)?;
        let arn = answer.subscription_arn.filter(|arn| arn.starts_with("arn:"));
        Ok(self.found(arn.as_deref().unwrap_or(PENDING)))
    }

    async fn update(&self, _: &Held<Self>, _: &[Change], _: &Context) -> Result<(), AwsError> {
        Ok(())
    }

    /// SNS cannot end a subscription that nobody confirmed: it vanishes by itself within 48 h, or with its topic.
    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let Some(held) = self.observe(context).await?.filter(|held| held.status.is_none()) else {
            return Ok(());
        };
        match context
            .aws
            .sns
            .unsubscribe()
            .subscription_arn(&held.id)
            .send()
            .await
            .found("Unsubscribe", &self.endpoint)
        {
            Err(e) if e.message.contains("pending confirmation") => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
