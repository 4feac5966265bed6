//! `kairos_stack`: a stack that another configuration owns, with everything of it that may be referred to.
//!
//! Invariant: read-only, and cheap: names are derived, as the resource derives them. The value of the API key is read only
//! where it is asked for, since whatever is read is in the state.

use tfplugin::{Attr, Attribute, Ctx, DataSource, Diagnostics, Path, Schema, model};

use super::installation::{self, Installation, connection};
use super::settle;
use crate::configuration::{Configured, Connection};
use crate::sentence::sentence;
use crate::stack::config::{ApiConfig, StackConfig};
use crate::stack::context::Context;
use crate::stack::kinds::{api_key, rest_api};
use crate::stack::model::StackModel;
use crate::stack::{outputs, rules};

/// The computed texts that the resource has as well, and what they are.
const SHARED: [(&str, &str); 22] = [
    ("dispatcher_arn", "ARN of the dispatcher's function."),
    ("dispatcher_role_arn", "ARN of the dispatcher's role."),
    ("executor_arn", "ARN of the executor's function."),
    (
        "executor_role_arn",
        "ARN of the executor's role, which the roles of processes trust.",
    ),
    (
        "scheduler_role_arn",
        "ARN of the role that EventBridge Scheduler assumes.",
    ),
    ("api_arn", "ARN of the API's function; null without an API."),
    ("api_role_arn", "ARN of the API's role; null without an API."),
    ("api_id", "Id of the REST API; null without an API."),
    (
        "api_url",
        "URL of the HTTP API, with a slash at its end; null without an API.",
    ),
    ("api_key_id", "Id of the API key; null without an API."),
    ("queue_url", "URL of the work queue."),
    ("queue_arn", "ARN of the work queue."),
    ("dead_letter_queue_url", "URL of the queue of runs that were given up."),
    ("dead_letter_queue_arn", "ARN of the queue of runs that were given up."),
    (
        "dispatcher_dead_letter_queue_arn",
        "ARN of the queue of firings that could not be dispatched.",
    ),
    (
        "schedule_dead_letter_queue_arn",
        "ARN of the queue of firings that did not reach the dispatcher.",
    ),
    ("schedule_group", "Name of the schedules' group."),
    ("schedule_group_arn", "ARN of the schedules' group."),
    ("topic_arn", "ARN of the alarms' topic."),
    ("procesos_table", "Name of the table of processes."),
    ("calendarizaciones_table", "Name of the table of schedules."),
    ("ejecuciones_table", "Name of the table of runs."),
];

model! {
    /// The attributes of the data source `kairos_stack`.
    pub struct StackDataModel {
        /// The stack's name.
        pub name: Attr<String>,
        /// Whether the value of the API key is read.
        pub with_api_key: Attr<bool>,
        /// The stack's name, once more.
        pub id: Attr<String>,
        /// Which installation it is.
        pub installation_id: Attr<String>,
        /// What the names of the roles of processes begin with.
        pub role_prefix: Attr<String>,
        /// The path of the stack's own roles.
        pub role_path: Attr<String>,
        /// What the trust policies of the processes' roles ask for.
        pub external_id: Attr<String>,
        /// ARN of the dispatcher's function.
        pub dispatcher_arn: Attr<String>,
        /// ARN of the dispatcher's role.
        pub dispatcher_role_arn: Attr<String>,
        /// ARN of the executor's function.
        pub executor_arn: Attr<String>,
        /// ARN of the executor's role.
        pub executor_role_arn: Attr<String>,
        /// ARN of the scheduler's role.
        pub scheduler_role_arn: Attr<String>,
        /// ARN of the API's function.
        pub api_arn: Attr<String>,
        /// ARN of the API's role.
        pub api_role_arn: Attr<String>,
        /// Id of the REST API.
        pub api_id: Attr<String>,
        /// URL of the API.
        pub api_url: Attr<String>,
        /// Id of the API key.
        pub api_key_id: Attr<String>,
        /// Value of the API key.
        pub api_key: Attr<String>,
        /// URL of the work queue.
        pub queue_url: Attr<String>,
        /// ARN of the work queue.
        pub queue_arn: Attr<String>,
        /// URL of the dead-letter queue.
        pub dead_letter_queue_url: Attr<String>,
        /// ARN of the dead-letter queue.
        pub dead_letter_queue_arn: Attr<String>,
        /// ARN of the dispatcher's dead-letter queue.
        pub dispatcher_dead_letter_queue_arn: Attr<String>,
        /// ARN of the schedules' dead-letter queue.
        pub schedule_dead_letter_queue_arn: Attr<String>,
        /// Name of the group.
        pub schedule_group: Attr<String>,
        /// ARN of the group.
        pub schedule_group_arn: Attr<String>,
        /// ARN of the topic.
        pub topic_arn: Attr<String>,
        /// Table of processes.
        pub procesos_table: Attr<String>,
        /// Table of schedules.
        pub calendarizaciones_table: Attr<String>,
        /// Table of runs.
        pub ejecuciones_table: Attr<String>,
    }
}

/// The data source.
#[derive(Debug, Default)]
pub struct StackDataSource;

