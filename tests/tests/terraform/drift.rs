//! What others delete, change and add: what a plan says of it, and what an apply makes of it.

use std::collections::BTreeSet;

use acceptance::fixtures::TargetFunction;
use acceptance::{Account, Terraform, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_apigateway::operation::get_api_keys::GetApiKeysOutput;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::common::{
    APP, account, assert_holds, configuration, dispatch, ended_runs, firing, proceso, role_for, stack,
};

const STACK: &str = "kairos_stack.this";

const WITH_API: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
"#;

/// A stack that is up, and what its account holds.
struct Up {
    account: Account,
    terraform: Terraform,
    world: Vec<String>,
}

impl Up {
    async fn new(configuration: &str) -> Result<Self> {
        let account = account(false).await?;
        let terraform = Terraform::new(&account, configuration)?;
        terraform.apply(&[])?.succeeded("apply")?;
        let world = anonymous(world::list(&account).await?);
        Ok(Self {
            account,
            terraform,
            world,
        })
    }

    /// The plan calls exactly `missing` missing and `drifted` drifted; apply mends it; the next plan is empty.
    async fn mends(&self, missing: &[&str], drifted: &[&str]) -> Result<Value> {
        let plan = self.terraform.plan_summary(&[])?;
        assert_eq!(plan.action(STACK), "update");
        let before = plan.raw["resource_changes"][0]["change"]["before"]["components"].clone();
        for (status, expected) in [("missing", missing), ("drifted", drifted)] {
            let expected: BTreeSet<&str> = expected.iter().copied().collect();
            assert_eq!(of_status(&before, status), expected, "what is {status}: {before:#}");
        }
        self.terraform.apply(&[])?.succeeded("apply of the repair")?;
        assert_eq!(anonymous(world::list(&self.account).await?), self.world);
        let components = self.terraform.resource(STACK)?["components"].clone();
        for status in ["missing", "drifted"] {
            assert_eq!(of_status(&components, status), BTreeSet::new());
        }
        ensure!(
            self.terraform.plan_summary(&[])?.is_empty(),
            "the plan after the repair is not empty"
        );
        Ok(before)
    }

    async fn ends(self) -> Result<()> {
        self.terraform.destroy(&[])?.succeeded("destroy")?;
        assert_holds(&self.account, &[]).await
    }
}

/// Without the ids that AWS makes anew.
fn anonymous(mut world: Vec<String>) -> Vec<String> {
    for line in world.iter_mut().filter(|line| line.starts_with("event source ")) {
        line.truncate("event source".len());
    }
    world
}

fn of_status<'a>(components: &'a Value, status: &str) -> BTreeSet<&'a str> {
    let entries = components.as_object().into_iter().flatten();
    entries
        .filter(|(_, component)| component["status"] == status)
        .map(|(name, _)| name.as_str())
        .collect()
}

fn dlq_alarm() -> String {
    format!("{APP}DeadLetterQueueAlarm")
}

async fn delete_queue(account: &Account, name: &str) -> Result<()> {
    let url = account.sqs().get_queue_url().queue_name(name).send().await?;
    account.sqs().delete_queue().set_queue_url(url.queue_url).send().await?;
    Ok(())
}

async fn delete_role(account: &Account, name: &str) -> Result<()> {
    let iam = account.iam();
    iam.delete_role_policy()
        .role_name(name)
        .policy_name("Kairos")
        .send()
        .await?;
    iam.delete_role().role_name(name).send().await?;
    Ok(())
}

async fn role_id(account: &Account, name: &str) -> Result<String> {
    let role = account.iam().get_role().role_name(name).send().await?.role;
    Ok(role.context("no role")?.role_id)
}

