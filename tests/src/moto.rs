//! moto, the second opinion on what a local AWS accepts and answers: the control plane only, one process on a free port.
//!
//! A bridge (`moto/bridge.py`) in the same process answers for what moto lacks and AWS has, each gap with its reason.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;

use crate::account::Account;
use crate::server::{self, Server};

/// A running moto.
#[derive(Debug)]
pub struct Moto {
    url: String,
    accounts: AtomicU64,
    _server: Server,
}

/// moto's own server behind the bridge.
const BRIDGE: &str = include_str!("moto/bridge.py");

static SHARED: Mutex<Option<&'static Moto>> = Mutex::new(None);

impl Moto {
    /// Starts a server of one's own and waits until it answers.
    pub fn start() -> Result<Self> {
        let server = Server::start("moto", |dir, port| {
            let mut command = server::python(BRIDGE, dir)?;
            command
                .args(["-H", "127.0.0.1", "-p", &port.to_string()])
                .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
            Ok(command)
        })?;
        Ok(Self {
            url: format!("http://127.0.0.1:{}", server.port()),
            accounts: AtomicU64::new(1),
            _server: server,
        })
    }

    /// The server that the tests of this process share; each works in an [`Account`] of its own.
    pub fn shared() -> Result<&'static Self> {
        let mut shared = SHARED
            .lock()
            .map_err(|_| anyhow::anyhow!("another test failed while it started moto"))?;
        match *shared {
            Some(server) => Ok(server),
            None => Ok(*shared.insert(Box::leak(Box::new(Self::start()?)))),
        }
    }

    /// An account that nobody else of this server uses, in `us-east-1`.
    pub fn account(&self) -> Account {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        Account::new(&self.url, &format!("{:012}", 200_000_000_000 + number), "us-east-1")
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_apigateway::operation::get_tags::GetTagsError;
    use aws_sdk_cloudwatch::error::SdkError;
    use aws_sdk_cloudwatch::operation::tag_resource::TagResourceError;
    use aws_sdk_cloudwatch::types::ComparisonOperator;
    use aws_sdk_lambda::primitives::Blob;
    use aws_sdk_lambda::types::{FunctionCode, LogFormat, LoggingConfig, Runtime};
    use aws_sdk_sqs::types::QueueAttributeName::{All, DelaySeconds, Policy, RedriveAllowPolicy};

    use super::*;

    #[tokio::test]
    async fn accounts_do_not_see_each_other() -> Result<()> {
        let server = Moto::shared()?;
        let (mine, other) = (server.account(), server.account());
        mine.sqs().create_queue().queue_name("Mine").send().await?;
        assert_eq!(mine.sqs().list_queues().send().await?.queue_urls().len(), 1);
        assert_eq!(other.sqs().list_queues().send().await?.queue_urls().len(), 0);
        let caller = other.sts().get_caller_identity().send().await?;
        assert_eq!(caller.account(), Some(other.id.as_str()));
        Ok(())
    }

    #[tokio::test]
    async fn cloudwatch_is_spoken_to_in_its_own_protocol() -> Result<()> {
        let cloudwatch = Moto::shared()?.account().cloudwatch();
        let put = cloudwatch.put_metric_alarm().alarm_name("Alarma").namespace("AWS/SQS");
        let put = put
            .metric_name("NumberOfMessagesSent")
            .threshold(1.5)
            .evaluation_periods(1);
        put.comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .send()
            .await?;
        let described = cloudwatch.describe_alarms().send().await?;
        let alarm = &described.metric_alarms()[0];
        assert_eq!((alarm.alarm_name(), alarm.threshold()), (Some("Alarma"), Some(1.5)));
        assert!(alarm.state_updated_timestamp().is_some(), "{alarm:?}");
        let refused = cloudwatch
            .tag_resource()
            .resource_arn("arn:aws:cloudwatch:us-east-1:1:alarm:Nada");
        let refused = refused.send().await.err().map(SdkError::into_service_error);
        assert!(
            refused
                .as_ref()
                .is_some_and(TagResourceError::is_resource_not_found_exception),
            "{refused:?}"
        );
        Ok(())
    }

    #[tokio::test]
    async fn api_gateway_has_tags_on_all_that_it_tags() -> Result<()> {
        let gateway = Moto::shared()?.account().apigateway();
        let key = gateway.create_api_key().name("Llave").tags("a", "1").send().await?;
        let arn = format!(
            "arn:aws:apigateway:us-east-1::/apikeys/{}",
            key.id().unwrap_or_default()
        );
        gateway.tag_resource().resource_arn(&arn).tags("b", "2").send().await?;
        gateway.untag_resource().resource_arn(&arn).tag_keys("a").send().await?;
        let tags = gateway.get_tags().resource_arn(&arn).send().await?;
        assert_eq!(tags.tags(), Some(&[("b".to_owned(), "2".to_owned())].into()));
        let absent = gateway
            .get_tags()
            .resource_arn("arn:aws:apigateway:us-east-1::/apikeys/nada");
        let absent = absent.send().await.err().map(SdkError::into_service_error);
        assert!(
            absent.as_ref().is_some_and(GetTagsError::is_not_found_exception),
            "{absent:?}"
        );
        Ok(())
    }

    #[tokio::test]
    async fn what_moto_would_forget_is_kept() -> Result<()> {
        let account = Moto::shared()?.account();
        let (iam, lambda, sqs) = (account.iam(), account.lambda(), account.sqs());
        let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
        let role = iam
            .create_role()
            .role_name("rol")
            .assume_role_policy_document(trust)
            .send()
            .await?;
        let arn = role.role().map(|role| role.arn().to_owned()).unwrap_or_default();
        let code = FunctionCode::builder().zip_file(Blob::new(b"zip")).build();
        let json = LoggingConfig::builder().log_format(LogFormat::Json).build();
        let create = lambda.create_function().function_name("F").role(arn).code(code);
        create
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .send()
            .await?;
        lambda
            .update_function_configuration()
            .function_name("F")
            .logging_config(json)
            .send()
            .await?;
        let function = lambda.get_function_configuration().function_name("F").send().await?;
        let logging = function.logging_config();
        assert_eq!(logging.and_then(LoggingConfig::log_format), Some(&LogFormat::Json));
        assert_eq!(logging.and_then(LoggingConfig::log_group), Some("/aws/lambda/F"));

        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}]}"#;
        let allow = r#"{"redrivePermission":"denyAll"}"#;
        let queue = sqs.create_queue().queue_name("Cola").attributes(Policy, policy);
        let queue = queue.attributes(RedriveAllowPolicy, allow).send().await?;
        let url = queue.queue_url().unwrap_or_default();
        sqs.set_queue_attributes()
            .queue_url(url)
            .attributes(DelaySeconds, "5")
            .send()
            .await?;
        let held = sqs
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(All)
            .send()
            .await?;
        let held = |name| held.attributes().and_then(|all| all.get(&name)).map(String::as_str);
        assert_eq!((held(RedriveAllowPolicy), held(DelaySeconds)), (Some(allow), Some("5")));
        assert!(held(Policy).is_some());
        Ok(())
    }
}
