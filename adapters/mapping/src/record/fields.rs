//! What one record holds in the fields that a mapping names: JSON text as the source wrote it, cells of a table, and what stands
//! outside of the record.

use std::borrow::Cow;

/// The place of a field among the fields of a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(pub(super) usize);

/// Which slots are wanted.
#[derive(Debug, Clone)]
pub struct WantedSlots(pub(super) Vec<bool>);

impl WantedSlots {
    /// Adds a slot; whether it was not wanted before.
    pub(super) fn add(&mut self, slot: Slot) -> bool {
        let before = self.0.get_mut(slot.0).map(|wanted| std::mem::replace(wanted, true));
        before == Some(false)
    }

    /// Whether a slot is wanted.
    pub fn includes(&self, slot: Slot) -> bool {
        self.0.get(slot.0).copied().unwrap_or(false)
    }
}

/// What a field holds, as it was written. Nothing and `null` are no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'de> {
    /// JSON text.
    Json(Cow<'de, str>),
    /// A text, such as that of a cell.
    Text(Cow<'de, str>),
    /// A number, by its digits as JSON writes them.
    Number(Cow<'de, str>),
    /// `true` or `false`.
    Boolean(bool),
}

/// The fields of one record.
#[derive(Debug)]
pub struct Fields<'de> {
    contents: Vec<Option<Content<'de>>>,
    /// Whether a field stood twice.
    has_repeated: bool,
}

impl<'de> Fields<'de> {
    /// Fields in which there is nothing yet, for so many slots.
    pub(super) fn empty(slots: usize) -> Self {
        Self {
            contents: vec![None; slots],
            has_repeated: false,
        }
    }

    /// What stands in the record itself, or beside it, at this slot. `None` when the record has no such field, or `null` there, and
    /// for what is made of others.
    pub fn get(&self, slot: Slot) -> Option<&Content<'de>> {
        let content = self.contents.get(slot.0)?.as_ref();
        content.filter(|content| !matches!(content, Content::Json(json) if json == "null"))
    }

    /// The same as JSON text, where it was that.
    pub fn json(&self, slot: Slot) -> Option<&str> {
        match self.get(slot)? {
            Content::Json(json) => Some(json),
            Content::Text(_) | Content::Number(_) | Content::Boolean(_) => None,
        }
    }

    /// Whether one of the fields stood twice, so that nobody can tell which is meant.
    pub fn has_repeated(&self) -> bool {
        self.has_repeated
    }

    /// Puts what a field holds; a second one is remembered to be too many.
    pub fn set(&mut self, slot: Slot, content: Content<'de>) {
        if let Some(field) = self.contents.get_mut(slot.0) {
            self.has_repeated |= field.replace(content).is_some();
        }
    }

    /// Adds one to the values of a list.
    pub(super) fn push(&mut self, slot: Slot, json: &str) {
        if let Some(field) = self.contents.get_mut(slot.0) {
            match field {
                Some(Content::Json(list)) => {
                    let list = list.to_mut();
                    list.pop();
                    list.push(',');
                    list.push_str(json);
                    list.push(']');
                }
                _ => *field = Some(Content::Json(Cow::Owned(format!("[{json}]")))),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.contents.fill(None);
        self.has_repeated = false;
    }
}
