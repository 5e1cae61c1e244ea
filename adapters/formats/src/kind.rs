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
