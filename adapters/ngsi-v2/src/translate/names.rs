//! The names of one answer: each is expanded when it is first seen, and tables of names are used again for the next
//! answer to the same question.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, Iri};

use super::super::names::view_name;
use kakehashi_contract::AttributeSelection;

/// What is known of one name of the source.
#[derive(Debug)]
pub(super) struct Name {
    raw: Box<str>,
    /// Its name in the view; `None` when it can have none.
    pub(super) view: Option<AttributeName>,
    /// Whether an attribute of that name is wanted.
    pub(super) selected: bool,
    /// Whether another name of the source has the same name in the view: two terms of a context may stand for
    /// one IRI. An entity that has both shows the first.
    pub(super) shared: bool,
}

impl Name {
    /// The name in the source.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }
}

/// Names that are known, by their text in the source.
#[derive(Debug, Default)]
struct Table {
    names: Vec<Name>,
    positions: HashMap<Box<str>, usize>,
    views: HashMap<AttributeName, usize>,
}

/// Tables that nobody uses at the moment, each with the selection that it was made for. One answer at a time uses a
/// table, so that threads do not count uses of its names at once.
#[derive(Debug, Default)]
pub struct IdleTables(Mutex<Vec<(AttributeSelection, Table)>>);

impl IdleTables {
    /// Tables that are kept: those of a few selections, for a few threads each.
    const MOST: usize = 32;

    /// Names that a table may have to be kept. Sources choose their names; those of one type are a few dozen.
    const MOST_NAMES: usize = 512;

    /// Bytes that those names may have, in the source's spelling: a name may be as long as an answer.
    const MOST_BYTES: usize = 32 * 1024;

    fn take(&self, selection: &AttributeSelection) -> Table {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.iter().rposition(|(made_for, _)| made_for == selection);
        known.map(|index| idle.swap_remove(index).1).unwrap_or_default()
    }

    fn put_back(&self, selection: &AttributeSelection, table: Table) {
        let bytes = || table.names.iter().map(|name| name.raw.len()).sum::<usize>();
        if table.names.len() > Self::MOST_NAMES || bytes() > Self::MOST_BYTES {
            return;
        }
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= Self::MOST {
            idle.swap_remove(0);
        }
        idle.push((selection.clone(), table));
    }
}

/// The names of one answer.
pub(super) struct Names<'c> {
    context: &'c Arc<Context>,
    selection: &'c AttributeSelection,
    table: Table,
    idle: &'c IdleTables,
    /// Entities of one type have the same names in the same order: the name after the last one is tried first.
    expected: usize,
    attributes: Seen,
    metadata: Seen,
}

/// Which names stand in the object that is read: for each place in the table, the last object in which it stood.
#[derive(Default)]
struct Seen {
    last: Vec<u32>,
    object: u32,
}

impl Seen {
    fn restart(&mut self) {
        // An answer would need gigabytes for so many objects that a number comes again.
        self.object = self.object.wrapping_add(1);
    }

    /// Whether the name stands in the object already.
    fn repeats(&mut self, position: usize) -> bool {
        if self.last.len() <= position {
            self.last.resize(position + 1, 0);
        }
        let last = self.last.get_mut(position);
        last.is_some_and(|last| std::mem::replace(last, self.object) == self.object)
    }
}

impl Drop for Names<'_> {
    fn drop(&mut self) {
        self.idle.put_back(self.selection, std::mem::take(&mut self.table));
    }
}

impl<'c> Names<'c> {
    pub(super) fn new(context: &'c Arc<Context>, selection: &'c AttributeSelection, idle: &'c IdleTables) -> Self {
        Self {
            context,
            selection,
            table: idle.take(selection),
            idle,
            expected: 0,
            attributes: Seen::default(),
            metadata: Seen::default(),
        }
    }

    /// Where the name stands in the table.
    pub(super) fn position(&mut self, raw: &str) -> usize {
        let expected = self
            .table
            .names
            .get(self.expected)
            .is_some_and(|name| *name.raw == *raw);
        let position = if expected { self.expected } else { self.look_up(raw) };
        self.expected = position + 1;
        position
    }

    pub(super) fn get(&self, position: usize) -> Option<&Name> {
        self.table.names.get(position)
    }

    /// The attribute of that position has been read, with the names of its metadata.
    pub(super) fn resume_after(&mut self, position: usize) {
        self.expected = position + 1;
    }

    /// The next entity begins.
    pub(super) fn restart(&mut self) {
        self.expected = 0;
        self.attributes.restart();
    }

    /// Whether the entity has an attribute of that name already.
    pub(super) fn repeats_attribute(&mut self, position: usize) -> bool {
        self.attributes.repeats(position)
    }

    /// The metadata of the next attribute begin.
    pub(super) fn restart_metadata(&mut self) {
        self.metadata.restart();
    }

    /// Whether the attribute has metadata of that name already.
    pub(super) fn repeats_metadata(&mut self, position: usize) -> bool {
        self.metadata.repeats(position)
    }

    fn look_up(&mut self, raw: &str) -> usize {
        if let Some(position) = self.table.positions.get(raw) {
            return *position;
        }
        let view = view_name(self.context, raw).map(|name| own_copy(&name));
        let selected = view.as_ref().is_some_and(|name| self.selection.includes(name));
        let position = self.table.names.len();
        let first = view
            .clone()
            .map(|view| *self.table.views.entry(view).or_insert(position));
        let other = first.filter(|first| *first != position);
        if let Some(other) = other.and_then(|other| self.table.names.get_mut(other)) {
            other.shared = true;
        }
        self.table.positions.insert(raw.into(), position);
        self.table.names.push(Name {
            raw: raw.into(),
            view,
            selected,
            shared: other.is_some(),
        });
        position
    }
}

/// The same name in memory of its own. Every attribute of every entity counts a use of its name; were the text
/// that of the context, all threads would count on the same cache line.
fn own_copy(name: &AttributeName) -> AttributeName {
    AttributeName::new(Iri::new(name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tables are kept after an answer with these names.
    fn kept_after(names: impl Iterator<Item = String>) -> usize {
        let (idle, selection) = (IdleTables::default(), AttributeSelection::All);
        let mut known = Names::new(Context::core(), &selection, &idle);
        for name in names {
            known.position(&name);
        }
        drop(known);
        idle.0.lock().unwrap().len()
    }

    #[test]
    fn tables_are_kept_unless_a_source_makes_them_large() {
        assert_eq!(kept_after((0..40).map(|number| format!("name{number}"))), 1);
        assert_eq!(kept_after((0..2000).map(|number| format!("name{number}"))), 0);
        assert_eq!(kept_after(std::iter::once("n".repeat(1024 * 1024))), 0);
    }

    #[test]
    fn no_more_tables_are_kept_than_some() {
        let idle = IdleTables::default();
        for number in 0..100 {
            let name = Context::core().expand_attribute(&format!("a{number}")).unwrap();
            let selection = AttributeSelection::only([name]);
            drop(Names::new(Context::core(), &selection, &idle));
        }
        assert_eq!(idle.0.lock().unwrap().len(), IdleTables::MOST);
    }
}
