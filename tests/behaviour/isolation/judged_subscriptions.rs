//! What subscriptions are told of writes, against the rules of [`subscriptions`](super::subscriptions): first of each
//! write as it is made; then of writes whose notifications wait while the world changes, which decides again; then of
//! writes in the changed world.

use std::cell::RefCell;
use std::collections::BTreeMap;

use http::StatusCode;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as Cases, RngSeed, TestCaseError, TestError, TestRunner};
use stand_ins::{Fault, Server};

use super::super::harness::until;
use super::chances::{subscribed_world, thing};
use super::compared::{CHANGES, changed};
use super::notifying::{Notifying, SUBSCRIPTIONS};
use super::subscriptions::{Done, Held, Subscription, Told, any_subscription};
use super::world::{Thing, World};
use super::writes::{What, Write, any_write};
use super::{cases, settings, sources, written};

/// Most writes that are told at once, and most that wait.
const WRITES: usize = 12;

/// A change of an entity.
#[derive(Debug, Clone)]
struct Step {
    write: Write,
    /// As what it is written.
    thing: Thing,
    /// Whether it is a write that was allowed by other policies: it tells of whatever is in a partition.
    is_of_others: bool,
}

#[derive(Debug, Clone)]
struct Case {
    world: World,
    subscriptions: Vec<Subscription>,
    told_at_once: Vec<Step>,
    waiting: Vec<Step>,
    /// In the changed world.
    afterwards: Vec<Step>,
    /// What changes in the world while they wait: as in another.
    other: World,
    changes: Vec<Change>,
}

/// What changes in a world while notifications wait.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// One thing of those whose changes are compared elsewhere.
    One(usize, Index),
    /// All of what everybody permits and forbids.
    Policies,
    Classes,
    Roles,
    /// The last consumer is gone.
    Gone,
}

/// What is in the partitions of a world.
type Partitions = BTreeMap<(usize, usize), Held>;

/// What was met, so that a run in which nothing is told, hidden or withdrawn is none.
#[derive(Debug, Default)]
struct Counts {
    subscriptions: usize,
    /// Writes that the gateway has done, and changes in all.
    written: usize,
    writes: usize,
    pairs: usize,
    told: usize,
    /// Something is told, and less than if nothing were hidden.
    narrowed: usize,
    /// Something would be told if nothing were hidden.
    hidden: usize,
    /// Worlds that have changed.
    entered: usize,
    waiting: usize,
    withdrawn: usize,
    /// Something else is told than was to be told first.
    changed: usize,
}

fn step(world: &World) -> impl Strategy<Value = Step> + use<> {
    let own = world.things.clone();
    let all = world.tenants.iter().enumerate();
    let stores: Vec<usize> = all
        .filter(|(_, tenant)| tenant.sources[0].is_store)
        .map(|(tenant, _)| tenant)
        .collect();
    (
        (any_write(world), any::<Index>()),
        thing(),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.3),
        any::<bool>(),
    )
        .prop_map(
            move |((mut write, at), mut thing, has_other_types, keeps_values, is_of_others)| {
                let known = &own[write.number];
                // Values change with each write, so that only a whole entity agrees with itself.
                if write.what == What::Append {
                    write.what = What::Put;
                }
                // The date of what has no attributes is its partition's own.
                write.has[0] |= !write.has.contains(&true);
                if !stores.is_empty() {
                    write = write.in_tenant(stores[at.index(stores.len())]);
                }
                if !has_other_types {
                    thing.types.clone_from(&known.types);
                }
                if keeps_values {
                    thing = Thing {
                        types: thing.types,
                        ..known.clone()
                    };
                }
                Step {
                    write,
                    thing,
                    is_of_others,
                }
            },
        )
}

fn any_case() -> impl Strategy<Value = Case> {
    let change = prop_oneof![
        4 => (0..CHANGES, any::<Index>()).prop_map(|(change, at)| Change::One(change, at)),
        1 => Just(Change::Policies),
        1 => Just(Change::Classes),
        1 => Just(Change::Roles),
        1 => Just(Change::Gone),
    ];
    let worlds = (
        subscribed_world().prop_map(written::allowed),
        subscribed_world(),
        vec(change, 1..5),
    );
    worlds.prop_flat_map(|(world, other, changes)| {
        (
            vec(any_subscription(&world), 3..=SUBSCRIPTIONS),
            vec(step(&world), 5..=WRITES),
            vec(step(&world), 5..=WRITES),
            vec(step(&world).prop_map(Step::of_others), 0..=WRITES / 2),
            Just((world, other, changes)),
        )
            .prop_map(
                |(subscriptions, told_at_once, waiting, afterwards, (world, other, changes))| Case {
                    world,
                    subscriptions,
                    told_at_once,
                    waiting,
                    afterwards,
                    other,
                    changes,
                },
            )
    })
}

