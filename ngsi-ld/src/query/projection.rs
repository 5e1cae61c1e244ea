//! What is shown of an entity: `pick`, `omit` and `attrs` (clauses 4.21, 5.7.1 and 5.7.2), and `datasetId` (clause
//! 4.5.5.1).
//!
//! Pure data and functions over an entity. Members of linked entities (`observation{temperature}`) are a list of their
//! own inside of the list; [`Shown`] is what a list shows of one entity, and of those that it leads to.

mod shown;

use hashbrown::{HashMap, HashSet};

use super::SyntaxError;
use super::cursor::Cursor;
use super::names::take_name;
use crate::context::{Context, InvalidName};
use crate::entity::Entity;
use crate::{AttributeName, InvalidIri, Iri, check_absolute};

pub use self::shown::Shown;

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
    /// Those that stand without braces.
    attributes: HashSet<AttributeName>,
    /// Relationships, with what is named of the entities that they lead to.
    linked: HashMap<AttributeName, MemberList>,
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
    /// Members of entities that are more Relationships away than entities are retrieved.
    #[error("at position {position}: members of linked entities cannot be chosen: they are not retrieved")]
    Linked {
        /// Characters before the `{`, counted from 0.
        position: usize,
    },
}

impl MemberList {
    /// Reads names with `,` or `|` between them: `id`, `type`, `scope`, the names of system attributes, and names
    /// of attributes. Members of linked entities are refused.
    ///
    /// # Errors
    /// [`InvalidProjection`] names the position and what is wrong there.
    pub fn parse(text: &str, context: &Context) -> Result<Self, InvalidProjection> {
        Self::parse_linked(text, context, 0)
    }

    /// As [`MemberList::parse`], where a Relationship may be followed by members of the entities that it leads to, in
    /// braces: `name,locatedAt{name,isInCountry{name}}`. `levels`: so many braces may stand in each other.
    ///
    /// # Errors
    /// [`InvalidProjection`] names the position and what is wrong there.
    //= 4.21-1
    pub fn parse_linked(text: &str, context: &Context, levels: usize) -> Result<Self, InvalidProjection> {
        let mut cursor = Cursor::new(text);
        let mut left = MAX_PROJECTED_MEMBERS;
        let list = take_list(&mut cursor, context, levels, &mut left)?;
        if cursor.at_end() {
            Ok(list)
        } else {
            Err(cursor.expected("`,`, `|` or the end").into())
        }
    }

    /// Whether every member of the list is an attribute.
    #[must_use]
    pub fn names_attributes_alone(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether, as `pick`, it names a member that `omitted`, as `omit`, takes away again.
    #[must_use]
    pub fn overlaps(&self, omitted: &Self) -> bool {
        self.members.iter().any(|member| omitted.members.contains(member))
            || self.attributes().any(|name| omitted.attributes.contains(name))
            || self.linked.iter().any(|(name, list)| {
                let of_same = omitted.linked.get(name);
                of_same.is_some_and(|omitted| list.overlaps(omitted))
            })
    }

    /// The attributes among the members, each once.
    pub fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let with_braces = self.linked.keys().filter(|name| !self.attributes.contains(*name));
        self.attributes.iter().chain(with_braces)
    }

    /// The Relationships among the members that are followed, each with what is named of the entities that they lead to.
    pub fn linked(&self) -> impl Iterator<Item = (&AttributeName, &Self)> {
        self.linked.iter()
    }

    /// How many braces stand in each other.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.linked.values().map(|list| 1 + list.levels()).max().unwrap_or(0)
    }

    /// Adds what another list names of the same entities.
    fn add(&mut self, other: Self) {
        self.members.extend(other.members);
        self.attributes.extend(other.attributes);
        for (name, list) in other.linked {
            self.linked.entry(name).or_default().add(list);
        }
    }
}

/// Takes a list that ends with the text or before a `}`. `left`: so many members may still be named.
fn take_list(
    cursor: &mut Cursor<'_>,
    context: &Context,
    levels: usize,
    left: &mut usize,
) -> Result<MemberList, InvalidProjection> {
    const EXPECTED: &str = "the name of a member: id, type, scope or the name of an attribute";
    let mut list = MemberList::default();
    loop {
        *left = left
            .checked_sub(1)
            .ok_or_else(|| cursor.expected("at most 1,000 members"))?;
        let position = cursor.position();
        let keyword = ["@id", "@type"].into_iter().find(|keyword| cursor.eat_str(keyword));
        let name = keyword.or_else(|| take_name(cursor, |end| matches!(end, ',' | '|' | '{' | '}')));
        let name = name.ok_or_else(|| cursor.expected(EXPECTED))?;
        match EntityMember::from_name(name) {
            Some(member) => list.members.push(member),
            None => {
                let attribute = context.expand_written_attribute(name);
                let attribute = attribute.map_err(|error| InvalidProjection::Name { position, error })?;
                if cursor.peek() == Some('{') {
                    let of_linked = take_braces(cursor, context, levels, left)?;
                    list.linked.entry(attribute).or_default().add(of_linked);
                } else {
                    list.attributes.insert(attribute);
                }
            }
        }
        if !(cursor.eat(',') || cursor.eat('|')) {
            return Ok(list);
        }
    }
}

