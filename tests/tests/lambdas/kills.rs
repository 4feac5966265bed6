//! The executor's real binary, killed by SIGKILL at each step of its sequence, before AWS carries the call out and before its
//! answer arrives. Its message comes again, as SQS would bring it, and the run ends: once where the target takes a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use acceptance::edge::{self, Binary, Edge};
use acceptance::fixtures::ProcesoRole;
use acceptance::gate::{Act, Gate, Request};
use acceptance::history::runs;
use acceptance::ministack::Options;
use acceptance::{process, wait};
use anyhow::{Context, Result, bail, ensure};
use aws_sdk_sqs::types::QueueAttributeName;
use futures_util::future::{Either, select, try_join_all};
use kairos::instant::Timestamp;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

/// How long the instance that is killed believes to have: its lease ends ten seconds later. A machine that is too slow for that
/// gets more in the next round.
const TIME: Duration = Duration::from_secs(5);
const ROUNDS: u32 = 6;

/// How long whatever is waited for may take.
const LIMIT: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(20);

/// A call of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Read,
    Claim,
    Assume,
    Start,
    Record,
    Bury,
}

/// Where an instance is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// Before AWS has carried the call out.
    Before,
    /// Before the call's answer arrives.
    After,
}

/// What is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A standard queue: each call is a message.
    Plain,
    /// A FIFO queue: the run is its deduplication id.
    Fifo,
    /// A queue that does not exist.
    Missing,
}

struct Scene {
    installation: Installation,
    binary: Binary,
    /// Who gets the messages again.
    successor: Edge,
}

/// What became of a run whose executor was killed.
#[derive(Debug, PartialEq, Eq)]
struct End {
    estado: String,
    intentos: u32,
    /// How many times its target took it; of what is missing, how many dead letters there are.
    times: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_executor_that_is_killed_at_any_step_leaves_a_run_that_ends() -> Result<()> {
    let scene = Scene::create().await?;
    let mut all = Vec::new();
    for when in [When::Before, When::After] {
        for step in [Step::Read, Step::Claim, Step::Assume, Step::Start, Step::Record] {
            all.extend([(step, when, Target::Plain), (step, when, Target::Fifo)]);
        }
        all.push((Step::Bury, when, Target::Missing));
    }
    let killed = all.iter().map(|(step, when, target)| scene.kill(*step, *when, *target));
    let ids = try_join_all(killed).await?;
    let table = runs(&scene.installation.account, &scene.installation.names.app).await?;
    let taken = scene.taken().await?;
    for ((step, when, target), id) in all.into_iter().zip(ids) {
        let run = table
            .iter()
            .find(|run| run.id == id)
            .with_context(|| format!("{id} is not in the table"))?;
        let end = End {
            estado: run.estado.clone(),
            intentos: run.intentos,
            times: taken.iter().filter(|body| body.contains(&id)).count(),
        };
        assert_eq!(
            end,
            expected(step, when, target),
            "killed {when:?} {step:?}, {target:?}: {run:?}"
        );
    }
    Ok(())
}

/// Once, but where the kill fell between start and record and the target takes no token.
fn expected(step: Step, when: When, target: Target) -> End {
    let between = matches!((step, when), (Step::Start, When::After) | (Step::Record, When::Before));
    let claimed = match (step, when) {
        (Step::Read, _) | (Step::Claim, When::Before) | (Step::Record, When::After) => 1,
        _ => 2,
    };
    match target {
        Target::Missing => End {
            estado: "ErrorAlEjecutar".to_owned(),
            intentos: 2,
            times: if when == When::Before { 1 } else { 2 },
        },
        Target::Plain | Target::Fifo => End {
            estado: "EjecutadoOk".to_owned(),
            intentos: claimed,
            times: if between && target == Target::Plain { 2 } else { 1 },
        },
    }
}

impl Scene {
    async fn create() -> Result<Self> {
        // A gate changes what a signature is over: nobody may check it.
        let installation = Installation::create_on(Options::default()).await?;
        let account = &installation.account;
        let root = format!("arn:aws:iam::{}:root", account.id);
        let role = ProcesoRole::create(account, &format!("{ROLE_PREFIX}envia"), &root, "sqs:SendMessage", "*").await?;
        for target in [Target::Plain, Target::Fifo] {
            let create = account.sqs().create_queue().queue_name(target.queue());
            let create = match target {
                Target::Fifo => create.attributes(QueueAttributeName::FifoQueue, "true"),
                _ => create,
            };
            create.send().await.context("creating a target")?;
        }
        for target in [Target::Plain, Target::Fifo, Target::Missing] {
            let arn = format!("arn:aws:sqs:{}:{}:{}", account.region, account.id, target.queue());
            let row = json!({
                "IdProceso": target.process(), "Nombre": target.process(), "ArnRol": role.arn, "ArnProceso": arn,
                "Parametros": "<kairos.id-ejecucion>", "Habilitado": true, "Reintentos": 3, "ModoInvocacion": "Event",
                "IdCalendarizacion": "calendarizacion-a", "FechaAsignacion": "2026-01-01T00:00:00.000Z",
                "FechaCreacion": "2026-01-01T00:00:00.000Z", "FechaActualizacion": "2026-01-01T00:00:00.000Z",
                "Version": 1
            });
            installation.put(&installation.names.procesos_table(), row).await?;
        }
        let binary = Binary::packed("executor")?;
        let successor = Edge::start(&binary, &environment(&installation, &account.endpoint), 1).await?;
        Ok(Self {
            installation,
            binary,
            successor,
        })
    }

