//! Which sources of a tenant a write is about, and what of it is about each (CIM 009 clauses 4.3.6.2, 4.3.6.3 and 5.6.1.4 to
//! 5.6.21.4).
//!
//! What an exclusive source is registered for goes there, and of what is left what any redirect source is registered for goes
//! there; both are taken out. What remains goes to every inclusive source that provides it, of which the store is one.
//!
//! It looks at names, ids and registrations alone: not at grants, and not at what a source has.

use std::sync::Arc;

use kakehashi_adapters::AttributeSelection;
use ngsi_ld::entity::parse::{Fragment, RemovableMember};
use ngsi_ld::query::TypeSelection;
use ngsi_ld::update::{SCOPE, Update};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};

use super::{EntityChange, Purged};
use crate::registered_source::RegisteredSource;
use crate::registration::{Mode, ProvidedIds, Provision};

/// What of a write is about one source.
#[derive(Debug, Clone)]
pub(super) struct Part<'s> {
    pub(super) source: &'s Arc<RegisteredSource>,
    /// What becomes of what it holds; `None`: all of the write.
    pub(super) change: Option<EntityChange>,
    /// The attributes that it names.
    pub(super) names: Vec<AttributeName>,
    /// Whether the source holds what it is about, if anybody does. Where types are not known, only a source that has the entity can
    /// say that it is of a type which it alone holds.
    pub(super) is_sure: bool,
    /// Whether nothing that is sent is about it: of an entity that is replaced what the source has of it goes, if it has some.
    pub(super) clears: bool,
    /// What its source is registered for that is about the entity, or perhaps is.
    pub(super) said: Vec<&'s Provision>,
    takes_whole: bool,
}

impl Part<'_> {
    /// Whether its source speaks for all that an entity has.
    pub(super) fn is_of_all(&self) -> bool {
        let mut said = self.said.iter();
        said.any(|provision| provision.attributes == AttributeSelection::All)
    }

    /// The attributes that its source is registered for, where it does not speak for all of them.
    pub(super) fn provided(&self) -> impl Iterator<Item = &AttributeName> {
        self.said.iter().flat_map(|provision| match &provision.attributes {
            AttributeSelection::All => [].iter(),
            AttributeSelection::Only(names) => names.iter(),
        })
    }
}

/// How much is known of the entity that a write is about.
struct Subject<'c> {
    id: &'c EntityId,
    /// Types that it has.
    types: Vec<&'c TypeName>,
    /// Types of which it must be of some; none: of any.
    selected: Vec<&'c TypeName>,
    /// Whether it has no others.
    are_all: bool,
}

/// Whether a provision speaks of an entity.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covers {
    No,
    /// If it is of the type.
    Perhaps,
    Surely,
}

/// A write of which parts are taken out.
#[derive(Debug)]
pub(super) struct Division<'c> {
    change: &'c EntityChange,
    names: Vec<&'c AttributeName>,
    taken: Vec<AttributeName>,
    is_taken_whole: bool,
}

impl<'c> Division<'c> {
    pub(super) fn of(change: &'c EntityChange) -> Self {
        let names = match change {
            EntityChange::Create(entity) | EntityChange::Put(entity) => names_of(entity),
            EntityChange::Update { update, .. } => update.attributes().collect(),
            EntityChange::Purge { purge, .. } => match &purge.purged {
                Purged::Attributes(names) => names.iter().collect(),
                Purged::Entities | Purged::AllBut(_) => Vec::new(),
            },
            EntityChange::Delete { .. } => Vec::new(),
        };
        Self {
            change,
            names,
            taken: Vec::new(),
            is_taken_whole: false,
        }
    }

