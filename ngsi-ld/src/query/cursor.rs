//! Reading a query text from left to right. Shared by the parsers of `q`, of type selections and of `georel`.
//! It knows no grammar.

use compact_str::CompactString;

use super::SyntaxError;

/// A place in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'t> {
    text: &'t str,
    /// What lies ahead; always a tail of `text`.
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, rest: text }
    }

    /// What lies ahead.
    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    /// The next character.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Steps over the next character if it is this one.
    pub(super) fn eat(&mut self, token: char) -> bool {
        self.eat_str(token.encode_utf8(&mut [0; 4]))
    }

    /// Steps over this text if it comes next.
    pub(super) fn eat_str(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Steps over as many bytes and returns them. A number of bytes that ends inside of a character, or beyond
    /// the end, is none at all.
    pub(super) fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or(("", self.rest));
        self.rest = rest;
        taken
    }

    /// Steps over the characters that fulfil the condition and returns them.
    pub(super) fn take_while(&mut self, condition: impl Fn(char) -> bool) -> &'t str {
        let bytes = self.rest.find(|character| !condition(character));
        self.take(bytes.unwrap_or(self.rest.len()))
    }

    /// Steps over white space. The grammars have none, but examples of clause 4.9 and many clients do.
    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    /// Characters before this place.
    pub(super) fn position(&self) -> usize {
        let before = self.text.len() - self.rest.len();
        let characters = self.text.char_indices();
        characters.take_while(|(offset, _)| *offset < before).count()
    }

    /// The error that something else was expected here.
    pub(super) fn expected(&self, expected: &'static str) -> SyntaxError {
        let position = self.position();
        let found = match self.peek() {
            None => CompactString::const_new("the end"),
            Some(character) => compact_str::format_compact!("{character:?}"),
        };
        SyntaxError {
            position,
            expected,
            found,
        }
    }
}
