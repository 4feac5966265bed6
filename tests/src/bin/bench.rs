//! `cargo xtask bench`: measures Kairos against its peers and prints the table as Markdown.
//!
//! Arguments: `lambdas`, `stack`, `procesos` choose parts (all without any); numbers choose the sizes of the last.

#![expect(clippy::print_stdout, reason = "the table is this program's result")]

use acceptance::bench::{self, Selection};
use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let chosen = |part: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == part);
    let selection = Selection {
        lambdas: chosen("lambdas"),
        stack: chosen("stack"),
        sizes: match (sizes.is_empty(), chosen("procesos")) {
            (false, _) => sizes,
            (true, true) => vec![100, 1_000, 5_000],
            (true, false) => Vec::new(),
        },
    };
    let report = bench::run(&selection).await?;
    println!("{}", report.markdown());
    Ok(())
}
