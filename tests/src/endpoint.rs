//! An endpoint for SDK clients that answers what a test or a benchmark wants, after a fixed time, and counts the calls.
//!
//! Invariant: it costs little: no call is parsed beyond the name of its operation, and one thread serves all connections.
//! Invariant: it lives in a thread of its own, so that a busy caller does not delay it; dropping it ends its connections.

mod reply;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

pub use reply::Reply;

/// A call as the endpoint's handler sees it.
#[derive(Debug)]
pub struct Call<'a> {
    /// The operation: `SendMessageBatch` for the protocols that name it, `POST /2015-03-31/functions/f/invocations` for REST.
    pub operation: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The path with its query.
    pub path: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// The endpoint, for as long as it is held.
#[derive(Debug)]
pub struct Endpoint {
    scheme: &'static str,
    address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What has come.
#[derive(Debug, Default)]
struct Seen {
    calls: Mutex<HashMap<Box<str>, usize>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Endpoint {
    /// Serves on a free port of this machine. Each call is answered with what `handler` makes of it, `answer_time` after it has
    /// come. The handler runs in the thread that serves: it should be quick.
    ///
    /// # Errors
    /// No port or no thread is to be had.
    pub fn start<H>(answer_time: Duration, handler: H) -> Result<Self>
    where
        H: Fn(&Call<'_>) -> Reply + Send + Sync + 'static,
    {
        Self::listen(answer_time, None, handler)
    }

    /// The same over TLS, without waiting.
    pub(crate) fn secure<H>(tls: TlsAcceptor, handler: H) -> Result<Self>
    where
        H: Fn(&Call<'_>) -> Reply + Send + Sync + 'static,
    {
        Self::listen(Duration::ZERO, Some(tls), handler)
    }

    fn listen<H>(answer_time: Duration, tls: Option<TlsAcceptor>, handler: H) -> Result<Self>
    where
        H: Fn(&Call<'_>) -> Reply + Send + Sync + 'static,
    {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").context("opening the endpoint")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let seen = Arc::<Seen>::default();
        let service = Arc::new(Service {
            handler,
            answer_time,
            seen: Arc::clone(&seen),
        });
        let thread = std::thread::Builder::new().name("endpoint".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = accept(listener, tls, service) => {}
                }
            });
        })?;
        Ok(Self {
            scheme,
            address,
            seen,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Its address, such as `http://127.0.0.1:40123`: what an SDK takes as its endpoint.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How often an operation was called.
    pub fn calls(&self, operation: &str) -> usize {
        self.seen.calls().get(operation).copied().unwrap_or_default()
    }

    /// How often each operation was called since this was last asked.
    pub fn take(&self) -> BTreeMap<String, usize> {
        let calls = std::mem::take(&mut *self.seen.calls());
        calls.into_iter().map(|(name, count)| (name.into(), count)).collect()
    }

    /// The most calls that were there at once since this was last asked.
    pub fn take_most_at_once(&self) -> usize {
        self.seen.most.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A handler that panicked has told so already.
            let _ = thread.join();
        }
    }
}

impl Seen {
    /// Numbers are whole whatever happened to who held them.
    fn calls(&self) -> MutexGuard<'_, HashMap<Box<str>, usize>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, operation: &str) {
        let mut calls = self.calls();
        match calls.get_mut(operation) {
            Some(count) => *count += 1,
            None => drop(calls.insert(operation.into(), 1)),
        }
    }
}

/// A call that is there, for as long as it waits for its answer.
struct Present<'a>(&'a Seen);

impl<'a> Present<'a> {
    fn new(seen: &'a Seen) -> Self {
        let now = seen.now.fetch_add(1, Ordering::Relaxed) + 1;
        seen.most.fetch_max(now, Ordering::Relaxed);
        Self(seen)
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Service<H> {
    handler: H,
    answer_time: Duration,
    seen: Arc<Seen>,
}

/// Accepts until it is dropped; the connections are dropped with it.
async fn accept<H>(listener: TcpListener, tls: Option<TlsAcceptor>, service: Arc<Service<H>>)
where
    H: Fn(&Call<'_>) -> Reply + Send + Sync + 'static,
{
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        // Small answers are not held back to be sent with later ones.
        let _ = stream.set_nodelay(true);
        let (tls, service) = (tls.clone(), Arc::clone(&service));
        connections.spawn(async move {
            let answer = service_fn(|request| service.answer(request));
            let http = http1::Builder::new();
            // A caller that goes away, or does not trust us, is no fault of ours.
            match tls {
                None => drop(http.serve_connection(TokioIo::new(stream), answer).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        let _ = http.serve_connection(TokioIo::new(stream), answer).await;
                    }
                }
            }
        });
    }
}

impl<H: Fn(&Call<'_>) -> Reply> Service<H> {
    /// An error ends the connection: that is how an answer is lost.
    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
        let _present = Present::new(&self.seen);
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let reply = {
            let operation = operation(&head, &body);
            self.seen.count(&operation);
            let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
            (self.handler)(&Call {
                operation: &operation,
                method: &head.method,
                path,
                headers: &head.headers,
                body: &body,
            })
        };
        let wait = self.answer_time + reply.delay;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        reply
            .response()
            .ok_or_else(|| io::Error::new(io::ErrorKind::ConnectionReset, "the answer is lost"))
    }
}

impl Call<'_> {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

/// The operation that a request asks for.
fn operation<'a>(head: &'a Parts, body: &'a [u8]) -> Cow<'a, str> {
    // The JSON protocols: "AmazonSQS.SendMessageBatch".
    if let Some(target) = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok()) {
        return target.rsplit('.').next().unwrap_or(target).into();
    }
    let path = head.uri.path();
    // RPC v2: "/service/GraniteServiceVersion20100801/operation/PutMetricData".
    if let Some((_, operation)) = path.split_once("/operation/") {
        return operation.into();
    }
    // The query protocols: "Action=AssumeRole&Version=…" in the body, or in the address.
    let form = if body.is_empty() {
        head.uri.query().unwrap_or_default()
    } else {
        std::str::from_utf8(body).unwrap_or_default()
    };
    if path == "/"
        && let Some(action) = form.split('&').find_map(|pair| pair.strip_prefix("Action="))
    {
        return action.into();
    }
    format!("{} {path}", head.method).into()
}

#[cfg(test)]
mod tests;
