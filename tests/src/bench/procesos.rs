//! Many processes in one apply: `kairos_proceso` against the builtin `terraform_data` and, where it is at hand,
//! hashicorp/aws's `aws_scheduler_schedule`, all by `for_each` over the same map.
//!
//! Invariant: every side takes the same steps on the same map; who calls AWS does so through a counter of its own.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use super::count::Counter;
use super::measure::{self, Cost};
use super::report::Report;
use super::stack::{STACK, logging_role};
use super::state::State;
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{Account, MiniStack, Terraform, peer};

/// Create, empty re-plan and destroy, as multiples of `terraform_data`'s.
const CREATE_GOAL: f64 = 1.3;
const REPLAN_GOAL: f64 = 1.6;
const DESTROY_GOAL: f64 = 1.3;

/// The provider's peak memory at 1,000 processes, in MB.
const PEAK_MB: f64 = 40.0;

/// Below this many instances the start of terraform and of the provider is most of what is measured, so that no goal is set.
const COMPARABLE: usize = 1_000;

/// Five processes share a schedule, so that 1,000 need 200 of them.
const PER_SCHEDULE: usize = 5;

/// Above this many instances every side keeps its state behind HTTP.
const LOCAL_STATE: usize = 1_000;

/// As much of a peer's error as a table takes.
const REASON: usize = 200;

/// What is measured, in the order in which it is done, and its goal.
const STEPS: [(&str, &[&str], Option<f64>); 5] = [
    ("plan", &["plan", "-no-color", "-out=plan.bin"], None),
    ("create", &["apply", "-no-color", "plan.bin"], Some(CREATE_GOAL)),
    ("re-plan", &["plan", "-no-color"], Some(REPLAN_GOAL)),
    // Every process gets other parameters, and a fifth of the schedules other times.
    (
        "change",
        &["apply", "-no-color", "-auto-approve", "-var=revision=2"],
        None,
    ),
    (
        "destroy",
        &["destroy", "-no-color", "-auto-approve", "-var=revision=2"],
        Some(DESTROY_GOAL),
    ),
];

/// What a re-plan says that finds nothing to do.
const NOTHING: &str = "No changes.";

/// One side's way through the steps.
struct Side<'a> {
    terraform: Terraform,
    server: &'a MiniStack,
    /// Of who calls AWS.
    counter: Option<Counter>,
}

/// What one step took.
#[derive(Debug, Clone, Copy)]
struct Step {
    cost: Cost,
    /// The local AWS's processor time, in seconds.
    aws_cpu: f64,
    requests: usize,
}

/// Measures each size: the life of so many processes, step by step, and their peers'.
pub async fn measure(server: &MiniStack, sizes: &[usize], report: &mut Report) -> Result<()> {
    let account = server.account();
    logging_role(&account).await?;
    let stack = Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{STACK}"))?;
    stack.apply(&[])?.succeeded("apply of the stack")?;
    for &size in sizes {
        let ours = Side::counted(server, &account, &(backend(size)? + &procesos(&account, size)))?.life()?;
        against_schedules(report, server, size, &ours).await?;
        let builtin = Side {
            terraform: Terraform::bare(&account)?,
            server,
            counter: None,
        };
        builtin
            .terraform
            .write("main.tf", &(backend(size)? + &terraform_data(size)))?;
        builtin.terraform.init()?;
        compare(report, size, &ours, &builtin.life()?);
        if size >= COMPARABLE {
            let peak = ours.iter().map(|step| step.cost.provider_peak_mb).fold(0.0, f64::max);
            let what = format!("{size} × kairos_proceso: provider's peak memory");
            // Of more processes than that a provider may remember more.
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            let ceiling = PEAK_MB * (size as f64 / COMPARABLE as f64);
            report.ceiling(&what, peak, "MB", ceiling);
        }
    }
    stack.destroy(&[])?.succeeded("destroy of the stack")?;
    Ok(())
}

