//! The Terraform provider of Kairos.

pub mod configuration;
pub mod data;
pub mod docs;
pub mod functions;
pub mod permissions;
pub mod proceso;
pub mod provider;
pub mod render;
mod sentence;
pub mod stack;
