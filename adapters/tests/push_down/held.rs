//! The entities in a file, of which everything is kept in memory: the file decides nothing but types and ids.

use std::sync::Arc;
use std::time::Duration;

use kakehashi_adapters::held::{HeldMemory, HeldSource, HeldType, Holding, Judged, Others};
use kakehashi_adapters::{SelectedNames, SourceId};
use kakehashi_example_adapter::FileAdapter;

use crate::thing::{NAMES, TYPES, Thing};
use crate::{World, context, store};

/// Longer than any test takes.
const HOLD: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn enter(things: &[Thing]) -> World {
    let types = TYPES.map(|short| context().expand_type(short).unwrap());
    let names = NAMES.map(|short| context().expand_attribute(short).unwrap());
    let held = types.iter().map(|name| HeldType {
        name: name.clone(),
        attributes: SelectedNames::new(names.iter().cloned()),
        others: Others::These(SelectedNames::new([])),
    });
    let file = FileAdapter::new(SourceId::new("any-file"), store::entities(things).into(), &types);
    let (adapter, upkeep) = HeldSource::new(
        Arc::new(file),
        HOLD,
        Holding::of(held.collect()),
        Arc::new(|_| Judged::Whole),
        &HeldMemory::default(),
    );
    tokio::spawn(upkeep());
    World {
        adapter: Box::new(adapter),
        given: things.len(),
        _kept: None,
    }
}
