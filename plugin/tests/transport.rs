//! The server as a client meets it: over the real socket, with real certificates, and what it refuses.
#![cfg(unix)]

mod support;
#[path = "../src/wire.rs"]
mod wire;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rmpv::Value as Raw;
use support::{COOKIE, Certificate, Outcome, Running, provider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;
use wire::plugin::grpc_controller_client::GrpcControllerClient;
use wire::plugin::grpc_stdio_client::GrpcStdioClient;
use wire::tfplugin6::provider_client::ProviderClient;
use wire::{plugin, tfplugin6};

/// Generous, as the machine may be busy; less than the eight handshakes that a test leaves unfinished may take together.
const SOON: Duration = Duration::from_secs(30);
/// How a client of HTTP/2 begins.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn started_by_hand_it_says_what_it_is_and_fails() -> Outcome {
    let by_hand = provider().output()?;
    assert_eq!((by_hand.status.code(), by_hand.stdout.len()), (Some(1), 0));
    let said = String::from_utf8(by_hand.stderr)?;
    assert!(
        said.contains("terraform-provider-paper 0.0.1 is a provider for terraform"),
        "{said}"
    );
    assert!(said.contains("source  = \"tests/paper\""), "{said}");

    let wrong = provider().env(COOKIE.0, "another").output()?;
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(1), 0));
    let version = provider().arg("--version").output()?;
    assert_eq!(String::from_utf8(version.stdout)?, "terraform-provider-paper 0.0.1\n");
    let help = provider().arg("--help").output()?;
    assert!(help.status.success() && String::from_utf8(help.stdout)?.contains("terraform init"));
    Ok(())
}

