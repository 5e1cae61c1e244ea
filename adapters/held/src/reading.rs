//! Reading a source at once, one time after the other, by a task of its own: within the source's limits and a time of its own,
//! and no longer than something may be kept.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::{self, BoxFuture};
use futures::{FutureExt, StreamExt};
use kakehashi_contract::{AdapterError, Call, ErrorKind, Requests};
use kakehashi_index::{Building, NotHeld, Snapshot};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::shared::Shared;

/// How long one reading may take: a source that gives a thousand pages of 50 in 100 ms each is read in that.
const LONGEST_READING: Duration = Duration::from_secs(120);

/// Requests of one reading: as many pages of 50 as there may be entities. Of a question that asks one source, half are its.
const MOST_REQUESTS: usize = 2 * 1_000;

/// Entities that are taken together before others have their turn.
const TOGETHER: usize = 256;

/// Why a reading has brought nothing.
enum Failed {
    Source(AdapterError),
    NotHeld(NotHeld),
}

impl From<AdapterError> for Failed {
    fn from(error: AdapterError) -> Self {
        match error.kind {
            ErrorKind::TooMany | ErrorKind::TooManyRequests(_) | ErrorKind::TooComplex(_) => {
                Self::NotHeld(NotHeld::TooMany)
            }
            ErrorKind::TooLarge => Self::NotHeld(NotHeld::TooLarge),
            _ => Self::Source(error),
        }
    }
}

/// Begins what reads the source beside requests, and begins it again if it has broken off. It ends by itself once nothing is
/// kept any more.
pub type Upkeep = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// What has to run as long as something is kept.
pub(crate) fn upkeep(shared: &Arc<Shared>) -> Upkeep {
    let (shared, wanted) = (Arc::downgrade(shared), Arc::clone(&shared.wanted));
    Box::new(move || keep_reading(Weak::clone(&shared), Arc::clone(&wanted)).boxed())
}

async fn keep_reading(shared: Weak<Shared>, wanted: Arc<Notify>) {
    loop {
        let Some(kept_until) = shared.upgrade().map(|shared| shared.kept_until()) else {
            return;
        };
        let too_old = async {
            match kept_until {
                Some(end) => sleep_until(end).await,
                None => future::pending().await,
            }
        };
        let is_wanted = tokio::select! {
            () = wanted.notified() => true,
            () = too_old => false,
        };
        let Some(shared) = shared.upgrade() else { return };
        if shared.state.borrow().is_erased {
            return;
        }
        if !is_wanted {
            shared.forget_what_is_too_old();
            continue;
        }
        if shared.is_to_be_read() {
            shared.read_anew().await;
        }
        let snapshot = shared.state.borrow().snapshot.clone();
        if let Some(snapshot) = snapshot {
            shared.prepare_to_find(&snapshot).await;
        }
    }
}

impl Shared {
    async fn read_anew(&self) {
        let begun = Instant::now();
        let mut states = self.state.subscribe();
        let erased = async { drop(states.wait_for(|state| state.is_erased).await) };
        let reading = timeout_at(begun + LONGEST_READING, self.read(begun));
        let read = tokio::select! {
            biased;
            () = erased => return,
            read = reading => read,
        };
        let read = read.unwrap_or_else(|_| {
            let detail = "the source could not be read whole in the time that a reading has";
            Err(AdapterError::new(self.source(), ErrorKind::Timeout, detail).into())
        });
        self.take_over(read);
    }

    async fn read(&self, begun: Instant) -> Result<Snapshot, Failed> {
        let call = Call {
            requests: Requests::at_most(MOST_REQUESTS),
            ..Call::until((begun + LONGEST_READING).into_std())
        };
        let mut building = Building::new(&self.holding, &self.judge, &self.memory);
        for question in self.holding.questions() {
            let Some(name) = question.types.first() else {
                continue;
            };
            building.begin(name);
            let mut yielded = self.itself.prepare(&question).query(None, &call).ready_chunks(TOGETHER);
            while let Some(batch) = yielded.next().await {
                for one in batch {
                    building.add(one?).map_err(Failed::NotHeld)?;
                }
                tokio::task::yield_now().await;
            }
        }
        let snapshot = building.finish(begun);
        if snapshot.took >= self.hold {
            return Err(Failed::NotHeld(NotHeld::TooSlow));
        }
        self.prepare_to_find(&snapshot).await;
        Ok(snapshot)
    }

    /// Makes what questions have asked for, so that their entities are found without looking at all.
    async fn prepare_to_find(&self, snapshot: &Snapshot) {
        for wanted in self.found_by() {
            snapshot.find_by(&wanted);
            tokio::task::yield_now().await;
        }
    }

    /// Lets what was read hold from now on, unless nothing may be kept any more.
    fn take_over(&self, read: Result<Snapshot, Failed>) {
        let source_id = self.source();
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.state.send_modify(|state| {
            if state.is_erased {
                return;
            }
            let (was_failing, was_held) = (state.failed.is_some(), state.not_held.is_none());
            match read {
                Ok(snapshot) => {
                    if was_failing || !was_held {
                        tracing::info!(%source_id, "what the source holds is kept in memory again");
                    }
                    state.snapshot = Some(Arc::new(snapshot));
                    (state.failed, state.not_held) = (None, None);
                }
                Err(Failed::Source(error)) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    if !was_failing {
                        let (kind, detail) = (error.kind, &error.detail);
                        tracing::warn!(%source_id, %kind, %detail, "the source cannot be read, so as to keep it in memory");
                    }
                    state.failed = Some((Instant::now(), error));
                }
                Err(Failed::NotHeld(why)) => {
                    if was_held {
                        let why = why.as_str();
                        tracing::warn!(%source_id, why, "what the source holds is not kept in memory: it is asked itself");
                    }
                    state.snapshot = None;
                    state.failed = None;
                    state.not_held = Some((Instant::now(), why));
                }
            }
        });
    }
}
