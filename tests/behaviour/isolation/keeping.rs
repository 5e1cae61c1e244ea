//! Some sources of a world are kept in memory, as far as their classes allow: that changes no answer.

use std::sync::Arc;
use std::time::Duration;

use kakehashi::federation::registry::RegisteredSource;
use kakehashi::policy::{Classification, PersonalData};
use kakehashi_adapters::SelectedNames;
use kakehashi_adapters::held::{HeldMemory, HeldSource, HeldType, Holding, Others};
use tokio::runtime::Handle;

/// Longer than a world is asked.
const HOLD: Duration = Duration::from_secs(24 * 60 * 60);

/// What may be kept in a world, and what reads it.
pub(super) struct Keeping {
    pub(super) classification: Classification,
    pub(super) runtime: Handle,
}

impl Keeping {
    /// Keeps what is open of a source, if anything is.
    pub(super) fn keep(&self, source: &mut RegisteredSource) {
        // As the configuration has it: what nobody has classified could be shown otherwise.
        if source.personal_data == PersonalData::None {
            return;
        }
        let provided = source.provides.iter().filter_map(|provision| provision.r#type.clone());
        let held = provided.filter_map(|name| {
            let open = self.classification.open_attributes(&name)?;
            Some(HeldType {
                attributes: SelectedNames::new(open.iter().cloned()),
                others: Others::Any,
                name,
            })
        });
        let holding = Holding::of(held.collect());
        if holding.is_empty() {
            return;
        }
        let (classification, personal_data) = (self.classification.clone(), source.personal_data);
        let judge = Arc::new(move |entity: &mut _| classification.keep_open(entity, personal_data));
        let itself = Arc::clone(&source.adapter);
        let (held, upkeep) = HeldSource::new(itself, HOLD, holding, judge, &HeldMemory::default());
        self.runtime.spawn(upkeep());
        source.adapter = Arc::new(held);
    }
}
