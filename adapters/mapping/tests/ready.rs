//! The ready mappings of `mappings/standard/` on the published files that they are for: every row becomes an entity, and every cell that
//! is not empty becomes a part of it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use kakehashi_contract::{AttributeSelection, Yielded};
use kakehashi_mapping::language::TypeMapping;
use kakehashi_mapping::record::{Content, Findings, Outside, Projection, TableReader, build_entity};
use kakehashi_mapping::translate::read_records;
use kakehashi_mapping::{Finding, Mapping};
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::render::{Format, Rendering, render_entity};
use serde_json::{Value, json};

/// A published table in UTF-8, its mapping, and how many rows it has.
const TABLES: [(&str, &str, usize); 4] = [
    ("examples/open-data/yaizu_aed_oldstd_utf8.csv", "aed.toml", 82),
    (
        "examples/open-data/yaizu_public_toilet_newstd_utf8.csv",
        "public-toilet.toml",
        112,
    ),
    (
        "examples/open-data/yaizu_fire_water_newstd_utf8.csv",
        "fire-water-source.toml",
        193,
    ),
    (
        "examples/open-data/yaizu_cooling_shelter_utf8bom.csv",
        "cooling-shelter.toml",
        108,
    ),
];

const FEATURES: [(&str, &str, usize); 4] = [
    (
        "stand-ins/data/gsi_emergency_092045.geojson",
        "evacuation-site-gsi.toml",
        58,
    ),
    (
        "stand-ins/data/gsi_emergency_092134.geojson",
        "evacuation-site-gsi.toml",
        19,
    ),
    (
        "stand-ins/data/gsi_evacuation_092045.geojson",
        "designated-shelter-gsi.toml",
        58,
    ),
    (
        "stand-ins/data/gsi_evacuation_092134.geojson",
        "designated-shelter-gsi.toml",
        68,
    ),
];

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn mapping(name: &str) -> Mapping {
    let text = read(&format!("mappings/standard/{name}"));
    Mapping::parse(&text, name, Context::kakehashi()).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}", errors.join("\n"))
    })
}

/// What was odd, by field and finding.
#[derive(Debug, Default)]
struct Noted(BTreeMap<(String, &'static str), usize>);

impl Findings for Noted {
    fn note(&mut self, field: &str, finding: Finding) {
        *self.0.entry((field.to_owned(), finding.as_str())).or_default() += 1;
    }

    fn forget(&mut self) {
        self.0.clear();
    }
}

/// The rows of a CSV whose cells hold no line breaks.
fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let mut cells = vec![String::new()];
            let mut quoted = false;
            for character in line.chars() {
                match character {
                    '"' => quoted = !quoted,
                    ',' if !quoted => cells.push(String::new()),
                    other => cells.last_mut().unwrap().push(other),
                }
            }
            cells
        })
        .collect()
}

fn attributes(entity: &Entity) -> BTreeSet<String> {
    let names = entity.attributes.iter().map(|attribute| attribute.name.as_str());
    names
        .map(|name| name.rsplit(['/', '#']).next().unwrap().to_owned())
        .collect()
}

fn entities_of_table(of_type: &TypeMapping, text: &str, outside: &Outside, noted: &mut Noted) -> Vec<Entity> {
    let projection = Projection::new(of_type, &AttributeSelection::All, false);
    let rows = rows(text);
    let (header, rows) = rows.split_first().unwrap();
    let reader = TableReader::new(of_type, &projection, outside, header);
    let built = rows.iter().map(|row| {
        let cells = row.iter().map(|cell| Some(Content::Text(Cow::Borrowed(cell.as_str()))));
        build_entity(of_type, &projection, Ok(&reader.fields(cells)), noted).unwrap()
    });
    built.collect()
}

#[test]
fn every_ready_mapping_loads() {
    let files = fs::read_dir(repository("mappings/standard")).unwrap();
    let names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.len() > 16, "{names:?}");
    for name in names {
        assert_eq!(mapping(&name).types().count(), 1, "{name}");
    }
}

#[test]
fn every_row_of_a_published_table_becomes_an_entity() {
    let outside = Outside::of_source(Some("222127"), Some("焼津市"), []);
    for (path, name, count) in TABLES {
        let mapping = mapping(name);
        let mut noted = Noted::default();
        let entities = entities_of_table(&mapping.type_mappings()[0], &read(path), &outside, &mut noted);
        let ids: BTreeSet<&str> = entities.iter().map(|entity| entity.id.as_str()).collect();
        assert_eq!((entities.len(), ids.len()), (count, count), "{path}");
        assert_eq!(noted.0, BTreeMap::new(), "{path}: nothing is lost");
        for entity in &entities {
            assert!(entity.id.as_str().contains(":222127:"), "{}", entity.id.as_str());
            for wanted in ["location", "fullAddress", "localGovernmentCode"] {
                assert!(
                    attributes(entity).contains(wanted),
                    "{path}: {} {wanted}",
                    entity.id.as_str()
                );
            }
        }
    }
}

