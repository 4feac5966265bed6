#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use kairos::names::Place;
use tfplugin::CancellationToken;

use super::*;
use crate::configuration::Connection;
use crate::stack::context::Clients;
use crate::stack::kind::Tags;
use crate::stack::model::{ApiModel, ExecutorModel};

/// A connection to an AWS that gives these answers, one after the other, and then none.
fn connection(answers: &[(u16, String)]) -> Connection {
    let events = answers.iter().map(|(status, body)| {
        let answer = HttpResponse::new((*status).try_into().unwrap(), SdkBody::from(body.as_str()));
        ReplayEvent::new(HttpRequest::new(SdkBody::empty()), answer)
    });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("sa-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "secret", None, None, "test",
        )))
        .http_client(StaticReplayClient::new(events.collect()))
        .build();
    Connection {
        place: Place {
            partition: "aws".into(),
            account: "123456789012".into(),
            region: "sa-east-1".into(),
        },
        clients: Clients::new(&config),
        config,
        default_tags: Tags::new(),
    }
}

fn model() -> StackModel {
    StackModel {
        name: "demo".into(),
        executor: Attr::Known(ExecutorModel {
            role_prefix: "proc-".into(),
            ..ExecutorModel::default()
        }),
        api: Attr::Known(ApiModel {
            domain_name: "api.example.com".into(),
            ..ApiModel::default()
        }),
        deletion_protection: true.into(),
        ..StackModel::default()
    }
}

/// The model as planned, of a new stack.
fn planned(mut model: StackModel) -> StackModel {
    let connection = connection(&[]);
    let [a, b] = FILLERS.map(|filler| model.config(filler, &Tags::new()).unwrap());
    let context = Context::new(connection.names("demo"), connection.clients);
    fill(&mut model, None, [&a, &b], &context);
    model
}

#[test]
fn what_hangs_on_an_unknown_address_or_domain_is_unknown_and_the_rest_is_not() {
    let unknown_email = planned(StackModel {
        notification_emails: Attr::Unknown,
        ..model()
    });
    assert!(unknown_email.components.is_unknown());
    assert_eq!(unknown_email.api_url.as_str(), Some("https://api.example.com/"));
    assert!(unknown_email.executor_arn.is_known() && unknown_email.tags_all.is_known());

    let unknown_domain = planned(StackModel {
        api: Attr::Known(ApiModel {
            domain_name: Attr::Unknown,
            ..ApiModel::default()
        }),
        ..model()
    });
    assert!(unknown_domain.components.is_unknown() && unknown_domain.api_url.is_unknown());
    assert!(unknown_domain.api_arn.is_known() && unknown_domain.queue_url.is_known());

    let unknown_api = planned(StackModel {
        api: Attr::Unknown,
        ..model()
    });
    assert!(unknown_api.api_arn.is_unknown() && unknown_api.api_id.is_unknown() && unknown_api.api_key.is_unknown());
    assert!(unknown_api.dispatcher_role_arn.is_known());

    let tags = [("team", Attr::from("data")), ("commit", Attr::Unknown)];
    let unknown_tag = planned(StackModel {
        tags: Attr::Known(tags.map(|(key, value)| (key.to_owned(), value)).into()),
        ..model()
    });
    let all = unknown_tag.tags_all.known().unwrap();
    assert!(all["commit"].is_unknown() && all["team"] == Attr::from("data"));
    let unknown_path = planned(StackModel {
        role_path: Attr::Unknown,
        ..model()
    });
    assert!(unknown_path.executor_role_arn.is_unknown() && unknown_path.executor_arn.is_known());
}

fn digest_is_unknown(model: &StackModel, component: &str) -> bool {
    model.components.known().unwrap()[component]
        .known()
        .unwrap()
        .digest
        .is_unknown()
}

