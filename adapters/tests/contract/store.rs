//! The contract, kept by the store.
//!
//! Beside the sample, the store holds some 300 generated entities of the same types with what the sample has
//! not: several instances, attributes of attributes, objects and arrays, relationships, texts in two languages,
//! lines and areas.

use std::fmt::Write as _;

use async_trait::async_trait;
use kakehashi_adapters::store::{StoreAdapter, StoreOptions, StorePartition};
use kakehashi_adapters::{Adapter, SourceId};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use stand_ins::Fault;
use tempfile::TempDir;

use crate::fixture::Fixture;
use crate::sample;

/// How many entities are generated.
const GENERATED: u32 = 300;

pub(crate) struct Store {
    adapter: StoreAdapter,
    entities: Vec<Entity>,
    // The folder goes with the fixture.
    _folder: TempDir,
}

/// One attribute of a generated entity, as a member of its JSON object.
fn attribute(number: u32) -> String {
    let longitude = 139.4 + f64::from(number % 80) / 100.0;
    let latitude = 36.2 + f64::from(number % 90) / 100.0;
    let (east, north) = (longitude + 0.01, latitude + 0.01);
    match number % 10 {
        0 => format!(r#""maxCapacity":{{"type":"Property","value":{number},"unitCode":"IE","observedAt":"2026-01-01T00:00:{:02}Z"}}"#, number % 60),
        1 => format!(
            r#""maxCapacity":[{{"type":"Property","value":{number}}},{{"type":"Property","value":5,"datasetId":"urn:d:plan"}}]"#
        ),
        2 => r#""name":{"type":"Property","value":["5","黒磯小学校",5,true,{"member":1}]}"#.to_owned(),
        3 => r#""name":{"type":"Property","value":"稲村小学校","note":{"type":"Property","value":"x"}}"#.to_owned(),
        4 => r#""name":{"type":"LanguageProperty","languageMap":{"ja":"黒磯小学校","en":["Kuroiso","Park"]}}"#.to_owned(),
        5 => format!(r#""waterLevel":{{"type":"Property","value":{}}}"#, f64::from(number) / 8.0 - 10.0),
        6 => format!(
            r#""location":{{"type":"GeoProperty","value":{{"type":"Polygon","coordinates":[[[{longitude},{latitude}],[{east},{latitude}],[{east},{north}],[{longitude},{north}],[{longitude},{latitude}]]]}}}}"#
        ),
        7 => format!(
            r#""location":{{"type":"GeoProperty","value":{{"type":"LineString","coordinates":[[{longitude},{latitude}],[{east},{north}]]}}}}"#
        ),
        8 => r#""dateObserved":{"type":"Property","value":{"@type":"Date","@value":"2026-01-01"}},"name":{"type":"Property","value":{"member":1}}"#.to_owned(),
        _ => r#""opened":{"type":"Relationship","object":["urn:ngsi-ld:AED:1","urn:ngsi-ld:AED:2"]}"#.to_owned(),
    }
}

fn generated() -> Vec<Entity> {
    let mut json = String::from("[");
    for number in 0..GENERATED {
        let r#type = if number.is_multiple_of(3) {
            "AED"
        } else {
            "EvacuationSite"
        };
        let separator = if number == 0 { "" } else { "," };
        let attribute = attribute(number);
        write!(
            json,
            r#"{separator}{{"id":"urn:避難所:{number:03}","type":"{type}",{attribute}}}"#
        )
        .unwrap();
    }
    json.push(']');
    parse_entities(json.as_bytes(), &sample::context()).unwrap()
}

#[async_trait]
impl Fixture for Store {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let partition = StorePartition::open(folder.path(), "yaita", StoreOptions::default())
            .await
            .unwrap();
        let mut entities = sample::entities();
        entities.extend(generated());
        let other = br#"[{"id":"urn:ngsi-ld:Vehicle:1","type":"Vehicle","name":{"type":"Property","value":"x"}}]"#;
        let other_type = parse_entities(other, &sample::context()).unwrap();
        let now = DateTime::parse("2026-01-01T00:00:00Z").unwrap();
        let loaded = entities.iter().cloned().chain(other_type);
        partition.load(loaded, now).await.unwrap();
        Self {
            adapter: StoreAdapter::new(SourceId::new("suite-store"), partition),
            entities,
            _folder: folder,
        }
    }

    fn adapter(&self) -> &dyn Adapter {
        &self.adapter
    }

    fn entities(&self) -> Vec<Entity> {
        self.entities.clone()
    }

    /// There is no wire that could break.
    fn set_fault(&self, _fault: Option<Fault>) -> bool {
        false
    }

    fn requests(&self) -> Option<Vec<String>> {
        None
    }

    fn asks_for_attributes(&self) -> bool {
        false
    }

    fn saw_credential(&self) -> Option<bool> {
        None
    }
}

crate::contract_suite!(Store);
crate::contract_of_writes!(Store);
