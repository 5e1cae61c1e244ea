//! Workbooks of Excel (XLSX, ECMA-376): their sheets as rows of typed cells.
//!
//! What people see is what is read: a formula is the value that was last computed of it and is never computed here, a
//! number is a date where its format shows one, and the readings above a text (phonetic runs) are no part of it. Hidden
//! sheets are not looked at; hidden rows and columns are read like others, and told.

mod formats;
mod sheet;
mod strings;

use std::sync::Arc;

use crate::markup::{Markup, Piece};
use crate::parts::Parts;
use crate::{FormatError, Limits, Report, What};
use formats::Formats;
pub use sheet::SheetRows;
use strings::Strings;

const OLE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
const WORKBOOK: &str = "the workbook";
/// Sheets of a workbook. People come to some dozens.
const SHEETS: usize = 1_000;

struct Sheet {
    name: String,
    part: String,
    hidden: bool,
}

/// A workbook, opened; its sheets are still packed.
pub struct Workbook<'a> {
    parts: Parts<'a>,
    sheets: Vec<Sheet>,
    strings: Arc<Strings>,
    formats: Arc<Formats>,
    limits: Limits,
}

impl<'a> Workbook<'a> {
    /// Reads what all sheets share.
    ///
    /// # Errors
    /// When it is no workbook, is protected by a password, is damaged, or holds more than `limits` allow.
    pub fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, FormatError> {
        if bytes.starts_with(&OLE) {
            let protected: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
            return Err(match memchr::memmem::find(bytes, &protected) {
                Some(_) => FormatError::Password,
                None => FormatError::OfKind {
                    expected: "a workbook (XLSX)",
                    found: crate::kind::Kind::OldWorkbook,
                },
            });
        }
        let mut parts = Parts::open(bytes, limits)?;
        let main = relations(&mut parts, "")?
            .into_iter()
            .find(|relation| relation.kind == "officeDocument")
            .map_or_else(|| String::from("xl/workbook.xml"), |relation| relation.target);
        if main.ends_with(".bin") {
            return Err(FormatError::Refused(String::from(
                "the workbook is of the binary kind (.xlsb), which is not read: save it as .xlsx",
            )));
        }
        let relations = relations(&mut parts, &main)?;
        let text = parts
            .text(&main)?
            .ok_or(FormatError::damaged(WORKBOOK, "its list of sheets is missing"))?;
        let (sheets, since_1904) = sheets(&text, &relations)?;
        let target = |kind: &str| {
            relations
                .iter()
                .find(|relation| relation.kind == kind)
                .map(|relation| relation.target.as_str())
        };
        let strings = match target("sharedStrings") {
            Some(part) => Strings::read(&parts.text(part)?.unwrap_or_default(), limits)?,
            None => Strings::default(),
        };
        let formats = match target("styles") {
            Some(part) => Formats::read(&parts.text(part)?.unwrap_or_default(), since_1904)?,
            None => Formats::none(since_1904),
        };
        Ok(Self {
            parts,
            sheets,
            strings: Arc::new(strings),
            formats: Arc::new(formats),
            limits: *limits,
        })
    }

    /// The names of the sheets that are shown, in their order. Notes those that are hidden.
    pub fn sheets(&self, report: &mut Report) -> Vec<String> {
        for hidden in self.sheets.iter().filter(|sheet| sheet.hidden) {
            report.note_named(0, 0, What::HiddenSheet, Some(hidden.name.clone()));
        }
        self.shown().map(|sheet| sheet.name.clone()).collect()
    }

    /// The rows of a sheet that is shown.
    ///
    /// # Errors
    /// When there is none of that name, or it is damaged or too large.
    pub fn rows(&mut self, name: &str) -> Result<SheetRows, FormatError> {
        let held = || {
            self.shown()
                .map(|sheet| format!("`{}`", sheet.name))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some(sheet) = self
            .shown()
            .find(|sheet| sheet.name == name)
            .or_else(|| self.shown().find(|sheet| sheet.name.trim() == name.trim()))
        else {
            return Err(FormatError::NoSheet {
                wanted: name.to_owned(),
                held: held(),
            });
        };
        let part = sheet.part.clone();
        let text = self
            .parts
            .text(&part)?
            .ok_or(FormatError::damaged(WORKBOOK, "a sheet of it is missing"))?;
        SheetRows::new(text, Arc::clone(&self.strings), Arc::clone(&self.formats), self.limits)
    }

    fn shown(&self) -> impl Iterator<Item = &Sheet> {
        self.sheets.iter().filter(|sheet| !sheet.hidden)
    }
}

struct Relation {
    id: String,
    kind: String,
    target: String,
}

/// What a part refers to; of the document itself where `part` is empty.
fn relations(parts: &mut Parts<'_>, part: &str) -> Result<Vec<Relation>, FormatError> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    let Some(text) = parts.text(&format!("{prefix}_rels/{file}.rels"))? else {
        return Ok(Vec::new());
    };
    let mut markup = Markup::new(&text, WORKBOOK);
    let mut relations = Vec::new();
    loop {
        match markup.next()? {
            Piece::Open(tag)
                if tag.name() == "Relationship" && tag.attribute("TargetMode").as_deref() != Some("External") =>
            {
                let target = tag.attribute("Target").unwrap_or_default();
                let target = target
                    .strip_prefix('/')
                    .map_or_else(|| format!("{prefix}{target}"), ToOwned::to_owned);
                let kind = tag.attribute("Type").unwrap_or_default();
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                if relations.len() == SHEETS * 2 {
                    return Err(FormatError::too_large("relations of a part", SHEETS * 2));
                }
                relations.push(Relation {
                    id: tag.attribute("Id").unwrap_or_default(),
                    kind,
                    target,
                });
            }
            Piece::End => return Ok(relations),
            _ => {}
        }
    }
}

/// The sheets, and whether days are counted since 1904.
fn sheets(text: &str, relations: &[Relation]) -> Result<(Vec<Sheet>, bool), FormatError> {
    let mut markup = Markup::new(text, WORKBOOK);
    let mut sheets = Vec::new();
    let mut since_1904 = false;
    loop {
        match markup.next()? {
            Piece::Open(tag) if tag.name() == "workbookPr" => since_1904 = tag.says("date1904"),
            // `id` without its prefix; the other one is `sheetId`.
            Piece::Open(tag) if tag.name() == "sheet" => {
                let id = tag.attribute("id").unwrap_or_default();
                let Some(relation) = relations.iter().find(|relation| relation.id == id) else {
                    continue;
                };
                // Charts and dialogs are sheets without cells.
                if relation.kind != "worksheet" {
                    continue;
                }
                if sheets.len() == SHEETS {
                    return Err(FormatError::too_large("sheets", SHEETS));
                }
                let hidden = tag.attribute("state").is_some_and(|state| state != "visible");
                sheets.push(Sheet {
                    name: tag.attribute("name").unwrap_or_default(),
                    part: relation.target.clone(),
                    hidden,
                });
            }
            Piece::End => return Ok((sheets, since_1904)),
            _ => {}
        }
    }
}
