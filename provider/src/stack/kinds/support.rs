//! What several kinds do alike: tags to set and to remove, conditions to await, objects that are there already.
//!
//! Invariant: an object that does not carry this stack's tag is never taken over, and never changed.

use std::future::Future;
use std::time::Duration;

use aws_smithy_types::error::operation::BuildError;
use kairos_aws::{AwsError, Class};

use crate::stack::context::Context;
use crate::stack::kind::{Change, Held, Kind, Owner, Tags};

/// The first pause between two looks at AWS; each further one is half as long again.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The tags that an update sets and removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Retag {
    /// Tags to set, with their values.
    pub(super) set: Tags,
    /// Keys to remove.
    pub(super) remove: Vec<String>,
}

impl Retag {
    /// Reads the changes of tags (`Tags.{key}`) among `changes`.
    pub(super) fn of(wanted: &Tags, changes: &[Change]) -> Self {
        let mut retag = Self {
            set: Tags::new(),
            remove: Vec::new(),
        };
        for key in changes.iter().filter_map(|c| c.property.strip_prefix("Tags.")) {
            match wanted.get(key) {
                Some(value) => {
                    retag.set.insert(key.into(), value.clone());
                }
                None => retag.remove.push(key.into()),
            }
        }
        retag
    }
}

/// Asks until there is an answer; `None` where there is none within `limit`. Errors end the wait.
pub(super) async fn until<T, F>(limit: Duration, mut ask: impl FnMut() -> F) -> Result<Option<T>, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    let start = tokio::time::Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        if start.elapsed() + pause > limit {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// The error of a wait that came to its limit.
pub(super) fn still(action: &str, object: &str, state: &str, limit: Duration) -> AwsError {
    finding(
        action,
        object,
        Class::Transient,
        format!("still {state} after {} s; apply again to go on", limit.as_secs()),
    )
}

/// The error of a call that could not be made, since the id of another component is not known.
pub(super) fn unresolved(action: &str, object: &str, component: &str) -> AwsError {
    finding(
        action,
        object,
        Class::Terminal,
        format!("it needs the id of the component \"{component}\", which does not exist"),
    )
}

/// The error of a request that the SDK could not build.
pub(super) fn malformed(action: &str, object: &str, error: &BuildError) -> AwsError {
    finding(action, object, Class::Terminal, error.to_string())
}

/// The refusal to take over an object that is there already.
pub(super) fn taken(action: &str, object: &str, owner: &Owner) -> AwsError {
    let message = match owner {
        Owner::Ours => "it exists already, with properties that cannot be changed in place".into(),
        Owner::Foreign(Some(stack)) => format!("it exists already and belongs to the stack \"{stack}\""),
        Owner::Foreign(None) => {
            let tag = kairos::names::Names::OWNER_TAG;
            format!("it exists already and does not belong to this stack (it has no tag \"{tag}\")")
        }
    };
    finding(action, object, Class::Conflict, message)
}

/// Goes on with a create that AWS refused with `refused`, since the object is there already. Where it is not to be seen
/// either, it is on its way in or out, and the refusal stands.
pub(super) async fn resume<K: Kind>(
    kind: &K,
    refused: AwsError,
    object: &str,
    context: &Context,
) -> Result<Held<K>, AwsError> {
    match kind.observe(context).await? {
        Some(held) => take_up(kind, held, &refused.action, object, context).await,
        None => Err(refused),
    }
}

/// Completes an object of ours that an earlier create left behind: one whose answer was lost, or which did not come to its
/// end. What is not ours, or cannot be brought to what is wanted in place, is refused.
pub(super) async fn take_up<K: Kind>(
    kind: &K,
    held: Held<K>,
    action: &str,
    object: &str,
    context: &Context,
) -> Result<Held<K>, AwsError> {
    let changes = kind.diff(&held.value);
    if held.owner != Owner::Ours || changes.iter().any(|c| c.replaces) {
        return Err(taken(action, object, &held.owner));
    }
    if !changes.is_empty() {
        kind.update(&held, &changes, context).await?;
    }
    Ok(Held {
        value: kind.clone(),
        ..held
    })
}

/// Something that we found ourselves: no code and no request of AWS's.
fn finding(action: &str, object: &str, class: Class, message: String) -> AwsError {
    AwsError {
        action: action.into(),
        object: object.into(),
        code: None,
        message,
        request_id: None,
        class,
        ambiguous: false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

    use super::*;

    fn change(property: &str) -> Change {
        Change {
            property: property.into(),
            actual: String::new(),
            wanted: String::new(),
            replaces: false,
        }
    }

    #[test]
    fn tags_are_set_where_wanted_and_removed_otherwise() {
        let wanted = Tags::from([("team".into(), "data".into()), ("same".into(), "x".into())]);
        let retag = Retag::of(
            &wanted,
            &[change("Tags.team"), change("Tags.old.key"), change("Policy")],
        );
        assert_eq!(retag.set, Tags::from([("team".into(), "data".into())]));
        assert_eq!(retag.remove, ["old.key"]);
    }

    #[tokio::test]
    async fn a_wait_asks_again_and_ends_at_its_limit() {
        let mut asked = 0;
        let answer = until(Duration::from_secs(5), || {
            asked += 1;
            let answer = (asked == 2).then_some(asked);
            async move { Ok(answer) }
        });
        assert_eq!(answer.await.unwrap(), Some(2));
        let never = until(Duration::from_millis(1), || async { Ok(None::<()>) });
        assert_eq!(never.await.unwrap(), None);
    }
}
