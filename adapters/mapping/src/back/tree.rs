//! A record as JSON that is changed in places: what no path leads to stays as the text that the platform wrote, so that nothing of
//! it is lost, neither members that the mapping does not know nor a digit.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::language::Step;

/// Elements that a list gets before the one that is written, at most: a mapping that names the hundredth of none is mistaken.
const MOST_BEFORE: usize = 64;

/// One value of a record.
#[derive(Debug, Clone)]
pub enum Node {
    /// As it stands, not taken apart.
    Text(Box<str>),
    /// Members by name, in their order.
    Object(Vec<(String, Node)>),
    /// Elements.
    List(Vec<Node>),
}

/// A path leads through something that it does not expect, which would be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elsewhere;

impl Node {
    /// A value as it stands.
    pub fn of(json: &str) -> Self {
        Self::Text(json.trim().into())
    }

    /// The JSON text at the end of a path.
    pub fn find(&self, steps: &[Step]) -> Option<String> {
        let Some((step, rest)) = steps.split_first() else {
            return Some(self.to_string());
        };
        match (step, self) {
            (_, Self::Text(json)) => found_in(json, steps).map(|raw| raw.get().to_owned()),
            (Step::Member(name), Self::Object(members)) => {
                let (_, member) = members.iter().find(|(other, _)| **other == **name)?;
                member.find(rest)
            }
            (Step::Element(place), Self::List(elements)) => elements.get(*place)?.find(rest),
            _ => None,
        }
    }

    /// Puts a value at the end of a path; what leads there is made where there is nothing.
    ///
    /// # Errors
    /// [`Elsewhere`]
    pub fn set(&mut self, steps: &[Step], json: &str) -> Result<(), Elsewhere> {
        // What is so already stays as it is written.
        if !steps.is_empty() && self.find(steps).as_deref() == Some(json) {
            return Ok(());
        }
        let Some((step, rest)) = steps.split_first() else {
            return Err(Elsewhere);
        };
        self.take_apart(step)?;
        let child = match (step, self) {
            (Step::Member(name), Self::Object(members)) => {
                let mut same = members.iter().filter(|(other, _)| **other == **name);
                // Of two members of one name nobody can tell which is meant.
                if same.next().is_some() && same.next().is_some() {
                    return Err(Elsewhere);
                }
                if !members.iter().any(|(other, _)| **other == **name) {
                    members.push((name.to_string(), Self::of("null")));
                }
                members
                    .iter_mut()
                    .find(|(other, _)| **other == **name)
                    .map(|(_, node)| node)
            }
            (Step::Element(place), Self::List(elements)) => {
                if place.saturating_sub(elements.len()) > MOST_BEFORE {
                    return Err(Elsewhere);
                }
                while elements.len() <= *place {
                    elements.push(Self::of("null"));
                }
                elements.get_mut(*place)
            }
            _ => None,
        };
        let child = child.ok_or(Elsewhere)?;
        if rest.is_empty() {
            *child = Self::of(json);
            return Ok(());
        }
        child.set(rest, json)
    }

    /// Makes of a text what a step leads into.
    fn take_apart(&mut self, step: &Step) -> Result<(), Elsewhere> {
        let Self::Text(json) = &*self else { return Ok(()) };
        let apart = match (step, json.as_bytes().first()) {
            (Step::Member(_), Some(b'n')) => Self::Object(Vec::new()),
            (Step::Element(_), Some(b'n')) => Self::List(Vec::new()),
            (Step::Member(_), Some(b'{')) => {
                let members = members(json).ok_or(Elsewhere)?.into_iter();
                Self::Object(members.map(|(name, raw)| (name, Self::of(raw.get()))).collect())
            }
            (Step::Element(_), Some(b'[')) => {
                let elements = elements(json).ok_or(Elsewhere)?.into_iter();
                Self::List(elements.map(|raw| Self::of(raw.get())).collect())
            }
            _ => return Err(Elsewhere),
        };
        *self = apart;
        Ok(())
    }

    /// Of an object the members, whole, that are others than they were; all of what is no object.
    pub fn differing(&self, before: &str) -> Self {
        let Self::Object(members_now) = self else {
            return self.clone();
        };
        let members_before = members(before).unwrap_or_default();
        let is_other = |(name, node): &&(String, Self)| {
            let was = members_before.iter().find(|(other, _)| other == name);
            was.is_none_or(|(_, raw)| raw.get() != node.to_string())
        };
        Self::Object(members_now.iter().filter(is_other).cloned().collect())
    }
}

