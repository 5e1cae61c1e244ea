//! Decisions, made once and remembered.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cedar_policy::{Authorizer, Decision, Entities, EntityUid, PrincipalConstraint, Request, Response};
use dashmap::DashMap;
use hashbrown::{DefaultHashBuilder, HashMap};
use ngsi_ld::{AttributeName, TypeName};

use super::PersonalData;
use super::admission::{self, Admission};
use super::classification::{Class, Classification};
use super::grant::{Denial, TypeGrant};
use super::grant_set::GrantSet;
use super::operation::Operation;
use super::policy_files::{Partition, Policies};
use super::request_context;
use crate::config::{Consumer, ConsumerId, TenantId};

/// Decisions about known types that are remembered. 10,000 consumers that each read four types of three tenants
/// need 120,000; a decision takes about 200 bytes.
const KNOWN_CAPACITY: usize = 200_000;

/// Decisions about types that neither the classification nor a source names. Their names come from consumers, so
/// that they are kept apart: whoever invents names pushes out nothing but invented names.
const UNKNOWN_CAPACITY: usize = 4096;

/// Evaluates the policies of one revision. Cheap to clone.
#[derive(Clone)]
pub struct PolicyEngine {
    inner: Arc<Inner>,
}

struct Inner {
    policies: Policies,
    classification: Classification,
    authorizer: Authorizer,
    known_types: Vec<TypeName>,
    known: Remembered,
    unknown: Remembered,
    is_known: HashMap<TypeName, ()>,
    evaluation_errors: AtomicU64,
}

/// Whom policies speak of.
#[derive(Debug, Default)]
pub(crate) struct Principals {
    /// Roles, wherever in a policy.
    pub(crate) roles: BTreeSet<String>,
    /// Roles, consumers, tenants and organisations that are the principal of a policy.
    pub(crate) named: BTreeSet<String>,
    /// Whether some policy is about every consumer, or says in its conditions about which.
    pub(crate) anybody: bool,
}

fn id_of(entity: &EntityUid) -> String {
    AsRef::<str>::as_ref(entity.id()).to_owned()
}

/// What a decision depends on. A consumer of one id is the same within a revision, but for what its
/// token says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    consumer: ConsumerId,
    token_roles: Option<Arc<str>>,
    assurance: Option<Arc<str>>,
    operation: Operation,
    tenant: TenantId,
    r#type: TypeName,
    personal_data: PersonalData,
}

/// A bounded memory of decisions, emptied when it is full: then every decision is made once more.
struct Remembered {
    decisions: DashMap<Question, Arc<TypeGrant>, DefaultHashBuilder>,
    count: AtomicUsize,
    capacity: usize,
}

impl Remembered {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            decisions: DashMap::default(),
            count: AtomicUsize::new(0),
            capacity,
        }
    }

    fn get(&self, question: &Question) -> Option<Arc<TypeGrant>> {
        self.decisions.get(question).map(|grant| Arc::clone(&grant))
    }

    fn insert(&self, question: Question, grant: &Arc<TypeGrant>) {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.decisions.clear();
            self.count.store(1, Ordering::Relaxed);
        }
        self.decisions.insert(question, Arc::clone(grant));
    }
}

impl fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyEngine")
            .field("tenants", &self.inner.policies.partitions.len())
            .field("known_types", &self.inner.known_types.len())
            .finish_non_exhaustive()
    }
}

impl PolicyEngine {
    pub(super) fn new(policies: Policies, classification: Classification, provided: Vec<TypeName>) -> Self {
        let mut known_types: Vec<TypeName> = classification.types().cloned().chain(provided).collect();
        known_types.sort();
        known_types.dedup();
        Self {
            inner: Arc::new(Inner {
                policies,
                classification,
                authorizer: Authorizer::new(),
                is_known: known_types.iter().map(|name| (name.clone(), ())).collect(),
                known_types,
                known: Remembered::with_capacity(KNOWN_CAPACITY),
                unknown: Remembered::with_capacity(UNKNOWN_CAPACITY),
                evaluation_errors: AtomicU64::new(0),
            }),
        }
    }

    /// Whom the policies of this revision speak of.
    pub(crate) fn principals(&self) -> Principals {
        let policies = &self.inner.policies;
        let mut principals = Principals::default();
        let sets = policies.partitions.values();
        for policy in sets.flat_map(|partition| partition.set.policies()) {
            let roles = policy.entity_literals().into_iter();
            let roles = roles.filter(|entity| policies.kinds.is_role(entity));
            principals.roles.extend(roles.map(|role| id_of(&role)));
            match policy.principal_constraint() {
                PrincipalConstraint::Any | PrincipalConstraint::Is(_) => principals.anybody = true,
                PrincipalConstraint::In(entity)
                | PrincipalConstraint::Eq(entity)
                | PrincipalConstraint::IsIn(_, entity) => {
                    principals.named.insert(id_of(&entity));
                }
            }
        }
        principals
    }