impl Step {
    fn of_others(self) -> Self {
        Self {
            is_of_others: true,
            ..self
        }
    }
}

impl Case {
    /// The world after everything in it has changed that changes.
    fn changed(&self) -> World {
        let mut world = self.world.clone();
        let other = &self.other;
        for change in &self.changes {
            match *change {
                Change::One(change, at) => world = changed(&world, other, change, at).unwrap_or(world),
                Change::Policies => {
                    for (own, others) in world.tenants.iter_mut().zip(&other.tenants) {
                        (own.permits, own.forbids) = (others.permits.clone(), others.forbids.clone());
                    }
                }
                Change::Classes => world.classes.clone_from(&other.classes),
                Change::Roles => {
                    for (own, others) in world.consumers.iter_mut().zip(&other.consumers) {
                        own.roles.clone_from(&others.roles);
                    }
                }
                Change::Gone => drop(world.consumers.pop()),
            }
        }
        written::allowed(world)
    }
}

/// Does what a step says; `None`: it was refused, or does nothing.
fn take(
    notifying: &Notifying,
    world: &World,
    held: &[Vec<sources::Parts>],
    partitions: &mut Partitions,
    step: &Step,
) -> Option<Done> {
    let Step { write, thing, .. } = step;
    let (tenant, number) = (write.partition(world)?, write.number);
    let before = partitions.get(&(tenant, number)).cloned();
    let after = (write.what != What::Delete).then(|| Held {
        thing: thing.clone(),
        has: write.has.clone(),
    });
    if step.is_of_others {
        notifying.tell(&held[tenant][0], tenant, number, after.as_ref());
    } else {
        let mut world = world.clone();
        world.things[number] = thing.clone();
        let (status, _) = notifying.rig.write(&world, write);
        if !matches!(status, StatusCode::CREATED | StatusCode::NO_CONTENT) {
            return None;
        }
    }
    match after.clone() {
        Some(after) => partitions.insert((tenant, number), after),
        None => partitions.remove(&(tenant, number)),
    };
    Some(Done {
        tenant,
        number,
        before,
        after,
    })
}

fn judge(notifying: &Notifying, case: &Case, counts: &mut Counts) -> Result<(), TestCaseError> {
    let Case {
        world, subscriptions, ..
    } = case;
    notifying.clear();
    let held = notifying.rig.enter(world)?;
    let stores = world
        .tenants
        .iter()
        .enumerate()
        .filter(|(_, owner)| owner.sources[0].is_store);
    let mut partitions: Partitions = stores
        .flat_map(|(tenant, owner)| owner.sources[0].parts.iter().map(move |part| (tenant, part)))
        .map(|(tenant, (number, has))| {
            let (thing, has) = (world.things[*number].clone(), has.clone());
            ((tenant, *number), Held { thing, has })
        })
        .collect();
    let mut lanes = Vec::new();
    for (lane, subscription) in subscriptions.iter().enumerate() {
        let (status, said) = notifying.subscribe(subscription, lane);
        prop_assert_eq!(
            status.as_u16(),
            subscription.status(world),
            "{:?}: {}\n{}",
            subscription,
            said,
            written::shown(world)
        );
        if status == StatusCode::CREATED {
            counts.subscriptions += 1;
            lanes.push((lane, subscription));
        }
    }
    if lanes.is_empty() {
        return Ok(());
    }
    for step in &case.told_at_once {
        let Some(done) = take(notifying, world, &held, &mut partitions, step) else {
            continue;
        };
        counts.writes += 1;
        counts.written += usize::from(!step.is_of_others);
        judge_told(notifying, world, &lanes, &done, counts)?;
    }
    judge_waiting(notifying, case, &held, &mut partitions, &lanes, counts)
}

/// What is told of a write at once.
fn judge_told(
    notifying: &Notifying,
    world: &World,
    lanes: &[(usize, &Subscription)],
    done: &Done,
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    notifying.deliver();
    for (lane, subscription) in lanes {
        let expected: Vec<Told> = subscription.told(world, done).into_iter().collect();
        counts.compare(&expected, subscription.told_of_all(done).as_ref());
        prop_assert_eq!(
            &notifying.told(*lane, subscription),
            &expected,
            "{:?}\n{:?}\n{}",
            subscription,
            done,
            written::shown(world)
        );
    }
    Ok(())
}

