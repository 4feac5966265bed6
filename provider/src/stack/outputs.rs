//! The computed attributes of `kairos_stack`: what follows from names, and the map of components.
//!
//! Invariant: a value that is known in a plan is the same after apply. Only what AWS makes is unknown before.

use std::collections::BTreeMap;

use kairos::names::Names;
use tfplugin::Attr;

use super::component::{Component, Observed, digest};
use super::config::StackConfig;
use super::context::Context;
use super::engine::{Outcome, Report};
use super::kind::Ref;
use super::kinds::parameter::Text;
use super::kinds::subscription::STATUS_PENDING;
use super::marker::{Marker, Phase};
use super::model::{ComponentModel, Components, StackModel};
use super::topology;

/// As wanted.
pub const IN_SYNC: &str = "in_sync";
/// Something differs.
pub const DRIFTED: &str = "drifted";
/// It does not exist.
pub const MISSING: &str = "missing";

/// The marker's key in `components`.
const MARKER: &str = "marker";
/// Types whose objects get another id where they change.
const REMADE: [&str; 4] = [
    "AWS::ApiGateway::Deployment",
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::Lambda::EventSourceMapping",
    "AWS::SNS::Subscription",
];
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";

/// Fills in what follows from names alone, and from ids of AWS's as far as `id` knows them.
pub fn fill(model: &mut StackModel, names: &Names, config: &StackConfig, id: impl Fn(&str) -> Attr<String>) {
    let text = |s: String| Attr::Known(s);
    let role = |name: String| match &model.role_path {
        Attr::Unknown => Attr::Unknown,
        _ => Attr::Known(names.role_arn(&config.role_path, &name)),
    };
    let api = config.api.is_some();
    let of_api = |value: Attr<String>| if api { value } else { Attr::Null };
    let tags = &config.tags;
    let (dispatcher_role, executor_role) = (role(names.dispatcher_role()), role(names.executor_role()));
    let (scheduler_role, api_role) = (role(names.scheduler_role()), of_api(role(names.api_role())));
    model.dispatcher_role_arn = dispatcher_role;
    model.executor_role_arn = executor_role;
    model.scheduler_role_arn = scheduler_role;
    model.api_role_arn = api_role;
    model.id = text(names.app.clone());
    model.tags_all = if unknown_tags(model) {
        Attr::Unknown
    } else {
        Attr::Known(tags.iter().map(|(k, v)| (k.clone(), Attr::Known(v.clone()))).collect())
    };
    model.dispatcher_arn = text(names.function_arn(&names.dispatcher_function()));
    model.executor_arn = text(names.function_arn(&names.executor_function()));
    model.api_arn = of_api(text(names.function_arn(&names.api_function())));
    model.api_id = of_api(id("rest_api"));
    model.api_key_id = of_api(id("api_key"));
    model.api_url = config
        .api
        .as_ref()
        .map_or(Attr::Null, |api| url(&topology::api_url(api, names), &id));
    model.queue_url = text(topology::queue_url(names, &names.queue()));
    model.queue_arn = text(names.queue_arn(&names.queue()));
    model.dead_letter_queue_url = text(topology::queue_url(names, &names.queue_dlq()));
    model.dead_letter_queue_arn = text(names.queue_arn(&names.queue_dlq()));
    model.dispatcher_dead_letter_queue_arn = text(names.queue_arn(&names.dispatcher_dlq()));
    model.schedule_dead_letter_queue_arn = text(names.queue_arn(&names.schedule_dlq()));
    model.schedule_group = text(names.schedule_group());
    model.schedule_group_arn = text(names.schedule_group_arn());
    model.topic_arn = text(names.topic_arn());
    model.procesos_table = text(names.procesos_table());
    model.calendarizaciones_table = text(names.calendarizaciones_table());
    model.ejecuciones_table = text(names.ejecuciones_table());
}

/// Makes everything computed unknown: not even the names can be told yet.
pub fn unknown(model: &mut StackModel) {
    for attr in [
        &mut model.id,
        &mut model.installation_id,
        &mut model.dispatcher_arn,
        &mut model.dispatcher_role_arn,
        &mut model.executor_arn,
        &mut model.executor_role_arn,
        &mut model.scheduler_role_arn,
        &mut model.api_arn,
        &mut model.api_role_arn,
        &mut model.api_id,
        &mut model.api_url,
        &mut model.api_key_id,
        &mut model.api_key,
        &mut model.queue_url,
        &mut model.queue_arn,
        &mut model.dead_letter_queue_url,
        &mut model.dead_letter_queue_arn,
        &mut model.dispatcher_dead_letter_queue_arn,
        &mut model.schedule_dead_letter_queue_arn,
        &mut model.schedule_group,
        &mut model.schedule_group_arn,
        &mut model.topic_arn,
        &mut model.procesos_table,
        &mut model.calendarizaciones_table,
        &mut model.ejecuciones_table,
    ] {
        *attr = Attr::Unknown;
    }
    model.tags_all = Attr::Unknown;
    model.components = Attr::Unknown;
}

