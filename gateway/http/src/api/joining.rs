//! From `join`, `joinLevel` and `containedBy` to what Linked Entity retrieval is to retrieve (clauses 4.5.23, 5.7.1.4
//! and 5.7.2.4), and what else a request may ask for only with it.

use hashbrown::HashSet;
use kakehashi_federation::linked_retrieval::Form;
use ngsi_ld::EntityId;
use ngsi_ld::query::{Expression, MAX_LINKS};

use super::parameters::{Parameters, unknown_value};
use crate::problem::{ErrorType, Problem};

/// The largest `joinLevel`: each level is a round of questions to the sources, one after the other, within one deadline.
/// A building, its city, its prefecture and its country are three. As many as a `q` may follow.
pub(super) const MAX_JOIN_LEVEL: usize = MAX_LINKS;

/// `joinLevel`, when it is not given (Tables 5.2.23-1 and 6.5.3.1-1).
const DEFAULT_JOIN_LEVEL: usize = 1;

/// Most ids in `containedBy`: as many as a URL of the default length holds.
const MAX_CONTAINED_BY: usize = 200;

/// Which linked entities are wanted.
#[derive(Debug, Clone)]
pub(super) struct Joining {
    /// `join`
    pub form: Form,
    /// `joinLevel`: from 1 to [`MAX_JOIN_LEVEL`].
    pub levels: usize,
    /// `containedBy`: entities that the consumer has met already.
    pub contained_by: HashSet<EntityId>,
}

impl Joining {
    /// Reads which linked entities are wanted; `None`: none.
    ///
    /// # Errors
    /// A problem that names the parameter and the position.
    //= 5.2.23-5
    pub(super) fn read(parameters: &Parameters<'_>) -> Result<Option<Self>, Problem> {
        let form = match parameters.text("join")? {
            None | Some("@none") => None,
            Some("inline") => Some(Form::Inline),
            Some("flat") => Some(Form::Flat),
            Some(name) => return Err(unknown_value("join", 0, name, "expected flat, inline or @none")),
        };
        let given_levels = parameters.whole_number("joinLevel")?;
        let contained_by = contained_by(parameters)?;
        match given_levels {
            Some(0) => return Err(parameters.fault("joinLevel", 0, "expected a whole number from 1")),
            Some(levels) if levels > MAX_JOIN_LEVEL => {
                let detail = format!(
                    "parameter `joinLevel`: at most {MAX_JOIN_LEVEL} levels in one request; go on from the ids that it \
                     shows, with `containedBy`"
                );
                return Err(Problem::new(ErrorType::TooComplexQuery, detail));
            }
            None if contained_by.is_some() => {
                let detail = "it applies only together with `joinLevel`";
                return Err(parameters.fault("containedBy", 0, detail));
            }
            _ => {}
        }
        let Some(form) = form else {
            let without_meaning = given_levels.map(|_| "joinLevel");
            return match without_meaning {
                Some(name) if parameters.get("join").is_none() => {
                    Err(parameters.fault(name, 0, "it applies only together with `join`"))
                }
                // Who turns it off need not take the rest away.
                _ => Ok(None),
            };
        };
        Ok(Some(Self {
            form,
            levels: given_levels.unwrap_or(DEFAULT_JOIN_LEVEL),
            contained_by: contained_by.unwrap_or_default(),
        }))
    }
}

fn contained_by(parameters: &Parameters<'_>) -> Result<Option<HashSet<EntityId>>, Problem> {
    const NAME: &str = "containedBy";
    let mut ids = HashSet::new();
    for (position, text) in parameters.list(NAME)? {
        let id = EntityId::parse(text)
            .map_err(|error| parameters.fault(NAME, position, format_args!("the id is not a URI: {error}")))?;
        ids.insert(id);
    }
    if ids.len() > MAX_CONTAINED_BY {
        let detail = format_args!("at most {MAX_CONTAINED_BY} ids in one request");
        return Err(parameters.fault(NAME, 0, detail));
    }
    Ok((!ids.is_empty()).then_some(ids))
}

/// Refuses a `q` that follows more Relationships than linked entities are retrieved (clause 5.7.2.4).
///
/// # Errors
/// 400.
//= 5.6.21.4-4, 5.7.2.4-4
pub(super) fn check_depth(
    parameters: &Parameters<'_>,
    filter: Option<&Expression>,
    joining: Option<&Joining>,
) -> Result<(), Problem> {
    let depth = filter.map_or(0, Expression::link_depth);
    let detail = match joining {
        _ if depth == 0 => return Ok(()),
        None => "it looks at linked entities, which needs Linked Entity retrieval (`join`, `joinLevel`)".to_owned(),
        Some(joining) if depth > joining.levels => format!(
            "it looks at entities that are {depth} Relationships away, and `joinLevel` is {}",
            joining.levels
        ),
        Some(_) => return Ok(()),
    };
    Err(parameters.fault("q", 0, detail))
}

/// Why members of linked entities cannot be chosen (clauses 5.7.1.4 and 5.7.2.4).
pub(super) const fn too_deep(joining: Option<&Joining>) -> &'static str {
    match joining {
        None => "members of linked entities can be chosen only with linked entity retrieval (`join`)",
        Some(_) => {
            "members of entities that are farther away than `joinLevel` cannot be chosen: they are not retrieved"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Option<Joining>, Problem> {
        let parameters = Parameters::parse(Some(query), &["join", "joinLevel", "containedBy"], &[]);
        Joining::read(&parameters.unwrap())
    }

    #[test]
    fn one_level_is_retrieved_unless_more_are_asked_for() {
        let levels = |query| read(query).unwrap().map(|joining| (joining.form, joining.levels));
        assert_eq!(levels(""), None);
        assert_eq!(levels("join=@none&joinLevel=2"), None);
        assert_eq!(levels("join=inline"), Some((Form::Inline, 1)));
        assert_eq!(levels("join=flat&joinLevel=10"), Some((Form::Flat, 10)));
        let with_met = read("join=flat&joinLevel=1&containedBy=urn:a:1,urn:a:2")
            .unwrap()
            .unwrap();
        assert_eq!(with_met.contained_by.len(), 2);
    }

    #[test]
    //= 5.2.23-5
    fn what_has_no_meaning_is_refused() {
        for (query, expected) in [
            ("join=both", "parameter `join` at position 0: unknown value `both`"),
            (
                "join=inline&joinLevel=0",
                "parameter `joinLevel` at position 0: expected a whole number from 1",
            ),
            (
                "join=inline&joinLevel=-1",
                "parameter `joinLevel` at position 0: expected a whole number",
            ),
            ("join=inline&joinLevel=11", "parameter `joinLevel`: at most 10 levels"),
            (
                "joinLevel=1",
                "parameter `joinLevel` at position 0: it applies only together with `join`",
            ),
            (
                "join=inline&containedBy=urn:a:1",
                "parameter `containedBy` at position 0: it applies only",
            ),
            (
                "join=inline&joinLevel=1&containedBy=urn:a:1,b",
                "parameter `containedBy` at position 8: the id is not a URI",
            ),
        ] {
            let detail = read(query).unwrap_err().detail;
            assert!(detail.starts_with(expected), "{query}: {detail}");
        }
    }
}
