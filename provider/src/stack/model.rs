//! The attributes of `kairos_stack` as Rust structs, and the way from them to a configuration.
//!
//! Invariant: what the state holds is whatever the plan held; computed attributes are filled in by [`outputs`](super::outputs).

use std::collections::{BTreeMap, BTreeSet};

use tfplugin::{Attr, Number, Set, model};

use super::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use super::kind::Tags;

/// A map attribute of texts.
pub type TextMap = BTreeMap<String, Attr<String>>;

model! {
    /// The attributes of `kairos_stack`.
    pub struct StackModel {
        /// The stack's name.
        pub name: Attr<String>,
        /// E-mail addresses that alarms are sent to.
        pub notification_emails: Attr<Set<String>>,
        /// The dispatcher's function.
        pub dispatcher: Attr<DispatcherModel>,
        /// The executor's function, and what it may do.
        pub executor: Attr<ExecutorModel>,
        /// The HTTP API; null where there is none.
        pub api: Attr<ApiModel>,
        /// How long log lines are kept, in days.
        pub log_retention_days: Attr<i64>,
        /// How long the history of runs is kept, in days.
        pub history_retention_days: Attr<i64>,
        /// The customer's key.
        pub kms_key_arn: Attr<String>,
        /// Whether X-Ray traces.
        pub tracing: Attr<bool>,
        /// `x86_64` or `arm64`.
        pub architecture: Attr<String>,
        /// The path of the roles.
        pub role_path: Attr<String>,
        /// The policy that bounds the roles.
        pub permissions_boundary_arn: Attr<String>,
        /// The stack's own tags.
        pub tags: Attr<TextMap>,
        /// Whether destroying is refused.
        pub deletion_protection: Attr<bool>,
        /// Whether registered processes are destroyed with the stack.
        pub force_destroy: Attr<bool>,
        /// How long operations may take.
        pub timeouts: Attr<TimeoutsModel>,
        /// The stack's name, once more.
        pub id: Attr<String>,
        /// The installation that the state manages.
        pub installation_id: Attr<String>,
        /// All tags, the provider's default ones included.
        pub tags_all: Attr<TextMap>,
        /// ARN of the dispatcher's function.
        pub dispatcher_arn: Attr<String>,
        /// ARN of the dispatcher's role.
        pub dispatcher_role_arn: Attr<String>,
        /// ARN of the executor's function.
        pub executor_arn: Attr<String>,
        /// ARN of the executor's role.
        pub executor_role_arn: Attr<String>,
        /// ARN of the role that Scheduler assumes.
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
        /// Value of the API key: sensitive.
        pub api_key: Attr<String>,
        /// URL of the work queue.
        pub queue_url: Attr<String>,
        /// ARN of the work queue.
        pub queue_arn: Attr<String>,
        /// URL of the queue of runs that were given up.
        pub dead_letter_queue_url: Attr<String>,
        /// ARN of the queue of runs that were given up.
        pub dead_letter_queue_arn: Attr<String>,
        /// ARN of the queue of firings that were not dispatched.
        pub dispatcher_dead_letter_queue_arn: Attr<String>,
        /// ARN of the queue of firings that were not delivered.
        pub schedule_dead_letter_queue_arn: Attr<String>,
        /// Name of the schedules' group.
        pub schedule_group: Attr<String>,
        /// ARN of the schedules' group.
        pub schedule_group_arn: Attr<String>,
        /// ARN of the alarms' topic.
        pub topic_arn: Attr<String>,
        /// Name of the table of processes.
        pub procesos_table: Attr<String>,
        /// Name of the table of calendarizaciones.
        pub calendarizaciones_table: Attr<String>,
        /// Name of the table of runs.
        pub ejecuciones_table: Attr<String>,
        /// Every AWS object, by component.
        pub components: Attr<Components>,
    }
}

/// The objects of a stack by component.
pub type Components = BTreeMap<String, Attr<ComponentModel>>;

model! {
    /// One object of a stack.
    pub struct ComponentModel {
        /// Its CloudFormation type.
        pub r#type: Attr<String>,
        /// The id that AWS knows it by.
        pub id: Attr<String>,
        /// The digest of its properties.
        pub digest: Attr<String>,
        /// `in_sync`, `drifted`, `missing` or `pending`.
        pub status: Attr<String>,
        /// What differs, in words.
        pub drift: Attr<Vec<Attr<String>>>,
        /// What the plan that touched it last does to it, in words; null where it was only created.
        pub change: Attr<Vec<Attr<String>>>,
    }
}

