#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use super::*;
use crate::stack::component::Observed;
use crate::stack::config::{ApiConfig, Architecture, ExecutorConfig};
use crate::stack::engine::graph::sorted;
use crate::stack::engine::{self, Action, Refusal};
use crate::stack::kind::Change;
use crate::stack::kind::Held;
use kairos::names::Place;

mod new_kind;

fn function(timeout: i32) -> FunctionConfig {
    FunctionConfig {
        memory_size: 256,
        timeout,
        log_level: "INFO".into(),
        layers: Vec::new(),
        reserved_concurrency: None,
    }
}

fn config() -> StackConfig {
    StackConfig {
        name: "demo".into(),
        notification_emails: BTreeSet::from(["a@example.com".into(), "b@example.com".into()]),
        dispatcher: function(900),
        executor: ExecutorConfig {
            function: function(120),
            role_prefix: "proc-".into(),
            maximum_concurrency: Some(10),
            batch_size: 10,
            external_id: None,
        },
        api: Some(ApiConfig {
            function: function(29),
            domain_name: Some("api.example.com".into()),
            mapping_key: "kairos/v1".into(),
            throttle_rate: None,
            throttle_burst: None,
            quota_per_day: None,
        }),
        log_retention_days: 30,
        history_retention_days: 90,
        kms_key_arn: None,
        tracing: true,
        architecture: Architecture::X86,
        role_path: "/".into(),
        permissions_boundary_arn: None,
        tags: Tags::from([("team".into(), "data".into())]),
        deletion_protection: true,
    }
}

fn names() -> Names {
    Names::new(
        "demo",
        Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        },
    )
}

fn codes() -> Codes {
    let code = |text: &str| Code::held(text);
    Codes {
        dispatcher: code("dispatcher"),
        executor: code("executor"),
        api: code("api"),
    }
}

fn components(config: &StackConfig) -> Vec<Component> {
    topology(config, &names(), &codes())
}

