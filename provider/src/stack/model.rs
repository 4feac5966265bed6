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
        // What the user says.
        pub name: Attr<String>,
        pub notification_emails: Attr<Set<String>>,
        pub dispatcher: Attr<DispatcherModel>,
        pub executor: Attr<ExecutorModel>,
        pub api: Attr<ApiModel>,
        pub log_retention_days: Attr<i64>,
        pub history_retention_days: Attr<i64>,
        pub kms_key_arn: Attr<String>,
        pub tracing: Attr<bool>,
        pub architecture: Attr<String>,
        pub role_path: Attr<String>,
        pub permissions_boundary_arn: Attr<String>,
        pub tags: Attr<TextMap>,
        pub deletion_protection: Attr<bool>,
        pub force_destroy: Attr<bool>,
        pub timeouts: Attr<TimeoutsModel>,
        // What follows from it.
        pub id: Attr<String>,
        pub installation_id: Attr<String>,
        pub tags_all: Attr<TextMap>,
        pub dispatcher_arn: Attr<String>,
        pub dispatcher_role_arn: Attr<String>,
        pub executor_arn: Attr<String>,
        pub executor_role_arn: Attr<String>,
        pub scheduler_role_arn: Attr<String>,
        pub api_arn: Attr<String>,
        pub api_role_arn: Attr<String>,
        pub api_id: Attr<String>,
        pub api_url: Attr<String>,
        pub api_key_id: Attr<String>,
        pub api_key: Attr<String>,
        pub queue_url: Attr<String>,
        pub queue_arn: Attr<String>,
        pub dead_letter_queue_url: Attr<String>,
        pub dead_letter_queue_arn: Attr<String>,
        pub dispatcher_dead_letter_queue_arn: Attr<String>,
        pub schedule_dead_letter_queue_arn: Attr<String>,
        pub schedule_group: Attr<String>,
        pub schedule_group_arn: Attr<String>,
        pub topic_arn: Attr<String>,
        pub procesos_table: Attr<String>,
        pub calendarizaciones_table: Attr<String>,
        pub ejecuciones_table: Attr<String>,
        pub components: Attr<Components>,
    }
}

/// The objects of a stack by component.
pub type Components = BTreeMap<String, Attr<ComponentModel>>;

model! {
    /// One object of a stack.
    pub struct ComponentModel {
        pub r#type: Attr<String>,
        pub id: Attr<String>,
        pub digest: Attr<String>,
        pub status: Attr<String>,
        pub drift: Attr<Vec<Attr<String>>>,
    }
}

model! {
    /// The dispatcher's function.
    pub struct DispatcherModel {
        pub memory_size: Attr<i64>,
        pub timeout: Attr<i64>,
        pub log_level: Attr<String>,
        pub layers: Attr<Vec<Attr<String>>>,
        pub reserved_concurrency: Attr<i64>,
    }
}

model! {
    /// The executor's function, and what it may do.
    pub struct ExecutorModel {
        pub memory_size: Attr<i64>,
        pub timeout: Attr<i64>,
        pub log_level: Attr<String>,
        pub layers: Attr<Vec<Attr<String>>>,
        pub reserved_concurrency: Attr<i64>,
        pub role_prefix: Attr<String>,
        pub maximum_concurrency: Attr<i64>,
        pub batch_size: Attr<i64>,
        pub external_id: Attr<String>,
    }
}

model! {
    /// The HTTP API.
    pub struct ApiModel {
        pub memory_size: Attr<i64>,
        pub timeout: Attr<i64>,
        pub log_level: Attr<String>,
        pub layers: Attr<Vec<Attr<String>>>,
        pub domain_name: Attr<String>,
        pub mapping_key: Attr<String>,
        pub throttle_rate: Attr<Number>,
        pub throttle_burst: Attr<i64>,
        pub quota_per_day: Attr<i64>,
    }
}

model! {
    /// How long operations may take.
    pub struct TimeoutsModel {
        pub create: Attr<String>,
        pub update: Attr<String>,
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
pub const FILLERS: [Filler; 2] =
    [Filler { text: "unknown-a", number: 1, flag: false }, Filler { text: "unknown-b", number: 2, flag: true }];

impl StackModel {
    /// The configuration; `None` where not even the components can be told: the name, the e-mails or whether there is an
    /// API are not known yet. `default_tags` are the provider's.
    pub fn config(&self, filler: Filler, default_tags: &Tags) -> Option<StackConfig> {
        let emails = match &self.notification_emails {
            Attr::Unknown => return None,
            Attr::Null => BTreeSet::new(),
            Attr::Known(set) => {
                set.0.iter().map(|e| e.as_str().map(str::to_owned)).collect::<Option<BTreeSet<String>>>()?
            }
        };
        let api = match &self.api {
            Attr::Unknown => return None,
            Attr::Null => None,
            Attr::Known(api) => {
                if api.domain_name.is_unknown() {
                    return None;
                }
                Some(filler.api(api))
            }
        };
        let architecture = filler.text(&self.architecture).and_then(|a| Architecture::parse(&a));
        Some(StackConfig {
            name: self.name.as_str()?.to_owned(),
            notification_emails: emails,
            dispatcher: filler.dispatcher(&self.dispatcher),
            executor: filler.executor(&self.executor),
            api,
            log_retention_days: filler.number(&self.log_retention_days).unwrap_or(30),
            history_retention_days: filler.number(&self.history_retention_days).unwrap_or(90),
            kms_key_arn: filler.text(&self.kms_key_arn),
            tracing: filler.flag(&self.tracing).unwrap_or(true),
            architecture: architecture.unwrap_or(Architecture::X86),
            role_path: filler.text(&self.role_path).unwrap_or_else(|| "/".into()),
            permissions_boundary_arn: filler.text(&self.permissions_boundary_arn),
            tags: filler.tags(&self.tags, default_tags),
            deletion_protection: filler.flag(&self.deletion_protection).unwrap_or(true),
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

    fn number(self, attr: &Attr<i64>) -> Option<i32> {
        let number = match attr {
            Attr::Null => return None,
            Attr::Unknown => self.number,
            Attr::Known(number) => *number,
        };
        // Validated to AWS's limits, which all fit.
        Some(i32::try_from(number).unwrap_or(i32::MAX))
    }

    fn flag(self, attr: &Attr<bool>) -> Option<bool> {
        match attr {
            Attr::Null => None,
            Attr::Unknown => Some(self.flag),
            Attr::Known(flag) => Some(*flag),
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
            domain_name: self.text(&m.domain_name),
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
