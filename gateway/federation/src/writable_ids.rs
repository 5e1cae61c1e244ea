//! Which ids a consumer may give to what it writes. Whether an id is taken is told to whoever may use it, so that a writer
//! has its ids in namespaces of which nothing is hidden from it; elsewhere it is refused in the same words, and nobody
//! looks whether something is there. See `docs/decisions/ids-lie-in-namespaces.md`.

use kakehashi_policy::{Operation, PersonalData, PlaceOfId, unnamed_type};
use ngsi_ld::{Entity, EntityId, TypeName};

use super::provide::Provider;
use super::registry::RegisteredSource;

impl Provider<'_> {
    /// Whether the consumer may write an entity of that id, as it would be, into a partition. It must be granted otherwise.
    pub(super) fn may_use_id(&self, entity: &Entity, source: &RegisteredSource) -> bool {
        let policies = self.asker.policies;
        let sees_all = |name: &TypeName| self.sees_all(name, source.personal_data);
        if self.is_id_hidden(&entity.id, source) {
            return false;
        }
        let is_named = || {
            let grants = self.grants(self.asker.operation, &entity.types, source.personal_data);
            grants.names_id_of(entity)
        };
        match policies.place_of_id(entity, source.personal_data) {
            PlaceOfId::InNamespace(name) => sees_all(&name) || is_named() || self.sees_every_type(source),
            PlaceOfId::Free => is_named() || self.sees_every_type(source),
            // Those who may use any id see what is guarded, too, or it is none of the partition's types.
            PlaceOfId::Guarded => is_named(),
            PlaceOfId::InOthers(_) | PlaceOfId::GuardedInOthers(_) => false,
        }
    }

    /// Whether an id names a guarded type of which the consumer does not see everything. An id that names a person is that
    /// of one, whatever else has it: a part of another's entity.
    pub(super) fn is_id_hidden(&self, id: &EntityId, source: &RegisteredSource) -> bool {
        let sees_all = |name: &TypeName| self.sees_all(name, source.personal_data);
        self.asker.policies.names_what_is_hidden(id, &sees_all)
    }

    /// Whether no entity of the type is hidden from the consumer: it may write or see all of them.
    fn sees_all(&self, name: &TypeName, personal_data: PersonalData) -> bool {
        [self.asker.operation, Operation::RetrieveEntity]
            .into_iter()
            .any(|operation| {
                let policies = self.asker.policies;
                let grant = policies.grant(self.asker.consumer, operation, self.tenant, name, personal_data);
                grant.covers_every_entity()
            })
    }

    /// Whether that holds of every type that the partition may hold, those among them that nobody has named.
    fn sees_every_type(&self, source: &RegisteredSource) -> bool {
        let sees_all = |name: &TypeName| self.sees_all(name, source.personal_data);
        let any = source.holds_any_type();
        let provided = source.provides.iter().filter_map(|provision| provision.r#type.as_ref());
        let unnamed_too = || !any || sees_all(&unnamed_type());
        unnamed_too()
            && self
                .asker
                .policies
                .every_type(any, provided, source.personal_data, &sees_all)
    }
}
