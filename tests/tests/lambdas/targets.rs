//! The targets that are called without a client of their own, started by the executor on the local AWS: each is found there by
//! the id that the history has of it. What the local AWS does not have is told from the request that it was sent.

mod scene;

use acceptance::fixtures::TargetQueue;
use acceptance::{ask, wait};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use scene::{LIMIT, Proceso, Scene};

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
