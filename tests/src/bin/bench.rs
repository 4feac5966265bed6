//! `cargo xtask bench`: measures Kairos against its peers and prints the table as Markdown.
//!
//! Arguments choose parts by their names, and numbers of processes; everything without any.

#![expect(clippy::print_stdout, reason = "the table is this program's result")]

use acceptance::bench::{self, Selection};
use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let report = bench::run(&Selection::read(&arguments)?).await?;
    println!("{}", report.markdown());
    Ok(())
}
