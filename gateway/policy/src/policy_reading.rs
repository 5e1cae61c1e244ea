//! Reading one Cedar file: each policy parsed on its own, checked against the schema and against who wrote it. Which
//! names a policy refers to is kept, because others may give those names away or take them back without touching it.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyFromJsonError, PolicyId, PolicySet, ResourceConstraint, ValidationMode, Validator,
};
use kakehashi_core::diagnostics::{Masking, Place, Report, Severity, SourceFile, nearest};
use kakehashi_core::names::TenantId;
use kakehashi_documents::files::Files;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type, expand_type};
use miette::Diagnostic as _;
use ngsi_ld::{AttributeName, TypeName};

use super::cedar_text::{PolicyText, annotation_span, guessed_at, split_policies};
use super::classification::Classification;
use super::conditions::{fault_of, is_core};
use super::entities::{Kinds, renamed};
use super::permits::{Annotations, AreaFile, Narrowing, is_geojson};
use super::references::{KnownNames, Reference};
use super::request_context;

/// Whose file it is.
#[derive(Clone, Copy)]
pub(super) enum Author<'a> {
    Tenant(&'a TenantId),
    Operator,
}

/// What one file says.
#[derive(Debug, Default)]
pub struct PolicyFile {
    pub text: Arc<str>,
    pub(super) policies: Vec<(Policy, Arc<Narrowing>)>,
    /// The files of areas that its permits name, as they were read.
    area_files: Vec<AreaFile>,
    /// Where each of them begins.
    starts: Vec<usize>,
    /// The names that its policies refer to.
    references: Vec<Reference>,
    /// Whether there was nothing to say about it, so that whoever takes it over leaves nothing unsaid.
    pub(super) is_faultless: bool,
}

/// What every policy is checked against.
pub(super) struct PolicyReader<'a> {
    pub(super) folder: &'a Path,
    pub(super) kinds: &'a Kinds,
    pub(super) validator: &'a Validator,
    /// Where the files of areas are read from.
    pub(super) files: &'a Files,
}

impl PolicyReader<'_> {
    /// Reads one file; findings go to the report.
    pub(super) fn read(&self, stem: &str, text: &Arc<str>, author: Author<'_>, report: &Report) -> PolicyFile {
        // A report of its own tells whether this file was without fault.
        let own_report = Report::default();
        let name = policy_path(self.folder, stem).display().to_string();
        let file = SourceFile::new(name, &**text, Masking::Ranges(Vec::new()));
        let mut lines: Vec<usize> = Vec::new();
        let mut references = Vec::new();
        let (mut policies, mut starts) = (Vec::new(), Vec::new());
        let mut area_files = Vec::new();
        for position in split_policies(text) {
            let Some(own) = text.get(position.span.clone()) else {
                continue;
            };
            let line = file.line_of(position.start);
            let earlier = lines.iter().filter(|known| **known == line).count();
            lines.push(line);
            // The name in explanations is the file and the line; a second policy on one line is numbered.
            let id = match earlier {
                0 => format!("{stem}.cedar:{line}"),
                _ => format!("{stem}.cedar:{line}:{}", earlier + 1),
            };
            let read = read_policy(
                PolicyId::new(id),
                &file,
                &position,
                own,
                author,
                self,
                &mut area_files,
                &own_report,
            );
            if let Some((policy, narrowing)) = read {
                references.extend(Reference::of(&policy, position.start, self.kinds));
                policies.push((policy, narrowing));
                starts.push(position.start);
            }
        }
        let is_faultless = own_report.is_empty();
        report.absorb(own_report);
        PolicyFile {
            text: Arc::clone(text),
            policies,
            area_files,
            starts,
            references,
            is_faultless,
        }
    }
}

/// The files of areas that a text of policies names, as it names them.
pub fn area_files_named(text: &str) -> BTreeSet<String> {
    let policies = split_policies(text).into_iter();
    let policies = policies.filter_map(|position| Policy::parse(None, text.get(position.span)?).ok());
    let areas = policies.filter_map(|policy| policy.annotation("area").map(str::to_owned));
    areas.filter(|area| !is_geojson(area)).collect()
}

