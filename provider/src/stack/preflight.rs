//! Whether what a stack needs of others is there: the custom domain and a free path below it, and the account's role for API
//! Gateway's logs.
//!
//! Invariant: read-only. At plan a finding is a warning, since the object may be in the same configuration; at apply it is
//! an error, before the first write.

use kairos::names::Names;
use kairos_aws::AwsError;
use tfplugin::{Diagnostic, Path};

use super::config::StackConfig;
use super::context::Context;
use super::kind::Ref;
use super::kinds::api_mapping::{self, ApiMapping};
use super::kinds::{gateway, stage};
use super::{code, topology};
use crate::permissions::{Permissions, Scope};
use crate::sentence::sentence;

/// Something that is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    path: Path,
    summary: String,
    detail: String,
}

impl Problem {
    /// At plan.
    pub fn into_warning(self) -> Diagnostic {
        let detail = format!(
            "{} It may be created by this configuration; apply checks again.",
            self.detail
        );
        Diagnostic::warning(self.summary, detail).at(self.path)
    }

    /// At apply.
    pub fn into_error(self) -> Diagnostic {
        let detail = format!("{} Nothing of the stack was created or changed.", self.detail);
        Diagnostic::error(self.summary, detail).at(self.path)
    }
}

/// What IAM must allow for these checks.
pub fn permissions(names: &Names) -> Permissions {
    let account = Scope::wide(
        [gateway::path_arn("/account", names)],
        "API Gateway's settings are the account's",
    );
    let domains = Scope::wide([gateway::path_arn("/domainnames/*", names)], "the domain is the user's");
    Permissions::default()
        .observe(&account, &["apigateway:GET"])
        .observe(&domains, &["apigateway:GET"])
}

/// Checks what the configuration needs. What cannot be read is a problem as well: apply would meet it later.
pub async fn check(config: &StackConfig, context: &Context) -> Vec<Problem> {
    let Some(api) = &config.api else { return Vec::new() };
    let domain = async {
        match &api.domain_name {
            Some(name) => domain(name, context).await,
            None => None,
        }
    };
    let (role, domain) = tokio::join!(logging_role(context), domain);
    role.into_iter().chain(domain).collect()
}

/// Whether the path below the custom domain leads elsewhere already. Asks for the stack's own REST API where the context does
/// not know it yet.
pub async fn taken(config: &StackConfig, context: &Context) -> Option<Problem> {
    let api = config.api.as_ref()?;
    let domain = api.domain_name.as_deref()?;
    let detail = match leads_to(domain, &api.mapping_key, config, context).await {
        Ok(None) => return None,
        Ok(Some(other)) => format!(
            "The path \"{}\" of the custom domain \"{domain}\" leads to the API \"{other}\" already, which is not this \
             stack's. Choose another \"mapping_key\", or remove that mapping.",
            api.mapping_key
        ),
        Err(error) => sentence(&format!(
            "The mappings of the custom domain \"{domain}\" could not be read: {error}"
        )),
    };
    Some(Problem {
        path: Path::root("api").attribute("mapping_key"),
        summary: format!("Cannot map the API on \"{domain}/{}\"", api.mapping_key),
        detail,
    })
}

/// The API of somebody else that a path of a domain leads to.
async fn leads_to(
    domain: &str,
    key: &str,
    config: &StackConfig,
    context: &Context,
) -> Result<Option<String>, AwsError> {
    let mappings = ApiMapping::mappings(domain, context).await?;
    let there = mappings
        .into_iter()
        .find(|m| m.api_mapping_key.as_deref().unwrap_or_default() == key);
    let Some(there) = there.and_then(|m| m.api_id) else {
        return Ok(None);
    };
    let rest_api = "rest_api";
    let mut ours = context.id(&Ref::to(rest_api));
    if ours.is_none() {
        let all = topology::topology(config, &context.names, &code::none());
        if let Some(api) = all.iter().find(|c| c.name == rest_api) {
            ours = api.node.observe(context).await?.map(|held| held.id);
        }
    }
    Ok((ours.as_ref() != Some(&there)).then_some(there))
}

async fn logging_role(context: &Context) -> Option<Problem> {
    let place = &context.names.place;
    let detail = match stage::logging_role(context).await {
        Ok(Some(_)) => return None,
        Ok(None) => format!(
            "The account {} has no role in {} by which API Gateway writes logs, so that it would refuse the API's access \
             log. Create one with the managed policy AmazonAPIGatewayPushToCloudWatchLogs and name it in API Gateway's \
             account settings (aws apigateway update-account, or aws_api_gateway_account).",
            place.account, place.region
        ),
        Err(error) => sentence(&format!(
            "Whether API Gateway may write logs could not be read: {error}"
        )),
    };
    Some(Problem {
        path: Path::root("api"),
        summary: "API Gateway has no logging role".into(),
        detail,
    })
}

async fn domain(name: &str, context: &Context) -> Option<Problem> {
    let place = &context.names.place;
    let detail = match api_mapping::domain(context, name).await {
        Ok(Some(found)) if found.is_regional() => return None,
        Ok(Some(found)) => format!(
            "The custom domain \"{name}\" is {}, and only a REGIONAL one takes the API's mapping.",
            if found.endpoint.is_empty() {
                "of an unknown kind"
            } else {
                &found.endpoint
            }
        ),
        Ok(None) => format!(
            "API Gateway has no custom domain \"{name}\" in the account {}, region {}.",
            place.account, place.region
        ),
        Err(error) => sentence(&format!("The custom domain \"{name}\" could not be read: {error}")),
    };
    let path = Path::root("api").attribute("domain_name");
    Some(Problem {
        path,
        summary: format!("Cannot map the API on \"{name}\""),
        detail,
    })
}
