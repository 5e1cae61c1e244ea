//! The circuit breaker of one source: after several failures in a row nobody waits for it for a while.
//!
//! What a consumer asks may fail although the source is well: it asks for too much, or for what makes the source stumble.
//! So failures open nothing by themselves: they raise a doubt, and a cheap request of the gateway's own, the probe
//! ([`probe`](super::probe)), decides. Meanwhile requests wait for it. The same probe decides when the circuit may close.
//! What a source says of whoever presents a credential (401, 429) concerns that credential alone. Pure: time is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashMap;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Failures in a row after which a probe decides whether the circuit opens. One or two happen when a source restarts; five
/// do not.
pub(super) const FAILURES_TO_OPEN: u32 = 5;

/// How long the circuit stays open before a probe tries the source again: long enough to spare a source
/// that is starting, short enough that its return is seen at once.
pub(super) const OPEN_FOR: Duration = Duration::from_secs(5);

/// How long a source is left alone because it has said so (`Retry-After`). Whoever says an hour may be well in a minute, and
/// one cheap request in five minutes burdens nobody.
pub(super) const LONGEST_LEFT_ALONE: Duration = Duration::from_secs(5 * 60);

/// Less than that is "at once": nobody is held back for it.
pub(super) const SHORTEST_LEFT_ALONE: Duration = Duration::from_secs(1);

/// How long requests wait for the probe of a circuit that was open: a source that is back answers it at once, and for one
/// that is not nobody should wait long, again and again.
pub(super) const PATIENCE_WITH_PROBE: Duration = Duration::from_secs(1);

/// How far probes are apart that begin because callers have left: whoever leaves often costs the source no more than that.
pub(super) const DOUBTS_APART: Duration = Duration::from_secs(1);

/// Credentials of consumers that are remembered because a source refuses them. Beyond, the one whose time is over first is
/// forgotten, which costs the source a few requests.
pub(super) const MOST_CREDENTIALS: usize = 1_024;

/// Whom something concerns that a source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Concern {
    /// Everybody who asks it.
    Source,
    /// Whoever presents this credential.
    Credential(u64),
}

/// What a probe has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probed {
    /// It is answered as it should be.
    IsWell,
    /// It is not.
    IsSick,
    /// It could not be sent.
    Unknown,
}

/// Whether requests may go to the source.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: Mutex<State>,
    /// Tells whoever waits that something has been decided.
    decided: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    source: Circuit,
    credentials: HashMap<u64, Circuit>,
    /// Whether a probe is under way because a caller has left.
    is_doubted: bool,
    doubted_at: Option<Instant>,
}

#[derive(Debug, Default)]
struct Circuit {
    failures: u32,
    phase: Phase,
    /// Until when it wants to be left alone, as far as that is believed.
    left_alone_until: Option<Instant>,
    /// Until when it has said that.
    said_until: Option<Instant>,
    /// When the circuit was opened.
    opened_at: Option<SystemTime>,
}

#[derive(Debug, Default, Clone, Copy)]
enum Phase {
    #[default]
    Closed,
    /// A probe decides.
    Probing {
        since: Instant,
        was_open: bool,
    },
    Open {
        until: Instant,
    },
}

/// Whether a request may go out now.
pub(super) enum Entry {
    Yes,
    /// No; after so long it wants to be asked again, if it has said that.
    No(Concern, Option<Duration>),
    /// When the probe has ended which must begin now.
    Probe(Concern),
    /// When the probe has ended that is under way; nobody waits beyond that time.
    Wait(OwnedNotified, Option<Instant>),
}

