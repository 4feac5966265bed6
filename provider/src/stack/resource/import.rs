//! Import of a stack: the configuration is read back from what is there.
//!
//! Invariant: read-only. What cannot be told from AWS (`force_destroy`, `timeouts`) takes its default.

use kairos::names::Names;
use tfplugin::{Attr, Ctx, Diagnostics, Imported, Number, Set};

use super::Configured;
use crate::stack::code;
use crate::stack::component::Component;
use crate::stack::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use crate::stack::context::Context;
use crate::stack::engine::{self, Limits, Observation};
use crate::stack::kinds::event_source::EventSource;
use crate::stack::kinds::function::Function;
use crate::stack::kinds::log_group::LogGroup;
use crate::stack::kinds::role::Role;
use crate::stack::kinds::table::Table;
use crate::stack::kinds::usage_plan::UsagePlan;
use crate::stack::marker::{self, Ssm};
use crate::stack::model::{ApiModel, DispatcherModel, ExecutorModel, StackModel};
use crate::stack::topology;

mod discover;

pub(super) async fn import(ctx: &Ctx<Configured>, name: &str) -> Result<Imported<StackModel>, Diagnostics> {
    let failed = |detail: String| Diagnostics::of_error(format!("Cannot import the stack \"{name}\""), detail);
    let connection = ctx.configured().connection().map_err(|e| failed(e.to_string()))?;
    if let Err(problem) = crate::stack::rules::name(&tfplugin::Value::from(name)) {
        return Err(failed(format!(
            "The id is the stack's name, and this is none: {problem}."
        )));
    }
    let context = Context::new(connection.names(name), connection.clients.clone());
    let shelf = Ssm::new(context.clone(), std::collections::BTreeMap::new());
    let found = marker::read(&shelf, &context.names)
        .await
        .map_err(|e| failed(e.to_string()))?;
    let Some(marker) = found else {
        let place = &context.names.place;
        return Err(failed(format!(
            "There is no stack of this name in the account {}, region {} (no SSM parameter \"{}\").",
            place.account,
            place.region,
            context.names.marker()
        )));
    };
    let guess = guess(name);
    let components = topology::topology(&guess, &context.names, &code::none());
    let observation = engine::observe(&components, &context, &Limits::default(), ctx.stop())
        .await
        .map_err(|errors| failed(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    foreign(&components, &observation, name)?;
    let emails = discover::emails(&context).await.map_err(|e| failed(e.to_string()))?;
    let mapping = discover::mapping(&context).await.map_err(|e| failed(e.to_string()))?;
    let mut model = read_back(name, &observation, &connection.default_tags);
    model.deletion_protection = marker.protegida.into();
    if !emails.is_empty() {
        model.notification_emails = Attr::Known(Set(emails.into_iter().map(Attr::Known).collect()));
    }
    if let (Some(api), Some((domain, key))) = (model.api.known_mut(), mapping) {
        api.domain_name = domain.into();
        api.mapping_key = Some(key).filter(|k| !k.is_empty()).into();
    }
    model.installation_id = marker.instalacion.to_string().into();
    Ok(Imported::new(model))
}

/// Objects with the stack's names that are not its own: the whole list, so that it is settled once.
fn foreign(components: &[Component], observation: &Observation, name: &str) -> Result<(), Diagnostics> {
    let Err(refusals) = engine::plan(components, &[], observation, &[]) else {
        return Ok(());
    };
    let others: Vec<String> = refusals
        .iter()
        .filter(|r| matches!(r, engine::Refusal::Foreign { .. }))
        .map(ToString::to_string)
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    Err(Diagnostics::of_error(
        format!("Cannot import the stack \"{name}\""),
        others.join("\n"),
    ))
}

/// A configuration with every part, so that everything that may be there is looked at.
fn guess(name: &str) -> StackConfig {
    let function = FunctionConfig {
        memory_size: 256,
        timeout: 120,
        log_level: "INFO".into(),
        layers: Vec::new(),
        reserved_concurrency: None,
    };
    StackConfig {
        name: name.into(),
        notification_emails: std::collections::BTreeSet::new(),
        dispatcher: function.clone(),
        executor: ExecutorConfig {
            function,
            role_prefix: String::new(),
            maximum_concurrency: None,
            batch_size: 10,
            external_id: None,
        },
        api: Some(ApiConfig::default()),
        log_retention_days: 30,
        history_retention_days: 90,
        kms_key_arn: None,
        tracing: true,
        architecture: Architecture::X86,
        role_path: "/".into(),
        permissions_boundary_arn: None,
        tags: crate::stack::kind::Tags::new(),
        deletion_protection: true,
    }
}

fn read_back(name: &str, observation: &Observation, default_tags: &crate::stack::kind::Tags) -> StackModel {
    let function = |component: &str| held::<Function>(observation, component);
    let (dispatcher, executor, api) = (
        function("dispatcher_function"),
        function("executor_function"),
        function("api_function"),
    );
    let any = executor.or(dispatcher);
    let role = held::<Role>(observation, "executor_role").or_else(|| held(observation, "dispatcher_role"));
    let table = held::<Table>(observation, "procesos_table");
    let logs = held::<LogGroup>(observation, "executor_logs");
    let environment = |key: &str| executor.and_then(|f| f.environment.get(key)).map(str::to_owned);
    let tags = table
        .map(|t| t.tags.clone())
        .or_else(|| any.map(|f| f.tags.clone()))
        .unwrap_or_default();
    let own = tags.into_iter().filter(|(key, value)| {
        key != Names::OWNER_TAG && !key.starts_with("aws:") && default_tags.get(key) != Some(value)
    });
    let own: std::collections::BTreeMap<String, Attr<String>> = own.map(|(k, v)| (k, Attr::Known(v))).collect();
    StackModel {
        name: name.into(),
        dispatcher: Attr::Known(dispatcher_model(dispatcher)),
        executor: Attr::Known(executor_model(executor, held(observation, "executor_event_source"))),
        api: api.map(|f| api_model(f, held(observation, "usage_plan"))).into(),
        log_retention_days: logs.and_then(|l| l.retention_days).map_or(30, i64::from).into(),
        history_retention_days: environment("KAIROS_HISTORY_DAYS")
            .and_then(|d| d.parse().ok())
            .unwrap_or(90)
            .into(),
        kms_key_arn: table.and_then(|t| t.kms_key_arn.clone()).into(),
        tracing: any.is_none_or(|f| f.tracing).into(),
        architecture: any.map_or_else(|| "x86_64".into(), |f| f.architecture.clone()).into(),
        role_path: role.map_or_else(|| "/".into(), |r| r.path.clone()).into(),
        permissions_boundary_arn: role.and_then(|r| r.permissions_boundary.clone()).into(),
        tags: Some(own).filter(|own| !own.is_empty()).into(),
        force_destroy: false.into(),
        ..StackModel::default()
    }
}

fn held<'a, K: crate::stack::kind::Kind>(observation: &'a Observation, component: &str) -> Option<&'a K> {
    observation.get(component)?.as_ref()?.value::<K>()
}

