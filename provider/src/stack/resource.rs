//! `kairos_stack` as Terraform sees it: validate, plan, create, read, update, delete, import.
//!
//! Invariant: no decision about AWS objects is taken here; this is the way from attributes to an [`Operation`] and back.

mod import;
mod plan;
mod validate;

use serde::{Deserialize, Serialize};
use tfplugin::{
    Attr, CreateRequest, Ctx, Diagnostic, Diagnostics, Imported, Outcome, Plan, PlanRequest, Private, Resource, Schema,
    UpdateRequest,
};
use uuid::Uuid;

use super::bounds::Timeout;
use super::code;
use super::config::{Architecture, StackConfig};
use super::marker::Purpose;
use super::model::StackModel;
use super::operation::{Achieved, DEFAULT_TIMEOUT, Operation, Wish};
use super::topology::Codes;
use super::{outputs, rules, schema, upgrade, usage};
use crate::configuration::{Configured, Connection};

/// The resource `kairos_stack`.
#[derive(Debug, Default)]
pub struct StackResource;

/// What is kept beside the state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// Configurations whose changes did not come to their end: what they left behind is still looked for.
    #[serde(default)]
    restos: Vec<StackConfig>,
}

impl Kept {
    fn of(private: &Private) -> Self {
        // Written by ourselves; should it not be readable, the next plan shows what is left behind.
        private.json().ok().flatten().unwrap_or_default()
    }

    fn private(&self) -> Private {
        Private::from_json(self).unwrap_or_default()
    }
}

/// The installation that a state manages.
fn installation(model: &StackModel) -> Option<Uuid> {
    model.installation_id.as_str().and_then(|id| Uuid::parse_str(id).ok())
}

/// A stack that everything is known of: what an operation other than planning works on.
struct Subject<'a> {
    connection: &'a Connection,
    config: StackConfig,
}

impl Resource for StackResource {
    const NAME: &'static str = "kairos_stack";
    type Model = StackModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &StackModel, diagnostics: &mut Diagnostics) {
        validate::validate(config, diagnostics);
    }

    async fn plan(
        &self,
        ctx: &Ctx<Configured>,
        request: PlanRequest<StackModel>,
        diagnostics: &mut Diagnostics,
    ) -> Plan<StackModel> {
        Box::pin(plan::plan(ctx, request, diagnostics)).await
    }

    async fn create(&self, ctx: &Ctx<Configured>, request: CreateRequest<StackModel>) -> Outcome<StackModel> {
        let mut model = request.planned;
        let subject = match subject(ctx, &model) {
            Ok(subject) => subject,
            Err(diagnostics) => return Outcome::failed(diagnostics),
        };
        let names = subject.connection.names(&subject.config.name);
        if let Err(diagnostic) = plan::same_place(&model, &names).and_then(|()| plan::fitting_tags(&subject.config)) {
            return Outcome::failed(diagnostic);
        }
        let codes = match carried(&subject.config) {
            Ok(codes) => codes,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        let timeout = timeout(&model, "timeouts.create", |t| &t.create);
        let operation = operation(ctx, &subject, codes, timeout);
        let wish = Wish {
            config: &subject.config,
            prior: &[],
            purpose: Purpose::Create,
        };
        let achieved = Box::pin(operation.bring(wish)).await;
        ctx.configured().forget(&subject.config.name);
        conclude(&operation, &subject.config, &mut model, achieved, &Kept::default()).await
    }

    async fn read(&self, ctx: &Ctx<Configured>, current: StackModel, private: Private) -> Outcome<StackModel> {
        read(ctx, current, &private).await
    }

    async fn update(&self, ctx: &Ctx<Configured>, request: UpdateRequest<StackModel>) -> Outcome<StackModel> {
        let mut model = request.planned;
        let (subject, prior) = match (subject(ctx, &model), subject(ctx, &request.prior)) {
            (Ok(subject), Ok(prior)) => (subject, prior.config),
            (Err(diagnostics), _) | (_, Err(diagnostics)) => return Outcome::failed(diagnostics),
        };
        let names = subject.connection.names(&subject.config.name);
        if let Err(diagnostic) = plan::same_place(&model, &names).and_then(|()| plan::fitting_tags(&subject.config)) {
            return Outcome::failed(diagnostic);
        }
        let codes = match carried(&subject.config) {
            Ok(codes) => codes,
            Err(diagnostic) => return Outcome::failed(diagnostic),
        };
        let mut kept = Kept::of(&request.private);
        let Some(installation) = installation(&request.prior) else {
            return Outcome::failed(no_installation(&subject.config.name));
        };
        let operation = operation(ctx, &subject, codes, timeout(&model, "timeouts.update", |t| &t.update));
        let mut earlier = vec![prior];
        earlier.append(&mut kept.restos);
        let wish = Wish {
            config: &subject.config,
            prior: &earlier,
            purpose: Purpose::Change(installation),
        };
        let achieved = Box::pin(operation.bring(wish)).await;
        ctx.configured().forget(&subject.config.name);
        if achieved.components.is_none() {
            // Refused before the first write: the state stays as it was.
            return Outcome::failed(achieved.diagnostics.into_iter().collect::<Diagnostics>());
        }
        if !achieved.complete {
            kept.restos = earlier;
        }
        conclude(&operation, &subject.config, &mut model, achieved, &kept).await
    }

    async fn delete(&self, ctx: &Ctx<Configured>, prior: StackModel, private: Private) -> Outcome<StackModel> {
        delete(ctx, prior, &private).await
    }

    async fn import(&self, ctx: &Ctx<Configured>, id: String) -> Result<Vec<Imported<StackModel>>, Diagnostics> {
        import::import(ctx, &id).await.map(|imported| vec![imported])
    }

    fn upgrade(&self, version: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        upgrade::upgrade(version, state)
    }
}

