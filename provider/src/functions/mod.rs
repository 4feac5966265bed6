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
    text.ok_or_else(|| FunctionError::at(position, "It must be a text."))
}

/// What is wrong with an argument, as terraform appends it to the argument's name: the value, where in it, what would be
/// right, and carets under the place.
fn refused(error: &UserError, position: impl Fn(Field) -> usize) -> FunctionError {
    let told = error.to_string();
    let told = told.trim_start_matches(error.field.attribute()).trim_start();
    let caret = error.caret().map(|lines| {
        let lines: Vec<String> = lines.lines().map(|line| format!("  {line}")).collect();
        format!("\n\n{}\n", lines.join("\n"))
    });
    FunctionError::at(position(error.field), format!("{told}.{}", caret.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
