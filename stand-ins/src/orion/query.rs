//! Selecting, ordering, paging and counting entities.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use regex::Regex;

use super::entity::render::View;
use super::entity::{Attribute, Entity};
use super::error::OrionError;
use super::filter::{Statement, Subject};
use super::geometry::Place;
use super::json::Json;
use super::path::ServicePaths;
use super::store::{Sequence, Service};

/// A list query. Several selectors are alternatives; everything else must hold.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) selectors: Vec<Selector>,
    pub(crate) statements: Vec<Statement>,
    pub(crate) place: Option<Place>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) count: bool,
}

/// Which ids and types. What is `None` is not looked at.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    pub(crate) ids: Option<Vec<String>>,
    /// Of ids in the address, what they mean as a regular expression, where they mean more than themselves.
    pub(crate) ids_as_pattern: Option<Option<Regex>>,
    /// The inner `None`: a pattern that does not compile selects nothing.
    pub(crate) id_pattern: Option<Option<Regex>>,
    pub(crate) types: Option<Vec<String>>,
    pub(crate) type_pattern: Option<Option<Regex>>,
}

/// One key of `orderBy`.
#[derive(Debug)]
pub(crate) struct Order {
    key: String,
    descending: bool,
}

/// A page of the answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    pub(crate) total: Option<usize>,
}

// === impl Selector ===

impl Selector {
    /// A pattern is searched for, not matched against the whole. In brackets a bracket stands for itself.
    pub(crate) fn pattern(text: &str) -> Option<Regex> {
        Regex::new(&text.replace("[[]", r"\[")).ok()
    }

    /// What a list of ids in an address means as a regular expression; `None`: they mean themselves alone. One that is none
    /// empties the answer.
    pub(crate) fn ids_as_pattern(ids: &[String]) -> Option<Option<Regex>> {
        let means_more = |id: &String| id.contains(['.', '+', '*', '$', '[', ']', '(', ')', '|', '^', '\\', '{', '}']);
        let pattern = || {
            let each: Vec<String> = ids.iter().map(|id| format!("^{id}$")).collect();
            Self::pattern(&each.join("|"))
        };
        ids.iter().any(means_more).then(pattern)
    }

    fn selects(&self, entity: &Entity) -> bool {
        let listed = |list: &Option<Vec<String>>, name: &String| list.as_ref().is_none_or(|list| list.contains(name));
        let found = |pattern: &Option<Option<Regex>>, name: &str| {
            pattern
                .as_ref()
                .is_none_or(|pattern| pattern.as_ref().is_some_and(|pattern| pattern.is_match(name)))
        };
        listed(&self.types, &entity.kind)
            && match &self.ids_as_pattern {
                Some(_) => found(&self.ids_as_pattern, &entity.id),
                None => listed(&self.ids, &entity.id),
            }
            && found(&self.id_pattern, &entity.id)
            && found(&self.type_pattern, &entity.kind)
    }

    /// One item of `entities` in the body of `POST /v2/op/query`.
    pub(crate) fn read(json: &Json) -> Result<Self, OrionError> {
        let text = |name: &str| json.get(name).and_then(Json::text);
        if text("id").is_some() && text("idPattern").is_some() {
            return Err(OrionError::bad_request(
                "/entities/ vector item has both /id/ and /idPattern/",
            ));
        }
        if text("id").is_none() && text("idPattern").is_none() {
            return Err(OrionError::bad_request("nor /id/ nor /idPattern/ present"));
        }
        Ok(Self {
            ids: text("id").map(|id| vec![id.to_owned()]),
            ids_as_pattern: None,
            id_pattern: text("idPattern").map(Self::pattern),
            types: text("type").map(|kind| vec![kind.to_owned()]),
            type_pattern: text("typePattern").map(Self::pattern),
        })
    }
}

// === impl Query ===

