//! Many processes in one apply: `kairos_proceso` against the builtin `terraform_data` and, where it is at hand,
//! hashicorp/aws's `aws_scheduler_schedule`, all by `for_each` over the same map.

use anyhow::Result;

use super::measure::{self, Cost};
use super::report::Report;
use super::stack::{STACK, logging_role};
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{Account, MiniStack, Terraform, peer};

/// Create and re-plan, as multiples of `terraform_data`'s.
const CREATE_GOAL: f64 = 1.5;
const REPLAN_GOAL: f64 = 2.0;

/// The provider's peak memory at 1,000 processes, in MB.
const PEAK_MB: f64 = 40.0;

/// Below this many instances terraform's own start is all that is measured, so that no goal is set.
const COMPARABLE: usize = 100;

/// Five processes share a schedule, so that 1,000 need 200 of them.
const PER_SCHEDULE: usize = 5;

/// Measures plan, create and empty re-plan of each size.
pub async fn measure(server: &MiniStack, sizes: &[usize], report: &mut Report) -> Result<()> {
    let account = server.account();
    logging_role(&account).await?;
    let stack = Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{STACK}"))?;
    stack.apply(&[])?.succeeded("apply of the stack")?;
    for &size in sizes {
        let ours = life(&Terraform::new(&account, &procesos(&account, size))?)?;
        let builtin = Terraform::bare(&account)?;
        builtin.write("main.tf", &terraform_data(size))?;
        builtin.init()?;
        compare(report, size, "terraform_data", &ours, &life(&builtin)?, true);

        let title = format!("{size} × aws_scheduler_schedule");
        if let Err(reason) = peer::mirror() {
            report.skipped(&title, reason);
        } else {
            let peer = server.account();
            let schedules = Terraform::new(&peer, &aws_schedules(&peer, size))?;
            // Of many calls at once the local AWS carries out a few twice, which this peer takes for somebody else's schedule.
            match life(&schedules) {
                Ok(theirs) => compare(report, size, "aws_scheduler_schedule", &ours, &theirs, false),
                Err(error) => report.skipped(&title, &format!("the peer failed: {}", reason(&error))),
            }
        }
        if size >= 1_000 {
            let peak = ours.iter().map(|cost| cost.provider_peak_mb).fold(0.0, f64::max);
            report.ceiling(
                &format!("{size} × kairos_proceso: provider's peak memory"),
                peak,
                "MB",
                PEAK_MB,
            );
        }
    }
    stack.destroy(&[])?.succeeded("destroy of the stack")?;
    Ok(())
}

/// The first error that terraform tells, in one line.
fn reason(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    let line = text
        .lines()
        .find(|line| line.contains("Error:"))
        .unwrap_or("no reason given");
    line.split("Error:")
        .nth(1)
        .unwrap_or(line)
        .trim()
        .chars()
        .take(120)
        .collect()
}

/// Plan, create, empty re-plan; and destroy, which is not compared.
fn life(terraform: &Terraform) -> Result<[Cost; 3]> {
    let plan = measure::terraform(terraform, &["plan", "-out=plan.bin"], 0)?;
    let create = measure::terraform(terraform, &["apply", "plan.bin"], 0)?;
    // Exit code 0 of -detailed-exitcode: nothing to do.
    let replan = measure::terraform(terraform, &["plan", "-detailed-exitcode"], 0)?;
    measure::terraform(terraform, &["destroy", "-auto-approve"], 0)?;
    Ok([plan, create, replan])
}

fn compare(report: &mut Report, size: usize, peer: &str, ours: &[Cost; 3], theirs: &[Cost; 3], goals: bool) {
    let goal = |goal: f64| (goals && size >= COMPARABLE).then_some(goal);
    for (step, at, goal) in [
        ("plan", 0, None),
        ("create", 1, goal(CREATE_GOAL)),
        ("re-plan", 2, goal(REPLAN_GOAL)),
    ] {
        let what = format!("{size} × kairos_proceso: {step}");
        report.ratio(&what, ours[at].seconds, "s", (peer, theirs[at].seconds), goal);
    }
}

/// The map that every side iterates over: a name, a schedule.
fn map(size: usize) -> String {
    format!(
        r#"
locals {{
  procesos = {{ for n in range({size}) : format("proceso-%04d", n) => format(
    "cron(%d %d * * ? *)", floor(n / {PER_SCHEDULE}) % 60, floor(n / {}) % 24
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
  parametros  = jsonencode({{ proceso = each.key }})
}}
"#,
        map(size),
        account = account.id,
        region = account.region,
    )
}

fn terraform_data(size: usize) -> String {
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
    parametros  = jsonencode({{ proceso = each.key }})
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
    input    = jsonencode({{ proceso = each.key }})
  }}
}}
"#,
        map(size),
        account = account.id,
        region = account.region,
    )
}
