//! The kinds of AWS objects that a stack is made of, one file each.

pub mod api_key;
pub mod api_mapping;
pub mod deployment;
pub mod event_invoke;
pub mod event_source;
pub mod function;
pub mod permission;
pub mod rest_api;
pub mod role;
pub mod stage;
pub mod usage_plan;
pub mod usage_plan_key;
