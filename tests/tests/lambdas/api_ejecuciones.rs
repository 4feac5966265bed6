//! Runs that are asked for, and firings that are dispatched once more, from the API to the target.

use std::time::Duration;

use acceptance::fixtures::{ProcesoRole, TargetQueue};
use acceptance::history::{Run, runs};
use acceptance::wait;
use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kairos::ids::{IdEjecucion, IdProceso};
use serde_json::{Value, json};

use crate::api::{ask, process, send};
use crate::installation::{Installation, ROLE_PREFIX};

const LIMIT: Duration = Duration::from_mins(5);
const KEY: &str = "0f0e1c52-7a53-4b62-9d9e-2f6f0a5c8d11";

/// All three functions, and a queue as the target of processes.
struct Scene {
    installation: Installation,
    queue: TargetQueue,
    role: ProcesoRole,
    /// The hour at which the processes run every day: half a day from now, so that none fires by itself meanwhile.
    hour: i8,
}

async fn scene() -> Result<Scene> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    installation.executor().await?;
    installation.api().await?;
    let account = &installation.account;
    let queue = TargetQueue::create(account, "Destino").await?;
    let executor = installation.names.role_arn("/", &installation.names.executor_role());
    let name = format!("{ROLE_PREFIX}cobro");
    let role = ProcesoRole::create(account, &name, &executor, "sqs:SendMessage", &queue.arn).await?;
    let hour = (Timestamp::now().to_zoned(TimeZone::UTC).hour() + 12) % 24;
    Ok(Scene {
        installation,
        queue,
        role,
        hour,
    })
}

impl Scene {
    fn process(&self) -> Value {
        let mut body = process(&self.installation);
        body["cron"] = json!(format!("0 {} * * ? *", self.hour));
        body["arnRol"] = json!(self.role.arn);
        body["arnProceso"] = json!(self.queue.arn);
        body["parametros"] = json!(r#"{"run":"<kairos.id-ejecucion>","at":"<kairos.fecha-programada>"}"#);
        body
    }

    /// Awaits that a run has ended well, and that the work queue is empty.
    async fn ended(&self, id: &str) -> Result<Run> {
        wait::until(&format!("the end of the run {id}"), LIMIT, || async {
            let names = &self.installation.names;
            let all = runs(&self.installation.account, &names.app).await?;
            let drained = self.installation.depth(&names.queue()).await? == 0;
            let ended = |run: &Run| drained && run.id == id && run.estado == "EjecutadoOk";
            Ok(all.into_iter().find(ended))
        })
        .await
    }

    /// What the target has received since it was asked last.
    async fn received(&self) -> Result<Vec<Value>> {
        let bodies = self.queue.take().await?;
        bodies.iter().map(|body| Ok(serde_json::from_str(body)?)).collect()
    }

    async fn run_now(&self, path: &str, headers: &[(&str, &str)]) -> Result<String> {
        let reply = send(&self.installation, "POST", path, headers, None).await?;
        assert_eq!(reply.status, 202, "{reply:?}\n{}", Installation::log());
        Ok(reply.body["IdEjecucion"].as_str().context("no id")?.to_owned())
    }
}

#[tokio::test]
async fn a_process_that_is_asked_to_run_runs_once_for_each_key() -> Result<()> {
    let scene = scene().await?;
    let (status, made) = ask(&scene.installation, "POST", "Procesos", Some(&scene.process())).await?;
    assert_eq!(status, 201, "{made}");
    let path = format!("Procesos/{}", made["IdProceso"].as_str().unwrap());
    let runs_path = format!("{path}/Ejecuciones");

    let id = scene.run_now(&runs_path, &[("Idempotency-Key", KEY)]).await?;
    let schedule = scene
        .installation
        .names
        .schedule_arn(made["IdCalendarizacion"].as_str().unwrap());
    let process: IdProceso = made["IdProceso"].as_str().unwrap().parse()?;
    assert_eq!(id, IdEjecucion::manual(&schedule, KEY, &process).to_string());
    let run = scene.ended(&id).await?;
    let at = kairos::instant::rfc3339_millis(run.programada);
    assert_eq!(scene.received().await?, [json!({"run": id, "at": at})]);
    assert_eq!(run.intentos, 1);

    // The caller lost the answer, and asks again: nothing runs again.
    assert_eq!(scene.run_now(&runs_path, &[("Idempotency-Key", KEY)]).await?, id);
    let other = scene.run_now(&runs_path, &[]).await?;
    scene.ended(&other).await?;
    let received = scene.received().await?;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0]["run"], json!(other));
    let (status, history) = ask(&scene.installation, "GET", &runs_path, None).await?;
    let shown: Vec<_> = history["Ejecuciones"]
        .as_array()
        .context("no list")?
        .iter()
        .map(|run| &run["IdEjecucion"])
        .collect();
    assert_eq!((status, shown), (200, vec![&json!(other), &json!(id)]), "newest first");

    // A message that is delivered twice does no harm either.
    let message = json!({"IdEjecucion": id, "IdProceso": process, "IdCalendarizacion": made["IdCalendarizacion"],
                         "FechaProgramada": at});
    let url = scene.installation.queue_url(&scene.installation.names.queue());
    let sqs = scene.installation.account.sqs();
    sqs.send_message()
        .queue_url(url)
        .message_body(message.to_string())
        .send()
        .await?;
    assert_eq!(scene.ended(&id).await?.intentos, 1);
    assert_eq!(scene.received().await?, Vec::<Value>::new());

    let mut paused = scene.process();
    paused["habilitado"] = json!(false);
    assert_eq!(ask(&scene.installation, "PUT", &path, Some(&paused)).await?.0, 200);
    let (status, problem) = ask(&scene.installation, "POST", &runs_path, None).await?;
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:kairos:problema:proceso-deshabilitado"))
    );
    let all = runs(&scene.installation.account, &scene.installation.names.app).await?;
    assert_eq!(all.len(), 2, "{all:?}");
    Ok(())
}

