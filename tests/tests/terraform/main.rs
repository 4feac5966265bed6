//! The product from outside: the real terraform, the real provider and Lambdas, on a local AWS.
//!
//! One binary, so that the tests that wait for a minute to come wait together.

mod auth;
mod bad_input;
mod chaos;
mod common;
mod demo;
mod drift;
mod import;
mod installed;
mod interrupt;
mod kill;
mod life;
mod moto;
mod neighbours;
mod oracle;
mod permissions;
mod plan_refused;
mod plan_truth;
mod runs;
mod scanner;
mod shown;
mod stack;
mod tainted;
mod timeouts;
mod update;
mod upgrade;
