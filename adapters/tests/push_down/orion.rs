//! The entities in an Orion, in the ways in which its users write them.

use std::cell::Cell;
use std::collections::BTreeSet;

use kakehashi_adapters::SourceId;
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::ngsi_v2::translate::ProvidedType;
use kakehashi_adapters::ngsi_v2::{EVERY_SERVICE_PATH, IdsRepeat, NgsiV2Adapter, NgsiV2Settings};
use serde_json::{Value, json};

use crate::thing::{Attribute, Shape, TYPES, Thing, Worth, number};
use crate::{World, context};

/// An Orion with a service for each set of entities.
pub(crate) struct Orion {
    orion: stand_ins::Orion,
    http: HttpClient,
    services: Cell<u32>,
}

/// Paths in which entities stand.
const PATHS: [&str; 3] = ["/", "/north", "/north/station"];

/// The id in the source: a URI, or text that is none.
fn id(thing: &Thing) -> String {
    match thing.style % 6 {
        0 | 3 => thing.uri(),
        // Characters that mean more in a regular expression, in ids that are URIs and in others.
        1 => format!("tel:+81.{}.{}", thing.r#type, thing.number),
        2 => format!("a+b*$[{}]", thing.number),
        // Blanks are refused in ids.
        _ => format!("Room%20{}", thing.number),
    }
}

/// Latitude first.
fn swapped([longitude, latitude]: [f64; 2]) -> String {
    format!("{latitude}, {longitude}")
}

/// Type and value of a place.
fn place(shape: Shape, style: u8) -> (&'static str, Value) {
    match (shape, style) {
        (Shape::Point(x, y), 0 | 1) => ("geo:point", Value::from(swapped(Shape::degrees([x, y])))),
        (Shape::Line([x, y, width, height]), 0 | 1) => {
            let ends = [[x, y], [x + width.max(1), y + height]];
            ("geo:line", json!(ends.map(|end| swapped(Shape::degrees(end)))))
        }
        (Shape::Area(area), 0) => {
            let ring = Shape::ring(area);
            ("geo:box", json!([swapped(ring[0]), swapped(ring[2])]))
        }
        (Shape::Area(area), 1) => ("geo:polygon", json!(Shape::ring(area).map(swapped))),
        (shape, 2) => (
            "geo:json",
            json!({ "type": "Feature", "properties": {}, "geometry": shape.geo_json() }),
        ),
        (shape, COLLECTION) => {
            let feature = |geometry| json!({ "type": "Feature", "properties": {}, "geometry": geometry });
            let beside = Shape::Point(2, 2).geo_json();
            let features = [feature(shape.geo_json()), feature(beside)];
            ("geo:json", json!({ "type": "FeatureCollection", "features": features }))
        }
        (shape, _) => ("geo:json", shape.geo_json()),
    }
}

/// The style of a place that is several features. Orion takes it if it need not look for it.
const COLLECTION: u8 = 5;

/// Whether Orion refuses a text in the value, unless its type says that anything goes.
fn is_refused(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(['<', '>', '"', '\'', '=', ';', '(', ')']),
        Value::Array(items) => items.iter().any(is_refused),
        Value::Object(members) => members.values().any(is_refused),
        _ => false,
    }
}

fn is_early(date: &str) -> bool {
    date.starts_with("19")
}

/// Type and value of whatever it is.
fn written(value: &Worth, style: u8) -> (&'static str, Value) {
    let (kind, value) = match value {
        Worth::Place(shape) => return place(*shape, style),
        Worth::DateTime(text) if style == 5 || is_early(text) => ("Text", Value::from(*text)),
        Worth::DateTime(text) if style.is_multiple_of(2) => ("DateTime", Value::from(*text)),
        Worth::DateTime(text) => ("ISO8601", Value::from(*text)),
        Worth::References(ids) => match ids.as_slice() {
            [only] => ("Relationship", Value::from(*only)),
            several => ("Relationship", json!(several)),
        },
        Worth::Null => ("None", Value::Null),
        Worth::Text(text) | Worth::Date(text) | Worth::Time(text) => ("Text", Value::from(*text)),
        Worth::Number(text) => ("Number", number(text)),
        Worth::Boolean(flag) => ("Boolean", Value::from(*flag)),
        Worth::List(items) => {
            let null = (style == 5).then_some(Value::Null);
            ("StructuredValue", items.iter().cloned().chain(null).collect())
        }
        Worth::Object(object) => {
            let mut object = object.clone();
            if style == 5 {
                object["a"] = Value::Null;
            }
            ("StructuredValue", object)
        }
        Worth::Languages(ja, _) => ("StructuredValue", json!({ "ja": ja })),
    };
    // Types are what clients call them, and mean nothing.
    let kind = match (kind, style) {
        ("Text" | "Number" | "Boolean", 3) => "Custom",
        ("Text" | "Boolean", 4) => "Number",
        ("Number", 4) => "Text",
        _ => kind,
    };
    if is_refused(&value) {
        return ("TextUnrestricted", value);
    }
    (kind, value)
}

