//! The threads that consumers' connections live on. Each has a runtime of its own, so that a request is answered where
//! it arrived: no task moves between processors, and nobody wakes a thread of somebody else to go on with it.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use kakehashi_adapters::client::use_own_connections;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};

/// How long the threads may take to end. Each ends when what it computes just then lets others have their turn.
pub const LONGEST_END_OF_THREADS: Duration = Duration::from_secs(1);

/// Threads, each with a runtime. They end when this value is dropped.
#[derive(Debug)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    stop: watch::Sender<bool>,
    /// Closed when all threads have ended.
    ended: mpsc::Receiver<()>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// Connections that live there.
    connections: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts so many.
    ///
    /// # Errors
    /// When the operating system gives no thread, or a runtime no event queue.
    pub(super) fn start(count: NonZeroUsize) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (runs, ended) = mpsc::channel(1);
        let mut started = Self {
            workers: Vec::with_capacity(count.get()),
            stop,
            ended,
        };
        for number in 1..=count.get() {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let (mut stopped, runs) = (stopped.clone(), runs.clone());
            let thread = std::thread::Builder::new()
                .name(format!("connections-{number}"))
                .spawn(move || {
                    use_own_connections();
                    // Ends as well when nobody is left who could say so.
                    let _ = runtime.block_on(stopped.wait_for(|stop| *stop));
                    // With what is left of the connections.
                    drop(runtime);
                    drop(runs);
                })?;
            started.workers.push(Worker {
                runtime: handle,
                connections: Arc::default(),
                thread: Some(thread),
            });
        }
        Ok(started)
    }

    /// The runtimes of the threads.
    pub(super) fn runtimes(&self) -> Vec<Handle> {
        self.workers.iter().map(|worker| worker.runtime.clone()).collect()
    }

    /// Ends the threads, with what is left of their connections. One that does not end in time is left behind: it must
    /// not hold up the end of the process.
    pub(super) async fn end(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(LONGEST_END_OF_THREADS, self.ended.recv())
            .await
            .is_err()
        {
            tracing::warn!("a thread of connections is busy and is left behind");
            for worker in &mut self.workers {
                worker.thread = None;
            }
        }
    }

    /// Runs a connection where the fewest are.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection lives on its thread and ends with it"
    )]
    pub(super) fn run(&self, connection: impl Future<Output = ()> + Send + 'static) {
        let idlest = self
            .workers
            .iter()
            .min_by_key(|worker| worker.connections.load(Ordering::Relaxed));
        let Some(worker) = idlest else { return };
        let counted = Counted::new(&worker.connections);
        worker.runtime.spawn(async move {
            connection.await;
            drop(counted);
        });
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // All of them wait for it; whoever has ended needs no telling.
        let _ = self.stop.send(true);
        for thread in self.workers.iter_mut().filter_map(|worker| worker.thread.take()) {
            // A thread that panicked has said so; there is nothing left of it to end.
            let _ = thread.join();
        }
    }
}

/// One of the connections of a worker, for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::thread::ThreadId;

    use tokio::sync::{mpsc, oneshot};

    use super::*;

    #[tokio::test]
    async fn connections_are_spread_evenly_and_stay_where_they_are() {
        let workers = Workers::start(NonZeroUsize::new(3).unwrap()).unwrap();
        let (seen, mut threads) = mpsc::unbounded_channel::<(ThreadId, ThreadId)>();
        let (go, wait) = watch::channel(false);
        for _ in 0..9 {
            let (seen, mut wait) = (seen.clone(), wait.clone());
            workers.run(async move {
                let began = std::thread::current().id();
                wait.wait_for(|go| *go).await.unwrap();
                seen.send((began, std::thread::current().id())).unwrap();
            });
        }
        go.send(true).unwrap();
        let mut counts: HashMap<ThreadId, usize> = HashMap::new();
        for _ in 0..9 {
            let (began, ended) = threads.recv().await.unwrap();
            assert_eq!(began, ended);
            *counts.entry(began).or_default() += 1;
        }
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [3, 3, 3]);
    }

    #[tokio::test]
    async fn a_thread_that_is_busy_does_not_hold_up_the_end() {
        let workers = Workers::start(NonZeroUsize::MIN).unwrap();
        let (began, begins) = oneshot::channel();
        let (release, busy) = std::sync::mpsc::channel::<()>();
        workers.run(async move {
            began.send(()).unwrap();
            // As a computation that never lets others have their turn.
            let _ = busy.recv();
        });
        begins.await.unwrap();
        workers.end().await;
        release.send(()).unwrap();
        let idle = Workers::start(NonZeroUsize::MIN).unwrap();
        idle.end().await;
    }

    #[tokio::test]
    async fn a_connection_that_panics_costs_itself_only() {
        let workers = Workers::start(NonZeroUsize::MIN).unwrap();
        workers.run(async { panic!("a fault of a connection") });
        let (answer, answered) = oneshot::channel();
        workers.run(async move { answer.send(7).unwrap() });
        assert_eq!(answered.await, Ok(7));
        while workers.workers[0].connections.load(Ordering::Relaxed) > 0 {
            tokio::task::yield_now().await;
        }
    }
}
