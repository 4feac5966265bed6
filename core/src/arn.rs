//! ARNs, the targets that a process can have, and the roles that it can use.
//!
//! Invariant: the kind of a target is decided here, once, from the ARN alone; the executor only matches on it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Field, Rule, UserError};
use crate::names::{Names, Place};

/// An ARN in its six parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
    /// The service, as in `lambda`.
    pub service: String,
    /// The region; empty for global services.
    pub region: String,
    /// The twelve digits of the account; empty where the service leaves it out.
    pub account: String,
    /// All that follows, colons and slashes included.
    pub resource: String,
}

impl Arn {
    /// Reads an ARN of a commercial, Chinese or US government partition.
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let malformed = |detail| Rule::MalformedArn { detail };
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        if next() != "arn" {
            return Err(malformed("it must begin with \"arn:\""));
        }
        let (partition, service, region, account, resource) = (next(), next(), next(), next(), next());
        if !["aws", "aws-cn", "aws-us-gov"].contains(&partition) {
            return Err(malformed("the partition must be aws, aws-cn or aws-us-gov"));
        }
        if service.is_empty()
            || !service
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(malformed("the service must be a word of lower-case letters"));
        }
        if !region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        {
            return Err(malformed("the region must be like sa-east-1"));
        }
        if !(account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())) {
            return Err(malformed("the account must have twelve digits"));
        }
        if resource.is_empty() || resource.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(malformed("the resource must not be empty nor contain spaces"));
        }
        Ok(Self {
            partition: partition.to_owned(),
            service: service.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            resource: resource.to_owned(),
        })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            service,
            region,
            account,
            resource,
        } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

impl FromStr for Arn {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Self::parse(text)
    }
}

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
        /// `api-id/stage/METHOD/path`.
        route: String,
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

/// The kinds that the executor of this version calls, in words.
pub const SUPPORTED: &str = "Lambda functions, Step Functions state machines, SNS topics and SQS queues";

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

    /// Whether the executor of this version calls it.
    pub const fn is_supported(&self) -> bool {
        matches!(
            self,
            Self::Lambda { .. } | Self::StateMachine { .. } | Self::Topic { .. } | Self::Queue { .. }
        )
    }
}

impl Target {
    /// Reads the ARN of a target of any kind; whether this version calls it is another question.
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
        "execute-api" => {
            let deep = resource.split('/').filter(|part| !part.is_empty()).count() >= 3;
            deep.then(|| TargetKind::ApiMethod {
                route: resource.to_owned(),
            })?
        }
        _ => return None,
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

/// Checks that a process may have this target: one that this version calls, in the installation's partition, and not
/// the installation's own.
pub fn check_target(text: &str, names: &Names) -> Result<Target, UserError> {
    let error = |rule| UserError::new(Field::ArnProceso, text, rule);
    let target = Target::parse(text)?;
    if target.arn.partition != names.place.partition {
        let expected = names.place.partition.clone();
        return Err(error(Rule::OtherPartition { expected }));
    }
    if !target.kind.is_supported() {
        let kind = target.kind.describe();
        return Err(error(Rule::UnsupportedTarget {
            kind,
            supported: SUPPORTED,
        }));
    }
    if is_own(&target, names) {
        return Err(error(Rule::OwnResource));
    }
    Ok(target)
}

/// A process that calls the installation's own parts would feed on itself.
fn is_own(target: &Target, names: &Names) -> bool {
    let Place { account, region, .. } = &names.place;
    let here = &target.arn.account == account && &target.arn.region == region;
    here && match &target.kind {
        TargetKind::Lambda { function, .. } => [
            names.dispatcher_function(),
            names.executor_function(),
            names.api_function(),
        ]
        .contains(function),
        TargetKind::Queue { name, .. } => [
            names.queue(),
            names.queue_dlq(),
            names.dispatcher_dlq(),
            names.schedule_dlq(),
        ]
        .contains(name),
        _ => false,
    }
}

/// Checks that a process may use this role: one of the installation's account, with the prefix (where it is known)
/// that the executor's own permissions name.
pub fn check_role(text: &str, place: &Place, prefix: Option<&str>) -> Result<Arn, UserError> {
    let error = |rule| UserError::new(Field::ArnRol, text, rule);
    let arn = Arn::parse(text).map_err(error)?;
    if arn.partition != place.partition {
        let expected = place.partition.clone();
        return Err(error(Rule::OtherPartition { expected }));
    }
    let path = arn.resource.strip_prefix("role/").filter(|path| is_role(path));
    let Some(path) = path.filter(|_| arn.service == "iam" && arn.region.is_empty() && !arn.account.is_empty()) else {
        let Place { partition, account, .. } = place.clone();
        return Err(error(Rule::NotARole { partition, account }));
    };
    if arn.account != place.account {
        let expected = place.account.clone();
        return Err(error(Rule::OtherAccount { expected }));
    }
    match prefix {
        Some(prefix) if !path.starts_with(prefix) => Err(error(Rule::RolePrefix {
            prefix: prefix.to_owned(),
        })),
        _ => Ok(arn),
    }
}

/// A path and a name of IAM: printable, no wildcards; the name of at most 64 characters of `\w+=,.@-`.
fn is_role(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let word = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    (1..=64).contains(&name.len())
        && name.chars().all(word)
        && path.len() <= 512 + 64
        && path.chars().all(|c| c.is_ascii_graphic() && !"*?:".contains(c))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names() -> Names {
        let place = Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        };
        Names::new("Demo", place)
    }

