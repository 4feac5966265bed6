//! One life of a stack with faults in it: created, changed and destroyed, each tried again after its faults.
//!
//! Invariant: what is found wrong does not end a life; it is told, and fails the test at its end.

use std::collections::BTreeMap;
use std::fmt;

use acceptance::Account;
use acceptance::ministack::MiniStack;
use anyhow::{Context, Result, ensure};
use aws_sdk_apigateway::types::{EndpointConfiguration, EndpointType, Op, PatchOperation};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use terraform_provider_kairos::stack::config::StackConfig;
use terraform_provider_kairos::stack::context::Clients;
use terraform_provider_kairos::stack::model::ComponentModel;

use crate::census::census;
use crate::rounds::Graph;
use crate::stack::{self, DOMAIN, Ended, Stack};
use crate::wire::{Calls, Fault, Harm, Injection, RENEWAL, Wire};

/// The stack's name; the neighbour's begins with it.
pub(crate) const APP: &str = "Acme";
const NEIGHBOUR: &str = "AcmeDos";

/// An account with a neighbour in it, in which one life follows another.
#[derive(Debug)]
pub(crate) struct Place {
    account: Account,
    connections: SharedHttpClient,
    neighbour: Stack,
    neighbour_config: StackConfig,
    neighbour_is: BTreeMap<String, ComponentModel>,
    empty: Vec<String>,
}

/// What of a stack is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Create,
    Update,
    Delete,
}

/// How a failed create is brought to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// `terraform untaint`, or no state at all, and `terraform apply`.
    InPlace,
    /// `terraform apply`, which destroys what is tainted before it creates it.
    Tainted,
}

/// What a life is to suffer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    pub(crate) create: Harm,
    pub(crate) update: Harm,
    pub(crate) destroy: Harm,
}

/// What became of one fault.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) phase: Phase,
    pub(crate) fault: Fault,
    /// AWS's operation.
    pub(crate) operation: String,
    /// The error that a user saw; `None` where the operation got over it.
    pub(crate) error: Option<String>,
    /// What was therefore not tried.
    pub(crate) not_tried: Vec<String>,
    /// What the state says of the component.
    pub(crate) state: String,
    /// What AWS holds of it.
    pub(crate) held: String,
    /// How it was brought to its end.
    pub(crate) way: Way,
}

/// What a life has shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) outcomes: Vec<Outcome>,
    /// Objects that are left where there should be none, or twice where there should be one.
    pub(crate) orphans: Vec<String>,
    /// What is not as it is wanted at the end, or is not as it is told.
    pub(crate) divergences: Vec<String>,
    /// The calls of each operation.
    pub(crate) calls: BTreeMap<Phase, Calls>,
    /// Whether the account is not fit for another life.
    pub(crate) spoilt: bool,
    /// What existed each time that the stack was complete.
    pub(crate) complete: Vec<Vec<String>>,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

impl Place {
    /// A fresh account of this local AWS.
    pub(crate) async fn new(server: &MiniStack, connections: &SharedHttpClient, config: StackConfig) -> Result<Self> {
        let account = server.account().over(connections.clone());
        acceptance::fixtures::api_gateway_logging(&account).await?;
        let regional = EndpointConfiguration::builder().types(EndpointType::Regional).build();
        let domain = account.apigateway().create_domain_name().domain_name(DOMAIN);
        domain.endpoint_configuration(regional).send().await?;
        let clients = Wire::default().clients(&account, connections);
        let mut neighbour = Stack::new(NEIGHBOUR, &account, &clients)?;
        let config = StackConfig {
            name: NEIGHBOUR.into(),
            ..config
        };
        let ended = neighbour.create(&config).await?;
        ensure!(ended.complete, "the neighbour cannot be created: {ended:#?}");
        Ok(Self {
            neighbour_is: neighbour.refresh(&config).await?,
            empty: census(&account).await?,
            account,
            connections: connections.clone(),
            neighbour,
            neighbour_config: config,
        })
    }

