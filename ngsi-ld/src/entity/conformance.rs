//! Entities for readers of an earlier version of the specification (clause 4.3.6.8): what that version has not is
//! reformatted or left out, as tables 4.3.6.8-1 to 4.3.6.8-3 say.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

use super::render::language_map_json;
use super::{Attribute, AttributeValue, Entity, Instance, Json, ObjectTypes, Value};
use crate::context::Context;

/// A version of the NGSI-LD specification: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpecificationVersion {
    major: u8,
    minor: u8,
}

/// A text that is not of the form `major.minor`, or names a version before 1.0, to which nothing conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a version like 1.6, from 1.0")]
pub struct InvalidVersion;

impl SpecificationVersion {
    /// The version that the view is written in.
    pub const CURRENT: Self = Self::of(9);
    /// Several types, several instances and what stands beside a value.
    const V1_3: Self = Self::of(3);
    /// Scopes and LanguageProperties.
    const V1_4: Self = Self::of(4);
    /// JsonProperties, VocabProperties, lists and `objectType`.
    const V1_8: Self = Self::of(8);
    /// `expiresAt` and `valueType`.
    const V1_9: Self = Self::of(9);

    const fn of(minor: u8) -> Self {
        Self { major: 1, minor }
    }

    /// The version that an answer to a reader of this version conforms to.
    #[must_use]
    pub fn conformant(self) -> Self {
        self.min(Self::CURRENT)
    }
}

impl FromStr for SpecificationVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let (major, minor) = text.split_once('.').ok_or(InvalidVersion)?;
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|_| is_number).ok_or(InvalidVersion)
        };
        let version = Self {
            major: number(major)?,
            minor: number(minor)?,
        };
        if version < Self::of(0) {
            return Err(InvalidVersion);
        }
        Ok(version)
    }
}

impl fmt::Display for SpecificationVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Makes an entity conform to a version, and tells whether anything had to change. Terms of VocabProperties become
/// texts, as the context shortens them.
//= 4.3.6.8-2
pub fn amend(entity: &mut Entity, version: SpecificationVersion, context: &Context) -> bool {
    if version >= SpecificationVersion::CURRENT {
        return false;
    }
    let mut amending = Amending {
        version,
        context,
        amended: false,
    };
    amending.entity(entity);
    amending.amended
}

struct Amending<'a> {
    version: SpecificationVersion,
    context: &'a Context,
    amended: bool,
}

