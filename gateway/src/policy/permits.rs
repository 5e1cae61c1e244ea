//! The annotations of a permit: which attributes it grants.

use cedar_policy::Policy;
use ngsi_ld::AttributeName;

use super::admission::References;
use super::classification::Classification;
use crate::config::{Place, Report, expand_attribute, suggest};

/// What narrows a permit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Narrowing {
    /// `@attributes`: these and no others.
    pub(super) only: Option<Vec<AttributeName>>,
    /// `@without`: never these.
    pub(super) without: Vec<AttributeName>,
    /// `@contract`, `@consent`: only for whom has these.
    pub(super) references: References,
}

const KNOWN: [&str; 10] = [
    "attributes",
    "without",
    "contract",
    "consent",
    "q",
    "scope",
    "area",
    "purpose",
    "ial",
    "aal",
];

impl Narrowing {
    /// The attributes that `@attributes` names and that are personal whatever their type is.
    pub(super) fn personal<'a>(
        &'a self,
        classification: &'a Classification,
    ) -> impl Iterator<Item = &'a AttributeName> {
        let named = self.only.iter().flatten();
        named.filter(|name| classification.is_personal_everywhere(name))
    }
}

/// Reads the annotations of a permit.
pub(super) fn read(policy: &Policy, place: &Place, report: &Report) -> Narrowing {
    let mut narrowing = Narrowing::default();
    for (key, value) in policy.annotations() {
        match key {
            "attributes" => narrowing.only = Some(read_names(key, value, place, report)),
            "without" => narrowing.without = read_names(key, value, place, report),
            "contract" => narrowing.references.contracts = read_references(key, value, place, report),
            "consent" => narrowing.references.consents = read_references(key, value, place, report),
            "q" | "scope" | "area" | "purpose" | "ial" | "aal" => {
                let message = format!("the annotation @{key} is not supported by this version");
                let help = "a permit can be narrowed by @attributes and @without".to_owned();
                report.error(place, message, help);
            }
            other => report.error(place, format!("unknown annotation @{other}"), suggest(other, KNOWN)),
        }
    }
    narrowing
}

/// References as they stand in `contracts` and `consents` of consumers, separated by commas.
fn read_references(key: &str, list: &str, place: &Place, report: &Report) -> Vec<Box<str>> {
    let references: Vec<Box<str>> = list
        .split(',')
        .map(str::trim)
        .filter(|reference| !reference.is_empty())
        .map(Box::from)
        .collect();
    if references.is_empty() {
        let message = format!("@{key} names no reference");
        let help = format!("write it as it stands in `{key}s` of the consumer: @{key}(\"2026-017\")");
        report.error(place, message, help);
    }
    references
}

fn read_names(key: &str, list: &str, place: &Place, report: &Report) -> Vec<AttributeName> {
    let mut names = Vec::new();
    for name in list.split(',').map(str::trim) {
        if name.is_empty() {
            let message = format!("@{key}(\"{list}\") names no attribute where it should");
            report.error(
                place,
                message,
                "write short names separated by commas: \"name,location\"".to_owned(),
            );
            continue;
        }
        match expand_attribute(name) {
            Ok(expanded) => names.push(expanded),
            Err(reason) => report.error(place, format!("@{key}: {reason}"), None),
        }
    }
    names
}
