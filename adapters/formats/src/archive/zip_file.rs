//! A ZIP archive.

use std::io::Cursor;

use zip::ZipArchive;

use super::unpack;
use crate::encoding::{Encoding, decode};
use crate::{FormatError, Limits};

/// Endings of files that are read.
const DATA: [&str; 11] = [
    ".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".json", ".geojson", ".jsonl", ".ndjson", ".kml", ".jsonld",
];

/// Names that an error lists.
const NAMED: usize = 10;

/// What a ZIP archive is.
#[derive(Debug)]
pub(crate) enum Unzipped {
    /// A workbook, which is read as the archive that it is.
    Workbook,
    /// The file that is meant.
    File(Vec<u8>),
    /// A Shapefile, which is read as the archive that it is.
    Shapefile,
}

/// Unpacks what is meant: the file of that name or ending, or the only one that is data.
pub(crate) fn unzip(bytes: &[u8], entry: Option<&str>, limits: &Limits) -> Result<Unzipped, FormatError> {
    let damaged = |_| FormatError::damaged("the ZIP archive", "its list of files cannot be read");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    if archive.len() > limits.archive_entries {
        return Err(FormatError::too_large("files in the archive", limits.archive_entries));
    }
    let mut files: Vec<(usize, String)> = Vec::new();
    for place in 0..archive.len() {
        let file = archive.by_index_raw(place).map_err(damaged)?;
        let name = name_of(file.name_raw());
        if file.is_dir() || name.ends_with('/') || is_litter(&name) {
            continue;
        }
        let why = if climbs_out(&name) {
            "leads out of the archive"
        } else if file.is_symlink() {
            "is a link to another file"
        } else if file.encrypted() {
            "is protected by a password"
        } else {
            files.push((place, name));
            continue;
        };
        return Err(FormatError::Entry {
            name: shown(&name),
            why,
        });
    }
    if entry.is_none() && files.iter().any(|(_, name)| name == "xl/workbook.xml") {
        return Ok(Unzipped::Workbook);
    }
    if entry.is_none() && files.iter().any(|(_, name)| has_ending(name, &[".shp"])) {
        return Ok(Unzipped::Shapefile);
    }
    let mut left = limits.unpacked_bytes;
    let mut read = |place: usize| -> Result<Vec<u8>, FormatError> {
        let file = archive
            .by_index(place)
            .map_err(|_| FormatError::damaged("the ZIP archive", "a file in it does not unpack"))?;
        let packed = usize::try_from(file.compressed_size())
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let bounded = Limits {
            unpacked_bytes: left,
            ..*limits
        };
        let unpacked = unpack(file, packed, &bounded, "the ZIP archive")?;
        left = left.saturating_sub(unpacked.len());
        Ok(unpacked)
    };
    let is_meant = |name: &str| match entry {
        Some(entry) => {
            name == entry
                || name.ends_with(&format!("/{entry}"))
                || (entry.starts_with('.') && has_ending(name, &[entry]))
        }
        None => has_ending(name, &DATA),
    };
    let mut meant: Vec<&(usize, String)> = files.iter().filter(|(_, name)| is_meant(name)).collect();
    if meant.len() > 1 && meant.iter().any(|(_, name)| !has_ending(name, &[".txt"])) {
        // A text beside the data tells about it.
        meant.retain(|(_, name)| !has_ending(name, &[".txt"]));
    }
    let listed = |files: &mut dyn Iterator<Item = &String>| -> String {
        let names: Vec<String> = files.take(NAMED).map(|name| format!("`{}`", shown(name))).collect();
        if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        }
    };
    match meant.as_slice() {
        [(place, _)] => read(*place).map(Unzipped::File),
        [] => Err(FormatError::NoEntry {
            wanted: if entry.is_some() {
                "file of that name"
            } else {
                "file that is read"
            },
            held: listed(&mut files.iter().map(|(_, name)| name)),
        }),
        several => Err(FormatError::SeveralEntries(listed(
            &mut several.iter().map(|(_, name)| name),
        ))),
    }
}

/// The name of a file: in UTF-8, or as Windows in Japan writes it.
fn name_of(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => decode(raw, Some(Encoding::Cp932)).map_or_else(
            |_| String::from_utf8_lossy(raw).into_owned(),
            |(name, _)| name.into_owned(),
        ),
    }
}

/// What archivers of some systems add.
fn is_litter(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.ends_with(".DS_Store") || name.ends_with("Thumbs.db")
}

fn climbs_out(name: &str) -> bool {
    let is_drive = name.as_bytes().get(1) == Some(&b':');
    name.starts_with('/') || is_drive || name.contains(['\\', '\0']) || name.split('/').any(|part| part == "..")
}

fn has_ending(name: &str, endings: &[&str]) -> bool {
    let lower = name.to_lowercase();
    endings.iter().any(|ending| lower.ends_with(&ending.to_lowercase()))
}

/// A name that can be printed.
fn shown(name: &str) -> String {
    name.chars()
        .map(|one| if one.is_control() { '?' } else { one })
        .take(200)
        .collect()
}
