//! The one place that writes to the terminal.

use std::fmt::Display;
use std::io::Write;

use kakehashi_core::controls;

use super::Failure;

/// Prints one line of what was asked for. A reader that went away is no reason to stop.
pub(super) fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", plain(text)).and_then(|()| out.flush());
}

/// Prints what was asked for, for machines.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::other("the answer", error))?;
    line(text);
    Ok(())
}

/// Prints an error.
pub(super) fn error(failure: &Failure) {
    match failure {
        Failure::Configuration(diagnostics) => note(diagnostics),
        Failure::Other(text) => note(format_args!("error: {text}")),
    }
}

/// Prints a line beside what was asked for.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
}

/// A text as it may be shown: whoever has written a line of a file must not write on the terminal.
fn plain(text: impl Display) -> String {
    controls::escaped(&text.to_string()).into_owned()
}
