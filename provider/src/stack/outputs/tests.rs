#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use kairos::names::Place;
use tfplugin::{Attr, Set};

use super::*;
use crate::stack::code;
use crate::stack::context::Clients;
use crate::stack::kind::Tags;
use crate::stack::model::{ApiModel, ExecutorModel, FILLERS};

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
    Context::new(Names::new("demo", place), Clients::new(&config))
}

fn model() -> StackModel {
    StackModel {
        name: "demo".into(),
        notification_emails: Attr::Known(Set(vec!["a@example.com".into()])),
        executor: Attr::Known(ExecutorModel {
            role_prefix: "proc-".into(),
            ..ExecutorModel::default()
        }),
        api: Attr::Known(ApiModel::default()),
        ..StackModel::default()
    }
}

/// The components of a plan.
fn plan(model: &StackModel, prior: Option<&Components>) -> Components {
    let context = context();
    let configs = FILLERS.map(|filler| model.config(filler, &Tags::new()).unwrap());
    let topologies = configs
        .each_ref()
        .map(|c| topology::topology(c, &context.names, &code::none()));
    planned(
        [&topologies[0], &topologies[1]],
        [&configs[0], &configs[1]],
        prior,
        &context,
    )
}

/// The names of the components of which something is unknown.
fn unknown(components: &Components, of: impl Fn(&ComponentModel) -> bool) -> Vec<&str> {
    let entries = components.iter().filter(|(_, entry)| entry.known().is_some_and(&of));
    entries.map(|(name, _)| name.as_str()).collect()
}

fn ids_unknown(components: &Components) -> Vec<&str> {
    unknown(components, |c| c.id.is_unknown())
}

/// The map as apply leaves it: every unknown id and status in its place.
fn applied(mut components: Components) -> Components {
    for (name, entry) in &mut components {
        let entry = entry.known_mut().unwrap();
        entry.id = entry.id.clone().resolve(format!("id-of-{name}"));
        entry.status = entry.status.clone().resolve("pending".to_owned());
    }
    components
}

#[test]
fn a_new_stack_is_known_but_for_the_ids_that_aws_makes() {
    let planned = plan(&model(), None);
    insta::assert_snapshot!(ids_unknown(&planned).join("\n"));
    assert_eq!(unknown(&planned, |c| c.digest.is_unknown()), Vec::<&str>::new());
    assert_eq!(
        unknown(&planned, |c| c.status.is_unknown()),
        ["subscription/a@example.com"]
    );
}

#[test]
fn a_stack_that_is_as_wanted_is_planned_as_it_is() {
    let held = applied(plan(&model(), None));
    assert_eq!(plan(&model(), Some(&held)), held);
}

#[test]
fn a_value_that_is_not_known_yet_leaves_open_what_depends_on_it_and_nothing_else() {
    let unknown_key = StackModel {
        kms_key_arn: Attr::Unknown,
        ..model()
    };
    let planned = plan(&unknown_key, None);
    let open = unknown(&planned, |c| c.digest.is_unknown());
    assert!(
        open.contains(&"queue") && open.contains(&"procesos_table") && open.contains(&"executor_role"),
        "{open:?}"
    );
    assert!(
        !open.contains(&"queue_dlq_alarm") && !open.contains(&"schedule_group"),
        "{open:?}"
    );
    let unknown_path = StackModel {
        role_path: Attr::Unknown,
        ..model()
    };
    let roles = |components: &Components| ids_unknown(components).iter().filter(|c| c.ends_with("_role")).count();
    assert_eq!(
        (roles(&planned), roles(&plan(&unknown_path, None))),
        (0, 4),
        "a role's ARN holds its path"
    );
}

#[test]
fn what_is_missing_gets_a_new_id_and_what_only_changes_keeps_its_own() {
    let mut held = applied(plan(&model(), None));
    for name in ["rest_api", "executor_event_source"] {
        held.get_mut(name).unwrap().known_mut().unwrap().status = MISSING.into();
    }
    assert_eq!(
        ids_unknown(&plan(&model(), Some(&held))),
        ["executor_event_source", "rest_api"]
    );
    let tagged = StackModel {
        tags: Attr::Known(BTreeMap::from([("team".to_owned(), Attr::from("data"))])),
        ..model()
    };
    let held = applied(plan(&model(), None));
    let changed = plan(&tagged, Some(&held));
    assert!(
        !ids_unknown(&changed).contains(&"rest_api"),
        "{:?}",
        ids_unknown(&changed)
    );
    assert_ne!(
        changed["rest_api"].known().unwrap().digest,
        held["rest_api"].known().unwrap().digest
    );
}

