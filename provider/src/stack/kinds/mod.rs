//! The kinds of AWS objects that a stack is made of, one file each.

pub mod alarm;
pub mod api_key;
pub mod api_mapping;
pub mod deployment;
pub mod event_invoke;
pub mod event_source;
pub mod function;
pub(in crate::stack) mod gateway;
pub mod log_group;
pub mod parameter;
pub mod permission;
pub mod queue;
#[cfg(test)]
pub(crate) mod replay;
pub mod rest_api;
pub mod role;
pub mod schedule_group;
pub mod stage;
pub mod subscription;
mod support;
pub mod table;
pub mod topic;
pub mod usage_plan;
pub mod usage_plan_key;
