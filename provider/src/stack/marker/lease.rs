//! Opening a marker, holding it while work is under way, and closing it.
//!
//! Invariant: of any number of contenders for an expired lease, one gets it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kairos::names::Names;
use kairos_aws::AwsError;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::shelf::Shelf;
use super::{Marker, MarkerError, Phase, Term, read};
use crate::stack::bounds::{Bounds, End};

/// How long a lease runs without being renewed.
const TERM: SignedDuration = SignedDuration::from_secs(60);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often a lease that is waited for is looked at: it may be given back early.
const LOOK: Duration = Duration::from_secs(2);

/// What a marker is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Creating the stack: an unfinished creation is taken up, a complete stack is not.
    Create,
    /// Changing the installation that the state knows.
    Change(Uuid),
    /// Destroying the installation that the state knows.
    Destroy(Uuid),
}

/// A lease that is in force and is renewed until it is closed.
#[derive(Debug)]
pub struct Lease<S: Shelf> {
    shelf: S,
    names: Names,
    marker: Marker,
    renewal: Renewal,
    /// Whether there may be more than any state tells of ([`Marker::has_traces`]).
    pub left_behind: bool,
    /// Whether it was found with work that nobody finished: that stays so until the stack is complete.
    unfinished: bool,
    /// True where somebody else held it meanwhile, or had left it: what was observed before may be out of date.
    pub waited: bool,
}

/// The task that renews; it ends with its handle, however that goes.
#[derive(Debug)]
struct Renewal(JoinHandle<()>);

impl Drop for Renewal {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Opens the marker: creates it, or waits until nobody holds it and takes it.
///
/// # Guarantees
/// Of several that open one marker at once, one gets it at a time. Should the lease ever be lost, `bounds` is told.
///
/// # Errors
/// The stack is not what `purpose` needs it to be, or stays held by somebody else until the end of `bounds`.
pub async fn open<S: Shelf>(
    shelf: &S,
    names: &Names,
    purpose: Purpose,
    bounds: &Bounds,
) -> Result<Lease<S>, MarkerError> {
    let hold = |marker: Marker, found: Option<&Marker>, waited| {
        let span = tracing::info_span!("renewal", componente = "marker", action = "renew");
        let renewal = renew(shelf.clone(), names.clone(), marker.clone(), bounds.lost().clone());
        let renewal = Renewal(tokio::spawn(renewal.instrument(span)));
        Lease {
            shelf: shelf.clone(),
            names: names.clone(),
            marker,
            renewal,
            left_behind: found.is_some_and(Marker::has_traces),
            unfinished: found.is_some_and(|found| found.inconclusa),
            waited,
        }
    };
    let (mut waited, mut refused) = (false, false);
    loop {
        let Some(found) = read(shelf, names).await? else {
            if refused {
                // SSM does not take a name again at once after its deletion.
                let lingers = |why: End| MarkerError::Lingers {
                    name: names.marker(),
                    why,
                };
                bounds.pause(LOOK).await.map_err(lingers)?;
            }
            let marker = Marker {
                instalacion: purpose.installation().unwrap_or_else(Uuid::new_v4),
                fase: Phase::Creando,
                arriendo: term(),
                protegida: false,
                inconclusa: true,
            };
            if shelf.create(&names.marker(), &text(&marker)).await? {
                return Ok(hold(marker, None, waited));
            }
            (waited, refused) = (true, true);
            continue;
        };
        purpose.suits(&found, names)?;
        if found.arriendo.hasta > Timestamp::now() {
            wait(names, &found.arriendo, bounds).await?;
            waited = true;
            continue;
        }
        if purpose == Purpose::Create && found.fase == Phase::Destruyendo {
            return Err(MarkerError::HalfDestroyed {
                app: names.app.clone(),
                instalacion: found.instalacion,
            });
        }
        if let Some(marker) = take(shelf, names, &found, purpose).await? {
            return Ok(hold(marker, Some(&found), waited));
        }
        // Somebody else is taking it: looked at again once they have.
        waited = true;
        wait(names, &found.arriendo, bounds).await?;
    }
}

impl Purpose {
    fn installation(self) -> Option<Uuid> {
        match self {
            Self::Create => None,
            Self::Change(id) | Self::Destroy(id) => Some(id),
        }
    }

