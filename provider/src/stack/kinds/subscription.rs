//! An e-mail subscription to the alarm topic.
//!
//! Invariant: a subscription that nobody confirmed yet is there, with a status of its own; one that expired is not.

use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Expr, Render};
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
    const SERVICE: &'static str = "sns";
    const BESIDE: bool = true;
    /// Until whoever reads the e-mail confirms it.
    const PENDS: bool = true;

    fn permissions(&self, _: &Names) -> Permissions {
        let topic = Scope::of([&self.topic_arn]);
        let any = Scope::any("SNS ends a subscription on no particular topic");
        Permissions::default()
            .observe(&topic, &["sns:ListSubscriptionsByTopic"])
            .create(&topic, &["sns:Subscribe"])
            .delete(&any, &["sns:Unsubscribe"])
    }

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

impl Render for Subscription {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        vec![
            Block::resource("aws_sns_topic_subscription")
                .set("topic_arn", Expr::Link(self.topic_arn.clone()))
                .set("protocol", &self.protocol)
                .set("endpoint", &self.endpoint)
                // What nobody confirmed yet has no ARN.
                .import(at.id().filter(|id| id.starts_with("arn:"))),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay;

    const TOPIC: &str = "arn:aws:sns:us-east-1:100000000001:AcmeNotificaciones";
    const CONFIRMED: &str = "arn:aws:sns:us-east-1:100000000001:AcmeNotificaciones:8a21d249";

    fn subscription() -> Subscription {
        Subscription::email(TOPIC, "ops@example.com")
    }

    /// A page of SNS's list: the ARNs and addresses of e-mail subscriptions.
    fn page(listed: &[(&str, &str)], next: &str) -> String {
        let member = |(arn, endpoint): &(&str, &str)| {
            format!(
                "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>email</Protocol>\
                 <Endpoint>{endpoint}</Endpoint><TopicArn>{TOPIC}</TopicArn></member>"
            )
        };
        let members: String = listed.iter().map(member).collect();
        let next = if next.is_empty() {
            String::new()
        } else {
            format!("<NextToken>{next}</NextToken>")
        };
        let result = format!("<Subscriptions>{members}</Subscriptions>{next}");
        replay::xml("ListSubscriptionsByTopic", &result)
    }

    #[track_caller]
    fn check(held: Option<Held<Subscription>>, expect: Option<(&str, Option<&'static str>)>) {
        assert_eq!(held.as_ref().map(|h| (h.id.as_str(), h.status)), expect);
        assert!(held.is_none_or(|h| subscription().diff(&h.value).is_empty()));
    }

    #[tokio::test]
    async fn a_pending_subscription_is_there_and_pending() {
        let (context, _) = replay::context(&[(200, "", &page(&[(PENDING, "ops@example.com")], ""))]);
        check(
            subscription().observe(&context).await.unwrap(),
            Some((PENDING, Some("pending"))),
        );
    }

    #[tokio::test]
    async fn a_deleted_subscription_and_other_addresses_are_not_it() {
        let listed = page(&[(DELETED, "ops@example.com"), (CONFIRMED, "other@example.com")], "");
        let (context, _) = replay::context(&[(200, "", &listed)]);
        check(subscription().observe(&context).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_was_confirmed_counts_before_what_is_pending_on_whatever_page() {
        let (context, replay) = replay::context(&[
            (200, "", &page(&[(PENDING, "ops@example.com")], "more")),
            (200, "", &page(&[(CONFIRMED, "Ops@Example.com")], "")),
        ]);
        check(subscription().observe(&context).await.unwrap(), Some((CONFIRMED, None)));
        assert_eq!(replay.actual_requests().count(), 2);
    }

    #[tokio::test]
    async fn without_its_topic_there_is_none() {
        let gone = replay::xml_error("NotFound", "Topic does not exist");
        let (context, _) = replay::context(&[(404, "", &gone)]);
        check(subscription().observe(&context).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_expired_subscription_is_made_again_and_is_pending() {
        let answer = replay::xml("Subscribe", "<SubscriptionArn>pending confirmation</SubscriptionArn>");
        let (context, replay) = replay::context(&[(200, "", &page(&[], "")), (200, "", &answer)]);
        check(
            Some(subscription().create(&context).await.unwrap()),
            Some((PENDING, Some("pending"))),
        );
        assert_eq!(replay::operations(&replay), ["ListSubscriptionsByTopic", "Subscribe"]);
    }

    #[tokio::test]
    async fn an_address_that_was_asked_to_confirm_is_not_asked_again() {
        let (context, replay) = replay::context(&[(200, "", &page(&[(PENDING, "ops@example.com")], ""))]);
        check(
            Some(subscription().create(&context).await.unwrap()),
            Some((PENDING, Some("pending"))),
        );
        assert_eq!(replay::operations(&replay), ["ListSubscriptionsByTopic"]);
    }

    #[tokio::test]
    async fn a_pending_subscription_is_left_to_vanish() {
        let (context, replay) = replay::context(&[(200, "", &page(&[(PENDING, "ops@example.com")], ""))]);
        subscription().delete(PENDING, &context).await.unwrap();
        assert_eq!(replay::operations(&replay), ["ListSubscriptionsByTopic"]);
    }

    #[tokio::test]
    async fn a_subscription_that_sns_still_calls_pending_is_left_to_vanish_too() {
        let message = "Invalid parameter: Cannot unsubscribe a subscription that is pending confirmation";
        let refusal = replay::xml_error("InvalidParameter", message);
        let (context, replay) = replay::context(&[
            (200, "", &page(&[(CONFIRMED, "ops@example.com")], "")),
            (400, "", &refusal),
        ]);
        subscription().delete(PENDING, &context).await.unwrap();
        assert_eq!(replay::operations(&replay), ["ListSubscriptionsByTopic", "Unsubscribe"]);
    }
}
