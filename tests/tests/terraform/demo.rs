//! The demo's own steps: apply of the quickstart, first runs, API, empty second plan, destroy, nothing left.

use acceptance::demo::Demo;
use anyhow::Result;
use indicatif::ProgressBar;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_does_what_it_tells() -> Result<()> {
    let mut told = Vec::new();
    let demo = Demo::start(&mut told, ProgressBar::hidden()).await?;
    let shown = demo.flow(&mut told).await?;
    demo.end(&mut told).await?;

    assert!(!shown.seen.is_empty(), "the target function saw nothing");
    assert_eq!(
        shown.messages.len(),
        1,
        "the one-time process is the queue's only one: {:?}",
        shown.messages
    );
    let told = String::from_utf8(told)?;
    for part in [
        "No changes.",
        "GET /salud → 200",
        "POST /Procesos → 201",
        "EjecutadoOk",
        "nothing: no table",
    ] {
        assert!(told.contains(part), "the demo did not tell {part:?}:\n{told}");
    }
    Ok(())
}
