//! From bodies to entities.

use ngsi_ld::entity::{AttributeValue, Geometry, Value};
use ngsi_ld::{AttributeName, Entity, Iri};

use super::*;
use crate::language::Mapping;
use kakehashi_contract::{AttributeSelection, Flaw, Yielded};

fn name(text: &str) -> AttributeName {
    AttributeName::new(Iri::new(format!("https://example.org/{text}")))
}

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

struct Read {
    entities: Vec<Entity>,
    envelope: Envelope,
    noted: Vec<(String, Finding)>,
}

fn read(mapping: &str, selection: &AttributeSelection, body: &[u8]) -> Result<Read, UnreadableBody> {
    let mapping = Mapping::parse_with(mapping, "test.toml", &|text| Ok(name(text).iri().clone())).unwrap();
    let mapping = mapping.type_mappings().first().unwrap();
    let projection = Projection::new(mapping, selection, true);
    let (mut entities, mut noted) = (Vec::new(), Noted::default());
    let outside = Outside::default();
    let envelope = read_document(
        body,
        &mapping.documents,
        mapping,
        &outside,
        &projection.wanted,
        Pass::Quick,
        &mut |fields| {
            entities.extend(build_entity(mapping, &projection, fields, &mut noted));
        },
    )?;
    Ok(Read {
        entities,
        envelope,
        noted: noted.0,
    })
}

fn read_all(mapping: &str, body: &str) -> Read {
    read(mapping, &AttributeSelection::All, body.as_bytes()).unwrap()
}

fn property<'e>(entity: &'e Entity, attribute: &str) -> Option<&'e Value> {
    match &entity.attribute(&name(attribute))?.instances[0].value {
        AttributeValue::Property(value) => Some(value),
        other => panic!("no Property: {other:?}"),
    }
}

fn geometry<'e>(entity: &'e Entity, attribute: &str) -> Option<&'e Geometry> {
    match &entity.attribute(&name(attribute))?.instances[0].value {
        AttributeValue::GeoProperty(geometry) => Some(geometry),
        other => panic!("no GeoProperty: {other:?}"),
    }
}

const SITES: &str = r#"
zone = "+09:00"
missing = ["", "-", "*", "---"]

[tables.flag]
values = { "1" = true, "○" = true, "有" = true, "0" = false, "" = false }

[types.Site]
path = "/sites"
records = "$.items[*]"
id = "urn:x:{id}"
observed_at = "koshin"
modified_at = "koshin"
[types.Site.paging]
style = "page"
page = "page"
total = "$.meta.total"

[types.Site.attributes]
name = "namae"
code = { constant = "092045" }
flood = { field = "kozui", table = "flag" }
capacity = { field = "ninzu", as = "number", unit_code = "IE" }
location = { latitude = "ido", longitude = "keido", bounds = [122, 20, 154, 46] }
city = "$.jusho.shi"
first = "$.tags[0]"
"#;

#[test]
fn a_record_becomes_an_entity() {
    let body = r#"{"meta":{"total":1},"items":[{"id":"E1","namae":"あくと\n福祉","kozui":"○","ninzu":"１２０","ido":"36.4",
        "keido":139.6,"jusho":{"shi":"佐野市"},"tags":["a","b"],"koshin":"2026-04-01 09:00:00","himitsu":"x"}]}"#;
    let read = read_all(SITES, body);
    assert_eq!(read.noted, []);
    assert_eq!(read.envelope.total, Some(1));
    let entity = &read.entities[0];
    assert_eq!(entity.id.as_str(), "urn:x:E1");
    assert_eq!(property(entity, "name"), Some(&"あくと\n福祉".into()));
    assert_eq!(property(entity, "code"), Some(&"092045".into()));
    assert_eq!(property(entity, "flood"), Some(&true.into()));
    assert_eq!(property(entity, "capacity"), Some(&Value::Number(120_i64.into())));
    assert_eq!(property(entity, "city"), Some(&"佐野市".into()));
    assert_eq!(property(entity, "first"), Some(&"a".into()));
    assert_eq!(
        geometry(entity, "location"),
        Some(&Geometry::point(139.6, 36.4).unwrap())
    );
    assert_eq!(entity.attributes.len(), 7);
    let observed = |attribute| {
        entity.attribute(&name(attribute)).unwrap().instances[0]
            .observed_at
            .clone()
    };
    assert_eq!(observed("name").unwrap().as_str(), "2026-04-01T00:00:00Z");
    assert_eq!(observed("code"), None, "a constant is no observation");
    assert_eq!(entity.system.modified_at().unwrap().as_str(), "2026-04-01T00:00:00Z");
    let unit = &entity.attribute(&name("capacity")).unwrap().instances[0].unit_code;
    assert_eq!(unit.as_deref(), Some("IE"));
}

