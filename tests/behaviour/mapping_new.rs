//! `kakehashi mapping new`: a mapping proposed from a file as it is published.

use super::harness::{Files, Finished};

/// Published by 焼津市: AED設置箇所一覧, the older standard.
const AED: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../examples/open-data/yaizu_aed_oldstd_utf8.csv"
);

#[test]
fn a_published_file_is_recognised_by_its_columns_and_the_proposal_says_no_row() {
    let files = Files::committed();
    let finished = Finished::well(files.folder(), &["mapping", "new", AED]);
    let proposal = &finished.stdout;
    for line in [
        "[types.AED]",
        "format = \"table\"",
        "id = \"urn:ngsi-ld:AED:{code}:{NO}\"",
        "code = { field = \"都道府県コード又は市区町村コード\", as = \"municipality-code\" }",
        "installationLocation = { field = \"設置位置\", as = \"string\" }",
        "pediatricSupport = { field = \"小児対応設備の有無\", table = \"presence\" }",
        "localGovernmentName = { text = \"{都道府県名}{市区町村名}\" }",
    ] {
        assert!(
            proposal.lines().any(|found| found.starts_with(line)),
            "{line} is not in\n{proposal}"
        );
    }
    assert!(!proposal.contains("焼津") && !proposal.contains("626-"), "{proposal}");
    assert!(finished.stderr.contains("AED (AED設置場所)"), "{}", finished.stderr);
    assert!(toml::from_str::<toml::Table>(proposal).is_ok(), "{proposal}");
}

#[test]
fn columns_about_persons_are_left_out_and_what_is_unclear_is_asked() {
    let files = Files::committed();
    let csv = "市区町村コード,NO,名称,緯度,経度,設置位置,小児対応設備の有無,管理者氏名,塗色\n092045,1,市役所,36.3,139.5,1階,要相談,山田太郎,赤\n";
    files.write("aed.csv", csv);
    let finished = Finished::well(files.folder(), &["mapping", "new", "aed.csv", "--output", "aed.toml"]);
    assert_eq!(finished.stdout, "");
    let proposal = files.read("aed.toml");
    assert!(
        proposal.contains("#   管理者氏名") && !proposal.contains("= \"管理者氏名\""),
        "{proposal}"
    );
    assert!(proposal.contains("# ? What do these mean: \"要相談\"?"), "{proposal}");
    assert!(proposal.contains("#   ATTRIBUTE = \"塗色\""), "{proposal}");
    assert!(!proposal.contains("山田"), "{proposal}");
    // What somebody has written into it is not lost.
    let again = Finished::of(files.folder(), &["mapping", "new", "aed.csv", "--output", "aed.toml"]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert_eq!(files.read("aed.toml"), proposal);
}

#[test]
fn geojson_of_the_country_is_recognised_in_any_shape_that_it_is_published_in() {
    let files = Files::committed();
    let feature = r#"{"type": "Feature", "geometry": {"type": "Point", "coordinates": [139.6, 36.4]}, "properties": {"共通ID": "E0920400001201", "施設・場所名": "x", "洪水": "", "地震": "1"}}"#;
    files.write(
        "sites.geojson",
        format!(r#"{{"type": "FeatureCollection", "features": [{feature}]}}"#),
    );
    let finished = Finished::well(files.folder(), &["mapping", "new", "sites.geojson"]);
    files.write("sites.toml", &finished.stdout);
    let name = finished
        .stdout
        .lines()
        .any(|line| line.starts_with("name = { field = \"施設・場所名\""));
    assert!(
        name && finished.stdout.contains("format = \"geojson\""),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_spreadsheet_is_read_as_it_was_published() {
    let files = Files::committed();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/open-data/takamatsu_aed.xlsx");
    let finished = Finished::well(files.folder(), &["mapping", "new", path]);
    assert!(finished.stdout.contains("[types.AED]"), "{}", finished.stdout);
    assert!(finished.stdout.contains("format = \"table\""), "{}", finished.stdout);
    assert!(finished.stderr.contains("of 450 records"), "{}", finished.stderr);
}

#[test]
fn what_is_no_table_is_named() {
    let files = Files::committed();
    for (name, text, told) in [
        (
            "page.csv",
            "<!DOCTYPE html><title>AED</title>",
            "a page of a web site (HTML)",
        ),
        ("empty.csv", " \n", "the file is empty"),
        ("other.csv", "a,b\n1,2\n", "say with --type which it is"),
        ("broken.json", "{\"a\": ", "not JSON"),
        ("numbers.json", "[1, 2]", "has no list of records"),
        ("paper.csv", "%PDF-1.7", "a PDF document"),
    ] {
        files.write(name, text);
        let finished = Finished::of(files.folder(), &["mapping", "new", name]);
        assert_eq!(finished.code, Some(1), "{finished:?}");
        assert!(finished.stderr.contains(told), "{name}: {}", finished.stderr);
    }
}
