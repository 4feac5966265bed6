//! The engine over a world in memory, with a failure injected at every component, before and after the call.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kairos::names::{Names, Place};
use kairos_aws::{AwsError, Class};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::stack::bounds::{Bounds, Timeout};
use crate::stack::component::Component;
use crate::stack::context::{Clients, Context};
use crate::stack::kind::{Change, Diff, Held, Kind, Owner, Ref};

/// An object of the world.
#[derive(Debug, Clone, PartialEq)]
struct Object {
    id: String,
    size: u32,
    shape: u32,
    parent_id: Option<String>,
    owner: Owner,
}

/// Where a call fails: the operation, the component, and whether its work was done before the answer was lost.
#[derive(Debug, Clone)]
struct Injection {
    operation: &'static str,
    name: &'static str,
    after: bool,
    class: Class,
    times: u32,
}

#[derive(Debug, Default)]
struct World {
    objects: BTreeMap<String, Object>,
    made: u32,
    log: Vec<String>,
    injection: Option<Injection>,
    /// Cancelled by the next observation.
    on_observe: Option<CancellationToken>,
}

impl World {
    /// Does `work` unless a failure is injected before it, and loses the answer where one is injected after it.
    fn call<T>(
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
struct Fake {
    name: String,
    size: u32,
    shape: u32,
    parent: Option<Ref>,
    #[serde(skip)]
    world: Arc<Mutex<World>>,
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
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

fn components(world: &Arc<Mutex<World>>, size: u32, shape: u32) -> Vec<Component> {
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

fn context() -> Context {
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

fn run(context: Context) -> Run {
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
async fn apply(desired: &[Component], prior: &[Component]) -> Result<(String, Report), Vec<Refusal>> {
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

fn log(world: &Arc<Mutex<World>>) -> Vec<String> {
    std::mem::take(&mut world.lock().unwrap().log)
}

fn told(report: &Report) -> String {
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

#[tokio::test]
async fn a_stack_is_created_in_order_and_then_there_is_nothing_to_do() {
    let world = Arc::default();
    let (plan, report) = apply(&components(&world, 1, 1), &[]).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    create a
    create b after create a
    create c after create a
    create d after create b
    create e
    ");
    assert!(report.is_complete());
    assert_eq!(log(&world).len(), 5);
    let (_, again) = apply(&components(&world, 1, 1), &[]).await.unwrap();
    assert!(again.outcomes.values().all(|o| *o == Outcome::Untouched));
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn deletion_runs_against_the_direction_of_creation() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    let (plan, report) = apply(&[], &all).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    delete a after delete b, delete c
    delete b after delete d
    delete c
    delete d
    delete e
    ");
    assert!(report.is_complete());
    assert!(world.lock().unwrap().objects.is_empty());
}

/// Injects one failure at every component and runs the operation twice: the first ends with every component accounted
/// for, the second converges. The outcomes are the golden file.
async fn check_converges(operation: &'static str) -> String {
    let mut golden = String::new();
    for name in NAMES {
        for after in [false, true] {
            let world: Arc<Mutex<World>> = Arc::default();
            let (first, second) = (components(&world, 1, 1), components(&world, 2, 1));
            let (desired, prior): (&[Component], &[Component]) = match operation {
                "create" => (&first, &[]),
                "update" => (&second, &first),
                _ => (&[], &first),
            };
            if operation != "create" {
                apply(&first, &[]).await.unwrap();
            }
            let injection = Injection {
                operation,
                name,
                after,
                class: Class::Terminal,
                times: 1,
            };
            world.lock().unwrap().injection = Some(injection);
            let (_, report) = apply(desired, prior).await.unwrap();
            let when = if after { "after" } else { "before" };
            writeln!(golden, "{operation} {name} {when}: {}", told(&report)).unwrap();
            assert_eq!(report.failures().count(), 1);

            let (_, report) = apply(desired, prior).await.unwrap();
            assert!(report.is_complete(), "{operation} {name} {when}: {}", told(&report));
            let objects = world.lock().unwrap().objects.clone();
            assert_eq!(objects.len(), desired.len(), "{operation} {name} {when}");
            let made = world.lock().unwrap().made;
            assert_eq!(made, 5, "nothing is created twice: {operation} {name} {when}");
            let size = if operation == "update" { 2 } else { 1 };
            assert!(objects.values().all(|o| o.size == size));
        }
    }
    golden
}

#[tokio::test]
async fn a_failure_at_any_component_is_reported_and_the_next_run_converges() {
    let mut golden = String::new();
    for operation in ["create", "update", "delete"] {
        golden += &check_converges(operation).await;
    }
    insta::assert_snapshot!(golden);
}

/// A [`Fake`] whose replacement may exist beside it: the world knows it by name and shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Twin(Fake);

impl crate::render::Render for Twin {
    fn render(&self, _: &crate::render::At<'_>) -> Vec<crate::render::Block> {
        Vec::new()
    }
}

impl Kind for Twin {
    const TYPE: &'static str = "Test::Twin";
    const SERVICE: &'static str = "fake";
    const BESIDE: bool = true;

    fn permissions(&self, _: &Names) -> crate::permissions::Permissions {
        crate::permissions::Permissions::default()
    }

    fn known_id(&self, _: &Context) -> Option<String> {
        None
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        self.0.diff(&held.0)
    }

    /// The one of the wanted shape, otherwise any other.
    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let shapes = [self.0.shape, 1, 2];
        for shape in shapes {
            let of_shape = Fake {
                name: format!("{}#{shape}", self.0.name),
                ..self.0.clone()
            };
            if let Some(held) = of_shape.observe(context).await? {
                let value = Self(Fake {
                    name: self.0.name.clone(),
                    ..held.value
                });
                return Ok(Some(Held::ours(held.id, value)));
            }
        }
        Ok(None)
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let made = Fake {
            name: format!("{}#{}", self.0.name, self.0.shape),
            ..self.0.clone()
        };
        let id = made.create(context).await?.id;
        Ok(Held::ours(id, self.clone()))
    }

    async fn update(&self, _: &Held<Self>, _: &[Change], _: &Context) -> Result<(), AwsError> {
        Ok(())
    }

    async fn delete(&self, id: &str, context: &Context) -> Result<(), AwsError> {
        let shape = id.split_once('-').unwrap().0;
        let gone = Fake {
            name: shape.into(),
            ..self.0.clone()
        };
        gone.delete(id, context).await
    }
}

#[tokio::test]
async fn where_two_may_exist_the_new_one_is_made_and_used_before_the_old_one_goes() {
    let world: Arc<Mutex<World>> = Arc::default();
    let fake = |name: &str, shape, parent: Option<&str>| Fake {
        name: name.into(),
        size: 1,
        shape,
        parent: parent.map(Ref::to),
        world: world.clone(),
    };
    let all = |shape| {
        vec![
            Component::new("twin", Twin(fake("twin", shape, None)), &[]),
            Component::new("user", fake("user", 0, Some("twin")), &["twin"]),
        ]
    };
    apply(&all(1), &[]).await.unwrap();
    log(&world);
    let (plan, report) = apply(&all(2), &all(1)).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    create beside twin
    delete twin after create beside twin, repoint user
    repoint user after create beside twin
    ");
    assert!(report.is_complete(), "{}", told(&report));
    assert_eq!(log(&world), ["create twin#2", "update user", "delete twin#1"]);
    let (_, again) = apply(&all(2), &all(2)).await.unwrap();
    assert!(
        again.outcomes.values().all(|o| *o == Outcome::Untouched),
        "{}",
        told(&again)
    );

    // A failure in between leaves both, and the next run ends with one.
    let injection = Injection {
        operation: "delete",
        name: "twin#2",
        after: false,
        class: Class::Terminal,
        times: 1,
    };
    world.lock().unwrap().injection = Some(injection);
    let (_, report) = apply(&all(1), &all(2)).await.unwrap();
    assert_eq!(report.failures().count(), 1);
    assert_eq!(
        log(&world),
        ["create twin#1", "update user"],
        "what is used is there throughout"
    );
}

#[tokio::test]
async fn what_stands_on_something_that_makes_room_makes_room_as_well() {
    let world: Arc<Mutex<World>> = Arc::default();
    let fake = |name: &str, shape| Fake {
        name: name.into(),
        size: 1,
        shape,
        parent: None,
        world: world.clone(),
    };
    let all = |shape| {
        vec![
            Component::new("base", fake("base", shape), &[]),
            Component::new("twin", Twin(fake("twin", shape)), &["base"]),
        ]
    };
    apply(&all(1), &[]).await.unwrap();
    let (plan, report) = apply(&all(2), &all(1)).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    delete base after delete twin
    create base after delete base
    create twin after create base, delete twin
    delete twin
    ");
    assert!(report.is_complete(), "{}", told(&report));
}

#[tokio::test]
async fn a_replaced_object_makes_room_first_and_what_refers_to_it_is_pointed_to_the_new_one() {
    let world = Arc::default();
    apply(&components(&world, 1, 1), &[]).await.unwrap();
    log(&world);
    let (plan, report) = apply(&components(&world, 1, 2), &components(&world, 1, 1))
        .await
        .unwrap();
    insta::assert_snapshot!(plan, @r"
    delete a
    create a after delete a
    keep b after create a
    repoint c after create a
    keep d after keep b
    keep e
    ");
    assert!(report.is_complete(), "{}", told(&report));
    assert_eq!(log(&world), ["delete a", "create a", "update c"]);
    let world = world.lock().unwrap();
    assert_eq!(world.objects["c"].parent_id.as_ref(), Some(&world.objects["a"].id));
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_deleted_and_the_rest_left_alone() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    log(&world);
    let (_, report) = apply(&all[..3], &all).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(log(&world), ["delete d", "delete e"]);
}

#[tokio::test]
async fn an_object_that_is_wanted_under_another_name_is_not_deleted() {
    let world = Arc::default();
    let all = components(&world, 1, 1);
    apply(&all, &[]).await.unwrap();
    log(&world);
    let renamed = |name: &str| Component {
        name: name.into(),
        ..all[4].clone()
    };
    let prior: Vec<Component> = all[..4].iter().cloned().chain([renamed("e (earlier)")]).collect();
    let (plan, report) = apply(&all, &prior).await.unwrap();
    insta::assert_snapshot!(plan, @r"
    keep a
    keep b after keep a
    keep c after keep a
    keep d after keep b
    keep e
    ");
    assert!(report.is_complete());
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn anothers_object_refuses_the_whole_plan() {
    let world: Arc<Mutex<World>> = Arc::default();
    let other = Object {
        id: "b-0".into(),
        size: 1,
        shape: 0,
        parent_id: None,
        owner: Owner::Foreign(Some("sa-east-1/other".into())),
    };
    world.lock().unwrap().objects.insert("b".into(), other);
    let refusals = apply(&components(&world, 1, 1), &[]).await.unwrap_err();
    let words: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(words.join("\n"), @r#"component "b": the Test::Fake "b-0" exists already and belongs to the stack "sa-east-1/other" (its tag "kairos:stack")"#);
    assert_eq!(log(&world), Vec::<String>::new());
    // Destroying leaves it alone.
    let (_, report) = apply(&[], &components(&world, 1, 1)).await.unwrap();
    assert!(report.is_complete());
    assert_eq!(world.lock().unwrap().objects.len(), 1);
}

#[tokio::test]
async fn propagation_and_settling_are_awaited_and_nothing_else_is() {
    for (class, times, complete) in [
        (Class::Propagation, 3, true),
        (Class::Conflict, 5, true),
        (Class::Transient, 1, false),
        (Class::Denied, 1, false),
    ] {
        let world: Arc<Mutex<World>> = Arc::default();
        world.lock().unwrap().injection = Some(Injection {
            operation: "create",
            name: "b",
            after: false,
            class,
            times,
        });
        let (_, report) = apply(&components(&world, 1, 1), &[]).await.unwrap();
        assert_eq!(report.is_complete(), complete, "{class:?}: {}", told(&report));
    }
}

#[tokio::test]
async fn once_stopped_nothing_starts_and_every_component_is_accounted_for() {
    let world = Arc::default();
    let desired = components(&world, 1, 1);
    let stop = CancellationToken::new();
    let run = run(context().within(Bounds::interruptible(&stop)));
    let observed = observe(&desired, &run.context, &run.limits).await.unwrap();
    let plan = plan(&desired, &[], &observed, &[]).unwrap();
    stop.cancel();
    let report = execute(&plan, &run).await;
    assert_eq!(report.skipped().count(), 5);
    assert!(report.skipped().all(|(_, why)| why == "the operation was interrupted"));
    assert_eq!(log(&world), Vec::<String>::new());
}

#[tokio::test]
async fn what_settles_for_ever_ends_with_the_operations_time() {
    let world: Arc<Mutex<World>> = Arc::default();
    let endless = Injection {
        operation: "create",
        name: "a",
        after: false,
        class: Class::Conflict,
        times: u32::MAX,
    };
    world.lock().unwrap().injection = Some(endless);
    let desired = components(&world, 1, 1);
    let observed = observe(&desired, &context(), &Limits::default()).await.unwrap();
    let timeout = Timeout {
        limit: Duration::from_secs(2),
        attribute: Some("timeouts.create"),
    };
    let run = run(context().within(Bounds::new(&CancellationToken::new(), timeout)));
    let report = execute(&plan(&desired, &[], &observed, &[]).unwrap(), &run).await;
    insta::assert_snapshot!(told(&report), @r#"a failed; b skipped (the operation's time was over ("timeouts.create" is "2s")); c skipped (the operation's time was over ("timeouts.create" is "2s")); d skipped (the operation's time was over ("timeouts.create" is "2s")); e done; "#);
    let (_, why) = report.failures().next().unwrap();
    let (begin, end) = why.split_once("tried again for ").unwrap();
    assert_eq!(begin, "create of \"a\" failed: Injected: injected; ");
    let told = "the operation's time was over (\"timeouts.create\" is \"2s\"); raise \"timeouts.create\" and run the same command again";
    assert!(end.ends_with(told), "{why}");
}

/// A kind that makes room for its replacement is not stopped between the two without saying so; what was only read was not
/// tried.
#[tokio::test]
async fn what_was_interrupted_before_its_first_write_was_not_tried() {
    let world: Arc<Mutex<World>> = Arc::default();
    let desired = components(&world, 1, 1);
    let stop = CancellationToken::new();
    let run = run(context().within(Bounds::interruptible(&stop)));
    let observed = observe(&desired, &run.context, &run.limits).await.unwrap();
    let plan = plan(&desired, &[], &observed, &[]).unwrap();
    // The user interrupts while the engine looks whether "a" and "e" are there already.
    world.lock().unwrap().on_observe = Some(stop);
    let report = execute(&plan, &run).await;
    assert_eq!(log(&world), Vec::<String>::new());
    assert_eq!((report.failures().count(), report.skipped().count()), (0, 5));
}
