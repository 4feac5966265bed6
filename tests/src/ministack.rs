//! MiniStack, the local AWS: one process on a free port, and the Lambdas that it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde_json::Value;

use crate::account::Account;
use crate::process;
use crate::server::{self, Server};
use crate::tls::{self, Tls};

/// How the server is to behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether IAM policies are enforced. The server then speaks TLS: queues that deny plain HTTP deny it.
    pub auth: bool,
}

/// A running local AWS.
#[derive(Debug)]
pub struct MiniStack {
    url: String,
    authority: Option<PathBuf>,
    accounts: AtomicU64,
    server: Server,
}

/// Runs the server in the main thread. Over TLS it would serve port 443 as well, and of two servers that start at once the
/// loser closes its own port for a moment: nobody asks there, so that none of ours does. A change of a function's configuration
/// would end what functions of that name run in all accounts: it ends its own account's alone. Where RECORD names a file,
/// every request is written to it, a line each, before it is served; the code of functions is left out.
const SCRIPT: &str = "
import json, os, sys
import ministack.app as served
import ministack.services.lambda_svc as functions

def recording(inner, log):
    async def app(scope, receive, send):
        if scope['type'] != 'http':
            return await inner(scope, receive, send)
        body, more = b'', True
        while more:
            event = await receive()
            body += event.get('body', b'')
            more = event.get('more_body', False)
        headers = {name.decode('latin-1'): value.decode('latin-1') for name, value in scope['headers']}
        text = body.decode('latin-1')
        if len(body) > 65536 and 'ZipFile' in text:
            text = json.dumps({key: value for key, value in json.loads(body).items() if key not in ('Code', 'ZipFile')})
        log.write(json.dumps({
            'method': scope['method'], 'path': scope.get('raw_path', b'').decode('latin-1'),
            'query': scope['query_string'].decode('latin-1'), 'body': text,
            'authorization': headers.get('authorization', ''), 'target': headers.get('x-amz-target', ''),
        }) + '\\n')
        log.flush()
        given = []
        async def again():
            if given:
                return await receive()
            given.append(True)
            return {'type': 'http.request', 'body': body, 'more_body': False}
        return await inner(scope, again, send)
    return app

bindable = served._port_is_bindable
served._port_is_bindable = lambda host, port: port != 443 and bindable(host, port)
invalidate = functions.invalidate_worker
functions.invalidate_worker = lambda name, qualifier=None, account=None, region=None: invalidate(
    name, qualifier=qualifier,
    account=account or functions.get_account_id(), region=region or functions.get_region(),
)
if 'RECORD' in os.environ:
    served.app = recording(served.app, open(os.environ['RECORD'], 'a'))
sys.argv = ['ministack']
served.main()
";

static SHARED: Mutex<[Option<&'static MiniStack>; 2]> = Mutex::new([None, None]);

impl MiniStack {
    /// Starts a server of one's own and waits until it answers.
    pub fn start(options: Options) -> Result<Self> {
        Self::launch(options, false)
    }

    /// The same, but the server keeps a record of every request.
    pub fn recording(options: Options) -> Result<Self> {
        Self::launch(options, true)
    }

    fn launch(options: Options, record: bool) -> Result<Self> {
        let scheme = if options.auth { "https" } else { "http" };
        let url = |port| format!("{scheme}://127.0.0.1:{port}");
        let server = Server::start("MiniStack", |dir, port| {
            let mut command = server::python(SCRIPT, dir)?;
            command
                .env("GATEWAY_PORT", port.to_string())
                .env("BIND_HOST", "127.0.0.1")
                .env("AWS_ENDPOINT_URL", url(port))
                .env("AUTH", options.auth.to_string())
                .env("SFTP_ENABLED", "0")
                .env("IOT_MTLS_ENABLED", "0");
            if record {
                command.env("RECORD", dir.join(RECORD));
            }
            if options.auth {
                let tls = Tls::create(dir, "the local AWS")?;
                command
                    .env("USE_SSL", "1")
                    .env("MINISTACK_SSL_CERT", &tls.certificate)
                    .env("MINISTACK_SSL_KEY", &tls.key)
                    // The Lambdas inherit these: one for Rust, one for Python.
                    .env("SSL_CERT_FILE", &tls.authority)
                    .env("AWS_CA_BUNDLE", &tls.authority);
            }
            Ok(command)
        })?;
        Ok(Self {
            url: url(server.port()),
            authority: options.auth.then(|| server.dir().join(tls::AUTHORITY)),
            accounts: AtomicU64::new(1),
            server,
        })
    }

    /// The server that the tests of this process share; each works in an [`Account`] of its own.
    pub fn shared(options: Options) -> Result<&'static Self> {
        let mut shared = SHARED
            .lock()
            .map_err(|_| anyhow::anyhow!("another test failed while it started MiniStack"))?;
        let slot = &mut shared[usize::from(options.auth)];
        match *slot {
            Some(server) => Ok(server),
            None => Ok(*slot.insert(Box::leak(Box::new(Self::start(options)?)))),
        }
    }

    /// The endpoint of every service, such as `http://127.0.0.1:4566`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The endpoint's port.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The server's processor time so far, in seconds: what it takes to be AWS, without the Lambdas that run now.
    pub fn cpu_seconds(&self) -> f64 {
        process::times(self.server.id()).map_or(0.0, |times| times.own)
    }

    /// What the server and the Lambdas wrote. It is gone with the server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.server.log()).unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// Where the server writes.
    pub fn log_path(&self) -> &Path {
        self.server.log()
    }

    /// The requests that a recording server was sent, in their order: method, path, query, body, authorization, target.
    pub fn recorded(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(self.server.dir().join(RECORD)).context("reading the record of requests")?;
        let line = |line| serde_json::from_str(line).context("reading a recorded request");
        text.lines().map(line).collect()
    }

    /// An account that nobody else of this server uses, in `us-east-1`.
    pub fn account(&self) -> Account {
        self.account_in("us-east-1")
    }

    /// An account that nobody else of this server uses.
    pub fn account_in(&self, region: &str) -> Account {
        let number = self.accounts.fetch_add(1, Ordering::Relaxed);
        Account::new(&self.url, &format!("{:012}", 100_000_000_000 + number), region)
            .trusting(self.authority.as_deref())
    }

    /// The configuration of SDK clients: the account is the access key, the region is the signed one.
    pub fn sdk_config(&self, account: &str, region: &str) -> SdkConfig {
        Account::new(&self.url, account, region)
            .trusting(self.authority.as_deref())
            .sdk_config()
    }
}

