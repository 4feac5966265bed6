//! From a firing to the target, as the process's role, and to the dead-letter queue and back.

use std::time::Duration;

use acceptance::fixtures::{ProcesoRole, TargetFunction, TargetQueue};
use acceptance::history::{Run, runs};
use acceptance::wait;
use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

const CALENDARIZACION: &str = "calendarizacion-aaaa";
const LIMIT: Duration = Duration::from_mins(5);

struct Scene {
    installation: Installation,
    function: TargetFunction,
    queue: TargetQueue,
    denied: ProcesoRole,
}

/// Four processes of one calendarización: one starts a function, one feeds a queue, one may not call its target, and one
/// is disabled.
async fn scene() -> Result<Scene> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    installation.executor().await?;
    let account = &installation.account;
    let function = TargetFunction::create(account, "Destino").await?;
    let queue = TargetQueue::create(account, "Destino").await?;
    let executor = installation.names.role_arn("/", &installation.names.executor_role());
    let role = |name: &str| format!("{ROLE_PREFIX}{name}");
    let invokes = ProcesoRole::create(
        account,
        &role("invoca"),
        &executor,
        "lambda:InvokeFunction",
        &function.arn,
    )
    .await?;
    let sends = ProcesoRole::create(account, &role("envia"), &executor, "sqs:SendMessage", &queue.arn).await?;
    let denied = ProcesoRole::create(account, &role("negado"), &executor, "lambda:GetFunction", &function.arn).await?;
    let parameters = r#"{"run":"<kairos.id-ejecucion>","at":"<kairos.fecha-programada>","attempt":<kairos.intento>}"#;
    for (name, role, target, enabled) in [
        ("funcion", &invokes.arn, &function.arn, true),
        ("cola", &sends.arn, &queue.arn, true),
        ("negado", &denied.arn, &function.arn, true),
        ("pausado", &invokes.arn, &function.arn, false),
    ] {
        let row = json!({
            "IdProceso": format!("proceso-{name}"), "Nombre": name, "ArnRol": role, "ArnProceso": target,
            "Parametros": parameters, "Habilitado": enabled, "Reintentos": 3, "ModoInvocacion": "Event",
            "IdCalendarizacion": CALENDARIZACION, "FechaAsignacion": "2026-01-01T00:00:00.000Z",
            "FechaCreacion": "2026-01-01T00:00:00.000Z", "FechaActualizacion": "2026-01-01T00:00:00.000Z", "Version": 1
        });
        installation.put(&installation.names.procesos_table(), row).await?;
    }
    Ok(Scene {
        installation,
        function,
        queue,
        denied,
    })
}

impl Scene {
    async fn fire(&self) -> Result<()> {
        let firing =
            json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00Z", "Intento": "1"});
        let (error, said) = self
            .installation
            .invoke(&self.installation.names.dispatcher_function(), &firing)
            .await?;
        assert_eq!(
            (error, &said["Enviados"], &said["Descartados"]),
            (None, &json!(3), &json!(1)),
            "{said}"
        );
        Ok(())
    }

    /// Awaits that a run is in a state, and that the queue is empty.
    async fn settled(&self, process: &str, estado: &str) -> Result<Run> {
        let id = format!("proceso-{process}");
        let what = format!("the run of {id} as {estado}");
        wait::until(&what, LIMIT, || async {
            let runs = runs(&self.installation.account, &self.installation.names.app).await?;
            let drained = self.installation.depth(&self.installation.names.queue()).await? == 0;
            Ok(runs
                .into_iter()
                .find(|run| drained && run.id_proceso == id && run.estado == estado))
        })
        .await
    }

    async fn dead_letter(&self) -> Result<(String, Value)> {
        let url = self.installation.queue_url(&self.installation.names.queue_dlq());
        let sqs = self.installation.account.sqs();
        let batch = sqs
            .receive_message()
            .queue_url(&url)
            .message_attribute_names("All")
            .send()
            .await?;
        let message = batch.messages().first().context("no dead letter")?;
        sqs.delete_message()
            .queue_url(&url)
            .receipt_handle(message.receipt_handle().unwrap_or_default())
            .send()
            .await?;
        let attributes = message.message_attributes().into_iter().flatten();
        let attributes = attributes.map(|(name, value)| (name.clone(), json!(value.string_value())));
        Ok((message.body().unwrap_or_default().to_owned(), attributes.collect()))
    }
}

