//! Checks of compound values that are written: depth, keys that stand twice, numbers that nobody can read, and nulls
//! (clauses 4.5.0 and 5.5.4).
//!
//! The text is looked through, not read into values: a number may have more digits than a double, and stays as it is.
//! What is looked through was found to be JSON before.

use std::borrow::Cow;

use hashbrown::HashSet;

use super::{Fault, MAX_VALUE_DEPTH, NGSI_LD_NULL};
use crate::entity::number::check_number;

/// Whether a value may hold nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// As in the value of a Property.
    Refused,
    /// As in a value that is merged: NGSI-LD's as the value of a member, nowhere in an array, which is not merged.
    InObjects,
    /// As in what JSON-LD does not interpret.
    Allowed,
}

/// What is said of a text that is none: one half of a pair of surrogates, which passes for JSON until it is read.
const NOT_JSON: Fault = Fault::Expected("a JSON value");

/// A fault in a value, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FaultInside {
    /// The members and elements that lead there, inside out.
    pub(super) path: Vec<String>,
    pub(super) fault: Fault,
}

/// Checks a JSON text.
//= 5.2.1-4, 5.5.4-3
pub(super) fn check_json(text: &str, nulls: Nulls) -> Result<(), FaultInside> {
    let mut scanner = Scanner { rest: text };
    let mut path = Vec::new();
    let checked = scanner.value(nulls, 0, &mut path).and_then(|()| {
        scanner.skip_space();
        if scanner.rest.is_empty() { Ok(()) } else { Err(NOT_JSON) }
    });
    checked.map_err(|fault| FaultInside { path, fault })
}

/// A place in a JSON text.
#[derive(Clone, Copy)]
struct Scanner<'t> {
    rest: &'t str,
}

/// What leads to a fault, inside out. Filled on the way out.
type Path = Vec<String>;

