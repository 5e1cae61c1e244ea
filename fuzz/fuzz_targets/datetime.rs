//! Dates: what is read has a text that is read as the same date.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::entity::DateTime;

fuzz_target!(|text: &str| {
    if let Ok(date) = DateTime::parse(text) {
        assert_eq!(DateTime::parse(date.as_str()).as_ref(), Ok(&date));
    }
});
