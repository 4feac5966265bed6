//! The registry's store over DynamoDB.
//!
//! Invariant: every read is consistent, and every write is a transaction with a token, so that the SDK's repetition of
//! a call whose answer was lost is not taken for somebody else's.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use kairos::calendarizacion::Calendarizacion;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::names::Names;
use kairos::proceso::Proceso;
use kairos::registry::{CommitError, Count, Page, PortError, PortErrorKind, Store, Write};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::error::{AwsError, Class, Doing};
use crate::item::{self, Item};
use crate::items::{ID_CALENDARIZACION, ID_PROCESO, TableNames, key, transact};
use crate::loader::{Key, Loader};

/// The index of the table of processes by calendarización.
const INDEX: &str = "PorIdCalendarizacion";

/// The tables of processes and calendarizaciones of one installation.
#[derive(Debug, Clone)]
pub struct DynamoStore {
    client: Client,
    tables: TableNames,
    /// Gathers the reads of single items; without it each is a call of its own.
    loader: Option<Loader>,
}

impl DynamoStore {
    /// The tables of the installation with these names.
    pub fn new(client: Client, names: &Names) -> Self {
        Self {
            client,
            tables: TableNames::new(names),
            loader: None,
        }
    }

    /// The same, gathering what is read at the same time into batches, for callers that work on hundreds of processes at
    /// once. Needs `dynamodb:BatchGetItem`.
    #[must_use]
    pub fn batched(self) -> Self {
        Self {
            loader: Some(Loader::new(self.client.clone())),
            ..self
        }
    }

    /// The same, and where it is asked for many items one after the other it reads the rest of their table ahead: for callers
    /// that only look at hundreds of processes. What it finds may be half a minute old. Needs `dynamodb:Scan` as well.
    #[must_use]
    pub fn reading_ahead(self) -> Self {
        Self {
            loader: Some(Loader::reading_ahead(self.client.clone())),
            ..self
        }
    }

    /// The index of the processes by calendarización, for messages.
    fn index(&self) -> String {
        format!("{}/{INDEX}", self.tables.procesos)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) const fn tables(&self) -> &TableNames {
        &self.tables
    }

    async fn get<T: DeserializeOwned>(
        &self,
        table: &str,
        name: &'static str,
        id: &str,
    ) -> Result<Option<T>, PortError> {
        if let Some(loader) = &self.loader {
            let key = Key {
                table: table.to_owned(),
                name,
                id: id.to_owned(),
            };
            let item = loader.get(key).await.map_err(port_error)?;
            return item.map(|item| read(table, &item)).transpose();
        }
        let request = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(key(name, id)))
            .consistent_read(true);
        let answer = request
            .send()
            .await
            .doing("GetItem", &format!("{table}/{id}"))
            .map_err(port_error)?;
        answer.item().map(|item| read(table, item)).transpose()
    }

    async fn scan<T: DeserializeOwned>(
        &self,
        table: &str,
        name: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<T, String>, PortError> {
        let answer = self
            .client
            .scan()
            .table_name(table)
            .consistent_read(true)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .set_exclusive_start_key(cursor.map(|id| key(name, id)))
            .send()
            .await
            .doing("Scan", table)
            .map_err(port_error)?;
        let last = answer.last_evaluated_key().and_then(|key| text(key, name));
        Ok(Page {
            items: answer
                .items()
                .iter()
                .map(|item| read(table, item))
                .collect::<Result<_, _>>()?,
            next: last.map(str::to_owned),
        })
    }
}

impl Store for DynamoStore {
    async fn proceso(&self, id: &IdProceso) -> Result<Option<Proceso>, PortError> {
        self.get(&self.tables.procesos, ID_PROCESO, id.as_str()).await
    }

    async fn calendarizacion(&self, id: &IdCalendarizacion) -> Result<Option<Calendarizacion>, PortError> {
        self.get(&self.tables.calendarizaciones, ID_CALENDARIZACION, id.as_str())
            .await
    }

