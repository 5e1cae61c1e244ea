//! The limit that Kakehashi is measured against: NGSI-v2 to NGSI-LD and nothing else. It knows no policy, no
//! context, no conditions, no merging and only the constructs that the benchmark's data has, typed and
//! borrowed from the input, written straight to the output.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Translates a normalized NGSI-v2 list to a normalized NGSI-LD list.
///
/// # Errors
/// When the input is no such list.
pub fn transform(input: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(input.len() + input.len() / 8);
    let mut deserializer = serde_json::Deserializer::from_slice(input);
    List(&mut out).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(out)
}

/// Translates an NGSI-v2 list of one entity to that entity.
///
/// # Errors
/// When the input is no such list.
pub fn transform_one(input: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let mut list = transform(input)?;
    list.pop();
    list.remove(0);
    Ok(list)
}

struct List<'o>(&'o mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entities: A) -> Result<(), A::Error> {
        self.0.push(b'[');
        let mut first = true;
        loop {
            if !first {
                self.0.push(b',');
            }
            if entities.next_element_seed(EntityObject(self.0))?.is_none() {
                break;
            }
            first = false;
        }
        if !first {
            self.0.pop();
        }
        self.0.push(b']');
        Ok(())
    }
}

struct EntityObject<'o>(&'o mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for EntityObject<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntityObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let out = self.0;
        out.push(b'{');
        let mut first = true;
        while let Some(name) = members.next_key::<Cow<'de, str>>()? {
            if !first {
                out.push(b',');
            }
            first = false;
            write_string(out, &name);
            out.push(b':');
            match &*name {
                "id" | "type" => out.extend_from_slice(members.next_value::<&RawValue>()?.get().as_bytes()),
                _ => write_attribute(out, &members.next_value::<Attribute<'de>>()?),
            }
        }
        out.push(b'}');
        Ok(())
    }
}

#[derive(Deserialize)]
struct Attribute<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
}

/// The one metadata that the data has.
#[derive(Default)]
struct Metadata<'a> {
    observed_at: Option<Cow<'a, str>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Metadata<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Metadata<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut metadata = Metadata::default();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    if name == "TimeInstant" {
                        metadata.observed_at = Some(members.next_value::<TimeInstant<'de>>()?.value);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                        return Err(A::Error::custom("metadata that the benchmark does not have"));
                    }
                }
                Ok(metadata)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[derive(Deserialize)]
struct TimeInstant<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
}

fn write_attribute(out: &mut Vec<u8>, attribute: &Attribute<'_>) {
    let start: &[u8] = match &*attribute.r#type {
        "geo:json" => br#"{"type":"GeoProperty","value":"#,
        "Relationship" => br#"{"type":"Relationship","object":"#,
        _ => br#"{"type":"Property","value":"#,
    };
    out.extend_from_slice(start);
    out.extend_from_slice(attribute.value.get().as_bytes());
    if let Some(observed_at) = &attribute.metadata.observed_at {
        out.extend_from_slice(br#","observedAt":"#);
        write_string(out, observed_at);
    }
    out.push(b'}');
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::ngsi_v2_list;

    #[test]
    fn the_bare_transform_keeps_every_attribute() {
        let output = transform(ngsi_v2_list(3).as_bytes()).unwrap();
        let entities: serde_json::Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(entities.as_array().unwrap().len(), 3);
        assert_eq!(entities[0]["location"]["type"], "GeoProperty");
        assert_eq!(entities[1]["maxCapacity"]["value"], 101);
        assert_eq!(entities[2]["name"]["observedAt"], "2026-04-01T00:00:00.000Z");
        assert_eq!(transform(b"[]").unwrap(), b"[]");
    }
}
