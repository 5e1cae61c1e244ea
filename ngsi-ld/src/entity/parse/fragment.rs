//! Fragments of entities: what an update or a merge changes, NGSI-LD nulls included (clauses 4.5.0, 5.4, 5.5.4, 5.5.8
//! and 5.5.12).
//!
//! Nothing is applied here. A null that stands for a whole attribute is kept as the clause encodes it, and
//! [`Instance::is_null`] tells it; a null that stands for another member is listed in [`Fragment::removed`].

use std::fmt;

use compact_str::CompactString;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use smallvec::SmallVec;

use super::entity::Members;
use super::reader::{Reader, Text};
use super::removal::{FragmentUse, RemovedMember, is_null_list, is_null_text};
use super::{InvalidEntity, NGSI_LD_NULL, Seed, parse_with};
use crate::context::Context;
use crate::entity::{Attribute, AttributeValue, Instance, SystemAttributes, Value};
use crate::{EntityId, TypeName};

/// What an update or a merge says about an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Fragment {
    /// `id`, when it is said: it must be that of the entity that is changed.
    pub id: Option<EntityId>,
    /// Types that are added.
    pub types: SmallVec<[TypeName; 1]>,
    /// Scopes that are set.
    pub scopes: SmallVec<[CompactString; 1]>,
    /// Temporal properties; `expiresAt` alone is its owner's to set.
    pub system: SystemAttributes,
    /// Attributes that are set, merged, or removed.
    pub attributes: Vec<Attribute>,
    /// Members other than attributes that are removed.
    pub removed: Vec<RemovedMember>,
}

