//! Trying a mapping on a sample: what `kakehashi mapping try` prints.

use std::borrow::Cow;

use kakehashi_formats::{FormatError, Kind, Limits, Report};
use ngsi_ld::{Entity, TypeName};
use serde_json::Value;

use super::back::{NotBack, WriteTrial};
use super::file::{File, UnreadableFile, as_json};
use super::language::{FieldUse, Format, Mapping, Sample, TypeMapping, nearest};
use super::record::{
    DocumentPaths, Fields, Finding, Findings, Gathered, Outside, Pass, Projection, UnreadableBody, build_entity,
    read_document,
};
use super::trial_members::{beside, end_of, listed};
use super::trial_shown::{Lacking, RECORDS_SHOWN, Required, Shown, shown};
use kakehashi_contract::not_finite::with_numbers;
use kakehashi_contract::{AttributeSelection, Flaw};

/// What a mapping makes of a sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TryReport {
    /// The type whose mapping was tried.
    pub entity_type: Option<TypeName>,
    /// Records found in the sample.
    pub records: usize,
    /// The entities made of them.
    pub entities: Vec<Entity>,
    /// What did not become part of them.
    pub warnings: Vec<TryWarning>,
    /// Fields that the mapping names and that some record has no value of, in the order of the mapping.
    pub absent: Vec<AbsentField>,
    /// What of the entities could not be written as the sample has it, where the mapping says how they are created.
    pub not_back: Vec<NotBack>,
    /// Attributes that the mapping says each entity has, and some have not.
    pub lacking: Vec<Lacking>,
    /// The first records: what stood there. Holds values, and is told to nobody who has not asked for them.
    pub shown: Vec<Shown>,
    /// What was met in the file itself: characters, rows and sheets, by their place.
    pub met: Vec<String>,
    /// Columns of a table that nothing of the mapping reads.
    pub unread: Vec<String>,
    /// Why nothing could be made at all.
    pub failure: Option<String>,
}

/// Something in a record that did not become part of an entity. Holds no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TryWarning {
    /// The record, counted from 1 in the order of the sample.
    pub record: usize,
    /// The attribute, as the mapping names it, or `id`.
    pub field: String,
    /// What is odd about it.
    pub finding: Finding,
}

/// A field that a mapping names and that some record of a sample has no value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentField {
    /// What of the mapping names it, from the top of the file: `types.AED.attributes.name`.
    pub rule: String,
    /// Where: the file, the line and the character.
    pub place: String,
    /// The field, as the mapping names it.
    pub field: String,
    /// In how many records.
    pub records: usize,
    /// Of how many.
    pub of: usize,
    /// The field that the records have and that is nearest to it, where none of them has it.
    pub nearest: Option<String>,
    /// Whether the records have it, as null.
    pub is_null: bool,
    /// What fields the records have in its place, where none of them has it and none is near.
    pub beside: Vec<String>,
}

impl AbsentField {
    /// Whether no record has it: it is misspelt, or the sample is of something else.
    #[must_use]
    pub fn is_in_none(&self) -> bool {
        self.records == self.of
    }
}

impl std::fmt::Display for AbsentField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            rule,
            place,
            field,
            records,
            of,
            ..
        } = self;
        write!(f, "{place}: {rule}: ")?;
        match self.is_in_none() {
            true => write!(f, "the field `{field}` has a value in none of {of} records")?,
            false => write!(f, "the field `{field}` has no value in {records} of {of} records")?,
        }
        match &self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None if self.beside.is_empty() => Ok(()),
            None => write!(
                f,
                "; the records have {}",
                listed(self.beside.iter().map(String::as_str))
            ),
        }
    }
}

impl std::fmt::Display for TryWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {}: {} {}", self.record, self.field, self.finding)
    }
}

/// Records that are told one by one.
const RECORDS_TOLD: usize = 5;

impl TryReport {
    /// How many things are to be looked at.
    #[must_use]
    pub fn findings(&self) -> usize {
        self.absent.iter().filter(|absent| absent.is_in_none()).count()
            + self.lacking.len()
            + self.warnings.len()
            + self.met.len()
            + self.not_back.len()
    }

