//! An installation without a stack: tables, queues, roles and functions, as the topology has them.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::time::Duration;

use acceptance::ministack::{MiniStack, Options};
use acceptance::{Account, wait, workspace};
use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, FunctionResponseType, InvocationType, Runtime, State};
use aws_sdk_sqs::types::QueueAttributeName;
use kairos::names::{Names, Place};
use serde_json::{Value, json};

/// What the names of the processes' roles begin with.
pub(crate) const ROLE_PREFIX: &str = "KairosProceso-";

/// The time-out of the functions, in seconds.
const TIMEOUT: i32 = 60;

/// The parts that a test asks for; tables and queues are always there.
#[derive(Clone)]
pub(crate) struct Installation {
    pub(crate) account: Account,
    pub(crate) names: Names,
}

impl Installation {
    /// Tables and queues in an account of their own, with IAM enforced.
    pub(crate) async fn create() -> Result<Self> {
        Self::create_on(Options { auth: true }).await
    }

    /// The same on a local AWS of these options.
    pub(crate) async fn create_on(options: Options) -> Result<Self> {
        Self::of(MiniStack::shared(options)?.account()).await
    }

    /// The same in an account.
    pub(crate) async fn of(account: Account) -> Result<Self> {
        let place = Place {
            partition: "aws".into(),
            account: account.id.clone(),
            region: account.region.clone(),
        };
        let made = Self {
            names: Names::new("Demo", place),
            account,
        };
        let names = &made.names;
        let by_schedule = ["PorIdCalendarizacion", "IdCalendarizacion", "IdProceso"];
        made.table(&names.procesos_table(), "IdProceso", &[by_schedule]).await?;
        made.table(&names.calendarizaciones_table(), "IdCalendarizacion", &[])
            .await?;
        let by_process = ["PorProceso", "IdProceso", "FechaProgramada"];
        let by_day = ["PorEstadoDia", "EstadoDia", "FechaProgramada"];
        made.table(&names.ejecuciones_table(), "IdEjecucion", &[by_process, by_day])
            .await?;
        for queue in [names.queue(), names.queue_dlq(), names.dispatcher_dlq()] {
            let create = made.account.sqs().create_queue().queue_name(&queue);
            create
                .attributes(QueueAttributeName::VisibilityTimeout, "360")
                .send()
                .await?;
        }
        Ok(made)
    }

