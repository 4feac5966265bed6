//! `examples/batch-ingestion`: its part of Kairos alone, with surroundings that the test makes, and the whole of it with
//! hashicorp/aws.
//!
//! The local AWS takes jobs and runs none: the test drops the files that the job would.

use std::fs;

use acceptance::fixtures::{self, TargetQueue};
use acceptance::ministack::Options;
use acceptance::{Account, MiniStack, Terraform, ask, peer, wait};
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{APP, account};
use crate::example::{applied_and_nothing_to_do, copied, counted, folder, output, role, run_now, variables};
use crate::surroundings::{LIMIT, element, function, held, idle, packed, put, query, sent, unit_tests};

const EXAMPLE: &str = "batch-ingestion";
const FUNCTION: &str = "Prueba-ingesta";
const JOBS: &str = "Prueba-noche";
const ORIGIN: &str = "origen-de-prueba";

#[test]
fn the_function_of_the_ingestion_passes_its_own_tests() -> Result<()> {
    unit_tests(&folder(EXAMPLE).join("funcion"))
}

#[tokio::test]
async fn a_job_is_submitted_and_what_it_drops_is_taken_in_once() -> Result<()> {
    let server = MiniStack::recording(Options::default())?;
    let account = server.account();
    fixtures::api_gateway_logging(&account).await?;
    let ingestion = Ingestion::create(&account).await?;
    let before = held(&account, &[FUNCTION]).await?;
    let terraform = copied(&account, &folder("batch-ingestion/kairos"))?;
    let arn = |kind: &str| format!("arn:aws:batch:{}:{}:{kind}", account.region, account.id);
    let queue = arn("job-queue/Prueba-noche");
    let with = |emails: &[&str]| {
        json!({
            "name": APP, "deletion_protection": false, "api": true, "cron": "cron(30 2 1 1 ? *)",
            "notification_emails": emails, "arn_cola_trabajos": queue, "definicion_trabajo": "Prueba-descarga",
            "origen": ORIGIN, "bucket": ingestion.bucket,
            "rol": { "arn": format!("arn:aws:iam::{}:role/proceso-descarga", account.id) },
        })
    };
    variables(&terraform, &with(&[]))?;
    applied_and_nothing_to_do(&terraform)?;
    let wanted = terraform.output("rol")?;
    let permissions: Value = serde_json::from_str(wanted["permisos"].as_str().context("no permissions")?)?;
    let definition = arn("job-definition/Prueba-descarga");
    assert_eq!(
        permissions["Statement"],
        json!([{
            "Effect": "Allow", "Action": "batch:SubmitJob", "Resource": [queue, definition, format!("{definition}:*")],
        }])
    );
    let role = role(&account, &wanted).await?;

    let run = ingestion.shown(&terraform).await?;
    let submitted = sent(&server.recorded()?, &format!("\"kairos-{run}\""))?;
    assert_eq!(
        submitted,
        json!({
            "jobName": format!("kairos-{run}"), "jobQueue": queue, "jobDefinition": "Prueba-descarga",
            "parameters": {
                "origen": format!("s3://{ORIGIN}/"), "destino": format!("s3://{}/entrada/{run}/", ingestion.bucket),
            },
        })
    );

    // The documents of the role are read in a plan that changes the stack: the role would be left alone.
    variables(&terraform, &with(&["guardia@example.com"]))?;
    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.changes, [("kairos_stack.this".to_owned(), "update".to_owned())]);
    assert_eq!(plan.raw["output_changes"]["rol"]["actions"], json!(["no-op"]));

    terraform.destroy(&[])?.succeeded("destroy")?;
    role.delete().await?;
    assert_eq!(held(&account, &[FUNCTION]).await?, before);
    Ok(())
}

