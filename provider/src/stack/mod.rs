//! `kairos_stack`: the whole topology as one resource.

pub mod context;
pub mod kind;
pub mod kinds;
pub mod policy;
