//! The credentials of processes' roles: assumed once for each role and process, and kept until shortly before they expire.
//!
//! Invariant: the records of one process that run at the same time wait for one call and share what comes of it, be it a
//! refusal; nobody waits for the call of another process. Failures are not kept.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use kairos::instant::Timestamp;
use kairos_aws::error::AwsError;

/// Credentials are renewed this long before they expire, so that none expires under a call.
const MARGIN: Duration = Duration::from_mins(5);

/// More roles than this are not kept: a warm executor's memory must not grow with the number of processes. Credentials
/// take some 2 KB, so that all together take 8 MB of the function's 256.
const MOST: usize = 4_096;

/// How many of them make room for new ones: those that were not used for the longest time.
const ROOM: usize = MOST / 4;

/// STS takes session names of 2 to 64 of these characters.
const SESSION_MAX: usize = 64;

/// Credentials by role and session.
#[derive(Debug, Default)]
pub(crate) struct RoleCache {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_role: HashMap<(String, String), Entry>,
    /// Counts every use, and so tells earlier from later ones.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    slot: Arc<Slot>,
    used: u64,
}

/// One role and session: whoever holds the lock of `held` asks STS, the others wait for it.
#[derive(Debug, Default)]
struct Slot {
    /// How many calls have ended: who comes while one is under way sees it grow.
    ended: AtomicU64,
    held: tokio::sync::Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    credentials: Option<Credentials>,
    /// Why the last call failed, for those who waited for it.
    failure: Option<AwsError>,
}

/// What a role was assumed with.
#[derive(Debug, Clone)]
pub(crate) struct Assumed {
    pub(crate) credentials: Credentials,
    /// Whether they are from before: the role may have changed since.
    pub(crate) kept: bool,
}

impl RoleCache {
    /// The credentials of `role` for `session`: kept ones that hold for more than five minutes after `now` and are not the
    /// `refused` ones, or new ones from `assume`.
    pub(crate) async fn get<F>(
        &self,
        role: &str,
        session: &str,
        now: Timestamp,
        refused: Option<&Credentials>,
        assume: F,
    ) -> Result<Assumed, AwsError>
    where
        F: Future<Output = Result<Credentials, AwsError>>,
    {
        let slot = self.slot(role, session);
        let before = slot.ended.load(Ordering::Acquire);
        let mut held = slot.held.lock().await;
        let waited = slot.ended.load(Ordering::Acquire) != before;
        if let Some(failure) = held.failure.as_ref().filter(|_| waited) {
            return Err(failure.clone());
        }
        let usable = |kept: &&Credentials| holds(kept, now) && refused.is_none_or(|refused| !same(kept, refused));
        if let Some(credentials) = held.credentials.as_ref().filter(usable) {
            return Ok(Assumed {
                credentials: credentials.clone(),
                kept: !waited,
            });
        }
        let outcome = assume.await;
        slot.ended.fetch_add(1, Ordering::Release);
        *held = Held {
            credentials: outcome.as_ref().ok().cloned(),
            failure: outcome.as_ref().err().cloned(),
        };
        outcome.map(|credentials| Assumed {
            credentials,
            kept: false,
        })
    }

    fn slot(&self, role: &str, session: &str) -> Arc<Slot> {
        let mut entries = self.entries();
        entries.uses += 1;
        let used = entries.uses;
        let key = (role.to_owned(), session.to_owned());
        if entries.by_role.len() >= MOST && !entries.by_role.contains_key(&key) {
            entries.make_room();
        }
        let entry = entries.by_role.entry(key).or_insert_with(|| Entry {
            slot: Arc::default(),
            used,
        });
        entry.used = used;
        Arc::clone(&entry.slot)
    }

    /// A map is whole whatever happened to who held it.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Drops those that were not used for the longest time: expired ones are among them.
    fn make_room(&mut self) {
        let mut used: Vec<u64> = self.by_role.values().map(|entry| entry.used).collect();
        let (_, &mut last, _) = used.select_nth_unstable(ROOM - 1);
        self.by_role.retain(|_, entry| entry.used > last);
    }
}

