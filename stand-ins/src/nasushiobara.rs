//! A stand-in for a city OS that holds open data and personal data side by side.
//!
//! The open data is real: Nasushiobara's places of refuge as 国土地理院 publishes them. The persons are invented, and
//! every value of theirs is a canary: it must never be found anywhere outside the servers of this module.

mod personal_data_module;
mod persons;

use std::io;

use serde_json::{Map, Value, json};

use crate::gsi::{Kind, NASUSHIOBARA_SHELTERS, NASUSHIOBARA_SITES, Refuge, refuges};
use crate::orion::Orion;

pub use personal_data_module::{PersonalDataModule, SESSION_COOKIE};

/// The city's `Fiware-Service`.
pub const SERVICE: &str = "nasushiobara";

/// 全国地方公共団体コード of 那須塩原市.
pub const LOCAL_GOVERNMENT_CODE: &str = "092134";

/// When the open data was loaded, as its metadata says. Invented.
const LOADED_AT: &str = "2026-04-01T00:00:00.000Z";

/// When the weather was observed. Invented.
const WEATHER_AT: &str = "2026-11-20T00:00:00.000Z";

/// Loads everything that the city holds into an Orion.
///
/// # Errors
/// The data in this crate is not what it should be.
pub fn load(orion: &Orion) -> io::Result<()> {
    let sites = refuges_of(Kind::EvacuationSite, NASUSHIOBARA_SITES)?;
    let shelters = refuges_of(Kind::DesignatedShelter, NASUSHIOBARA_SHELTERS)?;
    for (path, entities) in [
        ("/disaster", sites),
        ("/disaster", shelters),
        ("/weather", weather()),
        ("/residents", persons::residents()),
        ("/residents/maternal", persons::maternal_handbooks()),
    ] {
        orion
            .load(SERVICE, path, &Value::Array(entities).to_string())
            .map_err(io::Error::other)?;
    }
    Ok(())
}

/// An Orion on a port that the system chooses, loaded.
///
/// # Errors
/// No port can be bound.
pub async fn start() -> io::Result<Orion> {
    let orion = Orion::start().await?;
    load(&orion)?;
    Ok(orion)
}

/// Every personal value that this module serves; each occurs nowhere else, so that a scan can look for it.
#[must_use]
pub fn canaries() -> Vec<String> {
    persons::canaries()
}

/// The ids of the entities that hold nothing but personal data.
#[must_use]
pub fn personal_entity_ids() -> Vec<String> {
    persons::residents()
        .into_iter()
        .chain(persons::maternal_handbooks())
        .filter_map(|entity| entity.get("id")?.as_str().map(str::to_owned))
        .collect()
}

fn refuges_of(kind: Kind, geojson: &str) -> io::Result<Vec<Value>> {
    let entities = refuges(geojson)?
        .iter()
        .enumerate()
        .map(|(row, refuge)| entity_of(kind, row, refuge))
        .collect();
    Ok(entities)
}

fn entity_of(kind: Kind, row: usize, refuge: &Refuge) -> Value {
    let mut entity = Map::new();
    // The raw id, not a URI: the adapter has to make one.
    entity.insert("id".into(), refuge.common_id().into());
    entity.insert("type".into(), kind.type_name().into());
    for (name, value) in refuge.facts(kind, LOCAL_GOVERNMENT_CODE) {
        entity.insert(name.into(), attribute(value, LOADED_AT));
    }
    let (longitude, latitude) = (refuge.longitude(), refuge.latitude());
    // Both ways in which cities keep places: every third as text.
    let (location_kind, location) = if row % 3 == 2 {
        ("geo:point", Value::from(format!("{latitude}, {longitude}")))
    } else {
        let point = json!({ "type": "Point", "coordinates": [longitude, latitude] });
        ("geo:json", point)
    };
    let location = json!({ "type": location_kind, "value": location, "metadata": observed(LOADED_AT) });
    entity.insert("location".into(), location);
    if kind == Kind::DesignatedShelter {
        let manager = persons::manager(row);
        entity.insert("managerName".into(), attribute(manager.name, LOADED_AT));
        entity.insert("managerMobilePhone".into(), attribute(manager.mobile_phone, LOADED_AT));
    }
    Value::Object(entity)
}

fn weather() -> Vec<Value> {
    [
        ("01", "黒磯 (市役所)", (140.0461, 36.9617), 8.4, 0.62, 0.0, 978.6),
        ("02", "西那須野", (139.9879, 36.8826), 9.1, 0.58, 0.5, 985.2),
        ("03", "塩原", (139.8253, 36.9707), 5.7, 0.74, 1.5, 941.3),
    ]
    .into_iter()
    .map(
        |(number, station, (longitude, latitude), celsius, humidity, millimetres, hectopascals)| {
            let measured = |value: f64, unit: &str| {
                json!({
                    "type": "Number",
                    "value": value,
                    "metadata": {
                        "TimeInstant": { "type": "DateTime", "value": WEATHER_AT },
                        "unitCode": { "type": "Text", "value": unit },
                    },
                })
            };
            json!({
                "id": format!("urn:ngsi-ld:WeatherObserved:{LOCAL_GOVERNMENT_CODE}-{number}"),
                "type": "WeatherObserved",
                "stationName": attribute(station, WEATHER_AT),
                "dateObserved": { "type": "DateTime", "value": WEATHER_AT },
                "temperature": measured(celsius, "CEL"),
                // A fraction, as Smart Data Models have it.
                "relativeHumidity": measured(humidity, "C62"),
                "precipitation": measured(millimetres, "MMT"),
                "atmosphericPressure": measured(hectopascals, "A97"),
                "location": {
                    "type": "geo:json",
                    "value": { "type": "Point", "coordinates": [longitude, latitude] },
                },
            })
        },
    )
    .collect()
}

/// A normalized attribute; text that Orion would refuse gets the type that it lets through.
fn attribute(value: impl Into<Value>, observed_at: &str) -> Value {
    let value = value.into();
    const REFUSED: [char; 8] = ['<', '>', '"', '\'', '=', ';', '(', ')'];
    let kind = match &value {
        Value::Bool(_) => "Boolean",
        Value::Number(_) => "Number",
        Value::String(text) if text.contains(REFUSED) => "TextUnrestricted",
        _ => "Text",
    };
    json!({ "type": kind, "value": value, "metadata": observed(observed_at) })
}

fn observed(at: &str) -> Value {
    json!({ "TimeInstant": { "type": "DateTime", "value": at } })
}
