//! Awaiting a condition instead of sleeping: polls until it holds, and says what was awaited when it never does.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Polls `condition` until it gives a value.
///
/// # Errors
/// What the condition itself returned as an error, or, after `limit`, that `what` did not come.
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let start = Instant::now();
    loop {
        if let Some(value) = condition().await.with_context(|| format!("while waiting for {what}"))? {
            return Ok(value);
        }
        if start.elapsed() > limit {
            bail!("{what}: did not come within {} s", limit.as_secs());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn gives_the_value_once_it_is_there() -> Result<()> {
        let mut polls = 0;
        let seen = until("the third poll", Duration::from_secs(5), || {
            polls += 1;
            let now = (polls == 3).then_some(polls);
            async move { Ok(now) }
        })
        .await?;
        assert_eq!(seen, 3);
        Ok(())
    }

    #[tokio::test]
    async fn says_what_never_came() {
        let outcome = until::<(), _, _>("a miracle", Duration::ZERO, || async { Ok(None) }).await;
        assert_eq!(
            outcome.err().map(|e| e.to_string()).as_deref(),
            Some("a miracle: did not come within 0 s")
        );
    }
}
