//! Every kind of object on a local AWS: its life (created, read back, changed, deleted), and what others do to it.
//!
//! Each test works in an account of its own; what differs on the way is shown in words.

mod alarm;
mod api;
mod common;
mod drift;
mod function;
mod invocation;
mod key;
mod log_group;
mod parameter;
mod queue;
mod role;
mod schedule_group;
mod stage;
mod table;
mod topic;
