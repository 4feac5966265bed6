//! The attributes of `kairos_proceso`.
//!
//! Invariant: values are checked in one place, the domain's, for the provider and the HTTP API alike; nothing is checked here.

use tfplugin::{Attr, Attribute, Schema, model};

model! {
    /// A process, as terraform has it.
    pub struct ProcesoModel {
        /// The stack's name.
        pub stack: Attr<String>,
        /// The process's name.
        pub nombre: Attr<String>,
        /// The schedule expression.
        pub cron: Attr<String>,
        /// The IANA zone of the expression.
        pub zona_horaria: Attr<String>,
        /// The flexible window, in minutes.
        pub ventana_flexible_minutos: Attr<i64>,
        /// From when on it fires.
        pub inicio: Attr<String>,
        /// Until when it fires.
        pub fin: Attr<String>,
        /// The role that the executor assumes.
        pub arn_rol: Attr<String>,
        /// The target.
        pub arn_proceso: Attr<String>,
        /// What the target receives.
        pub parametros: Attr<String>,
        /// Whether it runs.
        pub habilitado: Attr<bool>,
        /// How often a failed run is tried again.
        pub reintentos: Attr<i64>,
        /// How a Lambda target is invoked.
        pub modo_invocacion: Attr<String>,
        /// How long a synchronous Lambda target is waited for, in seconds.
        pub tiempo_maximo_segundos: Attr<i64>,
        /// The process's id.
        pub id: Attr<String>,
        /// The id of the schedule that it runs on.
        pub id_calendarizacion: Attr<String>,
        /// When it was registered.
        pub fecha_creacion: Attr<String>,
        /// Whether its calendarización is as it should be.
        pub estado: Attr<String>,
    }
}

/// The schema of `kairos_proceso`.
pub(super) fn schema() -> Schema {
    Schema::new(0)
        .description(
            "A process: what runs, when, and with which role. Processes that fire at the same instants share one schedule. \
             Import with `<stack>/<nombre>` or `<stack>/<id>`.",
        )
        .attribute(
            "stack",
            Attribute::string().required().requires_replace().description(
                "Name of the stack that runs it. Write `kairos_stack.….name` where the stack is in the same configuration, so that it \
                 is there first and goes last.",
            ),
        )
        .attribute(
            "nombre",
            Attribute::string()
                .required()
                .requires_replace()
                .description(
                    "Its name, 1 to 128 characters, unique in the stack ignoring case and repeated spaces. The id is made from it: \
                     another name is another process, with a history of its own.",
                ),
        )
        .attribute(
            "cron",
            Attribute::string().required().description(
                "Schedule expression: `cron(minutes hours day-of-month month day-of-week year)`, `rate(value unit)`, \
                 `at(yyyy-mm-ddThh:mm:ss)`, or the six fields of a cron alone. Another way to write the same schedule is no \
                 change; another schedule moves the process in place.",
            ),
        )
        .attribute(
            "zona_horaria",
            Attribute::string().default("UTC").description(
                "IANA time zone of the expression, such as `America/Santiago`, in any case. Local times that clocks skip do not \
                 fire; those that clocks repeat fire once. A rate does not depend on it.",
            ),
        )
        .attribute(
            "ventana_flexible_minutos",
            Attribute::int()
                .optional()
                .description(
                    "Minutes after the scheduled time within which AWS may fire, 1 to 1440. Without it, within the minute.",
                ),
        )
        .attribute("inicio", Attribute::string().optional().description(
                "Instant (RFC 3339, with an offset) before which it does not fire. Not looked at with `at(…)`. Without it, from now on.",
            ),
        )
        .attribute("fin", Attribute::string().optional().description(
                "Instant (RFC 3339, with an offset) after which it does not fire, later than `inicio`; the process then stays, and does \
                 not run. Not looked at with `at(…)`. Without it, for good.",
            ),
        )
        .attribute(
            "arn_rol",
            Attribute::string().required().description(
                "ARN of the role that the executor assumes to start the target: of the stack's account, and beginning with the \
                 stack's `role_prefix` after `role/`. It trusts the executor and allows the one action on the one target, as the \
                 data source `kairos_rol_ejecucion` describes it.",
            ),
        )
        .attribute(
            "arn_proceso",
            Attribute::string()
                .required()
                .description(
                    "ARN of the target: a Lambda function, state machine, SNS topic, SQS queue, event bus, Kinesis or Firehose \
                     stream, ECS cluster or task definition, Batch job queue, CodeBuild project, Glue job or workflow, Redshift \
                     cluster or workgroup, RDS cluster, method of an API, or `arn:aws:scheduler:::aws-sdk:<service>:<action>`. The \
                     stack's own functions and queues are refused.",
                ),
        )
        .attribute(
            "parametros",
            Attribute::string().optional().description(
                "What the target receives: a message, JSON, or the request of its action, as the guide to targets says for each; \
                 `{}` where it is left out. At most 400,000 bytes, less where the target takes less. `<kairos.id-ejecucion>`, \
                 `<kairos.id-proceso>`, `<kairos.fecha-programada>` and `<kairos.intento>` are replaced at run time. Compared as \
                 JSON where it is JSON. It is in the state, the table and the API in clear text: name secrets, do not write them.",
            ),
        )
        .attribute("habilitado", Attribute::bool().default(true).description(
                "Whether it runs. A process that is disabled stays registered; firings meanwhile are not made up for.",
            ),
        )
        .attribute(
            "reintentos",
            Attribute::int()
                .default(3)
                .description(
                    "How often a run that failed in passing is tried again, 0 to 10, after 30 s, 60 s, 120 s and so on, at most 15 \
                     min each. After the last attempt the run is in the dead-letter queue.",
                ),
        )
        .attribute(
            "modo_invocacion",
            Attribute::string()
                .default("Event")
                .description(
                    "For Lambda targets: `Event` hands the run over, `RequestResponse` waits for its result and takes the function's \
                     own error as a failure.",
                ),
        )
        .attribute(
            "tiempo_maximo_segundos",
            Attribute::int().optional().description("How long a `RequestResponse` invocation is waited for, in seconds: at most what the stack's executor has (its \
                 `timeout` less 6 s), which it is where this is left out."),
        )
        .attribute("id", Attribute::string().computed().keep().description("The process's id, made from its name, and known in the plan."))
        .attribute(
            "id_calendarizacion",
            Attribute::string()
                .computed()
                .description("Id of its schedule, and the schedule's name, made from expression, zone, window, start and end."),
        )
        .attribute("fecha_creacion", Attribute::string().computed().keep().description("When it was registered (RFC 3339)."))
        .attribute(
            "estado",
            Attribute::string().computed().description(
                "Whether the schedule behind it is as it should be: `in_sync`, or `missing: …` or `drifted: …` with what \
                 differs as `property: actual → wanted`. The planned value is always `in_sync`, and the apply mends it.",
            ),
        )
}