fn unknown_tags(model: &StackModel) -> bool {
    model.tags.is_unknown()
        || model
            .tags
            .known()
            .is_some_and(|tags| tags.values().any(Attr::is_unknown))
}

fn url(text: &Text, id: impl Fn(&str) -> Attr<String>) -> Attr<String> {
    let mut unknown = false;
    let written = text.write(|component: &Ref| {
        let known = id(&component.0);
        unknown |= !known.is_known();
        known.into_known().unwrap_or_default()
    });
    if unknown { Attr::Unknown } else { Attr::Known(written) }
}

/// The map of components as it will be after apply. `fillers` holds the same topology twice, made with different stand-ins
/// for unknown values, as `configs` are; `prior` is what the state has.
pub fn planned(
    fillers: [&[Component]; 2],
    configs: [&StackConfig; 2],
    prior: Option<&Components>,
    context: &Context,
) -> Components {
    let mut entries = Components::new();
    for (a, b) in fillers[0].iter().zip(fillers[1]) {
        let type_name = a.node.type_name();
        let held = prior
            .and_then(|p| p.get(&a.name))
            .and_then(Attr::known)
            .filter(|h| h.status.as_str() != Some(MISSING));
        let known_digest = if a.node.digest() == b.node.digest() {
            Attr::Known(a.node.digest())
        } else {
            Attr::Unknown
        };
        let id = match (a.node.known_id(context), b.node.known_id(context)) {
            (Some(one), Some(other)) if one == other => Attr::Known(one),
            (Some(_), _) => Attr::Unknown,
            // AWS makes it: kept where the object stays the same one.
            _ => match held {
                Some(h) if !REMADE.contains(&type_name) || h.digest == known_digest => h.id.clone(),
                _ => Attr::Unknown,
            },
        };
        let status = match held.and_then(|h| h.status.as_str()) {
            _ if type_name != SUBSCRIPTION => Attr::from(IN_SYNC),
            Some(status @ (IN_SYNC | STATUS_PENDING)) => Attr::from(status),
            _ => Attr::Unknown,
        };
        let entry = ComponentModel {
            r#type: type_name.into(),
            id: id.or(String::new()),
            digest: known_digest,
            status,
            drift: Attr::Known(Vec::new()),
        };
        entries.insert(a.name.clone(), Attr::Known(entry));
    }
    let [mut marker, other] = configs.map(|config| marker_wanted(config, context));
    if marker.digest != other.digest {
        marker.digest = Attr::Unknown;
    }
    entries.insert(MARKER.into(), Attr::Known(marker));
    entries
}

/// The map of components as an observation shows it.
pub fn observed(components: &[Component], observation: &super::engine::Observation, context: &Context) -> Components {
    let entry = |c: &Component| {
        let held = observation.get(&c.name).and_then(Option::as_ref);
        Attr::Known(held.map_or_else(|| missing(c, context), |held| entry_of(c, held)))
    };
    components.iter().map(|c| (c.name.clone(), entry(c))).collect()
}

/// The map of components after an execution: as wanted where that was achieved, otherwise as it was observed before.
pub fn achieved(
    components: &[Component],
    observation: &super::engine::Observation,
    report: &Report,
    context: &Context,
) -> Components {
    let entry = |c: &Component| {
        let held = observation.get(&c.name).and_then(Option::as_ref);
        let id = context.id(&Ref::to(&c.name)).or_else(|| c.node.known_id(context));
        let entry = match report.outcomes.get(&c.name) {
            Some(Outcome::Done { status }) => wanted(c, id, *status),
            Some(Outcome::Untouched) => wanted(c, id, held.and_then(|h| h.status)),
            _ => held.map_or_else(|| missing(c, context), |held| entry_of(c, held)),
        };
        Attr::Known(entry)
    };
    components.iter().map(|c| (c.name.clone(), entry(c))).collect()
}

