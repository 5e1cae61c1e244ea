//! The contract, kept by the adapter for custom platforms against an invented platform: one type in numbered
//! pages with single records, the other at offsets without them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use kakehashi_adapters::client::{Credential, HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::mapping::Mapping;
use kakehashi_adapters::rest::{RestAdapter, RestSettings};
use kakehashi_adapters::{Adapter, SourceId};
use ngsi_ld::Entity;
use serde_json::{Value, json};
use stand_ins::server::{self, Server, Service};
use stand_ins::{Fault, LoggedRequest};

use crate::fixture::{BODY_CAP, Fixture, SOURCE_TIMEOUT_MILLIS};
use crate::sample::{self, HIDDEN, SITES, Site};

const KEY: &str = "k3y-of-the-suite";

const MAPPING: &str = r#"
missing = ["", "-"]

[tables.open]
values = { "開" = true, "閉" = false }

[types.EvacuationSite]
path = "/sites"
record_path = "/sites/{bango}"
records = "$.items[*]"
id = "urn:ngsi-ld:EvacuationSite:{bango}"
paging = { style = "page", page = "page", size = "per_page", max = 4, total = "$.total" }

[types.EvacuationSite.attributes]
name = "namae"
maxCapacity = { field = "ninzu", as = "number" }
waterLevel = { field = "suii", as = "number" }
opened = { field = "kaijo", table = "open" }
dateObserved = { field = "nichiji", as = "date-time" }
location = { latitude = "ido", longitude = "keido" }
contactPointPhoneNumber = "denwa"

[types.AED]
path = "/aed"
records = "$[*]"
id = "urn:ngsi-ld:AED:{bango}"
paging = { style = "offset", offset = "offset", limit = "limit", max = 2 }

[types.AED.attributes]
name = "namae"
maxCapacity = { field = "ninzu", as = "number" }
waterLevel = { field = "suii", as = "number" }
opened = { field = "kaijo", table = "open" }
dateObserved = { field = "nichiji", as = "date-time" }
location = { latitude = "ido", longitude = "keido" }
contactPointPhoneNumber = "denwa"
"#;

/// The same, of a platform whose AEDs are written.
const WRITE: &str = r#"
[types.AED.write]
create = { path = "/aed" }
replace = { path = "/aed/{bango}" }
change = { path = "/aed/{bango}" }
delete = { path = "/aed/{bango}" }
"#;

/// A platform, with the AEDs that were written.
#[derive(Default)]
struct Platform {
    written: Mutex<Vec<Value>>,
}

impl Platform {
    /// What changes something.
    fn change(&self, request: &LoggedRequest) -> Response<Bytes> {
        let mut written = self.written.lock().unwrap();
        let sent = serde_json::from_slice::<Value>(&request.body);
        let bango = request.path.strip_prefix("/aed/");
        let place = written.iter().position(|one| one["bango"].as_str() == bango);
        match (request.method.as_str(), place, sent) {
            ("POST", _, Ok(sent)) => written.push(sent),
            ("DELETE", Some(place), _) => {
                written.remove(place);
            }
            ("PUT", Some(place), Ok(sent)) => written[place] = sent,
            ("PATCH", Some(place), Ok(sent)) => {
                let members = sent.as_object().unwrap().clone();
                written[place].as_object_mut().unwrap().extend(members);
            }
            _ => return server::empty(StatusCode::NOT_FOUND),
        }
        server::empty(StatusCode::OK)
    }
}

/// The site as the platform keeps it: all text, and a dash for what is not known.
fn record(site: &Site) -> Value {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    json!({
        "bango": format!("{:03}", site.number),
        "namae": site.name,
        "ninzu": text(site.capacity.map(|capacity| capacity.to_string())),
        "suii": text(site.level.map(|level| level.to_string())),
        "kaijo": text(site.opened.map(|opened| if opened { "開" } else { "閉" }.to_owned())),
        "nichiji": site.observed,
        "keido": text(site.location.map(|(longitude, _)| longitude.to_string())),
        "ido": text(site.location.map(|(_, latitude)| latitude.to_string())),
        "denwa": text(site.telephone.map(str::to_owned)),
    })
}

