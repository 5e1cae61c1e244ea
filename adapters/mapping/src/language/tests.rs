//! What a mapping file may say, and how its faults are told.

use super::*;

#[expect(clippy::unnecessary_wraps, reason = "expansion may fail")]
fn expand(name: &str) -> Result<Iri, InvalidName> {
    Ok(Iri::new(format!("https://example.org/{name}")))
}

fn parse(text: &str) -> Result<Mapping, Vec<String>> {
    Mapping::parse_with(text, "test.toml", &expand)
        .map_err(|errors| errors.iter().map(MappingError::to_string).collect())
}

/// A mapping that is well but for the given lines of its attributes.
fn with_attributes(lines: &str) -> String {
    format!("[types.AED]\npath = \"/aed\"\nrecords = \"$[*]\"\nid = \"urn:x:{{no}}\"\n[types.AED.attributes]\n{lines}")
}

fn errors_of(attribute: &str) -> String {
    parse(&with_attributes(attribute)).unwrap_err().join("\n")
}

#[test]
fn every_fault_of_a_file_is_told_at_once_with_its_place() {
    let text = r#"
zone = "JST"
mising = [""]

[types.AED]
path = "aed"
records = "$..aed"
id = "urn:x:{no"
[types.AED.paging]
style = "pages"
[types.AED.attributes]
name = { feild = "namae" }
remarks = { field = "biko", table = "flg" }
[tables.flag]
values = { "1" = true }
"#;
    let errors = parse(text).unwrap_err();
    let expected = [
        "test.toml:2:8: zone: expected an offset from UTC such as \"+09:00\", or \"Z\"",
        "test.toml:3:1: unknown key `mising`; did you mean `missing`?",
        "test.toml:6:8: types.AED.path: expected a path that begins with one `/`; the address stands in tenants.toml",
        "test.toml:7:11: types.AED.records: at character 3 of the path: `..` needs the whole document; name the steps \
         that lead there",
        "test.toml:8:6: types.AED.id: a `{` without its `}`, or the other way round",
        "test.toml:10:9: types.AED.paging.style: unknown style `pages`: expected page, offset, next, cursor or none; did you \
         mean `page`?",
        "test.toml:12:8: types.AED.attributes.name: says not what it is made of: field, constant, latitude and \
         longitude, geometry, position, northing and easting, relationship, text or expression",
        "test.toml:12:10: types.AED.attributes.name: unknown key `feild`; did you mean `field`?",
        "test.toml:13:37: types.AED.attributes.remarks.table: no table `flg`: add [tables.flg]; did you mean `flag`?",
    ];
    assert_eq!(errors, expected);
}

#[test]
fn broken_toml_is_told_with_its_place() {
    let errors = parse("[types.AED]\npath = \n").unwrap_err();
    assert!(errors[0].starts_with("test.toml:2:"), "{errors:?}");
}

