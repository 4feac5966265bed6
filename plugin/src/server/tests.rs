//! What no well-behaved provider and no terraform lead to, asked of a server directly.

use super::*;
use crate::attr::Attr;
use crate::context::Private;
use crate::data_source::DataSource;
use crate::provider::{Offers, Surroundings};
use crate::resource::{CreateRequest, Outcome, Resource, UpdateRequest};
use crate::schema::Attribute;
use crate::value::to_msgpack;

crate::model! {
    struct Empty {}
}

crate::model! {
    struct Odd {
        a: Attr<String>,
    }
}

/// Does everything wrong that it can.
struct Wrong;

impl Provider for Wrong {
    type Config = Empty;
    type Configured = ();

    fn schema(&self) -> Schema {
        Schema::new(0)
    }

    fn offers(&self) -> Offers<()> {
        Offers::new().resource(Wrong).data_source(Wrong).data_source(Silent)
    }

    async fn configure(&self, _: Empty, surroundings: Surroundings, _: &mut Diagnostics) -> Option<()> {
        (surroundings.terraform_version != "0").then_some(())
    }
}

impl Resource for Wrong {
    const NAME: &'static str = "wrong_thing";
    type Model = Odd;
    type Configured = ();

    fn schema(&self) -> Schema {
        Schema::new(1).attribute("a", Attribute::string().optional())
    }

    async fn create(&self, _: &Ctx<()>, _: CreateRequest<Odd>) -> Outcome<Odd> {
        Outcome::gone()
    }

    async fn read(&self, _: &Ctx<()>, _: Odd, _: Private) -> Outcome<Odd> {
        Outcome::done(Odd { a: Attr::Unknown })
    }

    async fn update(&self, _: &Ctx<()>, request: UpdateRequest<Odd>) -> Outcome<Odd> {
        Outcome::partial(Odd { a: Attr::Unknown }, Diagnostic::error("Half", "…")).with_private(request.private)
    }

    async fn delete(&self, _: &Ctx<()>, prior: Odd, _: Private) -> Outcome<Odd> {
        Outcome::done(prior)
    }
}

impl DataSource for Wrong {
    const NAME: &'static str = "wrong_source";
    type Model = Empty;
    type Configured = ();

    fn schema(&self) -> Schema {
        Schema::new(0).attribute("b", Attribute::string())
    }

    async fn read(&self, _: &Ctx<()>, _: Empty, _: &mut Diagnostics) -> Option<Empty> {
        None
    }
}

struct Silent;

impl DataSource for Silent {
    const NAME: &'static str = "wrong_silence";
    type Model = Empty;
    type Configured = ();

    fn schema(&self) -> Schema {
        Schema::new(0)
    }

    async fn read(&self, _: &Ctx<()>, _: Empty, _: &mut Diagnostics) -> Option<Empty> {
        None
    }
}

fn value(value: &Value) -> Option<wire::DynamicValue> {
    let ty = Type::object([("a", Type::String)]);
    to_msgpack(value, &ty).ok().map(|msgpack| wire::DynamicValue {
        msgpack,
        json: Vec::new(),
    })
}

fn odd(a: &str) -> Value {
    Value::object([("a", Value::from(a))])
}

fn summaries(diagnostics: &[wire::Diagnostic]) -> Vec<&str> {
    diagnostics
        .iter()
        .map(|diagnostic| diagnostic.summary.as_str())
        .collect()
}

async fn configured() -> Server<Wrong> {
    let server = Server::new(Wrong, CancellationToken::new());
    let request = wire::configure_provider::Request {
        terraform_version: "1".to_owned(),
        config: Some(empty()),
    };
    assert!(server.configure(request).await.diagnostics.is_empty());
    server
}

fn empty() -> wire::DynamicValue {
    wire::DynamicValue {
        msgpack: b"\x80".to_vec(),
        json: Vec::new(),
    }
}

async fn apply(prior: Value, planned: Value) -> wire::apply_resource_change::Response {
    let request = wire::apply_resource_change::Request {
        type_name: "wrong_thing".to_owned(),
        prior_state: value(&prior),
        config: value(&planned),
        planned_state: value(&planned),
        planned_private: b"kept".to_vec(),
    };
    configured().await.apply_resource(request).await
}

