//! Runs that nobody can mend but a person: at once in the dead-letter queue with the reason; then, the cause mended and the
//! message sent again by hand as it is, they run once.

use std::collections::BTreeMap;
use std::time::Duration;

use acceptance::fixtures::{ProcesoRole, TargetQueue, permit};
use acceptance::history::{Run, runs};
use acceptance::wait;
use anyhow::{Context, Result};
use aws_sdk_sqs::types::Message;
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

const LIMIT: Duration = Duration::from_mins(5);

struct Scene {
    installation: Installation,
    /// The executor's role, which processes' roles trust.
    executor: String,
    target: TargetQueue,
}

impl Scene {
    async fn new() -> Result<Self> {
        let installation = Installation::create().await?;
        installation.executor().await?;
        let target = TargetQueue::create(&installation.account, "Destino").await?;
        let executor = installation.names.role_arn("/", &installation.names.executor_role());
        Ok(Self {
            installation,
            executor,
            target,
        })
    }

    /// A process of this name, with the role of its name, and the message of one of its runs.
    async fn process(&self, name: &str, target: &str) -> Result<String> {
        let n = &self.installation.names;
        let role = n.role_arn("/", &format!("{ROLE_PREFIX}{name}"));
        let row = json!({
            "IdProceso": format!("proceso-{name}"), "Nombre": name, "ArnRol": role, "ArnProceso": target,
            "Parametros": format!(r#"{{"de":"{name}","run":"<kairos.id-ejecucion>"}}"#), "Habilitado": true,
            "Reintentos": 3, "ModoInvocacion": "Event", "IdCalendarizacion": "calendarizacion-aaaa",
            "FechaAsignacion": "2026-01-01T00:00:00.000Z", "FechaCreacion": "2026-01-01T00:00:00.000Z",
            "FechaActualizacion": "2026-01-01T00:00:00.000Z", "Version": 1
        });
        self.installation.put(&n.procesos_table(), row).await?;
        let message = json!({
            "IdEjecucion": uuid::Uuid::new_v4().to_string(), "IdProceso": format!("proceso-{name}"),
            "IdCalendarizacion": "calendarizacion-aaaa", "FechaProgramada": "2026-01-02T03:04:00.000Z"
        });
        Ok(message.to_string())
    }

    async fn role(&self, name: &str, action: &str, resource: &str) -> Result<ProcesoRole> {
        let name = format!("{ROLE_PREFIX}{name}");
        ProcesoRole::create(&self.installation.account, &name, &self.executor, action, resource).await
    }

    async fn send(&self, body: &str) -> Result<()> {
        let url = self.installation.queue_url(&self.installation.names.queue());
        let send = self.installation.account.sqs().send_message().queue_url(url);
        send.message_body(body).send().await?;
        Ok(())
    }

    /// Awaits that so many runs are in a state, and that the queue is empty.
    async fn settled(&self, estado: &str, count: usize) -> Result<Vec<Run>> {
        let names = &self.installation.names;
        wait::until(&format!("{count} runs as {estado}"), LIMIT, || async {
            let runs = runs(&self.installation.account, &names.app).await?;
            let drained = self.installation.depth(&names.queue()).await? == 0;
            let settled = runs.iter().filter(|run| run.estado == estado).count();
            Ok((drained && settled == count).then_some(runs))
        })
        .await
        .with_context(Installation::log)
    }

    /// Takes so many messages off the dead-letter queue.
    async fn dead_letters(&self, count: usize) -> Result<Vec<Message>> {
        let url = self.installation.queue_url(&self.installation.names.queue_dlq());
        let (url, sqs) = (&url, &self.installation.account.sqs());
        let mut found = Vec::new();
        while found.len() < count {
            let some = wait::until("a dead letter", LIMIT, || async move {
                let receive = sqs.receive_message().queue_url(url).max_number_of_messages(10);
                let batch = receive.message_attribute_names("All").send().await?;
                Ok(batch.messages.filter(|messages| !messages.is_empty()))
            });
            for message in some.await? {
                let delete = sqs.delete_message().queue_url(url);
                delete.set_receipt_handle(message.receipt_handle.clone()).send().await?;
                found.push(message);
            }
        }
        Ok(found)
    }

    /// Of which processes the target has got runs since it was last asked.
    async fn arrived(&self) -> Result<Vec<String>> {
        let bodies = self.target.take().await?;
        let read = |body: &String| serde_json::from_str::<Value>(body);
        let bodies: Vec<Value> = bodies.iter().map(read).collect::<Result<_, _>>()?;
        let mut of: Vec<String> = bodies
            .iter()
            .filter_map(|body| Some(body["de"].as_str()?.to_owned()))
            .collect();
        of.sort();
        Ok(of)
    }
}

fn attribute<'a>(message: &'a Message, name: &str) -> &'a str {
    let attributes = message.message_attributes();
    let value = attributes
        .and_then(|all| all.get(name))
        .and_then(|value| value.string_value());
    value.unwrap_or_default()
}

