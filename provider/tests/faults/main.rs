//! A failure at every call that changes something, of every component: the next operation always comes to its end, nothing
//! is orphaned, and a neighbour in the same account is not touched.
//!
//! Each life of a stack takes several faults at once, in components that do not stand on each other (`rounds`); what became
//! of each is in `golden/`, one file a component, and in `golden/TABLE.txt`.
#![expect(clippy::print_stdout, reason = "the table is to be read")]

mod census;
mod golden;
mod life;
mod rounds;
mod stack;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use acceptance::ministack::{MiniStack, Options};
use anyhow::{Context, Result, ensure};
use aws_smithy_http_client::Builder;
use terraform_provider_kairos::stack::config::StackConfig;

use golden::Outcomes;
use life::{APP, Faults, Known, Phase, Place, Shown, Way};
use rounds::{Graph, rounds};
use wire::{Calls, Fault, Harm, Injection, MARKER};

/// How many local AWSs share the work; one is a single thread.
const SERVERS: usize = 2;
/// How many lives go on at once on each.
const AT_ONCE: usize = 2;

/// What is protected as the last thing of all, once a stack is complete.
const PROTECTED: [&str; 3] = ["procesos_table", "calendarizaciones_table", "ejecuciones_table"];

/// A life to be led.
#[derive(Debug, Clone)]
struct Job {
    faults: Faults,
    way: Way,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_wherever_the_next_operation_comes_to_its_end() -> Result<()> {
    let servers: Vec<MiniStack> = (0..SERVERS)
        .map(|_| MiniStack::start(Options::default()))
        .collect::<Result<_>>()?;
    let servers: Vec<Arc<MiniStack>> = servers.into_iter().map(Arc::new).collect();
    let config = stack::whole(APP);

    let markers = tokio::spawn(markers(servers[0].clone()));
    let first = place(&servers[0], stack::neighbour()).await?;
    let mut known = Known {
        graph: graph(&config, &first)?,
        complete: None,
    };
    let components = components(&config, &first)?;
    let clean = first.live(&config, &Faults::default(), Way::InPlace, &known).await?;
    known.complete = Some(clean.complete.clone());
    let mut shown = vec![clean];
    let jobs = jobs(&shown[0].calls, &known.graph)?;
    println!("{} lives", jobs.len());
    shown.extend(lead(jobs, first, &servers, &config, Arc::new(known)).await?);
    shown.extend(markers.await??);
    judge(&shown, &components)
}

/// An account for lives, on one of the local AWSs.
async fn place(server: &MiniStack, neighbour: StackConfig) -> Result<Place> {
    let connections = Builder::new().build_http();
    Place::new(server, &connections, neighbour)
        .await
        .context("preparing an account")
}

/// What stands on what, before and after the change.
fn graph(config: &StackConfig, place: &Place) -> Result<Graph> {
    let changed = stack::changed(config);
    let stack = place.stack()?;
    let topologies = [stack.topology(config), stack.topology(&changed)];
    // The executor's time-out grows: only after the time for which the queue hides a message.
    Ok(Graph::of(&topologies, &[("queue", "executor_function")]))
}

/// Every component that a stack can have, with its marker.
fn components(config: &StackConfig, place: &Place) -> Result<BTreeSet<String>> {
    let stack = place.stack()?;
    let all = [stack.topology(config), stack.topology(&stack::changed(config))];
    let names = all.into_iter().flatten().map(|component| component.name);
    Ok(names.chain([MARKER.to_owned()]).collect())
}

/// Every call of every component, before and lost; each create is brought to its end in both ways. And one life in which
/// every answer is lost once.
fn jobs(calls: &BTreeMap<Phase, Calls>, graph: &Graph) -> Result<VecDeque<Job>> {
    let of = |phase| calls.get(&phase).context("an operation asked for nothing");
    let (create, update, delete) = (of(Phase::Create)?, of(Phase::Update)?, of(Phase::Delete)?);
    let mut jobs = VecDeque::from([Job {
        faults: Faults {
            create: Harm::EveryAnswerOnce,
            update: Harm::EveryAnswerOnce,
            destroy: Harm::EveryAnswerOnce,
        },
        way: Way::InPlace,
    }]);
    for injection in [Injection::Before, Injection::Lost] {
        let creates = rounds(create, &PROTECTED, injection, graph);
        let [updates, deletes] = [update, delete].map(|calls| rounds(calls, &[], injection, graph));
        let harm = |rounds: &[Vec<Fault>], n: usize| rounds.get(n).cloned().map_or(Harm::Nothing, Harm::These);
        for n in 0..creates.len().max(updates.len()).max(deletes.len()) {
            let faults = Faults {
                create: harm(&creates, n),
                update: harm(&updates, n),
                destroy: harm(&deletes, n),
            };
            jobs.push_back(Job {
                faults,
                way: Way::InPlace,
            });
        }
        jobs.extend(creates.iter().map(|round| Job {
            faults: Faults {
                create: Harm::These(round.clone()),
                ..Faults::default()
            },
            way: Way::Tainted,
        }));
    }
    Ok(jobs)
}

/// Leads all lives, each in whichever account is free.
async fn lead(
    jobs: VecDeque<Job>,
    first: Place,
    servers: &[Arc<MiniStack>],
    config: &StackConfig,
    known: Arc<Known>,
) -> Result<Vec<Shown>> {
    let jobs = Arc::new(Mutex::new(jobs));
    let mut workers = Vec::new();
    let mut first = Some(first);
    for n in 0..SERVERS * AT_ONCE {
        let (jobs, server, config, known) = (
            jobs.clone(),
            servers[n % SERVERS].clone(),
            config.clone(),
            known.clone(),
        );
        let mut place_here = first.take();
        workers.push(tokio::spawn(async move {
            let mut shown = Vec::new();
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(job) = job else { return anyhow::Ok(shown) };
                let here = match place_here.take() {
                    Some(place) => place,
                    None => place(&server, stack::neighbour()).await?,
                };
                let life = led(&here, &config, &job, &known).await;
                place_here = (!life.spoilt).then_some(here);
                shown.push(life);
            }
        }));
    }
    let mut shown = Vec::new();
    for worker in workers {
        shown.extend(worker.await??);
    }
    Ok(shown)
}

