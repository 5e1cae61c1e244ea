//! KML as maps write it comes back as Features, and what it links to is left alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)] // a test that cannot go on has failed

use kakehashi_formats::{FormatError, Limits, Report, What, kml};
use serde_json::{Value, json};

const LIKE_A_MAP: &str = include_str!("data/like_a_map.kml");

fn features(text: &str, report: &mut Report) -> Vec<Value> {
    let text = kml::features(text.as_bytes(), &Limits::default(), report).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["features"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn placemarks_come_back_with_what_they_say_and_where_they_are() {
    let mut report = Report::default();
    let features = features(LIKE_A_MAP, &mut report);
    assert_eq!(features.len(), 5);
    assert_eq!(features[0]["id"], "aed-1");
    assert_eq!(
        features[0]["properties"],
        json!({"name": "佐野市役所", "description": "1階 <b>受付</b> & 入口", "設置場所": "1階", "台数": 2, "標高": 30.5, "小児": true})
    );
    assert_eq!(
        features[0]["geometry"],
        json!({"type": "Point", "coordinates": [139.578, 36.314, 30]})
    );
    assert_eq!(features[1]["geometry"]["type"], "LineString");
    assert_eq!(
        features[2]["geometry"],
        json!({"type": "Polygon", "coordinates": [
            [[139, 36], [140, 36], [140, 37], [139, 37], [139, 36]],
            [[139.4, 36.4], [139.4, 36.6], [139.6, 36.6], [139.6, 36.4], [139.4, 36.4]]
        ]})
    );
    assert_eq!(features[3]["geometry"]["type"], "GeometryCollection");
    assert_eq!(features[4]["geometry"], Value::Null);
    assert_eq!(
        (report.count(What::LinkNotFollowed), report.count(What::BadPlace)),
        (1, 1)
    );
}

#[test]
fn a_document_type_and_entities_of_its_own_are_refused() {
    for text in [
        "<!DOCTYPE kml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><kml><Placemark><name>&a;</name></Placemark></kml>",
        "<kml><Placemark><name>&a;</name></Placemark></kml>",
    ] {
        let refused = kml::features(text.as_bytes(), &Limits::default(), &mut Report::default());
        assert!(matches!(refused, Err(FormatError::Refused(_))), "{refused:?}");
    }
}

#[test]
fn elements_that_stand_too_deep_are_refused() {
    let deep = format!("<kml><Placemark>{}", "<MultiGeometry>".repeat(100_000));
    assert!(kml::features(deep.as_bytes(), &Limits::default(), &mut Report::default()).is_err());
}
