//! The real binaries on the local AWS with IAM enforced, in an installation that is made by hand: what a stack makes is
//! tested elsewhere, and this tells the Lambdas' faults from those of the stack.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api;
mod api_ejecuciones;
mod calls;
mod contract;
mod dispatch;
mod dispatch_scale;
mod edge;
mod faults;
mod installation;
mod kills;
mod listas;
mod metrics;
mod redrive;
mod runs;
mod start;
mod targets;
mod targets_models;
mod universal;
mod waited;
