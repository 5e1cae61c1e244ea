//! The part of JSONPath (RFC 9535) that can be followed while the bytes stream by: names, indices and
//! wildcards, and within a record places that are counted from the end. What would need the whole document is refused when the
//! mapping is loaded.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`, `['name']`: the member of that name.
    Member(Box<str>),
    /// `[3]`: the element at that place, counted from 0.
    Element(usize),
    /// `[-1]`: the element at that place, counted from the end, from 1.
    Last(usize),
    /// `.*`, `[*]`: every member or element.
    Each,
}

/// A path from a root: the document, or one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    /// The steps, outside in.
    pub steps: Vec<Step>,
}

/// Why a text is no path that can be followed. `position` counts characters from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPath {
    /// Characters before the place.
    pub position: usize,
    /// What is wrong there.
    pub message: &'static str,
}

impl fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {} of the path: {}", self.position + 1, self.message)
    }
}

impl JsonPath {
    /// Reads a path that begins with `$`.
    ///
    /// # Errors
    /// [`InvalidPath`] for what is no JSONPath, and for what cannot be followed in a stream: `..`, filters,
    /// slices, lists of selectors.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let mut parser = Parser {
            rest: text,
            position: 0,
        };
        if !parser.take('$') {
            return Err(parser.error("a path begins with `$`"));
        }
        let mut steps = Vec::new();
        loop {
            let before_space = parser.position;
            parser.skip_space();
            match parser.peek() {
                None if parser.position == before_space => return Ok(Self { steps }),
                None => return Err(parser.error("a path does not end with a space")),
                Some('.') => steps.push(parser.dotted()?),
                Some('[') => steps.push(parser.bracketed()?),
                Some(_) => return Err(parser.error("expected `.` or `[`")),
            }
        }
    }

    /// The path of one member of the root.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self {
            steps: vec![Step::Member(name.into())],
        }
    }

    /// Whether it counts from the end somewhere.
    #[must_use]
    pub fn counts_from_the_end(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Last(_)))
    }

    /// Whether it can lead to several values.
    #[must_use]
    pub fn has_wildcard(&self) -> bool {
        self.steps.contains(&Step::Each)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            let is_plain = |name: &str| !name.is_empty() && !name.contains(['\'', '.', '[', ']', ' ', '*']);
            match step {
                Step::Member(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Member(name) => write!(f, "['{}']", name.replace('\'', "\\'"))?,
                Step::Element(place) => write!(f, "[{place}]")?,
                Step::Last(place) => write!(f, "[-{place}]")?,
                Step::Each => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

struct Parser<'t> {
    rest: &'t str,
    position: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters.next()?;
        self.rest = characters.as_str();
        self.position += 1;
        Some(character)
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn error(&self, message: &'static str) -> InvalidPath {
        InvalidPath {
            position: self.position,
            message,
        }
    }

    /// `.name` or `.*`
    fn dotted(&mut self) -> Result<Step, InvalidPath> {
        self.next();
        match self.peek() {
            Some('.') => Err(self.error("`..` needs the whole document; name the steps that lead there")),
            Some('*') => {
                self.next();
                Ok(Step::Each)
            }
            Some(first) if is_name_start(first) => {
                let mut name = String::new();
                while let Some(character) = self.peek().filter(|c| is_name_start(*c) || c.is_ascii_digit()) {
                    name.push(character);
                    self.next();
                }
                Ok(Step::Member(name.into()))
            }
            _ => Err(self.error("expected a name; write ['...'] around one with other characters")),
        }
    }

    /// `['name']`, `["name"]`, `[3]` or `[*]`
    fn bracketed(&mut self) -> Result<Step, InvalidPath> {
        self.next();
        self.skip_space();
        let step = match self.peek() {
            Some('*') => {
                self.next();
                Step::Each
            }
            Some(quote @ ('\'' | '"')) => Step::Member(self.quoted(quote)?.into()),
            Some('0'..='9') => Step::Element(self.index()?),
            Some('-') => {
                self.next();
                match self.index()? {
                    0 => return Err(self.error("the last element is [-1]")),
                    place => Step::Last(place),
                }
            }
            Some('?') => return Err(self.error("filters are not supported; select the records with names and [*]")),
            Some(':') => return Err(self.error("slices are not supported; use [*] or one index")),
            _ => return Err(self.error("expected a quoted name, an index or *")),
        };
        self.skip_space();
        match self.peek() {
            Some(']') => {
                self.next();
                Ok(step)
            }
            Some(',') => Err(self.error("several selectors in one pair of brackets are not supported")),
            Some(':') => Err(self.error("slices are not supported; use [*] or one index")),
            _ => Err(self.error("expected `]`")),
        }
    }

    fn index(&mut self) -> Result<usize, InvalidPath> {
        let start = self.error("an index is a whole number without leading zeros");
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.next();
        }
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(start);
        }
        // RFC 9535 section 2.1: integers stay within what I-JSON can say.
        match digits.parse::<usize>() {
            Ok(index) if index < 1 << 53 => Ok(index),
            _ => Err(start),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, InvalidPath> {
        self.next();
        let mut name = String::new();
        loop {
            let place = self.error("a name in quotes holds no control character");
            match self.next() {
                None => return Err(self.error("the quote is not closed")),
                Some(character) if character == quote => return Ok(name),
                Some('\\') => name.push(self.escaped(quote)?),
                Some(character) if character < ' ' => return Err(place),
                Some(character) => name.push(character),
            }
        }
    }

    /// What follows a backslash (RFC 9535 section 2.3.1.1).
    fn escaped(&mut self, quote: char) -> Result<char, InvalidPath> {
        let place = self.error("not an escape of JSONPath");
        match self.next() {
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(same @ ('/' | '\\')) => Ok(same),
            Some(character) if character == quote => Ok(quote),
            Some('u') => {
                let high = self.hexadecimal().ok_or_else(|| place.clone())?;
                if let Some(character) = char::from_u32(high) {
                    return Ok(character);
                }
                if !(self.take('\\') && self.take('u')) {
                    return Err(place);
                }
                let low = self.hexadecimal().ok_or_else(|| place.clone())?;
                let is_pair = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
                let code = is_pair.then(|| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                code.and_then(char::from_u32).ok_or(place)
            }
            _ => Err(place),
        }
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |code, _| Some(code * 16 + self.next()?.to_digit(16)?))
    }
}

/// The first character of a name that needs no quotes (RFC 9535 section 2.5.1.1).
fn is_name_start(character: char) -> bool {
    character == '_' || character.is_ascii_alphabetic() || !character.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        JsonPath::parse(text).unwrap().steps
    }

    #[test]
    fn names_indices_and_wildcards_are_understood() {
        let member = |name: &str| Step::Member(name.into());
        assert_eq!(steps("$"), []);
        assert_eq!(steps("$.items[*]"), [member("items"), Step::Each]);
        assert_eq!(
            steps("$['施設・場所名'][0]"),
            [member("施設・場所名"), Step::Element(0)]
        );
        assert_eq!(steps("$.series[-1]"), [member("series"), Step::Last(1)]);
        assert_eq!(steps("$.共通ID.*"), [member("共通ID"), Step::Each]);
        assert_eq!(steps(r#"$[ "a\"b'\u00e9\ud83d\ude00" ]"#), [member("a\"b'é😀")]);
    }

    #[test]
    fn what_needs_the_whole_document_is_refused_at_its_place() {
        for (text, position) in [
            ("items", 0),
            ("$..a", 2),
            ("$[-0]", 4),
            ("$[-]", 3),
            ("$[?@.a]", 2),
            ("$[0,1]", 3),
            ("$[1:2]", 3),
            ("$[:2]", 2),
            ("$.a.", 4),
            ("$.1", 2),
            ("$[01]", 2),
            ("$['a", 4),
            ("$['\\x']", 4),
            ("$['\\ud800']", 4),
            ("$ ", 2),
            ("$a", 1),
        ] {
            let error = JsonPath::parse(text).unwrap_err();
            assert_eq!(error.position, position, "{text}: {error}");
        }
    }
}
