//! `kairos_proceso`: one scheduled process, in the registry that the HTTP API uses as well.
//!
//! Invariant: what can be known is refused while planning; apply checks all of it again before the first write.

use std::str::FromStr;

use kairos::error::UserError;
use kairos::ids::{IdCalendarizacion, IdProceso, InvalidId};
use kairos::instant::Timestamp;
use kairos::proceso::Definition;
use kairos::registry::RegistryError;
use kairos::registry::examine::IN_SYNC;
use kairos::schedule::Schedule;
use kairos::validation::{Limits, check, define};
use tfplugin::{
    Attr, CreateRequest, Ctx, Diagnostics, Imported, Outcome, Path, Plan, PlanRequest, Private, Resource, Schema,
    UpdateRequest,
};

use super::convert::{self, diagnose, keep_forms, raw};
use super::failure::{left_broken, may_miss_runs, taken, told};
use super::registry::{Looked, Registered, schedule as schedule_of, unread_executor};
use super::schema::{self, ProcesoModel};
use crate::configuration::{Configured, Connection};
use crate::sentence::sentence;

/// The resource.
#[derive(Debug, Default)]
pub struct ProcesoResource;

impl Resource for ProcesoResource {
    const NAME: &'static str = "kairos_proceso";
    type Model = ProcesoModel;
    type Configured = Configured;

    fn schema(&self) -> Schema {
        schema::schema()
    }

    fn validate(&self, config: &ProcesoModel, diagnostics: &mut Diagnostics) {
        diagnose(&check(&raw(config), &Limits::default()), diagnostics);
    }

    async fn plan(
        &self,
        ctx: &Ctx<Configured>,
        request: PlanRequest<ProcesoModel>,
        diagnostics: &mut Diagnostics,
    ) -> Plan<ProcesoModel> {
        let prior = request.prior.clone();
        let mut plan = Plan::of(request);
        let Some(planned) = &mut plan.planned else { return plan };
        if let Some(prior) = &prior {
            keep_forms(planned, prior);
            if is_unchanged(planned, prior) {
                planned.clone_from(prior);
                // A state of an earlier version knows none: that alone is no change.
                if !prior.estado.is_null() {
                    planned.estado = IN_SYNC.into();
                }
                return plan;
            }
        } else if let Some(nombre) = planned.nombre.as_str() {
            planned.id = IdProceso::of(nombre).as_str().into();
        }
        planned.estado = IN_SYNC.into();
        let schedule = convert::schedule(planned);
        if let Some(schedule) = &schedule {
            planned.id_calendarizacion = schedule.id().as_str().into();
        }
        let mut errors = Vec::new();
        if let Some(limits) = limits(ctx.configured(), planned, diagnostics).await {
            errors = check(&raw(planned), &limits);
        }
        // One that stays on its schedule may be changed and disabled after that is over.
        let arrives = prior.is_none_or(|prior| prior.id_calendarizacion != planned.id_calendarizacion);
        if arrives && errors.is_empty() {
            errors.extend(schedule.as_ref().and_then(past));
        }
        if let Some(schedule) = schedule.filter(|_| arrives && errors.is_empty())
            && let Err(failed) = meet(ctx.configured(), &planned.stack, &schedule).await
        {
            diagnostics.extend(failed);
        }
        diagnose(&errors, diagnostics);
        plan
    }

    async fn create(&self, ctx: &Ctx<Configured>, request: CreateRequest<ProcesoModel>) -> Outcome<ProcesoModel> {
        let planned = request.planned;
        let work = async {
            let stack = Registered::open(ctx.configured(), planned.stack.as_str().unwrap_or_default()).await?;
            let definition = definition(ctx.configured(), &planned, &stack).await?;
            if let Some(error) = past(&definition.schedule) {
                return Err(refused(&[error]));
            }
            let registered = stack.register(&definition).await;
            let held = registered.map_err(|error| {
                taken(&error, stack.name(), &definition.nombre)
                    .unwrap_or_else(|| told("register", &definition.nombre, &error))
            })?;
            let mut outcome = Outcome::done(convert::on_same_schedule(stack.name(), &held, &planned));
            if let Err(error) = stack.repair_met(&definition.schedule).await {
                outcome = outcome.with_diagnostic(left_broken(&definition.nombre, &error));
            }
            Ok(outcome)
        };
        work.await
            .unwrap_or_else(|diagnostics: Diagnostics| Outcome::failed(diagnostics))
    }

