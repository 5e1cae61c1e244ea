//! `pick`, `omit`, `datasetId` and `lang`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ngsi_ld::context::Context;
use ngsi_ld::entity::language::LanguageFilter;
use ngsi_ld::projection::{DatasetSelection, MemberList};

/// How many braces may stand in each other here.
const LEVELS: usize = 5;

fuzz_target!(|text: &str| {
    let _ = MemberList::parse(text, Context::core());
    if let Ok(list) = MemberList::parse_linked(text, Context::core(), LEVELS) {
        assert!(list.levels() <= LEVELS);
    }
    let _ = DatasetSelection::parse(text);
    let _ = LanguageFilter::parse(text);
});
