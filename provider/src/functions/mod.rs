//! The functions `provider::kairos::…`: the schedule language, without AWS.
//!
//! Invariant: pure, as terraform demands: no clock is read, and equal arguments give equal results in plan and apply.

mod cron_canonico;
mod proximas_ejecuciones;

use kairos::error::{Field, UserError};
use tfplugin::{FunctionError, Value};

pub use self::cron_canonico::CronCanonico;
pub use self::proximas_ejecuciones::ProximasEjecuciones;

/// The text of the argument at this position. The signature sees to it that it is there.
fn text(arguments: &[Value], position: usize) -> Result<&str, FunctionError> {
    let text = arguments.get(position).and_then(Value::as_str);
    text.ok_or_else(|| FunctionError::at(position, "it must be a text"))
}

/// What is wrong with an argument, as terraform puts it between the argument's name and a full stop: the value and where in
/// it, carets under the place, and what would be right.
fn refused(error: &UserError, position: impl Fn(Field) -> usize) -> FunctionError {
    let (told, rule) = (error.to_string(), error.rule.to_string());
    let told = told.trim_start_matches(error.field.attribute()).trim_start();
    let text = match error.caret() {
        Some(lines) => {
            let lines: Vec<String> = lines.lines().map(|line| format!("  {line}")).collect();
            let place = told.strip_suffix(&rule).unwrap_or(told).trim_end();
            format!("{place}\n\n{}\n\n{}", lines.join("\n"), sentence(&rule))
        }
        None => told.to_owned(),
    };
    FunctionError::at(position(error.field), text)
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

#[cfg(test)]
mod tests;
