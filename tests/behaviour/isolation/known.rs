//! What is told of types and attributes, beside the model of the rules: of each type what a query for it would show.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use super::model::{Caller, Expected, Operation};
use super::question::{Asked, Known, Question};
use super::world::{TYPES, World};
use super::written;

impl Caller<'_> {
    /// What is known of types and attributes: of each type what a query for it would show.
    pub(super) fn known(&self, only: Option<usize>, known: Known) -> Expected {
        let mut by_type: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut by_attribute: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut of_type: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
        let mut with_attribute: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for r#type in TYPES {
            for (id, seen) in self.joined(Operation::Known, only, &[r#type]) {
                if !seen.types.contains(r#type) {
                    continue;
                }
                of_type.entry(r#type).or_default().insert(id);
                by_type
                    .entry(r#type.to_owned())
                    .or_default()
                    .extend(seen.attributes.clone());
                for name in seen.attributes {
                    by_attribute.entry(name.clone()).or_default().insert(r#type.to_owned());
                    with_attribute.entry(name).or_default().insert(id);
                }
            }
        }
        let one = |all: BTreeMap<String, BTreeSet<String>>, name: &str, count: usize| {
            let found = all.get(name).cloned();
            found.map_or(Expected::NotFound, |found| {
                Expected::Known([(name.to_owned(), found)].into(), count)
            })
        };
        match known {
            Known::Types => Expected::Known(by_type, 0),
            Known::Type(name) => one(by_type, name, of_type.get(name).map_or(0, BTreeSet::len)),
            Known::Attributes => Expected::Known(
                by_attribute.into_keys().map(|name| (name, BTreeSet::new())).collect(),
                0,
            ),
            Known::AttributesOfTypes => Expected::Known(by_attribute, 0),
            Known::Attribute(name) => one(by_attribute, name, with_attribute.get(name).map_or(0, BTreeSet::len)),
        }
    }
}

/// What the gateway has told of types and attributes, in the words of the model.
pub(super) fn answered(question: &Question, body: &Value) -> Expected {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let texts = |list: &Value| list.as_array().unwrap().iter().map(text).collect();
    let each = || body.as_array().unwrap().iter();
    let count = |of: &Value| usize::try_from(of.as_u64().unwrap()).unwrap();
    match &question.asked {
        Asked::Known(Known::Types) => {
            let types = each().map(|one| (text(&one["typeName"]), texts(&one["attributeNames"])));
            Expected::Known(types.collect(), 0)
        }
        Asked::Known(Known::AttributesOfTypes) => {
            let attributes = each().map(|one| (text(&one["attributeName"]), texts(&one["typeNames"])));
            Expected::Known(attributes.collect(), 0)
        }
        Asked::Known(Known::Attributes) => {
            let names = body["attributeList"].as_array().unwrap().iter();
            Expected::Known(names.map(|name| (text(name), BTreeSet::new())).collect(), 0)
        }
        Asked::Known(Known::Type(_)) => {
            let details = body["attributeDetails"].as_array().unwrap().iter();
            let names = details.map(|one| text(&one["attributeName"])).collect();
            Expected::Known([(text(&body["typeName"]), names)].into(), count(&body["entityCount"]))
        }
        _ => {
            let types = texts(&body["typeNames"]);
            Expected::Known(
                [(text(&body["attributeName"]), types)].into(),
                count(&body["attributeCount"]),
            )
        }
    }
}

/// Whether an answer tells of no name that may not be told.
pub(super) fn is_no_more(answered: &Expected, most: &Expected, world: &World) -> Result<(), TestCaseError> {
    if let (Expected::Known(names, _), Expected::Known(most, _)) = (answered, most) {
        let is_known = |(name, of): (&String, &BTreeSet<String>)| most.get(name).is_some_and(|most| of.is_subset(most));
        prop_assert!(
            names.iter().all(is_known),
            "{names:?} is more than {most:?}\n{}",
            written::shown(world)
        );
    }
    Ok(())
}
