//! A stack as the resource layer drives it: what Terraform's state would hold, and the operations that it leads to.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::time::Duration;

use acceptance::Account;
use anyhow::{Context as _, Result, bail, ensure};
use kairos::names::{Names, Place};
use terraform_provider_kairos::configuration::Connection;
use terraform_provider_kairos::stack::code;
use terraform_provider_kairos::stack::component::Component;
use terraform_provider_kairos::stack::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use terraform_provider_kairos::stack::context::Clients;
use terraform_provider_kairos::stack::kind::Tags;
use terraform_provider_kairos::stack::kinds::function::Code;
use terraform_provider_kairos::stack::marker::Purpose;
use terraform_provider_kairos::stack::model::{ComponentModel, Components};
use terraform_provider_kairos::stack::operation::{Achieved, Operation, Wish};
use terraform_provider_kairos::stack::topology::{self, Codes};
use tfplugin::{CancellationToken, Diagnostic};
use uuid::Uuid;

/// The custom domain that every account has.
pub(crate) const DOMAIN: &str = "api.example.com";
/// Generous: nothing here waits for longer than a lease.
const TIMEOUT: Duration = Duration::from_mins(10);

/// A stack, with what the state knows of it.
#[derive(Debug)]
pub(crate) struct Stack {
    connection: Connection,
    codes: Codes,
    names: Names,
    /// What the state holds; `None` where Terraform keeps nothing.
    pub(crate) state: Option<State>,
}

/// What Terraform keeps.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) config: StackConfig,
    installation: Uuid,
    leftovers: Vec<StackConfig>,
}

/// How an operation ended, as a user sees it.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Whether everything came about.
    pub(crate) complete: bool,
    /// The components that failed, with the error of each; `marker` for what is not about a component.
    pub(crate) failed: BTreeMap<String, String>,
    /// The components that were not tried.
    pub(crate) skipped: BTreeSet<String>,
    /// The components that the state holds afterwards.
    pub(crate) kept: Components,
}

impl Stack {
    /// The stack `app` of an account, of which nothing is known.
    pub(crate) fn new(app: &str, account: &Account, clients: &Clients) -> Result<Self> {
        let place = Place {
            partition: "aws".into(),
            account: account.id.clone(),
            region: account.region.clone(),
        };
        let connection = Connection {
            place: place.clone(),
            clients: clients.clone(),
            config: account.sdk_config(),
            default_tags: Tags::new(),
        };
        Ok(Self {
            connection,
            codes: codes("exit 0")?,
            names: Names::new(app, place),
            state: None,
        })
    }

    /// Its name.
    pub(crate) fn app(&self) -> &str {
        &self.names.app
    }

    /// Its names.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// What a configuration is made of.
    pub(crate) fn topology(&self, config: &StackConfig) -> Vec<Component> {
        topology::topology(config, &self.names, &self.codes)
    }

    /// `terraform apply` with other code in the provider.
    pub(crate) fn upgrade(&mut self) -> Result<()> {
        self.codes = codes("exit 1")?;
        Ok(())
    }

    /// `terraform apply` of a stack that the state does not hold.
    pub(crate) async fn create(&mut self, config: &StackConfig) -> Result<Ended> {
        let wish = Wish {
            config,
            prior: &[],
            purpose: Purpose::Create,
        };
        let operation = self.operation(self.codes.clone());
        let achieved = Box::pin(operation.bring(wish)).await;
        if achieved.components.is_some() {
            self.state = Some(State {
                config: config.clone(),
                installation: achieved.installation.context("components without an installation")?,
                leftovers: Vec::new(),
            });
        }
        self.ended(achieved)
    }

    /// `terraform apply` of a stack that the state holds.
    pub(crate) async fn update(&mut self, config: &StackConfig) -> Result<Ended> {
        let state = self.state.clone().context("no state to update")?;
        let mut earlier = vec![state.config];
        earlier.extend(state.leftovers);
        let wish = Wish {
            config,
            prior: &earlier,
            purpose: Purpose::Change(state.installation),
        };
        let operation = self.operation(self.codes.clone());
        let achieved = Box::pin(operation.bring(wish)).await;
        if achieved.components.is_some() {
            self.state = Some(State {
                config: config.clone(),
                installation: state.installation,
                leftovers: if achieved.complete { Vec::new() } else { earlier },
            });
        }
        self.ended(achieved)
    }

