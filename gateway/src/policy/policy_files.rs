//! Reading the Cedar schema and the policy files: one file a tenant, which alone may permit access to what the
//! tenant owns, and platform.cedar, which may only forbid.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cedar_policy::{
    Effect, EntityUid, Policy, PolicyId, PolicySet, ResourceConstraint, Schema, ValidationMode, Validator,
};
use miette::Diagnostic as _;

use super::cedar_text::{PolicyText, split_policies};
use super::classification::Classification;
use super::entities::Kinds;
use super::operation::{Operation, OperationGroup};
use super::permits::{self, Narrowing};
use super::request_context;
use crate::config::{ConsumerIndex, Files, Masking, Place, Report, RoleName, SourceFile, TenantId, nearest, suggest};

const SCHEMA: &str = "schema.cedarschema";
const PLATFORM: &str = "platform";

/// The policies of a revision, partitioned: what is decided about a tenant's data looks at that tenant's policies
/// and the operator's forbids, however many tenants there are.
#[derive(Debug)]
pub(super) struct Policies {
    pub(super) schema: Schema,
    pub(super) kinds: Kinds,
    pub(super) partitions: HashMap<TenantId, Partition>,
}

/// The policies about one tenant's data.
#[derive(Debug, Default)]
pub(super) struct Partition {
    pub(super) set: PolicySet,
    pub(super) narrowings: HashMap<PolicyId, Arc<Narrowing>>,
}

/// Whose file it is.
#[derive(Clone, Copy)]
enum Author<'a> {
    Tenant(&'a TenantId),
    Operator,
}

/// What a policy may refer to.
struct Referents<'a> {
    tenants: &'a [TenantId],
    consumers: &'a ConsumerIndex,
    classification: &'a Classification,
    kinds: &'a Kinds,
    validator: &'a Validator,
    report: &'a Report,
}

/// Reads the folder of policies.
pub(super) fn read(
    folder: &Path,
    tenants: &[TenantId],
    consumers: &ConsumerIndex,
    classification: &Classification,
    files: &Files,
    report: &Report,
) -> Option<Policies> {
    let Some(kinds) = Kinds::new() else {
        report.error(&Place::Caller, "the kinds of Cedar entities have no valid names", None);
        return None;
    };
    let schema = read_schema(folder, &kinds, files, report)?;
    let validator = Validator::new(schema.clone());
    let referents = Referents {
        tenants,
        consumers,
        classification,
        kinds: &kinds,
        validator: &validator,
        report,
    };
    check_file_names(folder, tenants, report);
    let platform = read_file(folder, PLATFORM, Author::Operator, &referents, files).unwrap_or_default();
    let mut partitions = HashMap::new();
    for tenant in tenants {
        let Some(own) = read_file(folder, tenant.as_str(), Author::Tenant(tenant), &referents, files) else {
            let message = format!(
                "there is no {}: nothing of `{tenant}` is visible",
                policy_path(folder, tenant.as_str()).display()
            );
            report.warning(&Place::Caller, message, None);
            continue;
        };
        let mut partition = Partition::default();
        for (policy, narrowing) in own.into_iter().chain(platform.iter().cloned()) {
            partition.narrowings.insert(policy.id().clone(), narrowing);
            if let Err(error) = partition.set.add(policy) {
                report.error(&Place::Caller, format!("policies of `{tenant}`: {error}"), None);
            }
        }
        partitions.insert(tenant.clone(), partition);
    }
    Some(Policies {
        schema,
        kinds,
        partitions,
    })
}

fn policy_path(folder: &Path, stem: &str) -> PathBuf {
    folder.join(format!("{stem}.cedar"))
}

