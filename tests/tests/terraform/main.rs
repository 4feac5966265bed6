//! The product from outside: the real terraform, the real provider and Lambdas, on a local AWS.
//!
//! One binary, so that the tests that wait for a minute to come wait together.

mod auth;
mod bad_input;
mod common;
mod demo;
mod installed;
mod kill;
mod life;
mod moto;
mod plan_refused;
mod runs;
mod stack;
