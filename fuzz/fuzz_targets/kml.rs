//! KML: whatever the bytes, what comes out is JSON.
#![no_main]

use kakehashi_formats::{Limits, Report, kml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = kml::features(bytes, &Limits::default(), &mut Report::default()) {
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
});
