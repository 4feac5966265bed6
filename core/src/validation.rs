//! The rules for a process as a user writes it: raw text in, a definition or all that is wrong with it out.
//!
//! Invariant: provider and API ask the same function, so that neither accepts what the other refuses.

use crate::arn::{self, Target, TargetKind};
use crate::error::{Field, Rule, UserError};
use crate::ids::IdProceso;
use crate::names::Names;
use crate::parameters;
use crate::patience;
use crate::proceso::{DEFAULT_REINTENTOS, Definition, InvocationMode};
use crate::schedule::Schedule;

/// A process as a user writes it. `None` is what was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Raw {
    /// Its name: required.
    pub nombre: Option<String>,
    /// The schedule expression: required.
    pub cron: Option<String>,
    /// An IANA zone; `UTC` by default.
    pub zona_horaria: Option<String>,
    /// The flexible window, in minutes.
    pub ventana_flexible_minutos: Option<i64>,
    /// The start, RFC 3339.
    pub inicio: Option<String>,
    /// The end, RFC 3339.
    pub fin: Option<String>,
    /// The role: required.
    pub arn_rol: Option<String>,
    /// The target: required.
    pub arn_proceso: Option<String>,
    /// What the target receives.
    pub parametros: Option<String>,
    /// Whether it runs; yes by default.
    pub habilitado: Option<bool>,
    /// How often a failed run is tried again; 3 by default.
    pub reintentos: Option<i64>,
    /// `Event` (by default) or `RequestResponse`.
    pub modo_invocacion: Option<String>,
    /// How long a synchronous Lambda target is waited for, in seconds.
    pub tiempo_maximo_segundos: Option<i64>,
    /// Attributes that have a value which is not known yet, as in a plan of terraform's. What needs it is not checked.
    pub unknown: Vec<Field>,
}

/// What a definition is checked against. What is not known is not checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// The installation, for partition, account, and what belongs to it.
    pub names: Option<Names>,
    /// What the names of roles must begin with.
    pub role_prefix: Option<String>,
    /// The time-out of the executor's function, in seconds.
    pub executor_timeout: Option<u32>,
}

/// The most characters of a name.
pub const MAX_NOMBRE: usize = 128;
/// The most retries.
pub const MAX_REINTENTOS: u8 = 10;
/// The longest that a synchronous Lambda target can be waited for, in seconds: the executor is a function itself.
pub const MAX_TIEMPO: u32 = patience::LONGEST;

/// Makes a definition of what a user wrote.
///
/// # Errors
/// All that is wrong with it. An attribute that is not known yet is an error here; [`check`] leaves it out.
pub fn define(raw: &Raw, limits: &Limits) -> Result<Definition, Vec<UserError>> {
    let mut errors = check(raw, limits);
    errors.extend(raw.unknown.iter().map(|field| UserError::new(*field, "", Rule::Empty)));
    let schedule = Schedule::parse(
        raw.cron.as_deref().unwrap_or_default(),
        raw.zona_horaria.as_deref(),
        raw.ventana_flexible_minutos,
        raw.inicio.as_deref(),
        raw.fin.as_deref(),
    );
    match schedule {
        Ok(schedule) if errors.is_empty() => Ok(Definition {
            nombre: raw.nombre.clone().unwrap_or_default(),
            schedule,
            arn_rol: raw.arn_rol.clone().unwrap_or_default(),
            arn_proceso: raw.arn_proceso.clone().unwrap_or_default(),
            parametros: raw.parametros.clone(),
            habilitado: raw.habilitado.unwrap_or(true),
            reintentos: raw
                .reintentos
                .and_then(|n| u8::try_from(n).ok())
                .unwrap_or(DEFAULT_REINTENTOS),
            modo_invocacion: raw
                .modo_invocacion
                .as_deref()
                .and_then(|m| m.parse().ok())
                .unwrap_or_default(),
            tiempo_maximo_segundos: raw.tiempo_maximo_segundos.and_then(|n| u32::try_from(n).ok()),
        }),
        Err(refused) if errors.is_empty() => Err(refused),
        // What the schedule's parser refuses has been refused by `check` already.
        Ok(_) | Err(_) => Err(errors),
    }
}

/// All that is wrong with what a user wrote, as far as it is known.
pub fn check(raw: &Raw, limits: &Limits) -> Vec<UserError> {
    let mut errors = Vec::new();
    let required = |field, value: &Option<String>, errors: &mut Vec<UserError>| -> Option<String> {
        if raw.is_unknown(field) {
            return None;
        }
        if value.is_none() {
            errors.push(UserError::new(field, "", Rule::Empty));
        }
        value.clone()
    };
    let nombre = required(Field::Nombre, &raw.nombre, &mut errors);
    let cron = required(Field::Cron, &raw.cron, &mut errors);
    let arn_rol = required(Field::ArnRol, &raw.arn_rol, &mut errors);
    let arn_proceso = required(Field::ArnProceso, &raw.arn_proceso, &mut errors);

    errors.extend(nombre.as_deref().and_then(|nombre| check_nombre(nombre).err()));
    errors.extend(check_schedule(raw, cron.as_deref()));
    if let (Some(arn_rol), Some(names)) = (&arn_rol, &limits.names) {
        errors.extend(arn::check_role(arn_rol, &names.place, limits.role_prefix.as_deref()).err());
    } else if let Some(Err(rule)) = arn_rol.as_deref().map(arn::Arn::parse) {
        errors.push(UserError::new(Field::ArnRol, arn_rol.unwrap_or_default(), rule));
    }
    let target = match arn_proceso.map(|text| check_target(&text, limits)) {
        Some(Ok(target)) => Some(target),
        Some(Err(error)) => {
            errors.push(error);
            None
        }
        None => None,
    };
    if let Some(target) = target.as_ref().filter(|_| !raw.is_unknown(Field::Parametros)) {
        let id = IdProceso::of(nombre.as_deref().unwrap_or_default());
        errors.extend(parameters::check(raw.parametros.as_deref(), target, &id).err());
    }
    if let Some(reintentos) = raw.known(Field::Reintentos, raw.reintentos) {
        errors.extend(between(Field::Reintentos, reintentos, 0, MAX_REINTENTOS.into()));
    }
    errors.extend(check_invocation(raw, target.as_ref(), limits.executor_timeout));
    errors
}

