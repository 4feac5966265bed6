//! The provider behind the protocol: one file for every group of calls.
//!
//! Invariant: a call never fails as such. Whatever goes wrong, a panic included, is a diagnostic in its answer, next to
//! the state as it was.

mod data_sources;
mod functions;
mod provider;
mod resources;
mod service;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;

pub(crate) use self::service::Calls;
use crate::context::Ctx;
use crate::convert;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::erased::{ErasedDataSource, ErasedFunction, ErasedResource, misfit};
use crate::function::Signature;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::value::{Type, Value};
use crate::wire::tfplugin6 as wire;

/// A provider, ready to answer.
pub(crate) struct Server<P: Provider> {
    provider: Arc<P>,
    config: Shape,
    resources: BTreeMap<&'static str, Part<dyn ErasedResource<P::Configured>>>,
    data_sources: BTreeMap<&'static str, Part<dyn ErasedDataSource<P::Configured>>>,
    functions: BTreeMap<&'static str, (Arc<dyn ErasedFunction>, Signature)>,
    configured: RwLock<Option<Ctx<P::Configured>>>,
    stop: CancellationToken,
}

/// A schema and its type, worked out once.
pub(super) struct Shape {
    pub(super) schema: Schema,
    pub(super) ty: Type,
}

/// A resource or data source and its shape.
pub(super) struct Part<T: ?Sized> {
    pub(super) handler: Arc<T>,
    pub(super) shape: Arc<Shape>,
}

impl<P: Provider> Server<P> {
    /// Asks the provider what it offers. `stop` is what StopProvider cancels.
    pub(crate) fn new(provider: P, stop: CancellationToken) -> Self {
        let offers = provider.offers();
        let resources = offers.resources.into_iter();
        let data_sources = offers.data_sources.into_iter();
        let functions = offers.functions.into_iter();
        Self {
            config: Shape::of(provider.schema()),
            resources: resources
                .map(|part| (part.name(), Part::new(part.schema(), part)))
                .collect(),
            data_sources: data_sources
                .map(|part| (part.name(), Part::new(part.schema(), part)))
                .collect(),
            functions: functions
                .map(|function| (function.name(), (function.clone(), function.signature())))
                .collect(),
            provider: Arc::new(provider),
            configured: RwLock::new(None),
            stop,
        }
    }

    fn resource(&self, name: &str) -> Result<&Part<dyn ErasedResource<P::Configured>>, Diagnostic> {
        self.resources.get(name).ok_or_else(|| no_such("resource", name))
    }

    fn data_source(&self, name: &str) -> Result<&Part<dyn ErasedDataSource<P::Configured>>, Diagnostic> {
        self.data_sources.get(name).ok_or_else(|| no_such("data source", name))
    }

    /// The surroundings of a call that needs the provider's configuration.
    fn ctx(&self) -> Result<Ctx<P::Configured>, Diagnostic> {
        let configured = self.configured.read().unwrap_or_else(PoisonError::into_inner);
        configured.clone().ok_or_else(|| {
            Diagnostic::error(
                "Provider is not configured",
                "Terraform asked for something that needs the provider's configuration before giving it.",
            )
        })
    }
}

impl Shape {
    fn of(schema: Schema) -> Self {
        Self {
            ty: schema.object_type(),
            schema,
        }
    }

    pub(super) fn read(&self, value: Option<&wire::DynamicValue>) -> Result<Value, Diagnostic> {
        convert::read(value, &self.ty)
    }

    pub(super) fn write(&self, value: &Value) -> Result<wire::DynamicValue, Diagnostic> {
        convert::write(value, &self.ty)
    }

    /// What is wrong with the schema, and where the model is another shape.
    fn problems(&self, fits: impl Fn(Value) -> Result<(), crate::ValueError>) -> Vec<String> {
        let mut found = self.schema.problems();
        found.extend(
            fits(sample(&self.ty))
                .err()
                .map(|error| misfit(error).detail.trim_end_matches('.').to_owned()),
        );
        found
    }
}

impl<T: ?Sized> Part<T> {
    fn new(schema: Schema, handler: Arc<T>) -> Self {
        Self {
            handler,
            shape: Arc::new(Shape::of(schema)),
        }
    }
}

/// Runs a handler in a task of its own: a panic ends the call and nothing else, and a client that goes away does not
/// stop work half-way.
async fn guarded<T: Send + 'static>(
    what: impl Into<String>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Diagnostics> {
    tokio::spawn(work).await.map_err(|error| {
        let told = error
            .try_into_panic()
            .map_or_else(|error| error.to_string(), |panic| message(&*panic));
        let detail = format!(
            "{} stopped unexpectedly: {told}. This is a bug in the provider.",
            what.into()
        );
        Diagnostics::of_error("The provider panicked", detail)
    })
}

/// What a panic was given to say.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

fn no_such(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("No such {kind}"),
        format!("This provider has no {kind} \"{name}\"."),
    )
}

/// A value of the type in which every object is there, once: what a model must be able to read.
fn sample(ty: &Type) -> Value {
    match ty {
        Type::Object(attributes) => Value::object(attributes.iter().map(|(name, ty)| (name.clone(), sample(ty)))),
        Type::List(element) if holds_objects(element) => Value::List(vec![sample(element)]),
        Type::Set(element) if holds_objects(element) => Value::set([sample(element)]),
        Type::Map(element) if holds_objects(element) => Value::map([("key", sample(element))]),
        Type::List(_) => Value::List(Vec::new()),
        Type::Set(_) => Value::set([] as [Value; 0]),
        Type::Map(_) => Value::map([] as [(String, Value); 0]),
        Type::Bool => Value::Bool(true),
        Type::Number => Value::from(1),
        Type::String => Value::from(""),
        Type::Dynamic => Value::Null,
        Type::Tuple(elements) => Value::List(elements.iter().map(sample).collect()),
    }
}

fn holds_objects(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::List(element) | Type::Set(element) | Type::Map(element) => holds_objects(element),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
