//! A Lambda function of the stack: its code, its configuration and its reserved concurrency.
//!
//! Invariant: between two writes the function has settled (`Active`, last update successful).
//! Invariant: values of environment variables appear in no message and in no difference.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    ApplicationLogLevel, Architecture, Environment as Variables, FunctionCode, LastUpdateStatus, LogFormat,
    LoggingConfig, Runtime, State, TracingConfig, TracingMode,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kairos_aws::{AwsError, Class, Doing};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::support::{Retag, resume, still, until};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags, touches};

/// How long a function may take to settle (Lambda: seconds, a minute with a new key or a large zip).
const SETTLED: Duration = Duration::from_mins(5);

/// The only runtime of ours: the zip carries its own program.
pub const RUNTIME: &str = "provided.al2023";
/// The program's name in the zip.
pub const HANDLER: &str = "bootstrap";

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// The function's name (Lambda: 64 characters at most).
    pub name: String,
    /// The runtime: [`RUNTIME`].
    pub runtime: String,
    /// The file in the zip that runs: [`HANDLER`].
    pub handler: String,
    /// What it is for, in words (Lambda: 256 characters at most).
    pub description: String,
    /// The zip with its `bootstrap`.
    pub code: Code,
    /// `x86_64` or `arm64`; changes together with the code.
    pub architecture: String,
    /// The ARN of the role that it runs as.
    pub role: String,
    /// Memory in MB (Lambda: 128 to 10,240).
    pub memory: i32,
    /// The time-out in seconds (Lambda: 1 to 900).
    pub timeout: i32,
    /// Environment variables.
    pub environment: Environment,
    /// The ARNs of layer versions, in the order in which they are laid over each other.
    pub layers: Vec<String>,
    /// Whether X-Ray traces invocations (`Active`), or only follows what calls it (`PassThrough`).
    pub tracing: bool,
    /// The log group, which must exist: no role of ours may create one.
    pub log_group: String,
    /// The application's log level: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`.
    pub log_level: String,
    /// How many instances are set apart for it; `None` shares the account's.
    pub reserved_concurrency: Option<i32>,
    /// The ARN of the key that encrypts its environment; `None` for AWS's own.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Environment variables: written, shown and digested by key and a fingerprint of the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }
}

impl Environment {
    fn fingerprint(&self, key: &str) -> Option<String> {
        let digest = Sha256::digest(self.0.get(key)?);
        Some(format!(
            "sha256:{}",
            digest
                .iter()
                .take(4)
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        ))
    }
}

impl Serialize for Environment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|key| (key, self.fingerprint(key))))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A function's zip: compared, shown and digested by its SHA-256 only, in Base64 as Lambda writes `CodeSha256`.
#[derive(Clone)]
pub struct Code {
    sha256: String,
    zip: Option<Arc<Cow<'static, [u8]>>>,
}

impl Code {
    /// The code in these bytes of a zip.
    pub fn zip(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            sha256: BASE64_STANDARD.encode(Sha256::digest(&bytes)),
            zip: Some(Arc::new(bytes)),
        }
    }

    /// The code of this digest, whose bytes AWS holds.
    pub fn held(sha256: impl Into<String>) -> Self {
        Self {
            sha256: sha256.into(),
            zip: None,
        }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.sha256.serialize(serializer)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Code").field(&self.sha256).finish()
    }
}

