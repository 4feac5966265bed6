//! How many calls may be under way at once, in all and for each service.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bound over all services.
const IN_ALL: usize = 24;
/// The bound for a service that is not named below.
const USUAL: usize = 8;
/// Services whose control plane takes few calls a second (API Gateway: 10 in all, most creates far fewer; EventBridge
/// Scheduler's group calls: 10; IAM throttles by account).
const NARROW: [(&str, usize); 3] = [("apigateway", 4), ("iam", 6), ("scheduler", 6)];

/// Bounds on concurrency, shared by all that runs for one provider.
#[derive(Debug, Clone)]
pub struct Limits {
    all: Arc<Semaphore>,
    services: Arc<BTreeMap<&'static str, Arc<Semaphore>>>,
    usual: Arc<Semaphore>,
}

/// Leave to make calls, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    _service: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Default for Limits {
    fn default() -> Self {
        let known = ["cloudwatch", "dynamodb", "lambda", "logs", "sns", "sqs", "ssm"].map(|s| (s, USUAL));
        let services = known
            .into_iter()
            .chain(NARROW)
            .map(|(s, n)| (s, Arc::new(Semaphore::new(n))))
            .collect();
        Self {
            all: Arc::new(Semaphore::new(IN_ALL)),
            services: Arc::new(services),
            usual: Arc::new(Semaphore::new(USUAL)),
        }
    }
}

impl Limits {
    /// Waits until another call of `service` may start. The service's turn comes first, so that a narrow service does not
    /// hold what others could use.
    pub async fn permit(&self, service: &str) -> Permit {
        let semaphore = self.services.get(service).unwrap_or(&self.usual).clone();
        // The semaphores are never closed: an error cannot come, and would only mean that nothing bounds the call.
        let service = semaphore.acquire_owned().await.ok();
        let all = self.all.clone().acquire_owned().await.ok();
        Permit {
            _service: service,
            _all: all,
        }
    }
}
