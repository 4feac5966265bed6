//! The configuration that a stack's objects show.
//!
//! Invariant: pure. Each setting is read from the first object there is that holds it, and where none is left it takes its
//! default: so the plan after the import of an incomplete stack shows what is missing and nothing else.

use std::collections::BTreeMap;

use kairos::names::Names;
use tfplugin::{Attr, Number};

use crate::stack::context::Context;
use crate::stack::engine::Observation;
use crate::stack::kind::{Kind, Ref, Tags};
use crate::stack::kinds::event_source::EventSource;
use crate::stack::kinds::function::Function;
use crate::stack::kinds::log_group::LogGroup;
use crate::stack::kinds::parameter::Parameter;
use crate::stack::kinds::queue::{Encryption, Queue};
use crate::stack::kinds::role::Role;
use crate::stack::kinds::stage::Stage;
use crate::stack::kinds::table::Table;
use crate::stack::kinds::topic::Topic;
use crate::stack::kinds::usage_plan::UsagePlan;
use crate::stack::model::{ApiModel, DispatcherModel, ExecutorModel, StackModel};

const TABLES: [&str; 3] = ["procesos_table", "calendarizaciones_table", "ejecuciones_table"];
const QUEUES: [&str; 4] = ["queue", "queue_dlq", "dispatcher_dlq", "schedule_dlq"];
const LOGS: [&str; 4] = ["executor_logs", "dispatcher_logs", "api_logs", "access_logs"];
const ROLES: [&str; 4] = ["executor_role", "dispatcher_role", "scheduler_role", "api_role"];
const FUNCTIONS: [&str; 3] = ["executor_function", "dispatcher_function", "api_function"];
/// Any of these shows that the stack has an API.
const OF_THE_API: [&str; 9] = [
    "api_function",
    "api_role",
    "api_logs",
    "access_logs",
    "rest_api",
    "usage_plan",
    "api_key",
    "parameter/Api/Url",
    "parameter/Api/KeyId",
];

/// The stack, but for its e-mails, its domain and its installation, which its objects do not show.
pub(super) fn stack(observation: &Observation, context: &Context, default_tags: &Tags) -> StackModel {
    let held = Held(observation);
    StackModel {
        name: context.names.app.clone().into(),
        dispatcher: Attr::Known(dispatcher(&held)),
        executor: Attr::Known(executor(&held, context)),
        api: held.any(&OF_THE_API).then(|| api(&held)).into(),
        log_retention_days: held
            .first::<LogGroup>(&LOGS)
            .and_then(|l| l.retention_days)
            .map_or(30, i64::from)
            .into(),
        history_retention_days: held
            .told(&["executor_function", "api_function"], "KAIROS_HISTORY_DAYS")
            .and_then(|days| days.parse().ok())
            .unwrap_or(90)
            .into(),
        kms_key_arn: key(&held).into(),
        tracing: held
            .first::<Function>(&FUNCTIONS)
            .map(|f| f.tracing)
            .or_else(|| held.one::<Stage>("stage").map(|s| s.tracing))
            .unwrap_or(true)
            .into(),
        architecture: held
            .first::<Function>(&FUNCTIONS)
            .map_or_else(|| "x86_64".into(), |f| f.architecture.clone())
            .into(),
        role_path: held
            .first::<Role>(&ROLES)
            .map_or_else(|| "/".into(), |r| r.path.clone())
            .into(),
        permissions_boundary_arn: held
            .first::<Role>(&ROLES)
            .and_then(|r| r.permissions_boundary.clone())
            .into(),
        tags: own_tags(&held, default_tags),
        deletion_protection: held
            .first::<Table>(&TABLES)
            .is_none_or(|t| t.deletion_protection)
            .into(),
        force_destroy: false.into(),
        ..StackModel::default()
    }
}

/// Where a stack says that its API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// At its stage's own address.
    Stage,
    /// On a custom domain, below a path that may be empty.
    Domain(String, String),
}

