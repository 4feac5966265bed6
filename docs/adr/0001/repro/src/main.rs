//! Shows, one by one, what kept us from the published tf-provider 0.2.2. Ends with 1 if something no longer does.
//!
//! Needs terraform on the PATH, and the crate index. The provider in `subject/` is built on the way.

mod subject;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use subject::Subject;

/// What gRPC says of a message over the limit, and of a method that is not there.
const OUT_OF_RANGE: i32 = 11;
const UNIMPLEMENTED: i32 = 12;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match shown().await {
        Ok(all) => {
            let left: Vec<_> = all.iter().filter(|shown| shown.1.is_err()).collect();
            for (blocker, shown) in &all {
                match shown {
                    Ok(()) => println!("reproduced      {blocker}"),
                    Err(why) => println!("NOT reproduced  {blocker}: {why:#}"),
                }
            }
            println!("{} of {} reproduced", all.len() - left.len(), all.len());
            if left.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("nothing could be shown: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn shown() -> Result<Vec<(&'static str, Result<()>)>> {
    let built = cargo("subject")?;
    ensure!(
        built.status.success(),
        "the provider cannot be built: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    let program = target()
        .join("debug")
        .join(format!("subject{}", std::env::consts::EXE_SUFFIX));
    let name = program.to_string_lossy().into_owned();
    Ok(vec![
        (
            "terraform refuses a schema with nested attributes",
            nested_attributes(&program),
        ),
        (
            "a client without a certificate may call over TCP",
            no_certificate(&name).await,
        ),
        (
            "state upgrade cannot be implemented: the type is private",
            private_type(),
        ),
        ("a message over 4 MB is refused", large_message(&name).await),
        (
            "Ctrl-C kills the process, and with it what it was doing",
            interrupt(&name),
        ),
        (
            "the protocol stops at 6.5: no ephemeral resources",
            old_protocol(&name).await,
        ),
    ])
}

fn nested_attributes(program: &Path) -> Result<()> {
    let world = tempfile::tempdir()?;
    let place = |below: &str| world.path().join(below);
    fs::create_dir(place("bin"))?;
    fs::copy(program, place("bin/terraform-provider-subject"))?;
    let bin = place("bin");
    let rc = format!(
        "provider_installation {{\n dev_overrides {{\n \"adr/subject\" = {:?}\n }}\n}}\n",
        bin
    );
    fs::write(place("terraformrc"), rc)?;
    let required = "terraform {\n required_providers {\n subject = { source = \"adr/subject\" }\n }\n}\n";
    fs::write(place("main.tf"), required)?;
    let output = Command::new("terraform")
        .args(["providers", "schema", "-json"])
        .current_dir(world.path())
        .env("TF_CLI_CONFIG_FILE", place("terraformrc"))
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .context("terraform cannot be run")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        !output.status.success() && said.contains("cannot both be set"),
        "terraform says {said:?}"
    );
    Ok(())
}

async fn no_certificate(program: &str) -> Result<()> {
    let status = Subject::start(program)?.call("GetProviderSchema", 0).await?;
    ensure!(status == 0, "the status of the answer is {status}");
    Ok(())
}

fn private_type() -> Result<()> {
    let output = cargo("refused")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let errors = said.matches("error[").count();
    let named = said.contains("error[E0603]: module `raw` is private");
    ensure!(
        !output.status.success() && named && errors == 1,
        "the compiler says {said:?}"
    );
    Ok(())
}

async fn large_message(program: &str) -> Result<()> {
    let subject = Subject::start(program)?;
    let (small, large) = (
        subject.call("GetProviderSchema", 1 << 20).await?,
        subject.call("GetProviderSchema", 5 << 20).await?,
    );
    ensure!(
        (small, large) == (0, OUT_OF_RANGE),
        "1 MB has the status {small}, 5 MB {large}"
    );
    Ok(())
}

fn interrupt(program: &str) -> Result<()> {
    let mut subject = Subject::start(program)?;
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", subject.child.id())])
        .status()?;
    ensure!(sent.success(), "the interrupt cannot be sent");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        if let Some(status) = subject.child.try_wait()? {
            ensure!(!status.success(), "it ends in order");
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    anyhow::bail!("it goes on")
}

async fn old_protocol(program: &str) -> Result<()> {
    let status = Subject::start(program)?.call("OpenEphemeralResource", 0).await?;
    ensure!(status == UNIMPLEMENTED, "the status of the answer is {status}");
    Ok(())
}

/// Builds a package of this workspace, with the protoc that tf-provider wants.
fn cargo(package: &str) -> Result<Output> {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--package", package, "--target-dir"])
        .arg(target())
        .arg("--manifest-path")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .env("PROTOC", protoc_bin_vendored::protoc_bin_path()?)
        .output()
        .context("cargo cannot be run")
}

/// Where this program was built: `TARGET/debug/repro`.
fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program.ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}
