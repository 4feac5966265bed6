//! What examples need around them, of services of which there is no client here: files in S3, databases, functions in Python.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use acceptance::{Account, wait, workspace, world};
use anyhow::{Context, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime, State};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A slow machine under load.
pub(crate) const LIMIT: Duration = Duration::from_mins(3);

/// Puts something into S3: a bucket (`/bucket`), a file (`/bucket/key`), a setting (`/bucket?notification`).
pub(crate) fn put(account: &Account, path: &str, body: &str) -> Result<()> {
    let url = format!("{}{path}", account.endpoint);
    let sent = ureq::put(url)
        .header("authorization", authorization(account, "s3"))
        .send(body);
    sent.map(drop).with_context(|| format!("PUT {path} to S3"))
}

/// Asks a service of the query protocol: the answer's XML.
pub(crate) fn query(account: &Account, service: &str, parameters: &str) -> Result<String> {
    let asked = ureq::post(&account.endpoint)
        .header("authorization", authorization(account, service))
        .header("content-type", "application/x-www-form-urlencoded")
        .send(parameters);
    let mut answer = asked.with_context(|| format!("{service}: {parameters}"))?;
    Ok(answer.body_mut().read_to_string()?)
}

/// The text of the first element of that name.
pub(crate) fn element(xml: &str, name: &str) -> Result<String> {
    let (_, rest) = xml
        .split_once(&format!("<{name}>"))
        .with_context(|| format!("no {name} in {xml}"))?;
    Ok(rest.split('<').next().unwrap_or_default().to_owned())
}

/// Makes a function of an example's source, and gives its ARN.
pub(crate) async fn function(
    account: &Account,
    name: &str,
    source: &Path,
    variables: &[(&str, &str)],
) -> Result<String> {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole"
    }]});
    let role = account.iam().create_role().role_name(name);
    let role = role
        .assume_role_policy_document(trust.to_string())
        .send()
        .await
        .context("creating a function's role")?;
    let role = role.role().context("an answer without a role")?.arn().to_owned();
    let module = source
        .file_stem()
        .and_then(|stem| stem.to_str())
        .context("no name of a module")?;
    let variables = variables.iter().fold(Environment::builder(), |all, (name, value)| {
        all.variables(*name, *value)
    });
    let lambda = account.lambda();
    let create = lambda
        .create_function()
        .function_name(name)
        .runtime(Runtime::Python312)
        .handler(format!("{module}.handler"))
        .role(role)
        .code(FunctionCode::builder().zip_file(Blob::new(packed(source)?)).build())
        .environment(variables.build())
        .timeout(60);
    let created = create.send().await.context("creating a function")?;
    wait::until("the function", LIMIT, || async {
        let seen = lambda.get_function_configuration().function_name(name).send().await?;
        Ok((seen.state() == Some(&State::Active)).then_some(()))
    })
    .await?;
    created
        .function_arn()
        .map(str::to_owned)
        .context("a function without an ARN")
}

/// A zip with one file, as `python3 -m zipfile -c` makes it.
pub(crate) fn packed(source: &Path) -> Result<Vec<u8>> {
    let text = fs::read(source).with_context(|| format!("reading {}", source.display()))?;
    let name = source.file_name().and_then(|name| name.to_str()).context("no name")?;
    let mut bytes = Cursor::new(Vec::new());
    let mut zip = ZipWriter::new(&mut bytes);
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(0o644))?;
    zip.write_all(&text)?;
    zip.finish()?;
    Ok(bytes.into_inner())
}

/// Runs the unit tests of an example's function.
pub(crate) fn unit_tests(folder: &Path) -> Result<()> {
    let output = Command::new(workspace::venv_tool("python")?)
        // Without compiled files beside the sources.
        .args(["-B", "-m", "unittest", "discover"])
        .current_dir(folder)
        .output()
        .context("starting python")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.contains("\nOK"), "{said}");
    ensure!(!said.contains("Ran 0 tests"), "there are no tests: {said}");
    Ok(())
}

/// Waits until a queue has no message, neither visible nor in work.
pub(crate) async fn idle(account: &Account, queue_url: &str) -> Result<()> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let sqs = account.sqs();
    wait::until("an empty queue", LIMIT, || async {
        let asked = sqs.get_queue_attributes().queue_url(queue_url);
        let answer = asked.set_attribute_names(Some(names.to_vec())).send().await?;
        let held = answer.attributes().context("a queue without attributes")?;
        Ok(held.values().all(|count| count == "0").then_some(()))
    })
    .await
}

/// What the account holds, without the log groups of functions that are not the stack's: their last line may come late.
pub(crate) async fn held(account: &Account, functions: &[&str]) -> Result<Vec<String>> {
    let mut held = world::list(account).await?;
    held.retain(|name| {
        !functions
            .iter()
            .any(|function| *name == format!("log group /aws/lambda/{function}"))
    });
    Ok(held)
}

/// The body of the recorded request that has `part`. A slow server may be sent the same one twice.
pub(crate) fn sent(recorded: &[Value], part: &str) -> Result<Value> {
    let bodies = recorded.iter().filter_map(|request| request["body"].as_str());
    let mut found: Vec<_> = bodies.filter(|body| body.contains(part)).collect();
    found.dedup();
    let [body] = found.as_slice() else {
        anyhow::bail!("not one request with {part}: {found:?}");
    };
    serde_json::from_str(body).with_context(|| format!("reading {body}"))
}

/// The local AWS takes account, region and service from here, and does not look at the signature.
fn authorization(account: &Account, service: &str) -> String {
    let Account { id, region, .. } = account;
    format!(
        "AWS4-HMAC-SHA256 Credential={id}/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=none"
    )
}
