//! The bodies of requests: keys in any case, values of the right type, or a problem that names the key.
//!
//! Invariant: nothing is guessed: an unknown key, a key given twice and a value of another type are all refused.

mod json;

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use kairos::error::Field;
use kairos::parameters::TABLE_LIMIT;
use kairos::proceso::InvocationMode;
use kairos::validation::{MAX_NOMBRE, MAX_REINTENTOS, MAX_TIEMPO, Raw};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use crate::problem::Problem;
use json::Values;

/// A body that is JSON as far as its type says; a body without a type is taken for JSON.
pub(crate) struct Body(Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = unsupported(request.headers());
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| Problem::unreadable_body(&rejection))?;
        match kind {
            Some(kind) if !body.is_empty() => Err(Problem::not_json_by_its_type(&kind)),
            _ => Ok(Self(body)),
        }
    }
}

/// The type of a body, where it is said and is not JSON in UTF-8.
fn unsupported(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE)?;
    let text = String::from_utf8_lossy(given.as_bytes()).to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let json = essence == "application/json" || essence.starts_with("application/") && essence.ends_with("+json");
    let charset = parts.find_map(|part| part.strip_prefix("charset="));
    let utf8 = charset.is_none_or(|charset| charset.trim_matches('"') == "utf-8");
    (!json || !utf8).then(|| text.clone())
}

/// A name: some character that is no space, and none that is a control character.
pub(crate) const NOMBRE: &str = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$";

/// A process, as its user writes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    deny_unknown_fields,
    description = "Un proceso, como se registra o se reemplaza. Las claves se aceptan con mayúsculas o minúsculas."
)]
pub(crate) struct SolicitudProceso {
    #[schemars(
        required,
        length(min = 1, max = MAX_NOMBRE),
        regex(pattern = NOMBRE),
        description = "El nombre: único en la instalación, sin distinguir mayúsculas ni espacios repetidos."
    )]
    pub(crate) nombre: Option<String>,
    #[schemars(
        required,
        length(min = 1),
        description = "Cuándo se ejecuta: cron(minutos horas día-del-mes mes día-de-la-semana año), rate(valor unidad), \
                       at(aaaa-mm-ddThh:mm:ss), o los seis campos de cron sin más."
    )]
    cron: Option<String>,
    #[schemars(
        length(min = 1),
        description = "La zona horaria, con su nombre IANA; UTC si se omite."
    )]
    zona_horaria: Option<String>,
    #[schemars(
        range(min = 1, max = 1440),
        description = "Cuántos minutos después de su hora puede partir."
    )]
    ventana_flexible_minutos: Option<i64>,
    #[schemars(extend("format" = "date-time"), description = "Desde cuándo se ejecuta (RFC 3339).")]
    inicio: Option<String>,
    #[schemars(
        extend("format" = "date-time"),
        description = "Hasta cuándo se ejecuta (RFC 3339); debe dejar al menos una ejecución."
    )]
    fin: Option<String>,
    #[schemars(
        required,
        regex(pattern = r"^arn:[a-z-]+:iam::[0-9]{12}:role/.+$"),
        description = "El rol que se asume para iniciarlo: de esta cuenta, y con el prefijo que la instalación admite."
    )]
    arn_rol: Option<String>,
    #[schemars(
        required,
        regex(pattern = r"^arn:[a-z-]+:[a-z0-9-]+:[^:]*:[^:]*:.+$"),
        description = "El destino: lo que se inicia, por ejemplo una función Lambda, una cola, un tema o una máquina de estados."
    )]
    arn_proceso: Option<String>,
    #[schemars(
        length(max = TABLE_LIMIT),
        description = "Lo que recibe el destino; JSON donde el destino lo exige. <kairos.id-ejecucion>, <kairos.id-proceso>, \
                       <kairos.fecha-programada> y <kairos.intento> se reemplazan al ejecutar."
    )]
    parametros: Option<String>,
    #[schemars(description = "Si se ejecuta; sí, si se omite.")]
    habilitado: Option<bool>,
    #[schemars(
        range(min = 0, max = MAX_REINTENTOS),
        description = "Cuántas veces se reintenta una ejecución fallida; 3 si se omite."
    )]
    reintentos: Option<i64>,
    #[schemars(
        with = "Option<InvocationMode>",
        description = "Cómo se invoca una función Lambda: Event (si se omite) o RequestResponse."
    )]
    modo_invocacion: Option<String>,
    #[schemars(
        range(min = 1, max = MAX_TIEMPO),
        description = "Cuántos segundos se espera a una función Lambda invocada con RequestResponse."
    )]
    tiempo_maximo_segundos: Option<i64>,
}