impl Breaker {
    pub(super) fn entry(&self, credential: u64, now: Instant) -> Entry {
        let mut state = self.lock();
        for concern in [Concern::Source, Concern::Credential(credential)] {
            let Some(circuit) = state.known(concern) else {
                continue;
            };
            return match circuit.phase {
                Phase::Closed => continue,
                Phase::Open { until } if now < until => Entry::No(concern, circuit.said(now)),
                Phase::Open { .. } => {
                    circuit.phase = Phase::Probing {
                        since: now,
                        was_open: true,
                    };
                    Entry::Probe(concern)
                }
                Phase::Probing { since, was_open } => {
                    let until = was_open.then_some(since + PATIENCE_WITH_PROBE);
                    if until.is_some_and(|until| until <= now) {
                        return Entry::No(concern, None);
                    }
                    Entry::Wait(Arc::clone(&self.decided).notified_owned(), until)
                }
            };
        }
        Entry::Yes
    }

    /// The source has answered as it should.
    pub(super) fn succeeded(&self, credential: u64, now: Instant) {
        let mut state = self.lock();
        let mut has_closed = state.source.succeeded(now);
        if let Some(circuit) = state.credentials.get_mut(&credential) {
            has_closed |= circuit.succeeded(now);
            state.credentials.retain(|_, circuit| !circuit.is_as_new());
        }
        drop(state);
        if has_closed {
            self.decided.notify_waiters();
        }
    }

    /// Something has failed. True: a probe must begin, which decides.
    #[must_use]
    pub(super) fn failed(&self, concern: Concern, now: Instant) -> bool {
        let mut state = self.lock();
        let is_doubted = state.is_doubted;
        let circuit = state.made(concern, now);
        circuit.failures = circuit.failures.saturating_add(1);
        if circuit.failures < FAILURES_TO_OPEN || !matches!(circuit.phase, Phase::Closed) {
            return false;
        }
        circuit.phase = Phase::Probing {
            since: now,
            was_open: false,
        };
        // One that is under way already decides this, too.
        !(is_doubted && concern == Concern::Source)
    }

    /// It wants to be left alone for so long.
    pub(super) fn is_left_alone(&self, concern: Concern, after: Duration, now: Instant) {
        if after < SHORTEST_LEFT_ALONE {
            return;
        }
        let mut state = self.lock();
        let circuit = state.made(concern, now);
        let until = now + after.min(LONGEST_LEFT_ALONE);
        circuit.left_alone_until = circuit.left_alone_until.max(Some(until));
        circuit.said_until = circuit.said_until.max(Some(now + after));
        circuit.open(until);
        drop(state);
        self.decided.notify_waiters();
    }

    /// A caller has left a source that had been silent for long. True: a probe must begin, which finds out whether the silence
    /// is the source's.
    #[must_use]
    pub(super) fn doubted(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let is_soon = state.doubted_at.is_some_and(|at| now < at + DOUBTS_APART);
        if is_soon || state.is_doubted || !matches!(state.source.phase, Phase::Closed) {
            return false;
        }
        state.is_doubted = true;
        state.doubted_at = Some(now);
        true
    }

    /// What a probe has found out.
    pub(super) fn probed(&self, concern: Concern, probed: Probed, now: Instant) {
        let mut state = self.lock();
        let was_doubted = concern == Concern::Source && std::mem::take(&mut state.is_doubted);
        let Some(circuit) = state.known(concern) else {
            // A credential that was forgotten: whoever waits may ask.
            drop(state);
            self.decided.notify_waiters();
            return;
        };
        let was_open = match circuit.phase {
            Phase::Probing { was_open, .. } => Some(was_open),
            // Something else has decided it meanwhile.
            Phase::Open { .. } => return,
            Phase::Closed if !was_doubted => return,
            Phase::Closed => None,
        };
        match (probed, was_open) {
            (Probed::IsWell, _) => *circuit = Circuit::default(),
            (Probed::IsSick, Some(_)) | (Probed::Unknown, Some(true)) => circuit.open(now + OPEN_FOR),
            (Probed::IsSick, None) => {
                circuit.failures = circuit.failures.saturating_add(1);
                if circuit.failures >= FAILURES_TO_OPEN {
                    circuit.open(now + OPEN_FOR);
                }
            }
            (Probed::Unknown, Some(false)) => {
                // The next failure asks anew.
                circuit.failures = FAILURES_TO_OPEN - 1;
                circuit.phase = Phase::Closed;
            }
            (Probed::Unknown, None) => {}
        }
        state.credentials.retain(|_, circuit| !circuit.is_as_new());
        drop(state);
        self.decided.notify_waiters();
    }

