//! What rests in the outbox and in the files of a partition.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use kakehashi_contract::plain_writes::PlainWrites;

#[tokio::test]
async fn until_somebody_has_said_what_may_rest_nothing_does() {
    let folder = tempfile::tempdir().unwrap();
    let store = untold(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    store.put(site(1, "b"), &anybody, now(), &call()).await.unwrap();
    let told = changes(&store, Position::BEGINNING).await;
    assert_eq!(values(&told[0]), (&Values::Nothing, &Values::NotKept));
    assert_eq!(values(&told[1]), (&Values::NotKept, &Values::NotKept));
    assert_eq!(bytes_of_values(&store).await, 0);
    let Changed::Entity { id: told_id, types, .. } = &told[1].changed else {
        panic!("{told:?}");
    };
    assert_eq!((told_id, types.as_slice()), (&id(1), &[type_name(0)][..]));
}

/// Says what may rest, and waits until the rest is taken out.
async fn let_rest(store: &StoreAdapter, may_rest: MayRest) -> Result<(), crate::StoreError> {
    store.partition().let_rest(may_rest);
    store.partition().narrow_outbox().await
}

#[tokio::test]
async fn whoever_looks_after_a_partition_takes_out_at_once_what_may_not_rest_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    let looking_after = tokio::spawn(store.partition().upkeep().look_after_from_time_to_time());
    let nothing: MayRest = Arc::new(|_: &Entity| None);
    store.partition().let_rest(nothing);
    // It ends when the test takes too long: nothing but the word has to come.
    while bytes_of_values(&store).await > 0 {
        tokio::task::yield_now().await;
    }
    looking_after.abort();
}

/// Keeps of entities only attributes of that number.
fn only(position: usize) -> MayRest {
    Arc::new(move |entity: &Entity| {
        let mut kept = entity.clone();
        kept.attributes.retain(|attribute| attribute.name == name(position));
        Some(kept)
    })
}

#[tokio::test]
async fn what_may_not_rest_is_not_there_and_goes_when_less_may_rest() {
    let folder = tempfile::tempdir().unwrap();
    let store = untold(folder.path()).await;
    let with_both = || {
        let mut entity = site(1, "canary-that-may-rest");
        let instance = Instance::new(AttributeValue::Property(Value::from("canary-that-may-not")));
        entity.attributes.push(Attribute::new(name(1), instance));
        entity
    };
    let_rest(&store, only(0)).await.unwrap();
    store.create(with_both(), &anybody, now(), &call()).await.unwrap();
    store.put(with_both(), &anybody, now(), &call()).await.unwrap();
    assert_eq!(rows_with(&store, "canary-that-may-rest").await, 2);
    assert_eq!(rows_with(&store, "canary-that-may-not").await, 0);
    let told = changes(&store, Position::BEGINNING).await;
    let (Values::Kept(before), Values::Kept(after)) = values(&told[1]) else {
        panic!("{told:?}");
    };
    assert_eq!((before.attributes.len(), after.attributes.len()), (1, 1));

    // A class becomes stricter, and many marks are there, from an earlier process too.
    for number in 10..500 {
        store
            .create(site(number, "canary-that-may-rest"), &anybody, now(), &call())
            .await
            .unwrap();
    }
    store.partition().close().await;
    let store = untold(folder.path()).await;
    let_rest(&store, only(1)).await.unwrap();
    assert_eq!(rows_with(&store, "canary-that-may-rest").await, 0);
    let nothing: MayRest = Arc::new(|_: &Entity| None);
    let_rest(&store, nothing).await.unwrap();
    assert_eq!(bytes_of_values(&store).await, 0);
}

#[tokio::test]
async fn what_something_was_taken_out_of_is_a_part_even_when_more_may_rest_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let is_whole = async || {
        let told = changes(&store, Position::BEGINNING).await;
        let is_whole = told.iter().map(|change| match &change.changed {
            Changed::Entity { is_whole, .. } => *is_whole,
            Changed::Load { .. } => panic!("{change:?}"),
        });
        is_whole.collect::<Vec<bool>>()
    };
    let mut both = site(1, "a");
    let instance = Instance::new(AttributeValue::Property(Value::from("b")));
    both.attributes.push(Attribute::new(name(1), instance));
    store.create(both, &anybody, now(), &call()).await.unwrap();
    store.create(site(2, "a"), &anybody, now(), &call()).await.unwrap();
    assert_eq!(is_whole().await, [true, true]);
    let_rest(&store, only(0)).await.unwrap();
    assert_eq!(is_whole().await, [false, true]);
    let everything: MayRest = Arc::new(|entity: &Entity| Some(entity.clone()));
    let_rest(&store, everything).await.unwrap();
    assert_eq!(is_whole().await, [false, true]);
}

#[tokio::test]
async fn what_has_expired_of_an_entity_is_named_as_far_as_that_may_rest() {
    for (may_rest, expected) in [(only(1), vec![name(1)]), (only(0), Vec::new())] {
        let folder = tempfile::tempdir().unwrap();
        let store = untold(folder.path()).await;
        let_rest(&store, may_rest).await.unwrap();
        let soon = DateTime::from_system_time(SystemTime::now() + Duration::from_secs(3600));
        let mut entity = site(1, "stays");
        let mut instance = Instance::new(AttributeValue::Property(Value::from("goes")));
        instance.system.dates_mut().expires_at = Some(soon);
        entity.attributes.push(Attribute::new(name(1), instance));
        store.put(entity, &anybody, now(), &call()).await.unwrap();
        let later = DateTime::from_system_time(SystemTime::now() + Duration::from_secs(7200));
        store.partition().look_after(&later).await.unwrap();
        let told = changes(&store, Position::BEGINNING).await;
        let Changed::Entity {
            fate: Fate::PartExpired,
            is_whole: false,
            gone,
            ..
        } = &told[1].changed
        else {
            panic!("{told:?}");
        };
        assert_eq!(*gone, expected);
    }
}

