//! Universal targets: which action of IAM's a call of an AWS API is authorised by.
//!
//! Invariant: an action is derived only for services whose prefix in IAM is known here, and whose actions are called as their
//! calls are; for others the user names it.

use serde_json::{Value, json};

use super::target::{Lacking, Wish, allow, lacking, pass};

/// The services as Scheduler's universal targets name them, and their prefixes in IAM, where each call has an action of its
/// own name but for the [`EXCEPTIONS`].
const SERVICES: [(&str, &str); 46] = [
    ("accessanalyzer", "access-analyzer"),
    ("acm", "acm"),
    ("amp", "aps"),
    ("appflow", "appflow"),
    ("applicationautoscaling", "application-autoscaling"),
    ("apprunner", "apprunner"),
    ("appsync", "appsync"),
    ("athena", "athena"),
    ("backup", "backup"),
    ("batch", "batch"),
    ("cloudwatchlogs", "logs"),
    ("codebuild", "codebuild"),
    ("codedeploy", "codedeploy"),
    ("codepipeline", "codepipeline"),
    ("databasemigration", "dms"),
    ("datasync", "datasync"),
    ("dynamodb", "dynamodb"),
    ("ecr", "ecr"),
    ("ecs", "ecs"),
    ("efs", "elasticfilesystem"),
    ("eks", "eks"),
    ("emr", "elasticmapreduce"),
    ("emrcontainers", "emr-containers"),
    ("emrserverless", "emr-serverless"),
    ("eventbridge", "events"),
    ("firehose", "firehose"),
    ("glue", "glue"),
    ("guardduty", "guardduty"),
    ("inspector2", "inspector2"),
    ("kinesis", "kinesis"),
    ("kms", "kms"),
    ("lambda", "lambda"),
    ("quicksight", "quicksight"),
    ("redshiftdata", "redshift-data"),
    ("redshiftserverless", "redshift-serverless"),
    ("sagemaker", "sagemaker"),
    ("scheduler", "scheduler"),
    ("secretsmanager", "secretsmanager"),
    ("servicediscovery", "servicediscovery"),
    ("sesv2", "ses"),
    ("sfn", "states"),
    ("sqs", "sqs"),
    ("ssm", "ssm"),
    ("transfer", "transfer"),
    ("wafv2", "wafv2"),
    ("workspaces", "workspaces"),
];

/// Calls that are authorised by an action of another name: that action; nothing where it takes several, which depend on the
/// request.
const EXCEPTIONS: [(&str, &str, Option<&str>); 12] = [
    ("dynamodb", "batchExecuteStatement", None),
    ("dynamodb", "executeStatement", None),
    ("dynamodb", "executeTransaction", None),
    ("dynamodb", "transactGetItems", Some("dynamodb:GetItem")),
    ("dynamodb", "transactWriteItems", None),
    ("lambda", "invoke", Some("lambda:InvokeFunction")),
    ("lambda", "invokeAsync", Some("lambda:InvokeFunction")),
    ("lambda", "invokeWithResponseStream", Some("lambda:InvokeFunction")),
    (
        "sqs",
        "changeMessageVisibilityBatch",
        Some("sqs:ChangeMessageVisibility"),
    ),
    ("sqs", "deleteMessageBatch", Some("sqs:DeleteMessage")),
    ("sqs", "sendMessageBatch", Some("sqs:SendMessage")),
    ("sesv2", "sendBulkEmail", None),
];

/// The statements for a call of an AWS API. Which objects it works on does not show in its ARN: those that the user names, or
/// any.
pub(super) fn statements(wish: &Wish<'_>, service: &str, call: &str) -> Result<Vec<Value>, Lacking> {
    let actions = match wish.acciones {
        Some(actions) => actions.to_vec(),
        None => vec![action(service, call).ok_or_else(|| unknown(service, call))?],
    };
    let actions = if let [action] = &actions[..] {
        json!(action)
    } else {
        json!(actions)
    };
    let resources = match wish.recursos {
        Some([resource]) => json!(resource),
        Some(resources) => json!(resources),
        None => json!("*"),
    };
    let pass = wish.roles_a_pasar.and_then(|roles| pass(roles, None));
    Ok([allow(&actions, &resources)].into_iter().chain(pass).collect())
}

