//! What the published files say, read here independently of stand-ins and gateway.

use serde_json::Value;

const SANO: &str = include_str!("../../../stand-ins/data/gsi_emergency_092045.geojson");
const NASUSHIOBARA: &str = include_str!("../../../stand-ins/data/gsi_emergency_092134.geojson");
const YAITA: &str = include_str!("../../../stand-ins/data/gsi_emergency_092118.geojson");

/// One 指定緊急避難場所 as published.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Place {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) address: String,
    pub(crate) longitude: f64,
    pub(crate) latitude: f64,
}

/// The 58 of Sano.
pub(crate) fn sano_sites() -> Vec<Place> {
    places(SANO)
}

/// The 19 of Nasushiobara.
pub(crate) fn nasushiobara_sites() -> Vec<Place> {
    places(NASUSHIOBARA)
}

/// The 25 of Yaita.
pub(crate) fn yaita_sites() -> Vec<Place> {
    places(YAITA)
}

/// The five of Sano's that the prefecture keeps a copy of.
pub(crate) fn planted() -> Vec<Place> {
    sano_sites().into_iter().take(5).collect()
}

/// The ids of all sites of the prefecture, in order, each once.
pub(crate) fn site_ids() -> Vec<String> {
    let mut ids: Vec<String> = [sano_sites(), nasushiobara_sites(), yaita_sites()]
        .concat()
        .into_iter()
        .map(|place| place.id)
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

fn places(geojson: &str) -> Vec<Place> {
    let collection: Value = serde_json::from_str(geojson).unwrap();
    let text = |feature: &Value, name: &str| feature["properties"][name].as_str().unwrap().to_owned();
    let features = collection["features"].as_array().unwrap();
    features
        .iter()
        .map(|feature| Place {
            id: format!("urn:ngsi-ld:EvacuationSite:{}", text(feature, "共通ID")),
            name: text(feature, "施設・場所名"),
            address: text(feature, "住所"),
            longitude: feature["geometry"]["coordinates"][0].as_f64().unwrap(),
            latitude: feature["geometry"]["coordinates"][1].as_f64().unwrap(),
        })
        .collect()
}
