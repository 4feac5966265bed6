//! MiniStack, the local AWS: one process on a free port, with an environment that knows nothing of ours.
//!
//! Invariant: the server, and every Lambda that it runs, ends when its [`MiniStack`] is dropped or this process ends,
//! however it ends: the server watches a pipe that only we hold open.

use std::env;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use tempfile::TempDir;

use crate::account::Account;
use crate::process::Group;
use crate::workspace;

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
    port: u16,
    log: PathBuf,
    authority: Option<PathBuf>,
    accounts: AtomicU64,
    // The order of the fields is the order of the end: first the processes, then the files that they use.
    _server: Group,
    _dir: TempDir,
}

/// Runs the server in the main thread and ends its whole process group once our end of the pipe is closed.
const FOLLOWER: &str = "
import os, signal, sys, threading
def follow():
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=follow, daemon=True).start()
from ministack.app import main
sys.argv = ['ministack']
main()
";

/// A slow machine under load takes seconds to import the server.
const START_LIMIT: Duration = Duration::from_mins(3);

/// Another process may take the free port between our look and the server's bind.
const PORT_ATTEMPTS: usize = 3;

static SHARED: Mutex<[Option<&'static MiniStack>; 2]> = Mutex::new([None, None]);

impl MiniStack {
    /// Starts a server of one's own and waits until it answers.
    pub fn start(options: Options) -> Result<Self> {
        let python = workspace::venv_tool("python")?;
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            match Self::start_once(&python, options) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| anyhow::anyhow!("no attempt was made"))).context("starting MiniStack")
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

    fn start_once(python: &Path, options: Options) -> Result<Self> {
        let dir = tempfile::tempdir().context("making MiniStack's folder")?;
        let log = dir.path().join("ministack.log");
        let output = File::create(&log).context("creating MiniStack's log")?;
        let port = free_port()?;
        let tls = if options.auth {
            Some(Tls::create(dir.path())?)
        } else {
            None
        };
        let url = format!("{}://127.0.0.1:{port}", if tls.is_some() { "https" } else { "http" });
        let mut command = Command::new(python);
        command
            .args(["-c", FOLLOWER])
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", dir.path())
            .env("TMPDIR", dir.path())
            .env("LANG", "C.UTF-8")
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &url)
            .env("AUTH", options.auth.to_string())
            .env("SFTP_ENABLED", "0")
            .env("IOT_MTLS_ENABLED", "0")
            .stdin(Stdio::piped())
            .stdout(output.try_clone().context("sharing MiniStack's log")?)
            .stderr(output);
        if let Some(tls) = &tls {
            command
                .env("USE_SSL", "1")
                .env("MINISTACK_SSL_CERT", &tls.certificate)
                .env("MINISTACK_SSL_KEY", &tls.key)
                // The Lambdas inherit these: one for Rust, one for Python.
                .env("SSL_CERT_FILE", &tls.authority)
                .env("AWS_CA_BUNDLE", &tls.authority);
        }
        let mut server = Group::start(&mut command)?;
        await_answer(&mut server, port, &log)?;
        let authority = tls.map(|tls| tls.authority);
        Ok(Self {
            url,
            port,
            log,
            authority,
            accounts: AtomicU64::new(1),
            _server: server,
            _dir: dir,
        })
    }

    /// The endpoint of every service, such as `http://127.0.0.1:4566`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The endpoint's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server and the Lambdas wrote. It is gone with the server.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("no log: {error}"))
    }

    /// Where the server writes.
    pub fn log_path(&self) -> &Path {
        &self.log
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

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(listener.local_addr().context("reading the free port")?.port())
}

/// The port is opened once everything behind it is ready.
fn await_answer(server: &mut Group, port: u16, log: &Path) -> Result<()> {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = server.wait(Duration::from_millis(50))? {
            bail!("MiniStack ended with {status}: {}", tail(log));
        }
        if start.elapsed() > START_LIMIT {
            bail!(
                "MiniStack did not answer within {} s: {}",
                START_LIMIT.as_secs(),
                tail(log)
            );
        }
    }
    Ok(())
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// A certificate of the server's own, and the authority that has signed it, as files.
#[derive(Debug)]
struct Tls {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    fn create(dir: &Path) -> Result<Self> {
        use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
        let mut parameters = CertificateParams::new(Vec::new()).context("describing an authority")?;
        // Names that differ: a certificate whose subject is its issuer passes for self-signed.
        parameters
            .distinguished_name
            .push(DnType::CommonName, "authority of the local AWS");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(parameters, KeyPair::generate()?).context("making an authority")?;
        let key = KeyPair::generate().context("making the server's key")?;
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut parameters = CertificateParams::new(names).context("describing the server's certificate")?;
        parameters.distinguished_name.push(DnType::CommonName, "the local AWS");
        let certificate = parameters
            .signed_by(&key, &authority)
            .context("signing the server's certificate")?;
        let write = |name: &str, pem: String| -> Result<PathBuf> {
            let path = dir.join(name);
            fs::write(&path, pem).with_context(|| format!("writing {name}"))?;
            Ok(path)
        };
        Ok(Self {
            authority: write("authority.pem", authority.pem())?,
            certificate: write("server.pem", certificate.pem())?,
            key: write("server-key.pem", key.serialize_pem())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