#[tokio::test]
async fn what_may_not_rest_any_more_is_not_told_either_where_it_could_not_be_taken_out_yet() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    let break_it = "CREATE TRIGGER broken BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ROLLBACK, 'broken'); END";
    run(&store, break_it).await;
    let nothing: MayRest = Arc::new(|_: &Entity| None);
    let_rest(&store, nothing).await.unwrap_err();
    let told = changes(&store, Position::BEGINNING).await;
    assert_eq!(values(&told[0]), (&Values::Nothing, &Values::NotKept));
    run(&store, "DROP TRIGGER broken").await;
    store.partition().look_after(&now()).await.unwrap();
    assert_eq!(bytes_of_values(&store).await, 0);
}

#[tokio::test]
async fn a_deletion_takes_every_value_of_the_entity_along_and_stays_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    for text in ["canary-first", "canary-second", "canary-third"] {
        store.put(site(1, text), &anybody, now(), &call()).await.unwrap();
        store.put(site(2, "another"), &anybody, now(), &call()).await.unwrap();
    }
    store.delete(&id(1), &[], &anybody, &call()).await.unwrap();
    let told = changes(&store, Position::BEGINNING).await;
    let of_it: Vec<&Change> = told
        .iter()
        .filter(|change| matches!(&change.changed, Changed::Entity { id: told, .. } if *told == id(1)))
        .collect();
    assert_eq!(of_it.len(), 4);
    for change in &of_it[..3] {
        assert_eq!(values(change).1, &Values::NotKept);
    }
    let Changed::Entity {
        types,
        fate,
        before,
        after,
        ..
    } = &of_it[3].changed
    else {
        panic!("{of_it:?}");
    };
    assert_eq!((types.as_slice(), *fate), (&[type_name(0)][..], Fate::Deleted));
    assert_eq!((before, after), (&Values::NotKept, &Values::Nothing));
    assert_eq!(rows_with(&store, "canary").await, 0);
    assert_eq!(rows_with(&store, "another").await, 3);
    store.partition().look_after(&now()).await.unwrap();
    assert_nowhere(folder.path(), &store, "canary");
}

#[tokio::test]
async fn what_has_expired_rests_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let soon = DateTime::from_system_time(SystemTime::now() + Duration::from_secs(3600));
    let later = DateTime::from_system_time(SystemTime::now() + Duration::from_secs(7200));
    // An entity, a part of one, and a part that was replaced before its time came.
    let mut whole = site(1, "canary-whole");
    whole.system.dates_mut().expires_at = Some(soon.clone());
    let with_part = |number: usize, text: &str| {
        let mut entity = site(number, "stays");
        let mut instance = Instance::new(AttributeValue::Property(Value::from(text)));
        instance.system.dates_mut().expires_at = Some(soon.clone());
        entity.attributes.push(Attribute::new(name(1), instance));
        entity
    };
    store.put(whole, &anybody, now(), &call()).await.unwrap();
    store
        .put(with_part(2, "canary-part"), &anybody, now(), &call())
        .await
        .unwrap();
    store
        .put(with_part(3, "canary-replaced"), &anybody, now(), &call())
        .await
        .unwrap();
    store.put(site(3, "stays"), &anybody, now(), &call()).await.unwrap();
    assert!(rows_with(&store, "canary").await > 0);
    store.partition().look_after(&later).await.unwrap();
    assert_eq!(rows_with(&store, "canary").await, 0);
    let told = changes(&store, Position::BEGINNING).await;
    assert_eq!(
        fates(&told[4..]),
        [Some(Fate::Expired), Some(Fate::PartExpired)],
        "{told:?}"
    );
    assert!(matches!(values(&told[5]), (Values::NotKept, Values::Kept(rest)) if rest.attributes.len() == 1));
    assert_nowhere(folder.path(), &store, "canary");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Pages of the file are filled, split, joined and freed; whatever is deleted is in none of them afterwards.
    #[test]
    fn nothing_of_what_was_deleted_is_left_in_a_file(
        sizes in prop::collection::vec((0..6000_usize, any::<bool>()), 20..120),
        seed in any::<u64>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let store = store(folder.path()).await;
            let text = |number: usize, size: usize| format!("canary-{number:04}-{}", "z".repeat(size));
            for (number, (size, _)) in sizes.iter().enumerate() {
                store.put(site(number, &text(number, *size)), &anybody, now(), &call()).await.unwrap();
                if (number as u64 ^ seed).is_multiple_of(3) {
                    store.put(site(number, &text(number, size / 2)), &anybody, now(), &call()).await.unwrap();
                }
            }
            for (number, (_, is_deleted)) in sizes.iter().enumerate() {
                if *is_deleted {
                    store.delete(&id(number), &[], &anybody, &call()).await.unwrap();
                }
            }
            store.partition().look_after(&now()).await.unwrap();
            for (number, (_, is_deleted)) in sizes.iter().enumerate() {
                let canary = format!("canary-{number:04}-");
                prop_assert_eq!(is_in_a_file(folder.path(), &canary), !is_deleted, "{}", canary);
            }
            Ok::<(), TestCaseError>(())
        })?;
    }
}
