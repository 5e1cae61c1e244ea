//! With the committed configuration no city replaces what another city says of its own: a source that repeats their ids
//! changes nothing, whatever date it tells: one that cannot have been yet, one that is newer, or none.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use stand_ins::server::{self, Service};
use stand_ins::{LoggedRequest, Server};

use super::harness::{Builder, Platform, SANO, change_source, nasushiobara_sites, sano_sites, section, yaita_sites};

const TYPES: [&str; 4] = ["EvacuationSite", "DesignatedShelter", "AED", "WeatherObserved"];

/// What the prefecture alone says of Sano's sites: its own word, which nobody else's claim covers.
const PREFECTURES_OWN: &str = "prefecturalNote";

/// Later than anything will be, later than what the cities say, and nothing.
const DATES: [Option<&str>; 3] = [Some("2099-01-01T00:00:00Z"), Some("2026-04-30T00:00:00Z"), None];

/// Every entity that a reader sees, by its id.
async fn shown(platform: &Platform) -> BTreeMap<String, Value> {
    shown_with(platform, &[]).await
}

/// The same, where sources may be told of.
async fn shown_with(platform: &Platform, told: &[&str]) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for name in TYPES {
        let answer = platform
            .entities(format!("type={name}&limit=1000&count=true"))
            .await
            .ok();
        let mut warnings = answer.warnings();
        warnings.retain(|warning| !told.iter().any(|told| warning.starts_with(told)));
        assert_eq!(warnings, [""; 0]);
        assert_eq!(answer.count(), answer.entities().len());
        for mut entity in answer.entities() {
            entity.as_object_mut().unwrap().remove(PREFECTURES_OWN);
            all.insert(entity["id"].as_str().unwrap().to_owned(), entity);
        }
    }
    all
}

/// The same entity, with other values and a date.
fn spoofed(entity: &Value, date: Option<&str>) -> Value {
    let mut spoofed = entity.clone();
    for (name, attribute) in spoofed.as_object_mut().unwrap() {
        let Some(kind) = attribute.get("type").and_then(Value::as_str) else {
            continue;
        };
        let value = match kind {
            "GeoProperty" => json!({ "type": "Point", "coordinates": [139.0, 36.0] }),
            _ => json!(format!("偽の{name}")),
        };
        *attribute = json!({ "type": kind, "value": value });
        if let Some(date) = date {
            attribute["observedAt"] = date.into();
        }
    }
    spoofed
}

/// The same for Orion.
fn spoofed_in_orion(entity: &Value, date: Option<&str>) -> Value {
    let mut spoofed = json!({ "id": entity["id"], "type": entity["type"] });
    for (name, attribute) in entity.as_object().unwrap() {
        let mut value = match attribute.get("type").and_then(Value::as_str) {
            Some("GeoProperty") => json!({ "type": "geo:point", "value": "36.0, 139.0" }),
            Some(_) => json!({ "type": "Text", "value": format!("偽の{name}") }),
            None => continue,
        };
        if let Some(date) = date {
            value["metadata"] = json!({ "TimeInstant": { "type": "DateTime", "value": date } });
        }
        spoofed[name] = value;
    }
    spoofed
}

/// Whose an entity is, by its id.
fn city_of(id: &str) -> &'static str {
    for (code, city) in [("09204", "sano"), ("09211", "yaita"), ("09213", "nasushiobara")] {
        if id.contains(&format!("E{code}")) || id.contains(&format!(":{code}")) {
            return city;
        }
    }
    panic!("{id} is nobody's")
}

/// Whatever the others have, with other values, as one JSON array.
fn of_others(city: &str, honest: &BTreeMap<String, Value>, spoof: impl Fn(&Value) -> Value) -> String {
    let others = honest.iter().filter(|(id, _)| city_of(id) != city);
    let all: Vec<Value> = others.map(|(_, entity)| spoof(entity)).collect();
    assert!(all.len() > 100, "{city}");
    json!(all).to_string()
}

fn assert_same(shown: &BTreeMap<String, Value>, honest: &BTreeMap<String, Value>, who: &str) {
    for (id, entity) in honest {
        assert_eq!(shown.get(id), Some(entity), "{who} has replaced what is said of {id}");
    }
    assert_eq!(shown.len(), honest.len(), "{who} has added something");
}

