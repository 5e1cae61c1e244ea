//! Reading `orderBy`, `orderFrom`, `orderGeometry` and `collation` (clause 4.23.3), and writing `orderBy`.

use super::super::cursor::Cursor;
use super::super::geo::{GeoParameter, GeoProblem, parse_geometry};
use super::super::q::{ExpandAttribute, parse_ordering_path, write_path};
use super::super::{ReferenceGeometry, SyntaxError};
use super::collation::{Collation, InvalidCollation};
use super::{Direction, MAX_ORDERING_TERMS, Ordering, OrderingTarget, OrderingTerm};

/// The parameters of an ordering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderingParameter {
    /// `orderBy`
    OrderBy,
    /// `orderFrom`; the member `coordinates` of a body (Table 5.2.43-1).
    OrderFrom,
    /// `orderGeometry`; the member `geometry` of a body.
    OrderGeometry,
    /// `collation`
    Collation,
}

impl OrderingParameter {
    /// The name of the parameter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderBy => "orderBy",
            Self::OrderFrom => "orderFrom",
            Self::OrderGeometry => "orderGeometry",
            Self::Collation => "collation",
        }
    }

    fn wrong(self, problem: impl Into<OrderingProblem>) -> InvalidOrdering {
        InvalidOrdering {
            parameter: self,
            problem: problem.into(),
        }
    }
}

/// Why parameters make no ordering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", parameter.as_str())]
pub struct InvalidOrdering {
    /// Which parameter is wrong.
    pub parameter: OrderingParameter,
    /// What is wrong with it.
    pub problem: OrderingProblem,
}

/// What is wrong with a parameter of an ordering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderingProblem {
    /// The text does not follow the grammar.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// No such geometry.
    #[error(transparent)]
    Geometry(#[from] GeoProblem),
    /// No such collation.
    #[error(transparent)]
    Collation(#[from] InvalidCollation),
    /// An order by distance from nothing.
    #[error("an order by distance needs the coordinates to measure from")]
    NoCoordinates,
    /// A type of geometry without coordinates.
    #[error("a type of geometry alone says nothing: give its coordinates, too")]
    NoGeometry,
}

/// `scope` by its IRI: no attribute has this name.
const SCOPE: &str = "https://uri.etsi.org/ngsi-ld/scope";

/// The texts of the parameters.
pub(super) struct Parameters<'t> {
    pub(super) order_by: &'t str,
    pub(super) order_from: Option<&'t str>,
    pub(super) order_geometry: Option<&'t str>,
    pub(super) collation: Option<&'t str>,
}

/// Reads the four parameters; `expand` gives the expanded name of an attribute.
//= 4.23.1-2, 4.23.3-2, 4.23.3-3, 5.2.43-2, 5.2.43-3, 5.7.2.4-7
pub(super) fn parse(parameters: &Parameters<'_>, expand: ExpandAttribute<'_>) -> Result<Ordering, InvalidOrdering> {
    let terms = parse_terms(parameters.order_by, expand).map_err(|error| OrderingParameter::OrderBy.wrong(error))?;
    let reference = match (parameters.order_from, parameters.order_geometry) {
        (Some(coordinates), geometry) => {
            let reference = parse_geometry(geometry.unwrap_or("Point"), coordinates);
            Some(reference.map_err(|error| {
                let parameter = match error.parameter {
                    GeoParameter::Geometry => OrderingParameter::OrderGeometry,
                    _ => OrderingParameter::OrderFrom,
                };
                parameter.wrong(error.problem)
            })?)
        }
        (None, Some(_)) => return Err(OrderingParameter::OrderGeometry.wrong(OrderingProblem::NoGeometry)),
        (None, None) => None,
    };
    if reference.is_none() && terms.iter().any(|term| term.direction.is_by_distance()) {
        return Err(OrderingParameter::OrderFrom.wrong(OrderingProblem::NoCoordinates));
    }
    let collation = match parameters.collation {
        Some(tag) => Collation::parse(tag),
        None => Collation::root(),
    };
    Ok(Ordering {
        terms,
        reference: reference.map(ReferenceGeometry::from),
        collation: collation.map_err(|error| OrderingParameter::Collation.wrong(error))?,
    })
}

//= 4.23.3-1
fn parse_terms(order_by: &str, expand: ExpandAttribute<'_>) -> Result<Vec<OrderingTerm>, SyntaxError> {
    let mut cursor = Cursor::new(order_by);
    let mut terms = Vec::new();
    loop {
        if terms.len() == MAX_ORDERING_TERMS {
            return Err(cursor.expected("at most 16 terms"));
        }
        cursor.skip_space();
        let target = parse_target(&mut cursor, expand)?;
        let direction = if cursor.eat(';') {
            parse_direction(&mut cursor)?
        } else {
            Direction::Ascending
        };
        terms.push(OrderingTerm { target, direction });
        cursor.skip_space();
        if cursor.at_end() {
            return Ok(terms);
        }
        if !cursor.eat(',') {
            return Err(cursor.expected("`;` and a direction, `,` and the next term, or the end"));
        }
    }
}

/// A member of the entity (Table 5.2.43-1), or a path to what is in an attribute.
fn parse_target(cursor: &mut Cursor<'_>, expand: ExpandAttribute<'_>) -> Result<OrderingTarget, SyntaxError> {
    for (name, target) in [
        ("id", OrderingTarget::Id),
        ("type", OrderingTarget::Type),
        ("scope", OrderingTarget::Scope),
    ] {
        let mut after = *cursor;
        if after.eat_str(name)
            && after
                .peek()
                .is_none_or(|next| matches!(next, ',' | ';') || next.is_whitespace())
        {
            *cursor = after;
            return Ok(target);
        }
    }
    let path = parse_ordering_path(cursor, expand)?;
    let is_plain = path.sub_attributes.is_empty() && path.members.is_empty();
    if is_plain && path.attribute.as_str() == SCOPE {
        return Ok(OrderingTarget::Scope);
    }
    Ok(OrderingTarget::Attribute(path))
}

//= 4.23.3-1
fn parse_direction(cursor: &mut Cursor<'_>) -> Result<Direction, SyntaxError> {
    let start = *cursor;
    let name = cursor.take_while(|character| character.is_ascii_alphabetic() || character == '-');
    let directions = [
        Direction::Ascending,
        Direction::Descending,
        Direction::Nearest,
        Direction::Farthest,
    ];
    let direction = directions.into_iter().find(|direction| direction.as_str() == name);
    direction.ok_or_else(|| start.expected("asc, desc, dist-asc or dist-desc"))
}

/// The text of `orderBy`. Parsing it gives the same terms, where `compact` gives short names.
pub(super) fn to_text(ordering: &Ordering, compact: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (index, term) in ordering.terms.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match &term.target {
            OrderingTarget::Id => text.push_str("id"),
            OrderingTarget::Type => text.push_str("type"),
            OrderingTarget::Scope => text.push_str("scope"),
            OrderingTarget::Attribute(path) => write_path(&mut text, path, compact),
        }
        if term.direction != Direction::Ascending {
            text.push(';');
            text.push_str(term.direction.as_str());
        }
    }
    text
}
