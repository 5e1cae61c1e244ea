//! `docs/representations.md` shows what the renderer writes, for a shelter as it is published.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::path::Path;

use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::language::LanguageFilter;
use ngsi_ld::entity::parse::parse_entity;
use ngsi_ld::entity::render::{Format, LinkedEntities, Rendering, Representation, render_entity, render_feature};
use ngsi_ld::projection::{DatasetSelection, MemberList, Projection, Shown};
use serde_json::Value;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap()
}

/// The blocks of the page that begin with "```json" and a title, by their title.
fn blocks() -> BTreeMap<String, String> {
    let page = read("docs/representations.md");
    let fenced = page.split("```json ").skip(1).map(|block| {
        let (title, rest) = block.split_once('\n').unwrap();
        let (json, _) = rest.split_once("```").unwrap();
        (title.to_owned(), json.to_owned())
    });
    fenced.collect()
}

fn context() -> &'static Context {
    Context::kakehashi()
}

/// The shelter, as the page shows it in full.
fn shelter() -> Entity {
    parse_entity(blocks()["normalized"].as_bytes(), context()).unwrap()
}

fn organization() -> Entity {
    let json = r#"{"id":"urn:ngsi-ld:Organization:092045","type":"Organization","name":{"languageMap":{"ja":"佐野市","en":"Sano City"}}}"#;
    parse_entity(json.as_bytes(), context()).unwrap()
}

fn list(text: &str) -> Option<MemberList> {
    Some(MemberList::parse(text, context()).unwrap())
}

/// What the renderer writes, by the title of the block that shows it.
fn rendered() -> BTreeMap<&'static str, String> {
    let shelter = shelter();
    let language = LanguageFilter::parse("en, *;q=0.5").unwrap();
    let linked = LinkedEntities::new([organization()], 1);
    let picked = Projection {
        picked: list("id,name"),
        ..Projection::default()
    };
    let omitted = Projection {
        omitted: list("location,managedBy,maxCapacity"),
        ..Projection::default()
    };
    let plain = |format| Representation::from(&Rendering::new(context(), format));
    let one = |representation: Representation<'_>, entity: &Entity| {
        let mut out = Vec::new();
        render_entity(representation, entity, &mut out);
        String::from_utf8(out).unwrap()
    };
    let mut all = BTreeMap::new();
    for (title, format) in [
        ("normalized", Format::Normalized),
        ("concise", Format::Concise),
        ("simplified", Format::Simplified),
    ] {
        all.insert(title, one(plain(format), &shelter));
    }
    for (title, format) in [
        ("normalized, lang=en", Format::Normalized),
        ("concise, lang=en", Format::Concise),
        ("simplified, lang=en", Format::Simplified),
    ] {
        let chosen = Projection {
            picked: list("name"),
            ..Projection::default()
        };
        let representation = Representation {
            language: Some(&language),
            shown: (&chosen).into(),
            ..plain(format)
        };
        all.insert(title, one(representation, &shelter));
    }
    let simplified = plain(Format::Simplified);
    all.insert(
        "pick=id,name",
        one(
            Representation {
                shown: (&picked).into(),
                ..simplified
            },
            &shelter,
        ),
    );
    all.insert(
        "omit=location,managedBy,maxCapacity",
        one(
            Representation {
                shown: (&omitted).into(),
                ..simplified
            },
            &shelter,
        ),
    );
    let mut dataset = shelter.clone();
    DatasetSelection::parse("urn:ngsi-ld:Dataset:snow")
        .unwrap()
        .apply(&mut dataset);
    all.insert("datasetId=urn:ngsi-ld:Dataset:snow", one(simplified, &dataset));
    let mut feature = Vec::new();
    let location = context().expand_attribute("location").unwrap();
    render_feature(simplified, &shelter, &location, &mut feature);
    all.insert("GeoJSON, simplified", String::from_utf8(feature).unwrap());
    let managed = Projection {
        picked: list("id,type,managedBy,name"),
        ..Projection::default()
    };
    let joined = Representation {
        shown: (&managed).into(),
        language: Some(&language),
        ..plain(Format::Concise)
    };
    all.insert(
        "join=inline",
        one(
            Representation {
                linked: Some(&linked),
                ..joined
            },
            &shelter,
        ),
    );
    let mut flat = Vec::new();
    let flattened = linked.flatten([&shelter], joined.shown);
    assert!(flattened.iter().skip(1).all(|(_, shown)| *shown == Shown::default()));
    let everything = Representation {
        shown: Shown::default(),
        ..joined
    };
    flat.push(b'[');
    render_entity(joined, &shelter, &mut flat);
    for (entity, _) in flattened.into_iter().skip(1) {
        flat.push(b',');
        render_entity(everything, entity, &mut flat);
    }
    flat.push(b']');
    all.insert("join=flat", String::from_utf8(flat).unwrap());
    all
}

#[test]
fn the_page_shows_what_is_rendered() {
    let blocks = blocks();
    let rendered = rendered();
    let titles: Vec<&str> = blocks.keys().map(String::as_str).collect();
    assert_eq!(titles, rendered.keys().copied().collect::<Vec<_>>());
    for (title, json) in rendered {
        let shown: Value = serde_json::from_str(&blocks[title]).unwrap();
        let written: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(shown, written, "{title}: {json}");
    }
}

#[test]
fn the_shelter_is_the_published_one() {
    let published: Value = serde_json::from_str(&read("stand-ins/data/gsi_emergency_092045.geojson")).unwrap();
    let shown: Value = serde_json::from_str(&blocks()["simplified"]).unwrap();
    let id = shown["id"].as_str().unwrap();
    let is_it = |feature: &&Value| id.ends_with(feature["properties"]["共通ID"].as_str().unwrap());
    let site = published["features"].as_array().unwrap().iter().find(is_it).unwrap();
    assert_eq!(shown["location"], site["geometry"]);
    assert_eq!(shown["name"]["languageMap"]["ja"], site["properties"]["施設・場所名"]);
    assert_eq!(shown["fullAddress"], site["properties"]["住所"]);
}
