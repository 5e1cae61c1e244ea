//! What the log says of sources: a line when one fails, one for each other way in which it fails meanwhile, and one when it answers
//! again, which counts what was not said. Not a line for each request: a source that is asked often would fill a disk while it is
//! away. How often it fails, and how, is in the metrics.
//!
//! There is one log, so there is one memory of what it has said, whatever revision holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kakehashi_adapters::{AdapterError, ErrorKind, Origin, SourceId};

/// How far lines about one source that say the same are apart: one that comes and goes all the time is told of once a minute.
const LINES_APART: Duration = Duration::from_secs(60);

/// Sources that are remembered. Beyond, what the log has said of the others is forgotten, which may repeat a line.
const MOST_SOURCES: usize = 4_096;

static SAID: LazyLock<SourceLines> = LazyLock::new(SourceLines::default);

/// Tells that a source has failed, unless that is known. `credential_from`: where the credential is kept that it was shown.
pub fn source_failed(error: &AdapterError, credential_from: Option<&str>) {
    // That it was not asked because it has failed before is no news.
    let told = SAID.failed(
        &error.source_id,
        error.kind.as_str(),
        error.origin,
        error.is_held_back,
        Instant::now(),
    );
    // What it says to a credential that it does not take, RFC 9110 sections 15.5.2 and 15.5.4.
    let refused = credential_from.filter(|_| matches!(error.kind, ErrorKind::Status(401 | 403)));
    if let (Some(untold), Some(place)) = (told, refused) {
        tracing::warn!(
            source_id = %error.source_id,
            kind = %error.kind,
            detail = %error.detail,
            failures_untold = untold,
            "source failed: it does not take the credential in {place}; set the one that its operator has given out, and reload"
        );
    } else if let Some(untold) = told {
        tracing::warn!(
            source_id = %error.source_id,
            kind = %error.kind,
            detail = %error.detail,
            failures_untold = untold,
            "source failed"
        );
    }
}

/// Tells that a source answers, if it was told that it does not.
pub fn source_answered(source: &SourceId) {
    if let Some(Back { failures, after }) = SAID.answered(source, Instant::now()) {
        tracing::info!(
            source_id = %source,
            failures,
            seconds = after.as_secs(),
            "source answers again"
        );
    }
}

/// Whether something else may be said of a source now that was said before, and how often it was not said since.
#[must_use]
pub fn may_say(source: &SourceId, what: &'static str) -> Option<u64> {
    SAID.may_say(source, what, Instant::now())
}

/// What the log has said of sources.
#[derive(Debug, Default)]
struct SourceLines {
    /// How many sources are failing.
    failing: AtomicUsize,
    sources: Mutex<HashMap<SourceId, OfSource>>,
}

#[derive(Debug, Default)]
struct OfSource {
    outage: Option<Outage>,
    /// What was said, when, and how often it was not said since.
    said: Vec<(&'static str, Instant, u64)>,
}

/// Since when a source fails.
#[derive(Debug)]
struct Outage {
    since: Instant,
    failures: u64,
    is_told: bool,
    /// The ways in which it fails that are told.
    kinds: Vec<&'static str>,
}

/// A source answers again.
#[derive(Debug, PartialEq)]
struct Back {
    failures: u64,
    after: Duration,
}

impl SourceLines {
    /// `None`: nothing is to be said. Otherwise how many failures were not told of before.
    fn failed(
        &self,
        source: &SourceId,
        kind: &'static str,
        origin: Origin,
        is_held_back: bool,
        now: Instant,
    ) -> Option<u64> {
        if origin != Origin::Source {
            // Who asks for too much, or what the gateway lacks: the source may be as well as ever.
            return self.may_say(source, kind, now);
        }
        let mut sources = self.lock(source);
        let of_source = sources.entry(source.clone()).or_default();
        if of_source.outage.is_none() {
            self.failing.fetch_add(1, Ordering::Relaxed);
        }
        let outage = of_source.outage.get_or_insert_with(|| Outage {
            since: now,
            failures: 0,
            is_told: false,
            kinds: Vec::new(),
        });
        outage.failures += 1;
        if is_held_back && outage.is_told || outage.kinds.contains(&kind) {
            return None;
        }
        outage.kinds.push(kind);
        let untold = say(&mut of_source.said, kind, now);
        outage.is_told |= untold.is_some();
        untold
    }

    fn answered(&self, source: &SourceId, now: Instant) -> Option<Back> {
        if self.failing.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut sources = self.lock(source);
        let outage = sources.get_mut(source)?.outage.take()?;
        self.failing.fetch_sub(1, Ordering::Relaxed);
        outage.is_told.then(|| Back {
            failures: outage.failures,
            after: now.saturating_duration_since(outage.since),
        })
    }

