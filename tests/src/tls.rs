//! A certificate for a server on this machine, and the authority that has signed it: both are made for one server, and nobody
//! else trusts them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

/// The file of the authority.
pub(crate) const AUTHORITY: &str = "authority.pem";

/// The certificate with its key and its authority, as files.
#[derive(Debug)]
pub(crate) struct Tls {
    /// Who trusts the server trusts this certificate.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
}

impl Tls {
    /// Makes them in a folder; `name` is in the subjects.
    pub(crate) fn create(dir: &Path, name: &str) -> Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new()).context("describing an authority")?;
        // Names that differ: a certificate whose subject is its issuer passes for self-signed.
        parameters
            .distinguished_name
            .push(DnType::CommonName, format!("authority of {name}"));
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate()?).context("making an authority")?;
        let key = KeyPair::generate().context("making the server's key")?;
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut parameters = CertificateParams::new(names).context("describing the server's certificate")?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        let certificate = parameters
            .signed_by(&key, &authority)
            .context("signing the server's certificate")?;
        let write = |name: &str, pem: String| -> Result<PathBuf> {
            let path = dir.join(name);
            fs::write(&path, pem).with_context(|| format!("writing {name}"))?;
            Ok(path)
        };
        Ok(Self {
            authority: write(AUTHORITY, authority.pem())?,
            certificate: write("server.pem", certificate.pem())?,
            key: write("server-key.pem", key.serialize_pem())?,
        })
    }

    /// What a server of HTTP/1.1 greets its clients with.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor> {
        let certificate =
            CertificateDer::from_pem_file(&self.certificate).context("reading the server's certificate")?;
        let key = PrivateKeyDer::from_pem_file(&self.key).context("reading the server's key")?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .context("taking the server's certificate")?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
