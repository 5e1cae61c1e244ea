//! From the parameters of `queryEntity` and `retrieveEntity` (Tables 6.4.3.2-1 and 6.5.3.1-1) to a
//! [`Question`]. Everything that can be wrong with them is found here, before any source is asked.

use kakehashi_adapters::Page;
use ngsi_ld::context::Context;
use ngsi_ld::projection::{DatasetSelection, Projection};
use ngsi_ld::query::{Expression, GeoProblem, GeoQuery, IdPattern, InvalidGeoQuery, Query, SyntaxError, TypeSelection};
use ngsi_ld::{AttributeName, EntityId};

use super::joining;
use super::negotiate::MediaType;
use super::parameters::Parameters;
use super::presentation::Presentation;
use super::problem::{ErrorType, Problem};
use crate::config::TenantId;
use crate::federation::{Question, is_system_date};

/// What `queryEntity` offers.
const QUERY_PARAMETERS: [&str; 24] = [
    "type",
    "id",
    "idPattern",
    "attrs",
    "q",
    "georel",
    "geometry",
    "coordinates",
    "geoproperty",
    "geometryProperty",
    "limit",
    "offset",
    "count",
    "options",
    "format",
    "local",
    "splitEntities",
    "pick",
    "omit",
    "datasetId",
    "lang",
    "join",
    "joinLevel",
    "containedBy",
];

/// What `retrieveEntity` offers.
const RETRIEVE_PARAMETERS: [&str; 13] = [
    "type",
    "attrs",
    "pick",
    "omit",
    "datasetId",
    "lang",
    "join",
    "joinLevel",
    "containedBy",
    "options",
    "format",
    "geometryProperty",
    "local",
];

/// What CIM 009 has for these operations beyond that.
const NOT_OFFERED: [&str; 12] = [
    "collation",
    "csf",
    "entityMap",
    "entityMapLifetime",
    "expandValues",
    "jsonKeys",
    "orderBy",
    "orderFrom",
    "orderGeometry",
    "scopeQ",
    "geoQ",
    "via",
];

/// Default page size (clause 5.5.9.1): small enough to answer at once, as Orion's.
const DEFAULT_LIMIT: usize = 20;

/// Ids in one request: as many as a URL of the default length holds.
const MAX_IDS: usize = 200;

/// What surrounds the parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The request's @context.
    pub context: &'a Context,
    /// The negotiated media type.
    pub media_type: MediaType,
    /// `NGSILD-Tenant`
    pub tenant: Option<&'a TenantId>,
    /// The largest `limit`.
    pub largest_page: usize,
    /// `splitEntities`, where the request does not say it (clause 5.7.2.4).
    pub split_entities: bool,
}

/// A `queryEntity` as it was asked.
#[derive(Debug)]
pub(super) struct QueryRequest {
    /// How the answer is to look.
    pub presentation: Presentation,
    /// What is asked.
    pub question: Question,
    /// Which part of the answer.
    pub page: Page,
    /// Whether the whole is to be counted.
    pub count: bool,
}

/// Reads the query part of the URL of a `queryEntity`.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn query_request(query: Option<&str>, around: &Surroundings<'_>) -> Result<QueryRequest, Problem> {
    let parameters = Parameters::parse(query, &QUERY_PARAMETERS, &NOT_OFFERED)?;
    let presentation = Presentation::read(&parameters, around)?;
    let question = query_question(&parameters, &presentation, around)?;
    let (page, count) = page(&parameters, around)?;
    Ok(QueryRequest {
        presentation,
        question,
        page,
        count,
    })
}

/// Reads the query part of the URL of a `retrieveEntity`, with the id in its path.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn retrieve_request(
    id: &str,
    query: Option<&str>,
    around: &Surroundings<'_>,
) -> Result<(Presentation, Question), Problem> {
    let parameters = Parameters::parse(query, &RETRIEVE_PARAMETERS, &NOT_OFFERED)?;
    let presentation = Presentation::read(&parameters, around)?;
    let question = retrieve_question(id, &parameters, &presentation, around)?;
    Ok((presentation, question))
}

