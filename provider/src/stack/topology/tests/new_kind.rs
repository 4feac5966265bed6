//! A kind that AWS does not have, in this file alone: what `docs/components.md` says of a new kind, kept.

use std::sync::{Arc, Mutex};

use kairos::names::Names;
use kairos_aws::AwsError;
use serde::Serialize;

use super::{codes, config, names};
use crate::permissions::{Operation, Permissions, Scope};
use crate::render::{At, Block, Render};
use crate::stack::component::Component;
use crate::stack::context::{Clients, Context};
use crate::stack::engine::{Limits, Observation, Pace, Report, Run, execute, observe, plan};
use crate::stack::kind::{Change, Diff, Held, Kind, Tags};
use crate::stack::outputs::{Wanted, planned};
use crate::stack::topology::topology;

/// A board with one line on it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Board {
    name: String,
    line: String,
    tags: Tags,
    #[serde(skip)]
    wall: Wall,
}

impl Kind for Board {
    const TYPE: &'static str = "Test::Wall::Board";
    const SERVICE: &'static str = "wall";

    fn permissions(&self, names: &Names) -> Permissions {
        let board = Scope::of([self.arn(names)]);
        Permissions::default()
            .observe(&board, &["wall:GetBoard"])
            .create(&board, &["wall:CreateBoard"])
            .update(&board, &["wall:UpdateBoard"])
            .delete(&board, &["wall:DeleteBoard"])
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(self.arn(&context.names))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .fixed("Name", |b| &b.name)
            .property("Line", |b| &b.line)
            .tags(|b| &b.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let held = self.wall.board();
        Ok(held.map(|board| Held::tagged(self.arn(&context.names), board.clone(), &board.tags, context)))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        self.wall.hang(Some(self.clone()));
        Ok(Held::ours(self.arn(&context.names), self.clone()))
    }

    async fn update(&self, _: &Held<Self>, _: &[Change], _: &Context) -> Result<(), AwsError> {
        self.wall.hang(Some(self.clone()));
        Ok(())
    }

    async fn delete(&self, _: &str, _: &Context) -> Result<(), AwsError> {
        self.wall.hang(None);
        Ok(())
    }
}

impl Render for Board {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        vec![
            Block::resource("wall_board")
                .set("name", &self.name)
                .set("line", &self.line)
                .set("tags", &self.tags)
                .import(at.if_held(&self.name)),
        ]
    }
}

impl Board {
    fn arn(&self, names: &Names) -> String {
        let place = &names.place;
        format!("arn:aws:wall:{}:{}:board/{}", place.region, place.account, self.name)
    }
}

/// The service: it has room for one board.
#[derive(Debug, Clone, Default)]
struct Wall(Arc<Mutex<Option<Board>>>);

impl Wall {
    fn board(&self) -> Option<Board> {
        self.0.lock().unwrap().clone()
    }

    fn hang(&self, board: Option<Board>) {
        *self.0.lock().unwrap() = board;
    }
}

/// Where a board hangs is no property of it.
impl PartialEq for Wall {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The one line in the table.
fn line(wall: &Wall, line: &str) -> Component {
    let board = Board {
        name: "demoBoard".into(),
        line: line.into(),
        tags: Tags::from([(Names::OWNER_TAG.into(), names().owner())]),
        wall: wall.clone(),
    };
    Component::new("board", board, &["queue"])
}

fn context() -> Context {
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("sa-east-1"))
        .build();
    Context::new(names(), Clients::new(&config))
}

#[test]
fn a_line_in_the_table_takes_its_place_in_plan_state_policies_and_rendering() {
    let mut stack = topology(&config(), &names(), &codes());
    stack.push(line(&Wall::default(), "hola"));

    let steps = plan(&stack, &[], &Observation::new(), &[]).unwrap().to_string();
    assert!(steps.contains("create board after create queue\n"), "{steps}");

    let (config, context) = (config(), context());
    let wanted = Wanted {
        config: &config,
        topology: &stack,
    };
    let shown = planned([wanted, wanted], None, &context);
    let entry = shown.components["board"].known().unwrap();
    assert_eq!(entry.r#type.as_str(), Some("Test::Wall::Board"));
    assert_eq!(
        entry.id.as_str(),
        Some("arn:aws:wall:sa-east-1:123456789012:board/demoBoard")
    );

    let node = &stack.last().unwrap().node;
    let grants = node.permissions(&context.names).grants;
    assert!(
        grants
            .iter()
            .any(|g| g.operation == Operation::Delete && g.actions == ["wall:DeleteBoard"])
    );
}

#[tokio::test]
async fn the_engine_creates_mends_and_deletes_what_it_knows_nothing_of() {
    let wall = Wall::default();
    let wanted = [line(&wall, "hola")];
    assert_eq!(bring(&wanted, &[]).await, ["create board"]);
    assert_eq!(wall.board().map(|b| b.line), Some("hola".into()));
    assert_eq!(bring(&wanted, &[]).await, ["keep board"]);

    let mut painted = wall.board().unwrap();
    painted.line = "otra cosa".into();
    wall.hang(Some(painted));
    assert_eq!(bring(&wanted, &[]).await, ["update(Line: otra cosa → hola) board"]);
    assert_eq!(wall.board().map(|b| b.line), Some("hola".into()));

    assert_eq!(bring(&[], &wanted).await, ["delete board"]);
    assert_eq!(wall.board(), None);
}

/// Observes, plans and executes, as a fresh process does; the steps that were taken.
async fn bring(desired: &[Component], prior: &[Component]) -> Vec<String> {
    let run = Run {
        context: context(),
        limits: Limits::default(),
        pace: Pace::default(),
    };
    let all: Vec<Component> = desired.iter().chain(prior).cloned().collect();
    let observation = observe(&all, &run.context, &run.limits).await.unwrap();
    let plan = plan(desired, prior, &observation, &[]).unwrap();
    let report: Report = execute(&plan, &run).await;
    assert!(report.is_complete(), "{report:?}");
    plan.to_string().lines().map(str::to_owned).collect()
}