#[tokio::test]
async fn the_whole_ingestion_runs() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("the whole of examples/batch-ingestion", reason);
        return Ok(());
    }
    let account = account(false).await?;
    put(&account, &format!("/{ORIGIN}"), "")?;
    let before = held(&account, &[FUNCTION]).await?;
    let subnets = query(&account, "ec2", "Action=DescribeSubnets&Version=2016-11-15")?;
    let terraform = copied(&account, &folder(EXAMPLE))?;
    // The local AWS has no host for each bucket.
    terraform.write(
        "local_override.tf",
        "provider \"aws\" {\n  s3_use_path_style = true\n}\n",
    )?;
    fs::write(
        terraform.dir().join("ingesta.zip"),
        packed(&folder(EXAMPLE).join("funcion/ingesta.py"))?,
    )?;
    let with = |emails: &[&str]| {
        json!({
            "name": APP, "deletion_protection": false, "api": true, "cron": "cron(30 2 1 1 ? *)",
            "notification_emails": emails, "origen": ORIGIN, "subnet_ids": [element(&subnets, "subnetId").ok()],
        })
    };
    variables(&terraform, &with(&[]))?;
    terraform.init()?;
    terraform.apply(&[])?.succeeded("apply")?;

    // The local AWS forgets some of a job definition, so that each plan registers a revision. Neither that nor a change of the
    // stack touches the role.
    let definition = ("aws_batch_job_definition.descarga".to_owned(), "update".to_owned());
    assert_eq!(
        terraform.plan_summary(&[])?.changes.as_slice(),
        std::slice::from_ref(&definition)
    );
    variables(&terraform, &with(&["guardia@example.com"]))?;
    let stack = ("module.kairos.kairos_stack.this".to_owned(), "update".to_owned());
    assert_eq!(terraform.plan_summary(&[])?.changes, [definition, stack]);

    let ingestion = Ingestion::of(&account, &terraform).await?;
    ingestion.shown(&terraform).await?;

    // It cannot remove anything of Batch, either.
    terraform
        .run(&[
            "state",
            "rm",
            "aws_batch_job_definition.descarga",
            "aws_batch_job_queue.noche",
            "aws_batch_compute_environment.noche",
        ])?
        .succeeded("state rm")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    ingestion.listener.delete().await?;
    assert_eq!(held(&account, &[FUNCTION]).await?, before);
    Ok(())
}

/// What takes the files in, and a queue that listens to the topic.
struct Ingestion {
    account: Account,
    bucket: String,
    queue_url: String,
    table: String,
    listener: TargetQueue,
}

impl Ingestion {
    /// The same as the example's `batch.tf` and `ingestion.tf`, as far as it matters here.
    async fn create(account: &Account) -> Result<Self> {
        let bucket = format!("entrada-{}", account.id);
        put(account, &format!("/{bucket}"), "")?;
        let sqs = account.sqs();
        let queue = sqs.create_queue().queue_name("Prueba-ingesta");
        let queue = queue
            .attributes(QueueAttributeName::VisibilityTimeout, "360")
            .send()
            .await?;
        let queue_url = queue.queue_url().context("a queue without a URL")?.to_owned();
        let queue_arn = format!("arn:aws:sqs:{}:{}:Prueba-ingesta", account.region, account.id);
        let notification = format!(
            "<NotificationConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><QueueConfiguration>\
             <Queue>{queue_arn}</Queue><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name>\
             <Value>entrada/</Value></FilterRule></S3Key></Filter></QueueConfiguration></NotificationConfiguration>"
        );
        put(account, &format!("/{bucket}?notification"), &notification)?;

        let table = "Prueba-archivos".to_owned();
        create_table(account, &table, "Digest").await?;
        let topic = account.sns().create_topic().name("Prueba-archivos").send().await?;
        let topic = topic.topic_arn().context("a topic without an ARN")?;
        let variables = [("TABLA", table.as_str()), ("TEMA", topic)];
        let source = folder(EXAMPLE).join("funcion/ingesta.py");
        let function = function(account, FUNCTION, &source, &variables).await?;
        let mapping = account.lambda().create_event_source_mapping();
        let mapping = mapping.function_name(function).event_source_arn(queue_arn);
        mapping
            .function_response_types(aws_sdk_lambda::types::FunctionResponseType::ReportBatchItemFailures)
            .send()
            .await?;

        let role = format!("arn:aws:iam::{}:role/{FUNCTION}", account.id);
        for (path, body) in [
            (
                "/v1/createcomputeenvironment",
                json!({ "computeEnvironmentName": "noche", "type": "UNMANAGED", "serviceRole": role }),
            ),
            (
                "/v1/createjobqueue",
                json!({ "jobQueueName": JOBS, "priority": 1, "computeEnvironmentOrder": [
                    { "order": 1, "computeEnvironment": "noche" }
                ]}),
            ),
            (
                "/v1/registerjobdefinition",
                json!({ "jobDefinitionName": "Prueba-descarga", "type": "container", "containerProperties": {
                    "image": "busybox", "vcpus": 1, "memory": 64
                }}),
            ),
        ] {
            ask::rest(account, "batch", path, &body)?;
        }
        Ok(Self {
            account: account.clone(),
            bucket,
            queue_url,
            table,
            listener: listen(account, topic).await?,
        })
    }

    /// Those that the whole example has made.
    async fn of(account: &Account, terraform: &Terraform) -> Result<Self> {
        Ok(Self {
            account: account.clone(),
            bucket: output(terraform, "bucket")?,
            queue_url: output(terraform, "cola_url")?,
            table: output(terraform, "tabla")?,
            listener: listen(account, &output(terraform, "arn_tema")?).await?,
        })
    }

