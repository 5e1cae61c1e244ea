//! Reading a list in which some entity is wrong: each by itself, so that it costs itself alone.

use super::reader::Translator;
use super::{TranslatedPage, TranslationContext};
use crate::client::ElementSplitter;
use crate::flaw::{Flaw, Yielded};

/// The entities of a list. `None` when it is no list of objects, whichever of them are entities.
pub(super) fn read_page(text: &str, context: &TranslationContext) -> Option<TranslatedPage> {
    let mut translator = Translator::new(context);
    // The list is at hand, and was bounded when it was read.
    let mut elements = ElementSplitter::new(text.len());
    elements.push(text.as_bytes());
    let mut page = TranslatedPage {
        yielded: Vec::new(),
        listed: 0,
    };
    let mut has_objects = false;
    while let Some(element) = elements.next_element().ok()? {
        page.listed += 1;
        has_objects |= element.starts_with(b"{");
        match std::str::from_utf8(&element)
            .ok()
            .map(|text| translator.read_entity(text))
        {
            Some(Ok(entity)) => page.yielded.extend(entity.map(Yielded::Entity)),
            _ => page.yielded.push(Yielded::LeftOut(Flaw::Malformed)),
        }
    }
    elements.finish().ok()?;
    has_objects.then_some(page)
}
