//! GeoJSON geometries and areas, and geo-queries on them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::Geometry;
use ngsi_ld::query::{Area, GeoQuery};

fuzz_target!(|text: &str| {
    if let Ok(geometry) = Geometry::parse(text) {
        let _ = geometry.to_geo();
    }
    let _ = Area::parse(text);
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let _ = GeoQuery::parse(next(), next(), next(), None, Context::core());
});
