//! What comparisons look at: the values of an entity's attributes as rows.
//!
//! A row mirrors one value that the evaluator in `ngsi_ld::query` compares; the compiler relies on it:
//!
//! - Each instance of an attribute has one row with element 0, its head. For a single value the head holds the
//!   value; for an array and for a LanguageProperty it says that one follows.
//! - The elements of an array count 1, 2, ...; the texts of a LanguageProperty -1, -2, ...: the values that
//!   order, range and pattern look at are those with `element <= 0`.
//! - `observedAt` of an instance has a row of its own kind.
//! - Attributes of attributes and members of objects have no rows: conditions on them stay with the gateway.

use std::fmt;

use ngsi_ld::Entity;
use ngsi_ld::entity::{AttributeValue, DateTime, Instance, Json, Number, TemporalType, Value};
pub(super) use ngsi_ld::query::BoundingBox as Bounds;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::body::NotEncoded;
use super::names::{NameKey, NameTable};

/// What a row holds; the column `kind`.
pub(super) mod kind {
    /// It exists and equals nothing: an object, a geometry, null.
    pub(crate) const STRUCTURE: i64 = 0;
    /// Column `number`.
    pub(crate) const NUMBER: i64 = 1;
    /// Column `text`.
    pub(crate) const STRING: i64 = 2;
    /// Column `number`: 0 or 1.
    pub(crate) const BOOLEAN: i64 = 3;
    /// Column `text`: [`date_time_key`](super::date_time_key).
    pub(crate) const DATE_TIME: i64 = 4;
    /// Column `text`.
    pub(crate) const DATE: i64 = 5;
    /// Column `text`: [`time_key`](super::time_key).
    pub(crate) const TIME: i64 = 6;
    /// Column `text`.
    pub(crate) const URI: i64 = 7;
    /// A head: elements follow.
    pub(crate) const ARRAY: i64 = 8;
    /// A head: texts of a LanguageProperty follow.
    pub(crate) const CHOICE: i64 = 9;
    /// A head: the instance exists, but `q` finds nothing in it (a LanguageProperty without texts).
    pub(crate) const NOTHING: i64 = 10;
    /// Column `text`: [`date_time_key`](super::date_time_key) of `observedAt`.
    pub(crate) const OBSERVED_AT: i64 = 11;
}

/// The element of a row that holds `observedAt`.
const OBSERVED_AT_ELEMENT: i64 = 1;

/// One row of `attribute_values`, but for its entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueRow {
    pub(super) name: NameKey,
    pub(super) instance: i64,
    pub(super) element: i64,
    pub(super) kind: i64,
    pub(super) number: Option<f64>,
    pub(super) text: Option<String>,
}

/// One row of `locations` and `location_boxes`, but for its key and its entity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LocationRow {
    pub(super) name: NameKey,
    pub(super) bounds: Bounds,
}

/// All rows of an entity, whose names have numbers.
///
/// # Errors
/// [`NotEncoded::UnknownNames`] where they have not.
pub(super) fn rows(entity: &Entity, names: &NameTable) -> Result<(Vec<ValueRow>, Vec<LocationRow>), NotEncoded> {
    let mut values = Vec::new();
    let mut locations = Vec::new();
    for attribute in &entity.attributes {
        let name = attribute.name.iri();
        let name = names
            .key(name)
            .ok_or_else(|| NotEncoded::UnknownNames(vec![name.clone()]))?;
        for (instance, number) in attribute.instances.iter().zip(0..) {
            InstanceRows {
                name,
                instance: number,
                rows: &mut values,
            }
            .add(instance);
            if let AttributeValue::GeoProperty(geometry) = &instance.value
                && let Some(bounds) = Bounds::of(geometry)
            {
                locations.push(LocationRow { name, bounds });
            }
        }
    }
    Ok((values, locations))
}

/// One value as the columns hold it: kind, number, text.
type Columns = (i64, Option<f64>, Option<String>);

struct InstanceRows<'a> {
    name: NameKey,
    instance: i64,
    rows: &'a mut Vec<ValueRow>,
}

