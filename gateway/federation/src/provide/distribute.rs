//! A write that is about several sources: first each is asked what would become of its part, and nothing is written where that
//! is refused for what the writer may do; then the parts are written, one after the other in a fixed order, and what became of
//! them is told as one.
//!
//! What a source says of its own part (that it is not there, or there already, or that the source is away) costs that part alone.
//! Of parts that are hidden from the writer nothing is told: they are not there, and their sources are not asked (`unasked`).

use std::sync::Arc;

use kakehashi_policy::PersonalData;
use ngsi_ld::{AttributeName, Entity, TypeName};
use tokio_util::sync::CancellationToken;

use super::divide::{Division, Part};
use super::partly::{FailedPart, Partly};
use super::{EntityChange, EntityChanged, Outcome, Pass, Provider, Write, WriteRefusal};
use crate::registered_source::RegisteredSource;
use crate::registration::Mode;
use crate::source_filter::registration_of;
use crate::ungranted::{Ungranted, Why};

/// Where something of an entity would go.
#[derive(Debug)]
pub struct Destination<'s> {
    /// Which source.
    pub source: &'s Arc<RegisteredSource>,
    /// The attributes that would go there; `None`: all of the entity.
    pub attributes: Option<Vec<AttributeName>>,
    /// Whether it would take them. Nobody else does where it does not.
    pub takes_writes: bool,
}

/// A part, and what would become, or has become, of it.
struct Tried<'s> {
    part: Part<'s>,
    outcome: Outcome,
}

