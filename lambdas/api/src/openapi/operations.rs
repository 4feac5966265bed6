//! What the document says of each operation. Its problems follow from its statuses.

use kairos::ids::{IdCalendarizacion, IdProceso};
use serde_json::{Value, json};

use super::parts::{answer, body, empty, in_header, in_path, in_query, with_header, with_links};
use super::{Described, Schemas, example};
use crate::answer::{Detalle, Pedida, Registrado, Repetida, Salud};
use crate::calendarizaciones::{self, ConsultaCalendarizaciones, PaginaCalendarizaciones};
use crate::dia::ConsultaDia;
use crate::ejecuciones::{IDEMPOTENCY_KEY, LONGEST_KEY};
use crate::historia::{ConsultaEjecuciones, PaginaEjecuciones};
use crate::listas::{ConsultaProcesos, PaginaProcesos};
use crate::request::{SolicitudProceso, SolicitudReemplazo, SolicitudRepeticion};
use crate::routes::Operation;

/// What the document says of an operation; none of one that nobody has described yet.
pub(super) fn describe(operation: &Operation, schemas: &mut Schemas) -> Option<Described> {
    Some(match (operation.method, operation.path) {
        ("POST", "/Procesos") => register(schemas),
        ("GET", "/Procesos") => processes(schemas),
        ("GET", "/Procesos/{id}") => process(schemas),
        ("PUT", "/Procesos/{id}") => replace(schemas),
        ("DELETE", "/Procesos/{id}") => delete(schemas),
        ("POST", "/Procesos/{id}/Ejecuciones") => run_now(schemas),
        ("GET", "/Procesos/{id}/Ejecuciones") => history(schemas),
        ("GET", "/Ejecuciones") => day(schemas),
        ("GET", "/Calendarizaciones") => schedules(schemas),
        ("GET", "/Calendarizaciones/{id}") => schedule(schemas),
        ("POST", "/Calendarizaciones/{id}/Ejecuciones") => replay(schemas),
        ("GET", "/salud") => health(schemas),
        ("GET", "/openapi.json") => document(),
        _ => return None,
    })
}

fn register(schemas: &mut Schemas) -> Described {
    let schema = schemas.answer::<Registrado>();
    let registered = |description: &str| {
        let told = answer(description, &schema, &example::registered());
        with_links(with_header(told, "ETag"), &of_a_process("$response.body#/IdProceso"))
    };
    Described {
        id: "registrarProceso",
        tag: "Procesos",
        summary: "Registra un proceso.",
        description:
            "Registrar otra vez lo mismo no cambia nada y responde 200. Un nombre que existe con otra definición es un \
                      conflicto: se cambia con PUT."
                .into(),
        parameters: Vec::new(),
        body: Some(body(
            "El proceso.",
            &schemas.request::<SolicitudProceso>(),
            &example::request(),
        )),
        answers: vec![
            (201, registered("El proceso quedó registrado.")),
            (200, registered("Ya estaba registrado con la misma definición.")),
        ],
    }
}

fn processes(schemas: &mut Schemas) -> Described {
    let page = answer(
        "Una página de procesos.",
        &schemas.answer::<PaginaProcesos>(),
        &example::processes(),
    );
    let mut links = of_a_process("$response.body#/Procesos/0/IdProceso");
    links.push(next_page("listarProcesos"));
    Described {
        id: "listarProcesos",
        tag: "Procesos",
        summary: "Lista los procesos, todos o los que una clave o un índice encuentra.",
        description: "Sin filtros recorre la tabla. `nombre`, o `idCalendarizacion` (o `cron` con su zona, ventana, inicio y \
                      fin), y con estos últimos `habilitado`, son los filtros que existen. Una página puede traer menos de \
                      `limite`, incluso nada: la última es la que no trae `Cursor`."
            .into(),
        parameters: in_query::<ConsultaProcesos>(schemas),
        body: None,
        answers: vec![(200, with_links(page, &links))],
    }
}

fn process(schemas: &mut Schemas) -> Described {
    let told = answer("El proceso.", &schemas.answer::<Detalle>(), &example::detail());
    let links = [(
        "calendarizacion",
        "leerCalendarizacion",
        json!({"id": "$response.body#/IdCalendarizacion"}),
    )];
    Described {
        id: "leerProceso",
        tag: "Procesos",
        summary: "Lee un proceso.",
        description: "Con todo lo que se sabe de él, y su versión en `ETag`.".into(),
        parameters: vec![id_proceso(schemas)],
        body: None,
        answers: vec![(200, with_links(with_header(told, "ETag"), &links))],
    }
}

