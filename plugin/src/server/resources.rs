//! Resources: validate, upgrade, read, plan, apply, import and move.
//!
//! Guarantees: with an error, the state that goes back is what is there as far as anyone knows, and never less than
//! what came in, but for a create.

use std::sync::Arc;

use super::{Server, Shape, guarded};
use crate::check;
use crate::context::Private;
use crate::convert;
use crate::diagnostics::Diagnostics;
use crate::erased::misfit;
use crate::plan;
use crate::provider::Provider;
use crate::resource::{CreateRequest, Imported, MoveSource, Outcome, Plan, PlanRequest, UpdateRequest};
use crate::value::{Value, from_stored_json};
use crate::wire::tfplugin6 as wire;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_resource(
        &self,
        request: wire::validate_resource_config::Request,
    ) -> wire::validate_resource_config::Response {
        let result = self.try_validate_resource(request).await;
        wire::validate_resource_config::Response {
            diagnostics: convert::diagnostics(result.unwrap_or_else(|d| d)),
        }
    }

    async fn try_validate_resource(
        &self,
        request: wire::validate_resource_config::Request,
    ) -> Result<Diagnostics, Diagnostics> {
        let part = self.resource(&request.type_name)?;
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

    pub(super) async fn upgrade_resource(
        &self,
        request: wire::upgrade_resource_state::Request,
    ) -> wire::upgrade_resource_state::Response {
        let (state, diagnostics) = parts(self.try_upgrade_resource(request).await);
        wire::upgrade_resource_state::Response {
            upgraded_state: state,
            diagnostics,
        }
    }

    /// Terraform asks for every state it has, of the current version too.
    async fn try_upgrade_resource(
        &self,
        request: wire::upgrade_resource_state::Request,
    ) -> Result<wire::DynamicValue, Diagnostics> {
        let part = self.resource(&request.type_name)?;
        let stored = request.raw_state.unwrap_or_default();
        let (version, current) = (request.version, part.shape.schema.version);
        if version > current {
            let detail = format!(
                "The state of this \"{}\" was written by a newer version of the provider (schema version {version}, \
                 this one knows {current}). Upgrade the provider.",
                request.type_name
            );
            return Err(Diagnostics::of_error("State is too new", detail));
        }
        let mut state = convert::json(&stored.json)?;
        if version < current {
            let handler = Arc::clone(&part.handler);
            let what = format!("Upgrading the state of \"{}\"", request.type_name);
            state = guarded(what, async move { handler.upgrade(version, state) }).await??;
        }
        let state = from_stored_json(&state, &part.shape.ty).map_err(misfit)?;
        Ok(part.shape.write(&state)?)
    }

    pub(super) async fn read_resource(&self, request: wire::read_resource::Request) -> wire::read_resource::Response {
        let (before, kept) = (request.current_state.clone(), request.private.clone());
        match self.try_read_resource(request).await {
            Ok(Applied {
                state,
                private,
                diagnostics,
            }) => wire::read_resource::Response {
                new_state: Some(state),
                private,
                diagnostics: convert::diagnostics(diagnostics),
            },
            Err(error) => wire::read_resource::Response {
                new_state: before,
                private: kept,
                diagnostics: convert::diagnostics(error),
            },
        }
    }

    async fn try_read_resource(&self, request: wire::read_resource::Request) -> Result<Applied, Diagnostics> {
        let part = self.resource(&request.type_name)?;
        let current = part.shape.read(request.current_state.as_ref())?;
        let ctx = self.ctx()?;
        let handler = Arc::clone(&part.handler);
        let (prior, kept) = (current.clone(), Private::from_bytes(request.private));
        let private = kept.clone();
        let what = format!("Reading \"{}\"", request.type_name);
        let mut outcome = guarded(what, async move { handler.read(&ctx, current, private).await }).await?;
        outcome.state = outcome
            .state
            .map(|s| check::known(&request.type_name, s, &mut outcome.diagnostics));
        Applied::of(outcome, prior, kept, &part.shape)
    }

    pub(super) async fn plan_resource(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> wire::plan_resource_change::Response {
        let (before, kept) = (request.prior_state.clone(), request.prior_private.clone());
        self.try_plan_resource(request)
            .await
            .unwrap_or_else(|error| wire::plan_resource_change::Response {
                planned_state: before,
                planned_private: kept,
                diagnostics: convert::diagnostics(error),
                ..Default::default()
            })
    }

    async fn try_plan_resource(
        &self,
        request: wire::plan_resource_change::Request,
    ) -> Result<wire::plan_resource_change::Response, Diagnostics> {
        let part = self.resource(&request.type_name)?;
        let attributes = &part.shape.schema.attributes;
        let prior = part.shape.read(request.prior_state.as_ref())?;
        let config = part.shape.read(request.config.as_ref())?;
        let proposed = part.shape.read(request.proposed_new_state.as_ref())?;
        let ctx = self.ctx()?;
        let proposed = plan::propose(attributes, &prior, &config, proposed);
        let (handler, shown) = (Arc::clone(&part.handler), proposed.clone());
        let asked = PlanRequest {
            prior: Some(prior.clone()),
            config: Some(config),
            proposed: Some(shown),
            private: Private::from_bytes(request.prior_private),
        };
        let (plan, diagnostics) = guarded(format!("Planning \"{}\"", request.type_name), async move {
            let mut diagnostics = Diagnostics::new();
            let plan = handler.plan(&ctx, asked, &mut diagnostics).await;
            (plan, diagnostics)
        })
        .await?;
        let Plan {
            planned,
            requires_replace,
            private,
        } = plan;
        let mut planned = planned.unwrap_or_default();
        plan::refine(&mut planned, &proposed);
        let replaced = plan::replacements(attributes, &prior, &planned, requires_replace);
        Ok(wire::plan_resource_change::Response {
            planned_state: Some(part.shape.write(&planned)?),
            requires_replace: replaced.iter().map(convert::path).collect(),
            planned_private: private.into_bytes(),
            diagnostics: convert::diagnostics(diagnostics),
        })
    }

    pub(super) async fn apply_resource(
        &self,
        request: wire::apply_resource_change::Request,
    ) -> wire::apply_resource_change::Response {
        let (before, kept) = (request.prior_state.clone(), request.planned_private.clone());
        match self.try_apply_resource(request).await {
            Ok(Applied {
                state,
                private,
                diagnostics,
            }) => wire::apply_resource_change::Response {
                new_state: Some(state),
                private,
                diagnostics: convert::diagnostics(diagnostics),
            },
            Err(error) => wire::apply_resource_change::Response {
                new_state: before,
                private: kept,
                diagnostics: convert::diagnostics(error),
            },
        }
    }

    async fn try_apply_resource(&self, request: wire::apply_resource_change::Request) -> Result<Applied, Diagnostics> {
        let type_name = request.type_name;
        let part = self.resource(&type_name)?;
        let prior = part.shape.read(request.prior_state.as_ref())?;
        let planned = part.shape.read(request.planned_state.as_ref())?;
        let config = part.shape.read(request.config.as_ref())?;
        let ctx = self.ctx()?;
        let kept = Private::from_bytes(request.planned_private);
        let (handler, private) = (Arc::clone(&part.handler), kept.clone());
        let (before, wanted) = (prior.clone(), planned.clone());
        let mut outcome = match (prior.is_null(), planned.is_null()) {
            (true, true) => Outcome::gone(),
            (true, false) => {
                let request = CreateRequest {
                    planned,
                    config,
                    private,
                };
                guarded(format!("Creating \"{type_name}\""), async move {
                    handler.create(&ctx, request).await
                })
                .await?
            }
            (false, false) => {
                let request = UpdateRequest {
                    prior,
                    planned,
                    config,
                    private,
                };
                guarded(format!("Changing \"{type_name}\""), async move {
                    handler.update(&ctx, request).await
                })
                .await?
            }
            (false, true) => {
                let work = async move { handler.delete(&ctx, prior, private).await };
                guarded(format!("Deleting \"{type_name}\""), work).await?
            }
        };
        let failed = outcome.diagnostics.has_errors();
        outcome.state = match outcome.state {
            Some(state) if failed => Some(state.without_unknowns()),
            Some(state) => Some(check::applied(&type_name, &wanted, state, &mut outcome.diagnostics)),
            None if !failed && !wanted.is_null() => {
                let detail = format!("\"{type_name}\" gave no state and no reason. This is a bug in the provider.");
                outcome.diagnostics.error("No result", detail);
                None
            }
            None => None,
        };
        Applied::of(outcome, before, kept, &part.shape)
    }

    pub(super) async fn import_resource(
        &self,
        request: wire::import_resource_state::Request,
    ) -> wire::import_resource_state::Response {
        match self.try_import_resource(request).await {
            Ok(imported_resources) => wire::import_resource_state::Response {
                imported_resources,
                diagnostics: Vec::new(),
            },
            Err(error) => wire::import_resource_state::Response {
                imported_resources: Vec::new(),
                diagnostics: convert::diagnostics(error),
            },
        }
    }

    async fn try_import_resource(
        &self,
        request: wire::import_resource_state::Request,
    ) -> Result<Vec<wire::import_resource_state::ImportedResource>, Diagnostics> {
        let (type_name, id) = (request.type_name, request.id);
        let part = self.resource(&type_name)?;
        let ctx = self.ctx()?;
        let handler = Arc::clone(&part.handler);
        let work = async move { handler.import(&ctx, id).await };
        let found = guarded(format!("Importing \"{type_name}\""), work).await??;
        let each = found.into_iter().map(|imported| {
            let (state, private) = taken_over(&type_name, imported, &part.shape)?;
            Ok(wire::import_resource_state::ImportedResource {
                type_name: type_name.clone(),
                state: Some(state),
                private,
            })
        });
        each.collect()
    }

    pub(super) async fn move_resource(
        &self,
        request: wire::move_resource_state::Request,
    ) -> wire::move_resource_state::Response {
        match self.try_move_resource(request).await {
            Ok((state, private)) => wire::move_resource_state::Response {
                target_state: Some(state),
                target_private: private,
                diagnostics: Vec::new(),
            },
            Err(error) => wire::move_resource_state::Response {
                diagnostics: convert::diagnostics(error),
                ..Default::default()
            },
        }
    }

    async fn try_move_resource(
        &self,
        request: wire::move_resource_state::Request,
    ) -> Result<(wire::DynamicValue, Vec<u8>), Diagnostics> {
        let type_name = request.target_type_name;
        let part = self.resource(&type_name)?;
        let source = MoveSource {
            provider: request.source_provider_address,
            type_name: request.source_type_name,
            version: request.source_schema_version,
            state: convert::json(&request.source_state.unwrap_or_default().json)?,
            private: Private::from_bytes(request.source_private),
        };
        let from = format!("\"{}\" of {}", source.type_name, source.provider);
        let handler = Arc::clone(&part.handler);
        let work = async move { handler.move_from(source) };
        let moved = guarded(format!("Moving {from} to \"{type_name}\""), work).await??;
        let moved = moved.ok_or_else(|| {
            let detail = format!("An object of the type {from} cannot become a \"{type_name}\".");
            Diagnostics::of_error("Move is not supported", detail)
        })?;
        taken_over(&type_name, moved, &part.shape)
    }
}

/// What goes back after a read or an apply.
struct Applied {
    state: wire::DynamicValue,
    private: Vec<u8>,
    diagnostics: Diagnostics,
}

impl Applied {
    /// With errors and without a state, what was there before is still there.
    fn of(outcome: Outcome<Value>, before: Value, kept: Private, shape: &Shape) -> Result<Self, Diagnostics> {
        let Outcome {
            state,
            private,
            diagnostics,
        } = outcome;
        let state = match state {
            None if diagnostics.has_errors() => before,
            state => state.unwrap_or_default(),
        };
        match shape.write(&state) {
            Ok(state) => Ok(Self {
                state,
                private: private.unwrap_or(kept).into_bytes(),
                diagnostics,
            }),
            Err(error) => Err(diagnostics.into_iter().chain([error]).collect()),
        }
    }
}

/// An object that terraform takes over, ready to be sent.
fn taken_over(
    type_name: &str,
    imported: Imported<Value>,
    shape: &Shape,
) -> Result<(wire::DynamicValue, Vec<u8>), Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let state = check::known(type_name, imported.state, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok((shape.write(&state)?, imported.private.into_bytes()))
}

fn parts(result: Result<wire::DynamicValue, Diagnostics>) -> (Option<wire::DynamicValue>, Vec<wire::Diagnostic>) {
    match result {
        Ok(state) => (Some(state), Vec::new()),
        Err(error) => (None, convert::diagnostics(error)),
    }
}
