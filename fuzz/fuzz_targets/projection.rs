//! `pick`, `omit`, `datasetId` and `lang`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::language::LanguageFilter;
use ngsi_ld::projection::{DatasetSelection, MemberList};

fuzz_target!(|text: &str| {
    let _ = MemberList::parse(text, Context::core());
    let _ = DatasetSelection::parse(text);
    let _ = LanguageFilter::parse(text);
});
