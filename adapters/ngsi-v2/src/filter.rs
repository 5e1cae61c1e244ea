//! `q` in NGSI-v2: the parts of a filter that Orion can decide without losing an entity that matches.
//!
//! Orion compares what it has stored, the gateway what Orion shows of it; and the two languages differ. So
//! nothing here is exact: every statement is at least as wide as the condition that it stands for, and the
//! gateway evaluates the whole filter on what comes back. Where nothing wider is known to be right, the
//! statement asks for the attribute's existence, which every condition needs. [`branches`](super::branches) puts the
//! statements of a whole filter together.

use ngsi_ld::AttributeName;
use ngsi_ld::context::Context;
use ngsi_ld::entity::{DateTime, Number};
use ngsi_ld::query::{Comparand, Comparison, Condition, Expression, Operator};

use super::names::{raw_name, raw_of_generated};
use super::translate::{IGNORE_TYPE, has_own_place};
use kakehashi_contract::literal::longest_literal;

/// Orion shows numbers with nine decimals, and compares all that it has stored: half a unit of the last
/// decimal, doubled for the rounding of the comparison's own sum.
const NUMBER_MARGIN: f64 = 1e-9;

/// From here on Orion writes exponents and no longer every digit.
const MAX_NUMBER: f64 = 1e15;

/// Orion shows milliseconds and compares what it has stored.
const DATE_MARGIN_MICROS: i64 = 1_000;

/// Longest text that is sent to a source for comparison, in bytes: enough for any name or address, and several
/// of them fit into a URL.
const MAX_TEXT: usize = 256;

/// What is sent of a filter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Statements {
    /// Statements of `q`, all of which must hold.
    pub(super) q: Vec<String>,
    /// Statements of `mq`, all of which must hold.
    pub(super) mq: Vec<String>,
    /// Whether one of them compares a value. The mere existence of an attribute tells few entities apart.
    pub(super) compares: bool,
}

impl Statements {
    /// What can be sent of one condition: one statement at most.
    pub(super) fn of(context: &Context, condition: &Condition) -> Self {
        let mut statements = Self::default();
        statements.add_condition(context, condition);
        statements
    }

    /// The entities that have a place in this attribute which Orion shows and does not index.
    pub(super) fn of_ignored_place(attribute: &str) -> Self {
        Self {
            q: Vec::new(),
            mq: vec![format!("{attribute}.{IGNORE_TYPE}==true")],
            compares: true,
        }
    }

    /// What both hold of.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.q.extend(other.q);
        self.mq.extend(other.mq);
        self.compares |= other.compares;
        self
    }

    /// The attribute must exist.
    pub(super) fn add_existence(&mut self, context: &Context, name: &AttributeName) -> bool {
        let raw = raw_name(context, name).filter(|raw| is_plain(raw));
        let added = raw.is_some();
        self.q.extend(raw);
        added
    }

    pub(super) fn is_empty(&self) -> bool {
        self.q.is_empty() && self.mq.is_empty()
    }

    fn add_condition(&mut self, context: &Context, condition: &Condition) {
        let path = &condition.path;
        let comparison = condition.comparison.as_ref();
        let has_only_name = path.sub_attributes.is_empty() && path.members.is_empty();
        if let Some(date) = system_date(&path.attribute) {
            // Every entity has the builtin dates, so their existence narrows nothing.
            let statement = has_only_name.then(|| comparison.and_then(|wanted| compared(date, wanted)));
            self.q.extend(statement.flatten());
            self.compares = !self.q.is_empty();
            return;
        }
        let Some(raw) = raw_name(context, &path.attribute).filter(|raw| is_plain(raw)) else {
            return;
        };
        if path.linked.is_some() {
            // Another entity decides; this one must at least lead to it.
            self.q.push(raw);
            return;
        }
        match (path.sub_attributes.as_slice(), path.members.as_slice()) {
            ([], []) => self.q.push(statement(&raw, comparison, &mut self.compares)),
            // In the view a geometry has these members whatever its form in the source.
            ([], [first, ..]) if matches!(first.as_str(), "type" | "coordinates" | "geometries") => self.q.push(raw),
            ([], members) if members.iter().all(|member| is_plain(member)) => {
                let target = format!("{raw}.{}", members.join("."));
                // A member may be a typed date of JSON-LD, which Orion does not know as one.
                let looks_at_dates = comparison.is_some_and(has_date);
                let comparison = comparison.filter(|_| !looks_at_dates);
                self.q.push(statement(&target, comparison, &mut self.compares));
            }
            ([name], members) => match raw_name(context, name).filter(|name| is_plain(name) && !has_own_place(name)) {
                Some(name) => {
                    // Members of metadata: it must exist, at least.
                    let comparison = comparison.filter(|_| members.is_empty());
                    let target = format!("{raw}.{name}");
                    self.mq.push(statement(&target, comparison, &mut self.compares));
                }
                None => self.q.push(raw),
            },
            _ => self.q.push(raw),
        }
    }
}

