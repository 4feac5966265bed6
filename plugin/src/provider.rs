//! What a provider is: its configuration and what it offers.

use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::data_source::DataSource;
use crate::diagnostics::Diagnostics;
use crate::erased::{ErasedDataSource, ErasedFunction, ErasedResource};
use crate::function::Function;
use crate::model::Model;
use crate::resource::Resource;
use crate::schema::Schema;

/// A provider.
pub trait Provider: Send + Sync + 'static {
    /// Mirrors the schema.
    type Config: Model;

    /// What resources and data sources work with: clients, names, limits.
    type Configured: Send + Sync + 'static;

    /// The attributes of the `provider` block.
    fn schema(&self) -> Schema;

    /// What the provider offers. Asked once, before terraform's first call.
    fn offers(&self) -> Offers<Self::Configured>;

    /// Checks the configuration; values may be unknown. The validators of single attributes have run already.
    fn validate(&self, _config: &Self::Config, _diagnostics: &mut Diagnostics) {}

    /// Makes the configuration into what the others work with. Values may be unknown while planning. Without a result,
    /// an error must be among the diagnostics.
    fn configure(
        &self,
        config: Self::Config,
        surroundings: Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> impl Future<Output = Option<Self::Configured>> + Send;
}

/// What is known of the caller when a provider is configured.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Surroundings {
    /// Terraform's version, as `1.11.4`.
    pub terraform_version: String,
    /// Cancelled when the user interrupts.
    pub stop: CancellationToken,
}

impl Surroundings {
    /// For the tests of a provider; the server makes its own.
    pub fn new(terraform_version: impl Into<String>, stop: CancellationToken) -> Self {
        Self {
            terraform_version: terraform_version.into(),
            stop,
        }
    }
}

/// The resources, data sources and functions of a provider.
pub struct Offers<C> {
    pub(crate) resources: Vec<Arc<dyn ErasedResource<C>>>,
    pub(crate) data_sources: Vec<Arc<dyn ErasedDataSource<C>>>,
    pub(crate) functions: Vec<Arc<dyn ErasedFunction>>,
}

impl<C: Send + Sync + 'static> Offers<C> {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            resources: Vec::new(),
            data_sources: Vec::new(),
            functions: Vec::new(),
        }
    }

    /// Adds a resource.
    #[must_use]
    pub fn resource(mut self, resource: impl Resource<Configured = C>) -> Self {
        self.resources.push(Arc::new(resource));
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source(mut self, data_source: impl DataSource<Configured = C>) -> Self {
        self.data_sources.push(Arc::new(data_source));
        self
    }

    /// Adds a function.
    #[must_use]
    pub fn function(mut self, function: impl Function) -> Self {
        self.functions.push(Arc::new(function));
        self
    }
}

impl<C: Send + Sync + 'static> Default for Offers<C> {
    fn default() -> Self {
        Self::new()
    }
}
