//! With IAM enforced: the stack's own roles suffice, and a process whose role may not call its target fails loudly.

use std::time::Duration;

use acceptance::fixtures::{self, ProcesoRole, TargetFunction};
use acceptance::{Account, Terraform, wait};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::common::{
    APP, account, configuration, dispatch, ended_runs, executor_role, firing, proceso, role_for, text,
};

#[tokio::test]
async fn the_roles_suffice_and_a_denied_target_ends_in_the_dead_letter_queue_with_its_reason() -> Result<()> {
    let account = account(true).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let allowed = role_for(&account, &function).await?;
    let denied = ProcesoRole::create(
        &account,
        "proceso-sin-permiso",
        &executor_role(&account),
        "lambda:GetFunction",
        &function.arn,
    )
    .await?;
    let of = |label: &str, name: &str, role: &str| {
        proceso(
            label,
            &format!(
                r#"stack       = kairos_stack.this.name
  nombre      = "{name}"
  cron        = "cron(0 3 1 1 ? *)"
  arn_rol     = "{role}"
  arn_proceso = "{}"
  parametros  = jsonencode({{ quien = "{label}" }})"#,
                function.arn
            ),
        )
    };
    let procesos = of("permitido", "Permitido", &allowed.arn) + &of("negado", "Negado", &denied.arn);
    let terraform = Terraform::new(&account, &configuration(&procesos))?;
    terraform.apply(&[])?.succeeded("apply")?;
    // To AWS a batch is SendMessage, which the stack's role has; the local AWS asks for an action that AWS does not know.
    let dispatcher = format!("{APP}-{}-DispatcherRole", account.region);
    let queue = format!("arn:aws:sqs:{}:{}:{APP}Queue", account.region, account.id);
    fixtures::permit(&account, &dispatcher, "sqs:SendMessageBatch", &queue).await?;
    let calendarizacion = text(&terraform, "kairos_proceso.permitido", "id_calendarizacion")?;
    assert_eq!(
        calendarizacion,
        text(&terraform, "kairos_proceso.negado", "id_calendarizacion")?
    );
    let negado = text(&terraform, "kairos_proceso.negado", "id")?;

    let programada = (Timestamp::now() + SignedDuration::from_secs(1)).to_string();
    dispatch(&account, &firing(&calendarizacion, &programada)).await?;
    let runs = ended_runs(&account, 2).await?;
    let (failed, well): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.id_proceso == negado);
    assert_eq!((failed.len(), well.len()), (1, 1));
    assert_eq!(well[0].estado, "EjecutadoOk");
    assert_eq!(failed[0].estado, "ErrorAlEjecutar");
    let reason = failed[0].error.clone().context("the failed run has no error")?;
    ensure!(
        reason.contains("AccessDenied") || reason.contains("not authorized"),
        "an odd reason: {reason}"
    );
    assert_eq!(
        function.seen_at_least(1).await?,
        [serde_json::json!({ "quien": "permitido" })]
    );

    let letter = dead_letter(&account).await?;
    ensure!(
        letter.to_string().contains(&failed[0].id),
        "the dead letter does not name the run: {letter}"
    );
    ensure!(
        letter.to_string().contains("AccessDenied") || letter.to_string().contains("not authorized"),
        "no reason: {letter}"
    );
    Ok(())
}

/// The first message of the executor's dead-letter queue, body and attributes in one.
async fn dead_letter(account: &Account) -> Result<Value> {
    let sqs = account.sqs();
    let queue = format!("{APP}DeadLetterQueue");
    let url = sqs
        .get_queue_url()
        .queue_name(queue)
        .send()
        .await?
        .queue_url()
        .unwrap_or_default()
        .to_owned();
    wait::until("a dead letter", Duration::from_mins(3), || async {
        let batch = sqs
            .receive_message()
            .queue_url(&url)
            .message_attribute_names("All")
            .send()
            .await?;
        Ok(batch.messages().first().map(|message| {
            let attributes = message.message_attributes().into_iter().flatten();
            let attributes =
                attributes.map(|(name, value)| format!("{name}={}", value.string_value().unwrap_or_default()));
            serde_json::json!({ "body": message.body(), "attributes": attributes.collect::<Vec<_>>() })
        }))
    })
    .await
}
