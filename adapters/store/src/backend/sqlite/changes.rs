//! What has to be written so that the rows about an entity become those that they should be: what is there already is not
//! written again. Pure.

use compact_str::CompactString;
use hashbrown::HashMap;

use super::committed::{LocationOf, RowsAbout};
use super::pending::Removed;
use crate::index::{Bounds, LocationRow, ValueRow, date_time_key};
use crate::names::NameKey;
use crate::rows::EntityRows;

/// What is removed first, and what is written then.
#[derive(Debug, Default)]
pub(super) struct Changes<'r> {
    pub(super) removed: Vec<Removed>,
    pub(super) values: Vec<&'r ValueRow>,
    pub(super) types: &'r [NameKey],
    pub(super) scopes: &'r [CompactString],
    pub(super) expires_at: Option<String>,
    pub(super) locations: &'r [LocationRow],
}

impl<'r> Changes<'r> {
    /// What leads from the rows that are there to those that should be.
    pub(super) fn between(there: &RowsAbout, rows: &'r EntityRows) -> Self {
        let mut changes = Self::default();
        changes.of_values(&there.values, &rows.values);
        let sorted = |mut types: Vec<i64>| {
            types.sort_unstable();
            types.dedup();
            types
        };
        let types = rows.types.iter().map(|r#type| i64::from(*r#type)).collect();
        if sorted(there.types.clone()) != sorted(types) {
            changes.remove(Removed::Types, !there.types.is_empty());
            changes.types = &rows.types;
        }
        let mut scopes: Vec<&str> = rows.scopes.iter().map(CompactString::as_str).collect();
        scopes.sort_unstable();
        scopes.dedup();
        let mut before: Vec<&str> = there.scopes.iter().map(String::as_str).collect();
        before.sort_unstable();
        if before != scopes {
            changes.remove(Removed::Scopes, !there.scopes.is_empty());
            changes.scopes = &rows.scopes;
        }
        let expires_at = rows.expires_at.as_ref().map(date_time_key);
        if expires_at != there.expires_at {
            changes.remove(Removed::Expiry, expires_at.is_none());
            changes.expires_at = expires_at;
        }
        if !are_at(&there.locations, &rows.locations) {
            changes.remove(Removed::Boxes, !there.locations.is_empty());
            changes.remove(Removed::Locations, !there.locations.is_empty());
            changes.locations = &rows.locations;
        }
        changes
    }

    /// Whether all is as it should be.
    pub(super) fn are_none(&self) -> bool {
        let Self {
            removed,
            values,
            types,
            scopes,
            expires_at,
            locations,
        } = self;
        removed.is_empty()
            && values.is_empty()
            && types.is_empty()
            && scopes.is_empty()
            && expires_at.is_none()
            && locations.is_empty()
    }

    fn remove(&mut self, what: Removed, is_there: bool) {
        self.removed.extend(is_there.then_some(what));
    }

    /// A value takes the place of another. Where there are too many, all are written anew.
    fn of_values(&mut self, there: &[ValueRow], rows: &'r [ValueRow]) {
        let place = |row: &ValueRow| (row.name, row.instance, row.element, row.kind);
        let by_place: HashMap<_, &ValueRow> = there.iter().map(|row| (place(row), row)).collect();
        let stay = rows.iter().filter(|row| by_place.contains_key(&place(row))).count();
        if stay < there.len() {
            self.remove(Removed::Values, true);
            self.values = rows.iter().collect();
            return;
        }
        let is_new = |row: &&ValueRow| by_place.get(&place(row)).is_none_or(|there| *there != *row);
        self.values = rows.iter().filter(is_new).collect();
    }
}

/// Whether locations are those that there are.
fn are_at(there: &[LocationOf], rows: &[LocationRow]) -> bool {
    let mut left: Vec<[u64; 5]> = there.iter().map(LocationOf::as_bits).collect();
    left.len() == rows.len()
        && rows.iter().all(|row| {
            let wanted = LocationOf {
                name: i64::from(row.name),
                bounds: rounded(&row.bounds),
            };
            let place = left.iter().position(|one| *one == wanted.as_bits());
            place.map(|place| left.swap_remove(place)).is_some()
        })
}

impl LocationOf {
    fn as_bits(&self) -> [u64; 5] {
        let [a, b, c, d] = self.bounds.map(f64::to_bits);
        [self.name.cast_unsigned(), a, b, c, d]
    }
}

/// Bounds as the R*Tree keeps them, which rounds them outwards to `f32`. Should it round otherwise, a location is written
/// again that is there already.
fn rounded(bounds: &Bounds) -> [f64; 4] {
    [
        down(bounds.min_longitude),
        up(bounds.max_longitude),
        down(bounds.min_latitude),
        up(bounds.max_latitude),
    ]
}

/// The share of a number that lies between two neighbours of it as `f32`.
const STEP: f64 = 1.0 / 8_388_608.0;

#[expect(clippy::cast_possible_truncation, reason = "rounding is what it is for")]
fn down(number: f64) -> f64 {
    let near = f64::from(number as f32);
    if near <= number {
        return near;
    }
    let below = number * if number < 0.0 { 1.0 + STEP } else { 1.0 - STEP };
    f64::from(below as f32)
}

fn up(number: f64) -> f64 {
    -down(-number)
}

#[cfg(test)]
mod tests {
    use ngsi_ld::entity::DateTime;