#[test]
fn a_mapping_without_types_is_refused() {
    for text in ["", "[types]\n", "types = 1\n"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn keys_that_contradict_each_other_are_refused() {
    for (attribute, message) in [
        (r#"id = "no""#, "no attribute of an entity"),
        (r"name = 1", "expected the name of a field or a table"),
        (r#"name = """#, "names no field"),
        (r#"name = "$.a[*]""#, "must lead to one value"),
        (r#"name = { field = "a", constant = 1 }"#, "made of one thing only"),
        (r#"location = { latitude = "a" }"#, "`longitude` is missing"),
        (r#"location = { longitude = "a" }"#, "`latitude` is missing"),
        (r"location = { geometry = true }", "geometry of a GeoJSON Feature"),
        (
            r#"location = { geometry = "g", unit_code = "MTR" }"#,
            "means nothing beside `geometry`",
        ),
        (
            r#"location = { geometry = "g", bounds = [1, 2, 3] }"#,
            "[west, south, east, north]",
        ),
        (
            r#"location = { geometry = "g", bounds = [2, 2, 1, 3] }"#,
            "[west, south, east, north]",
        ),
        (r#"name = { field = "a", as = "strng" }"#, "did you mean `string`?"),
        (r#"name = { field = "a", as = "list" }"#, "`separator` is missing"),
        (r#"name = { field = "a", separator = ";" }"#, "belongs to as"),
        (
            r#"name = { constant = "a", as = "string" }"#,
            "means nothing beside `constant`",
        ),
        (r#"name = { field = "a", zone = "9" }"#, "an offset from UTC"),
        (
            r#"name = { field = "a", table = { vlues = {} } }"#,
            "did you mean `values`?",
        ),
        (
            r#"name = { field = "a", table = { values = {}, unlisted = "drop" } }"#,
            "expected \"omit\"",
        ),
        (r#"room = { relationship = "urn:room" }"#, "names no field"),
        (r#"room = { relationship = "room {a}" }"#, "does not make a URI"),
        (r"name = { constant = 2026-04-01 }", "with its zone"),
        (r"name = { constant = inf }", "not a number that JSON can say"),
    ] {
        let errors = errors_of(attribute);
        assert!(errors.contains(message), "{attribute}: {errors}");
    }
}

#[test]
fn requests_that_cannot_work_are_refused() {
    for (lines, message) in [
        (
            "record_path = \"/aed/{nr}\"",
            "`{nr}` is no field of `id`; did you mean `no`?",
        ),
        ("record_path = \"/aed\"", "names no field of the id"),
        ("record_path = \"aed/{no}\"", "begins with one `/`"),
        (
            "record = \"$.item\"",
            "`record` says where the answer to `record_path` has it",
        ),
        ("paging = { style = \"page\" }", "`page` is missing"),
        (
            "paging = { style = \"page\", page = \"p\", offset = \"o\" }",
            "unknown key `offset`",
        ),
        (
            "paging = { style = \"page\", page = \"p&q\" }",
            "not the name of a query parameter",
        ),
        (
            "paging = { style = \"page\", page = \"lang\" }",
            "stands in the fixed query",
        ),
        ("paging = { style = \"page\", page = \"p\", max = 0 }", "at least 1"),
        ("paging = { style = \"next\" }", "`next` is missing"),
        (
            "paging = { style = \"next\", next = \"$[*].next\" }",
            "no wildcard here",
        ),
    ] {
        let text =
            format!("[types.AED]\npath = \"/aed?lang=ja\"\nrecords = \"$[*]\"\nid = \"urn:x:{{no}}\"\n{lines}\n");
        let errors = parse(&text).unwrap_err().join("\n");
        assert!(errors.contains(message), "{lines}: {errors}");
    }
    for path in ["//a", "/a#b", "/a b", "/../a", "/施設", "/a/.."] {
        let text = format!("[types.AED]\npath = \"{path}\"\nrecords = \"$[*]\"\nid = \"urn:x:{{no}}\"\n");
        assert!(parse(&text).is_err(), "{path}");
    }
}

#[test]
fn parameters_that_cannot_decide_what_they_are_declared_for_are_refused() {
    let attributes = concat!(
        "name = \"namae\"\n",
        "date = { field = \"nichiji\", as = \"date-time\" }\n",
        "code = { constant = 5 }\n",
        "location = { latitude = \"ido\", longitude = \"keido\" }\n",
    );
    let of = |lines: &str| {
        let paging = "[types.AED.paging]\nstyle = \"offset\"\noffset = \"skip\"\nlimit = \"take\"\n";
        let text = with_attributes(attributes) + paging + "[types.AED.filters]\n" + lines;
        parse(&text).map_or_else(|errors| errors.join("\n"), |_| String::new())
    };
    assert_eq!(of(r#"name = { equal = "n", part = "q" }"#), "");
    for (lines, message) in [
        (
            r#"nmae = { equal = "n" }"#,
            "`nmae` is no attribute of this type; did you mean `name`?",
        ),
        (
            r#"name = { equals = "n" }"#,
            "unknown key `equals`; did you mean `equal`?",
        ),
        ("name = {}", "says no parameter"),
        (r#"name = { equal = "a b" }"#, "not the name of a query parameter"),
        (
            r#"name = { equal = "skip" }"#,
            "`skip` is a parameter for something else already",
        ),
        (
            "name = { equal = \"n\" }\nlocation = { box = \"n\" }",
            "`n` is a parameter for something else",
        ),
        (r#"name = { box = "n" }"#, "are for a place"),
        (r#"date = { equal = "n" }"#, "platforms write dates in many ways"),
        (r#"code = { equal = "n" }"#, "made of a field"),
        (r#"date = { at_least = "n" }"#, "for a field with a number"),
        (r#"location = { part = "n" }"#, "for a field with a text"),
        (
            r#"location = { near = { latitude = "a", longitude = "b" } }"#,
            "`metres` is missing",
        ),
    ] {
        let errors = of(lines);
        assert!(errors.contains(message), "{lines}: {errors}");
    }
}

#[test]
fn one_name_stands_for_one_type_and_one_attribute() {
    let same = |_: &str| Ok(Iri::new("https://example.org/same"));
    let twice = "[types.A]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:x:{no}\"\n[types.B]\npath = \"/b\"\n\
                 records = \"$[*]\"\nid = \"urn:y:{no}\"\n";
    let errors = Mapping::parse_with(twice, "test.toml", &same).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .contains("test.toml:5:8: types.B: this type stands here twice")
    );
    let errors = Mapping::parse_with(&with_attributes("a = \"x\"\nb = \"y\"\n"), "test.toml", &same).unwrap_err();
    assert!(errors[0].to_string().contains("this attribute stands here twice"));
}

#[test]
fn names_get_their_meaning_from_the_context_and_must_be_names() {
    let mapping = Mapping::parse(&with_attributes("name = \"a\"\n"), "test.toml", Context::kakehashi()).unwrap();
    let expected = Context::kakehashi().expand_type("AED").unwrap();
    assert_eq!(mapping.types().collect::<Vec<_>>(), [&expected]);
    let text = with_attributes("\"a b\" = \"a\"\n");
    let errors = Mapping::parse(&text, "test.toml", Context::kakehashi()).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .starts_with("test.toml:6:1: types.AED.attributes.a b: character ' '")
    );
}

#[test]
fn the_id_of_the_view_leads_to_the_path_of_the_record() {
    let text = "[types.Room]\npath = \"/rooms\"\nrecord_path = \"/buildings/{b}/rooms/{r}?by={b}\"\nrecords = \"$[*]\"\n\
                id = \"urn:ngsi-ld:Room:{b}:{r}\"\n";
    let mapping = parse(text).unwrap();
    let room = mapping.type_mappings().first().unwrap();
    let path = |id| room.record_request(&EntityId::parse(id).unwrap());
    assert_eq!(
        path("urn:ngsi-ld:Room:a:2").as_deref(),
        Some("/buildings/a/rooms/2?by=a")
    );
    assert_eq!(
        path("urn:ngsi-ld:Room:a%2F%26:2").as_deref(),
        Some("/buildings/a%2F%26/rooms/2?by=a%2F%26")
    );
    for id in [
        "urn:ngsi-ld:Room:a",
        "urn:ngsi-ld:Room:..:2",
        "urn:ngsi-ld:Room:a:.",
        "urn:ngsi-ld:AED:a:2",
    ] {
        assert_eq!(path(id), None, "{id}");
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn makes_a_mapping_or_errors_but_never_a_panic(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn with_one_place_changed_makes_a_mapping_or_errors(
            at in 0_usize..600, insert in "[\\[\\]{}\"'=.,$*a1あ\\n-]{0,3}", remove in 0_usize..4
        ) {
            let whole = with_attributes(
                "name = \"a\"\nlocation = { latitude = \"a\", longitude = \"b\", bounds = [1, 2, 3, 4] }\n\
                 x = { field = \"$.a['b'][0]\", table = { values = { \"1\" = true }, unlisted = \"keep\" } }\n",
            );
            let before: String = whole.chars().take(at).collect();
            let after: String = whole.chars().skip(at + remove).collect();
            let _ = parse(&format!("{before}{insert}{after}"));
        }

        #[test]
        fn as_a_path_never_panics(text in "\\$[\\[\\]'\".*0-9a-c\\\\uあ -]{0,20}") {
            let _ = JsonPath::parse(&text);
        }
    }
}

#[test]
fn an_expression_is_judged_with_the_mapping_and_makes_a_value_of_fields() {
    let mapping = |expression: &str| {
        format!(
            "[types.AED]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:ngsi-ld:AED:{{no}}\"\n[types.AED.attributes]\nname = {expression}\n"
        )
    };
    let context = Context::kakehashi();
    let refused = |expression: &str| {
        let errors = Mapping::parse(&mapping(expression), "x.toml", context)
            .map(|_| ())
            .unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    for (expression, told) in [
        (
            "{ expression = \"a.trimm()\", as = \"string\" }",
            "did you mean `trim`?",
        ),
        ("{ expression = \"a.trim()\" }", "`as` is missing"),
        (
            "{ expression = \"a\", as = \"date\" }",
            "an expression does not make `date`",
        ),
        (
            "{ expression = \"a > 1\", as = \"string\" }",
            "makes true or false, and `as` says that it is a text",
        ),
        (
            "{ expression = \"a\", as = \"string\", with = { b = \"x\" } }",
            "the expression has no name `b`",
        ),
    ] {
        let said = refused(expression);
        assert!(
            said.starts_with("x.toml:6:") && said.contains(told),
            "{expression}: {said}"
        );
    }
    let text = mapping(
        "{ expression = \"a.trim() + string(size(c)) + (d == null ? '' : d)\", with = { a = \"名称\", c = \"$.l[*]\" }, as = \"string\" }",
    );
    let mapping = Mapping::parse(&text, "x.toml", context).unwrap();
    let sample = r#"[{"no": 1, "名称": " 佐野 ", "l": [1, 2]}, {"no": 2, "名称": 5, "l": []}]"#;
    let report = crate::try_mapping(&mapping, None, sample.as_bytes());
    let names: Vec<String> = report
        .entities
        .iter()
        .map(|entity| format!("{:?}", entity.attributes))
        .collect();
    assert!(names[0].contains("佐野2"), "{names:?}");
    assert_eq!(report.entities[1].attributes.len(), 0, "{names:?}");
    let told = report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(told, ["record 2: name cannot be converted, the attribute is left out"]);
}
