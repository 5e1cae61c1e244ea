//! Reading the fields of one record in one pass over its bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::fields::{Fields, WantedSlots};
use super::node::{Node, take};

/// Reads the value at a node of the tree.
pub struct RecordSeed<'a, 'de> {
    pub(super) node: &'a Node,
    pub(super) wanted: &'a WantedSlots,
    pub(super) fields: &'a mut Fields<'de>,
}

impl<'a, 'de> RecordSeed<'a, 'de> {
    /// The same for another node.
    fn at<'b>(&'b mut self, node: &'b Node) -> RecordSeed<'b, 'de>
    where
        'a: 'b,
    {
        RecordSeed {
            node,
            wanted: self.wanted,
            fields: self.fields,
        }
    }

    /// Reads a child to which several nodes may lead.
    fn read_for_all<'n, E: Error>(&mut self, nodes: impl Iterator<Item = &'n Node>, json: &'de str) -> Result<(), E> {
        for node in nodes {
            let mut alone = serde_json::Deserializer::from_str(json);
            self.at(node).deserialize(&mut alone).map_err(Error::custom)?;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for RecordSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let slots = [self.node.slot, self.node.list];
        let is_wanted = slots.iter().flatten().any(|slot| self.wanted.includes(*slot));
        let is_leaf = self.node.is_leaf();
        if !is_wanted {
            return match is_leaf {
                true => IgnoredAny::deserialize(deserializer).map(|_| ()),
                false => deserializer.deserialize_any(self),
            };
        }
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        take(self.node, self.wanted, self.fields, json);
        if is_leaf {
            return Ok(());
        }
        // The mapping wants the whole and a part of it: rare, so it is read twice.
        let mut again = serde_json::Deserializer::from_str(json);
        again.deserialize_any(self).map_err(Error::custom)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let node = self.node;
        // Records of one platform name their members in one order: the next key is most often the next child.
        let mut expected = 0;
        loop {
            let key = ChildKey {
                members: &node.members,
                expected,
            };
            let Some(found) = map.next_key_seed(key)? else {
                return Ok(());
            };
            if let Some((index, _)) = found {
                expected = index + 1;
            }
            let named = found.map(|(_, node)| node);
            match (named, &node.each) {
                (None, None) => {
                    map.next_value::<IgnoredAny>()?;
                }
                (Some(child), None) => map.next_value_seed(self.at(child))?,
                (named, Some(each)) => {
                    let json = map.next_value::<&'de RawValue>()?.get();
                    self.read_for_all(named.into_iter().chain([&**each]), json)?;
                }
            }
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let node = self.node;
        if node.needs_all() {
            let mut all: Vec<&'de RawValue> = Vec::new();
            while let Some(element) = elements.next_element()? {
                all.push(element);
            }
            for (index, element) in all.iter().enumerate() {
                let from_the_end = all.len() - index;
                let named = node.elements.iter().filter(|(place, _)| *place == index);
                let last = node.last.iter().filter(|(place, _)| *place == from_the_end);
                let nodes = named.chain(last).map(|(_, node)| node).chain(node.each.as_deref());
                self.read_for_all(nodes, element.get())?;
            }
            return Ok(());
        }
        for index in 0.. {
            let child = node.elements.iter().find(|(place, _)| *place == index);
            let read = match child {
                Some((_, child)) => elements.next_element_seed(self.at(child))?,
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