#[test]
fn every_feature_of_a_published_file_becomes_an_entity() {
    for (path, name, count) in FEATURES {
        let mapping = mapping(name);
        let of_type = &mapping.type_mappings()[0];
        let mut noted = Noted::default();
        let outside = Outside::of_source(Some("092045"), Some("佐野市"), []);
        let projection = Projection::new(of_type, &AttributeSelection::All, false);
        let text = read(path);
        let page = read_records(
            of_type,
            &of_type.documents,
            &outside,
            &projection,
            text.as_bytes(),
            &mut noted,
        );
        let page = page.unwrap();
        assert!(page.is_complete(), "{path}");
        assert_eq!(page.yielded.len(), count, "{path}");
        assert_eq!(noted.0, BTreeMap::new(), "{path}: nothing is lost");
        for yielded in page.yielded {
            let Yielded::Entity(entity) = yielded else { continue };
            assert!(
                attributes(&entity).is_superset(&BTreeSet::from(["location", "name", "commonId"].map(str::to_owned)))
            );
        }
    }
}

/// What one row says, as a consumer reads it.
fn said(name: &str, table: &str) -> Value {
    let mapping = mapping(name);
    let outside = Outside::of_source(Some("222127"), Some("焼津市"), []);
    let mut noted = Noted::default();
    let entities = entities_of_table(&mapping.type_mappings()[0], table, &outside, &mut noted);
    assert_eq!(noted.0, BTreeMap::new(), "{name}");
    let mut out = Vec::new();
    let rendering = Rendering::new(Context::kakehashi(), Format::Simplified);
    render_entity(&rendering, &entities[0], &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The members that are named.
fn picked(said: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), said[*name].clone()))
        .collect()
}

#[test]
fn three_generations_of_columns_say_the_same() {
    let old = "都道府県コード又は市区町村コード,NO,都道府県名,市区町村名,名称,住所,緯度,経度,設置位置,電話番号,開始時間,終了時間,小児対応設備の有無\n\
               222127,1,静岡県,焼津市,市役所本館,静岡県焼津市本町2-16-32,34.866918,138.323171,２階正面入口,(054)626-1139,9:00,24:00,有";
    let new = "全国地方公共団体コード,ID,地方公共団体名,名称,所在地_連結表記,緯度,経度,設置位置,電話番号,開始時間,終了時間,小児対応設備の有無\n\
               222127,1,静岡県焼津市,市役所本館,静岡県焼津市本町2-16-32,34.866918,138.323171,２階正面入口,(054)626-1139,09:00,24:00,1";
    let models = "localGovernmentCode,identifier,localGovernmentName,name,fullAddress,latitude,longitude,installationLocation,\
                  contactPointPhoneNumber,startTime,endTime,pediatricSupport\n\
                  222127,1,静岡県焼津市,市役所本館,静岡県焼津市本町2-16-32,34.866918,138.323171,２階正面入口,(054)626-1139,09:00,24:00,あり";
    let said = [old, new, models].map(|table| said("aed.toml", table));
    assert_eq!(said[0], said[1]);
    assert_eq!(said[1], said[2]);
    let expected = json!({
        "id": "urn:ngsi-ld:AED:222127:1",
        "localGovernmentCode": "222127",
        "localGovernmentName": "静岡県焼津市",
        "startTime": "09:00",
        "endTime": "24:00",
        "pediatricSupport": "あり",
        "installationLocation": "２階正面入口",
    });
    let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(picked(&said[0], &names), expected);
}

