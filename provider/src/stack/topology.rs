//! Everything that a stack is made of, as data: someone who reads only this file knows the whole product.
//!
//! Invariant: pure. The same configuration, names and code give the same components, in the same order.
//! Invariant: the dependencies have no cycle; creation follows them, deletion runs against them.

mod alarms;
mod api;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

use kairos::names::Names;
use serde_json::json;

pub use self::api::url as api_url;

use super::component::Component;
use super::config::{FunctionConfig, StackConfig};
use super::engine::Observation;
use super::kind::{Extras, Kind, Tags};
use super::kinds::event_invoke::EventInvoke;
use super::kinds::event_source::EventSource;
use super::kinds::function::{Code, Environment, Function, HANDLER, RUNTIME};
use super::kinds::log_group::LogGroup;
use super::kinds::parameter::{Parameter, Text};
use super::kinds::queue::{Encryption, Queue, Redrive, RedriveAllow, tls_only};
use super::kinds::schedule_group::ScheduleGroup;
use super::kinds::subscription::Subscription;
use super::kinds::table::{Billing, Index, Key, Projection, Table};
use super::kinds::topic::Topic;
use super::policy::PolicyDocument;

/// The stage of the HTTP API.
pub const STAGE: &str = "prod";

/// How long a dead letter is kept: 14 days, SQS's longest.
const DEAD_LETTER_RETENTION: u32 = 14 * 24 * 3600;
/// How long a message waits at most: 4 days. A dead-letter queue counts from the original time, so that it keeps 10 more.
const QUEUE_RETENTION: u32 = 4 * 24 * 3600;
/// The largest message, in bytes: 256 KiB, far more than ids and a reason need. It is said since SQS's default depends on when
/// a queue was created.
const LARGEST_MESSAGE: u32 = 256 * 1024;
/// How often a message is received before the queue gives it up: a net below the executor's own count of attempts.
const MAX_RECEIVES: u32 = 20;

/// The code of the three functions.
#[derive(Debug, Clone)]
pub struct Codes {
    /// The dispatcher's.
    pub dispatcher: Code,
    /// The executor's.
    pub executor: Code,
    /// The API's.
    pub api: Code,
}

/// All components of a stack, but for its marker, which brackets them.
pub fn topology(config: &StackConfig, names: &Names, codes: &Codes) -> Vec<Component> {
    let mut t = Builder::new(config, names, codes);
    t.data();
    t.queues();
    t.alerts();
    let scheduler = roles::scheduler(&t);
    t.add("scheduler_role", scheduler, &[]);
    t.dispatcher();
    t.executor();
    let schedules = ScheduleGroup {
        name: names.schedule_group(),
        tags: t.tags.clone(),
    };
    // Deleted before what its schedules use.
    t.add(
        "schedule_group",
        schedules,
        &["dispatcher_function", "scheduler_role", "schedule_dlq"],
    );
    if let Some(api) = &config.api {
        t.api(api);
    }
    alarms::add(&mut t);
    t.parameters();
    t.components
}

/// The executor's time-out as AWS holds it, in seconds; `None` where there is no such function yet.
pub fn held_timeout(observed: &Observation) -> Option<i32> {
    let executor = observed.get("executor_function")?.as_ref()?;
    executor.value::<Function>().map(|function| function.timeout)
}

/// Pairs (first, then) of components whose changes depend on each other only this time: the queue's visibility must never
/// be shorter than the executor's time-out, so that it grows first and shrinks last. What AWS holds decides
/// ([`held_timeout`]), and not what an earlier change, which may have failed half-way, was to bring about.
pub fn order(held_timeout: Option<i32>, wanted: &StackConfig) -> Vec<(String, String)> {
    let (queue, function) = ("queue".to_owned(), "executor_function".to_owned());
    let Some(held) = held_timeout else {
        return Vec::new();
    };
    match wanted.executor.function.timeout.cmp(&held) {
        std::cmp::Ordering::Greater => vec![(queue, function)],
        std::cmp::Ordering::Less => vec![(function, queue)],
        std::cmp::Ordering::Equal => Vec::new(),
    }
}