/// Reads the parameters of `queryEntity`.
///
/// # Errors
/// A problem that names the parameter and the position.
fn query_question(
    parameters: &Parameters<'_>,
    presentation: &Presentation,
    around: &Surroundings<'_>,
) -> Result<Question, Problem> {
    let ids = ids(parameters)?;
    let id_pattern = parameters
        .text("idPattern")?
        .map(|text| IdPattern::parse(text).map_err(|error| Problem::parameter("idPattern", 0, pattern_fault(&error))))
        .transpose()?;
    let (types, any_type) = types(parameters, around.context)?;
    let attributes = attributes("attrs", parameters, around.context)?;
    let filter = parameters
        .text("q")?
        .map(|text| Expression::parse(text, around.context).map_err(|error| syntax("q", &error)))
        .transpose()?;
    joining::check_depth(filter.as_ref(), presentation.joining.as_ref())?;
    let geo = geo(parameters, around.context)?;
    let local = match (parameters.boolean("local")?, any_type) {
        (Some(false), true) => {
            return Err(Problem::parameter(
                "type",
                0,
                "`*` means the local scope; leave `local=false` out",
            ));
        }
        (given, any_type) => given.unwrap_or(any_type),
    };
    // Clause 5.7.2.4: a date that every entity has selects nothing.
    let selects_by = |name: &AttributeName| !is_system_date(name);
    let by_attributes = attributes.iter().any(selects_by);
    let by_filter = filter
        .as_ref()
        .is_some_and(|filter| filter.attributes().into_iter().any(selects_by));
    let selective = types.is_some() || by_attributes || by_filter || geo.is_some() || local;
    if !selective {
        // Clause 5.7.2.4. `id` and `idPattern` alone are not enough.
        return Err(Problem::new(
            ErrorType::BadRequestData,
            "the query is too wide: give at least one of `type`, `attrs`, `q`, `georel` (or `local=true`), \
             with an attribute that is not a date of the system's",
        ));
    }
    let datasets = datasets(parameters)?;
    let (attributes, leaving) = what_must_be_left(attributes, presentation, datasets.is_some());
    Ok(Question {
        query: Query {
            types,
            ids,
            id_pattern,
            attributes,
            filter,
            geo,
            scope: None,
        },
        shown: presentation.asked_attributes(),
        datasets,
        leaving,
        tenant: around.tenant.cloned(),
        local,
        split_entities: parameters.boolean("splitEntities")?.unwrap_or(around.split_entities),
        system_attributes: presentation.system_attributes,
    })
}

/// Reads the parameters of `retrieveEntity`.
///
/// # Errors
/// A problem that names the parameter and the position.
fn retrieve_question(
    id: &str,
    parameters: &Parameters<'_>,
    presentation: &Presentation,
    around: &Surroundings<'_>,
) -> Result<Question, Problem> {
    let id = EntityId::parse(id).map_err(|error| {
        Problem::new(
            ErrorType::BadRequestData,
            format!("the entity id in the path is not a URI (at position 0 of the id): {error}"),
        )
    })?;
    let (types, _) = types(parameters, around.context)?;
    let attributes = attributes("attrs", parameters, around.context)?;
    let datasets = datasets(parameters)?;
    let (attributes, leaving) = what_must_be_left(attributes, presentation, datasets.is_some());
    Ok(Question {
        query: Query {
            types,
            ids: vec![id],
            attributes,
            ..Query::default()
        },
        shown: presentation.asked_attributes(),
        datasets,
        leaving,
        tenant: around.tenant.cloned(),
        local: parameters.boolean("local")?.unwrap_or(false),
        split_entities: false,
        system_attributes: presentation.system_attributes,
    })
}

/// An entity of which `pick` and `omit` leave nothing is none, and is not shown. Where attributes alone are picked that
/// is the condition that the entity has one of them, which sources can be asked; else what is left has to be looked at.
fn what_must_be_left(
    conditions: Vec<AttributeName>,
    presentation: &Presentation,
    chooses_instances: bool,
) -> (Vec<AttributeName>, Option<Projection>) {
    match presentation.picked_attributes() {
        Some(picked) if !chooses_instances => (picked, None),
        Some(picked) => (picked, presentation.may_leave_nothing()),
        None => (conditions, presentation.may_leave_nothing()),
    }
}

