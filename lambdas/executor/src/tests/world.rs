//! The executor's world in memory: tables that follow the rules of the claim, targets that fail as told, and a clock that
//! only the tests move.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_credential_types::Credentials;
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::proceso::{InvocationMode, Proceso};
use kairos::run::{Ejecucion, EstadoEjecucion};
use kairos_aws::claim::{Claim, Recorded, decide, settle};
use kairos_aws::error::{AwsError, Class};
use kairos_aws::processes::Rows;
use kairos_aws::queue::Outgoing;
use kairos_aws::runs::Outcome;

use crate::event::{Attributes, Record};
use crate::failure::Failure;
use crate::ports::{Ports, Row};
use crate::targets::{Answer, Call};

const DUE: &str = "2026-01-02T12:00:00Z";

/// What the tests find and set; a copy is the same world.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    clock: Duration,
    rows: HashMap<IdProceso, Row>,
    runs: BTreeMap<IdEjecucion, Ejecucion>,
    log: Vec<String>,
    calls: Vec<Call>,
    failures: HashMap<String, Failure>,
    denied: BTreeSet<String>,
    panics: BTreeSet<String>,
    hangs: BTreeSet<String>,
    hangs_at_assume: BTreeSet<String>,
    pace: HashMap<String, Duration>,
    answers: HashMap<String, Answer>,
    hangs_at_claim: BTreeSet<String>,
    thefts: BTreeSet<String>,
    delays: Vec<(String, Duration)>,
    buried: Vec<Outgoing>,
    reads: Reads,
    unburiable: bool,
    failing_records: u32,
    failing_records_as: Option<Class>,
    unclaimable: bool,
    reading: Option<Duration>,
    sessions: u32,
    /// Sessions up to this number are refused wherever they call.
    revoked: u32,
}

/// What comes of reading the processes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Reads {
    #[default]
    Work,
    Fail,
    Hang,
}

pub(super) fn aws_error(action: &str, class: Class) -> AwsError {
    AwsError {
        action: action.into(),
        object: "arn".into(),
        code: Some(if class == Class::Denied { "AccessDenied" } else { "Code" }.into()),
        message: "words".into(),
        request_id: None,
        class,
        ambiguous: false,
    }
}

fn mensaje(process: &str, at: &str) -> Mensaje {
    let id_proceso: IdProceso = format!("proceso-{process}").parse().unwrap();
    let fecha_programada = at.parse().unwrap();
    Mensaje {
        id_ejecucion: IdEjecucion::scheduled("arn", &fecha_programada, &id_proceso),
        id_proceso,
        id_calendarizacion: "calendarizacion-a".parse().unwrap(),
        fecha_programada,
    }
}

/// The body of a message of a process.
pub(super) fn message(process: &str) -> String {
    serde_json::to_string(&mensaje(process, DUE)).unwrap()
}

/// The id of its run.
pub(super) fn id_ejecucion(process: &str) -> String {
    mensaje(process, DUE).id_ejecucion.to_string()
}

/// The record that carries it.
pub(super) fn record(id: &str, process: &str) -> Record {
    record_at(id, process, DUE)
}

/// The same, for another scheduled time.
pub(super) fn record_at(id: &str, process: &str, at: &str) -> Record {
    Record {
        message_id: id.into(),
        receipt_handle: format!("receipt-{id}"),
        body: serde_json::to_string(&mensaje(process, at)).unwrap(),
        attributes: Attributes {
            message_group_id: Some(format!("group-{id}")),
            approximate_receive_count: 1,
        },
    }
}

