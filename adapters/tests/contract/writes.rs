//! The contract of writing, sentence by sentence, for each kind of source that takes writes.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use kakehashi_adapters::{
    Call, EntityWriter, MayChange, Put, SourceQuery, WriteError, WriteOffer, WriteOperation, Yielded,
};
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::{Entity, EntityId};

use crate::fixture::Fixture;
use crate::sample::context;

const NEW: &str = "urn:ngsi-ld:AED:written";

const ANY: MayChange<'static> = &|_| true;
const NONE: MayChange<'static> = &|_| false;

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(60))
}

fn now() -> DateTime {
    DateTime::parse("2026-02-01T00:00:00Z").unwrap()
}

/// An entity of that id with these attributes.
fn entity(id: &str, attributes: &str) -> Entity {
    let json = format!(r#"[{{"id":"{id}","type":"AED",{attributes}}}]"#);
    parse_entities(json.as_bytes(), &context()).unwrap().remove(0)
}

fn first() -> Entity {
    entity(
        NEW,
        r#""name":{"type":"Property","value":"first"},"opened":{"type":"Property","value":true}"#,
    )
}

fn second() -> Entity {
    entity(NEW, r#""name":{"type":"Property","value":"second"}"#)
}

fn writer(fixture: &impl Fixture) -> &dyn EntityWriter {
    fixture.adapter().writer().unwrap()
}

/// What the source answers of the entity.
async fn held(fixture: &impl Fixture) -> Option<Entity> {
    let mut query = SourceQuery::of_types(vec![context().expand_type("AED").unwrap()]);
    query.ids = vec![EntityId::parse(NEW).unwrap()];
    let found = fixture.adapter().prepare(&query).retrieve(&call()).await.unwrap();
    found.and_then(Yielded::entity)
}

async fn create(fixture: &impl Fixture) {
    writer(fixture).create(first(), ANY, now(), &call()).await.unwrap();
}

/// Of the ways of writing that have a method, each is done or refused as the offer says; of the others none is offered.
pub(crate) async fn what_is_offered_is_done_and_nothing_else(fixture: &impl Fixture) {
    let writer = writer(fixture);
    let WriteOffer { operations, .. } = writer.offer();
    let id = EntityId::parse(NEW).unwrap();
    for (operation, result) in [
        (
            WriteOperation::Create,
            writer.create(first(), ANY, now(), &call()).await,
        ),
        (
            WriteOperation::Replace,
            writer.put(second(), ANY, now(), &call()).await.map(|_| ()),
        ),
        (WriteOperation::Delete, writer.delete(&id, ANY, &call()).await),
    ] {
        let is_offered = match result {
            Ok(()) => true,
            Err(WriteError::NotOffered(refused)) => {
                assert_eq!(refused, operation);
                false
            }
            Err(other) => panic!("{operation:?}: {other}"),
        };
        assert_eq!(operations.contains(&operation), is_offered, "{operation:?}");
    }
    for operation in [
        WriteOperation::Merge,
        WriteOperation::Append,
        WriteOperation::Update,
        WriteOperation::DeleteAttribute,
        WriteOperation::Purge,
    ] {
        assert!(!writer.offer().has(operation), "{operation:?} has no method yet");
    }
}

pub(crate) async fn what_is_created_is_found_and_created_once(fixture: &impl Fixture) {
    create(fixture).await;
    assert_eq!(held(fixture).await, Some(first()));
    let writer = writer(fixture);
    let again = writer.create(second(), ANY, now(), &call()).await;
    assert!(matches!(again, Err(WriteError::AlreadyExists)), "{again:?}");
    let untold = writer.create(second(), NONE, now(), &call()).await;
    assert!(matches!(untold, Err(WriteError::Refused)), "{untold:?}");
    assert_eq!(held(fixture).await, Some(first()), "the first one stays");
}

pub(crate) async fn what_is_put_takes_the_place_of_the_whole(fixture: &impl Fixture) {
    let writer = writer(fixture);
    assert_eq!(writer.put(first(), NONE, now(), &call()).await.unwrap(), Put::Created);
    let refused = writer.put(second(), NONE, now(), &call()).await;
    assert!(matches!(refused, Err(WriteError::Refused)), "{refused:?}");
    assert_eq!(held(fixture).await, Some(first()));
    assert_eq!(writer.put(second(), ANY, now(), &call()).await.unwrap(), Put::Replaced);
    assert_eq!(held(fixture).await, Some(second()), "nothing of the first is left");
}

pub(crate) async fn what_is_deleted_is_gone(fixture: &impl Fixture) {
    let (writer, id) = (writer(fixture), EntityId::parse(NEW).unwrap());
    let nothing = writer.delete(&id, ANY, &call()).await;
    assert!(matches!(nothing, Err(WriteError::NotFound)), "{nothing:?}");
    create(fixture).await;
    let refused = writer.delete(&id, NONE, &call()).await;
    assert!(matches!(refused, Err(WriteError::Refused)), "{refused:?}");
    assert_eq!(held(fixture).await, Some(first()));
    writer.delete(&id, ANY, &call()).await.unwrap();
    assert_eq!(held(fixture).await, None);
}

/// Whether it may be changed is asked of the entity as it stands.
pub(crate) async fn the_decision_sees_what_is_there(fixture: &impl Fixture) {
    create(fixture).await;
    let seen = Mutex::new(Vec::new());
    let decide = |entity: &Entity| {
        seen.lock().unwrap().push(entity.clone());
        true
    };
    writer(fixture).put(second(), &decide, now(), &call()).await.unwrap();
    writer(fixture).delete(&second().id, &decide, &call()).await.unwrap();
    let names = |entity: &Entity| entity.attributes.len();
    let seen: Vec<usize> = seen.lock().unwrap().iter().map(names).collect();
    assert_eq!(seen, [2, 1], "the first entity, then the second");
}

/// A write whose time is over is not made.
pub(crate) async fn a_late_write_changes_nothing(fixture: &impl Fixture) {
    create(fixture).await;
    let late = Call::until(Instant::now());
    let (writer, id) = (writer(fixture), first().id);
    for failed in [
        writer.put(second(), ANY, now(), &late).await.map(|_| ()),
        writer.delete(&id, ANY, &late).await,
    ] {
        assert!(matches!(failed, Err(WriteError::Source(_))), "{failed:?}");
    }
    assert_eq!(held(fixture).await, Some(first()));
}