    /// `terraform destroy`.
    pub(crate) async fn destroy(&mut self) -> Result<Ended> {
        let state = self.state.clone().context("no state to destroy")?;
        let mut earlier = state.leftovers;
        earlier.push(StackConfig {
            api: Some(ApiConfig::default()),
            ..state.config.clone()
        });
        let operation = self.operation(code::none());
        let achieved = Box::pin(operation.destroy(&state.config, &earlier, state.installation)).await;
        if achieved.complete {
            self.state = None;
        }
        self.ended(achieved)
    }

    /// `terraform refresh`: every component as AWS holds it, none where the stack is gone.
    pub(crate) async fn refresh(&self, config: &StackConfig) -> Result<BTreeMap<String, ComponentModel>> {
        let (earlier, installation) = match &self.state {
            Some(state) => (state.leftovers.as_slice(), Some(state.installation)),
            None => (&[][..], None),
        };
        let operation = self.operation(self.codes.clone());
        let found = match operation.find(config, earlier, installation).await {
            Ok(found) => found,
            Err(diagnostics) => bail!("cannot read the stack: {diagnostics:#?}"),
        };
        let known = |(name, entry): (String, tfplugin::Attr<ComponentModel>)| Some((name, entry.into_known()?));
        Ok(found
            .components
            .unwrap_or_default()
            .into_iter()
            .filter_map(known)
            .collect())
    }

    fn operation(&self, codes: Codes) -> Operation {
        Operation::new(
            &self.connection,
            self.names.clone(),
            codes,
            &CancellationToken::new(),
            TIMEOUT,
        )
    }

    fn ended(&self, achieved: Achieved) -> Result<Ended> {
        let mut ended = Ended {
            complete: achieved.complete,
            kept: achieved.components.unwrap_or_default(),
            ..Ended::default()
        };
        for diagnostic in &achieved.diagnostics {
            self.tell(diagnostic, &mut ended)?;
        }
        Ok(ended)
    }

    /// Sorts a diagnostic under the component that it is about.
    fn tell(&self, diagnostic: &Diagnostic, ended: &mut Ended) -> Result<()> {
        let detail = self.neutral(&diagnostic.detail);
        if let Some((_, rest)) = diagnostic.summary.split_once("component \"") {
            let component = rest.split('"').next().unwrap_or_default().to_owned();
            ensure!(
                diagnostic.summary.contains(self.app()) && detail.contains(&component),
                "an error that names nothing: {diagnostic:#?}"
            );
            ended.failed.insert(component, detail);
        } else if diagnostic.summary.starts_with("The stack") {
            for line in diagnostic.detail.lines().filter(|line| line.starts_with("Not tried")) {
                let (_, names) = line.split_once("): ").context("no names of what was not tried")?;
                let names = names.trim_end_matches('.').split(", ");
                ended.skipped.extend(names.map(str::to_owned));
            }
        } else {
            ended
                .failed
                .insert(crate::wire::MARKER.into(), format!("{}: {detail}", diagnostic.summary));
        }
        Ok(())
    }

    /// A text without what differs from run to run: account, ids of AWS's, times.
    fn neutral(&self, text: &str) -> String {
        let text = text.replace(&self.connection.place.account, "{account}");
        without_times(&without_ids(&without_uuids(&text)))
    }
}

/// Replaces ids of AWS's: words of six or eight hexadecimal digits.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| matches!(word.len(), 6 | 8) && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    words.fold(String::new(), |neutral, word| {
        let bare = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let end = &word[bare.len()..];
        neutral + if is_id(bare) { "{id}" } else { bare } + end
    })
}

/// Replaces UUIDs, which are words of 36 hexadecimal digits and dashes.
fn without_uuids(text: &str) -> String {
    let mut neutral = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest
        .char_indices()
        .map(|(i, _)| i)
        .find(|i| rest.get(*i..i + 36).is_some_and(|word| Uuid::try_parse(word).is_ok()))
    {
        neutral.push_str(&rest[..start]);
        neutral.push_str("{uuid}");
        rest = &rest[start + 36..];
    }
    neutral + rest
}

