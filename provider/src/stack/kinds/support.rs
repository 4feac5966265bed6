//! What several kinds do alike: tags to set and to remove, conditions to await, objects that are there already.
//!
//! Invariant: a wait ends with the operation that it is part of, by Ctrl-C or the clock, and says what was awaited.
//! Invariant: an object that does not carry this stack's tag is never taken over, and never changed.

use std::future::Future;
use std::time::Duration;

use aws_smithy_types::error::operation::BuildError;
use kairos_aws::{AwsError, Class};

use crate::stack::bounds::End;
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

/// What is waited for after a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait<'a> {
    /// The call.
    pub(super) action: &'a str,
    /// The object.
    pub(super) object: &'a str,
    /// What the object is until the wait is over (`DELETING`).
    pub(super) state: &'a str,
    /// How long AWS may take at most.
    pub(super) limit: Duration,
}

/// Asks until there is an answer.
///
/// # Errors
/// Those of `ask`. There is no answer within the wait's limit, or the operation ended before: which of both, what was
/// awaited and for how long is in the message.
pub(super) async fn until<T, F>(wait: Wait<'_>, context: &Context, ask: impl FnMut() -> F) -> Result<T, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    let limit = wait.limit.as_secs();
    let advice = "run the same command again";
    until_seen(wait, context, ask)
        .await?
        .ok_or_else(|| wait.over(format!("after {limit} s; {advice}")))
}

/// Asks until there is an answer; `None` where there is none within the wait's limit.
///
/// # Errors
/// Those of `ask`, or the operation ended before.
pub(super) async fn until_seen<T, F>(
    wait: Wait<'_>,
    context: &Context,
    mut ask: impl FnMut() -> F,
) -> Result<Option<T>, AwsError>
where
    F: Future<Output = Result<Option<T>, AwsError>>,
{
    let start = tokio::time::Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(answer) = ask().await? {
            return Ok(Some(answer));
        }
        if start.elapsed() + pause > wait.limit {
            return Ok(None);
        }
        context.bounds().pause(pause).await.map_err(|end: End| {
            let waited = start.elapsed().as_secs_f64();
            wait.over(format!("after {waited:.1} s, when {end}; {}", end.advice()))
        })?;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

impl Wait<'_> {
    fn over(&self, how: impl std::fmt::Display) -> AwsError {
        let message = format!("it was still {} {how}", self.state);
        finding(self.action, self.object, Class::Transient, message)
    }
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

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::stack::bounds::{Bounds, Timeout};
    use crate::stack::kinds::replay;

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
        let (context, _) = replay::context(&[]);
        let mut asked = 0;
        let answer = until(DELETION, &context, || {
            asked += 1;
            let answer = (asked == 2).then_some(asked);
            async move { Ok(answer) }
        });
        assert_eq!(answer.await.unwrap(), 2);
        let short = Wait {
            limit: Duration::from_millis(1),
            ..DELETION
        };
        let never = until_seen(short, &context, || async { Ok(None::<()>) });
        assert_eq!(never.await.unwrap(), None);
        let never = until(short, &context, || async { Ok(None::<()>) });
        assert_eq!(
            never.await.unwrap_err().to_string(),
            "DeleteTable of \"Acme\" failed: it was still DELETING after 0 s; run the same command again"
        );
    }

    const DELETION: Wait<'_> = Wait {
        action: "DeleteTable",
        object: "Acme",
        state: "DELETING",
        limit: Duration::from_mins(15),
    };

    #[tokio::test]
    async fn a_wait_ends_with_its_operation_and_says_what_was_awaited() {
        let timeout = Timeout {
            limit: Duration::from_millis(50),
            attribute: Some("timeouts.delete"),
        };
        let interrupt = CancellationToken::new();
        let in_time = replay::context(&[]).0.within(Bounds::new(&interrupt, timeout));
        let never = || async { Ok(None::<()>) };
        let told = until(DELETION, &in_time, never).await.unwrap_err().to_string();
        let (begin, end) = told.split_once(" s, when ").unwrap();
        assert!(
            begin.starts_with("DeleteTable of \"Acme\" failed: it was still DELETING after 0."),
            "{told}"
        );
        assert_eq!(
            end,
            "the operation's time was over (\"timeouts.delete\" is \"0s\"); raise \"timeouts.delete\" and run the same \
             command again"
        );

        let interrupted = replay::context(&[]).0.within(Bounds::interruptible(&interrupt));
        let (told, ()) = tokio::join!(until(DELETION, &interrupted, never), async { interrupt.cancel() });
        let told = told.unwrap_err().to_string();
        assert!(
            told.ends_with(" s, when the operation was interrupted; run the same command again"),
            "{told}"
        );
    }
}
