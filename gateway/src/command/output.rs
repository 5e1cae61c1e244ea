//! The one place that writes to the terminal, in the language of who sits there.

use std::fmt::Display;
use std::io::Write;
use std::sync::LazyLock;

use kakehashi_core::controls;
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_messages::Language;

use super::Failure;

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
        Failure::Other(text) => note(format_args!("error: {text}")),
    }
}

/// Prints what is wrong with a configuration.
pub(super) fn findings(diagnostics: &Diagnostics) {
    beside(diagnostics.told(language()));
}

/// Prints a line beside what was asked for.
pub(super) fn note(text: impl Display) {
    beside(language().of(&text.to_string()));
}

fn beside(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
}

/// A text as it may be shown: whoever has written a line of a file must not write on the terminal.
fn plain(text: impl Display) -> String {
    controls::escaped(&text.to_string()).into_owned()
}
