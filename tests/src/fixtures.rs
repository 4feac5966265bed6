//! What surrounds Kairos in a test: targets that keep a record of what they saw, and the roles of processes.
//!
//! Invariant: a target's record is its own (a table, a queue), so that what reached it is never read from logs.

use std::io::{Cursor, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, Runtime, State};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::account::Account;
use crate::wait;

/// The target function: it keeps every event that it is given, and then does what an event asks for: takes its time
/// (`duerme`, seconds), fails (`falla`, the message) or answers (`responde`).
const HANDLER: &str = r#"import json, os, time, uuid
import boto3

def handler(event, context):
    seen = {"Id": {"S": str(uuid.uuid4())}, "Evento": {"S": json.dumps(event, ensure_ascii=False)}}
    boto3.client("dynamodb").put_item(TableName=os.environ["VISTO"], Item=seen)
    asked = event if isinstance(event, dict) else {}
    time.sleep(asked.get("duerme", 0))
    if "falla" in asked:
        raise RuntimeError(asked["falla"])
    return asked.get("responde", {"visto": seen["Id"]["S"]})
"#;

/// A function that a process can have as its target.
#[derive(Debug, Clone)]
pub struct TargetFunction {
    account: Account,
    name: String,
    /// The function's ARN.
    pub arn: String,
}

/// A queue that a process can have as its target.
#[derive(Debug, Clone)]
pub struct TargetQueue {
    account: Account,
    url: String,
    /// The queue's ARN.
    pub arn: String,
}

/// A role of a process.
#[derive(Debug, Clone)]
pub struct ProcesoRole {
    account: Account,
    name: String,
    /// The role's ARN.
    pub arn: String,
}

impl TargetFunction {
    /// Makes the function, its role and the table of what it saw.
    pub async fn create(account: &Account, name: &str) -> Result<Self> {
        let function = Self {
            account: account.clone(),
            name: name.to_owned(),
            arn: format!("arn:aws:lambda:{}:{}:function:{name}", account.region, account.id),
        };
        function.create_record().await?;
        let role = function.create_role().await?;
        function.create_function(&role).await?;
        Ok(function)
    }

    /// Every event that the function was given, in no order.
    pub async fn seen(&self) -> Result<Vec<Value>> {
        let mut pages = self
            .account
            .dynamodb()
            .scan()
            .table_name(self.record())
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut seen = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.context("reading what the target function saw")?;
            let event = item
                .get("Evento")
                .and_then(|value| value.as_s().ok())
                .context("a record without \"Evento\"")?;
            seen.push(serde_json::from_str(event).context("reading an event of the target function")?);
        }
        Ok(seen)
    }

    /// What the function saw, once it is `count` events: an asynchronous invocation is accepted before it is carried out.
    pub async fn seen_at_least(&self, count: usize) -> Result<Vec<Value>> {
        wait::until(
            &format!("{count} events at the target function"),
            Duration::from_mins(1),
            || async {
                let seen = self.seen().await?;
                Ok((seen.len() >= count).then_some(seen))
            },
        )
        .await
    }

    /// Removes the function and everything that was made with it.
    pub async fn delete(&self) -> Result<()> {
        self.account
            .lambda()
            .delete_function()
            .function_name(&self.name)
            .send()
            .await
            .context("deleting the target function")?;
        let (iam, role) = (self.account.iam(), self.role());
        iam.delete_role_policy()
            .role_name(&role)
            .policy_name("record")
            .send()
            .await
            .context("deleting the target's policy")?;
        iam.delete_role()
            .role_name(&role)
            .send()
            .await
            .context("deleting the target's role")?;
        self.account
            .dynamodb()
            .delete_table()
            .table_name(self.record())
            .send()
            .await
            .context("deleting the target's record")?;
        // The group exists only once the function has run.
        let _ = self
            .account
            .logs()
            .delete_log_group()
            .log_group_name(format!("/aws/lambda/{}", self.name))
            .send()
            .await;
        Ok(())
    }

    fn record(&self) -> String {
        format!("{}Visto", self.name)
    }

    fn role(&self) -> String {
        format!("{}Role", self.name)
    }

    async fn create_record(&self) -> Result<()> {
        let key = KeySchemaElement::builder()
            .attribute_name("Id")
            .key_type(KeyType::Hash)
            .build()?;
        let id = AttributeDefinition::builder()
            .attribute_name("Id")
            .attribute_type(ScalarAttributeType::S)
            .build()?;
        let create = self
            .account
            .dynamodb()
            .create_table()
            .table_name(self.record())
            .key_schema(key)
            .attribute_definitions(id);
        create
            .billing_mode(BillingMode::PayPerRequest)
            .send()
            .await
            .context("creating the target's record")?;
        Ok(())
    }

    async fn create_role(&self) -> Result<String> {
        let table = format!(
            "arn:aws:dynamodb:{}:{}:table/{}",
            self.account.region,
            self.account.id,
            self.record()
        );
        let trust = json!({ "Service": "lambda.amazonaws.com" });
        create_role(
            &self.account,
            &self.role(),
            &trust,
            "record",
            "dynamodb:PutItem",
            &table,
        )
        .await
    }

    async fn create_function(&self, role: &str) -> Result<()> {
        let lambda = self.account.lambda();
        let code = FunctionCode::builder()
            .zip_file(Blob::new(zip_of("target.py", HANDLER)?))
            .build();
        let variables = Environment::builder().variables("VISTO", self.record()).build();
        let create = lambda
            .create_function()
            .function_name(&self.name)
            .runtime(Runtime::Python312)
            .handler("target.handler");
        let create = create.role(role).code(code).environment(variables).timeout(30);
        create.send().await.context("creating the target function")?;
        wait::until("the target function", Duration::from_mins(2), || async {
            let answer = lambda
                .get_function_configuration()
                .function_name(&self.name)
                .send()
                .await?;
            Ok((answer.state() == Some(&State::Active)).then_some(()))
        })
        .await
    }
}

