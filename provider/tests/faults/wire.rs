//! The wire between the SDK and the local AWS, on which calls can be cut before they are sent, or their answers lost.
//!
//! Whose call it is comes from the span that the engine opens around every step; a change outside of any step is the marker's.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use acceptance::Account;
use aws_config::retry::RetryConfig;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use terraform_provider_kairos::stack::context::Clients;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{Layer, filter::filter_fn};

/// The component that the calls outside of the engine's steps belong to.
pub(crate) const MARKER: &str = "marker";

/// What is added to the marker's name where its lease is renewed.
pub(crate) const RENEWAL: &str = " (renewal)";

/// How a call is harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Injection {
    /// It is never sent, however often the SDK tries, nor is any later change of the same component.
    Before,
    /// It is carried out, its answer is lost, and the SDK's further attempts are never sent.
    Lost,
    /// It is carried out, its answer is lost, and the SDK's next attempt is answered.
    Once,
}

impl Injection {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::Lost, Self::Once];
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::Lost => "lost",
            Self::Once => "lost once",
        })
    }
}

/// One call to be harmed: of a component's changes in one operation, the one with this number from 0.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fault {
    pub(crate) component: String,
    pub(crate) call: usize,
    pub(crate) injection: Injection,
}

/// What is to be harmed in an operation.
#[derive(Debug, Clone, Default)]
pub(crate) enum Harm {
    #[default]
    Nothing,
    These(Vec<Fault>),
    /// The first answer of every change.
    EveryAnswerOnce,
}

/// The changes that each component asked for in one operation, in order, by the names of AWS's operations.
pub(crate) type Calls = BTreeMap<String, Vec<String>>;

/// A wire that several clients share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wire(Arc<Mutex<Operation>>);

#[derive(Debug, Default)]
struct Operation {
    harm: Harm,
    calls: Calls,
}

impl Wire {
    /// Clients whose calls go over this wire.
    pub(crate) fn clients(&self, account: &Account, connections: &SharedHttpClient) -> Clients {
        watch_steps();
        // The SDK's own policy, only faster: three attempts, and a bucket of retries that no other life drains.
        let retries = RetryConfig::standard()
            .with_max_attempts(3)
            .with_initial_backoff(Duration::from_millis(5));
        let config = account
            .sdk_config()
            .to_builder()
            .http_client(Faulty(connections.clone()))
            .retry_config(retries)
            .build();
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf(
                    $service::config::Builder::from(&config)
                        .retry_partition(RetryPartition::custom(stringify!($service)).build())
                        .interceptor(self.clone())
                        .build(),
                )
            };
        }
        Clients {
            apigateway: client!(aws_sdk_apigateway),
            apigatewayv2: client!(aws_sdk_apigatewayv2),
            cloudwatch: client!(aws_sdk_cloudwatch),
            dynamodb: client!(aws_sdk_dynamodb),
            iam: client!(aws_sdk_iam),
            lambda: client!(aws_sdk_lambda),
            logs: client!(aws_sdk_cloudwatchlogs),
            scheduler: client!(aws_sdk_scheduler),
            sns: client!(aws_sdk_sns),
            sqs: client!(aws_sdk_sqs),
            ssm: client!(aws_sdk_ssm),
        }
    }

    /// From now on, and until [`Self::heal`], calls are harmed like this.
    pub(crate) fn harm(&self, harm: Harm) {
        *self.operation() = Operation {
            harm,
            calls: Calls::new(),
        };
    }

    /// Nothing is harmed any more. What was asked for since [`Self::harm`].
    pub(crate) fn heal(&self) -> Calls {
        std::mem::take(&mut *self.operation()).calls
    }

    fn operation(&self) -> MutexGuard<'_, Operation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change, and says how it is to be harmed.
    fn ask(&self, component: &str, operation: &str) -> Option<Injection> {
        let mut held = self.operation();
        let calls = held.calls.entry(component.to_owned()).or_default();
        let number = calls.len();
        calls.push(operation.to_owned());
        match &held.harm {
            Harm::Nothing => None,
            Harm::EveryAnswerOnce => Some(Injection::Once),
            Harm::These(faults) => faults
                .iter()
                .find(|f| {
                    let reached = match f.injection {
                        Injection::Before => f.call <= number,
                        Injection::Lost | Injection::Once => f.call == number,
                    };
                    f.component == component && reached
                })
                .map(|f| f.injection),
        }
    }
}

/// How one call, with all its attempts, is harmed.
#[derive(Debug)]
struct Harmed {
    injection: Injection,
    sent: AtomicBool,
}

impl Storable for Harmed {
    type Storer = StoreReplace<Self>;
}

/// What the connector is told about one attempt.
const HEADER: &str = "x-fault";
const CUT: &str = "cut";
const LOSE: &str = "lose";

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = cfg.load::<Metadata>().map(|m| m.name().to_owned()).unwrap_or_default();
        if ["Get", "List", "Describe"]
            .iter()
            .any(|verb| operation.starts_with(verb))
        {
            return Ok(());
        }
        let component = current_component().unwrap_or_else(|| MARKER.to_owned());
        if let Some(injection) = self.ask(&component, &operation) {
            cfg.interceptor_state().store_put(Harmed {
                injection,
                sent: AtomicBool::new(false),
            });
        }
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(harmed) = cfg.load::<Harmed>() else {
            return Ok(());
        };
        let first = !harmed.sent.swap(true, Ordering::Relaxed);
        let fate = match (harmed.injection, first) {
            (Injection::Before, _) | (Injection::Lost, false) => CUT,
            (Injection::Lost | Injection::Once, true) => LOSE,
            (Injection::Once, false) => return Ok(()),
        };
        context.request_mut().headers_mut().insert(HEADER, fate);
        Ok(())
    }
}

/// Connections that break where they are told to.
#[derive(Debug)]
struct Faulty(SharedHttpClient);

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpClient for Faulty {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let fate = request.headers_mut().remove(HEADER);
        let broken = || ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset").into());
        match fate.as_deref() {
            Some(CUT) => HttpConnectorFuture::ready(Err(broken())),
            Some(_) => {
                let answer = self.0.call(request);
                HttpConnectorFuture::new(async move {
                    answer.await?;
                    Err(broken())
                })
            }
            None => self.0.call(request),
        }
    }
}

/// The component of a step's span.
struct Component(String);

/// Keeps the component of every step's span. The renewal of the marker's lease, which comes whenever time has passed, is
/// told apart from what the marker is written for.
struct Steps;

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Steps {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut found = Fields::default();
        attributes.record(&mut found);
        if let (Some(mut component), Some(span)) = (found.component, context.span(id)) {
            if found.action.as_deref() == Some("renew") {
                component.push_str(RENEWAL);
            }
            span.extensions_mut().insert(Component(component));
        }
    }
}

#[derive(Default)]
struct Fields {
    component: Option<String>,
    action: Option<String>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "componente" => self.component = Some(value.to_owned()),
            "action" => self.action = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn watch_steps() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let ours = filter_fn(|m| m.is_span() && m.target().starts_with("terraform_provider_kairos"));
        // Nothing else in this process subscribes.
        let _ = tracing::subscriber::set_global_default(Registry::default().with(Steps.with_filter(ours)));
    });
}

fn current_component() -> Option<String> {
    let id = tracing::Span::current().id()?;
    tracing::dispatcher::get_default(|dispatch| {
        let span = dispatch.downcast_ref::<Registry>()?.span(&id)?;
        span.scope()
            .find_map(|span| span.extensions().get::<Component>().map(|c| c.0.clone()))
    })
}