#[test]
fn what_depends_on_an_unknown_value_is_unknown() {
    let known = planned(model());
    assert_eq!(known.api_url.as_str(), Some("https://api.example.com/"));
    assert!(!digest_is_unknown(&known, "marker") && !digest_is_unknown(&known, "api_mapping"));

    let api = ApiModel {
        domain_name: "api.example.com".into(),
        mapping_key: Attr::Unknown,
        ..ApiModel::default()
    };
    let unknown = planned(StackModel {
        api: Attr::Known(api),
        ..model()
    });
    assert!(unknown.api_url.is_unknown());
    assert!(digest_is_unknown(&unknown, "api_mapping") && digest_is_unknown(&unknown, "parameter/Api/Url"));

    let unknown = planned(StackModel {
        deletion_protection: Attr::Unknown,
        ..model()
    });
    assert!(digest_is_unknown(&unknown, "marker") && digest_is_unknown(&unknown, "procesos_table"));

    let unknown = planned(StackModel {
        architecture: Attr::Unknown,
        ..model()
    });
    assert!(digest_is_unknown(&unknown, "executor_function") && !digest_is_unknown(&unknown, "executor_role"));
}

#[test]
fn a_stack_of_another_account_or_region_is_refused_with_both() {
    let names = connection(&[]).names("demo");
    let here = planned(model());
    assert_eq!(still_here(&here, &names), Ok(()));
    let there = StackModel {
        dispatcher_arn: "arn:aws:lambda:eu-west-1:123456789012:function:demoDispatcher".into(),
        ..here
    };
    for refusal in [
        still_here(&there, &names).unwrap_err(),
        same_place(&there, &names).unwrap_err(),
    ] {
        for arn in ["lambda:eu-west-1:123456789012", "lambda:sa-east-1:123456789012"] {
            assert!(refusal.detail.contains(arn), "{}", refusal.detail);
        }
    }
}

async fn destroying(model: &StackModel, answers: &[(u16, String)]) -> Result<(), Diagnostic> {
    let connection = connection(answers);
    let (names, minute) = (connection.names("demo"), Duration::from_mins(1));
    let operation = Operation::new(&connection, names, code::none(), &CancellationToken::new(), minute);
    let config = model.known_config(&Tags::new()).unwrap();
    may_be_destroyed(&operation, &config, &[], model).await
}

#[tokio::test]
async fn only_a_stack_that_is_complete_is_protected() {
    let marker = |fase: &str| {
        let id = uuid::Uuid::nil();
        let value = format!(
            r#"{{"instalacion":"{id}","fase":"{fase}","arriendo":{{"id":"{id}","hasta":"2026-01-01T00:00:00Z"}}}}"#
        );
        (
            200,
            serde_json::json!({ "Parameter": { "Name": "/demo/Kairos/Instalacion", "Value": value } }).to_string(),
        )
    };
    for (fase, refused) in [("creando", false), ("destruyendo", false), ("completa", true)] {
        assert_eq!(destroying(&model(), &[marker(fase)]).await.is_err(), refused, "{fase}");
    }
    let unprotected = StackModel {
        deletion_protection: false.into(),
        ..model()
    };
    assert_eq!(destroying(&unprotected, &[]).await, Ok(()));
    // The marker is gone, and whether anything else is there cannot be told.
    let no_marker = (400, r#"{"__type":"ParameterNotFound"}"#.to_owned());
    let refusal = destroying(&model(), &[no_marker]).await.unwrap_err();
    assert_eq!(refusal.path, Some(Path::root("deletion_protection")));
}

#[test]
fn a_key_is_told_of_once_and_refused_where_it_cannot_be_used() {
    let names = connection(&[]).names("demo");
    let context = Context::new(names, connection(&[]).clients);
    let key = |region: &str| format!("arn:aws:kms:{region}:123456789012:key/k");
    let told = |given: &str, before: Option<&str>| {
        let model = StackModel {
            kms_key_arn: given.into(),
            ..model()
        };
        let mut before_config = model.known_config(&Tags::new()).unwrap();
        before_config.kms_key_arn = before.map(str::to_owned);
        let mut diagnostics = Diagnostics::new();
        check_key(&model, Some(&before_config), &context, &mut diagnostics);
        let told: Vec<String> = diagnostics
            .iter()
            .map(|d| format!("{:?}: {}", d.severity, d.summary))
            .collect();
        told.join("\n")
    };
    let (here, there) = (key("sa-east-1"), key("eu-west-1"));
    let warning = "Warning: The key's policy must allow what the stack does with it";
    assert_eq!(told(&here, None), warning);
    assert_eq!(told(&here, Some("arn:aws:kms:sa-east-1:123456789012:key/old")), warning);
    assert_eq!(told(&here, Some(&here)), "");
    assert_eq!(told(&there, Some(&there)), "Error: The key cannot be used here");
}
