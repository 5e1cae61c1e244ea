//! What each operation does to an entity, by the examples of the clauses and against a model.

mod examples;
mod merging;
mod model;

use super::*;
use crate::context::Context;
use crate::entity::parse::{
    FragmentUse, parse_additions, parse_attribute, parse_attribute_fragment, parse_entity, parse_fragment,
    parse_simplified_fragment,
};

/// The one of the clauses' examples.
const TEMPERATURE: &str =
    r#""temperature":{"type":"Property","value":25,"unitCode":"CEL","observedAt":"2022-03-14T01:59:26.535Z"}"#;

const ID: &str = "urn:ngsi-ld:Station:1";

/// An entity with those members.
fn entity(members: &str) -> Entity {
    let comma = if members.is_empty() { "" } else { "," };
    let json = format!(r#"{{"id":"{ID}","type":"Station"{comma}{members}}}"#);
    parse_entity(json.as_bytes(), Context::core()).unwrap()
}

fn name(short: &str) -> AttributeName {
    AttributeName::new(Context::core().expand(short).unwrap())
}

fn merge(members: &str) -> Update {
    let json = format!("{{{members}}}");
    Update::Merge {
        fragment: parse_fragment(json.as_bytes(), Context::core(), FragmentUse::Merge).unwrap(),
        observed_at: None,
        lang: None,
    }
}

fn merge_simplified(members: &str, lang: Option<&str>) -> Update {
    let json = format!("{{{members}}}");
    Update::Merge {
        fragment: parse_simplified_fragment(json.as_bytes(), Context::core()).unwrap(),
        observed_at: None,
        lang: lang.map(Into::into),
    }
}

fn append(members: &str, overwrite: bool) -> Update {
    let json = format!("{{{members}}}");
    Update::Append {
        fragment: parse_additions(json.as_bytes(), Context::core()).unwrap(),
        overwrite,
    }
}

fn update(members: &str) -> Update {
    let json = format!("{{{members}}}");
    Update::Attributes(parse_fragment(json.as_bytes(), Context::core(), FragmentUse::Update).unwrap())
}

fn partly(attribute: &str, json: &str) -> Update {
    Update::Attribute(parse_attribute_fragment(json.as_bytes(), attribute, Context::core()).unwrap())
}

fn replace(attribute: &str, json: &str) -> Update {
    Update::ReplaceAttribute(parse_attribute(json.as_bytes(), attribute, Context::core()).unwrap())
}

/// What an update makes of an entity is another.
#[track_caller]
fn assert_becomes(update: &Update, before: &str, after: &str) {
    let applied = update.apply(&entity(before)).unwrap();
    assert_eq!(applied.entity, entity(after));
}

/// An update changes nothing, and why.
#[track_caller]
fn refusal(update: &Update, before: &str) -> WhyNot {
    update.apply(&entity(before)).unwrap_err().why
}