#[test]
fn missing_fields_leave_attributes_out() {
    let body = r#"{"items":[{"id":"1","namae":" － ".."#;
    assert_eq!(
        read(SITES, &AttributeSelection::All, body.as_bytes()).err(),
        Some(UnreadableBody::Syntax { line: 1, column: 36 })
    );
    let body = r#"{"items":[{"id":"1","namae":" --- ","ninzu":null,"kozui":"","jusho":"text","tags":{},"ido":"-"}]}"#;
    let read = read_all(SITES, body);
    let names: Vec<_> = read.entities[0]
        .attributes
        .iter()
        .map(|attribute| attribute.name.clone())
        .collect();
    assert_eq!(names, [name("code"), name("flood")]);
    assert_eq!(
        property(&read.entities[0], "flood"),
        Some(&false.into()),
        "the table comes before `missing`"
    );
    assert_eq!(read.noted, [("location".to_owned(), Finding::NoPosition)]);
}

#[test]
fn odd_values_are_left_out_and_counted_and_the_rest_stays() {
    let body = r#"{"items":[
        {"namae":"no id"}, 7, "text", null, [], {"id":""}, {"id":true}, {"id":{"a":1}},
        {"id":"2","kozui":"△","ninzu":"many","namae":"x","koshin":"soon","ido":"139.6","keido":"36.4"},
        {"id":3,"ido":"36.4"},
        {"id":4,"ido":0,"keido":0}
    ]}"#;
    let read = read_all(SITES, body);
    let ids: Vec<_> = read.entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(ids, ["urn:x:2", "urn:x:3", "urn:x:4"]);
    assert_eq!(read.envelope.records, 11);
    let noted = |field: &str, finding| (field.to_owned(), finding);
    let mut expected = vec![noted("id", Finding::LeavesOut(Flaw::NoId)); 8];
    expected.extend([
        noted("modified_at", Finding::NoDate),
        noted("flood", Finding::Unlisted),
        noted("capacity", Finding::Unconvertible),
        noted("location", Finding::ImpossiblePosition),
        noted("location", Finding::ImpossiblePosition),
        noted("location", Finding::ImpossiblePosition),
    ]);
    assert_eq!(read.noted, expected);
}

#[test]
fn attributes_outside_of_the_selection_are_neither_built_nor_looked_at() {
    let body = r#"{"items":[{"id":"2","namae":"a","kozui":"△","ninzu":"many"}]}"#;
    let only = AttributeSelection::only(vec![name("name"), name("unknown")]);
    let read = read(SITES, &only, body.as_bytes()).unwrap();
    assert_eq!(read.entities[0].attributes.len(), 1);
    assert_eq!(property(&read.entities[0], "name"), Some(&"a".into()));
    assert_eq!(read.noted, []);
}

#[test]
fn features_give_their_properties_and_geometry() {
    let mapping = r#"
[types.Shelter]
path = "/shelters.geojson"
format = "geojson"
id = "urn:x:{共通ID}"
[types.Shelter.attributes]
name = "施設・場所名"
location = { geometry = true }
feature = "$.id"
"#;
    let body = r#"{"type":"FeatureCollection","features":[
        {"type":"Feature","id":5,"geometry":{"type":"Point","coordinates":[139.6,36.4]},
         "properties":{"共通ID":"E1","施設・場所名":"小学校"}},
        {"type":"Feature","geometry":null,"properties":{"共通ID":"E2"}},
        {"type":"Feature","geometry":{"type":"Point","coordinates":[36.4,139.6]},"properties":{"共通ID":"E3"}}]}"#;
    let read = read_all(mapping, body);
    assert_eq!(read.entities.len(), 3);
    assert_eq!(property(&read.entities[0], "name"), Some(&"小学校".into()));
    assert_eq!(
        property(&read.entities[0], "feature"),
        Some(&Value::Number(5_i64.into()))
    );
    assert_eq!(
        geometry(&read.entities[0], "location"),
        Some(&Geometry::point(139.6, 36.4).unwrap())
    );
    assert_eq!(
        read.noted,
        [
            ("location".to_owned(), Finding::NoPosition),
            ("location".to_owned(), Finding::ImpossiblePosition)
        ]
    );
}