/// The builtin attribute of Orion that a system attribute of the view comes from.
fn system_date(name: &AttributeName) -> Option<&'static str> {
    match name.as_str() {
        "https://uri.etsi.org/ngsi-ld/createdAt" => Some("dateCreated"),
        "https://uri.etsi.org/ngsi-ld/modifiedAt" => Some("dateModified"),
        "https://uri.etsi.org/ngsi-ld/expiresAt" => Some("dateExpires"),
        _ => None,
    }
}

/// Whether the filter looks at `createdAt`, `modifiedAt` or `expiresAt`, which are shown on demand only.
pub(super) fn mentions_dates(filter: &Expression) -> bool {
    match filter {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().any(mentions_dates),
        Expression::Condition(condition) => {
            let path = &condition.path;
            std::iter::once(&path.attribute)
                .chain(&path.sub_attributes)
                .any(|name| system_date(name).is_some())
        }
    }
}

/// Whether a name means itself in `q`, where a dot leads into the value and a colon compares.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A statement that holds wherever the comparison does. `compares` becomes true where it says more than that the target
/// exists.
fn statement(target: &str, comparison: Option<&Comparison>, compares: &mut bool) -> String {
    match comparison.and_then(|comparison| compared(target, comparison)) {
        Some(statement) => {
            *compares = true;
            statement
        }
        None => target.to_owned(),
    }
}

fn compared(target: &str, comparison: &Comparison) -> Option<String> {
    match comparison {
        Comparison::Equal { negated: false, values } => {
            let right = range(values).or_else(|| texts(values)).or_else(|| boolean(values))?;
            Some(format!("{target}=={right}"))
        }
        Comparison::Range {
            negated: false,
            from,
            to,
        } => {
            let [from, to] = [bounds(from)?, bounds(to)?];
            Some(format!("{target}=={}..{}", from.low, to.high))
        }
        Comparison::Order { operator, value } => {
            let bounds = bounds(value)?;
            Some(match operator {
                Operator::Less | Operator::LessOrEqual => format!("{target}<={}", bounds.high),
                Operator::Greater | Operator::GreaterOrEqual => format!("{target}>={}", bounds.low),
            })
        }
        Comparison::Pattern {
            negated: false,
            pattern,
        } => {
            // Orion looks for it anywhere in the value, and anchors hold it to the ends as they do here; its `$` also
            // matches before a line break at the end, and its dot no line break at all, so that one part is sent.
            let part = longest_literal(pattern).filter(|part| part.text.len() <= MAX_TEXT)?;
            let start = if part.from_start { "^" } else { "" };
            let end = if part.to_end { "$" } else { "" };
            Some(format!("{target}~={start}{}{end}", part.text))
        }
        // An array holds no equal value here where Orion finds one, or the other way round.
        Comparison::Equal { negated: true, .. }
        | Comparison::Range { negated: true, .. }
        | Comparison::Pattern { negated: true, .. } => None,
    }
}

fn has_date(comparison: &Comparison) -> bool {
    let is_date = |value: &Comparand| matches!(value, Comparand::DateTime(_));
    match comparison {
        Comparison::Equal { values, .. } => values.iter().any(is_date),
        Comparison::Range { from, to, .. } => is_date(from) || is_date(to),
        Comparison::Order { value, .. } => is_date(value),
        Comparison::Pattern { .. } => false,
    }
}

/// What Orion may have stored where it shows a value.
struct Bounds {
    low: String,
    high: String,
}

