//! What runs, and what does not: read from the history and from the target's own record.

use std::time::Duration;

use acceptance::fixtures::TargetFunction;
use acceptance::{Terraform, history, wait};
use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::common::{APP, account, assert_holds, configuration, dispatch, ended_runs, firing, proceso, role_for, text};

/// A schedule that does not fire by itself while a test runs.
const YEARLY: &str = "cron(0 3 1 1 ? *)";

#[tokio::test]
async fn each_enabled_process_runs_once_a_minute_and_the_disabled_one_never() -> Result<()> {
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let of = |label: &str, name: &str, habilitado: bool| {
        proceso(
            label,
            &format!(
                r#"stack       = kairos_stack.this.name
  nombre      = "{name}"
  cron        = "cron(* * * * ? *)"
  arn_rol     = "{}"
  arn_proceso = "{}"
  parametros  = jsonencode({{ quien = "{label}", ejecucion = "<kairos.id-ejecucion>", fecha = "<kairos.fecha-programada>" }})
  habilitado  = {habilitado}"#,
                role.arn, function.arn
            ),
        )
    };
    let procesos = of("uno", "Uno", true) + &of("dos", "Dos", true) + &of("tres", "Tres", false);
    let terraform = Terraform::new(&account, &configuration(&procesos))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let ids = [
        text(&terraform, "kairos_proceso.uno", "id")?,
        text(&terraform, "kairos_proceso.dos", "id")?,
    ];

    let mut runs = wait::until("two firings of both processes", Duration::from_mins(5), || async {
        let runs = history::runs(&account, APP).await?;
        let ended = |id: &String| {
            runs.iter()
                .filter(|run| run.id_proceso == *id && run.termino.is_some())
                .count()
        };
        Ok(ids.iter().all(|id| ended(id) >= 2).then_some(runs))
    })
    .await?;
    ensure!(
        history::repeated(&runs).is_empty(),
        "a process ran twice at one time: {runs:#?}"
    );
    // A third firing may be on its way.
    runs.retain(|run| run.termino.is_some());
    ensure!(
        runs.iter().all(|run| ids.contains(&run.id_proceso)),
        "the disabled process ran: {runs:#?}"
    );
    ensure!(
        runs.iter().all(|run| run.estado == "EjecutadoOk"),
        "a run did not end well: {runs:#?}"
    );
    ensure!(
        runs.iter().all(|run| run.programada.as_millisecond() % 60_000 == 0),
        "a run between two minutes: {runs:#?}"
    );

    let seen = function.seen_at_least(runs.len()).await?;
    for run in &runs {
        let of_run = seen.iter().filter(|event| event["ejecucion"] == json!(run.id)).count();
        assert_eq!(of_run, 1, "the target saw the run {} {of_run} times", run.id);
    }
    ensure!(
        seen.iter().all(|event| event["quien"] != "tres"),
        "the disabled process reached the target"
    );
    Ok(())
}

#[tokio::test]
async fn a_firing_with_its_time_filled_in_runs_with_that_time_and_only_once() -> Result<()> {
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let terraform = Terraform::new(&account, &configuration(&yearly(&role.arn, &function.arn)))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let calendarizacion = text(&terraform, "kairos_proceso.p", "id_calendarizacion")?;

    let programada = (Timestamp::now() + SignedDuration::from_secs(1))
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    dispatch(&account, &firing(&calendarizacion, &programada)).await?;
    let runs = ended_runs(&account, 1).await?;
    assert_eq!((runs.len(), runs[0].estado.as_str()), (1, "EjecutadoOk"));
    assert_eq!(runs[0].programada, programada.parse::<Timestamp>()?);

    dispatch(&account, &firing(&calendarizacion, &programada)).await?;
    idle(&account).await?;
    assert_eq!(
        history::runs(&account, APP).await?.len(),
        1,
        "the same firing again is the same run"
    );
    assert_eq!(
        function.seen_at_least(1).await?,
        [json!({ "ejecucion": runs[0].id })],
        "the target saw it once, with its id"
    );

    terraform.destroy(&[])?.succeeded("destroy")?;
    function.delete().await?;
    role.delete().await?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn a_firing_without_its_time_runs_at_the_latest_occurrence() -> Result<()> {
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    let every_minute = yearly(&role.arn, &function.arn).replace(YEARLY, "cron(* * * * ? *)");
    let terraform = Terraform::new(&account, &configuration(&every_minute))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let calendarizacion = text(&terraform, "kairos_proceso.p", "id_calendarizacion")?;
    let registered: Timestamp = text(&terraform, "kairos_proceso.p", "fecha_creacion")?.parse()?;
    let next = registered.as_second() / 60 * 60 + 60;
    wait::until("the next minute", Duration::from_mins(3), || async {
        Ok((Timestamp::now().as_second() > next).then_some(()))
    })
    .await?;

    dispatch(&account, &firing(&calendarizacion, "<aws.scheduler.scheduled-time>")).await?;
    let runs = ended_runs(&account, 1).await?;
    ensure!(
        runs.iter().any(|run| run.programada.as_second() == next),
        "no run at {next}: {runs:#?}"
    );
    ensure!(
        history::repeated(&runs).is_empty(),
        "the schedule's own firing made a second run: {runs:#?}"
    );
    Ok(())
}

fn yearly(role: &str, function: &str) -> String {
    proceso(
        "p",
        &format!(
            r#"stack       = kairos_stack.this.name
  nombre      = "Una vez al año"
  cron        = "{YEARLY}"
  arn_rol     = "{role}"
  arn_proceso = "{function}"
  parametros  = jsonencode({{ ejecucion = "<kairos.id-ejecucion>" }})"#
        ),
    )
}

/// Waits until the queue has no message, neither visible nor in work.
async fn idle(account: &acceptance::Account) -> Result<()> {
    use aws_sdk_sqs::types::QueueAttributeName as Name;
    let sqs = account.sqs();
    let url = sqs
        .get_queue_url()
        .queue_name(format!("{APP}Queue"))
        .send()
        .await?
        .queue_url()
        .unwrap_or_default()
        .to_owned();
    wait::until("an empty queue", Duration::from_mins(3), || async {
        let names = [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
        ];
        let answer = sqs
            .get_queue_attributes()
            .queue_url(&url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await?;
        let empty = answer
            .attributes()
            .is_some_and(|held| held.values().all(|count| count == "0"));
        Ok(empty.then_some(()))
    })
    .await
}
