use super::super::Fault;
use super::*;

fn parse(json: &str, r#use: FragmentUse) -> Result<Fragment, (String, Fault)> {
    parse_fragment(json.as_bytes(), Context::core(), r#use).map_err(|error| (error.path, error.fault))
}

fn merge(json: &str) -> Fragment {
    parse(json, FragmentUse::Merge).unwrap()
}

fn short(name: &AttributeName) -> String {
    Context::core().compact(name.as_str()).into_owned()
}

#[test]
//= 4.5.18.2-1, 4.5.18.3-1, 4.6.5-2, 5.2.1-3, 5.4-4
fn an_attribute_is_removed_in_each_encoding_of_the_clause() {
    for json in [
        r#""urn:ngsi-ld:null""#,
        r#"{"type":"Property","value":"urn:ngsi-ld:null"}"#,
        r#"{"value":"urn:ngsi-ld:null","datasetId":"urn:d:1"}"#,
        r#"{"type":"GeoProperty","value":"urn:ngsi-ld:null"}"#,
        r#"{"type":"Relationship","object":"urn:ngsi-ld:null"}"#,
        r#"{"object":["urn:ngsi-ld:null"]}"#,
        r#"{"languageMap":{"@none":"urn:ngsi-ld:null"}}"#,
        r#"{"type":"VocabProperty","vocab":"urn:ngsi-ld:null"}"#,
        r#"{"type":"JsonProperty","json":"urn:ngsi-ld:null"}"#,
        r#"{"type":"ListProperty","valueList":["urn:ngsi-ld:null"]}"#,
        r#"{"type":"ListRelationship","objectList":["urn:ngsi-ld:null"]}"#,
        r#"{"type":"ListRelationship","objectList":[{"object":"urn:ngsi-ld:null"}]}"#,
    ] {
        for r#use in [FragmentUse::Update, FragmentUse::Merge] {
            let fragment = parse(&format!(r#"{{"a":{json}}}"#), r#use).unwrap();
            assert!(fragment.attributes[0].instances[0].is_null(), "{json}");
        }
    }
    let kept = merge(r#"{"a":{"value":1,"b":"urn:ngsi-ld:null"},"c":{"languageMap":{"@none":"x"}}}"#);
    let instance = &kept.attributes[0].instances[0];
    assert!(!instance.is_null() && instance.sub_attributes[0].instances[0].is_null());
    assert!(!kept.attributes[1].instances[0].is_null());
}

#[test]
//= 4.18-3
fn other_members_that_are_removed_are_listed_with_where_they_stand() {
    let fragment = merge(
        r#"{"scope":"urn:ngsi-ld:null","expiresAt":"urn:ngsi-ld:null","a":[{"value":1,"observedAt":"urn:ngsi-ld:null",
            "b":[{"value":2,"unitCode":"urn:ngsi-ld:null","datasetId":"urn:d:1"}]},{"value":2,"datasetId":"urn:d:2",
            "b":{"value":2,"datasetId":"urn:d:1"}}],
            "r":{"object":"urn:x:1","objectType":"urn:ngsi-ld:null"},"v":{"value":1,"valueType":"urn:ngsi-ld:null"}}"#,
    );
    let removed = |path: &[(&str, usize)]| {
        let mut attributes = &fragment.attributes;
        let mut removed = &fragment.removed;
        for (name, index) in path {
            let named = |attribute: &&AttributePatch| short(&attribute.name) == *name;
            let instance = &attributes.iter().find(named).unwrap().instances[*index];
            (attributes, removed) = (&instance.sub_attributes, &instance.removed);
        }
        removed.to_vec()
    };
    assert_eq!(removed(&[]), [RemovableMember::Scope, RemovableMember::ExpiresAt]);
    assert_eq!(removed(&[("a", 0)]), [RemovableMember::ObservedAt]);
    assert_eq!(removed(&[("a", 1)]), []);
    assert_eq!(removed(&[("a", 0), ("b", 0)]), [RemovableMember::UnitCode]);
    assert_eq!(removed(&[("a", 1), ("b", 0)]), []);
    assert_eq!(removed(&[("r", 0)]), [RemovableMember::ObjectType]);
    assert_eq!(removed(&[("v", 0)]), [RemovableMember::ValueType]);
    assert!(fragment.scopes.is_none());
    assert!(fragment.id.is_none() && fragment.types.is_empty());
}