fn same(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id() && one.session_token() == other.session_token()
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
    use std::sync::atomic::AtomicU32;

    use futures_util::future::join_all;
    use kairos_aws::error::Class;

    const NOW: &str = "2026-01-01T12:00:00Z";
    const HOUR: &str = "2026-01-01T13:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    /// Gives credentials that last until `expiry`, each with a key of its own; refuses while `denied`.
    struct Sts {
        calls: AtomicU32,
        expiry: &'static str,
        denied: bool,
    }

    impl Sts {
        fn until(expiry: &'static str) -> Self {
            Self {
                calls: AtomicU32::new(0),
                expiry,
                denied: false,
            }
        }

        async fn assume(&self) -> Result<Credentials, AwsError> {
            let number = self.calls.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            if self.denied {
                return Err(denied());
            }
            let expiry: Timestamp = self.expiry.parse().unwrap();
            let key = format!("AKID{number}");
            Ok(Credentials::new(
                key,
                "secret",
                Some("token".into()),
                Some(expiry.into()),
                "test",
            ))
        }

        fn calls(&self) -> u32 {
            self.calls.load(Ordering::Relaxed)
        }
    }

    fn denied() -> AwsError {
        AwsError {
            action: "AssumeRole".into(),
            object: "role".into(),
            code: Some("AccessDenied".into()),
            message: "no".into(),
            request_id: None,
            class: Class::Denied,
            ambiguous: false,
        }
    }

    async fn calls(expiry: &'static str, askers: &[(&str, &str)]) -> u32 {
        let (sts, cache) = (Sts::until(expiry), RoleCache::default());
        let all = askers
            .iter()
            .map(|(role, session)| cache.get(role, session, now(), None, sts.assume()));
        for got in join_all(all).await {
            got.unwrap();
        }
        sts.calls()
    }

    #[tokio::test]
    async fn ten_records_of_one_process_assume_its_role_once() {
        assert_eq!(calls(HOUR, &[("role", "a"); 10]).await, 1);
    }

    #[tokio::test]
    async fn roles_and_processes_do_not_share_credentials() {
        assert_eq!(calls(HOUR, &[("role", "a"), ("role", "b"), ("other", "a")]).await, 3);
    }

    #[tokio::test]
    async fn credentials_are_renewed_five_minutes_before_they_expire() {
        assert_eq!(calls("2026-01-01T12:05:00Z", &[("role", "a"); 2]).await, 2);
        assert_eq!(calls("2026-01-01T12:05:01Z", &[("role", "a"); 2]).await, 1);
    }

    #[tokio::test]
    async fn who_waits_shares_a_refusal_and_who_comes_later_asks_again() {
        let (mut sts, cache) = (Sts::until(HOUR), RoleCache::default());
        sts.denied = true;
        let all = (0..10).map(|_| cache.get("role", "a", now(), None, sts.assume()));
        for got in join_all(all).await {
            assert_eq!(got.unwrap_err(), denied());
        }
        assert_eq!(sts.calls(), 1);
        sts.denied = false;
        let assumed = cache.get("role", "a", now(), None, sts.assume()).await.unwrap();
        assert!(!assumed.kept);
        assert_eq!(sts.calls(), 2);
    }

    #[tokio::test]
    async fn credentials_that_were_refused_are_replaced_once_for_all() {
        let (sts, cache) = (Sts::until(HOUR), RoleCache::default());
        let first = cache.get("role", "a", now(), None, sts.assume()).await.unwrap();
        assert!(!first.kept);
        let second = cache.get("role", "a", now(), None, sts.assume()).await.unwrap();
        assert!(second.kept);
        let refused = Some(&second.credentials);
        let all = (0..5).map(|_| cache.get("role", "a", now(), refused, sts.assume()));
        for got in join_all(all).await {
            let got = got.unwrap();
            assert_eq!(
                (got.credentials.access_key_id(), got.kept),
                ("AKID1", false),
                "all are from the one call"
            );
        }
        // One who was refused as well, and says so only now, finds that they have been replaced.
        let got = cache.get("role", "a", now(), refused, sts.assume()).await.unwrap();
        assert_eq!((got.credentials.access_key_id(), sts.calls()), ("AKID1", 2));
    }

    #[tokio::test]
    async fn a_call_that_hangs_holds_nobody_of_another_role() {
        let (sts, cache) = (Sts::until(HOUR), RoleCache::default());
        let mut hangs = Box::pin(cache.get("role", "a", now(), None, std::future::pending()));
        assert!(futures_util::poll!(&mut hangs).is_pending());
        cache.get("role", "b", now(), None, sts.assume()).await.unwrap();
        // Whoever gives up waiting leaves the call to the next.
        drop(hangs);
        cache.get("role", "a", now(), None, sts.assume()).await.unwrap();
        assert_eq!(sts.calls(), 2);
    }

    #[tokio::test]
    async fn a_full_cache_forgets_who_was_not_used_for_the_longest_time() {
        let (sts, cache) = (Sts::until(HOUR), RoleCache::default());
        let asked = async |n: usize| {
            let session = n.to_string();
            cache
                .get("role", &session, now(), None, sts.assume())
                .await
                .unwrap()
                .kept
        };
        for n in 0..MOST {
            asked(n).await;
        }
        assert!(asked(0).await, "all have room");
        asked(MOST).await;
        assert_eq!(cache.entries().by_role.len(), MOST - ROOM + 1);
        assert!(asked(0).await, "it was used lately");
        assert!(asked(MOST - 1).await && asked(ROOM + 1).await);
        assert!(!asked(1).await && !asked(ROOM).await, "these were not");
        for n in MOST + 1..3 * MOST {
            asked(n).await;
        }
        assert!(cache.entries().by_role.len() <= MOST);
    }

    #[test]
    fn session_names_hold_only_what_sts_takes() {
        assert_eq!(session_name("proceso-abc"), "proceso-abc");
        assert_eq!(session_name("proceso-Ñ/x y"), "proceso---x-y");
        assert_eq!(session_name("p"), "p-");
        assert_eq!(session_name(&"a".repeat(100)).len(), 64);
    }
}
