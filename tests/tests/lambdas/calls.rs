//! What a run costs: the AWS calls of the real executor, counted by an endpoint of our own.

use std::time::Duration;

use acceptance::edge::{Binary, Edge};
use acceptance::ground::{Calls, Ground, batch};
use anyhow::Result;
use serde_json::json;

/// Runs a batch in which every run succeeds, and counts.
async fn run(edge: &Edge, ground: &Ground, runs: impl IntoIterator<Item = (usize, usize)>) -> Result<Calls> {
    let answer = edge.invoke(&batch(runs)).await?;
    assert_eq!(answer, json!({"batchItemFailures": []}), "{}", edge.log());
    Ok(ground.take())
}

#[tokio::test]
async fn a_run_takes_four_calls_and_its_role_is_assumed_once() -> Result<()> {
    let ground = Ground::start(Duration::ZERO, Duration::ZERO)?;
    let edge = ground.executor(&Binary::packed("executor")?).await?;
    let one = Calls {
        reads: 1,
        writes: 2,
        targets: 1,
        ..Calls::default()
    };
    assert_eq!(run(&edge, &ground, [(1, 1)]).await?, Calls { roles: 1, ..one });
    for n in 2..5 {
        assert_eq!(run(&edge, &ground, [(1, n)]).await?, one);
    }

    // Ten runs share the read; of five processes, four are new.
    let ten = Calls {
        reads: 1,
        writes: 20,
        targets: 10,
        ..Calls::default()
    };
    let batch = |first: usize| (0..10).map(move |n| (1 + n % 5, first + n));
    assert_eq!(run(&edge, &ground, batch(100)).await?, Calls { roles: 4, ..ten });
    for n in 2..6 {
        assert_eq!(run(&edge, &ground, batch(n * 100)).await?, ten);
    }
    Ok(())
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_in_time_is_given_back_unclaimed() -> Result<()> {
    let ground = Ground::unread()?;
    let edge = ground.executor(&Binary::packed("executor")?).await?;
    let answer = edge
        .invoke_within(&batch([(1, 1), (2, 2)]), Duration::from_secs(8))
        .await?;
    let stays = [
        json!({"itemIdentifier": "message-0"}),
        json!({"itemIdentifier": "message-1"}),
    ];
    assert_eq!(answer, json!({"batchItemFailures": stays}), "{}", edge.log());
    let calls = ground.take();
    assert_eq!(calls.reads, 1, "what is too late is not repeated: {calls:?}");
    assert_eq!((calls.writes, calls.roles, calls.targets), (0, 0, 0), "{calls:?}");
    Ok(())
}

#[tokio::test]
async fn sessions_that_targets_refuse_are_replaced_at_once_and_once() -> Result<()> {
    let ground = Ground::start(Duration::ZERO, Duration::ZERO)?;
    let edge = ground.executor(&Binary::packed("executor")?).await?;
    run(&edge, &ground, [(1, 1)]).await?;
    ground.revoke_sessions();
    let again = Calls {
        reads: 1,
        writes: 2,
        roles: 1,
        targets: 2,
        ..Calls::default()
    };
    assert_eq!(run(&edge, &ground, [(1, 2)]).await?, again);
    let as_ever = Calls {
        roles: 0,
        targets: 1,
        ..again
    };
    assert_eq!(run(&edge, &ground, [(1, 3)]).await?, as_ever);
    Ok(())
}
