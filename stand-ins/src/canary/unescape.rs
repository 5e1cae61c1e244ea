//! Undoing percent-encoding and JSON escapes anywhere in bytes, remembering where each byte came from.

use std::borrow::Cow;

/// A view of a file with escapes undone.
pub(super) struct Unescaped<'a> {
    name: &'static str,
    bytes: Cow<'a, [u8]>,
    /// Where each byte came from; `None`: from its own place.
    origins: Option<Vec<usize>>,
}

/// One way to undo escapes: the length of an escape at the beginning of the bytes, and what it stands for.
type Undo = fn(&[u8]) -> Option<(usize, Vec<u8>)>;

// === impl Unescaped ===

impl<'a> Unescaped<'a> {
    /// The file as it is, and every view of it that differs.
    pub(super) fn all(content: &'a [u8]) -> Vec<Self> {
        let plain = Unescaped {
            name: "",
            bytes: Cow::Borrowed(content),
            origins: None,
        };
        let percent = plain.undone("percent-encoded ", percent);
        let twice = percent
            .as_ref()
            .and_then(|view| view.undone("doubly percent-encoded ", self::percent));
        let percent_in_json = percent
            .as_ref()
            .and_then(|view| view.undone("percent-encoded, JSON-escaped ", json));
        let form = plain.undone("form-encoded ", form);
        let json = plain.undone("JSON-escaped ", json);
        let json_twice = json
            .as_ref()
            .and_then(|view| view.undone("doubly JSON-escaped ", self::json));
        let json_in_percent = json
            .as_ref()
            .and_then(|view| view.undone("JSON-escaped, percent-encoded ", self::percent));
        let views = [percent, form, json, twice, json_twice, percent_in_json, json_in_percent];
        std::iter::once(plain).chain(views.into_iter().flatten()).collect()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Where a byte of this view stands in the file.
    pub(super) fn offset(&self, position: usize) -> usize {
        match &self.origins {
            None => position,
            Some(origins) => origins.get(position).copied().unwrap_or(position),
        }
    }

    /// This view with escapes undone; `None` when it holds none.
    fn undone(&self, name: &'static str, undo: Undo) -> Option<Unescaped<'static>> {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut origins = Vec::with_capacity(self.bytes.len());
        let mut rest: &[u8] = &self.bytes;
        let mut position = 0;
        let mut changed = false;
        while let Some((first, after)) = rest.split_first() {
            let length = if let Some((length, meant)) = undo(rest) {
                changed = true;
                origins.extend(meant.iter().map(|_| self.offset(position)));
                bytes.extend(meant);
                length
            } else {
                origins.push(self.offset(position));
                bytes.push(*first);
                1
            };
            position += length;
            rest = rest.get(length..).unwrap_or(after);
        }
        changed.then_some(Unescaped {
            name,
            bytes: Cow::Owned(bytes),
            origins: Some(origins),
        })
    }
}

/// `%E6`
fn percent(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    let byte = number(digits)?;
    Some((3, vec![u8::try_from(byte).ok()?]))
}

/// The same, with `+` for a space.
fn form(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    if text.starts_with(b"+") {
        return Some((1, b" ".to_vec()));
    }
    percent(text)
}

/// `\u6d77`, pairs of surrogates, and the short escapes.
fn json(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    let escape = text.strip_prefix(b"\\")?;
    let short = match escape.first()? {
        b'u' => return json_unit(text),
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        byte @ (b'"' | b'\\' | b'/') => *byte,
        _ => return None,
    };
    Some((2, vec![short]))
}

fn json_unit(text: &[u8]) -> Option<(usize, Vec<u8>)> {
    const LENGTH: usize = 6;
    let unit = |text: &[u8]| number(text.strip_prefix(b"\\u")?.get(..4)?).and_then(|unit| u16::try_from(unit).ok());
    let first = unit(text)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        units.push(unit(text.get(LENGTH..)?)?);
    }
    let meant = String::from_utf16(&units).ok()?;
    Some((LENGTH * units.len(), meant.into_bytes()))
}

fn number(hexadecimal: &[u8]) -> Option<u32> {
    let digits = std::str::from_utf8(hexadecimal).ok()?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(digits, 16).ok())?
}
