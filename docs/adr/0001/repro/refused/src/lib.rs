//! A resource that upgrades states of older schemas. It must name the type of the stored state, and may not.

use async_trait::async_trait;
use tf_provider::schema::Schema;
use tf_provider::value::ValueEmpty;
use tf_provider::{AttributePath, Diagnostics, Resource};

pub struct Upgraded;

type State = ValueEmpty;
type Held = Option<(State, State)>;

#[async_trait]
impl Resource for Upgraded {
    type State<'a> = State;
    type PrivateState<'a> = State;
    type ProviderMetaState<'a> = State;

    async fn upgrade<'a>(&self, _: &mut Diagnostics, _: i64, stored: tf_provider::raw::RawValue) -> Option<State> {
        drop(stored);
        None
    }

    fn schema(&self, _: &mut Diagnostics) -> Option<Schema> {
        None
    }

    async fn read<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State) -> Held {
        None
    }

    async fn plan_create<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State) -> Held {
        None
    }

    async fn plan_update<'a>(
        &self,
        _: &mut Diagnostics,
        _: State,
        _: State,
        _: State,
        _: State,
        _: State,
    ) -> Option<(State, State, Vec<AttributePath>)> {
        None
    }

    async fn plan_destroy<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State) -> Option<State> {
        None
    }

    async fn create<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State, _: State) -> Held {
        None
    }

    async fn update<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State, _: State, _: State) -> Held {
        None
    }

    async fn destroy<'a>(&self, _: &mut Diagnostics, _: State, _: State, _: State) -> Option<()> {
        None
    }
}