    /// What is to be told, each thing once: what is the same of several records stands in one line.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let mut told: Vec<String> = self.absent.iter().map(ToString::to_string).collect();
        told.extend(self.lacking.iter().map(|one| one.told.clone()));
        let is_told = |warning: &TryWarning| {
            // Every record is without it, and its place in the mapping was named.
            warning.finding == Finding::LeavesOut(Flaw::NoId)
                && self
                    .absent
                    .iter()
                    .any(|absent| absent.is_in_none() && absent.rule.ends_with(".id"))
        };
        let mut rest: Vec<&TryWarning> = self.warnings.iter().filter(|warning| !is_told(warning)).collect();
        while let Some(first) = rest.first().copied() {
            let is_same = |other: &&TryWarning| other.field == first.field && other.finding == first.finding;
            let (same, others): (Vec<&TryWarning>, Vec<&TryWarning>) = rest.into_iter().partition(is_same);
            rest = others;
            told.push(match same.as_slice() {
                [only] => only.to_string(),
                several => {
                    let numbers: Vec<String> = several
                        .iter()
                        .take(RECORDS_TOLD)
                        .map(|one| one.record.to_string())
                        .collect();
                    let more = match several.len().saturating_sub(RECORDS_TOLD) {
                        0 => String::new(),
                        more => format!(" and {more} more"),
                    };
                    format!(
                        "records {}{more}: {} {}",
                        numbers.join(", "),
                        first.field,
                        first.finding
                    )
                }
            });
        }
        told.extend(self.not_back.iter().map(ToString::to_string));
        told.extend(self.met.iter().cloned());
        told
    }
}

/// Tries the types of a mapping that name a sample on it, and tells what an administrator has to look at, each thing once. `read` reads a
/// file by its name from the folder of the mapping.
pub fn try_samples(mapping: &Mapping, read: &dyn Fn(&str) -> std::io::Result<Vec<u8>>) -> Vec<String> {
    let mut told = Vec::new();
    for of_type in mapping.type_mappings() {
        let Some(Sample { file, place }) = &of_type.sample else {
            continue;
        };
        let rule = format!("{place}: types.{}.sample", of_type.short_name);
        match read(file) {
            Err(error) => told.push(format!(
                "{rule}: cannot read `{file}`: {error}; save an answer of the platform there, or leave `sample` out"
            )),
            Ok(sample) => {
                let mut outside = Outside::default();
                outside.file = file.rsplit('/').next().map(Into::into);
                let mut report = try_type(of_type, &sample, &outside);
                // A field that some records have, or have without a value, is spelt as they spell it.
                report.absent.retain(|absent| absent.is_in_none() && !absent.is_null);
                report.lacking.retain(|lacking| lacking.is_in_none);
                let is_empty = report.failure.is_none() && report.records == 0;
                told.extend(
                    report
                        .failure
                        .take()
                        .map(|failure| format!("{rule}: `{file}`: {failure}")),
                );
                let absent = report.absent.len() + report.lacking.len();
                told.extend(
                    report
                        .told()
                        .into_iter()
                        .enumerate()
                        .map(|(number, one)| match number < absent {
                            // It names its own place.
                            true => format!("{one} (tried on `{file}`)"),
                            false => format!("{rule}: `{file}`: {one}"),
                        }),
                );
                if is_empty {
                    told.push(format!("{rule}: `{file}` has no record: save an answer with some"));
                }
            }
        }
    }
    told
}

/// Makes entities of a sample, an answer of the platform as it stands. `type_or_path` chooses the mapping by
/// the type's name, short or expanded, or by the path of its request; without it, the type that makes the most
/// entities of the sample is taken. The sample may be the answer of a list or that of a single record.
#[must_use]
pub fn try_mapping(mapping: &Mapping, type_or_path: Option<&str>, sample: &[u8]) -> TryReport {
    try_mapping_of(mapping, type_or_path, sample, &Outside::default())
}

/// The same of a source, and a file, of which something is known.
#[must_use]
pub fn try_mapping_of(mapping: &Mapping, type_or_path: Option<&str>, sample: &[u8], outside: &Outside) -> TryReport {
    let chosen: Vec<&TypeMapping> = match type_or_path {
        None => mapping.type_mappings().iter().collect(),
        Some(wanted) => mapping
            .type_mappings()
            .iter()
            .filter(|candidate| is_meant(candidate, wanted))
            .collect(),
    };
    if let (true, Some(wanted)) = (chosen.is_empty(), type_or_path) {
        return unknown_type(mapping, wanted);
    }
    // The first of several that make equally much; max_by_key would take the last.
    chosen
        .into_iter()
        .rev()
        .map(|candidate| try_type(candidate, sample, outside))
        .max_by_key(|report| {
            (
                report.failure.is_none(),
                report.entities.len(),
                std::cmp::Reverse(report.findings()),
            )
        })
        .unwrap_or_default()
}

