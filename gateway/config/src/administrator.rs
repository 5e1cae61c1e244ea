//! `[administrators.<id>]`: who administers, by which credential, and how much of the configuration is theirs. There
//! is no default: without this table nobody may use the admin API.

use std::sync::Arc;

use hashbrown::HashMap;
use jiff::civil::Date;

use super::Loading;
use super::api_keys::{KeyIndex, KeyRejection, Subject, read_key, read_subject};
use super::consumer::ConsumerIndex;
use super::issuer::Issuer;
use kakehashi_core::diagnostics::suggest_tenant;
use kakehashi_core::names::{TenantId, check_name};
use kakehashi_documents::document::{Entry, Node};
use kakehashi_documents::section::Section;

/// Somebody who administers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrator {
    /// The key of its table.
    pub id: Arc<str>,
    /// How much is theirs.
    pub role: AdministratorRole,
}

/// What an administrator may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdministratorRole {
    /// Sees and changes everything.
    Operator,
    /// Sees and changes one tenant.
    Tenant(TenantId),
    /// Sees everything and changes nothing.
    Auditor,
}

impl AdministratorRole {
    /// The word for it in tenants.toml.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Tenant(_) => "tenant",
            Self::Auditor => "auditor",
        }
    }
}

/// All administrators, found by key and by token.
#[derive(Debug, Clone, Default)]
pub struct AdministratorIndex {
    administrators: Vec<Arc<Administrator>>,
    keys: KeyIndex<Administrator>,
    by_subject: HashMap<Subject, Arc<Administrator>>,
}

impl AdministratorIndex {
    /// The administrator that presents this key, on that day; see [`ConsumerIndex::authenticate`].
    ///
    /// # Errors
    /// [`KeyRejection`]
    pub fn authenticate(&self, presented: &[u8], today: Date) -> Result<&Arc<Administrator>, KeyRejection> {
        self.keys.authenticate(presented, today).map(|(holder, _)| holder)
    }

    /// Whose key that is which has expired by that day, what it is called and when it expired: for the log.
    #[must_use]
    pub fn expired_key(&self, presented: &[u8], today: Date) -> Option<(&Arc<Administrator>, &str, Date)> {
        self.keys.expired(presented, today)
    }

    /// The administrator whose tokens an issuer signs with this subject.
    #[must_use]
    pub fn of_subject(&self, issuer: &Issuer, subject: &Arc<str>) -> Option<&Arc<Administrator>> {
        self.by_subject.get(&(Arc::clone(&issuer.name), Arc::clone(subject)))
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Administrator>> {
        self.administrators.iter()
    }
}

/// What the table may refer to.
struct Referents<'a> {
    tenants: &'a [TenantId],
    issuers: &'a [Arc<Issuer>],
    consumers: &'a ConsumerIndex,
}

/// Reads `[administrators]`.
pub(crate) fn read(
    section: &Section<'_>,
    tenants: &[TenantId],
    issuers: &[Arc<Issuer>],
    consumers: &ConsumerIndex,
    loading: &Loading<'_>,
) -> AdministratorIndex {
    let referents = Referents {
        tenants,
        issuers,
        consumers,
    };
    let mut index = AdministratorIndex::default();
    for entry in section.entries() {
        match check_name(&entry.key) {
            Ok(()) => read_administrator(entry, &referents, loading, &mut index),
            Err(reason) => loading.report.error(&entry.key_place, reason, None),
        }
    }
    index
}

fn read_administrator(entry: &Entry, referents: &Referents<'_>, loading: &Loading<'_>, index: &mut AdministratorIndex) {
    let report = loading.report;
    let section = Section::new(format!("[administrators.{}]", entry.key), &entry.node, report);
    let role = read_role(&section, referents.tenants);
    let jwt = section.section("jwt");
    let keys = section.items("keys");
    if keys.is_none_or(<[Node]>::is_empty) && section.node("jwt").is_none() && section.node("keys").is_none() {
        let message = format!(
            "nobody can administer as `{}`: it has neither keys nor `jwt`",
            entry.key
        );
        report.warning(&entry.key_place, message, "run `kakehashi key new`".to_owned());
    }
    let administrator = Arc::new(Administrator {
        id: entry.key.as_str().into(),
        // What could not be read refuses the revision; until then it is the one that changes nothing.
        role: role.unwrap_or(AdministratorRole::Auditor),
    });
    if let Some(jwt) = jwt {
        take_subject(&jwt, referents, &administrator, index);
        jwt.finish();
    }
    for key in keys.unwrap_or_default() {
        take_key(key, &administrator, referents, loading, index);
    }
    section.finish();
    index.administrators.push(administrator);
}

fn read_role(section: &Section<'_>, tenants: &[TenantId]) -> Option<AdministratorRole> {
    let report = section.report();
    if section.node("role").is_none() {
        section.missing("role", "\"operator\", \"tenant\" or \"auditor\"");
    }
    let role = section.choice(
        "role",
        &[("operator", "operator"), ("tenant", "tenant"), ("auditor", "auditor")],
    );
    let tenant = section.text("tenant");
    match (role?, tenant) {
        ("tenant", Some(tenant)) => {
            let found = tenants.iter().find(|known| known.as_str() == tenant.value);
            if found.is_none() {
                let message = format!("unknown tenant `{}` in {}", tenant.value, section.title());
                let help = suggest_tenant(tenant.value, tenants.iter().map(TenantId::as_str));
                report.error(tenant.place, message, help);
            }
            found.cloned().map(AdministratorRole::Tenant)
        }
        ("tenant", None) => {
            if section.node("tenant").is_none() {
                section.missing("tenant", "\"...\"");
            }
            None
        }
        (role, Some(tenant)) => {
            let message = format!("{} has a `tenant`, and its role is \"{role}\"", section.title());
            let help = "leave `tenant` out, or write `role = \"tenant\"`".to_owned();
            report.error(tenant.place, message, help);
            None
        }
        ("operator", None) => Some(AdministratorRole::Operator),
        (_, None) => Some(AdministratorRole::Auditor),
    }
}

fn take_subject(
    jwt: &Section<'_>,
    referents: &Referents<'_>,
    administrator: &Arc<Administrator>,
    index: &mut AdministratorIndex,
) {
    let Some((subject, place)) = read_subject(jwt, referents.issuers) else {
        return;
    };
    if let Some(other) = index.by_subject.get(&subject) {
        let message = format!(
            "administrators `{}` and `{}` have the same tokens",
            other.id, administrator.id
        );
        let help = "every subject of an issuer is one administrator".to_owned();
        jwt.report().error(place, message, help);
        return;
    }
    index.by_subject.insert(subject, Arc::clone(administrator));
}

fn take_key(
    node: &Node,
    administrator: &Arc<Administrator>,
    referents: &Referents<'_>,
    loading: &Loading<'_>,
    index: &mut AdministratorIndex,
) {
    let Some(key) = read_key(node, &format!("administrator `{}`", administrator.id), loading) else {
        return;
    };
    let administrators = index.keys.holder_of(&key.hash);
    let other_administrator = administrators.map(|(other, _)| format!("administrator `{}`", other.id));
    let consumer = || {
        let holder = referents.consumers.holder_of(&key.hash)?;
        Some(format!("consumer `{}`", holder.id))
    };
    if let Some(other) = other_administrator.or_else(consumer) {
        let message = format!("administrator `{}` and {other} have the same key", administrator.id);
        let help = "every key identifies one holder: run `kakehashi key new`".to_owned();
        loading.report.error(key.place, message, help);
        return;
    }
    index.keys.insert(key, administrator);
}
