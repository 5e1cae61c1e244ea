//! Entities in their simplified representation as rows.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What stands in one place of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cell {
    /// A number, or nothing: with the digits that it came with.
    Exact(String),
    /// Whatever somebody has written.
    Text(String),
}

impl Cell {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Exact(text) | Self::Text(text) => text,
        }
    }
}

/// The members of an entity.
type Members<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

/// The columns where nobody names any: those of all entities that were looked at, as they come, the id first.
pub(super) fn columns(entities: &[Box<RawValue>]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Names(#[serde(deserialize_with = "names")] Vec<String>);
    fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Vec<String>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an entity")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
                let mut names = Vec::new();
                while let Some((name, serde::de::IgnoredAny)) = map.next_entry::<String, _>()? {
                    names.push(name);
                }
                Ok(names)
            }
        }
        deserializer.deserialize_map(InOrder)
    }
    let mut columns: Vec<String> = ["id", "type"].map(str::to_owned).to_vec();
    for entity in entities {
        let Ok(Names(names)) = serde_json::from_str(entity.get()) else {
            continue;
        };
        for name in names {
            if name != "@context" && !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    columns
}

/// The row of an entity.
pub(super) fn row(entity: &RawValue, columns: &[String]) -> Vec<Cell> {
    let members: Members<'_> = serde_json::from_str(entity.get()).unwrap_or_default();
    let of = |name: &String| {
        members
            .get(name.as_str())
            .map_or(Cell::Exact(String::new()), |value| cell(value))
    };
    columns.iter().map(of).collect()
}

/// Whether an entity has something that is in no column.
pub(super) fn has_more_than(entity: &RawValue, columns: &[String]) -> bool {
    let members: Members<'_> = serde_json::from_str(entity.get()).unwrap_or_default();
    let mut names = members.keys();
    names.any(|name| name != "@context" && !columns.iter().any(|column| column == name))
}

fn cell(value: &RawValue) -> Cell {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => Cell::Text(serde_json::from_str(text).unwrap_or_default()),
        Some(b'[') => match serde_json::from_str::<Vec<String>>(text) {
            Ok(texts) => Cell::Text(texts.join("; ")),
            Err(_) => Cell::Text(text.to_owned()),
        },
        Some(b'{') => Cell::Text(point(text).unwrap_or_else(|| text.to_owned())),
        _ if text == "null" => Cell::Exact(String::new()),
        _ => Cell::Exact(text.to_owned()),
    }
}

/// A Point as it is written down: longitude and latitude.
fn point(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Point<'a> {
        r#type: Cow<'a, str>,
        #[serde(borrow)]
        coordinates: Vec<&'a RawValue>,
    }
    let point: Point<'_> = serde_json::from_str(text).ok()?;
    let numbers: Vec<&str> = point.coordinates.iter().map(|number| number.get()).collect();
    (point.r#type == "Point").then(|| numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entity_says_stands_in_its_columns_with_every_digit() {
        let entity = "{\"id\":\"urn:a:1\",\"type\":\"AED\",\"name\":\"佐野\",\"n\":1.50,\"location\":{\"type\":\"Point\",\
                      \"coordinates\":[139.10,36.0]},\"tags\":[\"a\",\"b\"],\"o\":{\"a\":1},\"none\":null,\"open\":true}";
        let entity: Box<RawValue> = serde_json::from_str(entity).unwrap();
        let columns = columns(std::slice::from_ref(&entity));
        assert_eq!(
            columns,
            ["id", "type", "name", "n", "location", "tags", "o", "none", "open"]
        );
        let row: Vec<String> = row(&entity, &columns).into_iter().map(Cell::into_text).collect();
        assert_eq!(
            row,
            [
                "urn:a:1",
                "AED",
                "佐野",
                "1.50",
                "139.10,36.0",
                "a; b",
                "{\"a\":1}",
                "",
                "true"
            ]
        );
        assert!(has_more_than(&entity, &["id".to_owned()]) && !has_more_than(&entity, &columns));
    }
}
