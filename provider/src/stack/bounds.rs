//! What ends an operation before it is done: the user, the clock, or the loss of the marker's lease.
//!
//! Invariant: whatever waits, in the engine, in a kind or for the marker, waits within the bounds of its operation.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The bounds of one operation; the default has none.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    interrupt: CancellationToken,
    lost: CancellationToken,
    time: Option<(Instant, Timeout)>,
}

/// How long an operation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// How long.
    pub limit: Duration,
    /// The attribute that says so (`timeouts.create`), where users can set it.
    pub attribute: Option<&'static str>,
}

/// Why an operation ended before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The user interrupted it (Ctrl-C).
    Interrupted,
    /// Its time was over.
    TimeOver(Timeout),
    /// The lease of the marker was lost: somebody else may work on the stack.
    LeaseLost,
}

impl Bounds {
    /// Ends when `interrupt` is cancelled, and after `timeout`, which begins now.
    pub fn new(interrupt: &CancellationToken, timeout: impl Into<Timeout>) -> Self {
        let timeout = timeout.into();
        Self {
            time: Some((Instant::now() + timeout.limit, timeout)),
            ..Self::interruptible(interrupt)
        }
    }

    /// Ends when `interrupt` is cancelled.
    pub fn interruptible(interrupt: &CancellationToken) -> Self {
        Self {
            interrupt: interrupt.clone(),
            ..Self::default()
        }
    }

    /// To be cancelled when the marker's lease is lost.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Why nothing more is to be started; `None` while the operation may go on.
    pub fn over(&self) -> Option<End> {
        let time = self.time.filter(|(deadline, _)| Instant::now() >= *deadline);
        if self.interrupt.is_cancelled() {
            Some(End::Interrupted)
        } else if self.lost.is_cancelled() {
            Some(End::LeaseLost)
        } else {
            time.map(|(_, timeout)| End::TimeOver(timeout))
        }
    }

    /// Lets some time pass.
    ///
    /// # Errors
    /// The operation ended before, or meanwhile.
    pub async fn pause(&self, time: Duration) -> Result<(), End> {
        if let Some(end) = self.over() {
            return Err(end);
        }
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            end = self.ended() => Err(end),
        }
    }

    async fn ended(&self) -> End {
        let timeout = async {
            match self.time {
                Some((deadline, timeout)) => {
                    tokio::time::sleep_until(deadline).await;
                    timeout
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.interrupt.cancelled() => End::Interrupted,
            () = self.lost.cancelled() => End::LeaseLost,
            timeout = timeout => End::TimeOver(timeout),
        }
    }
}

impl From<Duration> for Timeout {
    fn from(limit: Duration) -> Self {
        Self { limit, attribute: None }
    }
}

impl End {
    /// What the user can do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Interrupted | Self::TimeOver(Timeout { attribute: None, .. }) => "run the same command again".into(),
            Self::TimeOver(Timeout {
                attribute: Some(attribute),
                ..
            }) => format!("raise \"{attribute}\" and run the same command again"),
            Self::LeaseLost => "see that nobody else works on the stack, then run the same command again".into(),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => f.write_str("the operation was interrupted"),
            Self::TimeOver(Timeout { limit, attribute: None }) => {
                write!(f, "the operation's time was over ({})", spelled(*limit))
            }
            Self::TimeOver(Timeout {
                limit,
                attribute: Some(attribute),
            }) => write!(
                f,
                "the operation's time was over (\"{attribute}\" is \"{}\")",
                spelled(*limit)
            ),
            Self::LeaseLost => f.write_str("the lease of the stack's marker was lost"),
        }
    }
}

/// A duration as configurations spell it: `1h30m`, `5s`.
fn spelled(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let text = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .fold(String::new(), |text, (count, unit)| format!("{text}{count}{unit}"));
    if text.is_empty() { "0s".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Option<&str> = Some("timeouts.create");

    #[test]
    fn the_time_is_told_as_the_user_wrote_it() {
        for (seconds, text) in [(5, "5s"), (90, "1m30s"), (1800, "30m"), (5400, "1h30m"), (0, "0s")] {
            let limit = Duration::from_secs(seconds);
            let end = End::TimeOver(Timeout {
                limit,
                attribute: CREATE,
            });
            assert_eq!(
                end.to_string(),
                format!("the operation's time was over (\"timeouts.create\" is \"{text}\")")
            );
            assert_eq!(end.advice(), "raise \"timeouts.create\" and run the same command again");
        }
    }

    #[tokio::test]
    async fn a_pause_ends_early_and_says_why() {
        let hour = Duration::from_hours(1);
        let interrupt = CancellationToken::new();
        let never = Bounds::default();
        assert_eq!(never.pause(Duration::from_millis(1)).await, Ok(()));

        let timeout = Timeout::from(Duration::from_millis(20));
        assert_eq!(
            Bounds::new(&interrupt, timeout).pause(hour).await,
            Err(End::TimeOver(timeout))
        );
        let lost = Bounds::new(&interrupt, hour);
        let (waited, ()) = tokio::join!(lost.pause(hour), async { lost.lost().cancel() });
        assert_eq!(waited, Err(End::LeaseLost));
        let bounds = Bounds::new(&interrupt, hour);
        assert_eq!(bounds.over(), None);
        let (waited, ()) = tokio::join!(bounds.pause(hour), async { interrupt.cancel() });
        assert_eq!((waited, bounds.over()), (Err(End::Interrupted), Some(End::Interrupted)));
    }
}
