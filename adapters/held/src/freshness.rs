//! Whether what was read answers a question, is read anew, or the source is asked itself.
//!
//! What is younger than the hold answers at once; shortly before that is over the source is read anew beside requests. What is
//! older, up to twice the hold, answers where reading anew takes long or fails, and says so. Nobody reads a source that nobody
//! asks, and one reading is enough for however many ask.

use std::sync::Arc;
use std::time::Duration;

use kakehashi_contract::{AdapterError, Call, ErrorKind, SourceQuery};
use kakehashi_index::Snapshot;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::shared::{Shared, State};

/// A source is read anew so much before the hold is over as twice what the latest reading took, and by no more than this part
/// of the hold: what a reading costs the source is set by the hold.
const AHEAD_AT_MOST: u32 = 10;

/// What was read is kept for so many holds: in the second it answers only where the source cannot be read anew.
const KEPT_FOR: u32 = 2;

/// How long a question waits for a reading where something is there that is older than the hold, but not by much.
const PATIENCE: Duration = Duration::from_secs(1);

/// After a reading that failed the source is left alone for this part of the hold, and not for longer than the other: however
/// many ask, it is not read by each of them.
const PAUSE_OF_HOLD: u32 = 10;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// After so long it is looked again whether what a source holds can be kept.
const LOOKED_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// What answers a question.
#[derive(Debug)]
pub(crate) enum Answers {
    Memory(Arc<Snapshot>),
    Source,
}

/// How what is known of the source stands to the hold.
enum Standing {
    /// It is as young as it should be. `is_due`: it is to be read anew.
    Fresh { snapshot: Arc<Snapshot>, is_due: bool },
    /// It is older than the hold, up to twice that.
    Stale(Arc<Snapshot>),
    /// There is nothing, or it is older.
    Nothing,
    /// It is not kept.
    Source,
}

impl State {
    fn standing(&self, hold: Duration) -> Standing {
        if self.is_erased || self.not_held.is_some() {
            return Standing::Source;
        }
        let Some(snapshot) = &self.snapshot else {
            return Standing::Nothing;
        };
        let (age, snapshot) = (snapshot.begun.elapsed(), Arc::clone(snapshot));
        if age < hold {
            let ahead = (snapshot.took * 2).min(hold / AHEAD_AT_MOST);
            let is_due = age + ahead >= hold;
            Standing::Fresh { snapshot, is_due }
        } else if age < hold * KEPT_FOR {
            Standing::Stale(snapshot)
        } else {
            Standing::Nothing
        }
    }

    /// The error of the latest reading, as long as the source is left alone for it.
    fn left_alone_for(&self, hold: Duration) -> Option<&AdapterError> {
        let (at, error) = self.failed.as_ref()?;
        let pause = (hold / PAUSE_OF_HOLD).min(LONGEST_PAUSE);
        (at.elapsed() < pause).then_some(error)
    }
}

impl Shared {
    /// Whether a question may be answered from memory, as far as that can be told before it is asked.
    pub(crate) fn may_answer(&self, query: &SourceQuery) -> bool {
        if !self.holding.answers(query) {
            return false;
        }
        let state = self.state.borrow();
        if let Some((at, _)) = state.not_held {
            if at.elapsed() >= LOOKED_AGAIN_AFTER {
                self.want();
            }
            return false;
        }
        let snapshot = state.snapshot.as_ref();
        !state.is_erased && snapshot.is_none_or(|snapshot| !snapshot.lacks_something_of(query))
    }

    /// Whether the source is to be read now.
    pub(crate) fn is_to_be_read(&self) -> bool {
        let state = self.state.borrow();
        if let Some((at, _)) = state.not_held {
            return !state.is_erased && at.elapsed() >= LOOKED_AGAIN_AFTER;
        }
        let is_due = match state.standing(self.hold) {
            Standing::Fresh { is_due, .. } => is_due,
            Standing::Stale(_) | Standing::Nothing => true,
            Standing::Source => false,
        };
        is_due && state.left_alone_for(self.hold).is_none()
    }

    /// Until when what is there answers anything.
    pub(crate) fn kept_until(&self) -> Option<Instant> {
        let state = self.state.borrow();
        let snapshot = state.snapshot.as_ref()?;
        snapshot.begun.checked_add(self.hold * KEPT_FOR)
    }

    /// Nobody has asked for so long that what is there answers nothing any more.
    pub(crate) fn forget_what_is_too_old(&self) {
        self.state.send_if_modified(|state| {
            let is_too_old = state.snapshot.as_ref();
            let is_too_old = is_too_old.is_some_and(|snapshot| snapshot.begun.elapsed() >= self.hold * KEPT_FOR);
            if is_too_old {
                state.snapshot = None;
            }
            is_too_old
        });
    }

    /// What answers a question. Where nothing is there that could, it waits for the reading.
    ///
    /// # Errors
    /// That of the reading.
    pub(crate) async fn what_answers(&self, query: &SourceQuery, call: &Call) -> Result<Answers, AdapterError> {
        let deadline = Instant::from_std(call.deadline);
        let patient_until = deadline.min(Instant::now() + PATIENCE);
        let mut states = self.state.subscribe();
        loop {
            let state = states.borrow_and_update().clone();
            let left_alone_for = state.left_alone_for(self.hold);
            match state.standing(self.hold) {
                Standing::Source => return Ok(Answers::Source),
                Standing::Fresh { snapshot, is_due } => {
                    if is_due {
                        self.want();
                    }
                    return Ok(self.answers_of(snapshot, false, query, call));
                }
                Standing::Stale(snapshot) => {
                    if left_alone_for.is_some() || !self.is_read_until(patient_until, &mut states).await {
                        return Ok(self.answers_of(snapshot, true, query, call));
                    }
                }
                Standing::Nothing => {
                    if let Some(error) = left_alone_for {
                        return Err(error.clone());
                    }
                    if !self.is_read_until(deadline, &mut states).await {
                        let detail = "the source was not read in time";
                        return Err(AdapterError::new(self.source(), ErrorKind::Timeout, detail));
                    }
                }
            }
        }
    }

    /// Whether the source was read, well or not, before that time.
    async fn is_read_until(&self, end: Instant, states: &mut watch::Receiver<State>) -> bool {
        self.want();
        matches!(timeout_at(end, states.changed()).await, Ok(Ok(())))
    }

    fn answers_of(&self, snapshot: Arc<Snapshot>, is_stale: bool, query: &SourceQuery, call: &Call) -> Answers {
        if snapshot.lacks_something_of(query) {
            return Answers::Source;
        }
        call.freshness.note(self.source(), snapshot.begun.elapsed(), is_stale);
        Answers::Memory(snapshot)
    }
}
