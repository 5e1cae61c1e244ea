//! How exchanges with a source go, for metrics and the administration.

use std::time::{Duration, SystemTime};

use crate::error::ErrorKind;

/// Places that a source keeps in another form than the view has, by what became of them. What was read twice counts twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reshaped {
    /// A Feature, alone or the only one of a collection: its geometry.
    pub geometry: u64,
    /// Several features: their geometries, as one collection.
    pub collection: u64,
    /// GeoJSON without a geometry that can be used: a JsonProperty.
    pub json: u64,
    /// A place that cannot be, written in another way than GeoJSON: it was left out.
    pub nothing: u64,
}

impl Reshaped {
    /// Each with its name in metrics.
    #[must_use]
    pub const fn by_name(&self) -> [(&'static str, u64); 4] {
        [
            ("geometry", self.geometry),
            ("collection", self.collection),
            ("json", self.json),
            ("nothing", self.nothing),
        ]
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Counts those that were counted elsewhere.
    pub fn add_all(&mut self, other: &Self) {
        self.geometry = self.geometry.saturating_add(other.geometry);
        self.collection = self.collection.saturating_add(other.collection);
        self.json = self.json.saturating_add(other.json);
        self.nothing = self.nothing.saturating_add(other.nothing);
    }
}

/// How a source is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStatus {
    /// Since when requests are held back because the source failed several times in a row; `None`: they are not.
    pub open_since: Option<SystemTime>,
    /// Requests under way, until the ends of their bodies.
    pub in_flight: usize,
    /// Requests that were sent since the start.
    pub requests: u64,
    /// Requests since the start that found an equal one under way, and waited for its answer in the place of being sent.
    pub joined: u64,
    /// Errors since the start.
    pub failures: u64,
    /// The latest error.
    pub last_error: Option<ErrorKind>,
    /// Whether the latest exchange that has ended was an error.
    pub is_failing: bool,
    /// Places that it keeps in another form than the view has, since the start.
    pub reshaped: Reshaped,
    /// How long the source takes to begin an answer, averaged over the latest answers; `None`: it has not answered yet.
    pub latency: Option<Duration>,
}