/// Reads a fragment of an entity, normalized or concise.
///
/// # Errors
/// [`InvalidEntity`] names the member and what is wrong with it. A null where it may not stand is refused as in an
/// entity; so is one for the id, the types or a `datasetId`.
pub fn parse_fragment(json: &[u8], context: &Context, r#use: FragmentUse) -> Result<Fragment, InvalidEntity> {
    parse_with::<OneFragment>(json, |thorough| {
        let reader = if thorough {
            Reader::thorough(context)
        } else {
            Reader::streaming(context)
        };
        reader.keeping_nulls(r#use)
    })
}

impl Instance {
    /// Whether it is an NGSI-LD null: the instance is to be removed (clause 4.5.0). Only fragments, notifications and
    /// temporal evolutions have such instances.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match &self.value {
            AttributeValue::Property(Value::String(text)) => text == NGSI_LD_NULL,
            AttributeValue::Property(_) | AttributeValue::GeoProperty(_) => false,
            AttributeValue::Relationship { objects, .. } => {
                matches!(objects.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            AttributeValue::ListRelationship { objects, .. } => {
                matches!(objects.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            AttributeValue::LanguageProperty(map) => {
                let is_null = |texts: &[CompactString]| matches!(texts, [text] if text == NGSI_LD_NULL);
                matches!(map.as_slice(), [(language, texts)] if language == "@none" && is_null(texts))
            }
            AttributeValue::VocabProperty(terms) => {
                matches!(terms.as_slice(), [only] if only.as_str() == NGSI_LD_NULL)
            }
            AttributeValue::JsonProperty(json) => is_null_text(json.as_str()),
            AttributeValue::ListProperty(json) => is_null_list(json.as_str()),
        }
    }
}

struct OneFragment;

impl Seed for OneFragment {
    type Output = Fragment;

    fn read<'de, D: Deserializer<'de>>(reader: &Reader<'_>, deserializer: D) -> Result<Fragment, D::Error> {
        let fragment = deserializer.deserialize_map(FragmentVisitor { reader });
        reader.expected("a fragment of an entity: an object", fragment)
    }
}

struct FragmentVisitor<'s, 'c> {
    reader: &'s Reader<'c>,
}

impl<'de> Visitor<'de> for FragmentVisitor<'_, '_> {
    type Value = Fragment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a fragment of an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fragment, A::Error> {
        let reader = self.reader;
        let mut members = Members::default();
        while let Some(Text(name)) = map.next_key()? {
            let member = members.read(reader, &name, &mut map);
            reader.within(&name, member)?;
        }
        Ok(members.into_fragment(reader.take_removed()))
    }
}

impl Members {
    /// What they say as a fragment.
    fn into_fragment(self, removed: Vec<RemovedMember>) -> Fragment {
        Fragment {
            id: self.id,
            types: self.types.unwrap_or_default(),
            scopes: self.scopes.unwrap_or_default(),
            system: self.system,
            attributes: self.attributes,
            removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fault;
    use super::super::removal::RemovableMember;
    use super::*;
    use crate::{AttributeName, Iri};

    fn parse(json: &str, r#use: FragmentUse) -> Result<Fragment, (String, Fault)> {
        parse_fragment(json.as_bytes(), Context::core(), r#use).map_err(|error| (error.path, error.fault))
    }

    fn merge(json: &str) -> Fragment {
        parse(json, FragmentUse::Merge).unwrap()
    }

    fn short(name: &AttributeName) -> String {
        Context::core().compact(name.as_str()).into_owned()
    }

    #[test]
    fn an_attribute_is_removed_in_each_encoding_of_the_clause() {
        for json in [
            r#""urn:ngsi-ld:null""#,
            r#"{"type":"Property","value":"urn:ngsi-ld:null"}"#,
            r#"{"value":"urn:ngsi-ld:null","datasetId":"urn:d:1"}"#,
            r#"{"type":"GeoProperty","value":"urn:ngsi-ld:null"}"#,
            r#"{"type":"Relationship","object":"urn:ngsi-ld:null"}"#,
            r#"{"object":["urn:ngsi-ld:null"]}"#,
            r#"{"languageMap":{"@none":"urn:ngsi-ld:null"}}"#,
            r#"{"type":"VocabProperty","vocab":"urn:ngsi-ld:null"}"#,
            r#"{"type":"JsonProperty","json":"urn:ngsi-ld:null"}"#,
            r#"{"type":"ListProperty","valueList":["urn:ngsi-ld:null"]}"#,
            r#"{"type":"ListRelationship","objectList":["urn:ngsi-ld:null"]}"#,
            r#"{"type":"ListRelationship","objectList":[{"object":"urn:ngsi-ld:null"}]}"#,
        ] {
            for r#use in [FragmentUse::Update, FragmentUse::Merge] {
                let fragment = parse(&format!(r#"{{"a":{json}}}"#), r#use).unwrap();
                assert!(fragment.attributes[0].instances[0].is_null(), "{json}");
            }
        }
        let kept = merge(r#"{"a":{"value":1,"b":"urn:ngsi-ld:null"},"c":{"languageMap":{"@none":"x"}}}"#);
        let instance = &kept.attributes[0].instances[0];
        assert!(!instance.is_null() && instance.sub_attributes[0].instances[0].is_null());
        assert!(!kept.attributes[1].instances[0].is_null());
    }

    #[test]
    fn other_members_that_are_removed_are_listed_with_where_they_stand() {
        let fragment = merge(
            r#"{"scope":"urn:ngsi-ld:null","expiresAt":"urn:ngsi-ld:null","a":{"value":1,"observedAt":"urn:ngsi-ld:null",
                "b":[{"value":2,"unitCode":"urn:ngsi-ld:null","datasetId":"urn:d:1"}]},
                "r":{"object":"urn:x:1","objectType":"urn:ngsi-ld:null"},"v":{"value":1,"valueType":"urn:ngsi-ld:null"}}"#,
        );
        let removed: Vec<_> = fragment
            .removed
            .iter()
            .map(|removed| {
                let path = removed.attributes.iter().map(short).collect::<Vec<_>>().join(".");
                (path, removed.dataset_id.as_ref().map(Iri::as_str), removed.member)
            })
            .collect();
        let at = |path: &str, member| (path.to_owned(), None, member);
        assert_eq!(
            removed,
            [
                at("", RemovableMember::Scope),
                at("", RemovableMember::ExpiresAt),
                ("a.b".to_owned(), Some("urn:d:1"), RemovableMember::UnitCode),
                at("a", RemovableMember::ObservedAt),
                at("r", RemovableMember::ObjectType),
                at("v", RemovableMember::ValueType),
            ]
        );
        assert!(fragment.id.is_none() && fragment.types.is_empty());
    }

    #[test]
    fn members_of_values_may_be_null_in_a_merge_alone() {
        let json = r#"{"address":{"type":"Property","value":{"street":"x","inner":{"no":"urn:ngsi-ld:null"}}}}"#;
        let fragment = merge(json);
        assert!(!fragment.attributes[0].instances[0].is_null());
        let refused = |json| parse(json, FragmentUse::Update).unwrap_err();
        assert_eq!(refused(json), ("address.value.inner.no".to_owned(), Fault::Null));
        let in_array = r#"{"a":{"type":"Property","value":["urn:ngsi-ld:null"]}}"#;
        for r#use in [FragmentUse::Update, FragmentUse::Merge] {
            let refused = parse(in_array, r#use).unwrap_err();
            assert_eq!(refused, ("a.value[0]".to_owned(), Fault::Null));
        }
    }

    #[test]
    fn nulls_that_would_remove_what_cannot_be_removed_are_refused() {
        for (json, path) in [
            (r#"{"id":"urn:ngsi-ld:null"}"#, "id"),
            (r#"{"type":"urn:ngsi-ld:null"}"#, "type"),
            (r#"{"a":{"value":1,"datasetId":"urn:ngsi-ld:null"}}"#, "a.datasetId"),
            (r#"{"a":null}"#, "a"),
            (r#"{"a":{"type":"Property","value":null}}"#, "a.value"),
            (r#"{"a":{"type":"Property","value":{"x":null}}}"#, "a.value.x"),
            (r#"{"a":{"object":["urn:x:1","urn:ngsi-ld:null"]}}"#, "a.object"),
            (r#"{"a":{"vocab":["x","urn:ngsi-ld:null"]}}"#, "a.vocab"),
            (
                r#"{"a":{"languageMap":{"@none":"urn:ngsi-ld:null","fr":"x"}}}"#,
                "a.languageMap",
            ),
            (r#"{"a":{"objectList":["urn:ngsi-ld:null","urn:x:1"]}}"#, "a.objectList"),
            (r#"{"a":{"valueList":["urn:ngsi-ld:null",1]}}"#, "a.valueList[0]"),
            (r#"{"createdAt":"urn:ngsi-ld:null"}"#, "createdAt"),
        ] {
            let error = parse(json, FragmentUse::Merge).unwrap_err();
            if path == "createdAt" {
                assert_eq!(error.0, path);
            } else {
                assert_eq!(error, (path.to_owned(), Fault::Null), "{json}");
            }
        }
    }
}
