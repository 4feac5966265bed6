//! A table as a resource of hashicorp/aws.

use std::collections::BTreeSet;

use super::{Billing, Index, Key, Projection, Table};
use crate::render::{At, Block, Body, Expr, Render};

impl Render for Table {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let billing = match self.billing {
            Billing::PerRequest => "PAY_PER_REQUEST",
            Billing::Provisioned => "PROVISIONED",
        };
        let mut table = keys(Block::resource("aws_dynamodb_table").set("name", &self.name), &self.key)
            .set("billing_mode", billing)
            .set("deletion_protection_enabled", self.deletion_protection)
            .set("tags", &self.tags);
        for attribute in self.attributes() {
            table = table.nested("attribute", Body::default().set("name", attribute).set("type", "S"));
        }
        for (name, index) in &self.indexes {
            table = table.nested("global_secondary_index", index_body(name, index));
        }
        if let Some(attribute) = &self.time_to_live {
            let ttl = Body::default().set("attribute_name", attribute).set("enabled", true);
            table = table.nested("ttl", ttl);
        }
        let recovery = Body::default().set("enabled", self.point_in_time_recovery);
        table = table.nested("point_in_time_recovery", recovery);
        if let Some(key) = &self.kms_key_arn {
            let encryption = Body::default()
                .set("enabled", true)
                .set("kms_key_arn", Expr::Link(key.clone()));
            table = table.nested("server_side_encryption", encryption);
        }
        vec![
            table
                .value(at.names.table_arn(&self.name), "arn")
                .name(&self.name, "name")
                .import(at.if_held(&self.name)),
        ]
    }
}

impl Table {
    /// The attributes of all keys, which are the only ones that a table declares.
    fn attributes(&self) -> BTreeSet<&String> {
        let keys = std::iter::once(&self.key).chain(self.indexes.values().map(|index| &index.key));
        keys.flat_map(|key| std::iter::once(&key.partition).chain(&key.sort))
            .collect()
    }
}

fn keys(table: Block, key: &Key) -> Block {
    table
        .set("hash_key", &key.partition)
        .set_some("range_key", key.sort.as_ref())
}

fn index_body(name: &str, index: &Index) -> Body {
    let body = Body::default()
        .set("name", name)
        .set("hash_key", &index.key.partition)
        .set_some("range_key", index.key.sort.as_ref());
    match &index.projection {
        Projection::All => body.set("projection_type", "ALL"),
        Projection::KeysOnly => body.set("projection_type", "KEYS_ONLY"),
        Projection::Include(attributes) => {
            let attributes: Vec<&String> = attributes.iter().collect();
            body.set("projection_type", "INCLUDE")
                .set("non_key_attributes", attributes)
        }
    }
}
