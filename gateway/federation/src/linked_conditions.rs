//! Conditions of `q` on linked entities (clause 4.9, examples 13 and 14): `sensor{Device:humidity}==40`.
//!
//! No source can decide them: the linked entity may be another's, and what may be seen of it is another owner's to say.
//! What a source is told is that the Relationship must exist. Of the entities that meet this and everything else, the
//! Relationships are followed, as the conditions name them, and the gateway decides on what the consumer may see.

use std::sync::Arc;

use hashbrown::HashSet;
use kakehashi_adapters::Page;
use kakehashi_resources::pause;
use ngsi_ld::entity::render::links_of;
use ngsi_ld::query::{AttributePath, Expression, LinkedEntities as _, LinkedPath};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::entities::{Entities, EntityPage};
use super::gather::Request;
use super::linked::{Fetched, Fetching, WantedEntities, all_of};
use super::plan::Asker;
use super::scan::MAX_CANDIDATES;
use super::{Question, Refusal, Warning, warning};

/// Linked entities that one request may ask for to decide its conditions. Far more than a page can show, as most are
/// looked at and forgotten; each is reduced to what the conditions look at.
pub const MAX_CONDITION_TARGETS: usize = 5_000;

/// Answers a question with conditions on linked entities. `candidates`: the answer to the question
/// for them ([`super::strategy::Opening`]).
///
/// # Errors
/// [`Refusal`] when too many entities would have to be looked at.
pub(super) async fn query(
    question: &Arc<Question>,
    candidates: EntityPage,
    page: Page,
    count: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<EntityPage, Refusal> {
    let (entities, mut warnings) = all(candidates).await?;
    let followed = Followed::by(question);
    let mut asked = Question {
        datasets: None,
        ..Question::clone(question)
    };
    asked.system_attributes |= followed.looks_at_dates;
    let mut targets = Fetching::new(&asked, asker, request, MAX_CONDITION_TARGETS);
    followed.fetch(&entities, &mut targets).await?;
    warning::add(&mut warnings, std::mem::take(&mut targets.warnings));
    let judging = matching(Arc::clone(question), entities, targets.into_fetched());
    let matching = request
        .call
        .resources
        .compute(judging)
        .await
        .map_err(Refusal::Exhausted)?;
    let total = matching.len();
    let entities: Vec<Entity> = matching.into_iter().skip(page.offset).take(page.limit).collect();
    let more = page.limit > 0 && page.offset.saturating_add(entities.len()) < total;
    Ok(EntityPage {
        entities: Entities::at_hand(question, entities, more, None),
        count: count.then_some(total as u64),
        warnings,
        next: None,
    })
}

/// The entities that meet the conditions, with those that they lead to.
//= 4.9-8
async fn matching(question: Arc<Question>, entities: Vec<Entity>, targets: Fetched) -> Vec<Entity> {
    let filter = question.query.filter.as_ref();
    let mut matching = Vec::new();
    for entity in entities {
        if filter.is_none_or(|filter| filter.matches_linked(&entity, &targets)) && question.leaves_something(&entity) {
            matching.push(entity);
        }
        pause().await;
    }
    matching
}

/// All candidates, in an order that is the same for every page.
async fn all(mut candidates: EntityPage) -> Result<(Vec<Entity>, Vec<Warning>), Refusal> {
    let entities = all_of(&mut candidates).await?;
    if candidates.entities.more().await {
        return Err(Refusal::TooManyCandidates {
            allowed: MAX_CANDIDATES,
        });
    }
    Ok((entities, candidates.warnings))
}

/// A Relationship that conditions follow, from entities that are so many Relationships away.
#[derive(Debug, PartialEq, Eq)]
struct Link {
    relationship: AttributeName,
    /// What is looked at leads only to entities of these types; empty: of any.
    types: Vec<TypeName>,
    /// What is looked at of the entities that it leads to.
    attributes: Vec<AttributeName>,
    /// Whether a date of theirs is looked at: when what is visible of an entity was changed, all of that tells.
    looks_at_dates: bool,
    /// The Relationships of these that are followed in turn.
    next: Vec<Link>,
}

/// The Relationships that the conditions of a question follow, each once at its place.
#[derive(Debug, Default, PartialEq, Eq)]
struct Followed {
    links: Vec<Link>,
    /// Whether the conditions look at dates that the system keeps of linked entities.
    looks_at_dates: bool,
}

impl Followed {
    fn by(question: &Question) -> Self {
        let mut followed = Self::default();
        if let Some(filter) = &question.query.filter {
            followed.add(filter);
        }
        followed
    }

    fn add(&mut self, filter: &Expression) {
        match filter {
            Expression::And(parts) | Expression::Or(parts) => {
                for part in parts {
                    self.add(part);
                }
            }
            Expression::Condition(condition) => {
                if let Some(linked) = &condition.path.linked {
                    self.looks_at_dates |= looks_at_dates(&linked.path);
                    add_link(&mut self.links, &condition.path.attribute, linked);
                }
            }
        }
    }

    /// Asks for what the Relationships of the entities lead to, level by level.
    async fn fetch(&self, from: &[Entity], targets: &mut Fetching<'_>) -> Result<(), Refusal> {
        let mut wanted = WantedEntities::default();
        let mut level: Vec<(EntityId, &Link)> = Vec::new();
        for link in &self.links {
            for entity in from {
                link.want(entity, &mut wanted, &mut level);
            }
        }
        while !wanted.is_empty() {
            targets.fetch(std::mem::take(&mut wanted)).await?;
            let mut next_level = Vec::new();
            let mut followed: HashSet<(EntityId, *const Link)> = HashSet::new();
            for (id, link) in level {
                let is_new = followed.insert((id.clone(), std::ptr::from_ref(link)));
                if let Some(entity) = targets.linked(&id).filter(|_| is_new) {
                    for next in &link.next {
                        next.want(entity, &mut wanted, &mut next_level);
                    }
                }
            }
            level = next_level;
        }
        Ok(())
    }
}

impl Link {
    /// Wants what the Relationship of an entity leads to.
    fn want<'l>(&'l self, entity: &Entity, wanted: &mut WantedEntities, level: &mut Vec<(EntityId, &'l Self)>) {
        for link in entity.attribute(&self.relationship).into_iter().flat_map(links_of) {
            let types = if self.types.is_empty() {
                link.object_types
            } else {
                &self.types
            };
            let attributes = (!self.looks_at_dates).then(|| self.attributes.clone());
            wanted.add(link.object, types, attributes);
            level.push((link.object.clone(), self));
        }
    }
}

/// Adds a Relationship and what is followed behind it.
fn add_link(links: &mut Vec<Link>, relationship: &AttributeName, linked: &LinkedPath) {
    let known = links.iter().position(|link| link.relationship == *relationship);
    let index = known.unwrap_or_else(|| {
        links.push(Link {
            relationship: relationship.clone(),
            types: linked.types.clone(),
            attributes: Vec::new(),
            looks_at_dates: false,
            next: Vec::new(),
        });
        links.len() - 1
    });
    let Some(link) = links.get_mut(index) else { return };
    if linked.types.is_empty() {
        link.types.clear();
    } else if known.is_some() && !link.types.is_empty() {
        let new = linked.types.iter().filter(|name| !link.types.contains(name));
        let new: Vec<TypeName> = new.cloned().collect();
        link.types.extend(new);
    }
    let attribute = &linked.path.attribute;
    link.looks_at_dates |= attribute.is_system_date();
    if !link.attributes.contains(attribute) {
        link.attributes.push(attribute.clone());
    }
    if let Some(next) = &linked.path.linked {
        add_link(&mut link.next, attribute, next);
    }
}

fn looks_at_dates(path: &AttributePath) -> bool {
    path.attribute.is_system_date()
        || path.sub_attributes.iter().any(AttributeName::is_system_date)
        || path.linked.as_ref().is_some_and(|linked| looks_at_dates(&linked.path))
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;

    fn filter(text: &str) -> Expression {
        Expression::parse(text, Context::core()).unwrap()
    }

    fn followed(text: &str) -> Followed {
        let mut followed = Followed::default();
        followed.add(&filter(text));
        followed
    }

    #[test]
    fn each_relationship_is_followed_once() {
        let both = followed("sensor{Device:humidity}==40;sensor{Room:at{name}}|sensor{Device:at{size}}>1");
        let [sensor] = both.links.as_slice() else {
            panic!("{both:?}")
        };
        let name = |name| Context::core().expand_attribute(name).unwrap();
        assert_eq!(sensor.attributes, [name("humidity"), name("at")]);
        assert_eq!(sensor.types.len(), 2);
        let [at] = sensor.next.as_slice() else {
            panic!("{both:?}")
        };
        assert_eq!(at.attributes, [name("name"), name("size")]);
        // Where one condition is about entities of any type, they are of any type.
        for text in ["a{T:b};a{b}", "a{b};a{T:b}", "a{T:b};a{b};a{T:b}"] {
            assert!(followed(text).links[0].types.is_empty(), "{text}");
        }
        assert!(followed("a{b.observedAt}").links[0].types.is_empty());
        assert!(followed("a{b{modifiedAt}}").looks_at_dates && !both.looks_at_dates);
        assert!(followed("a{modifiedAt}").links[0].looks_at_dates);
    }
}
