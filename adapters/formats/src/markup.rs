//! XML as workbooks and KML need it: names without prefixes, text with the five entities of XML and no others. A document
//! type is refused, because it can only bring entities.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::FormatError;

/// What comes next in the markup.
pub(crate) enum Piece<'a> {
    /// An element begins.
    Open(Tag<'a>),
    /// An element ends.
    Close,
    /// Text.
    Text(Cow<'a, str>),
    /// Nothing more.
    End,
}

/// The beginning of an element.
pub(crate) struct Tag<'a>(BytesStart<'a>);

impl Tag<'_> {
    /// The name without its prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// An attribute, by its name without a prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.0
            .attributes()
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().into_inner() == name)
            .and_then(|attribute| {
                attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .ok()
                    .map(Cow::into_owned)
            })
    }

    /// Whether an attribute says yes.
    pub(crate) fn says(&self, name: &str) -> bool {
        matches!(self.attribute(name).as_deref(), Some("1" | "true" | "on"))
    }
}

/// Reads markup, piece by piece.
pub(crate) struct Markup<'a> {
    reader: Reader<&'a [u8]>,
    what: &'static str,
}

impl<'a> Markup<'a> {
    /// `what` is named when it is damaged.
    pub(crate) fn new(text: &'a str, what: &'static str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        // A sheet is read row by row, each by a reader of its own.
        config.allow_unmatched_ends = true;
        Self { reader, what }
    }

    /// How many bytes are read.
    pub(crate) fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }

    /// The next piece.
    pub(crate) fn next(&mut self) -> Result<Piece<'a>, FormatError> {
        loop {
            let event = self
                .reader
                .read_event()
                .map_err(|_| FormatError::damaged(self.what, "its markup is broken"))?;
            return Ok(match event {
                Event::Start(tag) | Event::Empty(tag) => Piece::Open(Tag(tag)),
                Event::End(_) => Piece::Close,
                Event::Text(text) => Piece::Text(Cow::Owned(text.xml10_content().into_owned())),
                Event::CData(text) => Piece::Text(Cow::Owned(text.xml10_content().into_owned())),
                Event::GeneralRef(reference) => {
                    let unknown = || {
                        FormatError::Refused(format!(
                            "{} uses an entity that XML does not have, and entities are not followed",
                            self.what
                        ))
                    };
                    let found = match reference.resolve_char_ref() {
                        Ok(Some(character)) => String::from(character),
                        Ok(None) => match reference.into_inner().as_ref() {
                            "lt" => "<",
                            "gt" => ">",
                            "amp" => "&",
                            "quot" => "\"",
                            "apos" => "'",
                            _ => return Err(unknown()),
                        }
                        .to_owned(),
                        Err(_) => return Err(unknown()),
                    };
                    Piece::Text(Cow::Owned(found))
                }
                Event::DocType(_) => {
                    return Err(FormatError::Refused(format!(
                        "{} brings a document type (DTD), which can hold entities and is not read",
                        self.what
                    )));
                }
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => continue,
                Event::Eof => Piece::End,
            });
        }
    }

    /// The text of the element that has just begun, up to its end, without that of elements named `except`.
    pub(crate) fn text_of_element(&mut self, except: &str) -> Result<String, FormatError> {
        let mut text = String::new();
        let mut depth = 1_usize;
        let mut left_out = None;
        while depth > 0 {
            match self.next()? {
                Piece::Open(tag) => {
                    depth += 1;
                    if left_out.is_none() && tag.name() == except {
                        left_out = Some(depth);
                    }
                }
                Piece::Close => {
                    if left_out == Some(depth) {
                        left_out = None;
                    }
                    depth -= 1;
                }
                Piece::Text(piece) if left_out.is_none() => text.push_str(&piece),
                Piece::Text(_) => {}
                Piece::End => return Err(FormatError::damaged(self.what, "it is cut off")),
            }
        }
        Ok(text)
    }
}
