//! The contract, kept by the NGSI-v2 adapter against a stand-in for Orion.

use std::time::Duration;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use kakehashi_adapters::client::{Credential, HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::ngsi_v2::translate::ProvidedType;
use kakehashi_adapters::ngsi_v2::{EVERY_SERVICE_PATH, NgsiV2Adapter, NgsiV2Settings};
use kakehashi_adapters::{Adapter, SourceId};
use ngsi_ld::Entity;
use stand_ins::{Fault, Orion};

use crate::fixture::{BODY_CAP, Fixture, SOURCE_TIMEOUT_MILLIS};
use crate::sample::{self, HIDDEN, SITES, Site};

const KEY: &str = "k3y-of-the-suite";

pub(crate) struct NgsiV2 {
    orion: Orion,
    adapter: NgsiV2Adapter,
}

/// The entity as Orion is given it.
fn ngsi_v2(site: &Site) -> serde_json::Value {
    let mut entity = serde_json::json!({
        "id": site.id(),
        "type": site.r#type,
        // Text with any character is of this type.
        "name": { "type": "TextUnrestricted", "value": site.name },
        "nothing": { "type": "Number", "value": null },
    });
    let mut set = |name: &str, r#type: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            entity[name] = serde_json::json!({ "type": r#type, "value": value });
        }
    };
    set("maxCapacity", "Number", site.capacity.map(Into::into));
    set("waterLevel", "Number", site.level.map(Into::into));
    set("opened", "Boolean", site.opened.map(Into::into));
    set("dateObserved", "DateTime", site.observed.map(Into::into));
    set(HIDDEN, "Text", site.telephone.map(Into::into));
    let point = |(longitude, latitude)| format!("{latitude}, {longitude}").into();
    set("location", "geo:point", site.location.map(point));
    entity
}

#[async_trait]
impl Fixture for NgsiV2 {
    async fn start() -> Self {
        let orion = Orion::start().await.unwrap();
        let sites: Vec<_> = SITES.iter().map(ngsi_v2).collect();
        orion
            .load("suite", "/", &serde_json::to_string(&sites).unwrap())
            .unwrap();
        let resident = r#"[{"id":"urn:ngsi-ld:Resident:1","type":"Resident","name":{"type":"Text","value":"x"}}]"#;
        orion.load("suite", "/", resident).unwrap();
        orion.load("other", "/", resident).unwrap();
        let context = sample::context();
        let provided = |short: &str| ProvidedType {
            name: context.expand_type(short).unwrap(),
            short: short.into(),
        };
        let settings = NgsiV2Settings {
            source: SourceId::new("suite-orion"),
            endpoint: orion.url().to_owned(),
            fiware_service: Some("suite".to_owned()),
            fiware_servicepath: EVERY_SERVICE_PATH.to_owned(),
            types: vec![provided("EvacuationSite"), provided("AED")],
            context: sample::context(),
            ids_repeat: kakehashi_adapters::ngsi_v2::IdsRepeat::FindOut,
            object_types: Vec::new(),
            scope_from_servicepath: false,
        };
        let credential = Credential::Header {
            name: HeaderName::from_static("x-auth-token"),
            value: HeaderValue::from_static(KEY),
        };
        let limits = SourceLimits {
            timeout: Duration::from_millis(SOURCE_TIMEOUT_MILLIS),
            body: BODY_CAP,
            ..SourceLimits::default()
        };
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let adapter = NgsiV2Adapter::new(http, settings, Some(credential), limits).unwrap();
        Self { orion, adapter }
    }

    fn adapter(&self) -> &dyn Adapter {
        &self.adapter
    }

    fn entities(&self) -> Vec<Entity> {
        sample::entities()
    }

    fn set_fault(&self, fault: Option<Fault>) -> bool {
        match fault {
            Some(fault) => self.orion.set_fault(fault),
            None => self.orion.clear_fault(),
        }
        true
    }

    fn requests(&self) -> Option<Vec<String>> {
        let requests = self.orion.requests();
        Some(
            requests
                .iter()
                .map(|request| format!("{} {:?}", request.path, request.parameters().collect::<Vec<_>>()))
                .collect(),
        )
    }

    fn asks_for_attributes(&self) -> bool {
        true
    }

    fn saw_credential(&self) -> Option<bool> {
        let requests = self.orion.requests();
        Some(
            !requests.is_empty()
                && requests
                    .iter()
                    .all(|request| request.header("x-auth-token") == Some(KEY)),
        )
    }
}

crate::contract_suite!(NgsiV2);
crate::contract_of_writes!(NgsiV2);
