//! The statement in a function's policy that lets API Gateway invoke it.
//!
//! Invariant: only the statement with our id is read and written; the function's other statements are left alone.

use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;
use serde_json::{Value, json};

use super::function::busy;
use super::gateway::resolve;
use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Ref};
use crate::stack::policy::PolicyDocument;

const PRINCIPAL: &str = "apigateway.amazonaws.com";
const ACTION: &str = "lambda:InvokeFunction";

/// Leave for one stage of a REST API to invoke a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Permission {
    /// The function's name.
    pub function: String,
    /// The statement's id in the function's policy (letters, digits, `-` and `_`; 100 at most).
    pub statement_id: String,
    /// The REST API that may invoke it.
    pub rest_api: Ref,
    /// The stage of that API whose methods may invoke it.
    pub stage: String,
    /// What else the statement says otherwise than ours, part by part.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Kind for Permission {
    const TYPE: &'static str = "AWS::Lambda::Permission";
    const SERVICE: &'static str = "lambda";

    /// A statement is only ever changed by another one in its place.
    fn permissions(&self, names: &Names) -> Permissions {
        let function = Scope::of([names.function_arn(&self.function)]);
        Permissions::default()
            .observe(&function, &["lambda:GetPolicy"])
            .create(&function, &["lambda:AddPermission", "lambda:RemovePermission"])
            .update(&function, &["lambda:AddPermission", "lambda:RemovePermission"])
            .delete(&function, &["lambda:RemovePermission"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        Some(self.id())
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("FunctionName", |p| &p.function)
            .fixed("StatementId", |p| &p.statement_id)
            .property("SourceArn", |p| {
                [p.rest_api.0.as_str(), p.stage.as_str()]
                    .join("/")
                    .trim_end_matches('/')
                    .to_owned()
            })
            .extras(|p| &p.extras)
            .changes()
    }

    fn references(&self) -> Vec<Ref> {
        vec![self.rest_api.clone()]
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        if context.id(&self.rest_api).is_none() {
            return Ok(None);
        }
        let answer = context
            .aws
            .lambda
            .get_policy()
            .function_name(&self.function)
            .send()
            .await;
        let policy = answer
            .found("GetPolicy", &self.function)?
            .and_then(|a| a.policy)
            .unwrap_or_default();
        let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
        let statements = policy
            .get("Statement")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let ours = statements
            .into_iter()
            .find(|s| s.get("Sid").and_then(Value::as_str) == Some(&self.statement_id));
        Ok(ours.map(|statement| Held::ours(self.id(), self.held(&statement, context))))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        match self.add(context).await {
            // The statement is there, ours by its id: the answer was lost, or it says something else and is written anew.
            Err(e) if e.is("ResourceConflictException") && !busy(&e) => {
                let held = self.observe(context).await?;
                if held.is_none_or(|held| !self.diff(&held.value).is_empty()) {
                    self.remove(context).await?;
                    self.add(context).await?;
                }
            }
            other => other?,
        }
        Ok(Held::ours(self.id(), self.clone()))
    }

    /// Lambda changes no statement in place. API Gateway is refused for the moment between the two calls.
    async fn update(&self, _: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        self.remove(context).await?;
        self.create(context).await?;
        Ok(())
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        self.remove(context).await
    }

    fn settling(error: &AwsError) -> bool {
        busy(error)
    }
}

impl Permission {
    fn id(&self) -> String {
        format!("{}/{}", self.function, self.statement_id)
    }

    /// Reads a statement, part by part.
    fn held(&self, statement: &Value, context: &Context) -> Self {
        let allowed = statement
            .pointer("/Condition/ArnLike/AWS:SourceArn")
            .and_then(Value::as_str)
            .unwrap_or("any");
        let resource = allowed.rsplit(':').next().unwrap_or_default();
        let (api, stage) = resource.split_once('/').unwrap_or((resource, ""));
        let stage = stage.strip_suffix("/*").unwrap_or(stage);
        let (rest_api, stage) = if allowed == source(api, stage, context) {
            (context.reference(&self.rest_api, api), stage.into())
        } else {
            // Of another account or region, or none at all: shown as it is.
            (Ref::to(allowed), String::new())
        };
        let mut ours = self.statement(allowed, context);
        if allowed == "any" {
            // Said already.
            ours["Condition"] = statement.get("Condition").cloned().unwrap_or_default();
        }
        Self {
            rest_api,
            stage,
            extras: otherwise(statement, &ours),
            ..self.clone()
        }
    }

    /// The statement as Lambda writes it.
    fn statement(&self, source: &str, context: &Context) -> Value {
        json!({
            "Sid": self.statement_id,
            "Effect": "Allow",
            "Principal": { "Service": PRINCIPAL },
            "Action": ACTION,
            "Resource": context.names.function_arn(&self.function),
            "Condition": { "ArnLike": { "AWS:SourceArn": source } },
        })
    }

    async fn add(&self, context: &Context) -> Result<(), AwsError> {
        let rest_api = resolve(&self.rest_api, "AddPermission", &self.function, context)?;
        let call = context
            .aws
            .lambda
            .add_permission()
            .function_name(&self.function)
            .statement_id(&self.statement_id);
        let call = call
            .principal(PRINCIPAL)
            .action(ACTION)
            .source_arn(source(&rest_api, &self.stage, context));
        call.send().await.doing("AddPermission", &self.function)?;
        Ok(())
    }

    async fn remove(&self, context: &Context) -> Result<(), AwsError> {
        let call = context.aws.lambda.remove_permission().function_name(&self.function);
        call.statement_id(&self.statement_id)
            .send()
            .await
            .found("RemovePermission", &self.function)?;
        Ok(())
    }
}

/// The parts of a statement that IAM reads otherwise than those of ours.
fn otherwise(statement: &Value, ours: &Value) -> Extras {
    let mut extras = Extras::default();
    for part in ["Effect", "Principal", "Action", "Resource", "Condition"] {
        let with = |value: Option<&Value>| {
            let mut one = ours.clone();
            one[part] = value.cloned().unwrap_or_default();
            PolicyDocument::new([one])
        };
        if with(statement.get(part)) != with(ours.get(part)) {
            let words = |value: Option<&Value>| match value {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => "none".into(),
            };
            extras.note(part, words(statement.get(part)), words(ours.get(part)));
        }
    }
    extras
}

/// Every method and path of one stage.
fn source(rest_api: &str, stage: &str, context: &Context) -> String {
    context.names.arn("execute-api", &format!("{rest_api}/{stage}/*"))
}

impl Render for Permission {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let source = vec![
            Expr::Of(self.rest_api.clone(), "execution_arn"),
            format!("/{}/*", self.stage).into(),
        ];
        vec![
            Block::resource("aws_lambda_permission")
                .set("statement_id", &self.statement_id)
                .set("action", ACTION)
                .set("function_name", Expr::name_of("aws_lambda_function", &self.function))
                .set("principal", PRINCIPAL)
                .set("source_arn", Expr::Joined(source))
                .import(at.if_held(self.id())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay::{context, lines, rest_api};

    fn permission() -> Permission {
        Permission {
            function: "AcmeApi".into(),
            statement_id: "KairosApi".into(),
            rest_api: rest_api(),
            stage: "prod".into(),
            extras: Extras::default(),
        }
    }

    #[test]
    fn a_statement_reads_back_as_it_was_written() {
        let (context, _) = context(&[]);
        let one = source("api1", "prod", &context);
        let held = permission().held(&permission().statement(&one, &context), &context);
        assert_eq!(held, permission());
    }

    #[test]
    fn another_source_or_a_wider_statement_is_a_difference() {
        let (context, _) = context(&[]);
        let one = source("api2", "prod", &context);
        let held = permission().held(&permission().statement(&one, &context), &context);
        expect!["SourceArn: api2/prod → rest_api/prod"].assert_eq(&lines(&permission().diff(&held)));
        let mut wider = permission().statement(&source("api1", "prod", &context), &context);
        wider["Principal"] = json!("*");
        wider["Action"] = json!(["lambda:*"]);
        let held = permission().held(&wider, &context);
        expect![[r#"
            Action: ["lambda:*"] → lambda:InvokeFunction
            Principal: * → {"Service":"apigateway.amazonaws.com"}"#]]
        .assert_eq(&lines(&permission().diff(&held)));
        wider = permission().statement(&source("api1", "prod", &context), &context);
        wider["Condition"] = Value::Null;
        expect!["SourceArn: any → rest_api/prod"]
            .assert_eq(&lines(&permission().diff(&permission().held(&wider, &context))));
        wider["Condition"] = json!({ "StringEquals": { "AWS:SourceAccount": "100000000002" } });
        expect!["SourceArn: any → rest_api/prod"]
            .assert_eq(&lines(&permission().diff(&permission().held(&wider, &context))));
        let elsewhere = "arn:aws:execute-api:us-east-1:100000000002:api1/prod/*";
        let held = permission().held(&permission().statement(elsewhere, &context), &context);
        expect!["SourceArn: arn:aws:execute-api:us-east-1:100000000002:api1/prod/* → rest_api/prod"]
            .assert_eq(&lines(&permission().diff(&held)));
    }
}