/// One life; what ends it early is told, like all that is found wrong.
async fn led(place: &Place, config: &StackConfig, job: &Job, known: &Known) -> Shown {
    let mut shown = match place.live(config, &job.faults, job.way, known).await {
        Ok(shown) => shown,
        Err(error) => Shown {
            divergences: vec![format!("{error:#}")],
            spoilt: true,
            ..Shown::default()
        },
    };
    for found in shown.orphans.iter_mut().chain(&mut shown.divergences) {
        *found = format!("{found}; {job:?}");
    }
    shown
}

/// What the `call`-th of the marker's calls of an operation is for.
fn meaning(phase: Phase, calls: &[String], call: usize) -> &'static str {
    let last = call + 1 == calls.len();
    match (phase, calls[call].as_str()) {
        (Phase::Create, "PutParameter") if call == 0 => "open",
        (_, "PutParameter") if call == 0 => "claim",
        (_, "PutParameter") if call == 1 && !last => "take over",
        (Phase::Create | Phase::Update, "PutParameter") => "complete",
        (Phase::Delete, "DeleteParameter") if last => "remove",
        (Phase::Update | Phase::Delete, "DeleteParameter") => "drop the claim",
        _ => "tags",
    }
}

/// The marker's calls, each harmed alone. A lease that could not be given back is waited for: a minute, in which the other
/// lives go on.
async fn markers(server: Arc<MiniStack>) -> Result<Vec<Shown>> {
    let config = stack::small(APP);
    let first = place(&server, stack::small("")).await?;
    let mut known = Known {
        graph: graph(&config, &first)?,
        complete: None,
    };
    let clean = first.live(&config, &Faults::default(), Way::InPlace, &known).await?;
    let calls = |phase| {
        let calls = clean.calls.get(&phase).and_then(|calls| calls.get(MARKER));
        calls
            .cloned()
            .with_context(|| format!("{phase}: the marker is not written"))
    };
    let calls = [calls(Phase::Create)?, calls(Phase::Update)?, calls(Phase::Delete)?];
    known.complete = Some(clean.complete);
    let known = Arc::new(known);
    let mut lives = Vec::new();
    for injection in [Injection::Before, Injection::Lost] {
        for job in marker_jobs(injection, &calls) {
            let (server, config, known) = (server.clone(), config.clone(), known.clone());
            lives.push(tokio::spawn(async move {
                let place = place(&server, stack::small("")).await?;
                anyhow::Ok(led(&place, &config, &job, &known).await)
            }));
        }
    }
    let mut shown = Vec::new();
    for life in lives {
        let mut life: Shown = life.await??;
        life.outcomes.retain(|o| o.fault.component == MARKER);
        for outcome in &mut life.outcomes {
            let calls = match outcome.phase {
                Phase::Create => &calls[0],
                Phase::Update => &calls[1],
                Phase::Delete => &calls[2],
            };
            let meaning = meaning(outcome.phase, calls, outcome.fault.call);
            outcome.operation = format!("{} ({meaning})", outcome.operation);
        }
        shown.push(life);
    }
    Ok(shown)
}

