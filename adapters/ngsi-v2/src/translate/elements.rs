//! Taking a JSON array apart while it arrives: the bytes of each element as soon as it is complete.
//!
//! The splitter finds where elements begin and end, and nothing else; whoever reads an element parses it.
//! What is no JSON is therefore found either here, as an error, or there.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// Why bytes are no JSON array of elements within the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The text is not one JSON array.
    #[error("not a JSON array")]
    NotAnArray,
    /// The text ended inside of the array.
    #[error("the array is cut off")]
    CutOff,
    /// One element is larger than the cap.
    #[error("an element is larger than the cap")]
    TooLarge,
}

/// Where the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the `[`.
    Start,
    /// After `[`: an element or `]`.
    First,
    /// After `,`: an element.
    Next,
    /// Inside of an element, between strings.
    Inside { depth: usize },
    /// Inside of a string of an element.
    Text { depth: usize, escaped: bool },
    /// After an element: `,` or `]`.
    After,
    /// After the `]`.
    End,
}

/// Splits a JSON array into its elements, whatever the chunks it comes in.
#[derive(Debug)]
pub struct ElementSplitter {
    buffer: BytesMut,
    /// How much of the buffer has been looked at.
    scanned: usize,
    state: State,
    max_element: usize,
}

impl ElementSplitter {
    /// A splitter that refuses elements of more than `max_element` bytes.
    #[must_use]
    pub fn new(max_element: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            scanned: 0,
            state: State::Start,
            max_element,
        }
    }

    /// Takes over the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.extend_from_slice(chunk);
    }

    /// The next complete element, without the space around it; `None` when more bytes are needed or the array
    /// has ended.
    ///
    /// # Errors
    /// [`SplitError`]; nothing more can be had afterwards.
    pub fn next_element(&mut self) -> Result<Option<Bytes>, SplitError> {
        loop {
            match self.state {
                State::Inside { depth } => match self.scan_value(depth) {
                    Some(element) if element.len() > self.max_element => return Err(SplitError::TooLarge),
                    Some(element) => return Ok(Some(element)),
                    None if matches!(self.state, State::Text { .. }) => {}
                    None => return self.wait(),
                },
                State::Text { depth, escaped } => {
                    if !self.scan_text(depth, escaped) {
                        return self.wait();
                    }
                }
                State::Start | State::First | State::Next | State::After | State::End => {
                    if !self.scan_between()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// To be called after the last byte.
    ///
    /// # Errors
    /// [`SplitError`] when the array has not ended.
    pub fn finish(&self) -> Result<(), SplitError> {
        match self.state {
            State::End => Ok(()),
            State::Start => Err(SplitError::NotAnArray),
            _ => Err(SplitError::CutOff),
        }
    }

    /// More bytes are needed for the element that is under way.
    fn wait(&self) -> Result<Option<Bytes>, SplitError> {
        if self.buffer.len() > self.max_element {
            return Err(SplitError::TooLarge);
        }
        Ok(None)
    }

    /// Reads what stands around elements. False: more bytes are needed.
    fn scan_between(&mut self) -> Result<bool, SplitError> {
        while let Some(byte) = self.buffer.first().copied() {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let next = match (self.state, byte) {
                (state, _) if space => state,
                (State::Start, b'[') => State::First,
                (State::First | State::After, b']') => State::End,
                (State::After, b',') => State::Next,
                (State::First | State::Next, b']' | b'}' | b',' | b':') => return Err(SplitError::NotAnArray),
                (State::First | State::Next, _) => {
                    self.state = State::Inside { depth: 0 };
                    return Ok(true);
                }
                _ => return Err(SplitError::NotAnArray),
            };
            self.state = next;
            self.buffer.advance(1);
        }
        Ok(false)
    }

    /// Looks for the end of the element outside of strings. It has ended at a `,` or `]` that is not inside of
    /// an object or array of its own.
    fn scan_value(&mut self, mut depth: usize) -> Option<Bytes> {
        let rest = self.buffer.get(self.scanned..).unwrap_or_default();
        for (offset, byte) in rest.iter().enumerate() {
            match byte {
                b'"' => {
                    self.scanned += offset + 1;
                    self.state = State::Text { depth, escaped: false };
                    return None;
                }
                b'{' | b'[' => depth += 1,
                b']' | b',' if depth == 0 => return Some(self.take(offset)),
                b'}' | b']' if depth > 0 => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(self.take(offset + 1));
                    }
                }
                _ => {}
            }
        }
        self.scanned = self.buffer.len();
        self.state = State::Inside { depth };
        None
    }

    /// Looks for the end of a string. False: more bytes are needed.
    fn scan_text(&mut self, depth: usize, mut escaped: bool) -> bool {
        loop {
            let rest = self.buffer.get(self.scanned..).unwrap_or_default();
            if rest.is_empty() {
                self.state = State::Text { depth, escaped };
                return false;
            }
            if escaped {
                self.scanned += 1;
                escaped = false;
                continue;
            }
            match memchr2(b'"', b'\\', rest) {
                Some(offset) => {
                    let quote = rest.get(offset) == Some(&b'"');
                    self.scanned += offset + 1;
                    if quote {
                        self.state = State::Inside { depth };
                        return true;
                    }
                    escaped = true;
                }
                None => self.scanned = self.buffer.len(),
            }
        }
    }

    /// The element that ends `offset` bytes after what has been scanned.
    fn take(&mut self, offset: usize) -> Bytes {
        let mut element = self.buffer.split_to(self.scanned + offset).freeze();
        self.scanned = 0;
        self.state = State::After;
        let trimmed = element.trim_ascii_end().len();
        element.truncate(trimmed);
        element
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// The elements of a text that arrives in pieces of these lengths, over and over.
    fn split(text: &str, lengths: &[usize], max: usize) -> Result<Vec<String>, SplitError> {
        let mut splitter = ElementSplitter::new(max);
        let mut elements = Vec::new();
        let mut rest = text.as_bytes();
        let mut lengths = lengths.iter().cycle();
        while !rest.is_empty() {
            let length = (*lengths.next().unwrap()).clamp(1, rest.len());
            let (chunk, after) = rest.split_at(length);
            splitter.push(chunk);
            rest = after;
            while let Some(element) = splitter.next_element()? {
                elements.push(String::from_utf8(element.to_vec()).unwrap());
            }
        }
        splitter.finish()?;
        Ok(elements)
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            prop_oneof![".*", r#"[\[\]{},:"\\ ]*"#].prop_map(Into::into),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map(r#"[a-z\[\]{},"\\]*"#, inner, 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn elements_are_those_of_serde_json_for_every_chunking(
            values in prop::collection::vec(json(), 0..6),
            pretty in any::<bool>(),
            lengths in prop::collection::vec(1usize..40, 1..8),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) }.unwrap();
            let expected: Vec<Box<RawValue>> = serde_json::from_str(&text).unwrap();
            let expected: Vec<&str> = expected.iter().map(|raw| raw.get()).collect();
            prop_assert_eq!(split(&text, &lengths, usize::MAX).unwrap(), expected);
        }

        #[test]
        fn any_text_gives_elements_or_an_error_and_what_serde_accepts_is_accepted(
            text in r#"[\[\]{},:"\\ a0]{0,24}"#,
            lengths in prop::collection::vec(1usize..6, 1..4),
        ) {
            let split = split(&text, &lengths, usize::MAX);
            let all_are_json = |elements: &Vec<String>| {
                elements.iter().all(|element| serde_json::from_str::<&RawValue>(element).is_ok())
            };
            let accepted = split.as_ref().is_ok_and(all_are_json);
            prop_assert_eq!(accepted, serde_json::from_str::<Vec<&RawValue>>(&text).is_ok());
        }
    }

    #[test]
    fn what_is_not_one_array_is_refused() {
        for text in ["{}", "<html>", "[1,]", "[,1]", "[1]2", "[]]", "null", "[1 :2]:"] {
            assert_eq!(split(text, &[1], 100), Err(SplitError::NotAnArray), "{text}");
        }
        assert_eq!(split("", &[1], 100), Err(SplitError::NotAnArray));
        for text in ["[", "[1", "[1,", "[\"a", "[{\"a\":\"]\"", "[\"\\"] {
            assert_eq!(split(text, &[1], 100), Err(SplitError::CutOff), "{text}");
        }
    }

    #[test]
    fn an_element_beyond_the_cap_is_refused_before_it_is_complete() {
        let mut splitter = ElementSplitter::new(8);
        splitter.push(br#"["1234567890"#);
        assert_eq!(splitter.next_element(), Err(SplitError::TooLarge));
        assert_eq!(split(r#"["123456","12"]"#, &[3], 8).unwrap().len(), 2);
    }
}
