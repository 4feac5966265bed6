//! The Terraform provider of Kairos.

pub mod stack;
