//! Walks a graph of work, each node as soon as what it waits for is done.
//!
//! Invariant: a node is started at most once, and only after everything that it waits for ended well.

use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

/// How a node ended: its result, and whether what waits for it may start.
#[derive(Debug)]
pub struct Ended<T> {
    /// The result.
    pub result: T,
    /// Whether the way is free.
    pub go_on: bool,
}

/// Starts every node whose `waits` (indices of other nodes) have all ended with `go_on`, as concurrently as that allows.
///
/// The answer holds one entry a node: its result, or `None` where it was never started: something upstream did not go on,
/// or `stopped` said so before.
pub async fn walk<T, F, Fut>(waits: &[Vec<usize>], stopped: impl Fn() -> bool, start: F) -> Vec<Option<T>>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Ended<T>>,
{
    let mut results: Vec<Option<T>> = waits.iter().map(|_| None).collect();
    let mut left: Vec<usize> = waits.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); waits.len()];
    for (node, on) in waits.iter().enumerate() {
        for &other in on {
            followers[other].push(node);
        }
    }
    let run = |node: usize| {
        let work = start(node);
        async move { (node, work.await) }
    };
    let mut running = FuturesUnordered::new();
    for node in (0..waits.len()).filter(|n| waits[*n].is_empty()) {
        if !stopped() {
            running.push(run(node));
        }
    }
    while let Some((node, ended)) = running.next().await {
        results[node] = Some(ended.result);
        if !ended.go_on {
            continue;
        }
        for &next in &followers[node] {
            left[next] -= 1;
            if left[next] == 0 && !stopped() {
                running.push(run(next));
            }
        }
    }
    results
}

/// The nodes in an order in which each comes after what it waits for; `None` where the graph has a cycle.
pub fn sorted(waits: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut order = Vec::with_capacity(waits.len());
    let mut placed = vec![false; waits.len()];
    while order.len() < waits.len() {
        let ready: Vec<usize> = (0..waits.len())
            .filter(|n| !placed[*n] && waits[*n].iter().all(|w| placed[*w]))
            .collect();
        if ready.is_empty() {
            return None;
        }
        for node in ready {
            placed[node] = true;
            order.push(node);
        }
    }
    Some(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    async fn order(waits: &[Vec<usize>], fails: &[usize]) -> (Vec<usize>, Vec<bool>) {
        let seen = RefCell::new(Vec::new());
        let results = walk(
            waits,
            || false,
            |n| {
                seen.borrow_mut().push(n);
                async move {
                    Ended {
                        result: (),
                        go_on: !fails.contains(&n),
                    }
                }
            },
        )
        .await;
        (seen.into_inner(), results.iter().map(Option::is_some).collect())
    }

    #[tokio::test]
    async fn a_node_starts_after_all_that_it_waits_for() {
        let (seen, _) = order(&[vec![1, 2], vec![2], vec![]], &[]).await;
        assert_eq!(seen, [2, 1, 0]);
    }

    #[tokio::test]
    async fn what_is_downstream_of_a_failure_never_starts_and_the_rest_does() {
        let (_, started) = order(&[vec![], vec![0], vec![1], vec![]], &[0]).await;
        assert_eq!(started, [true, false, false, true]);
    }

    #[test]
    fn a_cycle_has_no_order() {
        assert_eq!(sorted(&[vec![1], vec![0]]), None);
        assert_eq!(sorted(&[vec![1], vec![]]), Some(vec![1, 0]));
    }
}
