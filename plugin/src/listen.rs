//! Where terraform connects: a unix socket in a directory of our own, or a local port where there are no unix sockets.
//!
//! Guarantees: nobody else can reach the socket; it is removed at the end; a client that stalls in the TLS
//! handshake blocks no other.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;

/// How long a client may take for the TLS handshake: it is on the same machine.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait when the system has no file descriptor left for the next client.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What accepts clients.
pub(crate) struct Listener(Socket);

/// Where to connect to; reads as the handshake line wants it. The socket is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    address: String,
    _directory: Option<tempfile::TempDir>,
}

enum Socket {
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
    #[cfg_attr(unix, expect(dead_code, reason = "only where there are no unix sockets"))]
    Tcp(tokio::net::TcpListener),
}

impl Listener {
    /// Opens a socket that only this user can reach.
    #[cfg(unix)]
    pub(crate) fn open(_ports: Option<(u16, u16)>) -> io::Result<(Self, Place)> {
        // The system takes paths of about a hundred bytes: where the place for temporary files is deeper, take the root's.
        let place = std::env::temp_dir();
        let place = if place.as_os_str().len() > 60 {
            std::path::PathBuf::from("/tmp")
        } else {
            place
        };
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let directory = tempfile::Builder::new()
            .prefix("tfplugin")
            .permissions(private)
            .tempdir_in(place)?;
        let path = directory.path().join("socket");
        let socket = tokio::net::UnixListener::bind(&path)?;
        let place = Place {
            address: format!("unix|{}", path.display()),
            _directory: Some(directory),
        };
        Ok((Self(Socket::Unix(socket)), place))
    }

    /// Opens a local port, within the range that terraform gives.
    #[cfg(not(unix))]
    pub(crate) fn open(ports: Option<(u16, u16)>) -> io::Result<(Self, Place)> {
        let (low, high) = ports.unwrap_or((0, 0));
        let mut opened = Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("no free port from {low} to {high}"),
        ));
        for port in low..=high {
            opened = std::net::TcpListener::bind(("127.0.0.1", port));
            if opened.is_ok() {
                break;
            }
        }
        let socket = opened?;
        socket.set_nonblocking(true)?;
        let place = Place {
            address: format!("tcp|{}", socket.local_addr()?),
            _directory: None,
        };
        Ok((Self(Socket::Tcp(tokio::net::TcpListener::from_std(socket)?)), place))
    }

    /// All clients that come and prove who they are, as long as the stream is held.
    pub(crate) fn clients(self, tls: Option<TlsAcceptor>) -> impl Stream<Item = io::Result<Client>> {
        let (sender, receiver) = mpsc::channel(16);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = self.accept() => accepted,
                    () = sender.closed() => break,
                };
                match accepted {
                    Ok(stream) => drop(tokio::spawn(greet(stream, tls.clone(), sender.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "a client could not be accepted");
                        tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    }
                }
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn accept(&self) -> io::Result<Client> {
        match &self.0 {
            #[cfg(unix)]
            Socket::Unix(socket) => socket.accept().await.map(|(stream, _)| Client::of(stream)),
            Socket::Tcp(socket) => socket.accept().await.map(|(stream, _)| Client::of(stream)),
        }
    }
}

/// Does the TLS handshake and hands the client on.
async fn greet(stream: Client, tls: Option<TlsAcceptor>, sender: mpsc::Sender<io::Result<Client>>) {
    let client = match tls {
        None => stream,
        Some(tls) => match tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(stream)).await {
            Ok(Ok(stream)) => Client::of(stream),
            Ok(Err(error)) => return tracing::warn!(%error, "a client was refused"),
            Err(_) => return tracing::warn!("a client did not finish the TLS handshake in time"),
        },
    };
    // The server has ended if nobody takes it.
    let _ = sender.send(Ok(client)).await;
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// A connected client, whatever is in between.
pub(crate) struct Client(Pin<Box<dyn Io>>);

trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

impl Client {
    fn of(stream: impl Io + 'static) -> Self {
        Self(Box::pin(stream))
    }
}

impl Connected for Client {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Client {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.0.as_mut().poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}
