//! What this run knows of the stacks that processes name: those planned in it, and those installed in AWS.
//!
//! Invariant: that a stack is missing is only ever assumed while planning; apply looks again, since the stack may have
//! been created in between.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kairos::names::Names;
use kairos::registry::Registry;
use kairos_aws::clock::SystemClock;
use kairos_aws::scheduler::EventBridgeScheduler;
use kairos_aws::store::DynamoStore;
use kairos_aws::{AwsError, Doing};
use tfplugin::Attr;
use tokio::sync::OnceCell;

use super::watch::Watch;
use crate::configuration::Connection;

/// The stacks of one run.
#[derive(Debug, Default)]
pub struct Stacks {
    planned: Mutex<HashMap<String, PlannedStack>>,
    lookups: Mutex<HashMap<String, Lookup>>,
}

/// What AWS said of a stack, once it was asked.
type Lookup = Arc<OnceCell<Option<Arc<InstalledStack>>>>;

/// A stack that this run plans to create or to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedStack {
    /// What the names of roles must begin with; `None` while it is not known.
    pub role_prefix: Option<String>,
    /// The role that the roles of processes trust; `None` while it is not known.
    pub executor_role_arn: Option<String>,
    /// What their trust policies ask for, where they do.
    pub external_id: Attr<String>,
    /// The time-out of its executor, in seconds; `None` while it is not known.
    pub executor_timeout: Option<u32>,
}

/// A stack that is there.
#[derive(Debug)]
pub struct InstalledStack {
    /// Its names.
    pub names: Names,
    /// What the names of roles must begin with; `None` where its parameter was deleted by hand.
    pub role_prefix: Option<String>,
    /// A parameter that was deleted by hand: processes can still be read and deleted, but not registered or changed.
    pub missing: Option<String>,
    /// Its processes. One for all that name the stack, so that what they read at the same time is one call.
    pub registry: Registro,
    /// The same for looking at processes and nothing else: it reads ahead.
    pub reader: Registro,
    /// What this run has seen of the calendarizaciones behind them.
    pub watch: Watch,
    lambda: aws_sdk_lambda::Client,
    executor_timeout: OnceCell<Option<u32>>,
}

impl InstalledStack {
    /// The time-out of its executor, in seconds; asked of AWS once a run. `None` where the function was deleted by hand.
    ///
    /// # Errors
    /// AWS cannot be asked. That is not remembered.
    async fn executor_timeout(&self) -> Result<Option<u32>, AwsError> {
        let function = self.names.executor_function();
        let ask = || async {
            let call = self.lambda.get_function_configuration().function_name(&function);
            let held = call.send().await.found("GetFunctionConfiguration", &function)?;
            Ok::<_, AwsError>(held.and_then(|held| u32::try_from(held.timeout()?).ok()))
        };
        self.executor_timeout.get_or_try_init(ask).await.copied()
    }
}

/// The registry over AWS.
pub type Registro = Registry<DynamoStore, EventBridgeScheduler, SystemClock>;

impl Stacks {
    /// Remembers a stack that this run plans, so that its processes are checked against it.
    pub fn plan(&self, name: &str, stack: PlannedStack) {
        lock(&self.planned).insert(name.to_owned(), stack);
    }

    /// A stack that this run plans.
    pub fn planned(&self, name: &str) -> Option<PlannedStack> {
        lock(&self.planned).get(name).cloned()
    }

    /// A stack that is there; asked of AWS once a run, however many processes name it.
    ///
    /// # Errors
    /// AWS's parameters cannot be read. That is not remembered.
    pub async fn installed(
        &self,
        connection: &Connection,
        name: &str,
    ) -> Result<Option<Arc<InstalledStack>>, AwsError> {
        let cell = Arc::clone(lock(&self.lookups).entry(name.to_owned()).or_default());
        cell.get_or_try_init(|| async { Ok(look_up(connection, name).await?.map(Arc::new)) })
            .await
            .cloned()
    }

    /// The same, but that it is missing is asked again.
    ///
    /// # Errors
    /// AWS's parameters cannot be read.
    pub async fn installed_now(
        &self,
        connection: &Connection,
        name: &str,
    ) -> Result<Option<Arc<InstalledStack>>, AwsError> {
        let found = self.installed(connection, name).await?;
        if found.is_some() {
            return Ok(found);
        }
        lock(&self.lookups).remove(name);
        self.installed(connection, name).await
    }

    /// The time-out of a stack's executor, in seconds: as this run plans it, otherwise as it is.
    ///
    /// # Errors
    /// AWS cannot be asked.
    pub async fn executor_timeout(&self, stack: &InstalledStack) -> Result<Option<u32>, AwsError> {
        let planned = self.planned(&stack.names.app);
        match planned.and_then(|planned| planned.executor_timeout) {
            Some(timeout) => Ok(Some(timeout)),
            None => stack.executor_timeout().await,
        }
    }

    /// Forgets what AWS said of a stack: it has just been created, changed or destroyed.
    pub fn forget(&self, name: &str) {
        lock(&self.lookups).remove(name);
    }
}

/// Reads the parameters that say what a process needs of its stack. A stack is there while any of them, or its marker, is.
async fn look_up(connection: &Connection, name: &str) -> Result<Option<InstalledStack>, AwsError> {
    let names = connection.names(name);
    let prefix = names.parameter("Executor/PrefixRoles");
    let role = names.parameter("Schedule/RoleArn");
    let answer = connection
        .clients
        .ssm
        .get_parameters()
        .set_names(Some(vec![prefix.clone(), role.clone(), names.marker()]))
        .send()
        .await
        .doing("GetParameters", &format!("/{name}"))?;
    if answer.parameters().is_empty() {
        return Ok(None);
    }
    let value = |wanted: &str| {
        let mut parameters = answer.parameters().iter();
        parameters
            .find(|p| p.name() == Some(wanted))
            .and_then(|p| p.value())
            .map(str::to_owned)
    };
    let (role_prefix, role_arn) = (value(&prefix), value(&role));
    let missing = match (&role_prefix, &role_arn) {
        (None, _) => Some(prefix),
        (_, None) => Some(role),
        _ => None,
    };
    // Reading and deleting need no role; where one is used after all, AWS refuses one that does not exist.
    let role_arn = role_arn.unwrap_or_else(|| names.role_arn("/", &names.scheduler_role()));
    let clients = &connection.clients;
    let store = DynamoStore::new(clients.dynamodb.clone(), &names);
    let scheduler = EventBridgeScheduler::new(clients.scheduler.clone(), names.clone(), role_arn);
    let reader = Registry::new(
        names.clone(),
        store.clone().reading_ahead(),
        scheduler.clone(),
        SystemClock,
    );
    let registry = Registry::new(names.clone(), store.batched(), scheduler, SystemClock);
    Ok(Some(InstalledStack {
        names,
        role_prefix,
        missing,
        registry,
        reader,
        watch: Watch::default(),
        lambda: clients.lambda.clone(),
        executor_timeout: OnceCell::new(),
    }))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves these maps whole: each is changed by one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
