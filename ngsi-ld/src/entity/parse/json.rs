//! Checks of compound values: depth, keys that stand twice, and nulls (clauses 4.5.0 and 5.5.4).

use std::cell::Cell;
use std::fmt;

use hashbrown::HashSet;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::reader::Text;
use super::{Fault, MAX_VALUE_DEPTH, NGSI_LD_NULL};

/// Whether a value may hold nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// As in the value of a Property.
    Refused,
    /// As in a value that is merged: NGSI-LD's as the value of a member, nowhere in an array, which is not merged.
    InObjects,
    /// As in what JSON-LD does not interpret.
    Allowed,
}

/// Checks a JSON text.
pub(super) fn check_json(text: &str, nulls: Nulls) -> Result<(), Fault> {
    let found = Cell::new(Fault::Expected("a JSON value"));
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let check = Check {
        nulls,
        depth: 0,
        found: &found,
    };
    match check.deserialize(&mut deserializer).and_then(|()| deserializer.end()) {
        Ok(()) => Ok(()),
        Err(_) => Err(found.into_inner()),
    }
}

#[derive(Clone, Copy)]
struct Check<'f> {
    nulls: Nulls,
    depth: usize,
    found: &'f Cell<Fault>,
}

impl Check<'_> {
    fn fail<E: Error>(self, fault: Fault) -> E {
        self.found.set(fault);
        E::custom("")
    }

    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > MAX_VALUE_DEPTH {
            return Err(self.fail(Fault::TooDeep));
        }
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.nulls == Nulls::Refused && text == NGSI_LD_NULL {
            return Err(self.fail(Fault::Null));
        }
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self.nulls {
            Nulls::Refused | Nulls::InObjects => Err(self.fail(Fault::Null)),
            Nulls::Allowed => Ok(()),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut inner = self.deeper()?;
        if inner.nulls == Nulls::InObjects {
            inner.nulls = Nulls::Refused;
        }
        while elements.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut inner = self.deeper()?;
        let mut seen = HashSet::new();
        while let Some(Text(name)) = map.next_key()? {
            // A JSON literal is not interpreted (clause 4.5.0).
            if name == "@type" && !seen.contains("@value") {
                let Text(r#type) = map.next_value()?;
                if r#type == "@json" {
                    inner.nulls = Nulls::Allowed;
                }
            } else {
                map.next_value_seed(inner)?;
            }
            if !seen.insert(name) {
                return Err(self.fail(Fault::Duplicate));
            }
        }
        Ok(())
    }
}
