//! `q`, the NGSI-LD query language of clause 4.9: its AST, its limits, and the attributes that it touches.
//!
//! [`parse`](Expression::parse) reads it, [`to_text`](Expression::to_text) writes it, and `query::evaluate` says
//! what it means.

mod bracket;
mod encoded;
mod expand;
mod literal;
mod parse;
mod path;
mod pattern;
mod pattern_size;
mod render;
#[cfg(test)]
mod tests;

use compact_str::CompactString;

pub(super) use self::bracket::translate as translate_brackets;
pub(super) use self::expand::{Expand, ExpandAttribute};
pub(super) use self::parse::parse as read;
pub(super) use self::path::parse_ordering_path;
pub use self::pattern::{Extent, Pattern, PlainParts};
pub(super) use self::pattern_size::of_text as pattern_size;
pub(super) use self::render::write_path;

use super::SyntaxError;
use crate::context::Context;
use crate::entity::{DateTime, Number, TemporalType};
use crate::{AttributeName, Iri, TypeName, check_absolute};

/// Longest `q`, in bytes. A URL ends long before; a query in a body may list hundreds of ids.
pub const MAX_QUERY_BYTES: usize = 64 * 1024;

/// Most conditions in one `q`: people write ten, programs fifty.
pub const MAX_TERMS: usize = 128;

/// Deepest nesting of parentheses: bounds the stack that evaluating and dropping an expression need.
pub const MAX_DEPTH: usize = 16;

/// Most values in one list.
pub const MAX_LISTED_VALUES: usize = 1024;

/// Most names in one path, members included.
pub const MAX_PATH_NAMES: usize = 16;

/// Most Relationships that one path follows: each is one more round of questions.
pub const MAX_LINKS: usize = 10;

/// Most types that one link names.
pub const MAX_LINKED_TYPES: usize = 16;

/// Most regular expressions in one `q`: each may take up to [`MAX_PATTERN_BYTES`](super::MAX_PATTERN_BYTES).
pub const MAX_PATTERNS: usize = 16;

/// A condition on the attributes of an entity. `And` binds closer than `Or` (clause 4.9).
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// All of them must hold. Never empty.
    And(Vec<Expression>),
    /// One of them must hold. Never empty.
    Or(Vec<Expression>),
    /// One condition on one target.
    Condition(Condition),
}

/// One query term: a path and what its target must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Where the target is.
    pub path: AttributePath,
    /// What it must be. `None`: it must exist.
    pub comparison: Option<Comparison>,
}

/// Where a target is: an attribute, attributes of it, and members inside of its value:
/// `temperature.observedAt`, `address[city]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributePath {
    /// The attribute of the entity.
    pub attribute: AttributeName,
    /// Attributes of the attribute, outside in.
    pub sub_attributes: Vec<AttributeName>,
    /// Members inside of the value, outside in; not expanded.
    pub members: Vec<CompactString>,
    /// Where the attribute is a Relationship that is followed: what is looked at in the entity that it leads to. Then
    /// there are neither `sub_attributes` nor `members`.
    pub linked: Option<Box<LinkedPath>>,
}

/// The rest of a path, in the entity that a Relationship leads to: `{Device:humidity}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedPath {
    /// Of which types that entity is, one of them at least. Empty: of any.
    pub types: Vec<TypeName>,
    /// Where the target is in that entity.
    pub path: AttributePath,
}

impl AttributePath {
    /// How many Relationships are followed.
    #[must_use]
    pub fn link_depth(&self) -> usize {
        let mut depth = 0;
        let mut path = self;
        while let Some(linked) = &path.linked {
            depth += 1;
            path = &linked.path;
        }
        depth
    }
}

/// The attributes whose values in a `q` are read in another way (clause 4.9). A value belongs to the last attribute of
/// its path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueExpansion {
    /// `expandValues`: texts and plain words are names of the @context, and expanded.
    pub expand: Vec<AttributeName>,
    /// `jsonKeys`: the values are JSON that the @context says nothing about; wins over `expand`.
    pub json: Vec<AttributeName>,
}

impl ValueExpansion {
    /// Whether the values of this attribute are names of the @context.
    #[must_use]
    pub fn expands(&self, name: &AttributeName) -> bool {
        self.expand.contains(name) && !self.json.contains(name)
    }
}

