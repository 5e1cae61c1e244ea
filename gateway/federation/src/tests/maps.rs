//! Entity maps: whatever dies, revives, goes and changes between pages, each entity of the map is visited once, and nothing is
//! shown that a walk without a map would not show at that moment.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use kakehashi_core::names::ConsumerId;

use super::made::{Made, Request, World, any_sources, ids, made, walks};
use super::*;
use crate::pages::maps::kept::{EntityMaps, LIFETIME};
use crate::pages::maps::making::{self, NoMap, Wanted};
use crate::pages::maps::map::{EntityMap, Owner};
use crate::pages::maps::paging::{self, AskedOfMap, Begin, Leads};

const FILTERS: [&str; 5] = [
    "height>4",
    "maxCapacity>2",
    "height>2;maxCapacity<3",
    "height==1|maxCapacity==1",
    "height>100",
];

/// A page, and where those beside it begin.
struct Page {
    found: Collected,
    next: Option<Leads>,
    previous: Option<Leads>,
}

impl World {
    fn map(&self) -> Result<(Arc<EntityMap>, Vec<Warning>), NoMap> {
        let question = Arc::new(self.question.clone());
        let owner = Owner {
            consumer: ConsumerId::new("walker"),
            purpose: None,
            tenant: None,
            address: 0,
        };
        let wanted = Wanted {
            question: &question,
            owner,
            lifetime: LIFETIME,
            rules: "",
        };
        let (maps, asker, request) = (EntityMaps::default(), self.asker(), BENCH.request());
        let made = BENCH.runtime.block_on(making::make(wanted, &maps, &asker, &request))?;
        Ok((made.map, made.warnings))
    }

    fn page_of(&self, map: &EntityMap, begin: Begin, limit: usize, count: bool) -> Page {
        let question = Arc::new(self.question.clone());
        let asked = AskedOfMap {
            question: &question,
            begin,
            limit,
            count,
            rules: "",
        };
        let (asker, request) = (self.asker(), BENCH.request());
        BENCH.runtime.block_on(async {
            let paged = paging::page(map, asked, &asker, &request).await.unwrap();
            Page {
                next: paged.next,
                previous: paged.previous,
                found: collected(paged.page).await,
            }
        })
    }

    /// The ids of the list as it is now.
    fn ids_now(&self) -> HashSet<String> {
        ids(&self.list()).into_iter().map(str::to_owned).collect()
    }

    /// The sources that have an entity.
    fn holders(&self, id: &str) -> Vec<usize> {
        let number: usize = id.rsplit(':').next().unwrap().parse().unwrap();
        let has = |source: &Made| source.numbers_now().contains(&number);
        (0..self.sources.len())
            .filter(|place| has(&self.sources[*place]))
            .collect()
    }
}

fn members(map: &EntityMap) -> Vec<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&map.members()).unwrap();
    members.keys().cloned().collect()
}

/// Something that happens between two pages.
#[derive(Debug, Clone)]
enum Event {
    Nothing,
    /// A source is dead until the next event.
    Dies(usize),
    /// What stands in some places of a source goes.
    Goes(usize, usize),
    /// Values of a source change.
    Changes(usize, usize),
    /// A source gets something new.
    Comes(usize),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Nothing),
        (0usize..6).prop_map(Event::Dies),
        (0usize..6, 2usize..5).prop_map(|(source, every)| Event::Goes(source, every)),
        (0usize..6, 1usize..9).prop_map(|(source, shift)| Event::Changes(source, shift)),
        (0usize..6).prop_map(Event::Comes),
    ]
}

/// What befalls the sources; which one is dead.
fn happen(world: &World, event: &Event, turn: usize) -> Option<usize> {
    let of = |place: &usize| world.sources.get(*place);
    match event {
        Event::Nothing => None,
        Event::Dies(place) => of(place).map(|_| *place),
        Event::Goes(place, every) => {
            if let Some(source) = of(place) {
                let going: Vec<usize> = source
                    .numbers_now()
                    .into_iter()
                    .skip(turn % every)
                    .step_by(*every)
                    .collect();
                source.changes.lock().unwrap().gone.extend(going);
            }
            None
        }
        Event::Changes(place, shift) => {
            if let Some(source) = of(place) {
                let numbers = source.numbers_now();
                let mut changes = source.changes.lock().unwrap();
                for number in numbers.into_iter().step_by(3) {
                    *changes.shifted.entry(number).or_default() += shift;
                }
            }
            None
        }
        Event::Comes(place) => {
            if let Some(source) = of(place) {
                source.changes.lock().unwrap().new.push(10_000 + turn);
            }
            None
        }
    }
}

fn kill(world: &World, dead: Option<usize>) {
    for (place, source) in world.sources.iter().enumerate() {
        source.is_dead.store(dead == Some(place), Ordering::Relaxed);
    }
}

