//! Logs: one JSON object a line on standard error.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::log_buffer::LogBuffer;
use super::log_line::JsonLines;

/// The environment variable that says how much is logged, as `tracing_subscriber::EnvFilter` reads it.
const LEVEL_VARIABLE: &str = "KAKEHASHI_LOG";

/// Starts logging for the whole process. `default_level` holds where `KAKEHASHI_LOG` is not set.
///
/// hyper and its relatives log frames at their lower levels, so they stay at `warn` unless the variable names one
/// of their modules itself: the level of the gateway is not theirs.
pub fn start_logging(default_level: &str) {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| default_level.to_owned());
    let filter = [
        "hyper=warn",
        "hyper_util=warn",
        "h2=warn",
        // A line about a line that was written beside the watched files would be followed by another without end.
        "notify=warn",
        "rustls=warn",
        "sqlx=warn",
        "tower=warn",
    ]
    .iter()
    .filter_map(|directive| directive.parse().ok())
    .fold(EnvFilter::new(level), EnvFilter::add_directive);
    let lines = JsonLines::new(OUT.get_or_init(unlocked_stderr).clone());
    // Fails only when a subscriber is set already, as a test may do.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Lets the lines leave that still wait, before the process ends.
pub fn flush_log() {
    if let Some(out) = OUT.get() {
        out.flush();
    }
}

static OUT: OnceLock<LogBuffer> = OnceLock::new();

/// Standard error without the lock that the standard library puts around it: what leaves together leaves by one write.
fn unlocked_stderr() -> LogBuffer {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(descriptor) => LogBuffer::new(File::from(descriptor)),
        Err(_) => LogBuffer::new(io::stderr()),
    }
}
