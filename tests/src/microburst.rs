//! microburst, a proxy in front of a local AWS that throttles, fails, delays and cuts calls in AWS's own wire format.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::server::{self, Server};

/// A running proxy.
#[derive(Debug)]
pub struct Microburst {
    url: String,
    _server: Server,
}

/// What is drawn by lot is the same in every run, as far as the calls come in the same order. And a body may be as large as the
/// proxy holds: it keeps those below a few megabytes, but is by default refused more than one, which is less than a zip.
const SCRIPT: &str = "
import random, sys
random.seed(20)
from aiohttp import web
made = web.Application.__init__
web.Application.__init__ = lambda self, *a, **k: made(self, *a, **{'client_max_size': 64 * 1024 * 1024, **k})
from microburst.cli import main
sys.exit(main())
";

impl Microburst {
    /// Starts a proxy in front of `upstream` that lets everything pass, and has it answer its first, slow call.
    pub fn start(upstream: &str) -> Result<Self> {
        let server = Server::start("microburst", |dir, port| {
            let mut command = server::python(SCRIPT, dir)?;
            command.args(["--upstream", upstream, "--port", &port.to_string()]);
            Ok(command)
        })?;
        let proxy = Self {
            url: format!("http://127.0.0.1:{}", server.port()),
            _server: server,
        };
        proxy.rules(&Value::Array(Vec::new()))?;
        Ok(proxy)
    }

    /// The endpoint of every service.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is harmed from now on, as microburst's rules: of those that match a call, the first that is drawn counts.
    pub fn rules(&self, rules: &Value) -> Result<()> {
        ureq::post(&self.control("rules"))
            .send_json(rules)
            .context("setting microburst's rules")?;
        Ok(())
    }

    /// What was done to calls until now, and how often: `error:ThrottlingException`, `reset`, `latency`, ….
    pub fn done(&self) -> Result<BTreeMap<String, u64>> {
        let metrics = ureq::get(&self.control("metrics"))
            .call()
            .context("asking microburst what it did")?
            .body_mut()
            .read_to_string()?;
        let mut done = BTreeMap::new();
        for line in metrics
            .lines()
            .filter(|line| line.starts_with("microburst_faults_total{"))
        {
            let action = line.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
            let count = line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok());
            if let (Some(action), Some(count)) = (action, count) {
                *done.entry(action.to_owned()).or_default() += count;
            }
        }
        Ok(done)
    }

    fn control(&self, what: &str) -> String {
        format!("{}/_microburst/{what}", self.url)
    }
}
