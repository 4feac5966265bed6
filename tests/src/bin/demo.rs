//! `cargo xtask demo`: the whole flow on a local AWS, told on the standard output. With `--install FOLDER KEY`, as `cargo xtask
//! dist` calls it, the quickstart on a release that terraform installs.
//!
//! Invariant: after Ctrl-C nothing that the demo started is left running.

use std::io::stdout;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use acceptance::demo::Demo;
use acceptance::{process, release};
use anyhow::{Result, bail};
use indicatif::ProgressBar;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut demo = tokio::spawn(async move {
        match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => run(false).await,
            ["--keep"] => run(true).await,
            ["--install", folder, key] => release::show(&mut stdout(), Path::new(folder), Path::new(key)).await,
            other => bail!("{other:?} is neither nothing, `--keep`, nor `--install FOLDER KEY`"),
        }
    });
    tokio::select! {
        ended = &mut demo => match ended {
            Ok(Ok(())) => ExitCode::SUCCESS,
            Ok(Err(error)) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        () = interrupted() => {
            // Whatever the demo waits for ends at once; its own clean-up then runs as on any failure.
            process::end_all();
            demo.abort();
            let _ = demo.await;
            eprintln!("interrupted: the local AWS and terraform are stopped, nothing is left");
            ExitCode::from(130)
        }
    }
}

async fn run(keep: bool) -> Result<()> {
    let mut out = stdout();
    let progress = ProgressBar::new_spinner();
    progress.enable_steady_tick(Duration::from_millis(200));
    let demo = Demo::start(&mut out, progress.clone()).await?;
    demo.flow(&mut out).await?;
    if keep {
        progress.finish_and_clear();
        demo.look_around(&mut out)?;
        std::future::pending::<()>().await;
    }
    demo.end(&mut out).await?;
    progress.finish_and_clear();
    Ok(())
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
