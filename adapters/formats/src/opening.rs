//! A file, unpacked and known for what it is.

use std::borrow::Cow;

use crate::archive::{Unzipped, gunzip, unzip};
use crate::encoding::{Encoding, decode};
use crate::kind::{Kind, kind_of};
use crate::{FormatError, Limits};

/// How a file is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Opening<'a> {
    /// The encoding that its text is declared to be in.
    pub encoding: Option<Encoding>,
    /// Which file of an archive is meant: its name, or an ending that begins with a dot.
    pub entry: Option<&'a str>,
    /// How much of it is read.
    pub limits: Limits,
}

/// A file that was opened.
#[derive(Debug)]
pub enum Opened<'a> {
    /// CSV or TSV.
    Text(Text<'a>),
    /// JSON, GeoJSON or JSON lines.
    Json(Text<'a>),
    /// KML.
    Kml(Text<'a>),
    /// A workbook, packed.
    Workbook(Cow<'a, [u8]>),
    /// The archive of a Shapefile.
    Shapefile(Cow<'a, [u8]>),
}

impl Opened<'_> {
    /// What it is called in messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Json(_) => "a JSON file",
            Self::Kml(_) => "a KML file",
            Self::Workbook(_) => "a workbook",
            Self::Shapefile(_) => "a Shapefile",
        }
    }
}

/// A text that was decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text, without a byte order mark; U+FFFD stands for what is no character.
    pub text: Cow<'a, str>,
    /// What it was encoded in.
    pub encoding: Encoding,
}

/// So many archives are opened one within the other: a file in a ZIP that is served as gzip.
const DEEPEST: usize = 3;

/// Opens a file. Of one within an archive only that is unpacked.
///
/// # Errors
/// [`FormatError`]: what it is, and that it is not read, or why.
pub fn open<'a>(bytes: &'a [u8], how: &Opening<'_>) -> Result<Opened<'a>, FormatError> {
    opened(Cow::Borrowed(bytes), how, DEEPEST)
}

fn opened<'a>(bytes: Cow<'a, [u8]>, how: &Opening<'_>, deeper: usize) -> Result<Opened<'a>, FormatError> {
    const EXPECTED: &str = "a file of data";
    if bytes.len() > how.limits.unpacked_bytes {
        return Err(FormatError::too_large("bytes", how.limits.unpacked_bytes));
    }
    let kind = kind_of(&bytes);
    match kind {
        Kind::Gzip | Kind::Zip if deeper == 0 => Err(FormatError::Refused(
            "archives lie within archives: publish the file itself, or in one archive".to_owned(),
        )),
        Kind::Gzip => opened(Cow::Owned(gunzip(&bytes, &how.limits)?), how, deeper - 1),
        Kind::Zip => match unzip(&bytes, how.entry, &how.limits)? {
            Unzipped::Workbook => Ok(Opened::Workbook(bytes)),
            Unzipped::Shapefile => Ok(Opened::Shapefile(bytes)),
            Unzipped::File(file) => opened(Cow::Owned(file), how, deeper - 1),
        },
        Kind::Text => text(bytes, how).map(Opened::Text),
        Kind::Json => text(bytes, how).map(Opened::Json),
        Kind::Kml => text(bytes, how).map(Opened::Kml),
        Kind::Empty => Err(FormatError::Empty),
        Kind::Protected => Err(FormatError::Password),
        Kind::LoginPage => Err(FormatError::LoginPage { expected: EXPECTED }),
        found => Err(FormatError::OfKind {
            expected: EXPECTED,
            found,
        }),
    }
}

fn text<'a>(bytes: Cow<'a, [u8]>, how: &Opening<'_>) -> Result<Text<'a>, FormatError> {
    Ok(match bytes {
        Cow::Borrowed(bytes) => {
            let (text, encoding) = decode(bytes, how.encoding)?;
            Text { text, encoding }
        }
        Cow::Owned(bytes) => {
            let (text, encoding) = decode(&bytes, how.encoding)?;
            Text {
                text: Cow::Owned(text.into_owned()),
                encoding,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const CSV: &str = "名称,数\nA,1\n";

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer
                .start_file(*name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn text_of(bytes: &[u8]) -> String {
        match open(bytes, &Opening::default()).unwrap() {
            Opened::Text(text) => text.text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_found_in_whatever_it_is_packed() {
        let zip = zipped(&[
            ("readme.txt", b"x"),
            ("data/aed.csv", CSV.as_bytes()),
            ("__MACOSX/._aed.csv", b"x"),
        ]);
        for bytes in [CSV.as_bytes(), &gzipped(CSV.as_bytes()), &zip, &gzipped(&zip)] {
            assert_eq!(text_of(bytes), CSV);
        }
        let members = [gzipped(b"a,b\n"), gzipped(b"1,2\n")].concat();
        assert_eq!(text_of(&members), "a,b\n1,2\n");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let error = |bytes: &[u8]| open(bytes, &Opening::default()).unwrap_err();
        for name in ["../a.csv", "/etc/a.csv", "a\\..\\b.csv", "C:a.csv"] {
            let found = error(&zipped(&[(name, b"x")]));
            assert!(
                matches!(&found, FormatError::Entry { name: told, .. } if told == name),
                "{found:?}"
            );
        }
        assert!(matches!(
            error(&zipped(&[("a.csv", b"x"), ("b.csv", b"y")])),
            FormatError::SeveralEntries(_)
        ));
        assert!(matches!(
            error(&zipped(&[("a.doc", b"x")])),
            FormatError::NoEntry { .. }
        ));
        assert_eq!(error(b""), FormatError::Empty);
        assert!(matches!(
            error(b"<html><body>404"),
            FormatError::OfKind { found: Kind::Html, .. }
        ));
        assert!(matches!(error(b"PK\x03\x04broken"), FormatError::Damaged { .. }));
        assert!(matches!(error(b"\x1F\x8Bbroken"), FormatError::Damaged { .. }));
        let entry = Opening {
            entry: Some("b.csv"),
            ..Opening::default()
        };
        let chosen = zipped(&[("x/a.csv", b"a"), ("x/b.csv", b"b")]);
        assert!(matches!(open(&chosen, &entry).unwrap(), Opened::Text(text) if text.text == "b"));
    }

    #[test]
    fn a_bomb_ends_while_it_is_unpacked() {
        let zeros = vec![b'0'; 8 << 20];
        for bomb in [gzipped(&zeros), zipped(&[("a.csv", &zeros)])] {
            let limits = Limits {
                unpacked_bytes: 6 << 20,
                unpack_ratio: usize::MAX,
                ..Limits::default()
            };
            let found = open(
                &bomb,
                &Opening {
                    limits,
                    ..Opening::default()
                },
            )
            .unwrap_err();
            assert!(matches!(found, FormatError::TooLarge { .. }), "{found:?}");
            let limits = Limits {
                unpack_ratio: 100,
                ratio_from_bytes: 1 << 20,
                ..Limits::default()
            };
            let found = open(
                &bomb,
                &Opening {
                    limits,
                    ..Opening::default()
                },
            )
            .unwrap_err();
            assert_eq!(found, FormatError::Bomb(100));
        }
    }
}