    /// What a consumer is granted about a type that a tenant owns, in a source that may or may not hold personal
    /// data. Decided once, then remembered for the life of the revision.
    #[must_use]
    pub fn grant(
        &self,
        consumer: &Consumer,
        operation: Operation,
        tenant: &TenantId,
        r#type: &TypeName,
        personal_data: PersonalData,
    ) -> Arc<TypeGrant> {
        let question = Question {
            consumer: consumer.id.clone(),
            token_roles: consumer.token_roles.clone(),
            assurance: consumer.assurance.clone(),
            operation,
            tenant: tenant.clone(),
            r#type: r#type.clone(),
            personal_data,
        };
        let is_known = self.inner.is_known.contains_key(r#type);
        let remembered = if is_known {
            &self.inner.known
        } else {
            &self.inner.unknown
        };
        if let Some(grant) = remembered.get(&question) {
            return grant;
        }
        let grant = Arc::new(self.decide(consumer, operation, tenant, r#type, personal_data));
        remembered.insert(question, &grant);
        grant
    }

    /// What a consumer is granted about several types of one tenant in one source.
    #[must_use]
    pub fn grants(
        &self,
        consumer: &Arc<Consumer>,
        operation: Operation,
        tenant: &TenantId,
        types: &[TypeName],
        personal_data: PersonalData,
    ) -> GrantSet {
        GrantSet::new(self, consumer, operation, tenant, types, personal_data)
    }

    /// The types that somebody has named, in the classification or in what a source provides, in order. Where a
    /// question names no type, it is about these.
    #[must_use]
    pub fn known_types(&self) -> &[TypeName] {
        &self.inner.known_types
    }

    /// How many policies there are.
    #[must_use]
    pub fn policy_count(&self) -> usize {
        let Policies {
            partitions, platform, ..
        } = &self.inner.policies;
        let own = partitions.values().map(|partition| partition.own.policies.len());
        own.sum::<usize>() + platform.policies.len()
    }

    pub(super) fn policies(&self) -> &Policies {
        &self.inner.policies
    }

    /// Which types and attributes are personal.
    #[must_use]
    pub fn classification(&self) -> &Classification {
        &self.inner.classification
    }

    /// How many decisions were denied because the policies could not be evaluated.
    #[must_use]
    pub fn evaluation_errors(&self) -> u64 {
        self.inner.evaluation_errors.load(Ordering::Relaxed)
    }

    /// The attributes that an unrestricted permit grants of a type, as far as they are classified.
    pub(super) fn open_attributes(&self, r#type: &TypeName) -> &[AttributeName] {
        &self.inner.classification.type_classes(r#type).open
    }

    fn decide(
        &self,
        consumer: &Consumer,
        operation: Operation,
        tenant: &TenantId,
        r#type: &TypeName,
        personal_data: PersonalData,
    ) -> TypeGrant {
        let classification = &self.inner.classification;
        let classes = Arc::clone(classification.type_classes(r#type));
        let deny = |denial, classes| TypeGrant::denied(r#type.clone(), denial, classes, personal_data);
        let is_owner = admission::is_owner(consumer, tenant);
        let class = classification.type_class(r#type);
        match class {
            Some(class) if class.is_personal() => return deny(Denial::Personal(class), classes),
            Some(class @ Class::Pseudonymised) if !is_owner => return deny(Denial::Guarded(class), classes),
            None if personal_data == PersonalData::Present => return deny(Denial::Unclassified, classes),
            _ => {}
        }
        let Some(partition) = self.inner.policies.partitions.get(tenant) else {
            return deny(Denial::NoPolicies, classes);
        };
        let response = match self.evaluate(partition, consumer, operation, tenant, r#type) {
            Some(response) if response.diagnostics().errors().next().is_none() => response,
            _ => {
                self.inner.evaluation_errors.fetch_add(1, Ordering::Relaxed);
                return deny(Denial::EvaluationError, classes);
            }
        };
        let mut reasons: Vec<_> = response.diagnostics().reason().collect();
        reasons.sort();
        if response.decision() == Decision::Deny {
            let forbids: Vec<Arc<str>> = reasons.iter().map(|id| Arc::from(id.to_string())).collect();
            let denial = if forbids.is_empty() {
                Denial::NoPermit
            } else {
                Denial::Forbidden(forbids)
            };
            return deny(denial, classes);
        }
        let permits = reasons.into_iter().filter_map(|id| {
            let narrowing = partition.narrowings.get(id)?;
            Some((Arc::from(id.to_string()), Arc::clone(narrowing)))
        });
        let applying = permits.filter(|(_, narrowing)| narrowing.references.are_held_by(consumer));
        let admitted = applying.filter(|(_, narrowing)| {
            class.is_none_or(|class| Admission::by(&narrowing.references, is_owner).admits(class))
        });
        let admitted: Vec<_> = admitted.collect();
        match class.filter(|class| class.is_guarded()) {
            Some(class) if admitted.is_empty() => deny(Denial::Guarded(class), classes),
            _ => TypeGrant::permitted(r#type.clone(), admitted, is_owner, classes, personal_data),
        }
    }

    /// Asks Cedar; `None` when it cannot even be asked, which denies.
    fn evaluate(
        &self,
        partition: &Partition,
        consumer: &Consumer,
        operation: Operation,
        tenant: &TenantId,
        r#type: &TypeName,
    ) -> Option<Response> {
        let Policies { schema, kinds, .. } = &self.inner.policies;
        let class = self.inner.classification.type_class(r#type);
        let principal = kinds.consumer(consumer);
        // A policy about a type is about all of its aliases: a forbid cannot be evaded by another name.
        let policy_name = self.inner.classification.type_classes(r#type).policy_name.as_ref();
        let resource = kinds.entity_type(tenant, policy_name.unwrap_or(r#type), class)?;
        let action = kinds.action(operation);
        let request = Request::new(
            principal.uid(),
            action,
            resource.uid(),
            request_context::of(consumer)?,
            Some(schema),
        )
        .ok()?;
        let entities = Entities::from_entities([principal, resource], Some(schema)).ok()?;
        Some(self.inner.authorizer.is_authorized(&request, &partition.set, &entities))
    }
}
