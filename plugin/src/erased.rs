//! Typed handlers as objects: the one place where models become values and back.
//!
//! Invariant: a value that does not fit the model never reaches a handler; it becomes an error with the path.

use async_trait::async_trait;
use serde_json::Value as Json;

use crate::context::{Ctx, Private};
use crate::data_source::DataSource;
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::function::{Function, FunctionError, Signature};
use crate::model::{self, Model};
use crate::resource::{CreateRequest, Imported, MoveSource, Outcome, Plan, PlanRequest, Resource, UpdateRequest};
use crate::schema::Schema;
use crate::value::{Value, ValueError};

/// A [`Resource`] over values. Absent objects are null values.
#[async_trait]
pub(crate) trait ErasedResource<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn fits(&self, sample: Value) -> Result<(), ValueError>;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    async fn plan(&self, ctx: &Ctx<C>, request: PlanRequest<Value>, diagnostics: &mut Diagnostics) -> Plan<Value>;
    async fn create(&self, ctx: &Ctx<C>, request: CreateRequest<Value>) -> Outcome<Value>;
    async fn read(&self, ctx: &Ctx<C>, current: Value, private: Private) -> Outcome<Value>;
    async fn update(&self, ctx: &Ctx<C>, request: UpdateRequest<Value>) -> Outcome<Value>;
    async fn delete(&self, ctx: &Ctx<C>, prior: Value, private: Private) -> Outcome<Value>;
    async fn import(&self, ctx: &Ctx<C>, id: String) -> Result<Vec<Imported<Value>>, Diagnostics>;
    fn upgrade(&self, version: i64, state: Json) -> Result<Json, Diagnostics>;
    fn move_from(&self, source: MoveSource) -> Result<Option<Imported<Value>>, Diagnostics>;
}

/// A [`DataSource`] over values.
#[async_trait]
pub(crate) trait ErasedDataSource<C>: Send + Sync {
    fn name(&self) -> &'static str;
    fn schema(&self) -> Schema;
    fn fits(&self, sample: Value) -> Result<(), ValueError>;
    fn validate(&self, config: Value, diagnostics: &mut Diagnostics);
    async fn read(&self, ctx: &Ctx<C>, config: Value, diagnostics: &mut Diagnostics) -> Option<Value>;
}

/// A [`Function`] as an object.
pub(crate) trait ErasedFunction: Send + Sync {
    fn name(&self) -> &'static str;
    fn signature(&self) -> Signature;
    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError>;
}

#[async_trait]
impl<R: Resource> ErasedResource<R::Configured> for R {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn schema(&self) -> Schema {
        Resource::schema(self)
    }

    fn fits(&self, sample: Value) -> Result<(), ValueError> {
        model::read::<R::Model>(sample).map(|_| ())
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match needed::<R::Model>(config) {
            Ok(config) => Resource::validate(self, &config, diagnostics),
            Err(error) => diagnostics.push(error),
        }
    }

    async fn plan(
        &self,
        ctx: &Ctx<R::Configured>,
        request: PlanRequest<Value>,
        diagnostics: &mut Diagnostics,
    ) -> Plan<Value> {
        let PlanRequest {
            prior,
            config,
            proposed,
            private,
        } = request;
        let typed = || {
            let read = |value: &Option<Value>| model::read(value.clone().unwrap_or_default());
            Ok(PlanRequest::new(
                read(&prior)?,
                read(&config)?,
                read(&proposed)?,
                private.clone(),
            ))
        };
        match typed() {
            Ok(request) => {
                let Plan {
                    planned,
                    requires_replace,
                    private,
                } = Resource::plan(self, ctx, request, diagnostics).await;
                Plan {
                    planned: Some(model::written::<R::Model>(planned)),
                    requires_replace,
                    private,
                }
            }
            Err(error) => {
                diagnostics.push(misfit(error));
                Plan {
                    planned: prior,
                    requires_replace: Vec::new(),
                    private,
                }
            }
        }
    }

    async fn create(&self, ctx: &Ctx<R::Configured>, request: CreateRequest<Value>) -> Outcome<Value> {
        let CreateRequest {
            planned,
            config,
            private,
        } = request;
        match (needed(planned), needed(config)) {
            (Ok(planned), Ok(config)) => outcome(
                Resource::create(
                    self,
                    ctx,
                    CreateRequest {
                        planned,
                        config,
                        private,
                    },
                )
                .await,
            ),
            (Err(error), _) | (_, Err(error)) => Outcome::failed(error),
        }
    }

