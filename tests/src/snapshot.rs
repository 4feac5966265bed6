//! All settings and tags of everything in one account and region, for tests that somebody's objects were not touched.
//!
//! Invariant: two looks at objects that nobody touched are equal: nothing that passes by itself (times of restore points,
//! results of polling) is in them, and the times of changes are.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use anyhow::{Context, Result, bail};
use aws_sdk_lambda::error::ProvideErrorMetadata;

use crate::account::Account;

/// Every object, by its kind and id: what it is, in the words of the SDK.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Everything in the account and region, roles included, which no region separates.
    pub async fn take(account: &Account) -> Result<Self> {
        let mut snapshot = Self::default();
        snapshot
            .data(account)
            .await
            .context("looking at tables and parameters")?;
        snapshot
            .messages(account)
            .await
            .context("looking at queues and topics")?;
        snapshot.watch(account).await.context("looking at alarms and logs")?;
        snapshot.roles(account).await.context("looking at roles")?;
        snapshot.functions(account).await.context("looking at functions")?;
        snapshot.schedules(account).await.context("looking at schedules")?;
        snapshot.apis(account).await.context("looking at REST APIs")?;
        Ok(snapshot)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails unless everything that was there `before` is there now, as it was.
    pub fn still_holds(&self, before: &Self) -> Result<()> {
        for (id, was) in &before.0 {
            match self.0.get(id) {
                None => bail!("the {id} is gone"),
                Some(is) if is != was => bail!("the {id} was touched: it was\n{was}\nand is\n{is}"),
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, kind: &str, id: &str, parts: &[&dyn Debug]) {
        let parts: Vec<String> = parts.iter().map(|part| format!("{part:?}")).collect();
        self.0.insert(format!("{kind} {id}"), parts.join("\n"));
    }

    async fn data(&mut self, account: &Account) -> Result<()> {
        let dynamodb = account.dynamodb();
        for name in dynamodb.list_tables().send().await?.table_names() {
            let table = dynamodb.describe_table().table_name(name).send().await?.table;
            let table = table.context("an answer without a table")?;
            let arn = table.table_arn().unwrap_or_default();
            let tags = dynamodb.list_tags_of_resource().resource_arn(arn).send().await?;
            let expiry = dynamodb.describe_time_to_live().table_name(name).send().await?;
            let backups = dynamodb.describe_continuous_backups().table_name(name).send().await?;
            let restore = backups
                .continuous_backups_description()
                .and_then(|b| b.point_in_time_recovery_description())
                .and_then(|p| p.point_in_time_recovery_status().cloned());
            let parts: [&dyn Debug; 4] = [&table, &tags.tags(), &expiry.time_to_live_description(), &restore];
            self.add("table", name, &parts);
        }
        let ssm = account.ssm();
        let mut pages = ssm.describe_parameters().into_paginator().send();
        let mut parameters = Vec::new();
        while let Some(page) = pages.next().await {
            parameters.extend(page?.parameters.unwrap_or_default());
        }
        for parameter in parameters {
            let name = parameter.name().unwrap_or_default();
            let value = ssm.get_parameter().name(name).send().await?.parameter;
            let kind = aws_sdk_ssm::types::ResourceTypeForTagging::Parameter;
            let tags = ssm
                .list_tags_for_resource()
                .resource_type(kind)
                .resource_id(name)
                .send()
                .await?;
            let value = value.as_ref().and_then(|p| p.value());
            self.add("parameter", name, &[&parameter, &value, &tags.tag_list()]);
        }
        Ok(())
    }

    async fn messages(&mut self, account: &Account) -> Result<()> {
        use aws_sdk_sqs::types::QueueAttributeName;
        let sqs = account.sqs();
        for url in sqs.list_queues().send().await?.queue_urls() {
            let call = sqs.get_queue_attributes().queue_url(url);
            let attributes = call.attribute_names(QueueAttributeName::All).send().await?;
            let attributes = attributes.attributes.unwrap_or_default().into_iter();
            let attributes: BTreeMap<String, String> = attributes.map(|(k, v)| (k.as_str().to_owned(), v)).collect();
            let tags = sqs.list_queue_tags().queue_url(url).send().await?;
            self.add("queue", url, &[&attributes, &sorted(tags.tags())]);
        }
        let sns = account.sns();
        for arn in sns
            .list_topics()
            .send()
            .await?
            .topics()
            .iter()
            .filter_map(|t| t.topic_arn())
        {
            let attributes = sns.get_topic_attributes().topic_arn(arn).send().await?;
            let tags = sns.list_tags_for_resource().resource_arn(arn).send().await?;
            self.add("topic", arn, &[&sorted(attributes.attributes()), &tags.tags()]);
        }
        for subscription in sns.list_subscriptions().send().await?.subscriptions() {
            let arn = subscription.subscription_arn().unwrap_or_default();
            self.add("subscription", arn, &[subscription]);
        }
        Ok(())
    }

    async fn watch(&mut self, account: &Account) -> Result<()> {
        let cloudwatch = account.cloudwatch();
        for alarm in cloudwatch.describe_alarms().send().await?.metric_alarms() {
            let arn = alarm.alarm_arn().unwrap_or_default();
            let tags = cloudwatch.list_tags_for_resource().resource_arn(arn).send().await?;
            // Its state passes by itself, what it is set to does not.
            let settings = aws_sdk_cloudwatch::types::MetricAlarm::builder()
                .set_alarm_configuration_updated_timestamp(alarm.alarm_configuration_updated_timestamp)
                .set_alarm_actions(Some(alarm.alarm_actions().to_vec()))
                .set_dimensions(Some(alarm.dimensions().to_vec()))
                .set_metric_name(alarm.metric_name().map(str::to_owned))
                .set_namespace(alarm.namespace().map(str::to_owned))
                .set_threshold(alarm.threshold)
                .set_period(alarm.period)
                .set_statistic(alarm.statistic.clone())
                .set_treat_missing_data(alarm.treat_missing_data.clone())
                .build();
            self.add("alarm", arn, &[&settings, &tags.tags()]);
        }
        let logs = account.logs();
        for group in logs.describe_log_groups().send().await?.log_groups() {
            let arn = group.arn().unwrap_or_default().trim_end_matches(":*");
            let tags = logs.list_tags_for_resource().resource_arn(arn).send().await?;
            let settings = (group.retention_in_days(), group.kms_key_id(), group.creation_time());
            self.add("log group", arn, &[&settings, &sorted(tags.tags())]);
        }
        Ok(())
    }

    async fn roles(&mut self, account: &Account) -> Result<()> {
        let iam = account.iam();
        let mut pages = iam.list_roles().into_paginator().items().send();
        while let Some(role) = pages.next().await {
            let name = role?.role_name().to_owned();
            let role = iam.get_role().role_name(&name).send().await?.role;
            let tags = iam.list_role_tags().role_name(&name).send().await?;
            let attached = iam.list_attached_role_policies().role_name(&name).send().await?;
            let mut inline = BTreeMap::new();
            for policy in iam.list_role_policies().role_name(&name).send().await?.policy_names() {
                let held = iam
                    .get_role_policy()
                    .role_name(&name)
                    .policy_name(policy)
                    .send()
                    .await?;
                inline.insert(policy.clone(), held.policy_document().to_owned());
            }
            let parts: [&dyn Debug; 4] = [&role, &tags.tags(), &attached.attached_policies(), &inline];
            self.add("role", &name, &parts);
        }
        Ok(())
    }

    async fn functions(&mut self, account: &Account) -> Result<()> {
        let lambda = account.lambda();
        for function in lambda.list_functions().send().await?.functions() {
            let name = function.function_name().unwrap_or_default();
            let held = lambda.get_function().function_name(name).send().await?;
            let mut settings = held.configuration.context("a function without settings")?;
            let variables = settings.environment.take().and_then(|e| e.variables);
            // What a change brings about passes by itself; that there was one does not.
            (settings.state, settings.last_update_status) = (None, None);
            (settings.state_reason, settings.state_reason_code) = (None, None);
            (
                settings.last_update_status_reason,
                settings.last_update_status_reason_code,
            ) = (None, None);
            let policy = match lambda.get_policy().function_name(name).send().await {
                Ok(policy) => policy.policy,
                Err(error) if error.code() == Some("ResourceNotFoundException") => None,
                Err(error) => return Err(error).context("reading a function's policy"),
            };
            let invoke = match lambda
                .get_function_event_invoke_config()
                .function_name(name)
                .send()
                .await
            {
                Ok(invoke) => Some((
                    invoke.maximum_retry_attempts,
                    invoke.maximum_event_age_in_seconds,
                    invoke.destination_config,
                    invoke.last_modified,
                )),
                Err(error) if error.code() == Some("ResourceNotFoundException") => None,
                Err(error) => return Err(error).context("reading a function's invoke configuration"),
            };
            let (variables, tags) = (sorted(variables.as_ref()), sorted(held.tags.as_ref()));
            let parts: [&dyn Debug; 6] = [&settings, &variables, &tags, &policy, &invoke, &held.concurrency];
            self.add("function", name, &parts);
        }
        for source in lambda
            .list_event_source_mappings()
            .send()
            .await?
            .event_source_mappings()
        {
            let settings = (
                (source.function_arn(), source.event_source_arn(), source.batch_size()),
                (source.state(), source.last_modified(), source.scaling_config()),
                (
                    source.function_response_types(),
                    source.maximum_batching_window_in_seconds(),
                ),
            );
            self.add("event source", source.uuid().unwrap_or_default(), &[&settings]);
        }
        Ok(())
    }

    async fn schedules(&mut self, account: &Account) -> Result<()> {
        let scheduler = account.scheduler();
        for group in scheduler.list_schedule_groups().send().await?.schedule_groups() {
            let arn = group.arn().unwrap_or_default();
            let tags = scheduler.list_tags_for_resource().resource_arn(arn).send().await?;
            self.add("schedule group", arn, &[group, &tags.tags()]);
        }
        for schedule in scheduler.list_schedules().send().await?.schedules() {
            self.add("schedule", schedule.arn().unwrap_or_default(), &[schedule]);
        }
        Ok(())
    }

    async fn apis(&mut self, account: &Account) -> Result<()> {
        let gateway = account.apigateway();
        for api in gateway.get_rest_apis().send().await?.items() {
            let id = api.id().unwrap_or_default();
            let settings = (api.name(), api.description(), api.created_date(), sorted(api.tags()));
            let mut paths = BTreeMap::new();
            for resource in gateway.get_resources().rest_api_id(id).send().await?.items() {
                let path = resource.path().unwrap_or_default();
                let mut methods = BTreeMap::new();
                for verb in resource.resource_methods().into_iter().flat_map(HashMap::keys) {
                    let call = gateway.get_method().rest_api_id(id).http_method(verb);
                    let method = call.resource_id(resource.id().unwrap_or_default()).send().await?;
                    let target = method.method_integration().and_then(|i| i.uri()).map(str::to_owned);
                    methods.insert(
                        verb.clone(),
                        (method.api_key_required, method.authorization_type, target),
                    );
                }
                paths.insert(path.to_owned(), (resource.id().map(str::to_owned), methods));
            }
            let mut stages = BTreeMap::new();
            for stage in gateway.get_stages().rest_api_id(id).send().await?.item() {
                let throttle = sorted(stage.method_settings()).map(|settings| format!("{settings:?}"));
                let log = stage.access_log_settings().map(|log| format!("{log:?}"));
                let about = (
                    stage.deployment_id(),
                    stage.tracing_enabled(),
                    stage.last_updated_date(),
                );
                let all = format!("{about:?} {throttle:?} {log:?} {:?}", sorted(stage.tags()));
                stages.insert(stage.stage_name().unwrap_or_default().to_owned(), all);
            }
            self.add("REST API", id, &[&settings, &paths, &stages]);
        }
        for key in gateway.get_api_keys().include_values(true).send().await?.items() {
            let settings = (key.name(), key.value(), key.enabled(), key.last_updated_date());
            self.add(
                "API key",
                key.id().unwrap_or_default(),
                &[&settings, &sorted(key.tags())],
            );
        }
        for plan in gateway.get_usage_plans().send().await?.items() {
            let id = plan.id().unwrap_or_default();
            let keys = gateway.get_usage_plan_keys().usage_plan_id(id).send().await?;
            let stages: Vec<_> = plan.api_stages().iter().map(|s| (s.api_id(), s.stage())).collect();
            let settings = (plan.name(), plan.throttle(), plan.quota(), stages);
            let members: Vec<_> = keys.items().iter().map(|key| key.id()).collect();
            self.add("usage plan", id, &[&settings, &members, &sorted(plan.tags())]);
        }
        Ok(())
    }
}

/// A map in the order of its keys, so that it always reads the same.
fn sorted<V>(map: Option<&HashMap<String, V>>) -> Option<BTreeMap<&String, &V>> {
    map.map(|map| map.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::TargetQueue;
    use crate::ministack::{MiniStack, Options};

    #[tokio::test]
    async fn what_was_touched_or_is_gone_is_told() -> Result<()> {
        let account = MiniStack::shared(Options::default())?.account();
        let queue = TargetQueue::create(&account, "Vecina").await?;
        let before = Snapshot::take(&account).await?;
        assert_eq!(Snapshot::take(&account).await?, before);

        TargetQueue::create(&account, "Otra").await?;
        let after = Snapshot::take(&account).await?;
        after.still_holds(&before)?;
        assert_eq!(after.len(), before.len() + 1);

        let url = account.sqs().get_queue_url().queue_name("Vecina").send().await?;
        let tag = account.sqs().tag_queue().tags("equipo", "otro");
        tag.queue_url(url.queue_url().unwrap_or_default()).send().await?;
        let touched = Snapshot::take(&account).await?.still_holds(&before);
        assert!(touched.is_err_and(|e| e.to_string().contains("was touched")));
        queue.delete().await?;
        let gone = Snapshot::take(&account).await?.still_holds(&before);
        assert!(gone.is_err_and(|e| e.to_string().ends_with("is gone")));
        Ok(())
    }
}
