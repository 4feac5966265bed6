//! The dispatcher's binary with many processes, on a queue that throttles, rejects and loses answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use acceptance::edge::{Binary, Edge};
use acceptance::endpoint::{Call, Endpoint, Reply};
use acceptance::index;
use anyhow::Result;
use kairos::message::Mensaje;
use serde_json::{Value, json};

const PROCESSES: usize = 3_000;

/// What the endpoint does besides what it is asked to, by the number of the call: 1 is the first.
#[derive(Clone, Copy, Default)]
struct Trouble {
    /// Every so manyth batch is throttled.
    throttle: Option<usize>,
    /// Of every so manyth batch, two entries are rejected.
    reject: Option<usize>,
    /// This batch is taken, and its answer lost.
    lose: Option<usize>,
    /// How much later than others the second page arrives.
    second_page: Duration,
}

/// What came of it.
#[derive(Default)]
struct World {
    batches: usize,
    /// How often each process's message was taken.
    taken: BTreeMap<usize, usize>,
    continuations: Vec<Value>,
}

struct Ground {
    endpoint: Endpoint,
    world: Arc<Mutex<World>>,
}

impl Ground {
    fn start(trouble: Trouble) -> Result<Self> {
        let world = Arc::<Mutex<World>>::default();
        let seen = Arc::clone(&world);
        let endpoint = Endpoint::start(Duration::from_millis(2), move |call| {
            let mut world = seen.lock().unwrap_or_else(PoisonError::into_inner);
            match call.operation {
                "Query" => {
                    let asked = call.json();
                    let second = asked["ExclusiveStartKey"]["IdProceso"]["S"] == index::id(999);
                    let late = if second { trouble.second_page } else { Duration::ZERO };
                    index::page(&asked, PROCESSES).after(late)
                }
                "SendMessageBatch" => world.batch(call, trouble),
                invoke if invoke.ends_with("/invocations") => {
                    world.continuations.push(call.json());
                    Reply::of(202, "application/json", "")
                }
                other => Reply::error(400, "UnknownOperationException", other),
            }
        })?;
        Ok(Self { endpoint, world })
    }

    async fn dispatcher(&self) -> Result<Edge> {
        let binary = std::env::var_os("KAIROS_DISPATCHER")
            .map_or_else(|| Binary::packed("dispatcher"), |path| Ok(Binary::at(path)))?;
        Edge::start(&binary, &index::environment(&self.endpoint), 1).await
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn batch(&mut self, call: &Call<'_>, trouble: Trouble) -> Reply {
        self.batches += 1;
        let is = |every: Option<usize>| every.is_some_and(|every| self.batches.is_multiple_of(every));
        if is(trouble.throttle) {
            return Reply::throttled();
        }
        let asked = call.json();
        let entries = asked["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rejected: &[usize] = if is(trouble.reject) && entries.len() > 5 {
            &[1, 5]
        } else {
            &[]
        };
        for (place, entry) in entries.iter().enumerate() {
            let message: Result<Mensaje, _> = serde_json::from_str(entry["MessageBody"].as_str().unwrap_or_default());
            assert_eq!(entry["MessageGroupId"], index::CALENDARIZACION);
            let number = index::number(message.unwrap().id_proceso.as_str()).unwrap();
            if !rejected.contains(&place) {
                *self.taken.entry(number).or_default() += 1;
            }
        }
        if trouble.lose == Some(self.batches) {
            return Reply::lost();
        }
        index::took(entries.len(), rejected)
    }

    /// How many processes have a message, and how many of them more than one.
    fn counts(&self) -> (usize, usize) {
        (
            self.taken.len(),
            self.taken.values().filter(|times| **times > 1).count(),
        )
    }
}

#[tokio::test]
async fn throttled_and_rejected_messages_are_sent_once_all_the_same() -> Result<()> {
    let ground = Ground::start(Trouble {
        throttle: Some(100),
        reject: Some(70),
        ..Trouble::default()
    })?;
    let edge = ground.dispatcher().await?;
    let said = edge.invoke(&index::firing()).await?;
    assert_eq!(ground.world().counts(), (PROCESSES, 0), "{said}");
    assert_eq!(
        (
            &said["Encontrados"],
            &said["Habilitados"],
            &said["Enviados"],
            &said["Continua"]
        ),
        (&json!(PROCESSES), &json!(PROCESSES), &json!(PROCESSES), &json!(false)),
        "{said}"
    );
    assert!(said["Rechazados"].as_u64().is_some_and(|again| again >= 8), "{said}");
    let log = edge.log();
    for word in ["encontrados", "habilitados", "enviados", "rechazados", "milisegundos"] {
        assert!(log.contains(word), "\"{word}\" is not in the log: {log}");
    }
    Ok(())
}

#[tokio::test]
async fn a_lost_answer_repeats_its_own_messages_and_no_others() -> Result<()> {
    let ground = Ground::start(Trouble {
        lose: Some(50),
        ..Trouble::default()
    })?;
    let edge = ground.dispatcher().await?;
    let said = edge.invoke(&index::firing()).await?;
    assert_eq!(said["Enviados"], PROCESSES, "{said}");
    assert_eq!(ground.world().counts(), (PROCESSES, 10));
    Ok(())
}

#[tokio::test]
async fn near_its_deadline_it_hands_on_what_is_left() -> Result<()> {
    // The second page arrives when the time that the function is told to have is over, however slow the machine is.
    let told = Duration::from_secs(1);
    let ground = Ground::start(Trouble {
        second_page: told,
        ..Trouble::default()
    })?;
    let edge = ground.dispatcher().await?;
    let mut event = index::firing();
    let said = edge.invoke_within(&event, told).await?;
    assert_eq!(said["Continua"], true, "{said}");
    let sent = ground.world().counts();
    assert_eq!((said["Enviados"].clone(), sent.1), (json!(sent.0), 0));
    event = ground.world().continuations.first().cloned().unwrap_or_default();
    let cursor = sent.0.checked_sub(1).map(index::id);
    assert_eq!(event["Cursor"].as_str(), cursor.as_deref(), "after the last one sent");
    assert_eq!(
        (&event["FechaProgramada"], &event["Saltos"]),
        (&json!("2026-01-02T03:04:00.000Z"), &json!(1))
    );

    let said = edge.invoke(&event).await?;
    assert_eq!(said["Continua"], false, "{said}");
    assert_eq!(ground.world().counts(), (PROCESSES, 0), "none twice, none left out");
    Ok(())
}
