//! `kairos_stack`: the whole topology as one resource.
//!
//! Read [`topology`] for what a stack is made of, [`engine`] for how it is brought about, [`kinds`] for each AWS object.

pub mod component;
pub mod config;
pub mod context;
pub mod engine;
pub mod kind;
pub mod kinds;
pub mod policy;
pub mod topology;