impl Query {
    /// Adds what the body of `POST /v2/op/query` says, and gives the view that it asks for.
    pub(crate) fn read_body(&mut self, body: &Json, mut view: View) -> Result<View, OrionError> {
        let entities = body.get("entities").and_then(Json::items).unwrap_or(&[]);
        self.selectors = entities.iter().map(Selector::read).collect::<Result<_, _>>()?;
        if self.selectors.is_empty() {
            self.selectors.push(Selector::default());
        }
        if let Some(expression) = body.get("expression") {
            let text = |name: &str| expression.get(name).and_then(Json::text);
            self.filter(Subject::Attributes, text("q"))?;
            self.filter(Subject::Metadata, text("mq"))?;
            self.place = Place::read(text("georel"), text("geometry"), text("coords"))?;
        }
        for (name, chosen) in [("attrs", &mut view.attributes), ("metadata", &mut view.metadata)] {
            let names = body.get(name).and_then(Json::items).unwrap_or(&[]);
            if !names.is_empty() {
                *chosen = Some(names.iter().filter_map(Json::text).map(str::to_owned).collect());
            }
        }
        Ok(view)
    }

    /// Runs the query over one service's entities. `near_quirk`: count as a real Orion was seen to.
    pub(crate) fn run(&self, service: &Service, paths: &ServicePaths, view: &View, near_quirk: bool) -> Page {
        match self.plain(paths) {
            Some(None) => {
                let page = service.all().skip(self.offset).take(self.limit);
                return self.page(page, service.len(), view);
            }
            Some(Some(kind)) => {
                let sequences = service.of_type(kind);
                let page = sequences
                    .into_iter()
                    .flatten()
                    .skip(self.offset)
                    .take(self.limit)
                    .filter_map(|sequence| service.entity(*sequence));
                return self.page(page, sequences.map_or(0, BTreeSet::len), view);
            }
            None => {}
        }
        let everything = paths.are_everything();
        let selected = |entity: &&Entity| {
            (everything || paths.contain(&entity.path))
                && self.selectors.iter().any(|selector| selector.selects(entity))
                && self.statements.iter().all(|statement| statement.holds(entity))
        };
        let candidates = self.candidates(service);
        let mut found: Vec<&Entity> = Vec::new();
        let mut quirky_total = 0;
        for entity in candidates.filter(selected) {
            let location = entity.location.as_ref();
            let Some(place) = &self.place else {
                found.push(entity);
                continue;
            };
            if place.selects(location) {
                found.push(entity);
            }
            if place.counts_near(location).unwrap_or(false) {
                quirky_total += 1;
            }
        }
        let counts_wrongly = near_quirk
            && self
                .place
                .as_ref()
                .is_some_and(|place| place.counts_near(None).is_some());
        let total = if counts_wrongly { quirky_total } else { found.len() };
        self.sort(&mut found);
        let page = found.into_iter().skip(self.offset).take(self.limit);
        self.page(page, total, view)
    }

    /// The type of a query for everything of one type, or `None` inside for everything of all types:
    /// answered from the index, without looking at what is not on the page.
    fn plain(&self, paths: &ServicePaths) -> Option<Option<&str>> {
        let is_plain =
            self.statements.is_empty() && self.place.is_none() && self.order.is_empty() && paths.are_everything();
        let selector = match self.selectors.as_slice() {
            [selector] if is_plain => selector,
            _ => return None,
        };
        match selector {
            Selector {
                ids: None,
                id_pattern: None,
                types,
                ids_as_pattern: _,
                type_pattern: None,
            } => match types.as_deref() {
                None => Some(None),
                Some([kind]) => Some(Some(kind)),
                Some(_) => None,
            },
            _ => None,
        }
    }