    /// The parts of the sources that are exclusive for some of it, or of those among them to which it is redirected, of what is
    /// left. They are not taken out.
    pub(super) fn proxied<'s>(&self, mode: Mode, sources: &[&'s Arc<RegisteredSource>]) -> Vec<Part<'s>> {
        let of_mode = sources.iter().filter(|source| source.registration.mode == mode);
        of_mode.filter_map(|source| self.part_of(source)).collect()
    }

    /// Takes out what is about a source alone.
    pub(super) fn take_out(&mut self, parts: &[Part<'_>]) {
        if !self.is_by_attribute() {
            return;
        }
        for part in parts {
            self.is_taken_whole |= part.takes_whole;
            let new = part.names.iter().filter(|name| !self.taken.contains(name));
            let new: Vec<AttributeName> = new.cloned().collect();
            self.taken.extend(new);
        }
    }

    /// The parts of inclusive sources of what remains. Where nothing remains there are none, but of an entity that is replaced.
    pub(super) fn rest<'s>(&self, sources: &[&'s Arc<RegisteredSource>]) -> Vec<Part<'s>> {
        if self.is_taken_whole || !(self.remains() || self.replaces()) {
            return Vec::new();
        }
        let inclusive = sources
            .iter()
            .filter(|source| source.registration.mode == Mode::Inclusive);
        inclusive.filter_map(|source| self.part_of(source)).collect()
    }

    /// The parts of a change by which something goes, in all sources.
    pub(super) fn of_what_goes<'s>(&self, sources: &[&'s Arc<RegisteredSource>]) -> Vec<Part<'s>> {
        sources.iter().filter_map(|source| self.part_of(source)).collect()
    }

    /// What is not about any of these parts; `None`: nothing is left over.
    pub(super) fn left_over(&self, rest: &[Part<'_>]) -> Option<AttributeName> {
        let is_placed_whole = || rest.iter().any(|part| part.takes_whole);
        // What is about nobody is not there.
        let is_nowhere = rest.is_empty() && self.taken.is_empty();
        if is_nowhere || !self.is_by_attribute() || self.is_taken_whole || !self.remains() || is_placed_whole() {
            return None;
        }
        let is_placed = |name: &AttributeName| rest.iter().any(|part| part.names.contains(name));
        let mut left = self.left();
        let attribute = left.find(|name| !is_placed(name)).cloned();
        attribute.or_else(|| self.says_scope().then(|| AttributeName::new(Iri::new(SCOPE))))
    }

    fn left(&self) -> impl Iterator<Item = &'c AttributeName> {
        self.names.iter().copied().filter(|name| !self.taken.contains(name))
    }

    fn remains(&self) -> bool {
        self.taken.is_empty() || self.left().next().is_some() || self.says_scope() || !self.is_by_attribute()
    }

    /// Whether what is about one source is not about the others. What goes, goes everywhere.
    pub(super) fn is_by_attribute(&self) -> bool {
        !matches!(self.change, EntityChange::Delete { .. } | EntityChange::Purge { .. })
    }

    /// Whether what is not sent goes.
    fn replaces(&self) -> bool {
        match self.change {
            EntityChange::Put(_) => true,
            EntityChange::Update { update, .. } => update.covers_all(),
            EntityChange::Create(_) | EntityChange::Delete { .. } | EntityChange::Purge { .. } => false,
        }
    }

    fn says_scope(&self) -> bool {
        match self.change {
            EntityChange::Create(entity) | EntityChange::Put(entity) => !entity.scopes.is_empty(),
            EntityChange::Update { update, .. } => match &**update {
                Update::Replace(entity) => !entity.scopes.is_empty(),
                update => update.changes_scopes(),
            },
            EntityChange::Delete { .. } | EntityChange::Purge { .. } => false,
        }
    }

    /// What of what is left is about a source; `None`: nothing.
    fn part_of<'s>(&self, source: &'s Arc<RegisteredSource>) -> Option<Part<'s>> {
        let subject = Subject::of(self.change);
        let is_proxied = source.registration.mode.is_proxied();
        let covering = source.provides.iter().filter_map(|provision| {
            let covers = subject.covered_by(provision, is_proxied);
            (covers != Covers::No).then_some((provision, covers))
        });
        let covering: Vec<(&'s Provision, Covers)> = covering.collect();
        let is_sure = covering.iter().any(|(_, covers)| *covers == Covers::Surely);
        // What is perhaps of a source is none of it where another provision of it surely is about the entity.
        let said = covering
            .iter()
            .filter(|(_, covers)| !is_proxied || !is_sure || *covers == Covers::Surely);
        let said: Vec<&'s Provision> = said.map(|(provision, _)| *provision).collect();
        if said.is_empty() {
            return None;
        }
        let takes_all = said.iter().any(|one| one.attributes == AttributeSelection::All);
        let is_own = |name: &AttributeName| takes_all || said.iter().any(|one| one.attributes.includes(name));
        let names: Vec<AttributeName> = self.left().filter(|name| is_own(name)).cloned().collect();
        let clears = names.is_empty() && self.replaces() && (!takes_all || !(is_proxied || self.remains()));
        // What it has of an entity of another type is none of what is replaced.
        if clears && !is_sure {
            return None;
        }
        if names.is_empty() && !takes_all && !clears && (self.is_by_attribute() || !self.names.is_empty()) {
            return None;
        }
        let is_whole = self.taken.is_empty() && takes_all;
        let reduced = || reduced(self.change, &names, takes_all);
        let change = match clears {
            true => Some(of_what_is_there(reduced())),
            false => (!is_whole).then(reduced),
        };
        Some(Part {
            source,
            change,
            names,
            is_sure,
            clears,
            said,
            // Of an entity that goes, others have parts.
            takes_whole: takes_all && !clears && self.is_by_attribute(),
        })
    }
}

