//! The plan of a `kairos_stack`: what will be there, as far as it can be told, and what is refused.
//!
//! Invariant: reads at most the marker, the custom domain, the account's settings, where the roles' prefix changes the processes,
//! and, where a protected stack is to go and its marker is missing, the components; writes nothing.

mod emptied;
mod uncovered;

use jiff::Timestamp;
use kairos::names::Names;
use tfplugin::{Attr, Ctx, Diagnostic, Diagnostics, Path, Plan, PlanRequest};

use super::{carried, operation, subject};
use crate::configuration::Configured;
use crate::proceso::stacks::PlannedStack;
use crate::stack::code;
use crate::stack::config::StackConfig;
use crate::stack::context::Context;
use crate::stack::marker::{self, Marker, Phase, Ssm};
use crate::stack::model::{FILLERS, StackModel};
use crate::stack::operation::Operation;
use crate::stack::outputs::{self, Before, Planned, Wanted};
use crate::stack::{key, preflight, rules, topology};

pub(super) async fn plan(
    ctx: &Ctx<Configured>,
    request: PlanRequest<StackModel>,
    diagnostics: &mut Diagnostics,
) -> Plan<StackModel> {
    let PlanRequest { prior, proposed, .. } = &request;
    match (prior, proposed) {
        (Some(prior), None) => {
            if let Err(refusal) = refuse_destroy(ctx, prior).await {
                diagnostics.push(refusal);
            }
            Plan::of(request)
        }
        (prior, Some(proposed)) => {
            let planned = Box::pin(bring(ctx, prior.as_ref(), proposed.clone(), diagnostics)).await;
            let mut plan = Plan::of(request);
            plan.planned = Some(planned);
            plan
        }
        (None, None) => Plan::of(request),
    }
}

async fn bring(
    ctx: &Ctx<Configured>,
    prior: Option<&StackModel>,
    mut model: StackModel,
    diagnostics: &mut Diagnostics,
) -> StackModel {
    if let Some(name) = model.name.as_str() {
        ctx.configured()
            .stacks
            .plan(name, remembered(ctx.configured(), name, &model));
    }
    let Ok(connection) = ctx.configured().connection() else {
        // The provider's own configuration is not known yet: neither is anything that follows from it.
        outputs::unknown(&mut model);
        return model;
    };
    let configs = FILLERS.map(|filler| model.config(filler, &connection.default_tags));
    let [Some(config), Some(other)] = configs else {
        outputs::unknown(&mut model);
        return model;
    };
    let names = connection.names(&config.name);
    if let Err(diagnostic) = carried(&config) {
        diagnostics.push(diagnostic);
    }
    if let Some(long) = too_long(&names) {
        diagnostics.push(long);
    }
    if let Err(problem) = fitting_tags(&config) {
        diagnostics.push(problem);
    }
    let replaces = prior.is_some_and(|p| p.name != model.name || p.role_path != model.role_path);
    if let Some(prior) = prior.filter(|_| replaces)
        && let Err(refusal) = refuse_destroy(ctx, prior).await
    {
        diagnostics.push(refusal);
    }
    let prior = prior.filter(|_| !replaces);
    let context = Context::new(names, connection.clients.clone());
    if prior.is_none() {
        foresee(&config, &context, diagnostics).await;
    }
    let before = prior.and_then(|p| p.known_config(&connection.default_tags));
    if let Some(id) = prior.and_then(|p| p.api_id.as_str()) {
        context.learn("rest_api", id);
    }
    check_key(&model, before.as_ref(), &context, diagnostics);
    warn(before.as_ref(), &model, &config, &context, diagnostics).await;
    diagnostics.extend(prior.and_then(|p| emptied::warning(p, &context.names)));
    diagnostics.extend(uncovered::warning(before.as_ref(), &model, &context).await);
    let losses = fill(&mut model, prior.zip(before.as_ref()), [&config, &other], &context);
    if !losses.is_empty() {
        diagnostics.error_at(
            Path::root("components"),
            format!("The stack \"{}\" cannot be mended without losing data", config.name),
            format!(
                "These objects would have to be replaced, which would lose what they hold:\n{}\n\nKairos does not do that. \
                 Save what they hold and delete them; the next apply creates them again.",
                losses.join("\n")
            ),
        );
    }
    model
}

/// What this run remembers of the planned stack, for the processes and the data sources that name it.
fn remembered(configured: &Configured, name: &str, model: &StackModel) -> PlannedStack {
    let executor = model.executor.known();
    let connection = configured.connection().ok();
    let executor_role_arn = connection.zip(model.role_path.as_str()).map(|(connection, path)| {
        let names = connection.names(name);
        names.role_arn(path, &names.executor_role())
    });
    PlannedStack {
        role_prefix: executor.and_then(|e| e.role_prefix.as_str()).map(str::to_owned),
        executor_role_arn,
        external_id: executor.map_or(Attr::Unknown, |e| e.external_id.clone()),
        executor_timeout: executor.and_then(|e| u32::try_from(*e.timeout.known()?).ok()),
    }
}