    #[track_caller]
    fn check(arn: &str, expected: &str) {
        let answer = match check_target(arn, &names()) {
            Ok(target) => target.kind.describe().to_owned(),
            Err(error) => format!("{:?}", error.rule).split([' ', '{']).next().unwrap().to_owned(),
        };
        assert_eq!(answer, expected, "{arn}");
    }

    #[test]
    fn what_the_executor_calls_is_accepted() {
        check(
            "arn:aws:lambda:sa-east-1:123456789012:function:cierre",
            "a Lambda function",
        );
        check(
            "arn:aws:lambda:us-east-1:210987654321:function:cierre:$LATEST",
            "a Lambda function",
        );
        check(
            "arn:aws:states:sa-east-1:123456789012:stateMachine:cierre:prod",
            "a Step Functions state machine",
        );
        check("arn:aws:sns:sa-east-1:123456789012:avisos.fifo", "an SNS topic");
        check("arn:aws:sqs:sa-east-1:123456789012:trabajo", "an SQS queue");
    }

    #[test]
    fn other_rows_of_the_table_are_known_and_refused_by_name() {
        for arn in [
            "arn:aws:events:sa-east-1:123456789012:event-bus/default",
            "arn:aws:kinesis:sa-east-1:123456789012:stream/x",
            "arn:aws:firehose:sa-east-1:123456789012:deliverystream/x",
            "arn:aws:ecs:sa-east-1:123456789012:cluster/x",
            "arn:aws:ecs:sa-east-1:123456789012:task-definition/x:3",
            "arn:aws:batch:sa-east-1:123456789012:job-queue/x",
            "arn:aws:codebuild:sa-east-1:123456789012:project/x",
            "arn:aws:glue:sa-east-1:123456789012:job/x",
            "arn:aws:glue:sa-east-1:123456789012:workflow/x",
            "arn:aws:redshift:sa-east-1:123456789012:cluster:x",
            "arn:aws:redshift-serverless:sa-east-1:123456789012:workgroup/x",
            "arn:aws:rds:sa-east-1:123456789012:cluster:x",
            "arn:aws:execute-api:sa-east-1:123456789012:abc/prod/GET/x",
            "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
        ] {
            check(arn, "UnsupportedTarget");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        check("cierre", "MalformedArn");
        check("arn:aws:lambda", "MalformedArn");
        check("arn:aws:lambda:sa-east-1:1234:function:x", "MalformedArn");
        check("arn:aws-iso:lambda:sa-east-1:123456789012:function:x", "MalformedArn");
        check("arn:aws:s3:::cubo", "UnknownTarget");
        check("arn:aws:lambda:sa-east-1:123456789012:layer:x", "UnknownTarget");
        check("arn:aws:lambda:sa-east-1:123456789012:function:", "UnknownTarget");
        check("arn:aws:sns:sa-east-1:123456789012:tema:0f0f", "UnknownTarget");
        check("arn:aws:states:sa-east-1:123456789012:execution:x:y", "UnknownTarget");
        check("arn:aws-cn:lambda:cn-north-1:123456789012:function:x", "OtherPartition");
    }

    #[test]
    fn the_stacks_own_parts_are_no_targets() {
        check(
            "arn:aws:lambda:sa-east-1:123456789012:function:DemoDispatcher",
            "OwnResource",
        );
        check(
            "arn:aws:lambda:sa-east-1:123456789012:function:DemoExecutor:live",
            "OwnResource",
        );
        check("arn:aws:sqs:sa-east-1:123456789012:DemoQueue", "OwnResource");
        check("arn:aws:sqs:us-east-1:123456789012:DemoQueue", "an SQS queue");
    }

    #[track_caller]
    fn role(arn: &str, expected: &str) {
        let answer = match check_role(arn, &names().place, Some("kairos/demo-")) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => format!("{:?}", error.rule).split([' ', '{']).next().unwrap().to_owned(),
        };
        assert_eq!(answer, expected, "{arn}");
    }

    #[test]
    fn a_role_is_of_this_account_and_carries_the_prefix_path_included() {
        role("arn:aws:iam::123456789012:role/kairos/demo-cierre", "accepted");
        role("arn:aws:iam::123456789012:role/demo-cierre", "RolePrefix");
        role("arn:aws:iam::210987654321:role/kairos/demo-cierre", "OtherAccount");
        role(
            "arn:aws-us-gov:iam::123456789012:role/kairos/demo-cierre",
            "OtherPartition",
        );
        role("arn:aws:iam::123456789012:user/kairos/demo-cierre", "NotARole");
        role("arn:aws:iam::123456789012:role/kairos/demo-*", "NotARole");
        role("arn:aws:iam::123456789012:role/", "NotARole");
        role("kairos/demo-cierre", "MalformedArn");
    }

    #[test]
    fn an_arn_is_written_as_it_was_read() {
        let text = "arn:aws:redshift:sa-east-1:123456789012:cluster:x:y/z";
        assert_eq!(Arn::parse(text).unwrap().to_string(), text);
    }
}