    /// For tests: whatever ends by itself ends so much earlier.
    #[cfg(test)]
    pub(super) fn let_time_pass(&self, time: Duration) {
        let mut state = self.lock();
        let State {
            source, credentials, ..
        } = &mut *state;
        for circuit in credentials.values_mut().chain([source]) {
            let earlier = |at: &mut Instant| *at -= time;
            circuit.left_alone_until.iter_mut().for_each(earlier);
            circuit.said_until.iter_mut().for_each(earlier);
            if let Phase::Open { until } = &mut circuit.phase {
                *until -= time;
            }
        }
    }

    /// Since when requests with a credential are being held back; `None`: they are not.
    pub(super) fn open_since(&self, credential: u64) -> Option<SystemTime> {
        let state = self.lock();
        let of_credential = state.credentials.get(&credential);
        state
            .source
            .opened_at
            .or(of_credential.and_then(|circuit| circuit.opened_at))
    }

    /// Whether requests with a credential may not simply go out.
    pub(super) fn is_in_the_way(&self, credential: u64) -> bool {
        let state = self.lock();
        let of_credential = state.credentials.get(&credential);
        [Some(&state.source), of_credential]
            .into_iter()
            .flatten()
            .any(|circuit| !matches!(circuit.phase, Phase::Closed))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain fields: whoever panicked has not left them half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn known(&mut self, concern: Concern) -> Option<&mut Circuit> {
        match concern {
            Concern::Source => Some(&mut self.source),
            Concern::Credential(credential) => self.credentials.get_mut(&credential),
        }
    }

    fn made(&mut self, concern: Concern, now: Instant) -> &mut Circuit {
        let Concern::Credential(credential) = concern else {
            return &mut self.source;
        };
        if self.credentials.len() >= MOST_CREDENTIALS && !self.credentials.contains_key(&credential) {
            let ends = |circuit: &Circuit| match circuit.phase {
                Phase::Open { until } => until,
                Phase::Closed | Phase::Probing { .. } => now,
            };
            let first = self.credentials.iter().min_by_key(|(_, circuit)| ends(circuit));
            let first = first.map(|(credential, _)| *credential);
            first.and_then(|first| self.credentials.remove(&first));
        }
        self.credentials.entry(credential).or_default()
    }
}

impl Circuit {
    fn open(&mut self, until: Instant) {
        // What it has said holds at least.
        let until = self.left_alone_until.map_or(until, |said| said.max(until));
        self.phase = Phase::Open { until };
        self.opened_at.get_or_insert_with(SystemTime::now);
    }

    /// Whether that closes it. Whoever was asked before the source wanted to be left alone may still be answered.
    fn succeeded(&mut self, now: Instant) -> bool {
        self.failures = 0;
        if self.left_alone_until.is_some_and(|until| now < until) {
            return false;
        }
        let was_closed = matches!(self.phase, Phase::Closed);
        *self = Self::default();
        !was_closed
    }

    /// After how long it wants to be asked again, if it has said that.
    fn said(&self, now: Instant) -> Option<Duration> {
        let after = self.said_until?.checked_duration_since(now)?;
        (!after.is_zero()).then_some(after)
    }

