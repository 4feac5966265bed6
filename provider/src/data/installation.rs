//! What AWS tells of a stack that is there: its parameters, its marker, and what the executor was given.
//!
//! Invariant: read-only. That a stack is missing or incomplete is an error and never remembered: it may be there a moment later.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use kairos::names::Names;
use kairos_aws::{AwsError, Class, Doing};
use tfplugin::{Diagnostics, Path};
use tokio::sync::OnceCell;

use crate::configuration::{Configured, Connection};
use crate::sentence::sentence;
use crate::stack::context::Clients;
use crate::stack::marker::{Marker, Phase};

/// The parameters that are read, by their paths below the stack's name.
pub(super) const PARAMETERS: [&str; 5] = [ROLE_ARN, ROLE_PREFIX, API_URL, API_KEY, MARKER];

const ROLE_ARN: &str = "Executor/RoleArn";
const ROLE_PREFIX: &str = "Executor/PrefixRoles";
const API_URL: &str = "Api/Url";
const API_KEY: &str = "Api/KeyId";
const MARKER: &str = "Kairos/Instalacion";

/// The variable by which the executor knows the external id.
const EXTERNAL_ID: &str = "KAIROS_EXTERNAL_ID";

/// A stack that is there, and complete.
#[derive(Debug)]
pub(super) struct Installation {
    /// Its names.
    pub(super) names: Names,
    /// Which installation it is; none where its marker was deleted by hand.
    pub(super) id: Option<String>,
    /// What the trust policies of the processes' roles ask for.
    pub(super) external_id: Option<String>,
    parameters: BTreeMap<&'static str, String>,
}

/// What one run knows of the stacks that are there.
#[derive(Debug, Default)]
pub struct Installations(Mutex<HashMap<String, Arc<OnceCell<Arc<Installation>>>>>);

impl Installations {
    /// Forgets what AWS said of a stack: it has just been created, changed or destroyed.
    pub fn forget(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn cell(&self, name: &str) -> Arc<OnceCell<Arc<Installation>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(name.to_owned()).or_default())
    }
}

impl Installation {
    /// The role that the roles of processes trust.
    pub(super) fn executor_role_arn(&self) -> &str {
        self.parameter(ROLE_ARN).unwrap_or_default()
    }

    /// What the names of roles must begin with.
    pub(super) fn role_prefix(&self) -> &str {
        self.parameter(ROLE_PREFIX).unwrap_or_default()
    }

    /// The URL of the API, where there is one.
    pub(super) fn api_url(&self) -> Option<&str> {
        self.parameter(API_URL)
    }

    /// The id of the API key.
    pub(super) fn api_key_id(&self) -> Option<&str> {
        self.parameter(API_KEY)
    }

    /// The path of the stack's roles.
    pub(super) fn role_path(&self) -> &str {
        let name = self.names.executor_role();
        let after = self.executor_role_arn().split_once(":role");
        after.and_then(|(_, path)| path.strip_suffix(&name)).unwrap_or("/")
    }

    fn parameter(&self, path: &str) -> Option<&str> {
        self.parameters.get(path).map(String::as_str)
    }
}

/// The stack `name`, asked of AWS once a run.
///
/// # Errors
/// AWS cannot be reached yet or refuses, or there is no such stack, or none that is complete.
pub(super) async fn find(configured: &Configured, name: &str) -> Result<Arc<Installation>, Diagnostics> {
    let connection = connection(configured)?;
    let planned = configured.stacks.planned(name).is_some();
    let cell = configured.installations.cell(name);
    let found = cell.get_or_try_init(|| async { look_up(connection, name, planned).await.map(Arc::new) });
    found.await.cloned()
}

/// The way to AWS.
pub(super) fn connection(configured: &Configured) -> Result<&Connection, Diagnostics> {
    configured
        .connection()
        .map_err(|error| Diagnostics::of_error("AWS cannot be reached yet", sentence(&error)))
}

/// An error about the stack that a data source names.
pub(super) fn about_stack(summary: &str, detail: impl Into<String>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    diagnostics.error_at(Path::root("stack"), summary, detail);
    diagnostics
}

/// There is no such stack: where it was looked for, and what to do.
pub(super) fn missing(connection: &Connection, name: &str, planned: bool) -> Diagnostics {
    let place = &connection.place;
    let (account, region) = (&place.account, &place.region);
    let then = if planned {
        "This configuration is to create it: write kairos_stack.<name>.name here, or add depends_on = [kairos_stack.<name>], so \
         that it is read after that."
    } else {
        "Check name, region and credentials; if this configuration creates it, write kairos_stack.<name>.name here."
    };
    about_stack(
        "No such stack",
        format!("There is no stack \"{name}\" in account {account}, region {region}. {then}"),
    )
}