impl Amending<'_> {
    fn entity(&mut self, entity: &mut Entity) {
        self.remove_expiry(&mut entity.system);
        if self.version < SpecificationVersion::V1_4 && !entity.scopes.is_empty() {
            entity.scopes.clear();
            self.amended = true;
        }
        if self.version < SpecificationVersion::V1_3 && entity.types.len() > 1 {
            entity.types.truncate(1);
            self.amended = true;
        }
        self.attributes(&mut entity.attributes);
    }

    fn attributes(&mut self, attributes: &mut [Attribute]) {
        for attribute in attributes {
            if self.version < SpecificationVersion::V1_3 && attribute.instances.len() > 1 {
                let default = attribute
                    .instances
                    .iter()
                    .position(|instance| instance.dataset_id.is_none());
                attribute.instances.swap(0, default.unwrap_or(0));
                attribute.instances.truncate(1);
                self.amended = true;
            }
            for instance in &mut attribute.instances {
                self.instance(instance);
            }
        }
    }

    fn instance(&mut self, instance: &mut Instance) {
        self.remove_expiry(&mut instance.system);
        if self.version < SpecificationVersion::V1_9 {
            self.amended |= instance.value_type.take().is_some();
        }
        if self.version < SpecificationVersion::V1_3 {
            self.amended |= instance.dataset_id.take().is_some();
            self.amended |= instance.observed_at.take().is_some();
            self.amended |= instance.unit_code.take().is_some();
        }
        if let Some(value) = self.earlier_value(&mut instance.value) {
            instance.value = value;
            self.amended = true;
        }
        self.attributes(&mut instance.sub_attributes);
    }

    fn remove_expiry(&mut self, system: &mut super::SystemAttributes) {
        if self.version < SpecificationVersion::V1_9 && system.expires_at().is_some() {
            system.dates_mut().expires_at = None;
            self.amended = true;
        }
    }

    /// The value in a kind of attribute that the version has, where it has not this one.
    fn earlier_value(&mut self, value: &mut AttributeValue) -> Option<AttributeValue> {
        match value {
            AttributeValue::LanguageProperty(map) if self.version < SpecificationVersion::V1_4 => {
                let json = Json::parse(str::from_utf8(&language_map_json(map)).ok()?).ok()?;
                Some(AttributeValue::Property(Value::Json(json)))
            }
            _ if self.version >= SpecificationVersion::V1_8 => None,
            AttributeValue::VocabProperty(terms) => {
                let texts: SmallVec<[_; 1]> = terms.iter().map(|term| self.context.compact(term.as_str())).collect();
                let value = match texts.as_slice() {
                    [only] => Value::from(only.as_ref()),
                    several => Value::Json(Json::parse(&serde_json::to_string(several).ok()?).ok()?),
                };
                Some(AttributeValue::Property(value))
            }
            AttributeValue::JsonProperty(json) | AttributeValue::ListProperty(json) => {
                Some(AttributeValue::Property(Value::Json(json.clone())))
            }
            AttributeValue::ListRelationship { objects, .. } => Some(AttributeValue::Relationship {
                objects: objects.drain(..).collect(),
                object_types: ObjectTypes::default(),
            }),
            AttributeValue::Relationship { object_types, .. } => {
                self.amended |= !std::mem::take(object_types).is_empty();
                None
            }
            AttributeValue::Property(_) | AttributeValue::GeoProperty(_) | AttributeValue::LanguageProperty(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::generated;
    use crate::entity::parse::parse_entity;
    use crate::entity::render::{Format, Rendering, render_entity};

    const ENTITY: &str = r#"{
        "id": "urn:ngsi-ld:A:1", "type": ["A", "B"], "scope": "/a", "expiresAt": "2030-01-01T00:00:00Z",
        "name": { "type": "LanguageProperty", "languageMap": { "ja": "架", "en": ["b", "c"] } },
        "vocabulary": { "type": "VocabProperty", "vocab": ["open", "https://example.org/x"] },
        "one": { "type": "VocabProperty", "vocab": "open" },
        "raw": { "type": "JsonProperty", "json": { "a": 1 } },
        "list": { "type": "ListProperty", "valueList": [1, "b"] },
        "leads": { "type": "Relationship", "object": "urn:ngsi-ld:B:1", "objectType": "B",
                   "unit": { "type": "Property", "value": 1, "unitCode": "CEL" } },
        "leadsList": { "type": "ListRelationship", "objectList": [{ "object": "urn:ngsi-ld:B:2" }] },
        "several": [{ "type": "Property", "value": 1, "datasetId": "urn:d" }, { "type": "Property", "value": 2 }],
        "dated": { "type": "Property", "value": "x", "observedAt": "2026-01-01T00:00:00Z",
                   "valueType": "https://example.org/type" }
    }"#;

    fn amended(version: &str) -> (bool, serde_json::Value) {
        let mut entity = parse_entity(ENTITY.as_bytes(), Context::core()).unwrap();
        let changed = amend(&mut entity, version.parse().unwrap(), Context::core());
        let rendering = Rendering {
            system_attributes: true,
            ..Rendering::new(Context::core(), Format::Normalized)
        };
        let mut json = Vec::new();
        render_entity(&rendering, &entity, &mut json);
        (changed, serde_json::from_slice(&json).unwrap())
    }

    #[test]
    fn versions_are_major_and_minor() {
        let version = |text: &str| text.parse::<SpecificationVersion>().map(|version| version.to_string());
        assert_eq!(version("1.6"), Ok("1.6".into()));
        assert_eq!(version("1.10"), Ok("1.10".into()));
        for wrong in ["", "1", "1.", ".1", "1.6.1", "0.9", "1.-6", "1.+6", "v1.6", "1.999"] {
            assert_eq!(version(wrong), Err(InvalidVersion), "{wrong}");
        }
        let conformant = |text: &str| text.parse::<SpecificationVersion>().unwrap().conformant().to_string();
        assert_eq!(
            (conformant("1.3"), conformant("1.12"), conformant("2.0")),
            ("1.3".into(), "1.9".into(), "1.9".into())
        );
    }

    #[test]
    fn the_current_version_changes_nothing() {
        let (changed, entity) = amended("1.9");
        assert!(!changed && entity["expiresAt"].is_string() && entity["raw"]["type"] == "JsonProperty");
    }

    #[test]
    //= 4.3.6.8-2
    fn each_version_loses_what_came_after_it() {
        let (changed, v1_8) = amended("1.8");
        assert!(
            changed && v1_8.get("expiresAt").is_none() && v1_8["dated"].get("valueType").is_none(),
            "{v1_8}"
        );
        assert_eq!(v1_8["leads"]["objectType"], "B");
        let (_, v1_5) = amended("1.5");
        let of = |name: &str| (v1_5[name]["type"].clone(), v1_5[name]["value"].clone());
        assert_eq!(
            of("vocabulary"),
            ("Property".into(), serde_json::json!(["open", "https://example.org/x"]))
        );
        assert_eq!(of("one"), ("Property".into(), "open".into()));
        assert_eq!(of("raw"), ("Property".into(), serde_json::json!({ "a": 1 })));
        assert_eq!(of("list"), ("Property".into(), serde_json::json!([1, "b"])));
        assert_eq!(
            v1_5["leadsList"],
            serde_json::json!({ "type": "Relationship", "object": "urn:ngsi-ld:B:2" })
        );
        assert!(v1_5["leads"].get("objectType").is_none() && v1_5["name"]["type"] == "LanguageProperty");
        let (_, v1_3) = amended("1.3");
        assert!(v1_3.get("scope").is_none() && v1_3["several"].is_array());
        let name = serde_json::json!({ "type": "Property", "value": { "ja": "架", "en": ["b", "c"] } });
        assert_eq!(v1_3["name"], name);
        let (_, v1_0) = amended("1.0");
        assert_eq!((&v1_0["type"], &v1_0["several"]["value"]), (&"A".into(), &2.into()));
        assert!(v1_0["dated"].get("observedAt").is_none() && v1_0["leads"]["unit"].get("unitCode").is_none());
    }

    proptest! {
        #[test]
        fn what_conforms_is_not_amended_again(mut entity in generated::entity(), minor in 0_u8..9) {
            let version = SpecificationVersion::of(minor);
            amend(&mut entity, version, Context::core());
            let once = entity.clone();
            prop_assert!(!amend(&mut entity, version, Context::core()));
            prop_assert_eq!(once, entity);
        }
    }
}