    fn may_say(&self, source: &SourceId, what: &'static str, now: Instant) -> Option<u64> {
        let mut sources = self.lock(source);
        say(&mut sources.entry(source.clone()).or_default().said, what, now)
    }

    /// With room for this source.
    fn lock(&self, source: &SourceId) -> MutexGuard<'_, HashMap<SourceId, OfSource>> {
        // Nothing that is done under this lock can panic half-way.
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MOST_SOURCES && !sources.contains_key(source) {
            sources.clear();
            self.failing.store(0, Ordering::Relaxed);
        }
        sources
    }
}

/// Whether something may be said that is out of a fixed list; then how often it was not since it was said last.
fn say(said: &mut Vec<(&'static str, Instant, u64)>, what: &'static str, now: Instant) -> Option<u64> {
    let Some((_, last, untold)) = said.iter_mut().find(|(other, ..)| *other == what) else {
        said.push((what, now, 0));
        return Some(0);
    };
    if now.saturating_duration_since(*last) < LINES_APART {
        *untold += 1;
        return None;
    }
    *last = now;
    Some(std::mem::take(untold))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Source {
        lines: SourceLines,
        id: SourceId,
        now: Instant,
    }

    impl Source {
        fn new() -> Self {
            Self {
                lines: SourceLines::default(),
                id: SourceId::new("orion"),
                now: Instant::now(),
            }
        }

        fn fails(&self, kind: &'static str) -> Option<u64> {
            self.lines.failed(&self.id, kind, Origin::Source, false, self.now)
        }

        fn is_held_back(&self) -> Option<u64> {
            self.lines
                .failed(&self.id, "unreachable", Origin::Source, true, self.now)
        }

        fn answers(&self) -> Option<Back> {
            self.lines.answered(&self.id, self.now)
        }
    }

    #[test]
    fn ten_thousand_requests_to_a_source_that_is_away_are_two_lines() {
        let mut source = Source::new();
        assert_eq!(source.answers(), None);
        let mut lines = 0;
        for number in 0..10_000 {
            let told = match number {
                0..5 => source.fails("status"),
                _ => source.is_held_back(),
            };
            lines += usize::from(told.is_some());
            source.now += Duration::from_millis(100);
        }
        let back = source.answers().unwrap();
        assert_eq!(
            (lines, back.failures, back.after),
            (1, 10_000, Duration::from_secs(1_000))
        );
        assert_eq!(source.answers(), None, "it is told once");
    }

    #[test]
    fn another_way_to_fail_is_another_line_and_each_is_told_once() {
        let source = Source::new();
        let kinds = ["timeout", "status", "timeout", "invalid_payload", "status"];
        let told: Vec<_> = kinds.iter().map(|kind| source.fails(kind).is_some()).collect();
        assert_eq!(told, [true, true, false, true, false]);
        assert_eq!(source.answers().unwrap().failures, 5);
    }

    #[test]
    fn a_source_that_comes_and_goes_is_told_of_once_a_minute() {
        let mut source = Source::new();
        let mut lines = 0;
        // Ten minutes.
        for _ in 0..6_000 {
            lines += usize::from(source.fails("unreachable").is_some());
            lines += usize::from(source.answers().is_some());
            source.now += Duration::from_millis(100);
        }
        assert_eq!(lines, 2 * 10);
    }

    #[test]
    fn what_is_nobodys_outage_is_told_once_a_minute_with_how_often_it_was() {
        let mut source = Source::new();
        let consumers = |source: &Source| {
            source
                .lines
                .failed(&source.id, "too_many", Origin::Consumer, false, source.now)
        };
        assert_eq!(consumers(&source), Some(0));
        for _ in 0..99 {
            assert_eq!(consumers(&source), None);
        }
        assert_eq!(source.answers(), None, "it was not away");
        source.now += LINES_APART;
        assert_eq!(consumers(&source), Some(99));
    }

    #[test]
    fn no_more_sources_are_remembered_than_some() {
        let lines = SourceLines::default();
        let now = Instant::now();
        for number in 0..=MOST_SOURCES {
            let source = SourceId::new(format!("s{number}"));
            assert!(lines.failed(&source, "timeout", Origin::Source, false, now).is_some());
        }
        assert_eq!(lines.sources.lock().unwrap().len(), 1);
        assert_eq!(lines.failing.load(Ordering::Relaxed), 1);
    }
}