impl Service for Platform {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        if request.method != "GET" {
            return self.change(request);
        }
        let number = |name| {
            let text = request.parameter(name);
            text.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0)
        };
        let of_type =
            |wanted: &str| -> Vec<Value> { SITES.iter().filter(|site| site.r#type == wanted).map(record).collect() };
        let body = match request.path.as_str() {
            "/sites" => {
                let (sites, size) = (of_type("EvacuationSite"), number("per_page"));
                let items: Vec<_> = sites.iter().skip((number("page") - 1) * size).take(size).collect();
                json!({ "total": sites.len(), "items": items })
            }
            "/aed" => {
                let aed = of_type("AED");
                json!(
                    aed.iter()
                        .skip(number("offset"))
                        .take(number("limit"))
                        .collect::<Vec<_>>()
                )
            }
            path => {
                let written = self.written.lock().unwrap().clone();
                let found = of_type("EvacuationSite")
                    .into_iter()
                    .find(|site| path.strip_prefix("/sites/") == site["bango"].as_str())
                    .or_else(|| {
                        written
                            .into_iter()
                            .find(|one| path.strip_prefix("/aed/") == one["bango"].as_str())
                    });
                let Some(site) = found else {
                    return server::empty(StatusCode::NOT_FOUND);
                };
                site
            }
        };
        server::json(StatusCode::OK, &body)
    }
}

pub(crate) struct Rest {
    server: Server,
    adapter: RestAdapter,
}

impl Rest {
    async fn of(mapping: &str) -> Self {
        let server = Server::start(0, Platform::default()).await.unwrap();
        let context = sample::context();
        let mapping = Mapping::parse(mapping, "suite.toml", &context).unwrap();
        let settings = RestSettings {
            source: SourceId::new("suite-platform"),
            endpoint: server.url().to_owned(),
            outside: kakehashi_mapping::record::Outside::default(),
            types: mapping.types().cloned().collect(),
            mapping: Arc::new(mapping),
            credential: Some(Credential::Header {
                name: HeaderName::from_static("x-api-key"),
                value: HeaderValue::from_static(KEY),
            }),
            limits: SourceLimits {
                timeout: Duration::from_millis(SOURCE_TIMEOUT_MILLIS),
                body: BODY_CAP,
                ..SourceLimits::default()
            },
        };
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let adapter = RestAdapter::new(http, settings).unwrap();
        Self { server, adapter }
    }
}

#[async_trait]
impl Fixture for Rest {
    async fn start() -> Self {
        Self::of(MAPPING).await
    }

    fn adapter(&self) -> &dyn Adapter {
        &self.adapter
    }

    fn entities(&self) -> Vec<Entity> {
        assert!(
            MAPPING.contains(HIDDEN),
            "what consumers may not see must be there to be left out"
        );
        sample::entities()
    }

    fn set_fault(&self, fault: Option<Fault>) -> bool {
        match fault {
            Some(fault) => self.server.set_fault(fault),
            None => self.server.clear_fault(),
        }
        true
    }

    fn requests(&self) -> Option<Vec<String>> {
        let requests = self.server.requests();
        Some(
            requests
                .iter()
                .map(|request| format!("{} {:?}", request.path, request.parameters().collect::<Vec<_>>()))
                .collect(),
        )
    }

    fn asks_for_attributes(&self) -> bool {
        false
    }

    fn saw_credential(&self) -> Option<bool> {
        let requests = self.server.requests();
        let with_key = |request: &LoggedRequest| request.header("x-api-key") == Some(KEY);
        Some(!requests.is_empty() && requests.iter().all(with_key))
    }
}

crate::contract_suite!(Rest);

/// The same, whose AEDs are written.
pub(crate) struct Written(Rest);

#[async_trait]
impl Fixture for Written {
    async fn start() -> Self {
        let single = "path = \"/aed\"\nrecord_path = \"/aed/{bango}\"";
        Self(Rest::of(&(MAPPING.replace("path = \"/aed\"", single) + WRITE)).await)
    }

    fn adapter(&self) -> &dyn Adapter {
        self.0.adapter()
    }

    fn entities(&self) -> Vec<Entity> {
        self.0.entities()
    }

    fn set_fault(&self, fault: Option<Fault>) -> bool {
        self.0.set_fault(fault)
    }

    fn requests(&self) -> Option<Vec<String>> {
        self.0.requests()
    }

    fn asks_for_attributes(&self) -> bool {
        self.0.asks_for_attributes()
    }

    fn saw_credential(&self) -> Option<bool> {
        self.0.saw_credential()
    }
}

crate::contract_of_writes!(Written);
