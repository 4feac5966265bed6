//! The actions whose requests `parametros` are: their members, as they are sent.
//!
//! Invariant: a member that is no member here is refused, since the services of these protocols would ignore it; a test compares
//! the lists with the public models.

use serde_json::{Map, Value};

use crate::error::Rule;

/// An action whose request `parametros` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// The service, as its public model is called.
    pub service: &'static str,
    /// The action.
    pub name: &'static str,
    /// The members of its request, as they are sent.
    pub members: &'static [&'static str],
    /// Members with a limit of the service's: how many characters they may have, written as JSON where they are no text.
    pub(super) limits: &'static [(&'static str, usize)],
}

/// `overrides`: 8,192 characters (`RunTask` in the API reference of ECS).
pub(super) const RUN_TASK: Action = Action {
    service: "ecs",
    name: "RunTask",
    members: &[
        "capacityProviderStrategy",
        "clientToken",
        "cluster",
        "count",
        "enableECSManagedTags",
        "enableExecuteCommand",
        "group",
        "launchType",
        "networkConfiguration",
        "overrides",
        "placementConstraints",
        "placementStrategy",
        "platformVersion",
        "propagateTags",
        "referenceId",
        "startedBy",
        "tags",
        "taskDefinition",
        "volumeConfigurations",
    ],
    limits: &[("overrides", 8_192)],
};

/// `containerOverrides`: 8,192 characters, as the service's refusal of longer ones says.
pub(super) const SUBMIT_JOB: Action = Action {
    service: "batch",
    name: "SubmitJob",
    members: &[
        "arrayProperties",
        "consumableResourcePropertiesOverride",
        "containerOverrides",
        "dependsOn",
        "ecsPropertiesOverride",
        "eksPropertiesOverride",
        "jobDefinition",
        "jobName",
        "jobQueue",
        "nodeOverrides",
        "parameters",
        "propagateTags",
        "retryStrategy",
        "schedulingPriorityOverride",
        "shareIdentifier",
        "tags",
        "timeout",
    ],
    limits: &[("containerOverrides", 8_192)],
};

pub(super) const START_BUILD: Action = Action {
    service: "codebuild",
    name: "StartBuild",
    members: &[
        "artifactsOverride",
        "autoRetryLimitOverride",
        "buildStatusConfigOverride",
        "buildspecOverride",
        "cacheOverride",
        "certificateOverride",
        "computeTypeOverride",
        "debugSessionEnabled",
        "encryptionKeyOverride",
        "environmentTypeOverride",
        "environmentVariablesOverride",
        "fleetOverride",
        "gitCloneDepthOverride",
        "gitSubmodulesConfigOverride",
        "hostKernelOverride",
        "idempotencyToken",
        "imageOverride",
        "imagePullCredentialsTypeOverride",
        "insecureSslOverride",
        "logsConfigOverride",
        "privilegedModeOverride",
        "projectName",
        "queuedTimeoutInMinutesOverride",
        "registryCredentialOverride",
        "reportBuildStatusOverride",
        "secondaryArtifactsOverride",
        "secondarySourcesOverride",
        "secondarySourcesVersionOverride",
        "serviceRoleOverride",
        "sourceAuthOverride",
        "sourceLocationOverride",
        "sourceTypeOverride",
        "sourceVersion",
        "timeoutInMinutesOverride",
    ],
    limits: &[],
};

pub(super) const START_JOB_RUN: Action = Action {
    service: "glue",
    name: "StartJobRun",
    members: &[
        "AllocatedCapacity",
        "Arguments",
        "ExecutionClass",
        "ExecutionRoleSessionPolicy",
        "JobName",
        "JobRunId",
        "JobRunQueuingEnabled",
        "MaxCapacity",
        "NotificationProperty",
        "NumberOfWorkers",
        "SecurityConfiguration",
        "Timeout",
        "WorkerType",
    ],
    limits: &[],
};

pub(super) const START_WORKFLOW_RUN: Action = Action {
    service: "glue",
    name: "StartWorkflowRun",
    members: &["Name", "RunProperties"],
    limits: &[],
};

/// `Sql`: 100 KB (*Considerations when calling the Amazon Redshift Data API* in Redshift's management guide).
pub(super) const REDSHIFT_STATEMENT: Action = Action {
    service: "redshift-data",
    name: "ExecuteStatement",
    members: &[
        "ClientToken",
        "ClusterIdentifier",
        "Database",
        "DbUser",
        "Parameters",
        "ResultFormat",
        "SecretArn",
        "SessionId",
        "SessionKeepAliveSeconds",
        "Sql",
        "StatementName",
        "WaitTimeSeconds",
        "WithEvent",
        "WorkgroupName",
    ],
    limits: &[("Sql", 102_400)],
};

/// `sql`: 65,536 characters (the service's model).
pub(super) const RDS_STATEMENT: Action = Action {
    service: "rds-data",
    name: "ExecuteStatement",
    members: &[
        "continueAfterTimeout",
        "database",
        "formatRecordsAs",
        "includeResultMetadata",
        "parameters",
        "resourceArn",
        "resultSetOptions",
        "schema",
        "secretArn",
        "sql",
        "transactionId",
    ],
    limits: &[("sql", 65_536)],
};

/// The actions whose requests `parametros` are.
pub const ACTIONS: [Action; 7] = [
    RUN_TASK,
    SUBMIT_JOB,
    START_BUILD,
    START_JOB_RUN,
    START_WORKFLOW_RUN,
    REDSHIFT_STATEMENT,
    RDS_STATEMENT,
];

/// The member of a Glue job's request that holds its arguments.
pub(super) const ARGUMENTS: &str = "Arguments";

pub(super) fn is_argument(name: &str) -> bool {
    name.starts_with("--")
}

impl Action {
    /// Members under the names with which they are sent.
    pub(super) fn named(&self, given: Map<String, Value>) -> Result<Map<String, Value>, Rule> {
        let mut named = Map::new();
        for (name, value) in given {
            let member = self.member(&name)?;
            if value.is_null() {
                continue;
            }
            if named.insert(member.to_owned(), value).is_some() {
                return Err(Rule::RepeatedMember {
                    member: member.to_owned(),
                });
            }
        }
        Ok(named)
    }

    fn member(&self, name: &str) -> Result<&'static str, Rule> {
        let mut members = self.members.iter().copied();
        let known = members.find(|member| same_but_for_the_first_letter(member, name));
        known.ok_or_else(|| Rule::UnknownMember {
            member: name.to_owned(),
            action: self.name,
            suggestion: self.suggestion(name),
        })
    }

    /// A member that `name`, of three letters at least, is the beginning of.
    fn suggestion(&self, name: &str) -> Option<&'static str> {
        let mut members = self.members.iter().copied();
        members.find(|member| {
            let begins = member
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name));
            begins && name.len() >= 3 || *member == ARGUMENTS && is_argument(name)
        })
    }

    /// An action of ours, for a payload that is read like a request.
    pub(super) const fn of_ours(name: &'static str, members: &'static [&'static str]) -> Self {
        Self {
            service: "",
            name,
            members,
            limits: &[],
        }
    }
}

fn same_but_for_the_first_letter(one: &str, other: &str) -> bool {
    let split = |text: &str| {
        let mut letters = text.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        (first, letters.as_str().to_owned())
    };
    split(one) == split(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_told_once_and_in_order() {
        for action in ACTIONS {
            assert!(action.members.is_sorted_by(|a, b| a < b), "{}", action.name);
            assert!(action.limits.iter().all(|(member, _)| action.members.contains(member)));
        }
    }
}