    /// A table with these indexes: name, partition key and sort key of each.
    async fn table(&self, name: &str, key: &str, indexes: &[[&str; 3]]) -> Result<()> {
        let mut create = self
            .account
            .dynamodb()
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest);
        create = create
            .attribute_definitions(attribute(key)?)
            .key_schema(part(key, KeyType::Hash)?);
        let mut defined = BTreeSet::from([key]);
        for [index, hash, range] in indexes {
            let index = GlobalSecondaryIndex::builder()
                .index_name(*index)
                .key_schema(part(hash, KeyType::Hash)?)
                .key_schema(part(range, KeyType::Range)?)
                .projection(Projection::builder().projection_type(ProjectionType::All).build());
            for name in [hash, range].into_iter().filter(|name| defined.insert(*name)) {
                create = create.attribute_definitions(attribute(name)?);
            }
            create = create.global_secondary_indexes(index.build()?);
        }
        create
            .send()
            .await
            .with_context(|| format!("creating the table {name}"))?;
        Ok(())
    }

    /// Adds a row as the registry would write it.
    pub(crate) async fn put(&self, table: &str, row: Value) -> Result<()> {
        self.account
            .dynamodb()
            .put_item()
            .table_name(table)
            .set_item(Some(item(row)))
            .send()
            .await?;
        Ok(())
    }

    /// The dispatcher, with its role.
    pub(crate) async fn dispatcher(&self) -> Result<()> {
        let n = &self.names;
        let index = format!("{}/index/PorIdCalendarizacion", n.table_arn(&n.procesos_table()));
        let may = json!([
            allow(&["dynamodb:Query"], &index),
            allow(&["dynamodb:GetItem"], &n.table_arn(&n.calendarizaciones_table())),
            // AWS knows no action for batches; the local AWS asks for one.
            allow(&["sqs:SendMessage*"], &n.queue_arn(&n.queue())),
            allow(&["lambda:InvokeFunction"], &n.function_arn(&n.dispatcher_function())),
        ]);
        self.function("dispatcher", &n.dispatcher_function(), &n.dispatcher_role(), &may, &[])
            .await
    }

    /// The executor, with its role, fed by the queue.
    pub(crate) async fn executor(&self) -> Result<()> {
        let n = &self.names;
        let consume = [
            "ReceiveMessage",
            "DeleteMessage",
            "ChangeMessageVisibility",
            "GetQueueAttributes",
        ];
        let consume = consume.map(|action| format!("sqs:{action}"));
        let may = json!([
            json!({"Effect": "Allow", "Action": consume, "Resource": n.queue_arn(&n.queue())}),
            allow(&["sqs:SendMessage"], &n.queue_arn(&n.queue_dlq())),
            allow(
                &["dynamodb:GetItem", "dynamodb:BatchGetItem"],
                &n.table_arn(&n.procesos_table())
            ),
            allow(
                &["dynamodb:UpdateItem", "dynamodb:GetItem"],
                &n.table_arn(&n.ejecuciones_table())
            ),
            allow(&["sts:AssumeRole"], &n.role_arn("/", &format!("{ROLE_PREFIX}*"))),
        ]);
        let own = [
            ("KAIROS_DEAD_LETTER_QUEUE_URL", self.queue_url(&n.queue_dlq())),
            ("KAIROS_ROLE_PREFIX", ROLE_PREFIX.to_owned()),
            ("KAIROS_HISTORY_DAYS", "90".to_owned()),
        ];
        self.function("executor", &n.executor_function(), &n.executor_role(), &may, &own)
            .await?;
        self.account
            .lambda()
            .create_event_source_mapping()
            .function_name(n.executor_function())
            .event_source_arn(n.queue_arn(&n.queue()))
            .batch_size(10)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .send()
            .await
            .context("feeding the executor")?;
        Ok(())
    }

    /// The group of the schedules.
    pub(crate) async fn schedule_group(&self) -> Result<()> {
        let create = self.account.scheduler().create_schedule_group();
        create.name(self.names.schedule_group()).send().await?;
        Ok(())
    }

    /// The API, with its role, and the group of its schedules.
    pub(crate) async fn api(&self) -> Result<()> {
        let n = &self.names;
        self.schedule_group().await?;
        let rows = [
            "GetItem",
            "PutItem",
            "UpdateItem",
            "DeleteItem",
            "ConditionCheckItem",
            "Query",
            "Scan",
            "BatchGetItem",
        ];
        let rows = rows.map(|action| format!("dynamodb:{action}"));
        let tables = [n.procesos_table(), n.calendarizaciones_table(), n.ejecuciones_table()];
        let tables = tables.map(|table| n.table_arn(&table));
        let schedules = ["CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule"];
        let schedules = schedules.map(|action| format!("scheduler:{action}"));
        // The local AWS looks for every schedule in the default group; a stack's role names its own group.
        let may = json!([
            {"Effect": "Allow", "Action": rows, "Resource": tables.clone().map(|arn| format!("{arn}*"))},
            {"Effect": "Allow", "Action": schedules, "Resource": n.arn("scheduler", "schedule/*/*")},
            allow(&["iam:PassRole"], &n.role_arn("/", &n.scheduler_role())),
            allow(&["sqs:SendMessage*"], &n.queue_arn(&n.queue())),
            allow(&["lambda:InvokeFunction"], &n.function_arn(&n.dispatcher_function())),
        ]);
        let own = [
            ("KAIROS_HISTORY_DAYS", "90".to_owned()),
            ("KAIROS_ROLE_PREFIX", ROLE_PREFIX.to_owned()),
            ("KAIROS_SCHEDULER_ROLE_ARN", n.role_arn("/", &n.scheduler_role())),
            ("KAIROS_EXECUTOR_TIMEOUT", TIMEOUT.to_string()),
        ];
        self.function("api", &n.api_function(), &n.api_role(), &may, &own).await
    }

    async fn function(&self, package: &str, name: &str, role: &str, may: &Value, own: &[(&str, String)]) -> Result<()> {
        let n = &self.names;
        let zip = workspace::target()
            .join("lambdas")
            .join(format!("{package}-x86_64.zip"));
        let zip = fs::read(&zip).with_context(|| format!("\"{}\": run `cargo xtask package`", zip.display()))?;
        let role = self.role(role, may).await?;
        let mut environment = Environment::builder()
            .variables("KAIROS_STACK", &n.app)
            .variables("KAIROS_ACCOUNT", &n.place.account)
            .variables("KAIROS_PARTITION", &n.place.partition)
            .variables("KAIROS_QUEUE_URL", self.queue_url(&n.queue()));
        for (key, value) in own {
            environment = environment.variables(*key, value);
        }
        let lambda = self.account.lambda();
        lambda
            .create_function()
            .function_name(name)
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .role(role)
            .code(FunctionCode::builder().zip_file(Blob::new(zip)).build())
            .environment(environment.build())
            .timeout(TIMEOUT)
            .send()
            .await
            .with_context(|| format!("creating the function {name}"))?;
        wait::until("the function", Duration::from_mins(2), || async {
            let answer = lambda.get_function_configuration().function_name(name).send().await?;
            Ok((answer.state() == Some(&State::Active)).then_some(()))
        })
        .await
    }

    async fn role(&self, name: &str, may: &Value) -> Result<String> {
        let iam = self.account.iam();
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ]});
        let made = iam
            .create_role()
            .role_name(name)
            .assume_role_policy_document(trust.to_string())
            .send()
            .await?;
        let policy = json!({"Version": "2012-10-17", "Statement": may}).to_string();
        iam.put_role_policy()
            .role_name(name)
            .policy_name("Kairos")
            .policy_document(policy)
            .send()
            .await?;
        Ok(made.role().context("no role")?.arn().to_owned())
    }

    /// Invokes a function and waits for its answer: its error, if any, and what it said.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Result<(Option<String>, Value)> {
        let answer = self
            .account
            .lambda()
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::RequestResponse)
            .payload(Blob::new(event.to_string()))
            .send()
            .await?;
        let said = answer
            .payload()
            .map(|payload| serde_json::from_slice(payload.as_ref()))
            .transpose()?;
        Ok((answer.function_error().map(str::to_owned), said.unwrap_or_default()))
    }

    /// What the server and the functions wrote last, for a failure's message.
    pub(crate) fn log() -> String {
        let log = MiniStack::shared(Options { auth: true })
            .map(MiniStack::log)
            .unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// The URL of a queue, as the stack gives it to the functions.
    pub(crate) fn queue_url(&self, queue: &str) -> String {
        let place = &self.names.place;
        format!("https://sqs.{}.amazonaws.com/{}/{queue}", place.region, place.account)
    }

    /// How many messages a queue holds, in flight or not.
    pub(crate) async fn depth(&self, queue: &str) -> Result<u64> {
        let both = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let ask = self
            .account
            .sqs()
            .get_queue_attributes()
            .queue_url(self.queue_url(queue));
        let answer = ask.set_attribute_names(Some(both.to_vec())).send().await?;
        let attributes = answer.attributes.unwrap_or_default();
        Ok(both
            .iter()
            .filter_map(|name| attributes.get(name)?.parse::<u64>().ok())
            .sum())
    }
}

fn attribute(name: &str) -> Result<AttributeDefinition> {
    Ok(AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()?)
}

fn part(name: &str, kind: KeyType) -> Result<KeySchemaElement> {
    Ok(KeySchemaElement::builder()
        .attribute_name(name)
        .key_type(kind)
        .build()?)
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resource})
}

/// A flat object as an item.
pub(crate) fn item(row: Value) -> HashMap<String, AttributeValue> {
    let Value::Object(row) = row else { return HashMap::new() };
    let attribute = |value: Value| match value {
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        other => AttributeValue::S(other.to_string()),
    };
    row.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}
