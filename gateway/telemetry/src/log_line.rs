//! One event as one line of JSON: `{"timestamp":...,"level":...,"message":...,"target":...}` with the event's fields
//! between. The general formatter of tracing-subscriber costs four times as much, and every request has a line.

use std::cell::RefCell;
use std::fmt;
use std::io::Write as _;

use kakehashi_core::controls;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::log_buffer::LogBuffer;

/// Memory that a thread keeps for its next line; a longer line gives its memory back.
const KEPT: usize = 4096;

thread_local! {
    static LINE: RefCell<Line> = const { RefCell::new(Line(Vec::new())) };
}

/// Writes events as lines of JSON. The gateway has no spans: an event carries what belongs to it.
pub(super) struct JsonLines {
    out: LogBuffer,
}

impl JsonLines {
    pub(super) const fn new(out: LogBuffer) -> Self {
        Self { out }
    }

    fn write(&self, line: &mut Line, event: &Event<'_>) {
        line.0.clear();
        let metadata = event.metadata();
        // Writing to memory cannot fail.
        let _ = write!(
            line.0,
            "{{\"timestamp\":\"{:.6}\",\"level\":\"{}\"",
            jiff::Timestamp::now(),
            metadata.level()
        );
        event.record(line);
        line.member("target", metadata.target());
        line.0.extend_from_slice(b"}\n");
        // What texts of the configuration hold must not be obeyed by the terminal that shows the log.
        controls::escape_json(&mut line.0);
        self.out.line(&line.0, *metadata.level() <= Level::WARN);
        line.0.shrink_to(KEPT);
    }
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => self.write(&mut line, event),
            // A field that logs while it is being written.
            Err(_) => self.write(&mut Line(Vec::new()), event),
        });
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
        let out = LogBuffer::new(kept.clone());
        let subscriber = tracing_subscriber::registry().with(JsonLines::new(out.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(text = "a\"\n\\架", number = 1.5, whole = 7_u64, yes = true, shown = %"x", kept = ?"y", "done");
            tracing::info!(nothing = f64::NAN, "again");
        });
        out.flush();
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
