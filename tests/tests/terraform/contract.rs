//! The API's contract, tried on a stack's API as its users reach it: through API Gateway, with its key.

use acceptance::contract::{self, Subject};
use acceptance::http::Api;
use acceptance::ministack::Options;
use acceptance::{MiniStack, Terraform, fixtures};
use anyhow::Result;

use crate::common::{stack, text};

const STACK: &str = "kairos_stack.this";

/// Limits that generated requests do not reach.
const WITH_API: &str = r#"
  executor = { role_prefix = "proceso-", timeout = 900 }
  api      = { throttle_rate = 10000, throttle_burst = 5000 }
  force_destroy = true
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deployed_api_is_what_its_document_says() -> Result<()> {
    let account = MiniStack::shared(Options::default())?.account();
    fixtures::api_gateway_logging(&account).await?;
    let terraform = Terraform::new(&account, &stack(WITH_API))?;
    terraform.apply(&[])?.succeeded("apply")?;
    let key = text(&terraform, STACK, "api_key")?;
    let api = Api::new(&account, &text(&terraform, STACK, "api_url")?, &key)?;
    let served = api.get("/openapi.json")?;
    assert_eq!(served.status, 200, "{}", served.body);
    let document = served.body;

    let (url, authorization) = (api.base().to_owned(), api.authorization().to_owned());
    let of = account.clone();
    let tried = tokio::task::spawn_blocking(move || {
        let subject = Subject {
            url: &url,
            account: &of,
            role_prefix: "proceso-",
            key: Some(&key),
            headers: &[("authorization", &authorization)],
        };
        contract::check(&document, &subject)
    });
    tried.await??.tell("the deployed API");
    // What was asked to run would go on for minutes beside other tests.
    terraform.destroy(&[])?.succeeded("destroy")?;
    Ok(())
}
