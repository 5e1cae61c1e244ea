//! Fragments of entities, with NGSI-LD nulls.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{FragmentUse, parse_fragment};

fuzz_target!(|json: &[u8]| {
    for r#use in [FragmentUse::Update, FragmentUse::Merge] {
        let _ = parse_fragment(json, Context::core(), r#use).map_err(|error| error.to_string());
    }
});
