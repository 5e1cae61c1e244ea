//! The entities on a platform of a municipality's own.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Response, StatusCode};
use kakehashi_adapters::SourceId;
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::mapping::Mapping;
use kakehashi_adapters::rest::{RestAdapter, RestSettings};
use serde_json::{Value, json};
use stand_ins::LoggedRequest;
use stand_ins::server::{self, Server, Service};

use crate::thing::{Shape, Thing, Worth, number};
use crate::{World, context};

const MAPPING: &str = r#"
missing = ["-"]

[types.EvacuationSite]
path = "/sites"
record_path = "/sites/{bango}"
records = "$.items[*]"
id = "urn:ngsi-ld:EvacuationSite:{bango}"
observed_at = "koshin"
modified_at = "koshin"
paging = { style = "page", page = "page", size = "per_page", max = 3, total = "$.total" }

[types.EvacuationSite.attributes]
name = "namae"
maxCapacity = { field = "ninzu", as = "number" }
dateObserved = { field = "nichiji", as = "date-time", observed_at = false }
location = { latitude = "ido", longitude = "keido", observed_at = false }
managedBy = { relationship = "urn:ngsi-ld:Organization:{soshiki}" }

[types.EvacuationSite.filters]
name = { equal = "namae", part = "namae_bubun" }
maxCapacity = { equal = "ninzu", at_least = "ninzu_min", at_most = "ninzu_max" }
location = { box = "hani", near = { latitude = "chushin_ido", longitude = "chushin_keido", metres = "hankei" } }

[tables.yes]
values = { "有" = true, "無" = false, "-" = false }

[types.AED]
path = "/aed"
records = "$[*]"
id = "urn:ngsi-ld:AED:{bango}"
paging = { style = "offset", offset = "offset", limit = "limit", max = 2 }

[types.AED.attributes]
name = { field = "namae", as = "string" }
maxCapacity = { field = "ninzu", unit_code = "IE" }
dateObserved = "nichiji"
location = { latitude = "ido", longitude = "keido" }
managedBy = { field = "kaijo", table = "yes" }

[types.AED.filters]
managedBy = { equal = "kaijo" }
"#;

