//! What an instance says: the text of its value member, read as its kind asks for (clauses 4.5.2 to 4.5.24, 4.6.3,
//! 4.6.5, 4.7).

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;
use serde::Deserialize;
use serde::de::{Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::json::{Nulls, check_json};
use super::reader::{Reader, Text, Texts};
use super::removal::{FragmentUse, is_null_list, is_null_text};
use super::{Fault, NGSI_LD_NULL};
use crate::entity::language::is_language_tag;
use crate::entity::{
    AttributeKind, AttributeValue, DateTime, Geometry, InvalidNumber, Json, LanguageMap, Number, ObjectTypes,
    TemporalType, Value,
};
use crate::{EntityId, Iri};

/// The members that hold what an instance says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueMember {
    Value,
    Object,
    LanguageMap,
    Vocab,
    Json,
    ValueList,
    ObjectList,
}

impl ValueMember {
    //= 5.2.32-1, 5.2.35-1, 5.2.36-1, 5.2.38-1
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "value" => Self::Value,
            "object" => Self::Object,
            "languageMap" => Self::LanguageMap,
            "vocab" => Self::Vocab,
            "json" => Self::Json,
            "valueList" => Self::ValueList,
            "objectList" => Self::ObjectList,
            _ => return None,
        })
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Object => "object",
            Self::LanguageMap => "languageMap",
            Self::Vocab => "vocab",
            Self::Json => "json",
            Self::ValueList => "valueList",
            Self::ObjectList => "objectList",
        }
    }

    /// The member of that kind of attribute.
    pub(super) const fn of(kind: AttributeKind) -> Self {
        match kind {
            AttributeKind::Property | AttributeKind::GeoProperty => Self::Value,
            AttributeKind::Relationship => Self::Object,
            AttributeKind::LanguageProperty => Self::LanguageMap,
            AttributeKind::VocabProperty => Self::Vocab,
            AttributeKind::JsonProperty => Self::Json,
            AttributeKind::ListProperty => Self::ValueList,
            AttributeKind::ListRelationship => Self::ObjectList,
        }
    }
}

impl AttributeKind {
    /// The name of the member that holds what an instance of this kind says.
    #[must_use]
    pub const fn value_member(self) -> &'static str {
        ValueMember::of(self).as_str()
    }
}

/// Reads the text of a value member.
pub(super) fn read_value<E: Error>(
    reader: &Reader<'_>,
    kind: AttributeKind,
    text: &str,
    value_type: Option<&Iri>,
) -> Result<AttributeValue, E> {
    if text == "null" {
        return Err(reader.fail(Fault::Null));
    }
    if reader.fragment.is_some() && kind == AttributeKind::GeoProperty && is_null_text(text) {
        // What is removed needs no kind.
        return Ok(AttributeValue::Property(Value::from(NGSI_LD_NULL)));
    }
    Ok(match kind {
        AttributeKind::Property => AttributeValue::Property(read_property(reader, text, value_type)?),
        AttributeKind::GeoProperty => AttributeValue::GeoProperty(Box::new(read_geometry(reader, text)?)),
        AttributeKind::Relationship => {
            let Texts(texts) = from_text(reader, text, "a URI or an array of URIs")?;
            read_relationship(reader, &texts)?
        }
        AttributeKind::LanguageProperty => {
            let map = serde_json::from_str(text);
            let expected = Fault::Expected("an object of texts, or arrays of texts, by language");
            let LanguageMapText(map) = map.map_err(|_| fail_inside_or(reader, text, expected))?;
            check_language_map(reader, &map)?;
            AttributeValue::LanguageProperty(Box::new(map))
        }
        AttributeKind::VocabProperty => {
            let Texts(texts) = from_text(reader, text, "a term or an array of terms")?;
            let alone = texts.len() == 1;
            let terms = texts
                .iter()
                .map(|term| read_term(reader, term, alone))
                .collect::<Result<SmallVec<_>, E>>()?;
            if terms.is_empty() {
                return Err(reader.fail(Fault::Expected("at least one term")));
            }
            AttributeValue::VocabProperty(terms)
        }
        AttributeKind::JsonProperty => {
            if is_null_text(text) {
                // A text is no raw JSON; as the null of a fragment it is.
                if reader.fragment.is_none() {
                    return Err(reader.fail(Fault::Null));
                }
            } else if !is_raw_json(text) {
                return Err(reader.fail(Fault::Expected("an object or an array of objects (clause 4.5.24)")));
            }
            AttributeValue::JsonProperty(read_json(reader, text, Nulls::Allowed)?)
        }
        AttributeKind::ListProperty => {
            if !text.starts_with('[') {
                return Err(reader.fail(Fault::Expected("an array")));
            }
            let nulls = match reader.fragment {
                Some(_) if is_null_list(text) => Nulls::Allowed,
                _ => Nulls::Refused,
            };
            AttributeValue::ListProperty(read_json(reader, text, nulls)?)
        }
        AttributeKind::ListRelationship => {
            let entries: Vec<ListedObject<'_>> =
                from_text(reader, text, "an array of URIs, or of objects with the member object")?;
            let alone = entries.len() == 1;
            let objects = entries
                .iter()
                .map(|entry| read_id(reader, &entry.0, alone))
                .collect::<Result<_, E>>()?;
            AttributeValue::ListRelationship {
                objects,
                object_types: ObjectTypes::default(),
            }
        }
    })
}

