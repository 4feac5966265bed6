//! `GET /Ejecuciones`: the runs of a day that are in one state, newest first, page by page.

use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use kairos::history::{DayCursor, of_day};
use kairos::instant::{Date, read_day};
use kairos::json_schema::Dia;
use kairos::run::{EstadoDia, EstadoEjecucion};
use schemars::JsonSchema;

use crate::historia::PaginaEjecuciones;
use crate::problem::Problem;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT, Query};
use crate::{RequestId, Shared, World};

/// What is asked for: a state and a day, which the index has; anything less would read the whole history.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema)]
#[schemars(rename = "ConsultaDeUnDia", rename_all = "camelCase")]
pub(crate) struct ConsultaDia {
    /// The state.
    #[schemars(description = "En qué están las ejecuciones.")]
    estado: EstadoEjecucion,
    /// The day.
    #[schemars(
        with = "Dia",
        description = "El día, en UTC, para el que estaban programadas o en que se pidieron: `aaaa-mm-dd`."
    )]
    dia: Date,
    /// How many.
    #[schemars(
        with = "Option<u32>",
        range(min = 1, max = MAX_LIMIT),
        extend("default" = DEFAULT_LIMIT),
        description = "Cuántas ejecuciones trae la página a lo más; puede traer menos y no ser la última."
    )]
    limite: u32,
    /// Where the page begins.
    #[schemars(
        with = "Option<String>",
        description = "El `Cursor` de la página anterior del mismo estado y día, sin cambios."
    )]
    cursor: Option<DayCursor>,
}

/// The parameters.
pub(crate) const PARAMETERS: &[&str] = &["estado", "dia", "limite", "cursor"];

/// `GET /Ejecuciones`.
pub(crate) async fn page<W: World>(
    State(api): Shared<W>,
    Extension(id): Extension<RequestId>,
    uri: Uri,
) -> Result<Json<PaginaEjecuciones>, Problem> {
    let consulta = ConsultaDia::read(&uri, &api.names.app)?;
    let of = consulta.of();
    let page = of_day(&api.history, of, consulta.cursor.as_ref(), consulta.limite)
        .await
        .map_err(|error| Problem::failed(format!("reading the runs in the state {of}"), error, &id.0))?;
    Ok(Json(PaginaEjecuciones::of(page, &listing(&api.names.app, of))))
}

impl ConsultaDia {
    fn read(uri: &Uri, app: &str) -> Result<Self, Problem> {
        let mut query = Query::read(uri, PARAMETERS);
        let states = EstadoEjecucion::ALL.map(EstadoEjecucion::as_str).join(", ");
        let estado = query.required("estado", &format!("debe ser uno de {states}"), |text| text.parse().ok());
        let dia = query.required("dia", "debe ser un día en UTC, como 2026-01-02", read_day);
        let limite = query.limit();
        let of = estado.zip(dia).map(|(estado, dia)| EstadoDia { estado, dia });
        // Where one of them is wrong, the cursor is not looked at.
        let cursor = query.cursor(&of.map(|of| listing(app, of)).unwrap_or_default());
        query.done(Vec::new())?;
        let EstadoDia { estado, dia } = of.ok_or_else(|| Problem::invalid(Vec::new()))?;
        Ok(Self {
            estado,
            dia,
            limite,
            cursor,
        })
    }

    fn of(&self) -> EstadoDia {
        EstadoDia {
            estado: self.estado,
            dia: self.dia,
        }
    }
}

/// The listing as its cursors know it.
fn listing(app: &str, of: EstadoDia) -> String {
    format!("ejecuciones {app} {of}")
}
