//! The texts that the cells of all sheets share.

use crate::markup::{Markup, Piece};
use crate::{FormatError, Limits};

const STRINGS: &str = "the list of texts of the workbook";

/// Shared texts, in one.
#[derive(Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<usize>,
}

impl Strings {
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, FormatError> {
        let mut markup = Markup::new(text, STRINGS);
        let mut strings = Self::default();
        loop {
            match markup.next()? {
                Piece::Open(tag) if tag.name() == "si" => {
                    let item = rich_text(&mut markup)?;
                    // What is too long is empty, as a cell that is too long is.
                    if item.len() <= limits.cell_bytes {
                        strings.text.push_str(&item);
                    }
                    strings.ends.push(strings.text.len());
                }
                Piece::End => return Ok(strings),
                _ => {}
            }
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .map_or(0, |end| *end);
        self.text.get(start..end)
    }
}

/// The text of the element that has just begun, of all its runs (`r`) but those above it (`rPh`).
pub(super) fn rich_text(markup: &mut Markup<'_>) -> Result<String, FormatError> {
    let mut text = String::new();
    let mut depth = 1_usize;
    let mut phonetic = None;
    while depth > 0 {
        match markup.next()? {
            Piece::Open(tag) if tag.name() == "t" && phonetic.is_none() => text.push_str(&markup.text_of_element("")?),
            Piece::Open(tag) => {
                depth += 1;
                if tag.name() == "rPh" && phonetic.is_none() {
                    phonetic = Some(depth);
                }
            }
            Piece::Close => {
                if phonetic == Some(depth) {
                    phonetic = None;
                }
                depth -= 1;
            }
            // Between the elements of a text stand only spaces of whoever wrote the file.
            Piece::Text(_) => {}
            Piece::End => return Err(FormatError::damaged(STRINGS, "it is cut off")),
        }
    }
    Ok(unescaped(text))
}

/// `_x000D_` is how a workbook writes characters that XML cannot hold.
pub(super) fn unescaped(text: String) -> String {
    if !text.contains("_x") {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("_x") {
        plain.push_str(before);
        let code = after.get(..4).filter(|_| after.as_bytes().get(4) == Some(&b'_'));
        match code
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32)
        {
            Some(character) => {
                plain.push(character);
                rest = after.get(5..).unwrap_or_default();
            }
            None => {
                plain.push_str("_x");
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}
