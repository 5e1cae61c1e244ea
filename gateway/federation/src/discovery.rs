//! Which attributes the entities of a type have, as the consumer sees them, and how many there are of both (clauses 5.7.6
//! to 5.7.10).
//!
//! For each type that is granted some entities are looked at, as a query for that type finds them: whatever decides what a
//! query shows decides what is known here, and nothing else does. Where that was all of them, everything that is said is exact.
//! Where there are more, names that the policies, the classification or the source itself say that the type has are asked
//! for one by one, and how often each occurs is left out. Nothing of it is kept.
//! Why: `docs/decisions/names-are-known-by-looking.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use kakehashi_adapters::{ErrorKind, Page};
use ngsi_ld::query::{Query, TypeSelection};
use ngsi_ld::{AttributeName, Entity, EntityId, TypeName};

use super::gather::Request;
use super::granted_names::GrantedNames;
use super::pages::Asked;
use super::plan::{Asker, Plan, SubQuery, narrow, plan};
use super::strategy::Strategy;
use super::types::{FIRST, leave_out_absent_types};
use super::warning::{self, Missing};
use super::{Question, Refusal, Warning, scan, unlinked};

/// Types that are looked at at the same time: each holds what was looked at of it.
const AT_ONCE: usize = 4;

/// So many times is looked on where nothing at all could be shown of what was looked at.
const MOST_LOOKS: usize = 20;

/// Names that are asked for one by one, of one type: more than a type of a published model has.
const MOST_ASKED_FOR: usize = 64;

/// What is known of the types, and of their attributes.
#[derive(Debug, Default)]
pub struct Discovered {
    /// The types of which an entity is seen, in the order of their names.
    pub types: BTreeMap<TypeName, SeenType>,
    /// The sources whose part is missing.
    pub warnings: Vec<Warning>,
}

/// What is seen of one type.
#[derive(Debug, Default)]
pub struct SeenType {
    /// How many entities of it there are; `None`: that was not asked, or could not be told.
    pub entities: Option<u64>,
    /// Their attributes.
    pub attributes: BTreeMap<AttributeName, SeenAttribute>,
}

/// What is seen of one attribute.
#[derive(Debug, Default, Clone)]
pub struct SeenAttribute {
    /// Its kinds, as the `type` member names them.
    pub kinds: BTreeSet<&'static str>,
    /// How many instances of it each entity has, where the question is about it alone; `None`: not all were seen.
    instances: Option<BTreeMap<EntityId, usize>>,
}

impl SeenAttribute {
    /// Adds what is seen of it under another type. An entity of both types has it once.
    pub fn add(&mut self, other: &Self) {
        self.kinds.extend(&other.kinds);
        match (&mut self.instances, &other.instances) {
            (Some(one), Some(other)) => {
                for (id, count) in other {
                    let known = one.entry(id.clone()).or_default();
                    *known = (*known).max(*count);
                }
            }
            (instances, _) => *instances = None,
        }
    }

    /// How many instances of it there are; `None`: that was not asked, or not all were seen.
    #[must_use]
    pub fn count(&self) -> Option<usize> {
        self.instances.as_ref().map(|instances| instances.values().sum())
    }
}