/// Turns what was achieved into the state that Terraform keeps.
async fn conclude(
    operation: &Operation,
    config: &StackConfig,
    model: &mut StackModel,
    achieved: Achieved,
    kept: &Kept,
) -> Outcome<StackModel> {
    let Some(mut components) = achieved.components else {
        return Outcome::failed(achieved.diagnostics.into_iter().collect::<Diagnostics>());
    };
    outputs::as_planned(&mut components, model.components.known());
    outputs::retell(&mut components, model.components.known());
    let planned = model.clone();
    if let Some(id) = achieved.installation {
        model.installation_id = id.to_string().into();
    }
    let mut diagnostics: Diagnostics = achieved.diagnostics.into_iter().collect();
    diagnostics.extend(show(operation, config, model).await);
    model.components = Attr::Known(components);
    if !diagnostics.has_errors()
        && let Some(moved) = moved(&planned, model)
    {
        diagnostics.push(moved);
    }
    let outcome = if diagnostics.is_empty() {
        Outcome::done(model.clone())
    } else {
        Outcome::partial(model.clone(), diagnostics)
    };
    outcome.with_private(kept.private())
}

/// What is not as it was planned, although everything went well: somebody has deleted or made an object since. Terraform would
/// call that a mistake of the provider's; the state holds what is there.
fn moved(planned: &StackModel, model: &StackModel) -> Option<Diagnostic> {
    let moved = outputs::moved(planned, model);
    (!moved.is_empty()).then(|| {
        Diagnostic::error(
            format!("The stack \"{}\" was changed by somebody else since the plan", model.id.as_str().unwrap_or_default()),
            format!(
                "It is complete and as configured, but other objects than the planned ones make it up:\n{}\n\nThe state holds \
                 what is there. Apply again, so that what refers to them is changed as well.",
                moved.join("\n")
            ),
        )
    })
}

/// Fills in the computed attributes from what the operation has learnt. That the API key's value cannot be read is a
/// warning: the stack is what it should be.
async fn show(operation: &Operation, config: &StackConfig, model: &mut StackModel) -> Option<Diagnostic> {
    let context = &operation.context;
    let before = model.api_key_id.clone();
    outputs::fill(model, &context.names, config, |component| {
        context
            .id(&super::kind::Ref::to(component))
            .map_or(Attr::Null, Attr::Known)
    });
    if model.api_url.is_unknown() {
        model.api_url = Attr::Null;
    }
    // The value of a key never changes: one that the state has is not asked for again, nor one that could not be read when
    // the plan was made.
    if !model.api_key.is_unknown() && model.api_key_id == before {
        return None;
    }
    let (value, warning) = match operation.api_key().await {
        Ok(value) => (value, None),
        Err(diagnostic) => (None, Some(diagnostic)),
    };
    model.api_key = value.into();
    warning
}

