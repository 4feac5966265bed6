//! Everything that exists in one account of the local AWS, for tests that nothing is left.
//!
//! Invariant: every kind of object that a stack or a fixture makes is looked for here, whatever its name.

use anyhow::{Context, Result};

use crate::account::Account;

/// What exists, as `kind name`, sorted.
pub async fn list(account: &Account) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut add = |kind: &str, names: Vec<String>| found.extend(names.into_iter().map(|name| format!("{kind} {name}")));
    add("table", tables(account).await.context("listing tables")?);
    add("queue", queues(account).await.context("listing queues")?);
    add("topic", topics(account).await.context("listing topics")?);
    add(
        "subscription",
        subscriptions(account).await.context("listing subscriptions")?,
    );
    add("alarm", alarms(account).await.context("listing alarms")?);
    add("parameter", parameters(account).await.context("listing parameters")?);
    add("role", roles(account).await.context("listing roles")?);
    add("log group", log_groups(account).await.context("listing log groups")?);
    add("function", functions(account).await.context("listing functions")?);
    add(
        "event source",
        event_sources(account).await.context("listing event sources")?,
    );
    add(
        "schedule group",
        schedule_groups(account).await.context("listing schedule groups")?,
    );
    add("schedule", schedules(account).await.context("listing schedules")?);
    add("REST API", rest_apis(account).await.context("listing REST APIs")?);
    add("API key", api_keys(account).await.context("listing API keys")?);
    add("usage plan", usage_plans(account).await.context("listing usage plans")?);
    found.sort();
    Ok(found)
}

type Names = Result<Vec<String>>;

fn owned<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> Vec<String> {
    names.into_iter().flatten().map(str::to_owned).collect()
}

fn last(path: &str) -> Option<&str> {
    path.rsplit(['/', ':']).next()
}

async fn tables(account: &Account) -> Names {
    Ok(account.dynamodb().list_tables().send().await?.table_names().to_vec())
}

async fn queues(account: &Account) -> Names {
    Ok(owned(
        account
            .sqs()
            .list_queues()
            .send()
            .await?
            .queue_urls()
            .iter()
            .map(|url| last(url)),
    ))
}

async fn topics(account: &Account) -> Names {
    Ok(owned(
        account
            .sns()
            .list_topics()
            .send()
            .await?
            .topics()
            .iter()
            .map(|topic| topic.topic_arn().and_then(last)),
    ))
}

async fn subscriptions(account: &Account) -> Names {
    let answer = account.sns().list_subscriptions().send().await?;
    Ok(owned(
        answer
            .subscriptions()
            .iter()
            .map(|subscription| subscription.endpoint()),
    ))
}

async fn alarms(account: &Account) -> Names {
    let answer = account.cloudwatch().describe_alarms().send().await?;
    Ok(owned(answer.metric_alarms().iter().map(|alarm| alarm.alarm_name())))
}

async fn parameters(account: &Account) -> Names {
    let mut pages = account.ssm().describe_parameters().into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(owned(page?.parameters().iter().map(|parameter| parameter.name())));
    }
    Ok(names)
}

async fn roles(account: &Account) -> Names {
    let mut pages = account.iam().list_roles().into_paginator().items().send();
    let mut names = Vec::new();
    while let Some(role) = pages.next().await {
        names.push(role?.role_name().to_owned());
    }
    Ok(names)
}

async fn log_groups(account: &Account) -> Names {
    let answer = account.logs().describe_log_groups().send().await?;
    Ok(owned(answer.log_groups().iter().map(|group| group.log_group_name())))
}

async fn functions(account: &Account) -> Names {
    let answer = account.lambda().list_functions().send().await?;
    Ok(owned(
        answer.functions().iter().map(|function| function.function_name()),
    ))
}

async fn event_sources(account: &Account) -> Names {
    let answer = account.lambda().list_event_source_mappings().send().await?;
    Ok(owned(answer.event_source_mappings().iter().map(|source| source.uuid())))
}

/// The group `default` is always there, and AWS's own.
async fn schedule_groups(account: &Account) -> Names {
    let answer = account.scheduler().list_schedule_groups().send().await?;
    Ok(owned(
        answer
            .schedule_groups()
            .iter()
            .map(|group| group.name().filter(|name| *name != "default")),
    ))
}

async fn schedules(account: &Account) -> Names {
    let answer = account.scheduler().list_schedules().send().await?;
    Ok(owned(answer.schedules().iter().map(|schedule| schedule.name())))
}

async fn rest_apis(account: &Account) -> Names {
    Ok(owned(
        account
            .apigateway()
            .get_rest_apis()
            .send()
            .await?
            .items()
            .iter()
            .map(|api| api.name()),
    ))
}

async fn api_keys(account: &Account) -> Names {
    Ok(owned(
        account
            .apigateway()
            .get_api_keys()
            .send()
            .await?
            .items()
            .iter()
            .map(|key| key.name()),
    ))
}

async fn usage_plans(account: &Account) -> Names {
    Ok(owned(
        account
            .apigateway()
            .get_usage_plans()
            .send()
            .await?
            .items()
            .iter()
            .map(|plan| plan.name()),
    ))
}
