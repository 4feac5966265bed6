//! Objects whose replacement may exist beside them.

use std::sync::{Arc, Mutex};

use kairos::names::Names;
use kairos_aws::{AwsError, Class};
use serde::Serialize;

use super::world::{Fake, Injection, World, apply, log, told};
use crate::stack::component::Component;
use crate::stack::context::Context;
use crate::stack::engine::Outcome;
use crate::stack::kind::{Change, Held, Kind, Ref};

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