#[test]
fn a_place_of_refuge_has_the_nationwide_id_where_the_file_has_it() {
    let old = "NO,名称,住所,緯度,経度,標高,市区町村コード,災害種別_洪水,災害種別_地震,指定避難所との重複,想定収容人数\n\
               7,大井川東小学校,静岡県焼津市,34.8,138.3,5.5,22212,○,,1,300";
    let gsi = "NO,共通ID,施設・場所名,住所,洪水,地震,指定避難所との住所同一,緯度,経度,備考\n\
               24626,E0920400001201,葛生あくと福祉センター,栃木県佐野市あくと町3084,,1,1,36.407608,139.605426,洪水時は使用制限のある避難所";
    let names = [
        "id",
        "typeOfDisasterFlood",
        "typeOfDisasterEarthquake",
        "alsoForShelter",
        "localGovernmentCode",
        "maxCapacity",
    ];
    assert_eq!(
        picked(&said("evacuation-site.toml", old), &names),
        json!({
            "id": "urn:ngsi-ld:EvacuationSite:222127-7",
            "typeOfDisasterFlood": true,
            "typeOfDisasterEarthquake": false,
            "alsoForShelter": true,
            // Five digits are completed.
            "localGovernmentCode": "222127",
            "maxCapacity": 300,
        })
    );
    assert_eq!(
        picked(&said("evacuation-site.toml", gsi), &names),
        json!({
            "id": "urn:ngsi-ld:EvacuationSite:E0920400001201",
            "typeOfDisasterFlood": false,
            "typeOfDisasterEarthquake": true,
            "alsoForShelter": true,
            "localGovernmentCode": "222127",
            "maxCapacity": null,
        })
    );
}

#[test]
fn hours_of_an_event_and_levels_of_a_flood_stay_words() {
    let event = "№,対象,開催日,開始時間,終了時間,行事名,場所名称,緯度,経度,定員,問い合わせ先（市の担当課）,TEL\n\
                 51,両方,日程調整し決定,１時間程度,おおむね午後８時まで,市長まちかどトーク,申込者が確保,34.34302611381956,134.05,20人以上,広聴広報課,087-839-2111";
    let names = ["id", "eventDateText", "startTime", "maxCapacity", "contactPointName"];
    assert_eq!(
        picked(&said("event.toml", event), &names),
        json!({
            "id": "urn:ngsi-ld:Event:222127:51",
            "eventDateText": "日程調整し決定",
            "startTime": "１時間程度",
            "maxCapacity": "20人以上",
            "contactPointName": "広聴広報課",
        })
    );
    let care = "№,要配慮者利用施設名称,所管課,郵便番号,所在地,電話番号,区分,避難確保計画対象,洪水浸水レベル（最大）,緯度,経度\n\
                285,くすのき,障害福祉課,425-0091,焼津市八楠1丁目5-19　1階,054-625-7320,放課後等デイサービス,対象外,区域外,34.88290237,138.306157";
    let names = [
        "facilityCategory",
        "evacuationPlanRequired",
        "floodDepthLevel",
        "contactPointPhoneNumber",
    ];
    assert_eq!(
        picked(&said("assisted-evacuation-facility.toml", care), &names),
        json!({
            "facilityCategory": "放課後等デイサービス",
            "evacuationPlanRequired": false,
            "floodDepthLevel": "区域外",
            "contactPointPhoneNumber": "054-625-7320",
        })
    );
}

#[test]
fn of_a_vacant_house_who_may_see_it_is_read_and_a_closed_day_has_no_hours() {
    let house = "全国地方公共団体コード,市町保有の管理ID,所在地_連結表記,敷地面積,landSalePrice_JPY,問い合わせ連絡先,空き家バンクへの掲載\n\
                 092011,0920100001,栃木県宇都宮市,\"1,200\",,028-632-0000, 管理者のみ閲覧 ";
    let names = ["id", "landArea_MTK", "landSalePrice_JPY", "vacantHouseListing"];
    // A house without a place is one all the same.
    let mapping = mapping("vacant-house.toml");
    let mut noted = Noted::default();
    let entities = entities_of_table(&mapping.type_mappings()[0], house, &Outside::default(), &mut noted);
    let mut out = Vec::new();
    render_entity(
        &Rendering::new(Context::kakehashi(), Format::Simplified),
        &entities[0],
        &mut out,
    );
    assert_eq!(
        picked(&serde_json::from_slice(&out).unwrap(), &names),
        json!({
            "id": "urn:ngsi-ld:VacantHouse:092011:0920100001",
            "landArea_MTK": 1200,
            "landSalePrice_JPY": null,
            "vacantHouseListing": "管理者のみ閲覧",
        })
    );
    let shelter = "ID,市区町村コード,指定暑熱避難施設の名称,緯度,経度,日曜開放開始時刻,月曜開放開始時刻,公共施設　,市独自区分\n\
                   000000000001,222127,焼津市役所　本庁舎,34.867206,138.32291,-,8:30,公共施設,指定暑熱避難施設";
    let names = [
        "startTimeSunday",
        "startTimeMonday",
        "facilityCategory",
        "facilityTypeDetail",
    ];
    assert_eq!(
        picked(&said("cooling-shelter.toml", shelter), &names),
        json!({
            "startTimeSunday": null,
            "startTimeMonday": "08:30",
            "facilityCategory": "公共施設",
            "facilityTypeDetail": "指定暑熱避難施設",
        })
    );
}
