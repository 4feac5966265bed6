//! The API's contract, tried on the function itself: its binary behind the harness's HTTP front, over the local AWS.

use acceptance::contract::{self, Subject};
use acceptance::edge::{self, Binary, Edge};
use anyhow::Result;

use crate::installation::{Installation, ROLE_PREFIX};

/// Names another binary of the API than the packed one.
const BINARY: &str = "KAIROS_API_BINARY";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_is_what_its_document_says() -> Result<()> {
    let installation = Installation::create().await?;
    installation.dispatcher().await?;
    installation.schedule_group().await?;
    let edge = Edge::start(&binary()?, &environment(&installation), 1).await?;
    let (account, url) = (installation.account.clone(), edge.url().to_owned());
    let tried = tokio::task::spawn_blocking(move || {
        let subject = Subject {
            url: &url,
            account: &account,
            role_prefix: ROLE_PREFIX,
            key: None,
            headers: &[],
        };
        contract::check(&contract::document()?, &subject)
    });
    let outcome = tried.await?.map_err(|error| error.context(edge.log()))?;
    outcome.tell("the function");
    Ok(())
}

#[test]
fn the_document_is_openapi() -> Result<()> {
    contract::is_well_formed()
}

/// The API's binary.
pub(crate) fn binary() -> Result<Binary> {
    match std::env::var_os(BINARY) {
        Some(path) => Ok(Binary::at(path)),
        None => Binary::packed("api"),
    }
}

/// The environment that a stack gives to the function, which acts as the account's root.
pub(crate) fn environment(installation: &Installation) -> Vec<(String, String)> {
    let names = &installation.names;
    let mut variables = edge::environment("api");
    let own = [
        ("KAIROS_STACK", names.app.clone()),
        ("KAIROS_ACCOUNT", names.place.account.clone()),
        ("KAIROS_QUEUE_URL", installation.queue_url(&names.queue())),
        ("KAIROS_ROLE_PREFIX", ROLE_PREFIX.to_owned()),
        (
            "KAIROS_SCHEDULER_ROLE_ARN",
            names.role_arn("/", &names.scheduler_role()),
        ),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
    let account = installation.account.environment();
    variables.extend(account.into_iter().map(|(name, value)| (name.to_owned(), value)));
    variables
}
