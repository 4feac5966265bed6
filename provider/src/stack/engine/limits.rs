//! How many calls may be under way at once, in all and for each service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// One for each service that was called so far.
    services: Arc<Mutex<BTreeMap<&'static str, Arc<Semaphore>>>>,
}

/// Leave to make calls, returned when dropped.
#[derive(Debug)]
pub struct Permit {
    _service: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(IN_ALL)),
            services: Arc::default(),
        }
    }
}

impl Limits {
    /// Waits until another call of `service` may start. The service's turn comes first, so that a narrow service does not
    /// hold what others could use.
    pub async fn permit(&self, service: &'static str) -> Permit {
        // The semaphores are never closed: an error cannot come, and would only mean that nothing bounds the call.
        let service = self.of(service).acquire_owned().await.ok();
        let all = self.all.clone().acquire_owned().await.ok();
        Permit {
            _service: service,
            _all: all,
        }
    }

    fn of(&self, service: &'static str) -> Arc<Semaphore> {
        // No panic can leave the map half-changed.
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = || {
            let narrow = NARROW.iter().find(|(name, _)| *name == service);
            Arc::new(Semaphore::new(narrow.map_or(USUAL, |(_, bound)| *bound)))
        };
        services.entry(service).or_insert_with(bound).clone()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_service_is_bounded_by_itself_and_all_of_them_together() {
        let limits = Limits::default();
        let mut held = Vec::new();
        for (service, bound) in [("iam", 6), ("a service of tomorrow", USUAL), ("sqs", USUAL)] {
            for _ in 0..bound {
                held.push(limits.permit(service).await);
            }
            assert!(limits.permit(service).now_or_never().is_none(), "{service}");
        }
        assert!(limits.permit("scheduler").now_or_never().is_some());
        held.push(limits.permit("scheduler").await);
        held.push(limits.permit("scheduler").await);
        assert_eq!(held.len(), IN_ALL);
        assert!(limits.permit("logs").now_or_never().is_none(), "nothing more in all");
        held.clear();
        assert!(limits.permit("iam").now_or_never().is_some());
    }
}
