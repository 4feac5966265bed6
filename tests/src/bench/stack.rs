//! The whole topology: plan, apply, empty re-plan and destroy of one `kairos_stack`.
//!
//! The ceilings are what hashicorp/aws took for the same topology as plain resources, measured once on two cores
//! (its fixed waits make the most of it); the peer written by hand runs where the rendering exists.

use anyhow::{Context, Result};

use super::measure;
use super::report::Report;
use crate::terraform::REQUIRED_PROVIDERS;
use crate::{MiniStack, Terraform};

/// Plan, apply, re-plan and destroy of the peer, in seconds.
const PEER: [(&str, f64); 4] = [("plan", 8.8), ("apply", 81.0), ("re-plan", 9.6), ("destroy", 44.0)];

/// The provider's peak memory that we allow ourselves, in MB.
const PEAK_MB: f64 = 40.0;

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

/// Measures the stack's life once.
pub async fn measure(server: &MiniStack, report: &mut Report) -> Result<()> {
    let account = server.account();
    logging_role(&account).await?;
    let terraform = Terraform::new(&account, &format!("{REQUIRED_PROVIDERS}{STACK}"))?;

    let schema = measure::terraform(&terraform, &["providers", "schema", "-json"], 0)?;
    report.ceiling("terraform providers schema -json", schema.seconds, "s", 0.5);

    let costs = [
        measure::terraform(&terraform, &["plan", "-out=plan.bin"], 0)?,
        measure::terraform(&terraform, &["apply", "plan.bin"], 0)?,
        measure::terraform(&terraform, &["plan", "-detailed-exitcode"], 0)?,
        measure::terraform(&terraform, &["destroy", "-auto-approve"], 0)?,
    ];
    for ((step, peer), cost) in PEER.iter().zip(&costs) {
        report.ceiling(&format!("stack: {step}"), cost.seconds, "s", *peer);
    }
    let peak = costs.iter().map(|cost| cost.provider_peak_mb).fold(0.0, f64::max);
    report.ceiling("stack: provider's peak memory", peak, "MB", PEAK_MB);
    Ok(())
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