    /// Kills an executor at a step of a run; then its message comes again until it is done. The run's id.
    async fn kill(&self, step: Step, when: When, target: Target) -> Result<String> {
        for round in 0..ROUNDS {
            let id = uuid::Uuid::new_v4().to_string();
            let event = event(&id, target);
            if self.killed(step, when, &event, TIME * (1 << round)).await? {
                self.again(&id, &event)
                    .await
                    .with_context(|| format!("killed {when:?} {step:?}, {target:?}"))?;
                return Ok(id);
            }
        }
        bail!("no executor came to {step:?} within its time")
    }

    /// Whether the instance met its end at the step: where it did not come there in time, it answered.
    async fn killed(&self, step: Step, when: When, event: &Value, time: Duration) -> Result<bool> {
        let gate = Gate::before(&self.installation.account)?;
        let pid = Arc::new(AtomicU32::new(0));
        let done = Arc::new(AtomicBool::new(false));
        let end = {
            let (pid, done) = (Arc::clone(&pid), Arc::clone(&done));
            move || {
                if !done.swap(true, Ordering::SeqCst) {
                    end(pid.load(Ordering::SeqCst));
                }
            }
        };
        match when {
            // The call is not carried out: its caller is gone before anything is done with it.
            When::Before => gate.rule(Act::Refuse(500, "InternalError"), move |request| {
                let meant = step.is(request);
                if meant {
                    end();
                }
                meant
            }),
            When::After => gate.rule(
                Act::Change(Box::new(move |answer| {
                    end();
                    answer
                })),
                move |request| step.is(request),
            ),
        };
        let endpoint = gate.account(&self.installation.account).endpoint;
        let mut edge = Edge::start(&self.binary, &environment(&self.installation, &endpoint), 1).await?;
        let id = *edge.processes().first().context("no process")?;
        pid.store(id, Ordering::SeqCst);
        let gone = async {
            while process::runs(id) {
                tokio::time::sleep(LOOK).await;
            }
        };
        let answered = Box::pin(edge.invoke_within(event, time));
        let ended = match select(answered, Box::pin(gone)).await {
            Either::Left((answer, _)) => {
                ensure!(!done.load(Ordering::SeqCst), "killed, and answered {answer:?}");
                false
            }
            Either::Right(_) => {
                ensure!(done.load(Ordering::SeqCst), "it ended by itself: {}", edge.log());
                true
            }
        };
        Ok(ended)
    }