/// The components that `prior` had and `wanted` may have no longer, among them a mapping on another domain or path, which
/// may be another object although it has the same part in the topology: what AWS holds tells.
pub fn prior(prior: &StackConfig, wanted: &StackConfig, names: &Names, codes: &Codes) -> Vec<Component> {
    let mapping = |c: &StackConfig| c.api.as_ref().map(|a| (a.domain_name.clone(), a.mapping_key.clone()));
    let moved = mapping(prior) != mapping(wanted);
    let mut components = topology(prior, names, codes);
    for component in components.iter_mut().filter(|c| moved && c.name == "api_mapping") {
        component.name = "api_mapping (earlier)".into();
    }
    components
}

/// A queue's URL, as SQS of that region gives it.
pub fn queue_url(names: &Names, queue: &str) -> String {
    let place = &names.place;
    format!(
        "https://sqs.{}.{}/{}/{queue}",
        place.region,
        dns_suffix(&place.partition),
        place.account
    )
}

/// The domain that a partition's endpoints are under.
pub fn dns_suffix(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "amazonaws.com.cn",
        "aws-iso" => "c2s.ic.gov",
        "aws-iso-b" => "sc2s.sgov.gov",
        "aws-iso-e" => "cloud.adc-e.uk",
        "aws-iso-f" => "csp.hci.ic.gov",
        "aws-eusc" => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

struct Builder<'a> {
    config: &'a StackConfig,
    names: &'a Names,
    codes: &'a Codes,
    tags: Tags,
    components: Vec<Component>,
}

impl<'a> Builder<'a> {
    fn new(config: &'a StackConfig, names: &'a Names, codes: &'a Codes) -> Self {
        let mut tags = config.tags.clone();
        tags.insert(Names::OWNER_TAG.into(), names.owner());
        Self {
            config,
            names,
            codes,
            tags,
            components: Vec::new(),
        }
    }

    fn add<K: Kind>(&mut self, name: impl Into<String>, kind: K, deps: &[&str]) {
        self.components.push(Component::new(name, kind, deps));
    }

    fn data(&mut self) {
        let by_schedule = Index {
            key: Key::sorted("IdCalendarizacion", "IdProceso"),
            projection: Projection::Include(BTreeSet::from(["Habilitado".into(), "FechaAsignacion".into()])),
        };
        let procesos = Table {
            indexes: BTreeMap::from([("PorIdCalendarizacion".to_owned(), by_schedule)]),
            ..self.table(self.names.procesos_table(), "IdProceso")
        };
        self.add("procesos_table", procesos, &[]);
        let calendarizaciones = self.table(self.names.calendarizaciones_table(), "IdCalendarizacion");
        self.add("calendarizaciones_table", calendarizaciones, &[]);
        let history = |partition| Index {
            key: Key::sorted(partition, "FechaProgramada"),
            projection: Projection::All,
        };
        let ejecuciones = Table {
            indexes: BTreeMap::from([
                ("PorProceso".to_owned(), history("IdProceso")),
                ("PorEstadoDia".to_owned(), history("EstadoDia")),
            ]),
            time_to_live: Some("TTL".into()),
            ..self.table(self.names.ejecuciones_table(), "IdEjecucion")
        };
        self.add("ejecuciones_table", ejecuciones, &[]);
    }

    fn table(&self, name: String, key: &str) -> Table {
        Table {
            name,
            billing: Billing::PerRequest,
            key: Key::simple(key),
            indexes: BTreeMap::new(),
            time_to_live: None,
            point_in_time_recovery: true,
            kms_key_arn: self.config.kms_key_arn.clone(),
            deletion_protection: self.config.deletion_protection,
            tags: self.tags.clone(),
            extras: Extras::default(),
        }
    }

