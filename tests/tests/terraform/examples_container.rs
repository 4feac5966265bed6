//! `examples/container-service`: its part of Kairos alone, with a cluster that the test makes, and the whole of it with
//! hashicorp/aws.

use acceptance::{Account, Terraform, ask, peer};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::common::{APP, account, assert_holds};
use crate::example::{applied_and_nothing_to_do, copied, counted, folder, nothing_to_do, role, run_now, variables};

/// The cluster of a stack with the tests' name.
const CLUSTER: &str = "prueba";

const SERVICE: &str = "web";

/// What the local AWS does not tell of a service, and AWS does.
const UNKNOWN: &str = r#"
resource "aws_ecs_service" "web" {
  lifecycle { ignore_changes = [availability_zone_rebalancing] }
}
"#;

#[tokio::test]
async fn a_task_is_run_and_a_service_refreshed() -> Result<()> {
    let account = account(false).await?;
    let containers = Containers::create(&account)?;
    let terraform = copied(&account, &folder("container-service/kairos"))?;
    let of = |name: &str| format!("arn:aws:iam::{}:role/{name}", account.id);
    variables(
        &terraform,
        &json!({
            "name": APP,
            "deletion_protection": false,
            "arn_cluster": containers.arn("cluster", CLUSTER),
            "arn_roles": { "informe": of("proceso-informe"), "refresco": of("proceso-refresco") },
            "informe": {
                "cron": "cron(30 2 1 1 ? *)",
                "familia": "prueba-informe",
                "contenedor": "informe",
                "roles": [of("prueba-ejecucion"), of("prueba-informe")],
                "subnets": ["subnet-0a1b2c3d"],
                "security_groups": ["sg-0a1b2c3d"],
                "ip_publica": true,
            },
            "refresco": {
                "cron": "cron(0 5 1 1 ? *)",
                "servicio": SERVICE,
                "arn_servicio": containers.arn("service", &format!("{CLUSTER}/{SERVICE}")),
            },
        }),
    )?;
    applied_and_nothing_to_do(&terraform)?;
    let wanted = terraform.output("roles")?;
    assert_eq!(allowed(&wanted["informe"])?, ["ecs:RunTask", "iam:PassRole"]);
    assert_eq!(allowed(&wanted["refresco"])?, ["ecs:UpdateService"]);
    let roles = [
        role(&account, &wanted["informe"]).await?,
        role(&account, &wanted["refresco"]).await?,
    ];
    let named = roles.each_ref().map(|role| role.arn.clone());
    assert_eq!(
        named,
        [of("proceso-informe"), of("proceso-refresco")],
        "as the processes say"
    );

    shown(&account, &terraform, &containers).await?;

    terraform.destroy(&[])?.succeeded("destroy")?;
    for role in &roles {
        role.delete().await?;
    }
    containers.delete()?;
    assert_eq!(containers.held()?, Vec::<String>::new());
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn the_whole_example_runs_a_task_and_refreshes_its_service() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("the whole of examples/container-service", reason);
        return Ok(());
    }
    let account = account(false).await?;
    let terraform = copied(&account, &folder("container-service"))?;
    let of = |more: Value| {
        let mut all = json!({
            "region": account.region, "name": APP, "deletion_protection": false,
            "cron_informe": "cron(30 2 1 1 ? *)", "cron_refresco": "cron(0 5 1 1 ? *)",
        });
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
        all
    };
    variables(&terraform, &of(json!({})))?;
    terraform.write("local_override.tf", UNKNOWN)?;
    applied_and_nothing_to_do(&terraform)?;
    let containers = Containers::of(&account);
    shown(&account, &terraform, &containers).await?;
    nothing_to_do(&terraform).context("after a refresh")?;

    // What changes the stack changes no role.
    variables(
        &terraform,
        &of(json!({ "notification_emails": ["guardia@example.com"] })),
    )?;
    let changes = terraform.plan_summary(&[])?.changes;
    let update = ("module.kairos.kairos_stack.this".to_owned(), "update".to_owned());
    assert_eq!(changes, [update]);

    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_eq!(containers.held()?, Vec::<String>::new());
    assert_holds(&account, &[]).await
}

