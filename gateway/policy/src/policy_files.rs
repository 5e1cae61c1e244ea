//! Reading the Cedar schema and the policy files: one file a tenant, which alone may permit access to what the
//! tenant owns, and platform.cedar, which may only forbid.
//!
//! Two thousand tenants bring forty thousand policies, and an edit changes one file: what an earlier revision has made
//! of a file that is the same now, and was without fault, is taken over.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{EntityUid, PolicyId, PolicySet, Schema, Validator};
use kakehashi_core::diagnostics::{Masking, Place, Report, SourceFile, nearest};
use kakehashi_core::names::TenantId;
use kakehashi_documents::files::Files;
use miette::Diagnostic as _;
use sha2::{Digest, Sha256};

use super::classification::{Class, Classification};
use super::entities::Kinds;
use super::operation::{Operation, OperationGroup};
use super::permits::Narrowing;
use super::policy_reading::{Author, PolicyFile, PolicyReader, place_of, policy_path};
use super::references::{KnownNames, Names};
use super::request_context;

const SCHEMA: &str = "schema.cedarschema";
const PLATFORM: &str = "platform";

/// Files that one thread reads at least: fewer are read sooner than a thread begins.
const FILES_A_THREAD: usize = 8;

/// The policies of a revision, partitioned: what is decided about a tenant's data looks at that tenant's policies
/// and the operator's forbids, however many tenants there are.
#[derive(Debug)]
pub struct Policies {
    pub(super) schema: Schema,
    pub kinds: Kinds,
    pub partitions: HashMap<TenantId, Arc<Partition>>,
    /// The operator's forbids.
    pub(super) platform: Arc<PolicyFile>,
    /// Stands for the schema, which every policy is checked against.
    pub(super) basis: [u8; 32],
}

/// The policies about one tenant's data.
#[derive(Debug)]
pub struct Partition {
    pub(super) set: PolicySet,
    pub(super) narrowings: HashMap<PolicyId, Arc<Narrowing>>,
    /// The tenant's own file.
    pub own: Arc<PolicyFile>,
}

/// A file that is to be read.
struct Task<'a> {
    stem: &'a str,
    author: Author<'a>,
    text: Arc<str>,
}

/// Reads the folder of policies.
pub(super) fn read(
    folder: &Path,
    names: &Names<'_>,
    classification: &Classification,
    files: &Files,
    earlier: Option<&Policies>,
    report: &Report,
) -> Option<Policies> {
    let Some(kinds) = Kinds::new() else {
        report.error(&Place::Caller, "the kinds of Cedar entities have no valid names", None);
        return None;
    };
    let schema = read_schema(folder, &kinds, files, report)?;
    let basis = Sha256::digest(&*files.text(&format!("policies/{SCHEMA}")).unwrap_or_default()).into();
    let earlier = earlier.filter(|earlier| earlier.basis == basis);
    check_file_names(folder, names.tenants, files, report);

    let mut tasks = Vec::new();
    let platform_text = text_of(folder, PLATFORM, files, report);
    tasks.extend(platform_text.map(|text| Task {
        stem: PLATFORM,
        author: Author::Operator,
        text,
    }));
    for tenant in names.tenants {
        match text_of(folder, tenant.as_str(), files, report) {
            Some(text) => tasks.push(Task {
                stem: tenant.as_str(),
                author: Author::Tenant(tenant),
                text,
            }),
            None => {
                let path = policy_path(folder, tenant.as_str());
                let message = format!("there is no {}: nothing of `{tenant}` is visible", path.display());
                let help = "write its permits there; a file without any says that nothing is shown".to_owned();
                report.warning(&Place::Caller, message, help);
            }
        }
    }
    let reader = PolicyReader {
        folder,
        kinds: &kinds,
        validator: &Validator::new(schema.clone()),
        files,
    };
    let mut read: HashMap<&str, Arc<PolicyFile>> = read_all(&tasks, &reader, earlier, report);
    let known = KnownNames::new(names);
    for task in &tasks {
        if let Some(file) = read.get(task.stem) {
            file.check_names(&policy_path(folder, task.stem), &known, classification, report);
        }
    }
    let platform = read.remove(PLATFORM).unwrap_or_default();
    let same_platform = earlier.filter(|earlier| Arc::ptr_eq(&earlier.platform, &platform));
    let mut partitions = HashMap::with_capacity(names.tenants.len());
    for tenant in names.tenants {
        let Some(own) = read.remove(tenant.as_str()) else {
            continue;
        };
        let same = same_platform.and_then(|earlier| earlier.partitions.get(tenant));
        let partition = match same.filter(|partition| Arc::ptr_eq(&partition.own, &own)) {
            Some(partition) => Arc::clone(partition),
            None => Arc::new(join(tenant, &own, &platform, report)),
        };
        partitions.insert(tenant.clone(), partition);
    }
    Some(Policies {
        schema,
        kinds,
        partitions,
        platform,
        basis,
    })
}

