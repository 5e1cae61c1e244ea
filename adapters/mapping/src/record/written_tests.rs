//! Values as people in Japan write them, through a mapping.

use ngsi_ld::entity::{AttributeValue, Geometry, Value};

use super::*;
use crate::language::Mapping;
use kakehashi_contract::AttributeSelection;

#[derive(Default)]
struct Noted(Vec<(String, Finding)>);

impl Findings for Noted {
    fn note(&mut self, field: &str, finding: Finding) {
        self.0.push((field.to_owned(), finding));
    }

    fn forget(&mut self) {
        self.0.clear();
    }
}

fn parse(mapping: &str) -> Result<Mapping, Vec<String>> {
    let expand = |text: &str| Ok(ngsi_ld::Iri::new(format!("https://example.org/{text}")));
    let errors = |errors: Vec<crate::MappingError>| errors.iter().map(ToString::to_string).collect();
    Mapping::parse_with(mapping, "test.toml", &expand).map_err(errors)
}

fn of_attributes(attributes: &str) -> String {
    format!(
        "zone = \"+09:00\"\n[types.A]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:ngsi-ld:A:{{id}}\"\n\
         [types.A.attributes]\n{attributes}\n"
    )
}

/// What an attribute `a` is, of one record, and what was found.
fn value_of(mapping: &str, body: &str) -> (Option<AttributeValue>, Vec<Finding>) {
    let mapping = parse(mapping).unwrap();
    let mapping = mapping.type_mappings().first().unwrap();
    let projection = Projection::new(mapping, &AttributeSelection::All, false);
    let (outside, mut noted, mut value) = (Outside::default(), Noted::default(), None);
    read_document(
        body.as_bytes(),
        &mapping.documents,
        mapping,
        &outside,
        &projection.wanted,
        Pass::Quick,
        &mut |fields| {
            let entity = build_entity(mapping, &projection, fields, &mut noted).unwrap();
            value = entity.attributes.first().map(|one| one.instances[0].value.clone());
        },
    )
    .unwrap();
    (value, noted.0.into_iter().map(|(_, finding)| finding).collect())
}

