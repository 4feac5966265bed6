//! The provider as terraform sees it: its block, its resources.

use tfplugin::{Diagnostics, Offers, Provider, Schema, Surroundings};

use crate::configuration::{self, Configured, ProviderModel};
use crate::proceso::ProcesoResource;
use crate::stack::StackResource;

/// The provider `kairos`.
#[derive(Debug, Default)]
pub struct Kairos;

impl Provider for Kairos {
    type Config = ProviderModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        configuration::schema()
    }

    fn offers(&self) -> Offers<Configured> {
        Offers::new().resource(StackResource).resource(ProcesoResource)
    }

    async fn configure(
        &self,
        config: ProviderModel,
        _surroundings: Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Configured> {
        configuration::configure(config, diagnostics).await
    }
}
