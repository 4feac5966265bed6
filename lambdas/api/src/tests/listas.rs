//! Lists, histories and calendarizaciones: pages, cursors, filters.

mod dia;
mod refused;

use std::collections::BTreeSet;

use kairos::calendarizacion::{Calendarizacion, EstadoCalendarizacion};
use kairos::ids::{IdCalendarizacion, IdEjecucion, IdProceso};
use kairos::instant::Timestamp;
use kairos::names::Place;
use kairos::proceso::{Definition, InvocationMode, Proceso};
use kairos::run::{Ejecucion, EstadoEjecucion};
use kairos::schedule::Schedule;
use schemars::JsonSchema;
use serde_json::Value;

use super::*;

const HOURLY: &str = "cron(0 * * * ? *)";
const DAILY: &str = "cron(0 3 * * ? *)";

fn schedule(cron: &str) -> Schedule {
    Schedule::parse(cron, None, None, None, None).unwrap()
}

fn held(n: u32, cron: &str, habilitado: bool) -> Proceso {
    let definition = Definition {
        nombre: format!("proceso {n}"),
        schedule: schedule(cron),
        arn_rol: ROLE.into(),
        arn_proceso: TARGET.into(),
        parametros: None,
        habilitado,
        reintentos: 3,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
    };
    definition.create("2026-01-02T03:04:05.678Z".parse().unwrap())
}

fn run(n: u32) -> Ejecucion {
    Ejecucion {
        id_ejecucion: format!("00000000-0000-5000-8000-0000000000{n:02x}").parse().unwrap(),
        id_proceso: held(0, HOURLY, true).id_proceso,
        id_calendarizacion: schedule(HOURLY).id(),
        fecha_programada: Timestamp::from_second(1_767_355_200 + 3_600 * i64::from(n / 2)).unwrap(),
        estado: EstadoEjecucion::EjecutadoOk,
        intentos: 1,
        arrendado_hasta: None,
        dueno: Some("arn:aws:lambda:…".into()),
        fecha_inicio: Some("2026-01-02T12:00:01Z".parse().unwrap()),
        fecha_termino: Some("2026-01-02T12:00:02Z".parse().unwrap()),
        duracion_ms: Some(870),
        respuesta: Some("solicitud-2".into()),
        error: None,
        ttl: 1,
    }
}

impl World {
    fn put(&self, proceso: Proceso) {
        self.memory
            .world()
            .tables
            .procesos
            .insert(proceso.id_proceso.clone(), proceso);
    }

    fn put_row(&self, cron: &str, procesos: u64, habilitados: u64) -> IdCalendarizacion {
        let mut world = self.memory.world();
        let place = Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        };
        let row = Calendarizacion {
            estado: EstadoCalendarizacion::Activa,
            cant_procesos: procesos,
            cant_habilitados: habilitados,
            ..Calendarizacion::new(&schedule(cron), &Names::new("demo", place), world.now)
        };
        let id = row.id_calendarizacion.clone();
        world.tables.calendarizaciones.insert(id.clone(), row);
        id
    }

    /// The answer to `GET` with these parameters, as API Gateway hands them over: decoded, and gathered by name.
    async fn list(&self, path: &str, query: &[(&str, &str)]) -> String {
        let proxy = path.trim_start_matches('/');
        let mut event = event("GET", path, Some(proxy), "/{proxy+}", "");
        let mut given = serde_json::Map::new();
        for (name, value) in query {
            let values = given.entry(*name).or_insert_with(|| json!([]));
            values.as_array_mut().unwrap().push(json!(value));
        }
        event["multiValueQueryStringParameters"] = json!(given);
        self.ask_as(&event).await
    }

    /// The body of a page that there is.
    async fn page(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let answer = self.list(path, query).await;
        assert_eq!(status(&answer), "200", "{answer}");
        body(&answer)
    }

    /// All pages of a list: what `between` does comes after each of them.
    async fn pages(
        &self,
        path: &str,
        filter: &[(&str, &str)],
        limit: &str,
        mut between: impl FnMut(usize),
    ) -> Vec<Value> {
        let (mut pages, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
        loop {
            let mut query = filter.to_vec();
            query.push(("limite", limit));
            if let Some(cursor) = &cursor {
                query.push(("cursor", cursor));
            }
            let page = self.page(path, &query).await;
            cursor = page["Cursor"].as_str().map(str::to_owned);
            pages.push(page);
            if cursor.is_none() {
                return pages;
            }
            between(pages.len());
        }
    }
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\n\n").unwrap().1).unwrap()
}

