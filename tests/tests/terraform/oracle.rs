//! The second opinion: hashicorp/aws takes over what we applied, and finds nothing to change; that is also how one leaves.
//!
//! What it cannot judge stands in `tests/oracle-ignored.json`, each with its reason; a line there that is of no use fails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use acceptance::fixtures::TargetFunction;
use acceptance::gate::{Act, Answer, Gate};
use acceptance::peer::{self, Rendering};
use acceptance::snapshot::Snapshot;
use acceptance::terraform::PlanSummary;
use acceptance::{Account, Terraform, workspace};
use anyhow::{Context, Result, ensure};
use aws_sdk_cloudwatch::types::MetricAlarm;
use serde_json::Value;

use crate::common::{APP, account, assert_holds, only_proceso, role_for, stack};

const STACK: &str = "kairos_stack.this";

/// How our configuration forgets the stack and leaves its objects alone.
const REMOVED: &str = r"
removed {
  from = kairos_stack.this

  lifecycle {
    destroy = false
  }
}
";

/// What is neither on by default nor needs anything of its own.
fn unusual(account: &Account) -> String {
    let attributes = format!(
        r#"
  dispatcher               = {{ memory_size = 512, timeout = 300, log_level = "DEBUG", reserved_concurrency = 5 }}
  executor = {{
    role_prefix = "equipo/proceso-", external_id = "acuerdo-7", timeout = 60, maximum_concurrency = 10, batch_size = 5
  }}
  api = {{
    domain_name = "api.example.com", mapping_key = "cron/v1", throttle_rate = 2.5, throttle_burst = 9, quota_per_day = 1000
  }}
  notification_emails      = ["operaciones@example.com", "guardia@example.com"]
  log_retention_days       = 7
  kms_key_arn              = "arn:aws:kms:{region}:{id}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  tracing                  = false
  role_path                = "/kairos/"
  permissions_boundary_arn = "arn:aws:iam::{id}:policy/limite"
  tags                     = {{ equipo = "plataforma" }}
"#,
        region = account.region,
        id = account.id,
    );
    stack(&attributes)
}

#[tokio::test]
async fn the_real_provider_takes_a_stack_over_and_nothing_is_lost_on_the_way_or_back() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("oracle: leaving with hashicorp/aws", reason);
        return Ok(());
    }
    let account = account(false).await?;
    let main = stack(
        r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#,
    );
    let ours = Terraform::new(&account, &main)?;
    ours.apply(&[])?.succeeded("apply")?;
    let before = Snapshot::take(&account).await?;

    let (_gate, seen) = in_full(&account).await?;
    let (theirs, plan, unseen) = opinion(&ours, &account, &seen).await?;
    assert_eq!(
        unseen,
        ignored()?,
        "what is ignored is what hashicorp/aws cannot see, and no more"
    );
    // What it cannot judge is left out of account, and then there is nothing to do but to import.
    theirs.write("oracle_override.tf", &ignoring(&plan, &ignored()?)?)?;
    let plan = theirs.plan_summary(&[])?;
    ensure!(plan.is_empty(), "the imports change something: {:#?}", plan.changes);
    let imports = imports(&plan);

    ours.write("main.tf", &main.replace(block(&main)?, REMOVED))?;
    ours.apply(&[])?.succeeded("apply that forgets the stack")?;
    theirs
        .run(&["apply", "-no-color", "plan.bin"])?
        .succeeded("apply of the imports")?;
    fs::remove_file(theirs.dir().join("imports.tf"))?;
    ensure!(
        theirs.plan_summary(&[])?.is_empty(),
        "there is something left to do after the imports"
    );
    let listed = theirs.run(&["state", "list"])?.succeeded("state list")?.stdout;
    let managed = listed.lines().filter(|line| !line.starts_with("data."));
    assert_eq!(managed.count(), imports.len(), "everything is in their state");
    assert_eq!(Snapshot::take(&account).await?, before, "nothing was touched");

    proceso(&account).await?;

    ours.write("main.tf", &main)?;
    ours.run(&["import", "-no-color", STACK, APP])?.succeeded("import")?;
    assert_eq!(Snapshot::take(&account).await?, before, "nothing was touched");
    ours.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

/// A process of a stack that nobody manages as one any more.
async fn proceso(account: &Account) -> Result<()> {
    let function = TargetFunction::create(account, "Destino").await?;
    let role = role_for(account, &function).await?;
    let attributes = format!(
        "nombre = \"cierre\"\n  cron = \"rate(1 day)\"\n  arn_rol = \"{}\"\n  arn_proceso = \"{}\"",
        role.arn, function.arn
    );
    let terraform = Terraform::new(account, &only_proceso(&attributes))?;
    terraform.apply(&[])?.succeeded("apply of a process")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the process's second plan is not empty"
    );
    terraform.destroy(&[])?.succeeded("destroy of the process")?;
    role.delete().await?;
    function.delete().await
}

