//! What is answered from memory, and what the source is asked for.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_or_wanted_anew_is_asked_of_the_source() {
    let world = World::sites(3);
    world.find(&all()).await.unwrap();
    let with_note = SourceQuery {
        attributes: AttributeSelection::Only(names(&["name", "note"])),
        ..all()
    };
    let fresh = SourceQuery { fresh: true, ..all() };
    for (asked, query) in [with_note, fresh].into_iter().enumerate() {
        let (ids, age, _) = world.find(&query).await.unwrap();
        assert_eq!((ids.len(), age), (3, None));
        assert_eq!(world.times_asked(), 2 + asked);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_hold_what_is_asked_for_and_nothing_else() {
    let world = World::sites(3);
    let query = SourceQuery {
        attributes: AttributeSelection::Only(names(&["size"])),
        ..all()
    };
    let found = world.ask(&query, &call()).await.unwrap();
    for (number, one) in found.into_iter().enumerate() {
        let mut expected = site(number);
        expected
            .attributes
            .retain(|attribute| query.attributes.includes(&attribute.name));
        assert_eq!(one, Yielded::Entity(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn conditions_pages_and_counts_are_decided_here() {
    let world = World::sites(1000);
    let near = GeoQuery::parse("near;maxDistance==1500", "Point", "[101, 36.3]", None, Context::core()).unwrap();
    let questions = [
        (filtered("size==7"), vec!["0007"]),
        (filtered("size==5..7;name!=\"site 6\""), vec!["0005", "0007"]),
        (filtered("name==\"site 1\",\"site 12\""), vec!["0001", "0012"]),
        (filtered("size>=998"), vec!["0998", "0999"]),
        (filtered("size<2"), vec!["0000", "0001"]),
        (filtered("size==3|name==\"site 9\""), vec!["0003", "0009"]),
        (filtered("name~=\"99.$\""), (990..1000).map(|_| "").collect()),
        (
            SourceQuery {
                geo: Some(near.into()),
                ..all()
            },
            vec!["0099", "0100", "0101"],
        ),
        (
            SourceQuery {
                ids: ["urn:ngsi-ld:Site:0500", "urn:ngsi-ld:Site:0004", "urn:x"]
                    .map(|id| EntityId::parse(id).unwrap())
                    .into(),
                ..all()
            },
            vec!["0004", "0500"],
        ),
        (
            SourceQuery {
                id_pattern: Some(IdPattern::parse("042[0-2]$").unwrap()),
                ..all()
            },
            vec!["0420", "0421", "0422"],
        ),
    ];
    // The first time without anything that would find them, the second with it.
    for _ in 0..2 {
        for (query, expected) in &questions {
            let (ids, ..) = world.find(query).await.unwrap();
            assert_eq!(ids.len(), expected.len(), "{query:?}: {ids:?}");
            if expected.iter().all(|id| !id.is_empty()) {
                assert_eq!(ids, *expected);
            }
            let prepared = world.held.prepare(query);
            let counted = prepared.count(&call()).await.unwrap();
            assert_eq!(counted.entities, expected.len() as u64);
            let page = Page { limit: 1, offset: 1 };
            let of_page: Vec<Yielded> = prepared.query(Some(page), &call()).try_collect().await.unwrap();
            let of_page: Vec<String> = of_page
                .into_iter()
                .filter_map(Yielded::entity)
                .map(|entity| number_of(&entity))
                .collect();
            assert_eq!(of_page, ids[1.min(ids.len())..2.min(ids.len())]);
        }
        settle().await;
    }
    let snapshot = world.held.status();
    assert!(snapshot.bytes > 1000 * 300, "{snapshot:?}");
    assert_eq!(world.times_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_is_retrieved_by_its_id() {
    let world = World::sites(10);
    let of = |id: &str| SourceQuery {
        ids: vec![EntityId::parse(id).unwrap()],
        ..all()
    };
    let found = world
        .held
        .prepare(&of("urn:ngsi-ld:Site:0003"))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!(found.unwrap().entity().unwrap().id.as_str(), "urn:ngsi-ld:Site:0003");
    let none = world
        .held
        .prepare(&of("urn:ngsi-ld:Site:0011"))
        .retrieve(&call())
        .await
        .unwrap();
    assert_eq!((none, world.times_asked()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_takes_its_place_and_is_asked_of_the_source_by_its_id() {
    let mut yielded: Vec<Yielded> = (0..3).map(site).map(Yielded::Entity).collect();
    yielded.insert(1, Yielded::LeftOut(Flaw::NoId));
    let world = World::with(yielded, Arc::new(|_| Judged::Whole), &HeldMemory::default());
    for _ in 0..2 {
        let counted = world.held.prepare(&filtered("size>0")).count(&call()).await.unwrap();
        assert_eq!((counted.entities, counted.places()), (2, 3));
        let page = Page { limit: 2, offset: 0 };
        let first: Vec<Yielded> = world
            .held
            .prepare(&all())
            .query(Some(page), &call())
            .try_collect()
            .await
            .unwrap();
        assert_eq!(first[1], Yielded::LeftOut(Flaw::NoId));
        settle().await;
    }
    let unknown = SourceQuery {
        ids: vec![EntityId::parse("urn:ngsi-ld:Site:0011").unwrap()],
        ..all()
    };
    assert_eq!(world.times_asked(), 1);
    world.held.prepare(&unknown).retrieve(&call()).await.unwrap();
    assert_eq!(world.times_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_may_see_more_is_told_by_the_source_where_something_is_missing() {
    let judge: Judge = Arc::new(|entity| match entity.id.as_str().ends_with('2') {
        true => Judged::Without(names(&["name"]).to_vec()),
        false => Judged::Whole,
    });
    let entities = (0..5).map(site).map(Yielded::Entity).collect();
    let world = World::with(entities, judge, &HeldMemory::default());
    let beyond = |short: &[&str]| SourceQuery {
        attributes: AttributeSelection::Only(names(short)),
        beyond_open: true,
        ..all()
    };
    // Before anybody knows that something is missing, and afterwards.
    for asked in [2, 3] {
        assert_eq!(world.find(&beyond(&["name"])).await.unwrap().1, None);
        assert_eq!(world.times_asked(), asked);
    }
    assert!(world.find(&beyond(&["size"])).await.unwrap().1.is_some());
    assert!(world.find(&all()).await.unwrap().1.is_some());
    assert_eq!(world.times_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_entity_whose_time_is_over_is_not_shown_any_more() {
    let mut over = site(1);
    over.system.dates_mut().expires_at = Some(ngsi_ld::entity::DateTime::parse("2020-01-01T00:00:00Z").unwrap());
    let world = World::of([site(0), over]);
    assert_eq!(world.find(&all()).await.unwrap().0, ["0000"]);
    assert_eq!(world.held.prepare(&all()).count(&call()).await.unwrap().entities, 1);
}
