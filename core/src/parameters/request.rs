//! Targets whose `parametros` are the request of one action: what the ARN says is put into it, and what cannot be is refused.
//!
//! Invariant: plan, API and executor ask the same function. It looks at the request's outermost members only; the rest is
//! the service's business.

use serde_json::{Map, Value};

use super::actions::{
    ARGUMENTS, Action, RDS_STATEMENT, REDSHIFT_STATEMENT, RUN_TASK, START_BUILD, START_JOB_RUN, START_WORKFLOW_RUN,
    SUBMIT_JOB, is_argument,
};
use crate::arn::{Target, TargetKind};
use crate::error::Rule;

/// What a kind of target makes of its action's request.
struct Shape {
    action: Action,
    /// The member that the ARN says, and the ways to say it, of which the first is sent.
    target: (&'static str, Vec<String>),
    /// A member that names targets of another kind.
    other: Option<&'static str>,
    required: &'static [Required],
}

struct Required {
    member: &'static str,
    example: &'static str,
    /// With this member it is not asked for.
    unless: Option<&'static str>,
}

const fn always(member: &'static str, example: &'static str) -> Required {
    Required {
        member,
        example,
        unless: None,
    }
}

const SQL: Required = always("Sql", "call cierre()");

/// A session of the Data API has its database already.
const DATABASE: Required = Required {
    member: "Database",
    example: "ventas",
    unless: Some("SessionId"),
};

/// The request that a target is started with, without what differs from run to run.
///
/// Members may have their first letter in either case and are returned as they are sent; those that are `null` are left out.
/// A Glue job also takes its arguments alone.
///
/// # Errors
/// The payload is no object, lacks or has a member that it should not, or contradicts the target's ARN.
pub fn request(target: &Target, payload: &str) -> Result<Map<String, Value>, Rule> {
    let given = object(payload)?;
    let Some(shape) = shape(target) else {
        return Ok(given);
    };
    let Shape {
        action,
        target: (name, ways),
        other,
        required,
    } = shape;
    let mut request = action.named(arguments(&action, given))?;
    if let Some(member) = other.filter(|member| request.contains_key(*member)) {
        return Err(Rule::ContradictsTarget { member, expected: None });
    }
    let expected = ways.first().cloned().unwrap_or_default();
    if let Some(said) = request.get(name)
        && !said.as_str().is_some_and(|said| ways.iter().any(|way| way == said))
    {
        return Err(Rule::ContradictsTarget {
            member: name,
            expected: Some(expected),
        });
    }
    request.insert(name.to_owned(), Value::String(expected));
    for Required {
        member,
        example,
        unless,
    } in required
    {
        let excused = unless.is_some_and(|member| request.contains_key(member));
        let text = request.get(*member).and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() && !excused {
            return Err(Rule::MissingMember {
                member,
                action: action.name,
                example,
            });
        }
    }
    for (member, max) in action.limits {
        let found = request.get(*member).map_or(0, length);
        if found > *max {
            return Err(Rule::MemberTooLong {
                member,
                found,
                max: *max,
            });
        }
    }
    Ok(request)
}

/// A payload that must be a JSON object.
pub(super) fn object(payload: &str) -> Result<Map<String, Value>, Rule> {
    match super::json(payload)? {
        Value::Object(members) => Ok(members),
        _ => Err(Rule::NotAnObject {
            example: "{\"clave\":\"valor\"}",
        }),
    }
}

fn shape(target: &Target) -> Option<Shape> {
    let arn = target.arn.to_string();
    let shape = |action, member, ways: &[&str], required| Shape {
        action,
        target: (member, ways.iter().map(|way| (*way).to_owned()).collect()),
        other: None,
        required,
    };
    Some(match &target.kind {
        TargetKind::EcsCluster { name } => {
            const NEEDS: &[Required] = &[always("taskDefinition", "cierre:3")];
            shape(RUN_TASK, "cluster", &[&arn, name], NEEDS)
        }
        TargetKind::EcsTaskDefinition { name } => shape(RUN_TASK, "taskDefinition", &[&arn, name], &[]),
        TargetKind::JobQueue { name } => {
            const NEEDS: &[Required] = &[always("jobDefinition", "cierre:3")];
            shape(SUBMIT_JOB, "jobQueue", &[&arn, name], NEEDS)
        }
        TargetKind::BuildProject { name } => shape(START_BUILD, "projectName", &[name, &arn], &[]),
        TargetKind::GlueJob { name } => shape(START_JOB_RUN, "JobName", &[name], &[]),
        TargetKind::GlueWorkflow { name } => shape(START_WORKFLOW_RUN, "Name", &[name], &[]),
        TargetKind::RedshiftCluster { name } => Shape {
            other: Some("WorkgroupName"),
            ..shape(REDSHIFT_STATEMENT, "ClusterIdentifier", &[name], &[SQL, DATABASE])
        },
        // The ARN has the workgroup's id, which is not its name; the Data API takes the ARN in place of the name.
        TargetKind::RedshiftWorkgroup { .. } => Shape {
            other: Some("ClusterIdentifier"),
            ..shape(REDSHIFT_STATEMENT, "WorkgroupName", &[&arn], &[SQL, DATABASE])
        },
        TargetKind::RdsCluster { .. } => {
            const NEEDS: &[Required] = &[
                always("secretArn", "arn:aws:secretsmanager:…:secret:bd-AbCdEf"),
                always("sql", "call cierre()"),
            ];
            shape(RDS_STATEMENT, "resourceArn", &[&arn], NEEDS)
        }
        _ => return None,
    })
}

/// The arguments of a Glue job, which all begin with two hyphens, may stand alone.
fn arguments(action: &Action, given: Map<String, Value>) -> Map<String, Value> {
    let alone = action.members.contains(&ARGUMENTS) && !given.is_empty() && given.keys().all(|name| is_argument(name));
    if alone {
        return Map::from_iter([(ARGUMENTS.to_owned(), Value::Object(given))]);
    }
    given
}

fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        other => other.to_string().chars().count(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn read(resource: &str, payload: &Value) -> Result<Value, Rule> {
        let target = Target::parse(&format!("arn:aws:{resource}")).unwrap();
        request(&target, &payload.to_string()).map(Value::Object)
    }

    #[track_caller]
    fn check(resource: &str, payload: &Value, expected: &Value) {
        assert_eq!(read(resource, payload).as_ref(), Ok(expected), "{resource}");
    }

    #[track_caller]
    fn refused(resource: &str, payload: &Value, expected: &str) {
        let rule = read(resource, payload).unwrap_err();
        assert_eq!(rule.to_string(), expected, "{resource} {payload}");
    }

    const CLUSTER: &str = "ecs:sa-east-1:123456789012:cluster/noche";
    const DEFINITION: &str = "ecs:sa-east-1:123456789012:task-definition/cierre:3";
    const QUEUE: &str = "batch:sa-east-1:123456789012:job-queue/noche";
    const PROJECT: &str = "codebuild:sa-east-1:123456789012:project/cierre";
    const JOB: &str = "glue:sa-east-1:123456789012:job/carga";
    const WORKFLOW: &str = "glue:sa-east-1:123456789012:workflow/carga";
    const BODEGA: &str = "redshift:sa-east-1:123456789012:cluster:bodega";
    const WORKGROUP: &str = "redshift-serverless:sa-east-1:123456789012:workgroup/0a1b";
    const AURORA: &str = "rds:sa-east-1:123456789012:cluster:ventas";

    #[test]
    fn the_target_is_put_in_and_names_are_written_as_they_are_sent() {
        let cluster = format!("arn:aws:{CLUSTER}");
        check(
            CLUSTER,
            &json!({"TaskDefinition": "cierre", "LaunchType": null, "overrides": {"Cpu": "256"}}),
            &json!({"taskDefinition": "cierre", "overrides": {"Cpu": "256"}, "cluster": cluster}),
        );
        check(
            DEFINITION,
            &json!({}),
            &json!({"taskDefinition": format!("arn:aws:{DEFINITION}")}),
        );
        check(
            QUEUE,
            &json!({"jobDefinition": "cierre:3"}),
            &json!({"jobDefinition": "cierre:3", "jobQueue": format!("arn:aws:{QUEUE}")}),
        );
        check(PROJECT, &json!({}), &json!({"projectName": "cierre"}));
        check(
            WORKFLOW,
            &json!({"runProperties": {"a": "1"}}),
            &json!({"Name": "carga", "RunProperties": {"a": "1"}}),
        );
        check(
            BODEGA,
            &json!({"sql": "select 1", "database": "ventas"}),
            &json!({"Sql": "select 1", "Database": "ventas", "ClusterIdentifier": "bodega"}),
        );
        check(
            WORKGROUP,
            &json!({"Sql": "select 1", "SessionId": "s"}),
            &json!({"Sql": "select 1", "SessionId": "s", "WorkgroupName": format!("arn:aws:{WORKGROUP}")}),
        );
        let secret = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:bd-AbCdEf";
        check(
            AURORA,
            &json!({"SecretArn": secret, "sql": "select 1"}),
            &json!({"secretArn": secret, "sql": "select 1", "resourceArn": format!("arn:aws:{AURORA}")}),
        );
    }

    #[test]
    fn a_glue_job_takes_its_arguments_alone_or_in_their_member() {
        let arguments = json!({"--dia": "2026-01-02"});
        let expected = json!({"JobName": "carga", "Arguments": arguments});
        check(JOB, &arguments, &expected);
        check(JOB, &json!({"Arguments": arguments}), &expected);
        check(JOB, &json!({}), &json!({"JobName": "carga"}));
        refused(
            JOB,
            &json!({"--dia": "x", "Timeout": 5}),
            "has \"--dia\", which StartJobRun does not take; did you mean \"Arguments\"?",
        );
    }

    #[test]
    fn the_arn_and_the_request_may_say_the_same_and_no_other_thing() {
        let arn = |resource: &str| format!("arn:aws:{resource}");
        for (resource, member, same) in [
            (CLUSTER, "cluster", vec!["noche".to_owned(), arn(CLUSTER)]),
            (
                DEFINITION,
                "taskDefinition",
                vec!["cierre:3".to_owned(), arn(DEFINITION)],
            ),
            (QUEUE, "jobQueue", vec!["noche".to_owned(), arn(QUEUE)]),
            (PROJECT, "projectName", vec!["cierre".to_owned()]),
            (JOB, "JobName", vec!["carga".to_owned()]),
            (WORKFLOW, "Name", vec!["carga".to_owned()]),
            (BODEGA, "ClusterIdentifier", vec!["bodega".to_owned()]),
            (WORKGROUP, "WorkgroupName", vec![arn(WORKGROUP)]),
            (AURORA, "resourceArn", vec![arn(AURORA)]),
        ] {
            let with = |value: Value| {
                let mut payload = match resource {
                    CLUSTER => json!({"taskDefinition": "x"}),
                    QUEUE => json!({"jobDefinition": "x"}),
                    BODEGA | WORKGROUP => json!({"Sql": "x", "Database": "x"}),
                    AURORA => json!({"sql": "x", "secretArn": "x"}),
                    _ => json!({}),
                };
                payload[member] = value;
                read(resource, &payload)
            };
            for value in same {
                assert!(with(json!(value)).is_ok(), "{resource} {value}");
            }
            for value in [json!("otro"), json!(""), json!(3), json!("cierre")] {
                if resource == PROJECT && value == "cierre" {
                    continue;
                }
                let refused = matches!(with(value.clone()), Err(Rule::ContradictsTarget { .. }));
                assert!(refused, "{resource} {value}");
            }
        }
        refused(
            CLUSTER,
            &json!({"taskDefinition": "x", "cluster": "dia"}),
            "contradicts arn_proceso: leave \"cluster\" out, or write \"arn:aws:ecs:sa-east-1:123456789012:cluster/noche\"",
        );
        let both = json!({"Sql": "x", "Database": "x", "WorkgroupName": "x", "ClusterIdentifier": "x"});
        refused(BODEGA, &both, "contradicts arn_proceso: leave \"WorkgroupName\" out");
        refused(
            WORKGROUP,
            &both,
            "contradicts arn_proceso: leave \"ClusterIdentifier\" out",
        );
    }

    #[test]
    fn what_the_request_must_have_is_asked_for() {
        let missing = |member: &str, action: &str, example: &str| {
            format!("must have \"{member}\", which {action} asks for, such as {{\"{member}\":\"{example}\"}}")
        };
        for payload in [json!({}), json!({"taskDefinition": ""}), json!({"taskDefinition": 3})] {
            refused(CLUSTER, &payload, &missing("taskDefinition", "RunTask", "cierre:3"));
        }
        refused(QUEUE, &json!({}), &missing("jobDefinition", "SubmitJob", "cierre:3"));
        refused(BODEGA, &json!({}), &missing("Sql", "ExecuteStatement", "call cierre()"));
        refused(
            WORKGROUP,
            &json!({"Sql": "select 1"}),
            &missing("Database", "ExecuteStatement", "ventas"),
        );
        let secret = missing(
            "secretArn",
            "ExecuteStatement",
            "arn:aws:secretsmanager:…:secret:bd-AbCdEf",
        );
        refused(AURORA, &json!({"sql": "select 1"}), &secret);
        refused(
            AURORA,
            &json!({"secretArn": "x"}),
            &missing("sql", "ExecuteStatement", "call cierre()"),
        );
    }

    #[test]
    fn what_the_request_does_not_have_is_refused_instead_of_being_lost() {
        let unknown = |member: &str, rest: &str| format!("has \"{member}\", which {rest}");
        refused(
            PROJECT,
            &json!({"environmentVariables": []}),
            &unknown(
                "environmentVariables",
                "StartBuild does not take; did you mean \"environmentVariablesOverride\"?",
            ),
        );
        refused(
            CLUSTER,
            &json!({"taskdefinition": "x"}),
            &unknown(
                "taskdefinition",
                "RunTask does not take; did you mean \"taskDefinition\"?",
            ),
        );
        refused(
            WORKFLOW,
            &json!({"dia": "x"}),
            &unknown("dia", "StartWorkflowRun does not take"),
        );
        refused(
            DEFINITION,
            &json!({"Cluster": "a", "cluster": "b"}),
            "has \"cluster\" twice, with its first letter in both cases",
        );
    }

    #[test]
    fn members_are_no_longer_than_the_service_takes() {
        let overrides = |length: usize| json!({"overrides": {"a": "x".repeat(length - 8)}});
        assert!(read(DEFINITION, &overrides(8_192)).is_ok());
        refused(
            DEFINITION,
            &overrides(8_193),
            "\"overrides\" must have at most 8192 characters, and has 8193",
        );
        let sql = |length: usize| json!({"Database": "x", "Sql": "ñ".repeat(length)});
        assert!(read(BODEGA, &sql(102_400)).is_ok());
        assert!(matches!(
            read(BODEGA, &sql(102_401)),
            Err(Rule::MemberTooLong { member: "Sql", .. })
        ));
    }

    #[test]
    fn only_an_object_is_a_request() {
        for payload in [json!([]), json!("x"), json!(null)] {
            assert!(matches!(read(DEFINITION, &payload), Err(Rule::NotAnObject { .. })));
        }
        let target = Target::parse(&format!("arn:aws:{DEFINITION}")).unwrap();
        assert!(matches!(request(&target, "hola"), Err(Rule::NotJson { .. })));
    }
}
