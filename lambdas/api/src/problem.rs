//! Problems: what went wrong, in Spanish, as `application/problem+json` (RFC 9457).
//!
//! Invariant: `type` is stable, for programs; the texts are for people, and may get better.
//! Invariant: no payload and no detail of AWS's reaches a caller: those are in the log, under the request's id.

mod kind;

use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kairos::error::{Field, UserError};
use kairos::ids::IdProceso;
use kairos::instant::rfc3339_millis;
use kairos::proceso::Proceso;
use kairos::registry::{PortError, PortErrorKind, RegistryError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{routes, spanish};

pub use kind::Kind;

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Problema", description = "Lo que salió mal (RFC 9457).")]
pub struct Problem {
    /// What kind of problem it is: `urn:kairos:problema:…`.
    #[serde(rename = "type")]
    #[schemars(with = "Kind")]
    pub kind: &'static str,
    /// The kind in words.
    #[schemars(description = "El tipo en palabras.")]
    pub title: &'static str,
    /// The HTTP status.
    #[schemars(range(min = 400, max = 599), description = "El estado HTTP.")]
    pub status: u16,
    /// What is wrong this time, and what would be right.
    #[schemars(description = "Qué está mal esta vez, y qué sería correcto.")]
    pub detail: String,
    /// Everything that is wrong with the request, field by field.
    #[serde(rename = "errores", skip_serializing_if = "Vec::is_empty")]
    #[schemars(description = "Todo lo que está mal en la solicitud, campo por campo.")]
    pub faults: Vec<Fault>,
    /// The process that has the name already.
    #[serde(rename = "idProceso", skip_serializing_if = "Option::is_none")]
    #[schemars(
        with = "Option<kairos::ids::IdProceso>",
        description = "El proceso que ya tiene el nombre."
    )]
    pub existing: Option<String>,
    /// Seconds after which trying again makes sense.
    #[serde(skip)]
    retry_after: Option<u32>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(
    rename = "ErrorDeCampo",
    description = "Lo que está mal en un campo, parámetro o encabezado."
)]
pub struct Fault {
    /// The field's key.
    #[serde(rename = "campo")]
    #[schemars(description = "El campo.")]
    pub field: String,
    /// The value, unless it is a payload.
    #[serde(rename = "valor", skip_serializing_if = "Option::is_none")]
    #[schemars(description = "El valor dado; nunca el de `parametros`.")]
    pub value: Option<String>,
    /// The offending part of the value.
    #[serde(rename = "fragmento", skip_serializing_if = "Option::is_none")]
    #[schemars(description = "La parte del valor que está mal.")]
    pub fragment: Option<String>,
    /// What would be right.
    #[serde(rename = "detalle")]
    #[schemars(description = "Qué sería correcto.")]
    pub detail: String,
}

/// How much of a value an answer repeats, in characters.
const SHOWN: usize = 200;