    fn queues(&mut self) {
        let names = self.names;
        let by_queue = RedriveAllow::ByQueue(BTreeSet::from([names.queue_arn(&names.queue())]));
        let dead_letters = [
            ("queue_dlq", names.queue_dlq(), by_queue),
            ("dispatcher_dlq", names.dispatcher_dlq(), RedriveAllow::DenyAll),
            ("schedule_dlq", names.schedule_dlq(), RedriveAllow::DenyAll),
        ];
        for (component, name, allow) in dead_letters {
            let queue = self.dead_letters(name, allow);
            self.add(component, queue, &[]);
        }
        let redrive = Redrive {
            target_arn: names.queue_arn(&names.queue_dlq()),
            max_receives: MAX_RECEIVES,
        };
        let work = Queue {
            retention_seconds: QUEUE_RETENTION,
            visibility_seconds: self.config.queue_visibility().unsigned_abs(),
            redrive: Some(redrive),
            ..self.dead_letters(names.queue(), RedriveAllow::DenyAll)
        };
        self.add("queue", work, &["queue_dlq"]);
    }

    fn dead_letters(&self, name: String, redrive_allow: RedriveAllow) -> Queue {
        let encryption = self
            .config
            .kms_key_arn
            .clone()
            .map_or(Encryption::SqsManaged, Encryption::Kms);
        Queue {
            retention_seconds: DEAD_LETTER_RETENTION,
            largest_message: LARGEST_MESSAGE,
            visibility_seconds: 30,
            redrive: None,
            redrive_allow,
            encryption,
            policy: Some(tls_only(&self.names.queue_arn(&name))),
            tags: self.tags.clone(),
            extras: Extras::default(),
            name,
        }
    }

    fn alerts(&mut self) {
        let arn = self.names.topic_arn();
        let publish = json!({
            "Sid": "AlarmsOfThisAccount",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": "sns:Publish",
            "Resource": arn,
            "Condition": { "StringEquals": { "aws:SourceAccount": self.names.place.account } },
        });
        let topic = Topic {
            name: self.names.topic(),
            display_name: format!("Kairos {}", self.names.app),
            kms_key_arn: self.config.kms_key_arn.clone(),
            policy: PolicyDocument::new([publish]),
            tags: self.tags.clone(),
        };
        self.add("topic", topic, &[]);
        for email in &self.config.notification_emails {
            self.add(
                format!("subscription/{email}"),
                Subscription::email(arn.as_str(), email),
                &["topic"],
            );
        }
    }

    fn dispatcher(&mut self) {
        let name = self.names.dispatcher_function();
        let (logs, role) = (self.log_group(self.names.function_logs(&name)), roles::dispatcher(self));
        self.add("dispatcher_logs", logs, &[]);
        self.add("dispatcher_role", role, &[]);
        let function = Function {
            description: format!(
                "Kairos {}: sends the runs of a calendarización to the queue",
                self.names.app
            ),
            role: self.role_arn(&self.names.dispatcher_role()),
            code: self.codes.dispatcher.clone(),
            environment: self.environment([]).into(),
            ..self.function(name.clone(), &self.config.dispatcher)
        };
        self.add("dispatcher_function", function, &["dispatcher_role", "dispatcher_logs"]);
        let invoke = EventInvoke {
            function: name,
            retries: 2,
            max_age: 3600,
            on_failure: Some(self.names.queue_arn(&self.names.dispatcher_dlq())),
            extras: Extras::default(),
        };
        self.add(
            "dispatcher_invoke_config",
            invoke,
            &["dispatcher_function", "dispatcher_dlq"],
        );
    }

    fn executor(&mut self) {
        let (names, executor) = (self.names, &self.config.executor);
        let name = names.executor_function();
        let (logs, role) = (self.log_group(names.function_logs(&name)), roles::executor(self));
        self.add("executor_logs", logs, &[]);
        self.add("executor_role", role, &[]);
        let mut environment = self.environment([
            ("KAIROS_DEAD_LETTER_QUEUE_URL", queue_url(names, &names.queue_dlq())),
            ("KAIROS_ROLE_PREFIX", executor.role_prefix.clone()),
            ("KAIROS_HISTORY_DAYS", self.config.history_retention_days.to_string()),
        ]);
        if let Some(id) = &executor.external_id {
            environment.insert("KAIROS_EXTERNAL_ID".into(), id.clone());
        }
        let function = Function {
            description: format!("Kairos {}: starts the targets of processes", names.app),
            role: self.role_arn(&names.executor_role()),
            code: self.codes.executor.clone(),
            environment: environment.into(),
            ..self.function(name.clone(), &executor.function)
        };
        self.add("executor_function", function, &["executor_role", "executor_logs"]);
        let source = EventSource {
            function: name,
            queue: names.queue_arn(&names.queue()),
            batch_size: executor.batch_size,
            window: StackConfig::BATCH_WINDOW,
            report_failures: true,
            maximum_concurrency: executor.maximum_concurrency,
            enabled: true,
            tags: self.tags.clone(),
            extras: Extras::default(),
        };
        self.add("executor_event_source", source, &["queue", "executor_function"]);
    }

