//! What AWS holds of an attribute that a stack has changed.

use anyhow::{Context, Result, ensure};
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_dynamodb::types::TableDescription;
use aws_sdk_iam::types::Role;
use aws_sdk_lambda::types::ScalingConfig;

use super::Stack;
use crate::common::APP;

impl Stack {
    /// What AWS holds of an attribute, in words; `None` where the next plan alone tells.
    pub(super) async fn ask(&self, attribute: &str) -> Result<Option<String>> {
        let account = &self.account;
        if let Some((function @ ("dispatcher" | "executor" | "api"), name)) = attribute.split_once('.')
            && let Some(held) = self.ask_function(function, name).await?
        {
            return Ok(Some(held));
        }
        let held = match attribute {
            "notification_emails" => {
                let topic = format!("arn:aws:sns:{}:{}:{APP}Notificaciones", account.region, account.id);
                let list = account
                    .sns()
                    .list_subscriptions_by_topic()
                    .topic_arn(topic)
                    .send()
                    .await?;
                let addresses: Vec<&str> = list.subscriptions().iter().filter_map(|s| s.endpoint()).collect();
                ensure!(addresses.len() == 1, "the addresses are {addresses:?}");
                addresses.join(" ")
            }
            "log_retention_days" => {
                let group = format!("/aws/lambda/{APP}Dispatcher");
                let list = account
                    .logs()
                    .describe_log_groups()
                    .log_group_name_prefix(group)
                    .send()
                    .await?;
                format!("{:?}", list.log_groups().first().and_then(LogGroup::retention_in_days))
            }
            "api.throttle_rate" | "api.throttle_burst" | "api.quota_per_day" => {
                let plans = account.apigateway().get_usage_plans().send().await?;
                let plan = plans.items().first().context("no usage plan")?;
                format!("{:?} {:?}", plan.throttle(), plan.quota())
            }
            "kms_key_arn" => {
                let table = account
                    .dynamodb()
                    .describe_table()
                    .table_name(format!("{APP}Procesos"))
                    .send()
                    .await?;
                format!("{:?}", table.table().and_then(TableDescription::sse_description))
            }
            "deletion_protection" => {
                let table = account
                    .dynamodb()
                    .describe_table()
                    .table_name(format!("{APP}Procesos"))
                    .send()
                    .await?;
                format!(
                    "{:?}",
                    table.table().and_then(TableDescription::deletion_protection_enabled)
                )
            }
            "permissions_boundary_arn" => {
                let name = format!("{APP}-{}-ExecutorRole", account.region);
                let role = account.iam().get_role().role_name(name).send().await?;
                format!("{:?}", role.role().and_then(Role::permissions_boundary))
            }
            "executor.maximum_concurrency" | "executor.batch_size" => {
                let list = account.lambda().list_event_source_mappings().send().await?;
                let source = list.event_source_mappings().first().context("no event source")?;
                let maximum = source.scaling_config().and_then(ScalingConfig::maximum_concurrency);
                let number = if attribute == "executor.batch_size" {
                    source.batch_size()
                } else {
                    maximum
                };
                format!("{number:?}")
            }
            "executor.role_prefix" => {
                let name = format!("/{APP}/Executor/PrefixRoles");
                let parameter = account.ssm().get_parameter().name(name).send().await?;
                parameter
                    .parameter()
                    .and_then(|p| p.value())
                    .unwrap_or_default()
                    .to_owned()
            }
            "api.mapping_key" => {
                let list = account
                    .apigatewayv2()
                    .get_api_mappings()
                    .domain_name("api.example.com")
                    .send()
                    .await?;
                let keys: Vec<&str> = list.items().iter().filter_map(|m| m.api_mapping_key()).collect();
                ensure!(keys.len() == 1, "the mappings are {keys:?}");
                keys.join(" ")
            }
            _ => return Ok(None),
        };
        Ok(Some(held))
    }

    async fn ask_function(&self, function: &str, name: &str) -> Result<Option<String>> {
        let suffix = match function {
            "dispatcher" => "Dispatcher",
            "executor" => "Executor",
            _ => "Api",
        };
        let lambda = self.account.lambda();
        let function = format!("{APP}{suffix}");
        if name == "reserved_concurrency" {
            let held = lambda.get_function_concurrency().function_name(function).send().await?;
            return Ok(Some(format!("{:?}", held.reserved_concurrent_executions())));
        }
        let held = lambda
            .get_function_configuration()
            .function_name(function)
            .send()
            .await?;
        Ok(Some(match name {
            "memory_size" => format!("{:?}", held.memory_size()),
            "timeout" => format!("{:?}", held.timeout()),
            "log_level" => format!("{:?}", held.logging_config()).to_uppercase(),
            "layers" => format!("{:?}", held.layers()),
            "external_id" => {
                let variables = held.environment().and_then(|e| e.variables());
                format!("{:?}", variables.and_then(|v| v.get("KAIROS_EXTERNAL_ID")))
            }
            _ => return Ok(None),
        }))
    }
}
