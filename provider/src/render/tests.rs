#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use kairos::names::{Names, Place};
use serde_json::{Value as Json, json};

use super::compose::{compose, reaches};
use super::{Files, Subject, SubjectError, render};
use crate::stack::component::Component;
use crate::stack::config::{ApiConfig, Architecture, ExecutorConfig, FunctionConfig, StackConfig};
use crate::stack::kind::Tags;
use crate::stack::kinds::function::Code;
use crate::stack::topology::{Codes, topology};

const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/11111111-2222-3333-4444-555555555555";

fn function(timeout: i32) -> FunctionConfig {
    FunctionConfig {
        memory_size: 256,
        timeout,
        log_level: "INFO".into(),
        layers: vec!["arn:aws:lambda:sa-east-1:123456789012:layer:agent:1".into()],
        reserved_concurrency: Some(20),
    }
}

/// A stack with everything that can be switched on.
fn config() -> StackConfig {
    StackConfig {
        name: "demo".into(),
        notification_emails: BTreeSet::from([
            "a.b@example.com".into(),
            "a-b@example.com".into(),
            "a_b@example.com".into(),
        ]),
        dispatcher: function(900),
        executor: ExecutorConfig {
            function: function(120),
            role_prefix: "proc-".into(),
            maximum_concurrency: Some(10),
            batch_size: 10,
            external_id: Some("kairos".into()),
        },
        api: Some(ApiConfig {
            function: FunctionConfig {
                layers: Vec::new(),
                reserved_concurrency: None,
                ..function(29)
            },
            domain_name: Some("api.example.com".into()),
            mapping_key: "kairos/v1".into(),
            throttle_rate: Some(12.5),
            throttle_burst: Some(50),
            quota_per_day: Some(1000),
        }),
        log_retention_days: 30,
        history_retention_days: 90,
        kms_key_arn: Some(KEY.into()),
        tracing: true,
        architecture: Architecture::X86,
        role_path: "/kairos/".into(),
        permissions_boundary_arn: Some("arn:aws:iam::123456789012:policy/Boundary".into()),
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
    let code = |text: &'static str| Code::zip(text.as_bytes());
    Codes {
        dispatcher: code("dispatcher"),
        executor: code("executor"),
        api: code("api"),
    }
}

fn components(config: &StackConfig) -> Vec<Component> {
    topology(config, &names(), &codes())
}

/// The state of a stack that is complete.
fn held(config: &StackConfig) -> Subject {
    let id = |component: &Component| match component.node.type_name() {
        "AWS::SNS::Subscription" => format!(
            "arn:aws:sns:sa-east-1:123456789012:demoNotificaciones:{}",
            component.name.len()
        ),
        "AWS::ApiGateway::Stage" => "rest_api-id/prod".into(),
        "AWS::ApiGateway::UsagePlanKey" => "usage_plan-id/api_key-id".into(),
        "AWS::ApiGatewayV2::ApiMapping" => "api.example.com/mapping".into(),
        _ => format!("{}-id", component.name),
    };
    let components = components(config);
    Subject {
        address: "module.cron[\"a\"].kairos_stack.this".into(),
        config: config.clone(),
        names: names(),
        ids: components.iter().map(|c| (c.name.clone(), id(c))).collect(),
        digests: components.iter().map(|c| (c.name.clone(), c.node.digest())).collect(),
    }
}

fn is_zip(name: &str) -> bool {
    std::path::Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "zip")
}

/// All files but the zips, one behind the other.
fn text(files: &Files) -> String {
    let file = |(name, content): (&String, &Vec<u8>)| {
        let text = String::from_utf8_lossy(content);
        (!is_zip(name)).then(|| format!("#### {name}\n{text}"))
    };
    files.files.iter().filter_map(file).collect::<Vec<_>>().join("\n")
}

#[test]
fn everything_of_a_full_stack() {
    let files = render(&held(&config()), &codes());
    insta::assert_snapshot!(text(&files));
    assert_eq!(files.resources, files.imports, "everything that exists is imported");
    assert_eq!(files.differing, Vec::<String>::new());
    let zips: Vec<_> = files.files.iter().filter(|(name, _)| is_zip(name)).collect();
    assert_eq!(
        zips,
        [
            (&"demoApi.zip".to_owned(), &b"api".to_vec()),
            (&"demoDispatcher.zip".to_owned(), &b"dispatcher".to_vec()),
            (&"demoExecutor.zip".to_owned(), &b"executor".to_vec()),
        ]
    );
}

#[test]
fn every_component_is_written_and_every_address_is_its_own() {
    let mut plain = config();
    plain.api = None;
    plain.kms_key_arn = None;
    for config in [config(), plain] {
        let components = components(&config);
        let (written, graph) = compose(&held(&config), &components);
        for (component, written) in components.iter().zip(&written) {
            assert!(!written.resources.is_empty(), "{} is not written", component.name);
        }
        let resources: usize = written.iter().map(|w| w.resources.len()).sum();
        assert_eq!(graph.len(), resources, "two resources have one address");
        for (from, to) in graph.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to))) {
            assert!(graph.contains_key(to), "{from} refers to {to}, which is not there");
            assert!(!reaches(&graph, to, from), "{from} and {to} wait for each other");
        }
    }
}

#[test]
fn what_the_engine_waits_for_is_waited_for_here() {
    let components = components(&config());
    let (_, graph) = compose(&held(&config()), &components);
    let of = |component: &str| {
        let label = component.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
        graph
            .keys()
            .filter(move |address| address.ends_with(&format!(".{label}")))
    };
    let mut other_way_round = Vec::new();
    for component in &components {
        for dep in &component.deps {
            let found = of(&component.name).any(|from| of(dep).any(|to| reaches(&graph, from, to)));
            if !found {
                other_way_round.push(format!("{} waits for {dep}", component.name));
            }
        }
    }
    // The role's trust names the group.
    assert_eq!(other_way_round, ["schedule_group waits for scheduler_role"]);
}

