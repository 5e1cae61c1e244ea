//! `q`, the NGSI-LD query language of clause 4.9.

use compact_str::CompactString;

use crate::entity::{DateTime, Number, TemporalType};
use crate::{AttributeName, Iri};

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

/// A regular expression, compiled when the query was parsed.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: CompactString,
    regex: regex::Regex,
}

impl Pattern {
    /// Takes the text as written, and its compiled form.
    #[must_use]
    pub fn new(text: impl Into<CompactString>, regex: regex::Regex) -> Self {
        Self {
            text: text.into(),
            regex,
        }
    }

    /// The text as the consumer wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The compiled form.
    #[must_use]
    pub fn regex(&self) -> &regex::Regex {
        &self.regex
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