fn attribute(attribute: &Attribute) -> Value {
    let (kind, value) = written(&attribute.value, attribute.style);
    let mut metadata = json!({});
    if let Some(accuracy) = &attribute.accuracy {
        let (kind, value) = written(accuracy, attribute.style);
        // Metadata has no type of which anything goes.
        if !is_refused(&value) {
            metadata["accuracy"] = json!({ "type": kind, "value": value });
        }
    }
    // Orion takes no date before 1970.
    if let Some(date) = attribute.observed_at.filter(|date| !is_early(date)) {
        metadata["TimeInstant"] = json!({ "type": "DateTime", "value": date });
    }
    if let Some(unit_code) = attribute.unit_code {
        metadata["unitCode"] = json!({ "type": "Text", "value": unit_code });
    }
    json!({ "type": kind, "value": value, "metadata": metadata })
}

fn entity(thing: &Thing) -> Value {
    let mut entity = json!({ "id": id(thing), "type": thing.r#type });
    let mut has_place = false;
    for (name, value) in &thing.attributes {
        let is_place = matches!(value.value, Worth::Place(_));
        entity[*name] = attribute(value);
        // Orion takes one place an entity, unless it is told not to look for others; and some entities have none to look for.
        if is_place && (has_place || thing.style == 7 || value.style == COLLECTION) {
            entity[*name]["metadata"]["ignoreType"] = json!({ "type": "Boolean", "value": true });
        } else {
            has_place |= is_place;
        }
    }
    if thing.style == 6 {
        entity["dateExpires"] = json!({ "type": "DateTime", "value": "2038-01-19T03:14:08Z" });
    }
    entity
}

impl Orion {
    pub(crate) async fn start() -> Self {
        let orion = stand_ins::Orion::start().await.unwrap();
        orion.log_requests(false);
        Self {
            orion,
            http: HttpClient::new(&HttpClientSettings::default()).unwrap(),
            services: Cell::new(0),
        }
    }

    pub(crate) fn enter(&self, mut things: Vec<Thing>) -> World {
        let number = self.services.get();
        self.services.set(number + 1);
        let service = format!("any_{number}");
        // Of some sources the same id stands in several paths.
        let repeats = things[0].style == 3;
        if repeats {
            for thing in &mut things {
                thing.number /= 2;
            }
        }
        let mut given = BTreeSet::new();
        for (position, thing) in things.iter().enumerate() {
            let path = PATHS[position % PATHS.len()];
            given.insert((thing.r#type, id(thing)));
            let list = json!([entity(thing)]).to_string();
            let loaded = self.orion.load(&service, path, &list);
            loaded.unwrap_or_else(|error| panic!("{list}: {error:?}"));
        }
        let hidden = r#"[{"id":"Resident:1","type":"Resident","name":{"type":"Text","value":"5"}}]"#;
        self.orion.load(&service, "/", hidden).unwrap();
        let settings = NgsiV2Settings {
            source: SourceId::new("any-orion"),
            endpoint: self.orion.url().to_owned(),
            fiware_service: Some(service),
            fiware_servicepath: EVERY_SERVICE_PATH.to_owned(),
            types: TYPES
                .iter()
                .map(|short| ProvidedType {
                    name: context().expand_type(short).unwrap(),
                    short: (*short).into(),
                })
                .collect(),
            context: std::sync::Arc::clone(context()),
            ids_repeat: match (number.is_multiple_of(3), repeats) {
                (true, true) => IdsRepeat::Yes,
                (true, false) => IdsRepeat::No,
                (false, _) => IdsRepeat::FindOut,
            },
            object_types: Vec::new(),
            // As of every second source.
            scope_from_servicepath: number.is_multiple_of(2),
        };
        let adapter = NgsiV2Adapter::new(self.http.clone(), settings, None, SourceLimits::default()).unwrap();
        World {
            adapter: Box::new(adapter),
            given: given.len(),
            _kept: None,
        }
    }
}
