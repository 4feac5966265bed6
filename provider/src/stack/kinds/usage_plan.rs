//! The usage plan: how much the holder of the API key may ask of which stage.
//!
//! Invariant: AWS makes its id and lets names repeat, so that the ownership tag tells which one is ours, and the oldest of
//! several is the one.

use serde::Serialize;

use crate::stack::kind::{Ref, Tags};

/// A usage plan for one stage of one REST API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UsagePlan {
    /// Its name.
    pub name: String,
    /// What it is for, in words.
    pub description: String,
    /// The stages that its keys open; one of ours is wanted.
    pub stages: Vec<ApiStage>,
    /// Requests a second for each key; `None` sets no limit of the plan's own.
    pub throttle_rate: Option<f64>,
    /// How many requests may come at once for each key; `None` sets no limit of the plan's own.
    pub throttle_burst: Option<i32>,
    /// Requests a day for each key; `None` sets no quota.
    pub quota_per_day: Option<i32>,
    /// Its tags.
    pub tags: Tags,
}

/// A stage of a REST API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ApiStage {
    /// The REST API.
    pub rest_api: Ref,
    /// The stage's name.
    pub stage: String,
}
