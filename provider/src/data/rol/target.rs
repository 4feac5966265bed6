//! What a role must be allowed so that the executor can start a target with it: the one action on the one target, and what
//! that action asks for beside it.
//!
//! Invariant: pure. A statement names no more than the target and what `parametros` name; where that cannot be told, the user
//! is asked instead of allowing everything.

use kairos::arn::{Arn, Target, TargetKind};
use serde::Serialize;
use serde_json::{Value, json};

use super::universal;

/// What permissions depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish<'a> {
    /// The target.
    pub(super) target: &'a Target,
    /// What the target receives, as far as it is JSON.
    pub(super) parametros: Option<&'a Value>,
    /// The ARNs of the roles that the target is started with.
    pub(super) roles_a_pasar: Option<&'a [String]>,
    /// The actions that the user names for a universal target.
    pub(super) acciones: Option<&'a [String]>,
    /// The objects that the user names for a universal target.
    pub(super) recursos: Option<&'a [String]>,
}

/// What the user must say so that permissions can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lacking {
    /// The attribute.
    pub(super) attribute: &'static str,
    /// What is wrong, and what would be right.
    pub(super) detail: String,
}

type Statements = Result<Vec<Value>, Lacking>;

/// The statements that a role for the target needs.
pub(super) fn statements(wish: &Wish<'_>) -> Statements {
    let arn = wish.target.arn.to_string();
    let universal = matches!(wish.target.kind, TargetKind::SdkAction { .. });
    for (attribute, given) in [("acciones", wish.acciones), ("recursos", wish.recursos)] {
        if given.is_some() && !universal {
            return Err(lacking(
                attribute,
                format!(
                    "It is for universal targets (arn:aws:scheduler:::aws-sdk:…) only: what {} needs follows from its ARN.",
                    wish.target.kind.describe()
                ),
            ));
        }
    }
    let passes = matches!(
        wish.target.kind,
        TargetKind::EcsCluster { .. } | TargetKind::EcsTaskDefinition { .. }
    );
    if wish.roles_a_pasar.is_some() && !passes && !universal {
        return Err(lacking(
            "roles_a_pasar",
            format!(
                "{} is started with no other role than its own: only ECS tasks and universal targets take any.",
                capitalised(wish.target.kind.describe())
            ),
        ));
    }
    match &wish.target.kind {
        TargetKind::Lambda { .. } => Ok(one("lambda:InvokeFunction", &arn)),
        TargetKind::StateMachine { qualifier, .. } => Ok(vec![state_machine(&arn, qualifier.as_deref())]),
        TargetKind::Topic { .. } => Ok(one("sns:Publish", &arn)),
        TargetKind::Queue { .. } => Ok(one("sqs:SendMessage", &arn)),
        TargetKind::EventBus { .. } => Ok(one("events:PutEvents", &arn)),
        TargetKind::KinesisStream { .. } => Ok(one("kinesis:PutRecord", &arn)),
        TargetKind::DeliveryStream { .. } => Ok(one("firehose:PutRecord", &arn)),
        TargetKind::EcsCluster { .. } => {
            let definition = required(wish, "TaskDefinition", "which task definition the cluster is to run")?;
            task(wish, &definition, &arn)
        }
        TargetKind::EcsTaskDefinition { name } => {
            let cluster = optional(wish, "Cluster").unwrap_or_else(|| "default".to_owned());
            let cluster = named(wish, "ecs", &cluster, "cluster/");
            task(wish, name, &cluster)
        }
        TargetKind::JobQueue { .. } => {
            let definition = required(wish, "JobDefinition", "which job definition the queue is to run")?;
            let definition = revisions(&named(wish, "batch", &definition, "job-definition/"));
            let resources: Vec<String> = [arn].into_iter().chain(definition).collect();
            Ok(vec![allow("batch:SubmitJob", &resources)])
        }
        TargetKind::BuildProject { .. } => Ok(one("codebuild:StartBuild", &arn)),
        TargetKind::GlueJob { .. } => Ok(one("glue:StartJobRun", &arn)),
        TargetKind::GlueWorkflow { .. } => Ok(one("glue:StartWorkflowRun", &arn)),
        TargetKind::RedshiftCluster { name } => redshift(wish, &arn, name),
        TargetKind::RedshiftWorkgroup { .. } => {
            let credentials = match secret(wish)? {
                Some(secret) => secret,
                None => allow("redshift-serverless:GetCredentials", &arn),
            };
            Ok(vec![allow("redshift-data:ExecuteStatement", &arn), credentials])
        }
        TargetKind::RdsCluster { .. } => {
            let secret = secret(wish)?.ok_or_else(|| {
                let detail = "The RDS Data API reads the credentials from a secret: \"parametros\" must have its ARN, as \
                              \"SecretArn\".";
                lacking("parametros", detail.to_owned())
            })?;
            Ok(vec![allow("rds-data:ExecuteStatement", &arn), secret])
        }
        TargetKind::ApiMethod { .. } => Ok(one("execute-api:Invoke", &arn)),
        TargetKind::SdkAction { service, action } => universal::statements(wish, service, action),
    }
}