#[tokio::test]
async fn the_real_provider_agrees_with_every_setting() -> Result<()> {
    if let Err(reason) = peer::mirror() {
        peer::skipped("oracle: every setting, seen by hashicorp/aws", reason);
        return Ok(());
    }
    let account = account(false).await?;
    domain(&account).await?;
    let ours = Terraform::new(&account, &unusual(&account))?;
    ours.apply(&[])?.succeeded("apply")?;
    let (_gate, seen) = in_full(&account).await?;
    opinion(&ours, &account, &seen).await?;
    ours.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}

/// Renders what was applied and asks for the plan of all its imports. What it changes must be among what is ignored, and be
/// right by the SDK. `seen` is the account as hashicorp/aws sees it.
async fn opinion(ours: &Terraform, account: &Account, seen: &Account) -> Result<(Terraform, PlanSummary, Ignored)> {
    let rendering = Rendering::of(ours)?;
    let theirs = rendering.terraform(seen)?;
    theirs
        .run(&["fmt", "-check", "-diff"])?
        .succeeded("fmt -check of the rendering")?;
    theirs.init()?;
    let plan = theirs.plan_summary(&[])?;
    let resources = changes(&plan).filter(|change| change["mode"] == "managed").count();
    assert_eq!(imports(&plan).len(), resources, "everything is imported");
    let said = format!("{resources} resources in");
    ensure!(
        rendering.said.contains(&said),
        "the command says otherwise: {}",
        rendering.said
    );
    let unseen = judge(&plan, &ignored()?)?;
    compare_functions(&plan, account).await?;
    compare_policies(&plan, account).await?;
    Ok((theirs, plan, unseen))
}

/// The block of the stack in a configuration.
fn block(main: &str) -> Result<&str> {
    let at = main.find("resource \"kairos_stack\"").context("no stack")?;
    Ok(&main[at..])
}

/// Resource type → attributes that cannot be judged.
type Ignored = BTreeMap<String, BTreeSet<String>>;

fn ignored() -> Result<Ignored> {
    let text = fs::read_to_string(workspace::root().join("tests").join("oracle-ignored.json"))?;
    let entries: Vec<Value> = serde_json::from_str(&text)?;
    let entry = |entry: &Value| {
        let attributes = entry["attributes"].as_array()?.iter();
        let attributes = attributes.filter_map(|name| name.as_str().map(str::to_owned)).collect();
        entry["reason"].as_str().filter(|reason| !reason.is_empty())?;
        Some((entry["resource"].as_str()?.to_owned(), attributes))
    };
    let entries: Option<Ignored> = entries.iter().map(entry).collect();
    entries.context("an entry without resource, attributes or reason")
}

fn changes(plan: &PlanSummary) -> impl Iterator<Item = &Value> {
    plan.raw["resource_changes"].as_array().into_iter().flatten()
}

/// The addresses that are imported.
fn imports(plan: &PlanSummary) -> Vec<&str> {
    changes(plan)
        .filter(|change| change["change"]["importing"].is_object())
        .filter_map(|change| change["address"].as_str())
        .collect()
}

/// The resources of a type in a plan, as they are planned.
fn planned<'a>(plan: &'a PlanSummary, resource: &'a str) -> Vec<&'a Value> {
    changes(plan)
        .filter(|change| change["type"] == resource)
        .map(|change| &change["change"]["after"])
        .collect()
}

/// Fails where the plan changes what is not ignored; gives what it changes.
fn judge(plan: &PlanSummary, ignored: &Ignored) -> Result<Ignored> {
    let mut seen = Ignored::new();
    for change in changes(plan) {
        let (resource, address) = (change["type"].as_str().unwrap_or_default(), &change["address"]);
        let actions = &change["change"]["actions"];
        if *actions == serde_json::json!(["no-op"]) || change["mode"] != "managed" {
            continue;
        }
        let (before, after) = (&change["change"]["before"], &change["change"]["after"]);
        ensure!(
            *actions == serde_json::json!(["update"]),
            "{address}: hashicorp/aws would {actions}: {before:#} → {after:#}"
        );
        let differing = after
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(name, value)| before[name.as_str()] != **value);
        for (attribute, wanted) in differing {
            let held = &before[attribute.as_str()];
            ensure!(
                ignored
                    .get(resource)
                    .is_some_and(|attributes| attributes.contains(attribute)),
                "{address}: hashicorp/aws sees {attribute} as {held} and would make it {wanted}"
            );
            seen.entry(resource.to_owned()).or_default().insert(attribute.clone());
        }
    }
    Ok(seen)
}

