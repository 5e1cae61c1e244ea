//! An entity as it rests: its row, and the rows that questions look at. Every backend has the same; none of it is SQL.

use compact_str::CompactString;
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;

use super::body::{NotEncoded, encode};
use super::index::{LocationRow, ValueRow, rows};
use super::names::{NameKey, NameTable};

/// Which row of the entities: the backend's own number.
pub(super) type EntityKey = i64;

/// Everything about an entity but its id.
#[derive(Debug)]
pub(super) struct EntityRows {
    pub(super) created_at: DateTime,
    pub(super) modified_at: DateTime,
    /// When it, or the first part of it, expires.
    pub(super) expires_at: Option<DateTime>,
    pub(super) body: Vec<u8>,
    pub(super) types: Vec<NameKey>,
    /// Without their first slash, which some lack.
    pub(super) scopes: Vec<CompactString>,
    pub(super) values: Vec<ValueRow>,
    pub(super) locations: Vec<LocationRow>,
}

impl EntityRows {
    /// The rows of an entity. `now`: what its dates are where it has none.
    ///
    /// # Errors
    /// [`NotEncoded`]
    pub(super) fn of(entity: &Entity, names: &NameTable, now: &DateTime) -> Result<Self, NotEncoded> {
        let body = encode(entity, names)?;
        let (values, locations) = rows(entity, names)?;
        let dates = entity.system.dates();
        let date = |date: Option<&DateTime>| date.unwrap_or(now).clone();
        Ok(Self {
            created_at: date(dates.and_then(|dates| dates.created_at.as_ref())),
            modified_at: date(dates.and_then(|dates| dates.modified_at.as_ref())),
            expires_at: entity.first_expiry().cloned(),
            body,
            types: type_keys(entity, names)?,
            scopes: entity
                .scopes
                .iter()
                .map(|scope| without_first_slash(scope).into())
                .collect(),
            values,
            locations,
        })
    }
}

/// The numbers of the types of an entity.
///
/// # Errors
/// [`NotEncoded::UnknownNames`]
pub(super) fn type_keys(entity: &Entity, names: &NameTable) -> Result<Vec<NameKey>, NotEncoded> {
    let key = |name: &ngsi_ld::TypeName| {
        let name = name.iri();
        names
            .key(name)
            .ok_or_else(|| NotEncoded::UnknownNames(vec![name.clone()]))
    };
    entity.types.iter().map(key).collect()
}

/// A scope as it is compared.
pub(super) fn without_first_slash(scope: &str) -> &str {
    scope.strip_prefix('/').unwrap_or(scope)
}
