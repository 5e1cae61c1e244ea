//! The .dbf (dBASE): what is said of each shape, in CP932 or what the .cpg says.

use encoding_rs::{EUC_JP, Encoding, SHIFT_JIS, UTF_8};

use super::SHAPEFILE;
use crate::geojson::quoted;
use crate::{FormatError, Limits, Report, What};

const FIELD_BYTES: usize = 32;
const NAME_BYTES: usize = 11;
const END_OF_FIELDS: u8 = 0x0D;
const DELETED: u8 = b'*';

struct Field {
    name: String,
    kind: u8,
    start: usize,
    length: usize,
}

/// The records of a .dbf.
pub(super) struct Attributes<'a> {
    records: &'a [u8],
    record_bytes: usize,
    fields: Vec<Field>,
    encoding: &'static Encoding,
}

impl<'a> Attributes<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        cpg: Option<&[u8]>,
        limits: &Limits,
        report: &mut Report,
    ) -> Result<Self, FormatError> {
        let cut_off = || FormatError::damaged(SHAPEFILE, "its .dbf is cut off");
        let header_bytes = u16_at(bytes, 8).ok_or_else(cut_off)?;
        let record_bytes = u16_at(bytes, 10).filter(|bytes| *bytes > 0).ok_or_else(cut_off)?;
        let header = bytes.get(FIELD_BYTES..header_bytes).ok_or_else(cut_off)?;
        let records = bytes.get(header_bytes..).unwrap_or_default();
        let encoding = cpg.and_then(declared).unwrap_or_else(|| {
            if std::str::from_utf8(bytes.get(header_bytes..).unwrap_or_default()).is_ok() && names_are_utf8(header) {
                UTF_8
            } else {
                SHIFT_JIS
            }
        });
        let mut fields = Vec::new();
        let mut start = 1;
        for described in header
            .chunks_exact(FIELD_BYTES)
            .take_while(|described| described.first() != Some(&END_OF_FIELDS))
        {
            if fields.len() == limits.columns {
                return Err(FormatError::too_large("columns", limits.columns));
            }
            let (Some(name), Some(kind), Some(length)) = (
                described.get(..NAME_BYTES),
                described.get(NAME_BYTES),
                described.get(16),
            ) else {
                break;
            };
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let (name, damaged) = decoded(name, encoding);
            if damaged {
                report.note(
                    0,
                    u32::try_from(fields.len() + 1).unwrap_or(u32::MAX),
                    What::Undecodable,
                );
            }
            fields.push(Field {
                name: name.trim().to_owned(),
                kind: *kind,
                start,
                length: usize::from(*length),
            });
            start += usize::from(*length);
        }
        Ok(Self {
            records,
            record_bytes,
            fields,
            encoding,
        })
    }

    /// What a record (from 1) says, as names and JSON; `None` when it is marked as deleted.
    pub(super) fn record(&self, number: u64, report: &mut Report) -> Option<Vec<(String, String)>> {
        let start = usize::try_from(number - 1)
            .ok()
            .and_then(|before| before.checked_mul(self.record_bytes));
        let record = start
            .and_then(|start| self.records.get(start..start.checked_add(self.record_bytes)?))
            .unwrap_or_default();
        if record.first() == Some(&DELETED) {
            return None;
        }
        let mut members = Vec::with_capacity(self.fields.len());
        for (index, field) in self.fields.iter().enumerate() {
            let value = record.get(field.start..field.start + field.length).unwrap_or_default();
            let mut note = |what| report.note(number, u32::try_from(index + 1).unwrap_or(u32::MAX), what);
            members.push((field.name.clone(), self.value(field, value, &mut note)));
        }
        Some(members)
    }

    fn value(&self, field: &Field, value: &[u8], note: &mut dyn FnMut(What)) -> String {
        let ascii = || {
            std::str::from_utf8(value)
                .unwrap_or_default()
                .trim_matches(|character: char| character == '\0' || character.is_whitespace())
        };
        let null = || String::from("null");
        match field.kind {
            b'N' | b'F' => match ascii() {
                // Stars stand for a number that its field was too short for.
                text if text.is_empty() || text.starts_with('*') => null(),
                text => number(text).unwrap_or_else(|| {
                    note(What::ErrorValue);
                    null()
                }),
            },
            b'I' => value
                .try_into()
                .map_or_else(|_| null(), |bytes| i32::from_le_bytes(bytes).to_string()),
            b'O' => value
                .try_into()
                .ok()
                .map(f64::from_le_bytes)
                .filter(|number| number.is_finite())
                .map_or_else(null, |number| number.to_string()),
            b'L' => match ascii() {
                "T" | "t" | "Y" | "y" => String::from("true"),
                "F" | "f" | "N" | "n" => String::from("false"),
                _ => null(),
            },
            b'D' => match ascii() {
                text if text.len() == 8 && text.bytes().all(|digit| digit.is_ascii_digit()) && text != "00000000" => {
                    let (year, rest) = text.split_at_checked(4).unwrap_or_default();
                    let (month, day) = rest.split_at_checked(2).unwrap_or_default();
                    quoted(&format!("{year}-{month}-{day}"))
                }
                _ => null(),
            },
            b'C' => {
                let (text, damaged) = decoded(value, self.encoding);
                if damaged {
                    note(What::Undecodable);
                    return null();
                }
                let text = text.trim_end_matches(['\0', ' ']);
                if text
                    .chars()
                    .any(|character| ('\u{e000}'..='\u{f8ff}').contains(&character))
                {
                    note(What::UserDefined);
                }
                if text.is_empty() { null() } else { quoted(text) }
            }
            // A memo stands in a file of its own.
            _ => null(),
        }
    }
}

