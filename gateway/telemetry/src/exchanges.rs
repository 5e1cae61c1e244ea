//! How often sources are asked, read when the metrics are read: a source counts by itself, until what is configured of it changes.

use kakehashi_adapters::{Reshaped, SourceId};
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounterVec, Opts};

use super::error::{MetricsError, as_metrics_error};

/// How often one source was asked, since what is configured of it has changed.
#[derive(Debug, Clone)]
pub struct Exchanges {
    /// Which source.
    pub source: SourceId,
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that waited for the answer to an equal one in the place of being sent.
    pub joined: u64,
    /// Places that it keeps in another form than the view has.
    pub reshaped: Reshaped,
}

/// The counters of all sources.
pub(super) fn families(all: &[Exchanges]) -> Result<Vec<MetricFamily>, MetricsError> {
    // The encoder takes no family without a metric.
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let counter = |name, about| IntCounterVec::new(Opts::new(name, about), &["source"]).map_err(as_metrics_error);
    let sent = counter("kakehashi_source_requests_total", "Requests that were sent to sources")?;
    let joined = counter(
        "kakehashi_source_requests_joined_total",
        "Requests that waited for the answer to an equal one under way in the place of being sent",
    )?;
    let about = "Places of sources that the view has in another form, by what became of them";
    let places = Opts::new("kakehashi_source_places_reshaped_total", about);
    let places = IntCounterVec::new(places, &["source", "became"]).map_err(as_metrics_error)?;
    for Exchanges {
        source,
        sent: number_sent,
        joined: number_joined,
        reshaped,
    } in all
    {
        sent.with_label_values(&[source.as_str()]).inc_by(*number_sent);
        joined.with_label_values(&[source.as_str()]).inc_by(*number_joined);
        for (became, number) in reshaped.by_name().into_iter().filter(|(_, number)| *number > 0) {
            places.with_label_values(&[source.as_str(), became]).inc_by(number);
        }
    }
    let mut families = [sent.collect(), joined.collect()].concat();
    // The encoder takes no family without a metric.
    families.extend(
        places
            .collect()
            .into_iter()
            .filter(|family| !family.get_metric().is_empty()),
    );
    Ok(families)
}