impl<'c> Subject<'c> {
    fn of(change: &'c EntityChange) -> Self {
        let known = |types: &'c [TypeName], are_all| Self {
            id: change.id(),
            types: types.iter().collect(),
            selected: Vec::new(),
            are_all,
        };
        match change {
            EntityChange::Create(entity) | EntityChange::Put(entity) => known(&entity.types, true),
            EntityChange::Update {
                otherwise: Some(entity),
                ..
            } => known(&entity.types, true),
            EntityChange::Update { update, types, .. } => Self {
                selected: types.as_ref().map(TypeSelection::names).unwrap_or_default(),
                ..known(update.types(), false)
            },
            EntityChange::Delete { .. } | EntityChange::Purge { .. } => Self {
                selected: change.types().map(TypeSelection::names).unwrap_or_default(),
                ..known(&[], false)
            },
        }
    }

    fn covered_by(&self, provision: &Provision, is_proxied: bool) -> Covers {
        if !provision.ids.include(self.id) {
            return Covers::No;
        }
        let Some(name) = &provision.r#type else {
            return Covers::Surely;
        };
        let (types, selected) = (&self.types, &self.selected);
        let is_untold = types.is_empty() && selected.is_empty();
        if types.contains(&name) || **selected == [name] {
            Covers::Surely
        } else if self.are_all {
            Covers::No
        } else if matches!(provision.ids, ProvidedIds::Only(_)) {
            // An entity that is named is meant, of whichever types somebody knows it.
            Covers::Surely
        } else if is_proxied && !is_untold && !selected.contains(&name) {
            // What is said to be of other types is not what it is registered for (clause 5.12).
            Covers::No
        } else {
            Covers::Perhaps
        }
    }
}

fn names_of(entity: &Entity) -> Vec<&AttributeName> {
    entity.attributes.iter().map(|attribute| &attribute.name).collect()
}

/// The same change of some attributes alone. Scopes belong to the entity, which who holds some attributes of it does not speak for.
fn reduced(change: &EntityChange, names: &[AttributeName], with_scopes: bool) -> EntityChange {
    let mut change = change.clone();
    match &mut change {
        EntityChange::Create(entity) | EntityChange::Put(entity) => reduce_entity(entity, names, with_scopes),
        EntityChange::Update { update, otherwise, .. } => {
            match &mut **update {
                Update::Replace(entity) => reduce_entity(entity, names, with_scopes),
                Update::Merge { fragment, .. } | Update::Append { fragment, .. } | Update::Attributes(fragment) => {
                    reduce_fragment(fragment, names, with_scopes);
                }
                Update::Attribute(_)
                | Update::ReplaceAttribute(_)
                | Update::DeleteAttribute { .. }
                | Update::DeleteScope => {}
            }
            if let Some(entity) = otherwise {
                reduce_entity(entity, names, with_scopes);
            }
        }
        // What a source has of them goes, by what it is registered for.
        EntityChange::Delete { .. } | EntityChange::Purge { .. } => {}
    }
    change
}

/// The same change where it makes no entity of nothing.
fn of_what_is_there(change: EntityChange) -> EntityChange {
    match change {
        EntityChange::Put(entity) => EntityChange::Update {
            id: entity.id.clone(),
            types: None,
            update: Box::new(Update::Replace(Box::new(entity))),
            otherwise: None,
        },
        change => change,
    }
}

fn reduce_entity(entity: &mut Entity, names: &[AttributeName], with_scopes: bool) {
    entity.attributes.retain(|attribute| names.contains(&attribute.name));
    if !with_scopes {
        entity.scopes.clear();
    }
}

fn reduce_fragment(fragment: &mut Fragment, names: &[AttributeName], with_scopes: bool) {
    fragment.attributes.retain(|attribute| names.contains(&attribute.name));
    if !with_scopes {
        fragment.scopes = None;
        fragment.removed.retain(|member| *member != RemovableMember::Scope);
    }
}