impl<'s> Provider<'s> {
    /// The sources that take an entity, each with what of it goes there, if the consumer may write all of it. Nothing is written
    /// and no limit is spent.
    ///
    /// # Errors
    /// [`WriteRefusal::Forbidden`], [`WriteRefusal::NotTaken`], [`WriteRefusal::NotWritable`], [`WriteRefusal::NoSourceOf`]
    pub fn judge(&self, entity: &Entity) -> Result<Vec<Destination<'s>>, WriteRefusal> {
        let change = EntityChange::Create(entity.clone());
        let parts = self.judged_parts(&self.written_sources(), &change, entity)?;
        let destination = |part: Part<'s>| Destination {
            attributes: part.change.is_some().then_some(part.names),
            takes_writes: part.source.takes_writes(),
            source: part.source,
        };
        Ok(parts.into_iter().map(destination).collect())
    }

    /// The parts of a change by which an entity may come to be, of which all types are known: judged, each for its source, and
    /// all together for one permit.
    //= 5.6.1.4-3
    pub(super) fn judged_parts(
        &self,
        sources: &[&'s Arc<RegisteredSource>],
        change: &EntityChange,
        entity: &Entity,
    ) -> Result<Vec<Part<'s>>, WriteRefusal> {
        let mut division = Division::of(change);
        let mut parts = Vec::new();
        for mode in [Mode::Exclusive, Mode::Redirect] {
            let held = division.proxied(mode, sources);
            division.take_out(&held);
            parts.extend(held);
        }
        let rest = division.rest(sources);
        let left_over = division.left_over(&rest);
        parts.extend(rest);
        let is_whole = |part: &Part<'_>| part.change.is_none();
        let of_what_is_sent = || parts.iter().filter(|part| !part.clears);
        if !matches!(&*parts, [only] if is_whole(only))
            && let Some(ungranted) = self.ungranted(entity, PersonalData::None)
        {
            return Err(WriteRefusal::Forbidden(ungranted));
        }
        for part in of_what_is_sent() {
            let of_part = part.change.as_ref().and_then(EntityChange::creates);
            self.judge_in(part.source, of_part.unwrap_or(entity))?;
        }
        match left_over {
            _ if of_what_is_sent().next().is_none() => Err(WriteRefusal::NotWritable),
            Some(name) => Err(WriteRefusal::NoSourceOf(name)),
            None => Ok(parts),
        }
    }

    /// Writes what of a change is about each of several sources.
    //= 5.6.21.4-10
    pub(super) async fn distribute(&self, write: &Write, sources: &[&'s Arc<RegisteredSource>]) -> Outcome {
        // The conditions of a purge may be about what another source has: they were met by the entity when it was found.
        let of_each_part = match &write.change {
            EntityChange::Purge { id, purge } if Division::of(&write.change).of_what_goes(sources).len() > 1 => {
                Some(Write::from(EntityChange::Purge {
                    id: id.clone(),
                    purge: Arc::new(purge.of_what_was_found()),
                }))
            }
            _ => None,
        };
        let write = of_each_part.as_ref().unwrap_or(write);
        let mut division = Division::of(&write.change);
        let mut tried = Vec::new();
        // What is told where nobody else has it.
        let mut otherwise = None;
        for mode in [Mode::Exclusive, Mode::Redirect] {
            let mut held = Vec::new();
            for part in division.proxied(mode, sources) {
                let outcome = match self.unasked(&part, &write.change) {
                    Some(refusal) if !part.is_sure => {
                        otherwise.get_or_insert(refusal);
                        continue;
                    }
                    Some(refusal) if refusal.is_of_the_whole() => return Err(refusal),
                    Some(refusal) => Err(refusal),
                    None => self.looked(&part, write).await?,
                };
                if matches!(outcome, Err(WriteRefusal::NotFound)) && !part.is_sure {
                    continue;
                }
                // What is away may have it, and nobody else is believed that then.
                held.push(part.clone());
                tried.push(Tried { part, outcome });
            }
            division.take_out(&held);
        }
        let rest = division.rest(sources);
        if let Some(name) = division.left_over(&rest) {
            return Err(WriteRefusal::NoSourceOf(name));
        }
        let offers = |part: &Part<'_>| self.is_offered(part, &write.change);
        for part in rest.into_iter().filter(offers) {
            if let Some(refusal) = self.unasked(&part, &write.change) {
                otherwise.get_or_insert(refusal);
                continue;
            }
            let outcome = self.looked(&part, write).await?;
            tried.push(Tried { part, outcome });
        }
        self.write_parts(write, &mut tried, sources).await?;
        if tried.is_empty() && !sources.iter().any(|source| source.takes_writes()) {
            return Err(WriteRefusal::NotWritable);
        }
        as_one(tried).map_err(|refusal| match (refusal, otherwise) {
            (WriteRefusal::NotFound, Some(otherwise)) => otherwise,
            (refusal, _) => refusal,
        })
    }

    /// Writes the parts that may be written: those of what is sent, and then what goes because it was not sent.
    async fn write_parts(
        &self,
        write: &Write,
        tried: &mut [Tried<'s>],
        sources: &[&'s Arc<RegisteredSource>],
    ) -> Result<(), WriteRefusal> {
        let are_there = tried.iter().filter(|one| one.outcome.is_ok()).count();
        if are_there > 1 && write.precondition.is_some() {
            return Err(WriteRefusal::SeveralSources);
        }
        // What has begun is finished: the first part begins for whoever waits, and the others for its sake.
        let nobody_leaves = CancellationToken::new();
        let mut provider: Provider<'_> = *self;
        tried.sort_by_key(|one| one.part.clears);
        let (mut is_sent, mut is_written) = (false, false);
        for one in tried {
            is_sent |= !one.part.clears;
            if one.outcome.is_err() {
                continue;
            }
            // What is sent stands nowhere: nothing was replaced.
            if one.part.clears && is_sent && !is_written {
                one.outcome = Err(WriteRefusal::NotFound);
                continue;
            }
            let own = Write {
                change: one.part.change.clone().unwrap_or_else(|| write.change.clone()),
                precondition: write.precondition.clone(),
            };
            one.outcome = provider.made(&one.part, &own, Pass::Writing).await;
            match &one.outcome {
                Ok(_) => {
                    is_written = true;
                    provider.caller = &nobody_leaves;
                }
                // What was read together with the parts of others is not what one of them could compare.
                Err(WriteRefusal::PreconditionFailed) if !one.part.source.is_store && sources.len() > 1 => {
                    one.outcome = Err(WriteRefusal::SeveralSources);
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// What would become of a part; refused where none of the parts may be written.
    //= 5.6.1.4-3, 5.6.2.4-4, 5.6.3.4-3, 5.6.4.4-5, 5.6.5.4-3, 5.6.6.4-3, 5.6.17.4-3, 5.6.18.4-3, 5.6.19.4-4
    async fn looked(&self, part: &Part<'s>, write: &Write) -> Result<Outcome, WriteRefusal> {
        let outcome = if part.source.takes_writes() && self.is_offered(part, &write.change) {
            let own = Write::from(part.change.clone().unwrap_or_else(|| write.change.clone()));
            self.made(part, &own, Pass::Looking).await
        } else if part.clears {
            Err(WriteRefusal::NotFound)
        } else {
            Err(self.conflict(part))
        };
        match outcome {
            Err(refusal) if refusal.is_of_the_whole() => Err(refusal),
            outcome => Ok(outcome),
        }
    }

    async fn made(&self, part: &Part<'s>, write: &Write, pass: Pass) -> Outcome {
        let made = self.write_to(part.source, &[write], pass).await;
        made.into_iter().next().unwrap_or(Err(WriteRefusal::CallerLeft))
    }

    fn is_offered(&self, part: &Part<'_>, change: &EntityChange) -> bool {
        let writer = part.source.adapter.writer();
        writer.is_some_and(|writer| writer.offer().has(self.way_of_writing(change)))
    }

    /// Why what a source alone holds cannot be written: the source does not take it, which is told to those who might write it.
    fn conflict(&self, part: &Part<'_>) -> WriteRefusal {
        if !part.is_sure {
            return WriteRefusal::NotFound;
        }
        let provides = part.source.provides.iter();
        let mut types: Vec<TypeName> = provides.filter_map(|one| one.r#type.clone()).collect();
        if part.source.holds_any_type() {
            types.extend(self.asker.policies.known_types().iter().cloned());
        }
        let grants = self.grants(self.asker.operation, &types, part.source.personal_data);
        let is_granted = |name: &AttributeName| grants.grants().iter().any(|grant| grant.includes(name));
        match part.names.iter().find(|name| !is_granted(name)) {
            _ if grants.is_empty() => WriteRefusal::NotFound,
            Some(name) => WriteRefusal::Forbidden(Ungranted::Attribute(name.clone(), Why::NoPermit)),
            None => WriteRefusal::Conflict,
        }
    }
}

/// What became of all parts, as what became of the write.
//= 5.6.1.4-3, 5.6.3.4-3, 5.6.6.4-3, 5.6.17.4-3
fn as_one(tried: Vec<Tried<'_>>) -> Outcome {
    let mut done: Option<EntityChanged> = None;
    let (mut written, mut asked): (Vec<AttributeName>, Vec<AttributeName>) = Default::default();
    let (mut failed, mut absent) = (Vec::new(), Vec::new());
    for Tried { part, outcome } in tried {
        match outcome {
            Ok(changed) => {
                let new = match &changed {
                    EntityChanged::Updated(result) => &result.updated,
                    _ => &part.names,
                };
                written.extend(new.iter().cloned());
                asked.extend(part.names.iter().cloned());
                done = Some(match done {
                    Some(earlier) => earlier.and(changed),
                    None => changed,
                });
            }
            Err(refusal) if refusal.is_absence() => absent.push((part, refusal)),
            Err(refusal) => failed.push((part, refusal)),
        }
    }
    let Some(done) = done else {
        let refusals = failed.into_iter().chain(absent).map(|(_, refusal)| refusal);
        return Err(refusals
            .min_by_key(WriteRefusal::rank)
            .unwrap_or(WriteRefusal::NotFound));
    };
    // What is not there in one source and was changed in another is changed.
    let is_lost = |(part, _): &(Part<'_>, WriteRefusal)| part.names.iter().any(|name| !asked.contains(name));
    failed.extend(absent.into_iter().filter(is_lost));
    if failed.is_empty() {
        return Ok(done);
    }
    let failed = failed.into_iter().map(|(part, refusal)| FailedPart {
        registration: registration_of(part.source),
        attributes: part.names,
        refusal,
    });
    Ok(EntityChanged::Partly(Box::new(Partly {
        failed: failed.collect(),
        done,
        written,
    })))
}
