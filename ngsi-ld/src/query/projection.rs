//! What is shown of an entity: `pick`, `omit` and `attrs` (clauses 4.21, 5.7.1 and 5.7.2), and `datasetId` (clause
//! 4.5.5.1).
//!
//! Pure data and functions over an entity. Members of linked entities (`observation{temperature}`) are recognised and
//! refused: this version does not retrieve them.

use hashbrown::HashSet;

use super::SyntaxError;
use super::cursor::Cursor;
use super::names::take_name;
use crate::context::{Context, InvalidName};
use crate::entity::{Attribute, Entity};
use crate::{AttributeName, InvalidIri, Iri, check_absolute};

/// Most members that one list may name. No public model has as many.
pub const MAX_PROJECTED_MEMBERS: usize = 1_000;

/// A member of an entity that is no attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityMember {
    /// `id`
    Id,
    /// `type`
    Type,
    /// `scope`
    Scope,
    /// `createdAt`
    CreatedAt,
    /// `modifiedAt`
    ModifiedAt,
    /// `deletedAt`
    DeletedAt,
    /// `expiresAt`
    ExpiresAt,
}

impl EntityMember {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "id" | "@id" => Self::Id,
            "type" | "@type" => Self::Type,
            "scope" => Self::Scope,
            "createdAt" => Self::CreatedAt,
            "modifiedAt" => Self::ModifiedAt,
            "deletedAt" => Self::DeletedAt,
            "expiresAt" => Self::ExpiresAt,
            _ => return None,
        })
    }
}

/// A list of members, as `pick` and `omit` carry it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemberList {
    members: Vec<EntityMember>,
    attributes: HashSet<AttributeName>,
}

/// Why a text is no list of members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProjection {
    /// Not of the grammar of clause 4.21.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A name that stands for no attribute.
    #[error("at position {position}: {error}")]
    Name {
        /// Characters before the name, counted from 0.
        position: usize,
        /// What is wrong with it.
        error: InvalidName,
    },
    /// Members of a linked entity.
    #[error("at position {position}: members of linked entities cannot be chosen: they are not retrieved")]
    Linked {
        /// Characters before the `{`, counted from 0.
        position: usize,
    },
}

impl MemberList {
    /// Reads names with `,` or `|` between them: `id`, `type`, `scope`, the names of system attributes, and names
    /// of attributes.
    ///
    /// # Errors
    /// [`InvalidProjection`] names the position and what is wrong there.
    pub fn parse(text: &str, context: &Context) -> Result<Self, InvalidProjection> {
        const EXPECTED: &str = "the name of a member: id, type, scope or the name of an attribute";
        let mut cursor = Cursor::new(text);
        let mut list = Self::default();
        for _ in 0..MAX_PROJECTED_MEMBERS {
            let position = cursor.position();
            let keyword = ["@id", "@type"].into_iter().find(|keyword| cursor.eat_str(keyword));
            let name = keyword.or_else(|| take_name(&mut cursor, |end| matches!(end, ',' | '|' | '{' | '}')));
            let name = name.ok_or_else(|| cursor.expected(EXPECTED))?;
            match EntityMember::from_name(name) {
                Some(member) => list.members.push(member),
                None => {
                    let attribute = context.expand_attribute(name);
                    let attribute = attribute.map_err(|error| InvalidProjection::Name { position, error })?;
                    list.attributes.insert(attribute);
                }
            }
            if cursor.at_end() {
                return Ok(list);
            }
            if cursor.peek() == Some('{') {
                let position = cursor.position();
                return Err(InvalidProjection::Linked { position });
            }
            if !(cursor.eat(',') || cursor.eat('|')) {
                return Err(cursor.expected("`,`, `|` or the end").into());
            }
        }
        Err(cursor.expected("at most 1,000 members").into())
    }

    /// Whether every member of the list is an attribute.
    #[must_use]
    pub fn names_attributes_alone(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether both lists have a member.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.members.iter().any(|member| other.members.contains(member))
            || !self.attributes.is_disjoint(&other.attributes)
    }

    /// The attributes among the members.
    pub fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        self.attributes.iter()
    }
}

