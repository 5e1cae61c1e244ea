//! What lists of members show of one entity: of one that was asked for, or of one that a Relationship leads to.
//!
//! Names outside of braces are members of the entities that were asked for, and of no others (clause 4.21). A linked
//! entity is reduced by what stands in the braces after the Relationship that leads to it, and is whole without.

use hashbrown::HashSet;

use super::{DatasetSelection, EntityMember, MemberList, Projection};
use crate::AttributeName;
use crate::entity::{Attribute, Entity};

/// What is shown of an entity. The default shows everything.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shown<'p> {
    picked: Option<&'p MemberList>,
    omitted: Option<&'p MemberList>,
    attributes: Option<&'p HashSet<AttributeName>>,
}

impl<'p> From<&'p Projection> for Shown<'p> {
    fn from(projection: &'p Projection) -> Self {
        Self {
            picked: projection.picked.as_ref(),
            omitted: projection.omitted.as_ref(),
            attributes: projection.attributes.as_ref(),
        }
    }
}

impl<'p> From<Option<&'p Projection>> for Shown<'p> {
    fn from(projection: Option<&'p Projection>) -> Self {
        projection.map(Self::from).unwrap_or_default()
    }
}

impl<'p> Shown<'p> {
    /// Whether a member that is no attribute is shown.
    #[must_use]
    pub fn shows_member(self, member: EntityMember) -> bool {
        let named = |list: &MemberList| list.members.contains(&member);
        self.picked.is_none_or(named) && !self.omitted.is_some_and(named)
    }

    /// Whether an attribute is shown.
    #[must_use]
    //= 5.7.1.5-5, 5.7.2.5-2, 5.7.2.5-7
    pub fn shows_attribute(self, name: &AttributeName) -> bool {
        let picks = |list: &MemberList| list.attributes.contains(name) || list.linked.contains_key(name);
        // With braces it is not the Relationship that is omitted.
        self.picked.is_none_or(picks)
            && !self.omitted.is_some_and(|list| list.attributes.contains(name))
            && self.attributes.is_none_or(|names| names.contains(name))
    }

    /// What is shown of the entities that a Relationship of the entity leads to.
    #[must_use]
    pub fn of_linked(self, relationship: &AttributeName) -> Self {
        Self {
            picked: self.picked.and_then(|list| list.linked.get(relationship)),
            omitted: self.omitted.and_then(|list| list.linked.get(relationship)),
            attributes: None,
        }
    }

    /// The attributes that must be at hand, so that what is shown can be shown. `None`: all of them.
    #[must_use]
    pub fn needed_attributes(self) -> Option<Vec<&'p AttributeName>> {
        let picked = self.picked.map(|list| list.attributes().collect::<Vec<_>>());
        let named = picked.or_else(|| self.attributes.map(|names| names.iter().collect()));
        named.map(|names| names.into_iter().filter(|name| self.shows_attribute(name)).collect())
    }

    /// Whether it can leave nothing of an entity: neither its id nor its types are shown.
    #[must_use]
    pub fn may_leave_nothing(self) -> bool {
        !self.shows_member(EntityMember::Id) && !self.shows_member(EntityMember::Type)
    }

    /// Whether any member of an entity is shown, of its attributes those with an instance that is shown. Dates of the
    /// system are shown on demand only and do not count.
    #[must_use]
    pub fn leaves_something(self, entity: &Entity, datasets: Option<&DatasetSelection>) -> bool {
        let has_instance = |attribute: &Attribute| {
            let mut instances = attribute.instances.iter();
            datasets.is_none_or(|datasets| instances.any(|instance| datasets.shows(instance.dataset_id.as_ref())))
        };
        !self.may_leave_nothing()
            || (self.shows_member(EntityMember::Scope) && !entity.scopes.is_empty())
            || entity
                .attributes
                .iter()
                .any(|attribute| self.shows_attribute(&attribute.name) && has_instance(attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;

    fn list(text: &str) -> Option<MemberList> {
        Some(MemberList::parse_linked(text, Context::core(), 3).unwrap())
    }

    fn name(name: &str) -> AttributeName {
        Context::core().expand_attribute(name).unwrap()
    }

    #[test]
    fn braces_choose_from_linked_entities_and_from_no_others() {
        let projection = Projection {
            picked: list("id,locatedAt{name,isIn{id}},maker"),
            ..Projection::default()
        };
        let shown = Shown::from(&projection);
        assert!(shown.shows_attribute(&name("locatedAt")) && shown.shows_attribute(&name("maker")));
        assert!(!shown.shows_attribute(&name("name")));
        let place = shown.of_linked(&name("locatedAt"));
        assert!(place.shows_attribute(&name("name")) && place.shows_attribute(&name("isIn")));
        assert!(!place.shows_member(EntityMember::Id) && !place.shows_attribute(&name("maker")));
        assert!(place.of_linked(&name("isIn")).shows_member(EntityMember::Id));
        let maker = shown.of_linked(&name("maker"));
        assert_eq!(maker, Shown::default(), "what no braces choose from is whole");
    }

    #[test]
    fn a_relationship_with_braces_is_not_omitted_itself() {
        let projection = Projection {
            omitted: list("type,locatedAt{name},maker"),
            ..Projection::default()
        };
        let shown = Shown::from(&projection);
        assert!(shown.shows_attribute(&name("locatedAt")) && !shown.shows_attribute(&name("maker")));
        let place = shown.of_linked(&name("locatedAt"));
        assert!(!place.shows_attribute(&name("name")) && place.shows_member(EntityMember::Type));
    }

    #[test]
    fn only_what_is_picked_and_not_omitted_is_needed() {
        let needed = |picked, omitted| {
            let projection = Projection {
                picked,
                omitted,
                attributes: None,
            };
            let mut names: Vec<AttributeName> = Shown::from(&projection)
                .needed_attributes()?
                .into_iter()
                .cloned()
                .collect();
            names.sort();
            Some(names)
        };
        assert_eq!(needed(None, list("a")), None);
        assert_eq!(needed(list("id,b,a{c},a"), None), Some(vec![name("a"), name("b")]));
        assert_eq!(needed(list("a,b"), list("b{c}")), Some(vec![name("a"), name("b")]));
        assert_eq!(needed(list("id,type"), None), Some(vec![]));
    }
}
