//! What a sample has where a mapping expects something else: names of members, and never a value.

use std::collections::BTreeSet;

use serde_json::Value;

use super::language::{JsonPath, Step};

/// Names of members that are told.
const MOST_TOLD: usize = 20;

/// The members that stand beside the last step of a path within the records of a sample.
pub(super) fn beside(sample: &Value, records: &JsonPath, path: &JsonPath) -> BTreeSet<String> {
    let parents = path.steps.split_last().map_or(&[][..], |(_, parents)| parents);
    let mut places = vec![sample];
    for step in records.steps.iter().chain(parents) {
        places = places.into_iter().flat_map(|place| through(place, step)).collect();
    }
    let objects = places.into_iter().filter_map(Value::as_object);
    objects.flat_map(|members| members.keys().cloned()).collect()
}

/// Where a path leads no further, and what is there.
pub(super) fn end_of(sample: &Value, path: &JsonPath) -> String {
    let mut place = sample;
    for (before, step) in path.steps.iter().enumerate() {
        match through(place, step).first() {
            Some(next) => place = next,
            None => {
                let walked = JsonPath {
                    steps: path.steps.iter().take(before).cloned().collect(),
                };
                return format!("`{walked}` {}", kind_of(place));
            }
        }
    }
    format!("`{path}` {}, and none of it has an id", kind_of(place))
}

fn through<'v>(place: &'v Value, step: &Step) -> Vec<&'v Value> {
    match (place, step) {
        (Value::Object(members), Step::Member(name)) => members.get(&**name).into_iter().collect(),
        (Value::Object(members), Step::Each) => members.values().collect(),
        (Value::Array(elements), Step::Each) => elements.iter().collect(),
        (Value::Array(elements), Step::Last(place)) => {
            let place = elements.len().checked_sub(*place);
            place.and_then(|place| elements.get(place)).into_iter().collect()
        }
        (Value::Array(elements), Step::Element(place)) => elements.get(*place).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn kind_of(place: &Value) -> String {
    match place {
        Value::Object(members) if members.is_empty() => "is an empty object".to_owned(),
        Value::Object(members) => format!("has the members {}", listed(members.keys().map(String::as_str))),
        Value::Array(elements) => format!("is a list of {}", elements.len()),
        Value::String(_) => "is a text".to_owned(),
        Value::Number(_) => "is a number".to_owned(),
        Value::Bool(_) => "is true or false".to_owned(),
        Value::Null => "is null".to_owned(),
    }
}

/// Names as they are told: some of them, and how many more there are.
pub(super) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.get(..MOST_TOLD) {
        Some(first) if names.len() > MOST_TOLD => {
            format!("{} and {} more", first.join(", "), names.len() - MOST_TOLD)
        }
        _ => names.join(", "),
    }
}
