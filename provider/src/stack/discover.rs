//! What of a stack cannot be found by its name: the e-mails of its topic, and the domain that its API is mapped on.
//!
//! Invariant: read-only.

use kairos::names::Names;
use kairos_aws::{AwsError, Doing};

use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::Ref;
use crate::stack::kinds::api_mapping::ApiMapping;
use crate::stack::kinds::gateway::path_arn;

/// What IAM must allow to look for it.
pub fn permissions(names: &Names) -> Permissions {
    let topic = Scope::of([names.topic_arn()]);
    let domains = Scope::wide(
        [path_arn("/domainnames", names), path_arn("/domainnames/*", names)],
        "a mapping may be on any domain of the account",
    );
    Permissions::default()
        .observe(&topic, &["sns:ListSubscriptionsByTopic"])
        .observe(&domains, &["apigateway:GET"])
}

/// The e-mail addresses that are subscribed to the stack's topic.
///
/// # Errors
/// SNS's answer; that there is no topic is none.
pub async fn emails(context: &Context) -> Result<Vec<String>, AwsError> {
    let arn = context.names.topic_arn();
    let mut emails = Vec::new();
    let mut pages = context
        .aws
        .sns
        .list_subscriptions_by_topic()
        .topic_arn(&arn)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let Some(page) = page.found("ListSubscriptionsByTopic", &arn)? else {
            break;
        };
        let subscriptions = page.subscriptions().iter().filter(|s| s.protocol() == Some("email"));
        emails.extend(subscriptions.filter_map(|s| s.endpoint()).map(str::to_owned));
    }
    emails.sort();
    emails.dedup();
    Ok(emails)
}

/// The custom domain, and the path below it, that the stack's API is mapped on, where the context knows the API's id.
///
/// # Errors
/// API Gateway's answer.
pub async fn mapping(context: &Context) -> Result<Option<(String, String)>, AwsError> {
    let Some(api) = context.id(&Ref::to("rest_api")) else {
        return Ok(None);
    };
    let client = &context.aws.apigatewayv2;
    let mut token = None;
    loop {
        let domains = client
            .get_domain_names()
            .set_next_token(token)
            .send()
            .await
            .doing("GetDomainNames", "the account")?;
        for name in domains.items().iter().filter_map(|d| d.domain_name()) {
            let mappings = ApiMapping::mappings(name, context).await?;
            if let Some(ours) = mappings.iter().find(|m| m.api_id() == Some(api.as_str())) {
                return Ok(Some((
                    name.to_owned(),
                    ours.api_mapping_key().unwrap_or_default().to_owned(),
                )));
            }
        }
        token = domains.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;
    use crate::stack::kinds::replay;

    #[tokio::test]
    async fn a_mapping_is_found_on_the_second_page() {
        let (context, _) = replay::context(&[
            (200, "", r#"{"items":[{"domainName":"api.example.com"}]}"#),
            (
                200,
                "",
                r#"{"items":[{"apiMappingId":"m1","apiMappingKey":"a","apiId":"other","stage":"prod"}],"nextToken":"more"}"#,
            ),
            (
                200,
                "",
                r#"{"items":[{"apiMappingId":"m2","apiMappingKey":"cron/v1","apiId":"api1","stage":"prod"}]}"#,
            ),
        ]);
        let found = mapping(&context).await.unwrap();
        assert_eq!(found, Some(("api.example.com".to_owned(), "cron/v1".to_owned())));
    }
}
