//! Mutual TLS with the one client that started us.
//!
//! Invariant: whoever does not hold the key of exactly the certificate that terraform announced is refused.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme,
};

/// Our side of the connection, and what the client must know of it.
pub(crate) struct Identity {
    pub(crate) acceptor: TlsAcceptor,
    /// Our certificate: DER in base64 without padding, as the handshake line wants it.
    pub(crate) certificate: String,
}

impl Identity {
    /// A fresh one, for the client with this certificate (PEM) and for no other.
    ///
    /// # Errors
    /// The certificate is not one, or no key could be made.
    pub(crate) fn for_client(pem: &str) -> io::Result<Self> {
        let invalid = |error| {
            let message = format!("the certificate in PLUGIN_CLIENT_CERT cannot be read: {error}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let client = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(invalid)?;
        Self::make(client).map_err(|error| io::Error::other(format!("no certificate could be made: {error}")))
    }

    fn make(client: CertificateDer<'static>) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        // The client trusts this certificate as the authority that signed it: itself.
        let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.distinguished_name.push(DnType::CommonName, "localhost");
        let certificate = params.self_signed(&key)?;

        let crypto = Arc::new(aws_lc_rs::default_provider());
        let only = Arc::new(OnlyClient {
            certificate: client,
            crypto: Arc::clone(&crypto),
        });
        let mut config = ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(only)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: STANDARD_NO_PAD.encode(certificate.der()),
        })
    }
}

/// Accepts one certificate, byte by byte. Terraform's is self-signed, of the curve P-521, and says that it is an
/// authority, which the usual check of an end entity refuses.
#[derive(Debug)]
struct OnlyClient {
    certificate: CertificateDer<'static>,
    crypto: Arc<CryptoProvider>,
}

impl ClientCertVerifier for OnlyClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    // The certificate is public; that the client holds its key, only these show.

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.crypto.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.crypto.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}