impl PolicyFile {
    /// The consumers that its policies name.
    pub(super) fn consumers(&self) -> impl Iterator<Item = &str> {
        self.references.iter().filter_map(Reference::consumer)
    }

    /// Its policies, each with where it begins.
    pub fn policies_with_starts(&self) -> impl Iterator<Item = (usize, &Policy, &Narrowing)> {
        let policies = self.starts.iter().zip(&self.policies);
        policies.map(|(start, (policy, narrowing))| (*start, policy, &**narrowing))
    }

    /// Where `@key` of the policy that begins there stands in the text.
    pub fn annotation_span(&self, start: usize, key: &str) -> Option<Range<usize>> {
        let position = split_policies(&self.text)
            .into_iter()
            .find(|position| position.start == start)?;
        let begin = position.span.start;
        let span = annotation_span(self.text.get(position.span)?, key)?;
        Some(begin + span.start..begin + span.end)
    }

    /// Whether the files of areas that it names hold what those of another file held.
    pub(super) fn has_areas_of(&self, other: &Self) -> bool {
        self.area_files == other.area_files
    }

    /// Whether the files of areas that it names hold now what they held when it was read.
    pub(super) fn has_same_areas(&self, folder: &Path, files: &Files) -> bool {
        self.area_files.iter().all(|known| {
            let path = known.name.strip_prefix("policies/").unwrap_or(&known.name);
            files
                .read(&folder.join(path), &known.name)
                .is_ok_and(|text| text == known.text)
        })
    }

