//! The instruments of TLS on the consumers' listener.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Gauge, Meter};

/// When certificates end, how handshakes go, how the files are read again.
#[derive(Debug)]
pub struct TlsMetrics {
    expiry: Gauge<i64>,
    handshakes: Counter<u64>,
    loads: Counter<u64>,
}

impl TlsMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        Self {
            expiry: meter
                .i64_gauge("kakehashi.tls.certificate.expiry")
                .with_unit("s")
                .with_description("When the first certificate of each file in use ends, in seconds since 1970")
                .build(),
            handshakes: meter
                .u64_counter("kakehashi.tls.handshakes")
                .with_description("TLS handshakes, by what became of them")
                .build(),
            loads: meter
                .u64_counter("kakehashi.tls.certificate.loads")
                .with_description("Certificates read because their files changed, by whether they are in use")
                .build(),
        }
    }

    /// Says when the certificates of a file end; `certificate` is the file's key in `[gateway] tls`.
    pub fn record_expiry(&self, certificate: &'static str, seconds: i64) {
        self.expiry
            .record(seconds, &[KeyValue::new("certificate", certificate)]);
    }

    /// Counts a handshake: `ok`, `failed` or `timeout`.
    pub fn record_handshake(&self, outcome: &'static str) {
        self.handshakes.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts a reading of the files: `used` or `refused`.
    pub fn record_load(&self, outcome: &'static str) {
        self.loads.add(1, &[KeyValue::new("outcome", outcome)]);
    }
}
