//! What is hidden from a writer in a source that holds some attributes of an entity alone. Beside it stands what others have of the
//! entity, and is seen: whether the source has such an entity, has none or is away must follow from nothing that is told. So what
//! becomes of such a part follows from the grant, and its source is not asked; and an entity of a type of which nothing is granted
//! that the source is registered for is not there.

use kakehashi_adapters::AttributeSelection;
use kakehashi_policy::{Class, GrantSet, Operation, PersonalData};
use ngsi_ld::update::{Instances, NotApplied, Update, WhyNot};
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::divide::Part;
use super::{EntityChange, Provider, RegisteredSource, WriteRefusal};
use crate::ungranted::{Ungranted, Why};

impl Provider<'_> {
    /// What is told of a part for which its source is not asked; `None`: it is asked.
    pub(super) fn unasked(&self, part: &Part<'_>, change: &EntityChange) -> Option<WriteRefusal> {
        let source = part.source;
        // These were judged by their grant alone.
        let is_judged = matches!(change, EntityChange::Create(_) | EntityChange::Purge { .. });
        if is_judged || (part.is_of_all() && part.is_sure && !part.clears) {
            return None;
        }
        let types = self.types_of(part, change);
        if types.is_empty() {
            return Some(WriteRefusal::NotFound);
        }
        let grants = self.grants(self.asker.operation, &types, source.personal_data);
        if grants.is_empty() {
            return Some(WriteRefusal::NotFound);
        }
        if part.clears {
            let is_whole = grants
                .grants()
                .iter()
                .all(|grant| grant.covers_everything(source.holds()));
            return (!is_whole).then_some(WriteRefusal::NotFound);
        }
        if part.is_of_all() {
            return None;
        }
        if let Some(name) = part.names.iter().find(|name| !is_granted(&grants, name)) {
            return Some(self.refused(name, change, &types, source.personal_data));
        }
        let is_hidden = part.names.is_empty() && !part.provided().any(|name| is_granted(&grants, name));
        is_hidden.then_some(WriteRefusal::NotFound)
    }

    /// The types of which the source may have what a part is about.
    fn types_of(&self, part: &Part<'_>, change: &EntityChange) -> Vec<TypeName> {
        let is_any = part.said.iter().any(|provision| provision.r#type.is_none());
        let known: &[TypeName] = match is_any {
            true => self.asker.policies.known_types(),
            false => &[],
        };
        let said = part.said.iter().filter_map(|provision| provision.r#type.as_ref());
        let may_be = |name: &&TypeName| part.is_sure || part.source.owns_ids.may_be(name, change.id());
        said.filter(may_be).chain(known).cloned().collect()
    }

    /// Why an attribute of which nothing is granted is not written, as it is told whether there is one or not.
    fn refused(
        &self,
        name: &AttributeName,
        change: &EntityChange,
        types: &[TypeName],
        personal_data: PersonalData,
    ) -> WriteRefusal {
        match change {
            EntityChange::Update { update, .. } => match &**update {
                Update::DeleteAttribute {
                    instances: Instances::All,
                    ..
                }
                | Update::Replace(_) => return WriteRefusal::Forbidden(Ungranted::NotWhole),
                Update::Attribute(_) | Update::ReplaceAttribute(_) | Update::DeleteAttribute { .. } => {
                    return WriteRefusal::NotApplied(NotApplied {
                        path: vec![name.clone()],
                        why: WhyNot::NoAttribute,
                    });
                }
                Update::Merge { .. } | Update::Append { .. } | Update::Attributes(_) | Update::DeleteScope => {}
            },
            EntityChange::Create(_)
            | EntityChange::Put(_)
            | EntityChange::Delete { .. }
            | EntityChange::Purge { .. } => {}
        }
        let classification = self.asker.policies.classification();
        let mut types = types.iter();
        let class = types.find_map(|of| classification.attribute_class(of, name));
        let why = match class {
            Some(class) if class != Class::Open => Why::Class(class),
            None if personal_data != PersonalData::None => Why::Unclassified,
            _ => Why::NoPermit,
        };
        WriteRefusal::Forbidden(Ungranted::Attribute(name.clone(), why))
    }

    /// Whether an entity that a source has is hidden, because nothing is granted of what the source is registered for,
    /// or one of those that are named.
    pub(super) fn is_part_hidden(
        &self,
        operation: Operation,
        source: &RegisteredSource,
        existing: &Entity,
        named: &[&AttributeName],
    ) -> bool {
        if source.provides_every_attribute() {
            return false;
        }
        let grants = self.grants(operation, &existing.types, source.personal_data);
        let classification = self.asker.policies.classification();
        // What one of its types guards is shown to nobody, whatever another of them permits.
        let is_guarded = |name: &AttributeName| {
            let mut classes = existing.types.iter().map(|of| classification.attribute_class(of, name));
            classes.any(|class| class.is_some_and(Class::is_guarded))
        };
        let ids = std::slice::from_ref(&existing.id);
        let mut may_be_seen = false;
        for of in &existing.types {
            match source.provided_attributes(of, ids) {
                AttributeSelection::All => return false,
                AttributeSelection::Only(names) => {
                    let is_shown = |name: &AttributeName| !is_guarded(name) && grants.grants_of(existing, name);
                    may_be_seen |= names.iter().any(is_shown);
                }
            }
        }
        !may_be_seen || named.iter().any(|name| is_guarded(name) || !is_granted(&grants, name))
    }
}

/// Whether some entity of one of the types may be written it.
fn is_granted(grants: &GrantSet, name: &AttributeName) -> bool {
    grants.grants().iter().any(|grant| grant.includes(name))
}
