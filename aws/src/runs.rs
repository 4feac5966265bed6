//! The table of runs: claims and results, each one conditional write.
//!
//! Invariant: what a condition refuses is explained by the rules of `claim.rs` over the item that DynamoDB returned, so
//! that a call whose answer was lost and that the SDK repeated is told from somebody else's claim.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use kairos::ids::IdEjecucion;
use kairos::instant::{Timestamp, rfc3339_millis};
use kairos::message::Mensaje;
use kairos::run::{Ejecucion, EstadoEjecucion, estado_dia, ttl};

use crate::claim::{Claim, Recorded, decide, settle};
use crate::error::{AwsError, Class, Doing};
use crate::item::{self, Item};
use crate::items;

/// The table of runs.
#[derive(Debug, Clone)]
pub struct Runs {
    client: Client,
    table: String,
    history_days: u32,
}

/// What an attempt ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The target took it, and answered with this.
    Ok(String),
    /// It failed, for this reason, and no other attempt follows: a message that is redriven is run at once.
    Error(String),
    /// It failed, and nobody begins the next attempt before its time, whichever copy of the message comes first.
    Again {
        /// The reason.
        reason: String,
        /// When the next attempt may begin.
        from: Timestamp,
    },
}

impl Outcome {
    /// The state that the run has with it.
    pub const fn state(&self) -> EstadoEjecucion {
        match self {
            Self::Ok(_) => EstadoEjecucion::EjecutadoOk,
            Self::Error(_) | Self::Again { .. } => EstadoEjecucion::ErrorAlEjecutar,
        }
    }
}

/// Free to be claimed: exactly [`Ejecucion::is_claimable`].
const FREE: &str = "attribute_not_exists(#id) OR #estado = :pendiente OR (#estado IN (:corriendo, :fallida) \
                    AND (attribute_not_exists(#hasta) OR #hasta <= :ahora))";

/// The caller's own attempt, which has not ended for good.
const MINE: &str = "#dueno = :dueno AND #intentos = :intento AND #estado <> :ok AND #estado <> :omitido";

impl Runs {
    /// The table `table`, whose items are forgotten after `history_days`.
    pub fn new(client: Client, table: impl Into<String>, history_days: u32) -> Self {
        Self {
            client,
            table: table.into(),
            history_days,
        }
    }

    /// Records a run that was asked for as `Pendiente`, unless the table knows it: then it answers with the run as it is,
    /// and nothing is changed.
    pub async fn open(&self, run: &Mensaje, now: Timestamp) -> Result<Option<Ejecucion>, AwsError> {
        let fresh = Ejecucion {
            id_ejecucion: run.id_ejecucion,
            id_proceso: run.id_proceso.clone(),
            id_calendarizacion: run.id_calendarizacion.clone(),
            fecha_programada: run.fecha_programada,
            estado: EstadoEjecucion::Pendiente,
            intentos: 0,
            arrendado_hasta: None,
            dueno: None,
            fecha_inicio: None,
            fecha_termino: None,
            duracion_ms: None,
            respuesta: None,
            error: None,
            ttl: ttl(run.fecha_programada.max(now), self.history_days),
        };
        let mut item = items::write(&fresh).map_err(|error| self.unreadable(&error))?;
        item.insert("EstadoDia".into(), text(&fresh.estado_dia()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(IdEjecucion)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(None);
        };
        let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
            let object = format!("{}/{}", self.table, run.id_ejecucion);
            return Err(AwsError::new("PutItem", &object, &error));
        };
        match refused.item() {
            Some(item) => self.read(item).map(Some),
            None => self.get(run.id_ejecucion).await,
        }
    }