impl SolicitudProceso {
    const KEYS: [&str; 13] = [
        Field::Nombre.json(),
        Field::Cron.json(),
        Field::ZonaHoraria.json(),
        Field::VentanaFlexibleMinutos.json(),
        Field::Inicio.json(),
        Field::Fin.json(),
        Field::ArnRol.json(),
        Field::ArnProceso.json(),
        Field::Parametros.json(),
        Field::Habilitado.json(),
        Field::Reintentos.json(),
        Field::ModoInvocacion.json(),
        Field::TiempoMaximoSegundos.json(),
    ];

    /// Reads a process as its user wrote it.
    ///
    /// # Errors
    /// All that is wrong with the keys and types, at once; the values are checked by `kairos::validation`.
    pub(crate) fn read(body: &Body) -> Result<Self, Problem> {
        let mut values = Values::read(&body.0, &Self::KEYS, "un proceso")?;
        values.confidential = Some(Field::Parametros.json());
        let read = Self {
            nombre: values.text(Field::Nombre.json()),
            cron: values.text(Field::Cron.json()),
            zona_horaria: values.text(Field::ZonaHoraria.json()),
            ventana_flexible_minutos: values.whole(Field::VentanaFlexibleMinutos.json()),
            inicio: values.text(Field::Inicio.json()),
            fin: values.text(Field::Fin.json()),
            arn_rol: values.text(Field::ArnRol.json()),
            arn_proceso: values.text(Field::ArnProceso.json()),
            parametros: values.text(Field::Parametros.json()),
            habilitado: values.flag(Field::Habilitado.json()),
            reintentos: values.whole(Field::Reintentos.json()),
            modo_invocacion: values.text(Field::ModoInvocacion.json()),
            tiempo_maximo_segundos: values.whole(Field::TiempoMaximoSegundos.json()),
        };
        values.done(read)
    }
}

impl From<SolicitudProceso> for Raw {
    fn from(read: SolicitudProceso) -> Self {
        Self {
            nombre: read.nombre,
            cron: read.cron,
            zona_horaria: read.zona_horaria,
            ventana_flexible_minutos: read.ventana_flexible_minutos,
            inicio: read.inicio,
            fin: read.fin,
            arn_rol: read.arn_rol,
            arn_proceso: read.arn_proceso,
            parametros: read.parametros,
            habilitado: read.habilitado,
            reintentos: read.reintentos,
            modo_invocacion: read.modo_invocacion,
            tiempo_maximo_segundos: read.tiempo_maximo_segundos,
            unknown: Vec::new(),
        }
    }
}

/// The schema of a process that replaces another one: its name may be left out.
pub(crate) struct SolicitudReemplazo;

impl JsonSchema for SolicitudReemplazo {
    fn schema_name() -> Cow<'static, str> {
        "SolicitudReemplazo".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = SolicitudProceso::json_schema(generator);
        let nombre = Field::Nombre.json();
        if let Some(Value::Array(required)) = schema.get_mut("required") {
            required.retain(|key| key != nombre);
        }
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties[nombre]["type"] = json!(["string", "null"]);
            properties[nombre]["description"] =
                json!("El nombre: se puede omitir, y no puede cambiar más que en mayúsculas y espacios.");
        }
        schema.insert(
            "description".into(),
            json!("La nueva definición de un proceso: lo que no dice queda en su valor por omisión."),
        );
        schema
    }
}

/// A firing that is to be dispatched once more.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    deny_unknown_fields,
    description = "La ocurrencia de una calendarización que se vuelve a despachar."
)]
pub(crate) struct SolicitudRepeticion {
    #[schemars(
        extend("format" = "date-time"),
        description = "La fecha programada de la ocurrencia (RFC 3339), como la muestra la historia de sus procesos."
    )]
    pub(crate) fecha_programada: String,
}

impl SolicitudRepeticion {
    /// The key of the date.
    pub(crate) const FECHA_PROGRAMADA: &str = "fechaProgramada";

    /// Reads which firing is to be dispatched once more.
    pub(crate) fn read(body: &Body) -> Result<Self, Problem> {
        let mut values = Values::read(&body.0, &[Self::FECHA_PROGRAMADA], "una repetición")?;
        let fecha_programada = values.text(Self::FECHA_PROGRAMADA);
        if fecha_programada.is_none() && values.is_right(Self::FECHA_PROGRAMADA) {
            values.missing(Self::FECHA_PROGRAMADA);
        }
        values.done(Self {
            fecha_programada: fecha_programada.unwrap_or_default(),
        })
    }
}

/// Reads the body of a request that has nothing to say: none, or an object without keys.
pub(crate) fn nothing(body: &Body) -> Result<(), Problem> {
    if body.0.is_empty() {
        return Ok(());
    }
    Values::read(&body.0, &[], "una ejecución inmediata")?.done(())
}
