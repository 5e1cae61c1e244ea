//! The names of tenants, consumers and roles that policies refer to. A name that nobody has is a typing error: the
//! policy would never apply, or worse, never forbid.

use std::collections::HashSet;

use cedar_policy::Policy;
use kakehashi_core::consumer::Consumers;
use kakehashi_core::diagnostics::{Place, Report, Severity, nearest, suggest_tenant};
use kakehashi_core::names::{RoleName, TenantId};
use kakehashi_documents::vocabulary::{compact_type, expand_type};
use ngsi_ld::{Iri, TypeName};

use super::classification::Classification;
use super::entities::Kinds;

/// Who is named in tenants.toml.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The tenants.
    pub tenants: &'a [TenantId],
    /// The consumers.
    pub consumers: &'a Consumers,
}

/// One name in one policy.
#[derive(Debug)]
pub(super) struct Reference {
    kind: Kind,
    name: Box<str>,
    /// Where the policy begins in its file.
    pub(super) start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tenant,
    Consumer,
    Role,
    /// An entity type without its tenant.
    BareType,
    /// An entity type, as it is called after its tenant.
    Type,
}

impl Reference {
    /// The consumer that it names.
    pub(super) fn consumer(&self) -> Option<&str> {
        (self.kind == Kind::Consumer).then_some(&*self.name)
    }

    /// The type that it names, and what it should be called, where Cedar is asked about it by another name: the policy never
    /// applies as it stands.
    pub(super) fn miscalled_type(&self, classification: &Classification) -> Option<(&str, String)> {
        if self.kind != Kind::Type {
            return None;
        }
        // An alias, which is no name of the vocabulary, is known to the classification alone.
        let expanded = expand_type(&self.name).ok();
        let alias = || TypeName::new(Iri::new(&*self.name));
        let name = expanded.clone().unwrap_or_else(alias);
        let known_by = classification.type_classes(&name).policy_name.clone();
        let called = compact_type(&known_by.or(expanded)?);
        (called != *self.name).then_some((&*self.name, called))
    }

    /// The type that it names, if nobody knows one of that name: a typing error, most often.
    pub(super) fn unknown_type(&self, classification: &Classification) -> Option<&str> {
        // An IRI is what it is: sources may hold types that nobody has classified.
        if self.kind != Kind::Type || self.name.contains(':') {
            return None;
        }
        let alias = TypeName::new(Iri::new(&*self.name));
        let is_known = classification.knows_type(&alias)
            || expand_type(&self.name).is_ok_and(|name| classification.knows_type(&name));
        (!is_known).then_some(&*self.name)
    }

    /// The names that a policy refers to.
    pub(super) fn of(policy: &Policy, start: usize, kinds: &Kinds) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for entity in policy.entity_literals() {
            let id: &str = entity.id().as_ref();
            let (kind, name) = if kinds.is_entity_type(&entity) {
                match id.split_once('/') {
                    Some((tenant, name)) => {
                        found.push(Self {
                            kind: Kind::Type,
                            name: name.into(),
                            start,
                        });
                        (Kind::Tenant, tenant)
                    }
                    None => (Kind::BareType, id),
                }
            } else if kinds.is_tenant(&entity) {
                (Kind::Tenant, id)
            } else if kinds.is_consumer(&entity) {
                (Kind::Consumer, id)
            } else if kinds.is_role(&entity) {
                (Kind::Role, id)
            } else {
                continue;
            };
            if !found.iter().any(|known| known.kind == kind && *known.name == *name) {
                found.push(Self {
                    kind,
                    name: name.into(),
                    start,
                });
            }
        }
        found
    }
}

/// The names that somebody has.
pub(super) struct KnownNames<'a> {
    names: Names<'a>,
    tenants: HashSet<&'a str>,
    roles: HashSet<&'a str>,
    purposes: HashSet<&'a str>,
}

impl<'a> KnownNames<'a> {
    pub(super) fn new(names: &Names<'a>) -> Self {
        let roles = names.consumers.iter().flat_map(|consumer| &consumer.roles);
        let purposes = names.consumers.iter().flat_map(|consumer| &consumer.purposes);
        Self {
            names: *names,
            tenants: names.tenants.iter().map(TenantId::as_str).collect(),
            roles: roles.map(RoleName::as_str).collect(),
            purposes: purposes.map(|purpose| &**purpose).collect(),
        }
    }

    pub(super) fn has(&self, reference: &Reference) -> bool {
        match reference.kind {
            Kind::Tenant => self.tenants.contains(&*reference.name),
            Kind::Consumer => self.names.consumers.get(&reference.name).is_some(),
            Kind::Role => self.roles.contains(&*reference.name),
            Kind::BareType => false,
            // What types are called is for the classification to say.
            Kind::Type => true,
        }
    }

    /// Tells of a purpose that no consumer may ask for: the permit never applies.
    pub(super) fn check_purpose(&self, purpose: &str, place: &Place, report: &Report) {
        if !self.purposes.contains(purpose) {
            let near = nearest(purpose, self.purposes.iter().copied());
            let message = format!("no consumer has the purpose `{purpose}`");
            match near {
                Some(near) => {
                    let help = format!("did you mean `{near}`?");
                    report.helped_by_others(Severity::Warning, place, message, Some(help));
                }
                None => {
                    let help =
                        format!("the operator writes `purposes = [\"{purpose}\"]` to a consumer in tenants.toml");
                    report.warning(place, message, help);
                }
            }
        }
    }

    /// Tells of a name that nobody has.
    pub(super) fn tell(&self, reference: &Reference, place: &Place, report: &Report) {
        let name = &*reference.name;
        let did_you_mean = |near: Option<&str>| near.map(|near| format!("did you mean `{near}`?"));
        match reference.kind {
            Kind::Tenant => {
                let known = || self.names.tenants.iter().map(TenantId::as_str);
                let message = format!("unknown tenant `{name}`");
                report.helped_by_others(Severity::Error, place, message, Some(suggest_tenant(name, known())));
            }
            Kind::BareType => {
                let message = format!("EntityType::\"{name}\" names no tenant");
                report.error(place, message, format!("write EntityType::\"<tenant>/{name}\""));
            }
            Kind::Type => {}
            Kind::Consumer => {
                let known = self.names.consumers.iter().map(|consumer| consumer.id.as_str());
                let help = did_you_mean(nearest(name, known));
                let message = format!("no consumer is called `{name}`");
                report.helped_by_others(Severity::Warning, place, message, help);
            }
            Kind::Role => {
                let help = did_you_mean(nearest(name, self.roles.iter().copied()));
                let message = format!("no consumer has the role `{name}`");
                report.helped_by_others(Severity::Warning, place, message, help);
            }
        }
    }
}
