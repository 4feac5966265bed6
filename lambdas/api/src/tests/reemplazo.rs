//! `PUT /Procesos/{id}`, tags, and `If-Match`.

use kairos::ids::{IdCalendarizacion, IdProceso};
use serde_json::Value;

use super::*;

/// A registered process: its path, and its tag.
async fn registered(world: &World) -> (String, String) {
    let answer = world
        .send(Ask::new("POST", "/Procesos").body(&proceso().to_string()))
        .await;
    assert_eq!(answer.status, 201);
    let tag = answer.header("etag").unwrap().to_owned();
    (format!("/Procesos/{}", world.only()), tag)
}

async fn put(world: &World, path: &str, body: &Value, if_match: &str) -> Answer {
    let ask = Ask::new("PUT", path).body(&body.to_string());
    world
        .send(if if_match.is_empty() {
            ask
        } else {
            ask.header("If-Match", if_match)
        })
        .await
}

#[tokio::test]
async fn a_process_is_replaced_as_a_whole_and_moves_with_its_schedule() {
    let world = World::new();
    let (path, tag) = registered(&world).await;
    let body = with(&json!({"cron": "rate(5 minutes)", "reintentos": 7, "habilitado": false}));
    let answer = put(&world, &path, &body, "").await;
    assert_snapshot!("replaced", answer.to_string());
    assert_ne!(answer.header("etag"), Some(tag.as_str()));
    let shown = world.send(Ask::new("GET", &path)).await;
    assert_eq!(
        (shown.json(), shown.header("etag")),
        (answer.json(), answer.header("etag"))
    );
    assert_eq!(world.memory.world().schedules.len(), 1, "no orphan");
    // What is left out is the default again, and the name may be left out.
    let mut body = proceso();
    for key in ["nombre", "habilitado", "parametros"] {
        body.as_object_mut().unwrap().remove(key);
    }
    let answer = put(&world, &path, &body, "").await.json();
    assert_eq!(
        (
            &answer["Nombre"],
            &answer["Habilitado"],
            &answer["Reintentos"],
            &answer["Parametros"]
        ),
        (&json!("Cobro diario"), &json!(true), &json!(3), &Value::Null)
    );
}

#[tokio::test]
async fn a_replacement_without_a_change_keeps_the_tag() {
    let world = World::new();
    let (path, tag) = registered(&world).await;
    let answer = put(&world, &path, &proceso(), &tag).await;
    assert_eq!((answer.status, answer.header("etag")), (200, Some(tag.as_str())));
}

#[tokio::test]
async fn the_same_rules_hold_as_at_registration() {
    let world = World::new();
    let (path, _) = registered(&world).await;
    for (changes, field) in [
        (json!({"cron": "0 25 * * ? *"}), "cron"),
        (json!({"arnRol": "arn:aws:iam::123456789012:role/Otro"}), "arnRol"),
        (json!({"nombre": "Otro nombre"}), "nombre"),
        (json!({"cron": "at(2026-01-02T11:00:00)"}), "cron"),
        (json!({"cron": null}), "cron"),
        (json!({"otro": 1}), "otro"),
        (json!({"reintentos": "3"}), "reintentos"),
    ] {
        let answer = put(&world, &path, &with(&changes), "").await;
        assert_eq!((answer.status, answer.fault().0.as_str()), (400, field), "{answer}");
    }
    assert_eq!(
        put(&world, &path, &with(&json!({"nombre": " COBRO  diario"})), "")
            .await
            .status,
        200
    );
    for unknown in ["/Procesos/proceso-nadie", "/Procesos/otra-cosa"] {
        let mut nameless = proceso();
        nameless.as_object_mut().unwrap().remove("nombre");
        for body in [proceso(), nameless] {
            assert_eq!(put(&world, unknown, &body, "*").await.status, 404);
        }
    }
}

