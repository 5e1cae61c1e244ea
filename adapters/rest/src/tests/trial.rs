//! Trying a mapping on samples.

use super::*;
use crate::{Finding, try_mapping};

const SITES: &str = r#"{"meta":{"total":3},"items":[
    {"kyotsu_id":"E1","namae":"一","ido":"36.3","keido":"139.6","kozui":"△","koshin":"2026-04-01 09:00:00"},
    {"kyotsu_id":"E2","namae":"二","ido":"139.6","keido":"36.3"},
    {"namae":"三"},
    {"kyotsu_id":"E1"}]}"#;

#[test]
fn a_sample_shows_its_entities_and_what_is_odd_about_it() {
    let sano = mapping(SANO_MAPPING, "mappings/sano.toml");
    let report = try_mapping(&sano, None, SITES.as_bytes());
    assert_eq!(report.entity_type, Some(type_name("EvacuationSite")));
    assert_eq!((report.records, report.entities.len()), (4, 2));
    let warnings: Vec<_> = report
        .warnings
        .iter()
        .map(|warning| (warning.record, warning.field.as_str(), warning.finding))
        .collect();
    assert_eq!(
        warnings,
        [
            (1, "typeOfDisasterFlood", Finding::Unlisted),
            (2, "location", Finding::ImpossiblePosition),
            (3, "id", Finding::LeavesOut(Flaw::NoId)),
            (4, "location", Finding::NoPosition),
            (4, "id", Finding::DuplicateId),
        ]
    );
    assert_eq!(report.failure, None);
    let printed = report.warnings[0].to_string();
    assert_eq!(
        printed,
        "record 1: typeOfDisasterFlood stands in no line of the value table, the attribute is left out"
    );
}

#[test]
fn the_type_is_chosen_by_name_or_path() {
    let sano = mapping(SANO_MAPPING, "mappings/sano.toml");
    let expanded = type_name("AED");
    let sample = br#"[{"kanri_no":"AED-001"}]"#;
    for wanted in ["AED", expanded.as_str(), "/api/v1/aed"] {
        let report = try_mapping(&sano, Some(wanted), sample);
        assert_eq!(
            report.entities[0].id.as_str(),
            "urn:ngsi-ld:AED:092045-AED-001",
            "{wanted}"
        );
    }
    let report = try_mapping(&sano, Some("Evacuationsite"), sample);
    assert!(report.failure.unwrap().contains("did you mean `EvacuationSite`?"));
}

#[test]
fn a_single_record_is_a_sample_too() {
    let sano = mapping(SANO_MAPPING, "mappings/sano.toml");
    let report = try_mapping(
        &sano,
        None,
        br#"{"kyotsu_id":"E1","namae":"x","ido":"36.3","keido":"139.6"}"#,
    );
    assert_eq!(report.entities[0].id.as_str(), "urn:ngsi-ld:EvacuationSite:E1");
}

#[test]
fn a_sample_that_cannot_be_read_says_where() {
    let sano = mapping(SANO_MAPPING, "mappings/sano.toml");
    let failure = |sample: &[u8]| try_mapping(&sano, Some("AED"), sample).failure.unwrap();
    assert_eq!(failure(b"[\n{]"), "not JSON: the body breaks at line 2, column 2");
    assert_eq!(failure(b"[{"), "the body ends too early");
    assert_eq!(failure(b"{}"), "JSON, but without the records that the mapping expects");
    assert_eq!(failure(b"\x8d\xb2"), "not UTF-8");
}
