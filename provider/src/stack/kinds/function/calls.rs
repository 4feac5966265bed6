//! The calls on a function that take more than a line, and how Lambda's answers read.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    ApplicationLogLevel, Environment as Variables, LastUpdateStatus, LogFormat, LoggingConfig, Runtime, State,
    TracingConfig, TracingMode,
};
use kairos_aws::{AwsError, Class, Doing};

use super::{Code, Function, SETTLED};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Tags, touches};
use crate::stack::kinds::support::{still, until};

impl Function {
    pub(super) fn held(&self, answer: GetFunctionOutput, tags: Tags) -> Self {
        let reserved = answer.concurrency.and_then(|c| c.reserved_concurrent_executions);
        let Some(function) = answer.configuration else {
            return Self { tags, ..self.clone() };
        };
        let variables = function.environment.and_then(|e| e.variables).unwrap_or_default();
        let architectures = function.architectures.unwrap_or_default();
        let logging = function.logging_config;
        let json = logging.as_ref().is_some_and(|l| l.log_format == Some(LogFormat::Json));
        let level = logging
            .as_ref()
            .and_then(|l| l.application_log_level.as_ref())
            .map(ApplicationLogLevel::as_str);
        Self {
            name: function.function_name.unwrap_or_default(),
            runtime: function.runtime.map(|r| r.as_str().to_owned()).unwrap_or_default(),
            handler: function.handler.unwrap_or_default(),
            description: function.description.unwrap_or_default(),
            code: Code::held(function.code_sha256.unwrap_or_default()),
            architecture: architectures.first().map(|a| a.as_str().to_owned()).unwrap_or_default(),
            role: function.role.unwrap_or_default(),
            memory: function.memory_size.unwrap_or_default(),
            timeout: function.timeout.unwrap_or_default(),
            environment: variables.into_iter().collect(),
            layers: function
                .layers
                .unwrap_or_default()
                .into_iter()
                .filter_map(|l| l.arn)
                .collect(),
            tracing: function.tracing_config.and_then(|t| t.mode) == Some(TracingMode::Active),
            log_group: logging.as_ref().and_then(|l| l.log_group.clone()).unwrap_or_default(),
            // A level only means something in JSON logs, so that the format is a part of it.
            log_level: if json {
                level.unwrap_or("INFO").into()
            } else {
                "none (plain text)".into()
            },
            reserved_concurrency: reserved,
            kms_key: function.kms_key_arn.filter(|key| !key.is_empty()),
            tags,
        }
    }

    pub(super) async fn put_configuration(&self, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let touched = |property: &str| touches(changes, &[property]);
        let mut call = context
            .aws
            .lambda
            .update_function_configuration()
            .function_name(&self.name);
        if touched("Runtime") {
            call = call.runtime(Runtime::from(self.runtime.as_str()));
        }
        if touched("Handler") {
            call = call.handler(&self.handler);
        }
        if touched("Description") {
            call = call.description(&self.description);
        }
        if touched("Role") {
            call = call.role(&self.role);
        }
        if touched("MemorySize") {
            call = call.memory_size(self.memory);
        }
        if touched("Timeout") {
            call = call.timeout(self.timeout);
        }
        if touched("Environment") {
            call = call.environment(self.variables());
        }
        if touched("Layers") {
            call = call.set_layers(Some(self.layers.clone()));
        }
        if touched("TracingConfig") {
            call = call.tracing_config(self.tracing_config());
        }
        if touched("LoggingConfig") {
            call = call.logging_config(self.logging());
        }
        if touched("KmsKeyArn") {
            // An empty ARN goes back to AWS's own key.
            call = call.kms_key_arn(self.kms_key.clone().unwrap_or_default());
        }
        call.send()
            .await
            .doing("UpdateFunctionConfiguration", &self.name)
            .map_err(|e| self.hide_values(e))?;
        self.settle("UpdateFunctionConfiguration", context).await
    }

    pub(super) async fn put_concurrency(&self, context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        if let Some(reserved) = self.reserved_concurrency {
            let call = lambda.put_function_concurrency().function_name(&self.name);
            let call = call.reserved_concurrent_executions(reserved);
            call.send().await.doing("PutFunctionConcurrency", &self.name)?;
        } else {
            let call = lambda.delete_function_concurrency().function_name(&self.name);
            call.send().await.found("DeleteFunctionConcurrency", &self.name)?;
        }
        Ok(())
    }

    /// Waits until the function is active and its last update has succeeded. An idle function (`Inactive`) is settled too.
    pub(super) async fn settle(&self, action: &str, context: &Context) -> Result<(), AwsError> {
        let settled = until(SETTLED, || async {
            let call = context
                .aws
                .lambda
                .get_function_configuration()
                .function_name(&self.name);
            let Some(function) = call.send().await.found("GetFunctionConfiguration", &self.name)? else {
                return Ok(None);
            };
            let failed = |reason: Option<String>| AwsError {
                action: action.into(),
                object: self.name.clone(),
                code: None,
                message: reason.unwrap_or_else(|| "Lambda gives no reason".into()),
                request_id: None,
                class: Class::Terminal,
                ambiguous: false,
            };
            match (function.state, function.last_update_status) {
                (Some(State::Failed), _) => Err(failed(function.state_reason)),
                (_, Some(LastUpdateStatus::Failed)) => Err(failed(function.last_update_status_reason)),
                (Some(State::Pending), _) | (_, Some(LastUpdateStatus::InProgress)) => Ok(None),
                _ => Ok(Some(())),
            }
        });
        settled
            .await?
            .ok_or_else(|| still(action, &self.name, "in progress", SETTLED))
    }

    pub(super) fn zip(&self) -> Result<Blob, AwsError> {
        let zip = self.code.bytes().ok_or_else(|| AwsError {
            action: "UpdateFunctionCode".into(),
            object: self.name.clone(),
            code: None,
            message: "this build of the provider does not carry the code".into(),
            request_id: None,
            class: Class::Terminal,
            ambiguous: false,
        })?;
        Ok(Blob::new(zip.to_vec()))
    }

    pub(super) fn variables(&self) -> Variables {
        Variables::builder()
            .set_variables(Some(self.environment.variables()))
            .build()
    }

    pub(super) fn tracing_config(&self) -> TracingConfig {
        let mode = if self.tracing {
            TracingMode::Active
        } else {
            TracingMode::PassThrough
        };
        TracingConfig::builder().mode(mode).build()
    }

    pub(super) fn logging(&self) -> LoggingConfig {
        let level = ApplicationLogLevel::from(self.log_level.as_str());
        LoggingConfig::builder()
            .log_format(LogFormat::Json)
            .application_log_level(level)
            .log_group(&self.log_group)
            .build()
    }

    /// Lambda quotes the whole environment when it does not like one variable.
    pub(super) fn hide_values(&self, mut error: AwsError) -> AwsError {
        if error.message.to_ascii_lowercase().contains("environment") {
            error.message = self.environment.hide(error.message);
        }
        error
    }
}
