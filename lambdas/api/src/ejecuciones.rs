//! The routes that start runs: one process now, or one firing of a calendarización once more.
//!
//! Invariant: a run is in the table before its message is in the queue, and one key of a caller's is one run.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use kairos::calendarizacion::Calendarizacion;
use kairos::error::Field;
use kairos::expression::Expression;
use kairos::ids::{IdCalendarizacion, IdEjecucion};
use kairos::instant::{Timestamp, rfc3339_millis, to_millis};
use kairos::message::{Disparo, Mensaje};
use kairos::proceso::Proceso;
use kairos::registry::Clock;
use kairos::run::EstadoEjecucion;
use kairos::schedule::{self, Schedule};
use uuid::Uuid;

use crate::answer::{Pedida, Repetida};
use crate::problem::{Fault, Problem};
use crate::procesos::id_proceso;
use crate::request::{self, Body, SolicitudRepeticion};
use crate::world::{Dispatcher, Launcher};
use crate::{Api, RequestId, Shared, World, spanish};

/// The header that tells a repeated request from a new one.
pub(crate) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The most characters of such a key.
pub(crate) const LONGEST_KEY: usize = 255;

/// How much later than a rate's computed occurrence a firing may be: AWS counts from when it made the schedule, which is
/// after its row was written.
const RATE_LAG: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// `POST /Procesos/{id}/Ejecuciones`: runs a process now. 202 once its message is in the queue.
///
/// # Guarantees
/// Requests with the same key are one run, as long as the history keeps it and the process stays on its calendarización:
/// the second answers the same id, and sends the message again only while nobody has begun with the run. Without a key each
/// request is a run of its own.
///
/// # Errors
/// 409 for a disabled process: executors leave those out, so that a promise to run it would be broken.
pub(crate) async fn run_now<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id_proceso = id_proceso(path)?;
    let key = key(&headers)?;
    request::nothing(&body)?;
    let held = api.registry.proceso(&id_proceso).await;
    let held = held.map_err(|error| Problem::of(&error, &id.0))?;
    let proceso = held.ok_or_else(|| Problem::no_such_process(id_proceso.as_str()))?;
    if !proceso.habilitado {
        return Err(Problem::disabled(&proceso.id_proceso));
    }
    let run = message(&api, proceso, key);
    let opened = api.launcher.open(&run, run.fecha_programada).await;
    let known =
        opened.map_err(|error| Problem::failed(format!("recording the run \"{}\"", run.id_ejecucion), error, &id.0))?;
    let repeated = known.is_some();
    let (run, waits) = match known {
        None => (run, true),
        // As it was recorded: whatever the first request sent is sent again.
        Some(known) => {
            let first = Mensaje {
                fecha_programada: known.fecha_programada,
                id_calendarizacion: known.id_calendarizacion,
                ..run
            };
            (first, known.estado == EstadoEjecucion::Pendiente)
        }
    };
    if waits {
        let sent = api.launcher.send(&run).await;
        sent.map_err(|error| Problem::failed(format!("sending the run \"{}\"", run.id_ejecucion), error, &id.0))?;
    }
    tracing::info!(
        id_proceso = %run.id_proceso,
        id_ejecucion = %run.id_ejecucion,
        repetida = repeated,
        enviada = waits,
        "asked for"
    );
    let answer = Pedida {
        id_ejecucion: run.id_ejecucion,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// The run of a process that is asked for now.
fn message<W: World>(api: &Api<W>, proceso: Proceso, key: Option<&str>) -> Mensaje {
    let schedule = api.names.schedule_arn(proceso.id_calendarizacion.as_str());
    let id_ejecucion = match key {
        Some(key) => IdEjecucion::manual(&schedule, key, &proceso.id_proceso),
        None => IdEjecucion::random(Uuid::from_u128(api.clock.random())),
    };
    Mensaje {
        id_ejecucion,
        id_proceso: proceso.id_proceso,
        id_calendarizacion: proceso.id_calendarizacion,
        fecha_programada: to_millis(api.clock.now()),
    }
}

/// The key of a request, where it has one.
fn key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let wrong = |right: String| Err(Problem::invalid(vec![Fault::new(IDEMPOTENCY_KEY, right)]));
    if given.next().is_some() {
        return wrong("viene más de una vez".into());
    }
    let key = match value.to_str() {
        Ok(key) if (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) => key,
        _ => {
            return wrong(format!(
                "debe tener entre 1 y {LONGEST_KEY} caracteres ASCII visibles, sin espacios, por ejemplo un UUID"
            ));
        }
    };
    if key
        .parse::<Timestamp>()
        .is_ok_and(|instant| rfc3339_millis(instant) == key)
    {
        // The id of a run is made of this, or of the time that it is due: they must not meet.
        return wrong("no puede ser una fecha como las de las ejecuciones programadas; use por ejemplo un UUID".into());
    }
    Ok(Some(key))
}

