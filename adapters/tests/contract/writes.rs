//! The contract of writing, sentence by sentence, for each kind of source that takes writes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use kakehashi_adapters::plain_writes::{MayChange, NotWritten, PlainWrites};
use kakehashi_adapters::{
    Call, Change, Changed, Decision, EntityWrite, EntityWriter, Fate, Notifies, Position, SourceQuery, Told,
    WriteError, WriteOffer, WriteOperation, Written, Yielded,
};
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::parse::parse_entities;
use ngsi_ld::{Entity, EntityId, TypeName};

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

fn types() -> Vec<TypeName> {
    vec![context().expand_type("AED").unwrap()]
}

/// Each way of writing is done, or refused by its name, as the offer says.
pub(crate) async fn what_is_offered_is_done_and_nothing_else(fixture: &impl Fixture) {
    let writer = writer(fixture);
    let WriteOffer { operations, .. } = writer.offer();
    let (id, types) = (EntityId::parse(NEW).unwrap(), types());
    let write = |_: Option<&Entity>| Decision::Write(Box::new(first()));
    let change = |_: Option<&Entity>| Decision::Write(Box::new(second()));
    let delete = |_: Option<&Entity>| Decision::Delete;
    for operation in WriteOperation::ALL {
        // Each begins where there is an entity, or none.
        let existing = *operation != WriteOperation::Create;
        let before: Vec<_> = writer
            .write(
                &[EntityWrite {
                    id: &id,
                    types: &types,
                    operation: WriteOperation::Delete,
                    decide: &delete,
                }],
                &now(),
                &call(),
            )
            .await;
        assert!(before[0].is_ok(), "{before:?}");
        if existing {
            create(fixture).await;
        }
        let decide: &(dyn Fn(Option<&Entity>) -> Decision + Send + Sync) = match operation {
            WriteOperation::Create => &write,
            WriteOperation::Delete => &delete,
            _ => &change,
        };
        let one = EntityWrite {
            id: &id,
            types: &types,
            operation: *operation,
            decide,
        };
        let written = writer.write(&[one], &now(), &call()).await.remove(0);
        let is_offered = match written {
            Ok(Written::Left) => panic!("{operation:?}: nothing was done"),
            Ok(_) => true,
            Err(WriteError::NotOffered(refused)) => {
                assert_eq!(refused, *operation);
                false
            }
            Err(other) => panic!("{operation:?}: {other}"),
        };
        assert_eq!(operations.contains(operation), is_offered, "{operation:?}");
    }
}

/// Of writes that are asked for together each has its own end, and a later one sees what an earlier one has made.
pub(crate) async fn writes_together_have_an_end_each(fixture: &impl Fixture) {
    let writer = writer(fixture);
    let (id, types) = (EntityId::parse(NEW).unwrap(), types());
    let other = EntityId::parse("urn:ngsi-ld:AED:other").unwrap();
    let first_one = |existing: Option<&Entity>| match existing {
        None => Decision::Write(Box::new(first())),
        Some(_) => Decision::Leave,
    };
    let second_one = |existing: Option<&Entity>| match existing {
        Some(_) => Decision::Write(Box::new(second())),
        None => Decision::Leave,
    };
    let nothing = |_: Option<&Entity>| Decision::Leave;
    let write = |id, operation, decide| EntityWrite {
        id,
        types: &types,
        operation,
        decide,
    };
    let writes = [
        write(
            &id,
            WriteOperation::Create,
            &first_one as kakehashi_adapters::Decide<'_>,
        ),
        write(&other, WriteOperation::Update, &nothing),
        write(&id, WriteOperation::Replace, &second_one),
    ];
    let written = writer.write(&writes, &now(), &call()).await;
    assert!(
        matches!(
            &written[..],
            [Ok(Written::Created(_)), Ok(Written::Left), Ok(Written::Replaced(_))]
        ),
        "{written:?}"
    );
    assert_eq!(held(fixture).await, Some(second()));
}

pub(crate) async fn what_is_created_is_found_and_created_once(fixture: &impl Fixture) {
    create(fixture).await;
    assert_eq!(held(fixture).await, Some(first()));
    let writer = writer(fixture);
    let again = writer.create(second(), ANY, now(), &call()).await;
    assert!(matches!(again, Err(NotWritten::AlreadyExists)), "{again:?}");
    let untold = writer.create(second(), NONE, now(), &call()).await;
    assert!(matches!(untold, Err(NotWritten::Refused)), "{untold:?}");
    assert_eq!(held(fixture).await, Some(first()), "the first one stays");
}

pub(crate) async fn what_is_put_takes_the_place_of_the_whole(fixture: &impl Fixture) {
    let writer = writer(fixture);
    let put = writer.put(first(), NONE, now(), &call()).await.unwrap();
    assert!(matches!(put, Written::Created(_)), "{put:?}");
    let refused = writer.put(second(), NONE, now(), &call()).await;
    assert!(matches!(refused, Err(NotWritten::Refused)), "{refused:?}");
    assert_eq!(held(fixture).await, Some(first()));
    let put = writer.put(second(), ANY, now(), &call()).await.unwrap();
    assert!(matches!(put, Written::Replaced(_)), "{put:?}");
    assert_eq!(held(fixture).await, Some(second()), "nothing of the first is left");
}

