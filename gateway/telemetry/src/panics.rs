//! What is said of a panic: where it was, on which thread, and of which type its payload is. Never its text, which a
//! library may have made of a value.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;

use super::logging::flush_log;

/// From now on panics of this process are told so, in the log where there is one.
pub fn tell_panics_without_their_text() {
    std::panic::set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let payload = kind(panic);
    // Where RUST_BACKTRACE asks for it: names of functions and files, no values.
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    if tracing::enabled!(tracing::Level::ERROR) {
        let backtrace = backtrace.as_ref().map(tracing::field::display);
        tracing::error!(
            place,
            thread,
            payload,
            backtrace,
            "a panic: a fault of the gateway, please report it"
        );
        // The process may end with it.
        flush_log();
        return;
    }
    let backtrace = backtrace.map(|backtrace| format!("\n{backtrace}")).unwrap_or_default();
    // Nobody is left to be told that this cannot be told.
    let _ = writeln!(
        io::stderr(),
        "a panic at {place} on thread `{thread}` ({payload}): a fault of kakehashi, please report it{backtrace}"
    );
}

/// The type of the payload, as far as it can be told apart.
fn kind(panic: &PanicHookInfo<'_>) -> &'static str {
    let payload = panic.payload();
    if payload.is::<&'static str>() {
        "a text of the program"
    } else if payload.is::<String>() {
        "a text that was put together"
    } else {
        "no text"
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::start_logging;

    /// Set in the process that panics.
    const VARIABLE: &str = "KAKEHASHI_TEST_OF_PANICS";
    const VALUE: &str = "090-1234-5678";

    #[test]
    fn a_planted_panic_is_told_by_its_place_and_without_its_text() {
        if let Ok(how) = std::env::var(VARIABLE) {
            if how == "logged" {
                start_logging("info");
            }
            tell_panics_without_their_text();
            // As a library would that was given something odd.
            let panicked = std::panic::catch_unwind(|| panic!("not a number: {VALUE}"));
            assert!(panicked.is_err());
            return;
        }
        for how in ["logged", "plain"] {
            let name = "panics::tests::a_planted_panic_is_told_by_its_place_and_without_its_text";
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env(VARIABLE, how)
                .env("RUST_BACKTRACE", "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
            for part in ["panics.rs:", "a text that was put together", "catch_unwind"] {
                assert!(said.contains(part), "{how}: {part}: {said}");
            }
            assert_eq!(said.contains("\"level\":\"ERROR\""), how == "logged", "{said}");
            assert!(!said.contains(VALUE), "{said}");
        }
    }
}
