//! What somebody does to an object by hand, one property after another: each is told in words, and mended alone.
//!
//! Invariant: a kind's table is complete: [`Drift::shows_everything`] fails while a property that a difference can name is in
//! none of its lines.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::future::Future;

use kairos::names::Names;
use terraform_provider_kairos::stack::context::Context;
use terraform_provider_kairos::stack::kind::{Change, Kind, Owner};

/// A tag that AWS adds: it is there all the while, is never a difference and is never taken away.
pub(crate) const ADDED_BY_AWS: (&str, &str) = ("awsApplication", "arn:aws:resource-groups:::group/x");

/// An object that others change.
pub(crate) struct Drift<'a, K> {
    context: &'a Context,
    wanted: K,
    id: String,
    shown: BTreeSet<String>,
}

impl<'a, K: Kind> Drift<'a, K> {
    /// An object that exists and is as it is wanted.
    pub(crate) async fn of(context: &'a Context, wanted: K) -> Self {
        let id = wanted.create(context).await.unwrap().id;
        let drift = Self {
            context,
            wanted,
            id,
            shown: BTreeSet::new(),
        };
        drift.is_as_wanted("after its creation").await;
        drift
    }

    /// The object's id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Somebody changes something: exactly these lines tell it, and an update of exactly them mends it.
    pub(crate) fn by_hand<T, E: Debug>(
        &mut self,
        told: &str,
        change: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = ()> {
        // A request of the SDK is large: it is kept off the stack.
        let change = Box::pin(change);
        async move {
            change.await.unwrap();
            let held = self.wanted.observe(self.context).await.unwrap().unwrap();
            assert_eq!(
                (held.id.as_str(), &held.owner),
                (self.id.as_str(), &Owner::Ours),
                "{told}"
            );
            let changes = self.wanted.diff(&held.value);
            let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
            assert_eq!(
                lines.join("\n").replace(&self.context.names.place.account, "{account}"),
                told.lines().map(str::trim).collect::<Vec<_>>().join("\n")
            );
            self.shown.extend(changes.iter().map(|c| c.property.clone()));
            self.wanted.update(&held, &changes, self.context).await.unwrap();
            self.is_as_wanted(told).await;
        }
    }

    /// Somebody adds something of theirs: it is no difference.
    pub(crate) fn beside<T, E: Debug>(
        &self,
        what: &str,
        addition: impl Future<Output = Result<T, E>>,
    ) -> impl Future<Output = ()> {
        let addition = Box::pin(addition);
        async move {
            addition.await.unwrap();
            self.is_as_wanted(what).await;
        }
    }

    /// Fails unless every property that a difference can name was told above or is among `elsewhere`: names, by which an
    /// object is looked up, and what the local AWS cannot hold and replayed answers show beside the kind's own code.
    /// `other` differs in every field; it is written out in full, so that a new field cannot be forgotten.
    #[track_caller]
    pub(crate) fn shows_everything(&self, other: &K, elsewhere: &[&str]) {
        let [wanted, held] = [&self.wanted, other].map(|value| serde_json::to_value(value).unwrap());
        for (field, value) in held.as_object().unwrap() {
            assert_ne!(
                wanted.get(field),
                Some(value),
                "the other value has the same \"{field}\""
            );
        }
        let all: BTreeSet<String> = self
            .wanted
            .diff(other)
            .into_iter()
            .map(|c: Change| c.property)
            .collect();
        let told: BTreeSet<String> = self
            .shown
            .iter()
            .cloned()
            .chain(elsewhere.iter().map(|p| (*p).into()))
            .collect();
        assert_eq!(all, told, "what a difference can name (left) and what is shown (right)");
        let twice: Vec<_> = elsewhere.iter().filter(|p| self.shown.contains(**p)).collect();
        assert!(
            twice.is_empty(),
            "shown here, and yet said to be shown elsewhere: {twice:?}"
        );
    }

    async fn is_as_wanted(&self, when: &str) {
        let held = self.wanted.observe(self.context).await.unwrap().unwrap();
        assert_eq!(held.owner, Owner::Ours);
        assert_eq!(self.wanted.diff(&held.value), [], "{when}");
    }
}

/// The tags that a wanted object has not: one more, and not the user's own.
pub(crate) fn drifted_tags(context: &Context) -> terraform_provider_kairos::stack::kind::Tags {
    [
        (Names::OWNER_TAG.into(), context.names.owner()),
        ("extra".into(), "1".into()),
    ]
    .into()
}

/// Lines for tags: one that somebody changed, and one that they added.
pub(crate) const RETAGGED: &str = "Tags.extra: 1 → none\nTags.team: theirs → data";
/// The line for a tag that somebody took away.
pub(crate) const UNTAGGED: &str = "Tags.team: none → data";
/// What somebody sets: a tag of theirs, one of ours, and one that AWS adds.
pub(crate) const THEIR_TAGS: [(&str, &str); 3] = [("extra", "1"), ("team", "theirs"), ADDED_BY_AWS];
