//! Which marks there are, and for how long.

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::*;
use crate::mark::MOST_BYTES;
use crate::samples::entities;
use crate::{LONGEST_AGE, Loaded};
use kakehashi_contract::plain_writes::{NotWritten, PlainWrites};
use kakehashi_contract::{WriteError, Written};

#[derive(Debug, Clone)]
enum Step {
    Create(usize, Entity),
    Put(usize, Entity),
    Delete(usize),
    Load(Vec<Entity>),
    Reopen,
}

fn steps() -> impl Strategy<Value = Step> {
    let which = 0..4_usize;
    prop_oneof![
        4 => (which.clone(), entities()).prop_map(|(number, entity)| Step::Create(number, entity)),
        6 => (which.clone(), entities()).prop_map(|(number, entity)| Step::Put(number, entity)),
        4 => which.prop_map(Step::Delete),
        1 => prop::collection::vec(entities(), 0..4).prop_map(Step::Load),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whoever_has_read_every_change_knows_what_the_store_holds(steps in prop::collection::vec(steps(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut store = store(folder.path()).await;
            let mut expected = Vec::new();
            for step in steps {
                let of = |number: usize, entity: Entity| Entity { id: id(number), ..entity };
                match step {
                    Step::Create(number, entity) => {
                        let created = store.create(of(number, entity), &anybody, now(), &call()).await;
                        expected.extend(created.is_ok().then_some(Some(Fate::Created)));
                    }
                    Step::Put(number, entity) => {
                        let put = store.put(of(number, entity), &anybody, now(), &call()).await.unwrap();
                        expected.push(Some(match put {
                            Written::Created(_) => Fate::Created,
                            _ => Fate::Replaced,
                        }));
                    }
                    Step::Delete(number) => {
                        let deleted = store.delete(&id(number), &[], &anybody, &call()).await;
                        expected.extend(deleted.is_ok().then_some(Some(Fate::Deleted)));
                    }
                    Step::Load(entities) => {
                        let loaded = entities.into_iter().zip(0..).map(|(entity, number)| of(number, entity));
                        let loaded = store.partition().load(loaded, now()).await.unwrap();
                        expected.extend(loaded.has_changed_something().then_some(None));
                    }
                    Step::Reopen => {
                        store.partition().close().await;
                        store = super::store(folder.path()).await;
                    }
                }
            }
            // Some of what was written had expired before.
            store.partition().look_after(&now()).await.unwrap();
            let all = changes(&store, Position::BEGINNING).await;
            let mut made = fates(&all);
            made.retain(|fate| !matches!(fate, Some(Fate::Expired | Fate::PartExpired)));
            prop_assert_eq!(made, expected);
            let newest = store.partition().newest_change(&call()).await.unwrap();
            prop_assert_eq!(all.last().map_or(Position::BEGINNING, |change| change.position), newest);
            prop_assert_eq!(replayed(&store).await, held(&store).await);
            Ok::<(), TestCaseError>(())
        })?;
    }
}

#[tokio::test]
async fn what_was_refused_or_failed_leaves_no_mark() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let nobody = |_: &Entity| false;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    store.create(site(1, "b"), &anybody, now(), &call()).await.unwrap_err();
    store.put(site(1, "b"), &nobody, now(), &call()).await.unwrap_err();
    store.delete(&id(1), &[], &nobody, &call()).await.unwrap_err();
    store.delete(&id(2), &[], &anybody, &call()).await.unwrap_err();
    assert_eq!(
        fates(&changes(&store, Position::BEGINNING).await),
        [Some(Fate::Created)]
    );
}

#[tokio::test]
async fn a_change_whose_mark_cannot_be_written_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    let break_it = "CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ROLLBACK, 'broken'); END";
    run(&store, break_it).await;
    let before = held(&store).await;
    let refused = store.put(site(1, "b"), &anybody, now(), &call()).await;
    assert!(
        matches!(refused, Err(NotWritten::Failed(WriteError::Source(_)))),
        "{refused:?}"
    );
    assert!(store.delete(&id(1), &[], &anybody, &call()).await.is_err());
    assert!(store.partition().load([site(2, "c")], now()).await.is_err());
    assert_eq!(held(&store).await, before);
    assert_eq!(changes(&store, Position::BEGINNING).await.len(), 1);
}

#[tokio::test]
async fn what_a_load_has_changed_has_the_time_of_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    for number in 1..3 {
        store.create(site(number, "a"), &anybody, now(), &call()).await.unwrap();
    }
    let loaded = [site(1, "a"), site(2, "b"), site(3, "c")];
    store.partition().load(loaded, now()).await.unwrap();
    let told = changes(&store, Position::BEGINNING).await;
    let at = &told[2].at;
    let of_time = held(&store).await.into_values().filter(|entity| {
        let modified_at = entity.system.modified_at();
        modified_at.is_some_and(|modified_at| modified_at.unix_micros() == at.unix_micros())
    });
    assert_eq!(of_time.map(|entity| entity.id).collect::<Vec<_>>(), [id(2), id(3)]);
}

