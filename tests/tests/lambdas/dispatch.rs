//! The dispatcher: every page, the time that AWS gives and the one that nobody gave, and failures that are told.

use std::collections::BTreeSet;
use std::time::Duration;

use acceptance::wait;
use anyhow::Result;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use jiff::{SignedDuration, Timestamp};
use kairos::instant::rfc3339_millis;
use kairos::message::Mensaje;
use serde_json::{Value, json};

use crate::installation::{Installation, item};

const CALENDARIZACION: &str = "calendarizacion-aaaa";

fn candidate(id: &str) -> Value {
    json!({"IdProceso": id, "IdCalendarizacion": CALENDARIZACION, "Habilitado": true,
           "FechaAsignacion": "2026-01-01T00:00:00.000Z"})
}

/// Takes all messages off the queue.
async fn messages(installation: &Installation) -> Result<Vec<Mensaje>> {
    let url = installation.queue_url(&installation.names.queue());
    let mut messages = Vec::new();
    loop {
        let receive = installation
            .account
            .sqs()
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10);
        let batch = receive.send().await?;
        if batch.messages().is_empty() {
            return Ok(messages);
        }
        for message in batch.messages() {
            messages.push(serde_json::from_str(message.body().unwrap_or_default())?);
        }
    }
}

#[tokio::test]
async fn more_processes_than_a_page_holds_get_one_message_each() -> Result<()> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    let rows: Vec<_> = (0..1_105).map(|n| candidate(&format!("proceso-{n:04}"))).collect();
    for some in rows.chunks(25) {
        let put = |row: &Value| {
            let put = PutRequest::builder().set_item(Some(item(row.clone()))).build()?;
            anyhow::Ok(WriteRequest::builder().put_request(put).build())
        };
        let writes = some.iter().map(put).collect::<Result<Vec<_>>>()?;
        let table = installation.names.procesos_table();
        installation
            .account
            .dynamodb()
            .batch_write_item()
            .request_items(table, writes)
            .send()
            .await?;
    }
    let firing =
        json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00Z", "Intento": "1"});
    let (error, said) = installation
        .invoke(&installation.names.dispatcher_function(), &firing)
        .await?;
    assert_eq!(error, None, "{said}");
    assert!(said["Milisegundos"].is_u64(), "{said}");
    assert_eq!(
        said,
        json!({"FechaProgramada": "2026-01-02T03:04:00.000Z", "Encontrados": 1105, "Habilitados": 1105, "Enviados": 1105,
               "Descartados": 0, "Rechazados": 0, "Milisegundos": said["Milisegundos"], "Continua": false})
    );
    let messages = messages(&installation).await?;
    let runs: BTreeSet<_> = messages.iter().map(|message| message.id_ejecucion).collect();
    assert_eq!((messages.len(), runs.len()), (1_105, 1_105));
    Ok(())
}

#[tokio::test]
async fn a_time_that_nobody_gave_is_the_latest_occurrence() -> Result<()> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    let names = &installation.names;
    installation
        .put(&names.procesos_table(), candidate("proceso-a"))
        .await?;
    let row = json!({
        "IdCalendarizacion": CALENDARIZACION, "Expresion": "cron(* * * * ? *)", "ZonaHoraria": "UTC",
        "Grupo": names.schedule_group(), "Arn": names.schedule_arn(CALENDARIZACION), "CantProcesos": 1,
        "CantHabilitados": 1, "Estado": "Activa", "Version": 1, "FechaCreacion": "2026-01-01T00:00:00.000Z"
    });
    let manual = json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "<aws.scheduler.scheduled-time>"});
    let (error, said) = installation.invoke(&names.dispatcher_function(), &manual).await?;
    assert!(
        error.is_some() && said.to_string().contains(CALENDARIZACION),
        "without a row it is refused: {said}"
    );

    installation.put(&names.calendarizaciones_table(), row).await?;
    let before = Timestamp::now();
    let (error, said) = installation.invoke(&names.dispatcher_function(), &manual).await?;
    assert_eq!((error, &said["Continua"]), (None, &json!(true)), "{said}");
    // The invocation that knew no time has handed the firing, with its time, to another one.
    let at = wait::until("the message", Duration::from_mins(2), async || {
        let messages = messages(&installation).await?;
        Ok(messages.first().map(|message| message.fecha_programada))
    })
    .await?;
    assert!(
        at <= Timestamp::now() && at > before - SignedDuration::from_mins(1),
        "{at} is not the minute of {before}"
    );
    assert_eq!(at.as_second() % 60, 0);
    assert_eq!(said["FechaProgramada"], rfc3339_millis(at));
    Ok(())
}

#[tokio::test]
async fn an_event_that_cannot_be_dispatched_fails_loudly() -> Result<()> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    let names = &installation.names;
    let (error, said) = installation
        .invoke(&names.dispatcher_function(), &json!({"otra": "cosa"}))
        .await?;
    assert!(
        error.is_some() && said.to_string().contains("IdCalendarizacion"),
        "{said}"
    );

    installation
        .put(&names.procesos_table(), candidate("proceso-a"))
        .await?;
    let url = installation.queue_url(&names.queue());
    installation.account.sqs().delete_queue().queue_url(url).send().await?;
    let firing = json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00Z"});
    let (error, said) = installation.invoke(&names.dispatcher_function(), &firing).await?;
    assert!(
        error.is_some() && said.to_string().contains("SendMessageBatch"),
        "{said}"
    );
    Ok(())
}
