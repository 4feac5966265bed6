//! Decides what is to be done: pure, from what is wanted, what was wanted before, and what AWS holds.
//!
//! Invariant: no step is taken on an object that is not ours; one that must be, refuses the whole plan.
//! Invariant: the steps form an acyclic graph; deletions run against the direction of creations.
//! Invariant: what is replaced is replaced alone. Where two may exist side by side, the new object is made and everything is
//! pointed to it before the old one goes; where they cannot, the old one makes room first.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::observe::Observation;
use crate::stack::component::{Component, Node, Observed};
use crate::stack::kind::{Change, Owner, touches};

/// What is to be done, and in which order.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps; a component that is replaced has two.
    pub steps: Vec<Step>,
    /// For each step, the indices of the steps that end before it starts.
    pub waits: Vec<Vec<usize>>,
}

/// One thing to be done to one component.
#[derive(Debug, Clone)]
pub struct Step {
    /// The component's name.
    pub component: String,
    /// The object, as wanted (for a deletion: as it was wanted).
    pub node: Arc<dyn Node>,
    /// What is to be done.
    pub action: Action,
    /// What AWS held when the plan was made.
    pub held: Option<Observed>,
}

/// What is to be done to a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is as wanted.
    Keep,
    /// It does not exist.
    Create,
    /// It replaces another, which is still there and goes afterwards.
    CreateBeside,
    /// These properties differ and are changed in place.
    Update(Vec<Change>),
    /// Something that it refers to gets another id: it is read again then, and pointed to it.
    Repoint,
    /// It is wanted no more, or makes room for its replacement.
    Delete,
}

/// Why a plan is refused before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// An object with the component's name exists and is not ours.
    Foreign {
        /// The component.
        component: String,
        /// The object's CloudFormation type.
        type_name: &'static str,
        /// Its id.
        id: String,
        /// The stack that it belongs to, where it says so.
        owner: Option<String>,
    },
    /// The object would have to be replaced, which would lose what it holds.
    LosesData {
        /// The component.
        component: String,
        /// Its id.
        id: String,
        /// What cannot be changed in place.
        changes: Vec<Change>,
    },
}

/// Plans the way from what AWS holds to `desired`.
///
/// `prior` is what was wanted before: what of it is no longer in `desired` is deleted. `order` holds pairs (first, then) of
/// components whose changes depend on each other only this time.
///
/// # Errors
/// All reasons to refuse, not only the first.
pub fn plan(
    desired: &[Component],
    prior: &[Component],
    observed: &Observation,
    order: &[(String, String)],
) -> Result<Plan, Vec<Refusal>> {
    let mut planner = Planner::default();
    for component in desired {
        planner.want(component, observed.get(&component.name).and_then(Option::as_ref));
    }
    if !planner.refusals.is_empty() {
        return Err(planner.refusals);
    }
    for component in prior.iter().filter(|p| is_removed(p, desired, observed)) {
        if let Some(Some(held)) = observed.get(&component.name)
            && held.owner == Owner::Ours
        {
            planner.unmake(component, held.clone());
        }
    }
    planner.rebind(desired);
    planner.repoint(desired);
    planner.make_room(desired);
    planner.connect(desired, prior, order);
    Ok(planner.plan)
}

/// Whether a component that was wanted before is wanted no more: neither by its name, nor as the same object under another
/// name (a mapping whose path changes, an address written with other letters).
pub fn is_removed(prior: &Component, desired: &[Component], observed: &Observation) -> bool {
    let held = |c: &Component| observed.get(&c.name).and_then(Option::as_ref);
    let same_object = |d: &Component| {
        d.node.type_name() == prior.node.type_name()
            && matches!((held(prior), held(d)), (Some(one), Some(other)) if one.is_same(other))
    };
    !desired.iter().any(|d| d.name == prior.name || same_object(d))
}

