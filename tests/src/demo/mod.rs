//! The whole flow, told as it happens: apply the quickstart, watch it run, destroy it, look at what is left.
//!
//! Invariant: the demo fails unless every step did what it promises, so that a test of the demo is a test of the flow.

mod show;

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::account::Account;
use crate::history::{self, Run};
use crate::http::Api;
use crate::ministack::{self, MiniStack};
use crate::quickstart::{EACH_MINUTE, ONCE, PAUSED, Quickstart, STACK};
use crate::terraform::Report;
use crate::{wait, workspace, world};

/// The stack's name in the demo.
pub const APP: &str = "Demo";

/// How far ahead the one-time process fires: time enough to apply on a slow machine.
const AHEAD: Duration = Duration::from_secs(90);

/// A schedule's first firing may be two minutes away, and the local AWS looks at its schedules every 10 s.
const FIRST_RUNS: Duration = Duration::from_mins(6);

/// What a finished demo has to show.
#[derive(Debug)]
pub struct Shown {
    /// The history of the stack, as it was before the stack was destroyed.
    pub runs: Vec<Run>,
    /// The events that the target function saw.
    pub seen: Vec<Value>,
    /// The messages that the target queue held.
    pub messages: Vec<String>,
}

/// A demo on the way.
#[derive(Debug)]
pub struct Demo {
    server: MiniStack,
    quickstart: Quickstart,
    progress: ProgressBar,
}

impl Demo {
    /// Looks for what is needed, starts the local AWS and makes what the quickstart asks for.
    pub async fn start(out: &mut (dyn Write + Send), progress: ProgressBar) -> Result<Self> {
        workspace::terraform()?;
        workspace::provider()?;
        show::heading(out, "A local AWS, with targets for the processes and their roles")?;
        let server = MiniStack::start(ministack::Options::default())?;
        let account = server.account();
        let quickstart = Quickstart::create(&account, APP, AHEAD).await?;
        writeln!(
            out,
            "MiniStack on port {}, account {}, region {}",
            server.port(),
            account.id,
            account.region
        )?;
        show::list(out, &world::list(&account).await?)?;
        Ok(Self {
            server,
            quickstart,
            progress,
        })
    }

    /// Applies the quickstart, waits for the first runs, shows history, API and an empty second plan.
    pub async fn flow(&self, out: &mut (dyn Write + Send)) -> Result<Shown> {
        self.apply(out)?;
        let shown = self.first_runs(out).await?;
        self.call_api(out)?;
        self.second_plan(out)?;
        Ok(shown)
    }

    /// Destroys everything and shows that nothing is left.
    pub async fn end(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        self.quiet_moment().await?;
        show::heading(out, "terraform destroy")?;
        let start = Instant::now();
        let report = self
            .working("terraform destroy", || self.quickstart.terraform.destroy(&[]))?
            .succeeded("destroy")?;
        show::messages(out, &report, &["change_summary"])?;
        writeln!(out, "took {:.1} s", start.elapsed().as_secs_f64())?;
        self.quickstart.delete_surroundings().await?;
        show::heading(out, "What is left in the local AWS")?;
        let left = world::list(self.account()).await?;
        ensure!(left.is_empty(), "destroy left behind: {}", left.join(", "));
        writeln!(
            out,
            "nothing: no table, queue, topic, alarm, parameter, role, log group, function, event source,"
        )?;
        writeln!(out, "schedule group, schedule, REST API, API key or usage plan")?;
        Ok(())
    }

    /// Tells how to look around while it is up.
    pub fn look_around(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        show::heading(out, "It stays up until Ctrl-C; to look around")?;
        for (name, value) in self.account().environment() {
            writeln!(out, "export {name}={value}")?;
        }
        let folder = self.quickstart.terraform.dir().display();
        writeln!(out, "export TF_CLI_CONFIG_FILE={folder}/terraformrc")?;
        writeln!(out, "terraform -chdir={folder} show")?;
        writeln!(out, "aws dynamodb scan --table-name {APP}Ejecuciones")?;
        writeln!(out, "tail -f {}", self.server.log_path().display())?;
        Ok(())
    }

    fn account(&self) -> &Account {
        &self.quickstart.account
    }

    fn apply(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        let terraform = &self.quickstart.terraform;
        show::heading(out, "terraform init, plan and apply of examples/quickstart")?;
        self.working("terraform init", || terraform.init())?;
        self.quickstart.set_moment(AHEAD)?;
        let plan = self
            .working("terraform plan", || terraform.plan(&[]))?
            .succeeded("plan")?;
        show::messages(out, &plan, &["planned_change", "change_summary"])?;
        let start = Instant::now();
        let report = self
            .working("terraform apply", || terraform.apply(&[]))?
            .succeeded("apply")?;
        show::messages(out, &report, &["apply_complete", "change_summary"])?;
        let components = terraform.resource(STACK)?["components"]
            .as_object()
            .map_or(0, serde_json::Map::len);
        writeln!(
            out,
            "{components} AWS objects in {:.1} s",
            start.elapsed().as_secs_f64()
        )?;
        Ok(())
    }

