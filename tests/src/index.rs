//! What a dispatcher works on, for an [`Endpoint`](crate::endpoint::Endpoint): an index of as many processes as are asked for,
//! and the answers of a queue.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::edge;
use crate::endpoint::{Endpoint, Reply};

/// The calendarización that all processes are on.
pub const CALENDARIZACION: &str = "calendarizacion-aaaaaaaaaaaaaaaaaaaaaaaaaa";

/// The id of a process, as long as those of the product; they sort as their numbers do.
pub fn id(number: usize) -> String {
    format!("proceso-{number:026}")
}

/// The number of a process.
pub fn number(id: &str) -> Option<usize> {
    id.strip_prefix("proceso-")?.parse().ok()
}

/// An event of the dispatcher.
pub fn firing() -> Value {
    json!({"IdCalendarizacion": CALENDARIZACION, "FechaProgramada": "2026-01-02T03:04:00Z", "Intento": "1"})
}

/// The answer to a query of the index, which holds so many processes, all due.
pub fn page(asked: &Value, processes: usize) -> Reply {
    let limit = asked["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok());
    let start = asked["ExclusiveStartKey"]["IdProceso"]["S"].as_str().and_then(number);
    let start = start.map_or(0, |last| last + 1);
    let end = processes.min(start + limit.unwrap_or(processes));
    let mut page = String::from(r#"{"Items":["#);
    for number in start..end {
        let comma = if number == start { "" } else { "," };
        // Writing into a string does not fail.
        let _ = write!(
            page,
            r#"{comma}{{"IdProceso":{{"S":"proceso-{number:026}"}},"Habilitado":{{"BOOL":true}},"FechaAsignacion":{{"S":"2026-01-01T00:00:00.000Z"}}}}"#
        );
    }
    let _ = write!(page, r#"],"Count":{0},"ScannedCount":{0}"#, end - start);
    if end < processes {
        let last = id(end - 1);
        let _ = write!(
            page,
            r#","LastEvaluatedKey":{{"IdProceso":{{"S":"{last}"}},"IdCalendarizacion":{{"S":"{CALENDARIZACION}"}}}}"#
        );
    }
    page.push('}');
    Reply::json(page)
}

/// The answer to a batch of which the queue took the entries of these places, and rejected the others for now.
pub fn took(entries: usize, rejected: &[usize]) -> Reply {
    let (failed, successful): (Vec<_>, Vec<_>) = (0..entries).partition(|place| rejected.contains(place));
    let successful = successful.iter().map(|place| {
        json!({"Id": place.to_string(), "MessageId": format!("00000000-0000-4000-8000-{place:012}"),
               "MD5OfMessageBody": "900150983cd24fb0d6963f7d28e17f72"})
    });
    let failed = failed.iter().map(
        |place| json!({"Id": place.to_string(), "Code": "InternalError", "Message": "try again", "SenderFault": false}),
    );
    Reply::value(&json!({"Successful": successful.collect::<Vec<_>>(), "Failed": failed.collect::<Vec<_>>()}))
}

/// The environment of a dispatcher, or of another client of its queue, whose AWS is this endpoint.
pub fn environment(endpoint: &Endpoint) -> Vec<(String, String)> {
    let mut environment = edge::environment("dispatcher");
    let url = endpoint.url();
    let own = [
        ("AWS_ENDPOINT_URL", url.clone()),
        ("KAIROS_QUEUE_URL", format!("{url}/123456789012/BenchQueue")),
    ];
    environment.extend(own.map(|(name, value)| (name.to_owned(), value)));
    environment
}