/// Reads the schema and makes sure that everything the gateway will ask about is declared.
fn read_schema(folder: &Path, kinds: &Kinds, files: &Files, report: &Report) -> Option<Schema> {
    let path = folder.join(SCHEMA);
    let name = path.display().to_string();
    let text = match files.read(&path, &format!("policies/{SCHEMA}")) {
        Ok(text) => text,
        Err(reason) => {
            report.error(&Place::Caller, format!("{name} cannot be read: {reason}"), None);
            return None;
        }
    };
    let file = SourceFile::new(name, text.as_str(), Masking::Ranges(Vec::new()));
    let schema = match Schema::from_cedarschema_str(&text) {
        Ok((schema, _)) => schema,
        Err(error) => {
            let place = place_of(&file, 0, &error);
            report.error(
                &place,
                format!("no Cedar schema: {error}"),
                error.help().map(|help| help.to_string()),
            );
            return None;
        }
    };
    let start = Place::File(Arc::clone(&file), 0..0);
    let declared: Vec<&EntityUid> = schema.actions().collect();
    let operations = Operation::ALL.iter().map(|operation| operation.as_str());
    for name in operations.chain(OperationGroup::ALL.iter().map(|group| group.as_str())) {
        if !declared.contains(&&kinds.action_named(name)) {
            report.error(
                &start,
                format!("the schema does not declare the action \"{name}\""),
                None,
            );
        }
    }
    if !request_context::is_declared(&schema, kinds) {
        let help =
            "write `appliesTo { principal: Consumer, resource: EntityType, context: { assurance?: String } }` for each";
        report.error(
            &start,
            "the schema does not declare `context.assurance`",
            help.to_owned(),
        );
    }
    Some(schema)
}

/// Points at the first place that Cedar names, or at the beginning of the policy.
fn place_of(file: &Arc<SourceFile>, offset: usize, error: &dyn miette::Diagnostic) -> Place {
    let label = error.labels().and_then(|mut labels| labels.next());
    let span = label.map_or(0..0, |label| label.offset()..label.offset() + label.len());
    Place::File(Arc::clone(file), offset + span.start..offset + span.end)
}

/// A file of a tenant that is not there would be silently without effect.
fn check_file_names(folder: &Path, tenants: &[TenantId], report: &Report) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut stems: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".cedar")?.to_owned()))
        .collect();
    stems.sort();
    for stem in stems {
        let known = stem == PLATFORM || tenants.iter().any(|tenant| tenant.as_str() == stem);
        if !known {
            let message = format!(
                "{} is the policy file of no tenant",
                policy_path(folder, &stem).display()
            );
            report.error(
                &Place::Caller,
                message,
                suggest(&stem, tenants.iter().map(TenantId::as_str)),
            );
        }
    }
}

type Read = Vec<(Policy, Arc<Narrowing>)>;

/// Reads one file; `None` when it is not there.
fn read_file(folder: &Path, stem: &str, author: Author<'_>, referents: &Referents<'_>, files: &Files) -> Option<Read> {
    let path = policy_path(folder, stem);
    if !path.exists() {
        return None;
    }
    let name = path.display().to_string();
    let text = match files.read(&path, &format!("policies/{stem}.cedar")) {
        Ok(text) => text,
        Err(reason) => {
            referents
                .report
                .error(&Place::Caller, format!("{name} cannot be read: {reason}"), None);
            return None;
        }
    };
    let file = SourceFile::new(name, text.as_str(), Masking::Ranges(Vec::new()));
    let mut lines: Vec<usize> = Vec::new();
    let policies = split_policies(&text);
    let read = policies.into_iter().filter_map(|policy| {
        let own = text.get(policy.span.clone())?;
        let line = file.line_of(policy.start);
        let earlier = lines.iter().filter(|known| **known == line).count();
        lines.push(line);
        // The name in explanations is the file and the line; a second policy on one line is numbered.
        let id = match earlier {
            0 => format!("{stem}.cedar:{line}"),
            _ => format!("{stem}.cedar:{line}:{}", earlier + 1),
        };
        read_policy(PolicyId::new(id), &file, &policy, own, author, referents)
    });
    Some(read.collect())
}

