//! What exists in an account, down to what lives inside of other objects.

use acceptance::{Account, world};
use anyhow::{Context, Result};
use aws_sdk_apigateway::Client;

/// Everything of the account, as `kind name`, sorted. What only has an id of AWS's is counted, not named.
pub(crate) async fn census(account: &Account) -> Result<Vec<String>> {
    let mut found: Vec<String> = world::list(account)
        .await?
        .into_iter()
        .map(|line| match line.split_once("event source ") {
            Some(_) => "event source".to_owned(),
            None => line,
        })
        .collect();
    let gateway = account.apigateway();
    found.extend(inside_apis(&gateway).await.context("looking into REST APIs")?);
    found.extend(inside_plans(&gateway).await.context("looking into usage plans")?);
    found.extend(mappings(account).await.context("listing mappings")?);
    found.sort();
    Ok(found)
}

async fn inside_apis(gateway: &Client) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for api in gateway.get_rest_apis().send().await?.items() {
        let (name, id) = (api.name().unwrap_or_default(), api.id().unwrap_or_default());
        let deployments = gateway.get_deployments().rest_api_id(id).send().await?;
        found.extend(deployments.items().iter().map(|_| format!("deployment of {name}")));
        let stages = gateway.get_stages().rest_api_id(id).send().await?;
        let stages = stages.item().iter().filter_map(|stage| stage.stage_name());
        found.extend(stages.map(|stage| format!("stage of {name} {stage}")));
    }
    Ok(found)
}

async fn inside_plans(gateway: &Client) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for plan in gateway.get_usage_plans().send().await?.items() {
        let keys = gateway
            .get_usage_plan_keys()
            .usage_plan_id(plan.id().unwrap_or_default())
            .send()
            .await?;
        let names = keys.items().iter().filter_map(|key| key.name());
        found.extend(names.map(|key| format!("key of {} {key}", plan.name().unwrap_or_default())));
    }
    Ok(found)
}

async fn mappings(account: &Account) -> Result<Vec<String>> {
    let gateway = account.apigatewayv2();
    let mut found = Vec::new();
    for domain in gateway.get_domain_names().send().await?.items() {
        let name = domain.domain_name().unwrap_or_default();
        let mappings = gateway.get_api_mappings().domain_name(name).send().await?;
        let keys = mappings.items().iter().map(|m| m.api_mapping_key().unwrap_or_default());
        found.extend(keys.map(|key| format!("mapping {name}/{key}")));
    }
    Ok(found)
}