/// A statement that allows these actions on these objects.
pub(super) fn allow(actions: &(impl Serialize + ?Sized), resources: &(impl Serialize + ?Sized)) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
}

/// A statement that lets roles be handed to `service`, where it is told; none where there are no roles.
pub(super) fn pass(roles: &[String], service: Option<&str>) -> Option<Value> {
    let mut statement = allow("iam:PassRole", roles);
    if let Some(service) = service {
        statement["Condition"] = json!({ "StringEquals": { "iam:PassedToService": service } });
    }
    (!roles.is_empty()).then_some(statement)
}

pub(super) fn lacking(attribute: &'static str, detail: String) -> Lacking {
    Lacking { attribute, detail }
}

fn one(action: &str, arn: &str) -> Vec<Value> {
    vec![allow(action, arn)]
}

/// Step Functions authorises a version or an alias by the state machine's own ARN, and tells them by a condition (its
/// developer guide, *authorization for versions and aliases*).
fn state_machine(arn: &str, qualifier: Option<&str>) -> Value {
    let Some(qualifier) = qualifier else {
        return allow("states:StartExecution", arn);
    };
    let machine = arn.strip_suffix(&format!(":{qualifier}")).unwrap_or(arn);
    let mut statement = allow("states:StartExecution", machine);
    statement["Condition"] = json!({ "StringEquals": { "states:StateMachineQualifier": qualifier } });
    statement
}

/// A task is authorised by its definition, with the cluster as a condition, and passes the roles of its definition.
fn task(wish: &Wish<'_>, definition: &str, cluster: &str) -> Statements {
    let Some(roles) = wish.roles_a_pasar else {
        let detail = "An ECS task runs with the roles of its task definition (task role and execution role), and whoever starts \
                      it must be allowed to pass them: name their ARNs here, or [] where the definition has none.";
        return Err(lacking("roles_a_pasar", detail.to_owned()));
    };
    let definition = named(wish, "ecs", definition, "task-definition/");
    let has_revision = definition.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let definition = if has_revision {
        definition
    } else {
        format!("{definition}:*")
    };
    let mut run = allow("ecs:RunTask", &definition);
    run["Condition"] = json!({ "ArnEquals": { "ecs:cluster": cluster } });
    let pass = pass(roles, Some("ecs-tasks.amazonaws.com"));
    Ok([run].into_iter().chain(pass).collect())
}

/// A definition with its revision; without one, the definition and each of its revisions.
fn revisions(arn: &str) -> Vec<String> {
    let has_revision = arn.rsplit('/').next().is_some_and(|name| name.contains(':'));
    let each = (!has_revision).then(|| format!("{arn}:*"));
    [arn.to_owned()].into_iter().chain(each).collect()
}

