//! Reads what AWS holds of every component, concurrently.
//!
//! Invariant: read-only. A component is read after those whose ids it holds, and after no other.

use std::collections::{BTreeMap, HashMap};

use kairos_aws::AwsError;

use super::graph::{Ended, walk};
use super::limits::Limits;
use crate::stack::bounds::End;
use crate::stack::component::{Component, Observed};
use crate::stack::context::Context;

/// What AWS holds, by component; `None` where the object does not exist.
pub type Observation = BTreeMap<String, Option<Observed>>;

/// What could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A component.
    #[error("component \"{component}\": {error}")]
    Component {
        /// Its name.
        component: String,
        /// AWS's answer.
        error: AwsError,
    },
    /// All that had not been read when the operation ended.
    #[error("{end}, before {count} components were read; {}", end.advice())]
    Ended {
        /// How many.
        count: usize,
        /// Why.
        end: End,
    },
}

/// Reads every component and learns the ids of those that are ours. Once the context's bounds are reached, no read starts.
///
/// # Errors
/// Every component that could not be read; *not found* is no error, *access denied* is one.
pub async fn observe(
    components: &[Component],
    context: &Context,
    limits: &Limits,
) -> Result<Observation, Vec<Unreadable>> {
    let waits = references(components);
    let read = walk(
        &waits,
        || context.bounds().over().is_some(),
        |index| async move {
            let component = &components[index];
            let _permit = limits.permit(component.node.service()).await;
            let result = component.node.observe(context).await;
            match &result {
                Ok(Some(held)) if held.owner == crate::stack::kind::Owner::Ours => {
                    context.learn(&component.name, &held.id);
                }
                Ok(_) => context.forget(&component.name),
                Err(error) => tracing::warn!(componente = component.name, %error, "could not be read"),
            }
            Ended {
                go_on: result.is_ok(),
                result,
            }
        },
    )
    .await;

    let mut observation = Observation::new();
    let (mut errors, mut left) = (Vec::new(), 0);
    for (component, result) in components.iter().zip(read) {
        match result {
            Some(Ok(held)) => {
                observation.insert(component.name.clone(), held);
            }
            Some(Err(error)) => errors.push(Unreadable::Component {
                component: component.name.clone(),
                error,
            }),
            // Never started: what it refers to could not be read and is in the errors, or the operation ended.
            None => left += 1,
        }
    }
    if let Some(end) = context.bounds().over().filter(|_| left > 0) {
        errors.push(Unreadable::Ended { count: left, end });
    }
    if errors.is_empty() {
        Ok(observation)
    } else {
        Err(errors)
    }
}

/// For each component, the indices of those that it refers to.
fn references(components: &[Component]) -> Vec<Vec<usize>> {
    let index: HashMap<&str, usize> = components
        .iter()
        .enumerate()
        .map(|(i, c)| (c.name.as_str(), i))
        .collect();
    let of = |c: &Component| {
        let mut to: Vec<usize> = c
            .node
            .references()
            .iter()
            .filter_map(|r| index.get(r.0.as_str()).copied())
            .collect();
        to.sort_unstable();
        to.dedup();
        to
    };
    components.iter().map(of).collect()
}