    async fn read(&self, ctx: &Ctx<Configured>, current: ProcesoModel, _private: Private) -> Outcome<ProcesoModel> {
        let work = async {
            let name = current.stack.as_str().unwrap_or_default();
            let Some(stack) = Registered::find(ctx.configured(), name).await? else {
                return Ok::<_, Diagnostics>(Outcome::gone());
            };
            let id: IdProceso = id_in(&current.id)?;
            let expected = current.id_calendarizacion.as_str().and_then(|id| id.parse().ok());
            let looked = stack.look(&id, expected.as_ref()).await;
            let Some(looked) = looked.map_err(|error| told("read", id.as_str(), &error))? else {
                return Ok(Outcome::gone());
            };
            let model = shown(name, &looked, &current);
            let model = model.map_err(|error| told("read the schedule of", id.as_str(), &error))?;
            let outcome = Outcome::done(ProcesoModel {
                estado: looked.seen.status.as_str().into(),
                ..model
            });
            Ok(if looked.first && looked.seen.examined.may_miss_runs() {
                outcome.with_diagnostic(may_miss_runs(&looked))
            } else {
                outcome
            })
        };
        work.await
            .unwrap_or_else(|diagnostics: Diagnostics| Outcome::failed(diagnostics))
    }

    async fn update(&self, ctx: &Ctx<Configured>, request: UpdateRequest<ProcesoModel>) -> Outcome<ProcesoModel> {
        let UpdateRequest { prior, planned, .. } = request;
        let work = async {
            let stack = Registered::open(ctx.configured(), planned.stack.as_str().unwrap_or_default()).await?;
            let definition = definition(ctx.configured(), &planned, &stack).await?;
            let id: IdProceso = id_in(&planned.id)?;
            let changed = stack.change(&id, &definition).await;
            let held = changed.map_err(|error| told("change", &definition.nombre, &error))?;
            let model = convert::on_same_schedule(stack.name(), &held, &planned);
            let drifted = prior.estado.as_str().is_some_and(|estado| estado != IN_SYNC);
            let repaired = async {
                if prior.id_calendarizacion != planned.id_calendarizacion {
                    let left = prior.id_calendarizacion.as_str().and_then(|left| left.parse().ok());
                    if let Some(left) = left.filter(|_| drifted) {
                        stack.repair_left(&left).await?;
                    }
                    return stack.repair_met(&definition.schedule).await;
                }
                if drifted {
                    stack.repair(&definition.schedule).await?;
                }
                Ok(())
            };
            Ok(match repaired.await {
                Ok(()) => Outcome::done(model),
                Err(error) => Outcome::partial(
                    ProcesoModel {
                        estado: prior.estado,
                        ..model
                    },
                    told("mend the calendarización of", &definition.nombre, &error),
                ),
            })
        };
        work.await
            .unwrap_or_else(|diagnostics: Diagnostics| Outcome::failed(diagnostics))
    }

    async fn delete(&self, ctx: &Ctx<Configured>, prior: ProcesoModel, _private: Private) -> Outcome<ProcesoModel> {
        let work = async {
            let name = prior.stack.as_str().unwrap_or_default();
            let Some(stack) = Registered::find(ctx.configured(), name).await? else {
                return Ok::<_, Diagnostics>(());
            };
            let id: IdProceso = id_in(&prior.id)?;
            let nombre = prior.nombre.as_str().unwrap_or_default();
            let calendarizacion: IdCalendarizacion = id_in(&prior.id_calendarizacion)?;
            stack
                .delete(&id, &calendarizacion)
                .await
                .map_err(|error| told("delete", nombre, &error))
        };
        work.await.map_or_else(
            |diagnostics: Diagnostics| Outcome::failed(diagnostics),
            |()| Outcome::gone(),
        )
    }

    async fn import(&self, ctx: &Ctx<Configured>, id: String) -> Result<Vec<Imported<ProcesoModel>>, Diagnostics> {
        let Some((name, wanted)) = id
            .split_once('/')
            .filter(|(name, wanted)| !name.is_empty() && !wanted.is_empty())
        else {
            let detail = format!("\"{id}\" is not \"<stack>/<nombre>\" or \"<stack>/<id of the process>\".");
            return Err(Diagnostics::of_error("Invalid import id", detail));
        };
        let stack = Registered::open(ctx.configured(), name).await?;
        let found = stack
            .find_either(wanted)
            .await
            .map_err(|error| told("find", wanted, &error))?;
        let Some(entry) = found else {
            let detail = format!("The stack \"{name}\" has no process with the name or id \"{wanted}\".");
            return Err(Diagnostics::of_error("No such process", detail));
        };
        let schedule = schedule_of(&entry).map_err(|error| told("find", wanted, &error))?;
        let Some(schedule) = schedule else {
            let detail = format!(
                "The process \"{wanted}\" names the calendarización \"{}\", which the stack \"{name}\" does not have.",
                entry.proceso.id_calendarizacion
            );
            return Err(Diagnostics::of_error("The process has no schedule", detail));
        };
        Ok(vec![Imported::new(convert::model(
            name,
            &entry.proceso,
            &schedule,
            &ProcesoModel::default(),
        ))])
    }
}