/// Fills in everything computed, as far as it can be told. `prior` is the state, with the configuration in it.
///
/// The answer holds the components that cannot be brought to what is wanted without losing what they hold.
fn fill(
    model: &mut StackModel,
    prior: Option<(&StackModel, &StackConfig)>,
    configs: [&StackConfig; 2],
    context: &Context,
) -> Vec<String> {
    let topology_of = |config: &StackConfig| {
        let codes = code::codes(config.architecture).unwrap_or_else(code::none);
        topology::topology(config, &context.names, &codes)
    };
    let topologies = configs.map(topology_of);
    let earlier = prior.map(|(_, config)| topology_of(config));
    let before = prior.zip(earlier.as_deref()).and_then(|((state, config), topology)| {
        let components = state.components.known()?;
        Some(Before {
            config,
            topology,
            components,
        })
    });
    let wanted = [0, 1].map(|n| Wanted {
        config: configs[n],
        topology: &topologies[n],
    });
    let Planned {
        components,
        complete,
        losses,
    } = outputs::planned(wanted, before, context);
    let ids = outputs::ids(Some(&components));
    let id = |component: &str| ids.get(component).cloned().unwrap_or_default();
    let mut other = model.clone();
    outputs::fill(model, &context.names, configs[0], id);
    outputs::fill(&mut other, &context.names, configs[1], id);
    outputs::open(model, other);
    let state = prior.map(|(state, _)| state);
    model.api_key = match (&model.api_key_id, state) {
        (Attr::Null, _) => Attr::Null,
        (Attr::Known(id), Some(state)) if state.api_key_id.as_str() == Some(id) => state.api_key.clone(),
        _ => Attr::Unknown,
    };
    model.installation_id = match state.map(|s| &s.installation_id) {
        Some(Attr::Known(id)) => Attr::Known(id.clone()),
        _ => Attr::Unknown,
    };
    // Terraform knows all keys of a map or nothing of it: which objects there are hangs on an unknown address or domain.
    model.components = if complete {
        Attr::Known(components)
    } else {
        Attr::Unknown
    };
    losses
}

/// Refuses a key that cannot be used here, and says what the policy of one that is new must allow.
fn check_key(model: &StackModel, before: Option<&StackConfig>, context: &Context, diagnostics: &mut Diagnostics) {
    let Some(arn) = model.kms_key_arn.as_str() else { return };
    let path = Path::root("kms_key_arn");
    let place = &context.names.place;
    if let Some(problem) = key::elsewhere(arn, place) {
        diagnostics.error_at(path, "The key cannot be used here", problem);
    } else if before.and_then(|b| b.kms_key_arn.as_deref()) != Some(arn) {
        let detail = key::needs(arn, &context.names);
        diagnostics.warning_at(path, "The key's policy must allow what the stack does with it", detail);
    }
}

/// Warns of what apply would refuse, where this plan creates the API or maps it elsewhere.
async fn warn(
    before: Option<&StackConfig>,
    model: &StackModel,
    config: &StackConfig,
    context: &Context,
    diagnostics: &mut Diagnostics,
) {
    let mapping = |c: &StackConfig| c.api.as_ref().map(|a| (a.domain_name.clone(), a.mapping_key.clone()));
    if model.api.is_known() && before.and_then(mapping) != mapping(config) {
        let known = model.api.known().is_some_and(|api| !api.mapping_key.is_unknown());
        let mut problems = preflight::check(config, context).await;
        if known && problems.is_empty() {
            problems.extend(preflight::taken(config, context).await);
        }
        diagnostics.extend(problems.into_iter().map(preflight::Problem::into_warning));
    }
}

/// What a creation would meet: a complete stack of that name.
async fn foresee(config: &StackConfig, context: &Context, diagnostics: &mut Diagnostics) {
    let found = match marker_of(context).await {
        Ok(Some(found)) if found.fase == Phase::Completa => found,
        Ok(found) => {
            if let Some(until) = found.and_then(|found| found.held()) {
                diagnostics.push(held(&config.name, until));
            }
            return;
        }
        Err(problem) => {
            diagnostics.error(format!("Cannot plan the stack \"{}\"", config.name), problem);
            return;
        }
    };
    let name = &config.name;
    let import = format!(
        "To manage it here, import it: terraform import <address> {name}\n\nor, as a block:\n\nimport {{\n  to = <address>\n  id = \"{name}\"\n}}"
    );
    let at = format!(
        "A complete stack \"{name}\" exists in this account and region (installation {}).",
        found.instalacion
    );
    if found.protegida {
        diagnostics.error_at(
            Path::root("name"),
            format!("The stack \"{name}\" exists already"),
            format!("{at} It is protected against deletion. {import}"),
        );
    } else {
        diagnostics.warning_at(
            Path::root("name"),
            format!("The stack \"{name}\" exists already"),
            format!("{at} If this plan does not destroy it first, apply will fail. {import}"),
        );
    }
}

