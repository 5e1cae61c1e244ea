//! A body in which some record is no JSON, or not even UTF-8: what brackets, braces and quotes say is enough to know where it
//! ends, so that it costs itself alone.

use serde::de::IgnoredAny;

/// What stands in the place of a record that cannot be read: no record.
pub(super) const NOTHING: &str = "null";

/// The body with nothing in the place of each element of its outermost arrays that cannot be read. `None`: there is none, or
/// where the elements end cannot be told; or all of them are in another encoding, which is a fault of the whole.
pub fn without_unreadable(body: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(body.len());
    let mut copied = 0;
    let (mut has_unreadable, mut is_of_another_encoding) = (false, true);
    let mut scanner = Scanner { body, at: 0 };
    while let Some(byte) = scanner.next() {
        match byte {
            b'"' => scanner.text()?,
            b'[' => loop {
                let (start, end) = scanner.element()?;
                let element = body.get(start..end)?;
                let is_readable = is_readable(element);
                let is_empty = element.trim_ascii().is_empty();
                is_of_another_encoding &= is_empty || is_readable == Readable::NotUtf8;
                if !is_empty && is_readable != Readable::Yes {
                    mended.extend_from_slice(body.get(copied..start)?);
                    mended.extend_from_slice(NOTHING.as_bytes());
                    copied = end;
                    has_unreadable = true;
                }
                if scanner.next()? == b']' {
                    break;
                }
            },
            _ => {}
        }
    }
    mended.extend_from_slice(body.get(copied..)?);
    (has_unreadable && !is_of_another_encoding).then_some(mended)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readable {
    Yes,
    NotUtf8,
    NotJson,
}

fn is_readable(element: &[u8]) -> Readable {
    match simdutf8::basic::from_utf8(element).map(serde_json::from_str::<IgnoredAny>) {
        Ok(Ok(_)) => Readable::Yes,
        Ok(Err(_)) => Readable::NotJson,
        Err(_) => Readable::NotUtf8,
    }
}

struct Scanner<'b> {
    body: &'b [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<u8> {
        let byte = self.body.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// Steps over a text whose opening quote was stepped over.
    fn text(&mut self) -> Option<()> {
        loop {
            match self.next()? {
                b'"' => return Some(()),
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    /// Where the element of an array that comes next begins and ends: before the `,` or `]` that belongs to the array.
    fn element(&mut self) -> Option<(usize, usize)> {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.body.get(self.at)? {
                b',' | b']' if depth == 0 => return Some((start, self.at)),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.checked_sub(1)?,
                b'"' => {
                    self.at += 1;
                    self.text()?;
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mended(body: &str) -> Option<String> {
        without_unreadable(body.as_bytes()).map(|mended| String::from_utf8(mended).unwrap())
    }

    #[test]
    fn elements_that_cannot_be_read_become_nothing() {
        for (body, expected) in [
            (r#"[{"a":1},{"a":1,},{"a":2}]"#, r#"[{"a":1},null,{"a":2}]"#),
            (
                r#"{"t":"[x","items":[{"a":tru}, {"a":["]"]} ],"n":2}"#,
                r#"{"t":"[x","items":[null, {"a":["]"]} ],"n":2}"#,
            ),
            (r#"[x,"a\"]",[1,]]"#, r#"[null,"a\"]",null]"#),
        ] {
            assert_eq!(mended(body).as_deref(), Some(expected), "{body}");
        }
        let no_utf8 = without_unreadable(b"[\"\xff\",1]").unwrap();
        assert_eq!(no_utf8, b"[null,1]");
        assert_eq!(without_unreadable(b"[\"\xff\",\"\xff\"]"), None);
        for body in [
            "",
            "[]",
            "[1,2]",
            "<html>",
            "[",
            "[{]",
            r#"["a]"#,
            "[1}]",
            r#"{"a":[]}"#,
        ] {
            assert_eq!(mended(body), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_what_is_json_stays(bytes in prop::collection::vec(any::<u8>(), 0..64), text in r#"[\[\]{},:"\\ a0]{0,24}"#) {
            let _ = without_unreadable(&bytes);
            let mended = without_unreadable(text.as_bytes());
            if serde_json::from_str::<IgnoredAny>(&text).is_ok() {
                prop_assert_eq!(mended, None);
            }
        }
    }
}
