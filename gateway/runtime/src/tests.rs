use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt;
use futures::future::join_all;
use kakehashi_core::names::ConsumerId;
use kakehashi_telemetry::Metrics;
use tokio::sync::oneshot;

use super::tasks::{BrokenOff, MOST_CONTEXT_DOWNLOADS, MOST_CONTEXT_DOWNLOADS_OF_ONE_CONSUMER};
use super::*;

const LONG: std::time::Duration = std::time::Duration::from_secs(60);

fn tasks(metrics: &Metrics) -> Tasks {
    Tasks::on(&tokio::runtime::Handle::current(), &metrics.tasks)
}

/// The lines of a metric.
fn lines(metrics: &Metrics, name: &str) -> Vec<String> {
    let text = metrics
        .to_prometheus(&[], &[], std::iter::empty(), std::iter::empty())
        .unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_spawned_outlives_the_runtime_that_asked_for_it() {
    let metrics = Metrics::new().unwrap();
    let tasks = tasks(&metrics);
    let (go, wait) = oneshot::channel::<()>();
    let (done, is_done) = oneshot::channel();
    let writes = tasks.writes.clone();
    // As a thread of connections, which ends with its last connection.
    let connection = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move {
            let task = writes.spawn(async move {
                wait.await.unwrap();
                done.send(std::thread::current().id()).unwrap();
            });
            drop(task.unwrap());
        });
    });
    connection.join().unwrap();
    assert_eq!(tasks.running(), [("write", 1)]);
    go.send(()).unwrap();
    assert_eq!(is_done.await, Ok(std::thread::current().id()));
    assert!(tasks.writes.ended_within(LONG).await);
    assert_eq!(tasks.running(), []);
}

#[tokio::test]
async fn a_panic_costs_one_task_and_is_counted() {
    let metrics = Metrics::new().unwrap();
    let tasks = tasks(&metrics);
    let other = tasks.writes.spawn(async { 7 }).unwrap();
    let panics = tasks.writes.spawn(async { panic!("a fault") }).unwrap();
    let outcome: Result<(), BrokenOff> = panics.await;
    assert_eq!(outcome, Err(BrokenOff));
    assert_eq!(other.await, Ok(7));
    assert_eq!(tasks.writes.guarded(async { panic!("in a part") }).await, None::<()>);
    let counted = lines(&metrics, "kakehashi_tasks_panicked_total");
    assert!(
        counted[0].contains("kind=\"write\"") && counted[0].ends_with(" 2"),
        "{counted:?}"
    );
    let running = lines(&metrics, "kakehashi_tasks_running");
    assert!(running[0].ends_with(" 0"), "{running:?}");
}

#[tokio::test]
async fn what_has_to_run_is_begun_again_after_a_panic_and_ends_by_itself() {
    let metrics = Metrics::new().unwrap();
    let tasks = tasks(&metrics);
    let begun = std::sync::Arc::new(AtomicUsize::new(0));
    let times = std::sync::Arc::clone(&begun);
    let lasting = tasks.upkeep.keep_running(move || {
        let time = times.fetch_add(1, Ordering::Relaxed);
        async move { assert!(time == 1, "the first panics") }
    });
    assert_eq!(lasting.unwrap().await, Ok(()));
    assert_eq!(begun.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn no_consumer_has_more_than_its_part_and_all_together_no_more_than_there_is() {
    let metrics = Metrics::new().unwrap();
    let contexts = tasks(&metrics).contexts;
    let mut running = Vec::new();
    for number in 0.. {
        let consumer = ConsumerId::new(format!("consumer-{number}"));
        let begin = || contexts.spawn_for(&consumer, pending::<()>());
        let begun: Vec<_> = std::iter::from_fn(|| begin().ok()).collect();
        if begun.is_empty() {
            break;
        }
        assert_eq!(begun.len(), MOST_CONTEXT_DOWNLOADS_OF_ONE_CONSUMER);
        running.extend(begun);
    }
    assert_eq!(running.len(), MOST_CONTEXT_DOWNLOADS);
    assert_eq!(contexts.running(), MOST_CONTEXT_DOWNLOADS);
    assert!(!lines(&metrics, "kakehashi_tasks_refused_total").is_empty());
    // Who gives something back can have it again.
    contexts.cancel();
    let outcomes = join_all(running).await;
    assert!(outcomes.iter().all(|outcome| *outcome == Err(BrokenOff)));
    assert!(contexts.ended_within(LONG).await);
    let first = ConsumerId::new("consumer-0");
    assert!(contexts.spawn_for(&first, async {}).is_ok());
}

#[tokio::test]
async fn what_is_owned_ends_with_its_owner_and_what_is_cancelled_ends_alone() {
    let metrics = Metrics::new().unwrap();
    let tasks = tasks(&metrics);
    let owned = tasks.periodic.spawn(pending::<()>()).unwrap().owned();
    let left = tasks.notifications.spawn(pending::<()>()).unwrap();
    assert!(tasks.periodic.ended_within(std::time::Duration::ZERO).now_or_never() != Some(true));
    drop(owned);
    assert!(tasks.periodic.ended_within(LONG).await);
    assert_eq!(tasks.running(), [("notifications", 1)]);
    tasks.notifications.cancel();
    assert_eq!(left.await, Err(BrokenOff));
}