fn layers(function: &Function) -> Attr<Vec<Attr<String>>> {
    let layers: Vec<Attr<String>> = function.layers.iter().cloned().map(Attr::Known).collect();
    Some(layers).filter(|l| !l.is_empty()).into()
}

fn dispatcher_model(function: Option<&Function>) -> DispatcherModel {
    function.map_or_else(DispatcherModel::default, |f| DispatcherModel {
        memory_size: i64::from(f.memory).into(),
        timeout: i64::from(f.timeout).into(),
        log_level: f.log_level.clone().into(),
        layers: layers(f),
        reserved_concurrency: f.reserved_concurrency.map(i64::from).into(),
    })
}

fn executor_model(function: Option<&Function>, source: Option<&EventSource>) -> ExecutorModel {
    let Some(f) = function else {
        return ExecutorModel::default();
    };
    ExecutorModel {
        memory_size: i64::from(f.memory).into(),
        timeout: i64::from(f.timeout).into(),
        log_level: f.log_level.clone().into(),
        layers: layers(f),
        reserved_concurrency: f.reserved_concurrency.map(i64::from).into(),
        role_prefix: f.environment.get("KAIROS_ROLE_PREFIX").map(str::to_owned).into(),
        maximum_concurrency: source.and_then(|s| s.maximum_concurrency).map(i64::from).into(),
        batch_size: source.map_or(10, |s| i64::from(s.batch_size)).into(),
        external_id: f.environment.get("KAIROS_EXTERNAL_ID").map(str::to_owned).into(),
    }
}

fn api_model(f: &Function, plan: Option<&UsagePlan>) -> ApiModel {
    let rate = plan
        .and_then(|p| p.throttle_rate)
        .and_then(|rate| rate.to_string().parse::<Number>().ok());
    ApiModel {
        memory_size: i64::from(f.memory).into(),
        timeout: i64::from(f.timeout).into(),
        log_level: f.log_level.clone().into(),
        layers: layers(f),
        domain_name: Attr::Null,
        mapping_key: Attr::Null,
        throttle_rate: rate.into(),
        throttle_burst: plan.and_then(|p| p.throttle_burst).map(i64::from).into(),
        quota_per_day: plan.and_then(|p| p.quota_per_day).map(i64::from).into(),
    }
}
