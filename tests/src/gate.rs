//! A proxy in front of a local AWS that keeps chosen requests or answers back, or changes them: the middle of an operation,
//! exactly.
//!
//! Invariant: what no [`Rule`] is for passes unchanged; dropping a [`Gate`] lets everything pass and ends it.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::http;

use crate::account::Account;
use crate::wait;

/// How long a request that is waited for may take to come: a loaded machine needs minutes for what takes seconds.
const LIMIT: Duration = Duration::from_mins(3);

/// A running proxy.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The operation, where the protocol names it (`DescribeTable`); otherwise method and path (`POST /2015-03-31/functions`).
    pub operation: String,
    /// The body as text.
    pub body: String,
}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// What is done to requests that a rule is for.
pub enum Act {
    /// The request is kept back until the rule ends.
    KeepRequest,
    /// The request goes through, and its answer is kept back until the rule ends.
    KeepAnswer,
    /// The request goes through, and its answer is changed.
    Change(Box<dyn Fn(Answer) -> Answer + Send + Sync>),
    /// The request does not go through: this is the answer. The text is the error's code.
    Refuse(u16, &'static str),
}

/// Something done to some requests, until it is ended.
#[derive(Debug, Clone)]
pub struct Rule(Arc<Inner>);

struct Inner {
    applies: Box<dyn Fn(&Request) -> bool + Send + Sync>,
    act: Act,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    met: usize,
    ended: bool,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    agent: ureq::Agent,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Request>>,
    ended: AtomicBool,
}

impl Gate {
    /// A proxy to the endpoint of `account`, which speaks plain HTTP.
    pub fn before(account: &Account) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("opening the gate")?;
        let address = listener.local_addr().context("reading the gate's address")?;
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_idle_connections(0);
        let shared = Arc::new(Shared {
            upstream: account.endpoint.clone(),
            agent: agent.build().into(),
            rules: Mutex::default(),
            seen: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.ended.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&serving);
                // A client that went away wants no answer.
                std::thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// The same account, through the gate.
    pub fn account(&self, account: &Account) -> Account {
        Account::new(&format!("http://{}", self.address), &account.id, &account.region)
    }

    /// From now on does `act` to every request that `applies` says, unless an earlier rule is for it.
    pub fn rule(&self, act: Act, applies: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Rule {
        let rule = Rule(Arc::new(Inner {
            applies: Box::new(applies),
            act,
            state: Mutex::default(),
            changed: Condvar::new(),
        }));
        lock(&self.shared.rules).push(rule.clone());
        rule
    }

    /// The requests that have come so far, in the order in which they came.
    pub fn seen(&self) -> Vec<Request> {
        lock(&self.shared.seen).clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        for rule in lock(&self.shared.rules).iter() {
            rule.end();
        }
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Rule {
    /// How many requests or answers it kept back, changed or refused.
    pub fn met(&self) -> usize {
        lock(&self.0.state).met
    }

    /// Waits until it did so that many times.
    pub async fn reached(&self, count: usize, what: &str) -> Result<()> {
        wait::until(what, LIMIT, || async { Ok((self.met() >= count).then_some(())) }).await
    }

    /// Ends it: what was kept back goes on, and what comes from now on passes.
    pub fn end(&self) {
        lock(&self.0.state).ended = true;
        self.0.changed.notify_all();
    }

    fn is_for(&self, request: &Request) -> bool {
        !lock(&self.0.state).ended && (self.0.applies)(request)
    }

    fn count(&self) {
        lock(&self.0.state).met += 1;
    }

    fn keep(&self) {
        let mut state = lock(&self.0.state);
        state.met += 1;
        while !state.ended {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    /// Answers one request, and closes the connection.
    fn serve(&self, stream: &TcpStream) -> Result<()> {
        let mut reader = BufReader::new(stream);
        let (mut request, body) = read(&mut reader)?;
        let told = Request::of(&request, &body);
        lock(&self.seen).push(told.clone());
        let rule = lock(&self.rules).iter().find(|rule| rule.is_for(&told)).cloned();
        let act = rule.as_ref().map(|rule| &rule.0.act);
        if let (Some(rule), Some(Act::KeepRequest)) = (&rule, act) {
            rule.keep();
        }
        if let (Some(rule), Some(Act::Refuse(status, code))) = (&rule, act) {
            rule.count();
            let body = format!(r#"{{"__type":"{code}","message":"refused by the test"}}"#);
            let head = http::Response::builder()
                .status(*status)
                .header("x-amzn-errortype", *code);
            return write(stream, &head.body(()).context("making an answer")?, body.as_bytes());
        }
        *request.uri_mut() = format!("{}{}", self.upstream, request.uri())
            .parse()
            .context("finding the way")?;
        let answer = if body.is_empty() {
            self.agent.run(request)
        } else {
            self.agent.run(request.map(|()| body))
        };
        let (head, mut body) = answer.context("asking the local AWS")?.into_parts();
        let mut body = body.read_to_vec().context("reading the local AWS's answer")?;
        let mut head = http::Response::from_parts(head, ());
        match (&rule, act) {
            (Some(rule), Some(Act::KeepAnswer)) => rule.keep(),
            (Some(rule), Some(Act::Change(change))) => {
                let told = Answer {
                    status: head.status().as_u16(),
                    body: String::from_utf8_lossy(&body).into_owned(),
                };
                let changed = change(told.clone());
                if changed != told {
                    rule.count();
                }
                *head.status_mut() = changed.status.try_into().context("a changed status")?;
                head.headers_mut().remove("x-amzn-errortype");
                body = changed.body.into_bytes();
            }
            _ => {}
        }
        write(stream, &head, &body)
    }
}

impl Request {
    fn of(request: &http::Request<()>, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body).into_owned();
        let target = request.headers().get("x-amz-target").and_then(|t| t.to_str().ok());
        let form = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let path = request.uri().path();
        let operation = match (target, form, path.split_once("/operation/")) {
            (Some(target), ..) => target.rsplit('.').next().unwrap_or_default().to_owned(),
            (_, Some(action), _) => action.to_owned(),
            (.., Some((_, operation))) => operation.to_owned(),
            _ => format!("{} {path}", request.method()),
        };
        Self { operation, body }
    }

    /// Whether it asks for this operation of something whose name is in the request.
    pub fn asks(&self, operation: &str, name: &str) -> bool {
        self.operation == operation && (self.operation.contains(name) || self.body.contains(name))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

fn read(reader: &mut impl BufRead) -> Result<(http::Request<()>, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).context("reading a request")?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        bail!("\"{line}\" is no request");
    };
    let mut request = http::Request::builder().method(method).uri(path);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).context("reading a header")?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().context("reading a length")?,
            "host" | "connection" => {}
            _ => request = request.header(name, value.trim()),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).context("reading a body")?;
    Ok((request.body(()).context("understanding a request")?, body))
}

fn write(mut stream: &TcpStream, head: &http::Response<()>, body: &[u8]) -> Result<()> {
    let mut text = format!(
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        head.status(),
        body.len()
    );
    let headers = head
        .headers()
        .iter()
        .filter(|(name, _)| !["connection", "content-length", "transfer-encoding"].contains(&name.as_str()));
    for (name, value) in headers {
        text.extend([name.as_str(), ": ", value.to_str().unwrap_or_default(), "\r\n"]);
    }
    stream.write_all(text.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)?;
    stream.flush().context("answering")
}

/// What is behind these locks is whole whatever happened to who held them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ministack::{MiniStack, Options};

    #[tokio::test]
    async fn a_request_or_its_answer_is_kept_back_changed_or_refused() -> Result<()> {
        let account = MiniStack::shared(Options::default())?.account();
        let gate = Gate::before(&account)?;
        let through = gate.account(&account).sqs();
        let exists = async |name: &str| -> Result<bool> {
            let queues = account.sqs().list_queues().send().await?;
            Ok(queues.queue_urls().iter().any(|url| url.ends_with(name)))
        };

        let kept = gate.rule(Act::KeepRequest, |r| r.asks("CreateQueue", "Kept"));
        let create = tokio::spawn(through.create_queue().queue_name("Kept").send());
        kept.reached(1, "the create").await?;
        assert!(!exists("Kept").await? && !create.is_finished());
        kept.end();
        create.await??;
        assert!(exists("Kept").await?);

        let lost = gate.rule(Act::KeepAnswer, |r| r.asks("CreateQueue", "Lost"));
        let create = tokio::spawn(through.create_queue().queue_name("Lost").send());
        wait::until("the queue", LIMIT, || async { Ok(exists("Lost").await?.then_some(())) }).await?;
        assert!(!create.is_finished());
        lost.end();
        create.await??;

        let shout = |answer: Answer| Answer {
            body: answer.body.replace("Kept", "KEPT"),
            ..answer
        };
        gate.rule(Act::Change(Box::new(shout)), |r| r.operation == "ListQueues");
        assert!(
            through
                .list_queues()
                .send()
                .await?
                .queue_urls()
                .iter()
                .any(|u| u.ends_with("KEPT"))
        );

        gate.rule(Act::Refuse(403, "AccessDenied"), |r| r.operation == "DeleteQueue");
        let refused = through.delete_queue().queue_url("http://x/1/Kept").send().await;
        let code = refused
            .err()
            .and_then(|e| e.into_service_error().meta().code().map(str::to_owned));
        assert_eq!(code.as_deref(), Some("AccessDenied"));
        let asked: Vec<String> = gate.seen().into_iter().map(|r| r.operation).collect();
        assert_eq!(asked, ["CreateQueue", "CreateQueue", "ListQueues", "DeleteQueue"]);
        Ok(())
    }
}
