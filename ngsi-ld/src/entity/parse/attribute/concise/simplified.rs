//! Attributes in their simplified representation (clause 4.5.4). It does not tell a Property from a Relationship or a
//! ListProperty: what the attribute is already says which of them it is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::super::reader::Text;
use super::super::super::value::read_value;
use super::super::super::{Fault, MAX_INSTANCES};
use super::super::{AttributeSeed, Instances, read_dataset_id};
use super::{ReadResult, is_geometry, read_concise_value};
use crate::entity::AttributeKind;

/// Reads an attribute from its text: one value, or one of each data set.
pub(super) fn read(seed: AttributeSeed<'_, '_>, text: &str, instances: &mut Instances<'_>) -> ReadResult<()> {
    let members = members(text);
    let Some([(name, values)]) = members.as_deref() else {
        return read_instance(seed, text, None, instances);
    };
    if name != "dataset" {
        return read_instance(seed, text, None, instances);
    }
    let reader = seed.reader;
    let Some(values) = self::members(values.get()).filter(|values| !values.is_empty()) else {
        let expected = Fault::Expected("an object of values by datasetId");
        return reader.within("dataset", Err(reader.fail(expected)));
    };
    for (dataset_id, value) in values {
        let read = read_instance(seed, value.get(), Some(&dataset_id), instances);
        reader.within(&dataset_id, read)?;
    }
    Ok(())
}

fn read_instance(
    seed: AttributeSeed<'_, '_>,
    text: &str,
    dataset_id: Option<&str>,
    instances: &mut Instances<'_>,
) -> ReadResult<()> {
    let reader = seed.reader;
    match members(text).as_deref() {
        Some([(name, inner)]) if let Some(kind) = kind_of(name) => {
            let value = read_value(reader, kind, inner.get(), None);
            let value = reader.within(kind.value_member(), value)?;
            let next = instances.next();
            let (index, instance, _) = next.ok_or_else(|| reader.fail(Fault::TooMany(MAX_INSTANCES)))?;
            instance.value = value;
            reader.enter(index);
            reader.note(|notes| notes.is_bare = true);
            reader.leave();
        }
        _ if is_geometry(text) => read_concise_value(seed, AttributeKind::GeoProperty, text, instances)?,
        _ => read_concise_value(seed, AttributeKind::Property, text, instances)?,
    }
    let dataset_id = match dataset_id {
        Some(dataset_id) => read_dataset_id(reader, dataset_id)?,
        None => None,
    };
    if instances.set_dataset_id(dataset_id) {
        Ok(())
    } else {
        Err(reader.fail(Fault::DuplicateInstance))
    }
}

/// The kinds that say themselves by the one member of an object.
fn kind_of(name: &str) -> Option<AttributeKind> {
    match name {
        "languageMap" => Some(AttributeKind::LanguageProperty),
        "vocab" => Some(AttributeKind::VocabProperty),
        "json" => Some(AttributeKind::JsonProperty),
        _ => None,
    }
}

/// The members of an object, each as often as it stands there.
fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Members<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);
    struct MembersVisitor;

    impl<'de> Visitor<'de> for MembersVisitor {
        type Value = Members<'de>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
            let mut members = Vec::new();
            while let Some((Text(name), value)) = map.next_entry()? {
                members.push((name, value));
            }
            Ok(Members(members))
        }
    }

    impl<'de> Deserialize<'de> for Members<'de> {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(MembersVisitor)
        }
    }

    if !text.starts_with('{') {
        return None;
    }
    serde_json::from_str(text).ok().map(|Members(members)| members)
}