proptest! {
    #![proptest_config(walks(500))]

    /// While nothing happens a walk by a map is the walk without one.
    //= 5.14.4.4-3
    #[test]
    fn a_walk_by_a_map_is_the_list_each_once_and_in_order(
        sources in any_sources(), filter in prop::option::of(prop::sample::select(FILTERS.to_vec())),
        order in any::<bool>(), limits in prop::collection::vec(1usize..40, 1..4), count in any::<bool>(),
    ) {
        let mut world = World::new(sources, filter, false);
        let mut list = world.list();
        if order {
            let order = ngsi_ld::query::Ordering::parse("maxCapacity,id", None, None, None, Context::kakehashi()).unwrap();
            list = order.sort(list);
            world.question.order = Some(order);
        }
        let (map, warnings) = world.map().unwrap();
        prop_assert_eq!(warnings, Vec::new());
        let (mut walked, mut begin, mut turn): (Vec<Entity>, _, _) = (Vec::new(), Begin::Offset(0), 0);
        let mut pages: Vec<Vec<String>> = Vec::new();
        loop {
            let limit = limits[turn % limits.len()];
            let page = world.page_of(&map, begin, limit, count);
            prop_assert_eq!(&page.found.warnings, &Vec::new());
            prop_assert_eq!(page.found.count, count.then_some(list.len() as u64));
            // Each page is full, but for the last.
            prop_assert_eq!(page.found.entities.len(), limit.min(list.len() - walked.len()));
            prop_assert_eq!(page.previous.is_some(), !walked.is_empty());
            prop_assert_eq!(page.previous.map(|leads| leads.offset), (!walked.is_empty()).then(|| walked.len().saturating_sub(limit)));
            pages.push(ids(&page.found.entities).into_iter().map(str::to_owned).collect());
            walked.extend(page.found.entities);
            prop_assert_eq!(page.next.map(|leads| leads.offset), (walked.len() < list.len()).then_some(walked.len()));
            turn += 1;
            match page.next {
                Some(leads) if turn % 2 == 0 => begin = Begin::Offset(leads.offset),
                Some(leads) => begin = Begin::Position(leads.position),
                None => break,
            }
        }
        prop_assert_eq!(ids(&walked), ids(&list));
        let sorted_all = |all: Vec<Entity>| all.into_iter().map(sorted).collect::<Vec<_>>();
        prop_assert_eq!(sorted_all(walked), sorted_all(list));
        prop_assert_eq!(members(&map).len(), pages.concat().len());
    }

    /// Whatever happens between the pages.
    #[test]
    fn whatever_happens_between_pages_each_is_visited_once_or_told_to_be_missing(
        sources in any_sources(), filter in prop::option::of(prop::sample::select(FILTERS.to_vec())),
        events in prop::collection::vec(any_event(), 1..8), limits in prop::collection::vec(1usize..40, 1..4),
    ) {
        let world = World::new(sources, filter, false);
        let made_of = world.ids_now();
        let (map, _) = world.map().unwrap();
        // What was in the list at every page, of sources that lived at every page.
        let mut steady: HashSet<String> = made_of.clone();
        let (mut walked, mut begin, mut turn): (Vec<String>, _, _) = (Vec::new(), Begin::Offset(0), 0);
        loop {
            let dead = happen(&world, &events[turn % events.len()], turn);
            let now = world.ids_now();
            let list = world.list();
            kill(&world, dead);
            steady.retain(|id| now.contains(id) && dead.is_none_or(|dead| !world.holders(id).contains(&dead)));
            let limit = limits[turn % limits.len()];
            let page = world.page_of(&map, begin, limit, false);
            for warning in &page.found.warnings {
                let dead = dead.and_then(|dead| world.sources.get(dead));
                prop_assert_eq!(Some(&warning.source), dead.map(|dead| &dead.id));
            }
            // A page that is not full has all that there is.
            prop_assert!(page.found.entities.len() == limit || page.next.is_none());
            if dead.is_none() {
                for shown in &page.found.entities {
                    prop_assert!(now.contains(shown.id.as_str()), "{} is in no list now", shown.id.as_str());
                    let whole = list.iter().find(|one| one.id == shown.id).unwrap();
                    prop_assert_eq!(sorted(shown.clone()), sorted(whole.clone()));
                }
            }
            walked.extend(ids(&page.found.entities).into_iter().map(str::to_owned));
            turn += 1;
            prop_assert!(turn < 1_000);
            match page.next {
                Some(leads) => begin = Begin::Position(leads.position),
                None => break,
            }
        }
        let once: HashSet<&String> = walked.iter().collect();
        prop_assert_eq!(once.len(), walked.len(), "one came twice: {:?}", &walked);
        for id in &walked {
            prop_assert!(made_of.contains(id), "{} came while it was walked", id);
        }
        for id in &steady {
            prop_assert!(once.contains(id), "{} was there all the time and never came", id);
        }
        // What leaves the map does not come back, and what is left is what the sources that were heard have.
        kill(&world, None);
        let again = world.page_of(&map, Begin::Offset(0), 1_000, true);
        let shown: HashSet<String> = ids(&again.found.entities).into_iter().map(str::to_owned).collect();
        let left: HashSet<String> = members(&map).into_iter().collect();
        prop_assert_eq!(&shown, &left);
        prop_assert_eq!(again.found.count, Some(left.len() as u64));
        prop_assert!(shown.is_subset(&world.ids_now()));
        prop_assert!(steady.is_subset(&shown));
    }

    /// Sources that are dead while a map is made are told on each of its pages.
    #[test]
    fn what_was_not_heard_when_it_was_made_is_told_on_every_page(
        sources in any_sources(), dead in 0usize..6, limit in 5usize..40,
    ) {
        let world = World::new(sources, None, false);
        kill(&world, Some(dead));
        let (map, warnings) = world.map().unwrap();
        kill(&world, None);
        let lacking = world.sources.get(dead).map(|dead| &dead.id);
        prop_assert_eq!(warnings.first().map(|one| &one.source), lacking);
        let mut begin = Begin::Offset(0);
        let mut walked = HashSet::new();
        loop {
            let page = world.page_of(&map, begin, limit, false);
            prop_assert_eq!(page.found.warnings.first().map(|one| &one.source), lacking);
            walked.extend(ids(&page.found.entities).into_iter().map(str::to_owned));
            match page.next {
                Some(leads) => begin = Begin::Position(leads.position),
                None => break,
            }
        }
        for id in world.ids_now() {
            let has_other = world.holders(&id).iter().any(|holder| *holder != dead);
            prop_assert_eq!(walked.contains(&id), has_other, "{}", id);
        }
    }
}

