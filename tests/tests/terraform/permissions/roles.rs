//! `role_path` and `permissions_boundary_arn`: in every role, in whatever names a role, and from creation to destruction.

use acceptance::fixtures::{self, ProcesoRole, TargetFunction};
use acceptance::{Account, Terraform};
use anyhow::{Context, Result, ensure};
use aws_sdk_iam::operation::get_role::GetRoleError;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{STACK, calls, proceso};
use crate::common::{self, APP, account, stack};

#[tokio::test]
async fn a_role_path_and_a_boundary_hold_from_creation_to_destruction() -> Result<()> {
    let account = account(true).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = |name: &str| {
        format!(
            "arn:aws:iam::{}:role/kairos/{APP}-{}-{name}Role",
            account.id, account.region
        )
    };
    let target = ("lambda:InvokeFunction", function.arn.as_str());
    let runs_it = ProcesoRole::create(&account, "proceso-destino", &role("Executor"), target.0, target.1).await?;
    let (first, second) = (boundary(&account, "Frontera").await?, boundary(&account, "Otra").await?);
    let bounded = |boundary: Option<&str>| {
        let boundary = boundary
            .map(|arn| format!("permissions_boundary_arn = \"{arn}\""))
            .unwrap_or_default();
        let attributes = "executor = { role_prefix = \"proceso-\" }\n  api = {}\n  role_path = \"/kairos/\"";
        let proceso = proceso("cron(0 3 1 1 ? *)", &runs_it, &function);
        stack(&format!("{attributes}\n  {boundary}"))
            + &common::proceso("p", &format!("stack = kairos_stack.this.name\n  {proceso}"))
    };
    let terraform = Terraform::new(&account, &bounded(Some(&first)))?;
    let planned = terraform.plan_summary(&[])?.after(STACK).context("no planned stack")?["executor_role_arn"].clone();
    assert_eq!(
        planned,
        role("Executor"),
        "the path is in ARNs that are known at plan time"
    );
    terraform.apply(&[])?.succeeded("apply")?;
    ensure!(terraform.plan_summary(&[])?.is_empty(), "the second plan is not empty");

    let made = roles(&account).await?;
    let names = ["Api", "Dispatcher", "Executor", "Scheduler"];
    let expected: Vec<_> = names.iter().map(|name| (role(name), Some(first.clone()))).collect();
    assert_eq!(made, expected);
    let held = terraform.resource(STACK)?;
    for (attribute, name) in [
        ("api", "Api"),
        ("dispatcher", "Dispatcher"),
        ("executor", "Executor"),
        ("scheduler", "Scheduler"),
    ] {
        assert_eq!(held[format!("{attribute}_role_arn")], role(name));
    }
    let executor = account.lambda().get_function_configuration();
    let executor = executor.function_name(format!("{APP}Executor")).send().await?;
    assert_eq!(executor.role(), Some(role("Executor").as_str()));
    let parameter = account
        .ssm()
        .get_parameter()
        .name(format!("/{APP}/Schedule/RoleArn"))
        .send()
        .await?;
    assert_eq!(
        parameter.parameter().and_then(|p| p.value()),
        Some(role("Scheduler").as_str())
    );
    assert_eq!(
        passed(&account, &format!("{APP}-{}-ApiRole", account.region)).await?,
        role("Scheduler")
    );

    // The dispatcher and the executor work, under a path and within a boundary.
    let queue = format!("arn:aws:sqs:{}:{}:{APP}Queue", account.region, account.id);
    let dispatcher = format!("{APP}-{}-DispatcherRole", account.region);
    fixtures::permit(&account, &dispatcher, "sqs:SendMessageBatch", &queue).await?;
    let calendarizacion = common::text(&terraform, "kairos_proceso.p", "id_calendarizacion")?;
    let due = (Timestamp::now() + SignedDuration::from_secs(1)).to_string();
    common::dispatch(&account, &common::firing(&calendarizacion, &due)).await?;
    assert_eq!(common::ended_runs(&account, 1).await?[0].estado, "EjecutadoOk");
    function.seen_at_least(1).await?;

    for (what, boundary) in [
        ("another", Some(second.as_str())),
        ("no", None),
        ("the first", Some(first.as_str())),
    ] {
        terraform.write("main.tf", &bounded(boundary))?;
        assert_eq!(terraform.plan_summary(&[])?.action(STACK), "update", "{what} boundary");
        terraform
            .apply(&[])?
            .succeeded(&format!("apply with {what} boundary"))?;
        let expected: Vec<_> = names
            .iter()
            .map(|name| (role(name), boundary.map(str::to_owned)))
            .collect();
        assert_eq!(roles(&account).await?, expected, "{what} boundary");
        ensure!(
            terraform.plan_summary(&[])?.is_empty(),
            "the plan with {what} boundary is not empty"
        );
    }

    let lost = format!("{APP}-{}-ExecutorRole", account.region);
    account
        .iam()
        .delete_role_permissions_boundary()
        .role_name(&lost)
        .send()
        .await?;
    let plan = terraform.plan_summary(&[])?;
    let drift = plan.raw["resource_changes"].to_string();
    ensure!(
        drift.contains(&format!("PermissionsBoundary: none → {first}")),
        "the drift is not told: {drift}"
    );
    terraform.apply(&[])?.succeeded("apply of the repair")?;
    assert_eq!(roles(&account).await?, made);
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_eq!(roles(&account).await?, [], "the roles are left");
    Ok(())
}

/// A policy that bounds roles to what those of a stack do.
async fn boundary(account: &Account, name: &str) -> Result<String> {
    let actions = [
        "dynamodb:*",
        "lambda:*",
        "logs:*",
        "scheduler:*",
        "sqs:*",
        "sts:AssumeRole",
        "xray:*",
        "iam:PassRole",
    ];
    let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    let made = account
        .iam()
        .create_policy()
        .policy_name(name)
        .policy_document(document)
        .send()
        .await?;
    Ok(made
        .policy()
        .and_then(|p| p.arn())
        .context("a policy without an ARN")?
        .to_owned())
}

/// The stack's roles: their ARNs with their boundaries.
async fn roles(account: &Account) -> Result<Vec<(String, Option<String>)>> {
    let mut found = Vec::new();
    for name in ["Api", "Dispatcher", "Executor", "Scheduler"] {
        let name = format!("{APP}-{}-{name}Role", account.region);
        match account.iam().get_role().role_name(name).send().await {
            Ok(answer) => {
                let role = answer.role().context("an answer without a role")?;
                let boundary = role.permissions_boundary().and_then(|b| b.permissions_boundary_arn());
                found.push((role.arn().to_owned(), boundary.map(str::to_owned)));
            }
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetRoleError::is_no_such_entity_exception) => {}
            Err(error) => return Err(error).context("reading a role"),
        }
    }
    Ok(found)
}

/// The role that a role may hand on.
async fn passed(account: &Account, role: &str) -> Result<String> {
    let policy = account
        .iam()
        .get_role_policy()
        .role_name(role)
        .policy_name("Kairos")
        .send()
        .await?;
    let document: Value = serde_json::from_str(&calls::decoded(policy.policy_document()))?;
    let mut statements = document["Statement"].as_array().into_iter().flatten();
    let pass = statements
        .find(|statement| statement["Sid"] == "PassRole")
        .context("no role is handed on")?;
    let on = pass["Resource"].as_str().or_else(|| pass["Resource"][0].as_str());
    Ok(on.context("a statement without a resource")?.to_owned())
}
