//! What the outbox holds: one mark a committed change. Pure.
//!
//! A mark says which entity, of which types, and what became of it. Beside that it holds what the entity was before and is
//! after, as far as that may rest (see [`MayRest`]); whoever needs more asks the store. What was erased since is not
//! there any more, and a load has one mark without any value.

use std::time::{Duration, UNIX_EPOCH};

use kakehashi_contract::{Change, Changed, Fate, MayRest, Position, Values};
use ngsi_ld::entity::{Attribute, DateTime};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::StoreError;
use super::backend::{Mark, MarkValues, NewMark};
use super::body::{DecodeError, NotEncoded, decode_with_dates, encode_with_dates, lists_of_names_in, put_names};
use super::names::NameTable;
use super::rows::type_keys;

/// How long a mark stays: whoever was away over a night learns what happened; whoever was away for longer compares.
pub const LONGEST_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Most bytes of marks in a partition: tens of thousands of changes. Hundreds of partitions have as many outboxes, and
/// comparing costs less than reading so much.
pub(super) const MOST_BYTES: i64 = 16 * 1024 * 1024;

/// Most bytes of values in one mark. Of a larger entity it says only that it was changed.
const MOST_BYTES_OF_VALUES: usize = 1024 * 1024;

/// What a mark weighs beside its texts and values: its row, and its places in indexes.
const BYTES_OF_A_MARK: usize = 128;

/// The column `kind`.
mod kind {
    pub(super) const CREATED: i64 = 0;
    pub(super) const REPLACED: i64 = 1;
    pub(super) const DELETED: i64 = 2;
    pub(super) const EXPIRED: i64 = 3;
    pub(super) const PART_EXPIRED: i64 = 4;
    pub(super) const LOAD: i64 = 5;

    /// Added to those above where the values are all of the entity before and after.
    pub(super) const WHOLE: i64 = 0x100;
}

/// The number of a kind of which some values were taken out.
pub(super) const fn kind_of_part(kind: i64) -> i64 {
    kind & !kind::WHOLE
}

/// What became of an entity, as a number.
const fn kind_of(fate: Fate) -> i64 {
    match fate {
        Fate::Created => kind::CREATED,
        Fate::Replaced => kind::REPLACED,
        Fate::Deleted => kind::DELETED,
        Fate::Expired => kind::EXPIRED,
        Fate::PartExpired => kind::PART_EXPIRED,
    }
}

const fn fate_of(kind: i64) -> Option<Fate> {
    Some(match kind_of_part(kind) {
        kind::CREATED => Fate::Created,
        kind::REPLACED => Fate::Replaced,
        kind::DELETED => Fate::Deleted,
        kind::EXPIRED => Fate::Expired,
        kind::PART_EXPIRED => Fate::PartExpired,
        _ => return None,
    })
}

