//! What a data source can do: the trait that a provider implements.

use std::future::Future;

use crate::context::Ctx;
use crate::diagnostics::Diagnostics;
use crate::model::Model;
use crate::schema::Schema;

/// Something that terraform reads and never changes.
pub trait DataSource: Send + Sync + 'static {
    /// The type's full name, provider's prefix included: `kairos_proceso`.
    const NAME: &'static str;

    /// Mirrors the schema.
    type Model: Model;

    /// What the provider's configuration was made into.
    type Configured: Send + Sync + 'static;

    /// The attributes. Defaults and other behaviour in a plan mean nothing here.
    fn schema(&self) -> Schema;

    /// Checks what concerns several attributes at once; values may be unknown. The validators of single attributes
    /// have run already.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Reads. The result has what the configuration sets, unchanged, and no unknown part; without one, an error must be
    /// among the diagnostics.
    fn read(
        &self,
        ctx: &Ctx<Self::Configured>,
        config: Self::Model,
        diagnostics: &mut Diagnostics,
    ) -> impl Future<Output = Option<Self::Model>> + Send;
}
