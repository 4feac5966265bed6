//! `examples/pubsub-database`: its part of Kairos alone, with surroundings that the test makes, and the whole of it with
//! hashicorp/aws.
//!
//! The local AWS has no database behind the RDS Data API. It knows a few statements by heart, `create database` among them, so
//! that is the one that the process runs here.

use std::fs;

use acceptance::fixtures::TargetQueue;
use acceptance::ministack::Options;
use acceptance::{Account, MiniStack, Terraform, ask, peer, wait};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::{APP, account, dispatch, ended_runs, firing};
use crate::example::{applied_and_nothing_to_do, copied, counted, folder, nothing_to_do, output, role, variables};
use crate::examples_batch::{create_table, listen};
use crate::surroundings::{LIMIT, element, function, held, packed, query, sent, unit_tests};

const EXAMPLE: &str = "pubsub-database";
const FUNCTION: &str = "Prueba-registro";
const TABLE: &str = "Prueba-turnos";
const STATEMENT: &str = "create database turnos_de_prueba";

#[test]
fn the_function_of_the_topic_passes_its_own_tests() -> Result<()> {
    unit_tests(&folder(EXAMPLE).join("funcion"))
}

#[tokio::test]
async fn a_message_is_recorded_by_the_function_and_a_statement_run() -> Result<()> {
    let server = MiniStack::recording(Options::default())?;
    let account = server.account();
    let scene = Scene::create(&account).await?;
    let before = held(&account, &[FUNCTION]).await?;
    let terraform = copied(&account, &folder("pubsub-database/kairos"))?;
    let of = |name: &str| format!("arn:aws:iam::{}:role/proceso-{name}", account.id);
    variables(
        &terraform,
        &json!({
            "name": APP, "deletion_protection": false, "cron_turno": "cron(0 6 1 1 ? *)", "cron_cierre": "cron(30 3 1 1 ? *)",
            "arn_tema": scene.topic, "arn_base": scene.cluster, "arn_secreto": scene.secret, "base": "ventas",
            "sentencia": STATEMENT, "arn_roles": { "turno": of("turno"), "cierre": of("cierre") },
        }),
    )?;
    applied_and_nothing_to_do(&terraform)?;
    let wanted = terraform.output("roles")?;
    let allowed = |rol: &str| -> Result<Value> {
        let document: Value = serde_json::from_str(wanted[rol]["permisos"].as_str().context("no permissions")?)?;
        let statements = document["Statement"].as_array().context("no statements")?.iter();
        Ok(statements
            .map(|each| json!([each["Action"], each["Resource"]]))
            .collect())
    };
    assert_eq!(allowed("turno")?, json!([["sns:Publish", scene.topic]]));
    let statement = json!([
        ["rds-data:ExecuteStatement", scene.cluster],
        ["secretsmanager:GetSecretValue", scene.secret]
    ]);
    assert_eq!(allowed("cierre")?, statement);
    let roles = [
        role(&account, &wanted["turno"]).await?,
        role(&account, &wanted["cierre"]).await?,
    ];

    let Shown { run, programada } = scene.shown(&terraform).await?;
    assert_eq!(
        sent(&server.recorded()?, &format!("\"stringValue\":\"{run}\""))?,
        json!({
            "resourceArn": scene.cluster, "secretArn": scene.secret, "database": "ventas", "sql": STATEMENT,
            "parameters": [
                { "name": "ejecucion", "value": { "stringValue": run } },
                { "name": "programada", "value": { "stringValue": programada } },
            ],
        })
    );

    terraform.destroy(&[])?.succeeded("destroy")?;
    for role in &roles {
        role.delete().await?;
    }
    assert_eq!(held(&account, &[FUNCTION]).await?, before);
    Ok(())
}

#[tokio::test]
async fn the_whole_topic_and_database_run() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("the whole of examples/pubsub-database", reason);
        return Ok(());
    }
    let account = account(false).await?;
    let before = held(&account, &[FUNCTION]).await?;
    let terraform = copied(&account, &folder(EXAMPLE))?;
    fs::write(
        terraform.dir().join("registro.zip"),
        packed(&folder(EXAMPLE).join("funcion/registro.py"))?,
    )?;
    let with = |emails: &[&str]| {
        json!({
            "name": APP, "deletion_protection": false, "notification_emails": emails, "sentencia": STATEMENT,
            "cron_turno": "cron(0 6 1 1 ? *)", "cron_cierre": "cron(30 3 1 1 ? *)",
        })
    };
    variables(&terraform, &with(&[]))?;
    applied_and_nothing_to_do(&terraform)?;
    let scene = Scene::of(&account, &terraform).await?;
    scene.shown(&terraform).await?;
    nothing_to_do(&terraform)?;

    // Neither a change of the stack nor one of what a process starts touches a role.
    variables(&terraform, &with(&["guardia@example.com"]))?;
    let changed = "resource \"aws_sns_topic\" \"turnos\" {\n  display_name = \"Turnos\"\n}\n";
    terraform.write("changed_override.tf", changed)?;
    let plan = terraform.plan_summary(&[])?;
    let changed = |address: &str| plan.changes.contains(&(address.to_owned(), "update".to_owned()));
    let roles = plan
        .changes
        .iter()
        .any(|(address, _)| address.contains("aws_iam_role") || address.contains("kairos_proceso"));
    ensure!(
        changed("aws_sns_topic.turnos") && changed("module.kairos.kairos_stack.this") && !roles,
        "{:#?}",
        plan.changes
    );

    terraform.destroy(&[])?.succeeded("destroy")?;
    scene.listener.delete().await?;
    assert_eq!(held(&account, &[FUNCTION]).await?, before);
    Ok(())
}

