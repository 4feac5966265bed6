//! Reading ahead over the local AWS: what is read by the page is what single reads would have found.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::account::Account;
use acceptance::bench::count::Counter;
use acceptance::ministack::{MiniStack, Options};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType,
    WriteRequest,
};
use kairos_aws::loader::{Key, Loader};

const TABLE: &str = "Items";
const ITEMS: usize = 200;

/// Between two looks whether the page has come.
const LOOK: Duration = Duration::from_millis(20);

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A table of [`ITEMS`] items, each with its number as `Id` and as `Value`.
async fn table(account: &Account) {
    let id = AttributeDefinition::builder()
        .attribute_name("Id")
        .attribute_type(ScalarAttributeType::S);
    let key = KeySchemaElement::builder().attribute_name("Id").key_type(KeyType::Hash);
    let create = account.dynamodb().create_table().table_name(TABLE);
    create
        .attribute_definitions(id.build().unwrap())
        .key_schema(key.build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await
        .unwrap();
    let writes: Vec<WriteRequest> = (0..ITEMS)
        .map(|n| {
            let n = text(&n.to_string());
            let put = PutRequest::builder().item("Id", n.clone()).item("Value", n);
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        })
        .collect();
    for some in writes.chunks(25) {
        let written = account
            .dynamodb()
            .batch_write_item()
            .request_items(TABLE, some.to_vec());
        let left = written.send().await.unwrap().unprocessed_items.unwrap_or_default();
        assert!(left.is_empty());
    }
}

/// The value of the item with a number, as the loader finds it.
async fn value(loader: &Loader, id: &str) -> Option<String> {
    let key = Key {
        table: TABLE.to_owned(),
        name: "Id",
        id: id.to_owned(),
    };
    let item = loader.get(key).await.unwrap()?;
    Some(item.get("Value")?.as_s().unwrap().clone())
}

#[tokio::test]
async fn the_rest_of_a_table_comes_without_a_request_each() {
    let account = MiniStack::shared(Options::default()).unwrap().account();
    table(&account).await;
    let counter = Counter::before(&account).unwrap();
    let loader = Loader::reading_ahead(counter.account(&account).dynamodb());
    let mut ids = 0..ITEMS;
    let mut came = false;
    for id in ids.by_ref() {
        counter.take();
        let n = id.to_string();
        assert_eq!(value(&loader, &n).await, Some(n));
        came = counter.take() == 0;
        if came {
            break;
        }
        if id > 32 {
            tokio::time::sleep(LOOK).await;
        }
    }
    assert!(came, "no page came");
    for id in ids {
        let n = id.to_string();
        assert_eq!(value(&loader, &n).await, Some(n));
    }
    assert_eq!(counter.take(), 0);

    // What was handed out is asked for anew, and so is what there was not.
    let put = account.dynamodb().put_item().table_name(TABLE);
    let last = (ITEMS - 1).to_string();
    put.item("Id", text(&last))
        .item("Value", text("new"))
        .send()
        .await
        .unwrap();
    assert_eq!(value(&loader, &last).await.as_deref(), Some("new"));
    assert_eq!(value(&loader, "none").await, None);
    assert_eq!(counter.take(), 2);
}
