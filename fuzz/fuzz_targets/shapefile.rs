//! Shapefiles in a ZIP: whatever the bytes, what comes out of a layer is JSON.
#![no_main]

use kakehashi_formats::{Limits, Report, shapefile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits::default();
    for layer in shapefile::layers(bytes, &limits).unwrap_or_default() {
        let as_degrees = |_: &str| -> Result<shapefile::Converter, String> { Ok(Box::new(|x, y| Some((x, y)))) };
        if let Ok(text) = shapefile::features(bytes, Some(&layer), &as_degrees, &limits, &mut Report::default()) {
            assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        }
    }
});