#[tokio::test]
async fn a_firing_that_is_dispatched_once_more_has_the_runs_that_it_had() -> Result<()> {
    let scene = scene().await?;
    let installation = &scene.installation;
    let (status, made) = ask(installation, "POST", "Procesos", Some(&scene.process())).await?;
    assert_eq!(status, 201, "{made}");
    let id = made["IdProceso"].as_str().unwrap();
    // As if it had been there for long.
    let dynamodb = installation.account.dynamodb();
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    dynamodb
        .update_item()
        .table_name(installation.names.procesos_table())
        .key("IdProceso", text(id))
        .update_expression("SET FechaAsignacion = :long_ago")
        .expression_attribute_values(":long_ago", text("2020-01-01T00:00:00.000Z"))
        .send()
        .await?;
    let calendarizacion = made["IdCalendarizacion"].as_str().unwrap();
    let path = format!("Calendarizaciones/{calendarizacion}/Ejecuciones");
    let replay = |at: &str| json!({"fechaProgramada": at});

    let yesterday = Timestamp::now().to_zoned(TimeZone::UTC).date().yesterday()?;
    let firing = |day: Date| format!("{day}T{:02}:00:00.000Z", scene.hour);
    let (at, other) = (firing(yesterday), firing(yesterday.yesterday()?));
    let spelled = at.replace(".000Z", "+00:00");
    let (status, said) = ask(installation, "POST", &path, Some(&replay(&spelled))).await?;
    assert_eq!(
        (status, &said),
        (
            202,
            &json!({"IdCalendarizacion": calendarizacion, "FechaProgramada": at})
        )
    );
    let schedule = installation.names.schedule_arn(calendarizacion);
    let run = IdEjecucion::scheduled(&schedule, &at.parse()?, &id.parse()?).to_string();
    scene.ended(&run).await?;
    assert_eq!(scene.received().await?, [json!({"run": run, "at": at})]);

    // Once more: the same run, which has ended; and another firing is another run.
    for at in [&at, &other] {
        assert_eq!(ask(installation, "POST", &path, Some(&replay(at))).await?.0, 202);
    }
    let next = IdEjecucion::scheduled(&schedule, &other.parse()?, &id.parse()?).to_string();
    scene.ended(&next).await?;
    let received = scene.received().await?;
    assert_eq!(received, [json!({"run": next, "at": other})], "nothing runs twice");
    assert_eq!(scene.ended(&run).await?.intentos, 1);

    for (at, right) in [
        (at.replace(":00:00.", ":30:00."), at.as_str()),
        (firing(Date::constant(2999, 1, 1)), "aún no llega"),
        ("ayer".to_owned(), "RFC 3339"),
    ] {
        let (status, problem) = ask(installation, "POST", &path, Some(&replay(&at))).await?;
        let fault = &problem["errores"][0];
        assert_eq!((status, &fault["campo"]), (400, &json!("fechaProgramada")));
        assert!(fault["detalle"].as_str().unwrap_or_default().contains(right), "{fault}");
    }
    let path = "Calendarizaciones/calendarizacion-nadie/Ejecuciones";
    assert_eq!(ask(installation, "POST", path, Some(&replay(&at))).await?.0, 404);
    Ok(())
}