fn replace(schemas: &mut Schemas) -> Described {
    let told = answer(
        "El proceso, como quedó.",
        &schemas.answer::<Detalle>(),
        &example::detail(),
    );
    let links = of_a_process("$response.body#/IdProceso");
    Described {
        id: "reemplazarProceso",
        tag: "Procesos",
        summary: "Reemplaza la definición de un proceso.",
        description: "Lo que el cuerpo no dice queda en su valor por omisión; el nombre se puede omitir, y no puede cambiar. \
                      Una nueva expresión mueve el proceso a otra calendarización en un paso. Con `If-Match`, solo si el \
                      proceso es el que se leyó; sin él, gana el último."
            .into(),
        parameters: vec![id_proceso(schemas), if_match()],
        body: Some(body(
            "La nueva definición.",
            &schemas.request::<SolicitudReemplazo>(),
            &example::request(),
        )),
        answers: vec![(200, with_links(with_header(told, "ETag"), &links))],
    }
}

fn delete(schemas: &mut Schemas) -> Described {
    Described {
        id: "eliminarProceso",
        tag: "Procesos",
        summary: "Elimina un proceso.",
        description:
            "Con el último proceso de una calendarización se elimina también ella. La historia queda hasta que vence. \
                      Con `If-Match`, solo si el proceso es el que se leyó."
                .into(),
        parameters: vec![id_proceso(schemas), if_match()],
        body: None,
        answers: vec![(204, empty("El proceso ya no existe."))],
    }
}