/// The mark of a change of one entity, and which attributes of it went by themselves. `entity`: as it is or, where it is
/// gone, as it was.
///
/// # Errors
/// [`NotEncoded`]
pub(super) fn of_entity(
    entity: &Entity,
    (fate, gone): (Fate, &[AttributeName]),
    now: &DateTime,
    values: MarkValues,
    names: &NameTable,
) -> Result<NewMark, NotEncoded> {
    let mut detail = Vec::new();
    put_names(&mut detail, &type_keys(entity, names)?);
    if !gone.is_empty() {
        let key = |name: &AttributeName| {
            let name = name.iri();
            names
                .key(name)
                .ok_or_else(|| NotEncoded::UnknownNames(vec![name.clone()]))
        };
        put_names(&mut detail, &gone.iter().map(key).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(weighed(NewMark {
        at: now.unix_micros(),
        kind: kind_of(fate) | if values.is_whole { kind::WHOLE } else { 0 },
        id: Some(entity.id.clone()),
        detail,
        values,
        bytes: 0,
    }))
}

/// The attributes of which `rest` has less than `before`, as far as their names may rest.
pub(super) fn gone(before: &Entity, rest: &Entity, may_rest: Option<&MayRest>) -> Vec<AttributeName> {
    let kept = |entity| may_rest.and_then(|may_rest| may_rest(entity));
    let Some(before) = kept(before) else {
        return Vec::new();
    };
    let rest = kept(rest);
    let is_left =
        |attribute: &Attribute| rest.as_ref().and_then(|rest| rest.attribute(&attribute.name)) == Some(attribute);
    let gone = before.attributes.iter().filter(|attribute| !is_left(attribute));
    gone.map(|attribute| attribute.name.clone()).collect()
}

/// The mark of a load.
pub(super) fn of_load(created: u64, replaced: u64, now: &DateTime) -> NewMark {
    let detail = [created.to_le_bytes(), replaced.to_le_bytes()].concat();
    weighed(NewMark {
        at: now.unix_micros(),
        kind: kind::LOAD,
        id: None,
        detail,
        values: MarkValues::default(),
        bytes: 0,
    })
}

fn weighed(mark: NewMark) -> NewMark {
    let length = |values: &Option<Vec<u8>>| values.as_ref().map_or(0, Vec::len);
    let id = mark.id.as_ref().map_or(0, |id| id.as_str().len());
    let values = length(&mark.values.before).saturating_add(length(&mark.values.after));
    let bytes = BYTES_OF_A_MARK + 2 * id + mark.detail.len();
    NewMark {
        bytes: i64::try_from(bytes.saturating_add(values)).unwrap_or(i64::MAX),
        ..mark
    }
}

/// What of two entities rests in a mark.
///
/// # Errors
/// [`NotEncoded`]
pub(super) fn values_of(
    before: Option<&Entity>,
    after: Option<&Entity>,
    may_rest: Option<&MayRest>,
    names: &NameTable,
) -> Result<MarkValues, NotEncoded> {
    let Some(may_rest) = may_rest else {
        return Ok(MarkValues::default());
    };
    let mut first_expiry: Option<DateTime> = None;
    let mut is_whole = true;
    let mut rest = |entity: Option<&Entity>| -> Result<Option<Vec<u8>>, NotEncoded> {
        let Some(entity) = entity else {
            return Ok(None);
        };
        let Some(mut kept) = may_rest(entity) else {
            is_whole = false;
            return Ok(None);
        };
        is_whole &= is_all_of(&kept.attributes, &entity.attributes);
        // The dates are the store's own.
        if let Some(dates) = entity.system.dates() {
            let of_kept = kept.system.dates_mut();
            of_kept.created_at.clone_from(&dates.created_at);
            of_kept.modified_at.clone_from(&dates.modified_at);
        }
        let encoded = encode_with_dates(&kept, names)?;
        if encoded.len() > MOST_BYTES_OF_VALUES {
            is_whole = false;
            return Ok(None);
        }
        if let Some(expiry) = kept.first_expiry()
            && first_expiry.as_ref().is_none_or(|first| expiry < first)
        {
            first_expiry = Some(expiry.clone());
        }
        Ok(Some(encoded))
    };
    Ok(MarkValues {
        before: rest(before)?,
        after: rest(after)?,
        expires_at: first_expiry,
        is_whole,
    })
}

/// Whether nothing was taken away: as nothing is ever added, they are as many.
fn is_all_of(kept: &[Attribute], attributes: &[Attribute]) -> bool {
    let instances_too = |(kept, attribute): (&Attribute, &Attribute)| {
        let mut pairs = kept.instances.iter().zip(&attribute.instances);
        kept.instances.len() == attribute.instances.len()
            && pairs.all(|(kept, instance)| is_all_of(&kept.sub_attributes, &instance.sub_attributes))
    };
    kept.len() == attributes.len() && kept.iter().zip(attributes).all(instances_too)
}

/// The entities that rest in a mark.
///
/// # Errors
/// [`DecodeError`]
pub(super) fn entities_of(mark: &Mark, names: &NameTable) -> Result<[Option<Entity>; 2], DecodeError> {
    let id = mark.id.as_deref().unwrap_or_default();
    let entity = |values: &Option<Vec<u8>>| -> Result<Option<Entity>, DecodeError> {
        let decoded = values.as_deref().map(|values| decode_with_dates(id, values, names));
        decoded.transpose()
    };
    Ok([entity(&mark.before)?, entity(&mark.after)?])
}

/// A mark as it is told: nothing of it that may not rest, or whose time is over.
///
/// # Errors
/// [`StoreError::Row`]
pub(super) fn change(
    mark: &Mark,
    names: &NameTable,
    may_rest: Option<&MayRest>,
    now: &DateTime,
) -> Result<Change, StoreError> {
    let changed = match fate_of(mark.kind) {
        Some(fate) => {
            let [types, gone] = lists_of_names_in(&mark.detail, names)?;
            let [before, after] = entities_of(mark, names)?;
            let mut is_whole = mark.kind & kind::WHOLE != 0;
            let mut told = |entity: Option<Entity>, is_none: bool| {
                if is_none {
                    return Values::Nothing;
                }
                let kept = entity.as_ref().zip(may_rest);
                let kept = kept
                    .and_then(|(entity, may_rest)| {
                        let kept = may_rest(entity)?;
                        is_whole &= is_all_of(&kept.attributes, &entity.attributes);
                        Some(kept)
                    })
                    // Of what has expired since nothing is told, and not a part either.
                    .filter(|kept| kept.first_expiry().is_none_or(|expiry| expiry > now));
                is_whole &= kept.is_some();
                kept.map_or(Values::NotKept, |kept| Values::Kept(Box::new(kept)))
            };
            let (before, after) = (told(before, fate == Fate::Created), told(after, fate.is_end()));
            Changed::Entity {
                id: EntityId::new_unchecked(mark.id.as_deref().unwrap_or_default()),
                types: types.into_iter().map(TypeName::new).collect(),
                fate,
                before,
                after,
                is_whole,
                gone: gone.into_iter().map(AttributeName::new).collect(),
            }
        }
        None if mark.kind == kind::LOAD => {
            let (numbers, _) = mark.detail.as_chunks::<8>();
            let number = |position: usize| numbers.get(position).map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Changed::Load {
                created: number(0),
                replaced: number(1),
            }
        }
        None => return Err(StoreError::Row("a mark of the outbox is of no known kind".to_owned())),
    };
    let at = UNIX_EPOCH + Duration::from_micros(u64::try_from(mark.at).unwrap_or_default());
    Ok(Change {
        position: Position::of(mark.position),
        at: DateTime::from_system_time(at),
        changed,
    })
}
