//! The request's deadline: everything that is done for it ends by then.

use std::time::{Duration, Instant};

use kakehashi_config::Config;

/// When the sources must have answered.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// What is left for merging and rendering after the last source was given up.
const FOR_RENDERING: Duration = Duration::from_millis(500);

impl Deadline {
    /// Gives the sources the configured time, from now.
    pub(super) fn begin(config: &Config) -> Self {
        Self(Instant::now() + config.gateway.limits.deadline)
    }

    /// When the request must be answered: a little later.
    pub(super) fn of_the_answer(self) -> Instant {
        self.0 + FOR_RENDERING
    }
}