    /// Entities worth looking at, in the order of their creation.
    fn candidates<'s>(&self, service: &'s Service) -> Box<dyn Iterator<Item = &'s Entity> + 's> {
        let by_index: Option<BTreeSet<Sequence>> = match self.selectors.as_slice() {
            [
                Selector {
                    ids: Some(ids),
                    ids_as_pattern: None,
                    ..
                },
            ] => Some(ids.iter().flat_map(|id| service.of_id(id)).copied().collect()),
            [Selector { types: Some(types), .. }] => Some(
                types
                    .iter()
                    .filter_map(|kind| service.of_type(kind))
                    .flatten()
                    .copied()
                    .collect(),
            ),
            _ => None,
        };
        match by_index {
            Some(sequences) => Box::new(sequences.into_iter().filter_map(|sequence| service.entity(sequence))),
            None => Box::new(service.all()),
        }
    }

    fn page<'e>(&self, page: impl Iterator<Item = &'e Entity>, total: usize, view: &View) -> Page {
        let mut body = vec![b'['];
        for entity in page {
            if body.len() > 1 {
                body.push(b',');
            }
            view.write(entity, &mut body);
        }
        body.push(b']');
        Page {
            body,
            total: self.count.then_some(total),
        }
    }

    /// Stable: entities that no key tells apart stay in the order of their creation.
    fn sort(&self, entities: &mut [&Entity]) {
        if self.order.is_empty() {
            return;
        }
        entities.sort_by(|left, right| {
            self.order
                .iter()
                .map(|order| {
                    let ordering = self.compared(&order.key, left, right);
                    if order.descending { ordering.reverse() } else { ordering }
                })
                .find(|ordering| ordering.is_ne())
                .unwrap_or(Ordering::Equal)
        });
    }

    fn compared(&self, key: &str, left: &Entity, right: &Entity) -> Ordering {
        match key {
            "id" => left.id.cmp(&right.id),
            "type" => left.kind.cmp(&right.kind),
            "dateCreated" => left.created.total_cmp(&right.created),
            "dateModified" => left.modified.total_cmp(&right.modified),
            "geo:distance" => {
                let distance = |entity: &Entity| match (&self.place, &entity.location) {
                    (Some(place), Some(location)) => place.distance(location),
                    _ => f64::INFINITY,
                };
                // Of equally near ones the database was seen to give the newer first.
                distance(left)
                    .total_cmp(&distance(right))
                    .then_with(|| right.created.total_cmp(&left.created))
            }
            name => rank(left.attributes.get(name)).compared(&rank(right.attributes.get(name))),
        }
    }
}

// === impl Order ===

impl Order {
    pub(crate) fn read(key: &str) -> Self {
        let (key, descending) = match key.strip_prefix('!') {
            Some(key) => (key, true),
            None => (key, false),
        };
        Self {
            key: key.to_owned(),
            descending,
        }
    }
}

/// The database's order of values of different kinds: nothing, numbers, texts, objects, lists, flags.
struct Rank<'e> {
    kind: u8,
    number: f64,
    text: &'e str,
}

fn rank(attribute: Option<&Attribute>) -> Rank<'_> {
    let (mut number, mut text) = (0.0, "");
    let comparable = attribute.and_then(Attribute::comparable);
    let kind = match (comparable, attribute.map(|attribute| &attribute.value)) {
        (Some(value), _) => {
            number = value;
            1
        }
        (None, Some(Json::String(value))) => {
            text = value;
            2
        }
        (None, Some(Json::Object(_))) => 3,
        (None, Some(Json::Array(_))) => 4,
        (None, Some(Json::Bool(flag))) => {
            number = f64::from(u8::from(*flag));
            5
        }
        (None, None | Some(Json::Null | Json::Number(_))) => 0,
    };
    Rank { kind, number, text }
}

// === impl Rank ===

impl Rank<'_> {
    fn compared(&self, other: &Self) -> Ordering {
        self.kind
            .cmp(&other.kind)
            .then_with(|| self.number.total_cmp(&other.number))
            .then_with(|| self.text.cmp(other.text))
    }
}
