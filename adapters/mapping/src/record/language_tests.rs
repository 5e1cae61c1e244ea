//! What the language says beside plain fields: what stands outside of a record, fields of others, tables, several rows.

use ngsi_ld::entity::{AttributeValue, Json, Value};
use ngsi_ld::{AttributeName, Entity, Iri};

use super::*;
use crate::language::Mapping;
use crate::translate::read_records;
use kakehashi_contract::{AttributeSelection, Yielded};

fn name(text: &str) -> AttributeName {
    AttributeName::new(Iri::new(format!("https://example.org/{text}")))
}

fn mapping(text: &str) -> Mapping {
    Mapping::parse_with(text, "test.toml", &|text| Ok(name(text).iri().clone())).unwrap()
}

fn errors(text: &str) -> Vec<String> {
    let read = Mapping::parse_with(text, "test.toml", &|text| Ok(name(text).iri().clone()));
    read.unwrap_err().iter().map(ToString::to_string).collect()
}

struct Unheard;

impl Findings for Unheard {
    fn note(&mut self, _: &str, _: Finding) {}

    fn forget(&mut self) {}
}

fn outside() -> Outside {
    let mut outside = Outside::of_source(Some("092045"), Some("佐野市"), [("edition", "2026")]);
    outside.file = Some("aed.csv".into());
    outside
}

fn entities(text: &str, body: &str) -> Vec<Entity> {
    let mapping = mapping(text);
    let mapping = &mapping.type_mappings()[0];
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let page = read_records(
        mapping,
        &mapping.documents,
        &outside(),
        &projection,
        body.as_bytes(),
        &mut Unheard,
    );
    page.unwrap().yielded.into_iter().filter_map(Yielded::entity).collect()
}

fn rows(text: &str, header: &[&str], rows: &[&[&str]]) -> Vec<Entity> {
    let mapping = mapping(text);
    let mapping = &mapping.type_mappings()[0];
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let outside = outside();
    let reader = TableReader::new(mapping, &projection, &outside, header);
    let built = rows.iter().filter_map(|cells| {
        let cells = cells.iter().map(|cell| Some(Content::Text((*cell).into())));
        build_entity(mapping, &projection, Ok(&reader.fields(cells)), &mut Unheard).ok()
    });
    match Gathered::of(mapping) {
        None => built.collect(),
        Some(mut gathered) => {
            built.for_each(|entity| gathered.add(entity, &mut Unheard));
            gathered.finish()
        }
    }
}

fn value(entity: &Entity, attribute: &str) -> Option<Value> {
    match &entity.attribute(&name(attribute))?.instances[0].value {
        AttributeValue::Property(value) => Some(value.clone()),
        other => panic!("no Property: {other:?}"),
    }
}

fn json(text: &str) -> Option<Value> {
    Some(Value::Json(Json::parse(text).unwrap()))
}

const STATIONS: &str = r#"
[types.Station]
path = "/stations"
records = "$.stations.*"
id = "urn:x:{@source.code}:{@key}"
[types.Station.attributes]
name = "名"
key = "@key"
reported = { field = "@document.report.time", as = "date-time" }
town = "@source.name"
edition = "@source.edition"
file = "@file"
level = "$.series[-1].value"
before = "$.series[-2].value"
values = { field = "$.series[*].value", as = "list" }
"#;

#[test]
fn names_and_what_stands_beside_the_records_are_fields() {
    let body = r#"{"stations":{"11001":{"名":"渡良瀬","series":[{"value":1},{"value":2},{"value":3}]},"a\u0020b":{"名":"秋山"}},
        "report":{"time":"2026-11-29T09:00:00Z"}}"#;
    let read = entities(STATIONS, body);
    let [first, second] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(first.id.as_str(), "urn:x:092045:11001");
    assert_eq!(second.id.as_str(), "urn:x:092045:a%20b");
    assert_eq!(value(first, "name"), Some("渡良瀬".into()));
    assert_eq!(value(second, "key"), Some("a b".into()));
    assert_eq!(value(first, "town"), Some("佐野市".into()));
    assert_eq!(value(first, "edition"), Some("2026".into()));
    assert_eq!(value(first, "file"), Some("aed.csv".into()));
    assert!(
        matches!(value(second, "reported"), Some(Value::DateTime(date)) if date.as_str() == "2026-11-29T09:00:00Z")
    );
    assert_eq!(value(first, "level"), Some(Value::Number(3_i64.into())));
    assert_eq!(value(first, "before"), Some(Value::Number(2_i64.into())));
    assert_eq!(value(first, "values"), json("[1,2,3]"));
    assert_eq!(value(second, "level"), None);
    assert_eq!(value(second, "values"), None);
}

