//! What the reading of one document shares: the context, the names met so far, and the fault that was found.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use compact_str::CompactString;
use hashbrown::HashMap;
use serde::de::{Deserialize, Error, MapAccess, Visitor};
use serde_json::error::Category;
use smallvec::SmallVec;

use super::json::FaultInside;
use super::notes::{NoteBook, Notes};
use super::removal::{FragmentUse, RemovableMember};
use super::{Fault, InvalidEntity, NGSI_LD_NULL, joined};
use crate::context::{Context, InvalidName};
use crate::entity::DateTime;
use crate::{Iri, check_absolute, check_new_id};

/// Reads one document with one context.
pub(super) struct Reader<'c> {
    context: &'c Context,
    /// Whether each attribute's text is looked at before it is read, and faults are kept.
    pub(super) thorough: bool,
    /// IRIs of names that no term of the context gives: lists repeat their names.
    names: RefCell<HashMap<CompactString, Iri>>,
    found: RefCell<Found>,
    /// What an NGSI-LD null may stand for; `None`: it may not stand anywhere.
    pub(super) fragment: Option<FragmentUse>,
    /// Whether attributes stand in their simplified representation.
    pub(super) simplified: bool,
    /// Whether the document is an attribute, so that its `@context` stands in that.
    pub(super) is_attribute: bool,
    /// What is noted of a fragment.
    notes: NoteBook,
}

/// Where and what the first fault is.
#[derive(Default)]
struct Found {
    /// Inside out.
    path: Vec<String>,
    fault: Option<Fault>,
}

impl<'c> Reader<'c> {
    /// For normalized entities; it stops at anything else without saying why.
    pub(super) fn streaming(context: &'c Context) -> Self {
        Self {
            context,
            thorough: false,
            names: RefCell::default(),
            found: RefCell::default(),
            fragment: None,
            simplified: false,
            is_attribute: false,
            notes: NoteBook::default(),
        }
    }