/// The peer that makes a schedule of each process, in an account of its own. How far it comes is shown, and why no further.
async fn against_schedules(report: &mut Report, server: &MiniStack, size: usize, ours: &[Step]) -> Result<()> {
    const PEER: &str = "aws_scheduler_schedule";
    let title = format!("{size} × {PEER}");
    if let Err(reason) = peer::mirror() {
        report.skipped(&title, reason);
        return Ok(());
    }
    let account = server.account();
    let peer = Side::counted(server, &account, &(backend(size)? + &aws_schedules(&account, size)))?;
    for ((name, arguments, _), ours) in STEPS.iter().zip(ours) {
        let (theirs, failed) = peer.attempt(arguments)?;
        if failed {
            let said = measure::errors(&peer.terraform);
            let refused = refused(&said);
            let told = format!("{} of {size} failed: {}", refused.len(), reason(&said));
            report.skipped(&format!("{title}: {name}, what failed"), &told);
            // Its time counts: what it was refused it did ask for. Then it gets another chance.
            if refused.is_empty() || !peer.make_up_for(&account, &refused).await? {
                break;
            }
        }
        let what = format!("{size} × kairos_proceso: {name}");
        report.ratio(&what, ours.cost.seconds, "s", (PEER, theirs.cost.seconds), None);
        let what = format!("{size} × kairos_proceso: requests of {name}, per process");
        report.ratio(
            &what,
            ours.requests_per(size),
            "",
            (PEER, theirs.requests_per(size)),
            None,
        );
        let what = format!("{size} × kairos_proceso: provider's CPU of {name}, per process");
        let (our_cpu, their_cpu) = (ours.provider_ms_per(size), theirs.provider_ms_per(size));
        report.ratio(&what, our_cpu, "ms", (PEER, their_cpu), None);
    }
    Ok(())
}

/// The schedules that terraform's errors name, as in `creating … Schedule (proceso-0001): …`.
fn refused(said: &str) -> BTreeSet<String> {
    let errors = said.split("Error: creating ").skip(1);
    let names = errors.filter_map(|error| error.split_once('(')?.1.split_once(')'));
    names.map(|(name, _)| name.to_owned()).collect()
}

/// The rows against `terraform_data`, and what each step asks of AWS.
fn compare(report: &mut Report, size: usize, ours: &[Step], theirs: &[Step]) {
    const PEER: &str = "terraform_data";
    for (((name, _, goal), ours), theirs) in STEPS.iter().zip(ours).zip(theirs) {
        let goal = goal.filter(|_| size >= COMPARABLE);
        let what = format!("{size} × kairos_proceso: {name}");
        report.ratio(&what, ours.cost.seconds, "s", (PEER, theirs.cost.seconds), goal);
        let what = format!("{size} × kairos_proceso: CPU of {name}");
        report.ratio(&what, ours.cpu(), "s", (PEER, theirs.cpu()), None);
        let parts = format!(
            "terraform {:.2}, provider {:.2}, local AWS {:.2} ms",
            per(ours.cost.terraform_cpu * 1e3, size),
            ours.provider_ms_per(size),
            per(ours.aws_cpu * 1e3, size),
        );
        report.figure(&format!("{what}, per process"), &parts);
        let what = format!("{size} × kairos_proceso: requests of {name}, per process");
        report.figure(&what, &format!("{:.2}", ours.requests_per(size)));
    }
}

impl<'a> Side<'a> {
    /// A side that calls AWS.
    fn counted(server: &'a MiniStack, account: &Account, main: &str) -> Result<Self> {
        let counter = Counter::before(account)?;
        Ok(Self {
            terraform: Terraform::new(&counter.account(account), main)?,
            server,
            counter: Some(counter),
        })
    }

    /// All steps. The re-plan must find nothing to do.
    fn life(&self) -> Result<Vec<Step>> {
        let each = STEPS.iter().map(|(name, arguments, _)| {
            let step = self.step(arguments)?;
            if *name == "re-plan" {
                let said = std::fs::read_to_string(self.terraform.dir().join(measure::LOG))?;
                ensure!(said.contains(NOTHING), "the re-plan found something to do:\n{said}");
            }
            Ok(step)
        });
        each.collect()
    }

    fn step(&self, arguments: &[&str]) -> Result<Step> {
        let (step, failed) = self.attempt(arguments)?;
        ensure!(!failed, "terraform failed:\n{}", measure::errors(&self.terraform));
        Ok(step)
    }

    /// A step, and whether it failed.
    fn attempt(&self, arguments: &[&str]) -> Result<(Step, bool)> {
        let count = || self.counter.as_ref().map_or(0, Counter::take);
        count();
        let before = self.server.cpu_seconds();
        let (cost, code) = measure::attempt(&self.terraform, arguments)?;
        let step = Step {
            cost,
            aws_cpu: self.server.cpu_seconds() - before,
            requests: count(),
        };
        Ok((step, code != Some(0)))
    }

    /// Has the schedules made that were refused, which is not measured. Of many calls at once the local AWS carries out a few
    /// twice, and this peer takes what the first of the two made for somebody else's. Whether it worked out.
    async fn make_up_for(&self, account: &Account, refused: &BTreeSet<String>) -> Result<bool> {
        let scheduler = account.scheduler();
        for name in refused {
            // What does not exist need not go.
            let _ = scheduler.delete_schedule().name(name).send().await;
        }
        let (_, failed) = self.attempt(&["apply", "-no-color", "-auto-approve"])?;
        Ok(!failed)
    }
}