impl<'t> Scanner<'t> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Steps over a token of one byte, and the space before it, if it comes next.
    fn eat(&mut self, token: char) -> bool {
        self.skip_space();
        let after = self.rest.strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn value(&mut self, nulls: Nulls, depth: usize, path: &mut Path) -> Result<(), Fault> {
        self.skip_space();
        match self.rest.as_bytes().first() {
            Some(b'{') => self.object(nulls, deeper(depth)?, path),
            Some(b'[') => self.array(nulls, deeper(depth)?, path),
            Some(b'"') => {
                let text = self.string()?;
                if nulls == Nulls::Refused && text == NGSI_LD_NULL {
                    return Err(Fault::Null);
                }
                Ok(())
            }
            Some(b'n') if nulls != Nulls::Allowed => Err(Fault::Null),
            _ => self.literal(),
        }
    }

    fn array(&mut self, nulls: Nulls, depth: usize, path: &mut Path) -> Result<(), Fault> {
        let nulls = if nulls == Nulls::InObjects {
            Nulls::Refused
        } else {
            nulls
        };
        self.eat('[');
        if self.eat(']') {
            return Ok(());
        }
        for index in 0_usize.. {
            let element = self.value(nulls, depth, path);
            element.inspect_err(|_| path.push(format!("[{index}]")))?;
            if self.eat(']') {
                return Ok(());
            }
            if !self.eat(',') {
                break;
            }
        }
        Err(NOT_JSON)
    }

    fn object(&mut self, nulls: Nulls, depth: usize, path: &mut Path) -> Result<(), Fault> {
        self.eat('{');
        if self.eat('}') {
            return Ok(());
        }
        // A JSON literal is not interpreted (clause 4.5.0).
        let mut literal = false;
        let mut seen = HashSet::new();
        loop {
            let name = self.name()?;
            match name.as_ref() {
                "@type" => literal = literal || self.is_json_type(),
                // Its type may follow.
                "@value" => literal = literal || self.is_json_type_ahead(),
                _ => {}
            }
            let nulls = if literal { Nulls::Allowed } else { nulls };
            let member = self
                .value(nulls, depth, path)
                .and_then(|()| match seen.contains(&name) {
                    true => Err(Fault::Duplicate),
                    false => Ok(()),
                });
            member.inspect_err(|_| path.push(name.clone().into_owned()))?;
            seen.insert(name);
            if self.eat('}') {
                return Ok(());
            }
            if !self.eat(',') {
                return Err(NOT_JSON);
            }
        }
    }

    /// The name of a member, and the colon after it.
    fn name(&mut self) -> Result<Cow<'t, str>, Fault> {
        self.skip_space();
        let name = self.string()?;
        if self.eat(':') { Ok(name) } else { Err(NOT_JSON) }
    }

    /// Whether the value that comes next is the type of JSON literals.
    fn is_json_type(mut self) -> bool {
        self.skip_space();
        self.string().is_ok_and(|text| text == "@json")
    }

    /// Whether a later member of the object says that it is a JSON literal.
    fn is_json_type_ahead(mut self) -> bool {
        loop {
            self.skip_value();
            if !self.eat(',') {
                return false;
            }
            match self.name() {
                Ok(name) if name == "@type" => return self.is_json_type(),
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Steps over a value without looking into it.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            self.skip_space();
            match self.rest.as_bytes().first() {
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth = depth.saturating_sub(1),
                Some(b'"') => {
                    if self.string().is_err() {
                        return;
                    }
                    if depth == 0 {
                        return;
                    }
                    continue;
                }
                Some(b',' | b':') => {}
                Some(_) => {
                    if self.literal().is_err() || depth == 0 {
                        return;
                    }
                    continue;
                }
                None => return,
            }
            self.rest = self.rest.get(1..).unwrap_or_default();
            if depth == 0 {
                return;
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn literal(&mut self) -> Result<(), Fault> {
        let ends = |byte: u8| matches!(byte, b',' | b']' | b'}' | b':' | b' ' | b'\t' | b'\n' | b'\r');
        let end = self.rest.bytes().position(ends).unwrap_or(self.rest.len());
        let (literal, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        self.rest = rest;
        match literal.as_bytes().first() {
            None => Err(NOT_JSON),
            Some(b'-' | b'0'..=b'9') => Ok(check_number(literal)?),
            Some(_) => Ok(()),
        }
    }

    /// A text in quotes.
    fn string(&mut self) -> Result<Cow<'t, str>, Fault> {
        let whole = self.rest;
        let inner = whole.strip_prefix('"').ok_or(NOT_JSON)?;
        let mut end = 0;
        let mut escaped = false;
        loop {
            let ahead = inner.get(end..).ok_or(NOT_JSON)?;
            let found = ahead.bytes().position(|byte| matches!(byte, b'"' | b'\\'));
            end += found.ok_or(NOT_JSON)?;
            if inner.as_bytes().get(end) == Some(&b'"') {
                break;
            }
            escaped = true;
            // The backslash, and what it escapes.
            end += 2;
        }
        let (text, after) = inner.split_at_checked(end).ok_or(NOT_JSON)?;
        self.rest = after.get(1..).unwrap_or_default();
        if !escaped {
            return Ok(Cow::Borrowed(text));
        }
        let quoted = whole.get(..end + 2).ok_or(NOT_JSON)?;
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| NOT_JSON)
    }
}

fn deeper(depth: usize) -> Result<usize, Fault> {
    if depth == MAX_VALUE_DEPTH {
        return Err(Fault::TooDeep);
    }
    Ok(depth + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::InvalidNumber;

    #[test]
    fn any_json_is_taken_as_it_is() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "{\"a\" : [ 1 , -2.5e3, true,false, \"x\" ] , \"b\":{ } }",
            "\"\\\"\\\\\\u3042\\ud83d\\ude00\"",
            "[1e300,-1e-400,123456789012345678901234567890]",
            "{\"@type\":[\"A\",\"B\"],\"@value\":1}",
        ] {
            assert_eq!(check_json(text, Nulls::Refused), Ok(()), "{text}");
        }
    }

    #[test]
    fn half_a_pair_of_surrogates_is_no_text() {
        for text in ["\"\\ud83d\"", "[\"\\ude00x\"]", "{\"\\ud83d\":1}"] {
            assert_eq!(fault(check_json(text, Nulls::Allowed)), Err(NOT_JSON), "{text}");
        }
    }

    fn fault(checked: Result<(), FaultInside>) -> Result<(), Fault> {
        checked.map_err(|inside| inside.fault)
    }

    #[test]
    fn a_number_that_nobody_can_read_is_found_where_it_stands() {
        let long = "1".repeat(10_000);
        for (text, fault, expected) in [
            ("1e400", InvalidNumber::NotFinite, &[][..]),
            (
                r#"{"a":[0,{"b":-1e999}]}"#,
                InvalidNumber::NotFinite,
                &["b", "[1]", "a"],
            ),
            (
                &format!(r#"{{"a":{{"b":{long}}}}}"#),
                InvalidNumber::TooLong,
                &["b", "a"],
            ),
        ] {
            let inside = check_json(text, Nulls::Allowed).unwrap_err();
            assert_eq!(inside.fault, Fault::Number(fault), "{text}");
            assert_eq!(inside.path, expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_found_however_it_is_written() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"x":{"b":[],"c":1,"b":{}}}]"#,
            r#"{"@value":1,"@value":2}"#,
        ] {
            assert_eq!(fault(check_json(text, Nulls::Allowed)), Err(Fault::Duplicate), "{text}");
        }
    }

    #[test]
    fn nulls_stand_where_they_may() {
        let null = r#""urn:ngsi-ld:null""#;
        for (text, refused, in_objects) in [
            ("null".to_owned(), true, true),
            (null.to_owned(), true, false),
            (format!("{{\"a\":{{\"b\":{null}}}}}"), true, false),
            (format!("{{\"a\":[{null}]}}"), true, true),
            ("{\"a\":[{\"b\":null}]}".to_owned(), true, true),
            (r#"{"@type":"@json","@value":null}"#.to_owned(), false, false),
            (
                r#"{"@value":[null,{"a":"}"}],"@type":"@json"}"#.to_owned(),
                false,
                false,
            ),
            (r#"{"@value":null,"@type":"x"}"#.to_owned(), true, true),
            (r#"{"@value":null}"#.to_owned(), true, true),
        ] {
            let outcome = |fails| if fails { Err(Fault::Null) } else { Ok(()) };
            assert_eq!(fault(check_json(&text, Nulls::Refused)), outcome(refused), "{text}");
            assert_eq!(
                fault(check_json(&text, Nulls::InObjects)),
                outcome(in_objects),
                "{text}"
            );
            assert_eq!(check_json(&text, Nulls::Allowed), Ok(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([{}\\[\\],:\"\\\\ nu0]|\"@value\"|\"@type\"|\"@json\"|\\PC){0,24}") {
            for nulls in [Nulls::Refused, Nulls::InObjects, Nulls::Allowed] {
                let verdict = fault(check_json(&text, nulls));
                // Whatever is JSON, without a name twice, is taken when nulls are.
                if nulls == Nulls::Allowed && serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                    prop_assert!(matches!(verdict, Ok(()) | Err(Fault::Duplicate)), "{:?}", verdict);
                }
            }
        }
    }
}
