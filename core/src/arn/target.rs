//! The kinds of targets, told from the ARN.
//!
//! Invariant: every row of the table of targets is a kind.

use super::Arn;
use crate::error::{Field, Rule, UserError};

/// What a process starts: an ARN and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The ARN.
    pub arn: Arn,
    /// What it is.
    pub kind: TargetKind,
}

/// The kinds of targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetKind {
    /// A Lambda function, or a version or an alias of one.
    Lambda {
        /// The function's name.
        function: String,
        /// The version or the alias.
        qualifier: Option<String>,
    },
    /// A Step Functions state machine, or a version or an alias of one.
    StateMachine {
        /// Its name.
        name: String,
        /// The version or the alias.
        qualifier: Option<String>,
    },
    /// An SNS topic.
    Topic {
        /// Its name.
        name: String,
        /// Whether it is a FIFO topic.
        fifo: bool,
    },
    /// An SQS queue.
    Queue {
        /// Its name.
        name: String,
        /// Whether it is a FIFO queue.
        fifo: bool,
    },
    /// An event bus.
    EventBus {
        /// Its name.
        name: String,
    },
    /// A Kinesis data stream.
    KinesisStream {
        /// Its name.
        name: String,
    },
    /// A Firehose delivery stream.
    DeliveryStream {
        /// Its name.
        name: String,
    },
    /// An ECS cluster.
    EcsCluster {
        /// Its name.
        name: String,
    },
    /// An ECS task definition, with or without its revision.
    EcsTaskDefinition {
        /// Family, or family and revision.
        name: String,
    },
    /// A Batch job queue.
    JobQueue {
        /// Its name.
        name: String,
    },
    /// A CodeBuild project.
    BuildProject {
        /// Its name.
        name: String,
    },
    /// A Glue job.
    GlueJob {
        /// Its name.
        name: String,
    },
    /// A Glue workflow.
    GlueWorkflow {
        /// Its name.
        name: String,
    },
    /// A Redshift cluster.
    RedshiftCluster {
        /// Its name.
        name: String,
    },
    /// A Redshift serverless workgroup.
    RedshiftWorkgroup {
        /// Its id.
        name: String,
    },
    /// An RDS cluster.
    RdsCluster {
        /// Its name.
        name: String,
    },
    /// A method of an API Gateway API.
    ApiMethod {
        /// The API's id.
        api: String,
        /// The stage; `$default` is in no URL.
        stage: String,
        /// The method; none where the ARN leaves it open (`*`).
        method: Option<String>,
        /// The path behind the stage, without its first slash; a `*` stands for any characters.
        path: String,
    },
    /// Any action of an AWS API, as Scheduler's universal targets name it.
    SdkAction {
        /// The service.
        service: String,
        /// The action.
        action: String,
    },
}

/// How the names of FIFO topics and queues end.
const FIFO: &str = ".fifo";

/// The methods that API Gateway routes.
pub(crate) const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl TargetKind {
    /// The kind in words.
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Lambda { .. } => "a Lambda function",
            Self::StateMachine { .. } => "a Step Functions state machine",
            Self::Topic { .. } => "an SNS topic",
            Self::Queue { .. } => "an SQS queue",
            Self::EventBus { .. } => "an event bus",
            Self::KinesisStream { .. } => "a Kinesis stream",
            Self::DeliveryStream { .. } => "a Firehose stream",
            Self::EcsCluster { .. } => "an ECS cluster",
            Self::EcsTaskDefinition { .. } => "an ECS task definition",
            Self::JobQueue { .. } => "a Batch job queue",
            Self::BuildProject { .. } => "a CodeBuild project",
            Self::GlueJob { .. } => "a Glue job",
            Self::GlueWorkflow { .. } => "a Glue workflow",
            Self::RedshiftCluster { .. } => "a Redshift cluster",
            Self::RedshiftWorkgroup { .. } => "a Redshift workgroup",
            Self::RdsCluster { .. } => "an RDS cluster",
            Self::ApiMethod { .. } => "an API Gateway method",
            Self::SdkAction { .. } => "an AWS API action",
        }
    }

    /// Whether the service finds it by its name alone, and would so find another account's in its own.
    pub const fn is_called_by_name(&self) -> bool {
        matches!(
            self,
            Self::DeliveryStream { .. }
                | Self::BuildProject { .. }
                | Self::GlueJob { .. }
                | Self::GlueWorkflow { .. }
                | Self::RedshiftCluster { .. }
        )
    }
}

