//! What the reading of one page shares.

use std::borrow::Cow;
use std::fmt;

use kakehashi_contract::Flaw;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Visitor};

use super::names::Names;
use super::{Noticed, TranslationContext};

/// What reading one answer needs.
pub(super) struct Translator<'c> {
    pub(super) context: &'c TranslationContext,
    pub(super) names: Names<'c>,
    /// How many attributes the last entity had: the next one is likely to have as many.
    pub(super) attributes: usize,
    /// What is wrong with the entity that is read, if something is found.
    pub(super) flaw: Option<Flaw>,
    pub(super) noticed: Noticed,
}

impl<'c> Translator<'c> {
    pub(super) fn new(context: &'c TranslationContext) -> Self {
        Self {
            context,
            names: Names::new(&context.context, &context.attributes, &context.tables),
            attributes: 0,
            flaw: None,
            noticed: Noticed::default(),
        }
    }

    /// What was read, unless it is wrong: then so is the entity.
    pub(super) fn sound<T>(&mut self, read: Option<Result<Option<T>, Flaw>>) -> Option<T> {
        match read? {
            Ok(value) => value,
            Err(flaw) => {
                self.flaw.get_or_insert(flaw);
                None
            }
        }
    }
}

/// A text, borrowed from the answer where it holds no escapes.
pub(super) type Text<'de> = Cow<'de, str>;

pub(super) struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Text<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
