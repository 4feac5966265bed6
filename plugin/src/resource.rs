//! What a resource can do: the trait that a provider implements.
//!
//! The server calls with typed models, after it has done what the schema already says: validators, defaults, what is
//! kept, what becomes unknown, what forces a replacement.

use std::future::{Future, ready};

use serde_json::Value as Json;

use crate::context::{Ctx, Private};
use crate::diagnostics::{Diagnostic, Diagnostics};
use crate::model::Model;
use crate::path::Path;
use crate::schema::Schema;

/// A kind of object that terraform creates, changes and deletes.
///
/// Every future must be cancel-safe in the sense of [`Ctx::stop`]: the server never drops it, it asks it to end.
pub trait Resource: Send + Sync + 'static {
    /// The type's full name, provider's prefix included: `kairos_stack`.
    const NAME: &'static str;

    /// Mirrors the schema.
    type Model: Model;

    /// What the provider's configuration was made into.
    type Configured: Send + Sync + 'static;

    /// The attributes and their behaviour.
    fn schema(&self) -> Schema;

    /// Checks what concerns several attributes at once; values may be unknown. The validators of single attributes
    /// have run already.
    fn validate(&self, _config: &Self::Model, _diagnostics: &mut Diagnostics) {}

    /// Refines a plan, or refuses it with an error. Nothing may be changed yet.
    ///
    /// Where nothing differs so far, computed attributes are as in the prior state: a plan that adds the first difference
    /// marks those unknown that may change with it.
    fn plan(
        &self,
        _ctx: &Ctx<Self::Configured>,
        request: PlanRequest<Self::Model>,
        _diagnostics: &mut Diagnostics,
    ) -> impl Future<Output = Plan<Self::Model>> + Send {
        ready(Plan::of(request))
    }

    /// Creates the object as planned.
    fn create(
        &self,
        ctx: &Ctx<Self::Configured>,
        request: CreateRequest<Self::Model>,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Reads the object as it is now; [`Outcome::gone`] where it no longer exists. What only reads differently keeps
    /// the form that the state has.
    fn read(
        &self,
        ctx: &Ctx<Self::Configured>,
        current: Self::Model,
        private: Private,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Changes the object in place, as planned.
    fn update(
        &self,
        ctx: &Ctx<Self::Configured>,
        request: UpdateRequest<Self::Model>,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Deletes the object. That it does not exist is success.
    fn delete(
        &self,
        ctx: &Ctx<Self::Configured>,
        prior: Self::Model,
        private: Private,
    ) -> impl Future<Output = Outcome<Self::Model>> + Send;

    /// Finds the object of this id, which users give to `import`. What is left null or out, the following read fills in.
    ///
    /// # Errors
    /// The id is malformed, there is no such object, or (by default) the resource cannot be imported.
    fn import(
        &self,
        _ctx: &Ctx<Self::Configured>,
        _id: String,
    ) -> impl Future<Output = Result<Vec<Imported<Self::Model>>, Diagnostics>> + Send {
        let detail = format!("Objects of the type \"{}\" cannot be imported.", Self::NAME);
        ready(Err(Diagnostics::of_error("Import is not supported", detail)))
    }

    /// Makes a state of an older schema version into one of the current version. Attributes that the schema does not
    /// have are dropped afterwards, missing ones become null.
    ///
    /// # Errors
    /// The state cannot be understood.
    fn upgrade(&self, _version: i64, state: Json) -> Result<Json, Diagnostics> {
        Ok(state)
    }

    /// Takes over an object of another type, for `moved` blocks; `None` where it cannot come from there.
    ///
    /// # Errors
    /// The object could come from there, but its state cannot be understood.
    fn move_from(&self, _source: MoveSource) -> Result<Option<Imported<Self::Model>>, Diagnostics> {
        Ok(None)
    }
}

/// What is to be planned. Create: no prior. Destroy: no proposal and no configuration.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PlanRequest<M> {
    /// The object as the state has it.
    pub prior: Option<M>,
    /// The configuration, write-only attributes included.
    pub config: Option<M>,
    /// What follows from both and the schema: the plan, if nothing is added.
    pub proposed: Option<M>,
    /// What is kept of the object.
    pub private: Private,
}

impl<M> PlanRequest<M> {
    /// For the tests of a provider; the server makes its own.
    pub fn new(prior: Option<M>, config: Option<M>, proposed: Option<M>, private: Private) -> Self {
        Self {
            prior,
            config,
            proposed,
            private,
        }
    }
}

/// A plan. Whatever is known in it must be so after apply.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Plan<M> {
    /// The object after apply, as far as it is known; none on destroy.
    pub planned: Option<M>,
    /// Changes that need a new object, next to those that the schema says. Only such as do change are heeded.
    pub requires_replace: Vec<Path>,
    /// What apply will be given.
    pub private: Private,
}

