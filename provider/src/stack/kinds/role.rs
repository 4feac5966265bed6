//! An IAM role of the stack, with its one inline policy.
//!
//! Invariant: the role may do what its inline policies in `policies` say and nothing else; every other inline policy and
//! every attached managed policy is drift, and is taken away.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::stack::kind::Tags;
use crate::stack::policy::PolicyDocument;

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// The role's name (IAM: 64 characters at most).
    pub name: String,
    /// Its path, which begins and ends with `/`; IAM cannot change it in place.
    pub path: String,
    /// What it is for, in words (IAM: 1,000 characters at most).
    pub description: String,
    /// Who may assume it.
    pub trust: PolicyDocument,
    /// Its inline policies by name: what it may do.
    pub policies: BTreeMap<String, PolicyDocument>,
    /// The ARNs of attached managed policies; none is ever wanted.
    pub attached: BTreeSet<String>,
    /// The ARN of the policy that bounds whatever it may do.
    pub permissions_boundary: Option<String>,
    /// The longest session in seconds (IAM: 3,600 to 43,200).
    pub max_session: i32,
    /// Its tags.
    pub tags: Tags,
}
