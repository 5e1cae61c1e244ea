//! What a file is, told by its content: names and declared types are often wrong.

use std::fmt;

use memchr::memmem;

/// So much of a file's beginning is looked at for markup.
const HEAD_BYTES: usize = 64 << 10;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Nothing but spaces.
    Empty,
    /// gzip.
    Gzip,
    /// A ZIP archive of files.
    Zip,
    /// A workbook of Excel (.xlsx, .xlsm), which is a ZIP archive.
    Workbook,
    /// A workbook protected by a password.
    Protected,
    /// A workbook of Excel before 2007 (.xls).
    OldWorkbook,
    /// Another document of an office, and which.
    Office(&'static str),
    /// A PDF document.
    Pdf,
    /// An image.
    Image,
    /// A page of a web site.
    Html,
    /// A page of a web site that asks for a password.
    LoginPage,
    /// KML.
    Kml,
    /// Other XML.
    Xml,
    /// JSON, or JSON lines.
    Json,
    /// The main file of a Shapefile (.shp), without the others.
    Shape,
    /// An archive that is not read, and which.
    OtherArchive(&'static str),
    /// Any other text, a table perhaps.
    Text,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Gzip => "a gzip file",
            Self::Zip => "a ZIP archive",
            Self::Workbook => "a workbook (XLSX)",
            Self::Protected => "a workbook protected by a password",
            Self::OldWorkbook => "a workbook of Excel before 2007 (.xls), which is not read: save it as .xlsx or CSV",
            Self::Office(name) | Self::OtherArchive(name) => name,
            Self::Pdf => "a PDF document",
            Self::Image => "an image",
            Self::Html => "a page of a web site (HTML)",
            Self::LoginPage => "a page that asks to log in (HTML)",
            Self::Kml => "a KML file",
            Self::Xml => "an XML file",
            Self::Json => "a JSON file",
            Self::Shape => "a .shp without the files beside it: pack .shp, .shx, .dbf and .prj into one ZIP",
            Self::Text => "a text",
        })
    }
}

const NAMED: &[(&[u8], Kind)] = &[
    (b"\x1F\x8B", Kind::Gzip),
    (b"%PDF-", Kind::Pdf),
    (b"\x89PNG\r\n", Kind::Image),
    (b"\xFF\xD8\xFF", Kind::Image),
    (b"GIF8", Kind::Image),
    (b"II*\0", Kind::Image),
    (b"MM\0*", Kind::Image),
    (b"\x00\x00\x27\x0A", Kind::Shape),
    (
        b"7z\xBC\xAF\x27\x1C",
        Kind::OtherArchive("a 7z archive, which is not read: pack it as ZIP"),
    ),
    (
        b"Rar!",
        Kind::OtherArchive("a RAR archive, which is not read: pack it as ZIP"),
    ),
    (
        b"BZh",
        Kind::OtherArchive("a bzip2 file, which is not read: pack it with gzip"),
    ),
    (
        b"\xFD7zXZ\0",
        Kind::OtherArchive("an xz file, which is not read: pack it with gzip"),
    ),
];

const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const OLE: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// What a file is. A ZIP archive is told from a workbook by looking into it elsewhere.
pub(crate) fn kind_of(bytes: &[u8]) -> Kind {
    if bytes.starts_with(ZIP) || bytes.starts_with(EMPTY_ZIP) {
        return Kind::Zip;
    }
    if bytes.starts_with(OLE) {
        // The name of a stream, as UTF-16.
        let wide: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
        return match memmem::find(bytes, &wide) {
            Some(_) => Kind::Protected,
            None => Kind::OldWorkbook,
        };
    }
    if let Some((_, kind)) = NAMED.iter().find(|(begins, _)| bytes.starts_with(begins)) {
        return *kind;
    }
    let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
    let head: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head);
    let head = head
        .strip_prefix(b"\xFF\xFE")
        .or(head.strip_prefix(b"\xFE\xFF"))
        .unwrap_or(head);
    let head = head.trim_ascii_start();
    match head.first() {
        None => Kind::Empty,
        Some(b'<') => markup(head),
        Some(b'{' | b'[') => Kind::Json,
        Some(_) => Kind::Text,
    }
}

fn markup(head: &[u8]) -> Kind {
    let lower = head.to_ascii_lowercase();
    let has = |text: &[u8]| memmem::find(&lower, text).is_some();
    if has(b"<!doctype html") || has(b"<html") || has(b"<head") || has(b"<body") {
        return match has(b"type=\"password\"") || has(b"type='password'") || has(b"type=password") {
            true => Kind::LoginPage,
            false => Kind::Html,
        };
    }
    match has(b"<kml") {
        true => Kind::Kml,
        false => Kind::Xml,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_what_is_in_it() {
        for (bytes, kind) in [
            (&b""[..], Kind::Empty),
            (b" \r\n", Kind::Empty),
            (b"\xEF\xBB\xBFa,b", Kind::Text),
            (b"\xEF\xBB\xBF {\"a\": 1}", Kind::Json),
            (b"[1]", Kind::Json),
            (b"<!DOCTYPE html><title>404</title>", Kind::Html),
            (b"\n<html><form><input type=\"password\">", Kind::LoginPage),
            (b"<?xml version=\"1.0\"?><kml xmlns=\"x\">", Kind::Kml),
            (b"<?xml version=\"1.0\"?><feed>", Kind::Xml),
            (b"%PDF-1.7", Kind::Pdf),
            (b"PK\x03\x04....", Kind::Zip),
            (b"\x1F\x8B\x08", Kind::Gzip),
            (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Kind::OldWorkbook),
            (b"a\0,\0b\0", Kind::Text),
        ] {
            assert_eq!(kind_of(bytes), kind, "{bytes:?}");
        }
        let mut protected = OLE.to_vec();
        protected.extend("EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(kind_of(&protected), Kind::Protected);
    }
}
