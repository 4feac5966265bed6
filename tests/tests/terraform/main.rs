//! The product from outside: the real terraform, the real provider and Lambdas, on a local AWS.
//!
//! One binary, so that the tests that wait for a minute to come wait together.

mod auth;
mod bad_input;
mod bench;
mod chaos;
mod common;
mod contract;
mod data_sources;
mod demo;
mod dist;
mod drift;
mod example;
mod examples;
mod examples_container;
mod examples_health;
mod examples_module;
mod functions;
mod guide_policies;
mod hcl;
mod import;
mod installed;
mod interrupt;
mod kill;
mod life;
mod many;
mod migration;
mod moto;
mod neighbours;
mod oracle;
mod permissions;
mod plan_refused;
mod plan_truth;
mod proceso;
mod proceso_drift;
mod proceso_refused;
mod registered;
mod runs;
mod scanner;
mod shown;
mod stack;
mod tainted;
mod timeouts;
mod update;
mod upgrade;
mod waited;
