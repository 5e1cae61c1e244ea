//! One place in the tree of the fields that a mapping names.

use std::borrow::Cow;

use super::fields::{Content, Fields, Slot, WantedSlots};

/// A place in a record.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    /// The slot of the value here.
    pub(super) slot: Option<Slot>,
    /// The slot of the list to which the value here belongs.
    pub(super) list: Option<Slot>,
    pub(super) members: Vec<(Box<str>, Node)>,
    pub(super) elements: Vec<(usize, Node)>,
    /// Elements counted from the end, from 1.
    pub(super) last: Vec<(usize, Node)>,
    /// Every member or element.
    pub(super) each: Option<Box<Node>>,
}

impl Node {
    pub(super) fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.elements.is_empty() && !self.needs_all()
    }

    /// Whether one element of a list is not enough to know what it is.
    pub(super) fn needs_all(&self) -> bool {
        !self.last.is_empty() || self.each.is_some()
    }
}

/// Takes over what stands at a node.
pub(super) fn take<'de>(node: &Node, wanted: &WantedSlots, fields: &mut Fields<'de>, json: &'de str) {
    if let Some(slot) = node.slot.filter(|slot| wanted.includes(*slot)) {
        fields.set(slot, Content::Json(Cow::Borrowed(json)));
    }
    if let Some(slot) = node.list.filter(|slot| wanted.includes(*slot)) {
        fields.push(slot, json);
    }
}

pub(super) fn child<K: PartialEq>(children: &mut Vec<(K, Node)>, key: K) -> &mut Node {
    let position = children.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        children.push((key, Node::default()));
        children.len() - 1
    });
    #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
    &mut children[position].1
}
