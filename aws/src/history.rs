//! The history of runs over DynamoDB: the index by process, newest first.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use kairos::history::{History, RunKey};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::rfc3339_millis;
use kairos::names::Names;
use kairos::registry::{Page, PortError};
use kairos::run::Ejecucion;

use crate::error::Doing;
use crate::item::{self, Item};
use crate::store::{port_error, unreadable};

/// The index by process. It projects everything, so that no row is read besides it.
const INDEX: &str = "PorProceso";

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
        let object = format!("{}/{INDEX}", self.table);
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("#p = :p")
            .expression_attribute_names("#p", "IdProceso")
            .expression_attribute_values(":p", AttributeValue::S(id.to_string()))
            .scan_index_forward(false)
            .set_exclusive_start_key(cursor.map(|cursor| start(id, cursor)))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .send()
            .await
            .doing("Query", &object)
            .map_err(port_error)?;
        let items = answer.items().iter().map(item::read).collect::<Result<_, _>>();
        let next = answer.last_evaluated_key().map(item::read).transpose();
        Ok(Page {
            items: items.map_err(unreadable(&object))?,
            next: next.map_err(unreadable(&object))?,
        })
    }
}

/// The whole key of an entry of the index.
fn start(id: &IdProceso, cursor: &RunKey) -> Item {
    let keys = [
        ("IdProceso", id.to_string()),
        ("FechaProgramada", rfc3339_millis(cursor.fecha_programada)),
        ("IdEjecucion", cursor.id_ejecucion.to_string()),
    ];
    let attributes = keys.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    HashMap::from(attributes)
}