/// Makes each file's policies, or takes over what was made of it before.
fn read_all<'a>(
    tasks: &[Task<'a>],
    reader: &PolicyReader<'_>,
    earlier: Option<&Policies>,
    report: &Report,
) -> HashMap<&'a str, Arc<PolicyFile>> {
    let mut read = HashMap::with_capacity(tasks.len());
    let mut new: Vec<&Task<'a>> = Vec::new();
    for task in tasks {
        let known = earlier.and_then(|earlier| match task.author {
            Author::Operator => Some(&earlier.platform),
            Author::Tenant(tenant) => Some(&earlier.partitions.get(tenant)?.own),
        });
        let is_same = |known: &&Arc<PolicyFile>| {
            known.is_faultless && *known.text == *task.text && known.has_same_areas(reader.folder, reader.files)
        };
        match known.filter(is_same) {
            Some(known) => {
                read.insert(task.stem, Arc::clone(known));
            }
            None => new.push(task),
        }
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = new.len().div_ceil(cores).max(FILES_A_THREAD);
    let read_share = |tasks: &[&Task<'a>]| {
        let report = Report::default();
        let files: Vec<_> = tasks
            .iter()
            .map(|task| {
                (
                    task.stem,
                    Arc::new(reader.read(task.stem, &task.text, task.author, &report)),
                )
            })
            .collect();
        (files, report)
    };
    std::thread::scope(|scope| {
        let shares: Vec<_> = new.chunks(share).collect();
        let (first, others) = shares
            .split_first()
            .map_or((&[][..], &[][..]), |(first, others)| (*first, others));
        let others: Vec<_> = others.iter().map(|share| scope.spawn(|| read_share(share))).collect();
        let mut done = vec![read_share(first)];
        for other in others {
            match other.join() {
                Ok(share) => done.push(share),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        for (files, findings) in done {
            read.extend(files);
            report.absorb(findings);
        }
    });
    read
}

/// A tenant's own policies with the operator's forbids.
fn join(tenant: &TenantId, own: &Arc<PolicyFile>, platform: &PolicyFile, report: &Report) -> Partition {
    let mut partition = Partition {
        set: PolicySet::new(),
        narrowings: HashMap::new(),
        own: Arc::clone(own),
    };
    for (policy, narrowing) in own.policies.iter().chain(&platform.policies) {
        partition.narrowings.insert(policy.id().clone(), Arc::clone(narrowing));
        if let Err(error) = partition.set.add(policy.clone()) {
            report.error(&Place::Caller, format!("policies of `{tenant}`: {error}"), None);
        }
    }
    partition
}

/// The text of one file; `None` when it is not there.
fn text_of(folder: &Path, stem: &str, files: &Files, report: &Report) -> Option<Arc<str>> {
    let path = policy_path(folder, stem);
    let name = format!("policies/{stem}.cedar");
    if !files.exists(&path, &name) {
        return None;
    }
    match files.read(&path, &name) {
        Ok(text) => Some(text),
        Err(reason) => {
            report.error(
                &Place::Caller,
                format!("{} cannot be read: {reason}", path.display()),
                None,
            );
            None
        }
    }
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
    let file = SourceFile::new(name, &*text, Masking::Ranges(Vec::new()));
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
    for class in Class::ALL
        .into_iter()
        .filter(|class| !kinds.declares_class(&schema, *class))
    {
        let help = "Class enum [\"open\", \"limited\", \"person-related\", \"anonymised\", \"pseudonymised\", \"personal\", \
                    \"special-care\", \"unclassified\"]";
        report.error(
            &start,
            format!("the schema does not declare the class \"{class}\""),
            help.to_owned(),
        );
    }
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
        let help = "write `appliesTo { principal: Consumer, resource: EntityType, context: { assurance?: String, ial?: Long, aal?: Long, purpose?: String } }` for each";
        report.error(
            &start,
            "the schema does not declare `context.assurance`, `context.ial`, `context.aal` and `context.purpose`",
            help.to_owned(),
        );
    }
    Some(schema)
}

/// A file of a tenant that is not there would be silently without effect.
fn check_file_names(folder: &Path, tenants: &[TenantId], files: &Files, report: &Report) {
    let tenants: std::collections::HashSet<&str> = tenants.iter().map(TenantId::as_str).collect();
    for name in files.names_in(folder, "policies", ".cedar") {
        let stem = name.strip_suffix(".cedar").unwrap_or(&name);
        if stem != PLATFORM && !tenants.contains(stem) {
            let message = format!(
                "{} is the policy file of no tenant",
                policy_path(folder, stem).display()
            );
            let help = match nearest(stem, tenants.iter().copied()) {
                Some(near) => format!("did you mean `{near}.cedar`?"),
                None => format!("if the tenant is gone, move the file away; if it is new, begin `[tenants.{stem}]`"),
            };
            report.error(&Place::Caller, message, help);
        }
    }
}
