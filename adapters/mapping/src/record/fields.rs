//! Reading the fields of one record in one pass over its bytes.
//!
//! The fields that a mapping names form a tree. Every field that is wanted is kept as the JSON text that the
//! source wrote, borrowed from the body; everything else is skipped without being parsed.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::language::{JsonPath, Step};

/// The place of a field among the fields of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

/// The fields that a mapping reads, as a tree.
#[derive(Debug, Clone, Default)]
pub struct FieldTree {
    root: Node,
    /// The path of each slot.
    paths: Vec<JsonPath>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    slot: Option<Slot>,
    members: Vec<(Box<str>, Node)>,
    elements: Vec<(usize, Node)>,
}

/// Which slots are wanted.
#[derive(Debug, Clone)]
pub struct WantedSlots(Vec<bool>);

impl WantedSlots {
    pub fn add(&mut self, slot: Slot) {
        if let Some(wanted) = self.0.get_mut(slot.0) {
            *wanted = true;
        }
    }

    fn includes(&self, slot: Slot) -> bool {
        self.0.get(slot.0).copied().unwrap_or(false)
    }
}

/// The fields of one record: the JSON text of each, as the source wrote it.
#[derive(Debug)]
pub struct Fields<'de> {
    texts: Vec<Option<&'de str>>,
    /// Whether a field stood twice.
    has_repeated: bool,
}

impl<'de> Fields<'de> {
    /// The field's JSON text. `None` when the record has no such field, or `null` there.
    pub fn get(&self, slot: Slot) -> Option<&'de str> {
        self.texts.get(slot.0).copied().flatten().filter(|json| *json != "null")
    }

    /// Whether one of the fields stood twice, so that nobody can tell which is meant.
    pub fn has_repeated(&self) -> bool {
        self.has_repeated
    }

    fn set(&mut self, slot: Slot, json: &'de str) {
        if let Some(field) = self.texts.get_mut(slot.0) {
            self.has_repeated |= field.replace(json).is_some();
        }
    }

    fn clear(&mut self) {
        self.texts.fill(None);
        self.has_repeated = false;
    }
}

impl FieldTree {
    /// The slot of a path without wildcards, made when it is new.
    pub fn slot(&mut self, path: &JsonPath) -> Slot {
        if let Some(known) = self.paths.iter().position(|other| other == path) {
            return Slot(known);
        }
        let slot = Slot(self.paths.len());
        self.paths.push(path.clone());
        let leaf = path.steps.iter().fold(&mut self.root, |node, step| match step {
            Step::Member(name) => child(&mut node.members, name.clone()),
            Step::Element(index) => child(&mut node.elements, *index),
            // Refused when the mapping is read.
            Step::Each => node,
        });
        leaf.slot = Some(slot);
        slot
    }

    /// The slot of a path that has one.
    pub fn known(&self, path: &JsonPath) -> Option<Slot> {
        self.paths.iter().position(|other| other == path).map(Slot)
    }

    /// Where the field of a slot stands in a record.
    pub fn path(&self, slot: Slot) -> Option<&JsonPath> {
        self.paths.get(slot.0)
    }

    /// No field.
    pub fn nothing_wanted(&self) -> WantedSlots {
        WantedSlots(vec![false; self.paths.len()])
    }

    /// Fields in which there is nothing yet.
    pub fn empty_fields<'de>(&self) -> Fields<'de> {
        Fields {
            texts: vec![None; self.paths.len()],
            has_repeated: false,
        }
    }

    /// Reads one record; what `fields` held before is forgotten.
    pub fn record<'a, 'de>(&'a self, wanted: &'a WantedSlots, fields: &'a mut Fields<'de>) -> RecordSeed<'a, 'de> {
        fields.clear();
        RecordSeed {
            node: &self.root,
            wanted,
            fields,
        }
    }
}

fn child<K: PartialEq>(children: &mut Vec<(K, Node)>, key: K) -> &mut Node {
    let position = children.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        children.push((key, Node::default()));
        children.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
    &mut children[position].1
}

/// Reads the value at a node of the tree.
pub struct RecordSeed<'a, 'de> {
    node: &'a Node,
    wanted: &'a WantedSlots,
    fields: &'a mut Fields<'de>,
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let wanted_slot = self.node.slot.filter(|slot| self.wanted.includes(*slot));
        let is_leaf = self.node.members.is_empty() && self.node.elements.is_empty();
        match wanted_slot {
            None if is_leaf => IgnoredAny::deserialize(deserializer).map(|_| ()),
            None => deserializer.deserialize_any(self),
            Some(slot) => {
                let json = <&'de RawValue>::deserialize(deserializer)?.get();
                self.fields.set(slot, json);
                if is_leaf {
                    return Ok(());
                }
                // The mapping wants the whole and a part of it: rare, so it is read twice.
                let mut again = serde_json::Deserializer::from_str(json);
                again.deserialize_any(self).map_err(serde::de::Error::custom)
            }
        }
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Records of one platform name their members in one order: the next key is most often the next child.
        let mut expected = 0;
        loop {
            let key = ChildKey {
                members: &self.node.members,
                expected,
            };
            match map.next_key_seed(key)? {
                None => return Ok(()),
                Some(None) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(Some((index, node))) => {
                    expected = index + 1;
                    map.next_value_seed(RecordSeed {
                        node,
                        wanted: self.wanted,
                        fields: self.fields,
                    })?;
                }
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for index in 0.. {
            let node = self.node.elements.iter().find(|(place, _)| *place == index);
            let read = match node {
                Some((_, node)) => elements.next_element_seed(RecordSeed {
                    node,
                    wanted: self.wanted,
                    fields: self.fields,
                })?,
                None => elements.next_element::<IgnoredAny>()?.map(|_| ()),
            };
            if read.is_none() {
                break;
            }
        }
        Ok(())
    }

    // A value of another kind than the path expects has none of the fields.

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

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Finds the child that a key names, without copying the key.
struct ChildKey<'a> {
    members: &'a [(Box<str>, Node)],
    expected: usize,
}

impl<'a, 'de> DeserializeSeed<'de> for ChildKey<'a> {
    type Value = Option<(usize, &'a Node)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for ChildKey<'a> {
    type Value = Option<(usize, &'a Node)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        if let Some((name, node)) = self.members.get(self.expected)
            && **name == *key
        {
            return Ok(Some((self.expected, node)));
        }
        let found = self.members.iter().enumerate().find(|(_, (name, _))| **name == *key);
        Ok(found.map(|(index, (_, node))| (index, node)))
    }
}