    async fn read(&self, ctx: &Ctx<R::Configured>, current: Value, private: Private) -> Outcome<Value> {
        match needed(current) {
            Ok(current) => outcome(Resource::read(self, ctx, current, private).await),
            Err(error) => Outcome::failed(error),
        }
    }

    async fn update(&self, ctx: &Ctx<R::Configured>, request: UpdateRequest<Value>) -> Outcome<Value> {
        let UpdateRequest {
            prior,
            planned,
            config,
            private,
        } = request;
        match (needed(prior), needed(planned), needed(config)) {
            (Ok(prior), Ok(planned), Ok(config)) => outcome(
                Resource::update(
                    self,
                    ctx,
                    UpdateRequest {
                        prior,
                        planned,
                        config,
                        private,
                    },
                )
                .await,
            ),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => Outcome::failed(error),
        }
    }

    async fn delete(&self, ctx: &Ctx<R::Configured>, prior: Value, private: Private) -> Outcome<Value> {
        match needed(prior) {
            Ok(prior) => outcome(Resource::delete(self, ctx, prior, private).await),
            Err(error) => Outcome::failed(error),
        }
    }

    async fn import(&self, ctx: &Ctx<R::Configured>, id: String) -> Result<Vec<Imported<Value>>, Diagnostics> {
        let found = Resource::import(self, ctx, id).await?;
        Ok(found.into_iter().map(imported).collect())
    }

    fn upgrade(&self, version: i64, state: Json) -> Result<Json, Diagnostics> {
        Resource::upgrade(self, version, state)
    }

    fn move_from(&self, source: MoveSource) -> Result<Option<Imported<Value>>, Diagnostics> {
        Resource::move_from(self, source).map(|found| found.map(imported))
    }
}

#[async_trait]
impl<D: DataSource> ErasedDataSource<D::Configured> for D {
    fn name(&self) -> &'static str {
        D::NAME
    }

    fn schema(&self) -> Schema {
        DataSource::schema(self)
    }

    fn fits(&self, sample: Value) -> Result<(), ValueError> {
        model::read::<D::Model>(sample).map(|_| ())
    }

    fn validate(&self, config: Value, diagnostics: &mut Diagnostics) {
        match needed::<D::Model>(config) {
            Ok(config) => DataSource::validate(self, &config, diagnostics),
            Err(error) => diagnostics.push(error),
        }
    }

    async fn read(&self, ctx: &Ctx<D::Configured>, config: Value, diagnostics: &mut Diagnostics) -> Option<Value> {
        match needed(config) {
            Ok(config) => DataSource::read(self, ctx, config, diagnostics)
                .await
                .map(|m| model::written(Some(m))),
            Err(error) => {
                diagnostics.push(error);
                None
            }
        }
    }
}

impl<F: Function> ErasedFunction for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn signature(&self) -> Signature {
        Function::signature(self)
    }

    fn call(&self, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        Function::call(self, arguments)
    }
}

/// An object that must be there.
pub(crate) fn needed<M: Model>(value: Value) -> Result<M, Diagnostic> {
    let model = model::read(value).map_err(misfit)?;
    model.ok_or_else(|| Diagnostic::error("Object missing", "Terraform sent null where an object is needed."))
}

/// What the value does not fit: reported as an error, since either side may be at fault.
pub(crate) fn misfit(error: ValueError) -> Diagnostic {
    let place = if error.path.is_empty() {
        "The object".to_owned()
    } else {
        format!("\"{}\"", error.path)
    };
    Diagnostic::error(
        "Value does not fit",
        format!("{place} cannot be used: {}.", error.message),
    )
    .at(error.path)
}

fn outcome<M: Model>(outcome: Outcome<M>) -> Outcome<Value> {
    let Outcome {
        state,
        private,
        diagnostics,
    } = outcome;
    Outcome {
        state: state.map(|model| model::written(Some(model))),
        private,
        diagnostics,
    }
}

fn imported<M: Model>(imported: Imported<M>) -> Imported<Value> {
    Imported {
        state: model::written(Some(imported.state)),
        private: imported.private,
    }
}