impl TargetQueue {
    /// Makes the queue.
    pub async fn create(account: &Account, name: &str) -> Result<Self> {
        let created = account
            .sqs()
            .create_queue()
            .queue_name(name)
            .send()
            .await
            .context("creating the target queue")?;
        let url = created.queue_url().context("a queue without a URL")?.to_owned();
        let arn = format!("arn:aws:sqs:{}:{}:{name}", account.region, account.id);
        Ok(Self {
            account: account.clone(),
            url,
            arn,
        })
    }

    /// Takes the messages off the queue: their bodies.
    pub async fn take(&self) -> Result<Vec<String>> {
        let sqs = self.account.sqs();
        let mut bodies = Vec::new();
        loop {
            let batch = sqs
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(10)
                .send()
                .await;
            let batch = batch.context("receiving from the target queue")?;
            if batch.messages().is_empty() {
                return Ok(bodies);
            }
            for message in batch.messages() {
                bodies.push(message.body().unwrap_or_default().to_owned());
                let handle = message.receipt_handle().unwrap_or_default();
                sqs.delete_message()
                    .queue_url(&self.url)
                    .receipt_handle(handle)
                    .send()
                    .await
                    .context("deleting a message")?;
            }
        }
    }

    /// Removes the queue.
    pub async fn delete(&self) -> Result<()> {
        self.account
            .sqs()
            .delete_queue()
            .queue_url(&self.url)
            .send()
            .await
            .context("deleting the target queue")?;
        Ok(())
    }
}

impl ProcesoRole {
    /// A role that the role `executor` may assume, and that may do `action` on `resource`.
    ///
    /// It names the executor's role as principal: the form over `aws:PrincipalArn` does not match in the local AWS,
    /// which sees a session's ARN there.
    pub async fn create(account: &Account, name: &str, executor: &str, action: &str, resource: &str) -> Result<Self> {
        let arn = create_role(account, name, &json!({ "AWS": executor }), "target", action, resource).await?;
        Ok(Self {
            account: account.clone(),
            name: name.to_owned(),
            arn,
        })
    }

    /// A role with documents that are there already, such as `kairos_rol_ejecucion` writes them.
    pub async fn written(account: &Account, name: &str, trust: &str, permissions: &str) -> Result<Self> {
        let arn = create_written(account, name, trust, "target", permissions).await?;
        Ok(Self {
            account: account.clone(),
            name: name.to_owned(),
            arn,
        })
    }

    /// Removes the role.
    pub async fn delete(&self) -> Result<()> {
        let iam = self.account.iam();
        iam.delete_role_policy()
            .role_name(&self.name)
            .policy_name("target")
            .send()
            .await
            .context("deleting a role's policy")?;
        iam.delete_role()
            .role_name(&self.name)
            .send()
            .await
            .context("deleting a role")?;
        Ok(())
    }
}

