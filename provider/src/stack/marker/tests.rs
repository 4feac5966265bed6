#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use kairos::names::Place;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::stack::bounds::Bounds;

#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, String>>>);

impl Shelf for Memory {
    async fn get(&self, name: &str) -> Result<Option<String>, AwsError> {
        tokio::task::yield_now().await;
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn under(&self, path: &str) -> Result<Vec<String>, AwsError> {
        let shelf = self.0.lock().unwrap();
        Ok(shelf
            .keys()
            .filter(|name| name.starts_with(&format!("{path}/")))
            .cloned()
            .collect())
    }

    async fn create(&self, name: &str, text: &str) -> Result<bool, AwsError> {
        tokio::task::yield_now().await;
        let mut shelf = self.0.lock().unwrap();
        let fresh = !shelf.contains_key(name);
        if fresh {
            shelf.insert(name.into(), text.into());
        }
        Ok(fresh)
    }

    async fn write(&self, name: &str, text: &str) -> Result<(), AwsError> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap().insert(name.into(), text.into());
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), AwsError> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// What is wrong with a shelf.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// It takes no name yet that it does not show any more.
    Lingers,
    /// It never answers a write.
    Silent,
    /// It does what it is told, and its answer is lost.
    LostAnswers,
}

/// A shelf with a fault, and how often it was asked to create something.
#[derive(Debug, Clone)]
struct Faulty(Memory, Fault, Arc<Mutex<u32>>);

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self(Memory::default(), fault, Arc::default())
    }
}

impl Shelf for Faulty {
    async fn get(&self, name: &str) -> Result<Option<String>, AwsError> {
        self.0.get(name).await
    }

    async fn under(&self, path: &str) -> Result<Vec<String>, AwsError> {
        self.0.under(path).await
    }

    async fn create(&self, name: &str, text: &str) -> Result<bool, AwsError> {
        *self.2.lock().unwrap() += 1;
        if self.1 == Fault::Lingers {
            Ok(false)
        } else {
            self.0.create(name, text).await
        }
    }

    async fn write(&self, name: &str, text: &str) -> Result<(), AwsError> {
        if self.1 == Fault::Silent {
            return std::future::pending().await;
        }
        self.0.write(name, text).await?;
        Err(AwsError {
            action: "PutParameter".into(),
            object: name.into(),
            code: None,
            message: "the connection was closed".into(),
            request_id: None,
            class: kairos_aws::Class::Transient,
            ambiguous: true,
        })
    }

    async fn remove(&self, name: &str) -> Result<(), AwsError> {
        self.0.remove(name).await
    }
}

fn names() -> Names {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Names::new("demo", place)
}

async fn try_open<S: Shelf>(shelf: &S, purpose: Purpose, patience: Duration) -> Result<Lease<S>, MarkerError> {
    let bounds = Bounds::new(&CancellationToken::new(), patience);
    open(shelf, &names(), purpose, &bounds).await
}

const SOON: Duration = Duration::from_millis(300);

/// Lays a marker down as a process left it that was killed `ago` seconds after its last renewal.
fn left_behind(shelf: &Memory, fase: Phase, ago: i64) -> Marker {
    let hasta = Timestamp::now() + SignedDuration::from_secs(60 - ago);
    let marker = Marker {
        instalacion: Uuid::new_v4(),
        fase,
        arriendo: Term {
            id: Uuid::new_v4(),
            hasta,
        },
        protegida: false,
        inconclusa: true,
    };
    shelf
        .0
        .lock()
        .unwrap()
        .insert(names().marker(), serde_json::to_string(&marker).unwrap());
    marker
}

