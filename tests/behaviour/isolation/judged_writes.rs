//! What becomes of writes, and what everybody reads then, against the rules of [`writes`](super::writes). Where a write meets
//! something that is hidden from its writer, it is tried without that, too, and must be answered alike.

use std::cell::RefCell;

use http::StatusCode;
use ngsi_ld::context::Context;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use super::chances::written_world;
use super::world::{World, id, names};
use super::writes::{Met, Ruled, Step, Write, steps};
use super::{QUESTIONS, Rig, cases, judge_answer, runner, sources, written};

/// What writes were, so that a run in which nothing is written, or nothing hidden is met, is none.
#[derive(Debug, Default)]
struct Counts {
    done: usize,
    refused: usize,
    hidden: usize,
}

fn judge_steps(rig: &Rig, world: &World, steps: &[Step], counts: &mut Counts) -> Result<(), TestCaseError> {
    let held = rig.enter(world)?;
    let mut world = world.clone();
    for step in steps {
        match step {
            Step::Ask(question) => judge_answer(rig, &world, question)?,
            Step::Write(write) => judge_write(rig, &mut world, &held, write, counts)?,
        }
    }
    Ok(())
}

fn judge_write(
    rig: &Rig,
    world: &mut World,
    held: &[Vec<sources::Parts>],
    write: &Write,
    counts: &mut Counts,
) -> Result<(), TestCaseError> {
    let ruled = write.ruled(world);
    let hidden = (write.meets(world) == Met::Hidden).then(|| {
        let parts = &held[write.partition(world).unwrap()][0];
        let before = parts.lock().unwrap().clone();
        parts
            .lock()
            .unwrap()
            .retain(|part| part.id.as_str() != id(write.number));
        let told = rig.write(world, write);
        let is_done = parts
            .lock()
            .unwrap()
            .iter()
            .any(|part| part.id.as_str() == id(write.number));
        *parts.lock().unwrap() = before;
        (told, is_done)
    });
    let (status, told) = rig.write(world, write);
    let thing = &world.things[write.number];
    let said = format!("{write:?} of {thing:?}: {status} {told}\n{}", written::shown(world));
    let is_done = matches!(status, StatusCode::CREATED | StatusCode::NO_CONTENT);
    if let Some((without, is_made_without)) = hidden {
        counts.hidden += 1;
        prop_assert_eq!(without, (status, told), "told of something hidden: {}", said);
        prop_assert!(!is_done && !is_made_without, "{}", said);
    }
    if write.meets(world) == Met::HiddenInOwn {
        prop_assert!(!is_done && status != StatusCode::CONFLICT, "{}", said);
    }
    match ruled {
        Ruled::Done => prop_assert!(is_done, "not done: {}", said),
        Ruled::Refused => prop_assert!(!is_done, "done: {}", said),
        Ruled::Either => {}
    }
    if is_done {
        write.apply(world);
        counts.done += 1;
    } else {
        counts.refused += 1;
    }
    for (tenant, held) in world.tenants.iter().zip(held) {
        let mut expected: Vec<String> = tenant.sources[0]
            .parts
            .iter()
            .map(|(number, has)| format!("{} {has:?}", id(*number)))
            .collect();
        expected.sort();
        let parts = held[0].lock().unwrap();
        let mut there: Vec<String> = parts
            .iter()
            .map(|part| {
                let has = |name: &&str| {
                    let name = Context::kakehashi().expand_attribute(name).unwrap();
                    part.attribute(&name).is_some()
                };
                let has: Vec<bool> = names().iter().map(has).collect();
                format!("{} {has:?}", part.id)
            })
            .collect();
        there.sort();
        prop_assert_eq!(there, expected, "{}", said);
    }
    Ok(())
}

#[test]
fn whatever_is_written_everybody_sees_and_finds_out_what_the_rules_say() {
    let cases = cases();
    let mut runner = runner(cases, "writes.txt");
    let rig = Rig::new();
    let any = written_world().prop_map(written::allowed).prop_flat_map(|world| {
        let steps = steps(&world, QUESTIONS);
        (Just(world), steps)
    });
    let met = RefCell::new(Counts::default());
    let outcome = runner.run(&any, |(world, steps)| {
        judge_steps(&rig, &world, &steps, &mut met.borrow_mut())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let met = met.into_inner();
    assert!(
        met.done * 40 > cases && met.refused * 20 > cases && met.hidden * 100 > cases,
        "{met:?}"
    );
}