impl Kind for Function {
    const TYPE: &'static str = "AWS::Lambda::Function";
    const ACTIONS: &'static [&'static str] = &[
        "iam:PassRole",
        "lambda:CreateFunction",
        "lambda:DeleteFunction",
        "lambda:DeleteFunctionConcurrency",
        "lambda:GetFunction",
        "lambda:GetFunctionConfiguration",
        "lambda:GetLayerVersion",
        "lambda:PutFunctionConcurrency",
        "lambda:TagResource",
        "lambda:UntagResource",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
    ];
    const SERVICE: &'static str = "lambda";

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(context.names.function_arn(&self.name))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        let mut diff = Diff::of(self, held)
            .fixed("FunctionName", |f| &f.name)
            .property("Runtime", |f| &f.runtime)
            .property("Handler", |f| &f.handler)
            .property("Description", |f| &f.description)
            .property("Role", |f| &f.role)
            .property("MemorySize", |f| f.memory)
            .property("Timeout", |f| f.timeout);
        let keys: std::collections::BTreeSet<&String> =
            self.environment.0.keys().chain(held.environment.0.keys()).collect();
        for key in keys {
            diff = diff.property(&format!("Environment.{key}"), |f| f.environment.fingerprint(key));
        }
        diff.property("Layers", |f| &f.layers)
            .property("TracingConfig", |f| if f.tracing { "Active" } else { "PassThrough" })
            .property("LoggingConfig.LogGroup", |f| &f.log_group)
            .property("LoggingConfig.ApplicationLogLevel", |f| &f.log_level)
            .property("KmsKeyArn", |f| &f.kms_key)
            .property("CodeSha256", |f| &f.code)
            .property("Architectures", |f| &f.architecture)
            .property("ReservedConcurrentExecutions", |f| f.reserved_concurrency)
            .tags(|f| &f.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let call = context.aws.lambda.get_function().function_name(&self.name);
        let Some(answer) = call.send().await.found("GetFunction", &self.name)? else {
            return Ok(None);
        };
        let tags: Tags = answer.tags.clone().unwrap_or_default().into_iter().collect();
        let held = self.held(answer, tags.clone());
        Ok(Some(Held::tagged(
            context.names.function_arn(&self.name),
            held,
            &tags,
            context,
        )))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let call = context
            .aws
            .lambda
            .create_function()
            .function_name(&self.name)
            .description(&self.description);
        let call = call
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler(&self.handler)
            .role(&self.role);
        let call = call.code(FunctionCode::builder().zip_file(self.zip()?).build());
        let call = call.architectures(Architecture::from(self.architecture.as_str()));
        let call = call
            .memory_size(self.memory)
            .timeout(self.timeout)
            .set_layers(Some(self.layers.clone()));
        let call = call
            .environment(self.variables())
            .tracing_config(self.tracing_config())
            .logging_config(self.logging());
        let call = call
            .set_kms_key_arn(self.kms_key.clone())
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        match call
            .send()
            .await
            .doing("CreateFunction", &self.name)
            .map_err(|e| self.hide_values(e))
        {
            Err(e) if e.is("ResourceConflictException") && !busy(&e) => {
                return resume(self, e, &self.name, context).await;
            }
            other => drop(other?),
        }
        self.settle("CreateFunction", context).await?;
        if self.reserved_concurrency.is_some() {
            self.put_concurrency(context).await?;
        }
        Ok(Held::ours(context.names.function_arn(&self.name), self.clone()))
    }

    /// The configuration goes first: code that is about to be replaced ignores variables that it does not know, while new
    /// code may need them.
    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        if touches(changes, CONFIGURATION) {
            self.put_configuration(changes, context).await?;
        }
        if touches(changes, &["CodeSha256", "Architectures"]) {
            let call = lambda
                .update_function_code()
                .function_name(&self.name)
                .zip_file(self.zip()?);
            let call = call.architectures(Architecture::from(self.architecture.as_str()));
            call.send().await.doing("UpdateFunctionCode", &self.name)?;
            self.settle("UpdateFunctionCode", context).await?;
        }
        if touches(changes, &["ReservedConcurrentExecutions"]) {
            self.put_concurrency(context).await?;
        }
        let tags = Retag::of(&self.tags, changes);
        if !tags.set.is_empty() {
            let call = lambda
                .tag_resource()
                .resource(&held.id)
                .set_tags(Some(tags.set.into_iter().collect()));
            call.send().await.doing("TagResource", &self.name)?;
        }
        if !tags.remove.is_empty() {
            let call = lambda
                .untag_resource()
                .resource(&held.id)
                .set_tag_keys(Some(tags.remove));
            call.send().await.doing("UntagResource", &self.name)?;
        }
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        lambda
            .delete_function()
            .function_name(&self.name)
            .send()
            .await
            .found("DeleteFunction", &self.name)?;
        let gone = until(SETTLED, || async {
            let call = lambda.get_function_configuration().function_name(&self.name);
            Ok(call
                .send()
                .await
                .found("GetFunctionConfiguration", &self.name)?
                .is_none()
                .then_some(()))
        });
        gone.await?
            .ok_or_else(|| still("DeleteFunction", &self.name, "there", SETTLED))
    }

    fn settling(error: &AwsError) -> bool {
        busy(error)
    }
}

/// The properties that UpdateFunctionConfiguration sets.
const CONFIGURATION: &[&str] = &[
    "Runtime",
    "Handler",
    "Description",
    "Role",
    "MemorySize",
    "Timeout",
    "Environment",
    "Layers",
    "TracingConfig",
    "LoggingConfig",
    "KmsKeyArn",
];

/// Whether Lambda is still at work on the function, or KMS has not yet heard of the function's role.
pub(super) fn busy(error: &AwsError) -> bool {
    let message = error.message.to_ascii_lowercase();
    match error.code.as_deref() {
        Some("ResourceConflictException") => {
            message.contains("update is in progress")
                || message.contains("cannot be performed at this time")
                || message.contains("currently in the following state")
        }
        Some("InvalidParameterValueException") => message.contains("does not refer to a valid principal"),
        _ => false,
    }
}

impl Function {
    fn held(&self, answer: GetFunctionOutput, tags: Tags) -> Self {
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

    async fn put_configuration(&self, changes: &[Change], context: &Context) -> Result<(), AwsError> {
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

    async fn put_concurrency(&self, context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        match self.reserved_concurrency {
            Some(reserved) => {
                let call = lambda.put_function_concurrency().function_name(&self.name);
                let call = call.reserved_concurrent_executions(reserved);
                call.send().await.doing("PutFunctionConcurrency", &self.name)?;
            }
            None => {
                let call = lambda.delete_function_concurrency().function_name(&self.name);
                call.send().await.found("DeleteFunctionConcurrency", &self.name)?;
            }
        }
        Ok(())
    }

    /// Waits until the function is active and its last update has succeeded. An idle function (`Inactive`) is settled too.
    async fn settle(&self, action: &str, context: &Context) -> Result<(), AwsError> {
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

    fn zip(&self) -> Result<Blob, AwsError> {
        let zip = self.code.zip.as_ref().ok_or_else(|| AwsError {
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

    fn variables(&self) -> Variables {
        Variables::builder()
            .set_variables(Some(self.environment.0.clone().into_iter().collect()))
            .build()
    }

    fn tracing_config(&self) -> TracingConfig {
        let mode = if self.tracing {
            TracingMode::Active
        } else {
            TracingMode::PassThrough
        };
        TracingConfig::builder().mode(mode).build()
    }

    fn logging(&self) -> LoggingConfig {
        let level = ApplicationLogLevel::from(self.log_level.as_str());
        LoggingConfig::builder()
            .log_format(LogFormat::Json)
            .application_log_level(level)
            .log_group(&self.log_group)
            .build()
    }

    /// Lambda quotes the whole environment when it does not like one variable.
    fn hide_values(&self, mut error: AwsError) -> AwsError {
        if error.message.to_ascii_lowercase().contains("environment") {
            for value in self.environment.0.values().filter(|value| !value.is_empty()) {
                error.message = error.message.replace(value.as_str(), "***");
            }
        }
        error
    }
}
