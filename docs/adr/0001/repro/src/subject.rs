//! The provider on tf-provider: built, started as terraform starts it, and called by whoever comes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

const LIMIT: Duration = Duration::from_secs(30);

/// A started provider; killed when dropped.
pub struct Subject {
    pub child: Child,
    address: String,
    server: CertificateDer<'static>,
}

impl Subject {
    /// Starts it with the certificate of a client, as terraform does. That client's key is thrown away here: whoever
    /// calls later is somebody else.
    pub fn start(program: &str) -> Result<Self> {
        let client = rcgen::generate_simple_self_signed(["localhost".to_owned()])?.cert.pem();
        let mut child = Command::new(program)
            .env(
                "TF_PLUGIN_MAGIC_COOKIE",
                "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
            )
            .env("PLUGIN_CLIENT_CERT", client)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().context("no stdout")?).read_line(&mut line)?;
        let parts: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "tcp", address, "grpc", certificate] = parts[..] else {
            bail!("handshake line {line:?}")
        };
        let server = CertificateDer::from(STANDARD_NO_PAD.decode(certificate)?);
        Ok(Self {
            child,
            address: address.to_owned(),
            server,
        })
    }

    /// Calls a method of the provider without a certificate, with a message of this size; the status of the answer.
    pub async fn call(&self, method: &str, size: usize) -> Result<i32> {
        timeout(LIMIT, self.unlimited_call(method, size)).await?
    }

    async fn unlimited_call(&self, method: &str, size: usize) -> Result<i32> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned(self.server.clone())))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(&self.address).await?;
        let tls = TlsConnector::from(Arc::new(config))
            .connect(ServerName::try_from("localhost")?, tcp)
            .await?;
        let (mut client, connection) = h2::client::handshake(tls).await?;
        tokio::spawn(connection);
        let request = http::Request::post(format!("https://localhost/tfplugin6.Provider/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let (answer, mut body) = client.send_request(request, false)?;
        // The server may refuse before it has read everything: what counts is its answer.
        let message = message(size)?;
        let sending = async move {
            let mut left = message;
            while !left.is_empty() {
                body.reserve_capacity(left.len().min(1 << 14));
                let Some(Ok(granted)) = std::future::poll_fn(|cx| body.poll_capacity(cx)).await else {
                    return;
                };
                let part = left.split_to(granted.min(left.len()));
                if body.send_data(part, left.is_empty()).is_err() {
                    return;
                }
            }
        };
        tokio::spawn(sending);
        let answer = answer.await?;
        let status =
            |headers: &http::HeaderMap| -> Option<i32> { headers.get("grpc-status")?.to_str().ok()?.parse().ok() };
        if let Some(status) = status(answer.headers()) {
            return Ok(status);
        }
        let mut body = answer.into_body();
        while let Some(data) = body.data().await {
            let length = data?.len();
            body.flow_control().release_capacity(length)?;
        }
        body.trailers()
            .await?
            .as_ref()
            .and_then(status)
            .context("the answer has no status")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A message that any method takes, made that large by a field that nobody knows.
fn message(size: usize) -> Result<Bytes> {
    let mut content = Vec::with_capacity(size + 16);
    if size > 0 {
        content.push(15 << 3 | 2);
        let mut length = size;
        while length > 0x7f {
            content.push(u8::try_from(length & 0x7f)? | 0x80);
            length >>= 7;
        }
        content.push(u8::try_from(length)?);
        content.resize(content.len() + size, b'x');
    }
    let mut framed = vec![0];
    framed.extend(u32::try_from(content.len())?.to_be_bytes());
    framed.extend(content);
    Ok(framed.into())
}

/// Trusts the one certificate of the handshake line.
#[derive(Debug)]
struct Pinned(CertificateDer<'static>);

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let known = *end_entity == self.0;
        known
            .then(ServerCertVerified::assertion)
            .ok_or_else(|| Error::General("another server".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        tokio_rustls::rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
