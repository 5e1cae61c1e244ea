//! Trying a mapping on a sample: what `kakehashi mapping try` prints.

use ngsi_ld::{Entity, TypeName};

use super::mapping::{Mapping, TypeMapping, nearest};
use super::record::{DocumentPaths, Finding, Findings, Pass, Projection, UnreadableBody, build_entity, read_document};
use kakehashi_contract::AttributeSelection;
use kakehashi_contract::not_finite::with_numbers;

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

impl std::fmt::Display for TryWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {}: {} {}", self.record, self.field, self.finding)
    }
}

/// Makes entities of a sample, an answer of the platform as it stands. `type_or_path` chooses the mapping by
/// the type's name, short or expanded, or by the path of its request; without it, the type that makes the most
/// entities of the sample is taken. The sample may be the answer of a list or that of a single record.
#[must_use]
pub fn try_mapping(mapping: &Mapping, type_or_path: Option<&str>, sample: &[u8]) -> TryReport {
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
        .map(|candidate| try_type(candidate, sample))
        .max_by_key(|report| {
            (
                report.failure.is_none(),
                report.entities.len(),
                std::cmp::Reverse(report.warnings.len()),
            )
        })
        .unwrap_or_default()
}

fn is_meant(candidate: &TypeMapping, wanted: &str) -> bool {
    let path_alone = |path: &str| path.split('?').next() == wanted.split('?').next();
    candidate.short_name == wanted
        || candidate.name.as_str() == wanted
        || (wanted.starts_with('/') && path_alone(candidate.path.as_str()))
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

fn try_type(mapping: &TypeMapping, sample: &[u8]) -> TryReport {
    let list = read_sample(mapping, &mapping.documents, sample);
    let single = match (&list, &mapping.record_path) {
        (Err(UnreadableBody::NoRecords), Some(_)) => Some(read_sample(mapping, &mapping.single, sample)),
        _ => None,
    };
    let result = match single {
        Some(Ok(report)) if !report.entities.is_empty() => Ok(report),
        _ => list,
    };
    let mut report = result.unwrap_or_else(|error| TryReport {
        failure: Some(error.to_string()),
        ..TryReport::default()
    });
    report.entity_type = Some(mapping.name.clone());
    report
}

fn read_sample(mapping: &TypeMapping, paths: &DocumentPaths, sample: &[u8]) -> Result<TryReport, UnreadableBody> {
    match read_sample_in(Pass::Quick, mapping, paths, sample) {
        Err(UnreadableBody::Syntax { .. }) => match str::from_utf8(sample).ok().and_then(with_numbers) {
            Some(written) => read_sample_in(Pass::RecordByRecord, mapping, paths, written.as_bytes()),
            None => read_sample_in(Pass::RecordByRecord, mapping, paths, sample),
        },
        read => read,
    }
}

fn read_sample_in(
    pass: Pass,
    mapping: &TypeMapping,
    paths: &DocumentPaths,
    sample: &[u8],
) -> Result<TryReport, UnreadableBody> {
    let projection = Projection::new(mapping, &AttributeSelection::All, true);
    let mut report = TryReport::default();
    let mut ids = hashbrown::HashSet::new();
    let envelope = read_document(
        sample,
        paths,
        &mapping.fields,
        &projection.wanted,
        pass,
        &mut |fields| {
            report.records += 1;
            let mut noted = Noted {
                record: report.records,
                warnings: &mut report.warnings,
            };
            let Ok(entity) = build_entity(mapping, &projection, fields, &mut noted) else {
                return;
            };
            if ids.insert(entity.id.clone()) {
                report.entities.push(entity);
            } else {
                noted.note("id", Finding::DuplicateId);
            }
        },
    )?;
    envelope.check(report.entities.len())?;
    report.records = envelope.records;
    Ok(report)
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
