//! How much of what all requests share is in use, read when the metrics are read.

use kakehashi_resources::request::InUse;
use prometheus::core::Collector;
use prometheus::{Gauge, IntCounter, IntGauge};

use super::error::{MetricsError, as_metrics_error};

/// The instruments.
#[derive(Debug)]
pub struct InUseMetrics {
    requests: IntGauge,
    bytes: IntGauge,
    most_bytes: IntGauge,
    computing: IntGauge,
    waiting: IntGauge,
    turns: IntCounter,
    longest_turn: Gauge,
}

impl InUseMetrics {
    /// All at zero.
    ///
    /// # Errors
    /// [`MetricsError`] when a name is refused, which is a fault of ours.
    pub(super) fn new() -> Result<Self, MetricsError> {
        let gauge = |name, about| IntGauge::new(name, about).map_err(as_metrics_error);
        let turns = IntCounter::new(
            "kakehashi_turns_total",
            "Turns that computations for requests have had on threads of their own",
        );
        let longest_turn = Gauge::new("kakehashi_turn_longest_seconds", "The longest turn since the start");
        Ok(Self {
            requests: gauge(
                "http_server_active_requests",
                "Requests of consumers under way, until their answers are sent",
            )?,
            bytes: gauge(
                "kakehashi_memory_held_bytes",
                "What is held for requests: bodies, what sources have sent, answers that are not sent",
            )?,
            most_bytes: gauge("kakehashi_memory_limit_bytes", "What may be held for requests")?,
            computing: gauge(
                "kakehashi_requests_computing",
                "Requests that compute for so long that they take turns",
            )?,
            waiting: gauge("kakehashi_turns_waiting", "Computations that wait for their turn")?,
            turns: turns.map_err(as_metrics_error)?,
            longest_turn: longest_turn.map_err(as_metrics_error)?,
        })
    }

    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.requests.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.most_bytes.clone()),
            Box::new(self.computing.clone()),
            Box::new(self.waiting.clone()),
            Box::new(self.turns.clone()),
            Box::new(self.longest_turn.clone()),
        ]
    }

    /// Says how much is in use now.
    pub fn show(&self, in_use: &InUse) {
        let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.requests.set(shown(in_use.requests));
        self.bytes.set(shown(in_use.bytes));
        self.most_bytes.set(shown(in_use.most_bytes));
        self.computing.set(shown(in_use.computing));
        self.waiting.set(shown(in_use.turns.waiting));
        self.turns.inc_by(in_use.turns.turns.saturating_sub(self.turns.get()));
        self.longest_turn.set(in_use.turns.longest.as_secs_f64());
    }
}