#[test]
fn members_of_values_may_be_null_in_a_merge_alone() {
    let json = r#"{"address":{"type":"Property","value":{"street":"x","inner":{"no":"urn:ngsi-ld:null"}}}}"#;
    let fragment = merge(json);
    assert!(!fragment.attributes[0].instances[0].is_null());
    let refused = |json| parse(json, FragmentUse::Update).unwrap_err();
    assert_eq!(refused(json), ("address.value.inner.no".to_owned(), Fault::Null));
    let in_array = r#"{"a":{"type":"Property","value":["urn:ngsi-ld:null"]}}"#;
    for r#use in [FragmentUse::Update, FragmentUse::Merge] {
        let refused = parse(in_array, r#use).unwrap_err();
        assert_eq!(refused, ("a.value[0]".to_owned(), Fault::Null));
    }
}

#[test]
//= 5.5.4-3
fn nulls_that_would_remove_what_cannot_be_removed_are_refused() {
    for (json, path) in [
        (r#"{"id":"urn:ngsi-ld:null"}"#, "id"),
        (r#"{"type":"urn:ngsi-ld:null"}"#, "type"),
        (r#"{"a":{"value":1,"datasetId":"urn:ngsi-ld:null"}}"#, "a.datasetId"),
        (r#"{"a":null}"#, "a"),
        (r#"{"a":{"type":"Property","value":null}}"#, "a.value"),
        (r#"{"a":{"type":"Property","value":{"x":null}}}"#, "a.value.x"),
        (r#"{"a":{"object":["urn:x:1","urn:ngsi-ld:null"]}}"#, "a.object"),
        (r#"{"a":{"vocab":["x","urn:ngsi-ld:null"]}}"#, "a.vocab"),
        (
            r#"{"a":{"languageMap":{"@none":"urn:ngsi-ld:null","fr":"x"}}}"#,
            "a.languageMap",
        ),
        (r#"{"a":{"objectList":["urn:ngsi-ld:null","urn:x:1"]}}"#, "a.objectList"),
        (r#"{"a":{"valueList":["urn:ngsi-ld:null",1]}}"#, "a.valueList[0]"),
        (r#"{"createdAt":"urn:ngsi-ld:null"}"#, "createdAt"),
    ] {
        let error = parse(json, FragmentUse::Merge).unwrap_err();
        if path == "createdAt" {
            assert_eq!(error.0, path);
        } else {
            assert_eq!(error, (path.to_owned(), Fault::Null), "{json}");
        }
    }
}

#[test]
fn what_is_merged_may_be_without_a_value_where_it_says_its_kind() {
    let json = r#"{"a":{"type":"Property","unitCode":"CEL","b":{"type":"Relationship","objectType":"T"}}}"#;
    let instance = &merge(json).attributes[0].instances[0];
    assert!(instance.value.is_none() && instance.unit_code.is_some());
    assert_eq!(instance.kind, Some(AttributeKind::Property));
    let inside = &instance.sub_attributes[0].instances[0];
    assert!(inside.value.is_none() && inside.object_types.as_slice().len() == 1);
    let refused = parse(json, FragmentUse::Update).unwrap_err();
    assert_eq!(refused, ("a.b".to_owned(), Fault::Missing("object")));
    // Without its kind it is a value: an object like any other.
    let value = &merge(r#"{"a":{"unitCode":"CEL"}}"#).attributes[0].instances[0];
    assert!(value.is_bare && value.value.is_some());
}

#[test]
fn additions_have_no_nulls() {
    let parse = |json: &str| parse_additions(json.as_bytes(), Context::core()).map_err(|error| error.path);
    assert_eq!(parse(r#"{"type":["A","B"],"a":1}"#).unwrap().types.len(), 2);
    for (json, path) in [
        (r#"{"a":"urn:ngsi-ld:null"}"#, "a"),
        (r#"{"a":{"type":"Property","value":1,"b":"urn:ngsi-ld:null"}}"#, "a.b"),
        (r#"{"scope":"urn:ngsi-ld:null"}"#, "scope"),
        (r#"{"a":{"type":"Property","unitCode":"CEL"}}"#, "a"),
    ] {
        assert_eq!(parse(json).unwrap_err(), path, "{json}");
    }
}

#[test]
fn a_fragment_of_an_attribute_says_only_what_it_changes() {
    let parse = |json: &str| parse_attribute_fragment(json.as_bytes(), "a", Context::core());
    let only = |json: &str| parse(json).unwrap().instances.remove(0);
    let date = only(r#"{"observedAt":"2026-01-01T00:00:00Z","@context":["https://a.example/c"]}"#);
    assert!(date.value.is_none() && date.kind.is_none() && date.observed_at.is_some());
    let value = only(r#"{"value":{"type":"Point","coordinates":[1.50,2]}}"#);
    assert_eq!(value.value.unwrap().kind(), AttributeKind::GeoProperty);
    assert_eq!(
        value.json.unwrap().as_str(),
        r#"{"type":"Point","coordinates":[1.50,2]}"#
    );
    let removed = only(r#"{"unitCode":"urn:ngsi-ld:null","b":"urn:ngsi-ld:null"}"#);
    assert!(removed.removes(RemovableMember::UnitCode) && removed.sub_attributes[0].instances[0].is_null());
    for (json, path) in [
        ("{}", "a"),
        (r#"{"@context":[]}"#, "a"),
        ("1", "a"),
        (r#"[{"value":1}]"#, "a"),
        (r#"{"value":1,"object":"urn:b:1"}"#, "a.object"),
        (r#"{"value":1,"value":2}"#, "a.value"),
        (r#"{"datasetId":"urn:ngsi-ld:null"}"#, "a.datasetId"),
        (r#"{"value":{"x":"urn:ngsi-ld:null"}}"#, "a.value.x"),
        (r#"{"b":{"type":"Property"}}"#, "a.b"),
        (r#"{"value":1}}"#, ""),
    ] {
        assert_eq!(parse(json).unwrap_err().path, path, "{json}");
    }
    for name in ["value", "scope", "@invalid", "type", "a b"] {
        let json = br#"{"value":1}"#;
        assert_eq!(
            parse_attribute_fragment(json, name, Context::core()).unwrap_err().path,
            name
        );
        assert_eq!(attribute_name(name, Context::core()).unwrap_err().path, name);
    }
}

#[test]
fn an_attribute_that_replaces_another_is_whole() {
    let parse = |json: &str| parse_attribute(json.as_bytes(), "a", Context::core());
    assert_eq!(
        parse(r#"{"value":1}"#).unwrap().instances[0].kind,
        Some(AttributeKind::Property)
    );
    for (json, path) in [
        (r#"{"observedAt":"2026-01-01T00:00:00Z"}"#, "a"),
        (r#"{"type":"Property"}"#, "a"),
        (r#"{"value":"urn:ngsi-ld:null"}"#, "a.value"),
    ] {
        assert_eq!(parse(json).unwrap_err().path, path, "{json}");
    }
}

#[test]
fn simplified_attributes_are_values() {
    let fragment = parse_simplified_fragment(
        r#"{"a":{"type":"PostalAddress","value":1},"b":{"languageMap":{"ja":"x"}},"c":{"vocab":"x"},"d":{"json":{"x":null}},
            "e":{"type":"Point","coordinates":[1,2]},"f":["x","y"],"g":"urn:ngsi-ld:null",
            "h":{"dataset":{"@none":1,"urn:d:1":{"languageMap":{"ja":"x"}}}},"i":{"languageMap":{"ja":"x"},"more":1}}"#
            .as_bytes(),
        Context::core(),
    )
    .unwrap();
    let kinds: Vec<_> = fragment
        .attributes
        .iter()
        .flat_map(|attribute| &attribute.instances)
        .map(|instance| instance.value.as_ref().unwrap().kind().as_str())
        .collect();
    let property = "Property";
    assert_eq!(
        kinds,
        [
            property,
            "LanguageProperty",
            "VocabProperty",
            "JsonProperty",
            "GeoProperty",
            property,
            property,
            property,
            "LanguageProperty",
            property
        ]
    );
    assert!(
        fragment
            .attributes
            .iter()
            .flat_map(|attribute| &attribute.instances)
            .all(|instance| instance.is_bare)
    );
    assert_eq!(fragment.attributes[5].instances[0].terms.as_ref().unwrap().len(), 2);
    assert!(fragment.attributes[6].instances[0].is_null());
    assert_eq!(
        fragment.attributes[7].instances[1]
            .dataset_id
            .as_ref()
            .unwrap()
            .as_str(),
        "urn:d:1"
    );
    for (json, path) in [
        (r#"{"a":{"dataset":{}}}"#, "a.dataset"),
        (r#"{"a":{"dataset":{"urn:d:1":1,"urn:d:1":2}}}"#, "a.urn:d:1"),
        (r#"{"a":{"dataset":{"x":1}}}"#, "a.x"),
        (r#"{"a":{"languageMap":{}}}"#, "a.languageMap"),
        (r#"{"a":{"x":1,"x":2}}"#, "a.x"),
        (r#"{"a":{"x":null}}"#, "a.x"),
    ] {
        let refused = parse_simplified_fragment(json.as_bytes(), Context::core()).unwrap_err();
        assert_eq!(refused.path, path, "{json}");
    }
}
