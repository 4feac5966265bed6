//! A newer provider: it reads the states of older ones, and brings other Lambdas without losing a run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use acceptance::fixtures::{TargetFunction, TargetQueue};
use acceptance::terraform::Code;
use acceptance::{Account, Terraform, history, wait};
use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::common::{APP, account, assert_holds, dispatch, firing, proceso, role_for, stack, text};

const STACK: &str = "kairos_stack.this";

/// How long anything may take that comes by itself: a loaded machine needs minutes for what takes seconds.
const LIMIT: Duration = Duration::from_mins(10);

/// A minute, as Scheduler sees it.
const MINUTE: i64 = 60;

#[tokio::test]
async fn the_state_of_an_older_version_is_upgraded_and_there_is_nothing_to_do() -> Result<()> {
    let account = account(false).await?;
    let arn = |service: &str, what: &str| format!("arn:aws:{service}:{}:{what}", account.id);
    let attributes = format!(
        r#"stack       = kairos_stack.this.name
  nombre      = "Cierre"
  cron        = "cron(0 3 1 1 ? *)"
  arn_rol     = "{}"
  arn_proceso = "{}""#,
        arn("iam:", "role/proceso-x"),
        arn("lambda:us-east-1", "function:destino")
    );
    let main = stack("executor = { role_prefix = \"proceso-\" }\n  api = {}\n  tags = { equipo = \"datos\" }");
    let terraform = Terraform::new(&account, &(main + &proceso("p", &attributes)))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let (mut written, installation) = (State::of(&terraform)?, text(&terraform, STACK, "installation_id")?);
    assert_eq!(written.instance("kairos_stack")["schema_version"], 1);

    // As version 0 wrote it, without what came later, and with something that went.
    let mut older = written.clone();
    let instance = older.instance("kairos_stack");
    instance["schema_version"] = json!(0);
    instance["private"].take();
    let attributes = &mut instance["attributes"];
    for name in [
        "installation_id",
        "api_id",
        "dead_letter_queue_url",
        "tracing",
        "role_path",
        "dispatcher",
    ] {
        remove(attributes, name)?;
    }
    remove(&mut attributes["executor"], "external_id")?;
    remove(&mut attributes["executor"], "batch_size")?;
    remove(&mut attributes["api"], "quota_per_day")?;
    for component in attributes["components"]
        .as_object_mut()
        .context("no components")?
        .values_mut()
    {
        remove(component, "drift")?;
        component["retired"] = json!("yes");
    }
    attributes["retired"] = json!({ "was": 1 });
    let attributes = &mut older.instance("kairos_proceso")["attributes"];
    for name in ["id_calendarizacion", "modo_invocacion", "fecha_creacion"] {
        remove(attributes, name)?;
    }
    attributes["retired"] = json!(true);
    older.write(&terraform)?;
    let plan = terraform.plan_summary(&[])?;
    ensure!(
        plan.is_empty(),
        "the plan after the upgrade of the state is not empty: {:#}",
        plan.raw["resource_changes"]
    );

    terraform
        .apply(&["-refresh-only"])?
        .succeeded("apply that writes the upgraded state")?;
    let mut upgraded = State::of(&terraform)?;
    for resource in ["kairos_stack", "kairos_proceso"] {
        let (was, is) = (written.instance(resource), upgraded.instance(resource));
        for part in ["schema_version", "attributes"] {
            assert_eq!(is[part], was[part], "{part} of {resource}");
        }
    }
    assert_eq!(text(&terraform, STACK, "installation_id")?, installation);

    // A state of the future is left alone.
    upgraded.instance("kairos_stack")["schema_version"] = json!(2);
    upgraded.write(&terraform)?;
    let errors = terraform.plan(&[])?.failed("plan with a state of the future")?;
    ensure!(
        errors
            .iter()
            .any(|error| error.text().contains("newer provider version")),
        "no word of a newer provider: {errors:#?}"
    );
    written.write(&terraform)?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn newer_lambdas_are_brought_in_place_while_a_schedule_fires_and_no_run_is_lost() -> Result<()> {
    let account = account(false).await?;
    let function = TargetFunction::create(&account, "Destino").await?;
    let role = role_for(&account, &function).await?;
    // A short time-out, so that what an emulator kills comes back soon: AWS lets invocations end.
    let main = stack("executor = { role_prefix = \"proceso-\", timeout = 10 }\n  api = {}");
    let attributes = format!(
        r#"stack       = kairos_stack.this.name
  nombre      = "Cada minuto"
  cron        = "cron(* * * * ? *)"
  arn_rol     = "{}"
  arn_proceso = "{}"
  parametros  = jsonencode({{ ejecucion = "<kairos.id-ejecucion>" }})"#,
        role.arn, function.arn
    );
    let terraform = Terraform::new(&account, &(main + &proceso("p", &attributes)))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let witness = Witness::create(&account).await?;
    witness.seen_at_least(1).await?;

    let codes = terraform.upgrade_provider()?;
    only_the_code_changes(&terraform, &codes)?;
    let (calendarizacion, registered) = (
        text(&terraform, "kairos_proceso.p", "id_calendarizacion")?,
        text(&terraform, "kairos_proceso.p", "fecha_creacion")?.parse::<Timestamp>()?,
    );
    let firing = Firing::default();
    let fired = tokio::spawn(fire(account.clone(), calendarizacion, registered, firing.clone()));
    firing.at_least(1).await?;
    let applied = tokio::task::block_in_place(|| terraform.apply(&[]));
    applied?.succeeded("apply with the newer provider")?;
    firing.at_least(firing.so_far() + 2).await?;
    firing.over.store(true, Ordering::Relaxed);
    let mut fired = fired.await.context("the firings ended early")??;
    for code in &codes {
        assert_eq!(code_of(&account, code.function).await?, code.after, "{}", code.function);
    }

    // The schedule goes on.
    let before = witness.seen_at_least(1).await?.len();
    fired.extend(witness.seen_at_least(before + 1).await?);
    each_ran_once(&account, &function, &fired).await?;
    let plan = terraform.plan_summary(&[])?;
    ensure!(
        plan.is_empty(),
        "the plan after the upgrade is not empty: {:#}",
        plan.raw["resource_changes"]
    );
    witness.delete().await?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}

/// Fails unless the plan changes the code of the three functions and nothing else, whether it looks at AWS or not.
fn only_the_code_changes(terraform: &Terraform, codes: &[Code]) -> Result<()> {
    let (before, after) = change_of_the_stack(terraform, &["-refresh=false"])?;
    for code in codes {
        let name = format!("{}_function", code.function);
        let (held, planned) = (&before[&name], &after[&name]);
        assert_eq!(
            (&held["status"], &planned["status"]),
            (&json!("in_sync"), &json!("in_sync"))
        );
        assert_ne!(held["digest"], planned["digest"], "{name}");
    }
    let (before, after) = change_of_the_stack(terraform, &[])?;
    for code in codes {
        let name = format!("{}_function", code.function);
        let (held, planned) = (&before[&name], &after[&name]);
        let drift = json!([format!("CodeSha256: {} → {}", code.before, code.after)]);
        assert_eq!(held["drift"], drift, "{name}");
        assert_ne!(held["digest"], planned["digest"], "{name}");
        assert_eq!(held["id"], planned["id"], "{name} is changed in place");
    }
    let changed = after.as_object().context("no planned components")?.iter();
    let changed: BTreeSet<String> = changed
        .filter(|(name, planned)| before[*name] != **planned)
        .map(|(name, _)| name.clone())
        .collect();
    let expected: BTreeSet<String> = codes.iter().map(|code| format!("{}_function", code.function)).collect();
    assert_eq!(changed, expected);
    Ok(())
}

/// The components before and after a plan that updates the stack, and changes nothing of it but components.
fn change_of_the_stack(terraform: &Terraform, arguments: &[&str]) -> Result<(Value, Value)> {
    let plan = terraform.plan_summary(arguments)?;
    assert_eq!(plan.changes, [(STACK.to_owned(), "update".to_owned())]);
    let changes = plan.raw["resource_changes"].as_array().context("no changes")?;
    let of_stack = changes.iter().find(|change| change["address"] == STACK);
    let change = &of_stack.context("no change of the stack")?["change"];
    let (before, after) = (&change["before"], &change["after"]);
    for (name, planned) in after.as_object().context("no planned stack")? {
        ensure!(
            name == "components" || before[name] == *planned,
            "\"{name}\" changes too: {} to {planned}",
            before[name]
        );
    }
    Ok((before["components"].clone(), after["components"].clone()))
}

/// How the firings of the test's own are getting on.
#[derive(Debug, Clone, Default)]
struct Firing {
    count: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Firing {
    fn so_far(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until so many were dispatched.
    async fn at_least(&self, count: usize) -> Result<()> {
        wait::until(&format!("{count} firings of the test's own"), LIMIT, || async {
            Ok((self.so_far() >= count).then_some(()))
        })
        .await
    }
}

/// Invokes the dispatcher as Scheduler does, for one time after the other, until it is over: the times. What is not
/// accepted is tried again, as Scheduler and Lambda do.
async fn fire(account: Account, calendarizacion: String, after: Timestamp, progress: Firing) -> Result<Vec<Timestamp>> {
    let mut fired = Vec::new();
    let mut at = Timestamp::from_second(after.as_second() + 1)?;
    while !progress.over.load(Ordering::Relaxed) {
        // The full minutes are the schedule's own.
        if at.as_second() % MINUTE != 0 {
            let event = firing(&calendarizacion, &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
            wait::until("a firing that is dispatched", LIMIT, || async {
                Ok(dispatch(&account, &event).await.ok())
            })
            .await?;
            fired.push(at);
            progress.count.store(fired.len(), Ordering::Relaxed);
        }
        at += SignedDuration::from_secs(1);
    }
    Ok(fired)
}

/// Fails unless every firing has one run that ended well, and the target saw it.
async fn each_ran_once(account: &Account, function: &TargetFunction, fired: &[Timestamp]) -> Result<()> {
    let ended = wait::until("a run of each firing", LIMIT, || async {
        let mut runs = history::runs(account, APP).await?;
        ensure!(
            history::repeated(&runs).is_empty(),
            "a process ran twice at one time: {runs:#?}"
        );
        runs.retain(|run| fired.contains(&run.programada) && run.estado == "EjecutadoOk");
        Ok((runs.len() == fired.len()).then_some(runs))
    })
    .await?;
    let seen = function.seen_at_least(ended.len()).await?;
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for event in &seen {
        *times
            .entry(event["ejecucion"].as_str().unwrap_or_default())
            .or_default() += 1;
    }
    for run in &ended {
        // More than once only where the emulator killed an executor that had called the target already.
        let seen = times.get(run.id.as_str()).copied().unwrap_or_default();
        ensure!(
            (1..=run.intentos).contains(&seen),
            "the target saw the run of {} {seen} times in {} attempts",
            run.programada,
            run.intentos
        );
    }
    Ok(())
}

/// `CodeSha256` of one of the stack's functions.
async fn code_of(account: &Account, function: &str) -> Result<String> {
    let (first, rest) = function.split_at(1);
    let name = format!("{APP}{}{rest}", first.to_uppercase());
    let answer = account
        .lambda()
        .get_function_configuration()
        .function_name(name)
        .send()
        .await?;
    answer
        .code_sha256()
        .map(str::to_owned)
        .context("a function without a digest")
}

/// A schedule of the test's own that fires when the process's does: it tells when the emulator fired.
struct Witness {
    account: Account,
    queue: TargetQueue,
    url: String,
}

impl Witness {
    const NAME: &'static str = "Testigo";

    async fn create(account: &Account) -> Result<Self> {
        use aws_sdk_scheduler::types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
        let queue = TargetQueue::create(account, Self::NAME).await?;
        let role = format!("arn:aws:iam::{}:role/testigo", account.id);
        let target = Target::builder().arn(&queue.arn).role_arn(role).input("{}").build()?;
        let exact = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()?;
        let create = account.scheduler().create_schedule().name(Self::NAME);
        let create = create
            .schedule_expression("cron(* * * * ? *)")
            .flexible_time_window(exact);
        create
            .target(target)
            .send()
            .await
            .context("creating a schedule of the test's own")?;
        let found = account.sqs().get_queue_url().queue_name(Self::NAME).send().await?;
        let url = found.queue_url().unwrap_or_default().to_owned();
        Ok(Self {
            account: account.clone(),
            queue,
            url,
        })
    }

    /// The minutes in which schedules fired, once there are `count`. The messages stay where they are.
    async fn seen_at_least(&self, count: usize) -> Result<Vec<Timestamp>> {
        wait::until(&format!("{count} firings of the schedule"), LIMIT, || async {
            let minutes = self.seen().await?;
            Ok((minutes.len() >= count).then(|| minutes.into_iter().collect()))
        })
        .await
    }

    async fn seen(&self) -> Result<BTreeSet<Timestamp>> {
        use aws_sdk_sqs::types::MessageSystemAttributeName as Name;
        let receive = self.account.sqs().receive_message().queue_url(&self.url);
        let receive = receive.max_number_of_messages(10).visibility_timeout(0);
        let batch = receive
            .message_system_attribute_names(Name::SentTimestamp)
            .send()
            .await?;
        let mut minutes = BTreeSet::new();
        for message in batch.messages() {
            let sent = message.attributes().and_then(|held| held.get(&Name::SentTimestamp));
            let sent: i64 = sent.context("a message without its time")?.parse()?;
            minutes.insert(Timestamp::from_second(sent / 1000 / MINUTE * MINUTE)?);
        }
        Ok(minutes)
    }

    async fn delete(&self) -> Result<()> {
        let delete = self.account.scheduler().delete_schedule().name(Self::NAME);
        delete.send().await.context("deleting the test's own schedule")?;
        self.queue.delete().await
    }
}

/// Terraform's state file.
#[derive(Debug, Clone)]
struct State(Value);

impl State {
    const FILE: &'static str = "terraform.tfstate";

    fn of(terraform: &Terraform) -> Result<Self> {
        let text = fs::read_to_string(terraform.dir().join(Self::FILE)).context("reading the state")?;
        Ok(Self(serde_json::from_str(&text).context("reading the state")?))
    }

    /// The one instance of the one resource of this type; null where there is none.
    fn instance(&mut self, resource: &str) -> &mut Value {
        let resources = self.0["resources"].as_array();
        let place = resources.into_iter().flatten().position(|r| r["type"] == resource);
        match place {
            Some(place) => &mut self.0["resources"][place]["instances"][0],
            None => &mut self.0["none"],
        }
    }

    fn write(&self, terraform: &Terraform) -> Result<()> {
        terraform.write(Self::FILE, &serde_json::to_string_pretty(&self.0)?)
    }
}

/// Removes an attribute that must be there.
fn remove(object: &mut Value, name: &str) -> Result<()> {
    let object = object.as_object_mut().context("no object")?;
    object
        .remove(name)
        .with_context(|| format!("no \"{name}\" to remove"))
        .map(drop)
}
