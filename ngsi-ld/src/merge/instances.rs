//! Which instances of one attribute stand, when several parts have it (clause 4.5.5.3).

use smallvec::SmallVec;

use super::Clock;
use crate::entity::{DateTime, Instance};

/// An instance, and whether the part that it came from is authoritative.
pub(super) struct Candidate {
    pub(super) instance: Instance,
    pub(super) authoritative: bool,
}

/// The instances that stand: one for each `datasetId`, in the order of their first appearance.
pub(super) fn choose(mut candidates: Vec<Candidate>, clock: &Clock) -> SmallVec<[Instance; 1]> {
    if candidates.iter().any(|candidate| candidate.authoritative) {
        candidates.retain(|candidate| candidate.authoritative);
    }
    let Some((first, others)) = candidates.split_first() else {
        return SmallVec::new();
    };
    if others.iter().all(|other| other.instance == first.instance) {
        // They mostly agree.
        candidates.truncate(1);
        return candidates.into_iter().map(|only| only.instance).collect();
    }
    let mut groups: SmallVec<[Group; 1]> = SmallVec::new();
    for Candidate { instance, .. } in candidates {
        let same_dataset = |group: &&mut Group| group.first.dataset_id == instance.dataset_id;
        match groups.iter_mut().find(same_dataset) {
            Some(group) => group.others.push(instance),
            None => groups.push(Group {
                first: instance,
                others: Vec::new(),
            }),
        }
    }
    groups.into_iter().filter_map(|group| group.resolve(clock)).collect()
}

/// Instances with one `datasetId`, in the order of the parts.
struct Group {
    first: Instance,
    others: Vec<Instance>,
}

impl Group {
    /// The instance that stands; `None` when they differ and all have expired.
    //= 4.5.5.3-1, 4.5.5.3-2
    fn resolve(self, clock: &Clock) -> Option<Instance> {
        let Self { first, others } = self;
        if others.iter().all(|other| *other == first) {
            return Some(first);
        }
        let live = std::iter::once(first)
            .chain(others)
            .filter(|instance| instance.system.expires_at().is_none_or(|expires| *expires > clock.now));
        live.reduce(|best, next| {
            if recency(&next, clock) > recency(&best, clock) {
                next
            } else {
                best
            }
        })
    }
}

/// What one date says of how recent an instance is, the least first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Dated<'a> {
    /// It cannot have been yet: whoever says so is not believed, and stands behind everybody who says nothing.
    InTheFuture,
    /// There is none.
    Never,
    /// Then.
    At(&'a DateTime),
}

impl<'a> Dated<'a> {
    fn of(date: Option<&'a DateTime>, clock: &Clock) -> Self {
        match date {
            None => Self::Never,
            Some(date) if clock.believes(date) => Self::At(date),
            Some(_) => Self::InTheFuture,
        }
    }
}

/// Orders instances by how recent they are: `observedAt` first, then `modifiedAt`.
fn recency<'a>(instance: &'a Instance, clock: &Clock) -> (Dated<'a>, Dated<'a>) {
    let observed_at = Dated::of(instance.observed_at.as_ref(), clock);
    (observed_at, Dated::of(instance.system.modified_at(), clock))
}
