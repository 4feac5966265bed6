//! checkov looks at what we make. What it finds and we do not follow stands in `tests/scanner-skips.json`, each with its
//! reason; a line there that nothing needs any more fails.
//!
//! Two renderings are looked at, both from plans: a stack with what is on by default, and one whose user chose whatever a
//! scanner asks for, so that nobody can say that a finding was the user's choice when it is not.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use acceptance::peer::Rendering;
use acceptance::{Account, Terraform, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::common::{account, stack};

const PLAIN: &str = r#"
  executor            = { role_prefix = "proceso-" }
  api                 = {}
  notification_emails = ["operaciones@example.com"]
"#;

const KEY: &str = r#"
  dispatcher          = { reserved_concurrency = 5 }
  executor            = { role_prefix = "proceso-", reserved_concurrency = 20 }
  api                 = { throttle_rate = 10, throttle_burst = 20, quota_per_day = 1000 }
  notification_emails = ["operaciones@example.com"]
  log_retention_days  = 365
  kms_key_arn         = "arn:aws:kms:{region}:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
"#;

/// A finding: the check and the resource.
type Finding = (String, String);

#[tokio::test]
async fn every_finding_of_the_scanner_has_an_answer_and_every_answer_a_finding() -> Result<()> {
    let account = account(false).await?;
    let key = KEY
        .replace("{region}", &account.region)
        .replace("{account}", &account.id);
    let renderings = [
        ("plain", rendering(&account, PLAIN)?),
        ("key", rendering(&account, &key)?),
    ];
    // Both at once: most of the time is its start.
    let running = renderings.map(|(name, rendering)| Ok((name, scan(rendering.folder())?, rendering)));
    let skips = skips()?;
    let mut needed = BTreeSet::new();
    let mut unanswered = Vec::new();
    for scan in running {
        let (name, scan, _rendering): (_, Child, _) = scan.map_err(|e: anyhow::Error| e)?;
        for (check, resource) in findings(scan)? {
            let answer = skips.iter().position(|skip| skip.answers(name, &check, &resource));
            match answer {
                Some(index) => {
                    needed.insert((index, name));
                }
                None => unanswered.push(format!("{check} of {resource} in the rendering \"{name}\"")),
            }
        }
    }
    ensure!(
        unanswered.is_empty(),
        "findings that are neither mended nor skipped with a reason:\n{}",
        unanswered.join("\n")
    );
    for (index, skip) in skips.iter().enumerate() {
        for name in &skip.of {
            ensure!(
                needed
                    .iter()
                    .any(|(of, in_rendering)| *of == index && in_rendering == name),
                "nothing needs the skip of {} of {:?} in the rendering \"{name}\" any more",
                skip.check,
                skip.resources
            );
        }
    }
    Ok(())
}

/// A stack as it would be made.
fn rendering(account: &Account, attributes: &str) -> Result<Rendering> {
    let terraform = Terraform::new(account, &stack(attributes))?;
    terraform.plan(&[])?.succeeded("plan")?;
    let rendering = Rendering::of_plan(&terraform, "plan.bin")?;
    let plain = rendering.terraform(account)?;
    plain
        .run(&["fmt", "-check", "-diff"])?
        .succeeded("fmt -check of the rendering")?;
    ensure!(!plain.dir().join("imports.tf").exists(), "a plan has nothing to import");
    Ok(rendering)
}

/// Starts the scanner, which gets no network.
fn scan(folder: &Path) -> Result<Child> {
    let nowhere = "http://127.0.0.1:9";
    Command::new(workspace::scanner_tool("python")?)
        .args(["-m", "checkov.main", "--framework", "terraform", "--skip-download"])
        .args(["--quiet", "--compact", "--output", "json", "--directory"])
        .arg(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .env("LANG", "C.UTF-8")
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map(|name| (name, nowhere)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting checkov")
}

fn findings(scan: Child) -> Result<Vec<Finding>> {
    let output = scan.wait_with_output().context("waiting for checkov")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Ok(report) = serde_json::from_str::<Value>(&said) else {
        bail!(
            "checkov ended with {}: {said}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    };
    ensure!(
        report["summary"]["parsing_errors"] == 0,
        "checkov could not read everything: {report:#}"
    );
    ensure!(
        report["summary"]["passed"].as_u64().is_some_and(|passed| passed > 100),
        "checkov looked at next to nothing: {}",
        report["summary"]
    );
    let failed = report["results"]["failed_checks"]
        .as_array()
        .context("no list of findings")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let finding = |failed: &Value| Some((text(&failed["check_id"])?, text(&failed["resource"])?));
    failed
        .iter()
        .map(|failed| finding(failed).context("a finding without check or resource"))
        .collect()
}

/// Why a finding is left as it is.
#[derive(Debug)]
struct Skip {
    check: String,
    /// Addresses, or types of resources.
    resources: Vec<String>,
    /// The renderings in which it is found.
    of: Vec<String>,
}

impl Skip {
    fn answers(&self, rendering: &str, check: &str, resource: &str) -> bool {
        let kind = resource.split('.').next().unwrap_or_default();
        self.check == check
            && self.of.iter().any(|of| of == rendering)
            && self.resources.iter().any(|of| of == resource || of == kind)
    }
}

fn skips() -> Result<Vec<Skip>> {
    let text = fs::read_to_string(workspace::root().join("tests").join("scanner-skips.json"))?;
    let entries: Vec<Value> = serde_json::from_str(&text)?;
    let texts = |value: &Value| {
        let items = value.as_array()?.iter();
        items
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    };
    let skip = |entry: &Value| {
        entry["reason"].as_str().filter(|reason| !reason.is_empty())?;
        Some(Skip {
            check: entry["check"].as_str()?.to_owned(),
            resources: texts(&entry["resources"])?,
            of: texts(&entry["of"])?,
        })
    };
    entries
        .iter()
        .map(|entry| skip(entry).with_context(|| format!("a skip that lacks something: {entry}")))
        .collect()
}
