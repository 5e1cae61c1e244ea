//! Members that entities and attributes have both: types, and the dates that the system keeps.

use std::borrow::Cow;

use serde::de::MapAccess;
use smallvec::SmallVec;

use super::reader::Reader;
use super::{Fault, MAX_TYPES_OR_SCOPES, NGSI_LD_NULL};
use crate::TypeName;
use crate::entity::SystemAttributes;

/// Sets what may be set once.
pub(super) fn set<T, E: serde::de::Error>(reader: &Reader<'_>, place: &mut Option<T>, value: T) -> Result<(), E> {
    if place.is_some() {
        return Err(reader.fail(Fault::Duplicate));
    }
    *place = Some(value);
    Ok(())
}

/// The types of those names, each once.
pub(super) fn read_type_names<E: serde::de::Error>(
    reader: &Reader<'_>,
    names: &[Cow<'_, str>],
) -> Result<SmallVec<[TypeName; 1]>, E> {
    if let [only] = names {
        return Ok(SmallVec::from_buf([read_type_name(reader, only)?]));
    }
    let mut types = SmallVec::new();
    for name in names {
        let r#type = read_type_name(reader, name)?;
        if !types.contains(&r#type) {
            if types.len() == MAX_TYPES_OR_SCOPES {
                return Err(reader.fail(Fault::TooMany(MAX_TYPES_OR_SCOPES)));
            }
            types.push(r#type);
        }
    }
    if types.is_empty() {
        return Err(reader.fail(Fault::Expected("at least one type name")));
    }
    Ok(types)
}

fn read_type_name<E: serde::de::Error>(reader: &Reader<'_>, name: &str) -> Result<TypeName, E> {
    if name == NGSI_LD_NULL {
        return Err(reader.fail(Fault::Null));
    }
    reader
        .expand(name)
        .map(TypeName::new)
        .map_err(|error| reader.fail(error))
}

/// Reads one of the temporal properties that the system keeps (clause 4.8). Whether a fragment removes it.
pub(super) fn read_system_attribute<'de, A: MapAccess<'de>>(
    reader: &Reader<'_>,
    name: &str,
    system: &mut SystemAttributes,
    map: &mut A,
) -> Result<bool, A::Error> {
    let Some(date) = reader.date_or_null(name, map)? else {
        return Ok(true);
    };
    let dates = system.dates_mut();
    let place = match name {
        "createdAt" => &mut dates.created_at,
        "modifiedAt" => &mut dates.modified_at,
        "deletedAt" => &mut dates.deleted_at,
        _ => &mut dates.expires_at,
    };
    set(reader, place, date)?;
    Ok(false)
}