/// The action that authorises a call, where it is known.
fn action(service: &str, call: &str) -> Option<String> {
    let exception = EXCEPTIONS.iter().find(|(of, name, _)| *of == service && *name == call);
    if let Some((_, _, action)) = exception {
        return action.map(str::to_owned);
    }
    let (_, prefix) = SERVICES.iter().find(|(name, _)| *name == service)?;
    let mut letters = call.chars();
    let first = letters.next()?.to_ascii_uppercase();
    Some(format!("{prefix}:{first}{}", letters.as_str()))
}

fn unknown(service: &str, call: &str) -> Lacking {
    let detail = format!(
        "Kairos cannot tell which actions of IAM's authorise \"{call}\" of \"{service}\": name them here, such as \
         [\"{service}:…\"]. AWS's Service Authorization Reference lists them."
    );
    lacking("acciones", detail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use kairos::arn::Target;

    use super::*;

    #[test]
    fn services_are_told_once_and_in_order() {
        assert!(SERVICES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(
            EXCEPTIONS
                .iter()
                .all(|(service, ..)| SERVICES.iter().any(|(name, _)| name == service))
        );
    }

    #[track_caller]
    fn check(call: &str, expected: Option<&str>) {
        let (service, name) = call.split_once(':').unwrap();
        assert_eq!(action(service, name).as_deref(), expected, "{call}");
    }

    #[test]
    fn a_call_is_authorised_by_the_action_of_its_name_in_iams_words() {
        check("ecs:updateService", Some("ecs:UpdateService"));
        check("sfn:startSyncExecution", Some("states:StartSyncExecution"));
        check("eventbridge:putEvents", Some("events:PutEvents"));
        check("redshiftdata:executeStatement", Some("redshift-data:ExecuteStatement"));
        check("lambda:invoke", Some("lambda:InvokeFunction"));
        check("sqs:sendMessageBatch", Some("sqs:SendMessage"));
        check("dynamodb:putItem", Some("dynamodb:PutItem"));
        check("dynamodb:transactWriteItems", None);
        check("notaservice:doIt", None);
    }

    #[test]
    fn the_user_says_what_the_arn_does_not() {
        let target = Target::parse("arn:aws:scheduler:::aws-sdk:ssm:sendCommand").unwrap();
        let mut wish = Wish {
            target: &target,
            parametros: None,
            roles_a_pasar: None,
            acciones: None,
            recursos: None,
        };
        let any = json!([{ "Effect": "Allow", "Action": "ssm:SendCommand", "Resource": "*" }]);
        assert_eq!(statements(&wish, "ssm", "sendCommand").map(Value::from), Ok(any));
        let (objects, roles) = (
            ["arn:aws:ssm:*:*:document/a".to_owned()],
            ["arn:aws:iam::123456789012:role/r".to_owned()],
        );
        wish.recursos = Some(&objects);
        wish.roles_a_pasar = Some(&roles);
        let narrow = json!([
            { "Effect": "Allow", "Action": "ssm:SendCommand", "Resource": "arn:aws:ssm:*:*:document/a" },
            { "Effect": "Allow", "Action": "iam:PassRole", "Resource": ["arn:aws:iam::123456789012:role/r"] },
        ]);
        assert_eq!(statements(&wish, "ssm", "sendCommand").map(Value::from), Ok(narrow));
        let told = statements(&wish, "nuevo", "haz").map_err(|lacking| lacking.attribute);
        assert_eq!(told, Err("acciones"));
        let actions = ["nuevo:Haz".to_owned(), "nuevo:Lee".to_owned()];
        wish.acciones = Some(&actions);
        let told = statements(&wish, "nuevo", "haz").unwrap();
        assert_eq!(told[0]["Action"], json!(["nuevo:Haz", "nuevo:Lee"]));
    }
}
