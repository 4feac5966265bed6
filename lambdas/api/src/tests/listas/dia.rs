//! The runs of a day in one state, over all processes.

use super::*;

const PATH: &str = "/Ejecuciones";

/// Every fourth run of a day failed; the others ran well.
fn world() -> World {
    let world = World::new();
    for n in 0_u32..40 {
        let estado = if u32::is_multiple_of(n, 4) {
            EstadoEjecucion::ErrorAlEjecutar
        } else {
            EstadoEjecucion::EjecutadoOk
        };
        let run = Ejecucion { estado, ..run(n) };
        world.history.held().runs.insert(run.id_ejecucion, run);
    }
    world
}

#[tokio::test]
async fn the_runs_of_a_day_are_shown_by_their_state_from_the_newest() {
    let world = world();
    // From noon on two runs are due every hour.
    let failed = [("estado", "ErrorAlEjecutar"), ("dia", "2026-01-02")];
    let pages = world.pages(PATH, &failed, "2", |_| ()).await;
    assert_eq!(pages.len(), 3);
    let expected: Vec<String> = [20, 16, 12, 8, 4, 0].map(|n| run(n).id_ejecucion.to_string()).into();
    assert_eq!(shown(&pages, "Ejecuciones", "IdEjecucion"), expected);
    assert_eq!(pages[0]["Ejecuciones"][0]["DuracionMs"], 870);
    for (estado, dia, count) in [
        ("ErrorAlEjecutar", "2026-01-03", 4),
        ("EjecutadoOk", "2026-01-02", 18),
        ("Omitido", "2026-01-02", 0),
        ("EjecutadoOk", "1999-12-31", 0),
    ] {
        let page = world.page(PATH, &[("Estado", estado), ("DIA", dia)]).await;
        let shown = page["Ejecuciones"].as_array().unwrap().len();
        assert_eq!((shown, &page["Cursor"]), (count, &Value::Null), "{estado} {dia}");
    }
}

#[tokio::test]
async fn state_and_day_are_needed_and_have_a_form() {
    let world = world();
    let check = async |query: &[(&str, &str)], expected: &str| {
        let answer = world.list(PATH, query).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert_eq!(body(&answer)["detail"], expected);
    };
    let states = "debe ser uno de Pendiente, EnEjecucion, EjecutadoOk, ErrorAlEjecutar, Omitido";
    let day = "debe ser un día en UTC, como 2026-01-02";
    check(
        &[],
        &format!("estado: es obligatorio: {states}; dia: es obligatorio: {day}"),
    )
    .await;
    check(&[("estado", "Omitido")], &format!("dia: es obligatorio: {day}")).await;
    for bad in ["2026-1-2", "2026-02-30", "20260102", "hoy", "2026-01-02T00:00:00Z"] {
        check(&[("estado", "Omitido"), ("dia", bad)], &format!("dia: {day}")).await;
    }
    check(
        &[("estado", "omitido"), ("dia", "2026-01-02")],
        &format!("estado: {states}"),
    )
    .await;
    check(
        &[("estado", ""), ("dia", "2026-01-02")],
        "estado: está vacío: omítalo, o dele un valor",
    )
    .await;
}

#[tokio::test]
async fn a_cursor_belongs_to_its_state_and_day() {
    let world = world();
    let failed = [("estado", "ErrorAlEjecutar"), ("dia", "2026-01-02")];
    let first = world.page(PATH, &[failed[0], failed[1], ("limite", "2")]).await;
    let cursor = first["Cursor"].as_str().unwrap();
    for other in [("estado", "EjecutadoOk"), ("dia", "2026-01-03")] {
        let mut query = failed.to_vec();
        query.retain(|(name, _)| *name != other.0);
        let answer = world.list(PATH, &[query[0], other, ("cursor", cursor)]).await;
        assert!(
            answer.contains("cursor: es de otro listado o de otros filtros"),
            "{answer}"
        );
    }
    let own = format!("/Procesos/{}/Ejecuciones", run(0).id_proceso);
    let answer = world.list(&own, &[("cursor", cursor)]).await;
    assert!(answer.contains("es de otro listado"), "{answer}");
    assert_eq!(
        status(&world.list(PATH, &[failed[0], failed[1], ("cursor", "x")]).await),
        "400"
    );
}
