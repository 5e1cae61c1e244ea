//! `idPattern`: a pattern that begins like `^urn:ngsi-ld:AED:` leaves only ids with that beginning, which an
//! index finds. Everything else of a regular expression stays with the gateway.

use ngsi_ld::query::IdPattern;

use super::{Condition, Dialect, Statement};

pub(super) fn compile(pattern: &IdPattern, dialect: &dyn Dialect) -> Condition {
    let Some(prefix) = Prefix::of(pattern.as_str()) else {
        return Condition::NONE;
    };
    let Some(end) = successor(&prefix.text) else {
        return Condition::NONE;
    };
    let mut sql = Statement::default();
    dialect.by_code_points(&mut sql, "e.id");
    sql.push(" >= ");
    sql.bind_text(&prefix.text);
    sql.push(" AND ");
    dialect.by_code_points(&mut sql, "e.id");
    sql.push(" < ");
    sql.bind_text(&end);
    if prefix.is_whole {
        Condition::exact(sql)
    } else {
        Condition::narrows(sql)
    }
}

/// How every id that matches must begin.
#[derive(Debug, PartialEq, Eq)]
struct Prefix {
    /// Not empty.
    text: String,
    /// Whether the pattern asks for nothing else.
    is_whole: bool,
}

impl Prefix {
    fn of(pattern: &str) -> Option<Self> {
        // An alternative anywhere may lead around the beginning.
        if pattern.contains('|') {
            return None;
        }
        let mut rest = pattern.strip_prefix('^')?.chars().peekable();
        let mut text = String::new();
        let mut is_whole = true;
        while let Some(character) = rest.next() {
            let literal = match character {
                '\\' => rest.next().filter(char::is_ascii_punctuation),
                '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' => None,
                literal => Some(literal),
            };
            // A repetition after a literal may allow none of it, or more: the prefix ends before it.
            let is_repeated = matches!(rest.peek(), Some('*' | '+' | '?' | '{'));
            let Some(literal) = literal.filter(|_| !is_repeated) else {
                let is_anything = character == '.' && rest.clone().eq(['*']);
                is_whole = is_anything;
                break;
            };
            text.push(literal);
        }
        (!text.is_empty()).then_some(Self { text, is_whole })
    }
}

/// The least text, by code points, that is greater than every text with that beginning. `None` when there is
/// none: the beginning consists of the last code point alone.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            // Surrogates are no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_anchored_literal_beginning_is_a_prefix() {
        let of = |pattern| Prefix::of(pattern).map(|prefix| (prefix.text, prefix.is_whole));
        let whole = |text: &str| Some((text.to_owned(), true));
        let part = |text: &str| Some((text.to_owned(), false));
        assert_eq!(of("^urn:ngsi-ld:AED:"), whole("urn:ngsi-ld:AED:"));
        assert_eq!(of("^urn:避難所:.*"), whole("urn:避難所:"));
        assert_eq!(of("^urn:a\\.b:.*$"), part("urn:a.b:"));
        assert_eq!(of("^urn:ab?c"), part("urn:a"));
        assert_eq!(of("^urn:ab{0}"), part("urn:a"));
        assert_eq!(of("^urn:a\\.?"), part("urn:a"));
        assert_eq!(of("^urn:a\\d"), part("urn:a"));
        assert_eq!(of("^urn:[ab]"), part("urn:"));
        for none in ["urn:a", "^urn:a|b", "(?i)^urn:a", "^(?i)urn", "^", "^.*", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_successor_follows_every_text_with_the_prefix() {
        assert_eq!(successor("urn:a").as_deref(), Some("urn:b"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(successor("\u{10ffff}"), None);
    }
}