#[tokio::test]
async fn no_city_replaces_what_another_says_whatever_date_it_tells() {
    let honest = shown(&Platform::start().await).await;
    assert_eq!(honest.keys().filter(|id| city_of(id) == "yaita").count(), 50);
    for date in DATES {
        for city in ["yaita", "tochigi", "nasushiobara"] {
            let builder = Platform::builder().await;
            let builder: Builder = if city == "nasushiobara" {
                let spoofs = of_others(city, &honest, |entity| spoofed_in_orion(entity, date));
                builder.demo().orion().load("nasushiobara", "/", &spoofs).unwrap();
                builder
            } else {
                builder.store(city, of_others(city, &honest, |entity| spoofed(entity, date)))
            };
            let platform = builder.start().await;
            assert_same(&shown(&platform).await, &honest, &format!("{city} with {date:?}"));
            // One by one, too.
            for id in [&sano_sites()[0].id, &nasushiobara_sites()[0].id, &yaita_sites()[0].id] {
                let mut entity = platform.entity(id).await.ok().json();
                entity.as_object_mut().unwrap().remove(PREFECTURES_OWN);
                assert_eq!(entity, honest[id.as_str()], "{city} with {date:?}");
            }
        }
    }
}

/// Speaks as Sano's platform does, and says that the sites of others are its own.
struct Impostor {
    sites: Vec<Value>,
}

impl Service for Impostor {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let page = match request.path.as_str() {
            "/api/v1/sites" => json!({ "meta": { "total": self.sites.len(), "pages": 1 }, "items": self.sites }),
            "/api/v1/rain" => json!({ "stations": [] }),
            "/api/v1/aed" => json!([]),
            "/api/v1/shelters.geojson" => json!({ "type": "FeatureCollection", "features": [] }),
            path => {
                let id = path.rsplit('/').next().unwrap_or_default();
                match self.sites.iter().find(|site| site["kyotsu_id"] == id) {
                    Some(site) => site.clone(),
                    None => return server::json(StatusCode::NOT_FOUND, &json!({})),
                }
            }
        };
        server::json(StatusCode::OK, &page)
    }
}

#[tokio::test]
async fn neither_does_sano() {
    let honest = shown(&Platform::start().await).await;
    let honest: BTreeMap<String, Value> = honest.into_iter().filter(|(id, _)| city_of(id) != "sano").collect();
    for date in DATES {
        let others = [nasushiobara_sites(), yaita_sites()].concat();
        let sites = others.iter().map(|place| {
            let id = place.id.rsplit(':').next();
            let mut site =
                json!({ "kyotsu_id": id, "namae": "偽の名", "jusho": "偽の所", "ido": 36.0, "keido": 139.0 });
            if let Some(date) = date {
                site["koshin"] = date.into();
            }
            site
        });
        let impostor = Impostor { sites: sites.collect() };
        let server = Server::start(0, impostor).await.unwrap();
        let builder = Platform::builder().await.tenants(|table| {
            change_source(table, SANO, |source| {
                source.insert("endpoint".into(), server.url().into());
            });
        });
        let platform = builder.start().await;
        // What the prefecture has of Sano's sites does not stand in for them, and is told.
        let seen = shown_with(&platform, &["299 tochigi-store \""]).await;
        assert_same(&seen, &honest, &format!("sano with {date:?}"));
    }
}

#[tokio::test]
async fn where_nobody_has_claimed_anything_a_date_in_the_future_is_no_word() {
    let honest = shown(&Platform::start().await).await;
    let date = DATES[0];
    // The honest city says when; the others say 2099. Without any claim.
    let spoofs = of_others("nasushiobara", &honest, |entity| spoofed_in_orion(entity, date));
    let builder = Platform::builder().await.tenants(|table| {
        for (_, tenant) in section(table, "tenants").iter_mut() {
            let sources = tenant.get_mut("sources").and_then(toml::Value::as_array_mut);
            for source in sources.into_iter().flatten() {
                let provides = source.get_mut("provides").and_then(toml::Value::as_array_mut).unwrap();
                provides.retain(|entry| entry.get("authoritative").is_none() || entry.get("partition").is_none());
                for entry in provides {
                    entry.as_table_mut().unwrap().remove("authoritative");
                }
            }
        }
    });
    builder.demo().orion().load("nasushiobara", "/", &spoofs).unwrap();
    let platform = builder.start().await;
    let seen = shown(&platform).await;
    for place in [sano_sites(), yaita_sites()].concat() {
        assert_eq!(seen[&place.id]["name"]["value"], place.name.as_str(), "{place:?}");
    }
}