#[test]
fn the_components_and_what_they_wait_for() {
    let lines: Vec<String> = components(&config())
        .iter()
        .map(|c| format!("{} {} [{}]", c.name, c.node.type_name(), c.deps.join(", ")))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_every_component_wants() {
    let wanted: Vec<_> = components(&config())
        .iter()
        .map(|c| (c.name.clone(), c.node.wanted()))
        .collect();
    insta::assert_snapshot!(
        wanted
            .iter()
            .map(|(name, value)| format!("{name}: {value:#}"))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn what_lasts_until_somebody_acts_tells_its_end_as_well() {
    let components = components(&config());
    let told = |wanted: &serde_json::Value, when: &str| wanted[when].as_array().is_some_and(|told| !told.is_empty());
    let alarms: Vec<_> = components.iter().filter(|c| c.name.ends_with("_alarm")).collect();
    assert!(alarms.iter().all(|c| told(&c.node.wanted(), "alarm_actions")));
    let ends: Vec<&str> = alarms
        .iter()
        .filter(|c| told(&c.node.wanted(), "ok_actions"))
        .map(|c| c.name.as_str())
        .collect();
    assert_eq!(
        ends,
        [
            "queue_dlq_alarm",
            "dispatcher_dlq_alarm",
            "schedule_dlq_alarm",
            "queue_age_alarm"
        ]
    );
}

#[test]
fn the_graph_is_total_and_has_no_cycle_and_every_reference_is_a_dependency() {
    let components = components(&config());
    let index = |name: &str| components.iter().position(|c| c.name == name);
    let mut waits = Vec::new();
    for component in &components {
        let references = component.node.references();
        let of: Vec<&String> = component.deps.iter().chain(references.iter().map(|r| &r.0)).collect();
        waits.push(
            of.iter()
                .map(|d| index(d).ok_or(format!("{} waits for {d}", component.name)))
                .collect::<Result<Vec<_>, _>>()
                .unwrap(),
        );
    }
    assert!(sorted(&waits).is_some());
}

#[test]
fn names_of_components_are_unique() {
    let components = components(&config());
    let names: BTreeSet<&String> = components.iter().map(|c| &c.name).collect();
    assert_eq!(names.len(), components.len());
}

#[test]
fn without_an_api_nothing_of_it_is_there() {
    let without = components(&StackConfig { api: None, ..config() });
    let left: Vec<&str> = without
        .iter()
        .map(|c| c.name.as_str())
        .filter(|n| n.to_lowercase().contains("api"))
        .collect();
    assert_eq!(left, Vec::<&str>::new());
}

#[test]
fn visibility_grows_before_the_time_out_and_shrinks_after_it() {
    let with = |timeout| {
        let mut config = config();
        config.executor.function.timeout = timeout;
        config
    };
    let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    // What AWS holds decides: after a failed change the state already says what was wanted.
    let held = |timeout| {
        let (config, names, codes) = (with(timeout), names(), codes());
        let function = Builder::new(&config, &names, &codes).function("f".into(), &config.executor.function);
        let held = Observed::of(&function, Held::ours("f", function.clone()));
        Observation::from([("executor_function".to_owned(), Some(held))])
    };
    let order = |held: &Observation, wanted| order(held_timeout(held), &with(wanted));
    assert_eq!(order(&held(60), 120), pair("queue", "executor_function"));
    assert_eq!(order(&held(120), 60), pair("executor_function", "queue"));
    assert_eq!(order(&held(60), 60), Vec::new());
    assert_eq!(order(&Observation::new(), 60), Vec::new());
    assert_eq!(with(120).queue_visibility(), 720);
}

#[test]
fn a_mapping_that_moves_is_another_object() {
    let mut moved = config();
    moved.api.as_mut().unwrap().mapping_key = "other".into();
    let earlier = prior(&config(), &moved, &names(), &codes());
    assert!(earlier.iter().any(|c| c.name == "api_mapping (earlier)"));
    assert!(
        prior(&config(), &config(), &names(), &codes())
            .iter()
            .any(|c| c.name == "api_mapping")
    );
}

#[test]
fn no_policy_has_a_star_but_for_x_ray() {
    for component in components(&config())
        .iter()
        .filter(|c| c.node.type_name() == "AWS::IAM::Role")
    {
        let wanted = component.node.wanted();
        let statements = wanted["policies"]["Kairos"]["Statement"].as_array().cloned().unwrap();
        for statement in statements.iter().filter(|s| s["Resource"] == "*") {
            assert_eq!(statement["Sid"], "Trace", "{}", component.name);
        }
    }
}

/// The plan where one component needs another object and everything else is as wanted: what is done, in an order in which it
/// can be; the words of the refusal where it would lose data.
fn replacing(name: &str) -> String {
    let all = components(&config());
    let change = Change {
        property: "Fixed".into(),
        actual: "a".into(),
        wanted: "b".into(),
        replaces: true,
    };
    let observation = all
        .iter()
        .map(|c| {
            let changes = if c.name == name {
                vec![change.clone()]
            } else {
                Vec::new()
            };
            (c.name.clone(), Some(Observed::ours(&c.name, changes)))
        })
        .collect();
    let plan = match engine::plan(&all, &all, &observation, &[]) {
        Ok(plan) => plan,
        Err(refusals) => {
            assert!(matches!(refusals[..], [Refusal::LosesData { .. }]));
            return "refused: it would lose data".into();
        }
    };
    let order = sorted(&plan.waits).unwrap();
    let steps = order.iter().map(|index| &plan.steps[*index]);
    let done = steps.filter(|step| step.action != Action::Keep);
    done.map(|step| format!("{} {}", step.action.verb(), step.component))
        .collect::<Vec<_>>()
        .join(", ")
}

#[test]
fn each_component_is_replaced_alone_and_in_an_order_that_loses_nothing() {
    let lines: Vec<String> = components(&config())
        .iter()
        .map(|c| format!("{}: {}", c.name, replacing(&c.name)))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// The kinds of which a property is ever seen to need another object. All others take their fixed properties from names that
/// follow from the stack's, under which they are looked up: such a property never differs.
#[test]
fn what_can_be_replaced_at_all() {
    let [old, new] = ["old.example.com", "new.example.com"].map(|domain| {
        let mut config = config();
        config.api.as_mut().unwrap().domain_name = Some(domain.into());
        config
    });
    let [old, new] = [old, new].map(|config| components(&config));
    let replaced = |c: &Component, held: &Component| c.node.changes_from(held.node.as_ref()).iter().any(|c| c.replaces);
    let moved: Vec<&str> = new
        .iter()
        .zip(&old)
        .filter(|(new, old)| replaced(new, old))
        .map(|(new, _)| new.name.as_str())
        .collect();
    assert_eq!(moved, ["api_mapping"], "of a configuration, only the domain");
    let another_path = StackConfig {
        role_path: "/kairos/".into(),
        ..config()
    };
    let before = components(&config());
    let moved: Vec<String> = components(&another_path)
        .iter()
        .zip(&before)
        .filter(|(new, old)| replaced(new, old))
        .map(|(new, _)| new.name.clone())
        .collect();
    let roles = ["scheduler_role", "dispatcher_role", "executor_role", "api_role"];
    assert_eq!(moved, roles, "of drift, a role that somebody made on another path");
}
