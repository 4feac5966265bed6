//! The ports of the Kairos domain over the AWS SDK, once, for provider and Lambdas alike.

pub mod error;

pub use error::{AwsError, Class, Doing};
