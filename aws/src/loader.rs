//! Reads of single items, gathered into batches: what is asked for while a read is under way goes out as one call.
//!
//! Guarantees: an answer is never older than its question, but where it was said that it may be; nobody waits for a batch to
//! fill; a batch that DynamoDB answers in part is asked for again, or fails for those who are left.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use tokio::sync::oneshot;

use crate::ahead::{Ahead, Known};
use crate::error::{AwsError, Class, Doing};
use crate::item::Item;

/// DynamoDB reads at most a hundred keys at once.
const KEYS: usize = 100;

/// How often what is left of a batch is asked for, and how long the second asking waits; each further one waits twice as
/// long.
const ROUNDS: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Gathers the reads of all its clones.
#[derive(Debug, Clone)]
pub struct Loader {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    waiting: Mutex<Waiting>,
    /// What was read ahead, by table; none where answers must not be older than their questions.
    ahead: Option<Mutex<HashMap<String, Ahead>>>,
}

#[derive(Debug, Default)]
struct Waiting {
    questions: HashMap<Key, Vec<Asker>>,
    /// Whether a task is there to take them.
    served: bool,
}

/// An item of a table whose key is one string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The table.
    pub table: String,
    /// The key's name.
    pub name: &'static str,
    /// The key's value.
    pub id: String,
}

type Answer = Result<Option<Item>, AwsError>;
type Asker = oneshot::Sender<Answer>;

impl Loader {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                waiting: Mutex::default(),
                ahead: None,
            }),
        }
    }

    /// The same, for who asks for hundreds of items one after the other and changes none of them: what is there may be answered
    /// as it was up to half a minute before the question. Needs `dynamodb:Scan`, without which it is no faster.
    pub fn reading_ahead(client: Client) -> Self {
        Self {
            inner: Arc::new(Inner {
                client,
                waiting: Mutex::default(),
                ahead: Some(Mutex::default()),
            }),
        }
    }

    /// The item as it is now (a consistent read); none where there is none. Must be called within a runtime of tokio's.
    ///
    /// # Errors
    /// The read failed; all who asked together are told the same.
    pub async fn get(&self, key: Key) -> Answer {
        match self.inner.known(&key) {
            Known::Item(item) => return Ok(Some(item)),
            Known::No => {}
            Known::NoAndPage(start) => {
                drop(tokio::spawn(Arc::clone(&self.inner).read_ahead(key.clone(), start)));
            }
        }
        let (asker, answer) = oneshot::channel();
        let object = format!("{}/{}", key.table, key.id);
        let first = {
            let mut waiting = self.inner.waiting();
            waiting.questions.entry(key).or_default().push(asker);
            !mem::replace(&mut waiting.served, true)
        };
        if first {
            // A task of its own: who asked first may be cancelled without leaving the others alone.
            tokio::spawn(Arc::clone(&self.inner).serve());
        }
        let lost = |_| failed(&object, Class::Transient, "the task that reads it ended early");
        answer.await.map_err(lost)?
    }
}

impl Inner {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        // No panic can leave it half-changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was read ahead of the item, if that is done at all.
    fn known(&self, key: &Key) -> Known {
        let Some(ahead) = self.ahead.as_ref() else {
            return Known::No;
        };
        let mut tables = ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let table = match tables.get_mut(&key.table) {
            Some(table) => table,
            None => tables.entry(key.table.clone()).or_default(),
        };
        table.question(&key.id, Instant::now())
    }

    /// Reads the page after the key `start` of the table in which `key` is. Nobody waits for it.
    async fn read_ahead(self: Arc<Self>, key: Key, start: Option<Item>) {
        let Some(ahead) = self.ahead.as_ref() else { return };
        let request = self
            .client
            .scan()
            .table_name(&key.table)
            .consistent_read(true)
            .set_exclusive_start_key(start);
        let answer = request.send().await.doing("Scan", &key.table);
        let mut tables = ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let table = tables.entry(key.table).or_default();
        match answer {
            Ok(answer) => {
                let id = |item: &Item| item.get(key.name)?.as_s().ok().cloned();
                let items = answer.items.unwrap_or_default().into_iter();
                table.page(
                    items.filter_map(|item| Some((id(&item)?, item))),
                    answer.last_evaluated_key,
                );
            }
            Err(error) => {
                tracing::debug!(%error, "nothing is read ahead");
                table.failed();
            }
        }
    }