async fn look_up(connection: &Connection, name: &str, planned: bool) -> Result<Installation, Diagnostics> {
    let names = connection.names(name);
    let unread = |error: AwsError| about_stack("Cannot read the stack", sentence(&error));
    let parameters = parameters(connection, &names).await.map_err(unread)?;
    if parameters.is_empty() {
        return Err(missing(connection, name, planned));
    }
    let marker = parameters
        .get(MARKER)
        .and_then(|text| serde_json::from_str::<Marker>(text).ok());
    if let Some(marker) = marker.as_ref().filter(|marker| marker.fase != Phase::Completa) {
        return Err(unfinished(name, marker));
    }
    if let Some(path) = [ROLE_ARN, ROLE_PREFIX]
        .iter()
        .find(|path| !parameters.contains_key(*path))
    {
        let detail = format!(
            "The stack \"{name}\" lacks the SSM parameter \"{}\". Apply the configuration that it is in: it creates what is missing.",
            names.parameter(path)
        );
        return Err(about_stack("The stack is incomplete", detail));
    }
    let external_id = external_id(&connection.clients, &names).await.map_err(unread)?;
    Ok(Installation {
        id: marker.map(|marker| marker.instalacion.to_string()),
        external_id,
        names,
        parameters,
    })
}

fn unfinished(name: &str, marker: &Marker) -> Diagnostics {
    let state = match marker.fase {
        Phase::Destruyendo => "is being destroyed",
        _ => "has never been complete: its creation is under way, or has failed",
    };
    let detail = format!(
        "The stack \"{name}\" {state} (installation {}). Read it once the configuration that it is in has been applied.",
        marker.instalacion
    );
    about_stack("The stack is not complete", detail)
}

/// What there is of the parameters, by their paths.
async fn parameters(connection: &Connection, names: &Names) -> Result<BTreeMap<&'static str, String>, AwsError> {
    let wanted: BTreeMap<String, &'static str> = PARAMETERS.iter().map(|path| (names.parameter(path), *path)).collect();
    let call = connection
        .clients
        .ssm
        .get_parameters()
        .set_names(Some(wanted.keys().cloned().collect()));
    let answer = call.send().await.doing("GetParameters", &format!("/{}", names.app))?;
    let found = answer.parameters().iter().filter_map(|parameter| {
        let path = wanted.get(parameter.name()?)?;
        Some((*path, parameter.value()?.to_owned()))
    });
    Ok(found.collect())
}

/// What the executor says when it assumes a role.
async fn external_id(clients: &Clients, names: &Names) -> Result<Option<String>, AwsError> {
    let (action, function) = ("GetFunctionConfiguration", names.executor_function());
    let call = clients.lambda.get_function_configuration().function_name(&function);
    let answer = call.send().await.doing(action, &function)?;
    let environment = answer.environment();
    if let Some(error) = environment.and_then(|environment| environment.error()) {
        // Lambda answers all the same where it may not decrypt the variables: that there is no external id is not known.
        return Err(AwsError {
            action: action.into(),
            object: function,
            code: error.error_code().map(str::to_owned),
            message: error
                .message()
                .unwrap_or("the function's variables cannot be read")
                .to_owned(),
            request_id: None,
            class: Class::Denied,
            ambiguous: false,
        });
    }
    let variables = environment.and_then(|environment| environment.variables());
    Ok(variables.and_then(|variables| variables.get(EXTERNAL_ID)).cloned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::stack::kinds::replay;

    async fn told(answer: &str) -> Result<Option<String>, String> {
        let (context, _) = replay::context(&[(200, "", answer)]);
        let found = external_id(&context.aws, &context.names).await;
        found.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn an_external_id_is_read_or_is_not_there() {
        let with = r#"{"Environment":{"Variables":{"KAIROS_EXTERNAL_ID":"externo"}}}"#;
        assert_eq!(told(with).await, Ok(Some("externo".to_owned())));
        assert_eq!(told("{}").await, Ok(None));
    }

    #[tokio::test]
    async fn variables_that_may_not_be_decrypted_are_no_variables_that_are_not_there() {
        let denied = r#"{"Environment":{"Error":{"ErrorCode":"AccessDeniedException","Message":"no kms:Decrypt"}}}"#;
        let error = told(denied).await.unwrap_err();
        assert!(error.contains("AccessDeniedException: no kms:Decrypt"), "{error}");
    }
}
