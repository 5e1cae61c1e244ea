//! One thing of a world is changed, and whenever some request is then answered otherwise, `kakehashi diff` must have said
//! that something changes.

use kakehashi::config::Config;
use kakehashi::diff::compare;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config as Cases, RngSeed, TestRunner};
use tempfile::TempDir;

use super::chances::world;
use super::model::{Bound, expected};
use super::question::{Question, questions};
use super::world::World;
use super::written;
use super::{cases, load};

/// Requests of other tests that take as long as one world that is changed.
const REQUESTS: usize = 50;

/// Requests that are answered before and after each change.
const QUESTIONS: usize = 60;

/// Things that can be changed one at a time. What sources hold is not among them: no configuration says it.
pub(super) const CHANGES: usize = 25;

/// The world with one thing as it is in another. `None`: it has no such thing.
pub(super) fn changed(world: &World, other: &World, change: usize, at: Index) -> Option<World> {
    let mut world = world.clone();
    let pick = |length: usize| (length > 0).then(|| at.index(length));
    let tenant = pick(world.tenants.len())?;
    let from = &other.tenants[at.index(other.tenants.len())];
    let permit = pick(world.tenants[tenant].permits.len())?;
    let of = &from.permits[at.index(from.permits.len())];
    let consumer = pick(world.consumers.len())?;
    let asked_by = &other.consumers[at.index(other.consumers.len())];
    let source = pick(world.tenants[tenant].sources.len())?;
    let held = &from.sources[at.index(from.sources.len())];
    let kind = pick(world.classes.len())?;
    let own = &mut world.tenants[tenant];
    let head = &mut own.permits[permit].head;
    match change {
        0 => head.principal = of.head.principal.clone(),
        1 => head.action = of.head.action,
        2 => head.resource = of.head.resource,
        3 => head.when = of.head.when.clone(),
        4 => own.permits[permit].attributes = of.attributes.clone(),
        5 => own.permits[permit].without = of.without.clone(),
        // Few permits have one that may be asked of their types.
        6 => {
            let having = own.permits.iter().position(|permit| permit.q.is_some());
            let given = from.permits.iter().find_map(|permit| permit.q.clone());
            own.permits[having.unwrap_or(permit)].q = given.filter(|_| having.is_none());
        }
        7 => own.permits[permit].scope = of.scope,
        8 => own.permits[permit].area = of.area,
        9 => own.permits[permit].purposes = of.purposes.clone(),
        10 => own.permits[permit].needs_assurance = !own.permits[permit].needs_assurance,
        11 => own.forbids = from.forbids.clone(),
        12 => own.has_policies = !own.has_policies,
        13 => {
            own.permits.remove(permit);
        }
        14 => own.sources[source].provides = held.provides.clone(),
        15 => own.sources[source].may_be_personal = !own.sources[source].may_be_personal,
        16 => world.platform = other.platform.clone(),
        17 => world.consumers[consumer].tenant = asked_by.tenant,
        18 => world.consumers[consumer].roles = asked_by.roles.clone(),
        19 => world.consumers[consumer].purposes = asked_by.purposes.clone(),
        20 => own.permits[permit].ids = of.ids,
        21 => own.permits[permit].references = of.references.clone(),
        22 => world.consumers[consumer].references = asked_by.references.clone(),
        23 => world.everywhere = other.everywhere,
        _ => world.classes[kind] = other.classes[kind].clone(),
    }
    Some(world)
}

fn read(folder: &TempDir, world: &World) -> Option<Config> {
    // A change may make a world that no administrator could write: it names a consumer that is not there, say.
    load(folder.path(), None, written::files(world)).ok()
}

#[test]
fn whatever_changes_an_answer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let said = Cases::default();
    let rng_seed = match said.rng_seed {
        RngSeed::Random => RngSeed::Fixed(15),
        seed @ RngSeed::Fixed(_) => seed,
    };
    let mut runner = TestRunner::new(Cases {
        cases: u32::try_from(cases() / REQUESTS).unwrap(),
        failure_persistence: None,
        rng_seed,
        ..said
    });
    let any = (world().prop_map(written::allowed), world(), any::<Index>()).prop_flat_map(|(world, other, at)| {
        let asked = questions(&world, QUESTIONS);
        (Just(world), Just(other), Just(at), asked)
    });
    let told = std::cell::RefCell::new([0_usize; CHANGES]);
    let outcome = runner.run(
        &any,
        |(before, other, at, asked): (World, World, Index, Vec<Question>)| {
            let answers: Vec<_> = asked
                .iter()
                .map(|question| expected(&before, question, Bound::Most))
                .collect();
            for change in 0..CHANGES {
                let Some(after) = changed(&before, &other, change, at).map(written::allowed) else {
                    continue;
                };
                // A purpose that is not the consumer's any more is refused, which is no answer of the model's.
                let may_be_asked = |question: &Question| {
                    let own = &after.consumers[question.consumer].purposes;
                    question.purpose.is_none_or(|purpose| own.contains(&purpose))
                };
                let differs = asked.iter().zip(&answers).find(|(question, answer)| {
                    may_be_asked(question) && expected(&after, question, Bound::Most) != **answer
                });
                let Some((question, _)) = differs else {
                    continue;
                };
                let (Some(old), Some(new)) = (read(&folder, &before), read(&folder, &after)) else {
                    continue;
                };
                told.borrow_mut()[change] += 1;
                let difference = compare(&old, &new, None);
                prop_assert!(
                    difference.is_any(),
                    "change {}: {:?} is answered otherwise, and diff says: {}\nbefore: {}\nafter: {}",
                    change,
                    question,
                    difference,
                    written::shown(&before),
                    written::shown(&after)
                );
            }
            Ok(())
        },
    );
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let told = told.into_inner();
    let never: Vec<usize> = (0..CHANGES).filter(|change| told[*change] == 0).collect();
    assert!(never.is_empty(), "changes {never:?} changed no answer: {told:?}");
}
