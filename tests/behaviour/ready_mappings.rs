//! The ready mappings of `mappings/standard/`: they make what the view has and shows, read no column about persons, and lose no column
//! of the published files in `examples/open-data/`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use toml::{Table, Value};

const CLASSIFICATION: &str = include_str!("../../policies/classification.toml");

/// What the columns of persons are called, among them such as may hold a name. `contactPointName` (連絡先名称, 問い合わせ先名, 所管課) is
/// an office.
const PERSONS: [&str; 16] = [
    "氏名",
    "姓名",
    "担当者",
    "携帯",
    "代表者",
    "責任者",
    "管理者名",
    "所有者",
    "生年月日",
    "性別",
    "続柄",
    "名簿",
    "自宅",
    "民生委員",
    "自治会長",
    "施設長",
];

/// The published tables whose header is their first line of UTF-8, the mapping of each, and what it leaves out on purpose.
const PUBLISHED: [(&str, &str, &[&str]); 4] = [
    ("yaizu_aed_oldstd_utf8.csv", "aed.toml", &[]),
    ("yaizu_public_toilet_newstd_utf8.csv", "public-toilet.toml", &[]),
    ("yaizu_fire_water_newstd_utf8.csv", "fire-water-source.toml", &[]),
    (
        "yaizu_cooling_shelter_utf8bom.csv",
        "cooling-shelter.toml",
        &["施設管理者名"],
    ),
];

fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The mappings, by their files' names.
fn ready() -> BTreeMap<String, Table> {
    let files = fs::read_dir(repository("mappings/standard")).unwrap();
    let read = files.map(|file| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        (
            name.clone(),
            text.parse().unwrap_or_else(|error| panic!("{name}: {error}")),
        )
    });
    read.collect()
}

/// The one type of a mapping.
fn type_of(mapping: &Table) -> (&str, &Table) {
    let types = mapping["types"].as_table().unwrap();
    assert_eq!(types.len(), 1);
    let (name, r#type) = types.iter().next().unwrap();
    (name, r#type.as_table().unwrap())
}

fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        _ => Vec::new(),
    }
}

/// The columns that a mapping reads.
fn columns(r#type: &Table) -> BTreeSet<String> {
    let rules = ["attributes", "fields"].into_iter();
    let rules = rules.flat_map(|part| r#type.get(part).and_then(Value::as_table).into_iter().flatten());
    let mut columns = BTreeSet::new();
    for (_, rule) in rules {
        let Some(table) = rule.as_table() else {
            columns.extend(texts(Some(rule)).into_iter().map(str::to_owned));
            continue;
        };
        columns.extend(texts(table.get("field")).into_iter().map(str::to_owned));
        // `{a}{b}`
        let template = table.get("text").and_then(Value::as_str).unwrap_or_default();
        let named = template.split('{').skip(1).filter_map(|part| part.split_once('}'));
        columns.extend(named.map(|(name, _)| name.to_owned()));
    }
    columns
}

/// The attributes of a type, each with its class.
fn classes(classification: &Table, name: &str) -> BTreeMap<String, String> {
    let r#type = classification["types"][name].as_table().unwrap();
    let groups = texts(r#type.get("groups")).into_iter();
    let mut tables: Vec<&Table> = groups
        .map(|group| classification["groups"][group].as_table().unwrap())
        .collect();
    tables.extend(r#type.get("attributes").and_then(Value::as_table));
    let classes = tables.into_iter().flatten();
    classes
        .flat_map(|(class, names)| {
            texts(Some(names))
                .into_iter()
                .map(|name| (name.to_owned(), class.clone()))
        })
        .collect()
}

#[test]
fn each_makes_what_has_a_class_that_can_be_shown() {
    let classification: Table = CLASSIFICATION.parse().unwrap();
    let ready = ready();
    assert!(ready.len() >= 17, "{:?}", ready.keys());
    for (file, mapping) in &ready {
        let (name, r#type) = type_of(mapping);
        let classes = classes(&classification, name);
        for attribute in r#type["attributes"].as_table().unwrap().keys() {
            let class = classes.get(attribute).map(String::as_str);
            assert!(
                matches!(class, Some("open" | "limited")),
                "{file}: {attribute} of {name} is {class:?}"
            );
        }
    }
}

#[test]
fn every_official_table_has_one() {
    let ready = ready();
    let types: BTreeSet<&str> = ready.values().map(|mapping| type_of(mapping).0).collect();
    for wanted in [
        "EvacuationSite",
        "DesignatedShelter",
        "AED",
        "PublicFacility",
        "MedicalInstitution",
        "ChildcareFacility",
        "PublicToilet",
        "FireWaterSource",
        "CoolingShelter",
        "TouristFacility",
        "Event",
        "CulturalProperty",
        "CareFacility",
        "VacantHouse",
    ] {
        assert!(types.contains(wanted), "{wanted}");
    }
}

#[test]
fn none_reads_a_column_about_persons() {
    for (file, mapping) in ready() {
        for column in columns(type_of(&mapping).1) {
            let person = PERSONS.into_iter().find(|person| column.contains(person));
            assert_eq!(person, None, "{file}: {column}");
        }
    }
}

#[test]
fn each_attribute_of_one_reads_columns_that_no_other_reads() {
    for (file, mapping) in ready() {
        let (_, r#type) = type_of(&mapping);
        let mut read_by: BTreeMap<&str, &str> = BTreeMap::new();
        for (attribute, rule) in r#type["attributes"].as_table().unwrap() {
            for column in texts(rule.as_table().and_then(|rule| rule.get("field"))) {
                let other = read_by.insert(column, attribute);
                assert_eq!(other, None, "{file}: {column} is {attribute}, too");
            }
        }
    }
}

#[test]
fn no_column_of_a_published_table_is_lost() {
    let ready = ready();
    for (published, mapping, left_out) in PUBLISHED {
        let text = fs::read_to_string(repository("examples/open-data").join(published)).unwrap();
        let header = text.trim_start_matches('\u{feff}').lines().next().unwrap();
        let read = columns(type_of(&ready[mapping]).1);
        let columns = header.split(',').map(str::trim);
        let lost: Vec<&str> = columns.filter(|column| !read.contains(*column)).collect();
        assert_eq!(lost, left_out, "{published}");
    }
}