impl Raw {
    fn is_unknown(&self, field: Field) -> bool {
        self.unknown.contains(&field)
    }

    fn known<T>(&self, field: Field, value: Option<T>) -> Option<T> {
        value.filter(|_| !self.is_unknown(field))
    }
}

fn check_nombre(nombre: &str) -> Result<(), UserError> {
    let found = nombre.chars().count();
    let rule = if nombre.trim().is_empty() {
        Rule::Empty
    } else if found > MAX_NOMBRE {
        Rule::TooLong { found, max: MAX_NOMBRE }
    } else if nombre.chars().any(char::is_control) {
        Rule::ControlCharacter
    } else {
        return Ok(());
    };
    Err(UserError::new(Field::Nombre, nombre, rule))
}

/// Checks the schedule's attributes. Where the expression is missing, the others are checked with one that always fits.
fn check_schedule(raw: &Raw, cron: Option<&str>) -> Vec<UserError> {
    let parsed = Schedule::parse(
        cron.unwrap_or("rate(1 minute)"),
        raw.known(Field::ZonaHoraria, raw.zona_horaria.as_deref()),
        raw.known(Field::VentanaFlexibleMinutos, raw.ventana_flexible_minutos),
        raw.known(Field::Inicio, raw.inicio.as_deref()),
        raw.known(Field::Fin, raw.fin.as_deref()),
    );
    // Where the zone is not known UTC stands in for it, which skips no local time.
    parsed.err().unwrap_or_default()
}

fn check_target(text: &str, limits: &Limits) -> Result<Target, UserError> {
    if let Some(names) = &limits.names {
        return arn::check_target(text, names);
    }
    let target = Target::parse(text)?;
    arn::check_callable(&target)?;
    Ok(target)
}

/// The mode is for Lambda targets, and the time to wait for those that are waited for.
fn check_invocation(raw: &Raw, target: Option<&Target>, executor_timeout: Option<u32>) -> Vec<UserError> {
    let mut errors = Vec::new();
    let not_lambda = target.is_some_and(|target| !matches!(target.kind, TargetKind::Lambda { .. }));
    let mode = raw.known(Field::ModoInvocacion, raw.modo_invocacion.as_deref());
    let parsed = mode.map(str::parse::<InvocationMode>);
    if let Some(mode) = mode {
        let rule = match parsed {
            Some(Err(_)) => Some(Rule::NotOneOf {
                accepted: "\"Event\", \"RequestResponse\"",
            }),
            // The default, written out, does no harm.
            Some(Ok(InvocationMode::RequestResponse)) if not_lambda => Some(Rule::OnlyForLambda),
            _ => None,
        };
        errors.extend(rule.map(|rule| UserError::new(Field::ModoInvocacion, mode, rule)));
    }
    if let Some(seconds) = raw.known(Field::TiempoMaximoSegundos, raw.tiempo_maximo_segundos) {
        let event = !raw.is_unknown(Field::ModoInvocacion) && matches!(parsed, None | Some(Ok(InvocationMode::Event)));
        let refused = |rule| UserError::new(Field::TiempoMaximoSegundos, seconds.to_string(), rule);
        if not_lambda {
            errors.push(refused(Rule::OnlyForLambda));
        } else if event {
            errors.push(refused(Rule::OnlyForRequestResponse));
        }
        let out_of_range = between(Field::TiempoMaximoSegundos, seconds, 1, MAX_TIEMPO.into());
        let too_long = executor_timeout.filter(|_| out_of_range.is_none() && !not_lambda && !event);
        errors.extend(out_of_range);
        errors.extend(
            too_long
                .and_then(|timeout| longer_than_executor(seconds, timeout))
                .map(refused),
        );
    }
    errors
}

fn longer_than_executor(seconds: i64, timeout: u32) -> Option<Rule> {
    let longest = patience::longest(timeout);
    let seconds = u32::try_from(seconds).ok().filter(|seconds| *seconds > longest)?;
    Some(Rule::LongerThanExecutor {
        longest,
        timeout,
        needed: patience::timeout_for(seconds),
    })
}

fn between(field: Field, value: i64, min: i64, max: i64) -> Option<UserError> {
    (!(min..=max).contains(&value)).then(|| UserError::new(field, value.to_string(), Rule::Between { min, max }))
}

#[cfg(test)]
mod tests;
