//! Files of open data in whatever they are written, encoded and packed: one table gives the same entities in all of them, published
//! files are read without a hand on them, and what cannot be used is told by its row.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use stand_ins::FileSite;
use toml::Table;

use super::harness::{Platform, encoded};
use super::open_data::{told, with_files};

const PERSON: &str = "架空キヌ子四四一七";
const MOBILE: &str = "090-4417-0000";

const ALL: &str = "type=MedicalInstitution&limit=1000&count=true&options=sysAttrs";

/// What the mapping of each format says of a type, but for its format.
const ATTRIBUTES: &str = "id = \"urn:ngsi-ld:MedicalInstitution:{番号}\"\n[types.MedicalInstitution.attributes]\n\
    name = \"名称\"\nnumberOfBeds = { field = \"病床数\", as = \"number\" }\n\
    location = { latitude = \"緯度\", longitude = \"経度\" }\n";

fn mapping(format: &str) -> String {
    format!("[types.MedicalInstitution]\n{format}\n{ATTRIBUTES}")
}

const HEADER: [&str; 7] = ["番号", "名称", "病床数", "緯度", "経度", "氏名", "携帯"];

fn rows() -> Vec<[String; 7]> {
    let row = |number: usize| {
        [
            format!("c{number}"),
            format!("診療所{number}～髙﨑"),
            format!("{}", number * 3),
            "36.3".to_owned(),
            format!("139.{number:03}"),
            PERSON.to_owned(),
            MOBILE.to_owned(),
        ]
    };
    (1..=20).map(row).collect()
}

fn separated(separator: &str) -> String {
    let rows = rows();
    let lines = std::iter::once(HEADER.map(str::to_owned)).chain(rows);
    lines.map(|row| row.join(separator) + "\r\n").collect()
}

