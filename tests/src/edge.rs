//! A Lambda at its edge: the real binary, run as Lambda runs it, behind HTTP as API Gateway puts it there.
//!
//! Invariant: an event and an answer are those of a REST API's proxy integration: nothing in between knows the API.
//! Invariant: one instance works on one event at a time, in the order in which requests came.

mod gateway;
mod runtime;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bench::measure;
use crate::process::{self, Group};
use crate::workspace;
use runtime::Events;

/// How long the first request for an event may take: the machine may be slow, and busy with other tests.
const START_LIMIT: Duration = Duration::from_mins(2);

/// The time that an event's function is told to have where nothing else is said: API Gateway's, and more.
const TIME: Duration = Duration::from_mins(1);

/// How often a start is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// A Lambda's binary: what is packed, or another one by its path.
#[derive(Debug)]
pub struct Binary {
    path: PathBuf,
    _unpacked: Option<TempDir>,
}

impl Binary {
    /// The binary in the packed zip of `function`, such as `api`.
    ///
    /// # Errors
    /// If there is none yet; the message says how to make it.
    pub fn packed(function: &str) -> Result<Self> {
        let zip = packed(function);
        let file = File::open(&zip)
            .with_context(|| format!("opening \"{}\": run `cargo xtask package` first", zip.display()))?;
        let dir = tempfile::tempdir()?;
        zip::ZipArchive::new(file)?.extract(dir.path())?;
        Ok(Self {
            path: dir.path().join("bootstrap"),
            _unpacked: Some(dir),
        })
    }

    /// The binary at `path`.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            _unpacked: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The packed zip of a function.
pub fn packed(function: &str) -> PathBuf {
    workspace::target()
        .join("lambdas")
        .join(format!("{function}-x86_64.zip"))
}

/// What Lambda and a stack give to `function` in its environment; the services are nowhere. Later entries of an environment
/// win, so that a caller appends its own.
pub fn environment(function: &str) -> Vec<(String, String)> {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/edge"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "edge"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("KAIROS_STACK", "Bench"),
        ("KAIROS_ACCOUNT", "123456789012"),
        ("KAIROS_PARTITION", "aws"),
        ("KAIROS_QUEUE_URL", "http://127.0.0.1:1/123456789012/BenchQueue"),
        (
            "KAIROS_DEAD_LETTER_QUEUE_URL",
            "http://127.0.0.1:1/123456789012/BenchDeadLetterQueue",
        ),
        ("KAIROS_ROLE_PREFIX", "bench-"),
        ("KAIROS_HISTORY_DAYS", "90"),
        (
            "KAIROS_SCHEDULER_ROLE_ARN",
            "arn:aws:iam::123456789012:role/Bench-us-east-1-SchedulerRole",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A Lambda that runs, with an HTTP front.
#[derive(Debug)]
pub struct Edge {
    url: String,
    events: Arc<Events>,
    // The order of the fields is the order of the end: the processes first, then what they ask.
    instances: Vec<Group>,
    servers: Vec<JoinHandle<()>>,
    dir: TempDir,
}

impl Edge {
    /// Starts `instances` processes of a binary with this environment and nothing else, and waits until each has asked for
    /// its first event. The front and the runtime API belong to the runtime of the caller.
    ///
    /// # Errors
    /// If a process ends, or does not ask in time: with what it wrote.
    pub async fn start(binary: &Binary, environment: &[(String, String)], instances: usize) -> Result<Self> {
        let events = Arc::new(Events::default());
        let (runtime, below) = serve(Arc::clone(&events), runtime::answer).await?;
        let (front, above) = serve(Arc::clone(&events), gateway::answer).await?;
        let dir = tempfile::tempdir()?;
        let mut edge = Self {
            url: format!("http://{front}"),
            events,
            instances: Vec::new(),
            servers: vec![below, above],
            dir,
        };
        let log = File::create(edge.log_path()).context("creating the Lambda's log")?;
        for _ in 0..instances {
            let mut command = Command::new(binary.path());
            command
                .env_clear()
                .envs(environment.iter().map(|(name, value)| (name, value)))
                .env("AWS_LAMBDA_RUNTIME_API", runtime.to_string())
                .current_dir(edge.dir.path())
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log.try_clone()?);
            edge.instances.push(Group::start(&mut command)?);
        }
        edge.started().await?;
        Ok(edge)
    }

    async fn started(&mut self) -> Result<()> {
        let begun = std::time::Instant::now();
        while self.events.idle() < self.instances.len() {
            for instance in &mut self.instances {
                if let Some(status) = instance.child().try_wait()? {
                    bail!("the Lambda ended with {status}: {}", self.log());
                }
            }
            if begun.elapsed() > START_LIMIT {
                bail!("the Lambda never asked for its first event: {}", self.log());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// The front, such as `http://127.0.0.1:40123`: the root of the stage.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Hands over an event as it is, tells the function that it has a minute, and waits for what it returns.
    ///
    /// # Errors
    /// What the function reported as its error, or that it did not answer in time.
    pub async fn invoke(&self, event: &Value) -> Result<Value> {
        self.invoke_within(event, TIME).await
    }

    /// The same for a function that is told to have this much time. It is not held to it as Lambda would do: it is waited for a
    /// minute longer.
    ///
    /// # Errors
    /// See [`Self::invoke`].
    pub async fn invoke_within(&self, event: &Value, time: Duration) -> Result<Value> {
        let said = self.events.invoke(event.to_string().into(), time).await?;
        serde_json::from_slice(&said).context("reading what the Lambda returned")
    }

    /// What the function wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// The greatest resident memory that any of the processes ever had, in MB (10⁶ bytes).
    pub fn peak_mb(&mut self) -> f64 {
        let peaks = self.processes().into_iter().filter_map(measure::peak_kb);
        measure::megabytes(peaks.max().unwrap_or_default())
    }

    /// The processor time that the processes have taken so far, together, in seconds.
    pub fn cpu_seconds(&mut self) -> f64 {
        let times = self.processes().into_iter().filter_map(process::times);
        times.map(|times| times.own).sum()
    }

    /// The ids of the processes.
    pub fn processes(&mut self) -> Vec<u32> {
        self.instances.iter_mut().map(|group| group.child().id()).collect()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("lambda.log")
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

type Answer = Response<Full<Bytes>>;

/// Serves HTTP on a free port of this machine, until the task is aborted; its connections end with it.
async fn serve<F, Fut>(events: Arc<Events>, answer: F) -> Result<(SocketAddr, JoinHandle<()>)>
where
    F: Fn(Arc<Events>, Request<Incoming>) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.context("opening a port")?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            while connections.try_join_next().is_some() {}
            // Small answers are not held back to be sent with later ones.
            let _ = stream.set_nodelay(true);
            let events = Arc::clone(&events);
            let service = service_fn(move |request| {
                let answer = answer(Arc::clone(&events), request);
                async move { Ok::<_, std::convert::Infallible>(answer.await) }
            });
            connections.spawn(async move {
                // A caller that goes away is no fault of ours.
                let _ = http1::Builder::new()
                    .half_close(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok((address, task))
}