    /// Looks for names that nobody has, and for attributes that nobody is granted: others may be to blame for those
    /// than the file itself.
    pub(super) fn check_names(
        &self,
        path: &Path,
        known: &KnownNames<'_>,
        classification: &Classification,
        report: &Report,
    ) {
        let file =
            LazyCell::new(|| SourceFile::new(path.display().to_string(), &*self.text, Masking::Ranges(Vec::new())));
        let place = |start: usize| Place::File(Arc::clone(&file), start..start + "permit".len());
        let annotation = |start: usize, key: &str| {
            let span = self.annotation_span(start, key);
            span.map_or_else(|| place(start), |span| Place::File(Arc::clone(&file), span))
        };
        for reference in self.references.iter().filter(|reference| !known.has(reference)) {
            known.tell(reference, &place(reference.start), report);
        }
        for reference in &self.references {
            if let Some((name, called)) = reference.miscalled_type(classification) {
                let message = format!("policies know the type `{name}` as `{called}`: this policy never applies to it");
                let help = format!("write EntityType::\"<tenant>/{called}\"");
                report.error(&place(reference.start), message, help);
            }
        }
        for reference in &self.references {
            if let Some(name) = reference.unknown_type(classification) {
                let near = nearest(name, classification.type_names().iter().map(String::as_str));
                let help = near.map_or_else(
                    || "classify it in classification.toml, or write its IRI".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("nobody knows the type `{name}`");
                report.helped_by_others(Severity::Warning, &place(reference.start), message, Some(help));
            }
        }
        for ((policy, narrowing), start) in self.policies.iter().zip(&self.starts) {
            let at = |key: &str| annotation(*start, key);
            check_looked_at(policy, narrowing, classification, &at, report);
            for purpose in &narrowing.conditions.purposes {
                known.check_purpose(purpose, &at("purpose"), report);
            }
            let ids = narrowing.conditions.ids.iter().flat_map(|ids| &ids.patterns);
            for named in ids.filter_map(|pattern| personal_in(classification, pattern.beginning())) {
                let message = format!(
                    "@ids names ids of `{}`, which is personal: nobody may write them",
                    compact_type(&named)
                );
                report.warning(&at("ids"), message, "leave them out".to_owned());
            }
            for name in narrowing.personal(classification) {
                let name = compact_attribute(name);
                let message = format!("@attributes names `{name}`, which is personal and never granted");
                let help = "leave it out: nothing that stands in a policy shows it".to_owned();
                report.warning(&at("attributes"), message, help);
            }
        }
    }
}

/// Refuses a condition on what no permit may look at. What is about a person would be told by which entities are shown,
/// and what nobody has classified may be.
fn check_looked_at(
    policy: &Policy,
    narrowing: &Narrowing,
    classification: &Classification,
    place: &dyn Fn(&str) -> Place,
    report: &Report,
) {
    let one_type = one_type(&policy.resource_constraint());
    let refuse = |annotation: &str, name: &AttributeName, fault: &str| {
        let name = compact_attribute(name);
        let message = format!("@{annotation} looks at `{name}`, which {fault}");
        let help = "which entities are shown would tell of it; what a condition looks at must be open or limited in \
                    classification.toml";
        report.error(&place(annotation), message, help.to_owned());
    };
    for name in narrowing.conditions.looked_at() {
        let class = match &one_type {
            Some(name_of_type) => classification.attribute_class(name_of_type, name),
            None => classification.class_somewhere(name),
        };
        if let Some(fault) = fault_of(class)
            && !is_core(name)
        {
            refuse("q", name, fault);
        }
    }
    if let (Some(area), Some(name_of_type)) = (&narrowing.conditions.area, &one_type) {
        let class = classification.attribute_class(name_of_type, &area.property);
        if let Some(fault) = fault_of(class).filter(|_| class.is_some()) {
            refuse("area", &area.property, fault);
        }
    }
}

/// The personal type that ids with this beginning name.
fn personal_in(classification: &Classification, beginning: &str) -> Option<TypeName> {
    let mut named = classification.guarded_named_in(beginning).types.into_iter();
    named.find(|(class, _)| class.is_personal()).map(|(_, name)| name)
}

/// The type that a permit is about, if it is about one.
fn one_type(constraint: &ResourceConstraint) -> Option<TypeName> {
    let ResourceConstraint::Eq(entity) = constraint else {
        return None;
    };
    let (_, name) = AsRef::<str>::as_ref(entity.id()).split_once('/')?;
    expand_type(name).ok()
}

/// Points at the first place that Cedar names, or at the beginning of the policy.
pub(super) fn place_of(file: &Arc<SourceFile>, offset: usize, error: &dyn miette::Diagnostic) -> Place {
    let label = error.labels().and_then(|mut labels| labels.next());
    let span = label.map_or(0..0, |label| label.offset()..label.offset() + label.len());
    Place::File(Arc::clone(file), offset + span.start..offset + span.end)
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is another thing that a policy is read from or checked against"
)]
fn read_policy(
    id: PolicyId,
    file: &Arc<SourceFile>,
    position: &PolicyText,
    text: &str,
    author: Author<'_>,
    reader: &PolicyReader<'_>,
    area_files: &mut Vec<AreaFile>,
    report: &Report,
) -> Option<(Policy, Arc<Narrowing>)> {
    let place = Place::File(Arc::clone(file), position.start..position.start + "permit".len());
    let policy = match Policy::parse(Some(id), text) {
        Ok(policy) => policy,
        Err(errors) => {
            for error in errors.iter() {
                let place = place_of(file, position.span.start, error);
                let label = error.labels().and_then(|mut labels| labels.next());
                let guessed = label.and_then(|label| guessed_at(text, label.offset()));
                let help = error.help().map(|help| help.to_string());
                let help = guessed.map(str::to_owned).or(help);
                report.error(&place, format!("no Cedar policy: {error}"), help);
            }
            return None;
        }
    };
    let policy = match with_types_renamed(policy, reader.kinds) {
        Ok(policy) => policy,
        Err(error) => {
            report.error(&place, format!("no Cedar policy: {error}"), None);
            return None;
        }
    };
    validate(&policy, file, position, reader, report);
    check_ownership(&policy, author, &place, reader, report);
    request_context::check(&policy, &place, report);
    let narrowing = match policy.effect() {
        Effect::Permit => {
            let annotations = Annotations {
                policy: &policy,
                place: &place,
                places: &|key| {
                    let span = annotation_span(text, key)?;
                    let begin = position.span.start;
                    Some(Place::File(Arc::clone(file), begin + span.start..begin + span.end))
                },
                folder: reader.folder,
                files: reader.files,
                report,
            };
            annotations.read(area_files)
        }
        Effect::Forbid => {
            if let Some((key, _)) = policy.annotations().next() {
                let message = format!("a forbid has no annotations, and this one has @{key}");
                let at = annotation_span(text, key).map(|span| {
                    let begin = position.span.start;
                    Place::File(Arc::clone(file), begin + span.start..begin + span.end)
                });
                report.error(
                    at.as_ref().unwrap_or(&place),
                    message,
                    "a forbid denies the whole type; narrow the permit instead".to_owned(),
                );
            }
            Narrowing::default()
        }
    };
    Some((policy, Arc::new(narrowing)))
}

