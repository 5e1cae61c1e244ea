//! The Cedar side of the house's words: which entity a consumer, an operation and a type are in policies.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema};
use kakehashi_core::consumer::{Affiliation, Consumer};
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_type, escaped_as_written};
use ngsi_ld::TypeName;

use super::classification::Class;
use super::operation::Operation;

/// The class in policies of a type that nobody has classified.
pub(super) const UNCLASSIFIED: &str = "unclassified";

/// The kinds of Cedar entities that the schema must declare.
#[derive(Debug, Clone)]
pub struct Kinds {
    consumer: EntityTypeName,
    organisation: EntityTypeName,
    role: EntityTypeName,
    tenant: EntityTypeName,
    entity_type: EntityTypeName,
    class: EntityTypeName,
    action: EntityTypeName,
}

impl Kinds {
    /// The kinds; `None` is a fault of this program's.
    pub(super) fn new() -> Option<Self> {
        let kind = |name| EntityTypeName::from_str(name).ok();
        Some(Self {
            consumer: kind("Consumer")?,
            organisation: kind("Organisation")?,
            role: kind("Role")?,
            tenant: kind("Tenant")?,
            entity_type: kind("EntityType")?,
            class: kind("Class")?,
            action: kind("Action")?,
        })
    }

    pub(super) fn action(&self, operation: Operation) -> EntityUid {
        uid(&self.action, operation.as_str())
    }

    /// Whether a schema knows a class.
    pub(super) fn declares_class(&self, schema: &Schema, class: Class) -> bool {
        let entity = Entity::new_no_attrs(uid(&self.class, class.as_str()), HashSet::new());
        Entities::from_entities([entity], Some(schema)).is_ok()
    }

    pub(super) fn action_named(&self, name: &str) -> EntityUid {
        uid(&self.action, name)
    }

    pub(super) fn is_action(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.action
    }

    pub fn is_tenant(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.tenant
    }

    pub fn is_role(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.role
    }

    pub fn is_consumer(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.consumer
    }

    pub fn is_entity_type(&self, entity: &EntityUid) -> bool {
        *entity.type_name() == self.entity_type
    }

    /// A consumer: in its tenant or organisation, and in its roles.
    pub(super) fn consumer(&self, consumer: &Consumer) -> Entity {
        let mut parents: HashSet<EntityUid> = consumer
            .roles
            .iter()
            .map(|role| uid(&self.role, role.as_str()))
            .collect();
        match &consumer.affiliation {
            Some(Affiliation::Tenant(tenant)) => {
                parents.insert(uid(&self.tenant, tenant.as_str()));
            }
            Some(Affiliation::Organisation(organisation)) => {
                parents.insert(uid(&self.organisation, organisation));
            }
            None => {}
        }
        Entity::new_no_attrs(uid(&self.consumer, consumer.id.as_str()), parents)
    }

    /// A type as one tenant has it: in that tenant, with its name and its class; `None` if Cedar takes no such text.
    pub(super) fn entity_type(&self, tenant: &TenantId, r#type: &TypeName, class: Option<Class>) -> Option<Entity> {
        let name = compact_type(r#type);
        let class = class.map_or(UNCLASSIFIED, Class::as_str);
        let attributes = HashMap::from([
            (
                "iri".to_owned(),
                RestrictedExpression::new_string(r#type.as_str().to_owned()),
            ),
            (
                "class".to_owned(),
                RestrictedExpression::new_entity_uid(uid(&self.class, class)),
            ),
            ("name".to_owned(), RestrictedExpression::new_string(name.clone())),
        ]);
        let parents = HashSet::from([uid(&self.tenant, tenant.as_str())]);
        Entity::new(uid(&self.entity_type, &format!("{tenant}/{name}")), attributes, parents).ok()
    }
}

/// An entity type in a policy by the name that Cedar is asked about, where a policy calls it as its source does:
/// `Air-Quality` is `Air%2DQuality`. `None`: it is called so already, or is no name at all.
pub(super) fn renamed(entity: &EntityUid) -> Option<EntityUid> {
    let id: &str = entity.id().as_ref();
    let (tenant, name) = id.split_once('/')?;
    // An IRI is what it is, and whatever the view shows by another name than it is called is for the checks to tell.
    let shown = escaped_as_written(name)?;
    Some(uid(entity.type_name(), &format!("{tenant}/{shown}")))
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}
