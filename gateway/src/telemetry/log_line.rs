//! One event as one line of JSON: `{"timestamp":...,"level":...,"message":...,"target":...}` with the event's fields
//! between. The general formatter of tracing-subscriber costs four times as much, and every request has a line.

use std::fmt;
use std::io::Write as _;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Bytes that a line usually has, so that it is built in one piece of memory.
const EXPECTED_LINE: usize = 512;

/// Writes events as lines of JSON. The gateway has no spans: an event carries what belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = Line(Vec::with_capacity(EXPECTED_LINE));
        let metadata = event.metadata();
        // Writing to memory cannot fail.
        let _ = write!(
            line.0,
            "{{\"timestamp\":\"{:.6}\",\"level\":\"{}\"",
            jiff::Timestamp::now(),
            metadata.level()
        );
        event.record(&mut line);
        line.member("target", metadata.target());
        line.0.extend_from_slice(b"}\n");
        writer.write_str(std::str::from_utf8(&line.0).map_err(|_| fmt::Error)?)
    }
}

/// A line that is being built.
struct Line(Vec<u8>);

impl Line {
    fn member(&mut self, name: &str, value: impl Serialize) {
        self.0.extend_from_slice(b",\"");
        // Names of fields are identifiers of the program: nothing in them is escaped.
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        let before = self.0.len();
        if serde_json::to_writer(&mut self.0, &value).is_err() {
            self.0.truncate(before);
            self.0.extend_from_slice(b"null");
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.member(field.name(), format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.member(field.name(), format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_of_json_whatever_its_fields_hold() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(JsonLines)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(text = "a\"\n\\架", number = 1.5, whole = 7_u64, yes = true, shown = %"x", kept = ?"y", "done");
            tracing::info!(nothing = f64::NAN, "again");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        let first = &lines[0];
        assert_eq!(first["level"], "WARN");
        assert_eq!(first["text"], "a\"\n\\架");
        assert_eq!(first["number"], 1.5);
        assert_eq!(first["whole"], 7);
        assert_eq!(first["yes"], true);
        assert_eq!(first["shown"], "x");
        assert_eq!(first["kept"], "\"y\"");
        assert_eq!(first["message"], "done");
        assert!(first["target"].as_str().unwrap().contains("log_line"));
        assert!(first["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
        assert_eq!(lines[1]["nothing"], Value::Null);
    }
}
