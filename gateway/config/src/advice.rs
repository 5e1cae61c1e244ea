//! What to look at in policies that are well: permits that never apply, and attributes that nobody has. It tries each
//! permit on whatever it could be about until it applies once, which is soon, and on everything if it never does. That
//! is for `kakehashi check`, not for a reload.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::{Config, ProvidedType, Provides, SourceConfig};
use cedar_policy::{Effect, EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use kakehashi_adapters::kind::Settings;
use kakehashi_core::consumer::{Affiliation, AssuranceLevels, Consumer, HIGHEST_LEVEL};
use kakehashi_core::diagnostics::{Diagnostics, Masking, Place, Report, Severity, SourceFile, nearest};
use kakehashi_core::names::{RoleName, TenantId};
use kakehashi_documents::vocabulary::{compact_attribute, compact_type, expand_type};
use ngsi_ld::{AttributeName, TypeName};

use kakehashi_policy::{
    Class, Denial, NamedOperations, Narrowing, Operation, PersonalData, References, policy_path, unnamed_type,
};

/// What a tenant's source holds of one type.
struct Held<'a> {
    r#type: &'a TypeName,
    personal_data: PersonalData,
    /// What its kind knows of it, such as how records become entities.
    settings: &'a dyn Settings,
}

/// What to look at in the policies of a revision, whose folder of policies this is.
pub fn advice(config: &Config, folder: &Path) -> Diagnostics {
    let report = Report::default();
    let consumers = consumers(config);
    for (tenant, partition) in &config.policy.policies().partitions {
        let file = &partition.own;
        let name = policy_path(folder, tenant.as_str()).display().to_string();
        let source_file = SourceFile::new(name, &*file.text, Masking::Ranges(Vec::new()));
        let permits = Permits {
            config,
            tenant,
            held: held(config, tenant),
            of_any_type: of_any_type(config, tenant),
            consumers: &consumers,
        };
        for (start, policy, narrowing) in file.policies_with_starts() {
            if policy.effect() == Effect::Permit {
                let place = Place::File(Arc::clone(&source_file), start..start + "permit".len());
                let annotation = |key: &str| {
                    let span = file.annotation_span(start, key);
                    span.map_or_else(|| place.clone(), |span| Place::File(Arc::clone(&source_file), span))
                };
                permits.look_at(policy, narrowing, &place, &annotation, &report);
            }
        }
    }
    report.finish()
}

/// Consumers of which each is decided otherwise, as they ask for each of their purposes, identified as surely as can be.
fn consumers(config: &Config) -> Vec<Arc<Consumer>> {
    let mut named = BTreeSet::new();
    for tenant in &config.tenants {
        config.policy.add_consumers_named(&tenant.id, &mut named);
    }
    let mut known = BTreeSet::new();
    let mut consumers = Vec::new();
    for consumer in config.consumers.iter() {
        let id = named
            .contains(consumer.id.as_str())
            .then(|| consumer.id.as_str().to_owned());
        let mut roles: Vec<&str> = consumer.roles.iter().map(RoleName::as_str).collect();
        roles.sort_unstable();
        if !known.insert(format!(
            "{id:?} {roles:?} {:?} {:?} {:?} {:?}",
            consumer.affiliation, consumer.purposes, consumer.contracts, consumer.consents
        )) {
            continue;
        }
        let surely = Arc::new(Consumer {
            levels: AssuranceLevels {
                identity: Some(HIGHEST_LEVEL),
                authentication: Some(HIGHEST_LEVEL),
            },
            ..Consumer::clone(consumer)
        });
        let purposes = consumer.purposes.iter();
        consumers.extend(purposes.filter_map(|purpose| surely.for_purpose(purpose)));
        consumers.push(surely);
    }
    consumers
}