fn read_policy(
    id: PolicyId,
    file: &Arc<SourceFile>,
    position: &PolicyText,
    text: &str,
    author: Author<'_>,
    referents: &Referents<'_>,
) -> Option<(Policy, Arc<Narrowing>)> {
    let report = referents.report;
    let place = Place::File(Arc::clone(file), position.start..position.start + "permit".len());
    let policy = match Policy::parse(Some(id), text) {
        Ok(policy) => policy,
        Err(errors) => {
            for error in errors.iter() {
                let place = place_of(file, position.span.start, error);
                report.error(
                    &place,
                    format!("no Cedar policy: {error}"),
                    error.help().map(|help| help.to_string()),
                );
            }
            return None;
        }
    };
    validate(&policy, file, position, referents);
    check_ownership(&policy, author, &place, referents);
    check_references(&policy, &place, referents);
    request_context::check(&policy, &place, report);
    let narrowing = match policy.effect() {
        Effect::Permit => permits::read(&policy, &place, referents.classification, report),
        Effect::Forbid => {
            if let Some((key, _)) = policy.annotations().next() {
                let message = format!("a forbid has no annotations, and this one has @{key}");
                report.error(
                    &place,
                    message,
                    "a forbid denies the whole type; narrow the permit instead".to_owned(),
                );
            }
            Narrowing::default()
        }
    };
    Some((policy, Arc::new(narrowing)))
}

/// Checks a policy against the schema.
fn validate(policy: &Policy, file: &Arc<SourceFile>, position: &PolicyText, referents: &Referents<'_>) {
    let Ok(set) = PolicySet::from_policies([policy.clone()]) else {
        return;
    };
    let result = referents.validator.validate(&set, ValidationMode::default());
    let id = format!("for policy `{}`, ", policy.id());
    let plain = |text: String| text.replace(&id, "");
    for error in result.validation_errors() {
        let place = place_of(file, position.span.start, error);
        let help = error.help().map(|help| help.to_string());
        referents.report.error(&place, plain(error.to_string()), help);
    }
    for warning in result.validation_warnings() {
        let place = place_of(file, position.span.start, warning);
        referents.report.warning(&place, plain(warning.to_string()), None);
    }
}

/// Only a tenant's own file may permit access to its data.
fn check_ownership(policy: &Policy, author: Author<'_>, place: &Place, referents: &Referents<'_>) {
    if policy.effect() == Effect::Forbid {
        return;
    }
    let report = referents.report;
    let owner = resource_owner(&policy.resource_constraint(), referents.kinds);
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

/// A name that nobody has is a typing error: the policy would never apply, or worse, never forbid.
fn check_references(policy: &Policy, place: &Place, referents: &Referents<'_>) {
    let report = referents.report;
    let tenants = || referents.tenants.iter().map(TenantId::as_str);
    for entity in policy.entity_literals() {
        let id: &str = entity.id().as_ref();
        let tenant = match id.split_once('/') {
            Some((tenant, _)) if referents.kinds.is_entity_type(&entity) => Some(tenant),
            _ if referents.kinds.is_tenant(&entity) => Some(id),
            _ => None,
        };
        if let Some(tenant) = tenant.filter(|tenant| !tenants().any(|known| known == *tenant)) {
            report.error(place, format!("unknown tenant `{tenant}`"), suggest(tenant, tenants()));
        }
        if referents.kinds.is_entity_type(&entity) && !id.contains('/') {
            let message = format!("EntityType::\"{id}\" names no tenant");
            report.error(place, message, format!("write EntityType::\"<tenant>/{id}\""));
        }
        if referents.kinds.is_consumer(&entity) && referents.consumers.get(id).is_none() {
            let known = referents.consumers.iter().map(|consumer| consumer.id.as_str());
            report.warning(place, format!("no consumer is called `{id}`"), did_you_mean(id, known));
        }
        let roles = || {
            referents
                .consumers
                .iter()
                .flat_map(|consumer| &consumer.roles)
                .map(RoleName::as_str)
        };
        if referents.kinds.is_role(&entity) && !roles().any(|role| role == id) {
            report.warning(
                place,
                format!("no consumer has the role `{id}`"),
                did_you_mean(id, roles()),
            );
        }
    }
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}
