//! What every operation on a stack's objects needs: the clients, the names, the ids that AWS has made so far, and its bounds.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use kairos::names::Names;

use super::bounds::Bounds;
use super::kind::Ref;
use super::listing::Listings;

/// The clients of one region, the names of one stack, and the ids of its components.
#[derive(Debug, Clone)]
pub struct Context {
    /// The stack's names.
    pub names: Names,
    /// The AWS clients.
    pub aws: Clients,
    ids: Arc<RwLock<HashMap<String, String>>>,
    listings: Option<Arc<Listings>>,
    bounds: Bounds,
}

impl Context {
    /// A context in which no id is known yet, and which nothing bounds.
    pub fn new(names: Names, aws: Clients) -> Self {
        Self {
            names,
            aws,
            ids: Arc::default(),
            listings: None,
            bounds: Bounds::default(),
        }
    }

    /// The same, ids shared, within the bounds of an operation.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// What whoever waits must heed.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The same, ids shared, for one observation: objects of some kinds are listed, not asked for one by one.
    #[must_use]
    pub fn observing(&self) -> Self {
        Self {
            listings: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// The listings of this observation, if this is one.
    pub fn listings(&self) -> Option<&Listings> {
        self.listings.as_deref()
    }

    /// The id that AWS made for a component, where it exists.
    pub fn id(&self, component: &Ref) -> Option<String> {
        self.ids.read().ok()?.get(&component.0).cloned()
    }

    /// The component's name where `id` is its id, otherwise the foreign id itself, which then differs from what is wanted.
    pub fn reference(&self, component: &Ref, id: &str) -> Ref {
        if self.id(component).as_deref() == Some(id) {
            component.clone()
        } else {
            Ref::to(id)
        }
    }

    /// Remembers a component's id.
    pub fn learn(&self, component: &str, id: &str) {
        if let Ok(mut ids) = self.ids.write() {
            ids.insert(component.into(), id.into());
        }
    }

    /// Forgets a component that is gone.
    pub fn forget(&self, component: &str) {
        if let Ok(mut ids) = self.ids.write() {
            ids.remove(component);
        }
    }
}

/// The SDK clients that a stack's objects are managed with.
#[derive(Debug, Clone)]
pub struct Clients {
    /// API Gateway (REST APIs).
    pub apigateway: aws_sdk_apigateway::Client,
    /// API Gateway v2, for the mapping of a custom domain.
    pub apigatewayv2: aws_sdk_apigatewayv2::Client,
    /// CloudWatch alarms.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Tables.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Roles.
    pub iam: aws_sdk_iam::Client,
    /// Functions.
    pub lambda: aws_sdk_lambda::Client,
    /// Log groups.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Schedule groups and schedules.
    pub scheduler: aws_sdk_scheduler::Client,
    /// Topics and subscriptions.
    pub sns: aws_sdk_sns::Client,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Parameters.
    pub ssm: aws_sdk_ssm::Client,
}

impl Clients {
    /// One client a service, over one configuration.
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self {
            apigateway: aws_sdk_apigateway::Client::new(config),
            apigatewayv2: aws_sdk_apigatewayv2::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            scheduler: aws_sdk_scheduler::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            sqs: aws_sdk_sqs::Client::new(config),
            ssm: aws_sdk_ssm::Client::new(config),
        }
    }
}
