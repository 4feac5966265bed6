//! The mapping that feeds a queue's messages to a function.
//!
//! Invariant: AWS names a mapping by a UUID of its own; ours is the one between its function and its queue, of which AWS
//! allows a single one.

mod terraform;

use std::time::Duration;

use aws_sdk_lambda::config::Builder;
use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, Filter, FilterCriteria, FunctionResponseType, ScalingConfig,
};
use kairos::names::Names;
use kairos_aws::{AwsError, Class, Doing};
use serde::Serialize;

use super::support::{Retag, Wait, resume, until};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Extras, Held, Kind, Owner, Tags, touches};

/// How long a mapping may take from one state to the next (Lambda: up to a minute or so).
const SETTLED: Duration = Duration::from_mins(5);
/// What the refusal of a create says when the mapping's predecessor has not gone yet.
const GOING: &str = "its predecessor is still being deleted";
/// Which messages the function gets; Lambda deletes the others.
const FILTER: &str = "FilterCriteria";

/// An event source mapping from an SQS queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventSource {
    /// The function's name.
    pub function: String,
    /// The queue's ARN.
    pub queue: String,
    /// How many messages an invocation gets at most (Lambda: 1 to 10, up to 10,000 with a window).
    pub batch_size: i32,
    /// How long to gather a batch, in seconds (Lambda: 0 to 300).
    pub window: i32,
    /// Whether the function reports which messages failed (`ReportBatchItemFailures`).
    pub report_failures: bool,
    /// How many invocations may run at once (Lambda: 2 to 1,000); `None` for as many as the function may have.
    pub maximum_concurrency: Option<i32>,
    /// Whether it polls.
    pub enabled: bool,
    /// Its tags.
    pub tags: Tags,
    /// Settings that are left as Lambda makes them.
    #[serde(skip_serializing_if = "Extras::is_empty")]
    pub extras: Extras,
}

impl Kind for EventSource {
    const TYPE: &'static str = "AWS::Lambda::EventSourceMapping";
    const SERVICE: &'static str = "lambda";
    const BESIDE: bool = true;