#[test]
fn an_object_that_explains_an_error_has_no_records_by_its_names() {
    let text = STATIONS.replace("$.stations.*", "$.*");
    let mapping = mapping(&text);
    let mapping = &mapping.type_mappings()[0];
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let body = br#"{"code":401,"message":"no"}"#;
    let outside = outside();
    let read = read_records(mapping, &mapping.documents, &outside, &projection, body, &mut Unheard);
    assert_eq!(read.unwrap_err(), UnreadableBody::NoRecords);
}

#[test]
fn nested_lists_are_flattened() {
    let text = r#"
[types.Clinic]
path = "/c"
records = "$[*]"
id = "urn:x:{id}"
[types.Clinic.attributes]
subjects = { field = "$.days[*].subjects[*]", as = "list", table = { values = { "1" = "内科", "2" = "外科" } } }
words = { field = "診療科", as = "list", separator = "、", table = { values = { "内" = "内科" }, unlisted = "keep" } }
"#;
    let read = entities(
        text,
        r#"[{"id":1,"days":[{"subjects":[1,"2"]},{"subjects":["１"]},{}],"診療科":"内、小児科"}]"#,
    );
    assert_eq!(value(&read[0], "subjects"), json(r#"["内科","外科","内科"]"#));
    assert_eq!(value(&read[0], "words"), json(r#"["内科","小児科"]"#));
}

#[test]
fn tables_know_numbers_however_they_are_written() {
    let text = r#"
[types.A]
path = "/a"
records = "$[*]"
id = "urn:x:{id}"
attributes = { flag = { field = "f", table = { values = { 1 = true, "０" = false, "○" = true } } } }
"#;
    let read = entities(
        text,
        r#"[{"id":1,"f":1.0},{"id":2,"f":"１"},{"id":3,"f":0},{"id":4,"f":" ○ "},{"id":5,"f":2}]"#,
    );
    let flags: Vec<Option<Value>> = read.iter().map(|entity| value(entity, "flag")).collect();
    assert_eq!(
        flags,
        [
            Some(true.into()),
            Some(true.into()),
            Some(false.into()),
            Some(true.into()),
            None
        ]
    );
}

const AED: &str = r#"
[types.AED]
format = "table"
id = "urn:x:{code}-{NO}"
absent = "silent"
table = { header_rows = 2, after = "設置場所", encoding = "cp932" }
[types.AED.fields]
code = { field = ["全国地方公共団体コード", "市区町村コード"], as = "string" }
place = { text = "{都道府県}{市区町村}" }
[types.AED.attributes]
name = { field = ["名称", "施設名"] }
address = { text = "{place}{町字} {番地}" }
code = "code"
column = "$['code']"
town = "@source.name"
"#;

#[test]
fn a_row_is_a_record_and_fields_are_made_of_others() {
    let header = [
        "NO",
        "市区町村コード",
        "施設名",
        "都道府県",
        " 市区町村",
        "町字",
        "code",
    ];
    let read = rows(
        AED,
        &header,
        &[
            &["1", "092045", "市役所", "栃木県", "佐野市", "高砂町", "own"],
            &["2", "", "駅", "", "", "", ""],
            &["3", "092045", "", "栃木県", "", "", ""],
        ],
    );
    let [first, third] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(first.id.as_str(), "urn:x:092045-1");
    assert_eq!(value(first, "name"), Some("市役所".into()));
    assert_eq!(value(first, "address"), Some("栃木県佐野市高砂町".into()));
    assert_eq!(value(first, "code"), Some("092045".into()));
    assert_eq!(value(first, "column"), Some("own".into()));
    assert_eq!(value(first, "town"), Some("佐野市".into()));
    assert_eq!(value(third, "name"), None);
    assert_eq!(value(third, "address"), Some("栃木県".into()));
}

#[test]
fn columns_that_nothing_names_are_not_wanted() {
    let mapping = mapping(AED);
    let mapping = &mapping.type_mappings()[0];
    let only = AttributeSelection::only([name("name")]);
    let projection = Projection::new(mapping, &only, false);
    let wanted: Vec<&str> = mapping.wanted_columns(&projection).collect();
    assert_eq!(
        wanted,
        ["全国地方公共団体コード", "市区町村コード", "NO", "名称", "施設名"]
    );
    let outside = Outside::default();
    let reader = TableReader::new(mapping, &projection, &outside, &["氏名", "ＮＯ", "名 称"]);
    let is_wanted: Vec<bool> = (0..4).map(|column| reader.is_wanted(column)).collect();
    assert_eq!(is_wanted, [false, true, true, false]);
}

#[test]
fn rows_of_one_id_make_one_entity() {
    let text = r#"
[types.Line]
format = "table"
rows = "several"
id = "urn:x:{line}"
[types.Line.attributes]
name = "name"
latest = { field = "name", rows = "last" }
stops = { field = "stop", rows = "list" }
riders = { field = "riders", as = "number", rows = "sum" }
least = { field = "riders", as = "number", rows = "least" }
most = { field = "riders", as = "number", rows = "greatest" }
count = { field = "stop", rows = "count" }
"#;
    let header = ["line", "name", "stop", "riders"];
    let read = rows(
        text,
        &header,
        &[
            &["1", "", "a", "5"],
            &["2", "x", "b", "7"],
            &["1", "y", "", "many"],
            &["1", "z", "c", "2.5"],
        ],
    );
    let [one, two] = read.as_slice() else {
        panic!("{read:?}")
    };
    assert_eq!(value(one, "name"), Some("y".into()));
    assert_eq!(value(one, "latest"), Some("z".into()));
    assert_eq!(value(one, "stops"), json(r#"["a","c"]"#));
    assert_eq!(value(one, "riders"), Some(Value::Number(7.5_f64.into())));
    assert_eq!(value(one, "least"), Some(Value::Number(2.5_f64.into())));
    assert_eq!(value(one, "most"), Some(Value::Number(5_i64.into())));
    assert_eq!(value(one, "count"), Some(Value::Number(2_i64.into())));
    assert_eq!(value(two, "stops"), json(r#"["b"]"#));
    let names: Vec<&str> = one.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
    assert_eq!(names.first(), Some(&"https://example.org/name"));
}

#[test]
fn what_cannot_be_is_told_where_it_stands() {
    let text = r#"
[types.A]
path = "/a"
records = "$.a[-1]"
id = "urn:x:{@kye}"
rows = "many"
[types.A.fields]
one = { text = "{two}" }
two = "one"
[types.A.attributes]
a = { field = "$.b[*]" }
b = { text = "x" }
c = { field = [] }
d = { field = "x", rows = "sum" }
e = "@sheet"
"#;
    let told = errors(text);
    let holds = |part: &str| assert!(told.iter().any(|one| one.contains(part)), "{part}: {told:#?}");
    holds("test.toml:4:11: types.A.records: a place counted from the end");
    holds("test.toml:5:6: types.A.id: `@kye` is nothing that stands beside these records");
    holds("did you mean `@key`?");
    holds("test.toml:6:8: types.A.rows: unknown rows `many`: expected one or several");
    holds("test.toml:8:1: types.A.fields.one: `one` is made of itself");
    holds("test.toml:11:15: types.A.attributes.a.field: this path must lead to one value");
    holds("test.toml:12:14: types.A.attributes.b.text: names no field");
    holds("types.A.attributes.c.field: an empty list names no field");
    holds("types.A.attributes.d.rows: belongs to a type with rows");
    holds("types.A.attributes.e: `@sheet` is nothing");
}

#[test]
fn fields_that_double_with_every_step_are_refused() {
    let mut text = "[types.A]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:x:{id}\"\n[types.A.fields]\n".to_owned();
    text.push_str("f0 = { text = \"{x}{x}\" }\n");
    for step in 1..20 {
        text.push_str(&format!("f{step} = {{ text = \"{{f{0}}}{{f{0}}}\" }}\n", step - 1));
    }
    let told = errors(&text);
    assert!(
        told.iter().any(|one| one.contains("is made of more than 256 fields")),
        "{told:?}"
    );
}

#[test]
fn what_is_made_of_several_things_is_neither_filtered_nor_written() {
    let text = r#"
[types.A]
path = "/a"
record_path = "/a/{id}"
records = "$[*]"
id = "urn:x:{id}"
[types.A.fields]
both = { text = "{x}{y}" }
[types.A.attributes]
a = "both"
b = "x"
[types.A.filters]
a = { equal = "a" }
[types.A.write]
change = { path = "/a/{id}" }
"#;
    let told = errors(text);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("types.A.filters.a: is made of something else than fields"),
        "{told:?}"
    );
    let mapping = mapping(&text.replace("[types.A.filters]\na = { equal = \"a\" }\n", ""));
    let of_type = &mapping.type_mappings()[0];
    let write = of_type.write.as_ref().unwrap();
    let written: Vec<bool> = of_type
        .attributes
        .iter()
        .map(|one| one.is_written(write, &of_type.id))
        .collect();
    assert_eq!(written, [false, true]);
    let told = errors(
        &text
            .replace("urn:x:{id}", "urn:x:{id}:{@key}")
            .replace("[types.A.filters]\na = { equal = \"a\" }\n", ""),
    );
    assert!(
        told.iter()
            .any(|one| one.contains("records of a type with `@key` cannot be written")),
        "{told:?}"
    );
}