/// Of each subscription the first notification has left when the world changes, and the others wait behind it.
fn judge_waiting(
    notifying: &Notifying,
    case: &Case,
    held: &[Vec<sources::Parts>],
    partitions: &mut Partitions,
    lanes: &[(usize, &Subscription)],
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    let Case { world, waiting, .. } = case;
    for endpoint in &notifying.endpoints {
        endpoint.set_fault(Fault::Held);
    }
    let done = waiting
        .iter()
        .filter_map(|step| take(notifying, world, held, partitions, step));
    let done: Vec<Done> = done.collect();
    let mut to_be_told: Vec<Vec<(&Done, Told)>> = Vec::new();
    for (lane, subscription) in lanes {
        let of_each = done
            .iter()
            .filter_map(|done| Some((done, subscription.told(world, done)?)));
        let first: Vec<_> = of_each.collect();
        if !first.is_empty() {
            let endpoint = &notifying.endpoints[*lane];
            let left = until("the first notification has left", || !endpoint.requests().is_empty());
            notifying.rig.runtime.block_on(left);
        }
        to_be_told.push(first);
    }
    let after = case.changed();
    // Not every change can be written down: a policy may name a consumer that is gone, say.
    let now = match notifying.rig.enter(&after) {
        Ok(_) => {
            counts.entered += 1;
            &after
        }
        Err(_) => world,
    };
    notifying.endpoints.iter().for_each(Server::clear_fault);
    notifying.deliver();
    for ((lane, subscription), first) in lanes.iter().zip(to_be_told) {
        let mut expected = Vec::new();
        for (place, (done, told)) in first.into_iter().enumerate() {
            if place == 0 {
                expected.push(told);
                continue;
            }
            let still = subscription.told(now, done);
            counts.waiting += 1;
            counts.withdrawn += usize::from(still.is_none());
            counts.changed += usize::from(still.as_ref().is_some_and(|still| *still != told));
            expected.extend(still);
        }
        prop_assert_eq!(
            &notifying.told(*lane, subscription),
            &expected,
            "{:?}\n{:?}\n{}\nand then {}",
            subscription,
            done,
            written::shown(world),
            written::shown(now)
        );
    }
    for step in &case.afterwards {
        if let Some(done) = take(notifying, world, held, partitions, step) {
            judge_told(notifying, now, lanes, &done, counts)?;
        }
    }
    Ok(())
}

impl Counts {
    fn compare(&mut self, expected: &[Told], whole: Option<&Told>) {
        self.pairs += 1;
        match (expected.first(), whole) {
            (Some(told), whole) => {
                self.told += 1;
                self.narrowed += usize::from(whole != Some(told));
            }
            (None, Some(_)) => self.hidden += 1,
            (None, None) => {}
        }
    }
}

#[test]
fn whatever_changes_subscribers_are_told_what_they_may_see_of_it() {
    let cases = cases();
    let said = settings(cases, "subscriptions.txt");
    let mut runner = TestRunner::new(Cases {
        // What fails is waited for.
        max_shrink_iters: 300,
        rng_seed: match said.rng_seed {
            RngSeed::Random => RngSeed::Fixed(15),
            fixed @ RngSeed::Fixed(_) => fixed,
        },
        ..said
    });
    let notifying = Notifying::new();
    let met = RefCell::new(Counts::default());
    let outcome = runner.run(&any_case(), |case| judge(&notifying, &case, &mut met.borrow_mut()));
    match outcome {
        Ok(()) => {}
        // It says what is to be known of the case.
        Err(TestError::Fail(reason, _)) => panic!("{reason}"),
        Err(failure) => panic!("{failure}"),
    }
    let met = met.into_inner();
    // Of each world's subscriptions and writes some meet, and what they meet is of each kind.
    let pairs = met.pairs;
    assert!(
        pairs * 4 > cases
            && [met.told * 20, met.narrowed * 60, met.hidden * 20, met.written * 100]
                .iter()
                .all(|count| *count > pairs)
            && met.waiting * 60 > pairs
            && met.withdrawn * 10 > met.waiting
            && met.entered * 80 > cases,
        "{met:?}"
    );
}
