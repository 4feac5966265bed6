//! The history of runs over DynamoDB: the index by process, and that by state and day, both newest first.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use kairos::history::{History, RunKey, ShardCursor};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::rfc3339_millis;
use kairos::names::Names;
use kairos::registry::{Page, PortError};
use kairos::run::{Ejecucion, EstadoDia};

use crate::error::Doing;
use crate::item::{self, Item};
use crate::store::{port_error, unreadable};

/// The index by process. As the other one, it projects everything, so that no row is read besides it.
const BY_PROCESS: &str = "PorProceso";

/// The index by state and day, in parts.
const BY_DAY: &str = "PorEstadoDia";

/// The table of runs of one installation.
#[derive(Debug, Clone)]
pub struct DynamoHistory {
    client: Client,
    table: String,
}

impl DynamoHistory {
    /// The table of the installation with these names.
    pub fn new(client: Client, names: &Names) -> Self {
        Self {
            client,
            table: names.ejecuciones_table(),
        }
    }
}

impl History for DynamoHistory {
    async fn ejecucion(&self, id: IdEjecucion) -> Result<Option<Ejecucion>, PortError> {
        let object = format!("{}/{id}", self.table);
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("IdEjecucion", AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .doing("GetItem", &object)
            .map_err(port_error)?;
        let read = |item| item::read(item).map_err(unreadable(&object));
        answer.item().map(read).transpose()
    }

    async fn ejecuciones(
        &self,
        id: &IdProceso,
        cursor: Option<&RunKey>,
        limit: u32,
    ) -> Result<Page<Ejecucion, RunKey>, PortError> {
        let key = ("IdProceso", id.as_str());
        let query = self
            .newest(BY_PROCESS, key, limit)
            .key_condition_expression("#p = :p")
            .set_exclusive_start_key(cursor.map(|cursor| start(key, cursor)));
        self.page(BY_PROCESS, query).await
    }

    async fn shard(
        &self,
        of: EstadoDia,
        shard: u8,
        cursor: Option<ShardCursor>,
        limit: u32,
    ) -> Result<Page<Ejecucion, ShardCursor>, PortError> {
        let part = of.key(shard);
        let key = ("EstadoDia", part.as_str());
        let query = self.newest(BY_DAY, key, limit);
        let query = match cursor {
            None => query.key_condition_expression("#p = :p"),
            Some(cursor) => {
                let after = cursor.id_ejecucion.map(|id_ejecucion| RunKey {
                    fecha_programada: cursor.fecha_programada,
                    id_ejecucion,
                });
                let time = AttributeValue::S(rfc3339_millis(cursor.fecha_programada));
                query
                    .key_condition_expression("#p = :p AND #fecha <= :fecha")
                    .expression_attribute_names("#fecha", "FechaProgramada")
                    .expression_attribute_values(":fecha", time)
                    .set_exclusive_start_key(after.map(|after| start(key, &after)))
            }
        };
        let page = self.page(BY_DAY, query).await?;
        Ok(Page {
            items: page.items,
            next: page.next.map(
                |RunKey {
                     fecha_programada,
                     id_ejecucion,
                 }| ShardCursor {
                    fecha_programada,
                    id_ejecucion: Some(id_ejecucion),
                },
            ),
        })
    }
}

impl DynamoHistory {
    /// A query for the newest entries of an index that have this key, which its condition calls `#p` and `:p`.
    fn newest(&self, index: &str, (attribute, value): (&str, &str), limit: u32) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .expression_attribute_names("#p", attribute)
            .expression_attribute_values(":p", AttributeValue::S(value.to_owned()))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
    }

    async fn page(&self, index: &str, query: QueryFluentBuilder) -> Result<Page<Ejecucion, RunKey>, PortError> {
        let object = format!("{}/{index}", self.table);
        let answer = query.send().await.doing("Query", &object).map_err(port_error)?;
        let items = answer.items().iter().map(item::read).collect::<Result<_, _>>();
        let next = answer.last_evaluated_key().map(item::read).transpose();
        Ok(Page {
            items: items.map_err(unreadable(&object))?,
            next: next.map_err(unreadable(&object))?,
        })
    }
}

/// The whole key of an entry of an index.
fn start((attribute, value): (&str, &str), cursor: &RunKey) -> Item {
    let keys = [
        (attribute, value.to_owned()),
        ("FechaProgramada", rfc3339_millis(cursor.fecha_programada)),
        ("IdEjecucion", cursor.id_ejecucion.to_string()),
    ];
    let attributes = keys.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    HashMap::from(attributes)
}
