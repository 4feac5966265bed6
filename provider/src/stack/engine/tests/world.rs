//! The world in memory that the engine works on, and the kind whose objects it holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kairos::names::{Names, Place};
use kairos_aws::{AwsError, Class};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::super::*;
use crate::stack::component::Component;
use crate::stack::context::{Clients, Context};
use crate::stack::kind::{Change, Diff, Held, Kind, Owner, Ref};

/// An object of the world.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object {
    pub(super) id: String,
    pub(super) size: u32,
    pub(super) shape: u32,
    pub(super) parent_id: Option<String>,
    pub(super) owner: Owner,
}

/// Where a call fails: the operation, the component, and whether its work was done before the answer was lost.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    pub(super) operation: &'static str,
    pub(super) name: &'static str,
    pub(super) after: bool,
    pub(super) class: Class,
    pub(super) times: u32,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) objects: BTreeMap<String, Object>,
    pub(super) made: u32,
    pub(super) log: Vec<String>,
    pub(super) injection: Option<Injection>,
    /// Cancelled by the next observation.
    pub(super) on_observe: Option<CancellationToken>,
}

impl World {
    /// Does `work` unless a failure is injected before it, and loses the answer where one is injected after it.
    pub(super) fn call<T>(
        &mut self,
        operation: &'static str,
        name: &str,
        work: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, AwsError> {
        let hit = match &mut self.injection {
            Some(i) if i.operation == operation && i.name == name && i.times > 0 => {
                i.times -= 1;
                Some((i.after, i.class))
            }
            _ => None,
        };
        let error = |class| AwsError {
            action: operation.into(),
            object: name.into(),
            code: Some("Injected".into()),
            message: "injected".into(),
            request_id: None,
            class,
            ambiguous: true,
        };
        if let Some((false, class)) = hit {
            return Err(error(class));
        }
        let done = work(self);
        self.log.push(format!("{operation} {name}"));
        hit.map_or(Ok(done), |(_, class)| Err(error(class)))
    }
}

/// A kind whose ids the world makes.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Fake {
    pub(super) name: String,
    pub(super) size: u32,
    pub(super) shape: u32,
    pub(super) parent: Option<Ref>,
    #[serde(skip)]
    pub(super) world: Arc<Mutex<World>>,
}

impl PartialEq for Fake {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.size, self.shape, &self.parent) == (&other.name, other.size, other.shape, &other.parent)
    }
}

impl crate::render::Render for Fake {
    fn render(&self, _: &crate::render::At<'_>) -> Vec<crate::render::Block> {
        Vec::new()
    }
}

impl Kind for Fake {
    const TYPE: &'static str = "Test::Fake";
    const SERVICE: &'static str = "fake";

    fn permissions(&self, _: &kairos::names::Names) -> crate::permissions::Permissions {
        crate::permissions::Permissions::default()
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        let diff = Diff::of(self, held)
            .property("Size", |f| f.size)
            .fixed("Shape", |f| f.shape);
        diff.property("Parent", |f| &f.parent).changes()
    }

    fn references(&self) -> Vec<Ref> {
        self.parent.clone().into_iter().collect()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let object = {
            let world = self.world.lock().unwrap();
            world.on_observe.iter().for_each(CancellationToken::cancel);
            world.objects.get(&self.name).cloned()
        };
        Ok(object.map(|o| {
            let parent = match (&self.parent, &o.parent_id) {
                (Some(parent), Some(id)) => Some(context.reference(parent, id)),
                (_, id) => id.as_ref().map(Ref::to),
            };
            let value = Self {
                size: o.size,
                shape: o.shape,
                parent,
                ..self.clone()
            };
            Held {
                id: o.id,
                value,
                owner: o.owner,
                status: None,
            }
        }))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let parent_id = self.parent.as_ref().map(|p| context.id(p).unwrap());
        let id = self.world.lock().unwrap().call("create", &self.name, |world| {
            world.made += 1;
            let id = format!("{}-{}", self.name, world.made);
            let (size, shape) = (self.size, self.shape);
            assert!(
                !world.objects.contains_key(&self.name),
                "{} is created twice",
                self.name
            );
            world.objects.insert(
                self.name.clone(),
                Object {
                    id: id.clone(),
                    size,
                    shape,
                    parent_id,
                    owner: Owner::Ours,
                },
            );
            id
        })?;
        Ok(Held::ours(id, self.clone()))
    }

    async fn update(&self, held: &Held<Self>, _: &[Change], context: &Context) -> Result<(), AwsError> {
        let parent_id = self.parent.as_ref().map(|p| context.id(p).unwrap());
        self.world.lock().unwrap().call("update", &self.name, |world| {
            let object = world.objects.get_mut(&self.name).unwrap();
            assert_eq!(object.id, held.id);
            object.size = self.size;
            object.parent_id = parent_id;
        })
    }

    async fn delete(&self, id: &str, _: &Context) -> Result<(), AwsError> {
        self.world.lock().unwrap().call("delete", &self.name, |world| {
            if world.objects.get(&self.name).is_some_and(|o| o.id == id) {
                world.objects.remove(&self.name);
            }
        })
    }

    fn settling(error: &AwsError) -> bool {
        error.class == Class::Conflict
    }
}

/// `a` ← `b` ← `d` and `a` ← `c` (which holds the id of `a`), and `e` alone.
pub(super) const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

pub(super) fn components(world: &Arc<Mutex<World>>, size: u32, shape: u32) -> Vec<Component> {
    let fake = |name: &str, parent: Option<&str>| Fake {
        name: name.into(),
        size,
        shape: if name == "a" { shape } else { 0 },
        parent: parent.map(Ref::to),
        world: world.clone(),
    };
    vec![
        Component::new("a", fake("a", None), &[]),
        Component::new("b", fake("b", None), &["a"]),
        Component::new("c", fake("c", Some("a")), &[]),
        Component::new("d", fake("d", None), &["b"]),
        Component::new("e", fake("e", None), &[]),
    ]
}

pub(super) fn context() -> Context {
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("sa-east-1"))
        .build();
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Context::new(Names::new("t", place), Clients::new(&config))
}

pub(super) fn run(context: Context) -> Run {
    let pace = Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
        propagation: Duration::from_secs(20),
    };
    Run {
        context,
        limits: Limits::default(),
        pace,
    }
}

/// One whole operation: observe, plan, execute, as a fresh process does it.
pub(super) async fn apply(desired: &[Component], prior: &[Component]) -> Result<(String, Report), Vec<Refusal>> {
    let run = run(context());
    let all: Vec<Component> = desired
        .iter()
        .chain(prior.iter().filter(|p| !desired.iter().any(|d| d.name == p.name)))
        .cloned()
        .collect();
    let observed = observe(&all, &run.context, &run.limits).await.unwrap();
    let plan = plan(desired, prior, &observed, &[])?;
    let report = execute(&plan, &run).await;
    Ok((plan.to_string(), report))
}

pub(super) fn log(world: &Arc<Mutex<World>>) -> Vec<String> {
    std::mem::take(&mut world.lock().unwrap().log)
}

pub(super) fn told(report: &Report) -> String {
    report.outcomes.iter().fold(String::new(), |mut text, (name, outcome)| {
        let word = match outcome {
            Outcome::Done { .. } => "done".to_owned(),
            Outcome::Failed(_) => "failed".to_owned(),
            Outcome::Skipped(why) => format!("skipped ({why})"),
            Outcome::Untouched => "untouched".to_owned(),
        };
        write!(text, "{name} {word}; ").unwrap();
        text
    })
}