#[tokio::test]
async fn what_others_delete_comes_back_and_is_pointed_to() -> Result<()> {
    let up = Up::new(&stack(WITH_API)).await?;
    let account = &up.account;
    let executor = format!("{APP}Executor");
    let executor_role = format!("{APP}-{}-ExecutorRole", account.region);
    let first_role = role_id(account, &executor_role).await?;

    // One object of most kinds at once: what hangs on them goes with them.
    delete_queue(account, &format!("{APP}Queue")).await?;
    delete_queue(account, &format!("{APP}ScheduleDeadLetterQueue")).await?;
    delete_role(account, &executor_role).await?;
    account
        .lambda()
        .delete_function()
        .function_name(&executor)
        .send()
        .await?;
    let topic = format!("arn:aws:sns:{}:{}:{APP}Notificaciones", account.region, account.id);
    account.sns().delete_topic().topic_arn(&topic).send().await?;
    account
        .cloudwatch()
        .delete_alarms()
        .alarm_names(dlq_alarm())
        .send()
        .await?;
    let group = format!("/aws/lambda/{APP}Dispatcher");
    account.logs().delete_log_group().log_group_name(&group).send().await?;
    let parameter = format!("/{APP}/SQS/QueueUrl");
    account.ssm().delete_parameter().name(&parameter).send().await?;
    account
        .dynamodb()
        .delete_table()
        .table_name(format!("{APP}Ejecuciones"))
        .send()
        .await?;
    let schedules = format!("{APP}ScheduleGroup");
    account
        .scheduler()
        .delete_schedule_group()
        .name(&schedules)
        .send()
        .await?;

    let warnings = up.terraform.plan(&[])?.warnings();
    let lost: Vec<String> = warnings
        .iter()
        .map(|w| format!("{}: {}", w.summary, w.detail))
        .collect();
    ensure!(
        lost.iter()
            .any(|text| text.contains(&format!("{APP}Ejecuciones")) && text.contains("empty")),
        "nothing tells that a table comes back empty: {lost:#?}"
    );
    up.mends(
        &[
            "queue",
            "schedule_dlq",
            "executor_role",
            "executor_function",
            "topic",
            "subscription/operaciones@example.com",
            "queue_dlq_alarm",
            "dispatcher_logs",
            "parameter/SQS/QueueUrl",
            "ejecuciones_table",
            "schedule_group",
        ],
        &[],
    )
    .await?;
    assert_ne!(
        role_id(account, &executor_role).await?,
        first_role,
        "it is another role"
    );
    let mappings = account
        .lambda()
        .list_event_source_mappings()
        .function_name(&executor)
        .send()
        .await?;
    assert_eq!(
        mappings.event_source_mappings().len(),
        1,
        "one mapping feeds the executor"
    );
    let mapping = &mappings.event_source_mappings()[0];
    ensure!(mapping.state() == Some("Enabled"), "it polls: {mapping:?}");
    still_runs(up).await
}

/// A process that is registered now runs through all that was made again.
async fn still_runs(up: Up) -> Result<()> {
    let account = &up.account;
    let function = TargetFunction::create(account, "Destino").await?;
    let role = role_for(account, &function).await?;
    let attributes = format!(
        r#"stack       = kairos_stack.this.name
  nombre      = "Después"
  cron        = "cron(0 3 1 1 ? *)"
  arn_rol     = "{}"
  arn_proceso = "{}""#,
        role.arn, function.arn
    );
    up.terraform
        .write("main.tf", &(stack(WITH_API) + &proceso("p", &attributes)))?;
    up.terraform.apply(&[])?.succeeded("apply of a process")?;
    let calendarizacion = crate::common::text(&up.terraform, "kairos_proceso.p", "id_calendarizacion")?;
    let programada = (Timestamp::now() + SignedDuration::from_secs(1)).strftime("%Y-%m-%dT%H:%M:%SZ");
    dispatch(account, &firing(&calendarizacion, &programada.to_string())).await?;
    let runs = ended_runs(account, 1).await?;
    assert_eq!((runs.len(), runs[0].estado.as_str()), (1, "EjecutadoOk"));
    up.terraform.destroy(&[])?.succeeded("destroy")?;
    function.delete().await?;
    role.delete().await?;
    assert_holds(account, &[]).await
}

#[tokio::test]
async fn what_hangs_on_others_comes_back_alone() -> Result<()> {
    let up = Up::new(&stack(WITH_API)).await?;
    let account = &up.account;
    let (lambda, gateway) = (account.lambda(), account.apigateway());
    let api = text_of(&up.terraform, "api_id")?;

    let dispatcher = format!("{APP}Dispatcher");
    lambda
        .delete_function_event_invoke_config()
        .function_name(&dispatcher)
        .send()
        .await?;
    let mappings = lambda.list_event_source_mappings().send().await?;
    for mapping in mappings.event_source_mappings() {
        lambda
            .delete_event_source_mapping()
            .set_uuid(mapping.uuid.clone())
            .send()
            .await?;
    }
    let permission = lambda
        .remove_permission()
        .function_name(format!("{APP}Api"))
        .statement_id("KairosApi");
    permission.send().await?;
    gateway
        .delete_stage()
        .rest_api_id(&api)
        .stage_name("prod")
        .send()
        .await?;
    let keys: GetApiKeysOutput = gateway.get_api_keys().send().await?;
    let key = keys.items()[0].id().context("no key")?.to_owned();
    gateway.delete_api_key().api_key(&key).send().await?;
    for subscription in account.sns().list_subscriptions().send().await?.subscriptions() {
        let arn = subscription.subscription_arn.clone();
        account.sns().unsubscribe().set_subscription_arn(arn).send().await?;
    }
    up.mends(
        &[
            "dispatcher_invoke_config",
            "executor_event_source",
            "api_permission",
            "stage",
            "api_key",
            "usage_plan_key",
            "subscription/operaciones@example.com",
        ],
        // It held the id of the key that is gone.
        &["parameter/Api/KeyId"],
    )
    .await?;
    let parameter = account
        .ssm()
        .get_parameter()
        .name(format!("/{APP}/Api/KeyId"))
        .send()
        .await?;
    let held = parameter
        .parameter()
        .and_then(|p| p.value())
        .unwrap_or_default()
        .to_owned();
    assert_ne!(held, key);
    assert_eq!(held, text_of(&up.terraform, "api_key_id")?);

    // The local AWS keeps what a patch says of a plan's stages as text and cannot read the plan then, so that the plan goes
    // together with its API; that a plan alone is pointed to another API is shown with replayed answers beside its kind.
    gateway.delete_rest_api().rest_api_id(&api).send().await?;
    let plans = gateway.get_usage_plans().send().await?;
    for plan in plans.items() {
        gateway
            .delete_usage_plan()
            .set_usage_plan_id(plan.id.clone())
            .send()
            .await?;
    }
    up.mends(
        &[
            "rest_api",
            "deployment",
            "stage",
            "api_permission",
            "usage_plan",
            "usage_plan_key",
        ],
        &["parameter/Api/Url"],
    )
    .await?;
    let again = text_of(&up.terraform, "api_id")?;
    assert_ne!(again, api);
    ensure!(
        text_of(&up.terraform, "api_url")?.contains(&again),
        "the URL names the new API"
    );
    let policy = lambda
        .get_policy()
        .function_name(format!("{APP}Api"))
        .send()
        .await?
        .policy;
    let policy = policy.context("no policy")?;
    ensure!(
        policy.contains(&again) && !policy.contains(&api),
        "only the new API may invoke: {policy}"
    );
    up.ends().await
}

