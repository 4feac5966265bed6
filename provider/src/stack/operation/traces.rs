//! What an operation that was killed may have left behind, which no state tells of.
//!
//! Invariant: read-only. What others may have added to a stack that was complete (subscribers, mappings) is not ours to find.

use kairos_aws::AwsError;

use super::{Operation, Refused};
use crate::stack::config::StackConfig;
use crate::stack::discover;
use crate::stack::marker::Phase;

impl Operation {
    /// A configuration of all that may be there: whoever was killed may have been asked for more than `config` is.
    ///
    /// # Errors
    /// AWS's answers to the search.
    pub(super) async fn traces(&self, config: &StackConfig, phase: Phase) -> Result<StackConfig, Refused> {
        let mut all = StackConfig {
            api: Some(config.api.clone().unwrap_or_default()),
            ..config.clone()
        };
        let mut api = self.desired(&all);
        api.retain(|c| c.name == "rest_api");
        self.observe(&api).await?;
        let failed = |e: AwsError| self.refused("read", &e.into());
        let fresh = phase != Phase::Completa;
        if fresh {
            all.notification_emails
                .extend(discover::emails(&self.context).await.map_err(failed)?);
        }
        if fresh || config.api.is_none() {
            let mapping = discover::mapping(&self.context).await.map_err(failed)?;
            if let (Some(api), Some((domain, key))) = (&mut all.api, mapping) {
                (api.domain_name, api.mapping_key) = (Some(domain), key);
            }
        }
        Ok(all)
    }
}
