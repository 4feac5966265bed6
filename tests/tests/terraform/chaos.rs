//! A stack over a bad line: a fifth of all calls is throttled, fails or is cut off, before it is carried out or after, and
//! all of them are slow. Whatever is tried either succeeds or says why not, and trying again always comes to its end.

use acceptance::microburst::Microburst;
use acceptance::terraform::Report;
use acceptance::{Account, Terraform, world};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::common::{account, assert_holds, stack};

const STACK: &str = "kairos_stack.this";

/// So many attempts fail by chance never: each of the some 250 calls of one is tried four times.
const ATTEMPTS: usize = 20;

const FIRST: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = { throttle_rate = 10, throttle_burst = 20 }
  notification_emails = ["operaciones@example.com"]
  tags                = { equipo = "plataforma" }
"#;

const SECOND: &str = r#"
  executor           = { role_prefix = "tarea-", memory_size = 512, timeout = 60 }
  dispatcher         = { memory_size = 512 }
  api                = { throttle_rate = 10, throttle_burst = 20 }
  log_retention_days = 7
  tracing            = true
  tags               = { costo = "42" }
"#;

#[expect(clippy::print_stdout, reason = "how many attempts it took is to be read")]
#[tokio::test]
async fn over_a_bad_line_a_stack_comes_changes_and_goes() -> Result<()> {
    let account = account(false).await?;
    let line = Microburst::start(&account.endpoint)?;
    let mut terraform = Terraform::new(&Account::new(line.url(), &account.id, &account.region), &patient(FIRST))?;

    let mut told = Vec::new();
    line.rules(&bad_line())?;
    told.push(("create", insist("create", &terraform, || terraform.apply(&[]))?));
    terraform.write("main.tf", &patient(SECOND))?;
    told.push(("update", insist("update", &terraform, || terraform.apply(&[]))?));

    terraform.set("AWS_ENDPOINT_URL", &account.endpoint);
    ensure!(
        terraform.plan_summary(&[])?.is_empty(),
        "the plan after the update is not empty"
    );
    let resource = terraform.resource(STACK)?;
    let components = resource["components"].as_object().context("no components")?;
    let odd: Vec<_> = components.iter().filter(|(_, c)| c["status"] != "in_sync").collect();
    ensure!(odd.is_empty(), "components that are not in sync: {odd:#?}");
    let held = world::list(&account).await?;
    let mut once = held.clone();
    once.dedup();
    ensure!(held == once, "something exists twice: {held:#?}");

    terraform.set("AWS_ENDPOINT_URL", line.url());
    told.push(("destroy", insist("destroy", &terraform, || terraform.destroy(&[]))?));
    assert_holds(&account, &[]).await?;
    let done = line.done()?;
    let mut harmed = 0;
    for what in ["ThrottlingException", "InternalError", "reset"] {
        let count: u64 = done
            .iter()
            .filter(|(action, _)| action.contains(what))
            .map(|(_, n)| n)
            .sum();
        ensure!(count > 0, "nothing was harmed by \"{what}\": {done:?}");
        harmed += count;
    }
    // Whatever is not harmed is slow, so that every call is counted.
    let calls: u64 = done.values().sum();
    ensure!(
        harmed * 10 >= calls,
        "of {calls} calls only {harmed} were harmed: {done:?}"
    );
    println!("{harmed} of {calls} calls were harmed");
    for (what, attempts) in told {
        println!("{what}: {attempts} attempts");
    }
    Ok(())
}

/// The configuration, with a provider that tries a call four times, so that some calls fail in the end.
fn patient(attributes: &str) -> String {
    stack(attributes).replace("provider \"kairos\" {}", "provider \"kairos\" {\n  max_retries = 3\n}")
}

/// Each probability is of what the rules before it let pass: together, a fifth. The SDK does not ask again for an answer that
/// it has seen the beginning of, so that few of these make many attempts.
fn bad_line() -> Value {
    let slow = json!({ "min": 1, "max": 20 });
    let throttled = json!({ "code": "ThrottlingException", "status": 400 });
    let services = [
        "apigateway",
        "dynamodb",
        "iam",
        "lambda",
        "logs",
        "monitoring",
        "scheduler",
        "sns",
        "ssm",
    ];
    let mut rules: Vec<Value> = services
        .map(|service| json!({ "service": service, "probability": 0.08, "error": throttled }))
        .into();
    // Of SQS, the proxy writes the code in a way that the SDK does not know for throttling.
    rules.push(
        json!({ "service": "sqs", "probability": 0.08, "error": { "code": "ServiceUnavailable", "status": 503 } }),
    );
    rules.extend([
        json!({ "service": "*", "probability": 0.06, "error": { "code": "InternalError", "status": 500 } }),
        json!({ "service": "*", "probability": 0.07, "reset": true, "latency": slow }),
        json!({ "service": "*", "probability": 0.003, "response": { "abort_bytes": 0 } }),
        json!({ "service": "*", "latency": slow }),
    ]);
    Value::Array(rules)
}

/// Tries until it succeeds. What fails has to say so in a clean way, and to keep the state.
fn insist(what: &str, terraform: &Terraform, attempt: impl Fn() -> Result<Report>) -> Result<usize> {
    let mut reports = Vec::new();
    for number in 1..=ATTEMPTS {
        let report = attempt()?;
        if report.success {
            return Ok(number);
        }
        let errors: Vec<String> = report
            .errors()
            .iter()
            .map(acceptance::terraform::Diagnostic::text)
            .collect();
        ensure!(!errors.is_empty(), "{what} failed without an error:\n{}", report.raw);
        for error in &errors {
            let unclean = ["panicked", "crashed", "Plugin", "plugin did not respond"];
            ensure!(
                !unclean.iter().any(|word| error.contains(word)),
                "{what} failed like this: {error}"
            );
        }
        terraform
            .state()
            .with_context(|| format!("the state after {what} failed"))?;
        reports.push(errors);
    }
    bail!("{what} did not succeed in {ATTEMPTS} attempts: {reports:#?}")
}
