//! The provider itself: its schema, its configuration, its end.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use super::{Server, guarded};
use crate::check;
use crate::context::Ctx;
use crate::convert;
use crate::diagnostics::Diagnostics;
use crate::erased::needed;
use crate::model;
use crate::provider::{Provider, Surroundings};
use crate::wire::tfplugin6 as wire;

impl<P: Provider> Server<P> {
    pub(super) fn schemas(&self) -> wire::get_provider_schema::Response {
        let resources = self
            .resources
            .iter()
            .map(|(name, part)| ((*name).to_owned(), convert::schema(&part.shape.schema)));
        let data_sources = self.data_sources.iter();
        let data_sources = data_sources.map(|(name, part)| ((*name).to_owned(), convert::schema(&part.shape.schema)));
        let functions = self.functions.iter();
        let functions = functions.map(|(name, (_, signature))| ((*name).to_owned(), convert::function(signature)));
        wire::get_provider_schema::Response {
            provider: Some(convert::schema(&self.config.schema)),
            resource_schemas: resources.collect(),
            data_source_schemas: data_sources.collect(),
            functions: functions.collect::<BTreeMap<_, _>>(),
            diagnostics: convert::diagnostics(self.problems()),
            server_capabilities: Some(wire::ServerCapabilities {
                plan_destroy: true,
                get_provider_schema_optional: true,
                move_resource_state: true,
            }),
        }
    }

    /// What terraform would trip over, told as errors of the schema.
    fn problems(&self) -> Diagnostics {
        let config = self
            .config
            .problems(|sample| model::read::<P::Config>(sample).map(|_| ()));
        let config = config
            .into_iter()
            .map(|problem| ("the provider's configuration", problem));
        let resources = self.resources.iter().flat_map(|(name, part)| {
            part.shape
                .problems(|sample| part.handler.fits(sample))
                .into_iter()
                .map(|problem| (*name, problem))
        });
        let data_sources = self.data_sources.iter().flat_map(|(name, part)| {
            part.shape
                .problems(|sample| part.handler.fits(sample))
                .into_iter()
                .map(|problem| (*name, problem))
        });
        let mut found = Diagnostics::new();
        for (name, problem) in config.chain(resources).chain(data_sources) {
            found.error(
                "Invalid schema",
                format!("In the schema of {name}: {problem}. This is a bug in the provider."),
            );
        }
        found
    }

    pub(super) async fn validate_provider(
        &self,
        request: wire::validate_provider_config::Request,
    ) -> wire::validate_provider_config::Response {
        let result = self.try_validate_provider(request).await;
        wire::validate_provider_config::Response {
            diagnostics: convert::diagnostics(result.unwrap_or_else(|d| d)),
        }
    }

    async fn try_validate_provider(
        &self,
        request: wire::validate_provider_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let config = self.config.read(request.config.as_ref())?;
        let mut diagnostics = Diagnostics::new();
        check::validators(&self.config.schema.attributes, &config, &mut diagnostics);
        let model = needed::<P::Config>(config)?;
        let provider = Arc::clone(&self.provider);
        guarded("Checking the provider's configuration", async move {
            provider.validate(&model, &mut diagnostics);
            diagnostics
        })
        .await
    }

    pub(super) async fn configure(
        &self,
        request: wire::configure_provider::Request,
    ) -> wire::configure_provider::Response {
        let result = self.try_configure(request).await;
        wire::configure_provider::Response {
            diagnostics: convert::diagnostics(result.unwrap_or_else(|d| d)),
        }
    }

    async fn try_configure(&self, request: wire::configure_provider::Request) -> Result<Diagnostics, Diagnostics> {
        let config = needed::<P::Config>(self.config.read(request.config.as_ref())?)?;
        let version = request.terraform_version;
        let provider = Arc::clone(&self.provider);
        let surroundings = Surroundings {
            terraform_version: version.clone(),
            stop: self.stop.clone(),
        };
        let (made, mut diagnostics) = guarded("Configuring the provider", async move {
            let mut diagnostics = Diagnostics::new();
            let made = provider.configure(config, surroundings, &mut diagnostics).await;
            (made, diagnostics)
        })
        .await?;
        match made {
            Some(made) => {
                let ctx = Ctx::new(Arc::new(made), self.stop.clone(), &version);
                *self.configured.write().unwrap_or_else(PoisonError::into_inner) = Some(ctx);
            }
            None if !diagnostics.has_errors() => {
                diagnostics.error(
                    "Provider is not configured",
                    "The provider did not say why. This is a bug in it.",
                );
            }
            None => {}
        }
        Ok(diagnostics)
    }

    pub(super) fn stop(&self) -> wire::stop_provider::Response {
        tracing::info!("terraform asks to stop");
        self.stop.cancel();
        wire::stop_provider::Response { error: String::new() }
    }
}
