//! Regular expressions of `q`: no text makes reading or matching them panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::query::{IdPattern, Pattern};

fuzz_target!(|texts: (&str, &str)| {
    let (pattern, value) = texts;
    if let Ok(pattern) = Pattern::parse(pattern) {
        let _ = pattern.matches(value);
    }
    let _ = IdPattern::parse(pattern);
});
