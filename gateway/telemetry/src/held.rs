//! What is kept of sources in memory, read when the metrics are read.

use kakehashi_adapters::SourceId;
use kakehashi_adapters::held::{HeldStatus, NotHeld};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts};

use super::error::{MetricsError, as_metrics_error};

/// The metrics of all sources of which something is kept. They are made anew each time: what is kept no longer is not there
/// any more.
///
/// # Errors
/// [`MetricsError`] when a name is refused, which is a fault of ours.
pub(super) fn families<'a>(
    held: impl Iterator<Item = (&'a SourceId, HeldStatus)>,
) -> Result<Vec<MetricFamily>, MetricsError> {
    let gauge = |name, about| IntGaugeVec::new(Opts::new(name, about), &["source"]).map_err(as_metrics_error);
    let entities = gauge(
        "kakehashi_source_held_entities",
        "Entities of a source that are kept in memory",
    )?;
    let bytes = gauge("kakehashi_source_held_bytes", "What they take, about")?;
    let age = Opts::new(
        "kakehashi_source_held_age_seconds",
        "How long ago the source was read for that",
    );
    let age = GaugeVec::new(age, &["source"]).map_err(as_metrics_error)?;
    let readings = Opts::new(
        "kakehashi_source_held_readings_total",
        "How often the source was read so that it can be kept, by what became of it",
    );
    let readings = IntCounterVec::new(readings, &["source", "outcome"]).map_err(as_metrics_error)?;
    let not_held = Opts::new(
        "kakehashi_source_not_held",
        "1 where what a source holds is not kept although it was to be, with the reason: it is asked itself",
    );
    let not_held = IntGaugeVec::new(not_held, &["source", "reason"]).map_err(as_metrics_error)?;
    let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    for (source, status) in held {
        let source = source.as_str();
        entities.with_label_values(&[source]).set(shown(status.entities));
        bytes.with_label_values(&[source]).set(shown(status.bytes));
        if let Some(since) = status.age {
            age.with_label_values(&[source]).set(since.as_secs_f64());
        }
        let well = status.readings.saturating_sub(status.failures);
        readings.with_label_values(&[source, "ok"]).inc_by(well);
        readings.with_label_values(&[source, "failed"]).inc_by(status.failures);
        if let Some(reason) = status.not_held.map(NotHeld::as_str) {
            not_held.with_label_values(&[source, reason]).set(1);
        }
    }
    let all: [&dyn Collector; 5] = [&entities, &bytes, &age, &readings, &not_held];
    let families = all.into_iter().flat_map(Collector::collect);
    // The encoder takes no family without a metric.
    Ok(families.filter(|family| !family.get_metric().is_empty()).collect())
}
