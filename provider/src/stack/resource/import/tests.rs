#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use jiff::{SignedDuration, Timestamp};
use kairos::names::Place;
use tfplugin::Number;

use super::*;
use crate::stack::context::Clients;
use crate::stack::kinds::function::Code;
use crate::stack::marker::{Phase, Term};
use crate::stack::model::{ApiModel, DispatcherModel, ExecutorModel};
use crate::stack::topology::Codes;

fn names() -> Names {
    let place = Place {
        partition: "aws".into(),
        account: "123456789012".into(),
        region: "sa-east-1".into(),
    };
    Names::new("demo", place)
}

/// A context that never calls AWS.
fn context() -> Context {
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .build();
    Context::new(names(), Clients::new(&config))
}

fn codes() -> Codes {
    let code = || Code::held("bm90aGluZw==");
    Codes {
        dispatcher: code(),
        executor: code(),
        api: code(),
    }
}

/// A stack in which every setting that AWS holds differs from its default.
fn unusual() -> StackModel {
    let texts = |texts: &[&str]| Attr::Known(texts.iter().map(|t| Attr::from(*t)).collect::<Vec<_>>());
    StackModel {
        name: "demo".into(),
        dispatcher: Attr::Known(DispatcherModel {
            memory_size: 512.into(),
            timeout: 300.into(),
            log_level: "DEBUG".into(),
            layers: texts(&["arn:aws:lambda:sa-east-1:123456789012:layer:una:1"]),
            reserved_concurrency: 5.into(),
        }),
        executor: Attr::Known(ExecutorModel {
            memory_size: 1024.into(),
            timeout: 60.into(),
            log_level: "WARN".into(),
            layers: texts(&["arn:aws:lambda:sa-east-1:123456789012:layer:dos:2"]),
            reserved_concurrency: 20.into(),
            role_prefix: "kairos/proc-".into(),
            maximum_concurrency: 10.into(),
            batch_size: 5.into(),
            external_id: "secreto".into(),
        }),
        api: Attr::Known(ApiModel {
            memory_size: 384.into(),
            timeout: 20.into(),
            log_level: "ERROR".into(),
            layers: Attr::Null,
            domain_name: Attr::Null,
            mapping_key: Attr::Null,
            throttle_rate: Attr::Known("2.5".parse::<Number>().unwrap()),
            throttle_burst: 9.into(),
            quota_per_day: 1000.into(),
        }),
        log_retention_days: 7.into(),
        history_retention_days: 365.into(),
        kms_key_arn: "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab".into(),
        tracing: false.into(),
        architecture: "arm64".into(),
        role_path: "/kairos/".into(),
        permissions_boundary_arn: "arn:aws:iam::123456789012:policy/limite".into(),
        tags: Attr::Known(BTreeMap::from([("equipo".to_owned(), Attr::from("datos"))])),
        deletion_protection: true.into(),
        force_destroy: false.into(),
        ..StackModel::default()
    }
}

/// What is observed of a stack of which `missing` is gone: everything else is as `model` wants it.
fn observed(model: &StackModel, missing: &[&str]) -> Observation {
    let config = model.known_config(&default_tags()).unwrap();
    let components = topology::topology(&config, &names(), &codes()).into_iter();
    let held = components.map(|c| {
        let there = !missing.contains(&c.name.as_str());
        let held = there.then(|| c.node.held_by(&c.name, Owner::Ours));
        (c.name, held)
    });
    held.collect()
}

/// Tags that the provider gives to everything are none of the stack's own.
fn default_tags() -> Tags {
    Tags::from([("entorno".to_owned(), "pruebas".to_owned())])
}

fn read_back_without(missing: &[&str]) -> StackModel {
    read_back::stack(&observed(&unusual(), missing), &context(), &default_tags())
}

#[test]
fn what_the_topology_wants_reads_back_as_the_configuration_that_it_follows_from() {
    assert_eq!(read_back_without(&[]), unusual());
}

#[test]
fn a_stack_without_its_marker_is_as_protected_as_its_tables() {
    for protected in [true, false] {
        let wanted = StackModel {
            deletion_protection: protected.into(),
            ..unusual()
        };
        let model = read_back::stack(&observed(&wanted, &[]), &context(), &default_tags());
        assert_eq!(model, wanted);
    }
}

