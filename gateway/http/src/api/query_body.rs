//! The body of `POST /entityOperations/query`: a Query (Table 5.2.23-1). Its members stand for the parameters of
//! `GET /entities` and are read as those are, so that both mean the same; what chooses entities by type and id is a list
//! of its own.

use std::borrow::Cow;

use kakehashi_federation::selectors::EntitySelector;
use kakehashi_subscriptions::members::At;
use kakehashi_subscriptions::{self, Fault};
use ngsi_ld::context::Context;
use serde_json::{Map, Value};

use super::parameters::{Parameters, canonical_name};
use super::unknown_parameters::nearest;
use crate::problem::{ErrorType, Problem};

/// Most entity selectors of one query.
const MOST_SELECTORS: usize = 50;

/// Most ids of all selectors of one query together: a page.
const MOST_IDS: usize = 1000;

/// Most names in a list.
const MOST_IN_LIST: usize = 500;

/// Members that are texts, as the parameters of the same name are.
pub(super) const TEXTS: [&str; 8] = [
    "q",
    "scopeQ",
    "csf",
    "expandValues",
    "jsonKeys",
    "lang",
    "join",
    "entityMapLifetime",
];

/// Members that are true or false, as the parameters of the same name are.
pub(super) const FLAGS: [&str; 2] = ["splitEntities", "entityMap"];

/// Members that are arrays of texts, and whether one of these may hold a comma, as `a{b,c}` of a projection.
pub(super) const LISTS: [(&str, bool); 5] = [
    ("attrs", false),
    ("pick", true),
    ("omit", true),
    ("datasetId", false),
    ("containedBy", false),
];

/// The parts of `geoQ`, which are parameters of the same name; one has another name with some clients.
const GEO_QUERY: [&str; 5] = ["georel", "geometry", "coordinates", "coords", "geoproperty"];
/// Those that a geo-query cannot do without.
const GEO_QUERY_NEEDS: [&str; 3] = ["georel", "geometry", "coordinates"];

/// The parts of `ordering`, and the parameters that they stand for.
const ORDERING: [(&str, &str); 4] = [
    ("orderBy", "orderBy"),
    ("coordinates", "orderFrom"),
    ("geometry", "orderGeometry"),
    ("collation", "collation"),
];

/// Members that only the query of temporal evolutions has.
const TEMPORAL: [&str; 2] = ["temporalQ", "aggrParams"];

/// Every member.
pub(super) const MEMBERS: [&str; 21] = [
    "type",
    "entities",
    "q",
    "geoQ",
    "scopeQ",
    "csf",
    "attrs",
    "pick",
    "omit",
    "datasetId",
    "lang",
    "ordering",
    "splitEntities",
    "expandValues",
    "jsonKeys",
    "join",
    "joinLevel",
    "containedBy",
    "entityMap",
    "entityMapLifetime",
    "@context",
];

/// A query as a body has it: the parameters, and which entities are chosen. Without `entities` none.
#[derive(Debug)]
pub(super) struct PostedQuery<'a> {
    pub parameters: Parameters<'a>,
    pub selectors: Vec<EntitySelector>,
}

/// Reads the members of the body, beside what stands in the URL.
///
/// # Errors
/// A problem that names the parameter or the member.
//= 5.2.23-1
pub(super) fn read<'a>(
    parameters: Parameters<'a>,
    members: &'a Map<String, Value>,
    context: &Context,
) -> Result<PostedQuery<'a>, Problem> {
    let mut reading = Reading { parameters };
    let mut selectors = Vec::new();
    let is_query = members.get("type").is_some_and(|r#type| r#type == "Query");
    if !is_query {
        let detail = "member `type`: expected \"Query\"";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    }
    for (name, value) in members {
        let at = At::member(name, value);
        match name.as_str() {
            "type" | "@context" => {}
            "entities" => selectors = read_selectors(&at, context)?,
            _ => reading.add(name, &at)?,
        }
    }
    Ok(PostedQuery {
        parameters: reading.parameters,
        selectors,
    })
}

/// The parameters of `GET /entities` that are conditions, and the members that they stand in here.
pub(super) const IN_BODY: [(&str, &str); 18] = [
    ("type", "entities"),
    ("id", "entities"),
    ("idPattern", "entities"),
    ("attrs", "attrs"),
    ("q", "q"),
    ("geoQ", "geoQ"),
    ("georel", "geoQ"),
    ("geometry", "geoQ"),
    ("coordinates", "geoQ"),
    ("geoproperty", "geoQ"),
    ("scopeQ", "scopeQ"),
    ("csf", "csf"),
    ("expandValues", "expandValues"),
    ("jsonKeys", "jsonKeys"),
    ("orderBy", "ordering"),
    ("orderFrom", "ordering"),
    ("orderGeometry", "ordering"),
    ("collation", "ordering"),
];

struct Reading<'a> {
    parameters: Parameters<'a>,
}