#[derive(Default)]
struct Planner {
    plan: Plan,
    refusals: Vec<Refusal>,
    /// The step after which a component is as wanted.
    makes: HashMap<String, usize>,
    /// The step that deletes a component, or the object that its replacement follows.
    unmakes: HashMap<String, usize>,
    /// Components whose replacement is made before the object that it replaces goes.
    beside: HashSet<String>,
}

impl Planner {
    fn want(&mut self, component: &Component, held: Option<&Observed>) {
        let Some(held) = held else {
            return self.make(component, Action::Create, None);
        };
        if let Owner::Foreign(owner) = &held.owner {
            self.refusals.push(Refusal::Foreign {
                component: component.name.clone(),
                type_name: component.node.type_name(),
                id: held.id.clone(),
                owner: owner.clone(),
            });
        } else if held.changes.is_empty() {
            self.make(component, Action::Keep, Some(held.clone()));
        } else if !held.changes.iter().any(|c| c.replaces) {
            self.make(component, Action::Update(held.changes.clone()), Some(held.clone()));
        } else if component.node.holds_data() {
            self.refusals.push(Refusal::LosesData {
                component: component.name.clone(),
                id: held.id.clone(),
                changes: held.changes.iter().filter(|c| c.replaces).cloned().collect(),
            });
        } else if component.node.beside() {
            self.beside.insert(component.name.clone());
            self.make(component, Action::CreateBeside, Some(held.clone()));
            self.unmake(component, held.clone());
        } else {
            self.unmake(component, held.clone());
            self.make(component, Action::Create, Some(held.clone()));
        }
    }

    fn make(&mut self, component: &Component, action: Action, held: Option<Observed>) {
        self.makes.insert(component.name.clone(), self.plan.steps.len());
        self.push(component, action, held);
    }

    fn unmake(&mut self, component: &Component, held: Observed) {
        self.unmakes.insert(component.name.clone(), self.plan.steps.len());
        self.push(component, Action::Delete, Some(held));
    }

    fn push(&mut self, component: &Component, action: Action, held: Option<Observed>) {
        let (component, node) = (component.name.clone(), component.node.clone());
        self.plan.steps.push(Step {
            component,
            node,
            action,
            held,
        });
        self.plan.waits.push(Vec::new());
    }

    /// What exists and depends on something that was deleted by hand may be bound to the old object behind the name.
    fn rebind(&mut self, desired: &[Component]) {
        for component in desired {
            let created = |dep: &String| {
                let step = &self.plan.steps[*self.makes.get(dep)?];
                (step.action == Action::Create).then_some(step.node.type_name())
            };
            let bound: Vec<Change> = component
                .deps
                .iter()
                .filter_map(created)
                .filter_map(|type_name| component.node.rebinding(type_name))
                .collect();
            let Some(step) = self.makes.get(&component.name).map(|i| &mut self.plan.steps[*i]) else {
                continue;
            };
            let mut changes = match &step.action {
                Action::Keep => Vec::new(),
                Action::Update(changes) => changes.clone(),
                _ => continue,
            };
            // What differs anyhow is written anyhow.
            let news = bound.into_iter().filter(|b| !touches(&changes, &[&b.property]));
            let news: Vec<Change> = news.collect();
            changes.extend(news);
            if !changes.is_empty() {
                step.action = Action::Update(changes);
            }
        }
    }

    /// What refers to something replaced was observed as pointing to the old object: it is looked at again.
    fn repoint(&mut self, desired: &[Component]) {
        let mut moved: Vec<String> = self
            .unmakes
            .keys()
            .filter(|n| self.makes.contains_key(*n))
            .cloned()
            .collect();
        while let Some(target) = moved.pop() {
            for component in desired
                .iter()
                .filter(|c| c.node.references().iter().any(|r| r.0 == target))
            {
                let Some(step) = self.makes.get(&component.name).map(|i| &mut self.plan.steps[*i]) else {
                    continue;
                };
                if matches!(step.action, Action::Keep | Action::Update(_)) {
                    step.action = Action::Repoint;
                    moved.push(component.name.clone());
                }
            }
        }
    }