#[test]
fn a_setting_is_read_from_whichever_of_its_objects_is_left() {
    let cases: [&[&str]; 6] = [
        &["procesos_table", "calendarizaciones_table", "executor_role"],
        &["procesos_table", "calendarizaciones_table", "ejecuciones_table"],
        &["executor_logs", "dispatcher_logs", "dispatcher_role", "executor_role"],
        &["usage_plan_key", "api_key", "rest_api", "deployment", "topic"],
        &[
            "parameter/Executor/PrefixRoles",
            "parameter/Api/Url",
            "queue",
            "queue_dlq",
        ],
        &["api_role", "access_logs", "scheduler_role", "schedule_group"],
    ];
    for missing in cases {
        assert_eq!(read_back_without(missing), unusual(), "without {missing:?}");
    }
}

#[test]
fn what_only_a_missing_object_held_takes_its_default() {
    let mut expected = unusual();
    let executor = expected.executor.known_mut().unwrap();
    // The time-out is told by the queue, the prefix by the API and the parameter.
    executor.memory_size = 256.into();
    executor.log_level = "INFO".into();
    executor.layers = Attr::Null;
    executor.reserved_concurrency = Attr::Null;
    executor.external_id = Attr::Null;
    assert_eq!(read_back_without(&["executor_function"]), expected);

    let api = expected.api.known_mut().unwrap();
    (api.memory_size, api.timeout, api.log_level) = (256.into(), 29.into(), "INFO".into());
    (api.quota_per_day, expected.history_retention_days) = (Attr::Null, 90.into());
    let missing = ["executor_function", "api_function", "usage_plan"];
    assert_eq!(read_back_without(&missing), expected, "without {missing:?}");
}

#[test]
fn of_a_stack_without_objects_everything_is_the_default() {
    let model = read_back::stack(&Observation::new(), &context(), &Tags::new());
    let executor = model.executor.known().unwrap();
    assert_eq!((executor.timeout, executor.batch_size), (120.into(), 10.into()));
    assert_eq!(model.dispatcher.known().unwrap().timeout, 900.into());
    assert_eq!((model.api, model.tags), (Attr::Null, Attr::Null));
}

#[track_caller]
fn refused(marked: bool, held: &[(&str, Owner)]) -> Option<String> {
    let components = topology::topology(&guess("demo"), &names(), &codes());
    let find = |name: &str| components.iter().find(|c| c.name == name).unwrap();
    let observation = held
        .iter()
        .map(|(name, owner)| {
            let held = find(name).node.held_by(&format!("demo-{name}"), owner.clone());
            ((*name).to_owned(), Some(held))
        })
        .collect();
    may_be_imported(marked, &components, &observation, &names()).err()
}

#[test]
fn a_name_of_which_nothing_is_there_cannot_be_imported_and_what_is_left_of_a_stack_can() {
    let told = refused(false, &[]).unwrap();
    assert!(
        told.contains("There is no stack of this name in the account 123456789012, region sa-east-1"),
        "{told}"
    );
    assert_eq!(refused(true, &[]), None, "the marker alone");
    assert_eq!(refused(false, &[("queue", Owner::Ours)]), None, "an object alone");
}

#[test]
fn objects_that_are_not_the_stacks_own_are_listed_with_type_id_and_owner() {
    let foreign = |name, owner: Option<&str>| (name, Owner::Foreign(owner.map(str::to_owned)));
    let others = [foreign("queue", None), foreign("topic", Some("sa-east-1/otro"))];
    let expected = [
        "AWS::SQS::Queue \"demo-queue\"",
        "it has no tag \"kairos:stack\"",
        "AWS::SNS::Topic \"demo-topic\"",
        "belongs to the stack \"sa-east-1/otro\"",
        "\"kairos:stack\" = \"sa-east-1/demo\"",
    ];
    let told = refused(false, &others).unwrap();
    for part in expected.iter().chain(&["There is no stack of this name, but"]) {
        assert!(told.contains(part), "no {part:?} in: {told}");
    }
    let told = refused(true, &[others[0].clone(), ("topic", Owner::Ours)]).unwrap();
    assert!(
        told.contains("AWS::SQS::Queue") && !told.contains("AWS::SNS::Topic"),
        "{told}"
    );
}

#[test]
fn a_stack_that_somebody_works_on_is_imported_once_they_have_finished() {
    let marker = |seconds: i64| Marker {
        instalacion: Uuid::new_v4(),
        fase: Phase::Creando,
        arriendo: Term {
            id: Uuid::new_v4(),
            hasta: Timestamp::now() + SignedDuration::from_secs(seconds),
        },
        protegida: false,
        inconclusa: true,
    };
    assert!(at_rest(&marker(-1), &names()).is_ok());
    let told = at_rest(&marker(60), &names()).unwrap_err();
    assert!(told.starts_with("Somebody is working on the stack \"demo\""), "{told}");
}