/// What the processes start, and a queue that listens to the topic.
struct Scene {
    account: Account,
    topic: String,
    cluster: String,
    secret: String,
    listener: TargetQueue,
}

/// What was seen: the statement's run, and the time for which it was.
struct Shown {
    run: String,
    programada: String,
}

impl Scene {
    /// The same as the example's `registro.tf` and `database.tf`, as far as it matters here.
    async fn create(account: &Account) -> Result<Self> {
        create_table(account, TABLE, "Ejecucion").await?;
        let topic = account.sns().create_topic().name("Prueba-turnos").send().await?;
        let topic = topic.topic_arn().context("a topic without an ARN")?.to_owned();
        let source = folder(EXAMPLE).join("funcion/registro.py");
        let function = function(account, FUNCTION, &source, &[("TABLA", TABLE)]).await?;
        let subscribe = account.sns().subscribe().topic_arn(&topic).protocol("lambda");
        subscribe.endpoint(function).send().await?;
        // A cluster of the first kind of serverless has no instances, without which the local AWS refuses statements.
        let made = query(
            account,
            "rds",
            "Action=CreateDBCluster&Version=2014-10-31&DBClusterIdentifier=prueba-base&Engine=aurora-postgresql\
             &EngineMode=serverless&EnableHttpEndpoint=true&DatabaseName=ventas&MasterUsername=kairos\
             &ManageMasterUserPassword=true",
        )?;
        Ok(Self {
            account: account.clone(),
            cluster: element(&made, "DBClusterArn")?,
            secret: element(&made, "SecretArn")?,
            listener: listen(account, &topic).await?,
            topic,
        })
    }

    /// Those that the whole example has made.
    async fn of(account: &Account, terraform: &Terraform) -> Result<Self> {
        let topic = output(terraform, "arn_tema")?;
        Ok(Self {
            account: account.clone(),
            cluster: output(terraform, "arn_base")?,
            secret: output(terraform, "arn_secreto")?,
            listener: listen(account, &topic).await?,
            topic,
        })
    }

    /// Fires both processes: the message is heard and recorded, and the statement has had its effect.
    async fn shown(&self, terraform: &Terraform) -> Result<Shown> {
        let account = &self.account;
        ensure!(
            !self.databases()?.contains("turnos_de_prueba"),
            "the statement was run before"
        );
        let programada = (Timestamp::now() + SignedDuration::from_secs(1))
            .strftime("%Y-%m-%dT%H:%M:%S.000Z")
            .to_string();
        let calendarizaciones = terraform.output("calendarizaciones")?;
        for proceso in ["turno", "cierre"] {
            let calendarizacion = calendarizaciones[proceso].as_str().context("no calendarización")?;
            dispatch(account, &firing(calendarizacion, &programada)).await?;
        }
        let runs = ended_runs(account, 2).await?;
        ensure!(runs.iter().all(|run| run.estado == "EjecutadoOk"), "{runs:#?}");
        let procesos = terraform.output("procesos")?;
        let run = |proceso: &str| {
            let found = runs.iter().find(|run| procesos[proceso] == run.id_proceso.as_str());
            found.with_context(|| format!("no run of {proceso}: {runs:#?}"))
        };

        let message = json!({ "ejecucion": run("turno")?.id, "programada": programada });
        let heard = wait::until("the message", LIMIT, || async { Ok(self.listener.take().await?.pop()) }).await?;
        assert_eq!(serde_json::from_str::<Value>(&heard)?, message);
        let items = wait::until("the record of the message", LIMIT, || async {
            let items = account.dynamodb().scan().table_name(TABLE).send().await?.items;
            Ok(items.filter(|items| !items.is_empty()))
        })
        .await?;
        let [item] = items.as_slice() else {
            anyhow::bail!("not one record: {items:?}");
        };
        let text = |name: &str| {
            item.get(name)
                .and_then(|value: &AttributeValue| value.as_s().ok())
                .cloned()
        };
        assert_eq!(
            (text("Ejecucion"), text("Programada")),
            (Some(run("turno")?.id.clone()), Some(programada.clone()))
        );

        let respuesta = run("cierre")?.respuesta.clone().unwrap_or_default();
        ensure!(respuesta.starts_with("Completado"), "{respuesta}");
        ensure!(self.databases()?.contains("turnos_de_prueba"), "{}", self.databases()?);

        // The executor's last line, which may not come after its log is destroyed.
        counted(account, "Ejecutadas", 2).await?;
        Ok(Shown {
            run: run("cierre")?.id.clone(),
            programada,
        })
    }

    /// The databases of the cluster.
    fn databases(&self) -> Result<String> {
        let show = json!({ "resourceArn": self.cluster, "secretArn": self.secret, "sql": "show databases" });
        Ok(ask::rest(&self.account, "rds-data", "/Execute", &show)?["records"].to_string())
    }
}