    /// Whether this may be done to the installation that the marker names.
    ///
    /// # Errors
    /// It may not.
    pub fn suits(self, found: &Marker, names: &Names) -> Result<(), MarkerError> {
        let (app, found_id) = (names.app.clone(), found.instalacion);
        match self.installation() {
            None if found.fase == Phase::Completa => Err(MarkerError::Complete {
                app,
                instalacion: found_id,
            }),
            Some(expected) if expected != found_id => Err(MarkerError::Other {
                app,
                found: found_id,
                expected,
            }),
            _ => Ok(()),
        }
    }
}

/// Takes over an expired lease; `None` where somebody else is about to.
async fn take<S: Shelf>(
    shelf: &S,
    names: &Names,
    expired: &Marker,
    purpose: Purpose,
) -> Result<Option<Marker>, MarkerError> {
    let Some(claims) = claim(shelf, names, expired.arriendo.id).await? else {
        return Ok(None);
    };
    let current = read(shelf, names).await?;
    let taken = if current.as_ref() == Some(expired) {
        let marker = Marker {
            instalacion: purpose.installation().unwrap_or_else(Uuid::new_v4),
            fase: match purpose {
                Purpose::Destroy(_) => Phase::Destruyendo,
                Purpose::Change(_) if expired.fase == Phase::Completa => Phase::Completa,
                _ => Phase::Creando,
            },
            arriendo: term(),
            protegida: expired.protegida,
            inconclusa: true,
        };
        write(shelf, names, &marker).await?;
        tracing::info!(stack = names.app, fase = %marker.fase, "took the marker over");
        Some(marker)
    } else {
        None
    };
    for claim in claims {
        // It is on a lease that nobody holds any more: left behind it stops nobody, and goes with the marker.
        if let Err(error) = shelf.remove(&claim).await {
            tracing::warn!(claim, %error, "could not remove the claim on the marker");
        }
    }
    Ok(taken)
}

/// Claims an expired lease, by way of the claims on it that have expired themselves: the claims to remove afterwards, or
/// `None` where one of them is somebody else's and in force.
async fn claim<S: Shelf>(shelf: &S, names: &Names, lease: Uuid) -> Result<Option<Vec<String>>, MarkerError> {
    let mut claims = Vec::new();
    let mut on = lease;
    loop {
        let name = names.parameter(&format!("Kairos/Toma/{on}"));
        let ours = term();
        let fresh = shelf.create(&name, &text(&ours)).await?;
        claims.push(name.clone());
        if fresh {
            return Ok(Some(claims));
        }
        // Gone since: its owner has finished.
        let Some(theirs) = shelf.get(&name).await? else {
            return Ok(None);
        };
        let theirs: Term = serde_json::from_str(&theirs).map_err(|problem| MarkerError::Foreign {
            name,
            problem: problem.to_string(),
        })?;
        if theirs.hasta > Timestamp::now() {
            return Ok(None);
        }
        on = theirs.id;
    }
}

/// Waits a while for somebody else's lease to end.
async fn wait(names: &Names, theirs: &Term, bounds: &Bounds) -> Result<(), MarkerError> {
    let busy = |why: End| MarkerError::Busy {
        app: names.app.clone(),
        hasta: theirs.hasta,
        why,
    };
    tracing::info!(stack = names.app, hasta = %theirs.hasta, "waits for somebody else's lease to end");
    bounds.pause(left(theirs).clamp(LOOK / 20, LOOK)).await.map_err(busy)
}

/// Renews a lease for as long as it is ours. A renewal that fails, or is not answered, is tried again until the lease has
/// run out: from then on anybody may take it.
pub(super) async fn renew<S: Shelf>(shelf: S, names: Names, mut marker: Marker, lost: CancellationToken) {
    // The machine may sleep: its clock then goes on, and the timer does not.
    let mut end = Instant::now() + left(&marker.arriendo);
    let mut pause = RENEWAL;
    loop {
        let third = end.saturating_duration_since(Instant::now()) / 3;
        tokio::time::sleep_until(end.min(Instant::now() + pause.min(third).max(LOOK / 20))).await;
        let next = Instant::now() + Duration::try_from(TERM).unwrap_or_default();
        let lapsed = Instant::now() >= end || left(&marker.arriendo).is_zero();
        let answer = if lapsed {
            Ok(Ok(None))
        } else {
            tokio::time::timeout_at(end, renewed(&shelf, &names, &marker)).await
        };
        match answer {
            Ok(Ok(Some(renewed))) => (marker, end, pause) = (renewed, next, RENEWAL),
            Ok(Err(error)) => {
                tracing::warn!(stack = names.app, %error, "could not renew the lease of the marker");
                pause = LOOK;
            }
            Ok(Ok(None)) | Err(_) => {
                tracing::error!(
                    stack = names.app,
                    "lost the lease of the marker: nothing more is started"
                );
                return lost.cancel();
            }
        }
    }
}

/// The marker with its lease renewed; `None` where the lease is no longer ours.
async fn renewed<S: Shelf>(shelf: &S, names: &Names, marker: &Marker) -> Result<Option<Marker>, MarkerError> {
    if !holds(read(shelf, names).await?.as_ref(), marker) {
        return Ok(None);
    }
    let arriendo = Term {
        hasta: until(),
        ..marker.arriendo.clone()
    };
    let renewed = Marker {
        arriendo,
        ..marker.clone()
    };
    shelf.write(&names.marker(), &text(&renewed)).await?;
    Ok(Some(renewed))
}

/// Whether what was found is held under the lease of `marker`.
fn holds(found: Option<&Marker>, marker: &Marker) -> bool {
    found.is_some_and(|found| found.arriendo.id == marker.arriendo.id)
}

impl<S: Shelf> Lease<S> {
    /// The installation.
    pub fn installation(&self) -> Uuid {
        self.marker.instalacion
    }

