//! A stack as a plain Terraform configuration of hashicorp/aws: to look inside, to scan, to leave Kairos.
//!
//! Invariant: pure. It is written from the same topology that the engine brings about, and asks AWS nothing.
//! Invariant: no secret is written; the API key's value is not among what it knows.

mod block;
mod command;
mod compose;
mod expr;
mod files;
mod links;
mod subject;
#[cfg(test)]
mod tests;
mod write;

pub use self::block::{At, Block, Body, Render};
pub use self::command::run;
pub use self::expr::{Expr, Mode};
pub use self::files::{Files, render};
pub use self::subject::{Subject, SubjectError};