impl World {
    /// Processes of these names, each with a role and a Lambda target of its own.
    pub(super) fn with<const N: usize>(names: [&str; N]) -> Self {
        let rows = names.map(|name| (format!("proceso-{name}").parse().unwrap(), Ok(proceso(name))));
        Self(Arc::new(Mutex::new(State {
            rows: rows.into(),
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn change(&self, name: &str, change: impl FnOnce(&mut Proceso)) {
        let id: IdProceso = format!("proceso-{name}").parse().unwrap();
        change(self.state().rows.get_mut(&id).unwrap().as_mut().unwrap());
    }

    pub(super) fn remove(&self, name: &str) {
        let id: IdProceso = format!("proceso-{name}").parse().unwrap();
        self.state().rows.remove(&id);
    }

    pub(super) fn corrupt(&self, name: &str) {
        let id: IdProceso = format!("proceso-{name}").parse().unwrap();
        self.state()
            .rows
            .insert(id, Err(aws_error("Reading a process", Class::Terminal)));
    }

    /// Somebody else's claim.
    pub(super) fn lease(&self, name: &str, owner: &str, attempt: u32, left: Duration) {
        let run = mensaje(name, DUE);
        let until = Ports::now(self).saturating_add(left).unwrap();
        self.state()
            .runs
            .insert(run.id_ejecucion, held(&run, owner, attempt, until));
    }

    pub(super) fn fail_start(&self, name: &str, failure: Failure) {
        self.state().failures.insert(name.into(), failure);
    }

    pub(super) fn heal(&self, name: &str) {
        self.state().failures.remove(name);
    }

    pub(super) fn deny_role(&self, role: &str) {
        self.state().denied.insert(role.into());
    }

    pub(super) fn panic_at_start(&self, name: &str) {
        self.state().panics.insert(name.into());
    }

    pub(super) fn hang_at_start(&self, name: &str) {
        self.state().hangs.insert(name.into());
    }

    pub(super) fn hang_at_assume(&self, role: &str) {
        self.state().hangs_at_assume.insert(role.into());
    }

    /// So much time passes while the target is called, whatever comes of it.
    pub(super) fn take(&self, name: &str, time: Duration) {
        self.state().pace.insert(name.into(), time);
    }

    pub(super) fn answer(&self, name: &str, answer: Answer) {
        self.state().answers.insert(name.into(), answer);
    }

    pub(super) fn hang_at_claim(&self, name: &str) {
        self.state().hangs_at_claim.insert(name.into());
    }

    pub(super) fn steal_at_start(&self, name: &str) {
        self.state().thefts.insert(name.into());
    }

    pub(super) fn fail_reads(&self) {
        self.state().reads = Reads::Fail;
    }

    /// So much time passes while the processes are read.
    pub(super) fn take_for_reading(&self, time: Duration) {
        self.state().reading = Some(time);
    }

    pub(super) fn hang_at_read(&self) {
        self.state().reads = Reads::Hang;
    }

    pub(super) fn fail_claims(&self) {
        self.state().unclaimable = true;
    }

    /// No session that was given so far is accepted by a target any more.
    pub(super) fn revoke_sessions(&self) {
        let mut state = self.state();
        state.revoked = state.sessions;
    }

    pub(super) fn revoke_all_sessions(&self) {
        self.state().revoked = u32::MAX;
    }

    pub(super) fn fail_burials(&self) {
        self.state().unburiable = true;
    }

    pub(super) fn fail_records(&self, times: u32) {
        self.state().failing_records = times;
    }

    pub(super) fn deny_records(&self) {
        let mut state = self.state();
        (state.failing_records, state.failing_records_as) = (u32::MAX, Some(Class::Denied));
    }

    /// How often a result was written in vain.
    pub(super) fn failed_records(&self) -> usize {
        self.log().iter().filter(|line| *line == "record fails").count()
    }

    pub(super) fn advance(&self, time: Duration) {
        self.state().clock += time;
    }

    pub(super) fn now(&self) -> Timestamp {
        Ports::now(self)
    }

    pub(super) fn held(&self, name: &str) -> Ejecucion {
        self.state().runs[&mensaje(name, DUE).id_ejecucion].clone()
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    pub(super) fn delays(&self) -> Vec<(String, Duration)> {
        self.state().delays.clone()
    }

    pub(super) fn buried(&self) -> Vec<Outgoing> {
        self.state().buried.clone()
    }
}

fn proceso(name: &str) -> Proceso {
    let since = "2026-01-01T00:00:00Z".parse().unwrap();
    Proceso {
        id_proceso: format!("proceso-{name}").parse().unwrap(),
        nombre: name.into(),
        arn_rol: format!("role-{name}"),
        arn_proceso: format!("arn:aws:lambda:sa-east-1:123456789012:function:{name}"),
        parametros: None,
        habilitado: true,
        reintentos: 3,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
        id_calendarizacion: "calendarizacion-a".parse().unwrap(),
        fecha_asignacion: since,
        fecha_creacion: since,
        fecha_actualizacion: since,
        version: 1,
    }
}

fn held(run: &Mensaje, owner: &str, attempt: u32, until: Timestamp) -> Ejecucion {
    Ejecucion {
        id_ejecucion: run.id_ejecucion,
        id_proceso: run.id_proceso.clone(),
        id_calendarizacion: run.id_calendarizacion.clone(),
        fecha_programada: run.fecha_programada,
        estado: EstadoEjecucion::EnEjecucion,
        intentos: attempt,
        arrendado_hasta: Some(until),
        dueno: Some(owner.to_owned()),
        fecha_inicio: None,
        fecha_termino: None,
        duracion_ms: None,
        respuesta: None,
        error: None,
        ttl: 0,
    }
}

fn short(id: &IdProceso) -> &str {
    id.as_str().trim_start_matches("proceso-")
}

impl Ports for World {
    async fn processes(&self, ids: &[IdProceso]) -> Result<Rows, AwsError> {
        let reads = self.state().reads;
        if reads == Reads::Hang {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        let reading = state.reading.unwrap_or_default();
        state.clock += reading;
        let asked: Vec<_> = ids.iter().map(short).collect();
        state.log.push(format!("read {}", asked.join(" ")));
        if reads == Reads::Fail {
            return Err(aws_error("BatchGetItem", Class::Transient));
        }
        Ok(ids
            .iter()
            .filter_map(|id| Some((id.clone(), state.rows.get(id)?.clone())))
            .collect())
    }

    async fn claim(&self, run: &Mensaje, owner: &str, lease: Timestamp) -> Result<Claim, AwsError> {
        let name = short(&run.id_proceso);
        if self.state().hangs_at_claim.contains(name) {
            std::future::pending::<()>().await;
        }
        let now = Ports::now(self);
        let mut state = self.state();
        if state.unclaimable {
            return Err(aws_error("UpdateItem", Class::Transient));
        }
        let claim = decide(state.runs.get(&run.id_ejecucion), owner, now);
        if let Claim::Mine { attempt } = claim {
            state.log.push(format!("claim {name} {attempt}"));
            state.runs.insert(run.id_ejecucion, held(run, owner, attempt, lease));
        }
        Ok(claim)
    }

    async fn omit(&self, run: &Mensaje, reason: &str) -> Result<Claim, AwsError> {
        let now = Ports::now(self);
        let mut state = self.state();
        match decide(state.runs.get(&run.id_ejecucion), "", now) {
            Claim::Mine { .. } => {
                let omitted = Ejecucion {
                    estado: EstadoEjecucion::Omitido,
                    error: Some(reason.to_owned()),
                    ..held(run, "", 0, now)
                };
                state.runs.insert(run.id_ejecucion, omitted);
                Ok(Claim::Settled(EstadoEjecucion::Omitido))
            }
            other => Ok(other),
        }
    }

    async fn record(
        &self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
    ) -> Result<Recorded, AwsError> {
        let mut state = self.state();
        if state.failing_records > 0 {
            state.failing_records -= 1;
            state.log.push("record fails".into());
            return Err(aws_error(
                "UpdateItem",
                state.failing_records_as.unwrap_or(Class::Transient),
            ));
        }
        let (respuesta, error, lease) = match outcome {
            Outcome::Ok(answer) => (Some(answer.clone()), None, None),
            Outcome::Error(reason) => (None, Some(reason.clone()), None),
            Outcome::Again { reason, from } => (None, Some(reason.clone()), Some(*from)),
        };
        let result = outcome.state();
        let recorded = settle(state.runs.get(&run.id_ejecucion), owner, attempt, result);
        if recorded == Recorded::Written {
            state
                .log
                .push(format!("record {} {attempt} {result}", short(&run.id_proceso)));
            let held = state.runs.get_mut(&run.id_ejecucion).unwrap();
            (held.estado, held.respuesta, held.error) = (result, respuesta, error);
            held.arrendado_hasta = lease;
            held.duracion_ms = took.map(|took| u64::try_from(took.as_millis()).unwrap());
        }
        Ok(recorded)
    }

    async fn assume(&self, role: &str, session: &str) -> Result<Credentials, AwsError> {
        let hour = Ports::now(self).saturating_add(Duration::from_hours(1)).unwrap();
        if self.state().hangs_at_assume.contains(role) {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        state.log.push(format!("assume {role} as {session}"));
        if state.denied.contains(role) {
            return Err(aws_error("AssumeRole", Class::Denied));
        }
        state.sessions += 1;
        let token = state.sessions.to_string();
        Ok(Credentials::new(role, "secret", Some(token), Some(hour.into()), "test"))
    }

    async fn start(&self, call: &Call, credentials: &Credentials) -> Result<Answer, Failure> {
        let name = short(&call.id_proceso).to_owned();
        assert_eq!(
            credentials.access_key_id(),
            format!("role-{name}"),
            "each process with its own role"
        );
        let session: u32 = credentials.session_token().unwrap().parse().unwrap();
        let refused = session <= self.state().revoked;
        if refused {
            self.state().log.push(format!("refuse {name}"));
            tokio::task::yield_now().await;
            return Err(aws_error("Invoke", Class::Denied).into());
        }
        {
            let mut state = self.state();
            state.log.push(format!("start {name}"));
            state.calls.push(call.clone());
            let pace = state.pace.get(&name).copied().unwrap_or_default();
            state.clock += pace;
            if state.thefts.contains(&name) {
                let held = state.runs.get_mut(&call.id_ejecucion).unwrap();
                (held.estado, held.dueno) = (EstadoEjecucion::EjecutadoOk, Some("thief".into()));
            }
        }
        // A target takes its time: others go on meanwhile.
        tokio::task::yield_now().await;
        if self.state().hangs.contains(&name) {
            std::future::pending::<()>().await;
        }
        let panics = self.state().panics.contains(&name);
        assert!(!panics, "as the test wants it");
        let state = self.state();
        if let Some(failure) = state.failures.get(&name) {
            return Err(failure.clone());
        }
        let answer = state.answers.get(&name).cloned();
        Ok(answer.unwrap_or_else(|| Answer::Accepted(format!("answer-{name}"))))
    }

    async fn delay(&self, receipt: &str, delay: Duration) -> Result<(), AwsError> {
        self.state().delays.push((receipt.to_owned(), delay));
        Ok(())
    }

    async fn bury(&self, message: &Outgoing) -> Result<(), AwsError> {
        let mut state = self.state();
        if state.unburiable {
            return Err(aws_error("SendMessage", Class::Denied));
        }
        state.buried.push(message.clone());
        Ok(())
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-01-02T12:00:05Z".parse().unwrap();
        start.saturating_add(self.state().clock).unwrap()
    }

    /// Time passes only where nothing else can go on: shorter waits end before longer ones.
    async fn sleep(&self, time: Duration) {
        for _ in 0..=time.as_secs() {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}
