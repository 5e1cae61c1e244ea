//! What a mapping may say about writing, and how its faults are told.

use ngsi_ld::context::Context;

use super::Mapping;

/// A mapping that is well but for what it says about writing.
fn errors_of(tables: &str, attributes: &str, write: &str) -> String {
    let text = format!(
        "{tables}\n[types.AED]\npath = \"/aed\"\nrecord_path = \"/aed/{{no}}\"\nrecords = \"$[*]\"\nid = \"urn:x:{{no}}\"\n\
         [types.AED.attributes]\n{attributes}\n[types.AED.write]\n{write}"
    );
    match Mapping::parse(&text, "test.toml", Context::kakehashi()) {
        Ok(_) => String::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

const FLAG: &str = "[tables.flag]\nvalues = { \"1\" = true, \"○\" = true, \"0\" = false }\n";
const CREATE: &str = "create = { path = \"/aed\" }\n";

#[test]
fn what_cannot_be_written_is_refused_when_the_mapping_is_read() {
    let name = "name = \"namae\"";
    for (tables, attributes, write, says) in [
        (
            "",
            name,
            "",
            "says nothing that can be done: write one of create, replace, change, delete",
        ),
        ("", name, "craete = { path = \"/aed\" }", "did you mean `create`?"),
        (
            "",
            name,
            "create = { method = \"GET\", path = \"/aed\" }",
            "unknown method `GET`",
        ),
        ("", name, "change = { path = \"/aed\" }", "names no field of the id"),
        (
            "",
            name,
            "change = { path = \"/aed/{id}\" }",
            "`{id}` is no field of `id`",
        ),
        (
            "",
            name,
            &format!("{CREATE}empty = \"-\""),
            "is none of the texts of `missing`",
        ),
        (
            "",
            name,
            &format!("{CREATE}date = \"令和8年\""),
            "expected a date as the platform writes it",
        ),
        (
            "",
            name,
            &format!("{CREATE}record = \"$[0]\""),
            "only names of members lead to the record",
        ),
        (
            "",
            name,
            &format!("{CREATE}texts = [\"namea\"]"),
            "`namea` is no field that this type is made of; did you mean `namae`?",
        ),
        (
            "",
            name,
            &format!("{CREATE}texts = [\"namae\"]\nnumbers = [\"namae\"]"),
            "in `texts` and in `numbers`",
        ),
        (
            "",
            name,
            &format!("{CREATE}set_by_platform = [\"no\"]"),
            "an entity keeps the id that it is created with",
        ),
        (
            "",
            "name = { constant = \"a\" }",
            CREATE,
            "nothing of the type can be written",
        ),
        (
            FLAG,
            "open24h = { field = \"h\", table = \"flag\" }",
            CREATE,
            "`1`, `○` all mean true",
        ),
        (
            &FLAG.replace("}\n", "}\nwrite = [\"○\", \"1\"]\n"),
            name,
            CREATE,
            "`1` means the same as an earlier word here",
        ),
        (
            &FLAG.replace("}\n", "}\nwrite = [\"◎\"]\n"),
            name,
            CREATE,
            "`◎` is none of the words of `values`",
        ),
    ] {
        let told = errors_of(tables, attributes, write);
        assert!(told.contains(says), "{says}: {told}");
        assert!(told.contains("test.toml:"), "{told}");
    }
}

#[test]
fn what_can_be_written_is_taken() {
    let chosen = FLAG.replace("}\n", "}\nwrite = [\"○\"]\n");
    let flag = "open24h = { field = \"h\", table = \"flag\" }\nname = { constant = \"a\" }";
    assert_eq!(errors_of(&chosen, flag, CREATE), "");
    let delete = "delete = { path = \"/aed/{no}\" }";
    assert_eq!(errors_of("", "name = { constant = \"a\" }", delete), "");
}

#[test]
fn a_record_that_cannot_be_read_alone_or_is_geojson_is_not_written() {
    let text = "[types.AED]\npath = \"/aed\"\nformat = \"geojson\"\nid = \"urn:x:{no}\"\n[types.AED.attributes]\nname = \"namae\"\n\
                [types.AED.write]\ncreate = { path = \"/aed\" }";
    let errors = Mapping::parse(text, "test.toml", Context::kakehashi()).unwrap_err();
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(
        told.iter()
            .any(|told| told.contains("only records of `format = \"json\"`")),
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|told| told.contains("`record_path` of the type is missing")),
        "{told:?}"
    );
}
