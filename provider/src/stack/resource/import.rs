//! Import of a stack: the configuration is read back from what is there.
//!
//! Invariant: read-only. What AWS does not hold (`force_destroy`, `timeouts`) takes its default.
//! Invariant: nothing is taken over that is not the stack's own: its tag says so.

use std::collections::BTreeMap;

use kairos::names::Names;
use tfplugin::{Attr, Ctx, Diagnostics, Imported, Set};
use uuid::Uuid;

use self::read_back::Address;
use super::Configured;
use crate::configuration::Connection;
use crate::stack::bounds::Bounds;
use crate::stack::code;
use crate::stack::component::Component;
use crate::stack::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use crate::stack::context::Context;
use crate::stack::discover;
use crate::stack::engine::{self, Limits, Observation, Refusal};
use crate::stack::kind::{Owner, Tags};
use crate::stack::marker::{self, Marker, Ssm};
use crate::stack::model::StackModel;
use crate::stack::{rules, topology};

mod read_back;

pub(super) async fn import(ctx: &Ctx<Configured>, name: &str) -> Result<Imported<StackModel>, Diagnostics> {
    let connection = ctx.configured().connection().map_err(|e| e.to_string());
    let imported = match connection {
        Ok(connection) => {
            let names = connection.names(name);
            let context = Context::new(names, connection.clients.clone());
            found(connection, &context.within(Bounds::interruptible(ctx.stop())), name).await
        }
        Err(problem) => Err(problem),
    };
    imported
        .map(Imported::new)
        .map_err(|problem| Diagnostics::of_error(format!("Cannot import the stack \"{name}\""), problem))
}

/// The stack as its objects show it, or why it cannot be imported.
async fn found(connection: &Connection, context: &Context, name: &str) -> Result<StackModel, String> {
    rules::name(&tfplugin::Value::from(name))
        .map_err(|problem| format!("The id is the stack's name, and this is none: {problem}."))?;
    let shelf = Ssm::new(context.clone(), BTreeMap::new());
    let marker = marker::read(&shelf, &context.names).await.map_err(|e| e.to_string())?;
    if let Some(marker) = &marker {
        at_rest(marker, &context.names)?;
    }
    let components = topology::topology(&guess(name), &context.names, &code::none());
    let observation = engine::observe(&components, context, &Limits::default())
        .await
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    may_be_imported(marker.is_some(), &components, &observation, &context.names)?;
    let mut model = read_back::stack(&observation, context, &connection.default_tags);
    let emails = discover::emails(context).await.map_err(|e| e.to_string())?;
    if !emails.is_empty() {
        model.notification_emails = Attr::Known(Set(emails.into_iter().map(Attr::Known).collect()));
    }
    if let Some(api) = model.api.known_mut() {
        let mapping = match read_back::address(&observation, context) {
            Some(Address::Stage) => None,
            Some(Address::Domain(domain, key)) => Some((domain, key)),
            None => discover::mapping(context).await.map_err(|e| e.to_string())?,
        };
        if let Some((domain, key)) = mapping {
            api.domain_name = domain.into();
            api.mapping_key = Some(key).filter(|k| !k.is_empty()).into();
        }
    }
    if let Some(marker) = &marker {
        model.deletion_protection = marker.protegida.into();
    }
    // Without a marker the installation begins anew: the next apply makes the marker with this id.
    let installation = marker.map_or_else(Uuid::new_v4, |m| m.instalacion);
    model.installation_id = installation.to_string().into();
    Ok(model)
}

/// What is being created, changed or destroyed right now has an owner already.
fn at_rest(marker: &Marker, names: &Names) -> Result<(), String> {
    let Some(until) = marker.held() else { return Ok(()) };
    Err(format!(
        "Somebody is working on the stack \"{}\" (phase {}), or was killed while doing so: their lease of its marker runs until \
         {until}. Import it after that.",
        names.app, marker.fase
    ))
}

/// Refuses a name of which nothing is there, and one whose objects are not the stack's own: the whole list of these, so
/// that it is settled once.
fn may_be_imported(
    marked: bool,
    components: &[Component],
    observation: &Observation,
    names: &Names,
) -> Result<(), String> {
    let foreign: Vec<String> = components.iter().filter_map(|c| foreign(c, observation)).collect();
    let ours = observation.values().flatten().any(|held| held.owner == Owner::Ours);
    let (account, region) = (&names.place.account, &names.place.region);
    if foreign.is_empty() && !ours && !marked {
        return Err(format!(
            "There is no stack of this name in the account {account}, region {region}: neither its marker (the SSM parameter \
             \"{}\") nor any object of it.",
            names.marker()
        ));
    }
    if foreign.is_empty() {
        return Ok(());
    }
    let what = if ours || marked {
        "Objects with the stack's names are not its own"
    } else {
        "There is no stack of this name, but there are objects with its names that are not its own"
    };
    Err(format!(
        "{what}, in the account {account}, region {region}:\n\n{}\n\nDelete or rename them. What does belong to the stack and has \
         only lost its tag is taken over once it has the tag \"{}\" = \"{}\" again.",
        foreign.join("\n"),
        Names::OWNER_TAG,
        names.owner()
    ))
}

fn foreign(component: &Component, observation: &Observation) -> Option<String> {
    let held = observation.get(&component.name)?.as_ref()?;
    let Owner::Foreign(owner) = &held.owner else {
        return None;
    };
    let refusal = Refusal::Foreign {
        component: component.name.clone(),
        type_name: component.node.type_name(),
        id: held.id.clone(),
        owner: owner.clone(),
    };
    Some(format!("- {refusal}"))
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
        tags: Tags::new(),
        deletion_protection: true,
    }
}

#[cfg(test)]
mod tests;
