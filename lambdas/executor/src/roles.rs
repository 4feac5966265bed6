//! The credentials of processes' roles: assumed once for each role and process, and kept until shortly before they expire.
//!
//! Invariant: the records of one process that run at the same time wait for one call, instead of making one each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use kairos::instant::Timestamp;
use tokio::sync::Mutex;

/// Credentials are renewed this long before they expire, so that none expires under a call.
const MARGIN: Duration = Duration::from_mins(5);

/// More roles than this are not kept: a warm executor's memory must not grow with the number of processes.
const MOST: usize = 1_000;

/// STS takes session names of 2 to 64 of these characters.
const SESSION_MAX: usize = 64;

type Slot = Arc<Mutex<Option<Credentials>>>;

/// Credentials by role and session.
#[derive(Debug, Default)]
pub(crate) struct RoleCache {
    slots: Mutex<HashMap<(String, String), Slot>>,
}

impl RoleCache {
    /// The credentials of `role` for `session`: kept ones that hold for more than five minutes after `now`, or new ones
    /// from `assume`.
    pub(crate) async fn get<F, E>(&self, role: &str, session: &str, now: Timestamp, assume: F) -> Result<Credentials, E>
    where
        F: Future<Output = Result<Credentials, E>>,
    {
        let slot = self.slot(role, session).await;
        let mut held = slot.lock().await;
        if let Some(credentials) = held.as_ref().filter(|c| holds(c, now)) {
            return Ok(credentials.clone());
        }
        let credentials = assume.await?;
        *held = Some(credentials.clone());
        Ok(credentials)
    }

    /// Forgets the credentials of `role` for `session`: the target did not take them.
    pub(crate) async fn forget(&self, role: &str, session: &str) {
        self.slots.lock().await.remove(&(role.to_owned(), session.to_owned()));
    }

    async fn slot(&self, role: &str, session: &str) -> Slot {
        let mut slots = self.slots.lock().await;
        let key = (role.to_owned(), session.to_owned());
        if slots.len() >= MOST && !slots.contains_key(&key) {
            slots.clear();
        }
        slots.entry(key).or_default().clone()
    }
}

fn holds(credentials: &Credentials, now: Timestamp) -> bool {
    let now = SystemTime::from(now);
    credentials
        .expiry()
        .is_some_and(|expiry| expiry.duration_since(now).is_ok_and(|left| left > MARGIN))
}

/// The session's name for a process: its id, with every character that STS refuses replaced by `-`.
pub(crate) fn session_name(id_proceso: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let mut name: String = id_proceso
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(SESSION_MAX)
        .collect();
    while name.len() < 2 {
        name.push('-');
    }
    name
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    const NOW: &str = "2026-01-01T12:00:00Z";

    fn credentials(expiry: &str) -> Credentials {
        let expiry: Timestamp = expiry.parse().unwrap();
        Credentials::new("AKID", "secret", Some("token".into()), Some(expiry.into()), "test")
    }

    struct Sts {
        calls: AtomicU32,
        expiry: &'static str,
    }

    impl Sts {
        async fn assume(&self) -> Result<Credentials, ()> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(credentials(self.expiry))
        }
    }

    async fn calls(expiry: &'static str, askers: &[(&str, &str)]) -> u32 {
        let sts = Sts {
            calls: AtomicU32::new(0),
            expiry,
        };
        let cache = RoleCache::default();
        let now = NOW.parse().unwrap();
        let all = askers
            .iter()
            .map(|(role, session)| cache.get(role, session, now, sts.assume()));
        for got in futures_util::future::join_all(all).await {
            got.unwrap();
        }
        sts.calls.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn ten_records_of_one_process_assume_its_role_once() {
        assert_eq!(calls("2026-01-01T13:00:00Z", &[("role", "a"); 10]).await, 1);
    }

    #[tokio::test]
    async fn roles_and_processes_do_not_share_credentials() {
        assert_eq!(
            calls("2026-01-01T13:00:00Z", &[("role", "a"), ("role", "b"), ("other", "a")]).await,
            3
        );
    }

    #[tokio::test]
    async fn credentials_are_renewed_five_minutes_before_they_expire() {
        assert_eq!(calls("2026-01-01T12:05:00Z", &[("role", "a"); 2]).await, 2);
        assert_eq!(calls("2026-01-01T12:05:01Z", &[("role", "a"); 2]).await, 1);
    }

    #[tokio::test]
    async fn a_failure_is_not_kept_and_a_forgotten_role_is_assumed_again() {
        let sts = Sts {
            calls: AtomicU32::new(0),
            expiry: "2026-01-01T13:00:00Z",
        };
        let cache = RoleCache::default();
        let now = NOW.parse().unwrap();
        assert_eq!(
            cache
                .get("role", "a", now, async { Err::<Credentials, _>("denied") })
                .await,
            Err("denied")
        );
        cache.get("role", "a", now, sts.assume()).await.unwrap();
        cache.forget("role", "a").await;
        cache.get("role", "a", now, sts.assume()).await.unwrap();
        assert_eq!(sts.calls.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn session_names_hold_only_what_sts_takes() {
        assert_eq!(session_name("proceso-abc"), "proceso-abc");
        assert_eq!(session_name("proceso-Ñ/x y"), "proceso---x-y");
        assert_eq!(session_name("p"), "p-");
        assert_eq!(session_name(&"a".repeat(100)).len(), 64);
    }
}
