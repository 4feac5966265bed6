//! The computed attributes of `kairos_stack`: what follows from names, and the map of components.
//!
//! Invariant: a value that is known in a plan is the same after apply. Only what AWS makes is unknown before.

mod changes;
mod installation;

use std::collections::{BTreeMap, BTreeSet};

use kairos::names::Names;
use tfplugin::Attr;

use super::component::{Component, Node, Observed};
use super::config::StackConfig;
use super::context::Context;
use super::engine::{Outcome, Report};
use super::kind::Ref;
use super::kinds::parameter::Text;
use super::kinds::subscription::STATUS_PENDING;
use super::model::{ComponentModel, Components, StackModel, TextMap};
use super::topology;

pub use installation::marker_entry;

/// As wanted.
pub const IN_SYNC: &str = "in_sync";
/// Something differs.
pub const DRIFTED: &str = "drifted";
/// It does not exist.
pub const MISSING: &str = "missing";

/// The marker's key in `components`.
pub const MARKER: &str = "marker";

/// Fills in what follows from names alone, and from ids of AWS's as far as `id` knows them.
pub fn fill(model: &mut StackModel, names: &Names, config: &StackConfig, id: impl Fn(&str) -> Attr<String>) {
    let text = |s: String| Attr::Known(s);
    let role = |name: String| Attr::Known(names.role_arn(&config.role_path, &name));
    let api = config.api.is_some();
    let of_api = |value: Attr<String>| if api { value } else { Attr::Null };
    model.id = text(names.app.clone());
    let tags = config.tags.iter();
    model.tags_all = Attr::Known(tags.map(|(k, v)| (k.clone(), Attr::Known(v.clone()))).collect());
    model.dispatcher_arn = text(names.function_arn(&names.dispatcher_function()));
    model.dispatcher_role_arn = role(names.dispatcher_role());
    model.executor_arn = text(names.function_arn(&names.executor_function()));
    model.executor_role_arn = role(names.executor_role());
    model.scheduler_role_arn = role(names.scheduler_role());
    model.api_arn = of_api(text(names.function_arn(&names.api_function())));
    model.api_role_arn = of_api(role(names.api_role()));
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

/// Leaves open what `other`, the same model made with other stand-ins for what is not known yet, has otherwise.
pub fn open(model: &mut StackModel, mut other: StackModel) {
    for (one, other) in texts(model).into_iter().zip(texts(&mut other)) {
        if one != other {
            *one = Attr::Unknown;
        }
    }
    model.tags_all = match (&model.tags_all, &other.tags_all) {
        (Attr::Known(one), Attr::Known(other)) if one.keys().eq(other.keys()) => Attr::Known(open_values(one, other)),
        _ => Attr::Unknown,
    };
}

/// A map of the same keys with those values open that differ.
fn open_values(one: &TextMap, other: &TextMap) -> TextMap {
    let value = |(key, value): (&String, &Attr<String>)| {
        let same = other.get(key) == Some(value);
        (key.clone(), if same { value.clone() } else { Attr::Unknown })
    };
    one.iter().map(value).collect()
}

/// Makes everything computed unknown: not even the names can be told yet.
pub fn unknown(model: &mut StackModel) {
    for attr in texts(model) {
        *attr = Attr::Unknown;
    }
    model.installation_id = Attr::Unknown;
    model.api_key = Attr::Unknown;
    model.tags_all = Attr::Unknown;
    model.components = Attr::Unknown;
}

/// The computed texts that follow from names, settings and ids of AWS's.
fn texts(model: &mut StackModel) -> [&mut Attr<String>; 23] {
    [
        &mut model.id,
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
    ]
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

/// A stack as it will be, twice: made with different stand-ins for what is not known yet.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The configuration.
    pub config: &'a StackConfig,
    /// Its components.
    pub topology: &'a [Component],
}

/// A stack as the state has it.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The configuration.
    pub config: &'a StackConfig,
    /// Its components, as this version of the provider would make them.
    pub topology: &'a [Component],
    /// What was read of them.
    pub components: &'a Components,
}

