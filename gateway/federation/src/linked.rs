//! Entities that Relationships lead to, asked for by their ids: of the same sources as every other entity, under the
//! same policies, for the same consumer. What it may not see of them is not there, as if no source had it.
//!
//! Where a Relationship says what it leads to (`objectType`), entities of these types are asked for. Where it does not,
//! the id may be that of any entity of the federation, and every source that may hold it is asked, as for a retrieve
//! (docs/decisions/linked-entities.md).

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::Page;
use kakehashi_policy::MASKED_TARGET;
use ngsi_ld::query::{LinkedEntities, Query, TypeSelection};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::entities::EntityPage;
use super::gather::Request;
use super::plan::Asker;
use super::{Question, Refusal, Warning, scan, unlinked, warning};

/// Ids in one question: a few requests' worth for every kind of source.
const BATCH: usize = 500;

/// What must be known of an entity that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// One of these types; `None`: any.
    types: Option<Vec<TypeName>>,
    /// These attributes; `None`: all that are granted.
    attributes: Option<Vec<AttributeName>>,
}

/// The entities that are wanted, by id. In their order, so that equal questions are asked equally.
#[derive(Debug, Default)]
pub(super) struct WantedEntities(BTreeMap<EntityId, Wanted>);

impl WantedEntities {
    /// Wants an entity. No `types` at all: it may be of any. No `attributes`: all that are granted. What is wanted of it
    /// already is wanted still.
    pub(super) fn add(&mut self, id: &EntityId, types: &[TypeName], attributes: Option<Vec<AttributeName>>) {
        // What is masked leads nowhere.
        if id.as_str() == MASKED_TARGET {
            return;
        }
        let wanted = Wanted {
            types: (!types.is_empty()).then(|| types.to_vec()),
            attributes,
        };
        match self.0.get_mut(id) {
            Some(earlier) => earlier.add(wanted),
            None => {
                self.0.insert(id.clone(), wanted);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Wanted {
    fn add(&mut self, other: Self) {
        self.types = union(self.types.take(), other.types);
        self.attributes = union(self.attributes.take(), other.attributes);
    }

    /// Whether what was asked for answers what is wanted.
    fn is_covered_by(&self, asked: &Self) -> bool {
        covers(asked.types.as_deref(), self.types.as_deref())
            && covers(asked.attributes.as_deref(), self.attributes.as_deref())
    }
}

/// What either names; `None` is everything.
fn union<T: PartialEq>(one: Option<Vec<T>>, other: Option<Vec<T>>) -> Option<Vec<T>> {
    let (mut one, other) = (one?, other?);
    for name in other {
        if !one.contains(&name) {
            one.push(name);
        }
    }
    Some(one)
}

fn covers<T: PartialEq>(asked: Option<&[T]>, wanted: Option<&[T]>) -> bool {
    match (asked, wanted) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(asked), Some(wanted)) => wanted.iter().all(|name| asked.contains(name)),
    }
}

/// What was asked for, and what came.
#[derive(Debug)]
struct Held {
    asked: Wanted,
    /// `None`: there is none that the consumer may see.
    entity: Option<Entity>,
}

/// Asks for entities by id, each once as long as no more of it is wanted, and keeps them.
#[derive(Debug)]
pub(super) struct Fetching<'a> {
    /// The question that leads to them: tenant, scope and dates are those of the entities, too.
    question: &'a Question,
    asker: &'a Asker<'a>,
    request: &'a Request,
    /// How many may be asked for, whether they exist or not.
    most: usize,
    fetched: Fetched,
    /// The sources whose part is missing.
    pub(super) warnings: Vec<Warning>,
}

/// Entities that were asked for by their ids.
#[derive(Debug, Default)]
pub(super) struct Fetched(HashMap<EntityId, Held>);

impl<'a> Fetching<'a> {
    pub(super) fn new(question: &'a Question, asker: &'a Asker<'a>, request: &'a Request, most: usize) -> Self {
        Self {
            question,
            asker,
            request,
            most,
            fetched: Fetched::default(),
            warnings: Vec::new(),
        }
    }

    /// Asks for entities, as far as they are not held.
    ///
    /// # Errors
    /// [`Refusal`] when they are too many, or need too many sources. A source that fails is no error.
    pub(super) async fn fetch(&mut self, wanted: WantedEntities) -> Result<(), Refusal> {
        let mut of_types: Option<(Wanted, Vec<EntityId>)> = None;
        let mut of_any_type: Option<(Wanted, Vec<EntityId>)> = None;
        for (id, mut wanted) in wanted.0 {
            match self.fetched.0.get(&id) {
                Some(held) if wanted.is_covered_by(&held.asked) => continue,
                // Asking for more does not take back what was there.
                Some(held) => wanted.add(held.asked.clone()),
                None => {}
            }
            let group = if wanted.types.is_some() {
                &mut of_types
            } else {
                &mut of_any_type
            };
            match group {
                Some((all, ids)) => {
                    all.add(wanted);
                    ids.push(id);
                }
                None => *group = Some((wanted, vec![id])),
            }
        }
        let groups: Vec<(Wanted, Vec<EntityId>)> = of_types.into_iter().chain(of_any_type).collect();
        let new = groups.iter().flat_map(|(_, ids)| ids);
        let new = new.filter(|id| !self.fetched.0.contains_key(*id)).count();
        if self.fetched.0.len() + new > self.most {
            return Err(Refusal::TooManyLinked { allowed: self.most });
        }
        for (wanted, ids) in groups {
            for batch in ids.chunks(BATCH) {
                self.ask(&wanted, batch).await?;
            }
        }
        Ok(())
    }