#[test]
fn geometries_in_fields_and_relationships_are_read() {
    let mapping = r#"
[types.Room]
path = "/rooms"
records = "$[*]"
id = "urn:x:{b}:{r}"
[types.Room.attributes]
location = { geometry = "geom" }
building = { relationship = "urn:ngsi-ld:Building:{b}" }
owner = { relationship = "{owner}" }
opened = { field = "d", as = "date-time", zone = "+09:00" }
words = { field = "w", as = "list", separator = "／" }
whole = "obj"
part = "$.obj.a"
"#;
    let body = r#"[{"b":"本庁","r":1,"geom":"{\"type\":\"Point\",\"coordinates\":[1,2]}","owner":"urn:o:1","d":"2026/4/1",
        "w":"月／火／","obj":{"a": [1, 2]}},
        {"b":"b","r":2,"geom":{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]}},"owner":"no uri"}]"#;
    let read = read_all(mapping, body);
    let first = &read.entities[0];
    assert_eq!(first.id.as_str(), "urn:x:%E6%9C%AC%E5%BA%81:1");
    assert_eq!(geometry(first, "location"), Some(&Geometry::point(1.0, 2.0).unwrap()));
    assert_eq!(
        geometry(&read.entities[1], "location"),
        Some(&Geometry::point(1.0, 2.0).unwrap())
    );
    let AttributeValue::Relationship { objects, .. } = &first.attribute(&name("building")).unwrap().instances[0].value
    else {
        panic!("no Relationship")
    };
    assert_eq!(objects[0].as_str(), "urn:ngsi-ld:Building:%E6%9C%AC%E5%BA%81");
    assert!(first.attribute(&name("owner")).is_some());
    assert!(read.entities[1].attribute(&name("owner")).is_none());
    let json = |attribute| match property(first, attribute) {
        Some(Value::Json(json)) => json.as_str().to_owned(),
        other => panic!("no JSON: {other:?}"),
    };
    assert_eq!(json("words"), r#"["月","火"]"#);
    assert_eq!(json("whole"), r#"{"a":[1,2]}"#);
    assert_eq!(json("part"), "[1,2]");
}

#[test]
fn a_byte_order_mark_is_skipped_and_other_encodings_are_refused() {
    let read = |body: &[u8]| read(SITES, &AttributeSelection::All, body).map(|read| read.entities.len());
    assert_eq!(read(b"\xEF\xBB\xBF{\"items\":[{\"id\":\"1\"}]}"), Ok(1));
    assert_eq!(
        read(b"{\"items\":[{\"id\":\"\x8D\xB2\"}]}"),
        Err(UnreadableBody::Encoding)
    );
}

#[test]
fn a_record_that_cannot_be_read_costs_itself_alone() {
    let mapping = Mapping::parse_with(SITES, "test.toml", &|text| Ok(name(text).iri().clone())).unwrap();
    let mapping = mapping.type_mappings().first().unwrap();
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    for wrong in [
        &br#"{"id":"2",}"#[..],
        br#"{"id":"2" "namae":"x"}"#,
        br#"{"id":"2","namae":tru}"#,
        b"{\"id\":\"2\",\"namae\":\"a\nb\"}",
        b"{\"id\":\"2\",\"namae\":\"\xff\"}",
        br#"{"id":"2","namae":"\x"}"#,
        br#"{"id":"2","namae":NaN,}"#,
        b"nul",
    ] {
        let body = [
            br#"{"items":[{"id":"1","namae":"]},{"}, "#,
            wrong,
            br#",{"id":"3","namae":"a"}],"n":2}"#,
        ]
        .concat();
        let read =
            crate::translate::read_records(mapping, &mapping.documents, &Outside::default(), &projection, &body, &mut Noted::default());
        let page = read.unwrap_or_else(|error| panic!("{}: {error}", String::from_utf8_lossy(wrong)));
        let left_out = Yielded::LeftOut(Flaw::Malformed);
        let is_whole = |one: &Yielded| matches!(one, Yielded::Entity(_));
        assert!(
            matches!(page.yielded.as_slice(), [first, second, third] if is_whole(first) && *second == left_out && is_whole(third)),
            "{}",
            String::from_utf8_lossy(wrong)
        );
    }
}

#[test]
fn bodies_without_the_records_place_are_no_empty_answers() {
    let read = |body: &str| read(SITES, &AttributeSelection::All, body.as_bytes()).map(|read| read.entities.len());
    assert_eq!(read(r#"{"items":[]}"#), Ok(0));
    assert_eq!(read(r#"{"items":null}"#), Ok(0));
    for body in [r#"{"error":"busy"}"#, "[]", "null", "1", r#"{"items":"none"}"#] {
        assert_eq!(read(body), Err(UnreadableBody::NoRecords), "{body}");
    }
    for body in ["", r#"{"items":["#, r#"{"items":[{"id":"1"}]"#] {
        assert_eq!(read(body), Err(UnreadableBody::CutOff), "{body}");
    }
    for body in ["<html>", r#"{"items":[]}{"#] {
        assert!(matches!(read(body), Err(UnreadableBody::Syntax { .. })), "{body}");
    }
}

mod any_document {
    use proptest::prelude::*;
    use serde_json_path::JsonPath as ReferencePath;

    use super::*;
    use crate::language::{JsonPath, Step};

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i32>().prop_map(Into::into),
            "[a-c\"\\\\あ ]{0,3}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[ab]|あ|'", inner, 0..4)
                    .prop_map(|members| { serde_json::Value::Object(members.into_iter().collect()) }),
            ]
        })
    }

    fn path() -> impl Strategy<Value = String> {
        let step = prop_oneof![
            Just(".a".to_owned()),
            Just("['b']".to_owned()),
            Just("[\"あ\"]".to_owned()),
            Just("['\\'']".to_owned()),
            Just(".*".to_owned()),
            Just("[*]".to_owned()),
            (0_usize..3).prop_map(|index| format!("[{index}]")),
        ];
        prop::collection::vec(step, 0..4).prop_map(|steps| format!("${}", steps.concat()))
    }

    /// Every value that the streaming reader finds at the path, as the record's whole.
    fn streamed(path: &JsonPath, body: &str, pass: Pass) -> Vec<serde_json::Value> {
        let mut tree = FieldTree::default();
        let whole = tree.slot(&JsonPath { steps: Vec::new() });
        let mut wanted = tree.nothing_wanted();
        wanted.add(whole);
        let paths = DocumentPaths {
            records: path.clone(),
            // Paths that overlap with that of the records must not disturb it.
            total: Some(JsonPath::parse("$.a[0]").unwrap()),
            pages: Some(JsonPath::parse("$.b").unwrap()),
            next: Some(JsonPath { steps: Vec::new() }),
        };
        let mut found = Vec::new();
        let mapping = Mapping::parse_with(SITES, "test.toml", &|text| Ok(name(text).iri().clone())).unwrap();
        let mut mapping = mapping.type_mappings()[0].clone();
        mapping.fields = tree;
        let outside = Outside::default();
        let read = read_document(body.as_bytes(), &paths, &mapping, &outside, &wanted, pass, &mut |fields| {
            let json = fields
                .unwrap()
                .json(whole)
                .map_or(serde_json::Value::Null, |json| serde_json::from_str(json).unwrap());
            found.push(json);
        });
        match read {
            Ok(envelope) => assert_eq!(envelope.records, found.len()),
            Err(error) => assert_eq!((error, found.len()), (UnreadableBody::NoRecords, 0)),
        }
        found
    }

    /// The value of a field path, read from the document as a record.
    fn field(path: &JsonPath, body: &str) -> Option<serde_json::Value> {
        let mut tree = FieldTree::default();
        let slots = [path, &JsonPath::parse("$.a").unwrap()].map(|path| tree.slot(path));
        let mut wanted = tree.nothing_wanted();
        slots.iter().for_each(|slot| _ = wanted.add(*slot));
        let mut fields = tree.empty_fields();
        let mut deserializer = serde_json::Deserializer::from_str(body);
        serde::de::DeserializeSeed::deserialize(tree.record(&wanted, &mut fields), &mut deserializer).unwrap();
        fields.json(slots[0]).map(|json| serde_json::from_str(json).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn gives_the_same_values_as_the_reference(document in json(), path in path()) {
            let body = document.to_string();
            let reference: Vec<_> =
                ReferencePath::parse(&path).unwrap().query(&document).all().into_iter().cloned().collect();
            let parsed = JsonPath::parse(&path).unwrap();
            for pass in [Pass::Quick, Pass::RecordByRecord] {
                prop_assert_eq!(streamed(&parsed, &body, pass), reference.clone(), "{} in {}", path, body);
            }
            if !parsed.steps.contains(&Step::Each) {
                let value = reference.first().filter(|value| !value.is_null()).cloned();
                prop_assert_eq!(field(&parsed, &body), value, "{} in {}", path, body);
            }
        }

        #[test]
        fn of_any_bytes_gives_entities_or_an_error_but_never_a_panic(
            body in prop::collection::vec(any::<u8>(), 0..200)
        ) {
            let _ = read(SITES, &AttributeSelection::All, &body);
        }

        #[test]
        fn of_any_shape_gives_every_record_that_has_an_id(
            records in prop::collection::vec(json(), 0..6), cut in any::<prop::sample::Index>()
        ) {
            let mut items = records.clone();
            items.push(serde_json::json!({"id": "last", "kozui": records, "ido": records, "namae": records}));
            let body = serde_json::json!({"items": items}).to_string();
            let read_whole = read_all(SITES, &body);
            prop_assert_eq!(read_whole.entities.len(), 1);
            prop_assert_eq!(read_whole.envelope.records, items.len());
            let end = cut.index(body.len());
            prop_assert!(read(SITES, &AttributeSelection::All, &body.as_bytes()[..end]).is_err());
        }
    }
}
