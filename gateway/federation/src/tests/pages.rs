//! Pages over several sources: whatever they hold, decide and fail at, a walk visits each entity once, in one order, and costs
//! what its pages cost.

use std::sync::atomic::Ordering;

use super::made::{Made, Request, World, any_sources, ids, made, walks};
use super::*;

proptest! {
    #![proptest_config(walks(500))]

    /// Walked by cursors, with pages of changing sizes, with and without counts.
    #[test]
    fn a_walk_visits_each_entity_once_and_in_order(
        sources in any_sources(),
        filter in prop::option::of(prop::sample::select(vec![
            "height>4", "maxCapacity>2", "height>2;maxCapacity<3", "height==1|maxCapacity==1", "height>100",
        ])),
        limits in prop::collection::vec(1usize..40, 1..4),
        counts in prop::bool::ANY,
    ) {
        // What a source counts is its places: where some hold nothing new, its counts are not those of the view.
        let sources = sources.into_iter().map(|source| Made {
            repeats: source.repeats.filter(|_| !counts),
            ..source
        });
        let world = World::new(sources.collect(), filter, false);
        let list = world.list();
        let (mut walked, mut from, mut turn) = (Vec::new(), None, 0);
        loop {
            let limit = limits[turn % limits.len()];
            let count = counts && turn % 2 == 0;
            let page = Page { limit, offset: walked.len() };
            let (found, next) = world.page(page, from, count);
            prop_assert_eq!(&found.warnings, &Vec::new());
            prop_assert_eq!(found.count, count.then_some(list.len() as u64));
            prop_assert!(found.entities.len() <= limit);
            prop_assert_eq!(found.more, walked.len() + found.entities.len() < list.len());
            walked.extend(found.entities);
            turn += 1;
            from = next;
            if !found.more {
                break;
            }
            prop_assert!(turn < 1_000);
        }
        prop_assert_eq!(ids(&walked), ids(&list));
        prop_assert_eq!(walked.into_iter().map(sorted).collect::<Vec<_>>(), list.into_iter().map(sorted).collect::<Vec<_>>());
    }

    /// Any page of it, by its offset.
    #[test]
    fn a_page_at_an_offset_is_that_part_of_the_list(
        sources in any_sources(), own in any::<bool>(), limit in 1usize..30, offset in 0usize..200, count in any::<bool>(),
    ) {
        // Where they say that nobody else has their ids, it is so.
        let mut before = 0;
        let sources = sources.into_iter().map(|mut source| {
            source.repeats = None;
            if own {
                source.numbers.0 += before;
                before = source.numbers.0 + source.numbers.1 * source.numbers.2;
            }
            source
        });
        let world = World::new(sources.collect(), None, own);
        let list = world.list();
        let (found, _) = world.page(Page { limit, offset }, None, count);
        let part: Vec<Entity> = list.iter().skip(offset).take(limit).cloned().collect();
        prop_assert_eq!(ids(&found.entities), ids(&part));
        prop_assert_eq!(found.more, offset + part.len() < list.len());
        prop_assert_eq!(found.count, count.then_some(list.len() as u64));
    }

    /// A source that is dead for some pages costs what it has, and nobody else's part; nothing comes twice.
    #[test]
    fn whoever_dies_and_revives_between_pages_costs_its_own_part(
        sources in any_sources(), deaths in prop::collection::vec(prop::option::of(0usize..6), 1..6), limit in 5usize..40,
    ) {
        let world = World::new(sources, None, false);
        let list = world.list();
        let (mut walked, mut from, mut turn): (Vec<Entity>, _, usize) = (Vec::new(), None, 0);
        let mut died: Vec<usize> = Vec::new();
        loop {
            let dead = deaths[turn % deaths.len()];
            for (place, source) in world.sources.iter().enumerate() {
                source.is_dead.store(dead == Some(place), Ordering::Relaxed);
            }
            let (found, next) = world.page(Page { limit, offset: 0 }, from, false);
            for warning in &found.warnings {
                prop_assert_eq!(Some(&warning.source), dead.and_then(|dead| world.sources.get(dead)).map(|dead| &dead.id));
                died.extend(dead);
            }
            walked.extend(found.entities);
            turn += 1;
            prop_assert!(turn < 1_000);
            match next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
        // Whatever only the living have is there.
        for entity in &list {
            let holders = world.sources.iter().enumerate().filter(|(_, source)| {
                let (first, count, step) = source.numbers;
                (0..count).any(|place| source.entity(first + place * step).id == entity.id)
            });
            let all_lived = holders.into_iter().all(|(place, _)| !died.contains(&place));
            let times = walked.iter().filter(|one| one.id == entity.id).count();
            prop_assert!(!all_lived || times == 1, "{} came {times} times", entity.id.as_str());
        }
    }
}

#[test]
fn a_first_page_asks_each_source_once_and_a_count_once_more() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 100_000, 100_000, 1))).collect();
    let world = World::new(sources, None, true);
    let page = Page { limit: 20, offset: 0 };
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    let (found, next) = world.page(page, None, false);
    assert_eq!(found.entities.len(), 20);
    assert_eq!(world.asked(), vec![vec![wanted.clone()]; 3]);
    let (found, _) = world.page(page, next, false);
    assert_eq!(found.entities[0].id.as_str(), "urn:ngsi-ld:AED:000020");
    let further = Request::Candidates(Page { limit: 21, offset: 20 });
    assert_eq!(world.asked(), vec![vec![further], Vec::new(), Vec::new()]);
    let (found, _) = world.page(page, None, true);
    assert_eq!(found.count, Some(300_000));
    for asked in world.asked() {
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked.contains(&wanted) && asked.contains(&Request::Count));
    }
    // Far behind: the counts tell where it is.
    let far = Page {
        limit: 20,
        offset: 150_000,
    };
    let (found, _) = world.page(far, None, false);
    assert_eq!(found.entities[0].id.as_str(), "urn:ngsi-ld:AED:150000");
    let asked = world.asked();
    assert_eq!(asked[0], [Request::Count]);
    assert_eq!(
        asked[1],
        [
            Request::Count,
            Request::Candidates(Page {
                limit: 21,
                offset: 50_000
            })
        ]
    );
    assert_eq!(asked[2], [Request::Count, wanted]);
}

