//! One operation on a whole stack: create, change, read or destroy it.
//!
//! Invariant: everything is observed, and what must be refused is refused, before the marker is opened; nothing is written
//! before that, nor without the marker.

mod bring;
mod destroy;
mod find;
mod traces;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use kairos::names::Names;
use tfplugin::{Attr, CancellationToken, Diagnostic};
use uuid::Uuid;

use super::bounds::{Bounds, Timeout};
use super::component::Component;
use super::config::StackConfig;
use super::context::Context;
use super::engine::{self, Limits, Observation, Pace, Plan, Report, Run};
use super::kinds::api_key;
use super::marker::{self, Lease, MarkerError, Purpose, Ssm};
use super::model::{ComponentModel, Components};
use super::outputs;
use super::topology::{self, Codes};
use crate::configuration::Connection;

/// How long an operation may take where the user does not say.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(30);

/// What every operation on a stack works with.
#[derive(Debug)]
pub struct Operation {
    /// Clients, names, ids and bounds.
    pub context: Context,
    codes: Codes,
    limits: Limits,
}

/// What is to be brought about.
#[derive(Debug)]
pub struct Wish<'a> {
    /// The stack as it is wanted.
    pub config: &'a StackConfig,
    /// As it was wanted before, and what earlier, unfinished changes may have left behind.
    pub prior: &'a [StackConfig],
    /// What the marker is opened for.
    pub purpose: Purpose,
}

/// How far an operation came.
#[derive(Debug, Default)]
pub struct Achieved {
    /// The components as they are now; `None` where nothing was done at all.
    pub components: Option<Components>,
    /// The installation, once the marker was opened.
    pub installation: Option<Uuid>,
    /// Whether everything is as wanted.
    pub complete: bool,
    /// What went wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// What a stack is found to be.
#[derive(Debug)]
pub struct Found {
    /// The components, and what is left of earlier ones; `None` where the stack is gone.
    pub components: Option<Components>,
    /// The installation that the marker names.
    pub installation: Option<Uuid>,
    /// Until when somebody holds the marker, where somebody does.
    pub held: Option<Timestamp>,
}

type Refused = Vec<Diagnostic>;

/// What can be done after a creation that failed.
const AFTER_CREATE: &str = "Terraform holds the stack as tainted. The same command again destroys what is there and creates the \
     stack anew; \"deletion_protection\" does not keep it from that, since the stack has never been complete. To complete it in \
     place instead, run \"terraform untaint\" with the stack's address first.";

/// What can be done after anything else that failed.
const AFTER_OTHERS: &str = "The state holds what was achieved: the same command again goes on from there.";

impl Operation {
    /// An operation on the stack `names` that ends early when `stop` is cancelled, and after `timeout`, which begins now.
    pub fn new(
        connection: &Connection,
        names: Names,
        codes: Codes,
        stop: &CancellationToken,
        timeout: impl Into<Timeout>,
    ) -> Self {
        let context = Context::new(names, connection.clients.clone());
        Self {
            context: context.within(Bounds::new(stop, timeout)),
            codes,
            limits: Limits::default(),
        }
    }

    /// The value of the API key, where there is one.
    ///
    /// # Errors
    /// A warning: it could not be read.
    pub async fn api_key(&self) -> Result<Option<String>, Diagnostic> {
        let Some(id) = self.context.id(&super::kind::Ref::to("api_key")) else {
            return Ok(None);
        };
        api_key::value(&self.context, &id).await.map_err(|e| {
            let detail = format!("{e}\n\n\"api_key\" is null; the next refresh reads it again.");
            Diagnostic::warning("Cannot read the value of the API key", detail)
        })
    }

    fn desired(&self, config: &StackConfig) -> Vec<Component> {
        topology::topology(config, &self.context.names, &self.codes)
    }

    /// What earlier configurations had and `config` has not.
    fn removed(&self, config: &StackConfig, earlier: &[StackConfig]) -> Vec<Component> {
        let desired = self.desired(config);
        let mut removed: Vec<Component> = Vec::new();
        for prior in earlier {
            for component in topology::prior(prior, config, &self.context.names, &self.codes) {
                if !desired.iter().chain(&removed).any(|c| c.name == component.name) {
                    removed.push(component);
                }
            }
        }
        removed
    }

    fn shelf(&self, config: &StackConfig) -> Ssm {
        let mut tags = config.tags.clone();
        tags.insert(Names::OWNER_TAG.into(), self.context.names.owner());
        Ssm::new(self.context.clone(), tags)
    }