/// Runs both processes: the task is found by the run's id and knows it, and the service has another deployment.
async fn shown(account: &Account, terraform: &Terraform, containers: &Containers) -> Result<()> {
    let procesos = terraform.output("procesos")?;
    let id = |name: &str| {
        procesos[name]
            .as_str()
            .with_context(|| format!("no \"{name}\" in {procesos}"))
    };

    let run = run_now(account, terraform, id("informe")?).await?;
    let tasks = containers.ask("ListTasks", &json!({ "cluster": CLUSTER, "startedBy": run.id }))?;
    let [task] = tasks["taskArns"].as_array().context("no tasks")?.as_slice() else {
        anyhow::bail!("not one task: {tasks}, of {run:?}");
    };
    let told = format!("Aceptado: {}", task.as_str().unwrap_or_default());
    assert_eq!((run.estado.as_str(), run.respuesta), ("EjecutadoOk", Some(told)));
    let described = containers.ask("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": [task] }))?;
    let task = &described["tasks"][0];
    assert_eq!(task["launchType"], "FARGATE");
    let family = task["taskDefinitionArn"].as_str().unwrap_or_default();
    ensure!(family.ends_with(":task-definition/prueba-informe:1"), "{task}");
    let container = &task["overrides"]["containerOverrides"][0];
    assert_eq!(
        (&container["name"], &container["environment"][0]),
        (&json!("informe"), &json!({ "name": "EJECUCION", "value": run.id }))
    );

    let before = containers.deployment()?;
    let run = run_now(account, terraform, id("refresco")?).await?;
    assert_eq!((run.estado.as_str(), run.error), ("EjecutadoOk", None));
    ensure!(
        containers.deployment()? != before,
        "the service still has its deployment {before}"
    );
    // Its log is the last thing that an invocation writes, and may not come back after the group is deleted.
    counted(account, "Ejecutadas", 2).await.map(drop)
}

/// The actions that a role's permissions allow.
fn allowed(rol: &Value) -> Result<Vec<String>> {
    let document: Value = serde_json::from_str(rol["permisos"].as_str().context("no permissions")?)?;
    let statements = document["Statement"].as_array().context("no statements")?.iter();
    Ok(statements
        .map(|statement| statement["Action"].as_str().unwrap_or_default().to_owned())
        .collect())
}

/// A cluster with a service, and the definition of a task.
struct Containers {
    account: Account,
}

impl Containers {
    /// Those that are there.
    fn of(account: &Account) -> Self {
        let account = account.clone();
        Self { account }
    }

    fn create(account: &Account) -> Result<Self> {
        let containers = Self::of(account);
        containers.ask("CreateCluster", &json!({ "clusterName": CLUSTER }))?;
        for name in ["informe", SERVICE] {
            let definition = json!({
                "family": format!("{CLUSTER}-{name}"), "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc",
                "cpu": "256", "memory": "512",
                "containerDefinitions": [{ "name": name, "image": "busybox" }],
            });
            containers.ask("RegisterTaskDefinition", &definition)?;
        }
        let service = json!({
            "cluster": CLUSTER, "serviceName": SERVICE, "taskDefinition": format!("{CLUSTER}-{SERVICE}"),
            "desiredCount": 1, "launchType": "FARGATE",
        });
        containers.ask("CreateService", &service)?;
        Ok(containers)
    }

    fn delete(&self) -> Result<()> {
        self.ask(
            "DeleteService",
            &json!({ "cluster": CLUSTER, "service": SERVICE, "force": true }),
        )?;
        for name in ["informe", SERVICE] {
            let definition = json!({ "taskDefinition": format!("{CLUSTER}-{name}:1") });
            self.ask("DeregisterTaskDefinition", &definition)?;
        }
        self.ask("DeleteCluster", &json!({ "cluster": CLUSTER })).map(drop)
    }

    /// Everything that a cluster consists of.
    fn held(&self) -> Result<Vec<String>> {
        let mut held = Vec::new();
        for (action, member) in [
            ("ListClusters", "clusterArns"),
            ("ListTaskDefinitions", "taskDefinitionArns"),
        ] {
            let listed = self.ask(action, &json!({}))?;
            let listed = listed[member]
                .as_array()
                .with_context(|| format!("{action}: {listed}"))?;
            held.extend(listed.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(held)
    }

    /// The deployment that the service has now.
    fn deployment(&self) -> Result<String> {
        let services = json!({ "cluster": CLUSTER, "services": [SERVICE] });
        let described = self.ask("DescribeServices", &services)?;
        let deployments = described["services"][0]["deployments"].as_array();
        let primary = deployments
            .into_iter()
            .flatten()
            .find(|deployment| deployment["status"] == "PRIMARY");
        let id = primary.and_then(|deployment| deployment["id"].as_str());
        id.map(str::to_owned)
            .with_context(|| format!("no deployment: {described}"))
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        let Account { id, region, .. } = &self.account;
        format!("arn:aws:ecs:{region}:{id}:{kind}/{name}")
    }

    fn ask(&self, action: &str, body: &Value) -> Result<Value> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        ask::json(&self.account, "ecs", &target, body)
    }
}