    /// For a fragment.
    pub(super) fn keeping_nulls(self, r#use: FragmentUse) -> Self {
        Self {
            fragment: Some(r#use),
            ..self
        }
    }

    /// Whether it reads what is normalized and whole, and leaves everything else to another reader.
    pub(super) fn is_quick(&self) -> bool {
        !self.thorough && self.fragment.is_none()
    }

    /// Whether a text stands for null, here where one may stand.
    //= 5.5.4-3
    pub(super) fn is_kept_null(&self, text: &str) -> bool {
        self.fragment.is_some() && text == NGSI_LD_NULL
    }

    /// For attributes in their simplified representation.
    pub(super) fn simplified(self) -> Self {
        Self {
            simplified: true,
            ..self
        }
    }

    /// For a document that is one attribute.
    pub(super) fn of_attribute(self) -> Self {
        Self {
            is_attribute: true,
            ..self
        }
    }

    /// Notes that what stands at that index of what is read is read now, in fragments.
    pub(super) fn enter(&self, index: usize) {
        if self.fragment.is_some() {
            self.notes.enter(index);
        }
    }

    /// Notes that it was read.
    pub(super) fn leave(&self) {
        if self.fragment.is_some() {
            self.notes.leave();
        }
    }

    /// Notes something of the instance that is read, in fragments.
    pub(super) fn note(&self, what: impl FnOnce(&mut Notes)) {
        if self.fragment.is_some() {
            self.notes.note(what);
        }
    }

    /// Notes that a member is removed.
    pub(super) fn remove(&self, member: RemovableMember) {
        self.note(|notes| notes.removed.push(member));
    }

    /// What was noted of the instance that stands here.
    pub(super) fn take_notes(&self) -> Notes {
        self.notes.take()
    }

    /// The terms that a text or an array of texts is, should it be merged into a VocabProperty.
    pub(super) fn terms(&self, json: &str) -> Option<SmallVec<[Iri; 1]>> {
        if self.fragment != Some(FragmentUse::Merge) {
            return None;
        }
        let Texts(texts) = serde_json::from_str(json).ok()?;
        let terms = texts.iter().map(|text| self.expand_value(text).ok());
        terms.collect::<Option<SmallVec<_>>>().filter(|terms| !terms.is_empty())
    }

    /// Whether an instance may be without a value: what is merged or laid over another changes what it names.
    pub(super) fn may_lack_value(&self, depth: usize, says_kind: bool) -> bool {
        match self.fragment {
            Some(FragmentUse::Merge) => says_kind,
            Some(FragmentUse::Attribute) => depth == 0,
            Some(FragmentUse::Update) | None => false,
        }
    }

    /// For everything that is allowed.
    pub(super) fn thorough(context: &'c Context) -> Self {
        Self {
            thorough: true,
            ..Self::streaming(context)
        }
    }

    /// The IRI of a name.
    pub(super) fn expand(&self, name: &str) -> Result<Iri, InvalidName> {
        if let Some(iri) = self.context.iri_of_term(name) {
            return Ok(iri.clone());
        }
        if let Some(iri) = self.names.borrow().get(name) {
            return Ok(iri.clone());
        }
        let iri = self.context.expand(name)?;
        self.names.borrow_mut().insert(name.into(), iri.clone());
        Ok(iri)
    }

    /// The IRI of a text where a name of the vocabulary is a value.
    pub(super) fn expand_value(&self, text: &str) -> Result<Iri, InvalidName> {
        self.expand(text).or_else(|_| self.context.expand_value(text))
    }

    /// Keeps a fault, and makes the error that carries it outwards.
    #[cold]
    pub(super) fn fail<E: Error>(&self, fault: impl Into<Fault>) -> E {
        if self.thorough {
            self.found.borrow_mut().fault.get_or_insert_with(|| fault.into());
        }
        // The text never leaves this module.
        E::custom("")
    }

    /// The same, of a fault inside of a value.
    #[cold]
    pub(super) fn fail_inside<E: Error>(&self, inside: FaultInside) -> E {
        if self.thorough {
            self.found.borrow_mut().path.extend(inside.path);
        }
        self.fail(inside.fault)
    }

    /// Notes the member in which an error came up.
    #[inline]
    pub(super) fn within<T, E>(&self, name: &str, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.thorough {
            self.found.borrow_mut().path.push(name.to_owned());
        }
        result
    }

    /// Notes the element in which an error came up.
    pub(super) fn within_element<T, E>(&self, index: usize, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.thorough {
            self.found.borrow_mut().path.push(format!("[{index}]"));
        }
        result
    }

    /// Says what was expected where the JSON has another type.
    #[inline]
    pub(super) fn expected<T, E>(&self, what: &'static str, result: Result<T, E>) -> Result<T, E> {
        if result.is_err() && self.thorough {
            self.found.borrow_mut().fault.get_or_insert(Fault::Expected(what));
        }
        result
    }

    /// The next value of an object, a text.
    pub(super) fn text<'de, A: MapAccess<'de>>(&self, map: &mut A) -> Result<Cow<'de, str>, A::Error> {
        self.expected("a text", map.next_value::<Text<'de>>())
            .map(|text| text.0)
    }

    /// The next value of an object, a DateTime; `None` when it is a null that removes the member.
    pub(super) fn date_or_null<'de, A: MapAccess<'de>>(
        &self,
        name: &str,
        map: &mut A,
    ) -> Result<Option<DateTime>, A::Error> {
        let text = self.text(map)?;
        if self.is_kept_null(&text) && RemovableMember::from_name(name).is_some() {
            return Ok(None);
        }
        if text == NGSI_LD_NULL {
            return Err(self.fail(Fault::Null));
        }
        DateTime::parse(&text).map(Some).map_err(|error| self.fail(error))
    }

    /// A text that must be an absolute URI and not that of null.
    pub(super) fn check_uri<E: Error>(&self, text: &str) -> Result<(), E> {
        if text == NGSI_LD_NULL {
            return Err(self.fail(Fault::Null));
        }
        check_absolute(text).map_err(|error| self.fail(error))
    }

    /// The id of an entity: in a fragment that of one which is there.
    pub(super) fn check_id<E: Error>(&self, text: &str) -> Result<(), E> {
        self.check_uri(text)?;
        if self.fragment.is_some() {
            return Ok(());
        }
        check_new_id(text).map_err(|error| self.fail(error))
    }

    /// The fault that was found, and where.
    pub(super) fn into_invalid_entity(self, error: &serde_json::Error) -> InvalidEntity {
        let found = self.found.into_inner();
        let fault = match (error.classify(), found.fault) {
            (Category::Syntax | Category::Eof, _) => {
                return InvalidEntity::new(Fault::Json {
                    line: error.line(),
                    column: error.column(),
                });
            }
            (_, Some(fault)) => fault,
            (_, None) => Fault::Expected("an entity: an object, or an array of them where several are allowed"),
        };
        InvalidEntity {
            path: joined(&found.path),
            fault,
        }
    }
}

/// A text that is borrowed from the document where it has no escapes.
pub(in crate::entity) struct Text<'de>(pub(in crate::entity) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// One text or several.
pub(super) struct Texts<'de>(pub(super) smallvec::SmallVec<[Cow<'de, str>; 1]>);

impl<'de> Deserialize<'de> for Texts<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextsVisitor;
        impl<'de> Visitor<'de> for TextsVisitor {
            type Value = Texts<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or an array of texts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Texts<'de>, E> {
                Ok(Texts(smallvec::smallvec![Cow::Borrowed(text)]))
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts<'de>, E> {
                Ok(Texts(smallvec::smallvec![Cow::Owned(text.to_owned())]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut elements: A) -> Result<Texts<'de>, A::Error> {
                let mut texts = smallvec::SmallVec::new();
                while let Some(Text(text)) = elements.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(TextsVisitor)
    }
}