    /// Claims a run for `owner` until `lease`.
    ///
    /// # Guarantees
    /// Of any number of callers, one gets [`Claim::Mine`] with a given attempt. Repeating the call as the same owner
    /// gives the same attempt.
    pub async fn claim(&self, run: &Mensaje, owner: &str, now: Timestamp, lease: Timestamp) -> Result<Claim, AwsError> {
        let write = self
            .write(run, EstadoEjecucion::EnEjecucion, now)
            .update_expression(
                "SET #estado = :estado, #dia = :dia, #ttl = :ttl, #proceso = :proceso, #programada = :programada, \
                 #calendarizacion = :calendarizacion, #dueno = :dueno, #hasta = :hasta, #inicio = :ahora, \
                 #intentos = if_not_exists(#intentos, :cero) + :uno REMOVE #termino, #duracion, #respuesta",
            )
            .if_free(run)
            .name("#inicio", "FechaInicio")
            .name("#duracion", "DuracionMs")
            .name("#respuesta", "Respuesta")
            .text(":dueno", owner)
            .text(":hasta", &rfc3339_millis(lease))
            .number(":uno", &1)
            .return_values(ReturnValue::AllNew);
        match self.done(run, write).await? {
            Done::Written(Some(run)) => Ok(Claim::Mine { attempt: run.intentos }),
            Done::Written(None) => Err(self.unreadable(&"the claim was answered without the run")),
            Done::Refused(held) => Ok(decide(held.as_ref(), owner, now)),
        }
    }

    /// Records that a run is left out, for this reason, unless it has ended or is under way: then the answer says so.
    pub async fn omit(&self, run: &Mensaje, reason: &str, now: Timestamp) -> Result<Claim, AwsError> {
        let state = EstadoEjecucion::Omitido;
        let write = self
            .write(run, state, now)
            .update_expression(
                "SET #estado = :estado, #dia = :dia, #ttl = :ttl, #proceso = :proceso, #programada = :programada, \
                 #calendarizacion = :calendarizacion, #termino = :ahora, #motivo = :motivo, \
                 #intentos = if_not_exists(#intentos, :cero) REMOVE #dueno, #hasta",
            )
            .if_free(run)
            .name("#motivo", "Error")
            .text(":motivo", reason);
        match self.done(run, write).await? {
            Done::Written(_) => Ok(Claim::Settled(state)),
            Done::Refused(held) => Ok(decide(held.as_ref(), "", now)),
        }
    }

    /// Records the outcome of `owner`'s `attempt`, whose call to the target took so long (none where there was no call),
    /// unless the run is no longer theirs.
    pub async fn record(
        &self,
        run: &Mensaje,
        owner: &str,
        attempt: u32,
        outcome: &Outcome,
        took: Option<Duration>,
        now: Timestamp,
    ) -> Result<Recorded, AwsError> {
        let state = outcome.state();
        let (kept, dropped, text) = match outcome {
            Outcome::Ok(answer) => ("Respuesta", "Error", answer),
            Outcome::Error(reason) | Outcome::Again { reason, .. } => ("Error", "Respuesta", reason),
        };
        let mut set =
            "SET #estado = :estado, #dia = :dia, #ttl = :ttl, #termino = :ahora, #resultado = :resultado".to_owned();
        let mut remove = " REMOVE #contrario".to_owned();
        let mut write = self.write(run, state, now).name("#duracion", "DuracionMs");
        match outcome {
            Outcome::Again { from, .. } => {
                set.push_str(", #hasta = :hasta");
                write = write.text(":hasta", &rfc3339_millis(*from));
            }
            Outcome::Ok(_) | Outcome::Error(_) => remove.push_str(", #hasta"),
        }
        match took {
            Some(took) => {
                set.push_str(", #duracion = :duracion");
                write = write.number(":duracion", &took.as_millis());
            }
            None => remove.push_str(", #duracion"),
        }
        let write = write
            .update_expression(set + &remove)
            .condition_expression(MINE)
            .name("#resultado", kept)
            .name("#contrario", dropped)
            .text(":resultado", text)
            .text(":dueno", owner)
            .number(":intento", &attempt)
            .text(":ok", &EstadoEjecucion::EjecutadoOk)
            .text(":omitido", &EstadoEjecucion::Omitido);
        match self.done(run, write).await? {
            Done::Written(_) => Ok(Recorded::Written),
            Done::Refused(held) => Ok(settle(held.as_ref(), owner, attempt, state)),
        }
    }

