//! The API's lists over the local AWS, page by page, while processes come, go and move through the API itself.

use std::collections::BTreeSet;

use acceptance::edge::Edge;
use anyhow::{Context, Result, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::contract::{binary, environment};
use crate::installation::{Installation, ROLE_PREFIX};

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";

/// A caller of the API.
#[derive(Clone)]
struct Caller {
    url: String,
    agent: ureq::Agent,
    account: String,
    region: String,
}

impl Caller {
    fn new(url: &str, installation: &Installation) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self {
            url: url.to_owned(),
            agent: agent.into(),
            account: installation.account.id.clone(),
            region: installation.account.region.clone(),
        }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<(u16, Value)> {
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let mut answer = self
            .agent
            .get(format!("{}{path}?{}", self.url, query.join("&")))
            .call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_json()?))
    }

    /// Registers the process `n`, and answers with its id.
    fn register(&self, n: usize, cron: &str, habilitado: bool) -> Result<String> {
        let body = self.definition(n, cron, habilitado);
        let mut answer = self.agent.post(format!("{}/Procesos", self.url)).send_json(&body)?;
        let made: Value = answer.body_mut().read_json()?;
        ensure!(answer.status() == 201, "{made}");
        Ok(made["IdProceso"].as_str().context("no id")?.to_owned())
    }

    fn replace(&self, id: &str, n: usize, cron: &str, habilitado: bool) -> Result<()> {
        let body = self.definition(n, cron, habilitado);
        let mut answer = self.agent.put(format!("{}/Procesos/{id}", self.url)).send_json(&body)?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status() == 200, "{said}");
        Ok(())
    }

    fn delete(&self, id: &str) -> Result<()> {
        let answer = self.agent.delete(format!("{}/Procesos/{id}", self.url)).call()?;
        ensure!(answer.status() == 204, "{answer:?}");
        Ok(())
    }

    fn definition(&self, n: usize, cron: &str, habilitado: bool) -> Value {
        json!({
            "nombre": format!("proceso {n}"), "cron": cron, "habilitado": habilitado,
            "arnRol": format!("arn:aws:iam::{}:role/{ROLE_PREFIX}lista", self.account),
            "arnProceso": format!("arn:aws:sqs:{}:{}:trabajo", self.region, self.account)
        })
    }

    /// The elements of all pages; after each page but the last, `between` is done.
    fn all(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        limit: &str,
        mut between: impl FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Value>> {
        let (mut shown, mut cursor, mut pages): (Vec<Value>, Option<String>, usize) = (Vec::new(), None, 0);
        loop {
            let mut query = filter.to_vec();
            query.push(("limite", limit));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let (status, page) = self.get(path, &query)?;
            ensure!(status == 200, "{status}: {page}");
            let list = path.rsplit('/').next().unwrap_or_default();
            let elements = page[list].as_array().with_context(|| page.to_string())?;
            ensure!(elements.len() <= limit.parse()?, "{page}");
            shown.extend(elements.iter().cloned());
            cursor = page["Cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                return Ok(shown);
            }
            between(pages)?;
            pages += 1;
        }
    }
}

