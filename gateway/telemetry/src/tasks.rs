//! The instruments of what outlives a request.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};

/// How much is running, what panicked, what there was no room for. Each by kind.
#[derive(Debug)]
pub struct TaskMetrics {
    running: UpDownCounter<i64>,
    panics: Counter<u64>,
    refusals: Counter<u64>,
}

impl TaskMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            running: meter
                .i64_up_down_counter("kakehashi.tasks.running")
                .with_description("What runs beside requests, by kind")
                .build(),
            panics: meter
                .u64_counter("kakehashi.tasks.panicked")
                .with_description("Panics in what runs beside requests, by kind; each is a fault of the gateway")
                .build(),
            refusals: meter
                .u64_counter("kakehashi.tasks.refused")
                .with_description("What was not begun because as much of its kind was under way as may be")
                .build(),
        }
    }

    /// One more is running, or one less.
    pub fn record_running(&self, kind: &'static str, change: i64) {
        self.running.add(change, &[KeyValue::new("kind", kind)]);
    }

    /// Counts a panic.
    pub fn record_panic(&self, kind: &'static str) {
        self.panics.add(1, &[KeyValue::new("kind", kind)]);
    }

    /// Counts what there was no room for.
    pub fn record_refusal(&self, kind: &'static str) {
        self.refusals.add(1, &[KeyValue::new("kind", kind)]);
    }
}
