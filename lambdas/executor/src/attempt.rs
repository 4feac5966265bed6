//! One attempt: from a claimed run to the target's answer, or to why there is none.

use std::time::Duration;

use futures_util::future::{Either, select};
use kairos::arn::Target;
use kairos::message::Mensaje;
use kairos::parameters::{RunFacts, substitute};
use kairos::proceso::{InvocationMode, Proceso};

use crate::failure::Failure;
use crate::ports::{Ports, Row};
use crate::roles::{RoleCache, session_name};
use crate::targets::{Answer, Call};

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is deleted from the queue.
    Done,
    /// It stays on the queue.
    Stays,
}

/// What a target receives whose process has no `parametros`: every kind of target takes it.
const NO_PARAMETERS: &str = "{}";

/// Assumes the process's role and starts its target, waiting for `patience` at most.
pub(crate) async fn attempt<P: Ports>(
    ports: &P,
    roles: &RoleCache,
    row: &Row,
    message: &Mensaje,
    attempt: u32,
    patience: Duration,
) -> Result<Answer, Failure> {
    // A row that nobody can read stays so: the run ends in the dead-letter queue with the reason.
    let proceso = row.as_ref().map_err(|error| Failure::terminal(error.to_string()))?;
    let call = call(proceso, message, attempt)?;
    let patience = waited_for(proceso, patience);
    let starting = std::pin::pin!(start(ports, roles, proceso, &call));
    let timer = std::pin::pin!(ports.sleep(patience));
    match select(starting, timer).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => Err(Failure::transient(format!(
            "\"{}\" did not answer within {} s",
            proceso.arn_proceso,
            patience.as_secs()
        ))),
    }
}

async fn start<P: Ports>(ports: &P, roles: &RoleCache, proceso: &Proceso, call: &Call) -> Result<Answer, Failure> {
    let role = proceso.arn_rol.as_str();
    let session = session_name(proceso.id_proceso.as_str());
    let credentials = roles
        .get(role, &session, ports.now(), ports.assume(role, &session))
        .await?;
    let answer = ports.start(call, &credentials).await;
    if answer.as_ref().is_err_and(|failure| !failure.transient) {
        // Older sessions of the role may have been revoked: what comes next does not stand on them.
        roles.forget(role, &session).await;
    }
    answer
}

fn call(proceso: &Proceso, message: &Mensaje, attempt: u32) -> Result<Call, Failure> {
    let target = Target::parse(&proceso.arn_proceso).map_err(|error| Failure::terminal(error.to_string()))?;
    let facts = RunFacts {
        id_ejecucion: message.id_ejecucion,
        id_proceso: message.id_proceso.clone(),
        fecha_programada: message.fecha_programada,
        intento: attempt,
    };
    let parametros = proceso.parametros.as_deref().unwrap_or(NO_PARAMETERS);
    Ok(Call {
        target,
        payload: substitute(parametros, &facts),
        id_ejecucion: message.id_ejecucion,
        id_proceso: message.id_proceso.clone(),
        mode: proceso.modo_invocacion,
    })
}

/// `tiempo_maximo_segundos` is for targets that are waited for; none is waited for longer than the invocation can.
fn waited_for(proceso: &Proceso, patience: Duration) -> Duration {
    match (proceso.modo_invocacion, proceso.tiempo_maximo_segundos) {
        (InvocationMode::RequestResponse, Some(seconds)) => patience.min(Duration::from_secs(seconds.into())),
        _ => patience,
    }
}
