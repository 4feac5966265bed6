//! Connections to targets that ended while the function was frozen: what is sent on them, and how often.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use kairos::arn::Target;
use kairos::proceso::InvocationMode;
use kairos_aws::clients::{connections, lambda_config, target_config};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::*;
use crate::targets::{Answer, Call, Targets};

/// Longer than any limit of a test's connections.
const FREEZE: Duration = Duration::from_millis(50);

/// What a server does with a connection after the first answer on it.
#[derive(Clone, Copy)]
enum After {
    /// It ends the connection, as a server does that has waited long enough.
    Closes,
    /// It has forgotten the connection, without a word: whatever comes is answered with a reset.
    Forgets,
}

/// A target that answers the first request on each connection.
struct Server {
    url: String,
    /// Requests that were answered.
    answered: Arc<AtomicUsize>,
    /// Requests that came where they could not be answered.
    in_vain: Arc<AtomicUsize>,
    closed: Arc<Notify>,
}

impl Server {
    async fn start(after: After) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            answered: Arc::default(),
            in_vain: Arc::default(),
            closed: Arc::default(),
        };
        let (answered, in_vain) = (Arc::clone(&server.answered), Arc::clone(&server.in_vain));
        let closed = Arc::clone(&server.closed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answered, in_vain, closed) = (Arc::clone(&answered), Arc::clone(&in_vain), Arc::clone(&closed));
                tokio::spawn(async move { serve(stream, after, &answered, &in_vain, &closed).await });
            }
        });
        server
    }

    fn counts(&self) -> (usize, usize) {
        (
            self.answered.load(Ordering::SeqCst),
            self.in_vain.load(Ordering::SeqCst),
        )
    }
}

async fn serve(mut stream: TcpStream, after: After, answered: &AtomicUsize, in_vain: &AtomicUsize, closed: &Notify) {
    if !request(&mut stream).await {
        return;
    }
    answered.fetch_add(1, Ordering::SeqCst);
    let answer = "HTTP/1.1 202 Accepted\r\nx-amzn-requestid: request-1\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.unwrap();
    if matches!(after, After::Forgets) && request(&mut stream).await {
        in_vain.fetch_add(1, Ordering::SeqCst);
    }
    drop(stream);
    closed.notify_one();
}

/// Reads a request with a body of two bytes; whether there was one.
async fn request(stream: &mut TcpStream) -> bool {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n{}") {
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

/// Targets behind a server, over connections that are not used again after `idle`.
fn targets(server: &Server, idle: Duration) -> Targets {
    let url = server.url.clone();
    let config = target_config(&lambda_config(move |name| match name {
        "AWS_REGION" => Some("us-east-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(url.clone()),
        _ => None,
    }));
    Targets::new(&config.to_builder().http_client(connections(idle)).build())
}

async fn start(targets: &Targets) -> Result<Answer, Failure> {
    let call = Call {
        target: Target::parse("arn:aws:lambda:us-east-1:123456789012:function:f").unwrap(),
        payload: "{}".into(),
        id_ejecucion: id_ejecucion("a").parse().unwrap(),
        id_proceso: "proceso-a".parse().unwrap(),
        mode: InvocationMode::Event,
    };
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    targets.start(&call, &credentials).await
}

#[tokio::test]
async fn a_connection_that_the_target_closed_meanwhile_is_not_used_again() {
    let server = Server::start(After::Closes).await;
    let targets = targets(&server, Duration::from_mins(1));
    start(&targets).await.unwrap();
    server.closed.notified().await;
    // The runtime hears of it as it does after a thaw: before anything else goes on.
    tokio::time::sleep(FREEZE).await;
    start(&targets).await.unwrap();
    assert_eq!(server.counts(), (2, 0));
}

#[tokio::test]
async fn a_connection_that_was_idle_for_too_long_is_not_used_again() {
    let server = Server::start(After::Forgets).await;
    let targets = targets(&server, Duration::from_millis(1));
    start(&targets).await.unwrap();
    tokio::time::sleep(FREEZE).await;
    start(&targets).await.unwrap();
    assert_eq!(server.counts(), (2, 0), "nothing was sent where nobody answers");
}

#[tokio::test]
async fn what_was_sent_on_a_connection_that_ended_is_not_sent_again_by_itself() {
    let server = Server::start(After::Forgets).await;
    let targets = targets(&server, Duration::from_mins(1));
    start(&targets).await.unwrap();
    // The connection goes back to the pool by a task of its own.
    tokio::time::sleep(FREEZE).await;
    let failure = start(&targets).await.unwrap_err();
    assert!(failure.transient && !failure.refused, "{failure:?}");
    server.closed.notified().await;
    assert_eq!(
        server.counts(),
        (1, 1),
        "whether it was carried out is not known: the next attempt is the run's"
    );
}