    async fn procesos(&self, cursor: Option<&IdProceso>, limit: u32) -> Result<Page<Proceso, IdProceso>, PortError> {
        let table = &self.tables.procesos;
        let page = self
            .scan(table, ID_PROCESO, cursor.map(IdProceso::as_str), limit)
            .await?;
        let next = page.next.map(|id| id.parse().map_err(unreadable(table))).transpose()?;
        Ok(Page {
            items: page.items,
            next,
        })
    }

    async fn calendarizaciones(
        &self,
        cursor: Option<&IdCalendarizacion>,
        limit: u32,
    ) -> Result<Page<Calendarizacion, IdCalendarizacion>, PortError> {
        let table = &self.tables.calendarizaciones;
        let page = self
            .scan(table, ID_CALENDARIZACION, cursor.map(IdCalendarizacion::as_str), limit)
            .await?;
        let next = page.next.map(|id| id.parse().map_err(unreadable(table))).transpose()?;
        Ok(Page {
            items: page.items,
            next,
        })
    }

    /// Reads the whole table: the index would be cheaper, and may lag behind.
    async fn count(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        let mut items = self
            .client
            .scan()
            .table_name(&self.tables.procesos)
            .consistent_read(true)
            .filter_expression("#c = :c")
            .projection_expression("#h")
            .expression_attribute_names("#c", ID_CALENDARIZACION)
            .expression_attribute_names("#h", "Habilitado")
            .expression_attribute_values(":c", AttributeValue::S(id.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut count = Count::default();
        while let Some(item) = items.next().await {
            let item = item.doing("Scan", &self.tables.procesos).map_err(port_error)?;
            add(&mut count, &item);
        }
        Ok(count)
    }

    async fn count_indexed(&self, id: &IdCalendarizacion) -> Result<Count, PortError> {
        let mut items = self
            .client
            .query()
            .table_name(&self.tables.procesos)
            .index_name(INDEX)
            .key_condition_expression("#c = :c")
            .projection_expression("#h")
            .expression_attribute_names("#c", ID_CALENDARIZACION)
            .expression_attribute_names("#h", "Habilitado")
            .expression_attribute_values(":c", AttributeValue::S(id.to_string()))
            .into_paginator()
            .items()
            .send();
        let mut count = Count::default();
        while let Some(item) = items.next().await {
            add(&mut count, &item.doing("Query", &self.index()).map_err(port_error)?);
        }
        Ok(count)
    }

    async fn tally(&self) -> Result<BTreeMap<IdCalendarizacion, Count>, PortError> {
        let index = self.index();
        let mut items = self
            .client
            .scan()
            .table_name(&self.tables.procesos)
            .index_name(INDEX)
            .projection_expression("#c, #h")
            .expression_attribute_names("#c", ID_CALENDARIZACION)
            .expression_attribute_names("#h", "Habilitado")
            .into_paginator()
            .items()
            .send();
        let mut tally = BTreeMap::<IdCalendarizacion, Count>::new();
        while let Some(item) = items.next().await {
            let item = item.doing("Scan", &index).map_err(port_error)?;
            // Only what has the index's key is in it.
            if let Some(id) = text(&item, ID_CALENDARIZACION) {
                let id = id.parse().map_err(unreadable(&index))?;
                add(tally.entry(id).or_default(), &item);
            }
        }
        Ok(tally)
    }

    async fn commit(&self, token: u128, writes: &[Write]) -> Result<(), CommitError> {
        let items = writes
            .iter()
            .map(|write| transact(write, &self.tables))
            .collect::<Result<Vec<_>, _>>();
        let items = items.map_err(|error| PortError::new(PortErrorKind::Other, false, error))?;
        let request = self
            .client
            .transact_write_items()
            .client_request_token(Uuid::from_u128(token).to_string())
            .set_transact_items(Some(items));
        let Err(error) = request.send().await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                Err(canceled_by(canceled.cancellation_reasons(), writes))
            }
            // The SDK repeated a call that is still being carried out.
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Err(CommitError::Conflict),
            _ => {
                let objects: Vec<&str> = writes.iter().map(Write::object).collect();
                let error = AwsError::new("TransactWriteItems", &objects.join(", "), &error);
                Err(CommitError::Port(port_error(error)))
            }
        }
    }
}

