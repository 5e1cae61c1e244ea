//! From the parameters of `queryEntity` and `retrieveEntity` (Tables 6.4.3.2-1 and 6.5.3.1-1), or the body that stands
//! for them (Table 5.2.23-1), to a [`Question`]. Everything that can be wrong with them is found here, before any source
//! is asked.

use kakehashi_adapters::Page;
use kakehashi_federation::Question;
use kakehashi_federation::selectors::{EntitySelector, joined};
use ngsi_ld::context::Context;
use ngsi_ld::projection::{DatasetSelection, Projection};
use ngsi_ld::query::{ContextSourceFilter, Expression, IdPattern, Query, ScopeQuery, TypeSelection, ValueExpansion};
use ngsi_ld::{AttributeName, EntityId};

use super::entity_maps::Wish;
use super::geo_parameters::geo_query;
use super::joining;
use super::ordering_parameters::ordering;
use super::parameters::{Parameters, attributes, syntax};
use super::presentation::Presentation;
use super::surroundings::Surroundings;
use crate::problem::{ErrorType, Problem};

/// Default page size (clause 5.5.9.1): small enough to answer at once, as Orion's.
const DEFAULT_LIMIT: usize = 20;

/// Ids in one request: as many as a URL of the default length holds.
const MAX_IDS: usize = 200;

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
    /// Where the page begins, as the one before it has told.
    pub cursor: Option<String>,
    /// What is wanted of an entity map.
    pub map: Wish,
}

/// Which entities are chosen by type and id.
#[derive(Debug)]
pub(super) struct Selection {
    /// One of them must select an entity. None: any entity.
    pub selectors: Vec<EntitySelector>,
    /// Whether a type is `*`, which means the local scope.
    pub any_type: bool,
}

/// Reads a `queryEntity`, wherever its parameters stood.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn read_query(
    parameters: &Parameters<'_>,
    selection: Selection,
    around: &Surroundings<'_>,
) -> Result<QueryRequest, Problem> {
    let presentation = Presentation::read(parameters, around)?;
    let question = query_question(parameters, selection, &presentation, around)?;
    let (page, count) = page(parameters, around)?;
    Ok(QueryRequest {
        presentation,
        question,
        page,
        count,
        cursor: parameters.text("cursor")?.map(str::to_owned),
        map: Wish::read(parameters)?,
    })
}

/// Reads the parameters of `queryEntity`.
///
/// # Errors
/// A problem that names the parameter and the position.
//= 5.7.2.4-2
fn query_question(
    parameters: &Parameters<'_>,
    selection: Selection,
    presentation: &Presentation,
    around: &Surroundings<'_>,
) -> Result<Question, Problem> {
    let (covering, selectors) = joined(selection.selectors);
    let attributes = attributes("attrs", parameters, around.context)?;
    let filter = filter(parameters, around.context)?;
    let scope = parameters.text("scopeQ")?.map(ScopeQuery::parse).transpose();
    let scope = scope.map_err(|error| syntax(parameters, "scopeQ", &error))?;
    let source_filter = parameters.text("csf")?.map(ContextSourceFilter::parse).transpose();
    let source_filter = source_filter.map_err(|error| syntax(parameters, "csf", &error))?;
    joining::check_depth(parameters, filter.as_ref(), presentation.joining.as_ref())?;
    let geo = geo_query(parameters, around.context)?;
    let local = local_scope(parameters, selection.any_type)?;
    if covering.types.is_none() && geo.is_none() && !local {
        check_is_narrow(&attributes, filter.as_ref())?;
    }
    let datasets = datasets(parameters)?;
    let (attributes, leaving) = what_must_be_left(attributes, presentation, datasets.is_some());
    Ok(Question {
        query: Query {
            types: covering.types,
            ids: covering.ids,
            id_pattern: covering.id_pattern,
            attributes,
            filter,
            geo,
            scope,
        },
        selectors,
        source_filter,
        order: ordering(parameters, around.context)?,
        shown: presentation.asked_attributes(),
        datasets,
        leaving,
        held_by: None,
        tenant: around.tenant.cloned(),
        local,
        takes_writes: false,
        split_entities: parameters.boolean("splitEntities")?.unwrap_or(around.split_entities),
        system_attributes: presentation.system_attributes,
        is_tagged: false,
    })
}