/// The Data API works with a secret, with a database user, or with the caller's own identity.
fn redshift(wish: &Wish<'_>, arn: &str, cluster: &str) -> Statements {
    let execute = allow("redshift-data:ExecuteStatement", arn);
    if let Some(secret) = secret(wish)? {
        return Ok(vec![execute, secret]);
    }
    let database = required(wish, "Database", "which database the statement is for")?;
    let of = |kind: &str, name: &str| here(wish, "redshift", &format!("{kind}:{cluster}/{name}"));
    let database = of("dbname", &database);
    let credentials = match optional(wish, "DbUser") {
        Some(user) => allow("redshift:GetClusterCredentials", &[database, of("dbuser", &user)]),
        None => allow("redshift:GetClusterCredentialsWithIAM", &database),
    };
    Ok(vec![execute, credentials])
}

/// Leave to read the secret that `parametros` name.
fn secret(wish: &Wish<'_>) -> Result<Option<Value>, Lacking> {
    let Some(text) = optional(wish, "SecretArn") else {
        return Ok(None);
    };
    let of_a_secret = Arn::parse(&text).is_ok_and(|arn| arn.service == "secretsmanager");
    if !of_a_secret {
        let detail = format!("\"SecretArn\" must be the ARN of a secret of Secrets Manager, not \"{text}\".");
        return Err(lacking("parametros", detail));
    }
    Ok(Some(allow("secretsmanager:GetSecretValue", &text)))
}

/// An object that is given by its name or its ARN, as an ARN in the place of the target.
fn named(wish: &Wish<'_>, service: &str, text: &str, kind: &str) -> String {
    if text.starts_with("arn:") {
        text.to_owned()
    } else {
        here(wish, service, &format!("{kind}{text}"))
    }
}

