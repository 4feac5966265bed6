//! A provider on tf-provider, with one data source that has a nested attribute.

use std::collections::HashMap;

use async_trait::async_trait;
use tf_provider::schema::{Attribute, AttributeConstraint, AttributeType, Block, Schema};
use tf_provider::value::{Value, ValueEmpty, ValueString};
use tf_provider::{DataSource, Diagnostics, DynamicDataSource, Provider, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    serve("subject", Subject).await
}

struct Subject;

#[async_trait]
impl Provider for Subject {
    type Config<'a> = ValueEmpty;
    type MetaState<'a> = ValueEmpty;

    fn schema(&self, _: &mut Diagnostics) -> Option<Schema> {
        Some(Schema {
            version: 1,
            block: Block::default(),
        })
    }

    fn get_data_sources(&self, _: &mut Diagnostics) -> Option<HashMap<String, Box<dyn DynamicDataSource>>> {
        let data_source: Box<dyn DynamicDataSource> = Box::new(House);
        Some(HashMap::from([("house".to_owned(), data_source)]))
    }
}

struct House;

#[derive(serde::Serialize, serde::Deserialize)]
struct State<'a> {
    #[serde(borrow = "'a")]
    door: Value<Door<'a>>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Door<'a> {
    #[serde(borrow = "'a")]
    color: ValueString<'a>,
}

#[async_trait]
impl DataSource for House {
    type State<'a> = State<'a>;
    type ProviderMetaState<'a> = ValueEmpty;

    fn schema(&self, _: &mut Diagnostics) -> Option<Schema> {
        let of = |attr_type| Attribute {
            attr_type,
            constraint: AttributeConstraint::Optional,
            ..Default::default()
        };
        let door = HashMap::from([("color".to_owned(), of(AttributeType::String))]);
        let attributes = HashMap::from([("door".to_owned(), of(AttributeType::AttributeSingle(door)))]);
        Some(Schema {
            version: 1,
            block: Block {
                attributes,
                ..Default::default()
            },
        })
    }

    async fn read<'a>(&self, _: &mut Diagnostics, config: State<'a>, _: ValueEmpty) -> Option<State<'a>> {
        Some(config)
    }
}