/// `local` (clause 6.3.18). `any_type`: whether a type is `*`.
//= 6.3.18-1, 6.4.3.2-9, 6.4.3.3-7
fn local_scope(parameters: &Parameters<'_>, any_type: bool) -> Result<bool, Problem> {
    match parameters.boolean("local")? {
        Some(false) if any_type => {
            let detail = "the type `*` means the local scope; leave `local=false` out";
            Err(parameters.fault("local", 0, detail))
        }
        given => Ok(given.unwrap_or(any_type)),
    }
}

/// Clause 5.7.2.4: of a question without types, place and local scope, an attribute must narrow it. `id` and `idPattern`
/// are not enough, and a date that every entity has selects nothing.
//= 5.6.21.4-1, 5.7.2.4-1, 6.4.3.2-4, 6.4.3.3-4
fn check_is_narrow(attributes: &[AttributeName], filter: Option<&Expression>) -> Result<(), Problem> {
    let selects = |name: &AttributeName| !name.is_system_date();
    let by_filter = filter.is_some_and(|filter| filter.attributes().into_iter().any(selects));
    if by_filter || attributes.iter().any(selects) {
        return Ok(());
    }
    Err(Problem::new(
        ErrorType::BadRequestData,
        "the query is too wide: give at least one of `type`, `attrs`, `q`, `georel` (or `local=true`), \
         with an attribute that is not a date of the system's",
    ))
}

/// Reads the parameters of `retrieveEntity`, with the id in its path.
///
/// # Errors
/// A problem that names the parameter and the position.
//= 5.7.1.4-11, 6.5.3.1-4
pub(super) fn retrieve_question(
    id: &str,
    parameters: &Parameters<'_>,
    presentation: &Presentation,
    around: &Surroundings<'_>,
) -> Result<Question, Problem> {
    let id = entity_id(id)?;
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
        system_attributes: presentation.system_attributes,
        is_tagged: true,
        ..Question::default()
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
//= 5.5.9.1-1, 5.7.2.4-16
pub(super) fn page(parameters: &Parameters<'_>, around: &Surroundings<'_>) -> Result<(Page, bool), Problem> {
    let default = DEFAULT_LIMIT.min(around.largest_page);
    page_by_default(parameters, around, default)
}

/// The same of what is told whole where nobody names a `limit`.
///
/// # Errors
/// As [`page`].
pub(super) fn page_or_whole(parameters: &Parameters<'_>, around: &Surroundings<'_>) -> Result<(Page, bool), Problem> {
    page_by_default(parameters, around, usize::MAX)
}

//= 5.5.9.1-1, 6.3.10-1, 6.3.10-4, 6.3.13-2
fn page_by_default(
    parameters: &Parameters<'_>,
    around: &Surroundings<'_>,
    default: usize,
) -> Result<(Page, bool), Problem> {
    let count = wants_count(parameters)?;
    let named = parameters.whole_number("limit")?;
    let limit = named.unwrap_or(default);
    let offset = parameters.whole_number("offset")?.unwrap_or(0);
    if limit == 0 && !count {
        return Err(Problem::parameter(
            "limit",
            0,
            "0 is allowed only together with `count=true`",
        ));
    }
    if named.is_some_and(|limit| limit > around.largest_page) {
        let detail = format!(
            "parameter `limit`: at most {} entities a page; walk with `offset`",
            around.largest_page
        );
        return Err(Problem::new(ErrorType::TooManyResults, detail));
    }
    Ok((Page { limit, offset }, count))
}

//= 6.3.13-1
fn wants_count(parameters: &Parameters<'_>) -> Result<bool, Problem> {
    let by_option = parameters.list("options")?.iter().any(|(_, option)| *option == "count");
    Ok(parameters.boolean("count")?.unwrap_or(by_option))
}

/// `type`, `id` and `idPattern` of the URL.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn selection(parameters: &Parameters<'_>, context: &Context) -> Result<Selection, Problem> {
    let (types, any_type) = types(parameters, context)?;
    let pattern = parameters.text("idPattern")?.map(IdPattern::parse).transpose();
    let selector = EntitySelector {
        types,
        ids: ids(parameters)?,
        id_pattern: pattern.map_err(|error| parameters.fault("idPattern", 0, pattern_fault(&error)))?,
    };
    Ok(Selection {
        selectors: vec![selector],
        any_type,
    })
}

