//! From bytes to text: the encodings that Japanese files are in, told by their content or as declared.

use std::borrow::Cow;
use std::fmt;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

use crate::FormatError;

/// An encoding that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// CP932 (Windows-31J), which files call Shift_JIS.
    Cp932,
    /// EUC-JP.
    EucJp,
    /// ISO-2022-JP.
    Iso2022Jp,
}

/// Bytes that are looked at to tell UTF-16 from others.
const LOOKED_AT: usize = 4096;

/// With more bytes in a hundred than this that are no character a text is not in that encoding, whoever declares it.
const MOST_UNDECODABLE: usize = 5;

impl Encoding {
    /// The names that mappings write.
    pub const NAMES: [&'static str; 5] = ["utf-8", "utf-16", "cp932", "euc-jp", "iso-2022-jp"];

    /// The encoding of a name; case does not count. `utf-16` without a byte order mark has the low byte first.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Self::Utf8,
            "utf-16" | "utf-16le" => Self::Utf16Le,
            "utf-16be" => Self::Utf16Be,
            "cp932" | "shift_jis" | "shift-jis" | "sjis" | "windows-31j" | "ms932" => Self::Cp932,
            "euc-jp" => Self::EucJp,
            "iso-2022-jp" => Self::Iso2022Jp,
            _ => return None,
        })
    }

    const fn table(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Cp932 => encoding_rs::SHIFT_JIS,
            Self::EucJp => encoding_rs::EUC_JP,
            Self::Iso2022Jp => encoding_rs::ISO_2022_JP,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le | Self::Utf16Be => "utf-16",
            Self::Cp932 => "cp932",
            Self::EucJp => "euc-jp",
            Self::Iso2022Jp => "iso-2022-jp",
        })
    }
}

/// The text of these bytes. What is no character of the encoding stands there as U+FFFD.
///
/// # Errors
/// [`FormatError::OtherEncoding`], [`FormatError::NotDeclared`], [`FormatError::NoText`]
pub fn decode(bytes: &[u8], declared: Option<Encoding>) -> Result<(Cow<'_, str>, Encoding), FormatError> {
    if let Some((encoding, rest)) = marked(bytes) {
        let agrees = match declared {
            None => true,
            Some(Encoding::Utf16Be | Encoding::Utf16Le) => encoding != Encoding::Utf8,
            Some(declared) => declared == encoding,
        };
        return match declared {
            Some(declared) if !agrees => Err(FormatError::OtherEncoding {
                declared,
                seems: encoding,
            }),
            _ => Ok((decoded(rest, encoding).0, encoding)),
        };
    }
    let Some(declared) = declared else {
        let encoding = detected(bytes).ok_or(FormatError::NoText)?;
        return Ok((decoded(bytes, encoding).0, encoding));
    };
    let is_utf8 = !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok();
    if is_utf8 && declared != Encoding::Utf8 {
        return Err(FormatError::OtherEncoding {
            declared,
            seems: Encoding::Utf8,
        });
    }
    let (text, undecodable) = decoded(bytes, declared);
    if undecodable == 0 {
        return Ok((text, declared));
    }
    match detected(bytes) {
        Some(seems) if seems != declared && decoded(bytes, seems).1 == 0 => {
            Err(FormatError::OtherEncoding { declared, seems })
        }
        _ if undecodable * 100 > bytes.len() * MOST_UNDECODABLE => Err(FormatError::NotDeclared(declared)),
        _ => Ok((text, declared)),
    }
}

fn marked(bytes: &[u8]) -> Option<(Encoding, &[u8])> {
    let (encoding, mark) = encoding_rs::Encoding::for_bom(bytes)?;
    let encoding = match encoding {
        of if of == encoding_rs::UTF_16LE => Encoding::Utf16Le,
        of if of == encoding_rs::UTF_16BE => Encoding::Utf16Be,
        _ => Encoding::Utf8,
    };
    Some((encoding, bytes.get(mark..)?))
}

/// The text, and how many places of it are no characters.
fn decoded(bytes: &[u8], encoding: Encoding) -> (Cow<'_, str>, usize) {
    let (text, has_errors) = encoding.table().decode_without_bom_handling(bytes);
    let undecodable = match has_errors {
        true => memchr::memmem::find_iter(text.as_bytes(), "\u{FFFD}".as_bytes()).count(),
        false => 0,
    };
    (text, undecodable)
}

