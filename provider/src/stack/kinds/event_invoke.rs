//! How Lambda treats asynchronous invocations of a function that fail.
//!
//! Invariant: it concerns the function's unpublished version (`$LATEST`), the only one that the stack has.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure};
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use serde::Serialize;

use super::function::busy;
use crate::permissions::{Permissions, Scope};
use crate::render::{At, Block, Body, Expr, Render};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind};

/// An event invoke configuration. It has no tags of its own: it is whose the function is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventInvoke {
    /// The function's name.
    pub function: String,
    /// How often a failed invocation is tried again (Lambda: 0 to 2).
    pub retries: i32,
    /// How old an event may become before it is given up, in seconds (Lambda: 60 to 21,600).
    pub max_age: i32,
    /// The ARN of the queue or topic that gets what was given up.
    pub on_failure: Option<String>,
    /// Settings that are left as Lambda makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Kind for EventInvoke {
    const TYPE: &'static str = "AWS::Lambda::EventInvokeConfig";
    const SERVICE: &'static str = "lambda";

    fn permissions(&self, names: &Names) -> Permissions {
        let function = Scope::of([names.function_arn(&self.function)]);
        Permissions::default()
            .observe(&function, &["lambda:GetFunctionEventInvokeConfig"])
            .create(&function, &["lambda:PutFunctionEventInvokeConfig"])
            .update(&function, &["lambda:PutFunctionEventInvokeConfig"])
            .delete(&function, &["lambda:DeleteFunctionEventInvokeConfig"])
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        Some(self.function.clone())
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("FunctionName", |e| &e.function)
            .property("MaximumRetryAttempts", |e| e.retries)
            .property("MaximumEventAgeInSeconds", |e| e.max_age)
            .property("DestinationConfig.OnFailure", |e| &e.on_failure)
            .extras(|e| &e.extras)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let call = context
            .aws
            .lambda
            .get_function_event_invoke_config()
            .function_name(&self.function);
        let answer = call
            .send()
            .await
            .found("GetFunctionEventInvokeConfig", &self.function)?;
        Ok(answer.map(|found| {
            let (failure, success) = found
                .destination_config
                .map(|d| (d.on_failure, d.on_success))
                .unwrap_or_default();
            let failure = failure.and_then(|f| f.destination);
            let mut extras = Extras::default();
            if let Some(arn) = success.and_then(|s| s.destination).filter(|arn| !arn.is_empty()) {
                extras.note("DestinationConfig.OnSuccess", arn, "none");
            }
            let held = Self {
                function: self.function.clone(),
                // Lambda's own defaults, where one of the two is not set.
                retries: found.maximum_retry_attempts.unwrap_or(2),
                max_age: found.maximum_event_age_in_seconds.unwrap_or(21_600),
                on_failure: failure.filter(|arn| !arn.is_empty()),
                extras,
            };
            Held::ours(&self.function, held)
        }))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        self.put(context).await?;
        Ok(Held::ours(&self.function, self.clone()))
    }

    async fn update(&self, _: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        self.put(context).await
    }

    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .lambda
            .delete_function_event_invoke_config()
            .function_name(&self.function);
        call.send()
            .await
            .found("DeleteFunctionEventInvokeConfig", &self.function)?;
        Ok(())
    }

    fn settling(error: &AwsError) -> bool {
        busy(error)
    }
}

impl EventInvoke {
    /// A put replaces the whole configuration.
    async fn put(&self, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .lambda
            .put_function_event_invoke_config()
            .function_name(&self.function);
        let call = call
            .maximum_retry_attempts(self.retries)
            .maximum_event_age_in_seconds(self.max_age);
        let destination = self.on_failure.as_ref().map(|arn| {
            DestinationConfig::builder()
                .on_failure(OnFailure::builder().destination(arn).build())
                .build()
        });
        let call = call.set_destination_config(destination);
        call.send()
            .await
            .doing("PutFunctionEventInvokeConfig", &self.function)?;
        Ok(())
    }
}

impl Render for EventInvoke {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let config = Block::resource("aws_lambda_function_event_invoke_config")
            .set("function_name", Expr::name_of("aws_lambda_function", &self.function))
            .set("maximum_retry_attempts", self.retries)
            .set("maximum_event_age_in_seconds", self.max_age)
            .import(at.if_held(&self.function));
        vec![match &self.on_failure {
            Some(arn) => {
                let failure = Body::default().set("destination", Expr::Link(arn.clone()));
                config.nested("destination_config", Body::default().nested("on_failure", failure))
            }
            None => config,
        }]
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay::lines;

    #[test]
    fn every_property_that_differs_is_named() {
        let wanted = EventInvoke {
            function: "AcmeDispatcher".into(),
            retries: 2,
            max_age: 3600,
            on_failure: Some("arn:aws:sqs:us-east-1:1:AcmeDispatcherDeadLetterQueue".into()),
            extras: Extras::default(),
        };
        let held = EventInvoke {
            retries: 0,
            max_age: 21_600,
            on_failure: None,
            ..wanted.clone()
        };
        assert_eq!(wanted.diff(&wanted), []);
        expect![[r"
            MaximumRetryAttempts: 0 → 2
            MaximumEventAgeInSeconds: 21600 → 3600
            DestinationConfig.OnFailure: none → arn:aws:sqs:us-east-1:1:AcmeDispatcherDeadLetterQueue"]]
        .assert_eq(&lines(&wanted.diff(&held)));
    }
}
