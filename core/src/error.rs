//! What a user got wrong, as data: which attribute, which value, which rule, and where in the value.
//!
//! Invariant: nothing here is text that a user reads in another language: the provider renders [`UserError`] with
//! attribute paths, the API in Spanish; `Display` is English, for logs and diagnostics.

mod field;
mod rule;

pub use field::CronField;
pub use rule::{Expected, Rule};

use std::fmt;
use std::ops::Range;

/// An attribute of a process, of a calendarización or of a request that a user can get wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The process's name.
    Nombre,
    /// The schedule expression.
    Cron,
    /// The time zone of the schedule.
    ZonaHoraria,
    /// The flexible window, in minutes.
    VentanaFlexibleMinutos,
    /// The start of the schedule.
    Inicio,
    /// The end of the schedule.
    Fin,
    /// The role that the executor assumes.
    ArnRol,
    /// The target.
    ArnProceso,
    /// What the target receives.
    Parametros,
    /// Whether the process runs.
    Habilitado,
    /// How often a failed run is tried again.
    Reintentos,
    /// How a Lambda target is invoked.
    ModoInvocacion,
    /// How long a synchronous Lambda target is waited for, in seconds.
    TiempoMaximoSegundos,
    /// The scheduled time of a run, in a request to replay it.
    FechaProgramada,
}

impl Field {
    /// The attribute's name in terraform, such as `zona_horaria`.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Nombre => "nombre",
            Self::Cron => "cron",
            Self::ZonaHoraria => "zona_horaria",
            Self::VentanaFlexibleMinutos => "ventana_flexible_minutos",
            Self::Inicio => "inicio",
            Self::Fin => "fin",
            Self::ArnRol => "arn_rol",
            Self::ArnProceso => "arn_proceso",
            Self::Parametros => "parametros",
            Self::Habilitado => "habilitado",
            Self::Reintentos => "reintentos",
            Self::ModoInvocacion => "modo_invocacion",
            Self::TiempoMaximoSegundos => "tiempo_maximo_segundos",
            Self::FechaProgramada => "fecha_programada",
        }
    }

    /// The key in the API's requests, such as `zonaHoraria`.
    pub const fn json(self) -> &'static str {
        match self {
            Self::Nombre => "nombre",
            Self::Cron => "cron",
            Self::ZonaHoraria => "zonaHoraria",
            Self::VentanaFlexibleMinutos => "ventanaFlexibleMinutos",
            Self::Inicio => "inicio",
            Self::Fin => "fin",
            Self::ArnRol => "arnRol",
            Self::ArnProceso => "arnProceso",
            Self::Parametros => "parametros",
            Self::Habilitado => "habilitado",
            Self::Reintentos => "reintentos",
            Self::ModoInvocacion => "modoInvocacion",
            Self::TiempoMaximoSegundos => "tiempoMaximoSegundos",
            Self::FechaProgramada => "fechaProgramada",
        }
    }

    /// Whether the value may hold what must not reach a log: payloads often carry keys.
    const fn is_confidential(self) -> bool {
        matches!(self, Self::Parametros)
    }
}

/// One thing that a user got wrong.
///
/// `Display` gives one line: the attribute, the value (shortened; never a payload), where in it, and what would be
/// right. [`UserError::caret`] draws the position under the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserError {
    /// The attribute.
    pub field: Field,
    /// The attribute's whole value, as the user wrote it.
    pub value: String,
    /// What it breaks.
    pub rule: Rule,
    /// The offending bytes of `value`, on character boundaries; none where the whole value is at fault.
    pub position: Option<Range<usize>>,
}

impl std::error::Error for UserError {}

/// As much of a value as a one-line message shows, in characters.
const SHOWN: usize = 100;

impl UserError {
    /// An error about the whole value.
    pub fn new(field: Field, value: impl Into<String>, rule: Rule) -> Self {
        Self {
            field,
            value: value.into(),
            rule,
            position: None,
        }
    }

    /// The same error, about some bytes of the value only.
    #[must_use]
    pub fn at(self, position: Range<usize>) -> Self {
        Self {
            position: Some(position),
            ..self
        }
    }

    /// The offending part of the value: the bytes at the position, or all of it.
    pub fn fragment(&self) -> &str {
        self.position
            .clone()
            .and_then(|range| self.value.get(range))
            .unwrap_or(&self.value)
    }

    /// Two lines for a fixed-width display: the value, and carets under the offending part. `None` where there is no
    /// position to show or the value is a payload.
    pub fn caret(&self) -> Option<String> {
        if self.field.is_confidential() {
            return None;
        }
        let range = self.position.clone()?;
        let before = self.value.get(..range.start)?.chars().count();
        let under = self.value.get(range)?.chars().count().max(1);
        Some(format!(
            "{}\n{}{}",
            printable(&self.value),
            " ".repeat(before),
            "^".repeat(under)
        ))
    }
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.field.attribute())?;
        if !self.field.is_confidential() {
            write!(f, " \"{}\"", shortened(&self.value))?;
            if let Some(range) = &self.position
                && self.fragment() != self.value
            {
                let column = self
                    .value
                    .get(..range.start)
                    .map_or(1, |before| before.chars().count() + 1);
                match self.fragment() {
                    "" => write!(f, ", character {column}")?,
                    part => write!(f, ", character {column} (\"{}\")", shortened(part))?,
                }
            }
        }
        write!(f, ": {}", self.rule)
    }
}

fn shortened(value: &str) -> String {
    let mut text = printable(value);
    if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text
}

/// Control characters become spaces one by one, so that columns stay and no message breaks a log line.
fn printable(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of_range() -> UserError {
        let rule = Rule::OutOfRange {
            part: CronField::Hours,
            min: 0,
            max: 23,
        };
        UserError::new(Field::Cron, "0 25 * * ? *", rule).at(2..4)
    }

    #[test]
    fn a_message_names_attribute_value_position_and_what_would_be_right() {
        assert_eq!(
            out_of_range().to_string(),
            "cron \"0 25 * * ? *\", character 3 (\"25\"): hours must be between 0 and 23"
        );
    }

    #[test]
    fn the_caret_stands_under_the_offending_part() {
        assert_eq!(out_of_range().caret().as_deref(), Some("0 25 * * ? *\n  ^^"));
        let accented = UserError {
            value: "ñ 25".to_owned(),
            position: Some(3..5),
            ..out_of_range()
        };
        assert_eq!(accented.caret().as_deref(), Some("ñ 25\n  ^^"));
        let line_break = UserError {
            value: "\n 25".to_owned(),
            ..out_of_range()
        };
        assert_eq!(line_break.caret().as_deref(), Some("  25\n  ^^"));
        assert_eq!(
            UserError {
                position: None,
                ..out_of_range()
            }
            .caret(),
            None
        );
        assert_eq!(
            UserError {
                position: Some(1..99),
                ..out_of_range()
            }
            .caret(),
            None
        );
    }

    #[test]
    fn a_payload_never_shows_in_a_message() {
        let error = UserError {
            field: Field::Parametros,
            value: "secret".to_owned(),
            ..out_of_range()
        };
        assert!(!error.to_string().contains("secret"));
        assert_eq!(error.caret(), None);
    }

    #[test]
    fn a_long_value_is_shortened() {
        let error = UserError::new(Field::Nombre, "x".repeat(5000), Rule::Empty);
        assert!(error.to_string().chars().count() < 200);
    }
}