#[tokio::test]
async fn a_marker_that_is_gone_is_written_again_for_the_same_installation() -> Result<()> {
    let up = Up::new(&configuration("")).await?;
    let installation = text_of(&up.terraform, "installation_id")?;
    let marker = format!("/{APP}/Kairos/Instalacion");
    up.account.ssm().delete_parameter().name(&marker).send().await?;
    up.mends(&["marker"], &[]).await?;
    let parameter = up.account.ssm().get_parameter().name(&marker).send().await?;
    let text = parameter
        .parameter()
        .and_then(|p| p.value())
        .unwrap_or_default()
        .to_owned();
    ensure!(text.contains(&installation) && text.contains("completa"), "{text}");
    up.ends().await
}

#[tokio::test]
async fn what_others_add_stays_through_repair_and_destroy() -> Result<()> {
    let up = Up::new(&stack(WITH_API)).await?;
    let account = &up.account;
    let topic = format!("arn:aws:sns:{}:{}:{APP}Notificaciones", account.region, account.id);
    let theirs = account
        .sns()
        .subscribe()
        .topic_arn(&topic)
        .protocol("sms")
        .endpoint("+15005550006");
    theirs.send().await?;
    let alarm = account
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(format!("{APP}SuyaAlarm"));
    alarm
        .namespace("AWS/SQS")
        .metric_name("NumberOfMessagesSent")
        .evaluation_periods(1)
        .comparison_operator(aws_sdk_cloudwatch::types::ComparisonOperator::GreaterThanThreshold)
        .send()
        .await?;
    let parameter = account.ssm().put_parameter().name(format!("/{APP}/Suyo")).value("x");
    parameter
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .send()
        .await?;
    let function = format!(
        "arn:aws:lambda:{}:{}:function:{APP}Executor",
        account.region, account.id
    );
    account
        .lambda()
        .tag_resource()
        .resource(&function)
        .tags("awsApplication", "arn:x")
        .send()
        .await?;
    ensure!(
        up.terraform.plan_summary(&[])?.is_empty(),
        "additions of others are drift"
    );

    // A change of ours leaves them as they are.
    up.terraform.write(
        "main.tf",
        &stack(&format!("{WITH_API}\n  tags = {{ equipo = \"otro\" }}")),
    )?;
    up.terraform.apply(&[])?.succeeded("apply of other tags")?;
    let tags = account
        .lambda()
        .list_tags()
        .resource(&function)
        .send()
        .await?
        .tags
        .unwrap_or_default();
    assert_eq!(tags.get("awsApplication").map(String::as_str), Some("arn:x"));
    assert_eq!(tags.get("equipo").map(String::as_str), Some("otro"));
    let subscribers = account
        .sns()
        .list_subscriptions_by_topic()
        .topic_arn(&topic)
        .send()
        .await?;
    assert_eq!(subscribers.subscriptions().len(), 2);

    up.terraform.destroy(&[])?.succeeded("destroy")?;
    let [alarm, parameter] = [format!("alarm {APP}SuyaAlarm"), format!("parameter /{APP}/Suyo")];
    assert_holds(account, &[&alarm, &parameter]).await
}

fn text_of(terraform: &Terraform, attribute: &str) -> Result<String> {
    crate::common::text(terraform, STACK, attribute)
}
