//! The conditions of the table of runs on the local AWS, against the rules that they say they follow.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use acceptance::account::Account;
use acceptance::ministack::{MiniStack, Options};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use futures_util::future::join_all;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::run::{Ejecucion, EstadoEjecucion, ttl};
use kairos_aws::claim::{Claim, Recorded, decide, settle};
use kairos_aws::items;
use kairos_aws::runs::{Outcome, Runs};

const TABLE: &str = "DemoEjecuciones";
const NOW: &str = "2026-01-02T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn run(n: usize) -> Mensaje {
    Mensaje {
        id_ejecucion: format!("00000000-0000-5000-8000-{n:012x}").parse().unwrap(),
        id_proceso: "proceso-a".parse().unwrap(),
        id_calendarizacion: "calendarizacion-a".parse().unwrap(),
        fecha_programada: at("2026-01-02T11:59:00Z"),
    }
}

async fn table() -> (Account, Runs) {
    let account = MiniStack::shared(Options::default()).unwrap().account();
    let key = KeySchemaElement::builder()
        .attribute_name("IdEjecucion")
        .key_type(KeyType::Hash);
    let id = AttributeDefinition::builder()
        .attribute_name("IdEjecucion")
        .attribute_type(ScalarAttributeType::S);
    let create = account
        .dynamodb()
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest);
    let create = create
        .key_schema(key.build().unwrap())
        .attribute_definitions(id.build().unwrap());
    create.send().await.unwrap();
    let runs = Runs::new(account.dynamodb(), TABLE, 90);
    (account, runs)
}

/// Every kind of thing that the table may hold of a run.
fn held() -> Vec<Option<Ejecucion>> {
    let mut all = vec![None];
    for estado in EstadoEjecucion::ALL {
        for dueno in [None, Some("me"), Some("other")] {
            for hasta in [
                None,
                Some("2026-01-02T11:59:59.999Z"),
                Some(NOW),
                Some("2026-01-02T12:00:01Z"),
            ] {
                all.push(Some(Ejecucion {
                    id_ejecucion: run(all.len()).id_ejecucion,
                    id_proceso: run(0).id_proceso,
                    id_calendarizacion: run(0).id_calendarizacion,
                    fecha_programada: run(0).fecha_programada,
                    estado,
                    intentos: 2,
                    arrendado_hasta: hasta.map(at),
                    dueno: dueno.map(str::to_owned),
                    fecha_inicio: None,
                    fecha_termino: None,
                    duracion_ms: Some(7),
                    respuesta: None,
                    error: Some("earlier".into()),
                    ttl: 1,
                }));
            }
        }
    }
    all
}

