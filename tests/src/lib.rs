//! End-to-end tests of Kairos, and the harness that they and the live tests of the other crates stand on.
//!
//! The real terraform and the real binaries run against MiniStack, an AWS in one local process.
//! Invariant: everything that the harness starts dies with the process that started it.

pub mod account;
pub mod ask;
pub mod bench;
pub mod contract;
pub mod demo;
pub mod edge;
pub mod emf;
pub mod endpoint;
pub mod faults;
pub mod fixtures;
pub mod gate;
pub mod ground;
pub mod history;
pub mod http;
pub mod index;
pub mod microburst;
pub mod ministack;
pub mod moto;
pub mod pages;
pub mod peer;
pub mod process;
pub mod quickstart;
pub mod release;
pub mod server;
pub mod snapshot;
pub mod terraform;
mod tls;
pub mod together;
pub mod wait;
pub mod workspace;
pub mod world;

pub use account::Account;
pub use gate::Gate;
pub use ministack::MiniStack;
pub use moto::Moto;
pub use snapshot::Snapshot;
pub use terraform::Terraform;