async fn read(ctx: &Ctx<Configured>, mut model: StackModel, private: &Private) -> Outcome<StackModel> {
    let subject = match subject(ctx, &model) {
        Ok(subject) => subject,
        Err(diagnostics) => return Outcome::failed(diagnostics),
    };
    let kept = Kept::of(private);
    let codes = code::codes(subject.config.architecture).unwrap_or_else(code::none);
    let operation = operation(ctx, &subject, codes, DEFAULT_TIMEOUT.into());
    if let Err(diagnostic) = plan::still_here(&model, &operation.context.names) {
        return Outcome::failed(diagnostic);
    }
    let found = match operation
        .find(&subject.config, &kept.restos, installation(&model))
        .await
    {
        Ok(found) => found,
        Err(diagnostics) => return Outcome::failed(diagnostics.into_iter().collect::<Diagnostics>()),
    };
    let Some(mut components) = found.components else {
        return Outcome::gone();
    };
    if !model.installation_id.is_known() {
        model.installation_id = found.installation.map(|id| id.to_string()).into();
    }
    if model.api_key.is_null() {
        model.api_key = Attr::Unknown;
    }
    let warning = show(&operation, &subject.config, &mut model).await;
    outputs::retell(&mut components, model.components.known());
    model.components = Attr::Known(components);
    let held = found.held.map(|until| plan::held(&subject.config.name, until));
    let outcome = Outcome::done(model).with_private(kept.private());
    warning.into_iter().chain(held).fold(outcome, Outcome::with_diagnostic)
}

async fn delete(ctx: &Ctx<Configured>, mut model: StackModel, private: &Private) -> Outcome<StackModel> {
    let subject = match subject(ctx, &model) {
        Ok(subject) => subject,
        Err(diagnostics) => return Outcome::failed(diagnostics),
    };
    let mut kept = Kept::of(private);
    // The code is only compared: what is left after a destroy that did not come to its end is shown as it is.
    let codes = code::codes(subject.config.architecture).unwrap_or_else(code::none);
    let timeout = timeout(&model, "timeouts.delete", |t| &t.delete);
    let operation = operation(ctx, &subject, codes, timeout);
    if let Err(diagnostic) = plan::may_be_destroyed(&operation, &subject.config, &kept.restos, &model).await {
        return Outcome::failed(diagnostic);
    }
    if model.force_destroy != Attr::Known(true)
        && let Err(diagnostic) = usage::unused(&operation.context).await
    {
        return Outcome::failed(diagnostic);
    }
    let Some(installation) = installation(&model) else {
        return Outcome::failed(no_installation(&subject.config.name));
    };
    // An update that was killed may have created the API although neither state nor leftovers tell of it.
    let mut earlier = std::mem::take(&mut kept.restos);
    earlier.push(StackConfig {
        api: Some(super::config::ApiConfig::default()),
        ..subject.config.clone()
    });
    let achieved = operation.destroy(&subject.config, &earlier, installation).await;
    ctx.configured().forget(&subject.config.name);
    if achieved.complete {
        return Outcome::gone();
    }
    let diagnostics: Diagnostics = achieved.diagnostics.into_iter().collect();
    match achieved.components {
        None => Outcome::failed(diagnostics),
        Some(mut components) => {
            outputs::retell(&mut components, model.components.known());
            model.components = Attr::Known(components);
            earlier.pop();
            kept.restos = earlier;
            Outcome::partial(model, diagnostics).with_private(kept.private())
        }
    }
}