/// What is shown of an entity. Without any list: everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Projection {
    /// `pick`: these members and no others.
    pub picked: Option<MemberList>,
    /// `omit`: not these members.
    pub omitted: Option<MemberList>,
    /// `attrs`: of the attributes these alone; other members are not touched by it.
    pub attributes: Option<HashSet<AttributeName>>,
}

impl Projection {
    /// Whether a member that is no attribute is shown.
    #[must_use]
    pub fn shows_member(&self, member: EntityMember) -> bool {
        let named = |list: &MemberList| list.members.contains(&member);
        self.picked.as_ref().is_none_or(named) && !self.omitted.as_ref().is_some_and(named)
    }

    /// Whether an attribute is shown.
    #[must_use]
    pub fn shows_attribute(&self, name: &AttributeName) -> bool {
        let named = |list: &MemberList| list.attributes.contains(name);
        self.picked.as_ref().is_none_or(named)
            && !self.omitted.as_ref().is_some_and(named)
            && self.attributes.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Whether it can leave nothing of an entity: neither its id nor its types are shown.
    #[must_use]
    pub fn may_leave_nothing(&self) -> bool {
        !self.shows_member(EntityMember::Id) && !self.shows_member(EntityMember::Type)
    }

    /// Whether any member of an entity is shown, of its attributes those with an instance that is shown. Dates of the
    /// system are shown on demand only and do not count.
    #[must_use]
    pub fn leaves_something(&self, entity: &Entity, datasets: Option<&DatasetSelection>) -> bool {
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

    /// Removes what is not shown, so that it need not be kept or sent on. The id and the types stay, an entity being
    /// none without them; rendering leaves them out.
    pub fn apply(&self, entity: &mut Entity) {
        entity
            .attributes
            .retain(|attribute| self.shows_attribute(&attribute.name));
        if !self.shows_member(EntityMember::Scope) {
            entity.scopes.clear();
        }
        if entity.system.dates().is_some() {
            let dates = entity.system.dates_mut();
            for (member, date) in [
                (EntityMember::CreatedAt, &mut dates.created_at),
                (EntityMember::ModifiedAt, &mut dates.modified_at),
                (EntityMember::DeletedAt, &mut dates.deleted_at),
                (EntityMember::ExpiresAt, &mut dates.expires_at),
            ] {
                if !self.shows_member(member) {
                    *date = None;
                }
            }
        }
    }
}

/// `datasetId`: the instances of attributes that are shown (clause 4.5.5.1).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DatasetSelection {
    /// `@none`: instances without a `datasetId`.
    default: bool,
    datasets: Vec<Iri>,
}

/// Why a text is no list of `datasetId`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at position {position}: expected a URI or @none: {error}")]
pub struct InvalidDatasetSelection {
    /// Characters before the entry, counted from 0.
    pub position: usize,
    /// What is wrong with it.
    pub error: InvalidIri,
}

impl DatasetSelection {
    /// Reads URIs, and `@none`, with `,` between them.
    ///
    /// # Errors
    /// [`InvalidDatasetSelection`] names the position and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, InvalidDatasetSelection> {
        let mut selection = Self::default();
        let mut position = 0;
        for entry in text.split(',') {
            if entry == "@none" {
                selection.default = true;
            } else {
                check_absolute(entry).map_err(|error| InvalidDatasetSelection { position, error })?;
                selection.datasets.push(Iri::new(entry));
            }
            position += entry.chars().count() + 1;
        }
        Ok(selection)
    }

    /// Whether an instance with that `datasetId` is shown.
    #[must_use]
    pub fn shows(&self, dataset_id: Option<&Iri>) -> bool {
        dataset_id.map_or(self.default, |id| self.datasets.contains(id))
    }