    fn permissions(&self, names: &Names) -> Permissions {
        let mappings = Scope::wide(
            [names.arn("lambda", "event-source-mapping:*")],
            "Lambda makes the id of a mapping",
        );
        let ours = mappings
            .clone()
            .when("ArnEquals", "lambda:FunctionArn", [names.function_arn(&self.function)]);
        let new = Scope {
            resources: vec!["*".into()],
            ..ours.clone()
        };
        let all = Scope::any("Lambda lists mappings for an account only");
        Permissions::default()
            .observe(&all, &["lambda:ListEventSourceMappings"])
            .observe(&mappings, &["lambda:ListTags"])
            .create(&new, &["lambda:CreateEventSourceMapping"])
            .create(&ours, &["lambda:GetEventSourceMapping"])
            .create(&mappings, &["lambda:TagResource"])
            .update(
                &ours,
                &["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
            )
            .update(&mappings, &["lambda:TagResource", "lambda:UntagResource"])
            .delete(
                &ours,
                &["lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping"],
            )
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .property("FunctionName", |e| &e.function)
            .fixed("EventSourceArn", |e| &e.queue)
            .property("BatchSize", |e| e.batch_size)
            .property("MaximumBatchingWindowInSeconds", |e| e.window)
            .property("FunctionResponseTypes", |e| {
                e.report_failures.then_some("ReportBatchItemFailures")
            })
            .property("MaximumConcurrency", |e| e.maximum_concurrency)
            .property("Enabled", |e| e.enabled)
            .extras(|e| &e.extras)
            .tags(|e| &e.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let Some(mapping) = self.find(context).await? else {
            return Ok(None);
        };
        let id = mapping.uuid.clone().unwrap_or_default();
        let Some(tags) = tags_of(&mapping_arn(&id, context), context).await? else {
            return Ok(None);
        };
        Ok(Some(Held::tagged(
            id,
            Self::held(mapping, tags.clone()),
            &tags,
            context,
        )))
    }

    /// The SDK does not repeat the request by itself: after an answer that was lost, what is there tells whether to.
    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let made = match self.request(context).await {
            Err(e) if e.class == Class::Transient => match self.find(context).await? {
                Some(_) => return resume(self, e, &self.function, context).await,
                None => self.request(context).await,
            },
            other => other,
        };
        let id = match made {
            Err(mut e) if e.is("ResourceConflictException") => {
                // What is on its way out is not found, but still in the way.
                if self.find(context).await?.is_none() {
                    e.message = format!("{}; {GOING}", e.message);
                    return Err(e);
                }
                return resume(self, e, &self.function, context).await;
            }
            other => other?,
        };
        self.settle("CreateEventSourceMapping", &id, context).await?;
        Ok(Held::ours(id, self.clone()))
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        let mut call = lambda.update_event_source_mapping().uuid(&held.id);
        if touches(changes, &["BatchSize", "MaximumBatchingWindowInSeconds"]) {
            // Lambda checks the two against each other.
            call = call
                .batch_size(self.batch_size)
                .maximum_batching_window_in_seconds(self.window);
        }
        if touches(changes, &["FunctionResponseTypes"]) {
            call = call.set_function_response_types(Some(self.response_types()));
        }
        if touches(changes, &["MaximumConcurrency"]) {
            // An empty scaling configuration lifts the limit.
            call = call.scaling_config(self.scaling().unwrap_or_else(|| ScalingConfig::builder().build()));
        }
        if touches(changes, &["Enabled"]) {
            call = call.enabled(self.enabled);
        }
        if touches(changes, &["FunctionName"]) {
            call = call.function_name(&self.function);
        }
        if touches(changes, &[FILTER]) {
            // Empty criteria let every message through again.
            call = call.filter_criteria(FilterCriteria::builder().build());
        }
        if changes.iter().any(|change| !change.property.starts_with("Tags.")) {
            call.send().await.doing("UpdateEventSourceMapping", &self.function)?;
            self.settle("UpdateEventSourceMapping", &held.id, context).await?;
        }
        let (tags, arn) = (Retag::of(&self.tags, changes), mapping_arn(&held.id, context));
        if !tags.set.is_empty() {
            let call = lambda
                .tag_resource()
                .resource(&arn)
                .set_tags(Some(tags.set.into_iter().collect()));
            call.send().await.doing("TagResource", &arn)?;
        }
        if !tags.remove.is_empty() {
            let call = lambda.untag_resource().resource(&arn).set_tag_keys(Some(tags.remove));
            call.send().await.doing("UntagResource", &arn)?;
        }
        Ok(())
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let lambda = &context.aws.lambda;
        match lambda
            .delete_event_source_mapping()
            .uuid(id)
            .send()
            .await
            .found("DeleteEventSourceMapping", id)
        {
            Ok(None) => return Ok(()),
            Err(e) if !Self::settling(&e) => return Err(e),
            // In use means that it is on its way to another state; where that is its deletion, the wait below sees it go.
            Err(e) if self.state(id, context).await?.is_none_or(|state| state != "Deleting") => return Err(e),
            _ => {}
        }
        let wait = Wait {
            action: "DeleteEventSourceMapping",
            object: &self.function,
            state: "there",
            limit: SETTLED,
        };
        until(wait, context, || async {
            Ok(self.state(id, context).await?.is_none().then_some(()))
        })
        .await
    }

    /// A mapping that is `Creating`, `Updating` or `Deleting` takes no other change until it is done; and a create that was
    /// throttled, which the SDK does not repeat, is made again.
    fn settling(error: &AwsError) -> bool {
        error.is("ResourceInUseException") || error.is("TooManyRequestsException") || error.message.ends_with(GOING)
    }
}

impl EventSource {
    /// Creates a mapping with a single request, and returns its id.
    async fn request(&self, context: &Context) -> Result<String, AwsError> {
        let lambda = &context.aws.lambda;
        let call = lambda.create_event_source_mapping().function_name(&self.function);
        let call = call
            .event_source_arn(&self.queue)
            .enabled(self.enabled)
            .batch_size(self.batch_size);
        let call = call
            .maximum_batching_window_in_seconds(self.window)
            .set_scaling_config(self.scaling());
        let call = call.set_function_response_types(Some(self.response_types()));
        let call = call.set_tags(Some(self.tags.clone().into_iter().collect()));
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let made = call.customize().config_override(once).send().await;
        let made = made.doing("CreateEventSourceMapping", &self.function)?;
        Ok(made.uuid.unwrap_or_default())
    }