fn is_meant(candidate: &TypeMapping, wanted: &str) -> bool {
    let path_alone = |path: &str| path.split('?').next() == wanted.split('?').next();
    candidate.short_name == wanted
        || candidate.name.as_str() == wanted
        || (wanted.starts_with('/') && candidate.path.as_ref().is_some_and(|path| path_alone(path.as_str())))
}

fn unknown_type(mapping: &Mapping, wanted: &str) -> TryReport {
    let known = || {
        mapping
            .type_mappings()
            .iter()
            .map(|candidate| candidate.short_name.as_str())
    };
    let suggestion = nearest(wanted, known()).map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
    let names: Vec<_> = known().collect();
    TryReport {
        failure: Some(format!(
            "the mapping has no type or path `{wanted}`: it has {}{suggestion}",
            names.join(", ")
        )),
        ..TryReport::default()
    }
}

fn try_type(mapping: &TypeMapping, sample: &[u8], outside: &Outside) -> TryReport {
    let mut met = Report::default();
    let file = File {
        bytes: sample,
        outside,
        limits: Limits::default(),
    };
    let (sample, table) = match as_json(mapping, file, &mut met) {
        Ok((text, table)) => (Cow::Owned(text.into_owned().into_bytes()), table),
        // Where it breaks is told by whoever reads it as JSON.
        Err(UnreadableFile::Format(
            FormatError::OfKind { found: Kind::Text, .. } | FormatError::Empty | FormatError::NoText,
        )) if !matches!(mapping.format, Format::Table(_)) => (Cow::Borrowed(sample), None),
        Err(error) => {
            return TryReport {
                entity_type: Some(mapping.name.clone()),
                failure: Some(error.to_string()),
                ..TryReport::default()
            };
        }
    };
    let mut report = try_json(mapping, &sample, outside);
    if let Some(table) = table {
        // People count the rows of the file.
        let row = |record: &mut usize| {
            let row = table
                .rows
                .get(record.saturating_sub(1))
                .and_then(|row| usize::try_from(*row).ok());
            *record = row.unwrap_or(*record);
        };
        report.unread.clone_from(&table.unread);
        report.warnings.iter_mut().for_each(|one| row(&mut one.record));
        report.shown.iter_mut().for_each(|one| row(&mut one.record));
    }
    report.met = told_of(&met);
    report
}

/// What was met in a file, each kind with its first places.
fn told_of(met: &Report) -> Vec<String> {
    let mut told = Vec::new();
    for (what, count) in met.counts() {
        let places = met.findings().iter().filter(|one| one.what == *what);
        told.extend(places.take(RECORDS_TOLD).map(ToString::to_string));
        if let Some(more) = count.checked_sub(RECORDS_TOLD as u64).filter(|more| *more > 0) {
            told.push(format!("{more} more of this kind: {}", what.text()));
        }
    }
    told
}

fn try_json(mapping: &TypeMapping, sample: &[u8], outside: &Outside) -> TryReport {
    let list = read_sample(mapping, &mapping.documents, sample, outside);
    let single = match (&list, &mapping.record_path) {
        (Err(UnreadableBody::NoRecords), Some(_)) => Some(read_sample(mapping, &mapping.single, sample, outside)),
        _ => None,
    };
    let result = match single {
        Some(Ok(report)) if !report.entities.is_empty() => Ok(report),
        _ => list,
    };
    let mut report = result.unwrap_or_else(|error| TryReport {
        failure: Some(match error {
            UnreadableBody::NoRecords => no_records(mapping, sample),
            other => other.to_string(),
        }),
        ..TryReport::default()
    });
    report.entity_type = Some(mapping.name.clone());
    report
}

/// Why a sample has no records, in words that say what it has.
fn no_records(mapping: &TypeMapping, sample: &[u8]) -> String {
    let path = &mapping.documents.records;
    let found = value_of(sample).map_or_else(String::new, |sample| format!(", but {}", end_of(&sample, path)));
    format!(
        "{}: types.{}.records: `{path}` leads to no records{found}",
        mapping.records_place, mapping.short_name
    )
}

fn value_of(sample: &[u8]) -> Option<Value> {
    serde_json::from_slice(ngsi_ld::without_byte_order_mark(sample)).ok()
}

