//! The endpoint as SDK clients see it.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use hyper::http::request::Builder;

use super::*;
use crate::Account;

fn named(request: Builder, body: &str) -> Result<String> {
    let (head, ()) = request.body(())?.into_parts();
    Ok(operation(&head, body.as_bytes()).into_owned())
}

#[test]
fn an_operation_is_named_as_its_protocol_does() -> Result<()> {
    let post = || Request::builder().method("POST");
    let target = post().uri("/").header("x-amz-target", "DynamoDB_20120810.Query");
    assert_eq!(named(target, "{}")?, "Query");
    assert_eq!(
        named(post().uri("/"), "Action=AssumeRole&Version=2011-06-15")?,
        "AssumeRole"
    );
    assert_eq!(
        named(Request::builder().uri("/?Version=1&Action=Publish"), "")?,
        "Publish"
    );
    let rpc = post().uri("/service/GraniteServiceVersion20100801/operation/PutMetricData");
    assert_eq!(named(rpc, "")?, "PutMetricData");
    let rest = post().uri("/2015-03-31/functions/f/invocations?x=1");
    assert_eq!(named(rest, "Action=none")?, "POST /2015-03-31/functions/f/invocations");
    Ok(())
}

#[tokio::test]
async fn clients_are_answered_counted_and_told_to_slow_down() -> Result<()> {
    let endpoint = Endpoint::start(Duration::from_millis(5), |call| match call.operation {
        "GetQueueUrl" => Reply::value(&serde_json::json!({"QueueUrl": call.json()["QueueName"]})),
        "GetCallerIdentity" => Reply::xml_error(403, "AccessDenied", "no"),
        _ => Reply::throttled(),
    })?;
    let account = Account::new(&endpoint.url(), "123456789012", "us-east-1");
    let begun = std::time::Instant::now();
    let answer = account.sqs().get_queue_url().queue_name("a").send().await?;
    assert!(begun.elapsed() >= Duration::from_millis(5), "never before its time");
    assert_eq!(answer.queue_url(), Some("a"));

    let once = aws_config::retry::RetryConfig::disabled();
    let once = aws_sdk_sqs::config::Builder::default().retry_config(once);
    let refused = account.sqs().list_queues().customize().config_override(once);
    let refused = refused.send().await.err().context("it is throttled")?;
    assert_eq!(refused.code(), Some("ThrottlingException"));
    let denied = account.sts().get_caller_identity().send().await.err();
    assert_eq!(
        denied.as_ref().and_then(ProvideErrorMetadata::code),
        Some("AccessDenied")
    );

    assert_eq!(endpoint.calls("GetQueueUrl"), 1);
    let counts = endpoint.take();
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [1, 1, 1]);
    assert!(endpoint.take().is_empty());
    assert_eq!((endpoint.take_most_at_once(), endpoint.take_most_at_once()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn an_answer_can_be_lost_after_the_call_was_taken() -> Result<()> {
    let endpoint = Endpoint::start(Duration::ZERO, |_| Reply::lost())?;
    let account = Account::new(&endpoint.url(), "123456789012", "us-east-1");
    let once = aws_config::retry::RetryConfig::disabled();
    let once = aws_sdk_sqs::config::Builder::default().retry_config(once);
    let outcome = account.sqs().list_queues().customize().config_override(once);
    assert!(outcome.send().await.is_err());
    assert!(endpoint.calls("ListQueues") >= 1);
    Ok(())
}
