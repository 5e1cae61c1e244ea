//! Candidates of one source, made whole by what the others say of them, and judged.

use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::{HashMap, HashSet};
use kakehashi_resources::{Exhausted, pause};
use ngsi_ld::entity::DateTime;
use ngsi_ld::merge::{Clock, merge_parts};
use ngsi_ld::{Entity, EntityId};

use super::finding::Finding;
use super::reading::Candidate;
use crate::Question;
use crate::additions::{PartsOfOne, RankedPart, in_rank, take_out_ownerless};
use crate::plan::SubQuery;

/// What other sources say of the candidates, by their ids; with the rank of each.
pub(super) type Parts = HashMap<EntityId, Vec<(usize, Entity)>>;

/// What judging needs to know.
#[derive(Clone)]
pub(super) struct Judging {
    pub(super) question: Arc<Question>,
    pub(super) sub_queries: Arc<[Arc<SubQuery>]>,
    pub(super) findings: Arc<[Finding]>,
    /// The place of the source of the candidates.
    pub(super) rank: usize,
}

/// What became of candidates.
pub(super) struct Judged {
    /// Those that the list has here, whole.
    pub(super) shown: Vec<Candidate>,
    /// For each source the parts that would be shown and were taken out, because their entity's owner says nothing of it.
    pub(super) ownerless: Vec<u64>,
    /// Those that were judged before, and now.
    pub(super) seen: HashSet<EntityId>,
}

impl Judging {
    /// Judges candidates that are whole with these parts.
    pub(super) async fn of(
        self,
        candidates: Vec<Candidate>,
        mut parts: Parts,
        mut seen: HashSet<EntityId>,
    ) -> Result<Judged, Exhausted> {
        let clock = Clock::at(DateTime::from_system_time(SystemTime::now()));
        let mut shown = Vec::new();
        let mut ownerless = vec![0; self.sub_queries.len()];
        for Candidate { entity, behind } in candidates {
            pause().await;
            if seen.contains(&entity.id) || !self.is_found(&entity).await? {
                continue;
            }
            seen.insert(entity.id.clone());
            let others = parts.remove(&entity.id).unwrap_or_default();
            if self.stands_elsewhere(&others).await? {
                continue;
            }
            let own = std::iter::once((self.rank, entity));
            let mut parts: PartsOfOne = own
                .chain(others)
                .filter_map(|(rank, part)| Some(RankedPart::new(rank, self.sub_queries.get(rank)?, part)))
                .collect();
            let taken_out = take_out_ownerless(&mut parts, &self.sub_queries);
            if !taken_out.is_empty() {
                let ranks: Vec<usize> = taken_out.iter().map(|part| part.rank).collect();
                // What nobody has asked for is not missing.
                if let Some(entity) = merge_parts(in_rank(taken_out), &clock)
                    && self.question.selects(&entity).await?
                {
                    for rank in ranks {
                        if let Some(count) = ownerless.get_mut(rank) {
                            *count += 1;
                        }
                    }
                }
            }
            let whole = match parts.len() {
                1 => parts.pop().map(|only| only.entity),
                _ => merge_parts(in_rank(parts), &clock),
            };
            if let Some(entity) = whole
                && self.question.selects(&entity).await?
            {
                shown.push(Candidate { entity, behind });
            }
        }
        Ok(Judged { shown, ownerless, seen })
    }

    /// Whether the source finds what it has sent.
    //= 5.7.2.4-21
    async fn is_found(&self, own: &Entity) -> Result<bool, Exhausted> {
        match self.findings.get(self.rank) {
            Some(finding) => finding.has_found(own).await,
            None => Ok(true),
        }
    }

    /// Whether the list has the entity at the place of an earlier source, which finds it, too.
    async fn stands_elsewhere(&self, others: &[(usize, Entity)]) -> Result<bool, Exhausted> {
        for (rank, part) in others.iter().filter(|(rank, _)| *rank < self.rank) {
            if let Some(finding) = self.findings.get(*rank)
                && finding.finds(part).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