#[test]
fn what_cannot_be_told_at_all_has_no_configuration() {
    for model in [
        StackModel {
            name: Attr::Unknown,
            ..model()
        },
        StackModel {
            api: Attr::Unknown,
            ..model()
        },
        StackModel {
            notification_emails: Attr::Unknown,
            ..model()
        },
        StackModel {
            notification_emails: Attr::Known(Set(vec![Attr::Unknown])),
            ..model()
        },
    ] {
        assert_eq!(model.config(FILLERS[0], &Tags::new()), None);
    }
}

#[test]
fn names_follow_at_plan_time_and_the_url_once_its_id_is_known() {
    let context = context();
    let mut planned = model();
    let config = planned.known_config(&Tags::new()).unwrap();
    fill(&mut planned, &context.names, &config, |_| Attr::Unknown);
    assert_eq!(
        planned.executor_arn.as_str(),
        Some("arn:aws:lambda:sa-east-1:123456789012:function:demoExecutor")
    );
    assert_eq!(
        planned.queue_url.as_str(),
        Some("https://sqs.sa-east-1.amazonaws.com/123456789012/demoQueue")
    );
    assert!(planned.api_url.is_unknown() && planned.api_key_id.is_unknown());
    fill(&mut planned, &context.names, &config, |component| {
        Attr::from(component.to_owned())
    });
    assert_eq!(
        planned.api_url.as_str(),
        Some("https://rest_api.execute-api.sa-east-1.amazonaws.com/prod/")
    );
    let without = StackConfig { api: None, ..config };
    fill(&mut planned, &context.names, &without, |_| Attr::Unknown);
    assert!(planned.api_url.is_null() && planned.api_key_id.is_null() && planned.api_arn.is_null());
}

#[test]
fn the_marker_is_shown_as_it_differs() {
    let context = context();
    let config = model().known_config(&Tags::new()).unwrap();
    let ours = uuid::Uuid::from_u128(1);
    let marker = |fase| Marker {
        instalacion: ours,
        fase,
        arriendo: crate::stack::marker::Term {
            id: ours,
            hasta: jiff::Timestamp::UNIX_EPOCH,
        },
        protegida: true,
    };
    let entry = |marker: Option<&Marker>| marker_entry(marker, Some(ours), &config, &context);
    assert_eq!(entry(Some(&marker(Phase::Completa))).status.as_str(), Some(IN_SYNC));
    assert_eq!(entry(None).status.as_str(), Some(MISSING));
    let unfinished = entry(Some(&marker(Phase::Creando)));
    assert_eq!(unfinished.drift, drift(["Phase: creando → completa".to_owned()]));
}

#[test]
fn a_subscription_that_is_confirmed_between_plan_and_apply_is_shown_as_planned() {
    let email = "subscription/a@example.com";
    let before = applied(plan(&model(), None));
    let planned = plan(&model(), Some(&before));
    let mut achieved = planned.clone();
    let entry = achieved.get_mut(email).unwrap().known_mut().unwrap();
    (entry.id, entry.status) = ("arn:confirmed".into(), IN_SYNC.into());
    let confirmed = achieved.clone();
    as_planned(&mut achieved, Some(&planned));
    assert_eq!(achieved, planned);

    // Where the plan left it open, and where it failed, it is shown as it is.
    let mut created = confirmed.clone();
    as_planned(&mut created, Some(&plan(&model(), None)));
    assert_eq!(created, confirmed);
    let mut failed = confirmed.clone();
    failed.get_mut(email).unwrap().known_mut().unwrap().status = MISSING.into();
    let shown = failed.clone();
    as_planned(&mut failed, Some(&planned));
    assert_eq!(failed, shown);
}