type Records = Arc<Mutex<Vec<(&'static str, Value)>>>;

struct Answers(Records);

/// What the platform keeps in a field; `None`: nothing.
fn field(value: &Worth) -> Option<Value> {
    Some(match value {
        Worth::Null | Worth::Place(_) => return None,
        Worth::Text(text) | Worth::DateTime(text) | Worth::Date(text) | Worth::Time(text) => Value::from(*text),
        Worth::Number(text) => number(text),
        Worth::Boolean(flag) => Value::from(*flag),
        Worth::List(items) => Value::from(items.clone()),
        Worth::Object(object) => object.clone(),
        Worth::References(ids) => json!(ids),
        Worth::Languages(ja, _) => Value::from(*ja),
    })
}

fn record(thing: &Thing) -> Value {
    let mut record = json!({ "bango": thing.number.to_string(), "koshin": "2026-01-01T00:00:00Z" });
    for (name, attribute) in &thing.attributes {
        match (*name, &attribute.value) {
            ("name", value) => record["namae"] = json!(field(value)),
            ("maxCapacity", value) => record["ninzu"] = json!(field(value)),
            ("dateObserved", value) => record["nichiji"] = json!(field(value)),
            ("location", Worth::Place(Shape::Point(x, y))) => {
                let [longitude, latitude] = Shape::degrees([*x, *y]);
                record["keido"] = json!(longitude.to_string());
                record["ido"] = json!(latitude.to_string());
            }
            (_, Worth::Text(text)) => record["soshiki"] = json!(text),
            (_, Worth::Boolean(flag)) => record["kaijo"] = json!(if *flag { "有" } else { "無" }),
            (_, Worth::Null) => record["kaijo"] = json!("-"),
            _ => {}
        }
    }
    record
}

/// What the platform leaves out when it is asked to: each parameter that it knows must hold.
fn is_asked_for(record: &Value, request: &LoggedRequest) -> bool {
    let text = |field: &str| match &record[field] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let number = |field: &str| text(field).and_then(|text| text.trim().parse::<f64>().ok());
    let asked_number = |name: &str| request.parameter(name).map(|text| text.parse::<f64>().unwrap());
    let any_text = |field: &str, holds: &dyn Fn(&str) -> bool| match &record[field] {
        Value::Array(items) => items.iter().any(|item| item.as_str().is_some_and(holds)),
        _ => text(field).is_some_and(|text| holds(&text)),
    };
    let equal = |name: &str, field: &str| {
        let wanted = request.parameter(name);
        wanted.is_none_or(|wanted| match (number(field), wanted.parse::<f64>()) {
            (Some(number), Ok(wanted)) => number.total_cmp(&wanted).is_eq() || (number == wanted),
            _ => any_text(field, &|text| text == wanted),
        })
    };
    let holds_part = request
        .parameter("namae_bubun")
        .is_none_or(|part| any_text("namae", &|text| text.contains(&part)));
    let at_least = asked_number("ninzu_min").is_none_or(|least| number("ninzu").is_some_and(|number| number >= least));
    let at_most = asked_number("ninzu_max").is_none_or(|most| number("ninzu").is_some_and(|number| number <= most));
    let place = number("keido").zip(number("ido"));
    let in_box = request.parameter("hani").is_none_or(|corners| {
        let corners: Vec<f64> = corners.split(',').map(|corner| corner.parse().unwrap()).collect();
        place.is_some_and(|(longitude, latitude)| {
            (corners[0]..=corners[2]).contains(&longitude) && (corners[1]..=corners[3]).contains(&latitude)
        })
    });
    let is_near = asked_number("hankei").is_none_or(|metres| {
        let center = (
            asked_number("chushin_keido").unwrap(),
            asked_number("chushin_ido").unwrap(),
        );
        place.is_some_and(|place| haversine(center, place) <= metres)
    });
    equal("namae", "namae")
        && equal("ninzu", "ninzu")
        && equal("kaijo", "kaijo")
        && holds_part
        && at_least
        && at_most
        && in_box
        && is_near
}

/// Metres on a sphere.
fn haversine(from: (f64, f64), to: (f64, f64)) -> f64 {
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let a = half(to.1 - from.1) + from.1.to_radians().cos() * to.1.to_radians().cos() * half(to.0 - from.0);
    2.0 * 6_371_000.0 * a.sqrt().min(1.0).asin()
}

impl Service for Answers {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let number = |name| {
            let text = request.parameter(name);
            text.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0)
        };
        let records = self.0.lock().unwrap();
        let of_type = |wanted: &str| {
            let records = records
                .iter()
                .filter(|(r#type, record)| *r#type == wanted && is_asked_for(record, request));
            records.map(|(_, record)| record.clone()).collect::<Vec<_>>()
        };
        let part = |all: &[Value], skip: usize, take: usize| -> Vec<Value> {
            all.iter().skip(skip).take(take).cloned().collect()
        };
        let body = match request.path.as_str() {
            "/sites" => {
                let (sites, size) = (of_type("EvacuationSite"), number("per_page"));
                json!({ "total": sites.len(), "items": part(&sites, (number("page") - 1) * size, size) })
            }
            "/aed" => json!(part(&of_type("AED"), number("offset"), number("limit"))),
            path => {
                let wanted = path.strip_prefix("/sites/");
                let found = of_type("EvacuationSite")
                    .into_iter()
                    .find(|site| site["bango"].as_str() == wanted);
                let Some(site) = found else {
                    return server::empty(StatusCode::NOT_FOUND);
                };
                site
            }
        };
        server::json(StatusCode::OK, &body)
    }
}

pub(crate) struct Platform {
    server: Server,
    records: Records,
    http: HttpClient,
    mapping: Arc<Mapping>,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let records = Records::default();
        let server = Server::start(0, Answers(Arc::clone(&records))).await.unwrap();
        server.log_requests(false);
        let mapping = Mapping::parse(MAPPING, "any.toml", context()).unwrap_or_else(|errors| panic!("{errors:?}"));
        Self {
            server,
            records,
            http: HttpClient::new(&HttpClientSettings::default()).unwrap(),
            mapping: Arc::new(mapping),
        }
    }

    pub(crate) fn enter(&self, things: &[Thing]) -> World {
        *self.records.lock().unwrap() = things.iter().map(|thing| (thing.r#type, record(thing))).collect();
        let settings = RestSettings {
            source: SourceId::new("any-platform"),
            endpoint: self.server.url().to_owned(),
            outside: kakehashi_mapping::record::Outside::default(),
            types: self.mapping.types().cloned().collect(),
            mapping: Arc::clone(&self.mapping),
            credential: None,
            limits: SourceLimits::default(),
        };
        World {
            adapter: Box::new(RestAdapter::new(self.http.clone(), settings).unwrap()),
            given: things.len(),
            _kept: None,
        }
    }
}
