//! Data sources: validate and read.

use std::sync::Arc;

use super::{Server, guarded};
use crate::check;
use crate::convert;
use crate::diagnostics::Diagnostics;
use crate::provider::Provider;
use crate::wire::tfplugin6 as wire;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_data_source(
        &self,
        request: wire::validate_data_resource_config::Request,
    ) -> wire::validate_data_resource_config::Response {
        let result = self.try_validate_data_source(request).await;
        wire::validate_data_resource_config::Response {
            diagnostics: convert::diagnostics(result.unwrap_or_else(|d| d)),
        }
    }

    async fn try_validate_data_source(
        &self,
        request: wire::validate_data_resource_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let part = self.data_source(&request.type_name)?;
        let config = part.shape.read(request.config.as_ref())?;
        let mut diagnostics = Diagnostics::new();
        check::validators(&part.shape.schema.attributes, &config, &mut diagnostics);
        let handler = Arc::clone(&part.handler);
        guarded(format!("Checking \"{}\"", request.type_name), async move {
            handler.validate(config, &mut diagnostics);
            diagnostics
        })
        .await
    }

    pub(super) async fn read_data_source(
        &self,
        request: wire::read_data_source::Request,
    ) -> wire::read_data_source::Response {
        let mut diagnostics = Diagnostics::new();
        let state = self
            .try_read_data_source(request, &mut diagnostics)
            .await
            .unwrap_or_else(|error| {
                diagnostics.extend(error);
                None
            });
        wire::read_data_source::Response {
            state,
            diagnostics: convert::diagnostics(diagnostics),
        }
    }

    async fn try_read_data_source(
        &self,
        request: wire::read_data_source::Request,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<wire::DynamicValue>, Diagnostics> {
        let part = self.data_source(&request.type_name)?;
        let config = part.shape.read(request.config.as_ref())?;
        let ctx = self.ctx()?;
        let handler = Arc::clone(&part.handler);
        let (state, found) = guarded(format!("Reading \"{}\"", request.type_name), async move {
            let mut diagnostics = Diagnostics::new();
            let state = handler.read(&ctx, config, &mut diagnostics).await;
            (state, diagnostics)
        })
        .await?;
        diagnostics.extend(found);
        match state {
            Some(state) => {
                let state = check::known(&request.type_name, state, diagnostics);
                Ok(Some(part.shape.write(&state)?))
            }
            None if diagnostics.has_errors() => Ok(None),
            None => {
                let detail = format!("\"{}\" gave no result and no reason. This is a bug.", request.type_name);
                Err(Diagnostics::of_error("Nothing was read", detail))
            }
        }
    }
}