impl InstanceRows<'_> {
    fn add(&mut self, instance: &Instance) {
        match &instance.value {
            AttributeValue::Property(Value::Json(json)) | AttributeValue::ListProperty(json) => {
                self.add_json(json, element);
            }
            // Nothing in it is interpreted (clause 4.5.24).
            AttributeValue::JsonProperty(json) => self.add_json(json, raw_element),
            AttributeValue::Property(value) => self.row(0, simple(value)),
            AttributeValue::GeoProperty(_) => self.head(kind::STRUCTURE),
            AttributeValue::LanguageProperty(languages) => {
                let texts: Vec<_> = languages.iter().flat_map(|(_, texts)| texts).collect();
                self.head(if texts.is_empty() { kind::NOTHING } else { kind::CHOICE });
                for (text, element) in texts.into_iter().zip(1..) {
                    self.row(-element, string(text));
                }
            }
            // One object or term is a single value, several are an array; a list is an array always.
            AttributeValue::Relationship { objects, .. } => match objects.as_slice() {
                [object] => self.row(0, uri(object.as_str())),
                objects => self.array(objects.iter().map(|object| uri(object.as_str()))),
            },
            AttributeValue::VocabProperty(terms) => match terms.as_slice() {
                [term] => self.row(0, uri(term.as_str())),
                terms => self.array(terms.iter().map(|term| uri(term.as_str()))),
            },
            AttributeValue::ListRelationship { objects, .. } => {
                self.array(objects.iter().map(|object| uri(object.as_str())));
            }
        }
        if let Some(observed_at) = &instance.observed_at {
            let key = date_time_key(observed_at);
            self.row(OBSERVED_AT_ELEMENT, (kind::OBSERVED_AT, None, Some(key)));
        }
    }

    fn add_json(&mut self, json: &Json, read: fn(&str) -> Columns) {
        let text = json.as_str();
        match elements(text, read) {
            Some(elements) => self.array(elements.into_iter()),
            None => self.row(0, read(text)),
        }
    }

    fn array(&mut self, elements: impl Iterator<Item = Columns>) {
        self.head(kind::ARRAY);
        for (columns, element) in elements.zip(1..) {
            self.row(element, columns);
        }
    }

    fn head(&mut self, kind: i64) {
        self.row(0, (kind, None, None));
    }

    fn row(&mut self, element: i64, (kind, number, text): Columns) {
        self.rows.push(ValueRow {
            name: self.name,
            instance: self.instance,
            element,
            kind,
            number,
            text,
        });
    }
}

fn simple(value: &Value) -> Columns {
    match value {
        Value::String(text) => string(text),
        Value::Number(number) => (kind::NUMBER, Some(number.as_f64()), None),
        Value::Boolean(boolean) => (kind::BOOLEAN, Some(f64::from(u8::from(*boolean))), None),
        Value::DateTime(date) => (kind::DATE_TIME, None, Some(date_time_key(date))),
        Value::Temporal { r#type, value } => temporal(*r#type, value),
        Value::Json(_) => (kind::STRUCTURE, None, None),
    }
}

fn string(text: &str) -> Columns {
    (kind::STRING, None, Some(text.to_owned()))
}

fn uri(text: &str) -> Columns {
    (kind::URI, None, Some(text.to_owned()))
}

fn temporal(r#type: TemporalType, value: &str) -> Columns {
    match r#type {
        TemporalType::Date => (kind::DATE, None, Some(value.to_owned())),
        TemporalType::Time => (kind::TIME, None, Some(time_key(value))),
    }
}

/// A text that sorts as the point in time does: without the `Z` and without zeros at the end of the fraction.
pub(super) fn date_time_key(date: &DateTime) -> String {
    let text = date.as_str().trim_end_matches('Z');
    match text.split_once('.') {
        Some((seconds, fraction)) => match fraction.trim_end_matches('0') {
            "" => seconds.to_owned(),
            digits => format!("{seconds}.{digits}"),
        },
        None => text.to_owned(),
    }
}

