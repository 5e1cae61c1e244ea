//! From an attribute path to its targets in an entity (clause 4.9).

use std::borrow::Cow;

use super::datum::{Data, Datum, Target};
use super::json;
use crate::entity::{
    Attribute, AttributeValue, DateTime, Geometry, Instance, LanguageMap, Number, SystemAttributes, Value,
};
use crate::query::AttributePath;
use crate::{AttributeName, Entity, EntityId};
use compact_str::CompactString;

/// What is done with a target; `true` ends the search.
pub(in crate::query) type Visit<'v, 'e> = dyn FnMut(Target<'e>) -> bool + 'v;

/// Whether one of the targets of the path makes `visit` true.
//= 4.9-5, 4.9-6
pub(in crate::query) fn any_target<'e>(entity: &'e Entity, path: &AttributePath, visit: &mut Visit<'_, 'e>) -> bool {
    if let Some(system_attribute) = SystemName::of(&path.attribute) {
        let value = system_attribute.of_dates(&entity.system);
        return path.sub_attributes.is_empty() && path.members.is_empty() && value.is_some_and(visit);
    }
    entity
        .attribute(&path.attribute)
        .is_some_and(|attribute| any_instance(attribute, &path.sub_attributes, &path.members, visit))
}

/// Where the Relationship or the ListRelationship of that name leads to.
pub(super) fn linked_ids<'e>(entity: &'e Entity, name: &AttributeName) -> impl Iterator<Item = &'e EntityId> {
    let instances = entity
        .attribute(name)
        .into_iter()
        .flat_map(|attribute| &attribute.instances);
    instances.flat_map(|instance| instance.value.objects())
}

fn any_instance<'e>(
    attribute: &'e Attribute,
    sub_attributes: &[AttributeName],
    members: &[CompactString],
    visit: &mut Visit<'_, 'e>,
) -> bool {
    attribute.instances.iter().any(|instance| match sub_attributes {
        [] => value_target(&instance.value, members).is_some_and(&mut *visit),
        [name, deeper @ ..] => match SystemName::of(name) {
            Some(system_attribute) => {
                let value = system_attribute.of_instance(instance);
                deeper.is_empty() && members.is_empty() && value.is_some_and(&mut *visit)
            }
            None => instance
                .sub_attribute(name)
                .is_some_and(|sub_attribute| any_instance(sub_attribute, deeper, members, visit)),
        },
    })
}

/// The attributes that are not reified (clauses 4.5.5.1 and 4.8): an instance has them beside its value.
#[derive(Clone, Copy)]
enum SystemName {
    ObservedAt,
    CreatedAt,
    ModifiedAt,
    DeletedAt,
    ExpiresAt,
    UnitCode,
    DatasetId,
}

/// Where the core @context puts its terms.
const NGSI_LD: &str = "https://uri.etsi.org/ngsi-ld/";

impl SystemName {
    fn of(name: &AttributeName) -> Option<Self> {
        Some(match name.as_str().strip_prefix(NGSI_LD)? {
            "observedAt" => Self::ObservedAt,
            "createdAt" => Self::CreatedAt,
            "modifiedAt" => Self::ModifiedAt,
            "deletedAt" => Self::DeletedAt,
            "expiresAt" => Self::ExpiresAt,
            "unitCode" => Self::UnitCode,
            "datasetId" => Self::DatasetId,
            _ => return None,
        })
    }

    fn of_dates(self, system: &SystemAttributes) -> Option<Target<'_>> {
        let dates = system.dates()?;
        let date = match self {
            Self::CreatedAt => &dates.created_at,
            Self::ModifiedAt => &dates.modified_at,
            Self::DeletedAt => &dates.deleted_at,
            Self::ExpiresAt => &dates.expires_at,
            Self::ObservedAt | Self::UnitCode | Self::DatasetId => &None,
        };
        date.as_ref().map(date_target)
    }

    fn of_instance(self, instance: &Instance) -> Option<Target<'_>> {
        match self {
            Self::ObservedAt => instance.observed_at.as_ref().map(date_target),
            Self::UnitCode => instance.unit_code.as_ref().map(|code| Target::One(string(code))),
            Self::DatasetId => instance
                .dataset_id
                .as_ref()
                .map(|id| Target::One(Datum::Uri(id.as_str()))),
            _ => self.of_dates(&instance.system),
        }
    }
}