/// The file of the record.
const RECORD: &str = "requests.jsonl";

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::primitives::Blob;

    use super::*;
    use crate::fixtures::TargetFunction;

    #[tokio::test]
    async fn accounts_do_not_see_each_other() -> Result<()> {
        let server = MiniStack::shared(Options::default())?;
        let (mine, other) = (server.account(), server.account());
        mine.sqs().create_queue().queue_name("Mine").send().await?;
        assert_eq!(mine.sqs().list_queues().send().await?.queue_urls().len(), 1);
        assert_eq!(other.sqs().list_queues().send().await?.queue_urls().len(), 0);
        Ok(())
    }

    #[tokio::test]
    async fn a_function_runs_on_while_its_namesake_of_another_account_changes() -> Result<()> {
        let server = MiniStack::shared(Options::default())?;
        let (mine, other) = (server.account(), server.account());
        let running = TargetFunction::create(&mine, "Destino").await?;
        TargetFunction::create(&other, "Destino").await?;
        let call = mine
            .lambda()
            .invoke()
            .function_name("Destino")
            .payload(Blob::new(r#"{"duerme":3,"responde":"hecho"}"#));
        let call = tokio::spawn(call.send());
        running.seen_at_least(1).await?;
        let change = other.lambda().update_function_configuration().function_name("Destino");
        change.timeout(31).send().await?;
        let answer = call.await??;
        let said = answer
            .payload()
            .map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned());
        assert_eq!((answer.function_error(), said.as_deref()), (None, Some("\"hecho\"")));
        Ok(())
    }

    #[tokio::test]
    async fn a_server_over_tls_is_trusted_by_who_knows_its_authority_alone() -> Result<()> {
        let account = MiniStack::shared(Options { auth: true })?.account();
        account.sqs().list_queues().send().await?;
        let stranger = Account::new(&account.endpoint, &account.id, &account.region);
        assert!(stranger.sqs().list_queues().send().await.is_err());
        Ok(())
    }

    #[test]
    fn a_dropped_server_answers_no_more() -> Result<()> {
        let server = MiniStack::start(Options::default())?;
        let health = format!("{}/_ministack/health", server.url());
        assert!(ureq::get(&health).call().is_ok());
        drop(server);
        assert!(ureq::get(&health).call().is_err());
        Ok(())
    }
    #[tokio::test]
    async fn a_recording_server_tells_what_it_was_asked() -> Result<()> {
        let server = MiniStack::recording(Options::default())?;
        let queue = server.account().sqs().create_queue().queue_name("Mine").send().await?;
        assert!(queue.queue_url().is_some());
        let recorded = server.recorded()?;
        assert_eq!(recorded[0]["target"], "AmazonSQS.CreateQueue");
        assert!(
            recorded[0]["body"].as_str().is_some_and(|body| body.contains("Mine")),
            "{recorded:?}"
        );
        Ok(())
    }
}
