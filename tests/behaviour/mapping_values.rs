//! `kakehashi mapping try --values`: what came out beside what was there; and what a trial tells without it holds no value.

use super::harness::{Files, Finished};

const MAPPING: &str = "[types.AED]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:ngsi-ld:AED:{no}\"\n[types.AED.attributes]\n\
    name = { field = \"名称\", required = true }\n\
    installationLocation = { expression = \"floor + '階'\", with = { floor = \"階\" }, as = \"string\" }\n";

#[test]
fn values_stand_beside_what_was_there_in_columns_only_for_whoever_asks() {
    let files = Files::committed();
    files.write("own.toml", MAPPING);
    files.write(
        "own.json",
        r#"[{"no": 1, "名称": "佐野市役所", "階": "2"}, {"no": 2, "階": 3}]"#,
    );
    let tried = Finished::well(files.folder(), &["mapping", "try", "own.toml", "own.json", "--values"]);
    let lines: Vec<&str> = tried.stdout.lines().collect();
    let expected = [
        "record  attribute             field  there       value",
        "1       name                  名称   佐野市役所  佐野市役所",
        "1       installationLocation  階     2           2階",
        "2       name                  名称   -           -",
        "2       installationLocation  階     3           -",
    ];
    assert_eq!(lines, expected, "{}", tried.stdout);
    // What is told beside it can be sent to a vendor.
    let told = Finished::well(files.folder(), &["mapping", "try", "own.toml", "own.json"]).stderr;
    assert!(
        told.contains("own.toml:6:35: types.AED.attributes.name: is required, and not in 1 of 2 entities"),
        "{told}"
    );
    assert!(
        told.contains("record 2: installationLocation cannot be converted"),
        "{told}"
    );
    assert!(!told.contains("佐野") && !told.contains("階\u{20}3"), "{told}");
}

#[test]
fn an_expression_that_cannot_be_meant_is_refused_with_its_place_and_the_nearest_function() {
    let files = Files::committed();
    files.write("own.toml", MAPPING.replace("floor + '階'", "floor.trimm()"));
    files.write("own.json", "[]");
    let tried = Finished::of(files.folder(), &["mapping", "try", "own.toml", "own.json"]);
    assert_eq!(tried.code, Some(1), "{tried:?}");
    assert!(
        tried
            .stderr
            .contains("own.toml:7:39: types.AED.attributes.installationLocation.expression: no function `trimm`"),
        "{}",
        tried.stderr
    );
    assert!(tried.stderr.contains("did you mean `trim`?"), "{}", tried.stderr);
}
