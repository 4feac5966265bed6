//! Import: of a complete stack there is nothing to do, an incomplete one is completed, and nothing else is taken over.

use std::time::Duration;

use acceptance::gate::Act;
use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Gate, Snapshot, Terraform};
use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::{APP, account, assert_holds, configuration, stack, text};

const STACK: &str = "kairos_stack.this";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#;

/// Every setting that AWS holds, and none at its default.
fn unusual(account: &Account, layer: &str) -> String {
    let (id, region) = (&account.id, &account.region);
    let attributes = format!(
        r#"
  dispatcher = {{
    memory_size = 512, timeout = 300, log_level = "DEBUG", reserved_concurrency = 5, layers = ["{layer}"]
  }}
  executor = {{
    role_prefix = "equipo/proceso-", external_id = "acuerdo-7", memory_size = 1024, timeout = 60, log_level = "WARN"
    reserved_concurrency = 20, maximum_concurrency = 10, batch_size = 5
  }}
  api = {{
    domain_name = "api.example.com", mapping_key = "cron/v1", memory_size = 384, timeout = 20, log_level = "ERROR"
    throttle_rate = 2.5, throttle_burst = 9, quota_per_day = 1000
  }}
  notification_emails      = ["operaciones@example.com", "guardia@example.com"]
  log_retention_days       = 7
  history_retention_days   = 365
  kms_key_arn              = "arn:aws:kms:{region}:{id}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  tracing                  = false
  role_path                = "/kairos/"
  permissions_boundary_arn = "arn:aws:iam::{id}:policy/limite"
  tags                     = {{ equipo = "plataforma" }}
"#
    );
    stack(&attributes)
        .replace(
            "provider \"kairos\" {}",
            "provider \"kairos\" {\n  default_tags = { entorno = \"pruebas\" }\n}",
        )
        .replace("deletion_protection = false", "deletion_protection = true")
}

#[tokio::test]
async fn of_a_stack_with_every_setting_the_import_leaves_nothing_to_do() -> Result<()> {
    let account = account(false).await?;
    let layer = layer(&account).await?;
    domain(&account).await?;
    let main = unusual(&account, &layer);
    let first = Terraform::new(&account, &main)?;
    first.apply(&[])?.succeeded("apply")?;
    let before = Snapshot::take(&account).await?;

    let second = Terraform::new(&account, &main)?;
    import(&second, APP)?;
    nothing_to_do(&second, "import of a complete stack")?;
    assert_eq!(
        attributes(&first)?,
        attributes(&second)?,
        "the imported state is the one that the apply left"
    );
    assert_eq!(Snapshot::take(&account).await?, before, "an import only reads");

    second.write(
        "main.tf",
        &main.replace("deletion_protection = true", "deletion_protection = false"),
    )?;
    second.apply(&[])?.succeeded("apply without protection")?;
    second.destroy(&[])?.succeeded("destroy")?;
    let layer = account
        .lambda()
        .delete_layer_version()
        .layer_name("capa")
        .version_number(1);
    layer.send().await?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn an_import_block_and_a_generated_configuration_leave_nothing_to_do() -> Result<()> {
    let account = account(false).await?;
    let first = Terraform::new(&account, &stack(WITH_API))?;
    first.apply(&[])?.succeeded("apply")?;
    let before = Snapshot::take(&account).await?;
    let block = format!("import {{\n  to = {STACK}\n  id = \"{APP}\"\n}}\n");

    let second = Terraform::new(&account, &(stack(WITH_API) + &block))?;
    let plan = second.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "no-op", "{:#}", plan.raw["resource_changes"]);
    assert_eq!(
        plan.raw["resource_changes"][0]["change"]["importing"],
        json!({ "id": APP })
    );
    second.apply(&[])?.succeeded("apply of the import")?;
    nothing_to_do(&second, "import by a block")?;
    assert_eq!(Snapshot::take(&account).await?, before, "an import only reads");

    // Nobody has written the stack down yet: terraform writes it.
    let third = Terraform::new(
        &account,
        &format!("{REQUIRED_PROVIDERS}\nprovider \"kairos\" {{}}\n{block}"),
    )?;
    third
        .plan(&["-generate-config-out=generated.tf"])?
        .succeeded("plan that writes the configuration")?;
    let plan = third.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "no-op", "{:#}", plan.raw["resource_changes"]);
    third.apply(&[])?.succeeded("apply of the generated configuration")?;
    nothing_to_do(&third, "import with a generated configuration")?;

    // What AWS does not hold is a change of the state, and of nothing else.
    let more = "force_destroy = true\n  timeouts = { delete = \"20m\" }\n";
    second.write("main.tf", &stack(&format!("{WITH_API}\n  {more}")))?;
    let plan = second.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "update");
    let change = &plan.raw["resource_changes"][0]["change"];
    assert_eq!(change["before"]["components"], change["after"]["components"]);
    second.apply(&[])?.succeeded("apply of what only the state holds")?;
    nothing_to_do(&second, "change of what only the state holds")?;

    elsewhere(&account)?;
    second.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// In another region the stack is not there, and the error says where it was looked for.
