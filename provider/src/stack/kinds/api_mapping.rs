//! The mapping of a path of a custom domain to the stage.
//!
//! Invariant: a mapping has no tags: ours is the one that leads to our REST API, or on our key to an API that is gone.
//! Invariant: the domain is the user's: it is looked up, never created, changed or deleted.

mod terraform;

use aws_sdk_apigatewayv2::types::{ApiMapping as Mapping, DomainNameConfiguration};
use kairos::names::Names;
use kairos_aws::{AwsError, Class, Doing};
use serde::Serialize;

use super::gateway::{made, passing, path_arn, resolve};
use super::support::resume;
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Owner, Ref};

/// A mapping of API Gateway v2 (whose keys may have several segments) on a regional domain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApiMapping {
    /// The custom domain's name.
    pub domain: String,
    /// The path below the domain, without slashes at its ends; empty for the domain's root.
    pub key: String,
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name.
    pub stage: String,
}

/// A custom domain of the account, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// `REGIONAL` or `EDGE`; only a regional domain takes our mapping.
    pub endpoint: String,
    /// `AVAILABLE`, `UPDATING`, …
    pub status: String,
}

impl Domain {
    /// Whether a stage of a regional REST API can be mapped on it.
    pub fn is_regional(&self) -> bool {
        self.endpoint == "REGIONAL"
    }

    fn of(configuration: &DomainNameConfiguration) -> Self {
        Self {
            endpoint: configuration
                .endpoint_type
                .as_ref()
                .map_or("", |kind| kind.as_str())
                .into(),
            status: configuration
                .domain_name_status
                .as_ref()
                .map_or("", |status| status.as_str())
                .into(),
        }
    }
}

/// Looks a custom domain up by its name; `None` where the account has none of that name in this region.
pub async fn domain(context: &Context, name: &str) -> Result<Option<Domain>, AwsError> {
    let answer = context
        .aws
        .apigatewayv2
        .get_domain_name()
        .domain_name(name)
        .send()
        .await
        .found("GetDomainName", name)?;
    let configurations = answer.map(|domain| domain.domain_name_configurations.unwrap_or_default());
    Ok(configurations.and_then(|configurations| configurations.first().map(Domain::of)))
}

impl Kind for ApiMapping {
    const TYPE: &'static str = "AWS::ApiGatewayV2::ApiMapping";
    const SERVICE: &'static str = "apigateway";
    const BESIDE: bool = true;
    /// A mapping of the wanted path may be there already.
    const REMADE: bool = true;