pub(crate) async fn what_is_deleted_is_gone(fixture: &impl Fixture) {
    let (writer, id) = (writer(fixture), EntityId::parse(NEW).unwrap());
    let nothing = writer.delete(&id, &types(), ANY, &call()).await;
    assert!(matches!(nothing, Err(NotWritten::NotFound)), "{nothing:?}");
    create(fixture).await;
    let refused = writer.delete(&id, &types(), NONE, &call()).await;
    assert!(matches!(refused, Err(NotWritten::Refused)), "{refused:?}");
    assert_eq!(held(fixture).await, Some(first()));
    writer.delete(&id, &types(), ANY, &call()).await.unwrap();
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
    writer(fixture)
        .delete(&second().id, &types(), &decide, &call())
        .await
        .unwrap();
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
        writer.delete(&id, &types(), ANY, &late).await.map(|_| ()),
    ] {
        assert!(
            matches!(failed, Err(NotWritten::Failed(WriteError::Source(_)))),
            "{failed:?}"
        );
    }
    assert_eq!(held(fixture).await, Some(first()));
}

/// What is old is not told of for long.
fn today() -> DateTime {
    DateTime::from_system_time(SystemTime::now())
}

/// What is told of after a position, all of it.
async fn changes(notifies: &dyn Notifies, mut after: Position) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    loop {
        let Told::Changes(some) = notifies.changes_after(after, &call()).await.unwrap() else {
            panic!("it fell behind");
        };
        let Some(last) = some.last() else { return all };
        after = last.position;
        all.extend(some);
    }
}

/// Whoever has written knows which of the changes that it is told of is its own; where none are told of, it is told nothing.
pub(crate) async fn a_write_is_told_of_where_it_says(fixture: &impl Fixture) {
    let (writer, id) = (writer(fixture), first().id);
    let notifies = fixture.adapter().notifies();
    let begin = match notifies {
        Some(notifies) => Some(notifies.newest_change(&call()).await.unwrap()),
        None => None,
    };
    let mut said = Vec::new();
    let created = writer.create(first(), ANY, today(), &call()).await.unwrap();
    said.push((created.position(), Fate::Created));
    writer.create(first(), ANY, today(), &call()).await.unwrap_err();
    let replaced = writer.put(second(), ANY, today(), &call()).await.unwrap();
    said.push((replaced.position(), Fate::Replaced));
    writer.put(first(), NONE, today(), &call()).await.unwrap_err();
    let deleted = writer.delete(&id, &types(), ANY, &call()).await.unwrap();
    said.push((deleted.position(), Fate::Deleted));
    let again = writer.put(first(), ANY, today(), &call()).await.unwrap();
    said.push((again.position(), Fate::Created));
    let told = match notifies.zip(begin) {
        Some((notifies, begin)) => changes(notifies, begin).await,
        None => {
            assert!(said.iter().all(|(position, _)| position.is_none()), "{said:?}");
            return;
        }
    };
    let told: Vec<(Option<Position>, Fate)> = told
        .into_iter()
        .map(|change| match change.changed {
            Changed::Entity { fate, id: of, .. } => {
                assert_eq!(of, id);
                (Some(change.position), fate)
            }
            Changed::Load { .. } => panic!("nothing was loaded"),
        })
        .collect();
    assert_eq!(told, said);
}

/// Where something may not rest, what is kept is a part, and says so; also where less may rest since.
pub(crate) async fn what_is_kept_says_whether_it_is_all(fixture: &impl Fixture) {
    let Some(notifies) = fixture.adapter().notifies() else {
        return;
    };
    let begin = notifies.newest_change(&call()).await.unwrap();
    let opened = context().expand_attribute("opened").unwrap();
    let wholes = async || -> Vec<bool> {
        let told = changes(notifies, begin).await;
        let wholes = told.into_iter().filter_map(|change| match change.changed {
            Changed::Entity { is_whole, .. } => Some(is_whole),
            Changed::Load { .. } => None,
        });
        wholes.collect()
    };
    notifies.let_rest(Arc::new(|entity| Some(entity.clone())));
    let writer = writer(fixture);
    writer.create(first(), ANY, today(), &call()).await.unwrap();
    writer.put(second(), ANY, today(), &call()).await.unwrap();
    writer.put(second(), ANY, today(), &call()).await.unwrap();
    assert_eq!(wholes().await, [true, true, true]);
    let without = move |entity: &Entity| {
        let mut kept = entity.clone();
        kept.attributes.retain(|attribute| attribute.name != opened);
        Some(kept)
    };
    notifies.let_rest(Arc::new(without));
    assert_eq!(wholes().await, [false, false, true], "the first entity has more");
    writer.put(first(), ANY, today(), &call()).await.unwrap();
    assert_eq!(wholes().await, [false, false, true, false]);
    notifies.let_rest(Arc::new(|_| None));
    assert_eq!(wholes().await, [false, false, false, false]);
    writer.delete(&first().id, &types(), ANY, &call()).await.unwrap();
    assert_eq!(
        wholes().await,
        [false, false, false, false, false],
        "nothing is kept of what is gone"
    );
}