fn bounds(value: &Comparand) -> Option<Bounds> {
    match value {
        Comparand::Number(number) => {
            let number = Number::as_f64(number);
            let margin = NUMBER_MARGIN.max(2.0 * f64::EPSILON * number.abs());
            (number.abs() <= MAX_NUMBER).then(|| Bounds {
                low: (number - margin).to_string(),
                high: (number + margin).to_string(),
            })
        }
        Comparand::DateTime(date) => {
            let millis = date.unix_micros().div_euclid(1_000) * 1_000;
            // Orion takes what is before 1970 for a text, which no date equals.
            if millis < DATE_MARGIN_MICROS {
                return None;
            }
            let text = |micros| {
                DateTime::from_unix_micros(micros)
                    .ok()
                    .map(|date| date.as_str().to_owned())
            };
            Some(Bounds {
                low: text(millis.saturating_sub(DATE_MARGIN_MICROS))?,
                high: text(millis.saturating_add(2 * DATE_MARGIN_MICROS))?,
            })
        }
        _ => None,
    }
}

/// One number or date, as the range that it may have been stored in. Of several there would have to be a list
/// of ranges, which is not known to be understood.
fn range(values: &[Comparand]) -> Option<String> {
    let [value] = values else { return None };
    let Bounds { low, high } = bounds(value)?;
    Some(format!("{low}..{high}"))
}

fn boolean(values: &[Comparand]) -> Option<String> {
    match values {
        [Comparand::Boolean(boolean)] => Some(boolean.to_string()),
        _ => None,
    }
}

/// A list of texts in quotes, so that none is taken for a number or a date.
fn texts(values: &[Comparand]) -> Option<String> {
    let mut quoted = Vec::with_capacity(values.len());
    for value in values {
        let text = match value {
            Comparand::String(text) => text.as_str(),
            Comparand::Uri(uri) => uri.as_str(),
            _ => return None,
        };
        quoted.push(quote(text)?);
        // An object of a Relationship may have another id in the source.
        if let Some(raw) = raw_of_generated(text) {
            quoted.push(quote(&raw)?);
        }
    }
    Some(quoted.join(","))
}