/// What the sources of a tenant hold: for a store of any type, all types that somebody has named.
fn held<'a>(config: &'a Config, tenant: &TenantId) -> Vec<Held<'a>> {
    let mut held = Vec::new();
    for source in config.sources().filter(|source| source.owners().contains(tenant)) {
        let of = |r#type| Held {
            r#type,
            personal_data: source.personal_data,
            settings: &*source.settings,
        };
        for provides in &source.provides {
            match &provides.r#type {
                ProvidedType::Type(name) => held.push(of(name)),
                ProvidedType::Any => held.extend(config.policy.known_types().iter().map(of)),
            }
        }
    }
    held
}

/// The sources of a tenant that may hold types which nobody has named.
fn of_any_type<'a>(config: &'a Config, tenant: &TenantId) -> Vec<&'a SourceConfig> {
    let any = |provides: &Provides| matches!(provides.r#type, ProvidedType::Any);
    let sources = config.sources().filter(|source| source.owners().contains(tenant));
    sources
        .filter(|source| source.provides.iter().any(any))
        .map(Arc::as_ref)
        .collect()
}

/// The permits of one tenant.
struct Permits<'a> {
    config: &'a Config,
    tenant: &'a TenantId,
    held: Vec<Held<'a>>,
    of_any_type: Vec<&'a SourceConfig>,
    consumers: &'a [Arc<Consumer>],
}

