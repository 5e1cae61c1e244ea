//! Whether the threads that consumers' connections live on still let everything on them have its turn: each is asked for
//! one, and answers as soon as it comes to that.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use futures::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long a turn is waited for: a thousand times what it takes where all is well, and less than those who probe wait.
const FOR_A_TURN: Duration = Duration::from_millis(800);

/// The threads, once they run.
#[derive(Debug, Default)]
pub struct Pulse {
    threads: RwLock<Vec<Handle>>,
}

impl Pulse {
    /// These are the threads.
    pub(super) fn watch(&self, threads: Vec<Handle>) {
        *self.threads.write().unwrap_or_else(PoisonError::into_inner) = threads;
    }

    /// Whether every thread answers in time. Before they run there is nothing to answer.
    pub async fn beats(&self) -> bool {
        let threads = self.threads.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answers = threads.into_iter().map(|thread| {
            let (answer, answered) = oneshot::channel();
            #[expect(
                clippy::disallowed_methods,
                reason = "it asks this very thread, and ends with its first turn"
            )]
            thread.spawn(async move { answer.send(()) });
            tokio::time::timeout(FOR_A_TURN, answered)
        });
        join_all(answers)
            .await
            .into_iter()
            .all(|answer| matches!(answer, Ok(Ok(()))))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::mpsc;

    use super::super::workers::Workers;
    use super::*;

    #[tokio::test]
    async fn a_thread_that_lets_nothing_else_have_its_turn_is_noticed() {
        let workers = Workers::start(NonZeroUsize::new(2).unwrap()).unwrap();
        let pulse = Pulse::default();
        assert!(pulse.beats().await);
        pulse.watch(workers.runtimes());
        assert!(pulse.beats().await);
        let (go_on, waits) = mpsc::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        workers.run(async move {
            begun.send(()).unwrap();
            // What a fault would do: it does not give the thread back.
            let _ = waits.recv();
        });
        has_begun.await.unwrap();
        assert!(!pulse.beats().await);
        drop(go_on);
        assert!(pulse.beats().await);
    }
}