    /// What stands on something that makes room first has to make room before it: it cannot be made beside.
    fn make_room(&mut self, desired: &[Component]) {
        loop {
            let makes_room = |name: &String| self.unmakes.contains_key(name) && !self.beside.contains(name);
            let found = desired
                .iter()
                .find(|c| self.beside.contains(&c.name) && standing_on(c).iter().any(makes_room));
            let Some(component) = found else { return };
            self.beside.remove(&component.name);
            if let Some(step) = self.makes.get(&component.name) {
                self.plan.steps[*step].action = Action::Create;
            }
        }
    }

    fn connect(&mut self, desired: &[Component], prior: &[Component], order: &[(String, String)]) {
        let Self {
            plan,
            makes,
            unmakes,
            beside,
            ..
        } = self;
        let mut wait = |step: Option<&usize>, on: Option<&usize>| {
            if let (Some(&step), Some(&on)) = (step, on)
                && step != on
                && !plan.waits[step].contains(&on)
            {
                plan.waits[step].push(on);
            }
        };
        for component in desired {
            for dep in standing_on(component) {
                wait(makes.get(&component.name), makes.get(&dep));
                // Of two that make room, the one that stands on the other goes first.
                wait(unmakes.get(&dep), unmakes.get(&component.name));
                if beside.contains(&dep) {
                    // The old one goes once what stood on it stands on the new one.
                    wait(unmakes.get(&dep), makes.get(&component.name));
                }
            }
            let (make, unmake) = (makes.get(&component.name), unmakes.get(&component.name));
            if beside.contains(&component.name) {
                wait(unmake, make);
            } else {
                wait(make, unmake);
            }
        }
        for component in prior {
            for dep in standing_on(component) {
                wait(unmakes.get(&dep), unmakes.get(&component.name));
                // Removed for good: what stood on it has been changed to do without.
                if !makes.contains_key(&dep) {
                    wait(unmakes.get(&dep), makes.get(&component.name));
                }
            }
        }
        for (first, then) in order {
            wait(makes.get(then), makes.get(first));
        }
    }
}

/// What a component depends on or refers to.
fn standing_on(component: &Component) -> Vec<String> {
    component
        .deps
        .iter()
        .cloned()
        .chain(component.node.references().into_iter().map(|r| r.0))
        .collect()
}

impl Plan {
    /// Whether anything would be done.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|s| s.action == Action::Keep)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, waits) in self.steps.iter().zip(&self.waits) {
            write!(f, "{} {}", step.action, step.component)?;
            let mut after: Vec<String> = waits
                .iter()
                .map(|w| format!("{} {}", self.steps[*w].action.verb(), self.steps[*w].component))
                .collect();
            after.sort();
            if !after.is_empty() {
                write!(f, " after {}", after.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Action {
    /// What is done, in a word.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::CreateBeside => "create beside",
            Self::Update(_) => "update",
            Self::Repoint => "repoint",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        if let Self::Update(changes) = self {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            write!(f, "({})", changes.join("; "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = kairos::names::Names::OWNER_TAG;
        match self {
            Self::Foreign {
                component,
                type_name,
                id,
                owner: Some(owner),
            } => write!(
                f,
                "component \"{component}\": the {type_name} \"{id}\" exists already and belongs to the stack \"{owner}\" (its tag \"{tag}\")"
            ),
            Self::Foreign {
                component,
                type_name,
                id,
                owner: None,
            } => write!(
                f,
                "component \"{component}\": the {type_name} \"{id}\" exists already and is not this stack's (it has no tag \"{tag}\")"
            ),
            Self::LosesData { component, id, changes } => {
                let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "component \"{component}\": \"{id}\" would have to be replaced, which would lose what it holds ({})",
                    changes.join("; ")
                )
            }
        }
    }
}