    /// A mapping that leads to our API is looked for on the other domains too.
    fn permissions(&self, names: &Names) -> Permissions {
        let mappings = format!("/domainnames/{}/apimappings", self.domain);
        let (all, each) = (made(&mappings, names), made(&format!("{mappings}/*"), names));
        let domains = Scope::wide(
            [path_arn("/domainnames", names), path_arn("/domainnames/*", names)],
            "a mapping may be on any domain of the account",
        );
        Permissions::default()
            .observe(&domains, &["apigateway:GET"])
            .create(&all, &["apigateway:POST"])
            .update(&each, &["apigateway:DELETE", "apigateway:PATCH"])
            .delete(&each, &["apigateway:DELETE"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("DomainName", |m| &m.domain)
            .property("ApiMappingKey", |m| &m.key)
            .property("ApiId", |m| &m.rest_api)
            .property("Stage", |m| &m.stage)
            .changes()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.rest_api.clone()]
    }

    /// The mapping of the wanted key, otherwise one that leads to our API: under another key of the domain, or on another
    /// domain, where the stack's domain or key was changed.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(api) = context.id(&self.rest_api) else {
            return Ok(None);
        };
        let here = Self::mappings(&self.domain, context).await?;
        let wanted = here
            .iter()
            .find(|mapping| mapping.api_mapping_key.as_deref().unwrap_or_default() == self.key);
        let leads_here = |mapping: &&Mapping| mapping.api_id.as_deref() == Some(api.as_str());
        if let Some(mapping) = wanted.or_else(|| here.iter().find(leads_here)) {
            let mut held = self.held(&self.domain, mapping, &api, context);
            if held.owner != Owner::Ours && leads_nowhere(mapping, context).await? {
                held.owner = Owner::Ours;
            }
            return Ok(Some(held));
        }
        for domain in self
            .regional_domains(context)
            .await?
            .into_iter()
            .filter(|domain| *domain != self.domain)
        {
            if let Some(mapping) = Self::mappings(&domain, context).await?.iter().find(leads_here) {
                return Ok(Some(self.held(&domain, mapping, &api, context)));
            }
        }
        Ok(None)
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let object = self.url();
        let api = resolve(&self.rest_api, "CreateApiMapping", &object, context)?;
        let call = context
            .aws
            .apigatewayv2
            .create_api_mapping()
            .domain_name(&self.domain)
            .api_mapping_key(&self.key);
        match call
            .api_id(api)
            .stage(&self.stage)
            .send()
            .await
            .doing("CreateApiMapping", &object)
        {
            // The key is taken: by ourselves, where an answer was lost, or by somebody else's API.
            Err(mut e) if e.is("ConflictException") && !passing(&e) => match self.observe(context).await? {
                Some(held) if held.owner == Owner::Ours => resume(self, e, &object, context).await,
                _ => {
                    e.message = format!("{}; it leads to an API that is not this stack's", e.message);
                    Err(e)
                }
            },
            other => Ok(Held::ours(
                mapping_id(&self.domain, other?.api_mapping_id.as_deref()),
                self.clone(),
            )),
        }
    }

    async fn update(&self, held: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        let api = resolve(&self.rest_api, "UpdateApiMapping", &self.url(), context)?;
        let (domain, id) = held.id.split_once('/').unwrap_or_default();
        let call = context
            .aws
            .apigatewayv2
            .update_api_mapping()
            .domain_name(domain)
            .api_mapping_id(id)
            .api_id(api);
        let call = call.stage(&self.stage).api_mapping_key(&self.key);
        call.send().await.doing("UpdateApiMapping", &self.url())?;
        Ok(())
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let (domain, mapping) = id.split_once('/').unwrap_or_default();
        let call = context
            .aws
            .apigatewayv2
            .delete_api_mapping()
            .domain_name(domain)
            .api_mapping_id(mapping);
        call.send().await.found("DeleteApiMapping", id)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        passing(error)
    }
}

/// Whether the API that a mapping leads to is gone: ours before it was deleted by hand, or nobody's any more.
async fn leads_nowhere(mapping: &Mapping, context: &Context) -> Result<bool, AwsError> {
    let id = mapping.api_id.as_deref().unwrap_or_default();
    // Whoever may not read other APIs cannot tell: then it leads somewhere.
    let gone = |answer: Result<bool, AwsError>| match answer {
        Err(e) if e.class == Class::Denied => Ok(false),
        other => other,
    };
    let rest = context.aws.apigateway.get_rest_api().rest_api_id(id).send().await;
    if !gone(rest.found("GetRestApi", id).map(|api| api.is_none()))? {
        return Ok(false);
    }
    let http = context.aws.apigatewayv2.get_api().api_id(id).send().await;
    gone(http.found("GetApi", id).map(|api| api.is_none()))
}

impl ApiMapping {
    fn url(&self) -> String {
        format!("https://{}/{}", self.domain, self.key)
    }

    fn held(&self, domain: &str, mapping: &Mapping, rest_api: &str, context: &Context) -> Held<Self> {
        let api = mapping.api_id.clone().unwrap_or_default();
        let owner = if api == rest_api {
            Owner::Ours
        } else {
            Owner::Foreign(None)
        };
        let value = Self {
            domain: domain.into(),
            key: mapping.api_mapping_key.clone().unwrap_or_default(),
            rest_api: context.reference(&self.rest_api, &api),
            stage: mapping.stage.clone().unwrap_or_default(),
        };
        Held {
            id: mapping_id(domain, mapping.api_mapping_id.as_deref()),
            value,
            owner,
            status: None,
        }
    }

