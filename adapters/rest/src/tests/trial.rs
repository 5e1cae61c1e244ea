//! Trying a mapping on samples.

use super::*;
use kakehashi_mapping::{Finding, try_mapping};

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
    let path = "mappings/sano.toml:";
    let says = |sample: &[u8], what: &str| {
        let said = failure(sample);
        assert!(
            said.starts_with(path) && said.contains("types.AED.records: `$[*]` leads to no records"),
            "{said}"
        );
        assert!(said.ends_with(what), "{said}");
    };
    says(b"{}", "but `$` is an empty object");
    let sites = |sample: &[u8]| try_mapping(&sano, Some("EvacuationSite"), sample).failure.unwrap();
    assert!(sites(br#"{"itms":[],"meta":{}}"#).ends_with("but `$` has the members `itms`, `meta`"));
    assert!(sites(br#"{"items":"none"}"#).ends_with("but `$.items` is a text"));
    assert_eq!(failure(b"\x8d\xb2"), "not UTF-8");
}

#[test]
fn a_misspelt_field_is_named_with_its_place_and_the_nearest_that_the_records_have() {
    let misspelt = SANO_MAPPING.replace("name = \"namae\"", "name = \"namea\"");
    let sano = mapping(&misspelt, "mappings/sano.toml");
    let report = try_mapping(&sano, Some("EvacuationSite"), SITES.as_bytes());
    let line = misspelt.lines().position(|line| line.contains("namea")).unwrap() + 1;
    let told = report.told();
    let about = told.iter().find(|told| told.contains("attributes.name:")).unwrap();
    assert!(about.starts_with(&format!("mappings/sano.toml:{line}:")), "{about}");
    let said = "the field `namea` has a value in none of 4 records; did you mean `namae`?";
    assert!(about.ends_with(said), "{about}");
    // What some records have is told with their number, and is nothing to look at.
    let some = told
        .iter()
        .find(|told| told.contains("`ido` has no value in 2 of 4 records"));
    assert!(some.is_some(), "{told:?}");
    let absent = report.absent.iter().filter(|absent| absent.is_in_none()).count();
    assert_eq!(report.findings(), report.warnings.len() + absent);
}

#[test]
fn an_id_that_no_record_has_is_told_once() {
    let misspelt = SANO_MAPPING.replace("{kanri_no}", "{kanrino}");
    let sano = mapping(&misspelt, "mappings/sano.toml");
    let sample = br#"[{"kanri_no":"1"},{"kanri_no":"2"},{"kanri_no":"3"}]"#;
    let told = try_mapping(&sano, Some("AED"), sample).told();
    let about_ids: Vec<_> = told
        .iter()
        .filter(|told| told.contains("AED.id") || told.contains(" id "))
        .collect();
    assert_eq!(about_ids.len(), 1, "{told:?}");
    assert!(about_ids[0].ends_with("the field `kanrino` has a value in none of 3 records; did you mean `kanri_no`?"));
    // What several records have in common stands in one line.
    let told = try_mapping(&sano, Some("AED"), br#"[{"kanrino":"1"},{},{},{}]"#).told();
    assert!(
        told.iter().any(|told| told.starts_with("records 2, 3, 4: id ")),
        "{told:?}"
    );
}

#[test]
fn what_of_a_sample_would_be_written_as_something_else_is_named() {
    let written = include_str!("../write/register.toml");
    let register = mapping(written, "register.toml");
    let sample = br#"[{"no":"7","shi":"092045","namae":"a","ninzu":"120","kaijo":"1","kaisetsubi":"2026/04/01 09:00",
        "youbi":["a b"],"biko":"x"},{"no":8,"shi":"092045","ninzu":3}]"#;
    let sample = format!("{{\"items\":{}}}", String::from_utf8_lossy(sample));
    let told = try_mapping(&register, None, sample.as_bytes()).told();
    let about_writing: Vec<&str> = told
        .iter()
        .filter_map(|told| told.strip_prefix("write: the field "))
        .collect();
    assert_eq!(
        about_writing,
        [
            "`no` of 1 records is a text and would be created as a number: name it in `texts`",
            "`ninzu` of 1 records is a text and would be created as a number: name it in `texts`",
            "`kaisetsubi` of 1 records has its dates in another form than they would be created in: write one of them in `date`",
        ]
    );
    let told = try_mapping(&register, None, br#"{"items":[{"no":7,"shi":"092045","youbi":[1]}]}"#).told();
    assert!(
        told.iter()
            .any(|told| told.starts_with("write: `tags` of 1 records could not be written as it is read: ")),
        "{told:?}"
    );
}
