//! The listings of processes over DynamoDB: the index by calendarización, then the rows.
//!
//! Invariant: what a page shows comes from consistent reads of rows; the index, which lags behind, only says which.

use aws_sdk_dynamodb::types::AttributeValue;
use kairos::ids::{IdCalendarizacion, IdProceso};
use kairos::proceso::Proceso;
use kairos::registry::{Catalog, Member, Page, PortError};

use crate::error::Doing;
use crate::processes::Processes;
use crate::store::{DynamoStore, port_error, unreadable};

/// The index by calendarización.
const INDEX: &str = "PorIdCalendarizacion";

impl Catalog for DynamoStore {
    async fn members(
        &self,
        id: &IdCalendarizacion,
        cursor: Option<&IdProceso>,
        limit: u32,
    ) -> Result<Page<Member, IdProceso>, PortError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let start = cursor.map(|last| {
            let keys = [("IdCalendarizacion", id.as_str()), ("IdProceso", last.as_str())];
            keys.map(|(name, value)| (name.to_owned(), text(value))).into()
        });
        let object = format!("{}/{INDEX}", self.tables().procesos);
        let answer = self
            .client()
            .query()
            .table_name(&self.tables().procesos)
            .index_name(INDEX)
            .key_condition_expression("#c = :c")
            .projection_expression("#p, #h")
            .expression_attribute_names("#c", "IdCalendarizacion")
            .expression_attribute_names("#p", "IdProceso")
            .expression_attribute_names("#h", "Habilitado")
            .expression_attribute_values(":c", text(id.as_str()))
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .send()
            .await
            .doing("Query", &object)
            .map_err(port_error)?;
        let read = |item| {
            let found: Result<Found, _> = crate::item::read(item);
            found.map_err(unreadable(&object))
        };
        let items: Vec<Found> = answer.items().iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page {
            items: items.into_iter().map(Into::into).collect(),
            next: answer
                .last_evaluated_key()
                .map(read)
                .transpose()?
                .map(|found| found.id_proceso),
        })
    }

    async fn rows(&self, ids: &[IdProceso]) -> Result<Vec<Proceso>, PortError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let table = Processes::with_table(self.client().clone(), &self.tables().procesos);
        let mut found = table.read(ids).await.map_err(port_error)?;
        let rows = ids.iter().filter_map(|id| found.remove(id));
        rows.map(|row| row.map_err(port_error)).collect()
    }
}

/// An entry of the index, or a key of it.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    id_proceso: IdProceso,
    /// A process of the earlier system, which knew no pause, is enabled.
    #[serde(default = "yes")]
    habilitado: bool,
}

const fn yes() -> bool {
    true
}

impl From<Found> for Member {
    fn from(found: Found) -> Self {
        Self {
            id_proceso: found.id_proceso,
            habilitado: found.habilitado,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use kairos::history::{RunKey, newest};
    use kairos::names::{Names, Place};
    use kairos::registry::{Listing, Registry};
    use serde_json::{Value, json};

    use crate::clock::SystemClock;
    use crate::history::DynamoHistory;
    use crate::scheduler::EventBridgeScheduler;

    use super::*;

    type OverReplay = Registry<DynamoStore, EventBridgeScheduler, SystemClock>;

    /// DynamoDB with these answers.
    struct Replay {
        http: StaticReplayClient,
        client: aws_sdk_dynamodb::Client,
        names: Names,
    }

    impl Replay {
        fn new(answers: &[Value]) -> Self {
            let events = answers.iter().map(|body| {
                let answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body.to_string()));
                ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)
            });
            let http = StaticReplayClient::new(events.collect());
            let config = aws_sdk_dynamodb::Config::builder()
                .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
                .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
                .credentials_provider(aws_credential_types::Credentials::new("a", "b", None, None, "test"))
                .http_client(http.clone())
                .build();
            let place = Place {
                partition: "aws".into(),
                account: "123456789012".into(),
                region: "us-east-1".into(),
            };
            Self {
                http,
                client: aws_sdk_dynamodb::Client::from_conf(config),
                names: Names::new("Demo", place),
            }
        }

        fn registry(&self) -> OverReplay {
            let config = aws_sdk_scheduler::Config::builder()
                .behavior_version(aws_sdk_scheduler::config::BehaviorVersion::latest())
                .build();
            let scheduler = aws_sdk_scheduler::Client::from_conf(config);
            let scheduler = EventBridgeScheduler::new(scheduler, self.names.clone(), "role");
            let store = DynamoStore::new(self.client.clone(), &self.names);
            Registry::new(self.names.clone(), store, scheduler, SystemClock)
        }