/// The same for a time of day.
pub(super) fn time_key(time: &str) -> String {
    let text = time.strip_suffix('Z').unwrap_or(time);
    let (seconds, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    match fraction.trim_end_matches('0') {
        "" => seconds.to_owned(),
        digits => format!("{seconds}.{digits}"),
    }
}

/// The elements of a JSON array, each as columns; `None` for anything else.
fn elements(json: &str, read: fn(&str) -> Columns) -> Option<Vec<Columns>> {
    struct Elements(fn(&str) -> Columns);

    impl<'a> Visitor<'a> for Elements {
        type Value = Vec<Columns>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut found = Vec::new();
            while let Some(raw) = array.next_element::<&'a serde_json::value::RawValue>()? {
                found.push((self.0)(raw.get()));
            }
            Ok(found)
        }
    }

    if !json.starts_with('[') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Elements(read)).ok()
}

/// One JSON value that is no array of interest: a plain value, or a typed one (clause 4.6.3).
fn element(json: &str) -> Columns {
    let typed = json.starts_with('{').then(|| typed_value(json)).flatten();
    typed.unwrap_or_else(|| raw_element(json))
}

/// One JSON value, as JSON alone has it.
fn raw_element(json: &str) -> Columns {
    const STRUCTURE: Columns = (kind::STRUCTURE, None, None);
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(json).map_or(STRUCTURE, |text| string(&text)),
        Some(b't') => simple(&Value::Boolean(true)),
        Some(b'f') => simple(&Value::Boolean(false)),
        Some(b'{') => STRUCTURE,
        _ => Number::parse(json).map_or(STRUCTURE, |number| simple(&Value::Number(number))),
    }
}

/// `{"@type": "DateTime" | "Date" | "Time", "@value": "..."}`
fn typed_value(json: &str) -> Option<Columns> {
    struct Members;

    impl<'a> Visitor<'a> for Members {
        type Value = (Option<String>, Option<String>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = (None, None);
            while let Some(key) = map.next_key::<String>()? {
                let wanted = match key.as_str() {
                    "@type" => &mut members.0,
                    "@value" => &mut members.1,
                    _ => {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                };
                let raw = map.next_value::<&'a serde_json::value::RawValue>()?;
                *wanted = serde_json::from_str(raw.get()).ok();
            }
            Ok(members)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(json);
    let (r#type, value) = deserializer.deserialize_map(Members).ok()?;
    let value = value?;
    match r#type?.as_str() {
        "DateTime" => DateTime::parse(&value).ok().map(|date| simple(&Value::DateTime(date))),
        "Date" => Some(temporal(TemporalType::Date, &value)),
        "Time" => Some(temporal(TemporalType::Time, &value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_keys_sort_as_time() {
        let key = |text| date_time_key(&DateTime::parse(text).unwrap());
        assert_eq!(key("2026-01-01T10:00:00.500Z"), key("2026-01-01T10:00:00.5Z"));
        assert_eq!(key("2026-01-01T10:00:00.000Z"), key("2026-01-01T10:00:00Z"));
        assert!(key("2026-01-01T10:00:00Z") < key("2026-01-01T10:00:00.000001Z"));
        assert!(key("2026-01-01T10:00:00.9Z") < key("2026-01-01T10:00:01Z"));
        assert!(time_key("10:00:00Z") < time_key("10:00:00.5Z"));
        assert_eq!(time_key("10:00:00,50Z"), time_key("10:00:00.5"));
    }

    #[test]
    fn elements_of_arrays_are_what_the_evaluator_sees() {
        let found = elements(
            r#"[1,"a\"b",true,null,{"x":1},[2],{"@type":"Date","@value":"2026-01-01"}]"#,
            element,
        )
        .unwrap();
        let kinds: Vec<_> = found.iter().map(|(kind, ..)| *kind).collect();
        assert_eq!(
            kinds,
            [
                kind::NUMBER,
                kind::STRING,
                kind::BOOLEAN,
                kind::STRUCTURE,
                kind::STRUCTURE,
                kind::STRUCTURE,
                kind::DATE
            ]
        );
        assert_eq!(found[1].2.as_deref(), Some("a\"b"));
    }
}
