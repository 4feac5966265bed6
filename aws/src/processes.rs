//! Processes as the Lambdas read them: those of a calendarización page by page, and a batch of them by id.
//!
//! Invariant: a batched read is complete: keys that DynamoDB leaves unprocessed are asked for again, or the read fails.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::instant::Timestamp;
use kairos::names::Names;
use kairos::proceso::Proceso;

use crate::error::{AwsError, Class, Doing};
use crate::item::{self, Item};

/// How many processes a page holds: 1,000 of them are 100 batches of messages, and some 150 KB of answer.
const PAGE: i32 = 1_000;

/// DynamoDB reads at most a hundred keys at once.
const KEYS: usize = 100;

/// How often what is left of a batched read is asked for.
const ROUNDS: u32 = 6;

/// How long the second asking waits; each further one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The table of processes.
#[derive(Debug, Clone)]
pub struct Processes {
    client: Client,
    table: String,
}

/// A process as far as the dispatcher looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id_proceso: IdProceso,
    /// Whether it runs.
    pub habilitado: bool,
    /// Since when it is on its calendarización; none where the earlier system wrote it.
    pub fecha_asignacion: Option<Timestamp>,
}

/// Some processes of a calendarización, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The processes.
    pub candidates: Vec<Candidate>,
    /// After whom the next page begins; none after the last page.
    pub next: Option<IdProceso>,
}

/// Processes by id, each one read or told why not.
pub type Rows = HashMap<IdProceso, Result<Proceso, AwsError>>;

impl Processes {
    /// The processes of an installation.
    pub fn new(client: Client, names: &Names) -> Self {
        Self::with_table(client, &names.procesos_table())
    }

    /// The processes of a table.
    pub(crate) fn with_table(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    /// A page of the processes of a calendarización, from the first after `after`.
    pub async fn page(&self, id: &IdCalendarizacion, after: Option<&IdProceso>) -> Result<Page, AwsError> {
        let start = after.map(|last| {
            HashMap::from([
                ("IdCalendarizacion".to_owned(), AttributeValue::S(id.to_string())),
                ("IdProceso".to_owned(), AttributeValue::S(last.to_string())),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name("PorIdCalendarizacion")
            .key_condition_expression("#c = :c")
            .projection_expression("#p, #h, #f")
            .expression_attribute_names("#c", "IdCalendarizacion")
            .expression_attribute_names("#p", "IdProceso")
            .expression_attribute_names("#h", "Habilitado")
            .expression_attribute_names("#f", "FechaAsignacion")
            .expression_attribute_values(":c", AttributeValue::S(id.to_string()))
            .set_exclusive_start_key(start)
            .limit(PAGE)
            .send()
            .await
            .doing("Query", &format!("{}/PorIdCalendarizacion", self.table))?;
        Ok(Page {
            candidates: answer
                .items
                .unwrap_or_default()
                .into_iter()
                .map(|item| self.candidate(item))
                .collect::<Result<_, _>>()?,
            next: answer.last_evaluated_key.map(|key| self.id(key)).transpose()?,
        })
    }

    /// The processes with these ids, as they are now; those that do not exist are missing from the answer. A row that
    /// cannot be understood does not hide the others.
    pub async fn read(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        let mut found = Rows::with_capacity(ids.len());
        for some in ids.chunks(KEYS) {
            self.read_some(some, &mut found).await?;
        }
        Ok(found)
    }

    async fn read_some(&self, ids: &[IdProceso], found: &mut Rows) -> Result<(), AwsError> {
        let mut keys: Vec<Item> = ids.iter().map(key).collect();
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(FIRST_PAUSE * (1 << (round - 1))).await;
            }
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build();
            let wanted = wanted.map_err(|error| self.failed("BatchGetItem", Class::Terminal, &error))?;
            let call = self
                .client
                .batch_get_item()
                .request_items(&self.table, wanted)
                .send()
                .await;
            let mut answer = call.doing("BatchGetItem", &self.table)?;
            let items = answer
                .responses
                .as_mut()
                .and_then(|tables| tables.remove(&self.table))
                .unwrap_or_default();
            for item in items {
                let proceso = item::read::<Proceso>(&item);
                let proceso = proceso.map_err(|error| self.failed("Reading a process", Class::Terminal, &error));
                found.insert(self.id(item)?, proceso);
            }
            let left = answer
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(&self.table));
            keys = left.map(|left| left.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(());
            }
        }
        let left = format!("{} keys stayed unprocessed", keys.len());
        Err(self.failed("BatchGetItem", Class::Transient, &left))
    }

    fn candidate(&self, item: Item) -> Result<Candidate, AwsError> {
        let assigned = item.get("FechaAsignacion").and_then(|value| value.as_s().ok());
        Ok(Candidate {
            habilitado: item
                .get("Habilitado")
                .and_then(|value| value.as_bool().ok())
                .copied()
                .unwrap_or(true),
            fecha_asignacion: assigned.and_then(|text| text.parse().ok()),
            id_proceso: self.id(item)?,
        })
    }

    fn id(&self, mut item: Item) -> Result<IdProceso, AwsError> {
        // Taken out, not copied: a firing reads a million of them.
        let text = match item.remove("IdProceso") {
            Some(AttributeValue::S(text)) => text,
            _ => String::new(),
        };
        IdProceso::try_from(text).map_err(|error| self.failed("Reading a process", Class::Terminal, &error))
    }

    fn failed(&self, action: &str, class: Class, why: &impl ToString) -> AwsError {
        AwsError {
            action: action.into(),
            object: self.table.clone(),
            code: None,
            message: why.to_string(),
            request_id: None,
            class,
            ambiguous: false,
        }
    }
}

fn key(id: &IdProceso) -> Item {
    HashMap::from([("IdProceso".to_owned(), AttributeValue::S(id.to_string()))])
}