        /// What was asked: the operation, and what it was told.
        fn sent(&self) -> Vec<(String, Value)> {
            let requests = self.http.actual_requests().map(|request| {
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
                (target.rsplit('.').next().unwrap_or_default().to_owned(), body)
            });
            requests.collect()
        }
    }

    fn row(id: &str, calendarizacion: &str) -> Value {
        json!({
            "IdProceso": {"S": id}, "Nombre": {"S": id}, "ArnRol": {"S": "r"}, "ArnProceso": {"S": "t"},
            "IdCalendarizacion": {"S": calendarizacion}
        })
    }

    fn ids(page: &Page<Proceso, IdProceso>) -> Vec<&str> {
        page.items.iter().map(|proceso| proceso.id_proceso.as_str()).collect()
    }

    #[tokio::test]
    async fn an_unfiltered_page_is_one_scan_of_one_item_more() {
        let replay = Replay::new(&[
            json!({"Items": [row("proceso-b", "calendarizacion-a"), row("proceso-a", "calendarizacion-a"),
                             row("proceso-c", "calendarizacion-b")],
                   "LastEvaluatedKey": {"IdProceso": {"S": "proceso-c"}}}),
            // A megabyte ends a page early.
            json!({"Items": [row("proceso-c", "calendarizacion-b")],
                   "LastEvaluatedKey": {"IdProceso": {"S": "proceso-c"}}}),
            json!({"Items": []}),
        ]);
        let registry = replay.registry();
        let first = registry.procesos(&Listing::All, None, 2).await.unwrap();
        assert_eq!(ids(&first), ["proceso-b", "proceso-a"]);
        let second = registry.procesos(&Listing::All, first.next.as_ref(), 2).await.unwrap();
        assert_eq!(ids(&second), ["proceso-c"]);
        let last = registry.procesos(&Listing::All, second.next.as_ref(), 2).await.unwrap();
        assert!(last.items.is_empty() && last.next.is_none());
        let sent: Vec<_> = replay
            .sent()
            .into_iter()
            .map(|(name, body)| {
                (
                    name,
                    body["Limit"].clone(),
                    body["ExclusiveStartKey"]["IdProceso"]["S"].clone(),
                )
            })
            .collect();
        let scan = |start: Value| ("Scan".to_owned(), json!(3), start);
        assert_eq!(
            sent,
            [scan(Value::Null), scan(json!("proceso-a")), scan(json!("proceso-c"))]
        );
    }

    #[tokio::test]
    async fn a_page_of_a_calendarizacion_is_a_query_of_the_index_and_the_rows_that_it_names() {
        let entry = |id: &str, habilitado: bool| json!({"IdProceso": {"S": id}, "IdCalendarizacion": {"S": "calendarizacion-a"}, "Habilitado": {"BOOL": habilitado}});
        let replay = Replay::new(&[
            json!({"Items": [entry("proceso-a", true), entry("proceso-b", false), entry("proceso-c", true),
                             {"IdProceso": {"S": "proceso-d"}}, entry("proceso-e", true)],
                   "LastEvaluatedKey": entry("proceso-e", true)}),
            // One has moved on, and one is gone, and neither does any harm.
            json!({"Responses": {"DemoProcesos": [row("proceso-d", "calendarizacion-a"),
                                                  row("proceso-a", "calendarizacion-b")]},
                   "UnprocessedKeys": {}}),
        ]);
        let listing = Listing::On {
            id: "calendarizacion-a".parse().unwrap(),
            habilitado: Some(true),
        };
        let cursor = "proceso-0".parse().unwrap();
        let page = replay.registry().procesos(&listing, Some(&cursor), 4).await.unwrap();
        assert_eq!(ids(&page), ["proceso-d"]);
        assert_eq!(page.next, Some("proceso-d".parse().unwrap()));
        let sent = replay.sent();
        let [(query, asked), (batch, read)] = &sent[..] else {
            unreachable!("{sent:?}")
        };
        assert_eq!((query.as_str(), batch.as_str()), ("Query", "BatchGetItem"));
        assert_eq!(
            (&asked["IndexName"], &asked["Limit"]),
            (&json!("PorIdCalendarizacion"), &json!(5))
        );
        assert_eq!(
            asked["ExclusiveStartKey"],
            json!({"IdCalendarizacion": {"S": "calendarizacion-a"}, "IdProceso": {"S": "proceso-0"}})
        );
        let wanted = &read["RequestItems"]["DemoProcesos"];
        assert_eq!(
            wanted["Keys"].as_array().map(Vec::len),
            Some(3),
            "only enabled ones of the page"
        );
        assert_eq!(wanted["ConsistentRead"], json!(true));
    }

    #[tokio::test]
    async fn a_name_is_read_by_its_two_keys() {
        let replay = Replay::new(&[json!({}), json!({})]);
        let listing = Listing::Nombre("Cobro".into());
        let page = replay.registry().procesos(&listing, None, 1).await.unwrap();
        assert!(page.items.is_empty() && page.next.is_none());
        let operations: Vec<String> = replay.sent().into_iter().map(|(name, _)| name).collect();
        assert_eq!(operations, ["GetItem", "GetItem"]);
    }

    #[tokio::test]
    async fn a_page_of_the_history_is_one_query_backwards() {
        let replay = Replay::new(&[json!({"Items": []})]);
        let history = DynamoHistory::new(replay.client.clone(), &replay.names);
        let cursor = RunKey {
            fecha_programada: "2026-01-02T03:04:05Z".parse().unwrap(),
            id_ejecucion: "00000000-0000-5000-8000-000000000001".parse().unwrap(),
        };
        let owner = "proceso-a".parse().unwrap();
        newest(&history, &owner, Some(&cursor), 20).await.unwrap();
        let sent = replay.sent();
        let [(operation, asked)] = &sent[..] else {
            unreachable!("{sent:?}")
        };
        assert_eq!(operation, "Query");
        assert_eq!(
            (&asked["IndexName"], &asked["Limit"]),
            (&json!("PorProceso"), &json!(21))
        );
        assert_eq!(asked["ScanIndexForward"], json!(false));
        assert_eq!(
            asked["ExclusiveStartKey"],
            json!({"IdProceso": {"S": "proceso-a"}, "FechaProgramada": {"S": "2026-01-02T03:04:05.000Z"},
                   "IdEjecucion": {"S": "00000000-0000-5000-8000-000000000001"}})
        );
    }
}
