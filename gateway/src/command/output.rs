//! The one place that writes to the terminal, in the language of who sits there.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write};
use std::sync::LazyLock;

use kakehashi_core::controls;
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_messages::Language;

use super::{Failure, help};

/// The language that this process tells people in.
static LANGUAGE: LazyLock<Language> = LazyLock::new(Language::of_environment);

/// The language of who sits at the terminal.
pub(super) fn language() -> Language {
    *LANGUAGE
}

/// Prints one line of what was asked for.
pub(super) fn line(text: impl Display) {
    data(language().of(&text.to_string()));
}

/// Prints what was asked for as it is: data, which no language is chosen for. A reader that went away is no reason to stop.
pub(super) fn data(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", plain(text)).and_then(|()| out.flush());
}

/// Prints data as it is; on a terminal without what moves a cursor there.
///
/// # Errors
/// Whoever reads it has gone.
pub(super) fn raw(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.is_terminal() {
        true => out.write_all(plain(text).as_bytes())?,
        false => out.write_all(text.as_bytes())?,
    }
    out.flush()
}

/// Prints what was asked for, for machines.
pub(super) fn json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::other("the answer", error))?;
    data(text);
    Ok(())
}

/// Prints an error.
pub(super) fn error(failure: &Failure) {
    match failure {
        Failure::Configuration(diagnostics) => findings(diagnostics),
        Failure::Other(text) => of_severity("error", text),
        Failure::Several(texts) => texts.iter().for_each(|text| of_severity("error", text)),
    }
}

/// Prints what is wrong with how the command was used, in another language than the library's; whether it did.
pub(super) fn wrong_usage(error: &clap::Error) -> bool {
    if language() == Language::English {
        return false;
    }
    let Some(wrong) = help::wrong_usage(error) else {
        return false;
    };
    of_severity("error", &wrong);
    if let Some(usage) = help::right_usage(error) {
        beside(format_args!("\n{} {usage}", language().of("Usage:")));
    }
    note("\n`--help` says more");
    true
}

/// Prints a warning beside what was asked for.
pub(super) fn warning(text: impl Display) {
    of_severity("warning", &text.to_string());
}

/// The text is told by itself: what stands before it is no part of its sentence.
fn of_severity(severity: &str, text: &str) {
    beside(format_args!("{}: {}", language().of(severity), language().of(text)));
}

/// Prints what is wrong with a configuration.
pub(super) fn findings(diagnostics: &Diagnostics) {
    beside(diagnostics.told(language()));
}

/// Prints a line beside what was asked for.
pub(super) fn note(text: impl Display) {
    beside(language().of(&text.to_string()));
}

/// Prints a line beside what was asked for that is in the reader's language already.
pub(super) fn told(text: impl Display) {
    beside(text);
}

fn beside(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
}

/// A text as it may be shown: whoever has written a line of a file must not write on the terminal.
fn plain(text: impl Display) -> String {
    controls::escaped(&text.to_string()).into_owned()
}
