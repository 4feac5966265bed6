//! What the registry could not do, as terraform's users read it.

use kairos::proceso::Proceso;
use kairos::registry::{PortErrorKind, RegistryError};
use tfplugin::{Diagnostic, Diagnostics, Path};

use super::convert::diagnose;
use super::registry::Looked;
use crate::sentence::sentence;

/// A failure of the registry while it was to `act` on the process `nombre`.
pub(super) fn told(act: &str, nombre: &str, error: &RegistryError) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    match error {
        RegistryError::Users(errors) => diagnose(errors, &mut diagnostics),
        error => diagnostics.error(
            format!("Cannot {act} the process \"{nombre}\""),
            format!("{}{}", sentence(error), hint(error)),
        ),
    }
    diagnostics
}

/// The name is taken: how to take the process over; nothing for other failures.
pub(super) fn taken(error: &RegistryError, stack: &str, nombre: &str) -> Option<Diagnostics> {
    let RegistryError::NameTaken { existing } = error else {
        return None;
    };
    let detail = format!(
        "The stack \"{stack}\" has a process named \"{}\" already, with the id \"{}\", which this configuration does not \
         manage: it was registered by somebody else, or by an apply that was cut off. Choose another \"nombre\", or take it \
         over by adding this block, with the address of this resource in \"to\", and applying again:\n\n  import {{\n    \
         to = kairos_proceso.<this resource>\n    id = {:?}\n  }}",
        existing.nombre,
        existing.id_proceso,
        format!("{stack}/{}", existing.nombre),
    );
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(
        Path::root("nombre"),
        format!("A process named \"{nombre}\" exists already"),
        detail,
    );
    Some(diagnostics)
}

/// A process that was registered, on a calendarización that could not be put right.
pub(super) fn left_broken(nombre: &str, error: &RegistryError) -> Diagnostic {
    let detail = format!(
        "The process \"{nombre}\" is registered, but what somebody broke behind it is not mended yet: {}{} The next plan \
         tells what is left.",
        sentence(error),
        hint(error)
    );
    Diagnostic::warning("The calendarización is not in order", detail)
}

/// A schedule that does not fire as it should, or does not exist.
pub(super) fn may_miss_runs(looked: &Looked) -> Diagnostic {
    let Proceso { id_calendarizacion, .. } = &looked.proceso;
    let detail = format!(
        "The schedule \"{id_calendarizacion}\" of the process \"{}\" is not as the stack made it ({}), so that its processes may \
         have missed runs. Apply mends it; what was missed is not made up for.",
        looked.proceso.nombre, looked.seen.status
    );
    Diagnostic::warning("A schedule was changed by somebody else", detail)
}

fn hint(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::Port { error, .. } => match error.kind {
            PortErrorKind::Denied => " The provider's credentials do not allow it, or are no longer valid.",
            PortErrorKind::Propagation => {
                " AWS does not know the stack's role everywhere yet: apply again in a minute."
            }
            PortErrorKind::Transient => " AWS was asked several times: apply again in a while.",
            PortErrorKind::NotFound => " A part of the stack is missing: apply the stack again.",
            PortErrorKind::Other => "",
        },
        _ => "",
    }
}
