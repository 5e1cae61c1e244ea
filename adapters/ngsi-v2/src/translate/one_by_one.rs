//! Reading a list in which some entity is wrong: each by itself, so that it costs itself alone.

use super::elements::ElementSplitter;
use super::translator::Translator;
use super::{Noticed, TranslatedPage, TranslationContext, TranslationError};
use kakehashi_client::MOST_LISTED;
use kakehashi_contract::not_finite::with_numbers;
use kakehashi_contract::{Flaw, Yielded};

/// The entities of a list. `None` when it is no list, whichever of its elements are entities.
///
/// # Errors
/// [`TranslationError::TooMany`]
pub(super) fn read_page(body: &[u8], context: &TranslationContext) -> Result<Option<TranslatedPage>, TranslationError> {
    let mut translator = Translator::new(context);
    // The list is at hand, and was bounded when it was read.
    let mut elements = ElementSplitter::new(body.len());
    elements.push(body);
    let mut page = TranslatedPage {
        yielded: Vec::new(),
        listed: 0,
        noticed: Noticed::default(),
    };
    loop {
        let element = match elements.next_element() {
            Ok(Some(element)) => element,
            Ok(None) => break,
            Err(_) => return Ok(None),
        };
        page.listed += 1;
        if page.listed > MOST_LISTED {
            return Err(TranslationError::TooMany);
        }
        let Ok(text) = simdutf8::basic::from_utf8(&element) else {
            page.yielded.push(Yielded::LeftOut(Flaw::NotUtf8));
            continue;
        };
        match translator.read_entity(text) {
            Ok(entity) => page.yielded.extend(entity),
            Err(_) => page.yielded.push(Yielded::LeftOut(flaw_of(text))),
        }
    }
    page.noticed = std::mem::take(&mut translator.noticed);
    Ok(elements.finish().is_ok().then_some(page))
}

/// What is wrong with a text that cannot be read as an entity.
fn flaw_of(text: &str) -> Flaw {
    match with_numbers(text) {
        Some(_) => Flaw::NumberNotFinite,
        None => Flaw::Malformed,
    }
}