    /// Asks for some ids at once.
    async fn ask(&mut self, wanted: &Wanted, ids: &[EntityId]) -> Result<(), Refusal> {
        let question = Arc::new(self.question_for(wanted, ids));
        let page = Page {
            limit: ids.len(),
            offset: 0,
        };
        let mut answer = unlinked::query(&question, page, None, false, self.asker, self.request).await?;
        let entities = all_of(&mut answer).await?.into_iter();
        let mut found: HashMap<EntityId, Entity> = entities.map(|entity| (entity.id.clone(), entity)).collect();
        warning::add(&mut self.warnings, answer.warnings);
        for id in ids {
            let held = Held {
                asked: wanted.clone(),
                entity: found.remove(id),
            };
            self.fetched.0.insert(id.clone(), held);
        }
        Ok(())
    }

    fn question_for(&self, wanted: &Wanted, ids: &[EntityId]) -> Question {
        let types = wanted.types.as_ref().map(|types| {
            let parts = types.iter().cloned().map(TypeSelection::Type);
            TypeSelection::Any(parts.collect())
        });
        let query = Query {
            types,
            ids: ids.to_vec(),
            ..Query::default()
        };
        question_about(self.question, query, wanted.attributes.clone())
    }

    /// What was asked for.
    pub(super) fn into_fetched(self) -> Fetched {
        self.fetched
    }

    /// The entities that have come.
    pub(super) fn into_entities(self) -> impl Iterator<Item = Entity> {
        self.fetched.0.into_values().filter_map(|held| held.entity)
    }
}

/// A question about linked entities: of the same tenant, in the same scope and of the same sources, shown as those that
/// link to them. Nothing else that a question asks of its own entities is asked of these.
pub fn question_about(question: &Question, query: Query, shown: Option<Vec<AttributeName>>) -> Question {
    Question {
        query,
        shown,
        datasets: question.datasets.clone(),
        source_filter: question.source_filter.clone(),
        tenant: question.tenant.clone(),
        local: question.local,
        system_attributes: question.system_attributes,
        ..Question::default()
    }
}

impl LinkedEntities for Fetching<'_> {
    fn linked(&self, id: &EntityId) -> Option<&Entity> {
        self.fetched.linked(id)
    }
}

impl LinkedEntities for Fetched {
    fn linked(&self, id: &EntityId) -> Option<&Entity> {
        self.0.get(id)?.entity.as_ref()
    }
}

/// All entities of an answer. Where a source fails midway there are none: a part of its answer would look like all of it.
///
/// # Errors
/// [`Refusal::Exhausted`]
pub(super) async fn all_of(answer: &mut EntityPage) -> Result<Vec<Entity>, Refusal> {
    let question = Arc::clone(answer.entities.question());
    let mut entities = Vec::new();
    loop {
        match answer.entities.next().await {
            Ok(more) if more.is_empty() => break,
            Ok(more) => entities.extend(more.into_iter().map(|mut entity| {
                question.reduce(&mut entity);
                entity
            })),
            Err(error) => {
                if let Some(refusal) = scan::exhausted(&error) {
                    return Err(refusal);
                }
                warning::add(&mut answer.warnings, [Warning::from(&error)]);
                return Ok(Vec::new());
            }
        }
    }
    let (count, left_out) = answer.entities.settle(answer.count).await;
    answer.count = count;
    warning::add(&mut answer.warnings, left_out);
    Ok(entities)
}

#[cfg(test)]
mod tests {
    use ngsi_ld::Iri;

    use super::*;

    fn wanted(types: Option<&[&str]>, attributes: Option<&[&str]>) -> Wanted {
        Wanted {
            types: types.map(|names| names.iter().map(|name| TypeName::new(Iri::new(*name))).collect()),
            attributes: attributes.map(|names| names.iter().map(|name| AttributeName::new(Iri::new(*name))).collect()),
        }
    }

    #[test]
    fn what_is_wanted_twice_is_wanted_together() {
        let mut both = wanted(Some(&["urn:t:a"]), Some(&["urn:a:x"]));
        both.add(wanted(Some(&["urn:t:b", "urn:t:a"]), Some(&["urn:a:y"])));
        assert_eq!(
            both,
            wanted(Some(&["urn:t:a", "urn:t:b"]), Some(&["urn:a:x", "urn:a:y"]))
        );
        both.add(wanted(None, None));
        assert_eq!(both, wanted(None, None));
    }

    #[test]
    fn what_was_asked_for_with_less_is_asked_for_again() {
        let everything = wanted(None, None);
        let name_of_a = wanted(Some(&["urn:t:a"]), Some(&["urn:a:name"]));
        assert!(name_of_a.is_covered_by(&everything) && name_of_a.is_covered_by(&name_of_a));
        assert!(!everything.is_covered_by(&name_of_a));
        let size_of_a = wanted(Some(&["urn:t:a"]), Some(&["urn:a:size"]));
        assert!(!size_of_a.is_covered_by(&name_of_a));
    }
}