#[tokio::test]
async fn a_marker_is_created_completed_and_removed() {
    let shelf = Memory::default();
    let lease = try_open(&shelf, Purpose::Create, SOON).await.unwrap();
    let id = lease.installation();
    assert_eq!(read(&shelf, &names()).await.unwrap().unwrap().fase, Phase::Creando);
    lease.complete(true).await.unwrap();
    let marker = read(&shelf, &names()).await.unwrap().unwrap();
    assert!(marker.fase == Phase::Completa && marker.protegida && marker.arriendo.hasta <= Timestamp::now());
    assert!(!marker.inconclusa);

    let lease = try_open(&shelf, Purpose::Change(id), SOON).await.unwrap();
    assert_eq!(lease.phase(), Phase::Completa);
    lease.release().await.unwrap();
    let lease = try_open(&shelf, Purpose::Destroy(id), SOON).await.unwrap();
    assert_eq!(lease.phase(), Phase::Destruyendo);
    lease.remove().await.unwrap();
    assert_eq!(shelf.0.lock().unwrap().len(), 0, "no marker and no claim is left");
}

#[tokio::test]
async fn a_complete_stack_is_not_created_again() {
    let shelf = Memory::default();
    left_behind(&shelf, Phase::Completa, 100);
    let error = try_open(&shelf, Purpose::Create, SOON).await.unwrap_err();
    assert!(error.to_string().contains("terraform import <address> demo"), "{error}");
}

#[tokio::test]
async fn another_installation_is_left_alone() {
    let shelf = Memory::default();
    let theirs = left_behind(&shelf, Phase::Completa, 100);
    for purpose in [Purpose::Change(Uuid::new_v4()), Purpose::Destroy(Uuid::new_v4())] {
        assert!(matches!(
            try_open(&shelf, purpose, SOON).await,
            Err(MarkerError::Other { .. })
        ));
    }
    assert_eq!(read(&shelf, &names()).await.unwrap(), Some(theirs));
}

#[tokio::test]
async fn an_unfinished_creation_is_taken_up_once_its_lease_has_run_out() {
    let shelf = Memory::default();
    left_behind(&shelf, Phase::Creando, 0);
    let busy = try_open(&shelf, Purpose::Create, SOON).await.unwrap_err();
    assert!(matches!(busy, MarkerError::Busy { .. }), "{busy}");

    left_behind(&shelf, Phase::Creando, 59);
    let lease = try_open(&shelf, Purpose::Create, Duration::from_secs(10))
        .await
        .unwrap();
    assert!(lease.waited);
    assert_eq!(shelf.0.lock().unwrap().len(), 1, "the claim is gone");
}

#[tokio::test]
async fn work_that_was_killed_is_known_until_the_stack_is_complete() {
    let shelf = Memory::default();
    let killed = left_behind(&shelf, Phase::Completa, 100);
    assert!(killed.is_abandoned());
    let change = || try_open(&shelf, Purpose::Change(killed.instalacion), SOON);
    // Another change that fails leaves it so.
    let lease = change().await.unwrap();
    assert!(lease.left_behind);
    lease.release().await.unwrap();
    assert!(read(&shelf, &names()).await.unwrap().unwrap().is_abandoned());
    change().await.unwrap().complete(true).await.unwrap();
    assert!(!read(&shelf, &names()).await.unwrap().unwrap().is_abandoned());
    // A change that fails and is not killed tells its state what it did.
    let lease = change().await.unwrap();
    assert!(!lease.left_behind);
    lease.release().await.unwrap();
    assert!(!read(&shelf, &names()).await.unwrap().unwrap().is_abandoned());
}

#[tokio::test]
async fn of_many_contenders_for_an_expired_lease_one_gets_it() {
    let shelf = Memory::default();
    left_behind(&shelf, Phase::Creando, 100);
    let contenders = (0..20).map(|_| try_open(&shelf, Purpose::Create, SOON));
    let outcomes = futures_util::future::join_all(contenders).await;
    let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 19));
}