#[test]
fn what_it_cannot_agree_to_is_said_and_nothing_is_opened() -> Outcome {
    for (name, value, expected) in [
        ("PLUGIN_PROTOCOL_VERSIONS", "4,5", "plugin protocols 4,5"),
        (
            "PLUGIN_CLIENT_CERT",
            "no certificate",
            "PLUGIN_CLIENT_CERT cannot be read",
        ),
    ] {
        let refused = provider().envs([COOKIE, (name, value)]).output()?;
        let said = String::from_utf8(refused.stderr)?;
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn terraform_ends_it_and_nothing_is_left() -> Outcome {
    let client = Certificate::new()?;
    let mut running = Running::start(&client)?;
    let directory = running.socket_directory()?.to_owned();
    assert_eq!(fs::metadata(&directory)?.permissions().mode() & 0o777, 0o700);

    let channel = running.channel(&client).await?;
    // Terraform holds this stream open all the time: it must not hold up the end.
    let mut stdio = GrpcStdioClient::new(channel.clone())
        .stream_stdio(())
        .await?
        .into_inner();
    GrpcControllerClient::new(channel.clone())
        .shutdown(plugin::Empty {})
        .await?;
    assert!(
        timeout(SOON, stdio.message())
            .await?
            .is_ok_and(|message| message.is_none())
    );
    drop(channel);
    let (status, printed) = running.end().await?;
    assert_eq!((status.code(), printed.as_str()), (Some(0), ""));
    assert!(!directory.exists());
    Ok(())
}

#[tokio::test]
async fn an_interrupt_is_left_to_terraform_and_a_termination_ends_it() -> Outcome {
    let client = Certificate::new()?;
    let mut running = Running::start(&client)?;
    let directory = running.socket_directory()?.to_owned();
    let mut provider = ProviderClient::new(running.channel(&client).await?);
    running.signal("INT")?;
    for _ in 0..3 {
        provider
            .get_provider_schema(tfplugin6::get_provider_schema::Request {})
            .await?;
    }
    assert!(running.runs()?);
    provider.stop_provider(tfplugin6::stop_provider::Request {}).await?;
    assert!(running.runs()?);
    running.signal("TERM")?;
    let (status, _) = running.end().await?;
    assert_eq!(status.code(), Some(0));
    assert!(!directory.exists());
    Ok(())
}

/// What the server answers to the first bytes of HTTP/2: its settings, or nothing if it refuses the client. TLS 1.3 lets
/// a client finish the handshake before the server has judged it: the refusal may show at any later step.
async fn answer(running: &Running, certificate: Option<&Certificate>) -> Outcome<Vec<u8>> {
    let talk = async {
        let mut stream = running.connect(certificate).await?;
        stream.write_all(HELLO).await?;
        let mut buffer = vec![0; 64];
        let length = stream.read(&mut buffer).await?;
        buffer.truncate(length);
        Outcome::Ok(buffer)
    };
    match timeout(SOON, talk).await? {
        Err(error) if error.is::<io::Error>() => Ok(Vec::new()),
        answered => answered,
    }
}

#[tokio::test]
async fn whoever_is_not_terraform_is_refused() -> Outcome {
    let client = Certificate::new()?;
    let running = Running::start(&client)?;
    assert!(answer(&running, None).await?.is_empty());
    assert!(answer(&running, Some(&Certificate::new()?)).await?.is_empty());

    // Without TLS at all.
    let mut plain = UnixStream::connect(&running.socket).await?;
    plain.write_all(HELLO).await?;
    let mut said = Vec::new();
    timeout(SOON, plain.read_to_end(&mut said)).await??;
    assert!(
        said.len() < 16 && said.first() == Some(&21),
        "an alert of TLS and nothing else: {said:?}"
    );

    assert!(!answer(&running, Some(&client)).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_client_that_stalls_blocks_no_other() -> Outcome {
    let client = Certificate::new()?;
    let running = Running::start(&client)?;
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let mut stream = UnixStream::connect(&running.socket).await?;
        stream.write_all(b"\x16\x03\x01").await?;
        stalled.push(stream);
    }
    let mut provider = ProviderClient::new(timeout(SOON, running.channel(&client)).await??);
    let schema = provider.get_provider_schema(tfplugin6::get_provider_schema::Request {});
    assert!(
        timeout(SOON, schema)
            .await??
            .into_inner()
            .resource_schemas
            .contains_key("paper_note")
    );
    Ok(())
}

fn msgpack(value: &Raw) -> Outcome<Option<tfplugin6::DynamicValue>> {
    let mut msgpack = Vec::new();
    rmpv::encode::write_value(&mut msgpack, value)?;
    Ok(Some(tfplugin6::DynamicValue {
        msgpack,
        json: Vec::new(),
    }))
}

fn note(text: &str) -> Raw {
    let names = [
        "id", "name", "text", "length", "ratio", "tags", "author", "lines", "key_wo", "mishap",
    ];
    let each = names.map(|name| {
        let value = match name {
            "name" => Raw::from("a"),
            "text" => Raw::from(text),
            _ => Raw::Nil,
        };
        (Raw::from(name), value)
    });
    Raw::Map(each.into())
}

#[tokio::test]
async fn a_message_of_twenty_megabytes_goes_both_ways() -> Outcome {
    let client = Certificate::new()?;
    let running = Running::start(&client)?;
    let large = 64 << 20;
    let channel = running.channel(&client).await?;
    let mut provider = ProviderClient::new(channel)
        .max_decoding_message_size(large)
        .max_encoding_message_size(large);
    let directory = tempfile::tempdir()?;
    let config = Raw::Map(vec![(
        "directory".into(),
        directory.path().to_string_lossy().as_ref().into(),
    )]);
    let configure = tfplugin6::configure_provider::Request {
        config: msgpack(&config)?,
        terraform_version: "1.11.4".to_owned(),
    };
    assert!(
        provider
            .configure_provider(configure)
            .await?
            .into_inner()
            .diagnostics
            .is_empty()
    );
    let long = note(&"x".repeat(20 << 20));
    let request = tfplugin6::plan_resource_change::Request {
        type_name: "paper_note".to_owned(),
        prior_state: msgpack(&Raw::Nil)?,
        proposed_new_state: msgpack(&long)?,
        config: msgpack(&long)?,
        prior_private: Vec::new(),
    };
    let planned = provider.plan_resource_change(request).await?.into_inner();
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
    assert!(
        planned
            .planned_state
            .is_some_and(|state| state.msgpack.len() > 20 << 20)
    );
    Ok(())
}

#[tokio::test]
async fn what_it_does_not_have_is_a_diagnostic_or_unimplemented() -> Outcome {
    let client = Certificate::new()?;
    let running = Running::start(&client)?;
    let channel = running.channel(&client).await?;
    let mut provider = ProviderClient::new(channel.clone());
    let read = |type_name: &str| tfplugin6::read_resource::Request {
        type_name: type_name.to_owned(),
        private: b"kept".to_vec(),
        ..Default::default()
    };
    let summary = |answer: tfplugin6::read_resource::Response| {
        answer
            .diagnostics
            .first()
            .map(|diagnostic| diagnostic.summary.clone())
            .unwrap_or_default()
    };
    let unknown = provider.read_resource(read("paper_plane")).await?.into_inner();
    assert_eq!(unknown.private, b"kept");
    assert_eq!(summary(unknown), "No such resource");
    let early = provider.read_resource(read("paper_note")).await?.into_inner();
    assert_eq!(summary(early), "Provider is not configured");

    // A method of a later protocol.
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await?;
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/tfplugin6.Provider/ListResource");
    let codec = tonic_prost::ProstCodec::<plugin::Empty, plugin::Empty>::default();
    let status = grpc
        .unary(tonic::Request::new(plugin::Empty {}), path, codec)
        .await
        .err();
    assert_eq!(status.map(|status| status.code()), Some(tonic::Code::Unimplemented));
    Ok(())
}
