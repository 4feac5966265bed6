//! The life of a provider's process, from terraform's start of it to its end.

use std::env;
use std::io;
use std::panic;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::companions::{Controller, Stdio};
use crate::handshake::{self, NoTerms, Terms};
use crate::listen::Listener;
use crate::logging;
use crate::provider::Provider;
use crate::server::{Calls, Server};
use crate::tls::Identity;
use crate::wire::plugin::grpc_controller_server::GrpcControllerServer;
use crate::wire::plugin::grpc_stdio_server::GrpcStdioServer;
use crate::wire::tfplugin6::provider_server::ProviderServer;

/// The largest message, both ways: what terraform itself allows.
const MESSAGE_LIMIT: usize = 256 << 20;
/// How much of a message may be under way before it is acknowledged: large states cross in few steps.
const WINDOW: u32 = 4 << 20;
/// How long the connections may take to close once terraform has said that it is done; it kills us after two seconds.
const FAREWELL: Duration = Duration::from_millis(1500);

/// What the binary says of itself.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The provider's name: `kairos`.
    pub name: &'static str,
    /// Its version: `0.1.0`.
    pub version: &'static str,
    /// What a configuration names as its source: `kairos/kairos`.
    pub source: &'static str,
    /// The crates whose log messages are the provider's own; of all others, warnings and errors are logged.
    pub crates: &'static [&'static str],
}

/// Runs a provider: the whole of its `main`, but for subcommands of its own, which the caller looks at first.
///
/// # Expected flow
/// 1. `--version` and `--help` are answered. Started by anyone but terraform, it says how it is to be used, and fails.
/// 2. It listens, and tells terraform where and by which certificate.
/// 3. It answers until terraform ends it. An interrupt is left to terraform, which asks to stop the work under way; a
///    termination does the same, and ends the process when that work has ended.
///
/// # Guarantees
/// - Nothing but the handshake line is written to stdout.
/// - Only the client that started the process is answered.
/// - A panic of a handler is an error of that call; it is printed to stderr, as terraform expects it.
pub fn serve(provider: impl Provider, about: About) -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("--version" | "-V") => return tell(io::stdout(), &about.versioned(), ExitCode::SUCCESS),
        Some("--help" | "-h") => return tell(io::stdout(), &about.usage(), ExitCode::SUCCESS),
        _ => {}
    }
    let terms = match Terms::read(variable) {
        Ok(terms) => terms,
        Err(NoTerms::NotTerraform) => return tell(io::stderr(), &about.usage(), ExitCode::FAILURE),
        Err(error) => {
            return tell(
                io::stderr(),
                &format!("{}: {error}", about.versioned()),
                ExitCode::FAILURE,
            );
        }
    };
    logging::start(about.crates, variable);
    panic::set_hook(Box::new(report_panic));
    match run(provider, &terms) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tell(
            io::stderr(),
            &format!("{}: {error}", about.versioned()),
            ExitCode::FAILURE,
        ),
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn run(provider: impl Provider, terms: &Terms) -> io::Result<()> {
    // Two threads: calls wait for the network nearly all the time.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(answer(provider, terms))?;
    // What still runs has nobody left to tell.
    runtime.shutdown_background();
    Ok(())
}

async fn answer(provider: impl Provider, terms: &Terms) -> io::Result<()> {
    let (stop, end) = (CancellationToken::new(), CancellationToken::new());
    heed_signals(&stop, &end)?;
    let (listener, place) = Listener::open(terms.ports)?;
    let identity = terms
        .client_certificate
        .as_deref()
        .map(Identity::for_client)
        .transpose()?;
    if cfg!(not(unix)) && identity.is_none() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "a local port is not opened without mutual TLS",
        ));
    }
    let certificate = identity.as_ref().map_or("", |identity| identity.certificate.as_str());
    // The socket accepts from now on; connections wait for the few lines that follow.
    handshake::announce(&place, certificate)?;
    let clients = listener.clients(identity.as_ref().map(|identity| identity.acceptor.clone()));
    let calls = Calls(Arc::new(Server::new(provider, stop)));
    let told = CancellationToken::new();
    let serving = tonic::transport::Server::builder()
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .add_service(GrpcControllerServer::new(Controller {
            end: end.clone(),
            told: told.clone(),
        }))
        .add_service(GrpcStdioServer::new(Stdio { end: end.clone() }))
        .add_service(
            ProviderServer::new(calls)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .serve_with_incoming_shutdown(clients, end.clone().cancelled_owned());
    let overdue = async {
        told.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = serving => served.map_err(io::Error::other),
        () = overdue => Ok(()),
    }
}

/// An interrupt reaches terraform and us alike: it is terraform that then asks us to stop. A termination may reach us
/// alone: work under way is asked to end, and the server ends after it.
#[cfg(unix)]
fn heed_signals(stop: &CancellationToken, end: &CancellationToken) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, end) = (stop.clone(), end.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                Some(()) = interrupt.recv() => tracing::info!("interrupted: terraform will say what to do"),
                Some(()) = terminate.recv() => {
                    tracing::warn!("terminated: stopping the work under way");
                    stop.cancel();
                    end.cancel();
                }
            }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn heed_signals(_stop: &CancellationToken, _end: &CancellationToken) -> io::Result<()> {
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    Ok(())
}

/// Terraform shows what follows a line that begins so.
fn report_panic(panic: &panic::PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(|place| format!("\n\tat {place}"))
        .unwrap_or_default();
    let trace = std::backtrace::Backtrace::capture();
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n\n{trace}"),
        _ => String::new(),
    };
    tell(
        io::stderr(),
        &format!("panic: {message}{place}{trace}"),
        ExitCode::FAILURE,
    );
}

fn tell(mut to: impl io::Write, text: &str, code: ExitCode) -> ExitCode {
    // A closed pipe: nobody wants to know.
    let _ = writeln!(to, "{text}");
    code
}

impl About {
    fn versioned(&self) -> String {
        format!("terraform-provider-{} {}", self.name, self.version)
    }

    fn usage(&self) -> String {
        format!(
            "{versioned} is a provider for terraform: terraform starts it, and it does nothing on its own.\n\
             \n\
             To use it, name it in a configuration and run `terraform init`:\n\
             \n\
             terraform {{\n  required_providers {{\n    {name} = {{\n      source  = \"{source}\"\n      \
             version = \"{version}\"\n    }}\n  }}\n}}",
            versioned = self.versioned(),
            name = self.name,
            source = self.source,
            version = self.version,
        )
    }
}