/// What a process is shown as. Where its calendarización's row is gone and nobody knows its schedule, it has no expression,
/// so that the next apply puts it on a new one.
fn shown(stack: &str, looked: &Looked, current: &ProcesoModel) -> Result<ProcesoModel, RegistryError> {
    let Looked { proceso, seen, .. } = looked;
    let same = current.id_calendarizacion.as_str() == Some(proceso.id_calendarizacion.as_str());
    if same && !current.cron.is_null() {
        // An id stands for one schedule, in whatever form.
        return Ok(convert::on_same_schedule(stack, proceso, current));
    }
    let Some(row) = &seen.examined.row else {
        return Ok(ProcesoModel {
            cron: Attr::Null,
            ..convert::on_same_schedule(stack, proceso, current)
        });
    };
    let schedule = row.schedule().map_err(RegistryError::Users)?;
    Ok(convert::model(stack, proceso, &schedule, current))
}

/// Whether a plan changes nothing of the process itself. One of the earlier system moves to a schedule that others can
/// share, with its first apply.
fn is_unchanged(planned: &ProcesoModel, prior: &ProcesoModel) -> bool {
    let on: Option<IdCalendarizacion> = prior.id_calendarizacion.as_str().and_then(|id| id.parse().ok());
    if on.is_some_and(|id| id.legacy_expression().is_some()) {
        return false;
    }
    let planned = ProcesoModel {
        id_calendarizacion: prior.id_calendarizacion.clone(),
        estado: prior.estado.clone(),
        ..planned.clone()
    };
    planned == *prior
}

/// Looks at the calendarización that a process comes onto, before anything is written to it, so that what is broken there is
/// mended with it. Terraform plans again right before it applies: what is seen here is known there.
async fn meet(configured: &Configured, stack: &Attr<String>, schedule: &Schedule) -> Result<(), Diagnostics> {
    let (Some(name), Ok(connection)) = (stack.as_str(), configured.connection()) else {
        return Ok(());
    };
    // That the stack cannot be read has been told already.
    let Ok(Some(stack)) = configured.stacks.installed(connection, name).await else {
        return Ok(());
    };
    let met = stack.watch.meet(&stack.registry, &schedule.id()).await;
    met.map_err(|error| told("look at the schedule of a process in", name, &error))
}

/// What the planned process is checked against: the stack as this run plans it, otherwise as it is installed. Where there
/// is neither, a warning: it may be created by the time of apply. `None` where nothing can be asked yet.
async fn limits(configured: &Configured, model: &ProcesoModel, diagnostics: &mut Diagnostics) -> Option<Limits> {
    let name = model.stack.as_str()?;
    // What needs AWS and cannot have it yet is checked at apply.
    let Ok(connection) = configured.connection() else {
        return Some(Limits::default());
    };
    let names = Some(connection.names(name));
    if let Some(planned) = configured.stacks.planned(name) {
        return Some(Limits {
            names,
            role_prefix: planned.role_prefix,
            executor_timeout: planned.executor_timeout,
        });
    }
    match configured.stacks.installed(connection, name).await {
        Ok(Some(stack)) => {
            let timeout = if waits(model) {
                configured.stacks.executor_timeout(&stack).await
            } else {
                Ok(None)
            };
            let executor_timeout = timeout
                .map_err(|error| diagnostics.extend(unread_executor(&error)))
                .ok()?;
            Some(Limits {
                names,
                role_prefix: stack.role_prefix.clone(),
                executor_timeout,
            })
        }
        Ok(None) => {
            diagnostics.warning_at(
                Path::root("stack"),
                "The stack does not exist yet",
                missing(connection, name, "Apply fails unless it does by then."),
            );
            Some(Limits {
                names,
                ..Limits::default()
            })
        }
        Err(error) => {
            diagnostics.error_at(Path::root("stack"), "Cannot read the stack", sentence(&error));
            None
        }
    }
}

/// An id that the state holds.
fn id_in<T: FromStr<Err = InvalidId>>(attribute: &Attr<String>) -> Result<T, Diagnostics> {
    let parsed = attribute.as_str().unwrap_or_default().parse::<T>();
    parsed.map_err(|error| Diagnostics::of_error("The state was changed by hand", sentence(&error)))
}

/// Where a stack was looked for.
pub(super) fn missing(connection: &Connection, name: &str, then: &str) -> String {
    let place = &connection.place;
    format!(
        "There is no stack \"{name}\" in account {}, region {}. {then}",
        place.account, place.region
    )
}

/// The definition of a planned process, checked against its stack.
async fn definition(
    configured: &Configured,
    planned: &ProcesoModel,
    stack: &Registered,
) -> Result<Definition, Diagnostics> {
    let limits = stack.limits(configured, waits(planned)).await?;
    define(&raw(planned), &limits).map_err(|errors| refused(&errors))
}

/// Whether a process says how long it waits: only then does the executor's time matter.
fn waits(model: &ProcesoModel) -> bool {
    model.tiempo_maximo_segundos.known().is_some()
}

fn refused(errors: &[UserError]) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnose(errors, &mut diagnostics);
    diagnostics
}

/// A schedule that is already over when a process comes onto it would never fire.
fn past(schedule: &Schedule) -> Option<UserError> {
    schedule.check_future(Timestamp::now()).err()
}