//= 5.6.21.4-2, 5.7.2.4-2, 6.4.3.2-7, 6.4.3.3-6
fn ids(parameters: &Parameters<'_>) -> Result<Vec<EntityId>, Problem> {
    let mut ids: Vec<EntityId> = Vec::new();
    for (position, text) in parameters.list("id")? {
        let id = EntityId::parse(text)
            .map_err(|error| parameters.fault("id", position, format_args!("the id is not a URI: {error}")))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MAX_IDS {
        let detail = format_args!("at most {MAX_IDS} ids in one request; POST /entityOperations/query takes more");
        return Err(parameters.fault("id", 0, detail));
    }
    Ok(ids)
}

/// The type selection, and whether it is `*`, which means the local scope.
///
/// # Errors
/// A problem that names the position.
//= 5.7.2.4-8
pub(super) fn types(parameters: &Parameters<'_>, context: &Context) -> Result<(Option<TypeSelection>, bool), Problem> {
    match parameters.text("type")? {
        None => Ok((None, false)),
        Some("*") => Ok((None, true)),
        Some(text) => {
            let selection = TypeSelection::parse(text, context).map_err(|error| syntax(parameters, "type", &error))?;
            Ok((Some(selection), false))
        }
    }
}

/// What is wrong with the id of an entity in a path that is not even text.
pub(super) fn not_utf8() -> Problem {
    let detail = "the entity id is not a URI: its percent-encoded bytes are not UTF-8";
    Problem::new(ErrorType::BadRequestData, detail)
}

/// The id of an entity in a path.
///
/// # Errors
/// 400 when it is no URI.
//= 5.6.2.4-1, 5.6.3.4-1, 5.6.4.4-1, 5.6.5.4-1, 5.6.6.4-1, 5.6.17.4-1, 5.6.18.4-1, 5.6.19.4-1, 5.7.1.4-1
pub(super) fn entity_id(id: &str) -> Result<EntityId, Problem> {
    EntityId::parse(id).map_err(|error| {
        let detail = format!("the entity id in the path is not a URI (at position 0 of the id): {error}");
        Problem::new(ErrorType::BadRequestData, detail)
    })
}

/// `datasetId`: which instances of the attributes are shown (clause 4.5.5.1).
//= 6.4.3.2-7, 6.5.3.1-5
fn datasets(parameters: &Parameters<'_>) -> Result<Option<DatasetSelection>, Problem> {
    let datasets = parameters.text("datasetId")?.map(DatasetSelection::parse).transpose();
    datasets.map_err(|error| parameters.fault("datasetId", error.position, "expected a URI or `@none`"))
}

/// `q`, with `expandValues` and `jsonKeys` (clause 4.9).
//= 4.9-14, 5.7.2.3-2, 5.7.2.4-8, 6.4.3.2-8
fn filter(parameters: &Parameters<'_>, context: &Context) -> Result<Option<Expression>, Problem> {
    let values = ValueExpansion {
        expand: attributes("expandValues", parameters, context)?,
        json: attributes("jsonKeys", parameters, context)?,
    };
    // A URL is decoded where it is read, and nothing twice.
    let read = match parameters.is_member("q") {
        true => Expression::parse_of_body,
        false => Expression::parse_with,
    };
    let filter = parameters
        .text("q")?
        .map(|text| read(text, context, &values))
        .transpose();
    filter.map_err(|error| syntax(parameters, "q", &error))
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