/// What a list of pages shows, by a key of the elements.
fn shown(pages: &[Value], list: &str, key: &str) -> Vec<String> {
    let elements = pages.iter().flat_map(|page| page[list].as_array().unwrap());
    elements
        .map(|element| element[key].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_list_is_paged_and_reads_one_item_more_than_it_shows() {
    let world = World::new();
    for n in 0..3 {
        world.put(held(n, HOURLY, n != 1));
    }
    let before = world.memory.world().items_read;
    let page = world.list("/Procesos", &[("limite", "2")]).await;
    assert_eq!(world.memory.world().items_read - before, 3);
    let cursor = body(&page)["Cursor"].as_str().unwrap().to_owned();
    assert_snapshot!("page", page.replace(&cursor, "<cursor>"));
    assert_snapshot!(
        "last_page",
        world.list("/Procesos", &[("LIMITE", "2"), ("Cursor", &cursor)]).await
    );
    let all = world.page("/Procesos", &[("limite", "3")]).await;
    assert_eq!(
        (all["Procesos"].as_array().unwrap().len(), &all["Cursor"]),
        (3, &Value::Null)
    );
}

#[tokio::test]
async fn filters_use_a_key_or_an_index() {
    let world = World::new();
    for n in 0..9 {
        world.put(held(n, if n < 5 { HOURLY } else { DAILY }, n % 2 == 0));
    }
    let hourly = schedule(HOURLY).id().to_string();
    let names = async |query: &[(&str, &str)]| {
        let mut names = shown(&[world.page("/Procesos", query).await], "Procesos", "Nombre");
        names.sort();
        names.join(", ")
    };
    assert_eq!(names(&[("nombre", "  PROCESO  7 ")]).await, "proceso 7");
    assert_eq!(names(&[("nombre", "proceso")]).await, "");
    let on_hourly = "proceso 0, proceso 1, proceso 2, proceso 3, proceso 4";
    assert_eq!(names(&[("idCalendarizacion", &hourly)]).await, on_hourly);
    assert_eq!(names(&[("cron", "00 * * * ? *")]).await, on_hourly);
    assert_eq!(
        names(&[("cron", HOURLY), ("zonaHoraria", "America/Santiago")]).await,
        ""
    );
    assert_eq!(
        names(&[("idCalendarizacion", &hourly), ("habilitado", "true")]).await,
        "proceso 0, proceso 2, proceso 4"
    );
    assert_eq!(
        names(&[("cron", DAILY), ("habilitado", "false")]).await,
        "proceso 5, proceso 7"
    );
    assert_eq!(names(&[("idCalendarizacion", "calendarizacion-nadie")]).await, "");

    let journal = &world.memory.world().journal;
    assert!(
        !journal.iter().any(|call| call == "list processes"),
        "no scan: {journal:?}"
    );
}

#[tokio::test]
async fn a_page_of_a_calendarizacion_reads_its_entries_and_its_rows() {
    let world = World::new();
    for n in 0..10 {
        world.put(held(n, HOURLY, n % 2 == 0));
    }
    let hourly = schedule(HOURLY).id().to_string();
    let before = world.memory.world().items_read;
    let page = world
        .page(
            "/Procesos",
            &[("idCalendarizacion", &hourly), ("habilitado", "true"), ("limite", "4")],
        )
        .await;
    let rows = page["Procesos"].as_array().unwrap().len();
    assert!(rows < 4, "a page may be shorter than its limit");
    assert_eq!(world.memory.world().items_read - before, 5 + rows);
}

#[tokio::test]
async fn what_is_there_all_the_while_is_shown_once() {
    let hourly = schedule(HOURLY).id().to_string();
    let filters: [&[(&str, &str)]; 3] = [
        &[],
        &[("idCalendarizacion", &hourly)],
        &[("cron", HOURLY), ("habilitado", "true")],
    ];
    for filter in filters {
        let world = World::new();
        for n in 0..30 {
            world.put(held(n, HOURLY, true));
        }
        let mut staying: BTreeSet<IdProceso> = world.memory.world().tables.procesos.keys().cloned().collect();
        let changes = |page: usize| {
            let n = u32::try_from(page).unwrap();
            // New ones come, one is disabled and enabled again, one moves away, and two are deleted.
            world.put(held(100 + n, HOURLY, true));
            world.put(held(n, HOURLY, true));
            let moved = held(10 + n, DAILY, true);
            staying.remove(&moved.id_proceso);
            world.put(moved);
            for gone in [20 + n, 100 + n / 2] {
                let gone = held(gone, HOURLY, true).id_proceso;
                staying.remove(&gone);
                world.memory.world().tables.procesos.remove(&gone);
            }
        };
        let pages = world.pages("/Procesos", filter, "4", changes).await;
        let shown = shown(&pages, "Procesos", "IdProceso");
        let once: BTreeSet<IdProceso> = shown.iter().map(|id| id.parse().unwrap()).collect();
        assert_eq!(once.len(), shown.len(), "{shown:?}");
        assert!(staying.is_subset(&once), "{staying:?} {once:?}");
    }
}

#[tokio::test]
async fn a_process_that_the_index_has_lost_does_no_harm() {
    let world = World::new();
    for n in 0..6 {
        world.put(held(n, HOURLY, true));
    }
    world.memory.lag();
    world
        .memory
        .world()
        .tables
        .procesos
        .remove(&held(0, HOURLY, true).id_proceso);
    world.put(held(1, DAILY, true));
    world.put(held(2, HOURLY, false));
    let filter = [("cron", HOURLY), ("habilitado", "true")];
    let pages = world.pages("/Procesos", &filter, "2", |_| ()).await;
    let names: BTreeSet<String> = shown(&pages, "Procesos", "Nombre").into_iter().collect();
    assert_eq!(Vec::from_iter(names), ["proceso 3", "proceso 4", "proceso 5"]);
}

#[tokio::test]
async fn an_answer_stays_below_what_lambda_takes() {
    let world = World::new();
    for n in 0..9 {
        // Quotes take four bytes of Lambda's answer each.
        let parametros = Some(format!("{{\"a\":\"{}\"}}", "\\\"".repeat(150_000)));
        world.put(Proceso {
            parametros,
            ..held(n, HOURLY, true)
        });
    }
    let pages = world.pages("/Procesos", &[("cron", HOURLY)], "100", |_| ()).await;
    for page in &pages {
        let body = serde_json::to_string(&json!({"body": page.to_string()})).unwrap();
        assert!(body.len() < 6 * 1024 * 1024, "{}", body.len());
    }
    let shown: BTreeSet<String> = shown(&pages, "Procesos", "IdProceso").into_iter().collect();
    assert!(
        shown.len() == 9 && pages.len() > 1,
        "{} on {} pages",
        shown.len(),
        pages.len()
    );
}

#[tokio::test]
async fn a_history_is_shown_from_the_newest() {
    let world = World::new();
    world.put(held(0, HOURLY, true));
    let path = format!("/Procesos/{}/Ejecuciones", run(0).id_proceso);
    assert_snapshot!("no_history", world.list(&path, &[]).await);
    for n in 0..5 {
        world.history.held().runs.insert(run(n).id_ejecucion, run(n));
    }
    let failed = Ejecucion {
        estado: EstadoEjecucion::ErrorAlEjecutar,
        intentos: 4,
        respuesta: None,
        error: Some("AccessDenied".into()),
        ..run(5)
    };
    world.history.held().runs.insert(failed.id_ejecucion, failed);
    let before = world.history.held().items_read;
    let page = world.list(&path, &[("limite", "2")]).await;
    assert_eq!(world.history.held().items_read - before, 3);
    let cursor = body(&page)["Cursor"].as_str().unwrap().to_owned();
    assert_snapshot!("history", page.replace(&cursor, "<cursor>"));

    // A new one comes in front, and the one of the cursor is forgotten.
    world.history.held().runs.insert(run(9).id_ejecucion, run(9));
    world.history.held().runs.remove(&run(4).id_ejecucion);
    let rest = world.page(&path, &[("limite", "50"), ("cursor", &cursor)]).await;
    let ids: Vec<IdEjecucion> = [3, 2, 1, 0].map(|n| run(n).id_ejecucion).into();
    let shown: Vec<IdEjecucion> = shown(&[rest], "Ejecuciones", "IdEjecucion")
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    assert_eq!(shown, ids);

    // The history outlives its process.
    world.memory.world().tables.procesos.clear();
    assert_eq!(status(&world.list(&path, &[]).await), "200");
    world.history.held().runs.clear();
    assert_snapshot!("no_process", world.list(&path, &[]).await);
    assert_eq!(status(&world.list("/Procesos/otra-cosa/Ejecuciones", &[]).await), "404");
    assert_eq!(status(&world.list(&path, &[("estado", "Pendiente")]).await), "400");
}

#[tokio::test]
async fn calendarizaciones_come_with_counts_words_and_next_occurrences() {
    let world = World::new();
    let daily = world.put_row("cron(0 3 ? * MON-FRI *)", 3, 2);
    let rate = world.put_row("rate(90 minutes)", 1, 1);
    let once = world.put_row("at(2026-01-02T13:00:00)", 1, 1);
    let paused = world.put_row(HOURLY, 2, 0);
    assert_snapshot!(
        "calendarizacion",
        world.list(&format!("/Calendarizaciones/{daily}"), &[]).await
    );
    let next = async |id: &IdCalendarizacion| {
        let one = world.page(&format!("/Calendarizaciones/{id}"), &[]).await;
        let next = one["ProximasEjecuciones"].as_array().unwrap().clone();
        next.iter()
            .map(|at| at.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        next(&rate).await[..2],
        ["2026-01-02T13:30:00.000Z", "2026-01-02T15:00:00.000Z"]
    );
    assert_eq!(next(&once).await, ["2026-01-02T13:00:00.000Z"]);
    assert_eq!(next(&paused).await, Vec::<String>::new());

    let before = world.memory.world().items_read;
    let pages = world.pages("/Calendarizaciones", &[], "3", |_| ()).await;
    assert_eq!(world.memory.world().items_read - before, 4 + 1);
    let ids: BTreeSet<String> = shown(&pages, "Calendarizaciones", "IdCalendarizacion")
        .into_iter()
        .collect();
    let expected = [&daily, &rate, &once, &paused].map(ToString::to_string);
    assert_eq!(ids, BTreeSet::from(expected));

    assert_snapshot!(
        "no_calendarizacion",
        world.list("/Calendarizaciones/calendarizacion-x", &[]).await
    );
    assert_eq!(status(&world.list("/Calendarizaciones/otra-cosa", &[]).await), "404");
    let answer = world
        .list(&format!("/Calendarizaciones/{daily}"), &[("limite", "1")])
        .await;
    assert!(
        answer.contains("limite: no es un parámetro de esta ruta, que no tiene ninguno"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_calendarizacion_of_the_earlier_system_is_told_by_its_id_and_not_counted() {
    let world = World::new();
    let id = IdCalendarizacion::legacy("0 3 ? * mon-fri *");
    let row: Calendarizacion = serde_json::from_value(json!({"IdCalendarizacion": id})).unwrap();
    world.memory.world().tables.calendarizaciones.insert(id.clone(), row);
    let one = world.page(&format!("/Calendarizaciones/{id}"), &[]).await;
    assert_eq!(
        (&one["Cron"], &one["ZonaHoraria"]),
        (&json!("cron(0 3 ? * 2-6 *)"), &json!("UTC"))
    );
    assert_eq!(
        (&one["CantProcesos"], &one["CantHabilitados"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(one["ProximasEjecuciones"][0], "2026-01-05T03:00:00.000Z");
    assert_eq!(
        world.page("/Calendarizaciones", &[]).await["Calendarizaciones"],
        json!([one])
    );

    // An id that says nothing, and a row that nobody can read.
    let id: IdCalendarizacion = "calendarizacion-x".parse().unwrap();
    let row: Calendarizacion = serde_json::from_value(json!({"IdCalendarizacion": id, "Expresion": "x"})).unwrap();
    world.memory.world().tables.calendarizaciones.insert(id.clone(), row);
    let one = world.page(&format!("/Calendarizaciones/{id}"), &[]).await;
    assert_eq!((&one["Cron"], &one["Descripcion"]), (&json!("x"), &Value::Null));
    assert_eq!(one["ProximasEjecuciones"], json!([]));
}

#[tokio::test]
async fn what_aws_does_not_answer_is_a_problem() {
    let world = World::new();
    for path in ["/Procesos", "/Calendarizaciones", "/Procesos/proceso-x/Ejecuciones"] {
        world.memory.fail_after(0, Fault::Refused(PortErrorKind::Transient));
        assert_eq!(status(&world.list(path, &[]).await), "503", "{path}");
        world.memory.fail_after(0, Fault::Refused(PortErrorKind::Denied));
        assert_eq!(status(&world.list(path, &[]).await), "500", "{path}");
    }
}
