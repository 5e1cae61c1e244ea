//! Lists that are known by their ids: they count, lead to any offset, and spare a walk the questions for what nobody else has.

use super::made::{Made, Request, World, any_sources, ids, made, walks};
use super::*;
use crate::pages::{Asked, AskedSources, Paging};
use crate::plan;

/// What each source was asked for: a page of entities, everything, ids.
fn kinds(asked: &[Request]) -> (usize, usize, usize) {
    let count = |is: fn(&Request) -> bool| asked.iter().filter(|one| is(one)).count();
    (
        count(|one| matches!(one, Request::Candidates(page) if page.limit < usize::MAX)),
        count(|one| {
            matches!(
                one,
                Request::Candidates(Page { limit: usize::MAX, .. }) | Request::Everything
            )
        }),
        count(|one| matches!(one, Request::Ids(_))),
    )
}

#[test]
fn sources_that_may_share_ids_are_counted_by_their_ids_once_for_a_walk() {
    // The second half of each is the first half of the next.
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 6_000, 12_000, 1))).collect();
    let world = World::new(sources, None, false);
    let limit = 50;
    let (found, next) = world.wide_page(Page { limit, offset: 0 }, None, true);
    assert_eq!((found.entities.len(), found.count), (limit, Some(24_000)));
    assert_eq!(found.warnings, []);
    world.asked();
    // The list is known: no ids are read for the next page, nor where one source alone has them.
    let (found, next) = world.wide_page(Page { limit, offset: limit }, next, true);
    assert_eq!(found.count, Some(24_000));
    assert_eq!(ids(&found.entities)[0], "urn:ngsi-ld:AED:000050");
    let asked = world.asked();
    assert_eq!(kinds(&asked[0]), (1, 0, 0), "{asked:?}");
    assert_eq!(asked[1..], [Vec::new(), Vec::new()]);
    assert!(next.is_some());
    // Far behind, by the offset alone, with and without a count; and where the next ones have parts of it.
    for count in [true, false] {
        let (found, _) = world.wide_page(Page { limit, offset: 9_000 }, None, count);
        assert_eq!(found.count, count.then_some(24_000));
        assert_eq!(ids(&found.entities)[0], "urn:ngsi-ld:AED:009000");
        let asked = world.asked();
        assert_eq!(kinds(&asked[0]), (1, 0, 0), "{asked:?}");
        assert_eq!(kinds(&asked[1]), (0, 0, 1), "{asked:?}");
    }
    let (found, next) = world.wide_page(Page { limit, offset: 24_000 }, None, true);
    assert_eq!(
        (found.entities.len(), found.count, next, found.more),
        (0, Some(24_000), None, false)
    );
    // Another question is another list.
    let other = World {
        question: Question {
            shown: Some(vec![attribute("height")]),
            ..world.question.clone()
        },
        ..world
    };
    // Where the first source ends its count tells.
    let (found, _) = other.wide_page(Page { limit, offset: 15_000 }, None, false);
    assert_eq!(ids(&found.entities)[0], "urn:ngsi-ld:AED:015000");
    for asked in other.asked() {
        assert_eq!(kinds(&asked).1, 1, "{asked:?}");
    }
}

#[test]
fn a_pattern_of_ids_is_counted_however_many_ids_are_shared() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 100, 12_000, 1))).collect();
    let mut world = World::new(sources, None, false);
    world.question.query.id_pattern = Some(ngsi_ld::query::IdPattern::parse("00$").unwrap());
    let (found, _) = world.wide_page(Page { limit: 5, offset: 0 }, None, true);
    assert_eq!(
        (found.entities.len(), found.count),
        (5, Some(121)),
        "{:?}",
        found.warnings
    );
}

#[test]
fn whoever_wants_the_same_list_at_the_same_time_has_it_read_once() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 6_000, 12_000, 1))).collect();
    let world = World::new(sources, None, false);
    let (asker, request) = (world.asker(), BENCH.request());
    let question = Arc::new(world.question.clone());
    let page = Page { limit: 5, offset: 0 };
    let asking = (0..8).map(|_| query::query(&question, page, None, true, &asker, &request));
    let answers = BENCH.runtime.block_on(futures::future::join_all(asking));
    for answer in answers {
        assert_eq!(answer.unwrap().count, Some(18_000));
    }
    let whole = Request::Candidates(Page {
        limit: usize::MAX,
        offset: 0,
    });
    for asked in world.asked() {
        assert_eq!(asked.iter().filter(|one| **one == whole).count(), 1);
    }
}

#[test]
fn a_long_walk_reads_the_ids_once_instead_of_asking_for_them() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 11_000, 12_000, 1))).collect();
    let world = World::new(sources, None, false);
    let (mut walked, mut from) = (Vec::new(), None);
    loop {
        let (found, next) = world.wide_page(Page { limit: 200, offset: 0 }, from, false);
        assert_eq!(found.warnings, []);
        walked.extend(found.entities);
        from = next;
        if from.is_none() {
            break;
        }
    }
    let list: Vec<String> = (0..23_000)
        .map(|number| format!("urn:ngsi-ld:AED:{number:06}"))
        .collect();
    assert_eq!(ids(&walked), list);
    let asked = world.asked();
    let whole: Vec<usize> = asked.iter().map(|asked| kinds(asked).1).collect();
    assert_eq!(whole, [1, 1], "each list is read once");
    let by_ids: usize = asked.iter().map(|asked| kinds(asked).2).sum();
    assert!(by_ids < 50, "{by_ids} for 115 pages, of which ten are shared");
}

proptest! {
    #![proptest_config(walks(300))]

    /// Whatever the sources hold and decide, the list that is made of their ids is the list.
    #[test]
    fn a_list_that_is_made_of_ids_is_the_list(
        sources in any_sources(),
        filter in prop::option::of(prop::sample::select(vec![
            "height>4", "maxCapacity>2", "height>2;maxCapacity<3", "height==1|maxCapacity==1", "height>100",
        ])),
        offset in 0usize..150, limit in 1usize..30,
    ) {
        let world = World::new(sources, filter, false);
        let list = world.list();
        let (asker, request) = (world.asker(), BENCH.request());
        let question = Arc::new(world.question.clone());
        let asked = Asked { page: Page { limit, offset }, from: None, count: true };
        let (found, next) = BENCH.runtime.block_on(async {
            let plan = plan::plan(&question, &asker, &request.call).await.unwrap();
            let all = AskedSources {
                sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
                overloaded: plan.overloaded,
            };
            let mut paging = Paging::of(&all, &question, asked, &asker, &request).await;
            let known = paging.know(request.call.deadline).await.unwrap();
            assert_eq!(known, Some(Vec::new()));
            let answer = paging.page().await.unwrap();
            let next = answer.next;
            (collected(answer).await, next)
        });
        let part: Vec<Entity> = list.iter().skip(offset).take(limit).cloned().collect();
        prop_assert_eq!(ids(&found.entities), ids(&part));
        prop_assert_eq!(found.count, Some(list.len() as u64));
        prop_assert_eq!(next.is_some(), offset + part.len() < list.len());
    }
}
