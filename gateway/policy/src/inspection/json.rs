//! Values that are JSON text: their strings, their names and their numbers, each looked at on its own, without a tree.

use std::borrow::Cow;

use super::rules::speaks_of_my_number;
use super::text::{Hit, digits_of_whole, hits, is_suspicious};

/// A part of a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// With its quotation marks, as it is written.
    Name(&'a str),
    /// The same, as a value.
    Text(&'a str),
    Number(&'a str),
    /// Anything else.
    Other(&'a str),
}

/// Whether the text may hold something.
pub(super) fn is_suspicious_json(json: &str) -> bool {
    Tokens(json).any(|token| match token {
        Token::Name(quoted) | Token::Text(quoted) => match unquoted(quoted) {
            Some(text) => is_suspicious(&text),
            None => true,
        },
        Token::Number(number) => is_suspicious(&whole(number)),
        Token::Other(_) => false,
    })
}

/// The text with what was found in it replaced. `context`: whether the name of the attribute speaks of a マイナンバー.
/// `replace` is shown each text and its hits, and says what comes in its place; `None` leaves it.
pub(super) fn rewritten(
    json: &str,
    context: bool,
    replace: &mut dyn FnMut(&str, &[Hit]) -> Option<String>,
) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut is_changed = false;
    // Whether a name speaks of it that leads to the values of each depth.
    let mut depths = vec![context];
    for token in Tokens(json) {
        let (written, text) = match token {
            Token::Name(quoted) | Token::Text(quoted) => (quoted, unquoted(quoted)),
            Token::Number(number) => (number, Some(whole(number))),
            Token::Other(other) => {
                descend(other, &mut depths);
                (other, None)
            }
        };
        let found = text.and_then(|text| {
            if matches!(token, Token::Name(_)) {
                let outer = depths.len().checked_sub(2).and_then(|outer| depths.get(outer));
                let speaks = outer == Some(&true) || context || speaks_of_my_number(&text);
                if let Some(inner) = depths.last_mut() {
                    *inner = speaks;
                }
            }
            let found = hits(&text, depths.last().is_some_and(|speaks| *speaks));
            if found.is_empty() { None } else { replace(&text, &found) }
        });
        match found.and_then(|replacement| serde_json::to_string(&replacement).ok()) {
            Some(quoted) => {
                is_changed = true;
                out.push_str(&quoted);
            }
            None => out.push_str(written),
        }
    }
    is_changed.then_some(out)
}

/// Goes into and out of objects and lists.
fn descend(signs: &str, depths: &mut Vec<bool>) {
    for sign in signs.bytes() {
        match sign {
            b'{' | b'[' => depths.push(depths.last().is_some_and(|speaks| *speaks)),
            b'}' | b']' if depths.len() > 1 => {
                depths.pop();
            }
            _ => {}
        }
    }
}

/// A number as its digits, where it is a whole one that is written in another way: `983205673214.0`.
fn whole(number: &str) -> Cow<'_, str> {
    // Before its point a number of eleven digits has as many; most numbers are shorter.
    let is_other =
        number.len() > 11 && number.get(..11).is_some_and(|start| !start.contains('.')) || number.contains(['e', 'E']);
    let value = is_other.then(|| number.parse().ok()).flatten();
    match value.and_then(digits_of_whole) {
        Some(digits) => Cow::Owned(digits),
        None => Cow::Borrowed(number),
    }
}

/// What a quoted text says; `None` when that cannot be read.
fn unquoted(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(quoted).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The parts of a JSON text that is well-formed and has no space between its tokens. Whatever it is, the parts together
/// are the whole.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.0;
        let first = *rest.as_bytes().first()?;
        let length = match first {
            b'"' => quoted_length(rest),
            b'-' | b'0'..=b'9' => rest.bytes().take_while(|byte| is_of_number(*byte)).count(),
            _ => {
                let other = rest
                    .bytes()
                    .take_while(|byte| *byte != b'"' && !byte.is_ascii_digit() && *byte != b'-');
                other.count()
            }
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        self.0 = after;
        Some(match first {
            b'"' if after.starts_with(':') => Token::Name(token),
            b'"' => Token::Text(token),
            b'-' | b'0'..=b'9' => Token::Number(token),
            _ => Token::Other(token),
        })
    }
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// The length of a text with its quotation marks.
fn quoted_length(json: &str) -> usize {
    let mut is_escaped = false;
    for (place, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return place + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_text_are_the_whole_text() {
        for json in [
            r#"{"a b":[1,-2.5e3,"c \" d",true,null],"é":{"x":"\\"}}"#,
            "[]",
            "12",
            "\"\"",
            "{\"broken",
        ] {
            let parts = Tokens(json).map(|token| match token {
                Token::Name(text) | Token::Text(text) | Token::Number(text) | Token::Other(text) => text,
            });
            assert_eq!(parts.collect::<String>(), json);
        }
        assert_eq!(Tokens(r#"{"a":"b"}"#).nth(1), Some(Token::Name("\"a\"")));
        assert_eq!(Tokens(r#"{"a":"b"}"#).nth(3), Some(Token::Text("\"b\"")));
    }
}