impl<'a> Reading<'a> {
    //= 5.2.23-2, 5.2.23-3
    fn add(&mut self, name: &str, at: &At<'a>) -> Result<(), Problem> {
        if TEMPORAL.contains(&name) {
            return Err(at
                .invalid("it is for queries of the temporal evolution of entities only")
                .into());
        }
        if let Some(name) = TEXTS.iter().find(|text| **text == name) {
            return self.parameters.add_member(name, &at.path, at.text()?);
        }
        if let Some(name) = FLAGS.iter().find(|flag| **flag == name) {
            let value = if at.boolean()? { "true" } else { "false" };
            return self.parameters.add_member(name, &at.path, value);
        }
        if let Some((name, may_hold_comma)) = LISTS.iter().find(|(list, _)| *list == name) {
            return self.add_list(name, at, *may_hold_comma);
        }
        match name {
            "geoQ" => self.add_geo_query(at),
            "ordering" => self.add_ordering(at),
            "joinLevel" => {
                let level = join_level(at)?.to_string();
                self.parameters.add_member("joinLevel", &at.path, level)
            }
            _ => {
                let hint = match nearest(name, MEMBERS) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                // A member that is not understood could have been a condition.
                Err(at.invalid(format_args!("a Query has no such member{hint}")).into())
            }
        }
    }

    fn add_list(&mut self, name: &'static str, at: &At<'a>, may_hold_comma: bool) -> Result<(), Problem> {
        let elements = at.elements(MOST_IN_LIST)?;
        let mut texts = Vec::with_capacity(elements.len());
        for element in &elements {
            let text = element.text()?;
            if text.contains(',') && !may_hold_comma {
                return Err(element.invalid("it holds a comma; each element is one name").into());
            }
            texts.push(text);
        }
        self.parameters.add_elements(name, &at.path, &texts)
    }

    fn add_geo_query(&mut self, at: &At<'a>) -> Result<(), Problem> {
        for (name, member) in at.object(&GEO_QUERY)? {
            let name = canonical_name(Cow::Borrowed(name));
            let Some(parameter) = GEO_QUERY.iter().find(|part| **part == name) else {
                continue;
            };
            match member.value {
                Value::Array(_) if *parameter == "coordinates" => {
                    self.parameters
                        .add_member(parameter, &member.path, member.value.to_string())?;
                }
                _ => self.parameters.add_member(parameter, &member.path, member.text()?)?,
            }
        }
        let missing = GEO_QUERY_NEEDS.iter().find(|part| self.parameters.get(part).is_none());
        missing.map_or(Ok(()), |part| {
            Err(at.invalid(format_args!("`{part}` is missing")).into())
        })
    }

    //= 5.2.23-6, 5.2.43-1
    fn add_ordering(&mut self, at: &At<'a>) -> Result<(), Problem> {
        for (name, member) in at.object(&ORDERING.map(|(member, _)| member))? {
            let Some((_, parameter)) = ORDERING.iter().find(|(member, _)| *member == name) else {
                continue;
            };
            match name {
                "orderBy" => self.add_list(parameter, &member, false)?,
                "coordinates" if member.value.is_array() => {
                    self.parameters
                        .add_member(parameter, &member.path, member.value.to_string())?;
                }
                "coordinates" => return Err(member.invalid("expected an array of coordinates").into()),
                _ => self.parameters.add_member(parameter, &member.path, member.text()?)?,
            }
        }
        if self.parameters.get("orderBy").is_none() {
            return Err(at.invalid("`orderBy` is missing").into());
        }
        Ok(())
    }
}

/// `joinLevel`, a positive integer.
fn join_level(at: &At<'_>) -> Result<u64, Fault> {
    let level = at.value.as_u64().filter(|level| *level > 0);
    level.ok_or_else(|| at.invalid("expected a whole number from 1"))
}

//= 5.2.33-2
fn read_selectors(at: &At<'_>, context: &Context) -> Result<Vec<EntitySelector>, Fault> {
    let elements = at.elements(MOST_SELECTORS)?;
    let selectors = elements.iter().map(|element| read_selector(element, context));
    let selectors = selectors.collect::<Result<Vec<_>, _>>()?;
    let ids: usize = selectors.iter().map(|selector| selector.ids.len()).sum();
    if ids > MOST_IDS {
        return Err(at.invalid(format_args!("at most {MOST_IDS} ids in one query")));
    }
    Ok(selectors)
}

fn read_selector(at: &At<'_>, context: &Context) -> Result<EntitySelector, Fault> {
    let read = kakehashi_subscriptions::selector(at, MOST_IDS, context)?;
    let mut ids = read.ids;
    ids.sort_unstable();
    ids.dedup();
    Ok(EntitySelector {
        types: read.types,
        // Clause 5.2.33: `id` takes precedence.
        id_pattern: read.id_pattern.filter(|_| ids.is_empty()),
        ids,
    })
}
