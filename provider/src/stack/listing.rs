//! What several components of one kind read in one call: alarms, parameters, log groups and the URLs of queues are listed,
//! not asked for one by one.
//!
//! Invariant: a listing lives for one observation only; whatever changes objects asks for each by its name.

use std::collections::HashMap;

use aws_sdk_cloudwatch::types::{AlarmType, MetricAlarm};
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_ssm::types::Parameter;
use kairos_aws::{AwsError, Doing};
use tokio::sync::OnceCell;

use super::context::Context;

/// The listings of one observation, each made when the first component asks for it.
#[derive(Debug, Default)]
pub struct Listings {
    alarms: OnceCell<HashMap<String, MetricAlarm>>,
    log_groups: OnceCell<HashMap<String, LogGroup>>,
    parameters: OnceCell<HashMap<String, Parameter>>,
    queue_urls: OnceCell<HashMap<String, String>>,
}

impl Listings {
    /// The alarm of this name.
    ///
    /// # Errors
    /// The alarms cannot be listed.
    pub async fn alarm(&self, name: &str, context: &Context) -> Result<Option<MetricAlarm>, AwsError> {
        let alarms = self.alarms.get_or_try_init(|| alarms(context)).await?;
        Ok(alarms.get(name).cloned())
    }

    /// The log group of this name.
    ///
    /// # Errors
    /// The log groups cannot be listed.
    pub async fn log_group(&self, name: &str, context: &Context) -> Result<Option<LogGroup>, AwsError> {
        let groups = self.log_groups.get_or_try_init(|| log_groups(context)).await?;
        Ok(groups.get(name).cloned())
    }

    /// The parameter of this name.
    ///
    /// # Errors
    /// The parameters cannot be listed.
    pub async fn parameter(&self, name: &str, context: &Context) -> Result<Option<Parameter>, AwsError> {
        let parameters = self.parameters.get_or_try_init(|| parameters(context)).await?;
        Ok(parameters.get(name).cloned())
    }

    /// The URL of the queue of this name.
    ///
    /// # Errors
    /// The queues cannot be listed.
    pub async fn queue_url(&self, name: &str, context: &Context) -> Result<Option<String>, AwsError> {
        let urls = self.queue_urls.get_or_try_init(|| queue_urls(context)).await?;
        Ok(urls.get(name).cloned())
    }
}

async fn alarms(context: &Context) -> Result<HashMap<String, MetricAlarm>, AwsError> {
    let app = &context.names.app;
    let call = context
        .aws
        .cloudwatch
        .describe_alarms()
        .alarm_name_prefix(app)
        .alarm_types(AlarmType::MetricAlarm);
    let mut pages = call.into_paginator().send();
    let mut all = HashMap::new();
    while let Some(page) = pages.next().await {
        let page = page.doing("DescribeAlarms", app)?;
        all.extend(
            page.metric_alarms
                .unwrap_or_default()
                .into_iter()
                .filter_map(|a| Some((a.alarm_name.clone()?, a))),
        );
    }
    Ok(all)
}

/// The functions' groups share a prefix; the access log has one of its own.
async fn log_groups(context: &Context) -> Result<HashMap<String, LogGroup>, AwsError> {
    let mut all = HashMap::new();
    for prefix in [
        context.names.function_logs(&context.names.app),
        context.names.access_logs(),
    ] {
        let call = context.aws.logs.describe_log_groups().log_group_name_prefix(&prefix);
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let groups = page.doing("DescribeLogGroups", &prefix)?.log_groups.unwrap_or_default();
            all.extend(groups.into_iter().filter_map(|g| Some((g.log_group_name.clone()?, g))));
        }
    }
    Ok(all)
}

async fn parameters(context: &Context) -> Result<HashMap<String, Parameter>, AwsError> {
    let path = format!("/{}", context.names.app);
    let mut pages = context
        .aws
        .ssm
        .get_parameters_by_path()
        .path(&path)
        .recursive(true)
        .into_paginator()
        .send();
    let mut all = HashMap::new();
    while let Some(page) = pages.next().await {
        let page = page.doing("GetParametersByPath", &path)?;
        all.extend(
            page.parameters
                .unwrap_or_default()
                .into_iter()
                .filter_map(|p| Some((p.name.clone()?, p))),
        );
    }
    Ok(all)
}

async fn queue_urls(context: &Context) -> Result<HashMap<String, String>, AwsError> {
    let app = &context.names.app;
    // Without a number of results SQS answers with one page only.
    let call = context.aws.sqs.list_queues().queue_name_prefix(app).max_results(1000);
    let mut pages = call.into_paginator().send();
    let mut all = HashMap::new();
    while let Some(page) = pages.next().await {
        let urls = page.doing("ListQueues", app)?.queue_urls.unwrap_or_default();
        all.extend(
            urls.into_iter()
                .filter_map(|url| Some((url.rsplit('/').next()?.to_owned(), url))),
        );
    }
    Ok(all)
}