    /// Answers batch after batch until nobody asks any more.
    async fn serve(self: Arc<Self>) {
        loop {
            let batch: HashMap<Key, Vec<Asker>> = {
                let mut waiting = self.waiting();
                if waiting.questions.is_empty() {
                    waiting.served = false;
                    return;
                }
                let some: Vec<Key> = waiting.questions.keys().take(KEYS).cloned().collect();
                some.into_iter()
                    .filter_map(|key| waiting.questions.remove_entry(&key))
                    .collect()
            };
            self.answer(batch).await;
        }
    }

    async fn answer(&self, mut batch: HashMap<Key, Vec<Asker>>) {
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(FIRST_PAUSE * (1 << (round - 1))).await;
            }
            match self.ask(batch.keys()).await {
                Ok(answers) => {
                    for (key, item) in answers {
                        tell(batch.remove(&key), &Ok(item));
                    }
                }
                Err(error) => {
                    for (_, askers) in batch {
                        tell(Some(askers), &Err(error.clone()));
                    }
                    return;
                }
            }
            if batch.is_empty() {
                return;
            }
        }
        for (key, askers) in batch {
            let object = format!("{}/{}", key.table, key.id);
            tell(
                Some(askers),
                &Err(failed(&object, Class::Transient, "DynamoDB left the key unprocessed")),
            );
        }
    }

    /// Asks once; keys that DynamoDB left for later are missing from the answer.
    async fn ask(&self, keys: impl ExactSizeIterator<Item = &Key>) -> Result<Vec<(Key, Option<Item>)>, AwsError> {
        let keys: Vec<&Key> = keys.collect();
        if let [key] = keys[..] {
            return Ok(vec![(key.clone(), self.ask_one(key).await?)]);
        }
        let mut tables: HashMap<&str, Vec<Item>> = HashMap::new();
        for key in &keys {
            tables.entry(&key.table).or_default().push(key.item());
        }
        let object = tables.keys().copied().collect::<Vec<_>>().join(", ");
        let mut request = self.client.batch_get_item();
        for (table, keys) in tables {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build();
            let wanted = wanted.map_err(|error| failed(table, Class::Terminal, &error.to_string()))?;
            request = request.request_items(table, wanted);
        }
        let mut answer = request.send().await.doing("BatchGetItem", &object)?;
        let left = answer.unprocessed_keys.take().unwrap_or_default();
        let mut found = answer.responses.take().unwrap_or_default();
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            let is_ours = |item: &Item| item.get(key.name) == Some(&AttributeValue::S(key.id.clone()));
            let item = found
                .get_mut(&key.table)
                .and_then(|items| items.iter().position(is_ours).map(|at| items.swap_remove(at)));
            let unprocessed = left.get(&key.table).is_some_and(|left| left.keys().iter().any(is_ours));
            if item.is_some() || !unprocessed {
                answers.push((key.clone(), item));
            }
        }
        Ok(answers)
    }

    async fn ask_one(&self, key: &Key) -> Answer {
        let request = self
            .client
            .get_item()
            .table_name(&key.table)
            .set_key(Some(key.item()))
            .consistent_read(true);
        let answer = request
            .send()
            .await
            .doing("GetItem", &format!("{}/{}", key.table, key.id))?;
        Ok(answer.item)
    }
}

impl Key {
    fn item(&self) -> Item {
        HashMap::from([(self.name.to_owned(), AttributeValue::S(self.id.clone()))])
    }
}

/// Who no longer listens needs no answer.
fn tell(askers: Option<Vec<Asker>>, answer: &Answer) {
    for asker in askers.into_iter().flatten() {
        let _ = asker.send(answer.clone());
    }
}

