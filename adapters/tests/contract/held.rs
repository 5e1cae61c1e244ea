//! The contract, kept by what keeps a source in memory: around the adapter of `docs/adapters.md`.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kakehashi_adapters::held::{HeldMemory, HeldSource, HeldType, Holding, Judged, Others};
use kakehashi_adapters::{Adapter, SelectedNames, SourceId};
use kakehashi_example_adapter::FileAdapter;
use ngsi_ld::Entity;
use stand_ins::Fault;

use crate::fixture::Fixture;
use crate::sample;

pub(crate) struct Held(HeldSource);

#[async_trait]
impl Fixture for Held {
    async fn start() -> Self {
        let entities = sample::entities();
        let types = ["EvacuationSite", "AED"].map(|short| sample::context().expand_type(short).unwrap());
        let names = entities.iter().flat_map(|entity| &entity.attributes);
        let names = SelectedNames::new(names.map(|attribute| attribute.name.clone()));
        let held = types.iter().map(|name| HeldType {
            name: name.clone(),
            attributes: names.clone(),
            others: Others::These(SelectedNames::new([])),
        });
        let holding = Holding::of(held.collect());
        let file = Arc::new(FileAdapter::new(SourceId::new("suite-file"), entities.into(), &types));
        let hold = Duration::from_secs(3600);
        let (held, upkeep) = HeldSource::new(file, hold, holding, Arc::new(|_| Judged::Whole), &HeldMemory::default());
        tokio::spawn(upkeep());
        Self(held)
    }

    fn adapter(&self) -> &dyn Adapter {
        &self.0
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

crate::contract_suite!(Held);