    use super::*;
    use crate::index::kind;

    fn value(name: NameKey, number: f64) -> ValueRow {
        ValueRow {
            name,
            instance: 0,
            element: 0,
            kind: kind::NUMBER,
            number: Some(number),
            text: None,
        }
    }

    fn rows(values: Vec<ValueRow>) -> EntityRows {
        let now = DateTime::parse("2026-01-01T00:00:00Z").unwrap();
        EntityRows {
            created_at: now.clone(),
            modified_at: now,
            expires_at: None,
            body: Vec::new(),
            types: vec![2, 1],
            scopes: vec!["b".into(), "a".into()],
            values,
            locations: vec![LocationRow {
                name: 3,
                bounds: Bounds {
                    min_longitude: 139.712_3,
                    max_longitude: 139.712_3,
                    min_latitude: -36.554_7,
                    max_latitude: -36.554_7,
                },
            }],
        }
    }

    fn about(values: Vec<ValueRow>) -> RowsAbout {
        let of = rows(Vec::new());
        RowsAbout {
            values,
            types: vec![1, 2],
            scopes: vec!["a".to_owned(), "b".to_owned()],
            expires_at: None,
            locations: vec![LocationOf {
                name: 3,
                bounds: rounded(&of.locations[0].bounds),
            }],
        }
    }

    #[test]
    fn what_is_there_is_not_written_again_and_one_value_is_one_row() {
        let (before, after) = (
            about(vec![value(5, 1.0), value(6, 2.0)]),
            rows(vec![value(5, 1.0), value(6, 3.0)]),
        );
        let changes = Changes::between(&before, &after);
        assert_eq!(changes.values, [&value(6, 3.0)]);
        assert!(changes.removed.is_empty() && changes.types.is_empty() && changes.scopes.is_empty());
        assert!(changes.locations.is_empty() && changes.expires_at.is_none());
    }

    #[test]
    fn what_is_gone_is_removed_before_the_rest_is_written() {
        let before = about(vec![value(5, 1.0), value(6, 2.0)]);
        let mut after = rows(vec![value(5, 1.0)]);
        after.types = vec![1];
        after.scopes = Vec::new();
        after.locations = Vec::new();
        let changes = Changes::between(&before, &after);
        let all_but_expiry = [
            Removed::Values,
            Removed::Types,
            Removed::Scopes,
            Removed::Boxes,
            Removed::Locations,
        ];
        assert_eq!(changes.removed, all_but_expiry);
        assert_eq!((changes.values.len(), changes.types), (1, &[1][..]));
    }

    #[test]
    fn numbers_are_rounded_outwards() {
        for number in [139.712_3, -36.554_7, 0.1, -0.1, 0.0, 180.0, 1e-9] {
            assert!(down(number) <= number && up(number) >= number);
            assert!(
                (up(number) - down(number)).abs() <= number.abs() * 3.0 * STEP,
                "{number}"
            );
        }
    }
}