impl Target {
    /// Reads the ARN of a target of any kind.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let error = |rule| UserError::new(Field::ArnProceso, text, rule);
        let arn = Arn::parse(text).map_err(error)?;
        let kind = kind(&arn).ok_or_else(|| error(Rule::UnknownTarget))?;
        Ok(Self { arn, kind })
    }
}

fn kind(arn: &Arn) -> Option<TargetKind> {
    let resource = arn.resource.as_str();
    if arn.service == "scheduler" {
        let (service, action) = resource.strip_prefix("aws-sdk:")?.split_once(':')?;
        let plain = arn.region.is_empty() && arn.account.is_empty() && is_word(service) && is_word(action);
        return plain.then(|| TargetKind::SdkAction {
            service: service.to_owned(),
            action: action.to_owned(),
        });
    }
    if arn.region.is_empty() || arn.account.is_empty() {
        return None;
    }
    let after = |prefix: &str| {
        resource
            .strip_prefix(prefix)
            .filter(|name| is_word(name))
            .map(str::to_owned)
    };
    Some(match arn.service.as_str() {
        "lambda" => {
            let (function, qualifier) = qualified(resource.strip_prefix("function:")?)?;
            TargetKind::Lambda { function, qualifier }
        }
        "states" => {
            let (name, qualifier) = qualified(resource.strip_prefix("stateMachine:")?)?;
            TargetKind::StateMachine { name, qualifier }
        }
        "sns" => TargetKind::Topic {
            name: after("")?,
            fifo: resource.ends_with(FIFO),
        },
        "sqs" => TargetKind::Queue {
            name: after("")?,
            fifo: resource.ends_with(FIFO),
        },
        "events" => TargetKind::EventBus {
            name: path(resource.strip_prefix("event-bus/")?)?,
        },
        "kinesis" => TargetKind::KinesisStream {
            name: after("stream/")?,
        },
        "firehose" => TargetKind::DeliveryStream {
            name: after("deliverystream/")?,
        },
        "ecs" => match (after("cluster/"), resource.strip_prefix("task-definition/")) {
            (Some(name), _) => TargetKind::EcsCluster { name },
            (None, Some(definition)) => {
                qualified(definition)?;
                TargetKind::EcsTaskDefinition {
                    name: definition.to_owned(),
                }
            }
            (None, None) => return None,
        },
        "batch" => TargetKind::JobQueue {
            name: after("job-queue/")?,
        },
        "codebuild" => TargetKind::BuildProject {
            name: after("project/")?,
        },
        "glue" => match (after("job/"), after("workflow/")) {
            (Some(name), _) => TargetKind::GlueJob { name },
            (None, Some(name)) => TargetKind::GlueWorkflow { name },
            (None, None) => return None,
        },
        "redshift" => TargetKind::RedshiftCluster {
            name: after("cluster:")?,
        },
        "redshift-serverless" => TargetKind::RedshiftWorkgroup {
            name: after("workgroup/")?,
        },
        "rds" => TargetKind::RdsCluster {
            name: after("cluster:")?,
        },
        "execute-api" => api_method(resource)?,
        _ => return None,
    })
}

/// `api-id/stage/METHOD/path`.
fn api_method(resource: &str) -> Option<TargetKind> {
    let mut parts = resource.splitn(4, '/');
    let (api, stage, method) = (parts.next()?, parts.next()?, parts.next()?);
    let path = parts.next().unwrap_or_default();
    let any = ["*", "ANY"].contains(&method);
    let stage_is_one = is_word(stage.strip_prefix('$').unwrap_or(stage));
    (is_word(api) && stage_is_one && (any || METHODS.contains(&method))).then(|| TargetKind::ApiMethod {
        api: api.to_owned(),
        stage: stage.to_owned(),
        method: (!any).then(|| method.to_owned()),
        path: path.to_owned(),
    })
}

/// `name` or `name:qualifier`.
fn qualified(text: &str) -> Option<(String, Option<String>)> {
    let (name, qualifier) = match text.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (text, None),
    };
    let valid = is_word(name) && qualifier.is_none_or(|q| is_word(q.strip_prefix('$').unwrap_or(q)));
    valid.then(|| (name.to_owned(), qualifier.map(str::to_owned)))
}

/// A name that may have slashes, as partner event buses do.
fn path(text: &str) -> Option<String> {
    text.split('/').all(is_word).then(|| text.to_owned())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c))
}