/// Replaces points in time, which are words that begin with a year and have a `T` and a `Z`.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| {
        word.len() > 19 && word.as_bytes()[10] == b'T' && word.trim_end_matches([')', ';', '.', ',']).ends_with('Z')
    };
    let words: Vec<&str> = text
        .split(' ')
        .map(|word| if is_time(word) { "{time}" } else { word })
        .collect();
    words.join(" ")
}

/// A stack with all that a stack can have.
pub(crate) fn whole(app: &str) -> StackConfig {
    StackConfig {
        name: app.into(),
        notification_emails: BTreeSet::from(["ana@example.com".into(), "luz@example.com".into()]),
        dispatcher: function(900),
        executor: ExecutorConfig {
            function: function(60),
            role_prefix: "proceso-".into(),
            maximum_concurrency: Some(5),
            batch_size: 10,
            external_id: None,
        },
        api: Some(ApiConfig {
            function: function(29),
            domain_name: Some(DOMAIN.into()),
            mapping_key: "kairos/v1".into(),
            throttle_rate: Some(10.0),
            throttle_burst: Some(20),
            quota_per_day: Some(1000),
        }),
        log_retention_days: 30,
        history_retention_days: 90,
        kms_key_arn: None,
        tracing: false,
        architecture: Architecture::X86,
        role_path: "/".into(),
        permissions_boundary_arn: None,
        tags: Tags::from([("equipo".into(), "datos".into())]),
        deletion_protection: true,
    }
}

/// The same stack with every attribute changed that AWS can change in place.
pub(crate) fn changed(config: &StackConfig) -> StackConfig {
    let larger = |timeout| FunctionConfig {
        memory_size: 512,
        log_level: "DEBUG".into(),
        reserved_concurrency: Some(7),
        ..function(timeout)
    };
    StackConfig {
        notification_emails: BTreeSet::from(["ana@example.com".into(), "sol@example.com".into()]),
        dispatcher: larger(600),
        executor: ExecutorConfig {
            function: larger(120),
            role_prefix: "tarea-".into(),
            maximum_concurrency: Some(8),
            batch_size: 5,
            external_id: Some("llave".into()),
        },
        api: config.api.as_ref().map(|api| ApiConfig {
            function: larger(20),
            mapping_key: "kairos/v2".into(),
            // The local AWS cannot read a usage plan any more whose limits were changed: they stay.
            ..api.clone()
        }),
        log_retention_days: 7,
        history_retention_days: 60,
        tracing: true,
        permissions_boundary_arn: Some("arn:aws:iam::aws:policy/PowerUserAccess".into()),
        tags: Tags::from([("costo".into(), "42".into())]),
        deletion_protection: false,
        ..config.clone()
    }
}

/// A stack with an API of its own address, which could be taken for another's.
pub(crate) fn neighbour() -> StackConfig {
    let mut config = whole("");
    if let Some(api) = &mut config.api {
        api.domain_name = None;
    }
    config
}

/// A small stack, without API, e-mails or protection.
pub(crate) fn small(app: &str) -> StackConfig {
    StackConfig {
        notification_emails: BTreeSet::new(),
        api: None,
        deletion_protection: false,
        ..whole(app)
    }
}

fn function(timeout: i32) -> FunctionConfig {
    FunctionConfig {
        memory_size: 256,
        timeout,
        log_level: "INFO".into(),
        layers: Vec::new(),
        reserved_concurrency: None,
    }
}

/// Three functions of one line.
fn codes(line: &str) -> Result<Codes> {
    let code = |name: &str| -> Result<Code> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file("bootstrap", options)?;
        zip.write_all(format!("#!/bin/sh\n# {name}\n{line}\n").as_bytes())?;
        Ok(Code::zip(zip.finish()?.into_inner()))
    };
    Ok(Codes {
        dispatcher: code("dispatcher")?,
        executor: code("executor")?,
        api: code("api")?,
    })
}