    /// The message comes again, once the run is nobody's any more, until it is done.
    async fn again(&self, id: &str, event: &Value) -> Result<()> {
        wait::until("the lease's end", LIMIT, || async {
            let leased = self.lease(id).await?;
            Ok((leased.is_none_or(|until| until < Timestamp::now())).then_some(()))
        })
        .await?;
        let begun = Instant::now();
        loop {
            let answer = self.successor.invoke(event).await?;
            if answer["batchItemFailures"] == json!([]) {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < LIMIT,
                "never done: {answer}: {}",
                self.successor.log()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn lease(&self, id: &str) -> Result<Option<Timestamp>> {
        let key = aws_sdk_dynamodb::types::AttributeValue::S(id.to_owned());
        let table = self.installation.names.ejecuciones_table();
        let get = self.installation.account.dynamodb().get_item().table_name(table);
        let answer = get.key("IdEjecucion", key).consistent_read(true).send().await?;
        let until = answer.item().and_then(|item| item.get("ArrendadoHasta"));
        Ok(until
            .and_then(|until| until.as_s().ok())
            .map(|text| text.parse())
            .transpose()?)
    }

    /// What the targets took, and the dead letters, one text each.
    async fn taken(&self) -> Result<Vec<String>> {
        let names = &self.installation.names;
        let sqs = self.installation.account.sqs();
        let mut taken = Vec::new();
        for queue in [
            Target::Plain.queue().to_owned(),
            Target::Fifo.queue().to_owned(),
            names.queue_dlq(),
        ] {
            let url = self.installation.queue_url(&queue);
            loop {
                let receive = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
                let batch = receive.message_attribute_names("All").send().await?;
                if batch.messages().is_empty() {
                    break;
                }
                for message in batch.messages() {
                    if queue == names.queue_dlq() {
                        let reason = message.message_attributes().and_then(|all| all.get("Motivo"));
                        let reason = reason.and_then(|reason| reason.string_value()).unwrap_or_default();
                        ensure!(!reason.is_empty(), "a dead letter without a reason: {message:?}");
                    }
                    taken.push(message.body().unwrap_or_default().to_owned());
                    let receipt = message.receipt_handle().unwrap_or_default();
                    sqs.delete_message()
                        .queue_url(&url)
                        .receipt_handle(receipt)
                        .send()
                        .await?;
                }
            }
        }
        Ok(taken)
    }
}

impl Step {
    /// Whether a request is this step's. The target and the dead-letter queue are called by the same operation.
    fn is(self, request: &Request) -> bool {
        let dead = request.body.contains("DeadLetter");
        match self {
            Self::Read => request.operation == "BatchGetItem",
            Self::Claim => request.operation == "UpdateItem" && request.body.contains("FechaInicio"),
            Self::Assume => request.operation == "AssumeRole",
            Self::Start => request.operation == "SendMessage" && !dead,
            Self::Record => request.operation == "UpdateItem" && request.body.contains(":resultado"),
            Self::Bury => request.operation == "SendMessage" && dead,
        }
    }
}

impl Target {
    const fn process(self) -> &'static str {
        match self {
            Self::Plain => "proceso-simple",
            Self::Fifo => "proceso-fifo",
            Self::Missing => "proceso-perdido",
        }
    }

    const fn queue(self) -> &'static str {
        match self {
            Self::Plain => "Simple",
            Self::Fifo => "Ordenada.fifo",
            Self::Missing => "Perdida",
        }
    }
}

/// Ends a process at once, and returns when it runs no more.
fn end(pid: u32) {
    process::signal(pid, Signal::KILL);
    while process::runs(pid) {
        std::thread::yield_now();
    }
}

fn environment(installation: &Installation, endpoint: &str) -> Vec<(String, String)> {
    let names = &installation.names;
    let own = [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_ACCESS_KEY_ID", installation.account.id.clone()),
        ("AWS_REGION", installation.account.region.clone()),
        ("KAIROS_STACK", names.app.clone()),
        ("KAIROS_ACCOUNT", installation.account.id.clone()),
        ("KAIROS_QUEUE_URL", installation.queue_url(&names.queue())),
        (
            "KAIROS_DEAD_LETTER_QUEUE_URL",
            installation.queue_url(&names.queue_dlq()),
        ),
        ("KAIROS_ROLE_PREFIX", ROLE_PREFIX.to_owned()),
    ];
    let mut all = edge::environment("executor");
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    all
}

/// The delivery of a run's message.
fn event(id: &str, target: Target) -> Value {
    let body = json!({
        "IdEjecucion": id, "IdProceso": target.process(), "IdCalendarizacion": "calendarizacion-a",
        "FechaProgramada": "2026-01-02T03:04:00.000Z"
    });
    json!({"Records": [{
        "messageId": id, "receiptHandle": "receipt", "body": body.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}, "eventSource": "aws:sqs"
    }]})
}