impl<M> Plan<M> {
    /// The proposal as it is.
    pub fn of(request: PlanRequest<M>) -> Self {
        Self {
            planned: request.proposed,
            requires_replace: Vec::new(),
            private: request.private,
        }
    }
}

/// What is to be created.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CreateRequest<M> {
    /// The object as planned.
    pub planned: M,
    /// The configuration, write-only attributes included.
    pub config: M,
    /// What the plan left.
    pub private: Private,
}

impl<M> CreateRequest<M> {
    /// For the tests of a provider; the server makes its own.
    pub fn new(planned: M, config: M, private: Private) -> Self {
        Self {
            planned,
            config,
            private,
        }
    }
}

/// What is to be changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UpdateRequest<M> {
    /// The object as the state has it.
    pub prior: M,
    /// The object as planned.
    pub planned: M,
    /// The configuration, write-only attributes included.
    pub config: M,
    /// What the plan left.
    pub private: Private,
}

impl<M> UpdateRequest<M> {
    /// For the tests of a provider; the server makes its own.
    pub fn new(prior: M, planned: M, config: M, private: Private) -> Self {
        Self {
            prior,
            planned,
            config,
            private,
        }
    }
}

/// How an operation ended: what is there now, and what went wrong. Both may be: a partial state with errors.
///
/// With errors and no state, an update, a read and a delete keep the prior state; a create keeps nothing. A create with
/// errors and a state makes terraform mark the object as tainted.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
#[non_exhaustive]
pub struct Outcome<M> {
    /// The object as it is now; none where there is none.
    pub state: Option<M>,
    /// What to keep of it; `None` leaves it as it was.
    pub private: Option<Private>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
}

impl<M> Outcome<M> {
    /// The object is so now.
    pub fn done(state: M) -> Self {
        Self {
            state: Some(state),
            private: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// The object does not exist (any more).
    pub fn gone() -> Self {
        Self {
            state: None,
            private: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// Nothing was changed, or it is not known what.
    pub fn failed(diagnostics: impl Into<Diagnostics>) -> Self {
        Self {
            state: None,
            private: None,
            diagnostics: diagnostics.into(),
        }
    }

    /// It failed half-way, and the object is so now. Unknown parts of the state become null.
    pub fn partial(state: M, diagnostics: impl Into<Diagnostics>) -> Self {
        Self {
            state: Some(state),
            private: None,
            diagnostics: diagnostics.into(),
        }
    }

    /// The same, keeping this.
    pub fn with_private(mut self, private: Private) -> Self {
        self.private = Some(private);
        self
    }

    /// The same, with this said as well.
    pub fn with_diagnostic(mut self, diagnostic: Diagnostic) -> Self {
        self.diagnostics.push(diagnostic);
        self
    }
}

/// An object that terraform takes over.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Imported<M> {
    /// The object; nothing in it may be unknown.
    pub state: M,
    /// What to keep of it.
    pub private: Private,
}

impl<M> Imported<M> {
    /// This object.
    pub fn new(state: M) -> Self {
        Self {
            state,
            private: Private::new(),
        }
    }

    /// The same, keeping this.
    #[must_use]
    pub fn with_private(mut self, private: Private) -> Self {
        self.private = private;
        self
    }
}

/// Where a `moved` block takes an object from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MoveSource {
    /// The provider's address: `registry.example.com/namespace/name`.
    pub provider: String,
    /// The resource type there.
    pub type_name: String,
    /// Its schema version there.
    pub version: i64,
    /// The state there, by that schema.
    pub state: Json,
    /// What that provider kept of it.
    pub private: Private,
}