fn elsewhere(account: &Account) -> Result<()> {
    let elsewhere = account.in_region("eu-west-1");
    let terraform = Terraform::new(&elsewhere, &stack(WITH_API))?;
    let told = refused(&terraform, APP)?;
    for part in ["There is no stack of this name", &account.id, "eu-west-1"] {
        ensure!(told.contains(part), "no {part:?} in: {told}");
    }
    Ok(())
}

#[tokio::test]
async fn an_incomplete_stack_is_imported_and_completed() -> Result<()> {
    let account = account(false).await?;
    create_and_try_to_import_meanwhile(&account).await?;
    // As a create leaves it that died, and whose state was lost.
    let missing = delete_some(&account).await?;
    unfinished(&account).await?;

    let terraform = Terraform::new(&account, &stack(WITH_API))?;
    import(&terraform, APP)?;
    let mut expected = missing.to_vec();
    expected.push("marker");
    assert_eq!(
        to_do(&terraform)?,
        sorted(&expected),
        "the plan completes what is missing"
    );
    terraform.apply(&[])?.succeeded("apply that completes")?;
    nothing_to_do(&terraform, "completion")?;

    // Nor does a stack need its marker to be found.
    let marker = format!("/{APP}/Kairos/Instalacion");
    account.ssm().delete_parameter().name(&marker).send().await?;
    let again = Terraform::new(&account, &stack(WITH_API))?;
    import(&again, APP)?;
    assert_eq!(to_do(&again)?, ["marker"]);
    again.apply(&[])?.succeeded("apply that makes the marker")?;
    nothing_to_do(&again, "completion of the marker")?;
    ensure!(
        text(&again, STACK, "installation_id")? != text(&terraform, STACK, "installation_id")?,
        "it is another installation now"
    );
    again.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// While somebody creates a stack, nobody else gets it.
async fn create_and_try_to_import_meanwhile(account: &Account) -> Result<()> {
    let gate = Gate::before(account)?;
    let middle = gate.rule(Act::KeepRequest, |request| {
        request.asks("PutParameter", "/SQS/QueueUrl")
    });
    let creator = Terraform::new(&gate.account(account), &stack(WITH_API))?;
    let apply = creator.start(&["apply", "-auto-approve", "-no-color"])?;
    middle.reached(1, "a creation that is half done").await?;
    let told = refused(&Terraform::new(account, &stack(WITH_API))?, APP)?;
    middle.end();
    ensure!(
        told.contains(&format!("Somebody is working on the stack \"{APP}\" (phase creando)")),
        "no word of the creation: {told}"
    );
    apply.wait(Duration::from_mins(10))?.succeeded("apply").map(drop)
}

#[tokio::test]
async fn what_is_not_ours_is_listed_and_not_imported() -> Result<()> {
    let account = account(false).await?;
    let terraform = Terraform::new(&account, &configuration(""))?;
    let told = refused(&terraform, APP)?;
    ensure!(
        told.contains("There is no stack of this name") && told.contains(&account.id),
        "a name with nothing: {told}"
    );
    let told = refused(&terraform, "no tal nombre")?;
    ensure!(told.contains("The id is the stack's name"), "no name at all: {told}");

    account
        .sqs()
        .create_queue()
        .queue_name(format!("{APP}Queue"))
        .send()
        .await?;
    let tag = aws_sdk_sns::types::Tag::builder()
        .key("kairos:stack")
        .value("us-east-1/Otra")
        .build()?;
    let topic = account
        .sns()
        .create_topic()
        .name(format!("{APP}Notificaciones"))
        .tags(tag);
    topic.send().await?;
    let before = Snapshot::take(&account).await?;
    let told = refused(&terraform, APP)?;
    let (queue, topic) = (format!("{APP}Queue"), format!(":{APP}Notificaciones"));
    for part in [
        "AWS::SQS::Queue",
        &queue,
        "it has no tag \"kairos:stack\"",
        "AWS::SNS::Topic",
        &topic,
        "belongs to the stack \"us-east-1/Otra\"",
    ] {
        ensure!(told.contains(part), "no {part:?} in: {told}");
    }
    assert_eq!(
        Snapshot::take(&account).await?,
        before,
        "a refused import touches nothing"
    );
    Ok(())
}

fn import(terraform: &Terraform, id: &str) -> Result<()> {
    terraform
        .run(&["import", "-no-color", STACK, id])?
        .succeeded("import")
        .map(drop)
}

/// What terraform says of an import that must fail, with line breaks as spaces.
fn refused(terraform: &Terraform, id: &str) -> Result<String> {
    let output = terraform.run(&["import", "-no-color", STACK, id])?;
    ensure!(
        output.code != Some(0),
        "an import succeeded that must not: {}",
        output.stdout
    );
    let words = output.stderr.split_whitespace().filter(|word| *word != "│");
    Ok(words.collect::<Vec<_>>().join(" "))
}

fn nothing_to_do(terraform: &Terraform, after: &str) -> Result<()> {
    let plan = terraform.plan_summary(&[])?;
    ensure!(
        plan.is_empty(),
        "the plan after the {after} is not empty: {:#}",
        plan.raw["resource_changes"]
    );
    Ok(())
}

/// The components that the plan changes.
fn to_do(terraform: &Terraform) -> Result<Vec<String>> {
    let plan = terraform.plan_summary(&[])?;
    assert_eq!(plan.action(STACK), "update");
    let change = &plan.raw["resource_changes"][0]["change"];
    let (before, after) = (&change["before"], &change["after"]);
    let settings: Vec<&String> = after
        .as_object()
        .context("no planned stack")?
        .iter()
        .filter(|(name, value)| *name != "components" && before[*name] != **value && !value.is_null())
        .map(|(name, _)| name)
        .collect();
    ensure!(settings.is_empty(), "the plan changes settings: {settings:?}");
    let components = after["components"].as_object().context("no planned components")?;
    let changed = components
        .iter()
        .filter(|(name, entry)| before["components"][*name] != **entry);
    Ok(changed.map(|(name, _)| name.clone()).collect())
}

fn sorted(names: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    names.sort();
    names
}

fn attributes(terraform: &Terraform) -> Result<Value> {
    terraform.resource(STACK)
}

/// Deletes an object of each layer of the stack by hand: their components.
async fn delete_some(account: &Account) -> Result<[&'static str; 5]> {
    let lambda = account.lambda();
    let name = format!("{APP}Executor");
    let sources = lambda.list_event_source_mappings().function_name(&name).send().await?;
    for source in sources.event_source_mappings() {
        let delete = lambda.delete_event_source_mapping();
        delete.uuid(source.uuid().unwrap_or_default()).send().await?;
    }
    lambda.delete_function().function_name(&name).send().await?;
    let sqs = account.sqs();
    let url = sqs
        .get_queue_url()
        .queue_name(format!("{APP}ScheduleDeadLetterQueue"))
        .send()
        .await?;
    sqs.delete_queue()
        .queue_url(url.queue_url().unwrap_or_default())
        .send()
        .await?;
    let alarm = format!("{APP}DeadLetterQueueAlarm");
    account.cloudwatch().delete_alarms().alarm_names(alarm).send().await?;
    let parameter = format!("/{APP}/SQS/QueueUrl");
    account.ssm().delete_parameter().name(parameter).send().await?;
    Ok([
        "executor_event_source",
        "executor_function",
        "schedule_dlq",
        "queue_dlq_alarm",
        "parameter/SQS/QueueUrl",
    ])
}

/// Sets the marker back to a creation that has not come to its end, and that nobody works on.
async fn unfinished(account: &Account) -> Result<()> {
    let (ssm, name) = (account.ssm(), format!("/{APP}/Kairos/Instalacion"));
    let held = ssm.get_parameter().name(&name).send().await?;
    let text = held.parameter().and_then(|p| p.value()).context("no marker")?;
    let mut marker: Value = serde_json::from_str(text)?;
    marker["fase"] = json!("creando");
    marker["arriendo"]["hasta"] = json!(Timestamp::now() - SignedDuration::from_secs(5));
    let put = ssm
        .put_parameter()
        .name(&name)
        .value(marker.to_string())
        .overwrite(true);
    put.send().await?;
    Ok(())
}

/// A layer version that functions can have.
async fn layer(account: &Account) -> Result<String> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("nada", zip::write::SimpleFileOptions::default())?;
    let content = aws_sdk_lambda::types::LayerVersionContentInput::builder()
        .zip_file(Blob::new(zip.finish()?.into_inner()))
        .build();
    let publish = account
        .lambda()
        .publish_layer_version()
        .layer_name("capa")
        .content(content);
    let published = publish.send().await?;
    published
        .layer_version_arn()
        .map(str::to_owned)
        .context("a layer without an ARN")
}

/// A regional custom domain.
async fn domain(account: &Account) -> Result<()> {
    use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType};
    let regional = EndpointConfiguration::builder().types(EndpointType::Regional).build();
    let create = account.apigateway().create_domain_name().domain_name("api.example.com");
    create.endpoint_configuration(regional).send().await?;
    Ok(())
}