/// Each call once, so that at most two leases run out in one life. That a create is not complete ends in both ways.
fn marker_jobs(injection: Injection, [create, update, delete]: &[Vec<String>; 3]) -> Vec<Job> {
    let harm = |call: usize, calls: &[String]| match calls.get(call) {
        Some(_) => Harm::These(vec![Fault {
            component: MARKER.into(),
            call,
            injection,
        }]),
        None => Harm::Nothing,
    };
    // The last calls of create and delete, and the second of update and delete, leave a lease behind.
    let none = usize::MAX;
    let (creates, deletes) = ([0, none, 1, none], [0, 2, 1, 3]);
    let mut jobs: Vec<Job> = (0..update.len().max(4))
        .map(|n| Job {
            faults: Faults {
                create: harm(creates.get(n).copied().unwrap_or(none), create),
                update: harm(n, update),
                destroy: harm(deletes.get(n).copied().unwrap_or(n), delete),
            },
            way: Way::InPlace,
        })
        .collect();
    jobs.push(Job {
        faults: Faults {
            create: harm(1, create),
            ..Faults::default()
        },
        way: Way::Tainted,
    });
    jobs
}

/// Prints the table, and fails for whatever is left, amiss, or other than it was.
fn judge(shown: &[Shown], components: &BTreeSet<String>) -> Result<()> {
    let outcomes = Outcomes::of(
        shown.iter().flat_map(|s| s.outcomes.iter().cloned()).collect(),
        components.iter().cloned(),
    );
    let (orphans, divergences): (Vec<_>, Vec<_>) = shown.iter().map(|s| (&s.orphans, &s.divergences)).unzip();
    let (orphans, divergences): (Vec<&String>, Vec<&String>) = (
        orphans.into_iter().flatten().collect(),
        divergences.into_iter().flatten().collect(),
    );
    let table = outcomes.table();
    println!("{table}");
    println!(
        "{} components, {} injections, {} orphans, {} divergences",
        components.len(),
        outcomes.injections(),
        orphans.len(),
        divergences.len()
    );
    ensure!(
        orphans.is_empty() && divergences.is_empty(),
        "orphans: {orphans:#?}\ndivergences: {divergences:#?}"
    );
    outcomes.compare(&table)
}
