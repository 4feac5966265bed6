//! ARNs, the targets that a process can have, and the roles that it can use.
//!
//! Invariant: the kind of a target is decided here, once, from the ARN alone; the executor only matches on it.

pub mod services;
mod target;

pub(crate) use target::METHODS;
pub use target::{Target, TargetKind};

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

/// Checks that a process may have this target: one that can be called, in the installation's partition and, where it is
/// called by its name alone, its account; and not the installation's own.
pub fn check_target(text: &str, names: &Names) -> Result<Target, UserError> {
    let error = |rule| UserError::new(Field::ArnProceso, text, rule);
    let target = Target::parse(text)?;
    if target.arn.partition != names.place.partition {
        let expected = names.place.partition.clone();
        return Err(error(Rule::OtherPartition { expected }));
    }
    if target.kind.is_called_by_name() && target.arn.account != names.place.account {
        let expected = names.place.account.clone();
        return Err(error(Rule::OtherAccount { expected }));
    }
    check_callable(&target)?;
    if is_own(&target, names) {
        return Err(error(Rule::OwnResource));
    }
    Ok(target)
}

/// Checks that the executor can call a target, as far as its ARN tells.
pub(crate) fn check_callable(target: &Target) -> Result<(), UserError> {
    let TargetKind::SdkAction { service, action } = &target.kind else {
        return Ok(());
    };
    services::check(service, action).map_err(|rule| UserError::new(Field::ArnProceso, target.arn.to_string(), rule))
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
    fn every_row_of_the_table_is_accepted() {
        for (resource, kind) in [
            ("events:sa-east-1:123456789012:event-bus/default", "an event bus"),
            (
                "events:sa-east-1:123456789012:event-bus/aws.partner/x/y",
                "an event bus",
            ),
            ("kinesis:sa-east-1:123456789012:stream/x", "a Kinesis stream"),
            ("firehose:sa-east-1:123456789012:deliverystream/x", "a Firehose stream"),
            ("ecs:sa-east-1:123456789012:cluster/x", "an ECS cluster"),
            ("ecs:sa-east-1:123456789012:task-definition/x", "an ECS task definition"),
            (
                "ecs:sa-east-1:123456789012:task-definition/x:3",
                "an ECS task definition",
            ),
            ("batch:sa-east-1:123456789012:job-queue/x", "a Batch job queue"),
            ("codebuild:sa-east-1:123456789012:project/x", "a CodeBuild project"),
            ("glue:sa-east-1:123456789012:job/x", "a Glue job"),
            ("glue:sa-east-1:123456789012:workflow/x", "a Glue workflow"),
            ("redshift:sa-east-1:123456789012:cluster:x", "a Redshift cluster"),
            (
                "redshift-serverless:sa-east-1:123456789012:workgroup/0a-1b",
                "a Redshift workgroup",
            ),
            ("rds:sa-east-1:123456789012:cluster:x", "an RDS cluster"),
            (
                "execute-api:sa-east-1:123456789012:abc/prod/GET/x",
                "an API Gateway method",
            ),
            (
                "execute-api:sa-east-1:123456789012:abc/$default/*/a/*",
                "an API Gateway method",
            ),
            (
                "execute-api:sa-east-1:123456789012:abc/prod/POST",
                "an API Gateway method",
            ),
            ("scheduler:::aws-sdk:sqs:sendMessage", "an AWS API action"),
        ] {
            check(&format!("arn:aws:{resource}"), kind);
        }
    }

    #[test]
    fn what_is_called_by_its_name_alone_is_of_this_account() {
        check("arn:aws:glue:sa-east-1:210987654321:job/x", "OtherAccount");
        check("arn:aws:codebuild:sa-east-1:210987654321:project/x", "OtherAccount");
        check(
            "arn:aws:firehose:sa-east-1:210987654321:deliverystream/x",
            "OtherAccount",
        );
        check("arn:aws:redshift:sa-east-1:210987654321:cluster:x", "OtherAccount");
        check("arn:aws:kinesis:us-east-1:210987654321:stream/x", "a Kinesis stream");
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
        check(
            "arn:aws:execute-api:sa-east-1:123456789012:abc/*/GET/x",
            "UnknownTarget",
        );
        check(
            "arn:aws:execute-api:sa-east-1:123456789012:abc/prod/get/x",
            "UnknownTarget",
        );
        check("arn:aws:execute-api:sa-east-1:123456789012:abc/prod", "UnknownTarget");
        check(
            "arn:aws:kinesis:sa-east-1:123456789012:stream/x/consumer/y:1",
            "UnknownTarget",
        );
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
