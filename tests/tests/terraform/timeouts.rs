//! `timeouts`: an operation ends when its time is over, says so by the attribute's name, and the next one goes on.

use acceptance::Terraform;
use acceptance::gate::{Act, Answer, Gate, Rule};
use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::common::{APP, account, assert_guided, assert_holds, assert_told, is_held, set_lease, stack};

fn with_timeouts(executor: &str, timeouts: &str) -> String {
    stack(&format!(
        "executor = {{ role_prefix = \"proceso-\"{executor} }}\n  timeouts = {{ {timeouts} }}"
    ))
}

/// DynamoDB never gets done with the table of processes.
fn stuck_table(gate: &Gate) -> Rule {
    let stuck = |answer: Answer| Answer {
        body: answer.body.replace("\"ACTIVE\"", "\"CREATING\""),
        ..answer
    };
    gate.rule(Act::Change(Box::new(stuck)), |r| {
        r.asks("DescribeTable", &format!("{APP}Procesos"))
    })
}

#[tokio::test]
async fn create_update_and_delete_end_with_their_time_and_name_its_attribute() -> Result<()> {
    let account = account(false).await?;
    let gate = Gate::before(&account)?;
    // Long enough for a loaded machine to come to the tables.
    let terraform = Terraform::new(&gate.account(&account), &with_timeouts("", "create = \"40s\""))?;
    let stuck = stuck_table(&gate);
    let errors = terraform.apply(&[])?.failed("apply on a DynamoDB that is never done")?;
    assert_guided(
        &errors,
        &format!("DescribeTable of \"{APP}Procesos\" failed: it was still changing after "),
    );
    assert_guided(
        &errors,
        " s, when the operation's time was over (\"timeouts.create\" is \"40s\"); raise \"timeouts.create\" and run the same \
         command again",
    );
    ensure!(!is_held(&account).await?, "the marker is still held");
    stuck.end();
    terraform.write("main.tf", &with_timeouts("", "delete = \"1s\""))?;
    terraform.apply(&[])?.succeeded("apply that is given its time")?;
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after it is not empty"
    );

    // Somebody works on the stack for longer than may be waited.
    set_lease(&account, Timestamp::now() + SignedDuration::from_hours(1)).await?;
    terraform.write(
        "main.tf",
        &with_timeouts(", memory_size = 512", "update = \"1s\", delete = \"1s\""),
    )?;
    let errors = terraform.apply(&[])?.failed("update of a stack that is worked on")?;
    assert_guided(&errors, "\"timeouts.update\" is \"1s\"");
    let errors = terraform.destroy(&[])?.failed("destroy of a stack that is worked on")?;
    assert_told(&errors, "\"timeouts.delete\" is \"1s\"");

    set_lease(&account, Timestamp::now() - SignedDuration::from_secs(1)).await?;
    terraform.write("main.tf", &with_timeouts("", "delete = \"20m\""))?;
    terraform.apply(&[])?.succeeded("apply of a longer time")?;
    terraform.destroy(&[])?.succeeded("destroy")?;
    assert_holds(&account, &[]).await
}