/// Gives API Gateway the account's logging role, without which a stage with an access log is refused.
pub async fn api_gateway_logging(account: &Account) -> Result<()> {
    use aws_sdk_apigateway::types::{Op, PatchOperation};
    let role = format!("arn:aws:iam::{}:role/ApiGatewayLogs", account.id);
    let patch = PatchOperation::builder()
        .op(Op::Replace)
        .path("/cloudwatchRoleArn")
        .value(role)
        .build();
    account
        .apigateway()
        .update_account()
        .patch_operations(patch)
        .send()
        .await
        .context("setting API Gateway's logging role")?;
    Ok(())
}

/// Gives a role one more permission.
pub async fn permit(account: &Account, role: &str, action: &str, resource: &str) -> Result<()> {
    let statement = json!([{ "Effect": "Allow", "Action": action, "Resource": resource }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let put = account
        .iam()
        .put_role_policy()
        .role_name(role)
        .policy_name("fixture")
        .policy_document(document);
    put.send()
        .await
        .with_context(|| format!("giving the role {role} a permission"))?;
    Ok(())
}

/// The zip of a function that does nothing.
pub fn other_code() -> Result<Vec<u8>> {
    zip_of("bootstrap", "#!/bin/sh\nexit 1\n")
}

async fn create_role(
    account: &Account,
    name: &str,
    principal: &Value,
    policy: &str,
    action: &str,
    resource: &str,
) -> Result<String> {
    let statement = json!([{ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }]);
    let trust = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let statement = json!([{ "Effect": "Allow", "Action": action, "Resource": resource }]);
    let document = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    create_written(account, name, &trust, policy, &document).await
}

async fn create_written(account: &Account, name: &str, trust: &str, policy: &str, document: &str) -> Result<String> {
    let iam = account.iam();
    let created = iam
        .create_role()
        .role_name(name)
        .assume_role_policy_document(trust)
        .send()
        .await;
    let created = created.with_context(|| format!("creating the role {name}"))?;
    let arn = created.role().context("an answer without a role")?.arn().to_owned();
    let put = iam
        .put_role_policy()
        .role_name(name)
        .policy_name(policy)
        .policy_document(document)
        .send()
        .await;
    put.with_context(|| format!("giving the role {name} its policy"))?;
    Ok(arn)
}

fn zip_of(name: &str, text: &str) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let mut zip = ZipWriter::new(&mut bytes);
    zip.start_file(name, SimpleFileOptions::default().unix_permissions(0o644))
        .context("starting a zip")?;
    zip.write_all(text.as_bytes()).context("filling a zip")?;
    zip.finish().context("ending a zip")?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ministack::{MiniStack, Options};
    use crate::world;

    #[tokio::test]
    async fn a_target_function_keeps_what_it_saw_even_where_iam_is_enforced() -> Result<()> {
        let account = MiniStack::shared(Options { auth: true })?.account();
        let function = TargetFunction::create(&account, "Destino").await?;
        let payload = Blob::new(r#"{"saludo":"hola"}"#);
        let answer = account
            .lambda()
            .invoke()
            .function_name(&function.arn)
            .payload(payload)
            .send()
            .await?;
        let said = answer
            .payload()
            .map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned());
        assert_eq!((answer.function_error(), said.is_some()), (None, true), "{said:?}");
        assert_eq!(function.seen().await?, [json!({ "saludo": "hola" })]);
        function.delete().await?;
        assert_eq!(world::list(&account).await?, Vec::<String>::new());
        Ok(())
    }

    #[tokio::test]
    async fn what_a_fixture_made_is_listed_until_it_is_deleted() -> Result<()> {
        let account = MiniStack::shared(Options::default())?.account();
        let queue = TargetQueue::create(&account, "Destino").await?;
        let role = ProcesoRole::create(
            &account,
            "proceso-rol",
            "arn:aws:iam::123456789012:role/e",
            "sqs:SendMessage",
            &queue.arn,
        )
        .await?;
        assert_eq!(world::list(&account).await?, ["queue Destino", "role proceso-rol"]);
        queue.delete().await?;
        role.delete().await?;
        assert_eq!(world::list(&account).await?, Vec::<String>::new());
        Ok(())
    }
}