/// Where the stack's parameter says that its API is; `None` where there is none, or it says something else.
pub(super) fn address(observation: &Observation, context: &Context) -> Option<Address> {
    let parameter = Held(observation).one::<Parameter>("parameter/Api/Url")?;
    address_in(&text(parameter, context))
}

fn address_in(url: &str) -> Option<Address> {
    let rest = url.strip_prefix("https://")?.strip_suffix('/')?;
    let (domain, key) = rest.split_once('/').unwrap_or((rest, ""));
    if domain.contains(".execute-api.") {
        return Some(Address::Stage);
    }
    Some(Address::Domain(domain.to_owned(), key.to_owned()))
}

/// What was observed, by component.
struct Held<'a>(&'a Observation);

impl<'a> Held<'a> {
    fn one<K: Kind>(&self, component: &str) -> Option<&'a K> {
        self.0.get(component)?.as_ref()?.value::<K>()
    }

    fn first<K: Kind>(&self, components: &[&str]) -> Option<&'a K> {
        components.iter().find_map(|component| self.one::<K>(component))
    }

    fn any(&self, components: &[&str]) -> bool {
        components
            .iter()
            .any(|component| matches!(self.0.get(*component), Some(Some(_))))
    }

    /// What the first of these functions is told by this variable.
    fn told(&self, functions: &[&str], variable: &str) -> Option<&'a str> {
        functions
            .iter()
            .find_map(|function| self.one::<Function>(function)?.environment.get(variable))
    }
}

fn text(parameter: &Parameter, context: &Context) -> String {
    parameter
        .value
        .write(|component: &Ref| context.id(component).unwrap_or_default())
}

fn key(held: &Held<'_>) -> Option<String> {
    let of_queue = |queue: &Queue| match &queue.encryption {
        Encryption::Kms(key) => Some(key.clone()),
        _ => None,
    };
    held.first::<Table>(&TABLES)
        .map(|t| t.kms_key_arn.clone())
        .or_else(|| held.first::<LogGroup>(&LOGS).map(|l| l.kms_key_arn.clone()))
        .or_else(|| held.one::<Topic>("topic").map(|t| t.kms_key_arn.clone()))
        .or_else(|| held.first::<Queue>(&QUEUES).map(of_queue))
        .or_else(|| held.first::<Function>(&FUNCTIONS).map(|f| f.kms_key.clone()))
        .flatten()
}

/// The tags that the stack's objects carry, without the owner's, AWS's and the provider's default ones.
fn own_tags(held: &Held<'_>, default_tags: &Tags) -> Attr<BTreeMap<String, Attr<String>>> {
    let tags = held
        .first::<Table>(&TABLES)
        .map(|t| &t.tags)
        .or_else(|| held.first::<Queue>(&QUEUES).map(|q| &q.tags))
        .or_else(|| held.first::<Function>(&FUNCTIONS).map(|f| &f.tags))
        .or_else(|| held.first::<Role>(&ROLES).map(|r| &r.tags))
        .or_else(|| held.first::<LogGroup>(&LOGS).map(|l| &l.tags));
    let own = tags.into_iter().flatten().filter(|(key, value)| {
        *key != Names::OWNER_TAG && !key.starts_with("aws:") && default_tags.get(*key) != Some(*value)
    });
    let own: BTreeMap<_, _> = own.map(|(k, v)| (k.clone(), Attr::Known(v.clone()))).collect();
    Some(own).filter(|own| !own.is_empty()).into()
}

/// A function's settings; the defaults where it is gone.
struct Settings {
    memory_size: Attr<i64>,
    timeout: Attr<i64>,
    log_level: Attr<String>,
    layers: Attr<Vec<Attr<String>>>,
    reserved_concurrency: Attr<i64>,
}