    /// How far the installation was when the lease was taken.
    pub fn phase(&self) -> Phase {
        self.marker.fase
    }

    /// Gives the lease back, with the stack complete.
    ///
    /// # Errors
    /// SSM's answer, or the lease is no longer ours: the stack is complete, and the marker does not say so yet.
    pub async fn complete(self, protected: bool) -> Result<(), MarkerError> {
        self.close(|marker| {
            marker.fase = Phase::Completa;
            marker.protegida = protected;
            marker.inconclusa = false;
        })
        .await
    }

    /// Gives the lease back, with the stack as far as it has come.
    ///
    /// # Errors
    /// SSM's answer: the lease then runs out by itself. Or it is no longer ours.
    pub async fn release(self) -> Result<(), MarkerError> {
        let unfinished = self.unfinished;
        self.close(|marker| marker.inconclusa = unfinished).await
    }

    /// Removes the marker, and the claims that others have left behind: the stack is gone.
    ///
    /// # Errors
    /// SSM's answer, or the lease is no longer ours.
    pub async fn remove(self) -> Result<(), MarkerError> {
        let Self {
            shelf,
            names,
            marker,
            renewal,
            ..
        } = self;
        renewal.end().await;
        match read(&shelf, &names).await? {
            Some(found) if holds(Some(&found), &marker) => {}
            Some(_) => return Err(MarkerError::Lost { app: names.app }),
            None => {}
        }
        for claim in shelf.under(&names.parameter("Kairos/Toma")).await? {
            shelf.remove(&claim).await?;
        }
        Ok(shelf.remove(&names.marker()).await?)
    }

    async fn close(self, change: impl FnOnce(&mut Marker)) -> Result<(), MarkerError> {
        let Self {
            shelf,
            names,
            mut marker,
            renewal,
            ..
        } = self;
        renewal.end().await;
        change(&mut marker);
        marker.arriendo.hasta = Timestamp::now();
        if !holds(read(&shelf, &names).await?.as_ref(), &marker) {
            return Err(MarkerError::Lost { app: names.app });
        }
        Ok(write(&shelf, &names, &marker).await?)
    }
}

impl Renewal {
    /// Ends the task, and waits until no write of it can be under way.
    async fn end(mut self) {
        self.0.abort();
        // It was aborted: that is how it ends.
        let _ = (&mut self.0).await;
    }
}

/// Writes the marker; that only the answer was lost is no error.
async fn write<S: Shelf>(shelf: &S, names: &Names, marker: &Marker) -> Result<(), AwsError> {
    let Err(error) = shelf.write(&names.marker(), &text(marker)).await else {
        return Ok(());
    };
    match read(shelf, names).await {
        Ok(Some(found)) if found == *marker => Ok(()),
        _ => Err(error),
    }
}

fn term() -> Term {
    Term {
        id: Uuid::new_v4(),
        hasta: until(),
    }
}

/// How long a lease still runs.
fn left(term: &Term) -> Duration {
    Duration::try_from(term.hasta.duration_since(Timestamp::now())).unwrap_or_default()
}

fn until() -> Timestamp {
    Timestamp::now().saturating_add(TERM).unwrap_or(Timestamp::MAX)
}

fn text<T: serde::Serialize>(value: &T) -> String {
    // Plain data with string keys: writing it cannot fail.
    serde_json::to_string(value).unwrap_or_default()
}