#[tokio::test]
async fn a_claim_whose_owner_died_is_claimed_itself() {
    let shelf = Memory::default();
    let expired = left_behind(&shelf, Phase::Creando, 100);
    let dead = Term {
        id: Uuid::new_v4(),
        hasta: Timestamp::now() - SignedDuration::from_secs(1),
    };
    let claim = names().parameter(&format!("Kairos/Toma/{}", expired.arriendo.id));
    shelf
        .0
        .lock()
        .unwrap()
        .insert(claim, serde_json::to_string(&dead).unwrap());
    try_open(&shelf, Purpose::Create, SOON).await.unwrap();
    assert_eq!(shelf.0.lock().unwrap().len(), 1, "both claims are gone");
}

#[tokio::test]
async fn a_half_destroyed_stack_is_not_taken_up_by_a_create() {
    let shelf = Memory::default();
    left_behind(&shelf, Phase::Destruyendo, 100);
    let error = try_open(&shelf, Purpose::Create, SOON).await.unwrap_err();
    assert!(matches!(error, MarkerError::HalfDestroyed { .. }), "{error}");
}

#[tokio::test]
async fn a_parameter_that_is_no_marker_is_foreign() {
    let shelf = Memory::default();
    shelf.0.lock().unwrap().insert(names().marker(), "hello".into());
    let error = try_open(&shelf, Purpose::Create, SOON).await.unwrap_err();
    assert!(matches!(error, MarkerError::Foreign { .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_is_not_taken_again_yet_is_tried_now_and_then_until_the_time_is_over() {
    let shelf = Faulty::new(Fault::Lingers);
    let error = try_open(&shelf, Purpose::Create, SOON).await.unwrap_err();
    assert!(matches!(error, MarkerError::Lingers { .. }), "{error}");
    let asked = *shelf.2.lock().unwrap();
    assert!((1..=2).contains(&asked), "asked {asked} times");
}

#[tokio::test]
async fn a_renewal_that_is_never_answered_loses_the_lease_when_it_runs_out() {
    let shelf = Faulty::new(Fault::Silent);
    let marker = left_behind(&shelf.0, Phase::Creando, 59);
    let lost = CancellationToken::new();
    let renewal = super::lease::renew(shelf, names(), marker, lost.clone());
    tokio::time::timeout(Duration::from_secs(30), renewal).await.unwrap();
    assert!(lost.is_cancelled());
}

#[tokio::test]
async fn a_lease_that_somebody_else_has_taken_cannot_be_closed() {
    let shelf = Memory::default();
    for close in [true, false] {
        shelf.0.lock().unwrap().clear();
        let lease = try_open(&shelf, Purpose::Create, SOON).await.unwrap();
        let theirs = left_behind(&shelf, Phase::Creando, 0);
        let closed = if close {
            lease.complete(true).await
        } else {
            lease.remove().await
        };
        assert!(matches!(closed, Err(MarkerError::Lost { .. })), "{closed:?}");
        assert_eq!(read(&shelf, &names()).await.unwrap(), Some(theirs));
    }
}

#[tokio::test]
async fn a_close_whose_answer_is_lost_is_found_to_have_been_done() {
    let shelf = Faulty::new(Fault::LostAnswers);
    let lease = try_open(&shelf, Purpose::Create, SOON).await.unwrap();
    lease.complete(true).await.unwrap();
    assert_eq!(read(&shelf, &names()).await.unwrap().unwrap().fase, Phase::Completa);
}

#[tokio::test]
async fn claims_that_were_left_behind_go_with_the_marker() {
    let shelf = Memory::default();
    let lease = try_open(&shelf, Purpose::Create, SOON).await.unwrap();
    shelf.create(&names().parameter("Kairos/Toma/1"), "{}").await.unwrap();
    shelf
        .create(&names().parameter("Schedule/NombreGrupo"), "x")
        .await
        .unwrap();
    lease.remove().await.unwrap();
    let left: Vec<String> = shelf.0.lock().unwrap().keys().cloned().collect();
    assert_eq!(left, [names().parameter("Schedule/NombreGrupo")]);
}