model! {
    /// The dispatcher's function.
    pub struct DispatcherModel {
        /// Memory in MB.
        pub memory_size: Attr<i64>,
        /// Time-out in seconds.
        pub timeout: Attr<i64>,
        /// The log level.
        pub log_level: Attr<String>,
        /// ARNs of layer versions.
        pub layers: Attr<Vec<Attr<String>>>,
        /// How many instances are set apart.
        pub reserved_concurrency: Attr<i64>,
    }
}

model! {
    /// The executor's function, and what it may do.
    pub struct ExecutorModel {
        /// Memory in MB.
        pub memory_size: Attr<i64>,
        /// Time-out in seconds.
        pub timeout: Attr<i64>,
        /// The log level.
        pub log_level: Attr<String>,
        /// ARNs of layer versions.
        pub layers: Attr<Vec<Attr<String>>>,
        /// How many instances are set apart.
        pub reserved_concurrency: Attr<i64>,
        /// What the names of the roles of processes begin with.
        pub role_prefix: Attr<String>,
        /// How many invocations may run at once.
        pub maximum_concurrency: Attr<i64>,
        /// How many messages an invocation gets at most.
        pub batch_size: Attr<i64>,
        /// The external id of the roles of processes.
        pub external_id: Attr<String>,
    }
}

model! {
    /// The HTTP API.
    pub struct ApiModel {
        /// Memory in MB.
        pub memory_size: Attr<i64>,
        /// Time-out in seconds.
        pub timeout: Attr<i64>,
        /// The log level.
        pub log_level: Attr<String>,
        /// ARNs of layer versions.
        pub layers: Attr<Vec<Attr<String>>>,
        /// A custom domain.
        pub domain_name: Attr<String>,
        /// The path below the domain.
        pub mapping_key: Attr<String>,
        /// Requests a second.
        pub throttle_rate: Attr<Number>,
        /// Requests at once.
        pub throttle_burst: Attr<i64>,
        /// Requests a day.
        pub quota_per_day: Attr<i64>,
    }
}

model! {
    /// How long operations may take.
    pub struct TimeoutsModel {
        /// For creating.
        pub create: Attr<String>,
        /// For changing.
        pub update: Attr<String>,
        /// For destroying.
        pub delete: Attr<String>,
    }
}

/// What stands for values that are not known yet. Two configurations made with different fillers differ exactly where
/// something depends on such a value.
#[derive(Debug, Clone, Copy)]
pub struct Filler {
    text: &'static str,
    number: i64,
    flag: bool,
}

/// Two fillers that differ in everything.
pub const FILLERS: [Filler; 2] = [
    Filler {
        text: "unknown-a",
        number: 1,
        flag: false,
    },
    Filler {
        text: "unknown-b",
        number: 2,
        flag: true,
    },
];

impl StackModel {
    /// The configuration; `None` where nothing can be told, since the name is not known yet. `default_tags` are the
    /// provider's.
    pub fn config(&self, filler: Filler, default_tags: &Tags) -> Option<StackConfig> {
        let emails: BTreeSet<String> = match &self.notification_emails {
            Attr::Null => BTreeSet::new(),
            Attr::Unknown => filler.maybe().map(str::to_owned).into_iter().collect(),
            Attr::Known(set) => set.0.iter().filter_map(|email| filler.text(email)).collect(),
        };
        let api = match &self.api {
            Attr::Null => None,
            Attr::Unknown => filler.flag.then(|| filler.api(&ApiModel::default())),
            Attr::Known(api) => Some(filler.api(api)),
        };
        let architecture = match &self.architecture {
            Attr::Unknown if filler.flag => Some(Architecture::Arm64),
            given => given.as_str().and_then(Architecture::parse),
        };
        Some(StackConfig {
            name: self.name.as_str()?.to_owned(),
            notification_emails: emails,
            dispatcher: filler.dispatcher(&self.dispatcher),
            executor: filler.executor(&self.executor),
            api,
            log_retention_days: filler.number(&self.log_retention_days).unwrap_or(30),
            history_retention_days: filler.number(&self.history_retention_days).unwrap_or(90),
            kms_key_arn: filler.text(&self.kms_key_arn),
            tracing: filler.flag(self.tracing).unwrap_or(true),
            architecture: architecture.unwrap_or(Architecture::X86),
            role_path: filler.text(&self.role_path).unwrap_or_else(|| "/".into()),
            permissions_boundary_arn: filler.text(&self.permissions_boundary_arn),
            tags: filler.tags(&self.tags, default_tags),
            deletion_protection: filler.flag(self.deletion_protection).unwrap_or(true),
        })
    }

    /// The configuration of a model in which everything that the user says is known.
    pub fn known_config(&self, default_tags: &Tags) -> Option<StackConfig> {
        self.config(FILLERS[0], default_tags)
    }
}