/// An ARN in the place of the target.
fn here(wish: &Wish<'_>, service: &str, resource: &str) -> String {
    let Arn {
        partition,
        region,
        account,
        ..
    } = &wish.target.arn;
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

fn required(wish: &Wish<'_>, key: &str, what: &str) -> Result<String, Lacking> {
    optional(wish, key).ok_or_else(|| {
        let detail = format!("\"parametros\" must be a JSON object whose \"{key}\" says {what}.");
        lacking("parametros", detail)
    })
}

/// A text of `parametros`; requests are written with the first letter in either case.
fn optional(wish: &Wish<'_>, key: &str) -> Option<String> {
    let members = wish.parametros?.as_object()?;
    let found = members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    found?.1.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use expect_test::{Expect, expect};

    use super::*;

    /// One line for each statement.
    fn told(statements: &[Value]) -> String {
        let line = |statement: &Value| {
            let condition = match &statement["Condition"] {
                Value::Null => String::new(),
                condition => format!(" if {condition}"),
            };
            format!("{} on {}{condition}\n", statement["Action"], statement["Resource"])
        };
        statements.iter().map(line).collect()
    }

    fn answer(arn: &str, parametros: Option<&Value>, roles: Option<&[String]>) -> String {
        let target = Target::parse(arn).unwrap();
        let wish = Wish {
            target: &target,
            parametros,
            roles_a_pasar: roles,
            acciones: None,
            recursos: None,
        };
        match statements(&wish) {
            Ok(statements) => told(&statements),
            Err(lacking) => format!("{}: {}\n", lacking.attribute, lacking.detail),
        }
    }

    #[track_caller]
    fn check(arn: &str, parametros: &Value, expected: &Expect) {
        let roles = ["arn:aws:iam::123456789012:role/tarea".to_owned()];
        let target = Target::parse(arn).unwrap();
        let ecs = target.arn.service == "ecs";
        expected.assert_eq(&answer(arn, Some(parametros), ecs.then_some(&roles[..])));
    }

    #[test]
    fn one_action_on_one_target() {
        let rows = [
            ("lambda", "function:cierre"),
            ("lambda", "function:cierre:prod"),
            ("states", "stateMachine:cierre"),
            ("sns", "avisos"),
            ("sqs", "trabajo.fifo"),
            ("events", "event-bus/default"),
            ("kinesis", "stream/x"),
            ("firehose", "deliverystream/x"),
            ("codebuild", "project/x"),
            ("glue", "job/x"),
            ("glue", "workflow/x"),
            ("execute-api", "abc/prod/GET/x"),
        ];
        let mut all = String::new();
        for (service, resource) in rows {
            let arn = format!("arn:aws:{service}:sa-east-1:123456789012:{resource}");
            let answer = answer(&arn, None, None);
            assert!(answer.ends_with(&format!(" on \"{arn}\"\n")), "{answer}");
            all += answer.split(' ').next().unwrap_or_default();
            all.push('\n');
        }
        expect![[r#"
            "lambda:InvokeFunction"
            "lambda:InvokeFunction"
            "states:StartExecution"
            "sns:Publish"
            "sqs:SendMessage"
            "events:PutEvents"
            "kinesis:PutRecord"
            "firehose:PutRecord"
            "codebuild:StartBuild"
            "glue:StartJobRun"
            "glue:StartWorkflowRun"
            "execute-api:Invoke"
        "#]]
        .assert_eq(&all);
    }

    #[test]
    fn a_version_of_a_state_machine_is_a_condition() {
        check(
            "arn:aws:states:sa-east-1:123456789012:stateMachine:cierre:prod",
            &Value::Null,
            &expect![[r#"
                "states:StartExecution" on "arn:aws:states:sa-east-1:123456789012:stateMachine:cierre" if {"StringEquals":{"states:StateMachineQualifier":"prod"}}
            "#]],
        );
    }

    #[test]
    fn a_task_passes_its_roles() {
        check(
            "arn:aws:ecs:sa-east-1:123456789012:cluster/noche",
            &json!({ "taskDefinition": "cierre:3" }),
            &expect![[r#"
                "ecs:RunTask" on "arn:aws:ecs:sa-east-1:123456789012:task-definition/cierre:3" if {"ArnEquals":{"ecs:cluster":"arn:aws:ecs:sa-east-1:123456789012:cluster/noche"}}
                "iam:PassRole" on ["arn:aws:iam::123456789012:role/tarea"] if {"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}
            "#]],
        );
        check(
            "arn:aws:ecs:sa-east-1:123456789012:task-definition/cierre",
            &json!({ "Cluster": "noche" }),
            &expect![[r#"
                "ecs:RunTask" on "arn:aws:ecs:sa-east-1:123456789012:task-definition/cierre:*" if {"ArnEquals":{"ecs:cluster":"arn:aws:ecs:sa-east-1:123456789012:cluster/noche"}}
                "iam:PassRole" on ["arn:aws:iam::123456789012:role/tarea"] if {"StringEquals":{"iam:PassedToService":"ecs-tasks.amazonaws.com"}}
            "#]],
        );
        check(
            "arn:aws:ecs:sa-east-1:123456789012:cluster/noche",
            &json!({}),
            &expect![[r#"
                parametros: "parametros" must be a JSON object whose "TaskDefinition" says which task definition the cluster is to run.
            "#]],
        );
        let definition = "arn:aws:ecs:sa-east-1:123456789012:task-definition/cierre:3";
        let (without, none) = (answer(definition, None, None), answer(definition, None, Some(&[])));
        assert!(
            without.starts_with("roles_a_pasar: An ECS task runs with the roles"),
            "{without}"
        );
        assert_eq!(none.lines().count(), 1, "no role, nothing to pass: {none}");
        assert!(none.contains("cluster/default"), "{none}");
    }

    #[test]
    fn a_job_is_authorised_by_its_queue_and_its_definition() {
        check(
            "arn:aws:batch:sa-east-1:123456789012:job-queue/noche",
            &json!({ "JobName": "cierre", "JobDefinition": "cierre" }),
            &expect![[r#"
                "batch:SubmitJob" on ["arn:aws:batch:sa-east-1:123456789012:job-queue/noche","arn:aws:batch:sa-east-1:123456789012:job-definition/cierre","arn:aws:batch:sa-east-1:123456789012:job-definition/cierre:*"]
            "#]],
        );
    }

    #[test]
    fn a_statement_of_sql_comes_with_its_credentials() {
        let secret = "arn:aws:secretsmanager:sa-east-1:123456789012:secret:bd-AbCdEf";
        check(
            "arn:aws:redshift:sa-east-1:123456789012:cluster:bodega",
            &json!({ "Database": "ventas", "DbUser": "cierre", "Sql": "select 1" }),
            &expect![[r#"
                "redshift-data:ExecuteStatement" on "arn:aws:redshift:sa-east-1:123456789012:cluster:bodega"
                "redshift:GetClusterCredentials" on ["arn:aws:redshift:sa-east-1:123456789012:dbname:bodega/ventas","arn:aws:redshift:sa-east-1:123456789012:dbuser:bodega/cierre"]
            "#]],
        );
        check(
            "arn:aws:redshift:sa-east-1:123456789012:cluster:bodega",
            &json!({ "Database": "ventas" }),
            &expect![[r#"
                "redshift-data:ExecuteStatement" on "arn:aws:redshift:sa-east-1:123456789012:cluster:bodega"
                "redshift:GetClusterCredentialsWithIAM" on "arn:aws:redshift:sa-east-1:123456789012:dbname:bodega/ventas"
            "#]],
        );
        check(
            "arn:aws:redshift-serverless:sa-east-1:123456789012:workgroup/0a1b",
            &Value::Null,
            &expect![[r#"
                "redshift-data:ExecuteStatement" on "arn:aws:redshift-serverless:sa-east-1:123456789012:workgroup/0a1b"
                "redshift-serverless:GetCredentials" on "arn:aws:redshift-serverless:sa-east-1:123456789012:workgroup/0a1b"
            "#]],
        );
        check(
            "arn:aws:rds:sa-east-1:123456789012:cluster:ventas",
            &json!({ "secretArn": secret }),
            &expect![[r#"
                "rds-data:ExecuteStatement" on "arn:aws:rds:sa-east-1:123456789012:cluster:ventas"
                "secretsmanager:GetSecretValue" on "arn:aws:secretsmanager:sa-east-1:123456789012:secret:bd-AbCdEf"
            "#]],
        );
        check(
            "arn:aws:rds:sa-east-1:123456789012:cluster:ventas",
            &json!({ "secretArn": "bd" }),
            &expect![[r#"
                parametros: "SecretArn" must be the ARN of a secret of Secrets Manager, not "bd".
            "#]],
        );
    }

    #[test]
    fn what_a_target_does_not_take_is_refused() {
        let target = Target::parse("arn:aws:sqs:sa-east-1:123456789012:trabajo").unwrap();
        let given = ["x".to_owned()];
        let plain = Wish {
            target: &target,
            parametros: None,
            roles_a_pasar: None,
            acciones: None,
            recursos: None,
        };
        for (wish, attribute) in [
            (
                Wish {
                    roles_a_pasar: Some(&given),
                    ..plain
                },
                "roles_a_pasar",
            ),
            (
                Wish {
                    acciones: Some(&given),
                    ..plain
                },
                "acciones",
            ),
            (
                Wish {
                    recursos: Some(&given),
                    ..plain
                },
                "recursos",
            ),
        ] {
            assert_eq!(statements(&wish).map_err(|lacking| lacking.attribute), Err(attribute));
        }
    }
}