    /// The stack that lives here, of which nothing is known.
    pub(crate) fn stack(&self) -> Result<Stack> {
        Stack::new(
            APP,
            &self.account,
            &Wire::default().clients(&self.account, &self.connections),
        )
    }

    /// Leads a stack through a life with these faults. With `Way::Tainted` it is not changed.
    pub(crate) async fn live(&self, config: &StackConfig, faults: &Faults, way: Way, known: &Known) -> Result<Shown> {
        let wire = Wire::default();
        let clients = wire.clients(&self.account, &self.connections);
        let mut life = Life {
            place: self,
            stack: Stack::new(APP, &self.account, &clients)?,
            clients,
            wire,
            known,
            way,
            shown: Shown::default(),
        };
        life.born(config, faults).await.context("while it is created")?;
        let mut last = config.clone();
        if way == Way::InPlace {
            last = stack::changed(config);
            life.change(&last, faults).await.context("while it is changed")?;
        }
        life.end(&last, faults).await.context("while it is destroyed")?;
        Ok(life.shown)
    }

    /// What exists here beside the neighbour.
    async fn others(&self) -> Result<Vec<String>> {
        Ok(without(census(&self.account).await?, &self.empty))
    }
}

/// What every life is measured by.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) graph: Graph,
    /// What exists of a complete stack.
    pub(crate) complete: Option<Vec<Vec<String>>>,
}

struct Life<'a> {
    place: &'a Place,
    stack: Stack,
    clients: Clients,
    wire: Wire,
    known: &'a Known,
    way: Way,
    shown: Shown,
}