fn date_target(date: &DateTime) -> Target<'_> {
    Target::One(Datum::DateTime(Cow::Borrowed(date)))
}

fn string(text: &str) -> Datum<'_> {
    Datum::String(Cow::Borrowed(text))
}

/// The target inside of a value; `None` when the members lead nowhere.
fn value_target<'e>(value: &'e AttributeValue, members: &[CompactString]) -> Option<Target<'e>> {
    match value {
        AttributeValue::LanguageProperty(texts) => language_target(texts, members),
        AttributeValue::GeoProperty(geometry) => geometry_target(geometry, members),
        AttributeValue::Property(Value::Json(json)) | AttributeValue::ListProperty(json) => json::target(json, members),
        AttributeValue::JsonProperty(json) => json::raw_target(json, members),
        // Everything else has no members.
        _ if !members.is_empty() => None,
        AttributeValue::Property(value) => Some(Target::One(datum(value))),
        AttributeValue::Relationship { objects, .. } => Some(uris(objects.iter().map(crate::EntityId::as_str))),
        AttributeValue::VocabProperty(terms) => Some(uris(terms.iter().map(crate::Iri::as_str))),
        AttributeValue::ListRelationship { objects, .. } => Some(Target::Array(
            objects.iter().map(|object| Datum::Uri(object.as_str())).collect(),
        )),
    }
}

fn datum(value: &Value) -> Datum<'_> {
    match value {
        Value::String(text) => string(text),
        Value::Number(number) => Datum::Number(number.clone()),
        Value::Boolean(boolean) => Datum::Boolean(*boolean),
        Value::DateTime(date_time) => Datum::DateTime(Cow::Borrowed(date_time)),
        Value::Temporal { r#type, value } => Datum::Temporal(*r#type, Cow::Borrowed(value)),
        Value::Json(json) => Datum::Structure(json.as_str()),
    }
}

/// One URI is a value, several are an array.
fn uris<'e>(uris: impl Iterator<Item = &'e str>) -> Target<'e> {
    let mut data: Data<'e> = uris.map(Datum::Uri).collect();
    match data.pop() {
        Some(only) if data.is_empty() => Target::One(only),
        Some(last) => {
            data.push(last);
            Target::Array(data)
        }
        None => Target::Array(data),
    }
}

/// `[*]` and no member at all: the texts of every language. `[ja]`: those of one.
fn language_target<'e>(texts: &'e LanguageMap, members: &[CompactString]) -> Option<Target<'e>> {
    let language = match members {
        [] => None,
        [any] if any == "*" => None,
        [language] => Some(language),
        _ => return None,
    };
    // Language tags are compared without regard to case (RFC 5646 section 2.1.1).
    let data: Data<'e> = texts
        .iter()
        .filter(|(tag, _)| language.is_none_or(|language| tag.eq_ignore_ascii_case(language)))
        .flat_map(|(_, texts)| texts.iter())
        .map(|text| string(text))
        .collect();
    (!data.is_empty()).then_some(Target::Choice(data))
}

/// A geometry is a JSON object with the members `type` and `coordinates` (RFC 7946).
fn geometry_target<'e>(geometry: &'e Geometry, members: &[CompactString]) -> Option<Target<'e>> {
    match members {
        [] => Some(Target::One(Datum::Geometry(geometry))),
        [member] if member == "type" => Some(Target::One(string(geometry.type_name()))),
        [member] if member == "coordinates" => Some(Target::Array(match geometry {
            Geometry::Point(position) => [Some(position.longitude), Some(position.latitude), position.altitude]
                .into_iter()
                .flatten()
                .map(|coordinate| Datum::Number(Number::Float(coordinate)))
                .collect(),
            // Arrays of arrays equal nothing.
            _ => Data::new(),
        })),
        _ => None,
    }
}