    fn is_as_new(&self) -> bool {
        self.failures == 0 && matches!(self.phase, Phase::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: u64 = 0;

    fn fails(breaker: &Breaker, now: Instant) {
        for number in 1..=FAILURES_TO_OPEN {
            assert!(matches!(breaker.entry(NOBODY, now), Entry::Yes), "{number}");
            assert_eq!(breaker.failed(Concern::Source, now), number == FAILURES_TO_OPEN);
        }
    }

    #[test]
    fn failures_in_a_row_ask_for_a_probe_which_decides() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 1..FAILURES_TO_OPEN {
            assert!(!breaker.failed(Concern::Source, start));
        }
        breaker.succeeded(NOBODY, start);
        fails(&breaker, start);
        // Until it has, all wait, however long it takes.
        assert!(matches!(
            breaker.entry(NOBODY, start + 2 * PATIENCE_WITH_PROBE),
            Entry::Wait(_, None)
        ));
        assert_eq!(breaker.open_since(NOBODY), None);
        breaker.probed(Concern::Source, Probed::IsWell, start);
        fails(&breaker, start);
        breaker.probed(Concern::Source, Probed::IsSick, start);
        assert!(breaker.open_since(NOBODY).is_some());
        assert!(matches!(
            breaker.entry(NOBODY, start + OPEN_FOR / 2),
            Entry::No(Concern::Source, None)
        ));

        let again = start + OPEN_FOR;
        assert!(matches!(breaker.entry(NOBODY, again), Entry::Probe(Concern::Source)));
        let Entry::Wait(_, until) = breaker.entry(NOBODY, again) else {
            panic!("one probe at a time")
        };
        assert_eq!(until, Some(again + PATIENCE_WITH_PROBE));
        assert!(matches!(
            breaker.entry(NOBODY, again + PATIENCE_WITH_PROBE),
            Entry::No(..)
        ));
        breaker.probed(Concern::Source, Probed::IsSick, again);
        assert!(matches!(breaker.entry(NOBODY, again + OPEN_FOR / 2), Entry::No(..)));
        assert!(matches!(breaker.entry(NOBODY, again + OPEN_FOR), Entry::Probe(_)));
        breaker.probed(Concern::Source, Probed::IsWell, again + OPEN_FOR);
        assert_eq!(breaker.open_since(NOBODY), None);
        assert!(matches!(breaker.entry(NOBODY, again + OPEN_FOR), Entry::Yes));
    }

    #[test]
    fn what_a_source_has_said_is_believed_for_a_while_and_told_as_it_was_said() {
        let breaker = Breaker::default();
        let start = Instant::now();
        breaker.is_left_alone(Concern::Source, Duration::from_secs(30), start);
        // An answer to what was asked before changes nothing.
        breaker.succeeded(NOBODY, start);
        for second in 0..30 {
            let Entry::No(_, said) = breaker.entry(NOBODY, start + Duration::from_secs(second)) else {
                panic!("{second}")
            };
            assert_eq!(said, Some(Duration::from_secs(30 - second)));
        }
        assert!(matches!(
            breaker.entry(NOBODY, start + Duration::from_secs(30)),
            Entry::Probe(_)
        ));

        let day = Duration::from_secs(24 * 60 * 60);
        let breaker = Breaker::default();
        breaker.is_left_alone(Concern::Source, day, start);
        let before = start + LONGEST_LEFT_ALONE - Duration::from_secs(1);
        assert!(matches!(breaker.entry(NOBODY, before), Entry::No(_, Some(said)) if said > LONGEST_LEFT_ALONE));
        assert!(matches!(
            breaker.entry(NOBODY, start + LONGEST_LEFT_ALONE),
            Entry::Probe(_)
        ));
    }

    #[test]
    fn refused_credentials_are_remembered_up_to_a_bound() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for credential in 1..=2 * MOST_CREDENTIALS as u64 {
            breaker.is_left_alone(Concern::Credential(credential), Duration::from_secs(credential), start);
        }
        assert_eq!(breaker.lock().credentials.len(), MOST_CREDENTIALS);
        let latest = 2 * MOST_CREDENTIALS as u64;
        assert!(matches!(
            breaker.entry(latest, start),
            Entry::No(Concern::Credential(_), Some(_))
        ));
        assert!(matches!(breaker.entry(1, start), Entry::Yes));
        breaker.lock().credentials.clear();
        for credential in 1..=2 * MOST_CREDENTIALS as u64 {
            assert!(!breaker.failed(Concern::Credential(credential), start));
        }
        assert_eq!(breaker.lock().credentials.len(), MOST_CREDENTIALS);
    }
}