async fn put(account: &Account, held: Option<&Ejecucion>) {
    if let Some(held) = held {
        let item = items::write(held).unwrap();
        account
            .dynamodb()
            .put_item()
            .table_name(TABLE)
            .set_item(Some(item))
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn claims_and_omissions_do_what_the_rules_say() {
    let (account, runs) = table().await;
    for (n, held) in held().iter().enumerate() {
        put(&account, held.as_ref()).await;
        let claim = runs
            .claim(&run(n), "me", at(NOW), at("2026-01-02T12:02:10Z"))
            .await
            .unwrap();
        assert_eq!(claim, decide(held.as_ref(), "me", at(NOW)), "{held:?}");
        let now = runs.get(run(n).id_ejecucion).await.unwrap();
        if let (Claim::Mine { attempt }, Some(now)) = (&claim, &now) {
            assert_eq!(
                (now.estado, now.intentos),
                (EstadoEjecucion::EnEjecucion, *attempt),
                "{held:?}"
            );
            assert_eq!(now.dueno.as_deref(), Some("me"), "{held:?}");
        } else {
            assert_eq!(&now, held, "what is refused changes nothing");
        }

        let id = AttributeValue::S(run(n).id_ejecucion.to_string());
        account
            .dynamodb()
            .delete_item()
            .table_name(TABLE)
            .key("IdEjecucion", id)
            .send()
            .await
            .unwrap();
        put(&account, held.as_ref()).await;
        let free = matches!(decide(held.as_ref(), "", at(NOW)), Claim::Mine { .. });
        let omitted = runs.omit(&run(n), "gone", at(NOW)).await.unwrap();
        let now = runs.get(run(n).id_ejecucion).await.unwrap();
        if free {
            assert_eq!(omitted, Claim::Settled(EstadoEjecucion::Omitido), "{held:?}");
            assert_eq!(now.map(|now| now.estado), Some(EstadoEjecucion::Omitido), "{held:?}");
        } else {
            assert_eq!(omitted, decide(held.as_ref(), "", at(NOW)), "{held:?}");
            assert_eq!(&now, held, "what is refused changes nothing");
        }
    }
}

#[tokio::test]
async fn results_do_what_the_rules_say() {
    let (account, runs) = table().await;
    let from = at("2026-01-02T12:00:29Z");
    let again = Outcome::Again {
        reason: "reason".into(),
        from,
    };
    for outcome in [Outcome::Ok("answer".into()), Outcome::Error("reason".into()), again] {
        let state = outcome.state();
        let lease = matches!(outcome, Outcome::Again { .. }).then_some(from);
        // A target that was never called took no time.
        let took =
            matches!(outcome, Outcome::Ok(_) | Outcome::Again { .. }).then_some(Duration::from_micros(1_250_700));
        for (n, held) in held().iter().enumerate() {
            put(&account, held.as_ref()).await;
            for attempt in [1, 2] {
                let before = runs.get(run(n).id_ejecucion).await.unwrap();
                let recorded = runs
                    .record(&run(n), "me", attempt, &outcome, took, at(NOW))
                    .await
                    .unwrap();
                assert_eq!(
                    recorded,
                    settle(before.as_ref(), "me", attempt, state),
                    "{attempt} {outcome:?} {before:?}"
                );
                let now = runs.get(run(n).id_ejecucion).await.unwrap();
                let ended = before.as_ref().is_some_and(|run| run.estado.is_final());
                match recorded {
                    Recorded::Written if ended => assert_eq!(now, before, "the same result again changes nothing"),
                    Recorded::Written => {
                        let now = now.map(|now| (now.estado, now.arrendado_hasta, now.duracion_ms));
                        assert_eq!(now, Some((state, lease, took.map(|_| 1_250))), "{before:?}");
                    }
                    Recorded::Lost => assert_eq!(now, before, "what is refused changes nothing"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_run_carries_its_facts_its_index_key_and_its_end_of_life() {
    let (account, runs) = table().await;
    runs.claim(&run(5), "me", at(NOW), at("2026-01-02T12:02:10Z"))
        .await
        .unwrap();
    runs.record(
        &run(5),
        "me",
        1,
        &Outcome::Ok("answer".into()),
        Some(Duration::from_millis(740)),
        at("2026-01-02T12:00:01Z"),
    )
    .await
    .unwrap();
    let id = AttributeValue::S(run(5).id_ejecucion.to_string());
    let answer = account
        .dynamodb()
        .get_item()
        .table_name(TABLE)
        .key("IdEjecucion", id)
        .send()
        .await
        .unwrap();
    let mut item: Vec<String> = answer
        .item()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name} {value:?}"))
        .collect();
    item.sort();
    expect_test::expect![[r#"
        [
            "Dueno S(\"me\")",
            "DuracionMs N(\"740\")",
            "Estado S(\"EjecutadoOk\")",
            "EstadoDia S(\"EjecutadoOk#2026-01-02#5\")",
            "FechaInicio S(\"2026-01-02T12:00:00.000Z\")",
            "FechaProgramada S(\"2026-01-02T11:59:00.000Z\")",
            "FechaTermino S(\"2026-01-02T12:00:01.000Z\")",
            "IdCalendarizacion S(\"calendarizacion-a\")",
            "IdEjecucion S(\"00000000-0000-5000-8000-000000000005\")",
            "IdProceso S(\"proceso-a\")",
            "Intentos N(\"1\")",
            "Respuesta S(\"answer\")",
            "TTL N(\"1775131201\")",
        ]
    "#]]
    .assert_debug_eq(&item);
}

#[tokio::test]
async fn every_write_says_when_the_run_may_be_forgotten() {
    let (_, runs) = table().await;
    let kept = async |n: usize| runs.get(run(n).id_ejecucion).await.unwrap().unwrap().ttl;
    // A firing that is replayed long after its time is kept as long as any other.
    let (late, later) = (at("2026-06-01T00:00:00Z"), at("2026-06-01T00:01:00Z"));
    runs.open(&run(20), late).await.unwrap();
    assert_eq!(kept(20).await, ttl(late, 90));
    runs.claim(&run(20), "me", later, at("2026-06-01T00:05:00Z"))
        .await
        .unwrap();
    assert_eq!(kept(20).await, ttl(later, 90));
    let last = at("2026-06-01T00:02:00Z");
    runs.record(&run(20), "me", 1, &Outcome::Error("no".into()), None, last)
        .await
        .unwrap();
    assert_eq!(kept(20).await, ttl(last, 90));
    runs.omit(&run(21), "gone", late).await.unwrap();
    assert_eq!(kept(21).await, ttl(late, 90));
    // One that begins before its time, as a clock says, counts from its time.
    let early = at("2026-01-02T11:58:59Z");
    runs.claim(&run(22), "me", early, at(NOW)).await.unwrap();
    assert_eq!(kept(22).await, ttl(run(22).fecha_programada, 90));
}

#[tokio::test]
async fn a_run_that_was_asked_for_waits_until_it_is_claimed_and_is_recorded_once() {
    let (_, runs) = table().await;
    let asked = run(6);
    assert_eq!(runs.open(&asked, at(NOW)).await.unwrap(), None);
    let held = runs.get(asked.id_ejecucion).await.unwrap().unwrap();
    assert_eq!((held.estado, held.intentos), (EstadoEjecucion::Pendiente, 0));
    assert_eq!(held.fecha_programada, asked.fecha_programada);
    // Asked for again, later, under the same id: as it was.
    let again = Mensaje {
        fecha_programada: at("2026-01-02T13:00:00Z"),
        ..asked.clone()
    };
    assert_eq!(runs.open(&again, at(NOW)).await.unwrap(), Some(held));
    let claim = runs
        .claim(&asked, "me", at(NOW), at("2026-01-02T12:02:10Z"))
        .await
        .unwrap();
    assert_eq!(claim, Claim::Mine { attempt: 1 });
    let running = runs.open(&asked, at(NOW)).await.unwrap().unwrap();
    assert_eq!((running.estado, running.intentos), (EstadoEjecucion::EnEjecucion, 1));
}

#[tokio::test]
async fn of_many_claims_at_once_one_is_granted() {
    let (_, runs) = table().await;
    let claims = (0..20).map(|n| {
        let runs = runs.clone();
        async move {
            runs.claim(&run(1), &format!("owner-{n}"), at(NOW), at("2026-01-02T12:02:10Z"))
                .await
                .unwrap()
        }
    });
    let claims = join_all(claims).await;
    assert_eq!(
        claims
            .iter()
            .filter(|claim| **claim == Claim::Mine { attempt: 1 })
            .count(),
        1,
        "{claims:?}"
    );
    assert!(claims.iter().all(|claim| !matches!(claim, Claim::Settled(_))));
}