/// A number as JSON.
fn number(text: &str) -> Option<String> {
    if let Ok(number) = text.parse::<i64>() {
        return Some(number.to_string());
    }
    text.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .map(|number| number.to_string())
}

fn names_are_utf8(header: &[u8]) -> bool {
    header
        .chunks_exact(FIELD_BYTES)
        .filter_map(|field| field.get(..NAME_BYTES))
        .all(|name| {
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            // The end may be cut within a character.
            std::str::from_utf8(name).map_or_else(|error| error.error_len().is_none(), |_| true)
        })
}

fn declared(cpg: &[u8]) -> Option<&'static Encoding> {
    let name = std::str::from_utf8(cpg)
        .ok()?
        .trim_start_matches('\u{feff}')
        .trim()
        .to_ascii_uppercase();
    match name.trim_start_matches("ANSI").trim_start_matches("CP").trim() {
        "932" | "SJIS" | "SHIFT_JIS" | "SHIFT-JIS" | "MS932" | "WINDOWS-31J" => Some(SHIFT_JIS),
        "UTF-8" | "UTF8" | "65001" => Some(UTF_8),
        "EUC-JP" | "EUCJP" | "20932" | "51932" => Some(EUC_JP),
        other => Encoding::for_label(other.as_bytes()),
    }
}

/// The text, and whether some of it is none. A field cuts what is too long for it, within a character too: that is left out
/// without a word.
fn decoded(bytes: &[u8], encoding: &'static Encoding) -> (String, bool) {
    let full = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    if let Some(text) = full {
        return (text.into_owned(), false);
    }
    for cut in 1..=3 {
        let shorter = bytes.get(..bytes.len().saturating_sub(cut)).unwrap_or_default();
        if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(shorter) {
            return (text.into_owned(), false);
        }
    }
    (encoding.decode_without_bom_handling(bytes).0.into_owned(), true)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    bytes
        .get(at..at.checked_add(2)?)?
        .try_into()
        .ok()
        .map(|two| usize::from(u16::from_le_bytes(two)))
}
