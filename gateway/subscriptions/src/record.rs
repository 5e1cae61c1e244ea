//! What became of the notifications of a subscription (Table 5.2.14.2-1): counts and times, never their content.

use std::time::{Duration, Instant};

use ngsi_ld::entity::DateTime;
use serde_json::{Map, Value};

/// The output-only members of NotificationParams, and when the next notification may be sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) kept: Kept,
    /// Whether it differs from what is stored.
    pub(super) is_dirty: bool,
    /// `throttling`: until when nothing is sent.
    throttled_until: Option<Instant>,
    /// `cooldown`: until when nothing is sent after a failure.
    cooling_until: Option<Instant>,
}

/// What outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) times_sent: i64,
    pub(super) times_failed: i64,
    pub(super) last_notification: Option<DateTime>,
    pub(super) last_success: Option<DateTime>,
    pub(super) last_failure: Option<DateTime>,
    /// Whether the last notification arrived.
    pub(super) is_ok: Option<bool>,
}

impl Record {
    pub(super) fn of_stored(kept: Kept) -> Self {
        Self {
            kept,
            ..Self::default()
        }
    }

    /// Whether a notification may be sent now; with `throttling`, takes the turn.
    //= 5.2.12-9
    pub(super) fn take_turn(&mut self, throttling: Option<Duration>, now: Instant) -> bool {
        let waits = |until: Option<Instant>| until.is_some_and(|until| now < until);
        if waits(self.throttled_until) || waits(self.cooling_until) {
            return false;
        }
        self.throttled_until = throttling.and_then(|pause| now.checked_add(pause));
        true
    }

    /// A notification is on its way.
    //= 5.8.6-15
    pub(super) fn sent(&mut self, at: DateTime) {
        self.kept.times_sent = self.kept.times_sent.saturating_add(1);
        self.kept.last_notification = Some(at);
        self.is_dirty = true;
    }

    /// It arrived.
    //= 5.8.6-16
    pub(super) fn succeeded(&mut self, at: DateTime) {
        self.kept.last_success = Some(at);
        self.kept.is_ok = Some(true);
        self.is_dirty = true;
    }

    /// It did not, or was never sent because too many waited.
    //= 5.2.15-4
    pub(super) fn failed(&mut self, at: DateTime, cooldown: Option<Duration>) {
        self.kept.times_failed = self.kept.times_failed.saturating_add(1);
        self.kept.last_failure = Some(at);
        self.kept.is_ok = Some(false);
        self.cooling_until = cooldown.and_then(|pause| Instant::now().checked_add(pause));
        self.is_dirty = true;
    }
}

impl Kept {
    /// Adds the members to those of `notification`. What never happened is left out: the numbers are greater than 0.
    //= 5.2.14.2-1, 5.2.14.2-2
    pub(super) fn add_to(&self, members: &mut Map<String, Value>) {
        if let Some(is_ok) = self.is_ok {
            let status = if is_ok { "ok" } else { "failed" };
            members.insert("status".to_owned(), status.into());
        }
        for (name, count) in [("timesSent", self.times_sent), ("timesFailed", self.times_failed)] {
            if count > 0 {
                members.insert(name.to_owned(), count.into());
            }
        }
        for (name, date_time) in [
            ("lastNotification", &self.last_notification),
            ("lastSuccess", &self.last_success),
            ("lastFailure", &self.last_failure),
        ] {
            if let Some(date_time) = date_time {
                members.insert(name.to_owned(), date_time.as_str().into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime {
        DateTime::parse("2026-01-01T00:00:00Z").unwrap()
    }

    #[test]
    //= 5.2.12-9
    fn throttling_lets_one_through_in_each_period() {
        let mut record = Record::default();
        let (start, pause) = (Instant::now(), Duration::from_secs(10));
        assert!(record.take_turn(Some(pause), start));
        assert!(!record.take_turn(Some(pause), start + pause - Duration::from_millis(1)));
        assert!(record.take_turn(Some(pause), start + pause));
        assert!(!record.take_turn(Some(pause), start + pause));
    }

    #[test]
    //= 5.2.14.2-2, 5.2.15-4
    fn after_a_failure_the_cooldown_is_waited_for() {
        let mut record = Record::default();
        record.failed(now(), Some(Duration::from_secs(60)));
        assert!(!record.take_turn(None, Instant::now()));
        assert!(record.take_turn(None, Instant::now() + Duration::from_secs(61)));
        let mut members = Map::new();
        record.kept.add_to(&mut members);
        assert_eq!(
            Value::Object(members),
            serde_json::json!({"status": "failed", "timesFailed": 1, "lastFailure": "2026-01-01T00:00:00Z"})
        );
    }
}
