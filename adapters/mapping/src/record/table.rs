//! The rows of a table as records: a field is a column, by the text of its header.

use smallvec::SmallVec;

use super::fields::{Content, Fields, Slot, WantedSlots};
use super::origin::{Origin, Outside};
use super::projection::Projection;
use crate::language::{Step, TypeMapping, same_text};

/// Reads the rows of one table.
#[derive(Debug)]
pub struct TableReader<'o> {
    /// For each column of the table, the fields that it fills: a mapping may know it by several names.
    columns: Vec<SmallVec<[Slot; 1]>>,
    /// What every row has from outside of it.
    beside: Vec<(Slot, Content<'o>)>,
    /// Fields, empty.
    slots: usize,
}

impl TypeMapping {
    /// The texts of the headers that are wanted of a table, each once, in the order of the mapping: of what else it has nothing
    /// needs to be read.
    pub fn wanted_columns<'m>(&'m self, projection: &'m Projection) -> impl Iterator<Item = &'m str> {
        self.columns(&projection.wanted).map(|(_, name)| name)
    }

    fn columns<'m>(&'m self, wanted: &'m WantedSlots) -> impl Iterator<Item = (Slot, &'m str)> {
        self.fields.slots().filter_map(|(slot, origin)| match origin {
            Origin::Record(path) if wanted.includes(slot) => match path.steps.as_slice() {
                [Step::Member(name)] => Some((slot, &**name)),
                _ => None,
            },
            _ => None,
        })
    }
}

impl<'o> TableReader<'o> {
    /// A reader of a table with these headers. A header that nothing names fills nothing; of several that are the same the first
    /// stands.
    pub fn new(
        mapping: &TypeMapping,
        projection: &Projection,
        outside: &'o Outside,
        header: &[impl AsRef<str>],
    ) -> Self {
        let mut columns = vec![SmallVec::new(); header.len()];
        for (slot, name) in mapping.columns(&projection.wanted) {
            let exact = header.iter().position(|text| text.as_ref() == name);
            let place = exact.or_else(|| header.iter().position(|text| same_text(text.as_ref(), name)));
            if let Some(column) = place.and_then(|place| columns.get_mut(place)) {
                column.push(slot);
            }
        }
        let mut beside = outside.beside(&mapping.fields);
        beside.retain(|(slot, _)| projection.wanted.includes(*slot));
        Self {
            columns,
            beside,
            slots: mapping.fields.slots().count(),
        }
    }

    /// Whether a column of the table fills a field, by its place from 0.
    pub fn is_wanted(&self, column: usize) -> bool {
        self.columns.get(column).is_some_and(|slots| !slots.is_empty())
    }

    /// The fields of one row, for [`build_entity`](super::build_entity). A cell without content is `None`.
    pub fn fields<'r>(&self, cells: impl IntoIterator<Item = Option<Content<'r>>>) -> Fields<'r>
    where
        'o: 'r,
    {
        let mut fields = Fields::empty(self.slots);
        for (column, cell) in self.columns.iter().zip(cells) {
            if let (Some((last, others)), Some(content)) = (column.split_last(), cell) {
                for slot in others {
                    fields.set(*slot, content.clone());
                }
                fields.set(*last, content);
            }
        }
        for (slot, content) in &self.beside {
            fields.set(*slot, content.clone());
        }
        fields
    }
}
