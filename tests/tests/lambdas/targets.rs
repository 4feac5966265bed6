//! The targets that are called without a client of their own, started by the executor on the local AWS: each is found there by
//! the id that the history has of it. What the local AWS does not have is told from the request that it was sent.

use std::sync::Arc;
use std::time::Duration;

use acceptance::fixtures::{ProcesoRole, TargetQueue};
use acceptance::ministack::{MiniStack, Options};
use acceptance::{Account, ask, wait};
use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use executor::event::Batch;
use executor::{AwsPorts, Executor, Invocation, Settings};
use kairos::instant::Timestamp;
use kairos::names::Names;
use kairos_aws::environment::Environment;
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

const LIMIT: Duration = Duration::from_mins(2);

/// A process, and its run once it has ended.
struct Proceso {
    id: String,
    arn: String,
    parametros: Value,
    run: String,
}

impl Proceso {
    fn new(name: &str, resource: &str, parametros: Value) -> Self {
        Self {
            id: format!("proceso-{name}"),
            arn: resource.to_owned(),
            parametros,
            run: uuid::Uuid::new_v4().to_string(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
struct Ended {
    estado: String,
    respuesta: String,
    error: String,
}

impl Ended {
    /// The id of what was started.
    fn id(&self) -> Result<&str> {
        let id = self.respuesta.strip_prefix("Aceptado: ");
        id.with_context(|| format!("not accepted: {self:?}"))
    }
}

struct Scene {
    server: MiniStack,
    installation: Installation,
    executor: Arc<Executor<AwsPorts>>,
    role: ProcesoRole,
}

impl Scene {
    async fn create() -> Result<Self> {
        let server = MiniStack::recording(Options::default())?;
        let account = server.account_in("sa-east-1");
        let installation = Installation::of(account.clone()).await?;
        let names = &installation.names;
        let executor = names.role_arn("/", &names.executor_role());
        let role = ProcesoRole::create(&account, &format!("{ROLE_PREFIX}todo"), &executor, "*", "*").await?;
        let executor = Arc::new(Executor::new(ports(&installation, names)?));
        Ok(Self {
            server,
            installation,
            executor,
            role,
        })
    }

    fn account(&self) -> &Account {
        &self.installation.account
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        self.installation.names.arn(service, resource)
    }

    /// Runs processes once, in one batch.
    async fn run(&self, procesos: &[Proceso]) -> Result<()> {
        let names = &self.installation.names;
        let mut records = Vec::new();
        for proceso in procesos {
            let row = json!({
                "IdProceso": proceso.id, "Nombre": proceso.id, "ArnRol": self.role.arn, "ArnProceso": proceso.arn,
                "Parametros": proceso.parametros.to_string(), "Habilitado": true, "Reintentos": 0,
                "ModoInvocacion": "Event", "IdCalendarizacion": "calendarizacion-a",
                "FechaAsignacion": "2026-01-01T00:00:00.000Z", "FechaCreacion": "2026-01-01T00:00:00.000Z",
                "FechaActualizacion": "2026-01-01T00:00:00.000Z", "Version": 1
            });
            self.installation.put(&names.procesos_table(), row).await?;
            let body = json!({
                "IdEjecucion": proceso.run, "IdProceso": proceso.id, "IdCalendarizacion": "calendarizacion-a",
                "FechaProgramada": "2026-01-02T03:04:00.000Z"
            });
            records.push(json!({"messageId": proceso.id, "receiptHandle": "none", "body": body.to_string()}));
        }
        let batch: Batch = serde_json::from_value(json!({ "Records": records }))?;
        let invocation = Invocation {
            request_id: "prueba".into(),
            deadline: Timestamp::now() + LIMIT,
        };
        let answer = serde_json::to_value(self.executor.handle(batch, &invocation).await)?;
        ensure!(answer["batchItemFailures"] == json!([]), "messages stay: {answer}");
        Ok(())
    }

    async fn ended(&self, proceso: &Proceso) -> Result<Ended> {
        let table = self.installation.names.ejecuciones_table();
        let key = AttributeValue::S(proceso.run.clone());
        let get = self.account().dynamodb().get_item().table_name(table);
        let item = get.key("IdEjecucion", key).consistent_read(true).send().await?.item;
        let item = item.with_context(|| format!("no run of {}", proceso.id))?;
        let text = |name: &str| {
            item.get(name)
                .and_then(|value| value.as_s().ok().cloned())
                .unwrap_or_default()
        };
        Ok(Ended {
            estado: text("Estado"),
            respuesta: text("Respuesta"),
            error: text("Error"),
        })
    }

    /// Asks a service of the JSON protocol, as the account itself.
    fn ask(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        ask::json(self.account(), service, target, body)
    }

    /// The one request whose body has `part`, which somebody else than the account itself made.
    fn sent(&self, part: &str) -> Result<Sent> {
        let own = format!("Credential={}/", self.account().id);
        let requests = self.server.recorded()?;
        let text = |request: &Value, name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let mut found = requests
            .iter()
            .filter(|request| text(request, "body").contains(part) && !text(request, "authorization").contains(&own));
        let request = found.next().with_context(|| format!("nobody has sent {part}"))?;
        ensure!(found.next().is_none(), "{part} was sent more than once");
        let authorization = text(request, "authorization");
        let scope = authorization.split("Credential=").nth(1).unwrap_or_default();
        let scope: Vec<_> = scope.split([',', '/']).map(str::to_owned).collect();
        Ok(Sent {
            line: format!(
                "{} {} {} {}",
                text(request, "method"),
                text(request, "path"),
                text(request, "target"),
                scope.get(2..4).unwrap_or_default().join("/")
            ),
            body: serde_json::from_str(&text(request, "body")).unwrap_or_default(),
        })
    }
}

/// A recorded request: method, path, target, region and service of its signature; and its body.
struct Sent {
    line: String,
    body: Value,
}

fn ports(installation: &Installation, names: &Names) -> Result<AwsPorts> {
    let account = &installation.account;
    let variable = |name: &str| {
        Some(match name {
            "AWS_REGION" => account.region.clone(),
            "AWS_ENDPOINT_URL" => account.endpoint.clone(),
            "KAIROS_STACK" => names.app.clone(),
            "KAIROS_ACCOUNT" => account.id.clone(),
            "KAIROS_PARTITION" => "aws".to_owned(),
            "KAIROS_QUEUE_URL" => installation.queue_url(&names.queue()),
            "KAIROS_DEAD_LETTER_QUEUE_URL" => installation.queue_url(&names.queue_dlq()),
            "KAIROS_ROLE_PREFIX" => ROLE_PREFIX.to_owned(),
            "KAIROS_HISTORY_DAYS" => "90".to_owned(),
            _ => return None,
        })
    };
    let mut environment = Environment::read(variable)?;
    let own = Credentials::new(&account.id, "secret", None, None, "test");
    environment.config = environment
        .config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(own))
        .build();
    Ok(AwsPorts::new(&environment, Settings::read(variable)?))
}

/// What the targets need to be there.
async fn targets(scene: &Scene) -> Result<TargetQueue> {
    let queue = TargetQueue::create(scene.account(), "Eventos").await?;
    let pattern = json!({"source": ["kairos"]}).to_string();
    let role = &scene.role.arn;
    for (service, target, body) in [
        ("events", "AWSEvents.CreateEventBus", json!({"Name": "ventas"})),
        (
            "events",
            "AWSEvents.PutRule",
            json!({"Name": "todo", "EventBusName": "ventas", "EventPattern": pattern}),
        ),
        (
            "events",
            "AWSEvents.PutTargets",
            json!({"Rule": "todo", "EventBusName": "ventas", "Targets": [{"Id": "1", "Arn": queue.arn}]}),
        ),
        (
            "kinesis",
            "Kinesis_20131202.CreateStream",
            json!({"StreamName": "datos", "ShardCount": 1}),
        ),
        (
            "firehose",
            "Firehose_20150804.CreateDeliveryStream",
            json!({"DeliveryStreamName": "datos", "ExtendedS3DestinationConfiguration": {
                "RoleARN": role, "BucketARN": "arn:aws:s3:::datos"
            }}),
        ),
        (
            "ecs",
            "AmazonEC2ContainerServiceV20141113.CreateCluster",
            json!({"clusterName": "noche"}),
        ),
        (
            "ecs",
            "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition",
            json!({"family": "cierre", "containerDefinitions": [{"name": "a", "image": "busybox", "memory": 64}]}),
        ),
        (
            "codebuild",
            "CodeBuild_20161006.CreateProject",
            json!({
                "name": "cierre", "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
                "artifacts": {"type": "NO_ARTIFACTS"}, "serviceRole": role, "environment": {
                    "type": "LINUX_CONTAINER", "image": "busybox", "computeType": "BUILD_GENERAL1_SMALL"
                }
            }),
        ),
        (
            "glue",
            "AWSGlue.CreateJob",
            json!({"Name": "carga", "Role": role, "Command": {"Name": "glueetl", "ScriptLocation": "s3://x/y"}}),
        ),
        ("glue", "AWSGlue.CreateWorkflow", json!({"Name": "carga"})),
    ] {
        scene.ask(service, target, &body)?;
    }
    for (path, body) in [
        (
            "/v1/createcomputeenvironment",
            json!({"computeEnvironmentName": "ce", "type": "UNMANAGED", "serviceRole": role}),
        ),
        (
            "/v1/createjobqueue",
            json!({"jobQueueName": "noche", "priority": 1, "computeEnvironmentOrder": [
                {"order": 1, "computeEnvironment": "ce"}
            ]}),
        ),
        (
            "/v1/registerjobdefinition",
            json!({"jobDefinitionName": "cierre", "type": "container", "containerProperties": {
                "image": "busybox", "vcpus": 1, "memory": 64
            }}),
        ),
    ] {
        ask::rest(scene.account(), "batch", path, &body)?;
    }
    Ok(queue)
}

#[tokio::test]
async fn each_target_is_found_by_the_id_that_the_history_has() -> Result<()> {
    let scene = Scene::create().await?;
    let queue = targets(&scene).await?;
    let marked = json!({"run": "<kairos.id-ejecucion>"});
    let (cluster, definition) = (
        scene.arn("ecs", "cluster/noche"),
        scene.arn("ecs", "task-definition/cierre:1"),
    );
    let procesos = [
        Proceso::new("evento", &scene.arn("events", "event-bus/ventas"), marked.clone()),
        Proceso::new("registro", &scene.arn("kinesis", "stream/datos"), marked.clone()),
        Proceso::new(
            "entrega",
            &scene.arn("firehose", "deliverystream/datos"),
            marked.clone(),
        ),
        Proceso::new("cluster", &cluster, json!({"taskDefinition": "cierre"})),
        Proceso::new("tarea", &definition, json!({"Cluster": "noche"})),
        Proceso::new(
            "trabajo",
            &scene.arn("batch", "job-queue/noche"),
            json!({"jobDefinition": "cierre"}),
        ),
        Proceso::new(
            "build",
            &scene.arn("codebuild", "project/cierre"),
            json!({"sourceVersion": "main"}),
        ),
        Proceso::new(
            "glue",
            &scene.arn("glue", "job/carga"),
            json!({"--run": "<kairos.id-ejecucion>"}),
        ),
        Proceso::new(
            "flujo",
            &scene.arn("glue", "workflow/carga"),
            json!({"RunProperties": marked}),
        ),
    ];
    scene.run(&procesos).await?;
    let [evento, registro, entrega, cluster, tarea, trabajo, build, glue, flujo] = &procesos;
    for proceso in &procesos {
        let ended = scene.ended(proceso).await?;
        ensure!(
            ended.estado == "EjecutadoOk" && !ended.id()?.is_empty(),
            "{}: {ended:?}",
            proceso.id
        );
    }

    let events = wait::until("the event", LIMIT, || async {
        let events = queue.take().await?;
        Ok((!events.is_empty()).then_some(events))
    });
    let event: Value = serde_json::from_str(&events.await?[0])?;
    assert_eq!(event["id"], json!(scene.ended(evento).await?.id()?));
    assert_eq!(
        (&event["source"], &event["detail-type"], &event["detail"]["run"]),
        (&json!("kairos"), &json!(evento.id), &json!(evento.run))
    );

    let iterator = json!({
        "StreamName": "datos", "ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"
    });
    let iterator = scene.ask("kinesis", "Kinesis_20131202.GetShardIterator", &iterator)?;
    let records = json!({"ShardIterator": iterator["ShardIterator"]});
    let records = scene.ask("kinesis", "Kinesis_20131202.GetRecords", &records)?;
    let record = &records["Records"][0];
    let number = record["SequenceNumber"].as_str().unwrap_or_default();
    assert_eq!(
        scene.ended(registro).await?.id()?,
        format!("shardId-000000000000:{number}")
    );
    assert_eq!(record["PartitionKey"], json!(registro.id));
    let data = |record: &Value| BASE64_STANDARD.decode(record["Data"].as_str().unwrap_or_default());
    assert_eq!(data(record)?, json!({"run": registro.run}).to_string().into_bytes());

    let delivered = scene.sent("DeliveryStreamName")?;
    assert_eq!(delivered.line, "POST / Firehose_20150804.PutRecord sa-east-1/firehose");
    assert_eq!(
        data(&delivered.body["Record"])?,
        json!({"run": entrega.run}).to_string().into_bytes()
    );

    for proceso in [cluster, tarea] {
        let started = json!({"cluster": "noche", "startedBy": proceso.run});
        let tasks = scene.ask("ecs", "AmazonEC2ContainerServiceV20141113.ListTasks", &started)?;
        assert_eq!(tasks["taskArns"], json!([scene.ended(proceso).await?.id()?]));
        let sent = scene.sent(&format!("\"clientToken\":\"{}\"", proceso.run))?;
        assert_eq!(sent.body["startedBy"], json!(proceso.run));
    }

    let jobs = ask::rest(scene.account(), "batch", "/v1/listjobs", &json!({"jobQueue": "noche"}))?;
    let job = &jobs["jobSummaryList"][0];
    assert_eq!(
        (&job["jobId"], &job["jobName"]),
        (
            &json!(scene.ended(trabajo).await?.id()?),
            &json!(format!("kairos-{}", trabajo.run))
        )
    );

    let builds = json!({"projectName": "cierre"});
    let builds = scene.ask("codebuild", "CodeBuild_20161006.ListBuildsForProject", &builds)?;
    assert_eq!(builds["ids"], json!([scene.ended(build).await?.id()?]));
    let sent = scene.sent("idempotencyToken")?;
    assert_eq!(
        (&sent.body["idempotencyToken"], &sent.body["sourceVersion"]),
        (&json!(build.run), &json!("main"))
    );

    let runs = scene.ask("glue", "AWSGlue.GetJobRuns", &json!({"JobName": "carga"}))?;
    let run = &runs["JobRuns"][0];
    assert_eq!(run["Id"], json!(scene.ended(glue).await?.id()?));
    assert_eq!(run["Arguments"]["--run"], json!(glue.run));
    let sent = scene.sent("RunProperties")?;
    assert_eq!(sent.line, "POST / AWSGlue.StartWorkflowRun sa-east-1/glue");
    assert_eq!(sent.body, json!({"Name": "carga", "RunProperties": {"run": flujo.run}}));
    Ok(())
}

#[tokio::test]
async fn what_the_local_aws_does_not_have_is_told_from_the_request() -> Result<()> {
    let scene = Scene::create().await?;
    let secret = scene.arn("secretsmanager", "secret:bd-AbCdEf");
    let workgroup = scene.arn("redshift-serverless", "workgroup/0a1b");
    let statement = |text: &str| json!({"Sql": format!("call {text}()"), "Database": "ventas"});
    let procesos = [
        Proceso::new("bodega", &scene.arn("redshift", "cluster:bodega"), statement("bodega")),
        Proceso::new("grupo", &workgroup, statement("grupo")),
        Proceso::new(
            "aurora",
            &scene.arn("rds", "cluster:ventas"),
            json!({"SecretArn": secret, "Sql": "call aurora('<kairos.fecha-programada>')"}),
        ),
        Proceso::new(
            "metodo",
            &scene.arn("execute-api", "abc123/prod/POST/cierres/*"),
            json!({"path": "/cierres/7", "body": {"metodo": "<kairos.id-ejecucion>"}}),
        ),
        Proceso::new(
            "contradice",
            &scene.arn("ecs", "cluster/noche"),
            json!({"taskDefinition": "cierre", "cluster": "dia"}),
        ),
        Proceso::new(
            "nada",
            &scene.arn("ecs", "cluster/noche"),
            json!({"taskDefinition": "nada"}),
        ),
    ];
    scene.run(&procesos).await?;
    let [bodega, grupo, _, metodo, contradice, nada] = &procesos;

    let sent = scene.sent("call bodega()")?;
    assert_eq!(
        sent.line,
        "POST / RedshiftData.ExecuteStatement sa-east-1/redshift-data"
    );
    let mut expected = statement("bodega");
    (expected["ClusterIdentifier"], expected["ClientToken"]) = (json!("bodega"), json!(bodega.run));
    assert_eq!(sent.body, expected);
    let sent = scene.sent("call grupo()")?;
    let mut expected = statement("grupo");
    (expected["WorkgroupName"], expected["ClientToken"]) = (json!(workgroup), json!(grupo.run));
    assert_eq!(sent.body, expected);
    let sent = scene.sent("call aurora(")?;
    assert_eq!(sent.line, "POST /Execute  sa-east-1/rds-data");
    assert_eq!(
        sent.body,
        json!({
            "resourceArn": scene.arn("rds", "cluster:ventas"), "secretArn": secret,
            "sql": "call aurora('2026-01-02T03:04:00.000Z')"
        })
    );
    let sent = scene.sent("\"metodo\":")?;
    assert_eq!(sent.line, "POST /prod/cierres/7  sa-east-1/execute-api");
    assert_eq!(sent.body, json!({"metodo": metodo.run}));

    for (proceso, reason) in [
        (contradice, "parametros: contradicts arn_proceso: leave \"cluster\" out"),
        (nada, "RunTask of \"arn:aws:ecs:"),
    ] {
        let ended = scene.ended(proceso).await?;
        ensure!(
            ended.estado == "ErrorAlEjecutar" && ended.error.starts_with(reason),
            "{ended:?}"
        );
    }
    let mut failed = 0;
    for proceso in &procesos {
        failed += u64::from(scene.ended(proceso).await?.estado == "ErrorAlEjecutar");
    }
    // A slow server may be sent one twice.
    let buried = scene.installation.depth(&scene.installation.names.queue_dlq()).await?;
    ensure!(
        failed >= 2 && buried >= failed,
        "{failed} failed for good, and {buried} are buried"
    );
    Ok(())
}

#[tokio::test]
async fn universal_targets_do_what_their_actions_say() -> Result<()> {
    let scene = Scene::create().await?;
    let queue = targets(&scene).await?;
    let names = &scene.installation.names;
    let action = |name: &str| format!("arn:aws:scheduler:::aws-sdk:{name}");
    let (queue_url, table) = (scene.installation.queue_url("Eventos"), names.calendarizaciones_table());
    let detail = json!({"run": "<kairos.id-ejecucion>"}).to_string();
    let procesos = [
        Proceso::new(
            "mensaje",
            &action("sqs:sendMessage"),
            json!({"QueueUrl": queue_url, "MessageBody": "<kairos.id-ejecucion>"}),
        ),
        Proceso::new(
            "fila",
            &action("dynamodb:putItem"),
            json!({"TableName": table, "Item": {"IdCalendarizacion": {"S": "<kairos.id-ejecucion>"}}}),
        ),
        Proceso::new(
            "suceso",
            &action("eventbridge:putEvents"),
            json!({"Entries": [{
                "Source": "kairos", "DetailType": "cierre", "Detail": detail, "EventBusName": "ventas",
                "Time": "<kairos.fecha-programada>"
            }]}),
        ),
        Proceso::new(
            "lote",
            &action("batch:submitJob"),
            json!({"JobName": "universal", "JobQueue": "noche", "JobDefinition": "cierre"}),
        ),
        Proceso::new("errada", &action("sqs:sendMesage"), json!({})),
        Proceso::new(
            "cola",
            &action("sqs:sendMessage"),
            json!({"QueueUrl": "none", "MessageBody": "x"}),
        ),
    ];
    scene.run(&procesos).await?;
    let [mensaje, fila, suceso, lote, errada, cola] = &procesos;
    for proceso in [mensaje, fila, suceso, lote] {
        let ended = scene.ended(proceso).await?;
        ensure!(ended.estado == "EjecutadoOk", "{}: {ended:?}", proceso.id);
    }

    let mut bodies = Vec::new();
    while bodies.len() < 2 {
        let taken = wait::until("message and event", LIMIT, || async {
            let taken = queue.take().await?;
            Ok((!taken.is_empty()).then_some(taken))
        });
        bodies.extend(taken.await?);
    }
    assert!(bodies.contains(&mensaje.run), "{bodies:?}");
    let event = bodies.iter().find_map(|body| serde_json::from_str::<Value>(body).ok());
    let event = event.context("no event")?;
    assert_eq!(event["detail"]["run"], json!(suceso.run));
    let sent = scene.sent("\"DetailType\":\"cierre\"")?;
    assert_eq!(sent.line, "POST / AWSEvents.PutEvents sa-east-1/events");
    assert_eq!(sent.body["Entries"][0]["Time"], json!(1_767_323_040));

    let key = AttributeValue::S(fila.run.clone());
    let get = scene
        .account()
        .dynamodb()
        .get_item()
        .table_name(names.calendarizaciones_table());
    let row = get.key("IdCalendarizacion", key).consistent_read(true).send().await?;
    ensure!(row.item.is_some(), "no row was written");
    let sent = scene.sent("\"jobName\":\"universal\"")?;
    assert_eq!(sent.line, "POST /v1/submitjob  sa-east-1/batch");

    let ended = scene.ended(errada).await?;
    ensure!(
        ended.estado == "ErrorAlEjecutar" && ended.error.contains("did you mean \"sendMessage\""),
        "{ended:?}"
    );
    let ended = scene.ended(cola).await?;
    ensure!(
        ended.estado == "ErrorAlEjecutar" && ended.error.contains("SendMessage of"),
        "{ended:?}"
    );
    Ok(())
}
