//! What `terraform plan` shows is what apply does: every object with what becomes of it and why, and nothing else moves.

use acceptance::terraform::Diagnostic;
use acceptance::{Account, Terraform, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_apigatewayv2::types::{DomainNameConfiguration, EndpointType};
use aws_sdk_ssm::types::{ParameterType, Tag};
use expect_test::{ExpectFile, expect, expect_file};

use crate::common::{APP, account, assert_holds, stack};
use crate::shown::{self, STACK};

/// A parameter of the stack.
const GROUP_PARAMETER: &str = "/Prueba/Schedule/NombreGrupo";

/// A stack with everything that the plans below change.
const BEFORE: &str = r#"
  notification_emails = ["operaciones@example.com"]
  executor            = { role_prefix = "proceso-" }
  api                 = { domain_name = "vieja.example.com", mapping_key = "kairos" }
  tags                = { equipo = "plataforma" }
"#;

/// Custom domains, as a configuration of API Gateway's would make them.
async fn domains(account: &Account) -> Result<()> {
    for name in ["vieja.example.com", "nueva.example.com"] {
        let regional = DomainNameConfiguration::builder().endpoint_type(EndpointType::Regional);
        let certificate = format!("arn:aws:acm:{}:{}:certificate/c", account.region, account.id);
        let create = account.apigatewayv2().create_domain_name().domain_name(name);
        create
            .domain_name_configurations(regional.certificate_arn(certificate).build())
            .send()
            .await
            .with_context(|| format!("creating the domain {name}"))?;
    }
    Ok(())
}

/// Plans and compares what is shown, as text, with the file of that name.
fn shows(terraform: &Terraform, account: &Account, arguments: &[&str], file: &ExpectFile) -> Result<()> {
    terraform.plan_summary(arguments)?;
    file.assert_eq(&shown::text(terraform, &account.id)?);
    Ok(())
}

#[tokio::test]
async fn a_plan_shows_what_will_be_done_to_each_object_and_why() -> Result<()> {
    let account = account(false).await?;
    domains(&account).await?;
    let terraform = Terraform::new(&account, &stack(BEFORE))?;
    shows(&terraform, &account, &[], &expect_file!["plans/create.txt"])?;
    terraform.run(&["apply", "-no-color", "plan.bin"])?.succeeded("apply")?;

    // Each of these is planned on the same stack, and none is applied.
    let change = |from: &str, to: &str| terraform.write("main.tf", &stack(&BEFORE.replace(from, to)));
    change(r#""proceso-" }"#, r#""proceso-", memory_size = 512 }"#)?;
    shows(&terraform, &account, &[], &expect_file!["plans/one_attribute.txt"])?;

    let several = r#"
  log_retention_days  = 7
  dispatcher          = { timeout = 600 }
  executor            = { role_prefix = "tarea-", timeout = 60, batch_size = 5 }"#;
    change("\n  executor            = { role_prefix = \"proceso-\" }", several)?;
    shows(&terraform, &account, &[], &expect_file!["plans/several_attributes.txt"])?;

    change("operaciones@example.com", "guardia@example.com")?;
    shows(&terraform, &account, &[], &expect_file!["plans/other_email.txt"])?;

    change("vieja.example.com", "nueva.example.com")?;
    shows(&terraform, &account, &[], &expect_file!["plans/replaced_component.txt"])?;

    terraform.write("main.tf", &stack(BEFORE))?;
    mend(&terraform, &account).await?;

    change(
        r#"  api                 = { domain_name = "vieja.example.com", mapping_key = "kairos" }"#,
        "",
    )?;
    shows(&terraform, &account, &[], &expect_file!["plans/api_off.txt"])?;
    terraform.run(&["apply", "-no-color", "plan.bin"])?.succeeded("apply")?;
    terraform.write("main.tf", &stack(BEFORE))?;
    shows(&terraform, &account, &[], &expect_file!["plans/api_on.txt"])?;

    shows(&terraform, &account, &["-destroy"], &expect_file!["plans/destroy.txt"])?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// What others changed and deleted is shown with what will be done about it, and is then done.
async fn mend(terraform: &Terraform, account: &Account) -> Result<()> {
    let dispatcher = account
        .lambda()
        .update_function_configuration()
        .function_name(format!("{APP}Dispatcher"));
    dispatcher.memory_size(1024).send().await?;
    let alarm = format!("{APP}DeadLetterQueueAlarm");
    account.cloudwatch().delete_alarms().alarm_names(alarm).send().await?;
    hide(account).await?;
    shows(terraform, account, &[], &expect_file!["plans/drift.txt"])?;

    // Together with a change of the configuration: from what AWS holds straight to what is wanted now.
    terraform.write(
        "main.tf",
        &stack(&format!(
            "{BEFORE}\n  dispatcher = {{ memory_size = 512, timeout = 600 }}"
        )),
    )?;
    let plan = terraform.plan_summary(&[])?;
    expect![[r"
        ~ dispatcher
        ~ dispatcher_function: MemorySize: 1024 → 512; Timeout: 900 → 600
        ~ parameter/Schedule/NombreGrupo: replaced: the old object makes room, since both would have one name, and then the new one is made; Type: SecureString → String; Value: ENCRYPTED:UHJ1ZWJhU2NoZWR1bGVHcm91cA== → PruebaScheduleGroup
        ~ queue_dlq_alarm: missing → created
    "]]
    .assert_eq(&shown::lines(&plan)?);
    terraform.write("main.tf", &stack(BEFORE))?;
    terraform.apply(&[])?.succeeded("apply of the repair")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the repair is not empty"
    );
    let parameter = account.ssm().get_parameter().name(GROUP_PARAMETER).send().await?;
    let parameter = parameter.parameter().context("no parameter")?;
    assert_eq!(
        (parameter.r#type(), parameter.value()),
        (Some(&ParameterType::String), Some("PruebaScheduleGroup"))
    );
    Ok(())
}

/// Makes a parameter a secret, which SSM does not undo: it has to be replaced.
async fn hide(account: &Account) -> Result<()> {
    let ssm = account.ssm();
    ssm.delete_parameter().name(GROUP_PARAMETER).send().await?;
    let owner = Tag::builder()
        .key("kairos:stack")
        .value(format!("{}/{APP}", account.region));
    let team = Tag::builder().key("equipo").value("plataforma");
    let put = ssm
        .put_parameter()
        .name(GROUP_PARAMETER)
        .r#type(ParameterType::SecureString);
    let put = put
        .value("PruebaScheduleGroup")
        .tags(owner.build()?)
        .tags(team.build()?);
    put.send().await.context("making a parameter a secret")?;
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_not_known_yet_hides_only_what_hangs_on_it() -> Result<()> {
    let account = account(false).await?;
    let unknown = |more: &str| {
        let attributes = format!(
            r#"
  notification_emails = [terraform_data.address.output]
  executor            = {{ role_prefix = "proceso-" }}
  {more}"#
        );
        stack(&attributes) + "resource \"terraform_data\" \"address\" {\n  input = \"operaciones@example.com\"\n}\n"
    };
    let elsewhere = format!("kms_key_arn = \"arn:aws:kms:eu-central-1:{}:key/k\"", account.id);
    let terraform = Terraform::new(&account, &unknown(&elsewhere))?;
    let errors = terraform.plan(&[])?.failed("plan with a key of another region")?;
    ensure!(
        errors
            .iter()
            .any(|e| e.text().contains("of the region \"eu-central-1\"")),
        "the checks are made: {errors:#?}"
    );

    terraform.write("main.tf", &unknown(""))?;
    let plan = terraform.plan_summary(&[])?;
    let change = plan.raw["resource_changes"]
        .as_array()
        .and_then(|changes| changes.iter().find(|change| change["address"] == STACK))
        .context("no change of the stack")?;
    let open = &change["change"]["after_unknown"];
    let unknown: Vec<&str> = open
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| **value == true)
        .map(|(name, _)| name.as_str())
        .collect();
    // Terraform knows all keys of a map or nothing of it: the address is one.
    assert_eq!(unknown, ["components", "installation_id"]);

    terraform.apply(&[])?.succeeded("apply")?;
    ensure!(terraform.plan_summary(&[])?.is_empty(), "the second plan is not empty");
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test]
async fn what_apply_would_refuse_or_lose_is_said_by_the_plan() -> Result<()> {
    let account = account(false).await?;
    domains(&account).await?;
    let theirs = account.apigateway().create_rest_api().name("ajena").send().await?;
    let theirs = theirs.id().context("no id")?.to_owned();
    let stage = account.apigateway().create_deployment().rest_api_id(&theirs);
    stage.stage_name("prod").send().await?;
    let mapping = account
        .apigatewayv2()
        .create_api_mapping()
        .domain_name("vieja.example.com");
    let mapping = mapping.api_mapping_key("kairos").api_id(&theirs).stage("prod");
    mapping.send().await.context("mapping somebody else's API")?;
    let before = world::list(&account).await?;

    // The path leads elsewhere: a warning at plan, since it may go in the same apply, and nothing is made by one.
    let terraform = Terraform::new(&account, &stack(BEFORE))?;
    let plan = terraform.plan(&[])?.succeeded("plan")?;
    let tells = |found: &[Diagnostic], part: &str| found.iter().any(|d| d.text().contains(part));
    let taken = format!("leads to the API \"{theirs}\" already");
    ensure!(tells(&plan.warnings(), &taken), "no warning: {:#?}", plan.diagnostics);
    let errors = terraform.apply(&[])?.failed("apply on a path that is taken")?;
    ensure!(tells(&errors, &taken), "another error: {errors:#?}");
    assert_eq!(world::list(&account).await?, before, "nothing is made");

    // What replaces the whole stack would lose its data: refused while it is protected.
    let protected = |name: &str, more: &str| {
        stack(&format!("executor = {{ role_prefix = \"proceso-\" }}\n  {more}"))
            .replace("deletion_protection = false", "deletion_protection = true")
            .replace(&format!("\"{APP}\""), &format!("\"{name}\""))
    };
    terraform.write("main.tf", &protected(APP, ""))?;
    terraform.apply(&[])?.succeeded("apply of a protected stack")?;
    for (what, main) in [
        ("another name", protected("Otra", "")),
        ("another path", protected(APP, "role_path = \"/kairos/\"")),
    ] {
        terraform.write("main.tf", &main)?;
        let errors = terraform.plan(&[])?.failed(what)?;
        ensure!(tells(&errors, "protected against deletion"), "{what}: {errors:#?}");
    }
    let marker = format!("/{APP}/Kairos/Instalacion");
    tags_reach_the_marker(&terraform, &account, &protected, &marker).await?;
    deleted_since_the_plan(&terraform, &account).await?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &before.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// SSM sets tags only as it creates a parameter: a change of the stack's tags reaches the marker all the same.
async fn tags_reach_the_marker(
    terraform: &Terraform,
    account: &Account,
    protected: &impl Fn(&str, &str) -> String,
    marker: &str,
) -> Result<()> {
    terraform.write("main.tf", &protected(APP, "tags = { equipo = \"datos\" }"))?;
    let plan = terraform.plan_summary(&[])?;
    let lines = shown::lines(&plan)?;
    ensure!(lines.contains("~ marker: Tags.equipo: none → datos\n"), "{lines}");
    terraform.apply(&[])?.succeeded("apply of tags")?;
    let parameter = aws_sdk_ssm::types::ResourceTypeForTagging::Parameter;
    let tags = account
        .ssm()
        .list_tags_for_resource()
        .resource_type(parameter)
        .resource_id(marker);
    let tags = tags.send().await?;
    ensure!(
        tags.tag_list()
            .iter()
            .any(|tag| tag.key() == "equipo" && tag.value() == "datos"),
        "the marker has {:?}",
        tags.tag_list()
    );
    Ok(())
}

/// An id that was known when the plan was made and is not true any more is an error of ours that says so, and the apply
/// after it has nothing left to do.
async fn deleted_since_the_plan(terraform: &Terraform, account: &Account) -> Result<()> {
    let with = |memory: u32| {
        stack(&format!(
            "executor = {{ role_prefix = \"proceso-\", memory_size = {memory} }}"
        ))
    };
    terraform.write("main.tf", &with(256))?;
    terraform.apply(&[])?.succeeded("apply without protection")?;
    let stack = terraform.resource(STACK)?;
    let source = stack["components"]["executor_event_source"]["id"]
        .as_str()
        .context("no event source")?;
    terraform.write("main.tf", &with(512))?;
    terraform.plan_summary(&[])?;
    account
        .lambda()
        .delete_event_source_mapping()
        .uuid(source)
        .send()
        .await?;
    let apply = terraform.run(&["apply", "-json", "plan.bin"])?;
    let errors = apply.report().failed("apply of a plan that is out of date")?;
    ensure!(
        errors.len() == 1 && errors[0].text().contains("changed by somebody else since the plan"),
        "{errors:#?}"
    );
    ensure!(terraform.plan_summary(&[])?.is_empty(), "there is something left to do");
    Ok(())
}
