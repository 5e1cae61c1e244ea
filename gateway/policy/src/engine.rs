//! Decisions, made once and remembered.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cedar_policy::{Authorizer, Decision, Entities, EntityUid, PrincipalConstraint, Request, Response};
use dashmap::DashMap;
use hashbrown::{DefaultHashBuilder, HashMap};
use kakehashi_core::consumer::{AssuranceLevels, Consumer};
use kakehashi_core::names::{ConsumerId, TenantId};
use ngsi_ld::{AttributeName, TypeName};

use super::PersonalData;
use super::admission;
use super::classification::{Class, Classification};
use super::grant::{About, Denial, TypeGrant};
use super::grant_set::GrantSet;
use super::operation::Operation;
use super::policy_files::{Partition, Policies};
use super::request_context;

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
    /// Of this revision and those before.
    faults: Arc<AtomicU64>,
}

/// Whom policies speak of.
#[derive(Debug, Default)]
pub struct Principals {
    /// Roles, wherever in a policy.
    pub roles: BTreeSet<String>,
    /// Roles, consumers, tenants and organisations that are the principal of a policy.
    pub named: BTreeSet<String>,
    /// Whether some policy is about every consumer, or says in its conditions about which.
    pub anybody: bool,
}

/// Whom the policies of one tenant name.
#[derive(Debug, Default)]
pub struct NamedBy {
    pub consumers: BTreeSet<String>,
    pub roles: BTreeSet<String>,
}

fn id_of(entity: &EntityUid) -> String {
    AsRef::<str>::as_ref(entity.id()).to_owned()
}

/// What a decision depends on. A consumer of one id is the same within a revision, but for what its
/// token and its request say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    consumer: ConsumerId,
    token_roles: Option<Arc<str>>,
    assurance: Option<Arc<str>>,
    levels: AssuranceLevels,
    purpose: Option<Arc<str>>,
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
    /// The engine of a revision. It counts faults on from those of `earlier`.
    pub(super) fn new(
        policies: Policies,
        classification: Classification,
        provided: Vec<TypeName>,
        earlier: Option<&Self>,
    ) -> Self {
        let faults = earlier
            .map(|earlier| Arc::clone(&earlier.inner.faults))
            .unwrap_or_default();
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
                faults,
            }),
        }
    }

    /// Whom the policies of this revision speak of.
    pub fn principals(&self) -> Principals {
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

    /// Whom the policies of a tenant name, wherever in a policy.
    pub fn named_by(&self, tenant: &TenantId) -> NamedBy {
        let policies = &self.inner.policies;
        let own = policies.partitions.get(tenant).map(|partition| &partition.own.policies);
        let mut named = NamedBy::default();
        for entity in own
            .into_iter()
            .flatten()
            .flat_map(|(policy, _)| policy.entity_literals())
        {
            if policies.kinds.is_role(&entity) {
                named.roles.insert(id_of(&entity));
            } else if policies.kinds.is_consumer(&entity) {
                named.consumers.insert(id_of(&entity));
            }
        }
        named
    }

    /// The purposes that the permits of a tenant's policies name.
    #[must_use]
    pub fn purposes_named_by(&self, tenant: &TenantId) -> BTreeSet<String> {
        let partition = self.inner.policies.partitions.get(tenant).into_iter();
        let policies = partition.flat_map(|partition| partition.own.policies_with_starts());
        let purposes = policies.flat_map(|(_, _, narrowing)| &narrowing.conditions.purposes);
        purposes.map(ToString::to_string).collect()
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
            levels: consumer.levels,
            purpose: consumer.purpose.clone(),
            operation,
            tenant: tenant.clone(),
            r#type: r#type.clone(),
            personal_data,
        };
        let Inner { known, unknown, .. } = &*self.inner;
        if let Some(grant) = known.get(&question).or_else(|| unknown.get(&question)) {
            return grant;
        }
        let grant = Arc::new(self.decide(consumer, operation, tenant, r#type, personal_data));
        let remembered = match self.knows(r#type) {
            true => known,
            false => unknown,
        };
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

    /// Whether somebody has named the type, as [`PolicyEngine::known_types`] says.
    pub(super) fn knows(&self, r#type: &TypeName) -> bool {
        self.inner.is_known.contains_key(r#type)
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

    /// The policies that it was made from.
    #[must_use]
    pub fn policies(&self) -> &Policies {
        &self.inner.policies
    }

    /// Which types and attributes are personal.
    #[must_use]
    pub fn classification(&self) -> &Classification {
        &self.inner.classification
    }

    /// How many decisions and entities were denied because of a fault: policies that could not be evaluated, or a
    /// panic in narrowing. It counts on from one revision to the next.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.inner.faults.load(Ordering::Relaxed)
    }

    /// Something was denied because of a fault.
    pub(super) fn count_fault(&self) {
        self.inner.faults.fetch_add(1, Ordering::Relaxed);
        tracing::error!("a fault in the policies: what it was about is denied");
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
        let about = About {
            r#type,
            classification,
            is_owner: admission::is_owner(consumer, tenant),
            personal_data,
        };
        match classification.type_class(r#type) {
            Some(class) if class.is_personal() => return TypeGrant::denied(&about, Denial::Personal(class)),
            Some(class @ Class::Pseudonymised) if !about.is_owner => {
                return TypeGrant::denied(&about, Denial::Guarded(class));
            }
            None if personal_data == PersonalData::Present => {
                return TypeGrant::denied(&about, Denial::Unclassified);
            }
            _ => {}
        }
        let Some(partition) = self.inner.policies.partitions.get(tenant) else {
            return TypeGrant::denied(&about, Denial::NoPolicies);
        };
        // Whatever fails, and however: it denies.
        let evaluate = || self.evaluate(partition, consumer, operation, tenant, r#type);
        let response = std::panic::catch_unwind(std::panic::AssertUnwindSafe(evaluate));
        let response = match response.ok().flatten() {
            Some(response) if response.diagnostics().errors().next().is_none() => response,
            _ => {
                self.count_fault();
                return TypeGrant::denied(&about, Denial::EvaluationError);
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
            return TypeGrant::denied(&about, denial);
        }
        let permits = reasons.into_iter().filter_map(|id| {
            let narrowing = partition.narrowings.get(id)?;
            Some((Arc::from(id.to_string()), Arc::clone(narrowing)))
        });
        TypeGrant::permitted(&about, permits.collect(), consumer)
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