impl Permits<'_> {
    /// `annotation`: where one of the permit's stands.
    fn look_at(
        &self,
        policy: &Policy,
        narrowing: &Narrowing,
        place: &Place,
        annotation: &dyn Fn(&str) -> Place,
        report: &Report,
    ) {
        let References { contracts, consents } = &narrowing.conditions.references;
        check_references(
            "contract",
            contracts,
            self.consumers,
            |consumer| &consumer.contracts,
            &annotation("contract"),
            report,
        );
        check_references(
            "consent",
            consents,
            self.consumers,
            |consumer| &consumer.consents,
            &annotation("consent"),
            report,
        );
        let consumers: Vec<&Arc<Consumer>> = self
            .consumers
            .iter()
            .filter(|consumer| self.may_be(consumer, &policy.principal_constraint()))
            .collect();
        if consumers.is_empty() {
            // A token may bring a role that no consumer has in tenants.toml.
            if !self.is_role_of_tokens(&policy.principal_constraint()) {
                let help = "who it is for is said in `principal`: a role, a consumer, a tenant or an organisation of tenants.toml";
                report.warning(
                    place,
                    "this permit never applies: no consumer is one that it is for",
                    help.to_owned(),
                );
            }
            return;
        }
        let one = self.one_type(&policy.resource_constraint());
        let held: Vec<&Held<'_>> = self
            .held
            .iter()
            .filter(|held| one.as_ref().is_none_or(|one| *held.r#type == *one))
            .collect();
        let unnamed = one.clone().unwrap_or_else(unnamed_type);
        let unnamed: Vec<Held<'_>> = self
            .of_any_type
            .iter()
            .map(|source| Held {
                r#type: &unnamed,
                personal_data: source.personal_data,
                settings: &*source.settings,
            })
            .collect();
        let all: Vec<&Held<'_>> = held.iter().copied().chain(&unnamed).collect();
        if all.is_empty() {
            let message = match one {
                Some(name) => format!(
                    "this permit never applies: no source of `{}` provides `{}`",
                    self.tenant,
                    compact_type(&name)
                ),
                None => format!("this permit never applies: `{}` has no source", self.tenant),
            };
            let help = "`provides` of a source in tenants.toml says which types it holds".to_owned();
            report.warning(place, message, help);
            return;
        }
        if let Some(reason) = self.why_never(policy, &consumers, &all) {
            let help = "change what keeps it from applying, or take the permit out".to_owned();
            report.warning(place, format!("this permit never applies: {reason}"), help);
            return;
        }
        // What types have that nobody has named is not known.
        if !held.is_empty() {
            self.check_attributes(narrowing, &held, annotation, report);
        }
    }

    /// Whether a consumer is one that a permit may be for; its conditions may say otherwise.
    fn may_be(&self, consumer: &Consumer, constraint: &PrincipalConstraint) -> bool {
        let kinds = &self.config.policy.policies().kinds;
        let (PrincipalConstraint::In(entity) | PrincipalConstraint::Eq(entity) | PrincipalConstraint::IsIn(_, entity)) =
            constraint
        else {
            return true;
        };
        let id = id_of(entity);
        if kinds.is_role(entity) {
            consumer.roles.iter().any(|role| role.as_str() == id)
        } else if kinds.is_consumer(entity) {
            consumer.id.as_str() == id
        } else {
            match &consumer.affiliation {
                Some(Affiliation::Tenant(tenant)) => kinds.is_tenant(entity) && tenant.as_str() == id,
                Some(Affiliation::Organisation(name)) => !kinds.is_tenant(entity) && **name == *id,
                None => false,
            }
        }
    }

    fn is_role_of_tokens(&self, constraint: &PrincipalConstraint) -> bool {
        let kinds = &self.config.policy.policies().kinds;
        let brings_roles = self.config.issuers.iter().any(|issuer| issuer.roles_claim.is_some());
        let (PrincipalConstraint::In(entity) | PrincipalConstraint::IsIn(_, entity)) = constraint else {
            return false;
        };
        brings_roles && kinds.is_role(entity)
    }

    fn one_type(&self, constraint: &ResourceConstraint) -> Option<TypeName> {
        let kinds = &self.config.policy.policies().kinds;
        let (ResourceConstraint::Eq(entity) | ResourceConstraint::In(entity) | ResourceConstraint::IsIn(_, entity)) =
            constraint
        else {
            return None;
        };
        let (_, name) = id_of(entity).split_once('/').filter(|_| kinds.is_entity_type(entity))?;
        expand_type(name).ok()
    }

    /// Why a permit applies to nothing of all this; `None`: it applies to something.
    fn why_never(&self, policy: &Policy, consumers: &[&Arc<Consumer>], held: &[&Held<'_>]) -> Option<String> {
        let engine = &self.config.policy;
        let mut operations = NamedOperations::default();
        engine.add_operations_named(self.tenant, &mut operations);
        let classes = operations.classes();
        let operations: Vec<Operation> = classes.iter().filter_map(|class| class.first().copied()).collect();
        let id = policy.id().to_string();
        let mut forbidding: BTreeSet<String> = BTreeSet::new();
        let mut personal: BTreeSet<Class> = BTreeSet::new();
        let mut guarded: BTreeSet<String> = BTreeSet::new();
        let (mut unclassified, mut unmet) = (false, BTreeSet::new());
        let mut elsewhere = false;
        for held in held {
            for consumer in consumers {
                for operation in &operations {
                    let grant = engine.grant(consumer, *operation, self.tenant, held.r#type, held.personal_data);
                    if grant.permits().iter().any(|permit| *permit.policy == *id) {
                        return None;
                    }
                    let own = grant.unmet().iter().filter(|permit| *permit.policy == *id);
                    unmet.extend(own.map(|permit| permit.reason.in_words()));
                    match grant.denial() {
                        Some(Denial::Personal(class)) => drop(personal.insert(*class)),
                        Some(Denial::Unclassified) => unclassified = true,
                        Some(Denial::Forbidden(policies)) => {
                            forbidding.extend(policies.iter().map(ToString::to_string));
                        }
                        Some(denial @ Denial::Guarded(_)) => drop(guarded.insert(denial.in_words())),
                        Some(Denial::NoPermit | Denial::NoPolicies | Denial::EvaluationError) | None => {
                            elsewhere = true;
                        }
                    }
                }
            }
        }
        let forbids: Vec<String> = forbidding.into_iter().collect();
        let classes: Vec<&str> = personal.iter().map(|class| class.as_str()).collect();
        Some(if let Some(reason) = unmet.first() {
            format!("of all consumers and types that it covers, {reason}")
        } else if !forbids.is_empty() {
            format!("what it permits is forbidden by {}", forbids.join(" and "))
        } else if elsewhere {
            "its conditions hold for no consumer and no type that its owner's sources provide".to_owned()
        } else if let Some(words) = guarded.pop_first() {
            words
        } else if unclassified && classes.is_empty() {
            "nobody has classified what it is about, and the source may hold personal data".to_owned()
        } else {
            format!(
                "what it is about is classed {}, which no policy can grant",
                classes.join(" and ")
            )
        })
    }

    /// Tells of attributes that the permit names and that nothing has which it is about.
    fn check_attributes(
        &self,
        narrowing: &Narrowing,
        held: &[&Held<'_>],
        place: &dyn Fn(&str) -> Place,
        report: &Report,
    ) {
        let classification = self.config.policy.classification();
        let granted = narrowing.only.iter().flatten().map(|name| ("attributes", name));
        let withheld = narrowing.without.iter().map(|name| ("without", name));
        for (annotation, name) in granted.chain(withheld) {
            let classes: Vec<Option<Class>> = held
                .iter()
                .map(|held| classification.attribute_class(held.r#type, name))
                .collect();
            let short = compact_attribute(name);
            let is_personal = |class: &Option<Class>| class.is_some_and(Class::is_personal);
            if annotation == "attributes"
                && classes.iter().all(is_personal)
                && !classification.is_personal_everywhere(name)
            {
                let message = format!("@attributes names `{short}`, which is personal and never granted");
                let help = "leave it out: nothing that stands in a policy shows it".to_owned();
                report.warning(&place(annotation), message, help);
            }
            if classes.iter().any(Option::is_some) || held.iter().any(|held| self.may_have(held, name)) {
                continue;
            }
            let known: BTreeSet<String> = held
                .iter()
                .flat_map(|held| self.config.policy.attributes_known(held.r#type))
                .map(compact_attribute)
                .collect();
            let message =
                format!("@{annotation} names `{short}`, which no source is known to have and nobody has classified");
            let near = nearest(&short, known.iter().map(String::as_str));
            let help = near.map_or_else(
                || "leave it out, or say in classification.toml what it is".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            report.warning(&place(annotation), message, help);
        }
    }

    /// Whether a source may have an attribute that nobody has classified, so that a permit may grant it. Where its
    /// kind has that written down, that is known; of others, a name that is nearly a known one is taken for a mistake.
    fn may_have(&self, held: &Held<'_>, name: &AttributeName) -> bool {
        if let Some(makes) = held.settings.makes_attribute(held.r#type, name) {
            return makes;
        }
        if held.personal_data == PersonalData::Present {
            return false;
        }
        let known: BTreeSet<String> = self
            .config
            .policy
            .attributes_known(held.r#type)
            .map(compact_attribute)
            .collect();
        nearest(&compact_attribute(name), known.iter().map(String::as_str)).is_none()
    }
}

/// Tells of references that a permit names and that no consumer has.
fn check_references(
    annotation: &str,
    named: &[Arc<str>],
    consumers: &[Arc<Consumer>],
    held: impl Fn(&Consumer) -> &[Arc<str>],
    place: &Place,
    report: &Report,
) {
    let known: BTreeSet<&str> = consumers
        .iter()
        .flat_map(|consumer| held(consumer))
        .map(AsRef::as_ref)
        .collect();
    for reference in named.iter().filter(|reference| !known.contains(&***reference)) {
        let message = format!("@{annotation} names `{reference}`, which no consumer has");
        match nearest(reference, known.iter().copied()) {
            Some(near) => {
                let help = format!("did you mean `{near}`?");
                report.helped_by_others(Severity::Warning, place, message, Some(help));
            }
            None => {
                let help = format!("write it into `{annotation}s` of a consumer in tenants.toml");
                report.warning(place, message, help);
            }
        }
    }
}

fn id_of(entity: &EntityUid) -> &str {
    entity.id().as_ref()
}
