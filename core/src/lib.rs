//! The domain of Kairos: schedules, ids, processes and runs, messages, and the registry's rules.
//!
//! Invariant: nothing here does I/O, reads a clock or draws a random number; they come in as arguments or ports.

pub mod arn;
pub mod calendarizacion;
pub mod error;
pub mod expression;
pub mod history;
pub mod ids;
pub mod instant;
pub mod json_schema;
pub mod message;
pub mod names;
pub mod parameters;
pub mod patience;
pub mod proceso;
pub mod registry;
pub mod run;
pub mod schedule;
pub mod validation;
