//! Counts requests, and how long they wait: a proxy that hands on bytes as they come, and looks only for where a request
//! begins and when its answer does.
//!
//! Invariant: nothing is held back, changed or added; whoever is measured through it is measured alike.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::Account;

/// Every request of HTTP/1.1 has this header, once; no body of AWS's protocols has a line that begins so.
const MARK: &[u8] = b"\r\nhost:";

/// A proxy to a local AWS that counts the requests.
#[derive(Debug)]
pub struct Counter {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    requests: AtomicUsize,
    /// How long the answers were waited for, in microseconds.
    waited: AtomicU64,
    ended: AtomicBool,
}

impl Counter {
    /// A proxy to the endpoint of `account`, which speaks plain HTTP.
    pub fn before(account: &Account) -> Result<Self> {
        let upstream = account
            .endpoint
            .strip_prefix("http://")
            .context("the endpoint is not plain HTTP")?;
        let listener = TcpListener::bind("127.0.0.1:0").context("opening the counter")?;
        let address = listener.local_addr().context("reading the counter's address")?;
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            requests: AtomicUsize::new(0),
            waited: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.ended.load(Ordering::Relaxed) {
                    break;
                }
                // A client that is not served sees a closed connection.
                let _ = serving.serve(&client);
            }
        });
        Ok(Self { address, shared })
    }

    /// The same account, through the counter.
    pub fn account(&self, account: &Account) -> Account {
        Account::new(&format!("http://{}", self.address), &account.id, &account.region)
    }

    /// How many requests have come since this was last asked.
    pub fn take(&self) -> usize {
        self.shared.requests.swap(0, Ordering::Relaxed)
    }

    /// How long answers were waited for since this was last asked, one request's time added to the other's: from when the
    /// request has come to when its answer begins.
    pub fn take_waited(&self) -> Duration {
        Duration::from_micros(self.shared.waited.swap(0, Ordering::Relaxed))
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn serve(self: &Arc<Self>, client: &TcpStream) -> Result<()> {
        let server = TcpStream::connect(&self.upstream).context("connecting to the local AWS")?;
        for stream in [client, &server] {
            stream.set_nodelay(true).context("setting up a connection")?;
        }
        let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
        let (from_server, to_client) = (server, client.try_clone()?);
        // A connection has one request at a time: HTTP/1.1 as everybody speaks it.
        let asked: Arc<Mutex<Option<Instant>>> = Arc::default();
        let (counting, asking) = (Arc::clone(self), Arc::clone(&asked));
        thread::spawn(move || {
            let mut seen = Seen::default();
            pass(from_client, to_server, |bytes| {
                let begun = seen.count(bytes);
                counting.requests.fetch_add(begun, Ordering::Relaxed);
                if begun > 0 {
                    *asking.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                }
            });
        });
        let timing = Arc::clone(self);
        thread::spawn(move || {
            pass(from_server, to_client, |_| {
                let begun = asked.lock().unwrap_or_else(PoisonError::into_inner).take();
                let waited = begun.map(|begun| begun.elapsed().as_micros());
                let waited = waited.and_then(|micros| u64::try_from(micros).ok());
                timing.waited.fetch_add(waited.unwrap_or_default(), Ordering::Relaxed);
            });
        });
        Ok(())
    }
}

/// Hands on what comes until one side closes.
fn pass(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        look(&buffer[..length]);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
    let _ = from.shutdown(Shutdown::Read);
}

/// Finds the mark in bytes that come in pieces.
#[derive(Debug, Default)]
struct Seen {
    matched: usize,
}

impl Seen {
    fn count(&mut self, bytes: &[u8]) -> usize {
        let mut found = 0;
        for byte in bytes {
            let byte = byte.to_ascii_lowercase();
            // The mark begins anew with each carriage return, and nowhere else in itself.
            self.matched = if byte == MARK[self.matched] {
                self.matched + 1
            } else {
                usize::from(byte == MARK[0])
            };
            if self.matched == MARK.len() {
                found += 1;
                self.matched = 0;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MiniStack;
    use crate::ministack::Options;

    #[test]
    fn a_mark_is_found_wherever_the_pieces_are_cut() {
        let text = b"POST / HTTP/1.1\r\n\r\r\nHOST: a\r\nx: 1\r\n\r\n{host:}GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        for at in 0..text.len() {
            let mut seen = Seen::default();
            assert_eq!(seen.count(&text[..at]) + seen.count(&text[at..]), 2, "cut at {at}");
        }
    }

    #[tokio::test]
    async fn requests_are_counted_and_answered() -> Result<()> {
        let account = MiniStack::shared(Options::default())?.account();
        let counter = Counter::before(&account)?;
        let sqs = counter.account(&account).sqs();
        for name in ["A", "B", "C"] {
            sqs.create_queue().queue_name(name).send().await?;
        }
        assert_eq!((counter.take(), counter.take()), (3, 0));
        assert!(counter.take_waited() > Duration::ZERO);
        assert_eq!(counter.take_waited(), Duration::ZERO);
        assert_eq!(account.sqs().list_queues().send().await?.queue_urls().len(), 3);
        Ok(())
    }
}
