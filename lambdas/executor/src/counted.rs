//! What the executor times, for the metrics: how late runs begin, and how long their targets take.

use std::time::Duration;

use kairos::arn::{Target, TargetKind};
use kairos::instant::Timestamp;
use kairos::message::Mensaje;
use kairos_aws::metrics;

use crate::ports::Row;
use crate::time::between;

/// The kind of all universal targets: told apart by service and action they would be as many series as there are APIs.
const UNIVERSAL: &str = "aws-sdk";

/// An attempt of a run begins. Only the first tells how late the run is: the others wait on purpose.
pub(crate) fn began(run: &Mensaje, attempt: u32, now: Timestamp) {
    if attempt == 1 {
        metrics::run_began(between(run.fecha_programada, now));
    }
}

/// An attempt ended, and its call to the target, if there was one, took so long.
pub(crate) fn attempted(row: &Row, took: Option<Duration>) {
    if let (Some(took), Some(kind)) = (took, kind(row)) {
        metrics::attempt_ended(kind, took);
    }
}

fn kind(row: &Row) -> Option<String> {
    let target = Target::parse(&row.as_ref().ok()?.arn_proceso).ok()?;
    Some(match target.kind {
        TargetKind::SdkAction { .. } => UNIVERSAL.to_owned(),
        _ => target.arn.service,
    })
}