    /// The mapping between the function and the queue, otherwise one of ours that leads from the queue elsewhere; none that
    /// is on its way out. Other consumers of the queue are left alone.
    async fn find(&self, context: &Context) -> Result<Option<EventSourceMappingConfiguration>, AwsError> {
        let call = context.aws.lambda.list_event_source_mappings();
        let mut pages = call.event_source_arn(&self.queue).into_paginator().items().send();
        let mut elsewhere = Vec::new();
        while let Some(mapping) = pages.next().await {
            match mapping.found("ListEventSourceMappings", &self.queue)? {
                Some(mapping) if mapping.state.as_deref() == Some("Deleting") => {}
                Some(mapping) if function_of(&mapping) == self.function => return Ok(Some(mapping)),
                Some(mapping) => elsewhere.push(mapping),
                None => return Ok(None),
            }
        }
        for mapping in elsewhere {
            let arn = mapping_arn(mapping.uuid().unwrap_or_default(), context);
            if Owner::of(&tags_of(&arn, context).await?.unwrap_or_default(), context) == Owner::Ours {
                return Ok(Some(mapping));
            }
        }
        Ok(None)
    }

    fn held(mapping: EventSourceMappingConfiguration, tags: Tags) -> Self {
        let mut extras = Extras::default();
        let filters = mapping
            .filter_criteria()
            .map(FilterCriteria::filters)
            .unwrap_or_default();
        if !filters.is_empty() {
            let patterns: Vec<&str> = filters.iter().filter_map(Filter::pattern).collect();
            extras.note(FILTER, patterns.join(" "), "none");
        }
        let function = function_of(&mapping);
        let types = mapping.function_response_types.unwrap_or_default();
        Self {
            function,
            extras,
            queue: mapping.event_source_arn.unwrap_or_default(),
            batch_size: mapping.batch_size.unwrap_or(10),
            window: mapping.maximum_batching_window_in_seconds.unwrap_or(0),
            report_failures: types.contains(&FunctionResponseType::ReportBatchItemFailures),
            maximum_concurrency: mapping.scaling_config.and_then(|s| s.maximum_concurrency),
            enabled: !matches!(mapping.state.as_deref(), Some("Disabled" | "Disabling")),
            tags,
        }
    }

    async fn state(&self, id: &str, context: &Context) -> Result<Option<String>, AwsError> {
        let call = context.aws.lambda.get_event_source_mapping().uuid(id);
        let answer = call.send().await.found("GetEventSourceMapping", id)?;
        Ok(answer.map(|a| a.state.unwrap_or_default()))
    }

    /// Waits until the mapping polls, or has stopped to.
    async fn settle(&self, action: &str, id: &str, context: &Context) -> Result<(), AwsError> {
        let wait = Wait {
            action,
            object: &self.function,
            state: "in progress",
            limit: SETTLED,
        };
        until(wait, context, || async {
            let state = self.state(id, context).await?;
            Ok(state
                .filter(|state| state == "Enabled" || state == "Disabled")
                .map(drop))
        })
        .await
    }

    fn response_types(&self) -> Vec<FunctionResponseType> {
        self.report_failures
            .then_some(FunctionResponseType::ReportBatchItemFailures)
            .into_iter()
            .collect()
    }

