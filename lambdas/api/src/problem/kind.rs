//! The kinds of problems: stable types for programs, each with its status and its words.
//!
//! Invariant: a kind has one status and one title, wherever it happens; the API's document lists them all.

use std::borrow::Cow;

use axum::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $status:ident, $urn:literal, $title:literal;)*) => {
        /// A kind of problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The stable type.
            pub const fn urn(self) -> &'static str {
                match self { $(Self::$kind => concat!("urn:kairos:problema:", $urn),)* }
            }

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// The kind in words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }
        }
    };
}

kinds! {
    /// Something is wrong with fields, parameters or headers of the request.
    Field, BAD_REQUEST, "campo-invalido", "Campos inválidos";
    /// The body is no JSON object.
    Json, BAD_REQUEST, "json-invalido", "El cuerpo no es un objeto JSON";
    /// The body could not be read.
    Unreadable, BAD_REQUEST, "cuerpo-ilegible", "Cuerpo ilegible";
    /// The body is larger than the API takes.
    TooLarge, PAYLOAD_TOO_LARGE, "cuerpo-demasiado-grande", "Cuerpo demasiado grande";
    /// There is no such process.
    NoProcess, NOT_FOUND, "proceso-inexistente", "No existe el proceso";
    /// There is no such calendarización.
    NoCalendarizacion, NOT_FOUND, "calendarizacion-inexistente", "No existe la calendarización";
    /// There is no such route.
    NoRoute, NOT_FOUND, "ruta-inexistente", "No existe la ruta";
    /// The route does not take the method.
    Method, METHOD_NOT_ALLOWED, "metodo-no-admitido", "Método no admitido";
    /// The body is not said to be JSON.
    MediaType, UNSUPPORTED_MEDIA_TYPE, "tipo-de-contenido-no-admitido", "Tipo de contenido no admitido";
    /// The process is not the one that `If-Match` names.
    Precondition, PRECONDITION_FAILED, "precondicion-fallida", "El proceso cambió";
    /// The process does not run: it is disabled.
    Disabled, CONFLICT, "proceso-deshabilitado", "El proceso está deshabilitado";
    /// Another definition has the name.
    NameTaken, CONFLICT, "nombre-ocupado", "El nombre ya está en uso";
    /// Somebody else works on the same object, or AWS is busy.
    TryAgain, SERVICE_UNAVAILABLE, "intente-de-nuevo", "No disponible por el momento";
    /// The request took too long.
    OutOfTime, SERVICE_UNAVAILABLE, "tiempo-agotado", "La solicitud no terminó a tiempo";
    /// Something failed that is not the caller's affair.
    Internal, INTERNAL_SERVER_ERROR, "error-interno", "Error interno";
}

impl JsonSchema for Kind {
    fn schema_name() -> Cow<'static, str> {
        "TipoDeProblema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let urns: Vec<_> = Self::ALL.iter().map(|kind| kind.urn()).collect();
        json_schema!({
            "type": "string", "enum": urns,
            "description": "El tipo estable de un problema, para programas. Los textos son para personas y pueden mejorar."
        })
    }
}
