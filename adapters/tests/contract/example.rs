//! The contract, kept by the adapter of `docs/adapters.md`, made by its kind as a configured one is.

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::kind::{Kind, Opening};
use kakehashi_adapters::{Adapter, SourceId};
use kakehashi_example_adapter::FileKind;
use ngsi_ld::Entity;
use serde_json::{Map, Value};
use stand_ins::Fault;

use crate::fixture::Fixture;
use crate::sample;
use crate::table::Written;

pub(crate) struct Example(Arc<dyn Adapter>);

/// The sample as a file: names written out, because those of the suite are not those of the gateway's own context.
pub(crate) fn file() -> String {
    let context = sample::context();
    let written = |site: &sample::Site| {
        let Value::Object(members) = site.ngsi_ld() else {
            panic!("an entity is an object");
        };
        let members = members.into_iter().map(|(name, value)| match name.as_str() {
            "id" | "location" => (name, value),
            "type" => (name, context.expand_type(site.r#type).unwrap().as_str().into()),
            _ => (context.expand_attribute(&name).unwrap().as_str().to_owned(), value),
        });
        members.collect::<Map<String, Value>>()
    };
    let vehicle = r#"{"id":"urn:ngsi-ld:Vehicle:1","type":"Vehicle"}"#;
    let sites: Vec<String> = sample::SITES
        .iter()
        .map(|site| Value::from(written(site)).to_string())
        .collect();
    format!("[{vehicle},{}]", sites.join(","))
}

#[async_trait]
impl Fixture for Example {
    async fn start() -> Self {
        let settings = {
            let table =
                Written::new("endpoint = \"file:\"\nentities = \"sites.json\"").with_file("sites.json", &file());
            let settings = FileKind.read(&table);
            settings.unwrap_or_else(|| panic!("{:?}", table.findings()))
        };
        let types = ["EvacuationSite", "AED"].map(|short| sample::context().expand_type(short).unwrap());
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let opening = Opening {
            source: &SourceId::new("suite-file"),
            owner: "yaita",
            code: None,
            name: None,
            http: &http,
            credential: None,
            limits: SourceLimits::default(),
            types: &types,
            keeping: None,
        };
        Self(settings.open(opening).await.unwrap().adapter)
    }

    fn adapter(&self) -> &dyn Adapter {
        self.0.as_ref()
    }

    fn entities(&self) -> Vec<Entity> {
        sample::entities()
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

crate::contract_suite!(Example);