impl Filler {
    fn text(self, attr: &Attr<String>) -> Option<String> {
        match attr {
            Attr::Null => None,
            Attr::Unknown => Some(self.text.into()),
            Attr::Known(text) => Some(text.clone()),
        }
    }

    /// What stands for a text that may turn out not to be there at all: one filler has it, the other has not.
    fn maybe(self) -> Option<&'static str> {
        self.flag.then_some(self.text)
    }

    fn number(self, attr: &Attr<i64>) -> Option<i32> {
        let number = match attr {
            Attr::Null => return None,
            Attr::Unknown => self.number,
            Attr::Known(number) => *number,
        };
        // Validated to AWS's limits, which all fit.
        Some(i32::try_from(number).unwrap_or(i32::MAX))
    }

    fn flag(self, attr: Attr<bool>) -> Option<bool> {
        match attr {
            Attr::Null => None,
            Attr::Unknown => Some(self.flag),
            Attr::Known(flag) => Some(flag),
        }
    }

    fn texts(self, attr: &Attr<Vec<Attr<String>>>) -> Vec<String> {
        match attr {
            Attr::Null => Vec::new(),
            Attr::Unknown => vec![self.text.into()],
            Attr::Known(list) => list.iter().filter_map(|item| self.text(item)).collect(),
        }
    }

    fn tags(self, own: &Attr<TextMap>, default_tags: &Tags) -> Tags {
        let mut tags = default_tags.clone();
        match own {
            Attr::Null => {}
            Attr::Unknown => {
                tags.insert(self.text.into(), self.text.into());
            }
            Attr::Known(own) => tags.extend(own.iter().filter_map(|(k, v)| Some((k.clone(), self.text(v)?)))),
        }
        tags
    }

    fn dispatcher(self, attr: &Attr<DispatcherModel>) -> FunctionConfig {
        let m = match attr {
            Attr::Unknown => DispatcherModel {
                memory_size: Attr::Unknown,
                timeout: Attr::Unknown,
                log_level: Attr::Unknown,
                layers: Attr::Unknown,
                reserved_concurrency: Attr::Unknown,
            },
            other => other.known().cloned().unwrap_or_default(),
        };
        FunctionConfig {
            memory_size: self.number(&m.memory_size).unwrap_or(256),
            timeout: self.number(&m.timeout).unwrap_or(900),
            log_level: self.text(&m.log_level).unwrap_or_else(|| "INFO".into()),
            layers: self.texts(&m.layers),
            reserved_concurrency: self.number(&m.reserved_concurrency),
        }
    }

    fn executor(self, attr: &Attr<ExecutorModel>) -> ExecutorConfig {
        let m = match attr {
            Attr::Unknown => ExecutorModel {
                memory_size: Attr::Unknown,
                timeout: Attr::Unknown,
                log_level: Attr::Unknown,
                layers: Attr::Unknown,
                reserved_concurrency: Attr::Unknown,
                role_prefix: Attr::Unknown,
                maximum_concurrency: Attr::Unknown,
                batch_size: Attr::Unknown,
                external_id: Attr::Unknown,
            },
            other => other.known().cloned().unwrap_or_default(),
        };
        ExecutorConfig {
            function: FunctionConfig {
                memory_size: self.number(&m.memory_size).unwrap_or(256),
                timeout: self.number(&m.timeout).unwrap_or(120),
                log_level: self.text(&m.log_level).unwrap_or_else(|| "INFO".into()),
                layers: self.texts(&m.layers),
                reserved_concurrency: self.number(&m.reserved_concurrency),
            },
            role_prefix: self.text(&m.role_prefix).unwrap_or_default(),
            maximum_concurrency: self.number(&m.maximum_concurrency),
            batch_size: self.number(&m.batch_size).unwrap_or(10),
            external_id: self.text(&m.external_id),
        }
    }

    fn api(self, m: &ApiModel) -> ApiConfig {
        ApiConfig {
            function: FunctionConfig {
                memory_size: self.number(&m.memory_size).unwrap_or(256),
                timeout: self.number(&m.timeout).unwrap_or(29),
                log_level: self.text(&m.log_level).unwrap_or_else(|| "INFO".into()),
                layers: self.texts(&m.layers),
                reserved_concurrency: None,
            },
            domain_name: match &m.domain_name {
                Attr::Unknown => self.maybe().map(str::to_owned),
                given => self.text(given),
            },
            mapping_key: self.text(&m.mapping_key).unwrap_or_default(),
            throttle_rate: match &m.throttle_rate {
                Attr::Null => None,
                Attr::Unknown => Some(f64::from(self.number(&Attr::Unknown).unwrap_or_default())),
                Attr::Known(rate) => Some(rate.to_f64()),
            },
            throttle_burst: self.number(&m.throttle_burst),
            quota_per_day: self.number(&m.quota_per_day),
        }
    }
}