/// `POST /Calendarizaciones/{id}/Ejecuciones`: dispatches one firing once more, with the ids that its runs have. 202 once the
/// dispatcher is invoked.
///
/// What ran well, or was left out, is not run again; what failed or never began is. Processes take part as in the firing
/// itself: those that are enabled, and were on the calendarización before.
pub(crate) async fn replay<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    path: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let id_calendarizacion = id_calendarizacion(path)?;
    let asked = SolicitudRepeticion::read(&body)?.fecha_programada;
    let held = api.registry.calendarizacion(&id_calendarizacion).await;
    let held = held.map_err(|error| Problem::of(&error, &id.0))?;
    let row = held.ok_or_else(|| Problem::no_such_calendarizacion(id_calendarizacion.as_str()))?;
    let at = occurrence(&row, &asked, to_millis(api.clock.now())).map_err(|right| {
        let fault = Fault::new(SolicitudRepeticion::FECHA_PROGRAMADA, right).with_value(&asked);
        Problem::invalid(vec![fault])
    })?;
    let fired = api
        .dispatcher
        .fire(&Disparo::new(id_calendarizacion.clone(), Some(at)))
        .await;
    fired.map_err(|error| Problem::failed(format!("dispatching \"{id_calendarizacion}\" again"), error, &id.0))?;
    tracing::info!(%id_calendarizacion, fecha_programada = %rfc3339_millis(at), "dispatched again");
    let answer = Repetida {
        id_calendarizacion,
        fecha_programada: at,
    };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// The id of the path. What is no id is nobody's.
fn id_calendarizacion(path: Result<Path<String>, PathRejection>) -> Result<IdCalendarizacion, Problem> {
    match path {
        Ok(Path(text)) => text.parse().map_err(|_| Problem::no_such_calendarizacion(&text)),
        Err(_) => Err(Problem::no_such_calendarizacion("")),
    }
}

/// The firing that was asked for, or what would be right.
fn occurrence(row: &Calendarizacion, asked: &str, now: Timestamp) -> Result<Timestamp, String> {
    // The rule is that of every date; its field is named by the caller.
    let at = schedule::instant(Field::Inicio, asked).map_err(|error| spanish::rule(&error.rule))?;
    if at > now {
        return Err(format!("aún no llega: ahora es {}", rfc3339_millis(now)));
    }
    let Ok(schedule) = row.schedule() else {
        // A row of the earlier system does not say when it fires: the caller is believed.
        return Ok(at);
    };
    let before = schedule.latest_at_or_before(at, row.fecha_creacion);
    let lag = match schedule.expression {
        Expression::Rate(_) => RATE_LAG,
        Expression::Cron(_) | Expression::At(_) => jiff::SignedDuration::ZERO,
    };
    if before.is_some_and(|before| at.duration_since(before) <= lag) {
        return Ok(at);
    }
    Err(nearest(&schedule, before, at, now, row.fecha_creacion))
}

/// What would be right in place of a date that is no occurrence.
fn nearest(
    schedule: &Schedule,
    before: Option<Timestamp>,
    at: Timestamp,
    now: Timestamp,
    created: Timestamp,
) -> String {
    let after = schedule.next_after(at, created).filter(|next| *next <= now);
    let around: Vec<_> = [before, after].into_iter().flatten().map(rfc3339_millis).collect();
    let no = "no es una ocurrencia de la calendarización";
    match around.as_slice() {
        [] => format!("{no}, que aún no tiene ninguna"),
        [one] => format!("{no}; la más cercana es {one}"),
        more => format!("{no}; las más cercanas son {}", more.join(" y ")),
    }
}
