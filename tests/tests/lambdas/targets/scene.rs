//! An executor of its own on a local AWS that records what it is asked, and processes that it runs there.

use std::sync::Arc;
use std::time::Duration;

use acceptance::fixtures::ProcesoRole;
use acceptance::ministack::{MiniStack, Options};
use acceptance::{Account, ask};
use anyhow::{Context, Result, ensure};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use executor::event::Batch;
use executor::{AwsPorts, Executor, Invocation, Settings};
use kairos::instant::Timestamp;
use kairos::names::Names;
use kairos_aws::environment::Environment;
use serde_json::{Value, json};

use crate::installation::{Installation, ROLE_PREFIX};

pub(super) const LIMIT: Duration = Duration::from_mins(2);

/// A process, and its run once it has ended.
pub(super) struct Proceso {
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) parametros: Value,
    pub(super) run: String,
}

impl Proceso {
    pub(super) fn new(name: &str, resource: &str, parametros: Value) -> Self {
        Self {
            id: format!("proceso-{name}"),
            arn: resource.to_owned(),
            parametros,
            run: uuid::Uuid::new_v4().to_string(),
        }
    }
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) estado: String,
    pub(super) respuesta: String,
    pub(super) error: String,
}

impl Ended {
    /// The id of what was started.
    pub(super) fn id(&self) -> Result<&str> {
        let id = self.respuesta.strip_prefix("Aceptado: ");
        id.with_context(|| format!("not accepted: {self:?}"))
    }
}

pub(super) struct Scene {
    pub(super) server: MiniStack,
    pub(super) installation: Installation,
    pub(super) executor: Arc<Executor<AwsPorts>>,
    pub(super) role: ProcesoRole,
}

impl Scene {
    pub(super) async fn create() -> Result<Self> {
        let server = MiniStack::recording(Options::default())?;
        let account = server.account_in("sa-east-1");
        let installation = Installation::of(account.clone()).await?;
        let names = &installation.names;
        let executor = names.role_arn("/", &names.executor_role());
        let role = ProcesoRole::create(&account, &format!("{ROLE_PREFIX}todo"), &executor, "*", "*").await?;
        let executor = Arc::new(Executor::new(ports(&installation, names)?));
        Ok(Self {
            server,
            installation,
            executor,
            role,
        })
    }

    pub(super) fn account(&self) -> &Account {
        &self.installation.account
    }

    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        self.installation.names.arn(service, resource)
    }

    /// Runs processes once, in one batch.
    pub(super) async fn run(&self, procesos: &[Proceso]) -> Result<()> {
        let names = &self.installation.names;
        let mut records = Vec::new();
        for proceso in procesos {
            let row = json!({
                "IdProceso": proceso.id, "Nombre": proceso.id, "ArnRol": self.role.arn, "ArnProceso": proceso.arn,
                "Parametros": proceso.parametros.to_string(), "Habilitado": true, "Reintentos": 0,
                "ModoInvocacion": "Event", "IdCalendarizacion": "calendarizacion-a",
                "FechaAsignacion": "2026-01-01T00:00:00.000Z", "FechaCreacion": "2026-01-01T00:00:00.000Z",
                "FechaActualizacion": "2026-01-01T00:00:00.000Z", "Version": 1
            });
            self.installation.put(&names.procesos_table(), row).await?;
            let body = json!({
                "IdEjecucion": proceso.run, "IdProceso": proceso.id, "IdCalendarizacion": "calendarizacion-a",
                "FechaProgramada": "2026-01-02T03:04:00.000Z"
            });
            records.push(json!({"messageId": proceso.id, "receiptHandle": "none", "body": body.to_string()}));
        }
        let batch: Batch = serde_json::from_value(json!({ "Records": records }))?;
        let invocation = Invocation {
            request_id: "prueba".into(),
            deadline: Timestamp::now() + LIMIT,
        };
        let answer = serde_json::to_value(self.executor.handle(batch, &invocation).await)?;
        ensure!(answer["batchItemFailures"] == json!([]), "messages stay: {answer}");
        Ok(())
    }

    pub(super) async fn ended(&self, proceso: &Proceso) -> Result<Ended> {
        let table = self.installation.names.ejecuciones_table();
        let key = AttributeValue::S(proceso.run.clone());
        let get = self.account().dynamodb().get_item().table_name(table);
        let item = get.key("IdEjecucion", key).consistent_read(true).send().await?.item;
        let item = item.with_context(|| format!("no run of {}", proceso.id))?;
        let text = |name: &str| {
            item.get(name)
                .and_then(|value| value.as_s().ok().cloned())
                .unwrap_or_default()
        };
        Ok(Ended {
            estado: text("Estado"),
            respuesta: text("Respuesta"),
            error: text("Error"),
        })
    }

    /// Asks a service of the JSON protocol, as the account itself.
    pub(super) fn ask(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        ask::json(self.account(), service, target, body)
    }

    /// The one request whose body has `part`, which somebody else than the account itself made.
    pub(super) fn sent(&self, part: &str) -> Result<Sent> {
        let own = format!("Credential={}/", self.account().id);
        let requests = self.server.recorded()?;
        let text = |request: &Value, name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let mut found = requests
            .iter()
            .filter(|request| text(request, "body").contains(part) && !text(request, "authorization").contains(&own));
        let request = found.next().with_context(|| format!("nobody has sent {part}"))?;
        ensure!(found.next().is_none(), "{part} was sent more than once");
        let authorization = text(request, "authorization");
        let scope = authorization.split("Credential=").nth(1).unwrap_or_default();
        let scope: Vec<_> = scope.split([',', '/']).map(str::to_owned).collect();
        Ok(Sent {
            line: format!(
                "{} {} {} {}",
                text(request, "method"),
                text(request, "path"),
                text(request, "target"),
                scope.get(2..4).unwrap_or_default().join("/")
            ),
            body: serde_json::from_str(&text(request, "body")).unwrap_or_default(),
        })
    }
}

/// A recorded request: method, path, target, region and service of its signature; and its body.
pub(super) struct Sent {
    pub(super) line: String,
    pub(super) body: Value,
}

pub(super) fn ports(installation: &Installation, names: &Names) -> Result<AwsPorts> {
    let account = &installation.account;
    let variable = |name: &str| {
        Some(match name {
            "AWS_REGION" => account.region.clone(),
            "AWS_ENDPOINT_URL" => account.endpoint.clone(),
            "KAIROS_STACK" => names.app.clone(),
            "KAIROS_ACCOUNT" => account.id.clone(),
            "KAIROS_PARTITION" => "aws".to_owned(),
            "KAIROS_QUEUE_URL" => installation.queue_url(&names.queue()),
            "KAIROS_DEAD_LETTER_QUEUE_URL" => installation.queue_url(&names.queue_dlq()),
            "KAIROS_ROLE_PREFIX" => ROLE_PREFIX.to_owned(),
            "KAIROS_HISTORY_DAYS" => "90".to_owned(),
            _ => return None,
        })
    };
    let mut environment = Environment::read(variable)?;
    let own = Credentials::new(&account.id, "secret", None, None, "test");
    environment.config = environment
        .config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(own))
        .build();
    Ok(AwsPorts::new(&environment, Settings::read(variable)?))
}