    fn scaling(&self) -> Option<ScalingConfig> {
        self.maximum_concurrency
            .map(|limit| ScalingConfig::builder().maximum_concurrency(limit).build())
    }
}

/// The function that a mapping leads to, by its name: `name` or `name:alias`.
fn function_of(mapping: &EventSourceMappingConfiguration) -> String {
    let arn = mapping.function_arn().unwrap_or_default();
    arn.split_once(":function:").map_or(arn, |(_, name)| name).into()
}

async fn tags_of(arn: &str, context: &Context) -> Result<Option<Tags>, AwsError> {
    let answer = context.aws.lambda.list_tags().resource(arn).send().await;
    let answer = answer.found("ListTags", arn)?;
    Ok(answer.map(|a| a.tags.unwrap_or_default().into_iter().collect()))
}

fn mapping_arn(id: &str, context: &Context) -> String {
    context.names.arn("lambda", &format!("event-source-mapping:{id}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use expect_test::expect;

    use super::*;
    use crate::stack::kinds::replay::{asked, context, lines, tags};

    fn source() -> EventSource {
        EventSource {
            function: "AcmeExecutor".into(),
            queue: "arn:aws:sqs:us-east-1:100000000001:AcmeQueue".into(),
            batch_size: 10,
            window: 0,
            report_failures: true,
            maximum_concurrency: Some(2),
            enabled: true,
            tags: tags(),
            extras: Extras::default(),
        }
    }

    #[test]
    fn every_property_that_differs_is_named() {
        assert_eq!(source().diff(&source()), []);
        let held = EventSource {
            batch_size: 100,
            window: 5,
            report_failures: false,
            maximum_concurrency: None,
            enabled: false,
            ..source()
        };
        expect![[r"
            BatchSize: 100 → 10
            MaximumBatchingWindowInSeconds: 5 → 0
            FunctionResponseTypes: none → ReportBatchItemFailures
            MaximumConcurrency: none → 2
            Enabled: false → true"]]
        .assert_eq(&lines(&source().diff(&held)));
    }

    #[tokio::test]
    async fn a_predecessor_that_is_still_going_is_awaited() {
        let refused = (
            409,
            "ResourceConflictException",
            r#"{"Message":"An event source mapping already exists"}"#,
        );
        let going = r#"{"EventSourceMappings":[{"UUID":"u1","State":"Deleting"}]}"#;
        let (context, _) = context(&[refused, (200, "", going)]);
        let error = source().create(&context).await.unwrap_err();
        assert!(EventSource::settling(&error), "{error}");
    }

    #[tokio::test]
    async fn a_creation_waits_until_the_mapping_polls() {
        let state = |state: &str| format!(r#"{{"UUID":"u1","State":"{state}"}}"#);
        let (creating, enabled) = (state("Creating"), state("Enabled"));
        let (context, replay) = context(&[(202, "", &creating), (200, "", &creating), (200, "", &enabled)]);
        assert_eq!(source().create(&context).await.unwrap().id, "u1");
        assert_eq!(asked(&replay).len(), 3);
    }

    #[tokio::test]
    async fn a_mapping_that_is_being_updated_is_awaited_before_it_goes() {
        let busy = (400, "ResourceInUseException", r#"{"Message":"in use"}"#);
        let (context, _) = context(&[busy, (200, "", r#"{"UUID":"u1","State":"Updating"}"#)]);
        let error = source().delete("u1", &context).await.unwrap_err();
        assert!(EventSource::settling(&error), "{error}");
    }

    #[tokio::test]
    async fn a_deletion_that_is_under_way_already_is_awaited_to_its_end() {
        let busy = (400, "ResourceInUseException", r#"{"Message":"in use"}"#);
        let deleting = (200, "", r#"{"UUID":"u1","State":"Deleting"}"#);
        let gone = (404, "ResourceNotFoundException", r#"{"Message":"gone"}"#);
        let (context, _) = context(&[busy, deleting, deleting, gone]);
        source().delete("u1", &context).await.unwrap();
    }
}
