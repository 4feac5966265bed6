//! The ports of the Kairos domain over the AWS SDK, once, for provider and Lambdas alike.

mod ahead;
pub mod call;
pub mod catalog;
pub mod claim;
pub mod clients;
pub mod clock;
pub mod entry;
pub mod environment;
pub mod error;
pub mod history;
pub mod item;
pub mod items;
pub mod loader;
pub mod log;
pub mod metrics;
pub mod processes;
pub mod queue;
pub mod runs;
pub mod scheduler;
pub mod store;

pub use error::{AwsError, Class, Doing};