/// The components as they will be after apply.
#[derive(Debug, Default)]
pub struct Planned {
    /// The map, with every object that there may be.
    pub components: Components,
    /// Whether there are exactly these. Terraform knows all keys of a map or nothing of it.
    pub complete: bool,
    /// The components that cannot be brought to what is wanted without losing what they hold, in words.
    pub losses: Vec<String>,
}

/// Plans the map of components.
pub fn planned(wanted: [Wanted<'_>; 2], before: Option<Before<'_>>, context: &Context) -> Planned {
    let [one, other] = wanted;
    let mut planned = Planned {
        complete: true,
        ..Planned::default()
    };
    let twin = |name: &str| other.topology.iter().find(|c| c.name == name);
    for component in one.topology {
        planned.complete &= twin(&component.name).is_some();
        let pair = [component, twin(&component.name).unwrap_or(component)];
        plan_one(&mut planned, pair, before, context);
    }
    for component in other.topology {
        if !planned.components.contains_key(&component.name) {
            planned.complete = false;
            plan_one(&mut planned, [component, component], before, context);
        }
    }
    let marker = installation::planned([one.config, other.config], before, context);
    planned.components.insert(MARKER.into(), Attr::Known(marker));
    planned
}

fn plan_one(planned: &mut Planned, [a, b]: [&Component; 2], before: Option<Before<'_>>, context: &Context) {
    let known = before.and_then(|b| b.components.get(&a.name)).and_then(Attr::known);
    let held = known.filter(|h| h.status.as_str() != Some(MISSING));
    let earlier = before.and_then(|b| b.topology.iter().find(|c| c.name == a.name));
    let touch = held.map(|h| touch_of(h, earlier, [a.node.as_ref(), b.node.as_ref()]));
    let replaced = touch.as_ref().is_some_and(|t| t.replaced);
    if let Some((touch, held)) = touch.as_ref().zip(held)
        && replaced
        && a.node.holds_data()
    {
        let (id, lines) = (held.id.as_str().unwrap_or_default(), touch.lines[1..].join("; "));
        planned
            .losses
            .push(format!("component \"{}\": \"{id}\" ({lines})", a.name));
    }
    let digest = if a.node.digest() == b.node.digest() {
        Attr::Known(a.node.digest())
    } else {
        Attr::Unknown
    };
    let id = match (a.node.known_id(context), b.node.known_id(context)) {
        (Some(one), Some(other)) if one == other => Attr::Known(one),
        (Some(_), _) => Attr::Unknown,
        // AWS makes it: kept where the object stays the same one.
        _ => {
            let stays = |h: &&ComponentModel| !replaced && (!a.node.remade() || h.digest == digest);
            held.filter(stays).map_or(Attr::Unknown, |h| h.id.clone())
        }
    };
    let status = match held.and_then(|h| h.status.as_str()) {
        _ if !a.node.pends() => Attr::from(IN_SYNC),
        Some(status @ (IN_SYNC | STATUS_PENDING)) => Attr::from(status),
        _ => Attr::Unknown,
    };
    let change = match (&touch, known) {
        (Some(touch), Some(known)) if touch.lines.is_empty() => change_of(known, &digest),
        (Some(touch), _) => lines(touch.lines.iter().cloned()),
        (None, Some(_)) => lines(["missing → created".into()]),
        (None, None) => Attr::Null,
    };
    let entry = ComponentModel {
        r#type: a.node.type_name().into(),
        id: id.or(String::new()),
        digest,
        status,
        drift: Attr::Known(Vec::new()),
        change,
    };
    planned.components.insert(a.name.clone(), Attr::Known(entry));
}

/// What is told where nothing of what we compare differs: what was told last, unless the digest tells that something does.
fn change_of(known: &ComponentModel, digest: &Attr<String>) -> Attr<Vec<Attr<String>>> {
    if known.digest == *digest {
        known.change.clone()
    } else {
        lines(["as this version of the provider wants it".into()])
    }
}

/// What is to be done to a component that exists.
fn touch_of(held: &ComponentModel, earlier: Option<&Component>, [a, b]: [&dyn Node; 2]) -> changes::Touch {
    let drift: Vec<String> = held
        .drift
        .known()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect();
    let configured = [a, b].map(|wanted| {
        earlier
            .map(|e| wanted.changes_from(e.node.as_ref()))
            .unwrap_or_default()
    });
    changes::touch(&drift, configured, &a.changes_from(b), a.beside())
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

/// Tells again what the last plan did to each component: what was read does not know.
pub fn retell(components: &mut Components, told: Option<&Components>) {
    for (name, entry) in components
        .iter_mut()
        .filter_map(|(name, entry)| Some((name, entry.known_mut()?)))
    {
        let told = told.and_then(|t| t.get(name)).and_then(Attr::known);
        entry.change = told.map_or(Attr::Null, |t| t.change.clone());
    }
}

/// Shows what is or was pending as it was planned: who is waited for (a subscription's owner) may confirm or end it at any
/// moment, which is not this apply's doing, and Terraform takes no other values than the planned ones. The next read shows it
/// as it is then.
pub fn as_planned(achieved: &mut Components, planned: Option<&Components>) {
    for (name, entry) in achieved
        .iter_mut()
        .filter_map(|(name, entry)| Some((name, entry.known_mut()?)))
    {
        let Some(planned) = planned.and_then(|p| p.get(name)).and_then(Attr::known) else {
            continue;
        };
        let statuses = [entry.status.as_str(), planned.status.as_str()];
        let there = matches!(statuses[0], Some(IN_SYNC | STATUS_PENDING));
        if there && statuses.contains(&Some(STATUS_PENDING)) {
            for (attr, planned) in [(&mut entry.id, &planned.id), (&mut entry.status, &planned.status)] {
                if planned.is_known() {
                    *attr = planned.clone();
                }
            }
        }
    }
}

/// What was known in the plan and is not so now, in words.
pub fn moved(planned: &StackModel, achieved: &StackModel) -> Vec<String> {
    let Some((planned, achieved)) = planned.components.known().zip(achieved.components.known()) else {
        return Vec::new();
    };
    let names: BTreeSet<&String> = planned.keys().chain(achieved.keys()).collect();
    let entry = |map: &Components, name: &str| map.get(name).and_then(Attr::known).cloned();
    let mut moved = Vec::new();
    for name in names {
        let (Some(plan), Some(now)) = (entry(planned, name), entry(achieved, name)) else {
            let verb = if planned.contains_key(name) {
                "is not there"
            } else {
                "is there"
            };
            moved.push(format!("{name} {verb}"));
            continue;
        };
        for (what, plan, now) in [
            ("id", plan.id, now.id),
            ("digest", plan.digest, now.digest),
            ("status", plan.status, now.status),
        ] {
            if let (Attr::Known(plan), now) = (&plan, now)
                && now.as_str() != Some(plan)
            {
                moved.push(format!("{name}: {what} {plan} → {}", now.as_str().unwrap_or_default()));
            }
        }
    }
    moved
}

/// What is left of an earlier configuration and wanted no more.
pub fn leftover(component: &Component, held: &Observed) -> ComponentModel {
    ComponentModel {
        drift: lines(["exists → removed".into()]),
        status: DRIFTED.into(),
        ..entry_of(component, held)
    }
}

/// Adds the marker's entry to a map.
pub fn with_marker(mut entries: Components, marker: ComponentModel) -> Components {
    entries.insert(MARKER.into(), Attr::Known(marker));
    entries
}

fn wanted(component: &Component, id: Option<String>, status: Option<&'static str>) -> ComponentModel {
    ComponentModel {
        r#type: component.node.type_name().into(),
        id: id.unwrap_or_default().into(),
        digest: component.node.digest().into(),
        status: status.unwrap_or(IN_SYNC).into(),
        drift: Attr::Known(Vec::new()),
        change: Attr::Null,
    }
}

fn missing(component: &Component, context: &Context) -> ComponentModel {
    ComponentModel {
        r#type: component.node.type_name().into(),
        id: component.node.known_id(context).unwrap_or_default().into(),
        digest: "".into(),
        status: MISSING.into(),
        drift: Attr::Known(Vec::new()),
        change: Attr::Null,
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
        drift: lines(held.changes.iter().map(changes::line)),
        change: Attr::Null,
    }
}

fn lines(lines: impl IntoIterator<Item = String>) -> Attr<Vec<Attr<String>>> {
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
