//! What policies decide about one consumer after the other, and what of it is one.

use std::collections::{BTreeMap, BTreeSet};

use kakehashi_config::Config;
use kakehashi_documents::vocabulary::compact_attribute;
use kakehashi_policy::{Class, Operation, PermitScope, PersonalData};

use super::asking::{Alike, Asking};
use super::naming::Naming;
use super::subject::Subject;
use super::why::why_not;
use crate::grants::PermitShown;

/// What makes two ways one. Operations are places in [`Judging::operations`]; kinds of sources: `None` stands for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manner {
    pub(super) only_identified: bool,
    pub(super) operations: Vec<usize>,
    pub(super) kind: Option<PersonalData>,
    pub(super) permits: Vec<PermitShown>,
    pub(super) purposes: Option<Vec<String>>,
}

/// What shows it to one who asks: by which permits, in which kind of source.
type Profile = BTreeMap<(Option<PersonalData>, Vec<PermitShown>), Vec<usize>>;

/// What is judged.
pub(super) struct Judging<'a> {
    pub(super) config: &'a Config,
    pub(super) subject: &'a Subject<'a>,
    pub(super) kinds: Vec<PersonalData>,
    pub(super) class: Option<Class>,
    pub(super) operations: Vec<Operation>,
}

impl Judging<'_> {
    /// How consumers that are alike see it.
    pub(super) fn manners(&self, askings: &[Asking], naming: &Naming<'_>, alike: &Alike<'_>) -> BTreeSet<Manner> {
        let mut plain: BTreeMap<Option<&str>, Profile> = BTreeMap::new();
        let mut by_way: BTreeMap<Manner, BTreeSet<Option<&str>>> = BTreeMap::new();
        let mut all: BTreeSet<Option<&str>> = BTreeSet::new();
        for asking in askings {
            let purpose = asking.consumer.purpose.as_deref();
            all.insert(purpose);
            let mut profile = self.profile(asking);
            if asking.is_identified {
                // What is seen by whoever is not identified, too, is told there.
                let known = plain.get(&purpose);
                profile.retain(|way, operations| known.and_then(|known| known.get(way)) != Some(operations));
            } else {
                plain.insert(purpose, profile.clone());
            }
            for ((kind, permits), operations) in profile {
                let way = Manner {
                    only_identified: asking.is_identified,
                    operations,
                    kind,
                    permits,
                    purposes: None,
                };
                by_way.entry(way).or_default().insert(purpose);
            }
        }
        let told = |purposes: BTreeSet<Option<&str>>| {
            (purposes != all).then(|| naming.purposes(&purposes, alike.members.first().copied()))
        };
        let manners = by_way.into_iter();
        manners
            .map(|(way, purposes)| Manner {
                purposes: told(purposes),
                ..way
            })
            .collect()
    }

    /// What shows it to one who asks.
    fn profile(&self, asking: &Asking) -> Profile {
        let mut profile = Profile::new();
        for (place, operation) in self.operations.iter().enumerate() {
            let mut by_kind: Vec<(PersonalData, Vec<PermitShown>)> = Vec::new();
            for kind in &self.kinds {
                let permits = self.permits(asking, *operation, *kind);
                // What may not be read is in no notification.
                let may_be_told =
                    *operation != Operation::CreateSubscription || self.is_seen(asking, Operation::QueryEntity, *kind);
                by_kind.push((*kind, if may_be_told { permits } else { Vec::new() }));
            }
            let is_one = by_kind
                .windows(2)
                .all(|pair| matches!(pair, [one, other] if one.1 == other.1));
            for (kind, permits) in by_kind.into_iter().filter(|(_, permits)| !permits.is_empty()) {
                let places = profile.entry(((!is_one).then_some(kind), permits)).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        profile
    }

    fn is_seen(&self, asking: &Asking, operation: Operation, kind: PersonalData) -> bool {
        !self.permits(asking, operation, kind).is_empty()
    }

    /// The permits that show it.
    fn permits(&self, asking: &Asking, operation: Operation, kind: PersonalData) -> Vec<PermitShown> {
        let Subject {
            tenant,
            r#type,
            attribute,
            ..
        } = self.subject;
        let grant = self
            .config
            .policy
            .grant(&asking.consumer, operation, tenant, r#type, kind);
        let shows = |permit: &&PermitScope| {
            attribute
                .as_ref()
                .is_none_or(|name| grant.permit_includes(permit, name))
        };
        let mut permits: Vec<PermitShown> = grant.permits().iter().filter(shows).map(PermitShown::of).collect();
        if let Some(name) = attribute {
            // Which others it grants is another question.
            let name = compact_attribute(name);
            permits
                .iter_mut()
                .for_each(|permit| permit.attributes = vec![name.clone()]);
        }
        permits.sort();
        permits
    }

    /// Why one who asks does not see it.
    pub(super) fn reasons(&self, asking: &Asking) -> Vec<String> {
        let Subject {
            tenant,
            r#type,
            attribute,
            ..
        } = self.subject;
        let kinds = self.kinds.iter();
        let reasons = kinds.map(|kind| {
            let grant = self
                .config
                .policy
                .grant(&asking.consumer, Operation::QueryEntity, tenant, r#type, *kind);
            why_not(&grant, attribute.as_ref().map(|name| (name, self.class)), *kind)
        });
        reasons.collect()
    }
}
