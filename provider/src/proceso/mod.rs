//! `kairos_proceso`: one scheduled process.

mod convert;
mod failure;
mod permissions;
mod registry;
mod resource;
mod schema;
pub mod stacks;
pub mod watch;

pub use permissions::permissions;
pub use resource::ProcesoResource;
pub use schema::ProcesoModel;
