//! What a query may not say: parameters and cursors that are wrong, unknown, or of another list.

use super::*;

#[tokio::test]
async fn parameters_that_are_wrong_are_named_with_what_would_be_right() {
    let world = World::new();
    let check = async |query: &[(&str, &str)], expected: &str| {
        let answer = world.list("/Procesos", query).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert_eq!(body(&answer)["detail"], expected);
    };
    check(
        &[("orden", "nombre")],
        "orden: no es un parámetro de esta ruta; los parámetros son limite, cursor, nombre, idCalendarizacion, cron, \
         zonaHoraria, ventanaFlexibleMinutos, inicio, fin, habilitado",
    )
    .await;
    for bad in ["0", "101", "-1", "+5", "5.0", "x", "99999999999999999999"] {
        check(&[("limite", bad)], "limite: debe ser un número entero entre 1 y 100").await;
    }
    check(&[("limite", "5"), ("limite", "5")], "limite: viene más de una vez").await;
    check(&[("limite", "5"), ("Limite", "5")], "limite: viene más de una vez").await;
    check(&[("limite", " ")], "limite: está vacío: omítalo, o dele un valor").await;
    check(
        &[("habilitado", "true")],
        "habilitado: se usa solo junto con idCalendarizacion o cron",
    )
    .await;
    check(&[("zonaHoraria", "UTC")], "zonaHoraria: se usa solo junto con cron").await;
    check(
        &[("nombre", "x"), ("cron", HOURLY)],
        "cron: no se combina con nombre, que ya dice cuáles son",
    )
    .await;
    check(
        &[("idCalendarizacion", "calendarizacion-x"), ("cron", HOURLY)],
        "cron: no se combina con idCalendarizacion, que ya dice cuáles son",
    )
    .await;
    check(
        &[("idCalendarizacion", "otra")],
        "idCalendarizacion: debe ser el id de una calendarización, como calendarizacion-…",
    )
    .await;
    check(
        &[("cron", HOURLY), ("habilitado", "si")],
        "habilitado: debe ser true o false",
    )
    .await;
    check(
        &[("cron", HOURLY), ("ventanaFlexibleMinutos", "x")],
        "ventanaFlexibleMinutos: debe ser un número entero",
    )
    .await;
    let answer = world
        .list(
            "/Procesos",
            &[("limite", "500"), ("cron", "0 25 * * ? *"), ("nada", "")],
        )
        .await;
    assert_snapshot!("wrong_parameters", answer);
    let long = "x".repeat(200);
    assert!(world.list("/Procesos", &[("nombre", &long)]).await.starts_with("400"));
    assert!(world.memory.world().journal.is_empty(), "nothing was asked of AWS");
}

#[tokio::test]
async fn a_cursor_belongs_to_its_listing_and_filter() {
    let world = World::new();
    for n in 0..6 {
        world.put(held(n, HOURLY, true));
        world.history.held().runs.insert(run(n).id_ejecucion, run(n));
    }
    world.put_row(HOURLY, 6, 6);
    world.put_row(DAILY, 0, 0);
    let history = format!("/Procesos/{}/Ejecuciones", run(0).id_proceso);
    let other = format!("/Procesos/{}/Ejecuciones", held(1, HOURLY, true).id_proceso);
    let cursor = async |path: &str, filter: &[(&str, &str)]| {
        let query = [filter, &[("limite", "1")]].concat();
        world.page(path, &query).await["Cursor"].as_str().unwrap().to_owned()
    };
    let (all, on) = (
        cursor("/Procesos", &[]).await,
        cursor("/Procesos", &[("cron", HOURLY)]).await,
    );
    let (runs, rows) = (cursor(&history, &[]).await, cursor("/Calendarizaciones", &[]).await);

    let hourly = schedule(HOURLY).id().to_string();
    let same = [("idCalendarizacion", hourly.as_str()), ("cursor", &on), ("limite", "3")];
    assert_eq!(
        world.page("/Procesos", &same).await["Procesos"]
            .as_array()
            .unwrap()
            .len(),
        3
    );

    let foreign: [(&str, &[(&str, &str)]); 7] = [
        ("/Procesos", &[("cursor", &on)]),
        ("/Procesos", &[("cursor", &rows)]),
        ("/Procesos", &[("cursor", &all), ("nombre", "proceso 1")]),
        (
            "/Procesos",
            &[("cursor", &on), ("cron", HOURLY), ("habilitado", "true")],
        ),
        (&history, &[("cursor", &all)]),
        (&other, &[("cursor", &runs)]),
        ("/Calendarizaciones", &[("cursor", &all)]),
    ];
    for (path, query) in foreign {
        let answer = world.list(path, query).await;
        assert_eq!(status(&answer), "400", "{path} {query:?} {answer}");
        assert!(answer.contains("es de otro listado o de otros filtros"), "{answer}");
        assert_eq!(body(&answer)["errores"][0]["campo"], "cursor");
    }
    let changed = format!("{}A", &all[..all.len() - 1]);
    for garbage in ["x", "null", "ñ", "AAAA", changed.as_str(), &"a".repeat(5_000)] {
        for path in ["/Procesos", history.as_str(), "/Calendarizaciones"] {
            let answer = world.list(path, &[("cursor", garbage)]).await;
            assert_eq!(status(&answer), "400", "{answer}");
            assert!(answer.contains("no es un cursor de esta API"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_query_is_read_as_forms_write_it() {
    use crate::query::Query;
    let read = |query: &str| {
        let uri = format!("/Procesos?{query}").parse().unwrap();
        let mut read = Query::read(&uri, &["nombre"]);
        let nombre = read.text("nombre");
        read.done(Vec::new()).map(|()| nombre).map_err(|problem| problem.detail)
    };
    assert_eq!(read("nombre=a+b%20c%2B").unwrap().as_deref(), Some("a b c+"));
    assert_eq!(read("&&NOMBRE=%C3%B1&").unwrap().as_deref(), Some("ñ"));
    assert_eq!(read("").unwrap(), None);
    assert_eq!(read("nombre=%ff").unwrap_err(), "nombre: no es texto UTF-8");
    assert!(read("nombre").unwrap_err().contains("está vacío"));
    assert!(read("%ff=1").unwrap_err().contains("los parámetros son nombre"));
}

#[test]
fn the_documented_parameters_are_those_that_are_read() {
    fn names<T: JsonSchema>() -> Vec<String> {
        let schema = schemars::schema_for!(T).to_value();
        assert_eq!(schema.get("required"), None, "all are optional");
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    }
    assert_eq!(names::<crate::listas::ConsultaProcesos>(), crate::listas::PARAMETERS);
    assert_eq!(
        names::<crate::historia::ConsultaEjecuciones>(),
        crate::historia::PARAMETERS
    );
    let documented = names::<crate::calendarizaciones::ConsultaCalendarizaciones>();
    assert_eq!(documented, crate::calendarizaciones::PARAMETERS);
}