/// The values of a key; each may be there once.
fn values(shown: &[Value], key: &str) -> Result<BTreeSet<String>> {
    let mut values = BTreeSet::new();
    for element in shown {
        let value = element[key].as_str().with_context(|| element.to_string())?;
        ensure!(values.insert(value.to_owned()), "{value} is shown twice");
    }
    Ok(values)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_hold_while_processes_come_go_and_move() -> Result<()> {
    let installation = Installation::create().await?;
    installation.schedule_group().await?;
    let edge = Edge::start(&binary()?, &environment(&installation), 1).await?;
    let caller = Caller::new(edge.url(), &installation);
    let listed = tokio::task::spawn_blocking(move || listed(&caller));
    let calendarizacion = listed.await?.map_err(|error| error.context(edge.log()))?;

    // Runs of one of them, three at each time.
    let owner = "proceso-historia";
    for n in 0..11 {
        let text = |text: String| AttributeValue::S(text);
        installation
            .account
            .dynamodb()
            .put_item()
            .table_name(installation.names.ejecuciones_table())
            .item(
                "IdEjecucion",
                text(format!("00000000-0000-4000-8000-0000000000{n:02x}")),
            )
            .item("IdProceso", text(owner.into()))
            .item("IdCalendarizacion", text(calendarizacion.clone()))
            .item("FechaProgramada", text(format!("2026-01-02T{:02}:00:00.000Z", n / 3)))
            .item("Estado", text("EjecutadoOk".into()))
            .item("Intentos", AttributeValue::N("1".into()))
            .item("TTL", AttributeValue::N("1".into()))
            .send()
            .await?;
    }
    let caller = Caller::new(edge.url(), &installation);
    let told = tokio::task::spawn_blocking(move || -> Result<()> {
        let runs = caller.all(&format!("/Procesos/{owner}/Ejecuciones"), &[], "4", |_| Ok(()))?;
        assert_eq!(values(&runs, "IdEjecucion")?.len(), 11);
        assert!(runs.is_sorted_by_key(|run| std::cmp::Reverse(run["FechaProgramada"].to_string())));
        assert_eq!(caller.get("/Procesos/proceso-nadie/Ejecuciones", &[])?.0, 404);
        Ok(())
    });
    told.await?.map_err(|error| error.context(edge.log()))
}

/// Lists processes and calendarizaciones; the answer is the id of a calendarización.
fn listed(caller: &Caller) -> Result<String> {
    let ids: Vec<String> = (0..16)
        .map(|n| caller.register(n, if n % 4 == 3 { DAILY } else { HOURLY }, true))
        .collect::<Result<_>>()?;
    let hourly = caller.get(&format!("/Procesos/{}", ids[0]), &[])?.1["IdCalendarizacion"].clone();
    let hourly = hourly.as_str().context("no id")?.to_owned();

    // Between the pages one is deleted, one moves away, one comes.
    let mut staying: BTreeSet<String> = ids.iter().cloned().collect();
    let all = caller.all("/Procesos", &[], "4", |page| {
        if page < 2 {
            caller.delete(&ids[page])?;
            staying.remove(&ids[page]);
            caller.replace(&ids[4 + page], 4 + page, DAILY, true)?;
            caller.register(100 + page, HOURLY, true)?;
        }
        Ok(())
    })?;
    let shown = values(&all, "IdProceso")?;
    assert!(staying.is_subset(&shown), "{staying:?} {shown:?}");

    // 2, 6, 8, 9, 10, 12, 13, 14, 100, 101; then 8 is disabled, 9 moves away.
    let mut staying: BTreeSet<String> = [2, 6, 10, 12, 13, 14].map(|n: usize| ids[n].clone()).into();
    let on = caller.all(
        "/Procesos",
        &[("cron", "00 * * * ? *"), ("habilitado", "true")],
        "3",
        |page| {
            if page == 0 {
                caller.replace(&ids[8], 8, HOURLY, false)?;
                caller.replace(&ids[9], 9, DAILY, true)?;
                caller.delete(&ids[2])?;
                staying.remove(&ids[2]);
            }
            Ok(())
        },
    )?;
    let shown = values(&on, "IdProceso")?;
    assert!(staying.is_subset(&shown), "{staying:?} {shown:?}");
    assert!(on.iter().all(|held| held["IdCalendarizacion"] == hourly.as_str()));
    let disabled = caller.all(
        "/Procesos",
        &[("idCalendarizacion", &hourly), ("habilitado", "false")],
        "9",
        |_| Ok(()),
    )?;
    assert_eq!(values(&disabled, "IdProceso")?, BTreeSet::from([ids[8].clone()]));
    let named = caller.all("/Procesos", &[("nombre", "PROCESO  10")], "1", |_| Ok(()))?;
    assert_eq!(values(&named, "IdProceso")?, BTreeSet::from([ids[10].clone()]));

    let rows = caller.all("/Calendarizaciones", &[], "1", |_| Ok(()))?;
    let counts = |cron: &str| {
        let row = rows.iter().find(|row| row["Cron"] == cron).context("no row")?;
        Ok::<_, anyhow::Error>((row["CantProcesos"].clone(), row["CantHabilitados"].clone()))
    };
    assert_eq!((rows.len(), counts(HOURLY)?), (2, (json!(8), json!(7))));
    assert_eq!(counts(DAILY)?, (json!(7), json!(7)));
    let (status, one) = caller.get(&format!("/Calendarizaciones/{hourly}"), &[])?;
    assert_eq!(
        (status, one["ProximasEjecuciones"].as_array().map(Vec::len)),
        (200, Some(5))
    );
    assert_eq!(caller.get("/Calendarizaciones/calendarizacion-nadie", &[])?.0, 404);

    let (_, first) = caller.get("/Procesos", &[("limite", "1")])?;
    let cursor = first["Cursor"].as_str().context("no cursor")?;
    for (path, query) in [
        ("/Procesos", [("cursor", cursor), ("cron", HOURLY)]),
        ("/Calendarizaciones", [("cursor", cursor), ("limite", "1")]),
        ("/Procesos", [("cursor", "x"), ("limite", "1")]),
    ] {
        let (status, problem) = caller.get(path, &query)?;
        assert_eq!(
            (status, &problem["errores"][0]["campo"]),
            (400, &json!("cursor")),
            "{problem}"
        );
    }
    Ok(hourly)
}
