//! The marker: one SSM parameter that says whose stack this is and who is working on it.
//!
//! Invariant: nothing of a stack is created, changed or deleted but under a lease of its marker.
//! Invariant: SSM has no compare-and-swap. Whoever takes a lease over has first created the claim on the expired one,
//! which SSM lets only one do; a claim carries a lease of its own.

mod lease;
mod shelf;

use std::fmt;

use jiff::Timestamp;
use kairos::names::Names;
use kairos_aws::AwsError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::permissions::{Permissions, Scope};

use super::bounds::End;

pub use lease::{Lease, Purpose, open};
pub use shelf::{Shelf, Ssm};

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Which installation the stack is: made once, at its creation, and known to Terraform's state.
    #[serde(with = "text")]
    pub instalacion: Uuid,
    /// How far it is.
    pub fase: Phase,
    /// Who works on it.
    pub arriendo: Term,
    /// Whether the installation may not be destroyed.
    #[serde(default)]
    pub protegida: bool,
    /// Whether work was begun that no state tells of: set while somebody works, and left behind by who was killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inconclusa: bool,
}

/// How far an installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It has never been complete.
    Creando,
    /// It has been complete once; updates keep it so.
    Completa,
    /// It is being destroyed.
    Destruyendo,
}

/// A lease, in force until `hasta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The lease's id.
    #[serde(with = "text")]
    pub id: Uuid,
    /// Until when.
    pub hasta: Timestamp,
}

impl Marker {
    /// Until when somebody holds the marker, where somebody does.
    pub fn held(&self) -> Option<Timestamp> {
        Some(self.arriendo.hasta).filter(|hasta| *hasta > Timestamp::now())
    }

    /// Whether there may be more of the stack than any state tells of: its creation is not finished, or somebody was killed.
    pub fn has_traces(&self) -> bool {
        self.inconclusa || self.fase != Phase::Completa
    }

    /// Whether whoever worked on the stack was killed: what they made may be in no state.
    pub fn is_abandoned(&self) -> bool {
        self.inconclusa && self.held().is_none()
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creando => "creando",
            Self::Completa => "completa",
            Self::Destruyendo => "destruyendo",
        })
    }
}

/// Why a marker could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// SSM's answer.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The parameter holds something else.
    #[error("the SSM parameter \"{name}\" exists and does not belong to Kairos: {problem}")]
    Foreign {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A complete stack of this name is there.
    #[error(
        "a complete stack \"{app}\" exists in this account and region already (installation {instalacion}). To manage it \
         here, import it: terraform import <address> {app}"
    )]
    Complete {
        /// The stack's name.
        app: String,
        /// Its installation.
        instalacion: Uuid,
    },
    /// A stack of this name is half destroyed, and not by this state.
    #[error(
        "a stack \"{app}\" exists in this account and region whose destruction has not come to its end (installation \
         {instalacion}). Import it (terraform import <address> {app}) and destroy it, then create it anew"
    )]
    HalfDestroyed {
        /// The stack's name.
        app: String,
        /// Its installation.
        instalacion: Uuid,
    },
    /// The stack belongs to another state.
    #[error(
        "the stack \"{app}\" is now another installation ({found}) than the one in this state ({expected}): it was destroyed \
         and created again elsewhere. Nothing was touched; remove it from this state with terraform state rm"
    )]
    Other {
        /// The stack's name.
        app: String,
        /// The installation in AWS.
        found: Uuid,
        /// The installation in the state.
        expected: Uuid,
    },
    /// SSM does not take the marker's name.
    #[error(
        "SSM says that the parameter \"{name}\" exists, and does not show it: it does not take a name again for up to half a \
         minute after its deletion; {why}; {}", why.advice()
    )]
    Lingers {
        /// The parameter.
        name: String,
        /// Why we wait no longer.
        why: End,
    },
    /// The lease ran out while we held it.
    #[error(
        "somebody else has taken the stack \"{app}\" over, since this operation's lease of it had run out: the marker was \
         left as it is"
    )]
    Lost {
        /// The stack's name.
        app: String,
    },
    /// Somebody else works on it for longer than we may wait.
    #[error(
        "somebody else is working on the stack \"{app}\", or was killed while doing so: their lease of its marker runs until \
         {hasta}, and {why}; {}", why.advice()
    )]
    Busy {
        /// The stack's name.
        app: String,
        /// Until when the lease runs.
        hasta: Timestamp,
        /// Why we wait no longer.
        why: End,
    },
}

/// What IAM must allow for the marker: whatever is done to a stack, it is done under a lease of it.
pub fn permissions(names: &Names) -> Permissions {
    let marker = Scope::of([names.arn("ssm", &format!("parameter{}", names.marker()))]);
    // Claims stand beside it.
    let all = Scope::of([names.arn("ssm", &format!("parameter/{}/Kairos/*", names.app))]);
    let lease = &[
        "ssm:AddTagsToResource",
        "ssm:DeleteParameter",
        "ssm:GetParameter",
        "ssm:GetParametersByPath",
        "ssm:ListTagsForResource",
        "ssm:PutParameter",
        "ssm:RemoveTagsFromResource",
    ];
    Permissions::default()
        .observe(&marker, &["ssm:GetParameter", "ssm:ListTagsForResource"])
        .create(&all, lease)
        .update(&all, lease)
        .delete(&all, lease)
}

/// Reads the marker of a stack; `None` where there is none.
///
/// # Errors
/// SSM's answer, or a parameter of this name that is no marker.
pub async fn read<S: Shelf>(shelf: &S, names: &Names) -> Result<Option<Marker>, MarkerError> {
    let name = names.marker();
    let Some(text) = shelf.get(&name).await? else {
        return Ok(None);
    };
    match serde_json::from_str(&text) {
        Ok(marker) => Ok(Some(marker)),
        Err(problem) => Err(MarkerError::Foreign {
            name,
            problem: problem.to_string(),
        }),
    }
}

/// Ids as the text that users know them by.
pub(super) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use uuid::Uuid;

    pub(crate) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        Uuid::parse_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
