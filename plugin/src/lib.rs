//! Terraform's plugin protocol 6: everything that a provider needs but its own resources.
//!
//! A provider implements [`Provider`], [`Resource`], [`DataSource`] and [`Function`] over typed [models](model!) and
//! hands itself to [`serve`]. See the traits for what is promised and what is expected.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use tfplugin::{About, Diagnostics, Offers, Provider, Schema, Surroundings, model, serve};
//!
//! struct Example;
//!
//! model! {
//!     pub struct Config {}
//! }
//!
//! impl Provider for Example {
//!     type Config = Config;
//!     type Configured = ();
//!
//!     fn schema(&self) -> Schema {
//!         Schema::new(0)
//!     }
//!
//!     fn offers(&self) -> Offers<()> {
//!         Offers::new() // .resource(…).data_source(…).function(…)
//!     }
//!
//!     async fn configure(&self, _: Config, _: Surroundings, _: &mut Diagnostics) -> Option<()> {
//!         Some(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     serve(Example, About { name: "example", version: "0.1.0", source: "examples/example", crates: &["example"] })
//! }
//! ```
//!
//! Invariant: only this crate knows protobuf and msgpack; nothing of them shows in its interface.

mod attr;
mod check;
mod companions;
mod context;
mod convert;
mod data_source;
mod describe;
mod diagnostics;
mod erased;
mod function;
mod handshake;
mod listen;
mod logging;
#[doc(hidden)]
pub mod model;
mod path;
mod plan;
mod provider;
mod resource;
mod schema;
mod serve;
mod server;
mod tls;
mod value;
mod wire;

pub use tokio_util::sync::CancellationToken;

pub use self::attr::Attr;
pub use self::context::{Ctx, Private};
pub use self::data_source::DataSource;
pub use self::describe::{Catalogue, Facts};
pub use self::diagnostics::{Diagnostic, Diagnostics, Severity};
pub use self::function::{Function, FunctionError, Parameter, Signature};
pub use self::model::{Model, Set, Typed};
pub use self::path::{Path, Step};
pub use self::provider::{Offers, Provider, Surroundings};
pub use self::resource::{CreateRequest, Imported, MoveSource, Outcome, Plan, PlanRequest, Resource, UpdateRequest};
pub use self::schema::{Attribute, Nested, Nesting, Schema, Validator};
pub use self::serve::{About, serve};
pub use self::value::{Members, Number, Type, Unknown, Value, ValueError, ValueSet};