    /// Starts the process, whose job is there with the run's id; then drops files, each of which is taken in once. Gives the
    /// run's id.
    async fn shown(&self, terraform: &Terraform) -> Result<String> {
        let account = &self.account;
        let run = run_now(account, terraform, &output(terraform, "id_proceso")?).await?;
        let jobs = ask::rest(account, "batch", "/v1/listjobs", &json!({ "jobQueue": JOBS }))?;
        let jobs = jobs["jobSummaryList"].as_array().context("no jobs")?;
        let name = json!(format!("kairos-{}", run.id));
        ensure!(
            !jobs.is_empty() && jobs.iter().all(|job| job["jobName"] == name),
            "{jobs:#?}, of {run:?}"
        );
        // Of two jobs, where an answer was lost on the way, the history has the one of which it was told.
        let respuesta = run.respuesta.unwrap_or_default();
        let told = respuesta.strip_prefix("Aceptado: ").unwrap_or_default();
        assert_eq!(run.estado, "EjecutadoOk");
        ensure!(jobs.iter().any(|job| job["jobId"] == told), "{respuesta}: {jobs:#?}");

        let prefix = format!("entrada/{}", run.id);
        self.drop_file(&format!("{prefix}/enero.csv"), "uno")?;
        self.drop_file(&format!("{prefix}/mar%C3%ADa%20y%20jos%C3%A9.csv"), "dos")?;
        let news = |key: &str, text: &str| {
            let key = format!("{prefix}/{key}");
            json!({ "digest": digest(text), "bucket": self.bucket, "clave": key, "bytes": 3 })
        };
        let expected = [news("enero.csv", "uno"), news("maría y josé.csv", "dos")];
        self.heard(&expected).await?;
        idle(account, &self.queue_url).await?;
        // What was announced so far, more than once perhaps.
        self.listener.take().await?;

        // The same file once more, as S3 and SQS may tell it, and another one with the same content: nothing new.
        self.drop_file("otra/copia.csv", "uno")?;
        for key in [format!("{prefix}/enero.csv"), "otra/copia.csv".to_owned()] {
            let record = json!({ "s3": { "bucket": { "name": self.bucket }, "object": { "key": key } } });
            let message = json!({ "Records": [record] }).to_string();
            let send = account.sqs().send_message().queue_url(&self.queue_url);
            send.message_body(message).send().await?;
        }
        idle(account, &self.queue_url).await?;
        assert_eq!(self.listener.take().await?, Vec::<String>::new());
        let mut digests = Vec::new();
        for item in account.dynamodb().scan().table_name(&self.table).send().await?.items() {
            assert_eq!(item.get("Anunciado"), Some(&AttributeValue::Bool(true)));
            digests.extend(item.get("Digest").and_then(|digest| digest.as_s().ok()).cloned());
        }
        digests.sort();
        let mut expected = [digest("uno"), digest("dos")];
        expected.sort();
        assert_eq!(digests, expected);

        // The executor's last line, which may not come after its log is destroyed.
        counted(account, "Ejecutadas", 1).await?;
        Ok(run.id)
    }

    fn drop_file(&self, key: &str, text: &str) -> Result<()> {
        put(&self.account, &format!("/{}/{key}", self.bucket), text)
    }

    /// Waits until the topic has announced all of these.
    async fn heard(&self, expected: &[Value]) -> Result<()> {
        let mut heard = Vec::new();
        while !expected.iter().all(|news| heard.contains(news)) {
            let taken = wait::until("an announcement", LIMIT, || async {
                let taken = self.listener.take().await?;
                Ok((!taken.is_empty()).then_some(taken))
            });
            for message in taken.await.with_context(|| format!("after {heard:#?}"))? {
                heard.push(serde_json::from_str(&message).with_context(|| format!("reading {message}"))?);
            }
        }
        Ok(())
    }
}

/// A queue that a topic sends its messages to, as they are.
pub(crate) async fn listen(account: &Account, topic: &str) -> Result<TargetQueue> {
    let queue = TargetQueue::create(account, "Oyente").await?;
    let subscribe = account.sns().subscribe().topic_arn(topic).protocol("sqs");
    let subscribe = subscribe.endpoint(&queue.arn).attributes("RawMessageDelivery", "true");
    subscribe.send().await.context("subscribing a queue")?;
    Ok(queue)
}

/// A table whose key is one text.
pub(crate) async fn create_table(account: &Account, name: &str, key: &str) -> Result<()> {
    let schema = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S);
    let dynamodb = account.dynamodb();
    let create = dynamodb
        .create_table()
        .table_name(name)
        .key_schema(schema.build()?)
        .attribute_definitions(attribute.build()?)
        .billing_mode(BillingMode::PayPerRequest);
    create.send().await.map(drop).context("creating a table")
}

fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |all, byte| format!("{all}{byte:02x}"))
}