/// The text in quotes; `None` where Orion refuses it or would read it otherwise.
fn quote(text: &str) -> Option<String> {
    let is_free = !text.is_empty()
        && text.len() <= MAX_TEXT
        && !text.chars().any(|c| "<>\"'=;()|,".contains(c) || c.is_control())
        // A range, also between quotes.
        && !text.contains("..")
        && text.trim() == text;
    is_free.then(|| format!("'{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ngsi_ld::query::{AttributePath, Extent, Pattern};

    fn path(attribute: &str, sub_attributes: &[&str], members: &[&str]) -> AttributePath {
        let name = |short: &&str| Context::core().expand_attribute(short).unwrap();
        AttributePath {
            attribute: name(&attribute),
            sub_attributes: sub_attributes.iter().map(name).collect(),
            members: members.iter().map(|member| (*member).into()).collect(),
            linked: None,
        }
    }

    fn sent_for(path: AttributePath, comparison: Option<Comparison>) -> Statements {
        Statements::of(Context::core(), &Condition { path, comparison })
    }

    fn q(comparison: Comparison) -> String {
        sent_for(path("a", &[], &[]), Some(comparison)).q.join(";")
    }

    fn equal(values: Vec<Comparand>) -> Comparison {
        Comparison::Equal { negated: false, values }
    }

    fn text(text: &str) -> Comparand {
        Comparand::String(text.into())
    }

    fn number(number: f64) -> Comparand {
        Comparand::Number(number.into())
    }

    #[test]
    fn texts_are_quoted_unless_orion_would_refuse_them() {
        assert_eq!(q(equal(vec![text("佐野市")])), "a=='佐野市'");
        assert_eq!(q(equal(vec![text("5"), text("true")])), "a=='5','true'");
        for refused in ["a=b", "it's", "(x)", "a;b", "<", "a,b", "", "x|y", "9..17時", "1..5"] {
            assert_eq!(q(equal(vec![text(refused)])), "a", "{refused}");
        }
        assert_eq!(q(equal(vec![text("x"), number(1.0)])), "a", "of two kinds");
    }

    #[test]
    fn objects_are_looked_for_by_both_of_their_ids() {
        let uri = Comparand::Uri(ngsi_ld::Iri::parse("urn:ngsi-ld:Room:R%201").unwrap());
        assert_eq!(q(equal(vec![uri])), "a=='urn:ngsi-ld:Room:R%201','R 1'");
    }

    #[test]
    fn numbers_and_dates_are_as_wide_as_what_orion_does_not_show() {
        assert_eq!(q(equal(vec![number(5.0)])), "a==4.999999999..5.000000001");
        let order = |operator, value| q(Comparison::Order { operator, value });
        assert_eq!(order(Operator::Greater, number(5.0)), "a>=4.999999999");
        assert_eq!(order(Operator::LessOrEqual, number(-2.0)), "a<=-1.999999999");
        let date = Comparand::DateTime(DateTime::parse("2026-01-01T00:00:00Z").unwrap());
        assert_eq!(order(Operator::Greater, date.clone()), "a>=2025-12-31T23:59:59.999Z");
        let early = Comparand::DateTime(DateTime::parse("1969-12-31T23:59:59Z").unwrap());
        assert_eq!(order(Operator::Greater, early), "a");
        let range = |from, to| Comparison::Range {
            negated: false,
            from,
            to,
        };
        assert_eq!(
            q(range(date.clone(), date)),
            "a==2025-12-31T23:59:59.999Z..2026-01-01T00:00:00.002Z"
        );
        assert_eq!(q(range(number(1.0), number(2.0))), "a==0.999999999..2.000000001");
    }

    #[test]
    fn what_orion_decides_otherwise_becomes_existence() {
        let negated = |values| Comparison::Equal { negated: true, values };
        assert_eq!(q(negated(vec![number(5.0)])), "a");
        assert_eq!(q(equal(vec![number(1.0), number(2.0)])), "a");
        let order = Comparison::Order {
            operator: Operator::Less,
            value: text("b"),
        };
        assert_eq!(q(order), "a");
        assert_eq!(q(equal(vec![Comparand::Boolean(true)])), "a==true");
    }

    #[test]
    fn of_a_pattern_its_longest_text_is_sent() {
        let pattern = |negated, text| {
            let pattern = Pattern::parse(text).unwrap();
            q(Comparison::Pattern { negated, pattern })
        };
        let of_permit = Pattern::parse_as("佐野.*", Extent::Whole).unwrap();
        let statement = q(Comparison::Pattern {
            negated: false,
            pattern: of_permit,
        });
        assert_eq!(statement, "a~=^佐野");
        assert_eq!(pattern(false, "佐野"), "a~=佐野");
        assert_eq!(pattern(false, "佐野.*"), "a~=佐野");
        assert_eq!(pattern(false, "^佐野"), "a~=^佐野");
        assert_eq!(pattern(false, "^佐野$"), "a~=^佐野$");
        assert_eq!(pattern(false, "^.*a.*小学校$"), "a~=小学校$");
        assert_eq!(pattern(false, "^a.*佐野小学校.*b$"), "a~=佐野小学校");
        assert_eq!(pattern(true, "佐野.*"), "a");
        for other in ["a|b", "a.c", "[ab]", "ab?", "(x)", ".*"] {
            assert_eq!(pattern(false, other), "a", "{other}");
        }
    }

    #[test]
    fn paths_lead_into_values_and_to_metadata() {
        let one = || Some(equal(vec![Comparand::Boolean(true)]));
        assert_eq!(sent_for(path("a", &[], &["b", "c"]), one()).q, ["a.b.c==true"]);
        assert_eq!(sent_for(path("a", &[], &["b.c"]), one()).q, ["a"]);
        assert_eq!(sent_for(path("a", &[], &["type"]), one()).q, ["a"]);
        assert_eq!(sent_for(path("a", &["b"], &[]), one()).mq, ["a.b==true"]);
        assert_eq!(sent_for(path("a", &["b"], &["c"]), one()).mq, ["a.b"]);
        assert_eq!(sent_for(path("a", &["observedAt"], &[]), None).q, ["a"]);
        assert_eq!(sent_for(path("a%2Eb", &[], &[]), one()), Statements::default());
        assert_eq!(
            sent_for(path("https://example.org/a", &[], &[]), one()),
            Statements::default()
        );
    }

    #[test]
    fn builtin_dates_are_asked_for_by_their_names_in_orion() {
        let order = Comparison::Order {
            operator: Operator::Less,
            value: Comparand::DateTime(DateTime::parse("2026-01-01T00:00:00Z").unwrap()),
        };
        let statements = sent_for(path("modifiedAt", &[], &[]), Some(order));
        assert_eq!(statements.q, ["dateModified<=2026-01-01T00:00:00.002Z"]);
    }
}