fn failed(object: &str, class: Class, why: &str) -> AwsError {
    AwsError {
        action: "BatchGetItem".into(),
        object: object.into(),
        code: None,
        message: why.into(),
        request_id: None,
        class,
        ambiguous: false,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_types::body::SdkBody;
    use futures_util::future::join_all;

    use super::*;

    fn replay(answers: &[&str]) -> (Loader, StaticReplayClient) {
        let (client, http) = client(answers);
        (Loader::new(client), http)
    }

    fn client(answers: &[&str]) -> (Client, StaticReplayClient) {
        let events = answers.iter().map(|body| {
            let answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from(*body));
            ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)
        });
        let http = StaticReplayClient::new(events.collect());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .credentials_provider(aws_credential_types::Credentials::new("a", "b", None, None, "test"))
            .http_client(http.clone())
            .build();
        (Client::from_conf(config), http)
    }

    impl Inner {
        /// Whether a page is on its way.
        fn pending(&self, table: &str) -> bool {
            let tables = self.ahead.as_ref().unwrap().lock().unwrap();
            tables.get(table).is_some_and(Ahead::is_asked)
        }
    }

    fn key(id: &str) -> Key {
        Key {
            table: "T".into(),
            name: "Id",
            id: id.into(),
        }
    }

    fn sent(http: &StaticReplayClient) -> Vec<String> {
        let operation = |request: &str| request.rsplit('.').next().unwrap_or_default().to_owned();
        let requests = http.actual_requests();
        requests
            .map(|request| operation(request.headers().get("x-amz-target").unwrap_or_default()))
            .collect()
    }

    #[tokio::test]
    async fn one_question_is_a_plain_read() {
        let (loader, http) = replay(&[r#"{"Item":{"Id":{"S":"a"}}}"#]);
        assert!(loader.get(key("a")).await.unwrap().is_some());
        assert_eq!(sent(&http), ["GetItem"]);
    }

    #[tokio::test]
    async fn what_is_asked_together_goes_out_together_and_what_is_left_is_asked_again() {
        let (loader, http) = replay(&[
            r#"{"Responses":{"T":[{"Id":{"S":"a"}}]},"UnprocessedKeys":{"T":{"Keys":[{"Id":{"S":"b"}},{"Id":{"S":"d"}}]}}}"#,
            r#"{"Responses":{"T":[{"Id":{"S":"b"}}]},"UnprocessedKeys":{}}"#,
        ]);
        let answers = join_all(["a", "b", "c", "d", "a"].map(|id| loader.get(key(id)))).await;
        let found: Vec<bool> = answers.into_iter().map(|answer| answer.unwrap().is_some()).collect();
        assert_eq!(found, [true, true, false, false, true]);
        assert_eq!(sent(&http), ["BatchGetItem", "BatchGetItem"]);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_who_asked() {
        let (loader, _) = replay(&[]);
        let answers = join_all(["a", "b"].map(|id| loader.get(key(id)))).await;
        assert!(answers.iter().all(Result::is_err));
    }

    #[tokio::test]
    async fn many_questions_one_by_one_read_the_rest_by_the_page() {
        let item = |n: usize| format!(r#"{{"Id":{{"S":"{n}"}}}}"#);
        let single = |n| format!(r#"{{"Item":{}}}"#, item(n));
        let page: Vec<String> = (0..100).map(item).collect();
        // The page is asked for together with the last single item, or just before or after it.
        let page = format!(r#"{{"Items":[{}],"Item":{}}}"#, page.join(","), item(31));
        let mut answers: Vec<String> = (0..31).map(single).collect();
        answers.extend([page.clone(), page]);
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        let (client, http) = client(&answers);
        let loader = Loader::reading_ahead(client);
        for n in 0..32 {
            assert!(loader.get(key(&n.to_string())).await.unwrap().is_some());
        }
        let read = || sent(&http).iter().filter(|operation| *operation == "Scan").count();
        while read() == 0 || loader.inner.pending("T") {
            tokio::task::yield_now().await;
        }
        for n in 32..100 {
            assert!(loader.get(key(&n.to_string())).await.unwrap().is_some());
        }
        assert_eq!((sent(&http).len(), read()), (33, 1));
    }
}
