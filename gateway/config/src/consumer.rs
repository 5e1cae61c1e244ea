//! `[consumers.<id>]`: who may call. What they may see is decided by policies/.

use std::num::NonZeroU32;
use std::sync::Arc;

use hashbrown::HashMap;
use jiff::civil::Date;
use kakehashi_certificates::ClientCertificate;
use kakehashi_core::consumer::{ANONYMOUS, Affiliation, AssuranceLevels, Consumer, ConsumerLimits, Consumers};

use super::Loading;
use super::api_keys::{KeyHash, KeyIndex, KeyRejection, Subject, read_key, read_subject};
use super::client_certificate::{self, CertificateIndex};
use super::cors::{self, Cors, CorsRules};
use super::issuer::Issuer;
use super::proof::Proof;
use super::proofs::Proofs;
use super::source::MOST_PER_SECOND;
use kakehashi_core::diagnostics::suggest_tenant;
use kakehashi_core::names::{ConsumerId, RoleName, TenantId, check_name};
use kakehashi_documents::document::{Entry, Node};
use kakehashi_documents::section::Section;

/// Most requests a day that a limit may allow.
const MOST_PER_DAY: u32 = u32::MAX;
/// The burst of whom only a rate is given is so many times the rate.
const TWICE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// Most requests under way at once that one consumer may have.
const MOST_CONCURRENCY: u32 = 10_000;

/// All consumers, found by id and by key.
#[derive(Debug, Clone, Default)]
pub struct ConsumerIndex {
    all: Consumers,
    keys: KeyIndex<Consumer>,
    by_subject: HashMap<Subject, Arc<Consumer>>,
    by_certificate: CertificateIndex<Consumer>,
    cors: Cors,
}

impl ConsumerIndex {
    /// The consumer that presents this key, on that day. A key is valid until the end of the day on which it
    /// expires. The time it takes does not depend on how much of the key is right: only its SHA-256 is compared.
    ///
    /// # Errors
    /// [`KeyRejection`]
    pub fn authenticate(&self, presented: &[u8], today: Date) -> Result<(&Arc<Consumer>, Proof), KeyRejection> {
        let (consumer, hash) = self.keys.authenticate(presented, today)?;
        Ok((consumer, Proof::Key(hash)))
    }

    /// Whose key that is which has expired by that day, what it is called and when it expired: for the log.
    #[must_use]
    pub fn expired_key(&self, presented: &[u8], today: Date) -> Option<(&Arc<Consumer>, &str, Date)> {
        self.keys.expired(presented, today)
    }

    /// Whether what a consumer has once proved itself by still does, on that day.
    #[must_use]
    pub fn still_proves(&self, proof: &Proof, consumer: &ConsumerId, today: Date) -> bool {
        let holder = match proof {
            Proof::Nothing => self.anonymous(),
            Proof::Key(hash) => self.keys.holder_on(hash, today),
            Proof::Token { issuer, subject } => self.by_subject.get(&(Arc::clone(issuer), Arc::clone(subject))),
            Proof::Certificate(name) => self.by_certificate.holder_of(name),
        };
        holder.is_some_and(|holder| holder.id == *consumer)
    }

    /// The consumer whose tokens an issuer signs with this subject.
    #[must_use]
    pub fn of_subject(&self, issuer: &Issuer, subject: &Arc<str>) -> Option<&Arc<Consumer>> {
        self.by_subject.get(&(Arc::clone(&issuer.name), Arc::clone(subject)))
    }

    /// The consumer whose certificate a client has presented; `None`: nobody's, or that of several.
    #[must_use]
    pub fn of_certificate(&self, certificate: &ClientCertificate) -> Option<(&Arc<Consumer>, Proof)> {
        let (consumer, name) = self.by_certificate.find(certificate)?;
        Some((consumer, Proof::Certificate(name.clone())))
    }

    /// The consumer that callers without a credential are; `None`: they are refused.
    #[must_use]
    pub fn anonymous(&self) -> Option<&Arc<Consumer>> {
        self.all.get(ANONYMOUS)
    }

    /// By what each consumer can prove itself on that day. Of whom nothing stands there, it is nothing.
    #[must_use]
    pub fn proofs(&self, today: Date) -> Proofs<'_> {
        let mut proofs = Proofs::default();
        for (holder, has_expired) in self.keys.holders(today) {
            proofs.add_key(&holder.id, has_expired);
        }
        for holder in self.by_subject.values() {
            proofs.add_token(&holder.id);
        }
        for holder in self.by_certificate.all() {
            proofs.add_certificate(&holder.id);
        }
        proofs
    }

    /// The consumer of that id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Consumer>> {
        self.all.get(id)
    }

    /// Which pages of other origins may ask as whom.
    #[must_use]
    pub fn cors(&self) -> &Cors {
        &self.cors
    }

    /// Whose key has this hash.
    pub(super) fn holder_of(&self, hash: &KeyHash) -> Option<&Arc<Consumer>> {
        self.keys.holder_of(hash).map(|(consumer, _)| consumer)
    }

    /// The consumers, without what proves who they are.
    #[must_use]
    pub fn all(&self) -> &Consumers {
        &self.all
    }

    /// All consumers, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Consumer>> {
        self.all.iter()
    }
}