    async fn first_runs(&self, out: &mut (dyn Write + Send)) -> Result<Shown> {
        show::heading(out, "The first runs")?;
        let wanted = [self.id(EACH_MINUTE)?, self.id(ONCE)?];
        self.progress.set_message("waiting for the schedules to fire");
        let runs = wait::until("the first run of each enabled process", FIRST_RUNS, || async {
            self.progress.tick();
            let runs = history::runs(self.account(), APP).await?;
            if let Some(failed) = runs.iter().find(|run| run.estado == "ErrorAlEjecutar") {
                bail!("a run failed: {failed:?}");
            }
            let ended = |id: &String| {
                runs.iter()
                    .any(|run| run.id_proceso == *id && run.estado == "EjecutadoOk")
            };
            let missing = wanted.iter().filter(|id| !ended(id)).count();
            self.progress.set_message(format!(
                "{} of {} processes have run",
                wanted.len() - missing,
                wanted.len()
            ));
            Ok((missing == 0).then_some(runs))
        })
        .await?;
        self.progress.set_message("");
        let names = [EACH_MINUTE, ONCE, PAUSED].iter().map(|address| {
            let proceso = self.quickstart.terraform.resource(address)?;
            Ok((text(&proceso, "id")?, text(&proceso, "nombre")?))
        });
        let names: Vec<(String, String)> = names.collect::<Result<_>>()?;
        writeln!(out, "{}", show::history(&runs, &names))?;
        let shown = Shown {
            runs,
            seen: self.quickstart.function.seen_at_least(1).await?,
            messages: self.quickstart.queue.take().await?,
        };
        writeln!(out, "the function saw {}", shown.seen.last().unwrap_or(&Value::Null))?;
        writeln!(
            out,
            "the queue saw    {}",
            shown.messages.last().map_or("", String::as_str)
        )?;
        self.check(&shown)?;
        Ok(shown)
    }

    /// Exactly one run for each process and time; what reached the targets names the runs; nothing of the disabled one.
    fn check(&self, shown: &Shown) -> Result<()> {
        let repeated = history::repeated(&shown.runs);
        ensure!(repeated.is_empty(), "runs of one process at one time: {repeated:?}");
        let paused = self.id(PAUSED)?;
        ensure!(
            shown.runs.iter().all(|run| run.id_proceso != paused),
            "the disabled process ran"
        );
        let known = |id: &str| shown.runs.iter().any(|run| run.id == id);
        for event in &shown.seen {
            let id = event["ejecucion"].as_str().unwrap_or_default();
            ensure!(
                known(id),
                "the function saw a run that the history does not have: {event}"
            );
        }
        for message in &shown.messages {
            let id = message.strip_prefix("aviso ").unwrap_or_default();
            ensure!(known(id), "the queue got a message of no run: {message}");
        }
        Ok(())
    }

    fn call_api(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        show::heading(out, "The HTTP API, with the key from the state")?;
        let stack = self.quickstart.terraform.resource(STACK)?;
        let api = Api::new(self.account(), &text(&stack, "api_url")?, &text(&stack, "api_key")?)?;
        let mut call = |line: &str, answer: crate::http::Answer, expected: u16| -> Result<Value> {
            show::answer(out, line, answer.status, &answer.body)?;
            ensure!(
                answer.status == expected,
                "{line} answered {}, not {expected}: {}",
                answer.status,
                answer.body
            );
            Ok(answer.body)
        };
        call("GET /salud", api.get("/salud")?, 200)?;
        let path = format!("/Procesos/{}", self.id(EACH_MINUTE)?);
        call(&format!("GET {path}"), api.get(&path)?, 200)?;
        let target = self.quickstart.terraform.resource(ONCE)?;
        let proceso = json!({
            "nombre": "Registrado por la API",
            "cron": "cron(0 3 ? * MON-FRI *)",
            "arnRol": target["arn_rol"],
            "arnProceso": target["arn_proceso"],
            "parametros": "hola",
            "habilitado": true,
        });
        let created = call("POST /Procesos", api.post("/Procesos", &proceso)?, 201)?;
        let path = format!("/Procesos/{}", text(&created, "IdProceso")?);
        call(&format!("DELETE {path}"), api.delete(&path)?, 204)?;
        Ok(())
    }

    fn second_plan(&self, out: &mut (dyn Write + Send)) -> Result<()> {
        show::heading(out, "A second terraform plan")?;
        let report: Report = self
            .working("terraform plan", || self.quickstart.terraform.plan(&[]))?
            .succeeded("plan")?;
        show::messages(out, &report, &["change_summary"])?;
        let plan = self.quickstart.terraform.planned()?;
        ensure!(plan.is_empty(), "the second plan is not empty: {:?}", plan.changes);
        writeln!(out, "  No changes.")?;
        Ok(())
    }

    /// Waits for a part of the minute in which no run is on its way: the local AWS brings a deleted log group back when a
    /// late line comes.
    async fn quiet_moment(&self) -> Result<()> {
        self.progress.set_message("waiting until no run is on its way");
        wait::until("a moment without runs", Duration::from_mins(3), || async {
            self.progress.tick();
            let now = Timestamp::now().to_zoned(TimeZone::UTC);
            let runs = history::runs(self.account(), APP).await?;
            let settled = runs.iter().all(|run| run.termino.is_some());
            let fired = runs
                .iter()
                .any(|run| run.programada.to_zoned(TimeZone::UTC).minute() == now.minute());
            Ok((settled && fired && (14..45).contains(&now.second())).then_some(()))
        })
        .await?;
        self.progress.set_message("");
        Ok(())
    }

    fn id(&self, address: &str) -> Result<String> {
        text(&self.quickstart.terraform.resource(address)?, "id")
    }

    fn working<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.progress.set_message(what.to_owned());
        let outcome = work();
        self.progress.set_message("");
        outcome
    }
}

fn text(value: &Value, attribute: &str) -> Result<String> {
    value[attribute]
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("no text \"{attribute}\" in {value}"))
}
