//! Which instances of one attribute stand, when several parts have it (clause 4.5.5.3).

use smallvec::SmallVec;

use crate::entity::{DateTime, Instance};

/// An instance, and whether the part that it came from is authoritative.
pub(super) struct Candidate {
    pub(super) instance: Instance,
    pub(super) authoritative: bool,
}

/// The instances that stand: one for each `datasetId`, in the order of their first appearance.
pub(super) fn choose(mut candidates: Vec<Candidate>, now: &DateTime) -> SmallVec<[Instance; 1]> {
    if candidates.iter().any(|candidate| candidate.authoritative) {
        candidates.retain(|candidate| candidate.authoritative);
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
    groups.into_iter().filter_map(|group| group.resolve(now)).collect()
}

/// Instances with one `datasetId`, in the order of the parts.
struct Group {
    first: Instance,
    others: Vec<Instance>,
}

impl Group {
    /// The instance that stands; `None` when they differ and all have expired.
    fn resolve(self, now: &DateTime) -> Option<Instance> {
        let Self { first, others } = self;
        if others.iter().all(|other| *other == first) {
            return Some(first);
        }
        let live = std::iter::once(first)
            .chain(others)
            .filter(|instance| instance.system.expires_at().is_none_or(|expires| expires > now));
        live.reduce(|best, next| if recency(&next) > recency(&best) { next } else { best })
    }
}

/// Orders instances by how recent they are: `observedAt` first, then `modifiedAt`.
fn recency(instance: &Instance) -> (Option<&DateTime>, Option<&DateTime>) {
    (instance.observed_at.as_ref(), instance.system.modified_at())
}