/// A Relationship to those entities.
//= 4.5.3.2-1, 5.2.6-1, 5.2.37-1
pub(super) fn read_relationship<E: Error>(reader: &Reader<'_>, texts: &[Cow<'_, str>]) -> Result<AttributeValue, E> {
    let objects = match texts {
        [] => return Err(reader.fail(Fault::Expected("at least one URI"))),
        [only] => SmallVec::from_buf([read_id(reader, only, true)?]),
        several => several
            .iter()
            .map(|text| read_id(reader, text, false))
            .collect::<Result<_, E>>()?,
    };
    Ok(AttributeValue::Relationship {
        objects,
        object_types: ObjectTypes::default(),
    })
}

/// Whether a JSON text is an object or an array of objects.
fn is_raw_json(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'{') => true,
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
            .is_ok_and(|elements| elements.iter().all(|element| element.get().starts_with('{'))),
        _ => false,
    }
}

fn from_text<'de, T: Deserialize<'de>, E: Error>(
    reader: &Reader<'_>,
    text: &'de str,
    expected: &'static str,
) -> Result<T, E> {
    serde_json::from_str(text).map_err(|_| reader.fail(Fault::Expected(expected)))
}

fn read_property<E: Error>(reader: &Reader<'_>, text: &str, value_type: Option<&Iri>) -> Result<Value, E> {
    match text.as_bytes().first() {
        Some(b'"') => {
            let string = read_string(reader, text)?;
            if reader.is_kept_null(&string) {
                return Ok(Value::String(string));
            }
            if string == NGSI_LD_NULL {
                return Err(reader.fail(Fault::Null));
            }
            match value_type {
                Some(r#type) => read_typed(reader, r#type.as_str(), &string).unwrap_or(Ok(Value::String(string))),
                None => Ok(Value::String(string)),
            }
        }
        Some(b't') => Ok(Value::Boolean(true)),
        Some(b'f') => Ok(Value::Boolean(false)),
        Some(b'{') => {
            let has_typed_form = text.contains("\"@value\"");
            if let Some(typed) = has_typed_form
                .then(|| serde_json::from_str::<TypedText<'_>>(text).ok())
                .flatten()
            {
                let iri = reader.expand(&typed.r#type).map_err(|error| reader.fail(error))?;
                if let Some(value) = read_typed(reader, iri.as_str(), &typed.value) {
                    return value;
                }
            }
            let nulls = match reader.fragment {
                Some(FragmentUse::Merge) => Nulls::InObjects,
                _ => Nulls::Refused,
            };
            read_json(reader, text, nulls).map(Value::Json)
        }
        Some(b'[') => read_json(reader, text, Nulls::Refused).map(Value::Json),
        _ => Number::read(text).map(Value::Number).map_err(|error| match error {
            InvalidNumber::NoNumber => reader.fail(Fault::Expected("a JSON value")),
            error => reader.fail(error),
        }),
    }
}

/// The fault inside of a value that could not be read, such as a member that stands twice; without one, `other`.
#[cold]
fn fail_inside_or<E: Error>(reader: &Reader<'_>, text: &str, other: impl Into<Fault>) -> E {
    match check_json(text, Nulls::Allowed) {
        Err(inside) => reader.fail_inside(inside),
        Ok(()) => reader.fail(other),
    }
}

/// A JSON string without its quotes and escapes.
fn read_string<E: Error>(reader: &Reader<'_>, text: &str) -> Result<CompactString, E> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    match inner {
        Some(plain) if !plain.contains('\\') => Ok(plain.into()),
        _ => from_text(reader, text, "a text"),
    }
}

/// A JSON-LD value object (clause 4.6.3).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedText<'a> {
    #[serde(borrow, rename = "@type")]
    r#type: Cow<'a, str>,
    #[serde(borrow, rename = "@value")]
    value: Cow<'a, str>,
}

/// A text of one of the temporal types of clause 4.6.3; `None` when the type is another.
fn read_typed<E: Error>(reader: &Reader<'_>, r#type: &str, text: &str) -> Option<Result<Value, E>> {
    typed_value(r#type, text).map(|typed| typed.map_err(|fault| reader.fail(fault)))
}

/// The same, outside of a document.
//= 4.5.2.2-3, 4.5.2.3-4, 5.2.5-3, 5.2.7-3, 5.2.36-3, 5.2.38-4
pub(crate) fn typed_value(r#type: &str, text: &str) -> Option<Result<Value, Fault>> {
    let temporal = |r#type, valid: bool| {
        let value = text.replace(',', ".").into();
        if valid {
            Ok(Value::Temporal { r#type, value })
        } else {
            Err(Fault::Expected("a date YYYY-MM-DD, or a time hh:mm:ss[.ffffff]Z"))
        }
    };
    Some(match r#type {
        "https://uri.etsi.org/ngsi-ld/DateTime" => DateTime::parse(text).map(Value::DateTime).map_err(Fault::from),
        // A date is one if midnight of it is a DateTime, a time if it is one on any day.
        "https://uri.etsi.org/ngsi-ld/Date" => {
            let valid = !text.contains(',') && DateTime::parse(&format!("{text}T00:00:00Z")).is_ok();
            temporal(TemporalType::Date, valid)
        }
        "https://uri.etsi.org/ngsi-ld/Time" => {
            let valid = DateTime::parse(&format!("2000-01-01T{text}")).is_ok();
            temporal(TemporalType::Time, valid)
        }
        _ => return None,
    })
}

/// A geometry object, or its text in a string (clause 4.7.2).
//= 4.7.1-1, 4.7.2-1, 5.2.7-1
fn read_geometry<E: Error>(reader: &Reader<'_>, text: &str) -> Result<Geometry, E> {
    let geometry = if text.starts_with('"') {
        let inner = read_string(reader, text)?;
        if inner == NGSI_LD_NULL {
            return Err(reader.fail(Fault::Null));
        }
        Geometry::parse(&inner)
    } else {
        Geometry::parse(text)
    };
    geometry.map_err(|error| fail_inside_or(reader, text, error))
}

//= 4.5.24.1-1, 5.2.38-2
fn read_json<E: Error>(reader: &Reader<'_>, text: &str, nulls: Nulls) -> Result<Json, E> {
    check_json(text, nulls).map_err(|inside| reader.fail_inside(inside))?;
    let raw = RawValue::from_string(text.to_owned());
    let raw = raw.map_err(|_| reader.fail(Fault::Expected("a JSON value")))?;
    Ok(Json::from_raw(raw))
}

/// `alone`: whether it is all that the member says, as the null of a fragment must be.
fn read_id<E: Error>(reader: &Reader<'_>, text: &str, alone: bool) -> Result<EntityId, E> {
    if alone && reader.is_kept_null(text) {
        return Ok(EntityId::new_unchecked(text));
    }
    reader.check_uri(text)?;
    Ok(EntityId::new_unchecked(text))
}

/// A term of a VocabProperty: any text.
//= 4.5.20.1-1, 5.2.35-2
fn read_term<E: Error>(reader: &Reader<'_>, term: &str, alone: bool) -> Result<Iri, E> {
    if alone && reader.is_kept_null(term) {
        return Ok(Iri::new(term));
    }
    if term == NGSI_LD_NULL {
        return Err(reader.fail(Fault::Null));
    }
    reader.expand_value(term).map_err(|error| reader.fail(error))
}

/// An entry of an `objectList`: a URI, or an object with the member `object`.
struct ListedObject<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for ListedObject<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListedObjectVisitor;
        impl<'de> Visitor<'de> for ListedObjectVisitor {
            type Value = ListedObject<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a URI or an object with the member object")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<ListedObject<'de>, E> {
                Ok(ListedObject(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<ListedObject<'de>, E> {
                Ok(ListedObject(text.to_owned().into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListedObject<'de>, A::Error> {
                match map.next_entry::<Text<'de>, Text<'de>>()? {
                    Some((Text(name), Text(object))) if name == "object" => match map.next_key::<Text<'de>>()? {
                        None => Ok(ListedObject(object)),
                        Some(_) => Err(A::Error::custom("only object")),
                    },
                    _ => Err(A::Error::missing_field("object")),
                }
            }
        }
        deserializer.deserialize_any(ListedObjectVisitor)
    }
}

/// A `languageMap`, each language once.
struct LanguageMapText(LanguageMap);

impl<'de> Deserialize<'de> for LanguageMapText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LanguageMapVisitor;
        impl<'de> Visitor<'de> for LanguageMapVisitor {
            type Value = LanguageMapText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            //= 4.5.18.1-1, 4.6.5-1, 5.2.32-2
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LanguageMapText, A::Error> {
                let mut seen = hashbrown::HashSet::new();
                let mut languages = LanguageMap::new();
                while let Some((Text(language), Texts(texts))) = map.next_entry()? {
                    if !seen.insert(language.to_ascii_lowercase()) {
                        return Err(A::Error::custom("a language stands twice"));
                    }
                    let texts = texts.iter().map(|text| text.as_ref().into()).collect();
                    languages.push((language.as_ref().into(), texts));
                }
                Ok(LanguageMapText(languages))
            }
        }
        deserializer.deserialize_map(LanguageMapVisitor)
    }
}

fn check_language_map<E: Error>(reader: &Reader<'_>, map: &LanguageMap) -> Result<(), E> {
    if map.is_empty() {
        return Err(reader.fail(Fault::Expected("at least one language")));
    }
    for (language, texts) in map {
        let alone = map.len() == 1 && texts.len() == 1;
        if alone && language == "@none" && texts.iter().any(|text| reader.is_kept_null(text)) {
            return Ok(());
        }
        if language == "@none" && texts.iter().any(|text| text == NGSI_LD_NULL) {
            return Err(reader.fail(Fault::Null));
        }
        if language != "@none" && !is_language_tag(language) {
            return Err(reader.fail(Fault::LanguageTag));
        }
    }
    Ok(())
}