fn run_now(schemas: &mut Schemas) -> Described {
    let told = answer(
        "La ejecución está en la cola.",
        &schemas.answer::<Pedida>(),
        &example::run_asked(),
    );
    let links = [("historia", "leerHistoria", json!({"id": "$request.path.id"}))];
    let key = in_header(
        IDEMPOTENCY_KEY,
        "Una clave de quien llama, como un UUID: las solicitudes con la misma clave son una sola ejecución. Sin ella, cada \
         solicitud es otra.",
        &json!({"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}),
        "0b9e2c1e-6f1c-4a57-9a55-3f7c2f0f2a10",
    );
    let nothing = json!({
        "description": "No hay nada que decir: ningún cuerpo, o un objeto vacío.", "required": false,
        "content": {"application/json": {
            "schema": {"type": "object", "maxProperties": 0, "additionalProperties": false}, "example": {}
        }}
    });
    Described {
        id: "ejecutarProceso",
        tag: "Ejecuciones",
        summary: "Ejecuta un proceso ahora.",
        description:
            "La ejecución queda anotada antes de que su mensaje se envíe; su historia dice cómo terminó. Un proceso \
                      deshabilitado no se ejecuta."
                .into(),
        parameters: vec![id_proceso(schemas), key],
        body: Some(nothing),
        answers: vec![(202, with_links(told, &links))],
    }
}

fn history(schemas: &mut Schemas) -> Described {
    let page = answer(
        "Una página de la historia.",
        &schemas.answer::<PaginaEjecuciones>(),
        &example::history(),
    );
    let (name, operation, mut parameters) = next_page("leerHistoria");
    parameters["id"] = json!("$request.path.id");
    let mut all = vec![id_proceso(schemas)];
    all.extend(in_query::<ConsultaEjecuciones>(schemas));
    Described {
        id: "leerHistoria",
        tag: "Ejecuciones",
        summary: "Lee la historia de un proceso, de lo más nuevo a lo más antiguo.",
        description: "La historia sigue después de eliminado el proceso, hasta que vence.".into(),
        parameters: all,
        body: None,
        answers: vec![(200, with_links(page, &[(name, operation, parameters)]))],
    }
}

fn day(schemas: &mut Schemas) -> Described {
    let page = answer(
        "Una página de las ejecuciones de un día.",
        &schemas.answer::<PaginaEjecuciones>(),
        &example::history(),
    );
    let (name, operation, mut parameters) = next_page("listarEjecuciones");
    for asked in ["estado", "dia"] {
        parameters[asked] = json!(format!("$request.query.{asked}"));
    }
    Described {
        id: "listarEjecuciones",
        tag: "Ejecuciones",
        summary: "Lista las ejecuciones de un día que están en un estado, de la más nueva a la más antigua.",
        description:
            "De todos los procesos. Lo que cambia de estado entre dos páginas deja este listado y pasa a otro.".into(),
        parameters: in_query::<ConsultaDia>(schemas),
        body: None,
        answers: vec![(200, with_links(page, &[(name, operation, parameters)]))],
    }
}

fn schedules(schemas: &mut Schemas) -> Described {
    let page = answer(
        "Una página de calendarizaciones.",
        &schemas.answer::<PaginaCalendarizaciones>(),
        &example::schedules(),
    );
    let one = json!({"id": "$response.body#/Calendarizaciones/0/IdCalendarizacion"});
    let links = [
        ("calendarizacion", "leerCalendarizacion", one.clone()),
        ("repetir", "repetirDisparo", one),
        next_page("listarCalendarizaciones"),
    ];
    Described {
        id: "listarCalendarizaciones",
        tag: "Calendarizaciones",
        summary: "Lista las calendarizaciones.",
        description: "Con cuántos procesos tiene cada una, y cuándo se ejecuta.".into(),
        parameters: in_query::<ConsultaCalendarizaciones>(schemas),
        body: None,
        answers: vec![(200, with_links(page, &links))],
    }
}

fn schedule(schemas: &mut Schemas) -> Described {
    let told = answer(
        "La calendarización.",
        &schemas.answer::<calendarizaciones::Detalle>(),
        &example::schedule(),
    );
    let id = "$response.body#/IdCalendarizacion";
    let links = [
        ("procesos", "listarProcesos", json!({"idCalendarizacion": id})),
        ("repetir", "repetirDisparo", json!({"id": id})),
    ];
    Described {
        id: "leerCalendarizacion",
        tag: "Calendarizaciones",
        summary: "Lee una calendarización.",
        description: "Con cuántos procesos tiene, y cuándo se ejecuta.".into(),
        parameters: vec![id_calendarizacion(schemas)],
        body: None,
        answers: vec![(200, with_links(told, &links))],
    }
}

fn replay(schemas: &mut Schemas) -> Described {
    let told = answer(
        "El disparo se está repitiendo.",
        &schemas.answer::<Repetida>(),
        &example::replayed(),
    );
    Described {
        id: "repetirDisparo",
        tag: "Ejecuciones",
        summary: "Repite un disparo de una calendarización.",
        description:
            "Con los mismos ids de ejecución: lo que terminó bien no se ejecuta otra vez; lo que falló o nunca empezó, \
                      sí. La fecha debe ser una ocurrencia de la calendarización que ya pasó."
                .into(),
        parameters: vec![id_calendarizacion(schemas)],
        body: Some(body(
            "La ocurrencia.",
            &schemas.request::<SolicitudRepeticion>(),
            &example::replay(),
        )),
        answers: vec![(202, told)],
    }
}

fn health(schemas: &mut Schemas) -> Described {
    Described {
        id: "leerSalud",
        tag: "API",
        summary: "Dice que la API responde, de qué instalación y en qué versión.",
        description: "No toca la base de datos.".into(),
        parameters: Vec::new(),
        body: None,
        answers: vec![(
            200,
            answer("La API responde.", &schemas.answer::<Salud>(), &example::health()),
        )],
    }
}

fn document() -> Described {
    let schema = json!({"type": "object", "required": ["openapi", "info", "paths"]});
    Described {
        id: "leerDocumento",
        tag: "API",
        summary: "Este documento.",
        description: "OpenAPI 3.1, generado de los tipos que la API usa.".into(),
        parameters: Vec::new(),
        body: None,
        answers: vec![(
            200,
            answer(
                "El documento.",
                &schema,
                &json!({"openapi": "3.1.0", "info": {}, "paths": {}}),
            ),
        )],
    }
}

fn id_proceso(schemas: &mut Schemas) -> Value {
    in_path::<IdProceso>(schemas, &json!("proceso-wyl3hh7omne5m6jk4uqhpridpi"))
}

fn id_calendarizacion(schemas: &mut Schemas) -> Value {
    in_path::<IdCalendarizacion>(schemas, &json!("calendarizacion-tg5hbnolpzbf7bj54rp6vyv42e"))
}

fn if_match() -> Value {
    in_header(
        "If-Match",
        "El `ETag` con el que se leyó el proceso; `*`, cualquiera.",
        &json!({"type": "string", "pattern": r#"^(\*|"[!#-~]+"(, "[!#-~]+")*)$"#}),
        "\"1-19b7f1d6a00\"",
    )
}

/// What can be done with a process whose id an answer tells.
fn of_a_process(id: &str) -> Vec<(&'static str, &'static str, Value)> {
    [
        ("leer", "leerProceso"),
        ("reemplazar", "reemplazarProceso"),
        ("eliminar", "eliminarProceso"),
        ("ejecutar", "ejecutarProceso"),
        ("historia", "leerHistoria"),
    ]
    .map(|(name, operation)| (name, operation, json!({"id": id})))
    .into()
}

/// The link of a page to the next one.
fn next_page(operation: &'static str) -> (&'static str, &'static str, Value) {
    ("siguiente", operation, json!({"cursor": "$response.body#/Cursor"}))
}
