//! microburst, a proxy in front of a local AWS that throttles, fails, delays and cuts calls in AWS's own wire format.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::server::{self, Server};

/// A running proxy.
#[derive(Debug)]
pub struct Microburst {
    url: String,
    _server: Server,
}

/// What is drawn by lot is the same in every run, as far as the calls come in the same order.
const SCRIPT: &str = "
import random, sys
random.seed(20)
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

    /// How many calls were harmed since the last time that this was asked, by what was done to them.
    pub fn fired(&self) -> Result<Vec<String>> {
        let fired: Value = ureq::get(&self.control("fired"))
            .call()
            .context("asking microburst what it did")?
            .body_mut()
            .read_json()?;
        ureq::delete(&self.control("fired")).call()?;
        let events = fired.as_array().into_iter().flatten();
        Ok(events
            .filter_map(|event| event["action"].as_str().map(str::to_owned))
            .collect())
    }

    fn control(&self, what: &str) -> String {
        format!("{}/_microburst/{what}", self.url)
    }
}