#[tokio::test]
async fn a_firing_reaches_each_target_once_and_a_denied_one_the_dead_letter_queue() -> Result<()> {
    let scene = scene().await?;
    scene.fire().await?;
    let function = scene.settled("funcion", "EjecutadoOk").await?;
    let queue = scene.settled("cola", "EjecutadoOk").await?;
    let failed = scene.settled("negado", "ErrorAlEjecutar").await?;
    let seen = |run: &Run, attempt: u32| json!({"run": run.id, "at": "2026-01-02T03:04:00.000Z", "attempt": attempt});
    let arrived = wait::until("what the function saw", LIMIT, || async {
        let seen = scene.function.seen().await?;
        Ok((!seen.is_empty()).then_some(seen))
    });
    assert_eq!(arrived.await?, [seen(&function, 1)]);
    let bodies = scene.queue.take().await?;
    assert_eq!(bodies.len(), 1);
    assert_eq!(serde_json::from_str::<Value>(&bodies[0])?, seen(&queue, 1));
    let reason = failed.error.clone().context("no reason")?;
    assert!(reason.contains("AccessDenied") && reason.contains("Invoke"), "{reason}");
    assert_eq!(failed.intentos, 1, "denied is not tried again");

    // The same firing once more: Scheduler delivers at least once.
    scene.fire().await?;
    scene.settled("funcion", "EjecutadoOk").await?;
    assert_eq!(scene.function.seen().await?.len(), 1, "nothing runs twice");
    let all = runs(&scene.installation.account, &scene.installation.names.app).await?;
    assert_eq!(all.len(), 3, "the disabled process has no run: {all:?}");

    let (body, attributes) = scene.dead_letter().await?;
    assert_eq!(
        (&attributes["Clase"], &attributes["IdEjecucion"]),
        (&json!("Terminal"), &json!(failed.id))
    );
    assert!(
        attributes["Motivo"]
            .as_str()
            .unwrap_or_default()
            .contains("AccessDenied"),
        "{attributes}"
    );

    // Once the role may call the target, the message is redriven as it is.
    scene.allow_denied().await?;
    let url = scene.installation.queue_url(&scene.installation.names.queue());
    scene
        .installation
        .account
        .sqs()
        .send_message()
        .queue_url(url)
        .message_body(body)
        .send()
        .await?;
    let redriven = scene.settled("negado", "EjecutadoOk").await?;
    assert!(
        redriven.intentos > failed.intentos && redriven.error.is_none(),
        "{redriven:?}"
    );
    let arrived = wait::until("what the function saw", LIMIT, || async {
        let all = scene.function.seen().await?;
        Ok(all.contains(&seen(&redriven, redriven.intentos)).then_some(all))
    });
    assert_eq!(arrived.await?.len(), 2);
    Ok(())
}

impl Scene {
    async fn allow_denied(&self) -> Result<()> {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": self.function.arn}
        ]});
        let name = self.denied.arn.rsplit('/').next().unwrap_or_default();
        let put = self
            .installation
            .account
            .iam()
            .put_role_policy()
            .role_name(name)
            .policy_name("target");
        put.policy_document(policy.to_string()).send().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_process_that_is_disabled_or_deleted_after_the_firing_is_omitted() -> Result<()> {
    let scene = scene().await?;
    let table = scene.installation.names.procesos_table();
    let message = |name: &str| {
        json!({"IdEjecucion": uuid::Uuid::new_v4().to_string(), "IdProceso": format!("proceso-{name}"),
               "IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00.000Z"})
    };
    let key = aws_sdk_dynamodb::types::AttributeValue::S("proceso-cola".into());
    scene
        .installation
        .account
        .dynamodb()
        .delete_item()
        .table_name(table)
        .key("IdProceso", key)
        .send()
        .await?;
    let url = scene.installation.queue_url(&scene.installation.names.queue());
    for name in ["cola", "pausado"] {
        let send = scene.installation.account.sqs().send_message().queue_url(&url);
        send.message_body(message(name).to_string()).send().await?;
    }
    assert!(
        scene
            .settled("cola", "Omitido")
            .await?
            .error
            .unwrap_or_default()
            .contains("deleted")
    );
    assert!(
        scene
            .settled("pausado", "Omitido")
            .await?
            .error
            .unwrap_or_default()
            .contains("disabled")
    );
    assert_eq!(scene.queue.take().await?, Vec::<String>::new());
    assert_eq!(scene.function.seen().await?, Vec::<Value>::new());
    Ok(())
}
