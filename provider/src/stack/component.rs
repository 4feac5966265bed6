//! A node of the topology: a typed kind behind an object-safe adapter, so that one graph holds them all.
//!
//! Invariant: the adapter adds nothing and decides nothing; ids, owners and differences are the kind's own.
//! Invariant: a digest is taken over wanted properties with references by component name: it never needs an id of AWS's.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use kairos::names::Names;
use kairos_aws::{AwsError, Class};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::context::Context;
use crate::permissions::Permissions;
use crate::render::{At, Block};

use super::kind::{Change, Held, Kind, Owner, Ref};

/// One object of a stack: its name in the topology, what it is, and what must exist before it.
#[derive(Debug, Clone)]
pub struct Component {
    /// The component's name (`queue_dlq`).
    pub name: String,
    /// The object itself.
    pub node: Arc<dyn Node>,
    /// The components that exist before this one is created, and still exist while it is deleted.
    pub deps: Vec<String>,
}

impl Component {
    /// A component of some kind.
    pub fn new<K: Kind>(name: impl Into<String>, kind: K, deps: &[&str]) -> Self {
        let deps = deps.iter().map(|d| (*d).to_owned()).collect();
        Self {
            name: name.into(),
            node: Arc::new(Boxed(kind)),
            deps,
        }
    }
}

/// What the engine asks of any kind of object; see [`Kind`] for the meaning of each.
#[async_trait]
pub trait Node: Debug + Send + Sync {
    /// The CloudFormation type name.
    fn type_name(&self) -> &'static str;
    /// The service that bounds concurrency.
    fn service(&self) -> &'static str;
    /// What IAM must allow.
    fn permissions(&self, names: &Names) -> Permissions;
    /// The id, where it follows from names.
    fn known_id(&self, context: &Context) -> Option<String>;
    /// The wanted properties.
    fn wanted(&self) -> serde_json::Value;
    /// What is written again after something that it depends on was created anew.
    fn rebinding(&self, dependency: &str) -> Option<Change>;
    /// The components whose ids it holds.
    fn references(&self) -> Vec<Ref>;
    /// Whether the object that replaces another is made before that one goes.
    fn beside(&self) -> bool;
    /// Whether its objects hold what nobody could bring back.
    fn holds_data(&self) -> bool;
    /// Whether a change in place may end with another object.
    fn remade(&self) -> bool;
    /// Whether an object may be `pending`.
    fn pends(&self) -> bool;
    /// What differs from what was wanted before, property by property; nothing where that was of another kind.
    fn changes_from(&self, before: &dyn Node) -> Vec<Change>;
    /// The kind itself.
    fn kind(&self) -> &(dyn Any + Send + Sync);
    /// Reads the object and says how it differs.
    async fn observe(&self, context: &Context) -> Result<Option<Observed>, AwsError>;
    /// Creates the object.
    async fn create(&self, context: &Context) -> Result<Made, AwsError>;
    /// Changes what `changes` name.
    async fn update(&self, held: &Observed, changes: &[Change], context: &Context) -> Result<(), AwsError>;
    /// Deletes the object.
    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError>;
    /// The object as resources of hashicorp/aws.
    fn render(&self, at: &At<'_>) -> Vec<Block>;
    /// Whether an error only says that something is still settling.
    fn settling(&self, error: &AwsError) -> bool;
    /// What would be observed if AWS held exactly what is wanted.
    #[cfg(test)]
    fn held_by(&self, id: &str, owner: Owner) -> Observed;

    /// The first 16 hex digits of the SHA-256 of the wanted properties.
    fn digest(&self) -> String {
        digest(&self.wanted())
    }
}

/// An object that was just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The id that AWS knows it by.
    pub id: String,
    /// A status of its own (`pending`).
    pub status: Option<&'static str>,
}

/// What AWS holds of a component, compared with what is wanted.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The id that AWS knows it by.
    pub id: String,
    /// Whose it is.
    pub owner: Owner,
    /// A status of its own (`pending`).
    pub status: Option<&'static str>,
    /// What differs from what is wanted.
    pub changes: Vec<Change>,
    /// The digest of what AWS holds; that of what is wanted where nothing differs.
    pub digest: String,
    held: Arc<dyn Any + Send + Sync>,
}

impl Observed {
    /// What AWS holds of an object, compared with what is wanted.
    pub fn of<K: Kind>(wanted: &K, held: Held<K>) -> Self {
        let changes = wanted.diff(&held.value);
        let digest = digest(&json(if changes.is_empty() { wanted } else { &held.value }));
        let Held { id, owner, status, .. } = held.clone();
        Self {
            id,
            owner,
            status,
            changes,
            digest,
            held: Arc::new(held),
        }
    }

