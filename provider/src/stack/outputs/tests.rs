#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use expect_test::expect;
use kairos::names::Place;
use tfplugin::{Attr, Set};

use super::*;
use crate::stack::code;
use crate::stack::context::Clients;
use crate::stack::kind::Tags;
use crate::stack::marker::{Marker, Phase};
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

/// What is planned, from nothing or from a state with its configuration.
fn planning(model: &StackModel, prior: Option<(&StackModel, &Components)>) -> Planned {
    let context = context();
    let topology_of = |c: &StackConfig| topology::topology(c, &context.names, &code::none());
    let configs = FILLERS.map(|filler| model.config(filler, &Tags::new()).unwrap());
    let topologies = configs.each_ref().map(topology_of);
    let wanted = [0, 1].map(|n| Wanted {
        config: &configs[n],
        topology: &topologies[n],
    });
    let Some((state, components)) = prior else {
        return planned(wanted, None, &context);
    };
    let config = state.known_config(&Tags::new()).unwrap();
    let before = Before {
        config: &config,
        topology: &topology_of(&config),
        components,
    };
    planned(wanted, Some(before), &context)
}

/// The components of a plan; `prior` is what the state has of the stack of [`model`].
fn plan(wanted: &StackModel, prior: Option<&Components>) -> Components {
    let state = model();
    planning(wanted, prior.map(|components| (&state, components))).components
}

