//! The rules of clauses 4.5, 4.6 and 5.5.4 as tables: what is refused, at which member, and why.

use super::*;
use crate::EntityId;

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
//= 4.5.1-3
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
fn what_may_be_empty_and_what_may_be_any_text() {
    for members in [
        r#""a":{"type":"ListProperty","valueList":[]}"#,
        r#""a":{"type":"ListRelationship","objectList":[]}"#,
        r#""a":{"type":"LanguageProperty","languageMap":{"ja":[]}}"#,
        r#""a":{"type":"JsonProperty","json":[]}"#,
        r#""a":{"type":"Property","value":[]}"#,
        r#""scope":[]"#,
        r#""a":{"type":"VocabProperty","vocab":"non-commercial"}"#,
        r#""a":{"type":"VocabProperty","vocab":["8:30 to 17:00","","利用 中","@none","type","a\"b"]}"#,
    ] {
        accepted(members);
    }
}

#[test]
fn no_entity_begins_with_an_id_of_which_nobody_sees_all() {
    for character in ["\u{feff}", "\u{200b}", "\u{2028}", "\u{202e}"] {
        let json = format!(r#"{{"id":"urn:a:1{character}","type":"T"}}"#);
        let error = parse_entity(json.as_bytes(), Context::core()).unwrap_err();
        assert_eq!(error.path, "id", "{character:?}");
        assert!(error.fault.to_string().contains("at position 7"), "{error}");
        // What leads to one that is there does not make it.
        if EntityId::parse(&format!("urn:a:1{character}")).is_ok() {
            accepted(&format!(
                r#""a":{{"type":"Relationship","object":"urn:a:1{character}"}}"#
            ));
        }
    }
}

#[test]
//= 4.5.2.2-4, 4.5.2.3-5, 4.5.3.2-3, 4.5.3.3-3, 4.5.18.2-2, 4.5.18.3-2, 4.5.20.2-1, 4.5.21.2-1, 4.5.22.2-1, 4.5.24.2-1
//= 5.2.5-1, 5.2.6-1, 5.2.7-1, 5.2.32-1, 5.2.35-1, 5.2.36-1, 5.2.37-1, 5.2.38-1
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
        ("JsonProperty", "json", r#"{"a":1}"#, "previousJson"),
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
            (r#""objectType":["T","U"]"#, &["Relationship", "ListRelationship"]),
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
//= 4.6.3-2, 4.6.3-3, 4.6.3-4
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
//= 4.7.1-1
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
//= 4.6.5-1, 5.2.32-2
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
        (
            r#""a":{"type":"Relationship","object":"urn:b:1","objectType":[]}"#,
            "a.objectType",
        ),
        (
            r#""a":{"type":"Relationship","object":"urn:b:1","objectType":["T","a b"]}"#,
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

#[test]
fn the_names_of_the_core_that_are_geo_properties_of_an_entity_are_nothing_else() {
    let geometry = r#"{"type":"Point","coordinates":[1,2]}"#;
    for name in [
        "location",
        "observationSpace",
        "operationSpace",
        "https://uri.etsi.org/ngsi-ld/location",
    ] {
        for value in [
            geometry.to_owned(),
            format!(r#"{{"value":{geometry}}}"#),
            format!(r#"[{{"type":"GeoProperty","value":{geometry}}}]"#),
        ] {
            accepted(&format!("\"{name}\":{value}"));
        }
        for value in [
            "7",
            "\"36,139\"",
            r#"{"type":"Property","value":7}"#,
            r#"{"type":"Relationship","object":"urn:a:1"}"#,
            r#"{"type":"Property","value":{"type":"Point","coordinates":[1,2]}}"#,
            r#"[{"type":"GeoProperty","value":{"type":"Point","coordinates":[1,2]}},{"type":"Property","value":1,"datasetId":"urn:d:1"}]"#,
        ] {
            let (path, reason) = refusal(&format!("\"{name}\":{value}"));
            assert_eq!(path, name, "{value}");
            assert!(reason.contains("GeoProperty"), "{reason}");
        }
    }
    // An attribute of an attribute, and a name of somebody else, may be anything.
    accepted(r#""a":{"type":"Property","value":1,"location":"here"},"https://example.org/location":1"#);
}

#[test]
//= 5.2.38-2
fn raw_json_is_an_object_or_an_array_of_objects() {
    let property = |json: &str| format!(r#""a":{{"type":"JsonProperty","json":{json}}}"#);
    for json in [
        "{}",
        "[]",
        r#"[{"a":null},{}]"#,
        r#"{"type":"Property","@type":"x","a":["urn:ngsi-ld:null"]}"#,
    ] {
        accepted(&property(json));
        accepted(&format!(r#""a":{{"json":{json}}}"#));
    }
    for json in [
        "5",
        "\"x\"",
        "true",
        "[1]",
        "[{},1]",
        "[[]]",
        "null",
        "\"urn:ngsi-ld:null\"",
    ] {
        assert_eq!(refusal(&property(json)).0, "a.json", "{json}");
    }
}

#[test]
//= 5.2.32-4
fn the_value_type_of_texts_with_a_language_is_lang_string() {
    let property = |value_type: &str| {
        format!(r#""a":{{"type":"LanguageProperty","languageMap":{{"ja":"x"}},"valueType":"{value_type}"}}"#)
    };
    accepted(&property("langString"));
    accepted(&property("http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"));
    for other in ["xsd:string", "string", "urn:x:langString"] {
        let (path, reason) = refusal(&property(other));
        assert_eq!(path, "a.valueType", "{other}");
        assert!(reason.contains("langString"), "{reason}");
    }
    // Others may have any type; relationships have none (clause 5.2.6).
    accepted(r#""a":{"type":"Property","value":1,"valueType":"xsd:double"}"#);
    for relationship in [
        r#""a":{"type":"Relationship","object":"urn:b:1","valueType":"x"}"#,
        r#""a":{"type":"ListRelationship","objectList":[],"valueType":"x"}"#,
    ] {
        assert_eq!(refusal(relationship).0, "a.valueType");
    }
}

#[test]
//= 4.5.2.2-2, 4.5.2.3-3, 4.5.3.2-2, 4.5.3.3-2, 5.2.5-2, 5.2.6-2, 5.2.7-2, 5.2.32-3, 5.2.35-3, 5.2.36-2, 5.2.37-2
//= 5.2.38-3
fn only_a_proof_is_sealed_and_its_value_is_an_object() {
    let sealed = r#""entityIdSealed":"urn:a:1","entityTypeSealed":"T""#;
    let proof = |value: &str, seal: &str| format!(r#""ngsildproof":{{"type":"Property","value":{value},{seal}}}"#);
    accepted(&proof(r#"{"type":"DataIntegrityProof"}"#, sealed));
    accepted(&format!(
        r#""a":{{"type":"Property","value":1,{}}}"#,
        proof("{}", sealed)
    ));
    accepted(r#""ngsildproof":{"proofValue":"x"}"#);
    for (members, path) in [
        (proof("\"x\"", sealed), "ngsildproof.value"),
        (proof("[{}]", sealed), "ngsildproof.value"),
        (proof("{}", r#""entityTypeSealed":42"#), "ngsildproof.entityTypeSealed"),
        (proof("{}", r#""entityIdSealed":"a""#), "ngsildproof.entityIdSealed"),
        (proof("{}", &format!("{sealed},{sealed}")), "ngsildproof.entityIdSealed"),
        (r#""ngsildproof":1"#.to_owned(), "ngsildproof"),
        (
            r#""ngsildproof":{"type":"JsonProperty","json":{}}"#.to_owned(),
            "ngsildproof.json",
        ),
        (
            r#""a":{"type":"Property","value":1,"entityIdSealed":"urn:a:1"}"#.to_owned(),
            "a.entityIdSealed",
        ),
        (
            r#""a":{"type":"Property","value":1,"entityTypeSealed":"T"}"#.to_owned(),
            "a.entityTypeSealed",
        ),
        (
            format!(r#""a":{{"type":"Property","value":1,"ngsildproof":{{"value":{{}},"b":{{"value":1,{sealed}}}}}}}"#),
            "a.ngsildproof.b.entityIdSealed",
        ),
    ] {
        assert_eq!(refusal(&members).0, path, "{members}");
    }
}

#[test]
//= 5.2.5-4, 5.2.6-3, 5.2.7-4, 5.2.32-5, 5.2.35-4, 5.2.36-4, 5.2.37-3, 5.2.38-5
fn what_only_the_system_makes_is_ignored_and_still_json() {
    // Tables 5.2.5-2 and the like: whoever provides it, it is ignored.
    for ignored in [
        r#""previousValue":1"#,
        r#""previousValue":{"a":null}"#,
        r#""instanceId":"urn:i:1""#,
        r#""createdAt":"2026-01-01T00:00:00Z","deletedAt":"2026-01-01T00:00:00Z""#,
    ] {
        accepted(&format!(r#""a":{{"type":"Property","value":1,{ignored}}}"#));
    }
    for (broken, path) in [
        (r#""previousValue":{"b":1,"b":2}"#, "a.previousValue.b"),
        (r#""previousValue":1,"previousValue":1"#, "a.previousValue"),
        (r#""createdAt":"yesterday""#, "a.createdAt"),
        (
            r#""createdAt":{"type":"Property","value":"2026-01-01T00:00:00Z"}"#,
            "a.createdAt",
        ),
    ] {
        assert_eq!(
            refusal(&format!(r#""a":{{"type":"Property","value":1,{broken}}}"#)).0,
            path
        );
    }
}

#[test]
//= 4.5.1-1, 4.18-1, 4.18-2, 5.2.4-1
fn ids_types_and_scopes_are_judged() {
    let parse = |json: &str| parse_entity(json.as_bytes(), Context::core()).map_err(|error| error.path);
    for (json, path) in [
        (r#"{"id":1,"type":"T"}"#, "id"),
        (r#"{"id":"","type":"T"}"#, "id"),
        (r#"{"id":"a b:c","type":"T"}"#, "id"),
        (r#"{"id":"urn:x:\u202eabc","type":"T"}"#, "id"),
        (r#"{"id":"urn:x:\ud83d","type":"T"}"#, ""),
        (r#"{"id":"urn:ngsi-ld:null","type":"T"}"#, "id"),
        (r#"{"id":"urn:x:1","@id":"urn:x:1","type":"T"}"#, "@id"),
        (r#"{"id":"urn:x:1","type":[]}"#, "type"),
        (r#"{"id":"urn:x:1","type":1}"#, "type"),
        (r#"{"id":"urn:x:1","type":["T",1]}"#, "type"),
        (r#"{"id":"urn:x:1","type":"9T"}"#, "type"),
        (r#"{"id":"urn:x:1","type":"urn:ngsi-ld:null"}"#, "type"),
        (r#"{"id":"urn:x:1","type":"T","scope":1}"#, "scope"),
        (r#"{"id":"urn:x:1","type":"T","scope":["a",1]}"#, "scope"),
        (r#"{"id":"urn:x:1","type":"T","scope":"a/"}"#, "scope"),
        (r#"{"id":"urn:x:1","type":"T","scope":"urn:ngsi-ld:null"}"#, "scope"),
        (r#"{"id":"urn:x:1","type":"T","scope":["a"],"scope":"a"}"#, "scope"),
        (r#"{"id":"urn:x:1","type":"T","@context":[],"@context":[]}"#, "@context"),
    ] {
        assert_eq!(parse(json).unwrap_err(), path, "{json}");
    }
    // The crate has no clock: whether what has expired is kept is for the store to say (clause 4.22).
    accepted(r#""expiresAt":"1999-12-31T23:59:59Z""#);
    accepted(r#""scope":["Sano","/Sano_2/避難所"]"#);
}

#[test]
//= 4.5.1-2
fn an_attribute_may_have_several_instances_and_one_of_each_dataset() {
    let instance = |more: &str| format!(r#"{{"type":"Property","value":1{more}}}"#);
    let (default, first) = (instance(""), instance(r#","datasetId":"urn:d:1""#));
    accepted(&format!(r#""a":[{default},{first}]"#));
    accepted(&format!(
        r#""a":[{{"type":"Relationship","object":"urn:b:1","datasetId":"urn:d:2"}},{first}]"#
    ));
    for (instances, path) in [
        (format!("[{first},{first}]"), "a[1]"),
        (format!("[{default},{}]", instance(r#","datasetId":"@none""#)), "a[1]"),
        (instance(r#","datasetId":"urn:ngsi-ld:null""#), "a.datasetId"),
        (instance(r#","datasetId":["urn:d:1"]"#), "a.datasetId"),
        (instance(r#","unitCode":["CEL","FAH"]"#), "a.unitCode"),
        (instance(r#","observedAt":["2026-01-01T00:00:00Z"]"#), "a.observedAt"),
    ] {
        assert_eq!(refusal(&format!("\"a\":{instances}")).0, path, "{instances}");
    }
}

#[test]
//= 4.2.2-1, 4.6.3-1
fn values_are_of_the_types_of_their_kind() {
    for (members, path) in [
        (r#""a":{"type":"Relationship","object":1}"#, "a.object"),
        (
            r#""a":{"type":"Relationship","object":{"object":"urn:b:1"}}"#,
            "a.object",
        ),
        (
            r#""a":{"type":"ListRelationship","objectList":"urn:b:1"}"#,
            "a.objectList",
        ),
        (
            r#""a":{"type":"ListRelationship","objectList":[{"object":"urn:b:1","x":1}]}"#,
            "a.objectList",
        ),
        (
            r#""a":{"type":"ListRelationship","objectList":[{"object":["urn:b:1"]}]}"#,
            "a.objectList",
        ),
        (r#""a":{"type":"ListProperty","valueList":{"a":1}}"#, "a.valueList"),
        (r#""a":{"type":"ListProperty","valueList":[null]}"#, "a.valueList[0]"),
        (r#""a":{"type":"VocabProperty","vocab":{"a":"b"}}"#, "a.vocab"),
        (r#""a":{"type":"LanguageProperty","languageMap":"x"}"#, "a.languageMap"),
        (
            r#""a":{"type":"LanguageProperty","languageMap":{"ja":["x",5]}}"#,
            "a.languageMap",
        ),
        (
            r#""a":{"type":"LanguageProperty","languageMap":{"ja":null}}"#,
            "a.languageMap",
        ),
        (r#""a":{"type":"GeoProperty","value":"not a geometry"}"#, "a.value"),
        (r#""a":{"type":"Property","value":{"x":"\ud83d"}}"#, "a.value.x"),
        (
            r#""a":{"type":"Property","value":1,"b":{"type":"Property","value":"urn:ngsi-ld:null"}}"#,
            "a.b.value",
        ),
        (r#""a":{"type":"Property","value":1,"b":null}"#, "a.b"),
        (
            r#""a":{"type":"Property","value":1,"b":{"type":"Property","value":1,"@context":{}}}"#,
            "a.b.@context",
        ),
        (r#""a":{"type":["Property"],"value":1}"#, "a.type"),
        (r#""a":{"type":"Property","value":1,"@type":"Property"}"#, "a.@type"),
    ] {
        assert_eq!(refusal(members).0, path, "{members}");
    }
    accepted(
        r#""a":{"type":"Property","value":{"x":[1e-400,-12345678901234567890.5]}},"b":{"type":"ListProperty","valueList":[1e300]}"#,
    );
}
