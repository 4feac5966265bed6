//! The calls on a function that take more than a line, and how Lambda's answers read.

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    ApplicationLogLevel, DeadLetterConfig, Environment as Variables, EphemeralStorage, FileSystemConfig,
    FunctionConfiguration, LastUpdateStatus, LogFormat, LoggingConfig, Runtime, State, TracingConfig, TracingMode,
    VpcConfig, VpcConfigResponse,
};
use kairos_aws::{AwsError, Class, Doing};

use super::{Code, DEAD_LETTERS, FILE_SYSTEMS, Function, SETTLED, STORAGE, VPC};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Extras, Tags, touches};
use crate::stack::kinds::support::{Wait, until};

impl Function {
    pub(super) fn held(&self, answer: GetFunctionOutput, tags: Tags) -> Self {
        let reserved = answer.concurrency.and_then(|c| c.reserved_concurrent_executions);
        let Some(function) = answer.configuration else {
            return Self { tags, ..self.clone() };
        };
        let extras = extras(&function);
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
            extras,
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
        if touched(DEAD_LETTERS) {
            call = call.dead_letter_config(DeadLetterConfig::builder().target_arn("").build());
        }
        if touched(FILE_SYSTEMS) {
            call = call.set_file_system_configs(Some(Vec::new()));
        }
        if touched(STORAGE) {
            call = call.set_ephemeral_storage(storage(USUAL_STORAGE));
        }
        if touched(VPC) {
            let none = VpcConfig::builder().set_subnet_ids(Some(Vec::new()));
            call = call.vpc_config(none.set_security_group_ids(Some(Vec::new())).build());
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

    /// Gives the function another of the stack's roles for a moment. Lambda's grant on the key of the environment is made for
    /// a role's unique id, and only a change of the role makes it anew
    /// (<https://repost.aws/knowledge-center/lambda-kmsaccessdeniedexception-errors>).
    pub(super) async fn leave_role(&self, context: &Context) -> Result<(), AwsError> {
        let (path, own) = self.role.rsplit_once('/').unwrap_or_default();
        let [one, other] = [context.names.dispatcher_role(), context.names.executor_role()];
        let elsewhere = if own == one { other } else { one };
        let call = context
            .aws
            .lambda
            .update_function_configuration()
            .function_name(&self.name)
            .role(format!("{path}/{elsewhere}"));
        call.send().await.doing("UpdateFunctionConfiguration", &self.name)?;
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
        let wait = Wait {
            action,
            object: &self.name,
            state: "in progress",
            limit: SETTLED,
        };
        until(wait, context, || async {
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
        })
        .await
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

/// How large `/tmp` is where nobody says otherwise, in MB (Lambda API reference, EphemeralStorage).
const USUAL_STORAGE: i32 = 512;

fn storage(size: i32) -> Option<EphemeralStorage> {
    EphemeralStorage::builder().size(size).build().ok()
}

/// What others may have hung on a function.
fn extras(function: &FunctionConfiguration) -> Extras {
    let mut extras = Extras::default();
    if let Some(target) = function.dead_letter_config().and_then(DeadLetterConfig::target_arn) {
        extras.note(DEAD_LETTERS, if target.is_empty() { "none" } else { target }, "none");
    }
    let mounted: Vec<&str> = function
        .file_system_configs()
        .iter()
        .map(FileSystemConfig::arn)
        .collect();
    if !mounted.is_empty() {
        extras.note(FILE_SYSTEMS, mounted.join(", "), "none");
    }
    if let Some(storage) = function.ephemeral_storage() {
        extras.note(STORAGE, storage.size(), USUAL_STORAGE);
    }
    let subnets = function
        .vpc_config()
        .map(VpcConfigResponse::subnet_ids)
        .unwrap_or_default();
    if !subnets.is_empty() {
        extras.note(VPC, subnets.join(", "), "none");
    }
    extras
}
