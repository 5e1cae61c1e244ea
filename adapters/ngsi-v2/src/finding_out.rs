//! Finding out which ids of the view stand for several entities of the source: their ids are read alone, once, a thousand with each
//! request. Afterwards the source's own count tells whether that still holds, and a page in which an unknown one stands twice that
//! it does not.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashSet;
use ngsi_ld::EntityId;

use super::Platform;
use super::pages::MAX_PAGE;
use super::plan::Plan;
use super::repeats::{MOST_LISTED, OfTypes, Repeated, RepeatedIds};
use super::united::{united, without_dates};
use kakehashi_client::Walked;
use kakehashi_contract::{AdapterError, AttributeSelection, Call, Page, Requests, SourceQuery, Yielded};
use kakehashi_resources::Held;

/// A question to a source of which is found out which ids repeat.
#[derive(Debug)]
pub(super) struct FindingOut {
    platform: Arc<Platform>,
    query: SourceQuery,
    known: Arc<OfTypes>,
}

impl FindingOut {
    pub(super) fn new(platform: &Arc<Platform>, query: &SourceQuery, known: Arc<OfTypes>) -> Self {
        Self {
            platform: Arc::clone(platform),
            query: query.clone(),
            known,
        }
    }

    /// What is known.
    pub(super) fn known(&self) -> &Arc<OfTypes> {
        &self.known
    }

    /// What holds now. Where it cannot be found out, no id is taken to repeat until one is seen to.
    pub(super) async fn found(&self, call: &Call) -> Repeated {
        if let Some(fresh) = self.known.fresh() {
            return fresh;
        }
        if !self.known.has_failed_lately() {
            let now = Instant::now();
            // The rest of the time is for the answer.
            let until = now + call.deadline.saturating_duration_since(now) / 4;
            // What it takes is bounded here, and is not what the question was meant to take.
            let mut call = call.clone();
            call.requests = Requests::unbounded();
            match tokio::time::timeout_at(until.into(), self.find(&call)).await {
                Ok(Ok(found)) => return found,
                // What was read until then the next request goes on with.
                Err(_) => {}
                Ok(Err(_)) => self.known.fail(),
            }
        }
        self.known.known().unwrap_or(Repeated::None)
    }

    async fn find(&self, call: &Call) -> Result<Repeated, AdapterError> {
        let (known, source) = (&*self.known, &self.platform.source);
        let ids = self.of_ids_alone();
        let Some(request) = ids.requests.first() else {
            return Ok(Repeated::None);
        };
        let mut finding = known.finding.lock().await;
        if let Some(fresh) = known.fresh() {
            return Ok(fresh);
        }
        let before = known.before();
        if let Some(before) = before.as_ref().filter(|_| !known.is_doubted())
            && let Some(total) = before.total
            && source.total(&ids, request, call).await? == Some(total)
        {
            return Ok(known.holds_still(before));
        }
        let walked = Walked::default();
        let total = loop {
            let page = Page {
                limit: MAX_PAGE,
                offset: finding.offset,
            };
            let (page, total) = source.listed(&ids, request, page, &walked, call).await?;
            if total.is_some_and(|total| total > MOST_LISTED) || finding.offset as u64 > MOST_LISTED {
                if before.is_none() {
                    tracing::warn!(
                        source = %source.client.source(),
                        "more than {MOST_LISTED} entities: it is not found out whether ids repeat; set ids_repeat"
                    );
                }
                finding.give_up();
                break total;
            }
            finding.add(&page.yielded, page.listed, known);
            if page.listed < MAX_PAGE {
                break total;
            }
        };
        let finding = std::mem::take(&mut *finding);
        if finding.repeating() > 0 && before.is_none() {
            tracing::warn!(
                source = %source.client.source(),
                ids = finding.repeating(),
                "ids that several entities of the source have: these are united"
            );
        }
        Ok(known.know(finding, total))
    }

    /// Entities that were read with their dates, made one where they are.
    pub(super) fn united(&self, each: Vec<Yielded>) -> Vec<Yielded> {
        without_dates(united(each).0, self.query.system_attributes)
    }

    /// The entities of the ids that are asked for, made one where they are.
    ///
    /// # Errors
    /// The source's.
    pub(super) async fn of_its_ids(&self, call: &Call) -> Result<Vec<Yielded>, AdapterError> {
        let (each, _held) = self.platform.source.each(&self.of_ids(&self.query.ids), call).await?;
        Ok(self.united(each))
    }

    /// All entities of the ids that repeat, each by itself.
    ///
    /// # Errors
    /// The source's.
    pub(super) async fn each_of(
        &self,
        repeated: &RepeatedIds,
        call: &Call,
    ) -> Result<(Vec<Yielded>, Held), AdapterError> {
        let ids = match repeated.ids() {
            Some(ids) => Arc::clone(ids),
            None => self.ids_of(repeated, call).await?,
        };
        let (each, held) = self.platform.source.each(&self.of_ids(&ids), call).await?;
        let is_meant = |one: &Yielded| match one {
            Yielded::Entity(entity) => ids.binary_search(&entity.id).is_ok(),
            Yielded::LeftOut(_) => true,
        };
        Ok((each.into_iter().filter(is_meant).collect(), held))
    }

    /// The ids that repeat, in an order that stays: they are not kept, and read again.
    async fn ids_of(&self, repeated: &RepeatedIds, call: &Call) -> Result<Arc<[EntityId]>, AdapterError> {
        let plan = self.of_ids_alone();
        let mut found: HashSet<EntityId> = HashSet::with_capacity(repeated.len());
        let (listed, _held) = self.platform.source.each(&plan, call).await?;
        let listed = listed.into_iter().filter_map(Yielded::entity);
        found.extend(listed.map(|entity| entity.id).filter(|id| repeated.include(id)));
        let mut found: Vec<EntityId> = found.into_iter().collect();
        found.sort_unstable();
        Ok(found.into())
    }

    /// Everything that may match, united, with what is counted of it for the request.
    ///
    /// # Errors
    /// The source's.
    pub(super) async fn whole(&self, call: &Call) -> Result<(Vec<Yielded>, Held), AdapterError> {
        let (each, held) = self.platform.source.each(&self.of_ids(&[]), call).await?;
        Ok((self.united(each), held))
    }

    /// The same question for these ids, and for all entities of each, whatever it is like.
    fn of_ids(&self, ids: &[EntityId]) -> Plan {
        let query = SourceQuery {
            ids: ids.to_vec(),
            id_pattern: None,
            any_attribute: Vec::new(),
            filter: None,
            geo: None,
            scope: None,
            // Of several that say something the newest holds.
            system_attributes: true,
            ..self.query.clone()
        };
        self.platform.plan(&query, true)
    }

    /// The question for the ids of its types alone.
    fn of_ids_alone(&self) -> Plan {
        let query = SourceQuery {
            attributes: AttributeSelection::only([]),
            ..SourceQuery::of_types(self.query.types.clone())
        };
        self.platform.plan(&query, true)
    }
}