/// Takes `{...}`.
fn take_braces(
    cursor: &mut Cursor<'_>,
    context: &Context,
    levels: usize,
    left: &mut usize,
) -> Result<MemberList, InvalidProjection> {
    let position = cursor.position();
    let levels = levels.checked_sub(1).ok_or(InvalidProjection::Linked { position })?;
    cursor.eat('{');
    let list = take_list(cursor, context, levels, left)?;
    if cursor.eat('}') {
        Ok(list)
    } else {
        Err(cursor.expected("`,`, `|` or `}`").into())
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
        Shown::from(self).shows_member(member)
    }

    /// Whether an attribute is shown.
    #[must_use]
    pub fn shows_attribute(&self, name: &AttributeName) -> bool {
        Shown::from(self).shows_attribute(name)
    }

    /// Whether it can leave nothing of an entity: neither its id nor its types are shown.
    #[must_use]
    pub fn may_leave_nothing(&self) -> bool {
        Shown::from(self).may_leave_nothing()
    }

    /// Whether any member of an entity is shown, of its attributes those with an instance that is shown. Dates of the
    /// system are shown on demand only and do not count.
    #[must_use]
    pub fn leaves_something(&self, entity: &Entity, datasets: Option<&DatasetSelection>) -> bool {
        Shown::from(self).leaves_something(entity, datasets)
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
    //= 4.5.5.1-1, 5.7.1.4-10, 5.7.2.4-18
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
    //= 4.21-1
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
        assert_eq!(position("id{a}"), 2);
        assert!(matches!(fault("a,urn:"), InvalidProjection::Name { position: 2, .. }));
        let many = ["a"; MAX_PROJECTED_MEMBERS + 1].join(",");
        assert_eq!(position(&many), 2 * MAX_PROJECTED_MEMBERS);
        assert_eq!(list("@id,@type,a").members, [EntityMember::Id, EntityMember::Type]);
    }

    #[test]
    fn members_of_linked_entities_stand_in_braces() {
        let linked = |text, levels| MemberList::parse_linked(text, Context::core(), levels);
        let name = |name| Context::core().expand_attribute(name).unwrap();
        let list = linked("id,a{id,b|c{d}},e", 2).unwrap();
        assert_eq!(list.levels(), 2);
        let mut attributes: Vec<&AttributeName> = list.attributes().collect();
        attributes.sort();
        assert_eq!(attributes, [&name("a"), &name("e")]);
        assert_eq!(
            linked("a{b},a{c{d}}", 2).unwrap(),
            linked("a{c{d}|b}", 2).unwrap(),
            "what is said of one Relationship at two places is said together"
        );
        assert_eq!(linked("a{b{c}}", 1), Err(InvalidProjection::Linked { position: 3 }));
        let position = |text| match linked(text, 3) {
            Err(InvalidProjection::Syntax(error)) => error.position,
            other => panic!("{text}: {other:?}"),
        };
        for (text, expected) in [
            ("a{", 2),
            ("a{}", 2),
            ("a{b", 3),
            ("a{b}}", 4),
            ("a{b}c", 4),
            ("a{b}{c}", 4),
            ("{a}", 0),
        ] {
            assert_eq!(position(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_picked_and_omitted_at_once_is_found_in_braces_too() {
        let overlap = |picked, omitted| {
            let linked = |text| MemberList::parse_linked(text, Context::core(), 2).unwrap();
            linked(picked).overlaps(&linked(omitted))
        };
        for (picked, omitted, expected) in [
            ("a", "a", true),
            ("a{b}", "a", true),
            ("a", "a{b}", false),
            ("a{b}", "a{b}", true),
            ("a{id}", "a{id}", true),
            ("a{b}", "a{c}", false),
            ("a{b,c}", "b,c", false),
        ] {
            assert_eq!(overlap(picked, omitted), expected, "pick={picked}&omit={omitted}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_list_or_an_error(text in "([a-c]|[,|{}:.@]|id|\\PC){0,12}") {
            let _ = MemberList::parse(&text, Context::core());
            if let Ok(list) = MemberList::parse_linked(&text, Context::core(), 2) {
                prop_assert!(list.levels() <= 2);
            }
            let _ = DatasetSelection::parse(&text);
        }
    }
}
