//! The provider as terraform sees it: its block, its resources and data sources.

use tfplugin::{Diagnostics, Offers, Provider, Schema, Surroundings};

use crate::configuration::{self, Configured, ProviderModel};
use crate::data;
use crate::functions;
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
        Offers::new()
            .resource(StackResource)
            .resource(ProcesoResource)
            .data_source(data::StackDataSource)
            .data_source(data::ProcesoDataSource)
            .data_source(data::ProcesosDataSource)
            .data_source(data::EjecucionesDataSource)
            .data_source(data::RolDataSource)
            .data_source(data::PoliticaKmsDataSource)
            .function(functions::CronCanonico)
            .function(functions::ProximasEjecuciones)
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