fn text_of(rule: &str, field: &str) -> Option<String> {
    let body = format!(r#"[{{"id":"1","f":{field}}}]"#);
    match value_of(&of_attributes(&format!("a = {rule}")), &body).0? {
        AttributeValue::Property(Value::String(text)) => Some(text.to_string()),
        AttributeValue::Property(Value::Number(number)) => Some(crate::language::number_text(&number)),
        AttributeValue::Property(Value::DateTime(date)) => Some(date.as_str().to_owned()),
        AttributeValue::Property(Value::Temporal { value, .. }) => Some(format!("day {value}")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn dates_of_both_calendars_are_read_without_being_told() {
    let point = r#"{ field = "f", as = "date-time" }"#;
    for field in [
        "\"令和8年11月29日 9時5分\"",
        "\"2026/11/29 9:05\"",
        "\"202611290905\"",
        "202611290905",
    ] {
        assert_eq!(
            text_of(point, field).as_deref(),
            Some("2026-11-29T00:05:00Z"),
            "{field}"
        );
    }
    assert_eq!(text_of(point, "\"R8.11.29\"").as_deref(), Some("2026-11-28T15:00:00Z"));
    assert_eq!(text_of(point, "\"09/10/11\""), None);
    let day = r#"{ field = "f", as = "date" }"#;
    assert_eq!(text_of(day, "\"令和元年5月1日\"").as_deref(), Some("day 2019-05-01"));
    assert_eq!(
        text_of(day, "\"2026-11-29T23:00:00Z\"").as_deref(),
        Some("day 2026-11-30")
    );
    assert_eq!(text_of(day, "\"8:30\""), None);
    let time = r#"{ field = "f", as = "time" }"#;
    assert_eq!(text_of(time, "\"午後5時15分\"").as_deref(), Some("17:15"));
    assert_eq!(text_of(time, "\"8：30\"").as_deref(), Some("08:30"));
}

#[test]
fn what_a_number_counts_is_said_by_the_mapping() {
    for (rule, field, expected) in [
        (
            r#"{ field = "f", as = "date", from = "spreadsheet" }"#,
            "46355",
            "day 2026-11-29",
        ),
        (
            r#"{ field = "f", as = "date", from = "spreadsheet" }"#,
            "\"令和8年11月29日\"",
            "day 2026-11-29",
        ),
        (
            r#"{ field = "f", as = "time", from = "spreadsheet" }"#,
            "0.375",
            "09:00",
        ),
        (
            r#"{ field = "f", as = "date-time", from = "epoch-seconds" }"#,
            "1795910400",
            "2026-11-29T00:00:00Z",
        ),
        (
            r#"{ field = "f", as = "date-time", from = "epoch-milliseconds" }"#,
            "\"1795910400001\"",
            "2026-11-29T00:00:00.001Z",
        ),
        (
            r#"{ field = "f", as = "number", from = "fiscal-year" }"#,
            "\"令和8年度\"",
            "2026",
        ),
        (
            r#"{ field = "f", as = "date", from = "fiscal-year" }"#,
            "\"令和8年度\"",
            "day 2026-04-01",
        ),
        (
            r#"{ field = "f", as = "number", units = { m = 1, km = 1000 } }"#,
            "\"１．２ｋｍ\"",
            "1200",
        ),
        (r#"{ field = "f", as = "number" }"#, "\"▲1.5万\"", "-15000"),
        (r#"{ field = "f", as = "municipality-code" }"#, "92011", "092011"),
        (r#"{ field = "f", as = "municipality-code" }"#, "\"09201\"", "092011"),
        (r#"{ field = "f", as = "string", width = 6 }"#, "285", "000285"),
        (
            r#"{ field = "f", as = "string", normalize = ["width", "kana"] }"#,
            "\"ＡＥＤ　ﾀﾞﾐｰ\"",
            "AED ダミー",
        ),
    ] {
        assert_eq!(text_of(rule, field).as_deref(), Some(expected), "{rule} {field}");
    }
    assert_eq!(
        text_of(r#"{ field = "f", as = "municipality-code" }"#, "\"092012\""),
        None
    );
}

#[test]
fn places_are_read_in_every_writing_and_system() {
    let place = |rule: &str, record: &str| {
        let (value, found) = value_of(
            &of_attributes(&format!("a = {rule}")),
            &format!(r#"[{{"id":"1",{record}}}]"#),
        );
        match value {
            Some(AttributeValue::GeoProperty(geometry)) => match *geometry {
                Geometry::Point(position) => Ok((
                    (position.longitude * 1e4).round() / 1e4,
                    (position.latitude * 1e4).round() / 1e4,
                )),
                other => panic!("{other:?}"),
            },
            _ => Err(found),
        }
    };
    for (rule, record) in [
        (
            r#"{ latitude = "y", longitude = "x" }"#,
            r#""y":"36°18′52.2″","x":"東経139度34分31.8秒""#,
        ),
        (r#"{ position = "p" }"#, r#""p":"36.3145, 139.5755""#),
        (r#"{ position = "p", order = "lng,lat" }"#, r#""p":"139.5755,36.3145""#),
        (
            r#"{ position = "p" }"#,
            r#""p":"北緯36度18分52.2秒 東経139度34分31.8秒""#,
        ),
        (r#"{ position = "p" }"#, r#""p":"POINT (139.5755 36.3145)""#),
        (r#"{ geometry = "p" }"#, r#""p":"POINT (139.5755 36.3145)""#),
        (
            r#"{ northing = "X", easting = "Y", crs = 6677 }"#,
            r#""X":34924.8844,"Y":"-23,152.2581""#,
        ),
        (
            r#"{ geometry = "p", crs = 6677 }"#,
            r#""p":{"type":"Point","coordinates":[-23152.2581,34924.8844]}"#,
        ),
    ] {
        assert_eq!(place(rule, record), Ok((139.5755, 36.3145)), "{rule}");
    }
    // The old system lies some 400 metres off.
    let old = place(
        r#"{ latitude = "y", longitude = "x", crs = 4301 }"#,
        r#""y":36.3145,"x":139.5755"#,
    )
    .unwrap();
    assert!(
        (old.0 - 139.5723).abs() < 0.0003 && (old.1 - 36.3177).abs() < 0.0003,
        "{old:?}"
    );
    for record in [r#""p":"139.5755,36.3145""#, r#""p":"佐野市""#, r#""p":5"#] {
        assert_eq!(
            place(r#"{ position = "p" }"#, record),
            Err(vec![Finding::ImpossiblePosition]),
            "{record}"
        );
    }
}

#[test]
fn words_are_compared_as_the_mapping_says() {
    let mapping = |normalize: &str| {
        format!(
            "{normalize}missing = [\"\", \"-\"]\n{}",
            of_attributes("a = { field = \"f\", table = { values = { \"有 (ｱﾘ)\" = \"yes\" } } }")
        )
    };
    let of = |normalize: &str, word: &str| value_of(&mapping(normalize), &format!(r#"[{{"id":"1","f":"{word}"}}]"#));
    let yes = Some(AttributeValue::Property("yes".into()));
    assert_eq!(of("", "有\u{3000}(ｱﾘ)"), (yes.clone(), vec![]));
    assert_eq!(of("", "有 （アリ）"), (None, vec![Finding::Unlisted]));
    assert_eq!(of("normalize = [\"width\", \"kana\"]\n", "有　（アリ）"), (yes, vec![]));
    assert_eq!(of("normalize = [\"dashes\"]\n", "―"), (None, vec![]));
    assert_eq!(of("", "―"), (None, vec![Finding::Unlisted]));
}

#[test]
fn what_does_not_go_together_is_told_at_load() {
    for (rule, told) in [
        (r#"{ field = "f", from = "spreadsheet" }"#, "`from` belongs beside"),
        (
            r#"{ field = "f", as = "date", from = "excel" }"#,
            "unknown word `excel`: expected epoch-seconds",
        ),
        (
            r#"{ field = "f", as = "time", from = "fiscal-year" }"#,
            "has no time of day",
        ),
        (
            r#"{ field = "f", as = "string", units = { m = 1 } }"#,
            "`units` belongs beside as = \"number\"",
        ),
        (
            r#"{ field = "f", as = "number", units = { m = 0 } }"#,
            "the number above 0",
        ),
        (r#"{ field = "f", as = "string", width = 0 }"#, "how many digits"),
        (r#"{ field = "f", normalize = ["kana"] }"#, "`normalize` belongs beside"),
        (
            r#"{ field = "f", as = "string", normalize = ["kanji"] }"#,
            "unknown word `kanji`",
        ),
        (r#"{ northing = "X", easting = "Y" }"#, "add its EPSG code"),
        (
            r#"{ northing = "X", easting = "Y", crs = 6668 }"#,
            "EPSG:6668 is in degrees",
        ),
        (r#"{ northing = "X", crs = 6677 }"#, "easting"),
        (
            r#"{ latitude = "y", longitude = "x", crs = 6677 }"#,
            "EPSG:6677 is a plane",
        ),
        (
            r#"{ latitude = "y", longitude = "x", crs = 4269 }"#,
            "EPSG:4269 is not known",
        ),
        (r#"{ position = "p", order = "north" }"#, "expected lat,lng or lng,lat"),
    ] {
        let errors = parse(&of_attributes(&format!("a = {rule}"))).map(|_| ()).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(told)), "{rule}: {errors:?}");
    }
}