fn subject<'a>(ctx: &'a Ctx<Configured>, model: &StackModel) -> Result<Subject<'a>, Diagnostics> {
    let connection = ctx
        .configured()
        .connection()
        .map_err(|e| Diagnostics::of_error("Cannot reach AWS", e.to_string()))?;
    let config = model.known_config(&connection.default_tags).ok_or_else(|| {
        Diagnostics::of_error(
            "Cannot tell what the stack is",
            "Its name, e-mails or API are not known.".to_owned(),
        )
    })?;
    Ok(Subject { connection, config })
}

fn operation(ctx: &Ctx<Configured>, subject: &Subject<'_>, codes: Codes, timeout: Timeout) -> Operation {
    let names = subject.connection.names(&subject.config.name);
    Operation::new(subject.connection, names, codes, ctx.stop(), timeout)
}

/// The code for the stack's architecture.
fn carried(config: &StackConfig) -> Result<Codes, Diagnostic> {
    code::codes(config.architecture).ok_or_else(|| not_carried(config.architecture))
}

fn not_carried(architecture: Architecture) -> Diagnostic {
    lacks(&code::architectures(), architecture)
}

/// A build that carries the code for these architectures cannot make a stack of another.
fn lacks(carried: &[Architecture], architecture: Architecture) -> Diagnostic {
    let carried: Vec<&str> = carried.iter().map(|a| a.as_str()).collect();
    let command = code::PACKAGE_COMMAND;
    let detail = if carried.is_empty() {
        format!(
            "This build of the provider was made without the functions' code. \"{command}\" makes it; then build the provider \
             again."
        )
    } else {
        format!(
            "This build of the provider carries the functions for {} only, not for {}.",
            carried.join(", "),
            architecture.as_str()
        )
    };
    Diagnostic::error("The functions' code is not in this build", detail).at(tfplugin::Path::root("architecture"))
}

fn no_installation(name: &str) -> Diagnostic {
    Diagnostic::error(
        format!("Cannot tell which installation of \"{name}\" this is"),
        format!(
            "The state does not say so, and no refresh has read it from the marker in AWS. Refresh the state (terraform apply \
             -refresh-only); if there is no marker any more, remove the stack from the state (terraform state rm) and import it \
             again: terraform import <address> {name}"
        ),
    )
}

/// How long an operation may take: what the user says under `attribute`, or the default.
fn timeout(
    model: &StackModel,
    attribute: &'static str,
    which: impl Fn(&super::model::TimeoutsModel) -> &Attr<String>,
) -> Timeout {
    let given = model
        .timeouts
        .known()
        .and_then(|t| which(t).as_str())
        .and_then(rules::parse_duration);
    Timeout {
        limit: given.unwrap_or(DEFAULT_TIMEOUT),
        attribute: Some(attribute),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stack::model::TimeoutsModel;

    #[test]
    fn each_operation_has_its_own_time_and_half_an_hour_by_default() {
        let timeouts = TimeoutsModel {
            create: "90s".into(),
            update: "1h".into(),
            ..TimeoutsModel::default()
        };
        let given = StackModel {
            timeouts: Attr::Known(timeouts),
            ..StackModel::default()
        };
        let check = |model: &StackModel, expected: [u64; 3]| {
            let told = [
                timeout(model, "timeouts.create", |t| &t.create),
                timeout(model, "timeouts.update", |t| &t.update),
                timeout(model, "timeouts.delete", |t| &t.delete),
            ];
            assert_eq!(told.map(|t| t.limit), expected.map(Duration::from_secs));
            assert_eq!(told[1].attribute, Some("timeouts.update"));
        };
        check(&given, [90, 3600, 1800]);
        check(&StackModel::default(), [1800; 3]);
    }

    #[test]
    fn a_build_without_the_functions_names_the_command_that_packages_them() {
        let told = lacks(&[], Architecture::X86);
        assert!(told.detail.contains("\"cargo xtask package\""), "{}", told.detail);
        assert_eq!(told.path, Some(tfplugin::Path::root("architecture")));
        let told = lacks(&[Architecture::X86], Architecture::Arm64);
        assert_eq!(
            told.detail,
            "This build of the provider carries the functions for x86_64 only, not for arm64."
        );
    }
}
