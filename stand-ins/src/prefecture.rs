//! What the prefecture's own store is seeded with: NGSI-LD entities, normalized, short names, without `@context`.
//!
//! The files are committed; `cargo run -p stand-ins --example seed_store` writes them again from the published data.

use serde_json::{Map, Value, json};

use crate::gsi::{self, Kind, Refuge, refuges};
use crate::invented::{my_number, name};

/// The partition of 矢板市: its real places of refuge.
pub const YAITA_ENTITIES: &str = include_str!("../data/store/yaita.jsonld");

/// The partition of 栃木県: copies of five of Sano's sites, older, named a little differently, with a note of their own.
pub const TOCHIGI_ENTITIES: &str = include_str!("../data/store/tochigi.jsonld");

/// What the demo adds to the partition of 栃木県: which shelters are opened, of an invented drill. Each says by a Relationship
/// which 指定避難所 it is, and that one is in the system of its own city.
pub const OPENED_SHELTERS: &str = include_str!("../data/store/opened_shelters.jsonld");

const YAITA_CODE: &str = "092118";
const SANO_CODE: &str = "092045";

/// When Yaita's data was loaded. Invented.
const YAITA_OBSERVED_AT: &str = "2026-04-01T00:00:00Z";

/// Older than anything that Sano's platform serves. Invented.
const TOCHIGI_OBSERVED_AT: &str = "2025-10-01T00:00:00Z";

/// How many of Sano's sites are planted in the prefecture's partition.
const PLANTED: usize = 5;

/// Makes the content of `yaita.jsonld`.
///
/// # Errors
/// The published files in this crate are not what they should be.
pub fn generated_yaita() -> serde_json::Result<String> {
    let mut entities = Vec::new();
    for (kind, geojson) in [
        (Kind::EvacuationSite, gsi::YAITA_SITES),
        (Kind::DesignatedShelter, gsi::YAITA_SHELTERS),
    ] {
        for refuge in refuges(geojson)? {
            let mut entity = entity(kind, &refuge, YAITA_OBSERVED_AT);
            for (name, value) in refuge.facts(kind, YAITA_CODE) {
                entity.insert(name.into(), property(value, YAITA_OBSERVED_AT));
            }
            entities.push(entity);
        }
    }
    text(&entities)
}

/// Makes the content of `tochigi.jsonld`.
///
/// # Errors
/// The published files in this crate are not what they should be.
pub fn generated_tochigi() -> serde_json::Result<String> {
    let entities: Vec<_> = refuges(gsi::SANO_SITES)?
        .iter()
        .take(PLANTED)
        .zip(1..)
        .map(|(refuge, number)| {
            let mut entity = entity(Kind::EvacuationSite, refuge, TOCHIGI_OBSERVED_AT);
            for (name, value) in [
                ("name", format!("{}（県登録名）", refuge.name())),
                ("fullAddress", refuge.address().to_owned()),
                ("localGovernmentCode", SANO_CODE.to_owned()),
                ("prefecturalNote", format!("県の点検 第{number}号 実施済み")),
            ] {
                entity.insert(name.into(), property(value, TOCHIGI_OBSERVED_AT));
            }
            entity
        })
        .collect();
    text(&entities)
}

/// Residents for a partition of the store, in the same form: what a tenant may keep there and the gateway must never show.
/// They are in no committed file.
#[must_use]
pub fn residents() -> String {
    let entities: Vec<Value> = people()
        .map(|(number, facts)| {
            let mut entity = Map::new();
            entity.insert("id".into(), format!("urn:ngsi-ld:Resident:yaita-{number:03}").into());
            entity.insert("type".into(), "Resident".into());
            for (name, value) in facts {
                entity.insert(name.into(), json!({ "type": "Property", "value": value }));
            }
            Value::Object(entity)
        })
        .collect();
    Value::Array(entities).to_string()
}

/// Every personal value of [`residents`]; each occurs nowhere else.
#[must_use]
pub fn canaries() -> Vec<String> {
    people().flat_map(|(_, facts)| facts).map(|(_, value)| value).collect()
}

fn people() -> impl Iterator<Item = (u64, Vec<(&'static str, String)>)> {
    const FAMILY_NAMES: [&str; 3] = ["絵空塚", "絵空原", "絵空森"];
    (1_u64..=6).map(|number| {
        let row = usize::try_from(number).unwrap_or_default();
        let facts = vec![
            ("fullName", name(&FAMILY_NAMES, row)),
            (
                "fullAddress",
                format!("栃木県矢板市絵空町{number}番地の{}", number + 40),
            ),
            ("contactPointPhoneNumber", format!("070-0000-{:04}", 9100 + number)),
            (
                "contactPointEmailAddress",
                format!("esora{number:02}@yaita-resident.invalid"),
            ),
            ("myNumber", my_number(87_654_320_000 + number * 131)),
            ("lineUserId", format!("U{:032x}", 0xfeed_f00d_0000_0000_u64 + number)),
        ];
        (number, facts)
    })
}

fn entity(kind: Kind, refuge: &Refuge, observed_at: &str) -> Map<String, Value> {
    let kind = kind.type_name();
    let mut entity = Map::new();
    entity.insert("id".into(), format!("urn:ngsi-ld:{kind}:{}", refuge.common_id()).into());
    entity.insert("type".into(), kind.into());
    let location = json!({
        "type": "GeoProperty",
        "value": { "type": "Point", "coordinates": [refuge.longitude(), refuge.latitude()] },
        "observedAt": observed_at,
    });
    entity.insert("location".into(), location);
    entity
}

fn property(value: impl Into<Value>, observed_at: &str) -> Value {
    let value = value.into();
    json!({ "type": "Property", "value": value, "observedAt": observed_at })
}

/// One entity a line, so that a change shows as a line.
fn text(entities: &[Map<String, Value>]) -> serde_json::Result<String> {
    let lines = entities
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_committed_files_are_what_the_published_data_gives() {
        assert_eq!(parsed(YAITA_ENTITIES), parsed(&generated_yaita().unwrap()));
        assert_eq!(parsed(TOCHIGI_ENTITIES), parsed(&generated_tochigi().unwrap()));
        assert_eq!(parsed(YAITA_ENTITIES).len(), 25 + 25);
        assert_eq!(parsed(TOCHIGI_ENTITIES).len(), PLANTED);
    }
}