/// Reads `[consumers]`.
pub(crate) fn read(
    section: &Section<'_>,
    tenants: &[TenantId],
    issuers: &[Arc<Issuer>],
    certificates_checked: bool,
    pages: &Arc<CorsRules>,
    loading: &Loading<'_>,
) -> ConsumerIndex {
    let mut index = ConsumerIndex::default();
    let mut own_pages = HashMap::new();
    for entry in section.entries() {
        if let Err(reason) = check_name(&entry.key) {
            loading.report.error(&entry.key_place, reason, None);
            continue;
        }
        let own = read_consumer(
            entry,
            tenants,
            issuers,
            certificates_checked,
            pages,
            loading,
            &mut index,
        );
        own_pages.extend(own.map(|own| (ConsumerId::new(entry.key.as_str()), own)));
    }
    index.cors = Cors::new(Arc::clone(pages), own_pages);
    index
}

/// Reads one, and which pages may ask as it, if it says it.
fn read_consumer(
    entry: &Entry,
    tenants: &[TenantId],
    issuers: &[Arc<Issuer>],
    certificates_checked: bool,
    pages: &CorsRules,
    loading: &Loading<'_>,
    index: &mut ConsumerIndex,
) -> Option<Arc<CorsRules>> {
    let report = loading.report;
    let id = ConsumerId::new(entry.key.as_str());
    let is_anonymous = entry.key == ANONYMOUS;
    let section = Section::new(format!("[consumers.{id}]"), &entry.node, report);
    let name = section
        .text("name")
        .map_or_else(|| entry.key.clone(), |name| name.value.to_owned());
    let affiliation = read_affiliation(&section, is_anonymous, tenants);
    let roles = read_roles(&section);
    let contracts = read_references(&section, "contracts");
    let consents = read_references(&section, "consents");
    let purposes = read_purposes(&section);
    let default_limits = if is_anonymous {
        ConsumerLimits::ANONYMOUS
    } else {
        ConsumerLimits::KNOWN
    };
    let limits = section
        .section("limits")
        .map_or(default_limits, |table| read_limits(table, default_limits));
    let own_pages = cors::read(&section, pages, Some(&entry.key));
    let certificates = client_certificate::read(&section, certificates_checked);
    let jwt = section.section("jwt");
    let keys = section.items("keys");
    if is_anonymous {
        for (key, what) in [
            ("keys", "keys"),
            ("jwt", "tokens"),
            ("client_certificate", "certificates"),
            ("contracts", "contracts"),
            ("consents", "consents"),
        ] {
            if let Some(place) = section.key_place(key) {
                let message = format!("the anonymous consumer has no {what}: it is who presents none");
                report.error(place, message, None);
            }
        }
    } else if keys.is_none_or(<[Node]>::is_empty)
        && section.node("jwt").is_none()
        && section.node("client_certificate").is_none()
    {
        report.warning(
            &entry.key_place,
            format!("nobody can call as `{id}`: it has neither keys nor `jwt` nor `client_certificate`"),
            "run `kakehashi key new`".to_owned(),
        );
    }
    let consumer = Arc::new(Consumer {
        id: id.clone(),
        name,
        affiliation,
        roles,
        token_roles: None,
        assurance: None,
        contracts,
        consents,
        levels: AssuranceLevels::default(),
        purpose: match purposes.as_slice() {
            [only] => Some(Arc::clone(only)),
            _ => None,
        },
        purposes,
        limits,
    });
    if let Some(jwt) = jwt {
        take_subject(&jwt, issuers, &consumer, index);
        jwt.finish();
    }
    for key in keys.unwrap_or_default() {
        take_key(key, &consumer, loading, index);
    }
    for (name, place) in certificates {
        if let Err(other) = index.by_certificate.insert(name.clone(), &consumer) {
            let message = format!(
                "consumers `{}` and `{id}` have the same certificate, `{name}`",
                other.id
            );
            report.error(place, message, "every certificate identifies one consumer".to_owned());
        }
    }
    section.finish();
    index.all.push(consumer);
    own_pages
}

/// `jwt`: which tokens are the consumer's.
fn take_subject(jwt: &Section<'_>, issuers: &[Arc<Issuer>], consumer: &Arc<Consumer>, index: &mut ConsumerIndex) {
    let Some((subject, place)) = read_subject(jwt, issuers) else {
        return;
    };
    if let Some(other) = index.by_subject.get(&subject) {
        let message = format!("consumers `{}` and `{}` have the same tokens", other.id, consumer.id);
        let help = "every subject of an issuer is one consumer".to_owned();
        jwt.report().error(place, message, help);
        return;
    }
    index.by_subject.insert(subject, Arc::clone(consumer));
}

