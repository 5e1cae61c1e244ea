//! The rules of clauses 4.5, 4.6 and 5.5.4 as tables: what is refused, at which member, and why.

use super::*;

/// Where an entity with these members is refused, and why in words.
fn refusal(members: &str) -> (String, String) {
    let json = format!(r#"{{"id":"urn:a:1","type":"T",{members}}}"#);
    let error = parse_entity(json.as_bytes(), Context::core()).expect_err(members);
    (error.path, error.fault.to_string())
}

fn accepted(members: &str) {
    let json = format!(r#"{{"id":"urn:a:1","type":"T",{members}}}"#);
    if let Err(error) = parse_entity(json.as_bytes(), Context::core()) {
        panic!("{members}: {error}");
    }
}

#[test]
fn terms_of_the_core_that_are_no_attributes_cannot_be_names() {
    for name in [
        "value",
        "object",
        "languageMap",
        "vocab",
        "json",
        "valueList",
        "objectList",
        "datasetId",
        "observedAt",
        "unitCode",
        "valueType",
        "objectType",
        "instanceId",
        "lang",
        "entity",
        "entityList",
        "previousValue",
        "previousObject",
        "previousLanguageMap",
        "previousVocab",
        "previousJson",
        "previousValueList",
        "previousObjectList",
        "entityIdSealed",
        "entityTypeSealed",
        "@value",
    ] {
        let (path, reason) = refusal(&format!(r#""{name}":{{"type":"Property","value":1}}"#));
        assert_eq!(
            (path.as_str(), reason.as_str()),
            (name, "this name is reserved and cannot be an attribute")
        );
    }
}

#[test]
fn each_kind_refuses_the_members_of_others() {
    let kinds = [
        ("Property", "value", "1", "previousValue"),
        (
            "GeoProperty",
            "value",
            r#"{"type":"Point","coordinates":[1,2]}"#,
            "previousValue",
        ),
        ("Relationship", "object", r#""urn:b:1""#, "previousObject"),
        (
            "LanguageProperty",
            "languageMap",
            r#"{"ja":"x"}"#,
            "previousLanguageMap",
        ),
        ("VocabProperty", "vocab", r#""x""#, "previousVocab"),
        ("JsonProperty", "json", "1", "previousJson"),
        ("ListProperty", "valueList", "[1]", "previousValueList"),
        ("ListRelationship", "objectList", r#"["urn:b:1"]"#, "previousObjectList"),
    ];
    for (kind, member, value, previous) in kinds {
        let with = |more: &str| format!(r#""a":{{"type":"{kind}","{member}":{value}{more}}}"#);
        accepted(&with(""));
        accepted(&with(&format!(r#","{previous}":{value},"instanceId":"urn:i:1""#)));
        for (_, other, other_value, other_previous) in kinds {
            if other != member {
                let (path, _) = refusal(&with(&format!(r#","{other}":{other_value}"#)));
                assert_eq!(path, format!("a.{other}"), "{kind}");
            }
            if other_previous != previous {
                let (path, reason) = refusal(&with(&format!(r#","{other_previous}":1"#)));
                assert_eq!(
                    (path, reason),
                    (format!("a.{other_previous}"), format!("{kind} cannot have this member"))
                );
            }
        }
        for (extra, allowed) in [
            (r#""unitCode":"MTR""#, &["Property", "ListProperty"][..]),
            (r#""objectType":"T""#, &["Relationship", "ListRelationship"]),
            (r#""entity":{}"#, &["Relationship"]),
            (r#""entityList":[]"#, &["ListRelationship"]),
            (r#""lang":"ja""#, &["Property"]),
        ] {
            let members = with(&format!(",{extra}"));
            if allowed.contains(&kind) {
                accepted(&members);
            } else {
                let (path, reason) = refusal(&members);
                let name = extra.split('"').nth(1).unwrap();
                assert_eq!(
                    (path, reason),
                    (format!("a.{name}"), format!("{kind} cannot have this member"))
                );
            }
        }
    }
}

#[test]
fn dates_are_those_of_clause_4_6_3() {
    let observed = |date: &str| format!(r#""a":{{"type":"Property","value":1,"observedAt":"{date}"}}"#);
    for date in [
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.1Z",
        "2026-01-01T00:00:00,123456Z",
        "2024-02-29T23:59:59Z",
    ] {
        accepted(&observed(date));
    }
    for date in [
        "2026-01-01",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+09:00",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:00:00.1234567Z",
        "2026-01-01T00:00:00.Z",
        "20260101T000000Z",
        "",
    ] {
        assert_eq!(refusal(&observed(date)).0, "a.observedAt", "{date}");
    }
    let typed =
        |kind: &str, text: &str| format!(r#""a":{{"type":"Property","value":{{"@type":"{kind}","@value":"{text}"}}}}"#);
    for (kind, good, bad) in [
        ("Date", "2024-02-29", "2023-02-29"),
        ("Date", "2026-01-01", "2026-1-1"),
        ("Time", "23:59:59.5Z", "23:59:59+09:00"),
        ("Time", "00:00:00Z", "25:00:00Z"),
        ("DateTime", "2026-01-01T00:00:00Z", "2026-01-01"),
    ] {
        accepted(&typed(kind, good));
        assert_eq!(refusal(&typed(kind, bad)).0, "a.value", "{kind} {bad}");
    }
}

#[test]
fn geometries_are_those_of_rfc_7946() {
    let geometry = |text: &str| format!(r#""a":{{"type":"GeoProperty","value":{text}}}"#);
    let polygon = |rings: &str| geometry(&format!(r#"{{"type":"Polygon","coordinates":{rings}}}"#));
    // Section 3.1.6: rings should turn anticlockwise, and parsers should not refuse those that do not.
    accepted(&polygon("[[[0,0],[1,0],[1,1],[0,0]]]"));
    accepted(&polygon("[[[0,0],[1,1],[1,0],[0,0]]]"));
    for rings in [
        "[]",
        "[[]]",
        "[[[0,0],[1,0],[0,0]]]",
        "[[[0,0],[1,0],[1,1],[0,1]]]",
        "[[[0,0],[200,0],[1,1],[0,0]]]",
    ] {
        assert_eq!(refusal(&polygon(rings)).0, "a.value", "{rings}");
    }
    for text in [
        r#"{"type":"GeometryCollection","geometries":[]}"#,
        r#"{"type":"Point"}"#,
        r#"{"type":"Point","coordinates":["1","2"]}"#,
        r#"{"type":"LineString","coordinates":[[0,0]]}"#,
        r#""1,2""#,
        "1",
    ] {
        assert_eq!(refusal(&geometry(text)).0, "a.value", "{text}");
    }
}

#[test]
fn names_ids_and_languages_are_judged_where_they_stand() {
    for (members, path) in [
        (r#""a b":1"#, "a b"),
        (r#""1a":1"#, "1a"),
        (r#""a-b":1"#, "a-b"),
        (r#""a":{"type":"Property","value":1,"b<":1}"#, "a.b<"),
        (r#""a":{"type":"Relationship","object":"b"}"#, "a.object"),
        (r#""a":{"type":"Relationship","object":[]}"#, "a.object"),
        (
            r#""a":{"type":"Relationship","object":"urn:b:1","objectType":"a b"}"#,
            "a.objectType",
        ),
        (r#""a":{"type":"ListRelationship","objectList":["b"]}"#, "a.objectList"),
        (r#""a":{"type":"VocabProperty","vocab":[]}"#, "a.vocab"),
        (r#""a":{"type":"VocabProperty","vocab":1}"#, "a.vocab"),
        (r#""a":{"type":"LanguageProperty","languageMap":{}}"#, "a.languageMap"),
        (
            r#""a":{"type":"LanguageProperty","languageMap":{"ja":1}}"#,
            "a.languageMap",
        ),
        (
            r#""a":{"type":"LanguageProperty","languageMap":{"":"x"}}"#,
            "a.languageMap",
        ),
        (
            r#""a":{"type":"LanguageProperty","languageMap":{"ja":"x","JA":"y"}}"#,
            "a.languageMap",
        ),
        (r#""a":{"type":"ListProperty","valueList":1}"#, "a.valueList"),
        (r#""a":{"type":"Property","value":1,"datasetId":"d"}"#, "a.datasetId"),
        (r#""a":{"type":"Property","value":1,"unitCode":5}"#, "a.unitCode"),
        (r#""a":{"type":"Property","value":1,"valueType":"a b"}"#, "a.valueType"),
        (r#""a":[]"#, ""),
        (r#""scope":"a b""#, "scope"),
        (r#""scope":"/a//b""#, "scope"),
        (r#""expiresAt":"tomorrow""#, "expiresAt"),
    ] {
        if path.is_empty() {
            // An empty array is a concise value.
            accepted(members);
        } else {
            assert_eq!(refusal(members).0, path, "{members}");
        }
    }
}
