//! Metrics that cannot be had.

/// The metrics could not be set up or read.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(pub(super) String);

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
pub(super) fn as_metrics_error(error: prometheus::Error) -> MetricsError {
    MetricsError(error.to_string())
}
