//! The engine: from what is wanted and what AWS holds to a stack that is complete, or gone.
//!
//! [`observe`](observe()) reads, [`plan`](plan()) decides, [`execute`](execute()) does; see each for what it promises.
//!
//! Invariant: what will be done is data before it is done; the same plan function serves Terraform's plan, apply and drift.
//! Invariant: the engine knows no kind of object: what is particular to one is in its kind, or data of the topology.

pub mod execute;
pub mod graph;
pub mod limits;
pub mod observe;
pub mod plan;
pub mod report;
pub mod retry;

#[cfg(test)]
mod tests;

pub use execute::{Run, execute};
pub use limits::Limits;
pub use observe::{Observation, observe};
pub use plan::{Action, Plan, Refusal, Step, is_removed, plan};
pub use report::{Outcome, Report};
pub use retry::Pace;