//= 5.7.2.4-13, 5.12-3
#[test]
fn sources_are_asked_for_what_they_have_and_each_list_is_read_once() {
    let sources: Vec<Made> = (0..3).map(|place| made(place, (place * 40_000, 40_000, 1))).collect();
    let world = World::new(sources, None, false);
    let (map, _) = world.map().unwrap();
    assert_eq!(map.left(), 120_000);
    assert!(map.weight() < 120_000 * 40, "{}", map.weight());
    for asked in world.asked() {
        assert_eq!(asked.len(), 1, "{asked:?}");
    }
    let page = world.page_of(&map, Begin::Offset(50_000), 1_000, true);
    assert_eq!((page.found.entities.len(), page.found.count), (1_000, Some(120_000)));
    let asked = world.asked();
    assert!(asked[0].is_empty() && asked[2].is_empty(), "{asked:?}");
    let part = |limit, offset| Request::Candidates(kakehashi_adapters::Page { limit, offset });
    // Where they stood when the map was made, and the first behind them.
    assert_eq!(asked[1], [part(1_000, 10_000), part(1, 11_000)]);
    // Where the list has moved, what stands elsewhere is asked for by its id.
    world.sources[1].changes.lock().unwrap().gone.extend([40_000, 40_001]);
    let page = world.page_of(&map, Begin::Offset(50_000), 1_000, false);
    assert_eq!(page.found.entities.len(), 1_000);
    assert_eq!(
        world.asked()[1],
        [part(1_000, 10_000), Request::Ids(2), part(1, 11_000), Request::Ids(1)]
    );
}

//= 5.5.9.3-1
#[test]
fn where_few_fit_a_page_is_filled_from_what_follows() {
    let source = made(0, (0, 5_000, 1));
    let world = World::new(vec![source], Some("height==1"), true);
    let (map, _) = world.map().unwrap();
    assert_eq!(map.left(), 500);
    // All but the last ten cease to fit.
    let numbers = world.sources[0].numbers_now();
    let mut changes = world.sources[0].changes.lock().unwrap();
    changes
        .shifted
        .extend(numbers.into_iter().take(4_900).map(|number| (number, 1)));
    drop(changes);
    let page = world.page_of(&map, Begin::Offset(0), 5, false);
    assert_eq!(page.found.entities.len(), 5);
    assert_eq!(ids(&page.found.entities)[0], "urn:ngsi-ld:AED:004903");
    assert_eq!((page.next.map(|leads| leads.offset), map.left()), (Some(5), 10));
    assert!(page.previous.is_none(), "nothing is left before it");
}

#[test]
fn some_ids_of_a_map_are_asked_for_alone_and_leave_the_others_where_they_are() {
    let mut world = World::new(vec![made(0, (0, 100, 1))], None, true);
    let (map, _) = world.map().unwrap();
    let id = |number: usize| EntityId::parse(&format!("urn:ngsi-ld:AED:{number:06}")).unwrap();
    world.question.query.ids = vec![id(70), id(7), id(700)];
    assert!(map.is_of(&world.question));
    let page = world.page_of(&map, Begin::Offset(0), 10, true);
    assert_eq!(
        ids(&page.found.entities),
        ["urn:ngsi-ld:AED:000007", "urn:ngsi-ld:AED:000070"]
    );
    assert_eq!((page.found.count, map.left()), (Some(2), 100));
    world.question.query.filter = Some(Expression::parse("height==1", Context::kakehashi()).unwrap());
    assert!(!map.is_of(&world.question));
}