#[test]
fn sources_that_may_share_ids_are_asked_once_more_for_each_pair() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 100_000, 100_000, 1))).collect();
    let world = World::new(sources, None, false);
    let page = Page { limit: 20, offset: 0 };
    let (found, _) = world.page(page, None, false);
    assert_eq!(found.entities.len(), 20);
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    let asked = world.asked();
    assert_eq!(asked[0], std::slice::from_ref(&wanted));
    for other in &asked[1..] {
        assert_eq!(*other, [wanted.clone(), Request::Ids(21)]);
    }
    // What has said all that it has is not asked again.
    let few: Vec<Made> = (0..3).map(|place| made(place, (place * 4, 6, 1))).collect();
    let world = World::new(few, None, false);
    let (found, _) = world.page(page, None, false);
    assert_eq!(ids(&found.entities), ids(&world.list()));
    assert_eq!(world.asked(), vec![vec![wanted]; 3]);
}

#[test]
fn a_list_that_goes_on_to_its_end_is_not_asked_what_comes_behind_it() {
    let source = Made {
        coverage: Coverage::None,
        ..made(0, (0, 100, 1))
    };
    let page = Page { limit: 20, offset: 0 };
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    for goes_on in [true, false] {
        let source = Made {
            goes_on,
            ..source.clone()
        };
        let world = World::new(vec![source], Some("height==1"), true);
        let (found, next) = world.page(page, None, false);
        assert_eq!((found.entities.len(), next), (10, None));
        let asked = &world.asked()[0];
        assert_eq!(asked[0], wanted);
        assert_eq!(asked.len() == 1, goes_on, "{asked:?}");
    }
}

#[test]
fn the_largest_page_reads_one_entity_more_and_not_a_page_more() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 100_000, 100_000, 1))).collect();
    let world = World::new(sources, None, true);
    let page = Page {
        limit: 1_000,
        offset: 0,
    };
    let (_, next) = world.wide_page(page, None, false);
    world.asked();
    let (found, _) = world.wide_page(page, next, false);
    assert_eq!((found.entities.len(), found.more), (1_000, true));
    let asked = world.asked();
    let places: usize = asked[0]
        .iter()
        .map(|asked| match asked {
            Request::Candidates(page) => page.limit,
            _ => usize::MAX,
        })
        .sum();
    assert_eq!((asked[0].len(), places), (2, 1_001), "{asked:?}");
    assert_eq!(asked[1..], [Vec::new(), Vec::new()]);
}