/// What a plan does to each component, in words.
fn told(components: &Components) -> String {
    let words = |entry: &ComponentModel| {
        let lines = entry.change.known()?.iter().filter_map(Attr::as_str);
        Some(lines.collect::<Vec<_>>().join("; "))
    };
    let entries = components
        .iter()
        .filter_map(|(name, entry)| Some(format!("{name}: {}\n", words(entry.known()?)?)));
    entries.collect()
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
fn an_address_or_a_domain_that_is_not_known_yet_leaves_open_which_objects_there_are_and_nothing_else() {
    let unknown_name = StackModel {
        name: Attr::Unknown,
        ..model()
    };
    assert_eq!(unknown_name.config(FILLERS[0], &Tags::new()), None);
    let api = |domain_name, mapping_key| {
        Attr::Known(ApiModel {
            domain_name,
            mapping_key,
            ..ApiModel::default()
        })
    };
    let domain = || Attr::from("api.example.com");
    let unknown_set = StackModel {
        notification_emails: Attr::Unknown,
        ..model()
    };
    let unknown_email = StackModel {
        notification_emails: Attr::Known(Set(vec!["a@example.com".into(), Attr::Unknown])),
        ..model()
    };
    let unknown_domain = StackModel {
        api: api(Attr::Unknown, Attr::Null),
        ..model()
    };
    let unknown_api = StackModel {
        api: Attr::Unknown,
        ..model()
    };
    let unknown_key = StackModel {
        api: api(domain(), Attr::Unknown),
        ..model()
    };
    for (model, complete) in [
        (&unknown_set, false),
        (&unknown_email, false),
        (&unknown_domain, false),
        (&unknown_api, false),
        (&unknown_key, true),
    ] {
        let planned = planning(model, None);
        assert_eq!(planned.complete, complete);
        let known = planned.components["queue"].known().unwrap();
        assert!(known.digest.is_known() && known.id.is_known());
    }
}

#[test]
fn a_plan_tells_what_is_done_to_each_component() {
    let held = applied(plan(&model(), None));
    assert_eq!(told(&held), "", "a creation is told by the entries themselves");
    let executor = ExecutorModel {
        role_prefix: "proc-".into(),
        memory_size: 512.into(),
        batch_size: 5.into(),
        ..ExecutorModel::default()
    };
    let changed = StackModel {
        executor: Attr::Known(executor),
        deletion_protection: false.into(),
        ..model()
    };
    let planned = plan(&changed, Some(&held));
    expect![[r"
        calendarizaciones_table: DeletionProtectionEnabled: true → false
        ejecuciones_table: DeletionProtectionEnabled: true → false
        executor_event_source: BatchSize: 10 → 5
        executor_function: MemorySize: 256 → 512
        marker: Protected: true → false
        procesos_table: DeletionProtectionEnabled: true → false
    "]]
    .assert_eq(&told(&planned));
    let same = |name: &str| planned[name] == held[name];
    assert_eq!(held.keys().filter(|name| !same(name)).count(), 6);

    // Applied and planned again, nothing moves: what was told stays.
    let state = &changed;
    let again = planning(&changed, Some((state, &applied(planned.clone())))).components;
    assert_eq!(again, planned);
}

#[test]
fn drift_and_what_is_missing_are_told_with_what_is_done_about_it() {
    let mut held = applied(plan(&model(), None));
    let mut entry = |name: &str, status: &str, drift: &[&str]| {
        let entry = held.get_mut(name).unwrap().known_mut().unwrap();
        (entry.status, entry.digest) = (status.into(), "other".into());
        entry.drift = lines(drift.iter().map(|d| (*d).to_owned()));
    };
    entry("queue", DRIFTED, &["VisibilityTimeout: 30 → 720"]);
    entry("queue_dlq_alarm", MISSING, &[]);
    entry(
        "parameter/Schedule/NombreGrupo",
        DRIFTED,
        &["Type: SecureString → String (needs another object)"],
    );
    entry("dispatcher_function", DRIFTED, &[]);
    let longer = ExecutorModel {
        role_prefix: "proc-".into(),
        timeout: 10.into(),
        ..ExecutorModel::default()
    };
    let changed = StackModel {
        executor: Attr::Known(longer),
        ..model()
    };
    expect![[r"
        api_function: Environment.KAIROS_EXECUTOR_TIMEOUT: sha256:2abaca49 → sha256:4a44dc15
        dispatcher_function: as this version of the provider wants it
        executor_function: Timeout: 120 → 10
        parameter/Schedule/NombreGrupo: replaced: the old object makes room, since both would have one name, and then the new one is made; Type: SecureString → String
        queue: VisibilityTimeout: 30 → 60
        queue_dlq_alarm: missing → created
    "]]
    .assert_eq(&told(&plan(&changed, Some(&held))));
}

#[test]
fn a_mapping_on_another_domain_is_replaced_alone_and_gets_another_id() {
    let on = |domain: &str| StackModel {
        api: Attr::Known(ApiModel {
            domain_name: domain.into(),
            ..ApiModel::default()
        }),
        ..model()
    };
    let (old, new) = (on("old.example.com"), on("new.example.com"));
    let held = applied(planning(&old, None).components);
    let planned = planning(&new, Some((&old, &held))).components;
    expect![[r"
        api_mapping: replaced: the new object is made, everything is pointed to it, and then the old one goes; DomainName: old.example.com → new.example.com
        parameter/Api/Url: Value: https://old.example.com/ → https://new.example.com/
    "]]
    .assert_eq(&told(&planned));
    assert_eq!(ids_unknown(&planned), ["api_mapping"]);
}

#[test]
fn what_would_lose_data_is_told() {
    let mut held = applied(plan(&model(), None));
    let entry = held.get_mut("procesos_table").unwrap().known_mut().unwrap();
    entry.drift = lines(["KeySchema: {} → {} (needs another object)".into()]);
    entry.status = DRIFTED.into();
    let state = model();
    assert_eq!(
        planning(&model(), Some((&state, &held))).losses,
        [
            "component \"procesos_table\": \"arn:aws:dynamodb:sa-east-1:123456789012:table/demoProcesos\" (KeySchema: {} → {})"
        ]
    );
}

#[test]
fn what_moved_since_the_plan_is_told() {
    let planned = plan(&model(), Some(&applied(plan(&model(), None))));
    let mut now = planned.clone();
    now.get_mut("rest_api").unwrap().known_mut().unwrap().id = "other".into();
    now.remove("queue");
    let with = |components| StackModel {
        components: Attr::Known(components),
        ..model()
    };
    assert_eq!(
        moved(&with(planned.clone()), &with(planned.clone())),
        Vec::<String>::new()
    );
    assert_eq!(
        moved(&with(planned), &with(now)),
        ["queue is not there", "rest_api: id id-of-rest_api → other"]
    );
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
        inconclusa: false,
    };
    let tags = Tags::from([(Names::OWNER_TAG.to_owned(), context.names.owner())]);
    let entry = |marker: Option<&Marker>| marker_entry(marker.map(|m| (m, &tags)), Some(ours), &config, &context);
    assert_eq!(entry(Some(&marker(Phase::Completa))).status.as_str(), Some(IN_SYNC));
    assert_eq!(entry(None).status.as_str(), Some(MISSING));
    let unfinished = entry(Some(&marker(Phase::Creando)));
    assert_eq!(unfinished.drift, lines(["Phase: creando → completa".to_owned()]));
    let killed = entry(Some(&Marker {
        inconclusa: true,
        ..marker(Phase::Completa)
    }));
    assert_eq!(killed.drift, lines(["Unfinished: true → false".to_owned()]));
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