impl Step {
    /// The processor time of all who take part, in seconds.
    fn cpu(&self) -> f64 {
        self.cost.terraform_cpu + self.cost.provider_cpu + self.aws_cpu
    }

    fn provider_ms_per(&self, size: usize) -> f64 {
        per(self.cost.provider_cpu * 1e3, size)
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    fn requests_per(&self, size: usize) -> f64 {
        per(self.requests as f64, size)
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn per(total: f64, size: usize) -> f64 {
    total / size as f64
}

/// What the first error says, in one line: its summary, and the sentence in which hashicorp/aws has what AWS said.
fn reason(said: &str) -> String {
    let from = said.find("Error:").map_or(said, |at| &said[at + "Error:".len()..]);
    let first = from.split("\nError:").next().unwrap_or(from);
    // The paragraph with the place in the configuration says nothing about why.
    let paragraphs = first
        .split("\n\n")
        .filter(|text| !text.trim_start().starts_with("with "));
    let words = paragraphs.flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ").chars().take(REASON).collect()
}

/// Where a configuration of so many instances keeps its state.
fn backend(size: usize) -> Result<String> {
    Ok(if size > LOCAL_STATE {
        State::serve()?.backend()
    } else {
        String::new()
    })
}

/// The map that every side iterates over: a name, a schedule. None fires while it is measured. The second revision moves
/// every fifth schedule to another time.
fn map(size: usize) -> String {
    format!(
        r#"
variable "revision" {{
  default = 1
}}

locals {{
  // `range` gives at most 1,024 values.
  numbers = flatten([for thousand in range(ceil({size} / 1000)) : range(1000 * thousand, min({size}, 1000 * thousand + 1000))])
  procesos = {{ for n in local.numbers : format("proceso-%04d", n) => format(
    "cron(%d %d %s * ? 2099)", floor(n / {PER_SCHEDULE}) % 60, floor(n / {}) % 24,
    var.revision > 1 && floor(n / {PER_SCHEDULE}) % 5 == 0 ? "2" : "1"
  ) }}
}}
"#,
        PER_SCHEDULE * 60
    )
}

fn procesos(account: &Account, size: usize) -> String {
    format!(
        r#"{REQUIRED_PROVIDERS}{}
provider "kairos" {{}}

resource "kairos_proceso" "this" {{
  for_each    = local.procesos
  stack       = "Bench"
  nombre      = each.key
  cron        = each.value
  arn_rol     = "arn:aws:iam::{account}:role/bench-role"
  arn_proceso = "arn:aws:lambda:{region}:{account}:function:target"
  parametros  = jsonencode({{ proceso = each.key, revision = var.revision }})
}}
"#,
        map(size),
        account = account.id,
        region = account.region,
    )
}

/// So many instances of `terraform_data`, as a configuration.
pub fn terraform_data(size: usize) -> String {
    format!(
        r#"{}
resource "terraform_data" "this" {{
  for_each = local.procesos
  input = {{
    stack       = "Bench"
    nombre      = each.key
    cron        = each.value
    arn_rol     = "arn:aws:iam::123456789012:role/bench-role"
    arn_proceso = "arn:aws:lambda:us-east-1:123456789012:function:target"
    parametros  = jsonencode({{ proceso = each.key, revision = var.revision }})
  }}
}}
"#,
        map(size)
    )
}

fn aws_schedules(account: &Account, size: usize) -> String {
    format!(
        r#"terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
{}
provider "aws" {{
  skip_credentials_validation = true
  skip_requesting_account_id  = true
}}

resource "aws_scheduler_schedule" "this" {{
  for_each            = local.procesos
  name                = each.key
  schedule_expression = each.value

  flexible_time_window {{
    mode = "OFF"
  }}
  target {{
    arn      = "arn:aws:lambda:{region}:{account}:function:target"
    role_arn = "arn:aws:iam::{account}:role/bench-role"
    input    = jsonencode({{ proceso = each.key, revision = var.revision }})
  }}
}}
"#,
        map(size),
        account = account.id,
        region = account.region,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_failure_is_told_in_one_plain_line() {
        let said = "terraform apply plan.bin ended with exit status: 1:\nError: creating Schedule (proceso-0001)\n\n  with \
                    aws_scheduler_schedule.this[\"proceso-0001\"],\n  on main.tf line 3, in resource:\n   3: resource\n\n\
                    ConflictException: it exists.\n\nError: another\n";
        assert_eq!(
            reason(said),
            "creating Schedule (proceso-0001) ConflictException: it exists."
        );
        assert_eq!(refused(said).into_iter().collect::<Vec<_>>(), ["proceso-0001"]);
    }
}
