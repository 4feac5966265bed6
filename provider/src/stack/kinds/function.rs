//! A Lambda function of the stack: its code, its configuration and its reserved concurrency.
//!
//! Invariant: between two writes the function has settled (`Active`, last update successful).
//! Invariant: values of environment variables appear in no message and in no difference.

mod calls;
mod parts;
mod terraform;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aws_sdk_lambda::types::{Architecture, FunctionCode, Runtime};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;
use tokio::sync::Semaphore;

pub use self::parts::{Code, Environment};
use super::role::Role;
use super::support::{Retag, Wait, resume, until};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Tags, touches};

/// How long a function may take to settle (Lambda: seconds, a minute with a new key or a large zip).
const SETTLED: Duration = Duration::from_mins(5);

/// A zip is sent as base64 within JSON, several times its size in memory: one at a time keeps the provider small, and the
/// line to AWS is as busy with one as with three.
static UPLOAD: Semaphore = Semaphore::const_new(1);

/// The only runtime of ours: the zip carries its own program.
pub const RUNTIME: &str = "provided.al2023";
/// The service that a function's role is handed to.
const LAMBDA: &str = "lambda.amazonaws.com";
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
    /// Settings that are left as Lambda makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Kind for Function {
    const TYPE: &'static str = "AWS::Lambda::Function";
    const SERVICE: &'static str = "lambda";

    /// Lambda shows tags only to who may list them, and uses a customer's key in the name of whoever sets or reads the
    /// environment.
    fn permissions(&self, names: &Names) -> Permissions {
        let function = Scope::of([names.function_arn(&self.name)]);
        let role = Scope::of([&self.role]).when("StringEquals", "iam:PassedToService", [LAMBDA]);
        let permissions = Permissions::default()
            .observe(
                &function,
                &[
                    "lambda:GetFunction",
                    "lambda:GetFunctionConfiguration",
                    "lambda:ListTags",
                ],
            )
            .create(
                &function,
                &[
                    "lambda:CreateFunction",
                    "lambda:PutFunctionConcurrency",
                    "lambda:TagResource",
                ],
            )
            .create(&role, &["iam:PassRole"])
            .update(
                &function,
                &[
                    "lambda:DeleteFunctionConcurrency",
                    "lambda:PutFunctionConcurrency",
                    "lambda:TagResource",
                    "lambda:UntagResource",
                    "lambda:UpdateFunctionCode",
                    "lambda:UpdateFunctionConfiguration",
                ],
            )
            .update(&role, &["iam:PassRole"])
            .delete(&function, &["lambda:DeleteFunction"]);
        let permissions = if self.layers.is_empty() {
            permissions
        } else {
            let layers = Scope::of(&self.layers);
            permissions
                .create(&layers, &["lambda:GetLayerVersion"])
                .update(&layers, &["lambda:GetLayerVersion"])
        };
        let Some(key) = &self.kms_key else {
            return permissions;
        };
        let key = Scope::key(key, "lambda", names);
        permissions
            .observe(&key, &["kms:Decrypt"])
            .create(&key, &["kms:CreateGrant", "kms:Encrypt"])
            .update(&key, &["kms:CreateGrant", "kms:Encrypt"])
    }

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
        for key in self.environment.keys(&held.environment) {
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
            .extras(|f| &f.extras)
            .tags(|f| &f.tags)
            .changes()
    }

    /// Lambda lets the role that a function had decrypt its environment, and knows that role by its unique id.
    fn rebinding(&self, dependency: &str) -> Option<Change> {
        (dependency == Role::TYPE).then(|| Change {
            property: "Role".into(),
            actual: "a role of this name that is gone".into(),
            wanted: self.role.clone(),
            replaces: false,
        })
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
        let turn = UPLOAD.acquire().await;
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
        let answer = call.send().await;
        drop(turn);
        match answer
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
        if touches(changes, &["Role"]) && held.value.role == self.role {
            self.leave_role(context).await?;
        }
        if touches(changes, CONFIGURATION) {
            self.put_configuration(changes, context).await?;
        }
        if touches(changes, &["CodeSha256", "Architectures"]) {
            let turn = UPLOAD.acquire().await;
            let call = lambda
                .update_function_code()
                .function_name(&self.name)
                .zip_file(self.zip()?);
            let call = call.architectures(Architecture::from(self.architecture.as_str()));
            let answer = call.send().await;
            drop(turn);
            answer.doing("UpdateFunctionCode", &self.name)?;
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
        let wait = Wait {
            action: "DeleteFunction",
            object: &self.name,
            state: "there",
            limit: SETTLED,
        };
        until(wait, context, || async {
            let call = lambda.get_function_configuration().function_name(&self.name);
            Ok(call
                .send()
                .await
                .found("GetFunctionConfiguration", &self.name)?
                .is_none()
                .then_some(()))
        })
        .await
    }

    /// A function that exists and can be read is taken up or refused in other words: what is left cannot be read yet.
    fn settling(error: &AwsError) -> bool {
        busy(error) || (error.action == "CreateFunction" && error.is("ResourceConflictException"))
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
    DEAD_LETTERS,
    FILE_SYSTEMS,
    STORAGE,
    VPC,
];

/// Who else gets events that failed.
const DEAD_LETTERS: &str = "DeadLetterConfig";
/// What is mounted.
const FILE_SYSTEMS: &str = "FileSystemConfigs";
/// The size of `/tmp`, in MB.
const STORAGE: &str = "EphemeralStorage";
/// The network that it runs in: none, so that it reaches AWS.
const VPC: &str = "VpcConfig";

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