/// Looks at entities of every type that the question is about. Its conditions are `attrs`, or none. `counts`: whether the
/// entities are counted, where they are more than are looked at.
///
/// # Errors
/// [`Refusal`], as of a query: when it is too wide for every type.
pub async fn discover(
    question: &Question,
    counts: bool,
    asker: &Asker<'_>,
    request: &Request,
) -> Result<Discovered, Refusal> {
    let mut plan = plan(question, asker, &request.call).await?;
    leave_out_absent_types(&mut plan.sub_queries, &request.call).await;
    let types = types_of(&plan.sub_queries, question);
    let looking = Looking {
        plan: &plan,
        question,
        counts,
        asker,
        request,
    };
    let mut each: Vec<BoxFuture<'_, Result<Looked, Refusal>>> = Vec::with_capacity(types.len());
    for r#type in &types {
        each.push(looking.at(r#type).boxed());
    }
    let looked: Vec<Result<Looked, Refusal>> = stream::iter(each).buffered(AT_ONCE).collect().await;
    let refused = looked.iter().filter_map(|looked| looked.as_ref().err().copied());
    let refusals: Vec<Refusal> = refused.collect();
    let ends_all = |refusal: &&Refusal| matches!(refusal, Refusal::Exhausted(_) | Refusal::TooManyRequests { .. });
    let ending = refusals.iter().find(ends_all);
    if let Some(refusal) = ending.or(refusals.first().filter(|_| refusals.len() == types.len())) {
        return Err(*refusal);
    }
    let mut discovered = Discovered {
        types: BTreeMap::new(),
        warnings: warning::of_errors(&plan.overloaded),
    };
    for (r#type, looked) in types.iter().zip(looked) {
        match looked {
            Ok(Looked { seen, warnings }) => {
                discovered.types.extend(seen.map(|seen| (r#type.clone(), seen)));
                warning::add(&mut discovered.warnings, warnings);
            }
            // What could not be looked through is missing, of all that were asked.
            Err(_) => {
                let asked = plan.sub_queries.iter().filter(|one| one.query.types.contains(r#type));
                let missing = asked.map(|one| Warning {
                    source: one.source.id.clone(),
                    missing: Missing::Part(ErrorKind::TooMany.into()),
                });
                warning::add(&mut discovered.warnings, missing);
            }
        }
    }
    Ok(discovered)
}

/// What the sources are asked first, type by type, to explain it.
#[must_use]
pub fn first_asked(sub_queries: &[SubQuery], question: &Question) -> Vec<SubQuery> {
    let types = types_of(sub_queries, question);
    let of_type = types.iter().flat_map(|r#type| {
        let parts = parts(sub_queries, r#type, question);
        let one = of_one_type(question, r#type);
        Strategy::of(&parts, true, &one, FIRST).asks(parts, FIRST)
    });
    of_type.collect()
}

/// The types that sources are asked for, in the order of their names.
fn types_of(sub_queries: &[SubQuery], question: &Question) -> Vec<TypeName> {
    let types = sub_queries.iter().filter(|one| may_find(one, question));
    let mut types: Vec<TypeName> = types.flat_map(|one| one.query.types.iter().cloned()).collect();
    types.sort_unstable();
    types.dedup();
    types
}

/// Whether a source may find something: not where it would be asked for none of the attributes of which one must exist.
fn may_find(sub_query: &SubQuery, question: &Question) -> bool {
    let wanted = &question.query.attributes;
    wanted.is_empty() || wanted.iter().any(|name| sub_query.query.attributes.includes(name))
}

/// What the sources are asked of one type.
fn parts(sub_queries: &[SubQuery], r#type: &TypeName, question: &Question) -> Vec<SubQuery> {
    let of_type: Vec<SubQuery> = sub_queries
        .iter()
        .filter(|one| one.query.types.contains(r#type))
        .map(|one| one.of_type(r#type))
        .collect();
    // Who speaks for what others add is asked as well: without it what they add would be left out.
    let needs_all = of_type
        .iter()
        .any(|one| may_find(one, question) && one.may_be_of_others());
    let asked = of_type.into_iter().filter(|one| needs_all || may_find(one, question));
    asked.collect()
}

/// The same question about one type.
fn of_one_type(question: &Question, r#type: &TypeName) -> Question {
    Question {
        query: Query {
            types: Some(TypeSelection::Type(r#type.clone())),
            ..question.query.clone()
        },
        ..question.clone()
    }
}

/// What one question is looked into with.
#[derive(Clone, Copy)]
struct Looking<'a> {
    plan: &'a Plan,
    question: &'a Question,
    counts: bool,
    asker: &'a Asker<'a>,
    request: &'a Request,
}

/// What was found of one type.
#[derive(Default)]
struct Looked {
    /// `None`: no entity is seen.
    seen: Option<SeenType>,
    warnings: Vec<Warning>,
}

/// What a page of entities shows.
#[derive(Default)]
struct PageSeen {
    entities: u64,
    attributes: BTreeMap<AttributeName, SeenAttribute>,
    /// Whether others follow.
    more: bool,
}

impl Looking<'_> {
    async fn at(&self, r#type: &TypeName) -> Result<Looked, Refusal> {
        let one = Arc::new(of_one_type(self.question, r#type));
        let mut warnings = Vec::new();
        let mut page = FIRST;
        let mut seen = PageSeen::default();
        let mut is_whole = true;
        for _ in 0..MOST_LOOKS {
            seen = self.seen_of(self.planned(r#type), &one, page, &mut warnings).await?;
            if seen.entities > 0 || !seen.more {
                break;
            }
            is_whole = false;
            page.offset = page.offset.saturating_add(page.limit);
        }
        is_whole &= !seen.more;
        if seen.entities == 0 {
            return Ok(Looked { seen: None, warnings });
        }
        let mut found = SeenType {
            entities: is_whole.then_some(seen.entities),
            attributes: seen.attributes,
        };
        if !is_whole {
            found
                .attributes
                .values_mut()
                .for_each(|attribute| attribute.instances = None);
            if self.question.shown.is_none() {
                self.ask_for_others(r#type, &mut found).await?;
            }
            if self.counts {
                found.entities = self.counted(r#type, &one).await?;
            }
        }
        Ok(Looked {
            seen: Some(found),
            warnings,
        })
    }

    /// What the sources are asked of one type.
    fn planned(&self, r#type: &TypeName) -> Plan {
        Plan {
            sub_queries: parts(&self.plan.sub_queries, r#type, self.question),
            overloaded: self.plan.overloaded.clone(),
        }
    }

    /// What a page of the answer to a question about one type shows.
    async fn seen_of(
        &self,
        plan: Plan,
        question: &Arc<Question>,
        page: Page,
        warnings: &mut Vec<Warning>,
    ) -> Result<PageSeen, Refusal> {
        let asked = Asked {
            page,
            from: None,
            count: false,
        };
        let mut answer = unlinked::planned(plan, question, asked, self.asker, self.request).await?;
        let mut seen = PageSeen::default();
        loop {
            match answer.entities.next().await {
                Ok(entities) if entities.is_empty() => break,
                Ok(entities) => {
                    for entity in &entities {
                        self.note(entity, &mut seen);
                    }
                }
                // What was taken before is no answer.
                Err(error) => {
                    if let Some(refusal) = scan::refusal_of_the_only(&error) {
                        return Err(refusal);
                    }
                    warning::add(warnings, [Warning::from(&error)]);
                    return Ok(PageSeen::default());
                }
            }
        }
        seen.more = answer.entities.more().await;
        let (_, told) = answer.entities.settle(None).await;
        warning::add(warnings, told);
        warning::add(warnings, answer.warnings);
        Ok(seen)
    }

    fn note(&self, entity: &Entity, seen: &mut PageSeen) {
        seen.entities = seen.entities.saturating_add(1);
        let shown = self.question.shown.as_ref();
        for attribute in &entity.attributes {
            if shown.is_some_and(|shown| !shown.contains(&attribute.name)) {
                continue;
            }
            let instances = &attribute.instances;
            let noted = match seen.attributes.get_mut(&attribute.name) {
                Some(noted) => noted,
                None => seen.attributes.entry(attribute.name.clone()).or_default(),
            };
            noted
                .kinds
                .extend(instances.iter().map(|instance| instance.value.kind().as_str()));
            if shown.is_some() {
                let counts = noted.instances.get_or_insert_default();
                counts.insert(entity.id.clone(), instances.len());
            }
        }
    }

    /// How many entities of a type there are; `None`: that cannot be told.
    async fn counted(&self, r#type: &TypeName, question: &Arc<Question>) -> Result<Option<u64>, Refusal> {
        let asked = Asked {
            page: Page { limit: 0, offset: 0 },
            from: None,
            count: true,
        };
        match unlinked::planned(self.planned(r#type), question, asked, self.asker, self.request).await {
            Ok(answer) => Ok(answer.count),
            Err(refusal @ Refusal::Exhausted(_)) => Err(refusal),
            Err(_) => Ok(None),
        }
    }

    /// Adds the attributes that are said of the type, were not among what was looked at, and that some entity has. It takes a
    /// quarter of the time that is left: what was not found until then is not known.
    async fn ask_for_others(&self, r#type: &TypeName, found: &mut SeenType) -> Result<(), Refusal> {
        let now = Instant::now();
        let until = now + self.request.call.deadline.saturating_duration_since(now) / 4;
        let mut request = self.request.clone();
        request.call.deadline = until;
        request.call.requests = self.request.call.requests.again();
        request.has_part_of_the_time = true;
        let mut said = self.said_of(r#type).await;
        said.retain(|name| !found.attributes.contains_key(name));
        for name in said.into_iter().take(MOST_ASKED_FOR) {
            if Instant::now() >= until {
                break;
            }
            let mut question = of_one_type(self.question, r#type);
            question.query.attributes = vec![name.clone()];
            question.shown = Some(vec![name.clone()]);
            let mut sub_queries = narrow(&question, self.asker, std::slice::from_ref(r#type))?;
            sub_queries.retain(|one| !self.is_overloaded(one));
            let plan = Plan {
                sub_queries: parts(&sub_queries, r#type, &question),
                overloaded: self.plan.overloaded.clone(),
            };
            if plan.sub_queries.is_empty() {
                continue;
            }
            let looking = Looking {
                request: &request,
                ..*self
            };
            let (question, page) = (Arc::new(question), Page { limit: 1, offset: 0 });
            // What goes wrong here was told of what was looked at, or leaves out a name alone.
            match looking.seen_of(plan, &question, page, &mut Vec::new()).await {
                Ok(mut seen) => {
                    let seen = seen.attributes.remove(&name);
                    found.attributes.extend(seen.map(|attribute| (name, attribute)));
                }
                Err(refusal @ Refusal::Exhausted(_)) => return Err(refusal),
                Err(_) => {}
            }
        }
        Ok(())
    }

    /// Whether a source is not asked because its tenant's limit is used up.
    fn is_overloaded(&self, one: &SubQuery) -> bool {
        let mut overloaded = self.plan.overloaded.iter();
        overloaded.any(|error| error.source_id == one.source.id)
    }

    /// The names of attributes that entities of a type may have beside those that were looked at: those that a source tells by
    /// itself, and of others what the consumer may be told anyway.
    async fn said_of(&self, r#type: &TypeName) -> BTreeSet<AttributeName> {
        let mut said = BTreeSet::new();
        let mut all_tell = true;
        for asked in self
            .plan
            .sub_queries
            .iter()
            .filter(|one| one.query.types.contains(r#type))
        {
            match asked.source.adapter.told_attributes(r#type, &self.request.call).await {
                Ok(Some(told)) => said.extend(told.into_iter().filter(|name| asked.query.attributes.includes(name))),
                Ok(None) | Err(_) => all_tell = false,
            }
        }
        if !all_tell {
            let names = GrantedNames::of(self.asker, self.question.tenant.as_ref());
            said.extend(names.attributes_of(std::slice::from_ref(r#type)).unwrap_or_default());
        }
        said
    }
}