/// Warns that an apply will have to wait: users see nothing of that while it does.
pub(super) fn held(name: &str, until: Timestamp) -> Diagnostic {
    Diagnostic::warning(
        format!("Somebody is working on the stack \"{name}\""),
        format!(
            "The lease of its marker runs until {until:.0}. Who works on it renews that; an apply that was killed leaves it behind \
             for a minute at most. An apply that starts now waits until it is given back or has run out, within its \"timeouts\"."
        ),
    )
}

async fn refuse_destroy(ctx: &Ctx<Configured>, prior: &StackModel) -> Result<(), Diagnostic> {
    let Ok(subject) = subject(ctx, prior) else {
        // Nothing can be read: apply will say why.
        return protected(prior).map_or(Ok(()), Err);
    };
    let operation = operation(ctx, &subject, code::none(), super::DEFAULT_TIMEOUT.into());
    may_be_destroyed(&operation, &subject.config, &[], prior).await
}

/// Refuses to destroy a stack of another account or region, and a protected one. One that has never been complete, or
/// whose destruction has begun, is not protected; nor is one of which nothing is left.
pub(super) async fn may_be_destroyed(
    operation: &Operation,
    config: &StackConfig,
    earlier: &[StackConfig],
    prior: &StackModel,
) -> Result<(), Diagnostic> {
    still_here(prior, &operation.context.names)?;
    let Some(refusal) = protected(prior) else { return Ok(()) };
    match marker_of(&operation.context).await {
        Ok(Some(marker)) if marker.fase != Phase::Completa => Ok(()),
        // The marker alone may have been deleted by hand.
        Ok(None) => match operation.find(config, earlier, None).await {
            Ok(found) if found.components.is_none() => Ok(()),
            _ => Err(refusal),
        },
        _ => Err(refusal),
    }
}

fn protected(prior: &StackModel) -> Option<Diagnostic> {
    let name = prior.name.as_str().unwrap_or_default();
    (prior.deletion_protection == Attr::Known(true)).then(|| {
        Diagnostic::error(
            format!("The stack \"{name}\" is protected against deletion"),
            "Set \"deletion_protection\" to false and apply that first; then it may be destroyed or replaced.",
        )
        .at(Path::root("deletion_protection"))
    })
}

async fn marker_of(context: &Context) -> Result<Option<Marker>, String> {
    let shelf = Ssm::new(context.clone(), std::collections::BTreeMap::new());
    marker::read(&shelf, &context.names).await.map_err(|e| e.to_string())
}

/// The provider's default tags and the stack's own, taken together.
pub(super) fn fitting_tags(config: &StackConfig) -> Result<(), Diagnostic> {
    rules::all_tags(&config.tags).map_err(|problem| {
        let summary = "The provider's \"default_tags\" and the stack's \"tags\" do not fit together";
        Diagnostic::error(summary, format!("Taken together: {problem}.")).at(Path::root("tags"))
    })
}

/// Roles carry the region in their names, and IAM takes 64 characters.
fn too_long(names: &Names) -> Option<Diagnostic> {
    let longest = [
        names.dispatcher_role(),
        names.executor_role(),
        names.scheduler_role(),
        names.api_role(),
    ]
    .into_iter()
    .max_by_key(String::len)?;
    (longest.len() > 64).then(|| {
        let detail = format!(
            "The role \"{longest}\" would have {} characters, and IAM takes 64.",
            longest.len()
        );
        Diagnostic::error("The stack's name is too long for this region", detail).at(Path::root("name"))
    })
}

/// Compares the account and region of the plan with those of the apply.
pub(super) fn same_place(planned: &StackModel, names: &Names) -> Result<(), Diagnostic> {
    elsewhere(planned, names).map_or(Ok(()), |[then, now]| {
        Err(Diagnostic::error(
            "Account or region differ from the plan's",
            format!(
                "The plan was made for \"{then}\", and the provider now works on \"{now}\". Plan again. Nothing was changed."
            ),
        ))
    })
}

/// Compares the account and region of the state with the configured ones: a stack of another place is not gone.
pub(super) fn still_here(state: &StackModel, names: &Names) -> Result<(), Diagnostic> {
    elsewhere(state, names).map_or(Ok(()), |[then, now]| {
        Err(Diagnostic::error(
            "Account or region differ from the state's",
            format!(
                "The state holds the stack of \"{then}\", and the provider now works on \"{now}\". Give the provider the \
                 account and region of the stack. Nothing was changed."
            ),
        ))
    })
}

/// The dispatcher's ARN in the model and as it is here, where they differ.
fn elsewhere(model: &StackModel, names: &Names) -> Option<[String; 2]> {
    let now = names.function_arn(&names.dispatcher_function());
    let then = model.dispatcher_arn.as_str().filter(|then| *then != now)?;
    Some([then.to_owned(), now])
}

#[cfg(test)]
mod tests;
