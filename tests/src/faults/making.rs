//! The processes and runs of a simulation, and the messages that the queue holds of them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use kairos::ids::{IdEjecucion, IdProceso};
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos::proceso::{InvocationMode, Proceso};
use kairos_aws::error::Class;

use super::clock::timestamp;
use super::plan::{Gone, Kind, Poison, Token};
use super::queue::Sent;
use super::world::{Process, Run, State, error};

/// How many runs of a process there are where they are drawn.
const RUNS_PER_PROCESS: usize = 20;

/// Within how many milliseconds the copies of a message follow it.
const COPIES: u64 = 1_800_000;

impl State {
    /// So many runs of all kinds, whose messages are sent within so many milliseconds.
    pub(super) fn draw_runs(&mut self, count: usize, copies: usize, within: u64) -> Result<()> {
        let mut kind = Kind::sound(Token::None);
        for number in 0..count {
            let (process, nth) = (number / RUNS_PER_PROCESS, number % RUNS_PER_PROCESS);
            if nth == 0 {
                kind = self.draw_kind(process, within);
                self.add_process(process, kind)?;
            }
            self.add_run(process, nth, kind, copies, within)?;
        }
        // One message in a thousand is none of ours.
        for number in 0..count.div_ceil(1_000) {
            let message = Sent {
                id: format!("unreadable-{number}"),
                body: format!("{{\"unreadable\":{number}").into(),
                group: None,
            };
            let at = self.draw.below(within);
            self.queue.send(message, at);
            self.totals.messages += 1;
            self.totals.unreadable += 1;
        }
        Ok(())
    }

    /// Of fifty processes one is poison, and two are deleted or disabled at some time; 2 % and 4 % exactly, whatever is drawn.
    fn draw_kind(&mut self, process: usize, within: u64) -> Kind {
        let token = [Token::Lasting, Token::Lasting, Token::Window, Token::None, Token::None][self.draw.place(5)];
        // Before, while and after its runs begin.
        let at = self.draw.below(10 * within);
        Kind {
            token,
            poison: (process % 50 == 7).then(|| [Poison::Target, Poison::Role, Poison::Row][process / 50 % 3]),
            gone: match process % 50 {
                13 => Some((Gone::Deleted, at)),
                31 => Some((Gone::Disabled, at)),
                _ => None,
            },
            refusals: 0,
            reintentos: [0, 1, 3, 3, 3, 3, 5, 10][self.draw.place(8)],
        }
    }

    /// A process of this kind.
    pub(super) fn add_process(&mut self, number: usize, kind: Kind) -> Result<()> {
        let role = format!("arn:aws:iam::123456789012:role/kairos-{number}");
        let id: IdProceso = format!("proceso-{number}").parse().context("a process's id")?;
        let row = if kind.poison == Some(Poison::Row) {
            Err(error("Reading a process", id.as_str(), "", Class::Terminal, false))
        } else {
            Ok(proceso(&id, &role, kind)?)
        };
        self.processes.insert(id, Process { row, kind, role });
        Ok(())
    }

    /// A run of a process, and the copies of its message.
    pub(super) fn add_run(&mut self, process: usize, nth: usize, kind: Kind, copies: usize, spread: u64) -> Result<()> {
        let id_proceso: IdProceso = format!("proceso-{process}").parse().context("a process's id")?;
        let minutes = u64::try_from(nth)?;
        let fecha_programada = timestamp(0).saturating_sub(Duration::from_secs(60 * (minutes + 1)))?;
        let message = Mensaje {
            id_ejecucion: IdEjecucion::scheduled("arn:aws:scheduler:::schedule/x/y", &fecha_programada, &id_proceso),
            id_proceso,
            id_calendarizacion: "calendarizacion-a".parse().context("a calendarización's id")?,
            fecha_programada,
        };
        let number = self.runs.len();
        let body: Arc<str> = serde_json::to_string(&message)?.into();
        let first = self.draw.below(spread);
        for copy in 0..copies {
            // The dispatcher sends a message twice, or SQS delivers one more than once.
            let id = format!("run-{number}-{}", if copy == 2 { 0 } else { copy });
            let later = if copy == 0 || spread == 0 || self.draw.happens(5_000) {
                0
            } else {
                self.draw.below(COPIES)
            };
            let sent = Sent {
                id,
                body: Arc::clone(&body),
                group: Some(message.id_calendarizacion.to_string()),
            };
            self.queue.send(sent, first + later);
            self.totals.messages += 1;
        }
        // Some runs were asked for: they are in the table before their message is on the queue.
        if spread > 0 && self.draw.happens(500) {
            self.table.open(&message, timestamp(0))?;
        }
        self.by_id.insert(message.id_ejecucion, number);
        self.by_body.insert(body, number);
        self.runs.push(Run {
            message,
            kind,
            starts: Vec::new(),
            refusals: 0,
            told: None,
            recording: None,
            charged: 0,
            recorded_ok: 0,
            history: Vec::new(),
        });
        self.totals.runs += 1;
        Ok(())
    }
}

/// The process's row.
pub(super) fn proceso(id: &IdProceso, role: &str, kind: Kind) -> Result<Proceso> {
    let since: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let name = id.as_str();
    let arn_proceso = match kind.token {
        Token::Lasting => format!("arn:aws:states:us-east-1:123456789012:stateMachine:{name}"),
        Token::Window => format!("arn:aws:sqs:us-east-1:123456789012:{name}.fifo"),
        Token::None => format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
    };
    Ok(Proceso {
        id_proceso: id.clone(),
        nombre: name.to_owned(),
        arn_rol: role.to_owned(),
        arn_proceso,
        parametros: None,
        habilitado: true,
        reintentos: kind.reintentos,
        modo_invocacion: InvocationMode::Event,
        tiempo_maximo_segundos: None,
        id_calendarizacion: "calendarizacion-a".parse().context("a calendarización's id")?,
        fecha_asignacion: since,
        fecha_creacion: since,
        fecha_actualizacion: since,
        version: 1,
    })
}