/// Reads `limit`, `offset` and `count` (clauses 6.3.10 and 6.3.13).
///
/// # Errors
/// A problem that names the parameter.
pub(super) fn page(parameters: &Parameters<'_>, around: &Surroundings<'_>) -> Result<(Page, bool), Problem> {
    let count = wants_count(parameters)?;
    let limit = parameters
        .whole_number("limit")?
        .unwrap_or(DEFAULT_LIMIT.min(around.largest_page));
    let offset = parameters.whole_number("offset")?.unwrap_or(0);
    if limit == 0 && !count {
        return Err(Problem::parameter(
            "limit",
            0,
            "0 is allowed only together with `count=true`",
        ));
    }
    if limit > around.largest_page {
        let detail = format!(
            "parameter `limit`: at most {} entities a page; walk with `offset`",
            around.largest_page
        );
        return Err(Problem::new(ErrorType::TooManyResults, detail));
    }
    Ok((Page { limit, offset }, count))
}

fn wants_count(parameters: &Parameters<'_>) -> Result<bool, Problem> {
    let by_option = parameters.list("options")?.iter().any(|(_, option)| *option == "count");
    Ok(parameters.boolean("count")?.unwrap_or(by_option))
}

fn ids(parameters: &Parameters<'_>) -> Result<Vec<EntityId>, Problem> {
    let mut ids: Vec<EntityId> = Vec::new();
    for (position, text) in parameters.list("id")? {
        let id = EntityId::parse(text)
            .map_err(|error| Problem::parameter("id", position, format_args!("the id is not a URI: {error}")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MAX_IDS {
        return Err(Problem::parameter(
            "id",
            0,
            format_args!("at most {MAX_IDS} ids in one request"),
        ));
    }
    Ok(ids)
}

/// The type selection, and whether it is `*`, which means the local scope.
fn types(parameters: &Parameters<'_>, context: &Context) -> Result<(Option<TypeSelection>, bool), Problem> {
    match parameters.text("type")? {
        None => Ok((None, false)),
        Some("*") => Ok((None, true)),
        Some(text) => {
            let selection = TypeSelection::parse(text, context).map_err(|error| syntax("type", &error))?;
            Ok((Some(selection), false))
        }
    }
}

pub(super) fn attributes(
    name: &str,
    parameters: &Parameters<'_>,
    context: &Context,
) -> Result<Vec<AttributeName>, Problem> {
    parameters
        .list(name)?
        .into_iter()
        .map(|(position, attribute)| expand_attribute(name, position, attribute, context))
        .collect()
}

pub(super) fn expand_attribute(
    parameter: &str,
    position: usize,
    name: &str,
    context: &Context,
) -> Result<AttributeName, Problem> {
    context
        .expand_attribute(name)
        .map_err(|error| Problem::parameter(parameter, position, error))
}

/// `datasetId`: which instances of the attributes are shown (clause 4.5.5.1).
fn datasets(parameters: &Parameters<'_>) -> Result<Option<DatasetSelection>, Problem> {
    let datasets = parameters.text("datasetId")?.map(DatasetSelection::parse).transpose();
    datasets.map_err(|error| Problem::parameter("datasetId", error.position, "expected a URI or `@none`"))
}

fn geo(parameters: &Parameters<'_>, context: &Context) -> Result<Option<GeoQuery>, Problem> {
    let together = ["georel", "geometry", "coordinates"];
    let mut given = Vec::new();
    for name in together {
        given.push(parameters.text(name)?);
    }
    let geoproperty = parameters.text("geoproperty")?;
    match given.as_slice() {
        [None, None, None] => Ok(None),
        [Some(georel), Some(geometry), Some(coordinates)] => {
            GeoQuery::parse(georel, geometry, coordinates, geoproperty, context)
                .map(Some)
                .map_err(|error| geometry_fault(&error))
        }
        _ => {
            let missing = together.iter().zip(&given).find(|(_, value)| value.is_none());
            let missing = missing.map_or("georel", |(name, _)| name);
            let detail =
                format!("parameter `{missing}` is missing: a geo-query needs `georel`, `geometry` and `coordinates`");
            Err(Problem::new(ErrorType::BadRequestData, detail))
        }
    }
}

fn geometry_fault(error: &InvalidGeoQuery) -> Problem {
    let parameter = error.parameter.as_str();
    match &error.problem {
        GeoProblem::Syntax(error) => syntax(parameter, error),
        GeoProblem::Geometry(error) => Problem::parameter(parameter, 0, error),
    }
}

pub(super) fn syntax(parameter: &str, error: &SyntaxError) -> Problem {
    let detail = format_args!("expected {}, found {}", error.expected, error.found);
    Problem::parameter(parameter, error.position, detail)
}

/// What is wrong with a regular expression, in one line.
fn pattern_fault(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large; make it shorter".to_owned(),
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            format!("not a regular expression: {last}")
        }
    }
}
