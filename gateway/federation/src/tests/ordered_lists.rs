//! Lists in an order over several sources: it is that of the whole entities, whoever holds parts of them and whoever can put
//! them in order; and what is more than can be held is put in order by what the order looks at.

use ngsi_ld::query::Ordering;

use super::made::{Made, Request, World, any_sources, ids, made, walks};
use super::*;
use crate::pages::{Asked, AskedSources, Paging};
use crate::plan;

const ORDERS: [&str; 4] = ["maxCapacity", "maxCapacity;desc,height", "height,id;desc", "id;desc"];

fn ordering(text: &str) -> Ordering {
    Ordering::parse(text, None, None, None, Context::kakehashi()).unwrap()
}

/// The world in an order, and its list in that.
fn in_order(mut world: World, order: &str) -> (World, Vec<Entity>) {
    let order = ordering(order);
    let list = order.sort(world.list());
    world.question.order = Some(order);
    (world, list)
}

proptest! {
    #![proptest_config(walks(100))]

    /// Sources that may share ids, by reading all of them and by reading what the order looks at.
    #[test]
    fn an_ordered_page_is_that_part_of_the_ordered_list(
        sources in any_sources(),
        filter in prop::option::of(prop::sample::select(vec!["height>4", "maxCapacity>2", "height==1|maxCapacity==1"])),
        order in prop::sample::select(ORDERS.to_vec()),
        limit in 1usize..30, offset in 0usize..60, is_large in any::<bool>(), count in any::<bool>(),
    ) {
        let (world, list) = in_order(World::new(sources, filter, false), order);
        let part: Vec<Entity> = list.iter().skip(offset).take(limit).cloned().collect();
        let page = Page { limit, offset };
        let found = if is_large {
            let (asker, request) = (world.asker(), BENCH.request());
            let question = Arc::new(world.question.clone());
            BENCH.runtime.block_on(async {
                let plan = plan::plan(&question, &asker, &request.call).await.unwrap();
                let all = AskedSources {
                    sub_queries: plan.sub_queries.into_iter().map(Arc::new).collect(),
                    overloaded: plan.overloaded,
                };
                let asked = Asked { page, from: None, count };
                let mut paging = Paging::of(&all, &question, asked, &asker, &request).await;
                assert_eq!(paging.know(request.call.deadline).await.unwrap(), Some(Vec::new()));
                collected(paging.page_in_order().await.unwrap().unwrap()).await
            })
        } else {
            world.wide_page(page, None, count).0
        };
        prop_assert_eq!(ids(&found.entities), ids(&part));
        prop_assert_eq!(found.more, offset + part.len() < list.len());
        prop_assert_eq!(found.count, count.then_some(list.len() as u64));
        prop_assert_eq!(found.warnings, []);
    }

    /// Sources that share none, some of which order by themselves.
    #[test]
    fn what_sources_order_by_themselves_is_put_together(
        counts in prop::collection::vec((0usize..60, any::<bool>()), 2..5),
        order in prop::sample::select(ORDERS.to_vec()),
        limit in 1usize..30, offset in 0usize..60, count in any::<bool>(),
    ) {
        let sources = counts.iter().enumerate().map(|(place, (count, orders))| Made {
            orders: *orders,
            ..made(place, (place * 1_000, *count, 1))
        });
        let (world, list) = in_order(World::new(sources.collect(), None, true), order);
        let (found, _) = world.wide_page(Page { limit, offset }, None, count);
        let part: Vec<Entity> = list.iter().skip(offset).take(limit).cloned().collect();
        prop_assert_eq!(ids(&found.entities), ids(&part));
        prop_assert_eq!(found.more, offset + part.len() < list.len());
        prop_assert_eq!(found.count, count.then_some(list.len() as u64));
        // Whoever can is asked for its first, and for their number where that is to be told. A text or a number could be masked.
        let is_asked = order == "id;desc";
        for (source, asked) in world.sources.iter().zip(world.asked()) {
            prop_assert_eq!(asked.contains(&Request::Ordered), source.orders && is_asked, "{:?}", asked);
        }
    }
}

#[test]
fn more_than_can_be_held_is_put_in_order_by_what_the_order_looks_at_once_for_a_walk() {
    let sources: Vec<Made> = (0..2).map(|place| made(place, (place * 6_000, 12_000, 1))).collect();
    let mut world = World::new(sources, None, false);
    world.question.order = Some(ordering("id;desc"));
    let page = |offset: usize| world.wide_page(Page { limit: 10, offset }, None, true).0;
    let first = page(0);
    assert_eq!((first.count, first.more), (Some(18_000), true));
    assert_eq!(first.warnings, []);
    assert_eq!(
        ids(&first.entities)[..2],
        ["urn:ngsi-ld:AED:017999", "urn:ngsi-ld:AED:017998"]
    );
    world.asked();
    let far = page(17_995);
    assert_eq!((far.count, far.more), (Some(18_000), false));
    let expected: Vec<String> = (0..5)
        .rev()
        .map(|number| format!("urn:ngsi-ld:AED:{number:06}"))
        .collect();
    assert_eq!(ids(&far.entities), expected);
    assert_eq!(world.asked(), [vec![Request::Ids(5)], vec![Request::Ids(5)]]);
}
