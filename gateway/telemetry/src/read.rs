//! What was read of sources that answer from their files, read when the metrics are read.

use kakehashi_adapters::SourceId;
use kakehashi_adapters::kind::ReadStatus;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts};

use super::error::{MetricsError, as_metrics_error};

/// The metrics of all sources that answer from what they have read. They are made anew each time: a source that is gone is
/// not there any more.
///
/// # Errors
/// [`MetricsError`] when a name is refused, which is a fault of ours.
pub(super) fn families<'a>(
    read: impl Iterator<Item = (&'a SourceId, ReadStatus)>,
) -> Result<Vec<MetricFamily>, MetricsError> {
    let gauge = |name, about| IntGaugeVec::new(Opts::new(name, about), &["source"]).map_err(as_metrics_error);
    let entities = gauge(
        "kakehashi_source_file_entities",
        "Entities that the files of a source hold, as far as they may be kept",
    )?;
    let bytes = gauge("kakehashi_source_file_bytes", "What they take in memory, about")?;
    let left_out = gauge(
        "kakehashi_source_file_left_out",
        "Records of the files of a source that are no entities, are there twice, or may not be kept",
    )?;
    let age = Opts::new(
        "kakehashi_source_file_age_seconds",
        "How long ago it was known that the files of a source say this",
    );
    let age = GaugeVec::new(age, &["source"]).map_err(as_metrics_error)?;
    let readings = Opts::new(
        "kakehashi_source_file_readings_total",
        "How often the files of a source were looked at, by what became of it",
    );
    let readings = IntCounterVec::new(readings, &["source", "outcome"]).map_err(as_metrics_error)?;
    let held_back = Opts::new(
        "kakehashi_source_file_held_back",
        "1 where what the files of a source say now is held back until an administrator agrees, with the reason",
    );
    let held_back = IntGaugeVec::new(held_back, &["source", "reason"]).map_err(as_metrics_error)?;
    let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for (source, status) in read {
        let source = source.as_str();
        entities.with_label_values(&[source]).set(shown(status.entities));
        bytes.with_label_values(&[source]).set(shown(status.bytes));
        left_out.with_label_values(&[source]).set(shown(status.left_out));
        if let Some(since) = status.age {
            age.with_label_values(&[source]).set(since.as_secs_f64());
        }
        let others = status.failures.saturating_add(status.unchanged);
        let new = status.readings.saturating_sub(others);
        readings.with_label_values(&[source, "read"]).inc_by(new);
        readings
            .with_label_values(&[source, "unchanged"])
            .inc_by(status.unchanged);
        readings.with_label_values(&[source, "failed"]).inc_by(status.failures);
        if let Some(why) = status.held_back {
            held_back.with_label_values(&[source, why.reason.as_str()]).set(1);
        }
    }
    let all: [&dyn Collector; 6] = [&entities, &bytes, &left_out, &age, &readings, &held_back];
    let families = all.into_iter().flat_map(Collector::collect);
    // The encoder takes no family without a metric.
    Ok(families.filter(|family| !family.get_metric().is_empty()).collect())
}
