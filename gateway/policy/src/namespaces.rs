//! Ids and the types that they name. An id `urn:ngsi-ld:<type>:...` lies in the namespace of that type (annex A.3);
//! others lie in none, and are a writer's own where its permits name them, in `@ids`.
//!
//! Which ids are taken is told to whoever writes. So that this tells of nothing that is hidden, what is guarded is kept out
//! of the namespaces of other types, and an id that names something guarded is for those alone who may see all of it.

use std::borrow::Cow;

use ngsi_ld::{Entity, EntityId, Iri, TypeName};
use percent_encoding::percent_decode_str;

use super::PersonalData;
use super::classification::{Class, Classification};
use super::engine::PolicyEngine;
use super::targets::type_in;

/// How often percent-encoding is undone to find out what an id names. An id that still has some then is read as one that
/// names whatever could be.
const MOST_DECODINGS: usize = 4;

/// Characters between the parts of an id.
const BETWEEN_PARTS: [char; 9] = [':', '/', '#', '?', '=', '&', ';', ',', '|'];

impl Classification {
    /// The classes and types that an id names anywhere, of those that are guarded: each with the name that policies know
    /// it by.
    pub(super) fn guarded_named_in(&self, id: &str) -> GuardedInId {
        let mut text = Cow::Borrowed(id);
        let mut guarded = GuardedInId::default();
        for _ in 0..MOST_DECODINGS {
            self.add_guarded(&text, &mut guarded);
            let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
            if decoded == *text {
                return guarded;
            }
            text = Cow::Owned(decoded);
        }
        guarded.is_unreadable = true;
        guarded
    }

    fn add_guarded(&self, text: &str, guarded: &mut GuardedInId) {
        for part in text.split(BETWEEN_PARTS).filter(|part| !part.is_empty()) {
            let classes = self.guarded_type_in_part_of_id(part);
            if let Some((classes, class)) = classes.and_then(|classes| Some((classes, classes.class?))) {
                let name = classes.policy_name.clone();
                let name = name.unwrap_or_else(|| TypeName::new(Iri::new(part)));
                guarded.types.push((class, name));
            }
        }
    }
}

/// What an id names of guarded types.
#[derive(Debug, Default)]
pub(super) struct GuardedInId {
    pub(super) types: Vec<(Class, TypeName)>,
    /// Nobody can tell what it names.
    is_unreadable: bool,
}

impl PolicyEngine {
    /// The type in whose namespace an id lies, by the name that policies know it by; `None`: in that of none, or of a type
    /// that nobody has named.
    fn namespace_of(&self, id: &EntityId) -> Option<TypeName> {
        let named = type_in(id)?;
        self.knows(&named).then(|| self.principal_name(&named).clone())
    }

    /// The name that policies know a type by, whichever of its aliases it is called.
    fn principal_name<'a>(&'a self, name: &'a TypeName) -> &'a TypeName {
        let known_by = self.classification().type_classes(name).policy_name.as_ref();
        known_by.unwrap_or(name)
    }

    /// Whether an id names a guarded type of which somebody does not see everything: of a personal one nobody does.
    /// `sees_all` says of a type whether it is seen whole.
    pub fn names_what_is_hidden(&self, id: &EntityId, sees_all: &dyn Fn(&TypeName) -> bool) -> bool {
        let named = self.classification().guarded_named_in(id.as_str());
        let is_hidden = |(class, name): &(Class, TypeName)| class.is_personal() || !sees_all(name);
        named.is_unreadable || named.types.iter().any(is_hidden)
    }

    /// Where an entity's id lies, as its types are.
    pub fn place_of_id(&self, entity: &Entity, personal_data: PersonalData) -> PlaceOfId {
        let named = type_in(&entity.id);
        let own = named.as_ref().map(|name| self.principal_name(name));
        let is_named = |name: &TypeName| own == Some(self.principal_name(name));
        let is_hidden = |name: &TypeName| match self.classification().type_class(name) {
            Some(class) => class.is_guarded(),
            None => personal_data == PersonalData::Present,
        };
        let has_hidden = entity.types.iter().any(|name| !is_named(name) && is_hidden(name));
        if let Some(own) = entity.types.iter().find(|name| is_named(name)) {
            let own = self.principal_name(own).clone();
            return if has_hidden {
                PlaceOfId::GuardedInOthers(own)
            } else {
                PlaceOfId::InNamespace(own)
            };
        }
        match self.namespace_of(&entity.id) {
            Some(others) if has_hidden => PlaceOfId::GuardedInOthers(others),
            Some(others) => PlaceOfId::InOthers(others),
            None if has_hidden => PlaceOfId::Guarded,
            None => PlaceOfId::Free,
        }
    }

    /// Whether every type that a partition may hold fulfils something: those that it provides or, where `any` says that it
    /// provides whatever it is given, all that somebody has named. Of one that is declared to hold nothing personal,
    /// personal types are none.
    pub fn every_type<'a>(
        &self,
        any: bool,
        mut provided: impl Iterator<Item = &'a TypeName>,
        personal_data: PersonalData,
        fulfils: &dyn Fn(&TypeName) -> bool,
    ) -> bool {
        if !any {
            return provided.all(fulfils);
        }
        let is_none = |name: &TypeName| {
            let class = self.classification().type_class(name);
            personal_data == PersonalData::None && class.is_some_and(Class::is_personal)
        };
        self.known_types().iter().all(|name| is_none(name) || fulfils(name))
    }
}

/// Where the id of an entity lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceOfId {
    /// In the namespace of this type, which is one of its own.
    InNamespace(TypeName),
    /// In that of this type, and the entity is of another, which is guarded.
    GuardedInOthers(TypeName),
    /// In that of this type, and the entity is of others.
    InOthers(TypeName),
    /// In none, and one of its types is guarded.
    Guarded,
    /// In none.
    Free,
}