fn objects() -> Vec<String> {
    let object = |row: [String; 7]| {
        let members = HEADER
            .iter()
            .zip(row)
            .map(|(name, cell)| ((*name).to_owned(), cell.into()));
        serde_json::Value::Object(members.collect()).to_string()
    };
    rows().into_iter().map(object).collect()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

async fn reading(mapping: &str, types: &str, bytes: Vec<u8>) -> (FileSite, Platform) {
    let site = FileSite::start(0).await.unwrap();
    site.put("/file", "application/octet-stream", bytes);
    let builder = with_files(&format!("{}/file", site.url()), |source: &mut Table| {
        source.insert("mapping".to_owned(), "mappings/file.toml".into());
        let provided: Table = format!("provides = [{{ type = \"{types}\" }}]").parse().unwrap();
        source.extend(provided);
    })
    .await;
    builder.files().write("mappings/file.toml", mapping);
    (site, builder.start().await)
}

#[tokio::test]
async fn one_table_gives_the_same_entities_in_every_format_and_encoding() {
    let csv = separated(",");
    let features: Vec<String> = objects()
        .iter()
        .map(|object| format!(r#"{{"type": "Feature", "geometry": null, "properties": {object}}}"#))
        .collect();
    let table = mapping("format = \"table\"");
    let json = mapping("records = \"$[*]\"");
    let utf16: Vec<u8> = csv.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut first = None;
    for (what, mapping, bytes) in [
        ("CSV", &table, csv.clone().into_bytes()),
        ("CSV with a mark", &table, format!("\u{FEFF}{csv}").into_bytes()),
        ("CSV in UTF-16", &table, utf16),
        ("TSV", &table, separated("\t").into_bytes()),
        ("CSV in gzip", &table, gzipped(csv.as_bytes())),
        ("JSON", &json, format!("[{}]", objects().join(",")).into_bytes()),
        ("JSON lines", &json, objects().join("\n").into_bytes()),
        (
            "GeoJSON",
            &mapping_of_features(),
            format!(
                r#"{{"type": "FeatureCollection", "features": [{}]}}"#,
                features.join(",")
            )
            .into_bytes(),
        ),
    ] {
        let (_site, platform) = reading(mapping, "MedicalInstitution", bytes).await;
        let answer = platform.entities(ALL).tenant("sano").await.ok();
        assert_eq!(answer.count(), 20, "{what}: {answer}");
        let body = answer.body.clone();
        assert!(!answer.everything().contains(PERSON) && !answer.everything().contains(MOBILE));
        assert_eq!(first.get_or_insert_with(|| body.clone()), &body, "{what}");
    }
}

fn mapping_of_features() -> String {
    mapping("format = \"geojson\"")
}

/// The rows of each were counted in a spreadsheet.
#[tokio::test]
async fn published_files_are_read_without_a_hand_on_them() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (file, mapping, types, entities) in [
        ("takamatsu_aed.xlsx", "aed", "AED", 450),
        ("takamatsu_events.xlsx", "event", "Event", 51),
        ("yaizu_aed_oldstd_utf8.csv", "aed", "AED", 82),
        (
            "yaizu_care_facilities_cp932.csv",
            "assisted-evacuation-facility",
            "AssistedEvacuationFacility",
            277,
        ),
        (
            "yaizu_cooling_shelter_utf8bom.csv",
            "cooling-shelter",
            "CoolingShelter",
            108,
        ),
    ] {
        let bytes = std::fs::read(folder.join("examples/open-data").join(file)).unwrap();
        let mapping = std::fs::read_to_string(folder.join(format!("mappings/standard/{mapping}.toml"))).unwrap();
        let (_site, platform) = reading(&mapping, types, bytes).await;
        platform
            .entities(format!("type={types}&limit=1"))
            .tenant("sano")
            .await
            .ok();
        let told = told(&platform).await;
        assert_eq!(told["entities"], entities, "{file}: {told}");
        assert_eq!(told["failed"], serde_json::Value::Null, "{file}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_told_by_its_row_and_takes_no_other_with_it() {
    let mut csv = separated(",");
    csv.push_str("c21,二十一,many,36.3,139.5,x,y\r\n,二十二,3,36.3,139.5,x,y\r\n\"c23,open,3\r\nc24,外字\u{E000},3,36.3,139.5,x,y\r\n");
    let (_site, platform) = reading(&mapping("format = \"table\""), "MedicalInstitution", csv.into_bytes()).await;
    let answer = platform.entities(ALL).tenant("sano").await.ok();
    assert_eq!(answer.ids().len(), 22, "{answer}");
    let told = told(&platform).await;
    let findings = told["findings"].to_string();
    for part in ["row 22: numberOfBeds", "row 23: id", "row 24", "row 25, column 2 (B)"] {
        assert!(findings.contains(part), "{part}: {findings}");
    }
    let sources = platform.admin("ops").get("/admin/v1/sources").await;
    for text in [
        sources.everything(),
        platform.whole_log().await,
        platform.gateway().metrics(),
    ] {
        assert!(
            !text.contains(PERSON) && !text.contains(MOBILE) && !text.contains("many"),
            "{text}"
        );
    }
    let q = encoded(&format!("氏名==\"{PERSON}\""));
    let found = platform.entities(format!("{ALL}&q={q}")).tenant("sano").await;
    assert!(found.entities().is_empty(), "{found}");
}

#[tokio::test]
async fn what_is_no_file_of_data_leaves_what_was_there() {
    let (site, platform) = reading(
        &mapping("format = \"table\""),
        "MedicalInstitution",
        separated(",").into(),
    )
    .await;
    assert_eq!(platform.entities(ALL).tenant("sano").await.ok().count(), 20);
    for (bytes, told_so) in [
        (b"<!DOCTYPE html><html><body>moved</body></html>".to_vec(), "HTML"),
        (b"<html><form><input type=\"password\"></form></html>".to_vec(), "HTML"),
        (Vec::new(), "empty"),
        (gzipped(&vec![b'0'; 300 << 20]), "unpacks to more than"),
        (b"%PDF-1.7".to_vec(), "PDF"),
        ("番号x,y\r\n1,2\r\n".into(), "as a header"),
    ] {
        site.put("/file", "text/csv", bytes);
        let told = super::open_data::look_again(&platform, "refresh").await;
        let failed = told["failed"].as_str().unwrap_or_default();
        assert!(failed.contains(told_so), "{told_so}: {told}");
        let answer = platform.entities(ALL).tenant("sano").await.ok();
        assert_eq!(answer.count(), 20, "{answer}");
        assert!(
            answer.warnings().iter().any(|warning| warning.contains("110")),
            "{answer}"
        );
    }
}