impl Fault {
    /// Something wrong with a key of the request.
    pub(crate) fn new(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: shortened(field),
            value: None,
            fragment: None,
            detail: detail.into(),
        }
    }

    /// The same, with the value that is wrong.
    pub(crate) fn with_value(self, value: &str) -> Self {
        Self {
            value: Some(shortened(value)),
            ..self
        }
    }

    /// Something wrong with a value of a process or schedule.
    pub(crate) fn of(error: &UserError) -> Self {
        let confidential = error.field == Field::Parametros;
        let given = !confidential && !error.value.is_empty();
        let part = error.fragment();
        Self {
            field: error.field.json().to_owned(),
            value: given.then(|| shortened(&error.value)),
            fragment: (given && part != error.value && !part.is_empty()).then(|| shortened(part)),
            detail: spanish::rule(&error.rule),
        }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind: kind.urn(),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail: detail.into(),
            faults: Vec::new(),
            existing: None,
            retry_after: None,
        }
    }

    /// Something is wrong with these fields.
    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let told: Vec<_> = faults
            .iter()
            .map(|fault| format!("{}: {}", fault.field, fault.detail))
            .collect();
        let detail = told.join("; ");
        let problem = Self::new(Kind::Field, detail);
        Self { faults, ..problem }
    }

    /// The definition of a process breaks rules.
    pub(crate) fn refused(errors: &[UserError]) -> Self {
        Self::invalid(errors.iter().map(Fault::of).collect())
    }

    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        let detail = format!(
            "El cuerpo de la solicitud debe ser un objeto JSON; deja de serlo en la línea {}, columna {}.",
            error.line(),
            error.column()
        );
        Self::new(Kind::Json, detail)
    }

    pub(crate) fn not_an_object() -> Self {
        let detail = "El cuerpo de la solicitud debe ser un objeto JSON con los campos del proceso.";
        Self::new(Kind::Json, detail)
    }

    pub(crate) fn unreadable_body(rejection: &BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let detail = format!("El cuerpo de la solicitud puede tener hasta {} bytes.", crate::MAX_BODY);
            return Self::new(Kind::TooLarge, detail);
        }
        let detail = "El cuerpo de la solicitud no se pudo leer.";
        Self::new(Kind::Unreadable, detail)
    }

    pub(crate) fn no_such_process(id: &str) -> Self {
        let detail = format!("No existe un proceso con el id \"{}\".", shortened(id));
        Self::new(Kind::NoProcess, detail)
    }

    /// Somebody else changed the process after the caller saw it.
    fn changed(held: &Proceso) -> Self {
        let detail = format!(
            "El proceso \"{}\" no es el que indica If-Match: cambió el {}. Léalo de nuevo y repita el cambio con su ETag.",
            held.id_proceso,
            rfc3339_millis(held.fecha_actualizacion)
        );
        Self::new(Kind::Precondition, detail)
    }

    pub(crate) fn disabled(id: &IdProceso) -> Self {
        let detail = format!(
            "El proceso \"{id}\" está deshabilitado, y el ejecutor no inicia procesos deshabilitados: habilítelo antes."
        );
        Self::new(Kind::Disabled, detail)
    }

    pub(crate) fn not_json_by_its_type(given: &str) -> Self {
        let detail = format!(
            "El Content-Type de la solicitud debe ser application/json, en UTF-8, y es \"{}\".",
            shortened(given)
        );
        Self::new(Kind::MediaType, detail)
    }

    pub(crate) fn no_such_calendarizacion(id: &str) -> Self {
        let detail = format!("No existe una calendarización con el id \"{}\".", shortened(id));
        Self::new(Kind::NoCalendarizacion, detail)
    }

    pub(crate) fn unknown_route(path: &str) -> Self {
        let detail = format!("La API no tiene la ruta \"{}\".", shortened(path));
        Self::new(Kind::NoRoute, detail)
    }

    pub(crate) fn method_not_allowed(method: &str, path: &str) -> Self {
        let detail = format!(
            "La ruta \"{}\" no admite el método {}; admite {}.",
            shortened(path),
            shortened(method),
            routes::methods(path)
        );
        Self::new(Kind::Method, detail)
    }

    /// A port failed while something was being done; see [`Problem::of`].
    pub(crate) fn failed(doing: impl Into<String>, error: PortError, request_id: &str) -> Self {
        let doing = doing.into();
        Self::of(&RegistryError::Port { doing, error }, request_id)
    }

    /// What the registry did not do. Whatever is not the caller's affair is logged under the request's id.
    pub(crate) fn of(error: &RegistryError, request_id: &str) -> Self {
        match error {
            RegistryError::Users(errors) => Self::refused(errors),
            RegistryError::NameTaken { existing } => {
                let detail = format!(
                    "Ya existe un proceso con el nombre \"{}\" y otra definición: use otro nombre, o elimine antes el proceso \"{}\".",
                    shortened(&existing.nombre),
                    existing.id_proceso
                );
                let problem = Self::new(Kind::NameTaken, detail);
                Self {
                    existing: Some(existing.id_proceso.to_string()),
                    ..problem
                }
            }
            RegistryError::NotFound { id } => Self::no_such_process(id.as_str()),
            RegistryError::Unexpected { held } => Self::changed(held),
            RegistryError::Conflict { object } => {
                tracing::warn!(solicitud = request_id, %error, "somebody else was faster");
                let detail = format!(
                    "\"{}\" está siendo cambiado por otra solicitud; intente de nuevo.",
                    shortened(object)
                );
                Self::busy(detail)
            }
            RegistryError::Port { error: port, .. } if port.kind == PortErrorKind::Transient => {
                tracing::error!(solicitud = request_id, %error, "AWS did not answer");
                Self::busy("AWS no respondió a tiempo; la solicitud puede repetirse sin riesgo.")
            }
            RegistryError::Port { error: port, .. } if port.kind == PortErrorKind::Propagation => {
                tracing::warn!(solicitud = request_id, %error, "AWS does not know a role everywhere yet");
                Self::busy("AWS aún no conoce en todas partes un rol de la instalación; intente de nuevo.")
            }
            RegistryError::Lost { .. } | RegistryError::Port { .. } => {
                tracing::error!(solicitud = request_id, %error, "failed");
                let detail =
                    format!("La solicitud no se pudo completar. Su id para el administrador es \"{request_id}\".");
                Self::new(Kind::Internal, detail)
            }
        }
    }

    /// The time that the request may take is over.
    pub(crate) fn out_of_time() -> Self {
        let detail = "La solicitud no terminó a tiempo, y puede haberse llevado a cabo o no: puede repetirse sin riesgo \
                      (una ejecución inmediata, con su Idempotency-Key).";
        let problem = Self::new(Kind::OutOfTime, detail);
        Self {
            retry_after: Some(2),
            ..problem
        }
    }

    fn busy(detail: impl Into<String>) -> Self {
        let problem = Self::new(Kind::TryAgain, detail);
        Self {
            retry_after: Some(2),
            ..problem
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let kind = (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let mut answer = (status, [kind], body).into_response();
        if let Some(seconds) = self.retry_after {
            answer
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}
