use super::*;
use crate::entity::AttributeKind;

#[test]
//= 5.6.17.4-9
fn a_merge_goes_into_attributes_and_into_values() {
    assert_becomes(
        &merge(r#""temperature":{"type":"Property","value":100,"observedAt":"2022-03-14T13:00:00.000Z"}"#),
        TEMPERATURE,
        r#""temperature":{"type":"Property","value":100,"unitCode":"CEL","observedAt":"2022-03-14T13:00:00.000Z"}"#,
    );
    let address = |value: &str| format!(r#""address":{{"type":"Property","value":{value}}}"#);
    assert_becomes(
        &merge(&address(r#"{"street":"Pariser Platz","country":"urn:ngsi-ld:null"}"#)),
        &address(r#"{"street":"Straße des 17. Juni","city":"Berlin","country":"Germany"}"#),
        &address(r#"{"street":"Pariser Platz","city":"Berlin"}"#),
    );
    // Digits stay, a null of what is not there is nothing, and what is no object is replaced.
    assert_becomes(
        &merge(&address(
            r#"{"a":{"x":1.50,"y":"urn:ngsi-ld:null"},"b":[1,2],"c":{"z":"urn:ngsi-ld:null"}}"#,
        )),
        &address(r#"{"a":{"y":2,"w":12345678901234567890.10},"b":[3],"d":1e2}"#),
        &address(r#"{"a":{"w":12345678901234567890.10,"x":1.50},"b":[1,2],"d":1e2,"c":{}}"#),
    );
    assert_becomes(&merge(&address(r#"{"a":1}"#)), &address("[1]"), &address(r#"{"a":1}"#));
    assert_becomes(&merge(&address("[1]")), &address(r#"{"a":1}"#), &address("[1]"));
    // JSON-LD values have a type, and are one with it.
    let date = |date: &str| address(&format!(r#"{{"at":{{"@type":"x:date","@value":"{date}"}}}}"#));
    assert_becomes(&merge(&date("2026")), &date("2025"), &date("2026"));
    // Languages, attributes of attributes, and members that go.
    assert_becomes(
        &merge(
            r#""a":{"languageMap":{"fr":"urn:ngsi-ld:null","JA":"y"},"b":{"type":"Property","unitCode":"urn:ngsi-ld:null"},"c":"urn:ngsi-ld:null"}"#,
        ),
        r#""a":{"languageMap":{"ja":"x","fr":"z"},"b":{"value":1,"unitCode":"CEL"},"c":1}"#,
        r#""a":{"languageMap":{"ja":"y"},"b":1}"#,
    );
    // Raw JSON has nulls of its own: it is replaced.
    assert_becomes(
        &merge(r#""a":{"json":{"x":"urn:ngsi-ld:null"}}"#),
        r#""a":{"json":{"x":null,"y":1}}"#,
        r#""a":{"json":{"x":"urn:ngsi-ld:null"}}"#,
    );
}

#[test]
fn what_is_merged_and_not_there_yet_must_be_whole() {
    assert_eq!(
        refusal(&merge(r#""a":{"type":"Property","unitCode":"CEL"}"#), r#""b":1"#),
        WhyNot::NoValue
    );
    assert_eq!(
        refusal(
            &merge(r#""b":{"type":"Property","a":{"type":"Property","unitCode":"CEL"}}"#),
            r#""b":1"#
        ),
        WhyNot::NoValue
    );
    let refused =
        merge(r#""b":{"type":"Property","a":{"type":"Property","unitCode":"CEL"}}"#).apply(&entity(r#""b":1"#));
    assert_eq!(refused.unwrap_err().path, [name("b"), name("a")]);
    assert_becomes(&merge(r#""a":"urn:ngsi-ld:null""#), r#""b":1"#, r#""b":1"#);
    assert_eq!(
        refusal(
            &merge(r#""a":{"type":"Relationship","observedAt":"2026-01-01T00:00:00Z"}"#),
            r#""a":1"#
        ),
        WhyNot::OtherKind(AttributeKind::Property)
    );
}

#[test]
//= 5.6.17.4-7, 6.5.3.4-2
fn a_value_that_stands_alone_keeps_the_kind_that_is_there() {
    for (sent, before, after) in [
        (r#""urn:b:2""#, r#"{"object":"urn:b:1"}"#, r#"{"object":"urn:b:2"}"#),
        (
            r#"["urn:b:2","urn:b:3"]"#,
            r#"{"object":"urn:b:1"}"#,
            r#"{"object":["urn:b:2","urn:b:3"]}"#,
        ),
        (
            r#"["urn:b:2"]"#,
            r#"{"objectList":["urn:b:1"]}"#,
            r#"{"objectList":["urn:b:2"]}"#,
        ),
        (r#"[1.50,2]"#, r#"{"valueList":[1]}"#, r#"{"valueList":[1.50,2]}"#),
        (r#""open""#, r#"{"vocab":"closed"}"#, r#"{"vocab":"open"}"#),
        (r#"{"x":1.0}"#, r#"{"json":{"y":1}}"#, r#"{"json":{"x":1.0}}"#),
        (
            r#"{"type":"Point","coordinates":[1.50,2]}"#,
            r#"{"type":"Property","value":1}"#,
            r#"{"type":"Property","value":{"type":"Point","coordinates":[1.50,2]}}"#,
        ),
        (
            r#""2027-01-01T00:00:00Z""#,
            r#"{"value":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}}"#,
            r#"{"value":{"@type":"DateTime","@value":"2027-01-01T00:00:00Z"}}"#,
        ),
        (
            r#"5"#,
            r#"{"value":4,"unitCode":"CEL"}"#,
            r#"{"value":5,"unitCode":"CEL"}"#,
        ),
    ] {
        let (sent, before, after) = (
            format!("\"a\":{sent}"),
            format!("\"a\":{before}"),
            format!("\"a\":{after}"),
        );
        assert_becomes(&merge_simplified(&sent, None), &before, &after);
        assert_becomes(&merge(&sent), &before, &after);
    }
    for (sent, before, kind) in [
        (r#""no URI""#, r#"{"object":"urn:b:1"}"#, AttributeKind::Relationship),
        ("5", r#"{"object":"urn:b:1"}"#, AttributeKind::Relationship),
        ("5", r#"{"vocab":"x"}"#, AttributeKind::VocabProperty),
        ("5", r#"{"valueList":[1]}"#, AttributeKind::ListProperty),
        ("5", r#"{"json":{}}"#, AttributeKind::JsonProperty),
        ("[]", r#"{"object":"urn:b:1"}"#, AttributeKind::Relationship),
    ] {
        let before = format!("\"a\":{before}");
        let why = refusal(&merge_simplified(&format!("\"a\":{sent}"), None), &before);
        assert_eq!(why, WhyNot::OtherKind(kind), "{sent}");
    }
    // A kind that is said is another matter.
    assert_becomes(
        &merge(r#""a":{"type":"Property","value":"x"}"#),
        r#""a":{"object":"urn:b:1","b":1}"#,
        r#""a":{"value":"x","b":1}"#,
    );
}

#[test]
//= 5.6.17.4-8
fn a_text_goes_to_the_language_that_the_request_names() {
    let before = r#""a":{"languageMap":{"ja":"x","fr":"y"}}"#;
    let after = |fr: &str| format!(r#""a":{{"languageMap":{{"ja":"x","fr":{fr}}}}}"#);
    assert_becomes(&merge_simplified(r#""a":"z""#, Some("fr")), before, &after("\"z\""));
    assert_becomes(
        &merge_simplified(r#""a":["z","w"]"#, Some("FR")),
        before,
        &after(r#"["z","w"]"#),
    );
    assert_becomes(
        &merge_simplified(r#""a":"z","b":"new""#, Some("de")),
        before,
        r#""a":{"languageMap":{"ja":"x","fr":"y","de":"z"}},"b":"new""#,
    );
    assert_eq!(
        refusal(&merge_simplified(r#""a":"z""#, None), before),
        WhyNot::NoLanguage
    );
}

#[test]
//= 6.5.3.4-4
fn a_common_date_is_that_of_what_had_one_and_says_none() {
    let update = |members: &str| match merge(members) {
        Update::Merge { fragment, lang, .. } => Update::Merge {
            fragment,
            lang,
            observed_at: Some(DateTime::parse("2030-01-01T00:00:00Z").unwrap()),
        },
        other => other,
    };
    let observed = |value: u8, date: &str| format!(r#"{{"value":{value},"observedAt":"{date}"}}"#);
    let before = format!(
        r#""a":{},"b":{},"c":3,"d":{},"e":{}"#,
        observed(1, "2020-01-01T00:00:00Z"),
        observed(2, "2020-01-01T00:00:00Z"),
        observed(4, "2020-01-01T00:00:00Z"),
        observed(5, "2020-01-01T00:00:00Z"),
    );
    let after = format!(
        r#""a":{},"b":{},"c":9,"d":9,"e":{}"#,
        observed(9, "2030-01-01T00:00:00Z"),
        observed(9, "2025-01-01T00:00:00Z"),
        observed(5, "2020-01-01T00:00:00Z"),
    );
    assert_becomes(
        &update(
            r#""a":9,"b":{"value":9,"observedAt":"2025-01-01T00:00:00Z"},"c":9,"d":{"value":9,"observedAt":"urn:ngsi-ld:null"}"#,
        ),
        &before,
        &after,
    );
}
