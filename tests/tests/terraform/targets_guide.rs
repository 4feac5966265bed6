//! The examples of the guide to targets: as terraform formats them, and each a process that the provider takes.

use std::fs;

use acceptance::terraform::REQUIRED_PROVIDERS;
use acceptance::{Account, Terraform, workspace};
use anyhow::{Context, Result, ensure};

#[test]
fn the_examples_of_the_guide_to_targets_are_valid() -> Result<()> {
    let guide = workspace::root().join("docs/guides/targets.md");
    let guide = fs::read_to_string(&guide).with_context(|| format!("reading {}", guide.display()))?;
    let blocks: Vec<&str> = guide
        .split("```terraform\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    ensure!(blocks.len() > 10, "only {} examples", blocks.len());
    // Nothing is asked of AWS while validating.
    let account = Account::new("http://127.0.0.1:9", "123456789012", "sa-east-1");
    let terraform = Terraform::new(&account, REQUIRED_PROVIDERS)?;
    terraform.write("examples.tf", &blocks.join("\n"))?;
    terraform
        .run(&["fmt", "-check", "-diff", "examples.tf"])?
        .succeeded("fmt -check of the guide to targets")?;
    terraform.validate()?.succeeded("validate of the guide to targets")?;
    Ok(())
}
