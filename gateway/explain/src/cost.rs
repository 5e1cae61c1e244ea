//! How a question is split between a source and the gateway, and what answering it costs: how many requests, and how much
//! of the source has to be read.

use kakehashi_adapters::{AskedRequest, Coverage, PushDown};
use kakehashi_federation::Question;
use kakehashi_federation::plan::SubQuery;
use serde::Serialize;

/// One condition of the request, and who decides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionShown {
    /// The parameter.
    pub condition: &'static str,
    /// How much of it the source decides.
    pub pushed_down: PushedDown,
    /// Why the gateway decides the rest; nothing is left where the source decides all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<&'static str>,
}

/// How much of a condition a source decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PushedDown {
    /// All of it.
    Whole,
    /// It leaves out some of what does not match.
    Partly,
    /// Nothing.
    Nothing,
}

/// What one question costs a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Requests that do not wait for each other's answers. Each may have further pages.
    pub requests: usize,
    /// What is read of the source.
    pub reads: Reads,
    /// Entities that are read at most, beyond which the source's part is refused or missing with a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<usize>,
}

/// How much of a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// Nothing: it cannot have what is asked for.
    Nothing,
    /// One entity, by its id.
    Entity,
    /// One page of the answer, and whether there is another: the source decides everything.
    Page,
    /// What the source does not leave out, all of it.
    Candidates,
    /// All entities of the types: a scan.
    Everything,
}

impl Reads {
    /// In words.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Entity => "one entity",
            Self::Page => "one page: the source decides everything",
            Self::Candidates => "what the source does not leave out",
            Self::Everything => "every entity of these types (a scan)",
        }
    }
}

/// The conditions of a question, and how they are split.
pub(super) fn conditions(sub_query: &SubQuery, question: &Question, push_down: &PushDown) -> Vec<ConditionShown> {
    let SubQuery { query, told, .. } = sub_query;
    let asked = &question.query;
    let conditions = [
        ("id", !asked.ids.is_empty(), true, push_down.selection),
        (
            "idPattern",
            asked.id_pattern.is_some(),
            query.id_pattern.is_some(),
            push_down.id_pattern,
        ),
        (
            "attrs",
            !asked.attributes.is_empty(),
            !query.any_attribute.is_empty(),
            push_down.any_attribute,
        ),
        (
            "q",
            asked.filter.is_some(),
            told.filter != Coverage::None,
            push_down.filter,
        ),
        ("geo-query", asked.geo.is_some(), told.geo, push_down.geo),
        ("scopeQ", asked.scope.is_some(), told.scope, push_down.scope),
    ];
    let linked = asked.filter.as_ref().is_some_and(|filter| filter.link_depth() > 0);
    let shown = |(condition, _, is_told, coverage): &(&'static str, bool, bool, Coverage)| {
        let (pushed_down, residual) = match (is_told, coverage) {
            (is_told, coverage) if *condition == "q" && linked => (
                // What the source is told is that the Relationship exists.
                if *is_told && *coverage != Coverage::None {
                    PushedDown::Partly
                } else {
                    PushedDown::Nothing
                },
                Some("it is about entities that this one leads to, which others may hold"),
            ),
            (false, _) if question.split_entities && *condition != "id" && *condition != "idPattern" => (
                PushedDown::Nothing,
                Some("with splitEntities the parts of an entity may meet it together only"),
            ),
            (false, _) => (
                PushedDown::Nothing,
                Some("it looks at what is not granted or at `modifiedAt`, or could find out what is masked"),
            ),
            (true, coverage)
                if *condition == "q" && told.filter == Coverage::Narrows && *coverage != Coverage::None =>
            {
                (
                    PushedDown::Partly,
                    Some("`modifiedAt` is that of what is visible, which no source knows"),
                )
            }
            (true, Coverage::None) => (PushedDown::Nothing, Some("the source cannot decide it")),
            (true, Coverage::Narrows) => (
                PushedDown::Partly,
                Some("the source leaves out some of what does not match, and decides otherwise than CIM 009"),
            ),
            (true, Coverage::Exact) => (PushedDown::Whole, None),
        };
        ConditionShown {
            condition,
            pushed_down,
            residual,
        }
    };
    conditions
        .iter()
        .filter(|(_, is_given, ..)| *is_given)
        .map(shown)
        .collect()
}

/// What the question costs. `by_id`: it is about one entity. `all_candidates`: its one page holds all candidates of conditions
/// on linked entities. `scan`: how much one request may read of a source.
pub(super) fn cost(
    sub_query: &SubQuery,
    by_id: bool,
    all_candidates: bool,
    is_decided: bool,
    requests: &[AskedRequest],
    push_down: &PushDown,
    scan: usize,
) -> Cost {
    let query = &sub_query.query;
    let narrows = |given: bool, coverage: Coverage| given && coverage != Coverage::None;
    let leaves_out = !query.ids.is_empty()
        || narrows(query.id_pattern.is_some(), push_down.id_pattern)
        || narrows(!query.any_attribute.is_empty(), push_down.any_attribute)
        || narrows(query.filter.is_some(), push_down.filter)
        || narrows(query.geo.is_some(), push_down.geo)
        || narrows(query.scope.is_some(), push_down.scope);
    let reads = match () {
        () if requests.is_empty() => Reads::Nothing,
        () if by_id => Reads::Entity,
        () if !all_candidates && sub_query.page.is_some() && is_decided => Reads::Page,
        () if leaves_out => Reads::Candidates,
        () => Reads::Everything,
    };
    Cost {
        requests: requests.len(),
        reads,
        at_most: matches!(reads, Reads::Candidates | Reads::Everything).then_some(scan),
    }
}
