//! What IAM must allow whoever runs terraform: every part of the provider declares the actions that it needs, and on what.
//!
//! Invariant: pure. A declaration names what its part really calls, by IAM's names for it, on ARNs that follow from names.

pub mod command;
pub mod guide;
pub mod policy;
pub mod subject;

use std::collections::BTreeMap;

/// What a part needs, operation by operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Each what it needs on one scope.
    pub grants: Vec<Grant>,
}

/// Actions on one scope, for one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What they are needed for.
    pub operation: Operation,
    /// IAM's names of the actions (`sqs:CreateQueue`).
    pub actions: &'static [&'static str],
    /// What they are needed on.
    pub scope: Scope,
}

/// What a part does with its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Reads it: all that a plan does, and what every other operation begins with.
    Observe,
    /// Creates it.
    Create,
    /// Changes it, in place or by another one in its place.
    Update,
    /// Deletes it.
    Delete,
}

/// What actions are needed on, and under which conditions IAM is to allow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// ARNs, possibly with `*` where AWS makes the id; a lone `*` where the service has no narrower one.
    pub resources: Vec<String>,
    /// Conditions: operator, key, values.
    pub conditions: BTreeMap<(&'static str, &'static str), Vec<String>>,
    /// Why the scope is wider than one object, where it is.
    pub because: Option<&'static str>,
}

impl Permissions {
    /// Needs `actions` on `scope` to read.
    #[must_use]
    pub fn observe(self, scope: &Scope, actions: &'static [&'static str]) -> Self {
        self.with(Operation::Observe, scope, actions)
    }

    /// Needs `actions` on `scope` to create.
    #[must_use]
    pub fn create(self, scope: &Scope, actions: &'static [&'static str]) -> Self {
        self.with(Operation::Create, scope, actions)
    }

    /// Needs `actions` on `scope` to change.
    #[must_use]
    pub fn update(self, scope: &Scope, actions: &'static [&'static str]) -> Self {
        self.with(Operation::Update, scope, actions)
    }

    /// Needs `actions` on `scope` to delete.
    #[must_use]
    pub fn delete(self, scope: &Scope, actions: &'static [&'static str]) -> Self {
        self.with(Operation::Delete, scope, actions)
    }

    /// All that this needs, and all that `other` does.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.grants.extend(other.grants);
        self
    }

    fn with(mut self, operation: Operation, scope: &Scope, actions: &'static [&'static str]) -> Self {
        self.grants.push(Grant {
            operation,
            actions,
            scope: scope.clone(),
        });
        self
    }
}

impl Scope {
    /// These objects.
    pub fn of(resources: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            resources: resources.into_iter().map(Into::into).collect(),
            conditions: BTreeMap::new(),
            because: None,
        }
    }

    /// These objects and others that cannot be told from them.
    pub fn wide(resources: impl IntoIterator<Item = impl Into<String>>, because: &'static str) -> Self {
        Self {
            because: Some(because),
            ..Self::of(resources)
        }
    }

    /// Everything, since the service authorises the action on nothing narrower.
    pub fn any(because: &'static str) -> Self {
        Self::wide(["*"], because)
    }

    /// The same, only where the request's `key` is one of `values`.
    #[must_use]
    pub fn when(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.conditions
            .insert((operator, key), values.into_iter().map(Into::into).collect());
        self
    }

    /// A customer's key, as far as `service` (`dynamodb`) uses it in the caller's name.
    pub fn key(arn: &str, service: &str, names: &kairos::names::Names) -> Self {
        let suffix = crate::stack::topology::dns_suffix(&names.place.partition);
        let via = format!("{service}.{}.{suffix}", names.place.region);
        Self::of([arn]).when("StringEquals", "kms:ViaService", [via])
    }
}
