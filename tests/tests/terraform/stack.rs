//! The life of a stack on MiniStack; see [`life`](crate::life) for what each test asserts.

use anyhow::Result;

use crate::common::account;
use crate::life;

#[tokio::test]
async fn a_stack_lives_from_plan_to_destroy_and_leaves_nothing() -> Result<()> {
    life::from_plan_to_destroy(&account(false).await?).await
}

#[tokio::test]
async fn attributes_change_in_place_and_the_next_plan_is_empty() -> Result<()> {
    // MiniStack keeps a usage plan's limits as the text of the patch that changes them, which the SDK refuses to read.
    life::changes_in_place(&account(false).await?, "{ memory_size = 256 }").await
}

#[tokio::test]
async fn what_others_changed_or_deleted_is_seen_and_mended() -> Result<()> {
    life::drift_is_seen_and_mended(&account(false).await?).await
}

#[tokio::test]
async fn an_imported_stack_plans_to_nothing() -> Result<()> {
    life::import_finds_nothing_to_do(&account(false).await?).await
}