impl Settings {
    fn of(function: Option<&Function>, timeout: i64) -> Self {
        let layers = function.map(|f| f.layers.iter().cloned().map(Attr::Known).collect::<Vec<_>>());
        Self {
            memory_size: function.map_or(256, |f| i64::from(f.memory)).into(),
            timeout: function.map_or(timeout, |f| i64::from(f.timeout)).into(),
            log_level: function
                .map_or_else(|| "INFO".to_owned(), |f| f.log_level.clone())
                .into(),
            layers: layers.filter(|l| !l.is_empty()).into(),
            reserved_concurrency: function.and_then(|f| f.reserved_concurrency).map(i64::from).into(),
        }
    }
}

fn dispatcher(held: &Held<'_>) -> DispatcherModel {
    let settings = Settings::of(held.one("dispatcher_function"), 900);
    DispatcherModel {
        memory_size: settings.memory_size,
        timeout: settings.timeout,
        log_level: settings.log_level,
        layers: settings.layers,
        reserved_concurrency: settings.reserved_concurrency,
    }
}

fn executor(held: &Held<'_>, context: &Context) -> ExecutorModel {
    // The queue hides a message for six times the function's time-out.
    let timeout = held
        .one::<Queue>("queue")
        .map_or(120, |queue| i64::from(queue.visibility_seconds / 6).clamp(1, 900));
    let settings = Settings::of(held.one("executor_function"), timeout);
    let source = held.one::<EventSource>("executor_event_source");
    let parameter = || {
        let parameter = held.one::<Parameter>("parameter/Executor/PrefixRoles")?;
        Some(text(parameter, context))
    };
    ExecutorModel {
        memory_size: settings.memory_size,
        timeout: settings.timeout,
        log_level: settings.log_level,
        layers: settings.layers,
        reserved_concurrency: settings.reserved_concurrency,
        role_prefix: held
            .told(&["executor_function", "api_function"], "KAIROS_ROLE_PREFIX")
            .map(str::to_owned)
            .or_else(parameter)
            .into(),
        maximum_concurrency: source.and_then(|s| s.maximum_concurrency).map(i64::from).into(),
        batch_size: source.map_or(10, |s| i64::from(s.batch_size)).into(),
        external_id: held
            .told(&["executor_function"], "KAIROS_EXTERNAL_ID")
            .map(str::to_owned)
            .into(),
    }
}

/// The API, but for its domain.
fn api(held: &Held<'_>) -> ApiModel {
    let settings = Settings::of(held.one("api_function"), 29);
    let plan = held.one::<UsagePlan>("usage_plan");
    let stage = held.one::<Stage>("stage");
    let (rate, burst) = match (plan, stage) {
        (Some(plan), _) => (plan.throttle_rate, plan.throttle_burst),
        (None, Some(stage)) => (stage.throttle_rate, stage.throttle_burst),
        (None, None) => (None, None),
    };
    ApiModel {
        memory_size: settings.memory_size,
        timeout: settings.timeout,
        log_level: settings.log_level,
        layers: settings.layers,
        domain_name: Attr::Null,
        mapping_key: Attr::Null,
        throttle_rate: rate.and_then(|rate| rate.to_string().parse::<Number>().ok()).into(),
        throttle_burst: burst.map(i64::from).into(),
        quota_per_day: plan.and_then(|p| p.quota_per_day).map(i64::from).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, address_in};

    #[test]
    fn the_address_of_an_api_tells_its_domain_and_path() {
        let on = |domain: &str, key: &str| Some(Address::Domain(domain.to_owned(), key.to_owned()));
        let cases = [
            ("https://api.example.com/", on("api.example.com", "")),
            ("https://api.example.com/cron/v1/", on("api.example.com", "cron/v1")),
            (
                "https://a1b2.execute-api.us-east-1.amazonaws.com/prod/",
                Some(Address::Stage),
            ),
            ("somewhere", None),
        ];
        for (url, expected) in cases {
            assert_eq!(address_in(url), expected, "{url}");
        }
    }
}