fn read_affiliation(section: &Section<'_>, is_anonymous: bool, tenants: &[TenantId]) -> Option<Affiliation> {
    let report = section.report();
    let tenant = section.text("tenant");
    let organisation = section.text("organisation");
    match (tenant, organisation) {
        (Some(tenant), Some(_)) => {
            let message = format!(
                "{} belongs to a tenant and to an organisation: keep one",
                section.title()
            );
            report.error(tenant.place, message, None);
            None
        }
        (None, None) => {
            if !is_anonymous && section.node("tenant").is_none() && section.node("organisation").is_none() {
                section.missing("tenant", "\"...\"` or `organisation = \"...\"");
            }
            None
        }
        (Some(tenant), None) => {
            let found = tenants.iter().find(|known| known.as_str() == tenant.value);
            if found.is_none() {
                let message = format!("unknown tenant `{}` in {}", tenant.value, section.title());
                report.error(
                    tenant.place,
                    message,
                    suggest_tenant(tenant.value, tenants.iter().map(TenantId::as_str)),
                );
            }
            found.cloned().map(Affiliation::Tenant)
        }
        (None, Some(organisation)) => Some(Affiliation::Organisation(organisation.value.into())),
    }
}

fn read_roles(section: &Section<'_>) -> Vec<RoleName> {
    let mut roles: Vec<RoleName> = Vec::new();
    for role in section.texts("roles").unwrap_or_default() {
        match check_name(role.value) {
            Ok(()) if !roles.iter().any(|known| known.as_str() == role.value) => roles.push(RoleName::new(role.value)),
            Ok(()) => {}
            Err(reason) => section.report().error(role.place, reason, None),
        }
    }
    roles
}

/// `contracts`, `consents`: references as permits name them.
fn read_references(section: &Section<'_>, key: &'static str) -> Vec<Arc<str>> {
    let mut references = Vec::new();
    for reference in section.texts(key).unwrap_or_default() {
        if reference.value.trim().is_empty() || reference.value.contains(',') {
            let message = format!(
                "`{key}` in {}: \"{}\" is no reference",
                section.title(),
                reference.value
            );
            let help = "write each reference as one text, without commas: permits list them with commas";
            section.report().error(reference.place, message, help.to_owned());
            continue;
        }
        references.push(Arc::from(reference.value.trim()));
    }
    references
}

/// Most purposes of one consumer: each is a promise that somebody has to keep.
const MOST_PURPOSES: usize = 32;

fn read_purposes(section: &Section<'_>) -> Vec<Arc<str>> {
    let mut purposes: Vec<Arc<str>> = Vec::new();
    for purpose in section.texts("purposes").unwrap_or_default() {
        match check_name(purpose.value) {
            Ok(()) if purposes.len() == MOST_PURPOSES => {
                let message = format!("{} has more than {MOST_PURPOSES} purposes", section.title());
                section.report().error(purpose.place, message, None);
                break;
            }
            Ok(()) if !purposes.iter().any(|known| **known == *purpose.value) => purposes.push(purpose.value.into()),
            Ok(()) => {}
            Err(reason) => section.report().error(purpose.place, reason, None),
        }
    }
    purposes
}

fn read_limits(table: Section<'_>, default: ConsumerLimits) -> ConsumerLimits {
    let count = |key, most| table.count(key, most).and_then(NonZeroU32::new);
    let requests_per_second = count("requests_per_second", MOST_PER_SECOND);
    // Whoever sets a rate and no burst means twice the rate, not the default's burst.
    let burst = count("burst", MOST_PER_SECOND).or(requests_per_second.map(|rate| rate.saturating_mul(TWICE)));
    let limits = ConsumerLimits {
        requests_per_second: requests_per_second.unwrap_or(default.requests_per_second),
        burst: burst.unwrap_or(default.burst),
        requests_per_day: count("requests_per_day", MOST_PER_DAY),
        concurrency: count("concurrency", MOST_CONCURRENCY).unwrap_or(default.concurrency),
    };
    table.finish();
    limits
}

fn take_key(node: &Node, consumer: &Arc<Consumer>, loading: &Loading<'_>, index: &mut ConsumerIndex) {
    let Some(key) = read_key(node, &format!("consumer `{}`", consumer.id), loading) else {
        return;
    };
    if let Some((other, name)) = index.keys.holder_of(&key.hash) {
        let message = format!(
            "consumers `{}` and `{}` have the same key `{name}`",
            other.id, consumer.id
        );
        let help = "every key identifies one consumer: run `kakehashi key new`".to_owned();
        loading.report.error(key.place, message, help);
        return;
    }
    index.keys.insert(key, consumer);
}
