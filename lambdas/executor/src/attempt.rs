//! One attempt: from a claimed run to the target's answer, or to why there is none.
//!
//! Invariant: a target is called a second time within one attempt only where its first call was refused for who made it, so
//! that nothing had begun.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_credential_types::Credentials;
use futures_util::FutureExt;
use kairos::arn::Target;
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::parameters::{NO_PARAMETERS, RunFacts, substitute};
use kairos::proceso::{InvocationMode, Proceso};

use crate::failure::Failure;
use crate::ports::{Ports, Row};
use crate::roles::{Assumed, RoleCache, session_name};
use crate::targets::{Answer, Call, answers_within};
use crate::time::{START, between, later, within};

/// What an attempt came to.
#[derive(Debug)]
pub(crate) struct Attempted {
    /// The target's answer, or why there is none.
    pub(crate) outcome: Result<Answer, Failure>,
    /// How long the call to the target took; none where it was not called.
    pub(crate) took: Option<Duration>,
}

/// How much time an attempt of a process needs before an invocation may begin it.
pub(crate) fn need(row: &Row) -> Duration {
    let Ok(proceso) = row else { return START };
    match (proceso.modo_invocacion, proceso.tiempo_maximo_segundos) {
        (InvocationMode::Event, _) => START + answers_within(&proceso.arn_proceso),
        (InvocationMode::RequestResponse, Some(seconds)) => Duration::from_secs(seconds.into()),
        (InvocationMode::RequestResponse, None) => Duration::MAX,
    }
}

/// Assumes the process's role and starts its target, waiting for `patience` at most.
pub(crate) async fn attempt<P: Ports>(
    ports: &P,
    roles: &RoleCache,
    row: &Row,
    message: &Mensaje,
    number: u32,
    patience: Duration,
) -> Attempted {
    let work = async {
        // A row that nobody can read stays so: the run ends in the dead-letter queue with the reason.
        let proceso = row.as_ref().map_err(|error| Failure::terminal(error.to_string()))?;
        let attempt = Attempt {
            ports,
            roles,
            proceso,
            call: call(proceso, message, number)?,
            patience,
            until: later(ports.now(), patience),
        };
        Ok(attempt.run().await)
    };
    // A panic is a failure like others, with a reason in the history and an end: a message that only stayed on the queue
    // would come back for hours.
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(attempted) => attempted.unwrap_or_else(Attempted::without_a_call),
        Err(panic) => {
            Attempted::without_a_call(Failure::transient(format!("the executor panicked: {}", words(&*panic))))
        }
    }
}

impl Attempted {
    const fn without_a_call(failure: Failure) -> Self {
        Self {
            outcome: Err(failure),
            took: None,
        }
    }
}

struct Attempt<'a, P> {
    ports: &'a P,
    roles: &'a RoleCache,
    proceso: &'a Proceso,
    call: Call,
    patience: Duration,
    until: Timestamp,
}

impl<P: Ports> Attempt<'_, P> {
    async fn run(&self) -> Attempted {
        let assumed = match self.assume(None).await {
            Ok(assumed) => assumed,
            Err(failure) => return Attempted::without_a_call(failure),
        };
        let first = self.start(&assumed.credentials).await;
        let refused = first.outcome.as_ref().is_err_and(|failure| failure.refused);
        if !(refused && assumed.kept) {
            return first;
        }
        // The role may have been made anew since, or its older sessions revoked: only a session of now says that it may not.
        match self.assume(Some(&assumed.credentials)).await {
            Ok(assumed) => self.start(&assumed.credentials).await,
            Err(failure) => Attempted {
                outcome: Err(failure),
                took: first.took,
            },
        }
    }

    async fn assume(&self, refused: Option<&Credentials>) -> Result<Assumed, Failure> {
        let (role, now) = (self.proceso.arn_rol.as_str(), self.ports.now());
        let session = session_name(self.proceso.id_proceso.as_str());
        let assuming = self.ports.assume(role, &session);
        let getting = self.roles.get(role, &session, now, refused, assuming);
        match within(self.ports, between(now, self.until), getting).await {
            Some(assumed) => Ok(assumed?),
            None => Err(Failure::transient(format!(
                "the role \"{role}\" was not assumed within {} s",
                self.patience.as_secs()
            ))),
        }
    }

    async fn start(&self, credentials: &Credentials) -> Attempted {
        let called = self.ports.now();
        let limit = Limit::of(self.proceso, between(called, self.until));
        let answer = within(self.ports, limit.time, self.ports.start(&self.call, credentials)).await;
        Attempted {
            outcome: answer.unwrap_or_else(|| Err(limit.exceeded(self.proceso))),
            took: Some(between(called, self.ports.now())),
        }
    }
}

/// How long a target is waited for, and who says so.
struct Limit {
    time: Duration,
    of_process: bool,
}

impl Limit {
    /// `tiempo_maximo_segundos` is for targets that are waited for; none is waited for longer than the invocation can.
    fn of(proceso: &Proceso, patience: Duration) -> Self {
        let own = match (proceso.modo_invocacion, proceso.tiempo_maximo_segundos) {
            (InvocationMode::RequestResponse, Some(seconds)) => Some(Duration::from_secs(seconds.into())),
            _ => None,
        };
        match own.filter(|own| *own <= patience) {
            Some(time) => Self { time, of_process: true },
            None => Self {
                time: patience,
                of_process: false,
            },
        }
    }

    /// The target has not answered: another attempt may find it faster, and what this one began may go on.
    fn exceeded(&self, proceso: &Proceso) -> Failure {
        let whose = if self.of_process {
            "its tiempo_maximo_segundos"
        } else {
            "as long as the executor can wait"
        };
        let left = match proceso.modo_invocacion {
            InvocationMode::RequestResponse => "it may still be running",
            InvocationMode::Event => "it may have been started all the same",
        };
        Failure::transient(format!(
            "\"{}\" did not answer within {} s, {whose}: {left}",
            proceso.arn_proceso,
            self.time.as_secs()
        ))
    }
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

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("it did not say why")
}