    /// Removes the instances that are not shown, and attributes without any left.
    pub fn apply(&self, entity: &mut Entity) {
        for attribute in &mut entity.attributes {
            attribute
                .instances
                .retain(|instance| self.shows(instance.dataset_id.as_ref()));
        }
        entity.attributes.retain(|attribute| !attribute.instances.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entity::parse::parse_entity;

    fn list(text: &str) -> MemberList {
        MemberList::parse(text, Context::core()).unwrap()
    }

    fn entity() -> Entity {
        let json = r#"{"id":"urn:a:1","type":"T","scope":"/S","createdAt":"2026-01-01T00:00:00Z","a":1,
            "b":[{"value":1},{"value":2,"datasetId":"urn:d:1"}],"c":{"value":3,"datasetId":"urn:d:2"}}"#;
        parse_entity(json.as_bytes(), Context::core()).unwrap()
    }

    fn names(entity: &Entity) -> Vec<String> {
        let short = |name: &AttributeName| Context::core().compact(name.as_str()).into_owned();
        entity
            .attributes
            .iter()
            .map(|attribute| short(&attribute.name))
            .collect()
    }

    #[test]
    fn picked_members_stay_and_omitted_ones_go() {
        let mut picked = entity();
        let projection = Projection {
            picked: Some(list("id,a|c")),
            ..Projection::default()
        };
        projection.apply(&mut picked);
        assert_eq!(names(&picked), ["a", "c"]);
        assert!(picked.scopes.is_empty());
        assert_eq!(picked.system.dates().unwrap().created_at, None);
        assert!(projection.shows_member(EntityMember::Id));
        assert!(!projection.shows_member(EntityMember::Type));

        let mut omitted = entity();
        let projection = Projection {
            omitted: Some(list("type,a,scope,unknown")),
            ..Projection::default()
        };
        projection.apply(&mut omitted);
        assert_eq!(names(&omitted), ["b", "c"]);
        assert!(omitted.scopes.is_empty());
        assert!(omitted.system.dates().unwrap().created_at.is_some());
        assert!(!projection.shows_member(EntityMember::Type));

        let mut both = entity();
        let attributes = Some(list("b,c").attributes().cloned().collect());
        let projection = Projection {
            attributes,
            omitted: Some(list("c")),
            picked: None,
        };
        projection.apply(&mut both);
        assert_eq!(names(&both), ["b"]);
        assert!(projection.shows_member(EntityMember::Id));
        assert_eq!(both.scopes.len(), 1);
    }

    #[test]
    fn instances_are_chosen_by_their_dataset() {
        for (text, expected, instances) in [
            ("@none", &["a", "b"][..], 2),
            ("urn:d:1", &["b"], 1),
            ("@none,urn:d:1", &["a", "b"], 3),
            ("urn:d:1,urn:d:2", &["b", "c"], 2),
            ("urn:d:9", &[], 0),
        ] {
            let mut chosen = entity();
            DatasetSelection::parse(text).unwrap().apply(&mut chosen);
            assert_eq!(names(&chosen), expected, "{text}");
            let count: usize = chosen
                .attributes
                .iter()
                .map(|attribute| attribute.instances.len())
                .sum();
            assert_eq!(count, instances, "{text}");
        }
        let error = DatasetSelection::parse("@none,x").unwrap_err();
        assert_eq!(
            error,
            InvalidDatasetSelection {
                position: 6,
                error: InvalidIri::NoScheme
            }
        );
        assert!(DatasetSelection::parse("").is_err());
    }

    #[test]
    fn what_is_no_list_is_named_with_its_position() {
        let fault = |text| MemberList::parse(text, Context::core()).unwrap_err();
        let position = |text| match fault(text) {
            InvalidProjection::Syntax(error) => error.position,
            other => panic!("{other:?}"),
        };
        assert_eq!(position(""), 0);
        assert_eq!(position("a,"), 2);
        assert_eq!(position(",a"), 0);
        assert_eq!(position("避難所.b"), 3);
        assert_eq!(position("a b"), 1);
        assert_eq!(position("a}"), 1);
        assert_eq!(fault("a,b{c,d}"), InvalidProjection::Linked { position: 3 });
        assert!(matches!(fault("a,urn:"), InvalidProjection::Name { position: 2, .. }));
        let many = ["a"; MAX_PROJECTED_MEMBERS + 1].join(",");
        assert_eq!(position(&many), 2 * MAX_PROJECTED_MEMBERS);
        assert_eq!(list("@id,@type,a").members, [EntityMember::Id, EntityMember::Type]);
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error(text in "([a-c]|[,|{}:.@]|id|\\PC){0,12}") {
            let _ = MemberList::parse(&text, Context::core());
            let _ = DatasetSelection::parse(&text);
        }
    }
}
