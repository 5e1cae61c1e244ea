//! Looking into JSON values without building them: members that are not on the path are skipped as text.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::datum::{Data, Datum, Target};
use crate::entity::{DateTime, Json, Number, TemporalType};

/// How a JSON value is read.
type Read = for<'e> fn(&'e str) -> Datum<'e>;

/// The target that the members lead to; `None` when there is none. As in ECMA 262, a member that is `null` is
/// defined, and an array has no named members.
//= 4.9-7
pub(super) fn target<'e>(json: &'e Json, members: &[CompactString]) -> Option<Target<'e>> {
    target_in(json.as_str(), members, datum)
}

/// The same in a JsonProperty, which JSON-LD says nothing about (clause 4.5.24): what looks like a typed value is an
/// object like others.
//= 4.9-14
pub(super) fn raw_target<'e>(json: &'e Json, members: &[CompactString]) -> Option<Target<'e>> {
    target_in(json.as_str(), members, raw_datum)
}

fn target_in<'e>(json: &'e str, members: &[CompactString], read: Read) -> Option<Target<'e>> {
    let mut text = json;
    for name in members {
        text = member(text, name)?;
    }
    Some(match elements(text, read) {
        Some(elements) => Target::Array(elements),
        None => Target::One(read(text)),
    })
}

/// The text of a member of an object, if the text is an object and has it. Of equal names the last counts.
pub(super) fn member<'e>(json: &'e str, name: &str) -> Option<&'e str> {
    struct Member<'n>(&'n str);

    impl<'e> Visitor<'e> for Member<'_> {
        type Value = Option<&'e str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'e>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(is_wanted) = map.next_key_seed(IsName(self.0))? {
                if is_wanted {
                    found = Some(map.next_value::<&'e RawValue>()?.get());
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    if !json.starts_with('{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_map(Member(name)).ok().flatten()
}

/// Whether a key is that name, without copying the key.
struct IsName<'n>(&'n str);

impl<'e> DeserializeSeed<'e> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'e>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

/// The elements of an array; `None` when the text is no array.
fn elements(json: &str, read: Read) -> Option<Data<'_>> {
    struct Elements(Read);

    impl<'e> Visitor<'e> for Elements {
        type Value = Data<'e>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'e>>(self, mut array: A) -> Result<Self::Value, A::Error> {
            let mut data = Data::new();
            while let Some(element) = array.next_element::<&'e RawValue>()? {
                data.push((self.0)(element.get()));
            }
            Ok(data)
        }
    }

    if !json.starts_with('[') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    deserializer.deserialize_seq(Elements(read)).ok()
}

/// The JSON texts of the elements of an array; `None` when the text is no array.
pub(super) fn element_texts(json: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = json.starts_with('[').then(|| serde_json::from_str(json).ok())??;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// One JSON value. An object that is a typed value of JSON-LD (clause 4.6.3) is what its type says.
fn datum(json: &str) -> Datum<'_> {
    typed_value(json).unwrap_or_else(|| raw_datum(json))
}

/// One JSON value, as JSON alone has it.
pub(super) fn raw_datum(json: &str) -> Datum<'_> {
    match json.as_bytes().first() {
        Some(b'"') => string(json).map_or(Datum::Structure(json), Datum::String),
        Some(b't') => Datum::Boolean(true),
        Some(b'f') => Datum::Boolean(false),
        Some(b'{') => Datum::Structure(json),
        _ => Number::parse(json).map_or(Datum::Structure(json), Datum::Number),
    }
}

fn string(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str::<String>(json).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn typed_value(json: &str) -> Option<Datum<'_>> {
    let r#type = string(member(json, "@type")?)?;
    let value = string(member(json, "@value")?)?;
    match &*r#type {
        "DateTime" => DateTime::parse(&value).ok().map(Cow::Owned).map(Datum::DateTime),
        "Date" => Some(Datum::Temporal(TemporalType::Date, value)),
        "Time" => Some(Datum::Temporal(TemporalType::Time, value)),
        _ => None,
    }
}