#[tokio::test]
async fn a_run_that_failed_for_good_runs_once_when_its_cause_is_mended_and_its_message_sent_again() -> Result<()> {
    let scene = Scene::new().await?;
    let (account, arn) = (&scene.installation.account, scene.target.arn.clone());
    let missing = format!("{arn}Nuevo");
    // A role that does not exist, one that may not call the target, and a target that does not exist.
    scene.role("negado", "sqs:GetQueueUrl", &arn).await?;
    scene.role("ausente", "sqs:SendMessage", &missing).await?;
    let mut sent = BTreeMap::new();
    for (name, target) in [("rol", &arn), ("negado", &arn), ("ausente", &missing)] {
        let body = scene.process(name, target).await?;
        scene.send(&body).await?;
        sent.insert(body, name);
    }

    let failed = scene.settled("ErrorAlEjecutar", 3).await?;
    assert!(
        failed.iter().all(|run| run.intentos == 1),
        "none is tried again: {failed:?}"
    );
    let letters = scene.dead_letters(3).await?;
    assert_eq!(letters.len(), 3);
    for letter in &letters {
        let body = letter.body().unwrap_or_default();
        let name = *sent.get(body).with_context(|| format!("not as it was sent: {body}"))?;
        let told = attribute(letter, "Motivo");
        let reason = match name {
            "rol" => told.contains("AssumeRole"),
            "negado" => told.contains("SendMessage") && told.contains("AccessDenied"),
            _ => told.contains("SendMessage") && told.contains("does not exist"),
        };
        assert!(reason, "{name}: {told}");
        assert_eq!(
            (attribute(letter, "Clase"), attribute(letter, "Intentos")),
            ("Terminal", "1")
        );
        assert!(body.contains(attribute(letter, "IdEjecucion")), "{body}");
    }
    assert_eq!(scene.arrived().await?, Vec::<String>::new());

    scene.role("rol", "sqs:SendMessage", &arn).await?;
    permit(account, &format!("{ROLE_PREFIX}negado"), "sqs:SendMessage", &arn).await?;
    let made = TargetQueue::create(account, "DestinoNuevo").await?;
    for letter in &letters {
        scene.send(letter.body().unwrap_or_default()).await?;
    }
    let mended = scene.settled("EjecutadoOk", 3).await?;
    assert!(
        mended.iter().all(|run| run.intentos > 1 && run.error.is_none()),
        "{mended:?}"
    );
    assert_eq!(scene.arrived().await?, ["negado", "rol"]);
    assert_eq!(made.take().await?.len(), 1);

    // Whoever sends them once more starts nothing.
    for letter in &letters {
        scene.send(letter.body().unwrap_or_default()).await?;
    }
    assert_eq!(scene.settled("EjecutadoOk", 3).await?, mended);
    assert_eq!((scene.arrived().await?.len(), made.take().await?.len()), (0, 0));
    assert_eq!(
        scene.installation.depth(&scene.installation.names.queue_dlq()).await?,
        0
    );
    Ok(())
}