#[tokio::test]
async fn a_load_leaves_one_mark_without_values() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    let newest = store.partition().newest_change(&call()).await.unwrap();
    store
        .partition()
        .load((0..300).map(|number| site(number, "b")), now())
        .await
        .unwrap();
    let told = changes(&store, newest).await;
    let [change] = told.as_slice() else {
        panic!("{told:?}");
    };
    let expected = Changed::Load {
        created: 299,
        replaced: 1,
    };
    assert_eq!(change.changed, expected);
}

#[tokio::test]
async fn what_is_loaded_as_it_was_leaves_none_and_keeps_its_dates() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let all = || (0..1_200).map(|number| site(number, "a"));
    store.partition().load(all(), now()).await.unwrap();
    let (before, newest) = (
        held(&store).await,
        store.partition().newest_change(&call()).await.unwrap(),
    );
    let again = store.partition().load(all(), now()).await.unwrap();
    let unchanged = Loaded {
        unchanged: 1_200,
        ..Loaded::default()
    };
    assert_eq!(again, unchanged);
    assert_eq!(held(&store).await, before);
    assert_eq!(store.partition().newest_change(&call()).await.unwrap(), newest);
    // Of one that stands there twice the last counts, also where the first is as it was.
    let twice = [site(1, "a"), site(2, "b"), site(1, "b"), site(1, "c")];
    let loaded = store.partition().load(twice, now()).await.unwrap();
    assert_eq!((loaded.replaced, loaded.unchanged), (3, 1));
    let texts = [site(1, "c"), site(2, "b")].map(|entity| entity.attributes[0].instances[0].value.clone());
    let held = held(&store).await;
    assert_eq!(held[&id(1)].attributes[0].instances[0].value, texts[0]);
    assert_eq!(held[&id(2)].attributes[0].instances[0].value, texts[1]);
    assert_eq!(changes(&store, newest).await.len(), 1);
}

#[tokio::test]
async fn a_mark_that_is_too_old_is_gone_and_its_reader_has_fallen_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let written = SystemTime::now();
    let at = |after: Duration| DateTime::from_system_time(written + after);
    store
        .create(site(1, "canary-old"), &anybody, at(Duration::ZERO), &call())
        .await
        .unwrap();
    let known = store.partition().newest_change(&call()).await.unwrap();
    store
        .create(site(2, "b"), &anybody, at(Duration::from_secs(60)), &call())
        .await
        .unwrap();
    let then = LONGEST_AGE + Duration::from_secs(30);
    // Nobody writes, and it goes all the same.
    store.partition().look_after(&at(then)).await.unwrap();
    assert_eq!(rows_with(&store, "canary-old").await, 0);
    assert_eq!(
        changes(&store, known).await.len(),
        1,
        "who has read what is gone has missed nothing"
    );
    let newest = store.partition().newest_change(&call()).await.unwrap();
    let behind = store
        .partition()
        .changes_after(Position::BEGINNING, &call())
        .await
        .unwrap();
    assert_eq!(behind, Told::FellBehind { newest });
    // When all of them are gone their numbers are not given again.
    store.partition().look_after(&at(LONGEST_AGE * 2)).await.unwrap();
    assert_eq!(changes(&store, newest).await, []);
    store
        .create(site(3, "c"), &anybody, at(LONGEST_AGE * 2), &call())
        .await
        .unwrap();
    let told = changes(&store, newest).await;
    assert_eq!(fates(&told), [Some(Fate::Created)]);
    assert!(told[0].position > newest);
}

#[tokio::test]
async fn a_reader_of_another_file_has_fallen_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    let newest = store.partition().newest_change(&call()).await.unwrap();
    let beyond = Position::of(newest.number() + 1);
    let told = store.partition().changes_after(beyond, &call()).await.unwrap();
    assert_eq!(told, Told::FellBehind { newest });
}

#[tokio::test]
async fn the_outbox_has_a_largest_size_and_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let text = "x".repeat(400_000);
    for number in 0..60 {
        store
            .create(site(number, &text), &anybody, now(), &call())
            .await
            .unwrap();
        let bytes = bytes_of_values(&store).await;
        assert!(bytes <= MOST_BYTES, "{bytes}");
    }
    assert!(bytes_of_values(&store).await > MOST_BYTES / 2);
    let newest = store.partition().newest_change(&call()).await.unwrap();
    let behind = store
        .partition()
        .changes_after(Position::BEGINNING, &call())
        .await
        .unwrap();
    assert_eq!(behind, Told::FellBehind { newest });
    let known = Position::of(newest.number() - 10);
    assert_eq!(changes(&store, known).await.len(), 10);
    // An entity that is larger than what one mark holds is told of without it.
    store
        .create(site(100, &"y".repeat(2_000_000)), &anybody, now(), &call())
        .await
        .unwrap();
    let told = changes(&store, newest).await;
    assert_eq!(values(&told[0]), (&Values::Nothing, &Values::NotKept));
}

#[tokio::test]
async fn whoever_waits_is_told_of_every_commit() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let mut commits = store.partition().commits();
    commits.mark_unchanged();
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap();
    assert!(commits.has_changed().unwrap());
    commits.mark_unchanged();
    store.create(site(1, "a"), &anybody, now(), &call()).await.unwrap_err();
    assert!(!commits.has_changed().unwrap());
    store.delete(&id(1), &[], &anybody, &call()).await.unwrap();
    assert!(commits.has_changed().unwrap());
}