#[tokio::test]
async fn if_match_is_a_condition_of_changes_and_deletions() {
    let world = World::new();
    let (path, first) = registered(&world).await;
    let slower = with(&json!({"cron": "rate(5 minutes)"}));
    let second = put(&world, &path, &slower, &first).await;
    assert_eq!(second.status, 200, "{second}");
    let second = second.header("etag").unwrap().to_owned();
    let stale = put(&world, &path, &proceso(), &first).await;
    assert_snapshot!("stale", stale.to_string());
    for never in [format!("W/{second}"), "\"\"".into(), format!("{first}, \"x\"")] {
        assert_eq!(put(&world, &path, &proceso(), &never).await.status, 412, "{never}");
        let delete = Ask::new("DELETE", &path).header("If-Match", &never);
        assert_eq!(world.send(delete).await.status, 412, "{never}");
    }
    assert_eq!(
        world.send(Ask::new("GET", &path)).await.header("etag"),
        Some(second.as_str()),
        "untouched"
    );
    for holds in [
        "*".to_owned(),
        second.clone(),
        format!("{first}, {second}"),
        format!("W/\"x\",{second}"),
    ] {
        assert_eq!(put(&world, &path, &slower, &holds).await.status, 200, "{holds}");
    }
    let lines = Ask::new("PUT", &path).body(&slower.to_string());
    let lines = lines.header("If-Match", &first).also("If-Match", &second);
    assert_eq!(world.send(lines).await.status, 200, "lines of one header are one list");
    for wrong in ["1", "'1'", "\"1", "*, \"1\""] {
        let answer = put(&world, &path, &slower, wrong).await;
        assert_eq!((answer.status, answer.fault().0.as_str()), (400, "If-Match"), "{wrong}");
    }
    let delete = Ask::new("DELETE", &path).header("If-Match", &second);
    assert_eq!(world.send(delete).await.status, 204);
}

#[tokio::test]
async fn a_process_that_was_registered_again_has_another_tag() {
    let world = World::new();
    let (path, tag) = registered(&world).await;
    assert_eq!(world.send(Ask::new("DELETE", &path)).await.status, 204);
    {
        let mut world = world.memory.world();
        world.now = world.now.saturating_add(jiff::SignedDuration::from_millis(1)).unwrap();
    }
    let (same, again) = registered(&world).await;
    assert_eq!(path, same);
    assert_ne!(tag, again);
    assert_eq!(put(&world, &path, &proceso(), &tag).await.status, 412);
}

#[tokio::test]
async fn of_two_who_saw_the_same_process_one_is_told() {
    let world = World::new();
    let (path, tag) = registered(&world).await;
    let (one, two) = (with(&json!({"reintentos": 1})), with(&json!({"cron": "rate(2 hours)"})));
    let (one, two) = tokio::join!(put(&world, &path, &one, &tag), put(&world, &path, &two, &tag));
    let mut both = [one.status, two.status];
    both.sort_unstable();
    assert_eq!(both, [200, 412]);
}

#[tokio::test]
async fn a_process_of_the_earlier_system_is_read_changed_run_and_deleted_under_its_id() {
    let world = World::new();
    let id = IdProceso::legacy("Cobro diario");
    let row = json!({
        "IdProceso": id, "Nombre": "Cobro diario", "ArnRol": ROLE, "ArnProceso": TARGET, "Parametros": "{}",
        "IdCalendarizacion": IdCalendarizacion::legacy("0 3 * * ? *")
    });
    let row = serde_json::from_value(row).unwrap();
    world.memory.world().tables.procesos.insert(id.clone(), row);
    let path = format!("/Procesos/{id}");
    let shown = world.send(Ask::new("GET", &path)).await;
    assert_eq!((shown.status, shown.header("etag")), (200, Some("\"0-0\"")));
    let ran = world.send(Ask::new("POST", &format!("{path}/Ejecuciones"))).await;
    assert_eq!(ran.status, 202, "{ran}");
    let taken = world.register(&with(&json!({"cron": "rate(1 hour)"}))).await;
    assert!(taken.starts_with("409") && taken.contains(id.as_str()), "{taken}");
    let mut body = with(&json!({"reintentos": 1}));
    body.as_object_mut().unwrap().remove("nombre");
    let changed = put(&world, &path, &body, "\"0-0\"").await;
    assert_eq!(
        (changed.status, &changed.json()["IdProceso"]),
        (200, &json!(id)),
        "{changed}"
    );
    assert_eq!(world.memory.world().schedules.len(), 1, "on a schedule of ours");
    assert_eq!(world.send(Ask::new("DELETE", &path)).await.status, 204);
    assert!(world.memory.world().schedules.is_empty());
}
