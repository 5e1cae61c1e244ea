//! Metrics, by the names of OpenTelemetry's semantic conventions where it has them, read as Prometheus text.

use std::sync::Arc;
use std::time::Duration;

use kakehashi_adapters::SourceId;
use kakehashi_adapters::held::HeldStatus;
use kakehashi_adapters::kind::ReadStatus;
use kakehashi_core::Condition;
use kakehashi_core::names::TenantId;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::core::Collector;
use prometheus::{Encoder, Gauge, GaugeVec, IntCounter, Opts, Registry, TextEncoder};

use super::connections::ConnectionMetrics;
use super::error::{MetricsError, as_metrics_error};
use super::exchanges::{self, Exchanges};
use super::findings::FindingCounter;
use super::held;
use super::in_use::InUseMetrics;
use super::read;
use super::tasks::TaskMetrics;
use super::tls::TlsMetrics;

/// Boundaries in seconds, from an answer out of the store to a source at its deadline.
const DURATION_BOUNDARIES: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Every instrument of the gateway.
#[derive(Debug)]
pub struct Metrics {
    enabled: bool,
    registry: Registry,
    _provider: SdkMeterProvider,
    request_duration: Histogram<f64>,
    refused: Counter<u64>,
    notifications: Counter<u64>,
    evaluations: Counter<u64>,
    writes_caller_left: Counter<u64>,
    reloads: Counter<u64>,
    running_revision: GaugeVec,
    last_reload: Gauge,
    policy_faults: IntCounter,
    /// The instruments for exchanges with sources.
    pub sources: Arc<SourceMetrics>,
    /// The instruments of TLS.
    pub tls: Arc<TlsMetrics>,
    /// The instruments of what outlives a request.
    pub tasks: Arc<TaskMetrics>,
    /// How much of what all requests share is in use.
    pub in_use: InUseMetrics,
    /// Those of consumers' connections.
    pub connections: Arc<ConnectionMetrics>,
    /// Those of administrators' connections.
    pub admin_connections: Arc<ConnectionMetrics>,
}

/// The instruments for exchanges with sources.
#[derive(Debug)]
pub struct SourceMetrics {
    enabled: bool,
    duration: Histogram<f64>,
    left_out: Counter<u64>,
}

