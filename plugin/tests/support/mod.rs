//! A client as terraform's is: it starts the provider, reads the handshake line, and calls over mutual TLS.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tonic::transport::{Channel, Endpoint};

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

pub(crate) const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// The test's provider, ready to be started with nothing of this process's environment.
pub(crate) fn provider() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-paper"));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A certificate as terraform makes one for itself: self-signed, P-521, and an authority.
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) pem: String,
    key: Vec<u8>,
}

impl Certificate {
    pub(crate) fn new() -> Outcome<Self> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            der: certificate.der().clone(),
            pem: certificate.pem(),
            key: key.serialize_der(),
        })
    }
}

/// A started provider. Killed when dropped, if it has not ended.
pub(crate) struct Running {
    child: Child,
    pub(crate) socket: PathBuf,
    server: CertificateDer<'static>,
}

impl Running {
    /// Starts it for the client with this certificate.
    pub(crate) fn start(client: &Certificate) -> Outcome<Self> {
        let mut child = provider().envs([COOKIE, ("PLUGIN_CLIENT_CERT", &client.pem)]).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().ok_or("no stdout")?).read_line(&mut line)?;
        let parts: Vec<&str> = line.trim_end().split('|').collect();
        let ["1", "6", "unix", socket, "grpc", certificate] = parts[..] else {
            return Err(line.into());
        };
        let server = CertificateDer::from(STANDARD_NO_PAD.decode(certificate)?);
        Ok(Self {
            child,
            socket: socket.into(),
            server,
        })
    }

    /// Connects with that certificate, or with none.
    pub(crate) async fn connect(&self, client: Option<&Certificate>) -> Outcome<TlsStream<UnixStream>> {
        let pinned = Arc::new(Pinned {
            server: self.server.clone(),
        });
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(pinned);
        let mut config = match client {
            None => config.with_no_client_auth(),
            Some(client) => {
                let key = PrivatePkcs8KeyDer::from(client.key.clone()).into();
                config.with_client_auth_cert(vec![client.der.clone()], key)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = UnixStream::connect(&self.socket).await?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
    }

    /// A gRPC channel with that certificate.
    pub(crate) async fn channel(&self, client: &Certificate) -> Outcome<Channel> {
        let mut stream = Some(self.connect(Some(client)).await?);
        let connector = tower::service_fn(move |_| {
            let stream = stream.take().ok_or_else(|| std::io::Error::other("connected already"));
            async move { stream.map(TokioIo::new) }
        });
        Ok(Endpoint::from_static("http://localhost")
            .connect_with_connector(connector)
            .await?)
    }

    pub(crate) fn signal(&self, name: &str) -> Outcome {
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("kill: {status}").into())
        }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> Outcome<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Awaits the end; what it printed after the handshake line.
    pub(crate) async fn end(&mut self) -> Outcome<(ExitStatus, String)> {
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if begun.elapsed() > Duration::from_secs(20) => return Err("the provider does not end".into()),
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let mut printed = String::new();
        self.child
            .stdout
            .as_mut()
            .ok_or("no stdout")?
            .read_to_string(&mut printed)?;
        Ok((status, printed))
    }

    pub(crate) fn socket_directory(&self) -> Outcome<&Path> {
        self.socket.parent().ok_or_else(|| "the socket has no directory".into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Trusts the one certificate of the handshake line.
#[derive(Debug)]
struct Pinned {
    server: CertificateDer<'static>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, tokio_rustls::rustls::Error> {
        if *end_entity == self.server {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(tokio_rustls::rustls::Error::General("another server".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, tokio_rustls::rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
