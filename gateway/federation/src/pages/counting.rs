//! What the sources say of how many entities there are. Their counts are summed where no entity can be counted twice, and
//! tell where in the list an offset lies.

use std::sync::Arc;

use futures::future::join_all;
use kakehashi_adapters::{AdapterError, Counted};
use ngsi_ld::TypeName;

use super::place::Place;
use crate::gather::{self, Request};
use crate::hidden_targets::depended_on;
use crate::plan::SubQuery;
use crate::strategy::{Unless, decides_every_condition};
use crate::{Question, Refusal, Warning, scan, warning};

/// How many of the first sources have counts that can be summed: each decides the whole question by itself, speaks for
/// itself, and holds no entity that one before it holds.
pub(super) async fn summable(sub_queries: &[Arc<SubQuery>], question: &Question, request: &Request) -> usize {
    let decides =
        |one: &SubQuery| decides_every_condition(one, question) && !one.source.flawed.includes_any(&one.query.types);
    let unless = Unless::of_relationships(depended_on(&question.query));
    first_apart(sub_queries, decides, &unless, request).await
}

/// How many of the first sources have no entity in common with one before, and speak for themselves.
pub(super) async fn apart(sub_queries: &[Arc<SubQuery>], request: &Request) -> usize {
    first_apart(sub_queries, |_| true, &Unless::of_relationships(Vec::new()), request).await
}

async fn first_apart(
    sub_queries: &[Arc<SubQuery>],
    fits: impl Fn(&SubQuery) -> bool,
    unless: &Unless,
    request: &Request,
) -> usize {
    let is_apart = |(place, one): &(usize, &Arc<SubQuery>)| {
        let (before, _) = sub_queries.split_at(*place);
        fits(one) && !one.may_be_of_others() && before.iter().all(|earlier| !earlier.may_share_ids_with(one))
    };
    let candidates = sub_queries.iter().enumerate().take_while(is_apart).count();
    let held = sub_queries.iter().enumerate().take(candidates);
    let held = held.map(async |(rank, one)| {
        unless.is_held_by(one, &request.call).await || is_held_again(sub_queries, rank, request).await
    });
    let held = join_all(held).await;
    held.iter().take_while(|held| !**held).count()
}

/// Whether a source may find an entity again where it is asked for other types.
pub(super) async fn is_held_again(sub_queries: &[Arc<SubQuery>], rank: usize, request: &Request) -> bool {
    let Some(own) = sub_queries.get(rank).map(|own| &own.source) else {
        return false;
    };
    let same = || sub_queries.iter().filter(|one| Arc::ptr_eq(&one.source, own));
    if same().count() < 2 {
        return false;
    }
    let among: Vec<TypeName> = same().flat_map(|one| one.query.types.iter().cloned()).collect();
    let several = own.adapter.has_entities_of_several_types(&among, &request.call);
    !matches!(several.await, Ok(false))
}

/// The counts of the first sources.
pub(super) struct Counts {
    of: Vec<Result<Counted, AdapterError>>,
}

impl Counts {
    /// Asks these sources, all at the same time.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`]
    pub(super) async fn of(sub_queries: &[Arc<SubQuery>], request: &Request) -> Result<Self, Refusal> {
        let counting = sub_queries.iter().map(|one| gather::count(one, request));
        let of = join_all(counting).await;
        let refused = of.iter().filter_map(|counted| counted.as_ref().err());
        match refused.filter_map(scan::exhausted).next() {
            Some(refusal) => Err(refusal),
            None => Ok(Self { of }),
        }
    }

    /// The sum of those that did not fail.
    pub(super) fn sum(&self) -> u64 {
        let counted = self.of.iter().flatten().map(|counted| counted.entities);
        counted.fold(0, u64::saturating_add)
    }

    /// What failed.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        warning::of_errors(self.of.iter().filter_map(|counted| counted.as_ref().err()))
    }

    /// The place behind so many entities: in one of these sources, or so many behind the beginning of what follows them.
    pub(super) fn place_of(&self, offset: usize) -> (usize, Place) {
        let mut left = offset;
        for (rank, counted) in self.of.iter().enumerate() {
            let count = counted.as_ref().map_or(0, |counted| counted.entities);
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if left < count {
                let place = Place {
                    position: left,
                    ..Place::default()
                };
                return (rank, place);
            }
            left -= count;
        }
        let place = Place {
            skipped: left,
            ..Place::default()
        };
        (self.of.len(), place)
    }
}