#[test]
fn sources_whose_ids_begin_differently_share_none() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 10_000, 9_000, 1))).collect();
    let world = World::new(sources, None, false).beginning(&["urn:ngsi-ld:AED:00", "urn:ngsi-ld:AED:01"]);
    let page = Page { limit: 20, offset: 0 };
    let (found, _) = world.page(page, None, true);
    assert_eq!((found.entities.len(), found.count), (20, Some(18_000)));
    let wanted = Request::Candidates(Page { limit: 21, offset: 0 });
    for asked in world.asked() {
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked.contains(&wanted) && asked.contains(&Request::Count));
    }
    let (one, two) = (&world.registry.configured()[0], &world.registry.configured()[1]);
    let id = |number: usize| [EntityId::parse(&format!("urn:ngsi-ld:AED:{number:06}")).unwrap()];
    assert!(one.may_hold(&aed(), &id(1)) && !one.may_hold(&aed(), &id(10_000)));
    assert!(two.may_hold(&aed(), &id(10_000)) && two.may_hold(&aed(), &[]));
    assert_eq!(crate::overlaps::overlaps(world.registry.configured()), []);
    // One that begins like the other, or of which nobody knows, may share some.
    for beginning in ["urn:ngsi-ld:AED:0", ""] {
        let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 10_000, 9_000, 1))).collect();
        let world = World::new(sources, None, false).beginning(&["urn:ngsi-ld:AED:00", beginning]);
        let overlaps = crate::overlaps::overlaps(world.registry.configured());
        assert_eq!((overlaps.len(), &*overlaps[0].sources), (1, &[0, 1][..]));
    }
    // A pattern that cannot match what the other makes keeps them apart as well.
    let pattern = |text: &str| Provision {
        ids: ProvidedIds::Matching(ngsi_ld::query::IdPattern::parse(text).unwrap()),
        ..Provision::of_type(aed())
    };
    let types = [aed()];
    for (text, shares) in [
        ("^urn:ngsi-ld:AED:01", false),
        ("^urn:ngsi-ld:AED:0", true),
        ("00$", true),
    ] {
        let of_pattern = source_providing("sano", vec![pattern(text)]);
        assert_eq!(one.may_share_ids_with(&types, &of_pattern, &types), shares, "{text}");
        assert_eq!(of_pattern.may_share_ids_with(&types, one, &types), shares, "{text}");
    }
}

#[test]
fn entities_of_several_types_are_counted_by_their_source_where_no_type_hides_anything() {
    let expand = |name: &str| Context::kakehashi().expand_type(name).unwrap();
    for (other, filter, is_decided) in [
        ("EvacuationSite", None, true),
        ("EvacuationSite", Some("height>4"), true),
        // About persons; nobody has classified it; an attribute of a type that is guarded there.
        ("Resident", None, false),
        ("Unheard", None, false),
    ] {
        let sources: Vec<Made> = (0..2)
            .map(|place| Made {
                several: Some(vec![aed(), expand(other)]),
                ..made(place, (place * 1_000, 900, 1))
            })
            .collect();
        let mut world = World::new(sources, filter, true);
        if other == "Unheard" {
            world = world.that_may_hold_personal_data();
        }
        let (found, _) = world.page(Page { limit: 20, offset: 0 }, None, true);
        assert_eq!(found.count, Some(world.list().len() as u64), "{other} {filter:?}");
        for asked in world.asked() {
            assert_eq!(
                asked.contains(&Request::Count),
                is_decided,
                "{other} {filter:?}: {asked:?}"
            );
        }
    }
}

#[test]
fn what_cannot_be_counted_within_the_bound_comes_without_its_count() {
    // Ten times as many ids as entities may be looked at.
    let sources: Vec<Made> = (0..2).map(|place| made(place, (0, 10_500, 1))).collect();
    let world = World::new(sources, None, false);
    let page = Page { limit: 20, offset: 0 };
    let (found, _) = world.page(page, None, true);
    assert_eq!((found.entities.len(), found.count, found.more), (20, None, true));
    assert_eq!(found.warnings.len(), 1);
    assert_eq!(found.warnings[0].missing, Missing::Count);
    let (asker, mut request) = (BENCH.asker(&world.registry), BENCH.request());
    request.scan = 1_000;
    let alone = Page { limit: 0, offset: 0 };
    let question = Arc::new(world.question.clone());
    let alone = BENCH
        .runtime
        .block_on(query::query(&question, alone, None, true, &asker, &request));
    assert!(alone.is_err(), "a count alone is no answer without itself");
}

#[test]
fn a_page_that_is_not_full_at_the_bound_leads_on() {
    // Nothing meets the condition in the first 2,500, and the source does not decide it.
    let mut none = made(0, (0, 2_500, 10));
    none.coverage = Coverage::None;
    let mut some = made(1, (1, 10, 10));
    some.coverage = Coverage::None;
    let world = World::new(vec![none, some], Some("height==7"), true);
    let (found, next) = world.page(Page { limit: 20, offset: 0 }, None, false);
    assert!(found.entities.is_empty() && found.more, "{:?}", found.warnings);
    assert_eq!(found.warnings[0].missing, Missing::Part(ErrorKind::TooMany.into()));
    let mut from = next;
    let mut walked = Vec::new();
    while let Some(place) = from {
        let (found, next) = world.page(Page { limit: 20, offset: 0 }, Some(place), false);
        walked.extend(found.entities);
        from = next;
    }
    assert_eq!(walked.len(), 10);
}
