//! The life of a stack on moto, the second opinion on MiniStack's: the tests of [`stack`](crate::stack), with nothing left out.
//!
//! What one of the two accepts and the other rejects, or the two answer differently, was looked up and settled (moto 5.2.5,
//! MiniStack 1.5.33). A *bridge* is a function of `tests/src/moto/bridge.py`, before or in moto; the product knows of none.
//!
//! | what | MiniStack | moto | AWS | settled |
//! |---|---|---|---|---|
//! | CloudWatch over Smithy RPC v2 CBOR, which the SDK speaks | accepts | 404 | [has it][cbor] | bridge: to moto's JSON protocol and back |
//! | `GetTags`, `TagResource`, `UntagResource` of a REST API, API key, usage plan | accepts | 404, but for stages | [has them][tags] | bridge: onto the tags that moto keeps |
//! | `LoggingConfig` of a function | keeps | drops | [keeps][function] | bridge |
//! | `TracingConfig` and `KMSKeyArn` in `UpdateFunctionConfiguration` | keeps | ignores | [changes them][function] | bridge |
//! | `AssociateKmsKey`, `DisassociateKmsKey` of a log group | rejects | rejects | [has them][logs] | bridge: onto the key that moto keeps; keys change in place on moto alone |
//! | `RedriveAllowPolicy` of a queue | keeps | accepts, never shows | [shows it][queue] | bridge |
//! | `SetQueueAttributes` without `Policy` | leaves the policy | removes the policy | [changes what is named][queue] | bridge |
//! | quota in `UpdateUsagePlan` | keeps the patch's text, which the SDK refuses to read | the same | [an integer][plan] | bridge; changed in place on moto alone |
//! | throttle rate of 20.5 in `UpdateUsagePlan` | keeps the patch's text | 500: takes whole numbers alone | [a double][plan] | bridge; changed in place on moto alone |
//! | `AssociateKmsKey`, `DisassociateKmsKey` of a log group | unknown | unknown | [has them][key] | bridge; so a key is changed on moto alone |
//! | `SSESpecification` in `UpdateTable` | changes the key | ignores it | [changes the key][table] | bridge |
//! | throttle of a stage when only its metrics are set | none | fills in 1000 and 2000 | [fills in][stage] 10000 and 5000, or the [region's limits][limits] | **ours was wrong** where the region's limits are others: the stage's throttle is now always set together with the metrics, to 10000 and 5000 where none is wanted (-1 is refused at every request by MiniStack) |
//! | the account of a request | the access key, if twelve digits | a header | the access key's | bridge: the header, from the key |
//! | a function whose role does not exist or does not trust Lambda | accepts | rejects | [rejects][role] | ours is right: roles come first, and trust Lambda |
//! | `PutParameter` with `Overwrite` and `Tags` | rejects | rejects | [rejects][parameter] | ours is right: tags come with the creation alone |
//!
//! [cbor]: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
//! [tags]: https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html
//! [function]: https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
//! [logs]: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
//! [queue]: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
//! [plan]: https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateUsagePlan.html
//! [stage]: https://docs.aws.amazon.com/cli/latest/reference/apigateway/update-stage.html
//! [key]: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
//! [table]: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
//! [limits]: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
//! [role]: https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
//! [parameter]: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html

use acceptance::{Account, Moto, fixtures};
use anyhow::Result;

use crate::life;

async fn account() -> Result<Account> {
    let account = Moto::shared()?.account();
    fixtures::api_gateway_logging(&account).await?;
    Ok(account)
}

#[tokio::test]
async fn a_stack_lives_from_plan_to_destroy_and_leaves_nothing() -> Result<()> {
    life::from_plan_to_destroy(&account().await?).await
}

#[tokio::test]
async fn attributes_change_in_place_and_the_next_plan_is_empty() -> Result<()> {
    let api = "{ memory_size = 256, throttle_rate = 20.5, throttle_burst = 40, quota_per_day = 1000 }";
    life::changes_in_place(&account().await?, api).await
}

#[tokio::test]
async fn what_others_changed_or_deleted_is_seen_and_mended() -> Result<()> {
    life::drift_is_seen_and_mended(&account().await?).await
}

#[tokio::test]
async fn an_imported_stack_plans_to_nothing() -> Result<()> {
    life::import_finds_nothing_to_do(&account().await?).await
}
