use super::*;
use crate::entity::AttributeKind;

#[test]
//= 5.5.8-2
fn a_partial_update_replaces_the_members_that_it_names_and_no_others() {
    assert_becomes(
        &partly(
            "temperature",
            r#"{"type":"Property","value":100,"observedAt":"2022-03-14T13:00:00.000Z"}"#,
        ),
        TEMPERATURE,
        r#""temperature":{"type":"Property","value":100,"unitCode":"CEL","observedAt":"2022-03-14T13:00:00.000Z"}"#,
    );
    // No value, no kind: what is not said stays.
    assert_becomes(
        &partly(
            "temperature",
            r#"{"unitCode":"urn:ngsi-ld:null","observedAt":"urn:ngsi-ld:null","accuracy":{"type":"Property","value":0.50}}"#,
        ),
        TEMPERATURE,
        r#""temperature":{"type":"Property","value":25,"accuracy":{"type":"Property","value":0.50}}"#,
    );
    // Objects are replaced, not merged, and attributes of it are replaced whole.
    assert_becomes(
        &partly("a", r#"{"value":{"y":2},"b":{"value":3},"c":"urn:ngsi-ld:null"}"#),
        r#""a":{"value":{"x":1},"b":{"value":1,"unitCode":"CEL"},"c":1}"#,
        r#""a":{"value":{"y":2},"b":{"value":3}}"#,
    );
}

#[test]
//= 5.5.8-3
fn a_partial_update_is_of_the_instance_that_it_names_and_keeps_its_kind() {
    let two = r#""a":[{"type":"Property","value":1,"datasetId":"urn:d:1"},{"type":"Property","value":2,"datasetId":"urn:d:2"}]"#;
    assert_becomes(
        &partly("a", r#"{"value":3,"datasetId":"urn:d:2"}"#),
        two,
        r#""a":[{"type":"Property","value":1,"datasetId":"urn:d:1"},{"type":"Property","value":3,"datasetId":"urn:d:2"}]"#,
    );
    assert_becomes(
        &partly(
            "a",
            r#"{"type":"Property","value":"urn:ngsi-ld:null","datasetId":"urn:d:1"}"#,
        ),
        two,
        r#""a":{"type":"Property","value":2,"datasetId":"urn:d:2"}"#,
    );
    assert_eq!(refusal(&partly("a", r#"{"value":3}"#), two), WhyNot::NoInstance);
    assert_eq!(
        refusal(&partly("a", r#"{"value":3,"datasetId":"urn:d:3"}"#), two),
        WhyNot::NoInstance
    );
    assert_eq!(refusal(&partly("b", r#"{"value":3}"#), two), WhyNot::NoAttribute);
    for (json, before, kind) in [
        (
            r#"{"type":"Relationship","object":"urn:b:1"}"#,
            r#""a":1"#,
            AttributeKind::Property,
        ),
        (r#"{"object":"urn:b:1"}"#, r#""a":1"#, AttributeKind::Property),
        (r#"{"type":"Relationship"}"#, r#""a":1"#, AttributeKind::Property),
        (
            r#"{"value":1}"#,
            r#""a":{"object":"urn:b:1"}"#,
            AttributeKind::Relationship,
        ),
        (
            r#"{"value":1}"#,
            r#""a":{"languageMap":{"ja":"x"}}"#,
            AttributeKind::LanguageProperty,
        ),
    ] {
        assert_eq!(refusal(&partly("a", json), before), WhyNot::OtherKind(kind), "{json}");
    }
    // A value that looks like a geometry is what the attribute is.
    assert_becomes(
        &partly("a", r#"{"value":{"type":"Point","coordinates":[1.50,2]}}"#),
        r#""a":{"type":"Property","value":1}"#,
        r#""a":{"type":"Property","value":{"type":"Point","coordinates":[1.50,2]}}"#,
    );
    assert_becomes(
        &partly("location", r#"{"value":{"type":"Point","coordinates":[1.5,2]}}"#),
        r#""location":{"type":"Point","coordinates":[3,4]}"#,
        r#""location":{"type":"Point","coordinates":[1.5,2]}"#,
    );
}

#[test]
fn members_that_a_kind_cannot_have_are_refused_wherever_they_meet_it() {
    let relationship = r#""a":{"object":"urn:b:1","objectType":"B"}"#;
    for (update, before) in [
        (partly("a", r#"{"unitCode":"CEL"}"#), relationship),
        (partly("a", r#"{"valueType":"xsd:int"}"#), relationship),
        (partly("a", r#"{"objectType":"B"}"#), r#""a":1"#),
        (merge(r#""a":{"type":"Relationship","unitCode":"CEL"}"#), relationship),
        (merge(r#""location":"here""#), r#""x":1"#),
        (
            replace("location", r#"{"value":1}"#),
            r#""location":{"type":"Point","coordinates":[3,4]}"#,
        ),
        (
            partly("a", r#"{"valueType":"xsd:string"}"#),
            r#""a":{"languageMap":{"ja":"x"}}"#,
        ),
        (merge_simplified(r#""ngsildproof":{"json":{}}"#, None), r#""x":1"#),
        (partly("a", r#"{"valueType":"DateTime"}"#), r#""a":"yesterday""#),
        (
            merge(r#""a":{"languageMap":{"ja":"urn:ngsi-ld:null"}}"#),
            r#""a":{"languageMap":{"ja":"x"}}"#,
        ),
    ] {
        let why = refusal(&update, before);
        assert!(matches!(why, WhyNot::Invalid(_)), "{before}: {why}");
    }
    // The types of objects stay where new objects say none.
    assert_becomes(
        &partly("a", r#"{"object":"urn:b:2"}"#),
        relationship,
        r#""a":{"object":"urn:b:2","objectType":"B"}"#,
    );
    assert_becomes(
        &partly("a", r#"{"objectType":"urn:ngsi-ld:null"}"#),
        relationship,
        r#""a":{"object":"urn:b:1"}"#,
    );
    assert_becomes(
        &partly("a", r#"{"valueType":"DateTime"}"#),
        r#""a":"2026-01-01T00:00:00Z""#,
        r#""a":{"value":{"@type":"DateTime","@value":"2026-01-01T00:00:00Z"}}"#,
    );
}

#[test]
//= 5.6.2.4-5, 5.6.2.4-6, 5.6.2.4-7
fn an_update_replaces_whole_attributes_adds_those_that_are_not_there_and_removes_nulls() {
    assert_becomes(
        &update(r#""temperature":{"type":"Property","value":100,"observedAt":"2022-03-14T13:00:00.000Z"}"#),
        TEMPERATURE,
        r#""temperature":{"type":"Property","value":100,"observedAt":"2022-03-14T13:00:00.000Z"}"#,
    );
    assert_becomes(
        &update(r#""temperature":{"type":"Property","value":"urn:ngsi-ld:null"},"b":"urn:ngsi-ld:null","c":1"#),
        TEMPERATURE,
        r#""c":1"#,
    );
    // Each instance for itself; without a datasetId it is the default one.
    assert_becomes(
        &update(
            r#""a":[{"value":9,"datasetId":"urn:d:1"},{"value":8,"datasetId":"urn:d:3"},{"value":"urn:ngsi-ld:null"}]"#,
        ),
        r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"},{"value":3,"datasetId":"urn:d:2"}]"#,
        r#""a":[{"value":9,"datasetId":"urn:d:1"},{"value":3,"datasetId":"urn:d:2"},{"value":8,"datasetId":"urn:d:3"}]"#,
    );
    // The kind may change, and nulls of what is new are nothing.
    assert_becomes(
        &update(r#""a":{"object":"urn:b:1","b":"urn:ngsi-ld:null","c":1}"#),
        r#""a":{"value":1,"b":2}"#,
        r#""a":{"object":"urn:b:1","c":1}"#,
    );
}

#[test]
//= 5.4-2
fn types_are_added_and_never_removed() {
    for change in [
        update(r#""type":["Building","Station","Shelter"]"#),
        append(r#""type":["Building","Station","Shelter"]"#, false),
        merge(r#""type":["Building","Station","Shelter"]"#),
    ] {
        let applied = change.apply(&entity(r#""a":1"#)).unwrap();
        let types: Vec<_> = applied
            .entity
            .types
            .iter()
            .map(|r#type| r#type.as_str().rsplit('/').next().unwrap())
            .collect();
        assert_eq!(types, ["Station", "Building", "Shelter"]);
        assert_eq!((applied.updated, applied.not_updated), (vec![], vec![]));
    }
    let many: Vec<String> = (0..100).map(|index| format!("\"T{index}\"")).collect();
    let why = refusal(&update(&format!(r#""type":[{}]"#, many.join(","))), "");
    assert!(matches!(why, WhyNot::TooManyTypes(_)));
}

#[test]
fn scopes_are_what_the_clause_of_each_operation_says() {
    let (with, without) = (r#""scope":["/a","/b"]"#, "");
    assert_becomes(&update(r#""scope":"/c""#), with, r#""scope":"/c""#);
    assert_becomes(&update(r#""scope":"urn:ngsi-ld:null""#), with, "");
    assert_becomes(&append(r#""scope":"/c""#, true), with, r#""scope":"/c""#);
    assert_becomes(
        &append(r#""scope":["/c","/a"]"#, false),
        with,
        r#""scope":["/a","/b","/c"]"#,
    );
    assert_becomes(&append(r#""scope":"/c""#, true), without, r#""scope":"/c""#);
    assert_becomes(&merge(r#""scope":"/c""#), without, r#""scope":"/c""#);
    assert_becomes(&merge(r#""scope":["/c"]"#), with, r#""scope":"/c""#);
    assert_becomes(&merge(r#""a":1"#), with, r#""scope":["/a","/b"],"a":1"#);
    assert_becomes(&Update::DeleteScope, with, "");
    assert_eq!(refusal(&Update::DeleteScope, without), WhyNot::NoScope);
    // What is ignored is told.
    let applied = update(r#""scope":"/c","a":1"#).apply(&entity(without)).unwrap();
    assert_eq!(applied.entity, entity(r#""a":1"#));
    assert_eq!(applied.updated, [name("a")]);
    let left = NotUpdated {
        attribute: AttributeName::new(Iri::new(SCOPE)),
        reason: LeftAsItIs::NoScope,
    };
    assert_eq!(applied.not_updated, [left]);
}

#[test]
//= 5.6.3.4-6
fn appending_without_overwriting_leaves_each_instance_that_is_there() {
    let before = r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"}],"b":3"#;
    let sent = r#""a":[{"value":9},{"value":8,"datasetId":"urn:d:2"}],"b":7,"c":6"#;
    let applied = append(sent, false).apply(&entity(before)).unwrap();
    let after = r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"},{"value":8,"datasetId":"urn:d:2"}],"b":3,"c":6"#;
    assert_eq!(applied.entity, entity(after));
    assert_eq!(applied.updated, [name("a"), name("c")]);
    let left: Vec<_> = applied
        .not_updated
        .iter()
        .map(|left| (&left.attribute, left.reason))
        .collect();
    assert_eq!(
        left,
        [(&name("a"), LeftAsItIs::IsThere), (&name("b"), LeftAsItIs::IsThere)]
    );

    let applied = append(sent, true).apply(&entity(before)).unwrap();
    let after = r#""a":[{"value":9},{"value":2,"datasetId":"urn:d:1"},{"value":8,"datasetId":"urn:d:2"}],"b":7,"c":6"#;
    assert_eq!(applied.entity, entity(after));
    assert!(applied.not_updated.is_empty());
}

#[test]
fn when_it_expires_is_the_writers_to_say() {
    let (with, without) = (r#""expiresAt":"2030-01-01T00:00:00Z""#, "");
    let other = r#""expiresAt":"2031-01-01T00:00:00Z""#;
    assert_becomes(&update(other), with, other);
    assert_becomes(&append(other, false), with, with);
    assert_becomes(&append(other, false), without, other);
    assert_becomes(&merge(other), without, other);
    let gone = merge(r#""expiresAt":"urn:ngsi-ld:null""#).apply(&entity(with)).unwrap();
    assert_eq!(gone.entity.system.expires_at(), None);
    assert_becomes(
        &merge(r#""a":{"type":"Property","expiresAt":"2031-01-01T00:00:00Z"}"#),
        r#""a":1"#,
        r#""a":{"value":1,"expiresAt":"2031-01-01T00:00:00Z"}"#,
    );
    // Other dates are not: they stay what whoever keeps the entity has made them.
    let mut kept = entity(r#""a":1"#);
    kept.attributes[0].instances[0].system.dates_mut().created_at =
        Some(DateTime::parse("2020-01-01T00:00:00Z").unwrap());
    let dates = r#""createdAt":"1999-01-01T00:00:00Z""#;
    let applied = merge(&format!(r#"{dates},"a":{{"type":"Property","value":2,{dates}}}"#))
        .apply(&kept)
        .unwrap();
    assert_eq!(applied.entity.system, kept.system);
    assert_eq!(
        applied.entity.attributes[0].instances[0].system,
        kept.attributes[0].instances[0].system
    );
}

#[test]
fn a_replacement_is_whole_and_of_what_is_there() {
    let before = r#""a":[{"value":1,"unitCode":"CEL","b":1},{"value":2,"datasetId":"urn:d:1"}],"c":1"#;
    assert_becomes(
        &replace("a", r#"{"object":"urn:b:1"}"#),
        before,
        r#""a":[{"object":"urn:b:1"},{"value":2,"datasetId":"urn:d:1"}],"c":1"#,
    );
    assert_eq!(refusal(&replace("b", r#"{"value":1}"#), before), WhyNot::NoAttribute);
    assert_eq!(
        refusal(&replace("c", r#"{"value":1,"datasetId":"urn:d:1"}"#), before),
        WhyNot::NoInstance
    );
    let other = entity(r#""d":1"#);
    let whole = Update::Replace(Box::new(other.clone()));
    assert_eq!(whole.apply(&entity(before)).unwrap().entity, other);
    assert!(whole.covers_all() && !update(r#""a":1"#).covers_all());
}

#[test]
fn an_attribute_is_deleted_by_instances() {
    let before = r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"}],"b":1"#;
    let delete = |attribute: &str, instances| Update::DeleteAttribute {
        name: name(attribute),
        instances,
    };
    let of = |dataset_id| Instances::Of(Iri::new(dataset_id));
    assert_becomes(
        &delete("a", Instances::Default),
        before,
        r#""a":{"value":2,"datasetId":"urn:d:1"},"b":1"#,
    );
    assert_becomes(&delete("a", of("urn:d:1")), before, r#""a":1,"b":1"#);
    assert_becomes(&delete("a", Instances::All), before, r#""b":1"#);
    assert_becomes(
        &delete("b", Instances::Default),
        before,
        r#""a":[{"value":1},{"value":2,"datasetId":"urn:d:1"}]"#,
    );
    assert_eq!(refusal(&delete("c", Instances::All), before), WhyNot::NoAttribute);
    assert_eq!(refusal(&delete("b", of("urn:d:1")), before), WhyNot::NoInstance);
    assert!(WhyNot::NoInstance.is_absence() && !WhyNot::NoValue.is_absence());
}

#[test]
fn what_an_update_names_is_told_before_it_is_applied() {
    let update = merge(r#""type":"B","scope":"/a","a":1,"b":"urn:ngsi-ld:null""#);
    assert_eq!(update.attributes().collect::<Vec<_>>(), [&name("a"), &name("b")]);
    assert_eq!((update.types().len(), update.scopes()), (1, &["/a".into()][..]));
    assert!(update.changes_scopes() && !partly("a", r#"{"value":1}"#).changes_scopes());
    assert_eq!(
        partly("a", r#"{"value":1}"#).attributes().collect::<Vec<_>>(),
        [&name("a")]
    );
}

#[test]
fn an_entity_as_a_fragment_says_what_the_entity_does() {
    let whole = entity(
        r#""scope":"/a","expiresAt":"2030-01-01T00:00:00Z","a":{"type":"VocabProperty","vocab":"x","b":[{"value":1},{"value":2,"datasetId":"urn:d:1"}]},"location":{"type":"Point","coordinates":[1,2]}"#,
    );
    let fragment = Fragment::from(whole.clone());
    assert_eq!(fragment.id.as_ref(), Some(&whole.id));
    let append = Update::Append {
        fragment,
        overwrite: true,
    };
    assert_eq!(append.apply(&entity("")).unwrap().entity, whole);
    assert!(matches!(
        whole.attributes[0].instances[0].value,
        crate::entity::AttributeValue::VocabProperty(_)
    ));
}