    /// The mappings of a domain, none where it does not exist.
    pub async fn mappings(domain: &str, context: &Context) -> Result<Vec<Mapping>, AwsError> {
        let mut mappings = Vec::new();
        let mut next = None;
        loop {
            let call = context
                .aws
                .apigatewayv2
                .get_api_mappings()
                .domain_name(domain)
                .set_next_token(next);
            let Some(page) = call.send().await.found("GetApiMappings", domain)? else {
                return Ok(mappings);
            };
            mappings.extend(page.items.unwrap_or_default());
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(mappings);
            }
        }
    }

    async fn regional_domains(&self, context: &Context) -> Result<Vec<String>, AwsError> {
        let mut domains = Vec::new();
        let mut next = None;
        loop {
            let page = context
                .aws
                .apigatewayv2
                .get_domain_names()
                .set_next_token(next)
                .send()
                .await;
            let page = page.doing("GetDomainNames", &self.domain)?;
            for domain in page.items.unwrap_or_default() {
                let configurations = domain.domain_name_configurations.unwrap_or_default();
                if configurations
                    .iter()
                    .any(|configuration| Domain::of(configuration).is_regional())
                {
                    domains.extend(domain.domain_name);
                }
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(domains);
            }
        }
    }
}

/// A mapping's id is unique in its domain only.
fn mapping_id(domain: &str, mapping: Option<&str>) -> String {
    format!("{domain}/{}", mapping.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay::{asked, context, lines, rest_api};

    fn mapping() -> ApiMapping {
        ApiMapping {
            domain: "api.example.com".into(),
            key: "cron/v1".into(),
            rest_api: rest_api(),
            stage: "prod".into(),
        }
    }

    #[tokio::test]
    async fn a_changed_key_moves_and_a_changed_domain_replaces() {
        let moved = r#"{"items":[{"apiMappingId":"m1","apiMappingKey":"old","apiId":"api1","stage":"prod"}]}"#;
        let domains = r#"{"items":[{"domainName":"api.example.com","domainNameConfigurations":[{"endpointType":"REGIONAL"}]},
            {"domainName":"edge.example.com","domainNameConfigurations":[{"endpointType":"EDGE"}]},
            {"domainName":"old.example.com","domainNameConfigurations":[{"endpointType":"REGIONAL"}]}]}"#;
        let (context, replay) = context(&[
            (200, "", moved),
            (404, "NotFoundException", "{}"),
            (200, "", domains),
            (200, "", moved),
        ]);
        let held = mapping().observe(&context).await.unwrap().unwrap();
        expect!["ApiMappingKey: old → cron/v1"].assert_eq(&lines(&mapping().diff(&held.value)));
        let held = mapping().observe(&context).await.unwrap().unwrap();
        assert_eq!(held.id, "old.example.com/m1");
        expect![[r"
            DomainName: old.example.com → api.example.com (replaces)
            ApiMappingKey: old → cron/v1"]]
        .assert_eq(&lines(&mapping().diff(&held.value)));
        assert_eq!(asked(&replay).len(), 4);
    }

    #[tokio::test]
    async fn a_key_that_leads_elsewhere_is_not_ours() {
        let taken = r#"{"items":[{"apiMappingId":"m1","apiMappingKey":"cron/v1","apiId":"api9","stage":"v2"}]}"#;
        let (context, _) = context(&[
            (200, "", taken),
            (404, "NotFoundException", "{}"),
            (200, "", r#"{"apiId":"api9"}"#),
            (409, "ConflictException", r#"{"message":"the key is taken"}"#),
            (200, "", taken),
            (200, "", r#"{"id":"api9"}"#),
        ]);
        let held = mapping().observe(&context).await.unwrap().unwrap();
        assert_eq!(held.owner, Owner::Foreign(None));
        let error = mapping().create(&context).await.unwrap_err().to_string();
        expect![[r#"CreateApiMapping of "https://api.example.com/cron/v1" failed: ConflictException: the key is taken; it leads to an API that is not this stack's"#]].assert_eq(&error);
    }

    #[tokio::test]
    async fn a_domain_says_whether_it_is_regional() {
        let regional = r#"{"domainName":"a","domainNameConfigurations":[{"endpointType":"REGIONAL","domainNameStatus":"AVAILABLE"}]}"#;
        let (context, _) = context(&[(200, "", regional), (404, "NotFoundException", "{}")]);
        assert!(domain(&context, "a").await.unwrap().unwrap().is_regional());
        assert_eq!(domain(&context, "a").await.unwrap(), None);
    }
}
