//! What every kind of AWS object of a stack can do: say what differs, and be observed, created, updated and deleted.
//!
//! Invariant: `diff` is pure and total over the properties that we set; every operation here may be repeated.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::future::Future;

use kairos::names::Names;
use kairos_aws::AwsError;
use serde::Serialize;

use super::context::Context;
use crate::permissions::Permissions;
use crate::render::Render;

/// The tags of an object.
pub type Tags = BTreeMap<String, String>;

/// Settings that the stack leaves as AWS makes them, and somebody has changed: by AWS's name for each, what it is and what AWS
/// makes it. Empty in whatever is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Extras(BTreeMap<&'static str, (String, String)>);

impl Extras {
    /// Whether everything is as AWS makes it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes a setting that is not as AWS makes it.
    pub fn note(&mut self, property: &'static str, actual: impl fmt::Display, usual: impl fmt::Display) {
        let (actual, usual) = (actual.to_string(), usual.to_string());
        if actual != usual {
            self.0.insert(property, (actual, usual));
        }
    }
}

/// One kind of AWS object. The type itself is the shape of what is wanted, and equally of what AWS holds.
pub trait Kind: Render + Debug + Clone + PartialEq + Serialize + Send + Sync + 'static {
    /// The CloudFormation type name, as users know it (`AWS::SQS::Queue`).
    const TYPE: &'static str;
    /// What bounds how many calls are under way at once: the service's name in ARNs.
    const SERVICE: &'static str;
    /// Whether the object that replaces another may exist beside it, since AWS tells the two apart by an id of its own or by
    /// what was changed: it is then made before the other goes, and nothing is without it meanwhile.
    const BESIDE: bool = false;
    /// Whether its objects hold what nobody could bring back, so that one is never replaced.
    const HOLDS_DATA: bool = false;
    /// Whether a change in place may end with another object, that was there already: its id is then not known before.
    const REMADE: bool = false;
    /// Whether an object may be there and still be `pending`, until somebody outside confirms it.
    const PENDS: bool = false;

    /// What IAM must allow for observing, creating, updating and deleting the object.
    fn permissions(&self, names: &Names) -> Permissions;

    /// The id that AWS will know the object by, where it follows from names; `None` where AWS makes it.
    fn known_id(&self, context: &Context) -> Option<String>;

    /// What differs between this (wanted) and what AWS holds, property by property, in words.
    fn diff(&self, held: &Self) -> Vec<Change>;

    /// What must be written again after an object of type `dependency` that this one depends on was created anew under its
    /// old name: `Some` where AWS remembers more of that object than its name.
    fn rebinding(&self, _dependency: &str) -> Option<Change> {
        None
    }

    /// Components whose AWS-made ids this one holds: they are observed before it.
    fn references(&self) -> Vec<Ref> {
        Vec::new()
    }

    /// Reads the object; `None` where it does not exist. Read-only.
    fn observe(&self, context: &Context) -> impl Future<Output = Result<Option<Held<Self>>, AwsError>> + Send;

    /// Creates the object. Already there and identical is success.
    fn create(&self, context: &Context) -> impl Future<Output = Result<Held<Self>, AwsError>> + Send;

    /// Changes what `changes` name, and nothing else.
    fn update(
        &self,
        held: &Held<Self>,
        changes: &[Change],
        context: &Context,
    ) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Deletes the object with that id, and waits until it is gone where deletion is asynchronous. *Not found* is success.
    fn delete(&self, id: &str, context: &Context) -> impl Future<Output = Result<(), AwsError>> + Send;

    /// Whether an error only says that the object, or its predecessor, is still settling: the engine awaits that.
    fn settling(_error: &AwsError) -> bool {
        false
    }
}

/// What AWS holds of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Held<K> {
    /// The id that AWS knows it by: an ARN, a URL, a name, or what AWS made.
    pub id: String,
    /// Its properties, with ids that AWS made written as references to components.
    pub value: K,
    /// Whose it is.
    pub owner: Owner,
    /// A status of its own beside `in_sync`, such as `pending` for a subscription that nobody confirmed yet.
    pub status: Option<&'static str>,
}

impl<K> Held<K> {
    /// An object of ours.
    pub fn ours(id: impl Into<String>, value: K) -> Self {
        Self {
            id: id.into(),
            value,
            owner: Owner::Ours,
            status: None,
        }
    }

    /// An object whose tags tell whose it is.
    pub fn tagged(id: impl Into<String>, value: K, tags: &Tags, context: &Context) -> Self {
        Self {
            id: id.into(),
            value,
            owner: Owner::of(tags, context),
            status: None,
        }
    }
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It carries this stack's tag, or lives under a parent that does.
    Ours,
    /// It carries another stack's tag (named here), or none.
    Foreign(Option<String>),
}

impl Owner {
    /// Reads the ownership tag.
    pub fn of(tags: &Tags, context: &Context) -> Self {
        match tags.get(kairos::names::Names::OWNER_TAG) {
            Some(owner) if *owner == context.names.owner() => Self::Ours,
            other => Self::Foreign(other.cloned()),
        }
    }
}

/// A reference to the id that AWS makes for another component; written, compared and digested by the component's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Ref(pub String);

impl Ref {
    /// A reference to a component of the topology.
    pub fn to(component: impl Into<String>) -> Self {
        Self(component.into())
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The property, by AWS's name for it (`VisibilityTimeout`).
    pub property: String,
    /// What AWS holds, in words.
    pub actual: String,
    /// What is wanted, in words.
    pub wanted: String,
    /// True where AWS cannot change the property in place: the object is replaced.
    pub replaces: bool,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} → {}", self.property, self.actual, self.wanted)
    }
}