#[test]
fn what_does_not_exist_is_not_imported() {
    let mut subject = held(&config());
    subject.ids.remove("queue");
    subject
        .ids
        .insert("subscription/a.b@example.com".into(), "PendingConfirmation".into());
    let files = render(&subject, &codes());
    // The queue and its two policies, and the subscription.
    assert_eq!(files.resources - files.imports, 4);
    subject.ids.clear();
    let files = render(&subject, &codes());
    assert_eq!((files.imports, files.files.contains_key("imports.tf")), (0, false));
}

#[test]
fn what_another_version_applied_is_told() {
    let other = Codes {
        api: Code::zip(&b"newer"[..]),
        ..codes()
    };
    assert_eq!(render(&held(&config()), &other).differing, ["api_function"]);
}

/// What `terraform show -json` prints, with these stacks, the last of them in a module.
fn shown(stacks: &[Json]) -> Json {
    let resource = |(index, values): (usize, &Json)| {
        let address = if index + 1 == stacks.len() {
            "module.cron.kairos_stack.this".into()
        } else {
            format!("kairos_stack.s{index}")
        };
        json!({ "address": address, "mode": "managed", "type": "kairos_stack", "values": values })
    };
    let mut resources: Vec<Json> = stacks.iter().enumerate().map(resource).collect();
    let last = resources.pop();
    json!({
        "format_version": "1.0",
        "values": { "root_module": {
            "resources": resources,
            "child_modules": [{ "address": "module.cron", "resources": last.into_iter().collect::<Vec<_>>() }],
        } },
    })
}

fn stack(name: &str) -> Json {
    json!({
        "name": name,
        "executor": { "role_prefix": "proc-", "timeout": 60 },
        "api": { "throttle_rate": 1.5 },
        "executor_arn": format!("arn:aws-cn:lambda:cn-north-1:123456789012:function:{name}Executor"),
        "tags": { "team": "data" },
        "tags_all": { "team": "data", "default": "yes" },
        "api_key": "very secret",
        "components": {
            "queue": { "type": "AWS::SQS::Queue", "id": "arn:q", "digest": "d1", "status": "drifted", "drift": ["x"] },
            "topic": { "type": "AWS::SNS::Topic", "id": "arn:t", "digest": "d2", "status": "missing", "drift": [] },
            "rest_api": { "type": "AWS::ApiGateway::RestApi", "id": "api1", "digest": "d3", "status": "in_sync", "drift": [] },
        },
    })
}

#[test]
fn a_state_tells_the_stack() {
    let text = shown(&[stack("Demo")]).to_string();
    let subject = Subject::read(&text, None).unwrap();
    assert_eq!(subject.address, "module.cron.kairos_stack.this");
    let place = &subject.names.place;
    assert_eq!(
        (
            subject.names.app.as_str(),
            place.partition.as_str(),
            place.region.as_str(),
            place.account.as_str()
        ),
        ("Demo", "aws-cn", "cn-north-1", "123456789012")
    );
    let tags = Tags::from([("default".into(), "yes".into()), ("team".into(), "data".into())]);
    assert_eq!(subject.config.tags, tags, "default tags are among them");
    assert_eq!(subject.config.executor.function.timeout, 60);
    assert_eq!(subject.config.api.as_ref().and_then(|api| api.throttle_rate), Some(1.5));
    let ids = BTreeMap::from([("queue".into(), "arn:q".into()), ("rest_api".into(), "api1".into())]);
    assert_eq!(subject.ids, ids, "what is missing has no id");
    let files = render(&subject, &codes());
    assert!(!self::text(&files).contains("very secret"));
}

#[test]
fn a_plan_tells_the_stack_and_imports_nothing() {
    let mut plan = shown(&[stack("Demo")]);
    plan["planned_values"] = plan["values"].take();
    let subject = Subject::read(&plan.to_string(), None).unwrap();
    assert_eq!((subject.ids.len(), subject.names.app.as_str()), (0, "Demo"));
}

#[test]
fn one_of_several_stacks_is_chosen_by_its_address() {
    let text = shown(&[stack("One"), stack("Two")]).to_string();
    let chosen = Subject::read(&text, Some("kairos_stack.s0")).unwrap();
    assert_eq!(chosen.names.app, "One");
    for (address, said) in [
        (
            None,
            "there is more than one kairos_stack in it: choose one with --address from kairos_stack.s0, module.cron.kairos_stack.this",
        ),
        (
            Some("kairos_stack.x"),
            "there is no kairos_stack at \"kairos_stack.x\"; there is kairos_stack.s0, module.cron.kairos_stack.this",
        ),
    ] {
        assert_eq!(Subject::read(&text, address).unwrap_err().to_string(), said);
    }
}

#[test]
fn what_is_no_stack_is_refused_in_words() {
    let said = |text: &str| Subject::read(text, None).unwrap_err();
    assert!(matches!(said("terraform"), SubjectError::Format(_)));
    assert!(matches!(said("{}"), SubjectError::Format(_)));
    assert!(matches!(said(r#"{"format_version":"1.0"}"#), SubjectError::None));
    assert!(matches!(
        said(r#"{"values":{"root_module":{"resources":[]}}}"#),
        SubjectError::None
    ));
    let mut half = stack("Demo");
    half["executor_arn"] = Json::Null;
    let error = said(&shown(&[half]).to_string()).to_string();
    assert!(error.contains("apply it first"), "{error}");
}