impl DataSource for StackDataSource {
    const NAME: &'static str = "kairos_stack";
    type Model = StackDataModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        let computed = |text: &str| Attribute::string().computed().description(text);
        let schema = Schema::new(0)
            .description(
                "A stack that another configuration owns: everything of it that may be referred to. In the configuration that \
                 has its `kairos_stack` resource, refer to the resource instead: its ARNs are known in the plan that creates it.",
            )
            .attribute(
                "name",
                Attribute::string().required().validate(rules::name).description("Name of the stack, as AWS has it: case counts."),
            )
            .attribute(
                "with_api_key",
                Attribute::bool().optional().description(
                    "Whether the value of the API key is read; not where it is left out. It is then in the state of this \
                     configuration, so leave it out where the value is not needed. Needs `apigateway:GET` on \
                     `/apikeys/{api_key_id}`, which the duty `data` does not have.",
                ),
            )
            .attribute("id", computed("The stack's name."))
            .attribute("installation_id", computed("Which installation it is; null where its marker was deleted by hand."))
            .attribute("role_prefix", computed(
                "What the names of the roles of processes begin with, compared with everything after `role/`, path included.",
            ))
            .attribute("role_path", computed("Path of the stack's own roles."))
            .attribute("external_id", computed("External id that the roles of processes ask for; null without one."))
            .attribute(
                "api_key",
                computed("Value of the API key; null unless `with_api_key` is `true`.").sensitive(),
            );
        SHARED
            .into_iter()
            .fold(schema, |schema, (name, text)| schema.attribute(name, computed(text)))
    }

    async fn read(
        &self,
        ctx: &Ctx<Configured>,
        config: StackDataModel,
        diagnostics: &mut Diagnostics,
    ) -> Option<StackDataModel> {
        settle(read(ctx.configured(), config).await, diagnostics)
    }
}

async fn read(configured: &Configured, config: StackDataModel) -> Result<StackDataModel, Diagnostics> {
    let connection = connection(configured)?;
    let name = config.name.as_str().unwrap_or_default();
    let installation = installation::find(configured, name).await.map_err(at_name)?;
    let api = api(connection, &installation, config.with_api_key == Attr::Known(true)).await?;
    Ok(shown(config, &installation, api))
}

/// What API Gateway tells of the API.
#[derive(Debug, Default)]
struct Api {
    id: Option<String>,
    key: Option<String>,
}

async fn api(connection: &Connection, installation: &Installation, with_key: bool) -> Result<Api, Diagnostics> {
    if installation.api_url().is_none() {
        return Ok(Api::default());
    }
    let context = Context::new(installation.names.clone(), connection.clients.clone());
    let key = async {
        match installation.api_key_id().filter(|_| with_key) {
            Some(id) => api_key::value(&context, id).await,
            None => Ok(None),
        }
    };
    let (id, key) = tokio::try_join!(rest_api::id(&context), key)
        .map_err(|error| Diagnostics::of_error("Cannot read the stack's API", sentence(&error)))?;
    Ok(Api { id, key })
}

/// The stack as the resource would show it.
fn shown(config: StackDataModel, installation: &Installation, api: Api) -> StackDataModel {
    let names = &installation.names;
    let as_configured = StackConfig {
        name: names.app.clone(),
        role_path: installation.role_path().to_owned(),
        api: installation.api_url().map(|_| ApiConfig::default()),
        ..StackConfig::default()
    };
    let mut model = StackModel::default();
    outputs::fill(&mut model, names, &as_configured, |_| Attr::Null);
    StackDataModel {
        name: config.name,
        with_api_key: config.with_api_key,
        id: model.id,
        installation_id: installation.id.clone().into(),
        role_prefix: installation.role_prefix().into(),
        role_path: installation.role_path().into(),
        external_id: installation.external_id.clone().into(),
        dispatcher_arn: model.dispatcher_arn,
        dispatcher_role_arn: model.dispatcher_role_arn,
        executor_arn: model.executor_arn,
        executor_role_arn: installation.executor_role_arn().into(),
        scheduler_role_arn: model.scheduler_role_arn,
        api_arn: model.api_arn,
        api_role_arn: model.api_role_arn,
        api_id: api.id.into(),
        api_url: installation.api_url().map(str::to_owned).into(),
        api_key_id: installation.api_key_id().map(str::to_owned).into(),
        api_key: api.key.into(),
        queue_url: model.queue_url,
        queue_arn: model.queue_arn,
        dead_letter_queue_url: model.dead_letter_queue_url,
        dead_letter_queue_arn: model.dead_letter_queue_arn,
        dispatcher_dead_letter_queue_arn: model.dispatcher_dead_letter_queue_arn,
        schedule_dead_letter_queue_arn: model.schedule_dead_letter_queue_arn,
        schedule_group: model.schedule_group,
        schedule_group_arn: model.schedule_group_arn,
        topic_arn: model.topic_arn,
        procesos_table: model.procesos_table,
        calendarizaciones_table: model.calendarizaciones_table,
        ejecuciones_table: model.ejecuciones_table,
    }
}

/// Here the stack's name is in `name`.
fn at_name(diagnostics: Diagnostics) -> Diagnostics {
    let moved = diagnostics.into_iter().map(|mut diagnostic| {
        diagnostic.path = diagnostic.path.map(|_| Path::root("name"));
        diagnostic
    });
    moved.collect()
}
