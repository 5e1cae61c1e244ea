//! A file that is no table as the text of its JSON.

use std::borrow::Cow;

use kakehashi_formats::{FormatError, Kind, Opened, Opening, Report, Text, json, kml, open, shapefile};

use super::{File, crs};
use crate::language::{Format, TypeMapping};

/// The JSON of a file: GeoJSON of a Shapefile or of KML, an array of JSON lines.
pub(super) fn text_of<'a>(
    mapping: &TypeMapping,
    file: File<'a>,
    report: &mut Report,
) -> Result<Cow<'a, str>, FormatError> {
    let limits = file.limits;
    let opening = Opening {
        limits,
        ..Opening::default()
    };
    let expected = match mapping.format {
        Format::GeoJson => "GeoJSON, a Shapefile or KML",
        _ => "JSON",
    };
    let found = |found: Kind| Err(FormatError::OfKind { expected, found });
    match (open(file.bytes, &opening)?, &mapping.format) {
        (Opened::Json(text), Format::GeoJson) => {
            let text = of_lines(text, report, &limits)?;
            crs::check(mapping, &text)?;
            Ok(text)
        }
        (Opened::Json(text), _) => of_lines(text, report, &limits),
        (Opened::Shapefile(archive), Format::GeoJson) => {
            shapefile::features(&archive, None, &crs::of_prj, &limits, report).map(Cow::Owned)
        }
        (Opened::Kml(text), Format::GeoJson) => kml::features(text.text.as_bytes(), &limits, report).map(Cow::Owned),
        (Opened::Shapefile(_), _) => found(Kind::Shape),
        (Opened::Kml(_), _) => found(Kind::Kml),
        (Opened::Workbook(_), _) => found(Kind::Workbook),
        (Opened::Text(_), _) => found(Kind::Text),
    }
}

fn of_lines<'a>(
    text: Text<'a>,
    report: &mut Report,
    limits: &kakehashi_formats::Limits,
) -> Result<Cow<'a, str>, FormatError> {
    match text.text {
        Cow::Borrowed(text) => json(text, report, limits),
        Cow::Owned(text) => Ok(Cow::Owned(json(&text, report, limits)?.into_owned())),
    }
}
