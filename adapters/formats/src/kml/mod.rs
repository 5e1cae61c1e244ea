//! KML 2.2 and KMZ: every `Placemark` as a Feature, in WGS84 as KML always is. Styles are left out; links to other files are
//! told and never followed.

mod placemark;

use std::collections::HashMap;

use crate::geojson::Collection;
use crate::markup::{Markup, Piece};
use crate::parts::Parts;
use crate::{FormatError, Limits, Report, What};

const KML: &str = "the KML file";
/// How deep elements of a placemark may stand in one another. What maps write comes to twelve.
const DEPTH: usize = 64;
/// Fields that schemas declare.
const SCHEMA_FIELDS: usize = 10_000;

/// Placemarks of a KML or KMZ file as the text of one GeoJSON FeatureCollection. Rows of the report are placemarks, counted
/// from 1.
///
/// # Errors
/// When it is no KML, is damaged or holds more than `limits` allow.
pub fn features(bytes: &[u8], limits: &Limits, report: &mut Report) -> Result<String, FormatError> {
    if bytes.starts_with(b"PK") {
        let mut parts = Parts::open(bytes, limits)?;
        let is_kml = |name: &String| {
            name.rsplit_once('.')
                .is_some_and(|(_, end)| end.eq_ignore_ascii_case("kml"))
        };
        let name = parts
            .names()
            .find(|name| name.eq_ignore_ascii_case("doc.kml"))
            .or_else(|| parts.names().find(is_kml));
        let name = name.ok_or(FormatError::NoEntry {
            wanted: "KML file",
            held: format!("{} files", parts.names().count()),
        })?;
        let text = parts
            .text(&name)?
            .ok_or(FormatError::damaged(KML, "it is missing in its archive"))?;
        return of_text(&text, limits, report);
    }
    if bytes.len() > limits.unpacked_bytes {
        return Err(FormatError::too_large(
            "bytes when it is unpacked",
            limits.unpacked_bytes,
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| FormatError::damaged(KML, "it is not UTF-8"))?;
    of_text(text, limits, report)
}

fn of_text(text: &str, limits: &Limits, report: &mut Report) -> Result<String, FormatError> {
    let mut markup = Markup::new(text.trim_start_matches('\u{feff}'), KML);
    let mut collection = Collection::new(limits);
    let mut schema: HashMap<String, String> = HashMap::new();
    let mut number = 0;
    let mut is_kml = false;
    loop {
        match markup.next()? {
            Piece::Open(tag) => match tag.name() {
                // Some programs leave `kml` out.
                "kml" | "Document" | "Folder" => is_kml = true,
                "NetworkLink" => {
                    report.note(number, 0, What::LinkNotFollowed);
                    markup.text_of_element("")?;
                }
                "SimpleField" if schema.len() < SCHEMA_FIELDS => {
                    if let (Some(name), Some(kind)) = (tag.attribute("name"), tag.attribute("type")) {
                        schema.insert(name, kind);
                    }
                }
                "Placemark" => {
                    is_kml = true;
                    number += 1;
                    let element = placemark::element(&mut markup, &tag, 0)?;
                    let read = placemark::read(&element, &schema, number, report);
                    collection.add(
                        read.id.as_deref(),
                        &crate::geojson::object(&read.properties),
                        read.geometry.as_ref(),
                    )?;
                }
                _ => {}
            },
            Piece::End if !is_kml => return Err(FormatError::damaged(KML, "no element of it is one of KML")),
            Piece::End => return Ok(collection.finish()),
            _ => {}
        }
    }
}