/// A policy with its types called as Cedar is asked about them: whoever writes one may call a type as its source does.
fn with_types_renamed(policy: Policy, kinds: &Kinds) -> Result<Policy, Box<PolicyFromJsonError>> {
    let literals = policy.entity_literals().into_iter();
    let named = literals.filter(|entity| kinds.is_entity_type(entity));
    let renamed: BTreeMap<EntityUid, EntityUid> = named
        .filter_map(|entity| {
            let shown = renamed(&entity)?;
            Some((entity, shown))
        })
        .collect();
    if renamed.is_empty() {
        return Ok(policy);
    }
    policy.sub_entity_literals(renamed).map_err(Box::new)
}

/// Checks a policy against the schema.
fn validate(
    policy: &Policy,
    file: &Arc<SourceFile>,
    position: &PolicyText,
    reader: &PolicyReader<'_>,
    report: &Report,
) {
    let Ok(set) = PolicySet::from_policies([policy.clone()]) else {
        return;
    };
    let result = reader.validator.validate(&set, ValidationMode::default());
    let id = format!("for policy `{}`, ", policy.id());
    let plain = |text: String| text.replace(&id, "");
    for error in result.validation_errors() {
        let place = place_of(file, position.span.start, error);
        let help = error.help().map(|help| help.to_string());
        report.error(&place, plain(error.to_string()), help);
    }
    for warning in result.validation_warnings() {
        let place = place_of(file, position.span.start, warning);
        report.warning(&place, plain(warning.to_string()), None);
    }
}

/// Only a tenant's own file may permit access to its data.
fn check_ownership(policy: &Policy, author: Author<'_>, place: &Place, reader: &PolicyReader<'_>, report: &Report) {
    if policy.effect() == Effect::Forbid {
        return;
    }
    let owner = resource_owner(&policy.resource_constraint(), reader.kinds);
    let whose = owner
        .as_deref()
        .map_or_else(|| "every tenant".to_owned(), |owner| format!("tenant `{owner}`"));
    match author {
        Author::Operator => {
            let message = format!("platform.cedar, the operator's file, permits access to the data of {whose}");
            let help = "only a tenant's own file may permit access to its data; platform.cedar may only forbid";
            report.error(place, message, help.to_owned());
        }
        Author::Tenant(tenant) if owner.as_deref() != Some(tenant.as_str()) => {
            let message = format!("the file of tenant `{tenant}` permits access to the data of {whose}");
            let help = format!("a tenant's file permits its own data only: write `resource in Tenant::\"{tenant}\"`");
            report.error(place, message, help);
        }
        Author::Tenant(_) => {}
    }
}

/// The tenant whose data a policy's head speaks of; `None`: of everybody's.
fn resource_owner(constraint: &ResourceConstraint, kinds: &Kinds) -> Option<String> {
    let entity = match constraint {
        ResourceConstraint::In(entity) | ResourceConstraint::Eq(entity) | ResourceConstraint::IsIn(_, entity) => entity,
        ResourceConstraint::Any | ResourceConstraint::Is(_) => return None,
    };
    let id: &str = entity.id().as_ref();
    if kinds.is_tenant(entity) {
        return Some(id.to_owned());
    }
    let (tenant, _) = id.split_once('/').filter(|_| kinds.is_entity_type(entity))?;
    Some(tenant.to_owned())
}

/// The file of a tenant's policies, in the folder of policies.
#[must_use]
pub fn policy_path(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.cedar"))
}
