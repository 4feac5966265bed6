//! A Lambda function of the stack: its code, its configuration and its reserved concurrency.
//!
//! Invariant: between two writes the function has settled (`Active`, last update successful).
//! Invariant: values of environment variables appear in no message and in no difference.

use std::collections::BTreeMap;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::stack::kind::Tags;

/// The only runtime of ours: the zip carries its own program.
pub const RUNTIME: &str = "provided.al2023";
/// The program's name in the zip.
pub const HANDLER: &str = "bootstrap";

/// A Lambda function.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Function {
    /// The function's name (Lambda: 64 characters at most).
    pub name: String,
    /// The runtime: [`RUNTIME`].
    pub runtime: String,
    /// The file in the zip that runs: [`HANDLER`].
    pub handler: String,
    /// What it is for, in words (Lambda: 256 characters at most).
    pub description: String,
    /// The zip with its `bootstrap`.
    pub code: Code,
    /// `x86_64` or `arm64`; changes together with the code.
    pub architecture: String,
    /// The ARN of the role that it runs as.
    pub role: String,
    /// Memory in MB (Lambda: 128 to 10,240).
    pub memory: i32,
    /// The time-out in seconds (Lambda: 1 to 900).
    pub timeout: i32,
    /// Environment variables.
    pub environment: Environment,
    /// The ARNs of layer versions, in the order in which they are laid over each other.
    pub layers: Vec<String>,
    /// Whether X-Ray traces invocations (`Active`), or only follows what calls it (`PassThrough`).
    pub tracing: bool,
    /// The log group, which must exist: no role of ours may create one.
    pub log_group: String,
    /// The application's log level: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`.
    pub log_level: String,
    /// How many instances are set apart for it; `None` shares the account's.
    pub reserved_concurrency: Option<i32>,
    /// The ARN of the key that encrypts its environment; `None` for AWS's own.
    pub kms_key: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Environment variables: written, shown and digested by key and a fingerprint of the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }
}

impl Environment {
    fn fingerprint(&self, key: &str) -> Option<String> {
        let digest = Sha256::digest(self.0.get(key)?);
        Some(format!("sha256:{}", digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>()))
    }
}

impl Serialize for Environment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|key| (key, self.fingerprint(key))))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A function's zip: compared, shown and digested by its SHA-256 only, in Base64 as Lambda writes `CodeSha256`.
#[derive(Clone)]
pub struct Code {
    sha256: String,
    zip: Option<Arc<Cow<'static, [u8]>>>,
}

impl Code {
    /// The code in these bytes of a zip.
    pub fn zip(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        let bytes = bytes.into();
        Self { sha256: BASE64_STANDARD.encode(Sha256::digest(&bytes)), zip: Some(Arc::new(bytes)) }
    }

    /// The code of this digest, whose bytes AWS holds.
    pub fn held(sha256: impl Into<String>) -> Self {
        Self { sha256: sha256.into(), zip: None }
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.sha256.serialize(serializer)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Code").field(&self.sha256).finish()
    }
}
