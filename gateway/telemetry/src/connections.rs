//! The instruments of a listener's connections.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Meter, UpDownCounter};

/// How many there are, and which were not let in, had to go or were cut off.
#[derive(Debug)]
pub struct ConnectionMetrics {
    open: UpDownCounter<i64>,
    refused: Counter<u64>,
    waited: Counter<u64>,
    closed: Counter<u64>,
    cut_off: Counter<u64>,
    listener: KeyValue,
}

impl ConnectionMetrics {
    /// Those of one listener.
    pub(super) fn new(meter: &Meter, listener: &'static str) -> Self {
        let counter = |name, description| meter.u64_counter(name).with_description(description).build();
        Self {
            open: meter
                .i64_up_down_counter("kakehashi.connections")
                .with_description("Connections that are open, by listener")
                .build(),
            refused: counter(
                "kakehashi.connections.refused",
                "Connections closed at once because their address had as many as one may have",
            ),
            waited: counter(
                "kakehashi.connections.waited",
                "Connections that waited for room because requests were under way on all others",
            ),
            closed: counter(
                "kakehashi.connections.closed",
                "Idle connections closed because others needed the room",
            ),
            cut_off: counter(
                "kakehashi.answers.cut_off",
                "Answers cut off because they were read too slowly, by what ended (connection, stream)",
            ),
            listener: KeyValue::new("listener", listener),
        }
    }

    /// Counts a connection that was let in.
    pub fn record_opened(&self) {
        self.open.add(1, std::slice::from_ref(&self.listener));
    }

    /// Counts its end.
    pub fn record_ended(&self) {
        self.open.add(-1, std::slice::from_ref(&self.listener));
    }

    /// Counts one that was not let in.
    pub fn record_refused(&self) {
        self.refused.add(1, std::slice::from_ref(&self.listener));
    }

    /// Counts one that had to wait.
    pub fn record_waited(&self) {
        self.waited.add(1, std::slice::from_ref(&self.listener));
    }

    /// Counts one that had to go.
    pub fn record_closed_for_room(&self) {
        self.closed.add(1, std::slice::from_ref(&self.listener));
    }

    /// Counts an answer that was cut off with its `connection` or `stream`.
    pub fn record_cut_off(&self, what: &'static str) {
        self.cut_off
            .add(1, &[self.listener.clone(), KeyValue::new("what", what)]);
    }
}
