//! What terraform tells a plugin through the environment, and the one line by which the plugin answers.

use std::fmt::{self, Display};
use std::io::{self, Write};

/// The protocol's major version that this crate speaks.
const PROTOCOL: &str = "6";
/// Proves that it is terraform who starts us, and not a user by mistake. Not a secret.
const COOKIE_NAME: &str = "TF_PLUGIN_MAGIC_COOKIE";
const COOKIE: &str = "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2";

/// What terraform asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The client's certificate, in PEM; none where the client does not use TLS.
    pub(crate) client_certificate: Option<String>,
    /// The ports that may be listened on, where there are no unix sockets.
    pub(crate) ports: Option<(u16, u16)>,
}

/// Why nothing can be agreed upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoTerms {
    #[error("this program was not started by terraform")]
    NotTerraform,
    #[error("terraform asks for one of the plugin protocols {0}, and this provider speaks {PROTOCOL} only")]
    OtherProtocol(String),
}

impl Terms {
    /// Reads them with a function that looks an environment variable up.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NoTerms> {
        if variable(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(NoTerms::NotTerraform);
        }
        if let Some(versions) = variable("PLUGIN_PROTOCOL_VERSIONS").filter(|versions| !versions.is_empty())
            && !versions.split(',').any(|version| version.trim() == PROTOCOL)
        {
            return Err(NoTerms::OtherProtocol(versions));
        }
        let port = |name| variable(name).and_then(|port| port.parse().ok());
        Ok(Self {
            client_certificate: variable("PLUGIN_CLIENT_CERT").filter(|pem| !pem.is_empty()),
            ports: port("PLUGIN_MIN_PORT").zip(port("PLUGIN_MAX_PORT")),
        })
    }
}

/// Tells terraform where we listen, and by which certificate (DER in base64, empty without TLS) it knows us. Nothing
/// else may ever be written to stdout.
pub(crate) fn announce(address: &impl Display, certificate: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", Line { address, certificate })?;
    stdout.flush()
}

struct Line<'a, A> {
    address: &'a A,
    certificate: &'a str,
}

impl<A: Display> Display for Line<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Version of the handshake, of the protocol, network, address, transport, certificate.
        write!(f, "1|{PROTOCOL}|{}|grpc|{}", self.address, self.certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Terms, NoTerms> {
        Terms::read(|name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn only_terraform_is_answered() {
        assert_eq!(read(&[]), Err(NoTerms::NotTerraform));
        assert_eq!(read(&[(COOKIE_NAME, "x")]), Err(NoTerms::NotTerraform));
        assert_eq!(
            read(&[(COOKIE_NAME, COOKIE)]),
            Ok(Terms {
                client_certificate: None,
                ports: None
            })
        );
    }

    #[test]
    fn the_protocols_that_terraform_takes_are_heeded() {
        let cookie = (COOKIE_NAME, COOKIE);
        assert!(read(&[cookie, ("PLUGIN_PROTOCOL_VERSIONS", "5,6")]).is_ok());
        let refused = read(&[cookie, ("PLUGIN_PROTOCOL_VERSIONS", "4,5")]);
        assert_eq!(refused, Err(NoTerms::OtherProtocol("4,5".to_owned())));
    }

    #[test]
    fn the_line_has_six_parts() {
        let line = Line {
            address: &"unix|/run/x/s",
            certificate: "QUJD",
        };
        assert_eq!(line.to_string(), "1|6|unix|/run/x/s|grpc|QUJD");
    }
}