/// Whether a property is among the changes.
pub fn touches(changes: &[Change], properties: &[&str]) -> bool {
    changes.iter().any(|c| {
        properties
            .iter()
            .any(|p| c.property == *p || c.property.starts_with(&format!("{p}.")))
    })
}

/// Collects the properties that differ between what is wanted and what is held.
#[derive(Debug)]
pub struct Diff<'a, K> {
    wanted: &'a K,
    held: &'a K,
    changes: Vec<Change>,
}

impl<'a, K> Diff<'a, K> {
    /// Compares `wanted` with `held`.
    pub fn of(wanted: &'a K, held: &'a K) -> Self {
        Self {
            wanted,
            held,
            changes: Vec::new(),
        }
    }

    /// A property that AWS changes in place.
    #[must_use]
    pub fn property<T: PartialEq + Serialize>(self, name: &str, get: impl Fn(&'a K) -> T) -> Self {
        self.compare(name, get, false)
    }

    /// A property whose change needs a new object.
    #[must_use]
    pub fn fixed<T: PartialEq + Serialize>(self, name: &str, get: impl Fn(&'a K) -> T) -> Self {
        self.compare(name, get, true)
    }

    /// Settings that somebody changed from what AWS makes them, one change a setting.
    #[must_use]
    pub fn extras(mut self, get: impl Fn(&'a K) -> &'a Extras) -> Self {
        let held = get(self.held).0.iter();
        self.changes.extend(held.map(|(property, (actual, usual))| Change {
            property: (*property).into(),
            actual: actual.clone(),
            wanted: usual.clone(),
            replaces: false,
        }));
        self
    }

    /// Tags, one change a key (`Tags.team`); those that AWS adds by itself are left alone, unless they are wanted.
    #[must_use]
    pub fn tags(mut self, get: impl Fn(&'a K) -> &'a Tags) -> Self {
        let (wanted, held) = (get(self.wanted), get(self.held));
        let added = held.keys().filter(|key| !is_added_by_aws(key));
        let mut keys: Vec<&String> = wanted.keys().chain(added).collect();
        keys.sort();
        keys.dedup();
        for key in keys {
            let (w, h) = (wanted.get(key), held.get(key));
            if w != h {
                self.changes.push(Change {
                    property: format!("Tags.{key}"),
                    actual: words(&h),
                    wanted: words(&w),
                    replaces: false,
                });
            }
        }
        self
    }

    /// What differs, in the order in which it was asked.
    pub fn changes(self) -> Vec<Change> {
        self.changes
    }

    fn compare<T: PartialEq + Serialize>(mut self, name: &str, get: impl Fn(&'a K) -> T, replaces: bool) -> Self {
        let (wanted, held) = (get(self.wanted), get(self.held));
        if wanted != held {
            self.changes.push(Change {
                property: name.into(),
                actual: words(&held),
                wanted: words(&wanted),
                replaces,
            });
        }
        self
    }
}

/// Keys of tags that services and programmes of AWS put on objects by themselves: `aws:…` is reserved for them
/// (CloudFormation, Backup, Service Catalog, …), `awsApplication` is that of myApplications and AppRegistry, `map-migrated…`
/// that of the Migration Acceleration Program.
const ADDED_BY_AWS: [&str; 3] = ["aws:", "awsApplication", "map-migrated"];

/// Whether a tag of this key is none of ours, whatever it says: it is neither drift nor ever taken away.
pub fn is_added_by_aws(key: &str) -> bool {
    ADDED_BY_AWS.iter().any(|added| key.starts_with(added))
}

/// A value as a user reads it: strings bare, `none` for what is not set, the rest as compact JSON.
fn words<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Null) => "none".into(),
        Ok(serde_json::Value::String(s)) => s,
        Ok(other) => other.to_string(),
        Err(e) => format!("<{e}>"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize)]
    struct Thing {
        size: Option<u32>,
        tags: Tags,
    }

    #[test]
    fn a_diff_speaks_in_words_and_leaves_aws_tags_alone() {
        let wanted = Thing {
            size: Some(3),
            tags: Tags::from([("team".into(), "data".into())]),
        };
        let held = Thing {
            size: None,
            tags: Tags::from(
                ["aws:cloudformation:stack", "awsApplication", "map-migrated"].map(|k| (k.into(), "x".into())),
            ),
        };
        let changes = Diff::of(&wanted, &held)
            .property("Size", |t| t.size)
            .tags(|t| &t.tags)
            .changes();
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["Size: none → 3", "Tags.team: none → data"]);
    }

    #[test]
    fn a_tag_of_aws_is_compared_where_it_is_wanted() {
        let thing = |value: &str| Thing {
            size: None,
            tags: Tags::from([("awsApplication".into(), value.into())]),
        };
        let (wanted, held) = (thing("arn:a"), thing("arn:b"));
        let changes = Diff::of(&wanted, &held).tags(|t| &t.tags).changes();
        assert_eq!(changes[0].to_string(), "Tags.awsApplication: arn:b → arn:a");
    }

    #[test]
    fn what_is_as_aws_makes_it_is_no_extra() {
        let mut extras = Extras::default();
        extras.note("DelaySeconds", 0, 0);
        assert!(extras.is_empty());
        extras.note("DelaySeconds", 5, 0);
        assert_eq!(extras.0["DelaySeconds"], ("5".into(), "0".into()));
    }
}