/// An operator and its right side.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparison {
    /// `==`, or `!=` when negated: any of the values.
    Equal {
        /// Whether it is `!=`.
        negated: bool,
        /// One value, or the values of a list. Never empty.
        values: Vec<Comparand>,
    },
    /// `==a..b`, or `!=a..b` when negated: within, both ends included.
    Range {
        /// Whether it is `!=`.
        negated: bool,
        /// The lower end.
        from: Comparand,
        /// The upper end.
        to: Comparand,
    },
    /// `<`, `<=`, `>`, `>=`
    Order {
        /// Which of them.
        operator: Operator,
        /// The right side.
        value: Comparand,
    },
    /// `~=`, or `!~=` when negated.
    Pattern {
        /// Whether it is `!~=`.
        negated: bool,
        /// The regular expression.
        pattern: Pattern,
    },
}

/// The ordering operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value on the right side.
#[derive(Debug, Clone, PartialEq)]
pub enum Comparand {
    /// `"text"`
    String(CompactString),
    /// `20.5`
    Number(Number),
    /// `true`, `false`
    Boolean(bool),
    /// `2026-01-01T00:00:00Z`
    DateTime(DateTime),
    /// `2026-01-01`, `10:00:00Z`
    Temporal {
        /// Date or Time.
        r#type: TemporalType,
        /// The text.
        value: CompactString,
    },
    /// `urn:ngsi-ld:Building:1`
    Uri(Iri),
}

/// Whether an IRI is one that a `q` can hold without quotes.
fn can_be_written(iri: &Iri) -> bool {
    check_absolute(iri.as_str()).is_ok() && !iri.as_str().contains(literal::ends_value)
}

impl Expression {
    /// Reads a `q`, expanding its names.
    ///
    /// # Errors
    /// [`SyntaxError`] at the first place where the text leaves the grammar of clause 4.9 or a limit of this
    /// module.
    pub fn parse(text: &str, context: &Context) -> Result<Self, SyntaxError> {
        Self::parse_with(text, context, &ValueExpansion::default())
    }

    /// Reads a `q` of which some values are names of the @context.
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn parse_with(text: &str, context: &Context, values: &ValueExpansion) -> Result<Self, SyntaxError> {
        Self::parse_as(text, context, values, Extent::Part)
    }

    /// Reads a `q` whose regular expressions must match whole values: what somebody grants by it.
    ///
    /// # Errors
    /// As [`Expression::parse`].
    pub fn parse_of_whole_values(text: &str, context: &Context) -> Result<Self, SyntaxError> {
        Self::parse_as(text, context, &ValueExpansion::default(), Extent::Whole)
    }

    fn parse_as(text: &str, context: &Context, values: &ValueExpansion, extent: Extent) -> Result<Self, SyntaxError> {
        let expand = Expand {
            attribute: &|name| context.expand_written_attribute(name).ok(),
            r#type: &|name| context.expand_written_type(name).ok(),
            value: &|word| context.expand_value(word).ok().filter(can_be_written),
        };
        parse::parse(text, &expand, values, extent)
    }

    /// The text that reads as this expression, with the names that the context has for its attributes.
    #[must_use]
    pub fn to_text(&self, context: &Context) -> String {
        render::to_text(self, &|iri| compact(context, iri))
    }

    /// Every attribute of the entity that the expression looks at, each once, in the order of the text. System
    /// attributes of the entity (`modifiedAt`) are among them, those of linked entities are not.
    #[must_use]
    pub fn attributes(&self) -> Vec<&AttributeName> {
        let mut names = Vec::new();
        self.collect_attributes(&mut names);
        names
    }

    /// How many Relationships the longest path follows; 0: the expression is about the entity alone.
    #[must_use]
    pub fn link_depth(&self) -> usize {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().map(Self::link_depth).max().unwrap_or(0),
            Self::Condition(condition) => condition.path.link_depth(),
        }
    }

    fn collect_attributes<'a>(&'a self, names: &mut Vec<&'a AttributeName>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.collect_attributes(names);
                }
            }
            Self::Condition(condition) => {
                if !names.contains(&&condition.path.attribute) {
                    names.push(&condition.path.attribute);
                }
            }
        }
    }
}

/// The name that a query can hold for an IRI: the context's, or the IRI itself.
pub(super) fn compact(context: &Context, iri: &str) -> String {
    let compact = context.compact(iri);
    let shown: &str = if path::reads_as_name(&compact) { &compact } else { iri };
    shown.to_owned()
}