    /// Whether both are one object. Where AWS shows a status in the place of an id, that is no id.
    pub fn is_same(&self, other: &Self) -> bool {
        self.id == other.id && self.status.is_none() && other.status.is_none()
    }

    /// An object of ours that differs in this way, for tests of what is planned.
    #[cfg(test)]
    pub fn ours(id: &str, changes: Vec<Change>) -> Self {
        Self {
            id: id.into(),
            owner: Owner::Ours,
            status: None,
            changes,
            digest: String::new(),
            held: Arc::new(()),
        }
    }

    /// The properties that AWS holds, where the object is of this kind.
    pub fn value<K: Kind>(&self) -> Option<&K> {
        self.held.downcast_ref::<Held<K>>().map(|held| &held.value)
    }
}

/// The digest of some properties: what is sorted and compact reads the same everywhere.
pub fn digest(properties: &serde_json::Value) -> String {
    let hash = Sha256::digest(canonical(properties).to_string());
    hash.iter()
        .take(8)
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The same value with the keys of every object sorted.
fn canonical(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(k, v)| (k.clone(), canonical(v))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            serde_json::Value::Object(entries.into_iter().collect())
        }
        serde_json::Value::Array(items) => serde_json::Value::Array(items.iter().map(canonical).collect()),
        other => other.clone(),
    }
}

/// Properties as JSON. A kind is plain data with string keys; should one not be, its digest says so rather than lying.
fn json<T: Serialize + Debug>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_else(|_| serde_json::Value::String(format!("{value:?}")))
}

/// The adapter.
#[derive(Debug)]
struct Boxed<K>(K);

#[async_trait]
impl<K: Kind> Node for Boxed<K> {
    fn type_name(&self) -> &'static str {
        K::TYPE
    }

    fn service(&self) -> &'static str {
        K::SERVICE
    }

    fn permissions(&self, names: &Names) -> Permissions {
        self.0.permissions(names)
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        self.0.known_id(context)
    }

    fn wanted(&self) -> serde_json::Value {
        json(&self.0)
    }

    fn rebinding(&self, dependency: &str) -> Option<Change> {
        self.0.rebinding(dependency)
    }

    fn references(&self) -> Vec<Ref> {
        self.0.references()
    }

    fn beside(&self) -> bool {
        K::BESIDE
    }

    fn holds_data(&self) -> bool {
        K::HOLDS_DATA
    }

    fn remade(&self) -> bool {
        K::REMADE
    }

    fn pends(&self) -> bool {
        K::PENDS
    }

    fn changes_from(&self, before: &dyn Node) -> Vec<Change> {
        let before = before.kind().downcast_ref::<K>();
        before.map(|before| self.0.diff(before)).unwrap_or_default()
    }

    fn kind(&self) -> &(dyn Any + Send + Sync) {
        &self.0
    }

    async fn observe(&self, context: &Context) -> Result<Option<Observed>, AwsError> {
        let Some(held) = self.0.observe(context).await? else {
            return Ok(None);
        };
        Ok(Some(Observed::of(&self.0, held)))
    }

    #[cfg(test)]
    fn held_by(&self, id: &str, owner: Owner) -> Observed {
        let held = Held {
            owner,
            ..Held::ours(id, self.0.clone())
        };
        Observed::of(&self.0, held)
    }

    async fn create(&self, context: &Context) -> Result<Made, AwsError> {
        let held = self.0.create(context).await?;
        Ok(Made {
            id: held.id,
            status: held.status,
        })
    }

    async fn update(&self, held: &Observed, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        match held.held.downcast_ref::<Held<K>>() {
            Some(held) => self.0.update(held, changes, context).await,
            None => Err(AwsError {
                action: "Update".into(),
                object: held.id.clone(),
                code: None,
                message: format!("what was observed is not of the type {}", K::TYPE),
                request_id: None,
                class: Class::Terminal,
                ambiguous: false,
            }),
        }
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        self.0.delete(id, context).await
    }

    fn render(&self, at: &At<'_>) -> Vec<Block> {
        self.0.render(at)
    }

    fn settling(&self, error: &AwsError) -> bool {
        K::settling(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_digest_depends_on_values_and_not_on_the_order_of_keys() {
        assert_eq!(
            digest(&json!({"a": 1, "b": {"c": 2, "d": 3}})),
            digest(&json!({"b": {"d": 3, "c": 2}, "a": 1}))
        );
        assert_ne!(digest(&json!({"a": 1})), digest(&json!({"a": 2})));
        assert_eq!(digest(&json!({"a": 1})).len(), 16);
    }
}
