//! The contract, kept by files of open data: the sample as NGSI-LD JSON in a folder.

use std::sync::Arc;

use async_trait::async_trait;
use kakehashi_adapters::client::{HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_adapters::held::{HeldType, Holding, Judged, Others};
use kakehashi_adapters::kind::{Forgets, Keeping, Kind, Opening, memory_of_read};
use kakehashi_adapters::open_data::OpenDataKind;
use kakehashi_adapters::{Adapter, SelectedNames, SourceId};
use ngsi_ld::Entity;
use stand_ins::Fault;
use tempfile::TempDir;

use crate::fixture::Fixture;
use crate::sample;
use crate::table::Written;

pub(crate) struct OpenData {
    adapter: Arc<dyn Adapter>,
    _folder: TempDir,
}

#[async_trait]
impl Fixture for OpenData {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sites.json"), crate::example::file()).unwrap();
        let settings = {
            let table = Written::new(&format!("endpoint = \"folder:{}\"", folder.path().display()));
            let settings = OpenDataKind.read(&table);
            settings.unwrap_or_else(|| panic!("{:?}", table.findings()))
        };
        let types = ["EvacuationSite", "AED"].map(|short| sample::context().expand_type(short).unwrap());
        let entities = sample::entities();
        let names = entities.iter().flat_map(|entity| &entity.attributes);
        let names = SelectedNames::new(names.map(|attribute| attribute.name.clone()));
        let kept = types.iter().map(|name| HeldType {
            name: name.clone(),
            attributes: names.clone(),
            others: Others::Any,
        });
        let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
        let opening = Opening {
            code: None,
            name: None,
            source: &SourceId::new("suite-files"),
            owner: "yaita",
            http: &http,
            credential: None,
            limits: SourceLimits::default(),
            types: &types,
            keeping: Some(Keeping {
                holding: Holding::of(kept.collect()),
                judge: Arc::new(|_| Judged::Whole),
                memory: memory_of_read(),
                remembers: Arc::new(Forgets),
                elsewhere: None,
            }),
        };
        let opened = settings.open(opening).await.unwrap();
        tokio::spawn(opened.upkeep.unwrap()());
        Self {
            adapter: opened.adapter,
            _folder: folder,
        }
    }

    fn adapter(&self) -> &dyn Adapter {
        self.adapter.as_ref()
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

crate::contract_suite!(OpenData);
