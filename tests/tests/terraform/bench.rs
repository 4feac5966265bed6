//! What the benchmark of processes rests on: its maps and its state's server, with the real terraform.

use acceptance::bench::procesos::terraform_data;
use acceptance::bench::state::State;
use acceptance::{Account, Terraform};
use anyhow::Result;

/// Terraform's `range` gives at most 1,024 values.
#[test]
fn a_map_may_have_more_instances_than_terraform_counts_at_once() -> Result<()> {
    let terraform = Terraform::bare(&nowhere())?;
    terraform.write("main.tf", &terraform_data(2_001))?;
    terraform.init()?;
    let plan = terraform.plan_summary(&[])?;
    let planned = plan.raw["resource_changes"].as_array().map(Vec::len);
    assert_eq!(planned, Some(2_001));
    Ok(())
}

#[test]
fn terraform_keeps_its_state_behind_http_and_nowhere_else() -> Result<()> {
    let state = State::serve()?;
    let main = format!(
        "{}resource \"terraform_data\" \"this\" {{\n  input = 1\n}}\n",
        state.backend()
    );
    let terraform = Terraform::new(&nowhere(), &main)?;
    terraform.apply(&[])?.succeeded("apply")?;
    assert!(terraform.plan_summary(&[])?.is_empty());
    assert!(!terraform.dir().join("terraform.tfstate").exists());
    Ok(())
}

/// Neither calls AWS.
fn nowhere() -> Account {
    Account::new("http://127.0.0.1:1", "123456789012", "us-east-1")
}
