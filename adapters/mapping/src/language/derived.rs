//! Fields that are made of others: `[types.X.fields]`.

use hashbrown::HashMap;
use super::Rule;
use super::form::read_value;
use super::error::Diagnostics;
use super::fields::AttributeReader;
use super::toml_table::{Entry, TomlTable};
use crate::record::{Origin, Slot};

/// Fields that are looked at for one, each as often as it is named: of those that are made of each other twice the number
/// doubles with every step.
const MOST_FIELDS: usize = 256;

/// A field that is made of others.
#[derive(Debug, Clone)]
pub struct Derived {
    /// Its name.
    pub name: Box<str>,
    /// What it is made of.
    pub rule: Rule,
}

/// Gives the names their slots, so that each may name the others.
pub(super) fn name_derived(table: &TomlTable<'_>, reader: &mut AttributeReader<'_>, diagnostics: &mut Diagnostics<'_>) {
    let mut named = HashMap::new();
    for (place, entry) in table.entries().iter().enumerate() {
        if entry.key.starts_with(['$', '@']) || entry.key.is_empty() {
            let message = "the name of a derived field begins with neither `$` nor `@`, and is not empty";
            diagnostics.report(&entry.key_span, &table.field_of(entry.key), message);
        }
        named.insert(entry.key.into(), reader.fields.slot_of(Origin::Derived(place)));
    }
    reader.derived = named;
}

/// Reads what they are made of.
pub(super) fn read_derived(
    table: &TomlTable<'_>,
    reader: &mut AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Derived> {
    let entries = table.entries();
    let mut derived = Vec::new();
    for entry in &entries {
        let field = table.field_of(entry.key);
        let rule = read_value(entry.value, &field, reader, diagnostics);
        derived.push(Derived {
            name: entry.key.into(),
            // What is wrong has been reported: the mapping is refused.
            rule: rule.unwrap_or_else(|| Rule::Constant(false.into())),
        });
    }
    if !refuse_circles(table, &entries, &derived, reader, diagnostics) {
        return derived;
    }
    for (place, entry) in entries.iter().enumerate() {
        let mut budget = MOST_FIELDS;
        let slot = reader.fields.slot_of(Origin::Derived(place));
        if !is_cheap(slot, &derived, reader, &mut budget) {
            let message = format!("is made of more than {MOST_FIELDS} fields, all in all: name them in fewer places");
            diagnostics.report(&entry.key_span, &table.field_of(entry.key), message);
        }
    }
    derived
}

/// Reports a field that is made of itself. Whether there is none.
fn refuse_circles(
    table: &TomlTable<'_>,
    entries: &[Entry<'_>],
    derived: &[Derived],
    reader: &AttributeReader<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> bool {
    for (start, entry) in entries.iter().enumerate() {
        // Each is walked through once: a place that was seen need not be seen again.
        let (mut waiting, mut seen) = (vec![start], vec![false; derived.len()]);
        while let Some(place) = waiting.pop() {
            let slots = derived.get(place).map(|one| one.rule.slots()).unwrap_or_default();
            let mut slots: Vec<Slot> = slots.to_vec();
            while let Some(slot) = slots.pop() {
                match reader.fields.origin(slot) {
                    Some(Origin::FirstOf(others)) => slots.extend(others),
                    Some(Origin::Derived(next)) if *next == start => {
                        let message = format!("`{}` is made of itself: leave it out of what it is made of", entry.key);
                        diagnostics.report(&entry.key_span, &table.field_of(entry.key), message);
                        return false;
                    }
                    Some(Origin::Derived(next)) => {
                        if let Some(seen) = seen.get_mut(*next).filter(|seen| !**seen) {
                            *seen = true;
                            waiting.push(*next);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    true
}

/// Whether finding out what a field holds takes no more than so many others.
fn is_cheap(slot: Slot, derived: &[Derived], reader: &AttributeReader<'_>, budget: &mut usize) -> bool {
    let Some(left) = budget.checked_sub(1) else {
        return false;
    };
    *budget = left;
    match reader.fields.origin(slot) {
        Some(Origin::Derived(place)) => {
            let slots = derived.get(*place).map(|one| one.rule.slots()).unwrap_or_default();
            slots.iter().all(|slot| is_cheap(*slot, derived, reader, budget))
        }
        Some(Origin::FirstOf(slots)) => slots.iter().all(|slot| is_cheap(*slot, derived, reader, budget)),
        _ => true,
    }
}
