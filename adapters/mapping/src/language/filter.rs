//! What a platform can be asked to leave out: parameters that it has for values and places of records.
//!
//! The mapping declares them for attributes; a declared parameter only ever narrows. The platform must answer at least with
//! the records whose value, as the mapping reads it, fulfils the condition; it may answer with more.

use ngsi_ld::{AttributeName, Iri};

use super::error::Diagnostics;
use super::request::{RequestPath, check_parameter};
use super::toml_table::TomlTable;
use super::{AttributeMapping, Conversion, Expand, PagingStyle, Rule};
use crate::record::FieldTree;

const KEYS: &[&str] = &["equal", "at_least", "at_most", "part", "box", "near"];

/// A parameter of the platform for an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Which.
    pub attribute: AttributeName,
    /// What it leaves out.
    pub test: Test,
}

/// What the platform's parameter asks of a record. The texts are names of parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The value is this one.
    Equal(String),
    /// The number is this one or greater.
    AtLeast(String),
    /// The number is this one or less.
    AtMost(String),
    /// The text holds this one.
    Part(String),
    /// The place lies in a rectangle, or touches it: west, south, east, north in degrees.
    Box(String),
    /// The place is at most so far away from a position.
    Near {
        /// Degrees.
        latitude: String,
        /// Degrees.
        longitude: String,
        /// Whole metres.
        metres: String,
    },
}

impl Test {
    fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Equal(name) | Self::AtLeast(name) | Self::AtMost(name) | Self::Part(name) | Self::Box(name) => {
                vec![name]
            }
            Self::Near {
                latitude,
                longitude,
                metres,
            } => vec![latitude, longitude, metres],
        }
    }
}

/// Reads `[types.X.filters]`.
pub(super) fn read_filters(
    table: &TomlTable<'_>,
    attributes: &[AttributeMapping],
    fields: &FieldTree,
    path: Option<&RequestPath>,
    paging: Option<&PagingStyle>,
    expand: &Expand<'_>,
    diagnostics: &mut Diagnostics<'_>,
) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    for entry in table.entries() {
        let field = table.field_of(entry.key);
        let name = expand(entry.key).map(AttributeName::new);
        let name = name.unwrap_or_else(|_| AttributeName::new(Iri::new(entry.key)));
        let Some(attribute) = attributes.iter().find(|attribute| attribute.name == name) else {
            let message = format!("`{}` is no attribute of this type", entry.key);
            let known = attributes.iter().map(|attribute| attribute.short_name.as_str());
            diagnostics.unknown(&entry.key_span, &field, message, entry.key, known);
            continue;
        };
        let Some(tests) = TomlTable::of(entry.value, field, diagnostics) else {
            continue;
        };
        tests.check_keys(KEYS, diagnostics);
        if tests.entries().is_empty() {
            let message = format!("says no parameter: write one of {}", KEYS.join(", "));
            diagnostics.report(&tests.span, &tests.field, message);
        }
        // What the platform would have to know to leave a record out, it does not have.
        if attribute.value_slots().iter().any(|slot| fields.path(*slot).is_none()) {
            let message = "is made of something else than fields of the record, which no platform can be asked for: \
                           leave the filter out";
            diagnostics.report(&tests.span, &tests.field, message);
        }
        for test in read_tests(&tests, path, diagnostics) {
            if let Err(message) = fits(&test, &attribute.rule) {
                diagnostics.report(&tests.span, &tests.field, message);
            }
            let taken = |parameter: &str| {
                let by_paging = paging.is_some_and(|paging| paging.parameters().contains(&parameter));
                let earlier = filters
                    .iter()
                    .any(|filter| filter.test.parameters().contains(&parameter));
                by_paging || earlier
            };
            for parameter in test.parameters() {
                if taken(parameter) {
                    let message = format!("`{parameter}` is a parameter for something else already");
                    diagnostics.report(&tests.span, &tests.field, message);
                }
            }
            filters.push(Filter {
                attribute: name.clone(),
                test,
            });
        }
    }
    filters
}

/// A test by one parameter.
type OfParameter = fn(String) -> Test;

fn read_tests(table: &TomlTable<'_>, path: Option<&RequestPath>, diagnostics: &mut Diagnostics<'_>) -> Vec<Test> {
    let mut tests = Vec::new();
    let named: [(&str, OfParameter); 5] = [
        ("equal", Test::Equal),
        ("at_least", Test::AtLeast),
        ("at_most", Test::AtMost),
        ("part", Test::Part),
        ("box", Test::Box),
    ];
    let parameter = |table: &TomlTable<'_>, key: &str, diagnostics: &mut Diagnostics<'_>| {
        let located = table.text(key, diagnostics)?;
        check_parameter(&located, &table.field_of(key), path, diagnostics)
    };
    for (key, test) in named {
        tests.extend(parameter(table, key, diagnostics).map(test));
    }
    if let Some(near) = table.table("near", diagnostics) {
        let keys = ["latitude", "longitude", "metres"];
        near.check_keys(&keys, diagnostics);
        for key in keys.iter().filter(|key| !near.has(key)) {
            diagnostics.report(
                &near.span,
                &near.field,
                format!("`{key}` is missing: the name of a parameter"),
            );
        }
        let [latitude, longitude, metres] = keys.map(|key| parameter(&near, key, diagnostics));
        if let (Some(latitude), Some(longitude), Some(metres)) = (latitude, longitude, metres) {
            tests.push(Test::Near {
                latitude,
                longitude,
                metres,
            });
        }
    }
    tests
}

/// Whether what an attribute is made of can be asked for like this.
fn fits(test: &Test, rule: &Rule) -> Result<(), &'static str> {
    let field = match rule {
        Rule::Field { table, conversion, .. } => Some((table.is_some(), conversion)),
        _ => None,
    };
    let is_place = matches!(rule, Rule::Point { .. } | Rule::Geometry { .. });
    let (fits, otherwise) = match test {
        Test::Equal(_) => match field {
            Some((false, Conversion::DateTime { .. })) => (
                false,
                "`equal` is for texts and numbers: platforms write dates in many ways",
            ),
            Some((false, Conversion::Boolean)) => (false, "`equal` is for a flag with a `table` of its words"),
            field => (
                field.is_some(),
                "`equal` is for an attribute that is made of a field with a text or a number",
            ),
        },
        Test::AtLeast(_) | Test::AtMost(_) => (
            matches!(field, Some((false, Conversion::Number | Conversion::Keep))),
            "`at_least` and `at_most` are for a field with a number",
        ),
        Test::Part(_) => (
            matches!(field, Some((false, Conversion::Text | Conversion::Keep))),
            "`part` is for a field with a text",
        ),
        Test::Box(_) | Test::Near { .. } => (is_place, "`box` and `near` are for a place"),
    };
    if fits { Ok(()) } else { Err(otherwise) }
}
