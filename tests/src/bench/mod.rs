//! What Kairos costs, measured against a peer or a ceiling in the same run.
//!
//! Invariant: every figure is measured here and now; a peer that is not at hand leaves its column empty, with the reason.

pub mod cold_start;
pub mod count;
pub mod measure;
pub mod path;
pub mod procesos;
pub mod report;
pub mod stack;

use anyhow::Result;

use crate::MiniStack;
use crate::ministack::Options;
use report::Report;

/// Which part to measure, and how large.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Numbers of processes to measure the life of.
    pub sizes: Vec<usize>,
    /// Whether to measure the Lambdas' binaries.
    pub lambdas: bool,
    /// Whether to measure the stack.
    pub stack: bool,
}

/// Measures what is selected and gives the rows, in reading order.
///
/// # Errors
/// Whatever failed on the way: a benchmark of a broken product is no benchmark.
pub async fn run(selection: &Selection) -> Result<Report> {
    let mut report = Report::default();
    let server = MiniStack::start(Options::default())?;
    if selection.lambdas {
        cold_start::measure(&mut report)?;
    }
    if selection.stack {
        Box::pin(stack::measure(&server, &mut report)).await?;
    }
    if !selection.sizes.is_empty() {
        procesos::measure(&server, &selection.sizes, &mut report).await?;
    }
    Ok(report)
}
