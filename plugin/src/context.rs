//! What a handler may know besides its own arguments, and what terraform keeps for it.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

/// The surroundings of one call, for a provider that was configured to `C`.
#[derive(Debug)]
pub struct Ctx<C> {
    configured: Arc<C>,
    stop: CancellationToken,
    terraform_version: Arc<str>,
}

impl<C> Ctx<C> {
    /// For the tests of a provider; the server makes its own.
    pub fn new(configured: Arc<C>, stop: CancellationToken, terraform_version: &str) -> Self {
        Self {
            configured,
            stop,
            terraform_version: terraform_version.into(),
        }
    }

    /// What [`Provider::configure`](crate::Provider::configure) made.
    pub fn configured(&self) -> &Arc<C> {
        &self.configured
    }

    /// Cancelled when the user interrupts: start nothing new, finish or give up what is under way, and return what is
    /// known so far. Never again reset.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Terraform's version, as `1.11.4`.
    pub fn terraform_version(&self) -> &str {
        &self.terraform_version
    }
}

impl<C> Clone for Ctx<C> {
    fn clone(&self) -> Self {
        Self {
            configured: Arc::clone(&self.configured),
            stop: self.stop.clone(),
            terraform_version: Arc::clone(&self.terraform_version),
        }
    }
}

/// What terraform keeps of a resource next to its state and users do not see. It is not encrypted: no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Private(Vec<u8>);

impl Private {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// These bytes.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// The value cannot be written as JSON.
    pub fn from_json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(Self)
    }

    /// The value that [`from_json`](Self::from_json) wrote; none where there is nothing.
    ///
    /// # Errors
    /// The bytes are not the JSON of such a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, serde_json::Error> {
        if self.0.is_empty() {
            Ok(None)
        } else {
            serde_json::from_slice(&self.0).map(Some)
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}
