//! What a function is told and what it runs: environment variables and code, neither of which is ever shown.
//!
//! Invariant: a value of a variable is compared, but only its fingerprint is written; so is code.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Environment variables: written, shown and digested by key and a fingerprint of the value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }
}

impl Environment {
    /// The variables as Lambda takes them.
    pub(super) fn variables(&self) -> std::collections::HashMap<String, String> {
        self.0.clone().into_iter().collect()
    }

    /// The keys of two environments.
    pub(super) fn keys<'a>(&'a self, other: &'a Self) -> BTreeSet<&'a String> {
        self.0.keys().chain(other.0.keys()).collect()
    }

    /// A text without any of the values.
    pub(super) fn hide(&self, mut text: String) -> String {
        let mut values: Vec<&String> = self.0.values().filter(|value| !value.is_empty()).collect();
        // The longest first: a short value may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            text = text.replace(value.as_str(), "***");
        }
        text
    }

    /// The value of a variable.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// What stands for a value.
    pub(super) fn fingerprint(&self, key: &str) -> Option<String> {
        let digest = Sha256::digest(self.0.get(key)?);
        Some(
            digest
                .iter()
                .take(4)
                .fold("sha256:".into(), |text, byte| text + &format!("{byte:02x}")),
        )
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
        Self {
            sha256: BASE64_STANDARD.encode(Sha256::digest(&bytes)),
            zip: Some(Arc::new(bytes)),
        }
    }

    /// The zip, where we hold it.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.zip.as_ref().map(|zip| zip.as_ref().as_ref())
    }

    /// The code in these bytes of a zip, whose digest is known already.
    pub fn digested(sha256: impl Into<String>, zip: &'static [u8]) -> Self {
        Self {
            sha256: sha256.into(),
            zip: Some(Arc::new(Cow::Borrowed(zip))),
        }
    }

    /// The code of this digest, whose bytes AWS holds.
    pub fn held(sha256: impl Into<String>) -> Self {
        Self {
            sha256: sha256.into(),
            zip: None,
        }
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
