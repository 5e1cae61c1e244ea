//! Reading a source at an interval, by a task of its own: what requests see changes whole, or not at all.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use kakehashi_contract::{AdapterError, Call, ErrorKind};
use kakehashi_kind::{HeldBack, Upkeep};
use ngsi_ld::EntityId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::found::{Found, Known};
use crate::reading::Reading;
use crate::shared::{Data, Shared};
use crate::suspicion::{Ids, Memento};

/// How long one reading may take: a file of the largest size over a line of 4 Mbit/s.
const LONGEST_READING: Duration = Duration::from_secs(150);

/// After the first failure it is tried again so soon, after each further one in twice the time, until that is the interval.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// So much sooner or later than said each source is read, so that many do not come at once.
const SPREAD: f64 = 0.05;

/// What became of a reading.
enum Outcome {
    Unchanged,
    Taken(Box<Data>, Memento),
    HeldBack(HeldBack),
}

/// What has to run as long as the source is there.
pub(crate) fn upkeep(shared: &Arc<Shared>) -> Upkeep {
    let (shared, wanted) = (Arc::downgrade(shared), Arc::clone(&shared.wanted));
    Box::new(move || keep_reading(Weak::clone(&shared), Arc::clone(&wanted)).boxed())
}

async fn keep_reading(shared: Weak<Shared>, wanted: Arc<Notify>) {
    loop {
        let Some(now) = shared.upgrade() else { return };
        if now.state.borrow().is_erased {
            return;
        }
        now.read_anew().await;
        let pause = now.pause();
        drop(now);
        let end = Instant::now() + pause;
        loop {
            let is_wanted = tokio::time::timeout_at(end, wanted.notified()).await.is_ok();
            let Some(now) = shared.upgrade() else { return };
            if now.state.borrow().is_erased {
                return;
            }
            // What was only asked to be found is made of what is there.
            if !is_wanted || !now.prepare_what_is_wanted().await {
                break;
            }
        }
    }
}

impl Shared {
    fn pause(&self) -> Duration {
        let failed = self.state.borrow().failed.as_ref().map(|(_, times)| *times);
        let pause = failed.map_or(self.refresh, |times| {
            let doubled = 2_u32.saturating_pow(times.saturating_sub(1));
            FIRST_RETRY.saturating_mul(doubled).min(self.refresh)
        });
        let spread = 1.0 + SPREAD * (2.0 * rand::random::<f64>() - 1.0);
        pause.mul_f64(spread)
    }

    /// Makes what finds entities by what questions have asked for. Whether something was missing.
    async fn prepare_what_is_wanted(&self) -> bool {
        let data = self.state.borrow().data.clone();
        let Some(data) = data else { return false };
        let missing: Vec<_> = self.finders.all();
        let missing: Vec<_> = missing
            .into_iter()
            .filter(|wanted| !data.snapshot.finds_by(wanted))
            .collect();
        let is_missing = !missing.is_empty();
        let making = tokio::task::spawn_blocking(move || {
            missing.iter().for_each(|wanted| data.snapshot.find_by(wanted));
        });
        let _ = making.await;
        is_missing
    }

    async fn read_anew(&self) {
        let is_accepted = self.is_accepted.swap(false, Ordering::Relaxed);
        let mut states = self.state.subscribe();
        let erased = async { drop(states.wait_for(|state| state.is_erased).await) };
        let read = tokio::select! {
            biased;
            () = erased => return,
            read = timeout(LONGEST_READING, self.read(is_accepted)) => read,
        };
        let read = read.unwrap_or_else(|_| {
            let detail = "the files could not be read in the time that a reading has";
            Err(self.error(ErrorKind::Timeout, detail))
        });
        self.readings.fetch_add(1, Ordering::Relaxed);
        let memento = self.take_over(read);
        if let Some(memento) = memento
            && let Ok(text) = serde_json::to_string(&memento)
        {
            self.remembers.remember(&text).await;
        }
    }