impl Life<'_> {
    async fn born(&mut self, config: &StackConfig, faults: &Faults) -> Result<()> {
        self.wire.harm(faults.create.clone());
        let mut ended = self.stack.create(config).await?;
        self.note(Phase::Create, config, &faults.create, &ended).await?;
        if !ended.complete {
            if self.way == Way::Tainted && self.stack.state.is_some() {
                let gone = self.stack.destroy().await?;
                self.expect_complete("destroying what is tainted", &gone);
                let left = self.place.others().await?;
                self.shown.orphans.extend(
                    left.iter()
                        .map(|o| format!("{o}, after what was tainted was destroyed")),
                );
            }
            ended = match self.stack.state {
                Some(_) => self.stack.update(config).await?,
                None => self.stack.create(config).await?,
            };
        }
        self.expect_whole("create", config, &ended, 0).await
    }

    async fn change(&mut self, config: &StackConfig, faults: &Faults) -> Result<()> {
        self.meddle().await.context("meddling")?;
        self.stack.upgrade()?;
        self.wire.harm(faults.update.clone());
        let mut ended = self.stack.update(config).await?;
        self.note(Phase::Update, config, &faults.update, &ended).await?;
        if !ended.complete {
            ended = self.stack.update(config).await?;
        }
        self.expect_whole("update", config, &ended, 1).await
    }

    async fn end(&mut self, config: &StackConfig, faults: &Faults) -> Result<()> {
        self.wire.harm(faults.destroy.clone());
        let ended = self.stack.destroy().await?;
        self.note(Phase::Delete, config, &faults.destroy, &ended).await?;
        if !ended.complete {
            let ended = self.stack.destroy().await?;
            self.expect_complete("destroy", &ended);
        }
        let left = self.place.others().await?;
        self.shown
            .orphans
            .extend(left.iter().map(|o| format!("{o}, after destroy")));
        if !self.stack.refresh(config).await?.is_empty() {
            self.shown
                .divergences
                .push("the stack is still seen after destroy".into());
        }
        let neighbour = self.place.neighbour.refresh(&self.place.neighbour_config).await?;
        for (name, was) in &self.place.neighbour_is {
            if neighbour.get(name) != Some(was) {
                self.shown
                    .divergences
                    .push(format!("the neighbour's {name} was touched"));
            }
        }
        self.shown.spoilt = !left.is_empty();
        Ok(())
    }

    /// Changes by hand what no attribute leads to, so that it has to be updated as well.
    async fn meddle(&self) -> Result<()> {
        let lambda = &self.clients.lambda;
        let (dispatcher, api) = (format!("{APP}Dispatcher"), format!("{APP}Api"));
        let invoke = lambda.put_function_event_invoke_config().function_name(&dispatcher);
        invoke
            .maximum_retry_attempts(0)
            .maximum_event_age_in_seconds(60)
            .send()
            .await?;
        let gateway = &self.clients.apigateway;
        let apis = gateway.get_rest_apis().send().await?;
        let Some(rest_api) = apis.items().iter().find(|a| a.name() == Some(&self.rest_api())) else {
            return Ok(());
        };
        let statement = lambda.remove_permission().function_name(&api).statement_id("KairosApi");
        statement.send().await?;
        let statement = lambda.add_permission().function_name(&api).statement_id("KairosApi");
        statement
            .principal("apigateway.amazonaws.com")
            .action("lambda:InvokeFunction")
            .send()
            .await?;
        let id = rest_api.id().unwrap_or_default();
        let deployments = gateway.get_deployments().rest_api_id(id).send().await?;
        let other = PatchOperation::builder()
            .op(Op::Replace)
            .path("/description")
            .value("kairos other");
        for deployment in deployments.items() {
            let call = gateway
                .update_deployment()
                .rest_api_id(id)
                .deployment_id(deployment.id().unwrap_or_default());
            call.patch_operations(other.clone().build()).send().await?;
        }
        Ok(())
    }

    fn rest_api(&self) -> String {
        self.stack.names().rest_api()
    }

    /// Notes what became of the faults of one operation, and heals the wire.
    async fn note(&mut self, phase: Phase, config: &StackConfig, harm: &Harm, ended: &Ended) -> Result<()> {
        let calls = self.wire.heal();
        self.shown.calls.insert(phase, calls.clone());
        let Harm::These(faults) = harm else {
            self.expect_complete(&phase.to_string(), ended);
            self.note_once(phase, harm, &calls);
            return Ok(());
        };
        let held = self.stack.refresh(config).await?;
        for (name, entry) in &ended.kept {
            let told = entry.known().and_then(|e| e.status.as_str()).unwrap_or_default();
            let is = status(held.get(name));
            // Goes on when everything else is complete, whether the tables are as wanted or not.
            let protection = phase == Phase::Create && is == "drifted (DeletionProtectionEnabled)";
            // Of what could not be deleted, the state keeps what was there: how much of it is left, the next read tells.
            let deleted = phase == Phase::Delete && ended.failed.contains_key(name);
            if told == "in_sync" && is != "in_sync" && !protection && !deleted {
                self.shown
                    .divergences
                    .push(format!("{phase}: the state says in_sync of {name}, which is {is}"));
            }
        }
        let expected = |name: &str| faults.iter().any(|f| f.component == name);
        for (name, error) in ended.failed.iter().filter(|(name, _)| !expected(name)) {
            self.shown
                .divergences
                .push(format!("{phase}: {name} failed without a fault: {error}"));
        }
        for name in &ended.skipped {
            let stands = |f: &&String| match phase {
                Phase::Delete => self.known.graph.stands_on(f, name),
                Phase::Create | Phase::Update => self.known.graph.stands_on(name, f),
            };
            if !ended.failed.keys().any(|f| stands(&f)) {
                self.shown
                    .divergences
                    .push(format!("{phase}: {name} was not tried without a reason"));
            }
        }
        for fault in faults {
            let Some(operation) = calls.get(&fault.component).and_then(|c| c.get(fault.call)) else {
                self.shown
                    .divergences
                    .push(format!("{phase}: {fault:?} was never reached"));
                continue;
            };
            let error = ended.failed.get(&fault.component).cloned();
            let stands = |name: &&String| match phase {
                Phase::Delete => self.known.graph.stands_on(&fault.component, name),
                Phase::Create | Phase::Update => self.known.graph.stands_on(name, &fault.component),
            };
            let kept = ended.kept.get(&fault.component).and_then(tfplugin::Attr::known);
            self.shown.outcomes.push(Outcome {
                phase,
                fault: fault.clone(),
                operation: operation.clone(),
                not_tried: if error.is_some() {
                    ended.skipped.iter().filter(stands).cloned().collect()
                } else {
                    Vec::new()
                },
                error,
                state: if ended.kept.is_empty() {
                    "as before".into()
                } else {
                    status(kept)
                },
                held: status(held.get(&fault.component)),
                way: self.way,
            });
        }
        Ok(())
    }

    fn note_once(&mut self, phase: Phase, harm: &Harm, calls: &Calls) {
        if !matches!(harm, Harm::EveryAnswerOnce) {
            return;
        }
        // How often a lease is renewed depends on the machine.
        for (component, operations) in calls.iter().filter(|(name, _)| !name.ends_with(RENEWAL)) {
            for (call, operation) in operations.iter().enumerate() {
                self.shown.outcomes.push(Outcome {
                    phase,
                    fault: Fault {
                        component: component.clone(),
                        call,
                        injection: Injection::Once,
                    },
                    operation: operation.clone(),
                    error: None,
                    not_tried: Vec::new(),
                    state: String::new(),
                    held: String::new(),
                    way: self.way,
                });
            }
        }
    }

    fn expect_complete(&mut self, what: &str, ended: &Ended) {
        if !ended.complete {
            let why = format!("{:?}, not tried: {:?}", ended.failed, ended.skipped);
            self.shown
                .divergences
                .push(format!("{what} did not come to its end: {why}"));
        }
    }

    /// Everything is there, once, as it is wanted and as it is told.
    async fn expect_whole(&mut self, what: &str, config: &StackConfig, ended: &Ended, which: usize) -> Result<()> {
        self.expect_complete(what, ended);
        let held = self.stack.refresh(config).await?;
        for (name, entry) in &held {
            if !matches!(status(Some(entry)).as_str(), "in_sync" | "pending") {
                self.shown
                    .divergences
                    .push(format!("after {what}, {name} is {}", status(Some(entry))));
            }
            let told = ended.kept.get(name).and_then(tfplugin::Attr::known);
            if told != Some(entry) {
                self.shown
                    .divergences
                    .push(format!("after {what}, {name} is told to be {told:?}, and is {entry:?}"));
            }
        }
        let mut exists = self.place.others().await?;
        // A claim on a lease that has run out stops nobody, and goes with the marker.
        let claims = self.stack.names().parameter("Kairos/Toma/");
        exists.retain(|line| !line.contains(&claims));
        if let Some(expected) = self.known.complete.as_ref().and_then(|c| c.get(which)) {
            let more = without(exists.clone(), expected);
            self.shown
                .orphans
                .extend(more.iter().map(|o| format!("{o}, after {what}")));
            let less = without(expected.clone(), &exists);
            self.shown
                .divergences
                .extend(less.iter().map(|o| format!("no {o} after {what}")));
        } else {
            self.shown.complete.push(exists);
        }
        Ok(())
    }
}

/// What is in `one` more often than in `other`.
fn without(mut one: Vec<String>, other: &[String]) -> Vec<String> {
    for line in other {
        if let Some(at) = one.iter().position(|l| l == line) {
            one.remove(at);
        }
    }
    one
}

/// A component's status, with the properties that differ.
fn status(entry: Option<&ComponentModel>) -> String {
    let Some(entry) = entry else { return "gone".into() };
    let status = entry.status.as_str().unwrap_or_default();
    let drift = entry.drift.known().into_iter().flatten();
    let mut properties: Vec<&str> = drift.filter_map(|line| line.as_str()?.split(": ").next()).collect();
    properties.sort_unstable();
    if properties.is_empty() {
        status.into()
    } else {
        format!("{status} ({})", properties.join(", "))
    }
}
