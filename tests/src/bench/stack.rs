//! The whole topology: plan, create, empty re-plan and destroy of one `kairos_stack`, against the same topology as plain
//! resources of hashicorp/aws, which our own rendering writes.
//!
//! Both go to the same local AWS through the same counter of requests, one behind the other.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::count::Counter;
use super::measure::{self, Cost};
use super::path;
use super::report::Report;
use crate::peer::{self, Rendering};
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{Account, MiniStack, Terraform};

/// Create, empty re-plan and destroy, as multiples of the peer's.
const CREATE_GOAL: f64 = 0.1;
const REPLAN_GOAL: f64 = 0.15;
const DESTROY_GOAL: f64 = 0.15;

/// The provider's peak memory, as a multiple of the peer's, and by itself in MB.
const MEMORY_GOAL: f64 = 0.08;
const PEAK_MB: f64 = 40.0;

/// An empty re-plan reads about fifty objects.
const REPLAN_REQUESTS: f64 = 100.0;

/// Create, as a multiple of the longest way through its graph: what is not waited for should run beside it.
const PATH_GOAL: f64 = 1.5;

/// The stack that is measured: everything on but the custom domain.
pub const STACK: &str = r#"
provider "kairos" {}

resource "kairos_stack" "this" {
  name                = "Bench"
  notification_emails = ["ops@example.com"]
  deletion_protection = false

  dispatcher = {}
  executor   = { role_prefix = "bench-" }
  api        = {}
}
"#;

/// AWS makes a value where hashicorp/aws sends an empty one; the local AWS refuses it.
const API_KEY: &str = r#"
resource "aws_api_gateway_api_key" "api_key" {
  value = "a-value-of-the-benchmark-alone"
}
"#;

/// What is measured, in the order in which it is done.
const STEPS: [&str; 4] = ["plan", "create", "re-plan", "destroy"];

/// A life: what each step took, and how many requests it sent.
type Life = [(Cost, usize); 4];

/// Measures the stack's life once, and the peer's where it is at hand.
pub async fn measure(server: &MiniStack, report: &mut Report) -> Result<()> {
    let (account, counter) = counted(server).await?;
    let mut terraform = Terraform::new(&account, &configuration())?;
    let schema = measure::terraform(&terraform, &["providers", "schema", "-json"], 0)?;
    report.ceiling("terraform providers schema -json", schema.seconds, "s", 0.5);

    let log = terraform.dir().join("provider.log");
    terraform.set("TF_LOG_PROVIDER", "debug");
    terraform.set("TF_LOG_PATH", &log.display().to_string());
    let said = terraform.dir().join(measure::LOG);
    let (mut longest, mut creation) = (Ok(0.0), Ok(0.0));
    let ours = life(&terraform, &counter, |step| {
        if step == "create" {
            creation = fs::read_to_string(&said)
                .context("reading what terraform said")
                .and_then(|said| path::creation(&said));
            longest = fs::read_to_string(&log)
                .context("reading the provider's log")
                .and_then(|log| path::longest(&log));
        }
        // A log for each step.
        let _ = fs::remove_file(&log);
    })?;
    let ours_mb = peak(&ours);
    let ways = ("its longest path", longest?);
    report.ratio(
        "stack: create, within the provider",
        creation?,
        "s",
        ways,
        Some(PATH_GOAL),
    );
    report.ceiling(
        "stack: requests of a re-plan",
        requests(ours[2].1),
        "requests",
        REPLAN_REQUESTS,
    );
    report.ceiling("stack: provider's peak memory", ours_mb, "MB", PEAK_MB);

    let goals = [None, Some(CREATE_GOAL), Some(REPLAN_GOAL), Some(DESTROY_GOAL)];
    let theirs = match peer::mirror() {
        Ok(_) => theirs(server).await?,
        Err(reason) => {
            for step in STEPS {
                report.skipped(&format!("stack: {step} against hashicorp/aws"), reason);
            }
            report.skipped("stack: peak memory against hashicorp/aws", reason);
            return Ok(());
        }
    };
    for (((step, ours), theirs), goal) in STEPS.iter().zip(&ours).zip(&theirs).zip(goals) {
        let what = format!("stack: {step}");
        report.ratio(&what, ours.0.seconds, "s", ("hashicorp/aws", theirs.0.seconds), goal);
        let what = format!("stack: requests of {step}");
        report.ratio(
            &what,
            requests(ours.1),
            "requests",
            ("hashicorp/aws", requests(theirs.1)),
            None,
        );
    }
    let theirs_mb = peak(&theirs);
    let memory = ("hashicorp/aws", theirs_mb);
    report.ratio(
        "stack: provider's peak memory",
        ours_mb,
        "MB",
        memory,
        Some(MEMORY_GOAL),
    );
    Ok(())
}

/// The life of the same topology as plain resources, in an account of its own.
async fn theirs(server: &MiniStack) -> Result<Life> {
    let (account, counter) = counted(server).await?;
    let planned = Terraform::new(&account, &configuration())?;
    planned.plan(&[])?.succeeded("plan of the stack to render")?;
    let rendering = Rendering::of_plan(&planned, "plan.bin")?;
    let peer = rendering.terraform(&account)?;
    ensure!(!peer.dir().join("imports.tf").exists(), "a plan has nothing to import");
    peer.write("bench_override.tf", API_KEY)?;
    peer.init()?;
    life(&peer, &counter, |_| {})
}

/// Plan, create, re-plan and destroy. `after` is told of each step that is done.
fn life(terraform: &Terraform, counter: &Counter, mut after: impl FnMut(&str)) -> Result<Life> {
    let mut step = |name: &str, arguments: &[&str]| -> Result<(Cost, usize)> {
        counter.take();
        let cost = measure::terraform(terraform, arguments, 0)?;
        let requests = counter.take();
        after(name);
        Ok((cost, requests))
    };
    Ok([
        step(STEPS[0], &["plan", "-out=plan.bin"])?,
        step(STEPS[1], &["apply", "-json", "plan.bin"])?,
        // Whether it finds nothing to do is for tests: the local AWS does not give everything back to the peer.
        step(STEPS[2], &["plan"])?,
        step(STEPS[3], &["destroy", "-auto-approve"])?,
    ])
}

/// An account behind a counter, with what a stack with an API asks of it.
async fn counted(server: &MiniStack) -> Result<(Account, Counter)> {
    let account = server.account();
    logging_role(&account).await?;
    let counter = Counter::before(&account)?;
    Ok((counter.account(&account), counter))
}

fn configuration() -> String {
    format!("{REQUIRED_PROVIDERS}{STACK}")
}

fn peak(life: &Life) -> f64 {
    life.iter().map(|(cost, _)| cost.provider_peak_mb).fold(0.0, f64::max)
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds")]
fn requests(count: usize) -> f64 {
    count as f64
}

/// The account's API Gateway logging role, without which no stage may write an access log.
pub async fn logging_role(account: &crate::Account) -> Result<()> {
    let operation = aws_sdk_apigateway::types::PatchOperation::builder()
        .op(aws_sdk_apigateway::types::Op::Replace)
        .path("/cloudwatchRoleArn")
        .value(format!("arn:aws:iam::{}:role/ApiGatewayLogging", account.id))
        .build();
    account
        .apigateway()
        .update_account()
        .patch_operations(operation)
        .send()
        .await
        .context("setting the account's API Gateway logging role")?;
    Ok(())
}