/// The fields that some record has no value of. `absent`: in how many records each use of a field found none.
fn absent_fields(
    mapping: &TypeMapping,
    records_path: &DocumentPaths,
    absent: &[usize],
    of: usize,
    sample: &[u8],
) -> Vec<AbsentField> {
    let mut parsed = None;
    let uses = mapping.uses.iter().zip(absent).filter(|(_, records)| **records > 0);
    uses.map(|(used, records)| {
        let mut told = AbsentField {
            rule: used.rule.to_string(),
            place: used.place.to_string(),
            field: used.field.to_string(),
            records: *records,
            of,
            nearest: None,
            is_null: false,
            beside: Vec::new(),
        };
        if told.is_in_none() {
            let sample = parsed.get_or_insert_with(|| value_of(sample).unwrap_or_default());
            let members = beside(sample, &records_path.records, &used.path);
            let name = last_name(used);
            told.is_null = members.contains(name);
            told.nearest = nearest(name, members.iter().map(String::as_str)).filter(|_| !told.is_null);
            if told.nearest.is_none() && !told.is_null {
                told.beside = members.into_iter().collect();
            }
        }
        told
    })
    .collect()
}

/// The name of the member that a use of a field ends in.
fn last_name(used: &FieldUse) -> &str {
    match used.path.steps.last() {
        Some(super::language::Step::Member(name)) => name,
        _ => &used.field,
    }
}

fn read_sample(
    mapping: &TypeMapping,
    paths: &DocumentPaths,
    sample: &[u8],
    outside: &Outside,
) -> Result<TryReport, UnreadableBody> {
    let read = |pass: Pass, sample: &[u8]| read_sample_in(pass, mapping, paths, sample, outside);
    match read(Pass::Quick, sample) {
        Err(UnreadableBody::Syntax { .. }) => match str::from_utf8(sample).ok().and_then(with_numbers) {
            Some(written) => read(Pass::RecordByRecord, written.as_bytes()),
            None => read(Pass::RecordByRecord, sample),
        },
        read => read,
    }
}

fn read_sample_in(
    pass: Pass,
    mapping: &TypeMapping,
    paths: &DocumentPaths,
    sample: &[u8],
    outside: &Outside,
) -> Result<TryReport, UnreadableBody> {
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let mut report = TryReport::default();
    let mut absent = vec![0; mapping.uses.len()];
    let mut ids = hashbrown::HashSet::new();
    let mut way_back = WriteTrial::of(mapping);
    let mut gathered = Gathered::of(mapping);
    let mut required = Required::of(mapping);
    let mut built = 0;
    let envelope = read_document(
        sample,
        paths,
        mapping,
        outside,
        &projection.wanted,
        pass,
        &mut |fields| {
            report.records += 1;
            if let Ok(fields) = &fields {
                count_absent(mapping, fields, &mut absent);
            }
            let mut noted = Noted {
                record: report.records,
                warnings: &mut report.warnings,
            };
            let entity = build_entity(mapping, &projection, fields, &mut noted);
            if let (true, Ok(fields)) = (report.records <= RECORDS_SHOWN, fields) {
                report
                    .shown
                    .extend(shown(mapping, report.records, fields, entity.as_ref().ok()));
            }
            let Ok(entity) = entity else {
                return;
            };
            built += 1;
            required.look_at(mapping, &entity);
            if let (Some(way_back), Ok(fields)) = (&mut way_back, fields) {
                way_back.try_on(&entity, fields);
            }
            if let Some(gathered) = &mut gathered {
                gathered.add(entity, &mut noted);
            } else if ids.insert(entity.id.clone()) {
                report.entities.push(entity);
            } else {
                noted.note("id", Finding::DuplicateId);
            }
        },
    )?;
    report.entities.extend(gathered.into_iter().flat_map(Gathered::finish));
    envelope.check(report.entities.len())?;
    report.records = envelope.records;
    report.not_back = way_back.map(WriteTrial::finish).unwrap_or_default();
    report.lacking = required.told(mapping, built);
    if !mapping.absent_is_usual {
        report.absent = absent_fields(mapping, paths, &absent, report.records, sample);
    }
    Ok(report)
}

fn count_absent(mapping: &TypeMapping, fields: &Fields<'_>, absent: &mut [usize]) {
    for (used, absent) in mapping.uses.iter().zip(absent) {
        *absent += usize::from(!mapping.is_filled(fields, used.slot));
    }
}

struct Noted<'r> {
    record: usize,
    warnings: &'r mut Vec<TryWarning>,
}

impl Findings for Noted<'_> {
    fn note(&mut self, field: &str, finding: Finding) {
        self.warnings.push(TryWarning {
            record: self.record,
            field: field.to_owned(),
            finding,
        });
    }

    fn forget(&mut self) {
        self.warnings.clear();
    }
}