fn detected(bytes: &[u8]) -> Option<Encoding> {
    if let Some(encoding) = utf16(bytes) {
        return Some(encoding);
    }
    if std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0x1B) {
        return Some(Encoding::Utf8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let guess = detector.guess(Some(b"jp"), Utf8Detection::Allow);
    let named = [Encoding::Utf8, Encoding::Cp932, Encoding::EucJp, Encoding::Iso2022Jp];
    let guessed = named.into_iter().find(|one| one.table() == guess);
    let is_fitting = |one: &Encoding| decoded(bytes, *one).1 * 100 <= bytes.len() * MOST_UNDECODABLE;
    let others = [Encoding::Cp932, Encoding::EucJp, Encoding::Utf8];
    guessed.into_iter().chain(others).find(is_fitting)
}

/// UTF-16 without a mark: the separators and digits of a table are ASCII, and each has a zero byte beside it.
fn utf16(bytes: &[u8]) -> Option<Encoding> {
    let head = bytes.get(..LOOKED_AT.min(bytes.len()) & !1)?;
    if bytes.len() % 2 == 1 || !head.contains(&0) {
        return None;
    }
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (high_first, low_first) = (zeros(0), zeros(1));
    let enough = head.len() / 40 + 1;
    // Characters such as 一 (U+4E00) have a zero byte on the other side.
    match (high_first, low_first) {
        (high, low) if low >= enough && high * 4 <= low => Some(Encoding::Utf16Le),
        (high, low) if high >= enough && low * 4 <= high => Some(Encoding::Utf16Be),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "名称,緯度\r\n佐野市役所①～－一,36.31\r\n";

    fn bytes(encoding: Encoding, text: &str) -> Vec<u8> {
        match encoding {
            Encoding::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => encoding.table().encode(text).0.into_owned(),
        }
    }

    #[test]
    fn every_encoding_is_told_by_its_content() {
        let text = TEXT.replace('①', "");
        for encoding in [
            Encoding::Utf8,
            Encoding::Utf16Le,
            Encoding::Utf16Be,
            Encoding::Cp932,
            Encoding::EucJp,
            Encoding::Iso2022Jp,
        ] {
            let bytes = bytes(encoding, &text);
            let (read, told) = decode(&bytes, None).unwrap();
            assert_eq!((&*read, told), (&*text, encoding));
            let declared = decode(&bytes, Some(encoding)).unwrap();
            assert_eq!(declared.0, text);
        }
        let marked = [b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat();
        assert_eq!(decode(&marked, None).unwrap().0, text);
    }

    #[test]
    fn what_only_windows_has_is_read_as_windows_reads_it() {
        let bytes = bytes(Encoding::Cp932, TEXT);
        let (read, told) = decode(&bytes, None).unwrap();
        assert_eq!((&*read, told), (TEXT, Encoding::Cp932));
        // A user-defined character.
        assert_eq!(
            decode(b"\x8D\xB2\xF0\x40\x96\xEC", Some(Encoding::Cp932)).unwrap().0,
            "佐\u{E000}野"
        );
    }

    #[test]
    fn a_declaration_that_does_not_fit_is_told() {
        let cp932 = bytes(Encoding::Cp932, TEXT);
        assert_eq!(
            decode(&cp932, Some(Encoding::Utf8)),
            Err(FormatError::OtherEncoding {
                declared: Encoding::Utf8,
                seems: Encoding::Cp932
            })
        );
        assert_eq!(
            decode(TEXT.as_bytes(), Some(Encoding::Cp932)),
            Err(FormatError::OtherEncoding {
                declared: Encoding::Cp932,
                seems: Encoding::Utf8
            })
        );
        assert_eq!(decode(b"a,b", Some(Encoding::Cp932)).unwrap().0, "a,b");
    }

    #[test]
    fn a_byte_that_is_no_character_costs_its_place() {
        let mut bytes = TEXT.repeat(20).into_bytes();
        bytes.insert(TEXT.len(), 0xFF);
        let (read, _) = decode(&bytes, Some(Encoding::Utf8)).unwrap();
        assert_eq!(read.matches('\u{FFFD}').count(), 1);
    }
}