#[tokio::test]
async fn a_schema_that_is_not_its_model_is_told_to_terraform() {
    let told = Server::new(Wrong, CancellationToken::new()).schemas().diagnostics;
    let details: Vec<_> = told.iter().map(|diagnostic| diagnostic.detail.as_str()).collect();
    let expected = [
        "In the schema of wrong_source: b is neither required nor optional nor computed. This is a bug in the provider.",
        "In the schema of wrong_source: \"b\" cannot be used: the schema has this attribute, the model does not. \
         This is a bug in the provider.",
    ];
    assert_eq!(details, expected);
}

#[tokio::test]
async fn a_provider_that_does_not_say_why_it_fails_is_told_on() {
    let server = Server::new(Wrong, CancellationToken::new());
    let request = wire::configure_provider::Request {
        terraform_version: "0".to_owned(),
        config: Some(empty()),
    };
    let answer = server.configure(request).await;
    assert_eq!(summaries(&answer.diagnostics), ["Provider is not configured"]);
}

#[tokio::test]
async fn a_create_without_a_result_is_an_error() {
    let answer = apply(Value::Null, odd("x")).await;
    assert_eq!(summaries(&answer.diagnostics), ["No result"]);
    assert_eq!(answer.new_state, value(&Value::Null));
}

#[tokio::test]
async fn a_delete_that_leaves_something_is_an_error() {
    let answer = apply(odd("x"), Value::Null).await;
    assert_eq!(summaries(&answer.diagnostics), ["Result differs from the plan"]);
    assert_eq!(answer.new_state, value(&odd("x")));
}

#[tokio::test]
async fn a_partial_state_has_nulls_for_what_is_unknown() {
    let answer = apply(odd("x"), odd("y")).await;
    assert_eq!(summaries(&answer.diagnostics), ["Half"]);
    assert_eq!(answer.new_state, value(&Value::object([("a", Value::Null)])));
    assert_eq!(answer.private, b"kept");
}

#[tokio::test]
async fn a_value_that_is_none_leaves_the_state_as_it_was() {
    let garbage = Some(wire::DynamicValue {
        msgpack: b"\xa1".to_vec(),
        json: Vec::new(),
    });
    let request = wire::apply_resource_change::Request {
        type_name: "wrong_thing".to_owned(),
        prior_state: value(&odd("x")),
        planned_state: garbage,
        ..Default::default()
    };
    let answer = configured().await.apply_resource(request).await;
    assert_eq!(summaries(&answer.diagnostics), ["Value does not fit"]);
    assert_eq!(answer.new_state, value(&odd("x")));
}

#[tokio::test]
async fn what_was_read_must_be_known() {
    let request = wire::read_resource::Request {
        type_name: "wrong_thing".to_owned(),
        current_state: value(&odd("x")),
        private: Vec::new(),
    };
    let answer = configured().await.read_resource(request).await;
    assert_eq!(summaries(&answer.diagnostics), ["Result is not known"]);

    let request = wire::read_data_source::Request {
        type_name: "wrong_silence".to_owned(),
        config: Some(empty()),
    };
    let answer = configured().await.read_data_source(request).await;
    assert_eq!(summaries(&answer.diagnostics), ["Nothing was read"]);
}

#[tokio::test]
async fn what_is_not_supported_is_said_to_be_so() {
    let server = configured().await;
    let import = wire::import_resource_state::Request {
        type_name: "wrong_thing".to_owned(),
        id: "x".to_owned(),
    };
    let answer = server.import_resource(import).await;
    assert_eq!(summaries(&answer.diagnostics), ["Import is not supported"]);

    let state = Some(wire::RawState { json: b"{}".to_vec() });
    let moved = wire::move_resource_state::Request {
        target_type_name: "wrong_thing".to_owned(),
        source_state: state.clone(),
        ..Default::default()
    };
    let answer = server.move_resource(moved).await;
    assert_eq!(summaries(&answer.diagnostics), ["Move is not supported"]);

    let newer = wire::upgrade_resource_state::Request {
        type_name: "wrong_thing".to_owned(),
        version: 2,
        raw_state: state,
    };
    let answer = server.upgrade_resource(newer).await;
    assert_eq!(summaries(&answer.diagnostics), ["State is too new"]);

    let call = wire::call_function::Request {
        name: "none".to_owned(),
        arguments: Vec::new(),
    };
    let answer = server.call_function(call).await;
    assert_eq!(
        answer.error.map(|error| error.text).as_deref(),
        Some("This provider has no function \"none\".")
    );
}