    /// A run as the table holds it.
    pub async fn get(&self, id: IdEjecucion) -> Result<Option<Ejecucion>, AwsError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("IdEjecucion", text(&id));
        let answer = call.consistent_read(true).send().await.doing("GetItem", &self.table)?;
        answer.item().map(|item| self.read(item)).transpose()
    }

    /// What every write of a run says. DynamoDB refuses names and values that the expressions do not use, so that only
    /// what all of the expressions use is here.
    fn write(&self, run: &Mensaje, state: EstadoEjecucion, now: Timestamp) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("IdEjecucion", text(&run.id_ejecucion))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .name("#estado", "Estado")
            .name("#dia", "EstadoDia")
            .name("#ttl", "TTL")
            .name("#dueno", "Dueno")
            .name("#hasta", "ArrendadoHasta")
            .name("#intentos", "Intentos")
            .name("#termino", "FechaTermino")
            .text(":estado", &state)
            .text(":dia", &estado_dia(state, run.fecha_programada, run.id_ejecucion))
            // A firing that is replayed long after its time is kept as long as any other.
            .number(":ttl", &ttl(run.fecha_programada.max(now), self.history_days))
            .text(":ahora", &rfc3339_millis(now))
    }

    async fn done(&self, run: &Mensaje, write: UpdateItemFluentBuilder) -> Result<Done, AwsError> {
        let error = match write.send().await {
            Ok(answer) => {
                let run = answer.attributes().map(|item| self.read(item)).transpose()?;
                return Ok(Done::Written(run));
            }
            Err(error) => error,
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
            let object = format!("{}/{}", self.table, run.id_ejecucion);
            return Err(AwsError::new("UpdateItem", &object, &error));
        };
        match refused.item() {
            Some(item) => Ok(Done::Refused(Some(self.read(item)?))),
            None => Ok(Done::Refused(self.get(run.id_ejecucion).await?)),
        }
    }

    fn read(&self, item: &Item) -> Result<Ejecucion, AwsError> {
        item::read::<Ejecucion>(item).map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, why: &impl ToString) -> AwsError {
        AwsError {
            action: "Reading a run".into(),
            object: self.table.clone(),
            code: None,
            message: why.to_string(),
            request_id: None,
            class: Class::Terminal,
            ambiguous: false,
        }
    }
}

/// What a conditional write came to.
enum Done {
    /// It was carried out; this is the run now, where it was asked for.
    Written(Option<Ejecucion>),
    /// The condition did not hold for this.
    Refused(Option<Ejecucion>),
}

fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// The terms of an expression, one line each.
trait Terms: Sized {
    fn name(self, placeholder: &str, attribute: &str) -> Self;
    fn value(self, placeholder: &str, value: AttributeValue) -> Self;
    fn if_free(self, run: &Mensaje) -> Self;

    fn text(self, placeholder: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.value(placeholder, text(value))
    }

    fn number(self, placeholder: &str, value: &impl ToString) -> Self {
        self.value(placeholder, AttributeValue::N(value.to_string()))
    }
}

impl Terms for UpdateItemFluentBuilder {
    fn name(self, placeholder: &str, attribute: &str) -> Self {
        self.expression_attribute_names(placeholder, attribute)
    }

    fn value(self, placeholder: &str, value: AttributeValue) -> Self {
        self.expression_attribute_values(placeholder, value)
    }

    /// Only where the run is free, and with what a run that may be new has to say about itself.
    fn if_free(self, run: &Mensaje) -> Self {
        self.condition_expression(FREE)
            .name("#id", "IdEjecucion")
            .name("#proceso", "IdProceso")
            .name("#calendarizacion", "IdCalendarizacion")
            .name("#programada", "FechaProgramada")
            .text(":proceso", &run.id_proceso)
            .text(":calendarizacion", &run.id_calendarizacion)
            .text(":programada", &rfc3339_millis(run.fecha_programada))
            .text(":pendiente", &EstadoEjecucion::Pendiente)
            .text(":fallida", &EstadoEjecucion::ErrorAlEjecutar)
            .text(":corriendo", &EstadoEjecucion::EnEjecucion)
            .number(":cero", &0)
    }
}