impl Metrics {
    /// Sets up all instruments.
    ///
    /// # Errors
    /// [`MetricsError`] when the exporter refuses.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .build()
            .map_err(|error| MetricsError(error.to_string()))?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        Self::with_provider(provider, registry, true)
    }

    /// Instruments that count nothing, to measure what counting costs.
    ///
    /// # Errors
    /// [`MetricsError`] when an instrument is refused.
    #[doc(hidden)]
    pub fn unread() -> Result<Self, MetricsError> {
        Self::with_provider(SdkMeterProvider::default(), Registry::new(), false)
    }

    fn with_provider(provider: SdkMeterProvider, registry: Registry, enabled: bool) -> Result<Self, MetricsError> {
        let meter = provider.meter("kakehashi");
        let duration = |name, description| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(DURATION_BOUNDARIES.to_vec())
                .build()
        };
        let request_duration = duration("http.server.request.duration", "Duration of consumers' requests");
        let source_duration = duration(
            "kakehashi.source.request.duration",
            "Duration of exchanges with sources",
        );
        let left_out = meter
            .u64_counter("kakehashi.source.left_out")
            .with_description("Entities of sources that were left out of answers, by what is wrong with them")
            .build();
        let refused = meter
            .u64_counter("kakehashi.refused")
            .with_description("Requests refused before any source was asked, by reason")
            .build();
        let notifications = meter
            .u64_counter("kakehashi.notifications")
            .with_description("Notifications of subscriptions, by what became of them")
            .build();
        let evaluations = meter
            .u64_counter("kakehashi.subscriptions.evaluations")
            .with_description("Times at which a periodic subscription was to notify, by what became of them")
            .build();
        let writes_caller_left = meter
            .u64_counter("kakehashi.writes.caller_left")
            .with_description("Writes of entities whose caller had left before they ended, by what became of them")
            .build();
        let reloads = meter
            .u64_counter("kakehashi.config.reloads")
            .with_description("Readings of the configuration while running, by what became of them")
            .build();
        // A gauge of OpenTelemetry goes on naming the revisions that were; only one runs.
        let running_revision = Opts::new("kakehashi_config_revision_info", "The revision that runs, by its hash");
        let running_revision = GaugeVec::new(running_revision, &["revision"]).map_err(as_metrics_error)?;
        let last_reload = Gauge::new(
            "kakehashi_config_last_reload_success_timestamp_seconds",
            "When the configuration was last read and found well, in seconds since 1970",
        );
        let last_reload = last_reload.map_err(as_metrics_error)?;
        let policy_faults = IntCounter::new(
            "kakehashi_policy_faults_total",
            "Decisions and entities that were denied because policies could not be evaluated",
        );
        let policy_faults = policy_faults.map_err(as_metrics_error)?;
        for collector in [
            Box::new(running_revision.clone()) as Box<dyn Collector>,
            Box::new(last_reload.clone()),
            Box::new(policy_faults.clone()),
        ] {
            registry.register(collector).map_err(as_metrics_error)?;
        }
        let tls = Arc::new(TlsMetrics::new(&meter));
        let in_use = InUseMetrics::new()?;
        for collector in in_use.collectors() {
            registry.register(collector).map_err(as_metrics_error)?;
        }
        let tasks = Arc::new(TaskMetrics::new(&meter));
        Ok(Self {
            tls,
            tasks,
            in_use,
            connections: Arc::new(ConnectionMetrics::new(&meter, "consumers")),
            admin_connections: Arc::new(ConnectionMetrics::new(&meter, "administrators")),
            enabled,
            registry,
            _provider: provider,
            request_duration,
            refused,
            notifications,
            evaluations,
            writes_caller_left,
            reloads,
            running_revision,
            last_reload,
            policy_faults,
            sources: Arc::new(SourceMetrics {
                enabled,
                duration: source_duration,
                left_out,
            }),
        })
    }

    /// Counts an answered request. `route` is the route's pattern, never the path.
    pub fn record_request(&self, method: &'static str, route: &str, status: u16, elapsed: Duration) {
        if !self.enabled {
            return;
        }
        self.request_duration.record(
            elapsed.as_secs_f64(),
            &[
                KeyValue::new("http.request.method", method),
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("http.response.status_code", i64::from(status)),
            ],
        );
    }

    /// Counts a request that was refused, by a reason out of a fixed list.
    pub fn record_refusal(&self, reason: &'static str) {
        if !self.enabled {
            return;
        }
        self.refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// Counts a notification: `ok`, `dropped`, or why it did not arrive.
    pub fn record_notification(&self, outcome: &'static str) {
        self.notifications.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts a time at which a periodic subscription was to notify: `notified`, `nothing`, or why it was not looked at.
    pub fn record_evaluation(&self, outcome: &'static str) {
        self.evaluations.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts a write whose caller had left: `finished` or `not_begun`.
    pub fn record_write_without_caller(&self, outcome: &'static str) {
        self.writes_caller_left.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Counts a reading of the configuration: `applied`, `unchanged` or `refused`.
    pub fn record_reload(&self, outcome: &'static str) {
        self.reloads.add(1, &[KeyValue::new("outcome", outcome)]);
    }

    /// Says which revision runs, and that the files were well just now.
    pub fn record_revision(&self, revision: &str) {
        self.running_revision.reset();
        self.running_revision.with_label_values(&[revision]).set(1.0);
        self.last_reload.set(jiff::Timestamp::now().as_duration().as_secs_f64());
    }

    /// Shows a counter of findings, once.
    ///
    /// # Errors
    /// [`MetricsError`] when there is one already.
    pub fn show(&self, findings: &FindingCounter) -> Result<(), MetricsError> {
        self.registry.register(findings.collector()).map_err(as_metrics_error)
    }

    /// Says how often something was denied because of a fault in the policies, as the policies count it.
    pub fn record_policy_faults(&self, so_far: u64) {
        let known = self.policy_faults.get();
        self.policy_faults.inc_by(so_far.saturating_sub(known));
    }

    /// All metrics as Prometheus text, with what is wrong now, how often sources were asked and what is kept
    /// of them in memory, for a while or as their files say it.
    ///
    /// # Errors
    /// [`MetricsError`] when they cannot be encoded.
    pub fn to_prometheus<'a>(
        &self,
        conditions: &[Condition],
        exchanges: &[Exchanges],
        held: impl Iterator<Item = (&'a SourceId, HeldStatus)>,
        read: impl Iterator<Item = (&'a SourceId, ReadStatus)>,
    ) -> Result<String, MetricsError> {
        let mut families = self.registry.gather();
        families.extend(exchanges::families(exchanges)?);
        // Made anew each time: what is over is not there any more. The encoder takes no family without a metric.
        if !conditions.is_empty() {
            families.extend(gauge_of(conditions)?.collect());
        }
        families.extend(held::families(held)?);
        families.extend(read::families(read)?);
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&families, &mut text)
            .map_err(|error| MetricsError(error.to_string()))?;
        String::from_utf8(text).map_err(|error| MetricsError(error.to_string()))
    }
}

/// 1 for everything that is wrong now.
fn gauge_of(conditions: &[Condition]) -> Result<GaugeVec, MetricsError> {
    let opts = Opts::new(
        "kakehashi_condition",
        "What is wrong now; as /admin/v1/conditions tells it",
    );
    let gauge = GaugeVec::new(opts, &["what", "tenant", "reason"]).map_err(as_metrics_error)?;
    for condition in conditions {
        let tenant = condition.tenant.as_ref().map_or("", TenantId::as_str);
        gauge
            .with_label_values(&[condition.what, tenant, condition.reason])
            .set(1.0);
    }
    Ok(gauge)
}

impl SourceMetrics {
    /// Counts entities of a source that were left out; `flaw` is out of a fixed list.
    pub fn record_left_out(&self, source: &SourceId, flaw: &'static str, count: u64) {
        if !self.enabled {
            return;
        }
        self.left_out.add(
            count,
            &[
                KeyValue::new("source", source.as_str().to_owned()),
                KeyValue::new("flaw", flaw),
            ],
        );
    }

    /// Counts an exchange with a source; `outcome` is `ok`, the name of an error kind, or `given_up` where nobody
    /// waited for it any more.
    pub fn record(&self, source: &SourceId, outcome: &'static str, elapsed: Duration) {
        if !self.enabled {
            return;
        }
        self.duration.record(
            elapsed.as_secs_f64(),
            &[
                KeyValue::new("source", source.as_str().to_owned()),
                KeyValue::new("outcome", outcome),
            ],
        );
    }
}
