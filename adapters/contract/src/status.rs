//! How exchanges with a source go, for metrics and the administration.

use std::time::{Duration, SystemTime};

use crate::error::ErrorKind;

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
    /// How long the source takes to begin an answer, averaged over the latest answers; `None`: it has not answered yet.
    pub latency: Option<Duration>,
}