    async fn observe(&self, components: &[Component]) -> Result<Observation, Refused> {
        engine::observe(components, &self.context.observing(), &self.limits)
            .await
            .map_err(|errors| {
                let summary = format!("Cannot read the stack \"{}\"", self.context.names.app);
                errors
                    .iter()
                    .map(|e| Diagnostic::error(summary.clone(), e.to_string()))
                    .collect()
            })
    }

    fn refused(&self, verb: &str, error: &MarkerError) -> Refused {
        vec![Diagnostic::error(
            format!("Cannot {verb} the stack \"{}\"", self.context.names.app),
            error.to_string(),
        )]
    }

    async fn open(&self, config: &StackConfig, purpose: Purpose) -> Result<Lease<Ssm>, MarkerError> {
        let bounds = self.context.bounds();
        marker::open(&self.shelf(config), &self.context.names, purpose, bounds).await
    }

    async fn execute(&self, plan: &Plan) -> Report {
        tracing::debug!(stack = self.context.names.app, %plan, "carries out");
        let run = Run {
            context: self.context.clone(),
            limits: self.limits.clone(),
            pace: Pace::default(),
        };
        engine::execute(plan, &run).await
    }

    /// Brings the tags of the marker to those that are wanted.
    async fn mark(&self, config: &StackConfig) -> Refused {
        let summary = || format!("Cannot tag the marker of the stack \"{}\"", self.context.names.app);
        let tagged = self.shelf(config).retag(&self.context.names.marker()).await;
        let error = tagged.err().map(|e| Diagnostic::error(summary(), e.to_string()));
        error.into_iter().collect()
    }

    /// The marker as it is now, for `components`. What cannot be read shows at the next refresh.
    async fn marker_now(&self, config: &StackConfig, installation: Option<Uuid>) -> ComponentModel {
        let (shelf, name) = (self.shelf(config), self.context.names.marker());
        let (marker, tags) = tokio::join!(marker::read(&shelf, &self.context.names), shelf.tags(&name));
        let marker = marker.ok().flatten();
        let tags = tags.unwrap_or_else(|_| shelf.wanted().clone());
        let said = marker.as_ref().map(|marker| (marker, &tags));
        outputs::marker_entry(said, installation, config, &self.context)
    }

    fn close(&self, closed: Result<(), MarkerError>) -> Refused {
        let summary = || format!("Cannot close the marker of the stack \"{}\"", self.context.names.app);
        closed
            .err()
            .map(|e| Diagnostic::error(summary(), e.to_string()))
            .into_iter()
            .collect()
    }

    /// One error a failed component, and a last one that names what was therefore not tried, and what can be done.
    fn failures(&self, verb: &str, components: &[Component], report: &Report) -> Refused {
        let app = &self.context.names.app;
        let type_of = |name: &str| {
            components
                .iter()
                .find(|c| c.name == name)
                .map_or("", |c| c.node.type_name())
        };
        let mut diagnostics: Refused = report
            .failures()
            .map(|(name, why)| {
                let summary = format!("Cannot {verb} the component \"{name}\" of the stack \"{app}\"");
                Diagnostic::error(summary, format!("{} (component \"{name}\"): {why}", type_of(name)))
            })
            .collect();
        let mut skipped: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, why) in report.skipped() {
            skipped.entry(why).or_default().push(name);
        }
        if diagnostics.is_empty() && skipped.is_empty() {
            return diagnostics;
        }
        let detail = skipped.into_iter().fold(String::new(), |told, (why, names)| {
            format!("{told}Not tried ({why}): {}.\n\n", names.join(", "))
        });
        let (state, advice) = match verb {
            "create" => ("not complete", AFTER_CREATE),
            "destroy" => ("not wholly destroyed", AFTER_OTHERS),
            _ => ("changed in part", AFTER_OTHERS),
        };
        diagnostics.push(Diagnostic::error(
            format!("The stack \"{app}\" is {state}"),
            detail + advice,
        ));
        diagnostics
    }
}

/// Adds what is left of earlier configurations and was not removed.
fn add_leftovers(
    components: &mut Components,
    removed: &[Component],
    observation: &Observation,
    report: Option<&Report>,
) {
    for component in removed {
        let gone =
            report.is_some_and(|r| matches!(r.outcomes.get(&component.name), Some(engine::Outcome::Done { .. })));
        if let Some(Some(held)) = observation.get(&component.name)
            && held.owner == super::kind::Owner::Ours
            && !gone
        {
            components.insert(component.name.clone(), Attr::Known(outputs::leftover(component, held)));
        }
    }
}