/// Counts a process. One of the earlier system, which knew no pause, is enabled.
fn add(count: &mut Count, item: &Item) {
    let disabled = item
        .get("Habilitado")
        .is_some_and(|value| value.as_bool() == Ok(&false));
    count.procesos += 1;
    count.habilitados += u64::from(!disabled);
}

/// Why a transaction was cancelled: one reason for each write, in their order.
fn canceled_by(reasons: &[CancellationReason], writes: &[Write]) -> CommitError {
    let code = |reason: &CancellationReason| reason.code().unwrap_or("None").to_owned();
    let rejected = reasons
        .iter()
        .position(|reason| reason.code() == Some("ConditionalCheckFailed"));
    if let Some(at) = rejected {
        return CommitError::Rejected(at);
    }
    if reasons
        .iter()
        .any(|reason| reason.code() == Some("TransactionConflict"))
    {
        return CommitError::Conflict;
    }
    let at = reasons
        .iter()
        .position(|reason| code(reason) != "None")
        .unwrap_or_default();
    let reason = reasons.get(at);
    let code = reason.map_or_else(|| "TransactionCanceledException".to_owned(), code);
    let class = match code.as_str() {
        "ThrottlingError" | "ProvisionedThroughputExceeded" => Class::Transient,
        _ => Class::Terminal,
    };
    CommitError::Port(port_error(AwsError {
        action: "TransactWriteItems".to_owned(),
        object: writes.get(at).map_or("", Write::object).to_owned(),
        code: Some(code),
        message: reason
            .and_then(CancellationReason::message)
            .unwrap_or("the transaction was cancelled")
            .to_owned(),
        request_id: None,
        class,
        ambiguous: false,
    }))
}

/// A failed call as the registry looks at it.
pub(crate) fn port_error(error: AwsError) -> PortError {
    error.into()
}

fn read<T: DeserializeOwned>(table: &str, item: &Item) -> Result<T, PortError> {
    let id = text(item, ID_PROCESO)
        .or_else(|| text(item, ID_CALENDARIZACION))
        .unwrap_or_default();
    item::read(item).map_err(unreadable(&format!("{table}/{id}")))
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

/// An item that is not what it should be.
pub(crate) fn unreadable<E: std::fmt::Display>(object: &str) -> impl Fn(E) -> PortError {
    move |error| {
        PortError::new(
            PortErrorKind::Other,
            false,
            format!("the item \"{object}\" cannot be read: {error}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes
            .iter()
            .map(|code| CancellationReason::builder().code(*code).message("why").build())
            .collect()
    }

    #[track_caller]
    fn check(codes: &[&str], expected: &str) {
        let text = match canceled_by(&reasons(codes), &[]) {
            CommitError::Rejected(at) => format!("rejected {at}"),
            CommitError::Conflict => "conflict".to_owned(),
            CommitError::Port(error) => format!("{:?}: {error}", error.kind),
        };
        assert_eq!(text, expected);
    }

    #[test]
    fn a_cancelled_transaction_says_why() {
        check(&["None", "ConditionalCheckFailed"], "rejected 1");
        check(&["TransactionConflict", "ConditionalCheckFailed"], "rejected 1");
        check(&["None", "TransactionConflict"], "conflict");
        check(
            &["ThrottlingError"],
            "Transient: TransactWriteItems of \"\" failed: ThrottlingError: why",
        );
        check(
            &["None", "ValidationError"],
            "Other: TransactWriteItems of \"\" failed: ValidationError: why",
        );
    }
}
