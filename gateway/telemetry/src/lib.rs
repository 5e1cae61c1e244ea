//! What the gateway tells its operators: logs and metrics. Neither ever holds an attribute value, an entity
//! id, or text that a consumer or a source has sent.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod connections;
mod error;
mod exchanges;
mod findings;
mod held;
mod in_use;
mod key_lines;
mod log_buffer;
mod log_line;
mod logging;
mod metrics;
mod panics;
mod read;
mod source_lines;
mod tasks;
mod tls;

pub use connections::ConnectionMetrics;
pub use error::MetricsError;
pub use exchanges::Exchanges;
pub use findings::FindingCounter;
pub use in_use::InUseMetrics;
pub use key_lines::expired_key;
pub use logging::{flush_log, start_logging};
pub use metrics::{Metrics, SourceMetrics};
pub use panics::tell_panics_without_their_text;
pub use source_lines::{may_say, source_answered, source_failed};
pub use tasks::TaskMetrics;
pub use tls::TlsMetrics;
