//! `kairos_stack`: the whole topology as one resource.
//!
//! Read [`topology`] for what a stack is made of, [`engine`] for how it is brought about, [`kinds`] for each AWS object.

pub mod bounds;
pub mod code;
pub mod component;
pub mod config;
pub mod context;
pub mod discover;
pub mod engine;
pub mod key;
pub mod kind;
pub mod kinds;
pub mod listing;
pub mod marker;
pub mod model;
pub mod operation;
pub mod outputs;
pub mod policy;
pub mod preflight;
pub mod resource;
pub mod rules;
pub mod schema;
pub mod topology;
pub mod upgrade;
pub mod usage;

pub use resource::StackResource;