    fn function(&self, name: String, settings: &FunctionConfig) -> Function {
        Function {
            runtime: RUNTIME.into(),
            handler: HANDLER.into(),
            description: String::new(),
            code: self.codes.api.clone(),
            architecture: self.config.architecture.as_str().into(),
            role: String::new(),
            memory: settings.memory_size,
            timeout: settings.timeout,
            environment: Environment::default(),
            layers: settings.layers.clone(),
            tracing: self.config.tracing,
            log_group: self.names.function_logs(&name),
            log_level: settings.log_level.clone(),
            reserved_concurrency: settings.reserved_concurrency,
            kms_key: self.config.kms_key_arn.clone(),
            tags: self.tags.clone(),
            extras: Extras::default(),
            name,
        }
    }

    /// What every function is told, and what only this one is.
    fn environment<const N: usize>(&self, own: [(&str, String); N]) -> BTreeMap<String, String> {
        let place = &self.names.place;
        let shared = [
            ("KAIROS_STACK", self.names.app.clone()),
            ("KAIROS_ACCOUNT", place.account.clone()),
            ("KAIROS_PARTITION", place.partition.clone()),
            ("KAIROS_QUEUE_URL", queue_url(self.names, &self.names.queue())),
        ];
        shared
            .into_iter()
            .chain(own)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    fn log_group(&self, name: String) -> LogGroup {
        LogGroup {
            name,
            retention_days: Some(self.config.log_retention_days.unsigned_abs()),
            kms_key_arn: self.config.kms_key_arn.clone(),
            tags: self.tags.clone(),
        }
    }

    fn role_arn(&self, role: &str) -> String {
        self.names.role_arn(&self.config.role_path, role)
    }

    /// What other systems read to find the parts of a stack.
    fn parameters(&mut self) {
        let n = self.names;
        let plain: [(&str, String); 11] = [
            ("DynamoDB/NombreTablaProcesos", n.procesos_table()),
            ("DynamoDB/NombreTablaCalendarizaciones", n.calendarizaciones_table()),
            ("DynamoDB/NombreTablaEjecuciones", n.ejecuciones_table()),
            ("Schedule/NombreGrupo", n.schedule_group()),
            ("Schedule/RoleArn", self.role_arn(&n.scheduler_role())),
            ("Schedule/DeadLetterQueueArn", n.queue_arn(&n.schedule_dlq())),
            ("SQS/QueueUrl", queue_url(n, &n.queue())),
            ("Dispatcher/LambdaArn", n.function_arn(&n.dispatcher_function())),
            ("Executor/LambdaArn", n.function_arn(&n.executor_function())),
            ("Executor/RoleArn", self.role_arn(&n.executor_role())),
            ("Executor/PrefixRoles", self.config.executor.role_prefix.clone()),
        ];
        for (path, value) in plain {
            self.parameter(path, value, &[]);
        }
        if let Some(api) = &self.config.api {
            self.parameter("Api/Url", api::url(api, n), &["stage"]);
            self.parameter("Api/KeyId", Text::id_of("api_key"), &["api_key"]);
        }
    }

    fn parameter(&mut self, path: &str, value: impl Into<Text>, deps: &[&str]) {
        let parameter = Parameter::new(self.names.parameter(path), value, self.tags.clone());
        self.add(format!("parameter/{path}"), parameter, deps);
    }
}

#[cfg(test)]
mod tests;