/// Shows a subscription as it was planned: its owner may confirm or end it at any moment, which is not this apply's doing,
/// and Terraform takes no other values than the planned ones. The next read shows it as it is then.
pub fn as_planned(achieved: &mut Components, planned: Option<&Components>) {
    for (name, entry) in achieved
        .iter_mut()
        .filter_map(|(name, entry)| Some((name, entry.known_mut()?)))
    {
        let there = matches!(entry.status.as_str(), Some(IN_SYNC | STATUS_PENDING));
        if entry.r#type.as_str() == Some(SUBSCRIPTION)
            && there
            && let Some(planned) = planned.and_then(|p| p.get(name)).and_then(Attr::known)
        {
            for (attr, planned) in [(&mut entry.id, &planned.id), (&mut entry.status, &planned.status)] {
                if planned.is_known() {
                    *attr = planned.clone();
                }
            }
        }
    }
}

/// What is left of an earlier configuration and wanted no more.
pub fn leftover(component: &Component, held: &Observed) -> ComponentModel {
    ComponentModel {
        drift: drift(["exists → removed".into()]),
        status: DRIFTED.into(),
        ..entry_of(component, held)
    }
}

/// The marker's entry, beside the components that it brackets.
pub fn marker_entry(
    marker: Option<&Marker>,
    installation: Option<uuid::Uuid>,
    config: &StackConfig,
    context: &Context,
) -> ComponentModel {
    let wanted = marker_wanted(config, context);
    let Some(marker) = marker else {
        return ComponentModel {
            digest: "".into(),
            status: MISSING.into(),
            ..wanted
        };
    };
    let mut changes = Vec::new();
    if let Some(ours) = installation.filter(|ours| *ours != marker.instalacion) {
        changes.push(format!("Installation: {} → {ours}", marker.instalacion));
    }
    if marker.fase != Phase::Completa {
        changes.push(format!("Phase: {} → {}", marker.fase, Phase::Completa));
    }
    if marker.protegida != config.deletion_protection {
        changes.push(format!(
            "Protected: {} → {}",
            marker.protegida, config.deletion_protection
        ));
    }
    if changes.is_empty() {
        return wanted;
    }
    let held = serde_json::json!({ "fase": marker.fase, "protegida": marker.protegida });
    ComponentModel {
        digest: digest(&held).into(),
        status: DRIFTED.into(),
        drift: drift(changes),
        ..wanted
    }
}

/// Adds the marker's entry to a map.
pub fn with_marker(mut entries: Components, marker: ComponentModel) -> Components {
    entries.insert(MARKER.into(), Attr::Known(marker));
    entries
}

fn marker_wanted(config: &StackConfig, context: &Context) -> ComponentModel {
    let wanted = serde_json::json!({ "fase": Phase::Completa, "protegida": config.deletion_protection });
    ComponentModel {
        r#type: "AWS::SSM::Parameter".into(),
        id: context
            .names
            .arn("ssm", &format!("parameter{}", context.names.marker()))
            .into(),
        digest: digest(&wanted).into(),
        status: IN_SYNC.into(),
        drift: Attr::Known(Vec::new()),
    }
}

fn wanted(component: &Component, id: Option<String>, status: Option<&'static str>) -> ComponentModel {
    ComponentModel {
        r#type: component.node.type_name().into(),
        id: id.unwrap_or_default().into(),
        digest: component.node.digest().into(),
        status: status.unwrap_or(IN_SYNC).into(),
        drift: Attr::Known(Vec::new()),
    }
}

fn missing(component: &Component, context: &Context) -> ComponentModel {
    ComponentModel {
        r#type: component.node.type_name().into(),
        id: component.node.known_id(context).unwrap_or_default().into(),
        digest: "".into(),
        status: MISSING.into(),
        drift: Attr::Known(Vec::new()),
    }
}

fn entry_of(component: &Component, held: &Observed) -> ComponentModel {
    let status = if held.changes.is_empty() {
        held.status.unwrap_or(IN_SYNC)
    } else {
        DRIFTED
    };
    ComponentModel {
        r#type: component.node.type_name().into(),
        id: held.id.clone().into(),
        digest: held.digest.clone().into(),
        status: status.into(),
        drift: drift(held.changes.iter().map(ToString::to_string)),
    }
}

fn drift(lines: impl IntoIterator<Item = String>) -> Attr<Vec<Attr<String>>> {
    Attr::Known(lines.into_iter().map(Attr::Known).collect())
}

/// The ids of AWS's in a map of components.
pub fn ids(components: Option<&Components>) -> BTreeMap<String, Attr<String>> {
    let entries = components.into_iter().flatten();
    entries
        .filter_map(|(name, entry)| Some((name.clone(), entry.known()?.id.clone())))
        .collect()
}

#[cfg(test)]
mod tests;