impl fmt::Display for Node {
    /// As JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(json) => f.write_str(json),
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, node)) in members.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "," };
                    write!(f, "{separator}{}:{node}", serde_json::Value::from(name.as_str()))?;
                }
                f.write_str("}")
            }
            Self::List(elements) => {
                f.write_str("[")?;
                for (index, node) in elements.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "," };
                    write!(f, "{separator}{node}")?;
                }
                f.write_str("]")
            }
        }
    }
}

/// All values that a path leads to.
pub fn select<'a>(json: &'a str, steps: &[Step], selected: &mut Vec<&'a str>) {
    let Some((step, rest)) = steps.split_first() else {
        selected.push(json);
        return;
    };
    let children: Vec<&'a RawValue> = match (step, json.trim_start().as_bytes().first()) {
        (Step::Member(name), Some(b'{')) => {
            let members = members(json).unwrap_or_default().into_iter();
            members
                .filter(|(other, _)| **other == **name)
                .map(|(_, raw)| raw)
                .collect()
        }
        (Step::Each, Some(b'{')) => members(json)
            .unwrap_or_default()
            .into_iter()
            .map(|(_, raw)| raw)
            .collect(),
        (Step::Element(place), Some(b'[')) => elements(json)
            .unwrap_or_default()
            .into_iter()
            .skip(*place)
            .take(1)
            .collect(),
        (Step::Each, Some(b'[')) => elements(json).unwrap_or_default(),
        // A place counted from the end stands in no path of records.
        _ => Vec::new(),
    };
    for child in children {
        select(child.get(), rest, selected);
    }
}

fn found_in<'a>(json: &'a str, steps: &[Step]) -> Option<&'a RawValue> {
    let (step, rest) = steps.split_first()?;
    let child = match step {
        Step::Member(name) => members(json)?.into_iter().find(|(other, _)| **other == **name)?.1,
        Step::Element(place) => elements(json)?.into_iter().nth(*place)?,
        Step::Each | Step::Last(_) => return None,
    };
    if rest.is_empty() {
        return Some(child);
    }
    found_in(child.get(), rest)
}

/// The members of an object, in their order.
fn members(json: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(name) = map.next_key()? {
                members.push((name, map.next_value::<&'de RawValue>()?));
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(json).deserialize_map(Members).ok()
}

/// The elements of a list.
fn elements(json: &str) -> Option<Vec<&RawValue>> {
    Vec::deserialize(&mut serde_json::Deserializer::from_str(json)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::JsonPath;

    fn steps(path: &str) -> Vec<Step> {
        JsonPath::parse(path).unwrap().steps
    }

    const RECORD: &str =
        r#"{ "a" : 1.50, "big":12345678901234567890.12345678901234567890, "b":{"c":[1, 2],"d" : "x"},"e":null}"#;

    #[test]
    fn what_is_not_changed_keeps_its_text() {
        let mut node = Node::of(RECORD);
        node.set(&steps("$.b.c[1]"), "3").unwrap();
        node.set(&steps("$.e.f"), "\"y\"").unwrap();
        assert_eq!(
            node.to_string(),
            r#"{"a":1.50,"big":12345678901234567890.12345678901234567890,"b":{"c":[1,3],"d":"x"},"e":{"f":"y"}}"#
        );
        assert_eq!(
            node.differing(RECORD).to_string(),
            r#"{"b":{"c":[1,3],"d":"x"},"e":{"f":"y"}}"#
        );
        assert_eq!(node.find(&steps("$.b.d")).as_deref(), Some("\"x\""));
    }

    #[test]
    fn what_is_so_already_is_no_difference() {
        let mut node = Node::of(RECORD);
        node.set(&steps("$.b.d"), "\"x\"").unwrap();
        node.set(&steps("$.a"), "1.50").unwrap();
        assert_eq!(node.to_string(), RECORD);
    }

    #[test]
    fn a_path_through_something_else_or_through_two_of_a_name_changes_nothing() {
        let mut node = Node::of(r#"{"a":"text","b":1,"b":2,"c":{}}"#);
        for path in ["$.a.b", "$.a[0]", "$.b", "$.c[0]", "$", "$.d[100]"] {
            assert_eq!(node.set(&steps(path), "9"), Err(Elsewhere), "{path}");
        }
    }

    #[test]
    fn records_are_found_by_their_path() {
        let found = |path: &str| {
            let mut found = Vec::new();
            select(
                r#"{"data":[{"id":1},{"id":2}],"one":{"x":{}}}"#,
                &steps(path),
                &mut found,
            );
            found
        };
        assert_eq!(found("$.data[*]"), [r#"{"id":1}"#, r#"{"id":2}"#]);
        assert_eq!(found("$.data[1].id"), ["2"]);
        assert_eq!(found("$.one.x"), ["{}"]);
        assert!(found("$.nothing").is_empty());
    }
}