/// A file that keeps what is ignored out of a plan, for every resource of it.
fn ignoring(plan: &PlanSummary, ignored: &Ignored) -> Result<String> {
    let mut text = String::new();
    for change in changes(plan) {
        let resource = change["type"].as_str().context("a change without a type")?;
        if let Some(attributes) = ignored.get(resource) {
            let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
            text += &[
                "resource \"",
                resource,
                "\" ",
                &change["name"].to_string(),
                " {\n  lifecycle {\n    ignore_changes = [",
                &attributes.join(", "),
                "]\n  }\n}\n",
            ]
            .concat();
        }
    }
    Ok(text)
}

/// The code that runs is the one in the zips.
async fn compare_functions(plan: &PlanSummary, account: &Account) -> Result<()> {
    let functions = planned(plan, "aws_lambda_function");
    assert_eq!(functions.len(), 3);
    for function in functions {
        let name = function["function_name"]
            .as_str()
            .context("a function without a name")?;
        let held = account
            .lambda()
            .get_function_configuration()
            .function_name(name)
            .send()
            .await?;
        assert_eq!(held.code_sha256(), function["source_code_hash"].as_str(), "{name}");
    }
    Ok(())
}

/// The same account, seen in full: over the Query protocol, which hashicorp/aws speaks, the local AWS leaves out half of an
/// alarm. What it holds it tells over another protocol, which the SDK speaks.
pub(crate) async fn in_full(account: &Account) -> Result<(Gate, Account)> {
    let described = account.cloudwatch().describe_alarms().send().await?;
    let named = |alarm: &MetricAlarm| format!("<AlarmName>{}</AlarmName>", alarm.alarm_name().unwrap_or_default());
    let left_out: Vec<(String, String)> = described
        .metric_alarms()
        .iter()
        .map(|a| (named(a), left_out(a)))
        .collect();
    let gate = Gate::before(account)?;
    let complete = move |mut answer: Answer| {
        for (name, rest) in &left_out {
            answer.body = answer.body.replace(name, &format!("{name}{rest}"));
        }
        answer
    };
    gate.rule(Act::Change(Box::new(complete)), |request| {
        request.operation == "DescribeAlarms" && request.body.contains("Action=DescribeAlarms")
    });
    let through = gate.account(account);
    Ok((gate, through))
}

/// What the local AWS leaves out of an alarm.
fn left_out(alarm: &MetricAlarm) -> String {
    let element = |name: &str, text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<{name}>{text}</{name}>")
    };
    let list = |name: &str, members: Vec<String>| {
        let members: Vec<String> = members
            .iter()
            .map(|member| format!("<member>{member}</member>"))
            .collect();
        format!("<{name}>{}</{name}>", members.concat())
    };
    let dimensions = alarm.dimensions().iter();
    let dimension = |(name, value): (Option<&str>, Option<&str>)| {
        element("Name", name.unwrap_or_default()) + &element("Value", value.unwrap_or_default())
    };
    [
        element("AlarmDescription", alarm.alarm_description().unwrap_or_default()),
        element(
            "ActionsEnabled",
            &alarm.actions_enabled().unwrap_or_default().to_string(),
        ),
        list("AlarmActions", alarm.alarm_actions().to_vec()),
        list("OKActions", alarm.ok_actions().to_vec()),
        list(
            "Dimensions",
            dimensions.map(|d| dimension((d.name(), d.value()))).collect(),
        ),
        element("Period", &alarm.period().unwrap_or_default().to_string()),
        element("Statistic", alarm.statistic().map_or("", |s| s.as_str())),
        element("TreatMissingData", alarm.treat_missing_data().unwrap_or_default()),
    ]
    .concat()
}

/// Roles have the inline policies of the rendering and no other, which hashicorp/aws would not see.
async fn compare_policies(plan: &PlanSummary, account: &Account) -> Result<()> {
    let rendered: BTreeSet<(String, String)> = planned(plan, "aws_iam_role_policy")
        .iter()
        .map(|policy| (text(&policy["role"]), text(&policy["name"])))
        .collect();
    let roles = planned(plan, "aws_iam_role");
    assert_eq!(roles.len(), 4);
    let mut held = BTreeSet::new();
    for role in roles {
        let name = text(&role["name"]);
        let inline = account.iam().list_role_policies().role_name(&name).send().await?;
        held.extend(
            inline
                .policy_names()
                .iter()
                .map(|policy| (name.clone(), policy.clone())),
        );
        let attached = account
            .iam()
            .list_attached_role_policies()
            .role_name(&name)
            .send()
            .await?;
        assert_eq!(attached.attached_policies().len(), 0, "{name}");
    }
    assert_eq!(held, rendered);
    Ok(())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A regional custom domain.
async fn domain(account: &Account) -> Result<()> {
    use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType};
    let regional = EndpointConfiguration::builder().types(EndpointType::Regional).build();
    let create = account.apigateway().create_domain_name().domain_name("api.example.com");
    create.endpoint_configuration(regional).send().await?;
    Ok(())
}