    async fn read(&self, is_accepted: bool) -> Result<Outcome, AdapterError> {
        let begun = Instant::now();
        let call = Call::until((begun + LONGEST_READING).into_std());
        let known: Option<Known> = self.state.borrow().data.as_ref().map(|data| data.known.clone());
        let found = self.origin.read(&self.paths, known.as_ref(), &call).await?;
        let (files, known) = match found {
            Found::Unchanged => return Ok(Outcome::Unchanged),
            Found::Files(files, known) => (files, known),
        };
        let before = self.remembers.recall().await;
        let before: Option<Memento> = before.and_then(|text| serde_json::from_str(&text).ok());
        let reading = Reading {
            mapping: self.mapping.clone(),
            outside: self.outside.clone(),
            itself: self.origin.name(),
            holding: self.holding.clone(),
            judge: Arc::clone(&self.judge),
            memory: self.memory.clone(),
            files,
            begun,
        };
        let finders = self.finders.all();
        // It computes for as long as the files are large: no thread of requests waits for that.
        let computing = tokio::task::spawn_blocking(move || {
            let read = reading.read()?;
            let ids = Ids::of(read.snapshot.ids().map(EntityId::as_str), before.as_ref());
            let suspicion = ids.suspicion(before.as_ref());
            if suspicion.is_none() || is_accepted {
                finders.iter().for_each(|wanted| read.snapshot.find_by(wanted));
            }
            Ok((read, ids.memento(), suspicion))
        });
        let read = computing.await;
        let read = read.map_err(|_| self.error(ErrorKind::Internal, "reading the files has broken off"))?;
        let (read, memento, suspicion) = read.map_err(|not_read: crate::reading::NotRead| {
            let (kind, detail) = not_read.told();
            AdapterError::new(&self.source, kind, detail)
        })?;
        if let Some(held_back) = suspicion.filter(|_| !is_accepted) {
            return Ok(Outcome::HeldBack(held_back));
        }
        let data = Data {
            snapshot: Arc::new(read.snapshot),
            relationships: read.relationships,
            left_out: read.left_out,
            told: read.told,
            known,
        };
        Ok(Outcome::Taken(Box::new(data), memento))
    }

    /// Lets what was read hold from now on, unless nothing may be kept any more. What is to be remembered of it.
    fn take_over(&self, read: Result<Outcome, AdapterError>) -> Option<Memento> {
        let source_id = &self.source;
        let mut remembered = None;
        self.state.send_modify(|state| {
            if state.is_erased {
                return;
            }
            match read {
                Ok(Outcome::Unchanged) => {
                    self.unchanged.fetch_add(1, Ordering::Relaxed);
                    (state.known_at, state.failed, state.held_back) = (Some(Instant::now()), None, None);
                }
                Ok(Outcome::Taken(data, memento)) => {
                    let (entities, left_out) = (data.snapshot.len(), data.left_out);
                    let told = data.told.join(" | ");
                    tracing::info!(%source_id, entities, left_out, told, "the files of the source were read");
                    (state.known_at, state.failed, state.held_back) = (Some(data.snapshot.begun), None, None);
                    state.data = Some(Arc::from(data));
                    remembered = Some(memento);
                }
                Ok(Outcome::HeldBack(held_back)) => {
                    if state.held_back.is_none() {
                        let HeldBack {
                            reason, before, now, ..
                        } = held_back;
                        let reason = reason.as_str();
                        tracing::warn!(
                            %source_id, reason, before, now,
                            "what the files of the source say now is held back until an administrator agrees"
                        );
                    }
                    let since = state.held_back.map_or(held_back.since, |earlier| earlier.since);
                    (state.failed, state.held_back) = (None, Some(HeldBack { since, ..held_back }));
                }
                Err(error) => {
                    self.failures.fetch_add(1, Ordering::Relaxed);
                    let times = state.failed.as_ref().map_or(0, |(_, times)| *times);
                    if times == 0 {
                        let (kind, detail) = (error.kind, &error.detail);
                        tracing::warn!(%source_id, %kind, %detail, "the files of the source cannot be read");
                    }
                    state.failed = Some((error, times.saturating_add(1)));
                }
            }
        });
        remembered
    }
}
