//! Which types and attributes are personal. The class of a name decides what may be granted at all, before any
//! policy is asked.
//!
//! Open and limited are said of exact names only. The stricter classes are also recognised by the last part of a name in
//! any vocabulary, in any spelling: an attribute does not become harmless by another prefix.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use dashmap::DashMap;
use hashbrown::{DefaultHashBuilder, HashMap, HashSet};
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use ngsi_ld::{AttributeName, TypeName};

use super::guarded_names::GuardedNames;
use super::name_from_outside::NameFromOutside;
use super::spelling::parts_of_id;

/// The class of a type or an attribute. The later in this list, the stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// For everybody.
    Open,
    /// For whom a permit names it to.
    Limited,
    /// About a person once its recipient joins it with what it knows (個人関連情報): for whom holds the consent that a
    /// permit names.
    PersonRelated,
    /// Made so that no person can be told from it (匿名加工情報): for whom holds the contract that a permit names.
    Anonymised,
    /// About persons under other names (仮名加工情報): for its owner's own consumers.
    Pseudonymised,
    /// About an identifiable person.
    Personal,
    /// About a person, of the kinds that need special care (要配慮個人情報).
    SpecialCare,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Limited,
        Self::PersonRelated,
        Self::Anonymised,
        Self::Pseudonymised,
        Self::Personal,
        Self::SpecialCare,
    ];

    /// The name in classification.toml and in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Limited => "limited",
            Self::PersonRelated => "person-related",
            Self::Anonymised => "anonymised",
            Self::Pseudonymised => "pseudonymised",
            Self::Personal => "personal",
            Self::SpecialCare => "special-care",
        }
    }

    /// Whether it is about a person. Such a name is never granted.
    #[must_use]
    pub const fn is_personal(self) -> bool {
        matches!(self, Self::Personal | Self::SpecialCare)
    }

    /// Whether more than a permit decides who may have it. Such a name is recognised in every vocabulary.
    #[must_use]
    pub const fn is_guarded(self) -> bool {
        !matches!(self, Self::Open | Self::Limited)
    }

    /// The stricter of two.
    pub(super) fn stricter(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Classes of attributes: of one type, or of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AttributeClasses {
    exact: HashMap<AttributeName, Class>,
    guarded: GuardedNames<Class>,
}

impl AttributeClasses {
    /// Classes one name; a guarded one by its spelling too. Said twice, the stricter class holds.
    pub(super) fn add(&mut self, short_name: &str, expanded: Option<AttributeName>, class: Class) {
        if let Some(name) = expanded {
            let entry = self.exact.entry(name).or_insert(class);
            *entry = entry.stricter(class);
        }
        if class.is_guarded() {
            self.guarded.add(last_part(short_name), class, Class::stricter);
        }
    }

    /// Puts the classes of `other` over these.
    pub(super) fn override_with(&mut self, other: Self) {
        for name in other.exact.keys() {
            self.guarded.remove(last_part(name.as_str()));
        }
        self.exact.extend(other.exact);
        self.guarded.override_with(other.guarded);
    }

    /// Adds what others say otherwise.
    fn add_changes_to(&self, others: &Self, title: &str, told: &mut Vec<String>) {
        let names: BTreeSet<&AttributeName> = self.exact.keys().chain(others.exact.keys()).collect();
        for name in names {
            let (was, is) = (self.exact.get(name).copied(), others.exact.get(name).copied());
            if was != is {
                let name = compact_attribute(name);
                told.push(format!("{name} of {title} was {} and is {}", word(was), word(is)));
            }
        }
        let guarded = |classes: &Self| -> BTreeSet<(String, Class)> {
            let named = classes.guarded.all();
            named.map(|(name, class)| (name.to_owned(), *class)).collect()
        };
        for (name, class) in guarded(self).symmetric_difference(&guarded(others)) {
            told.push(format!("whether {name} of {title} is {class} in every vocabulary"));
        }
    }

    /// Whether some attribute is granted only by a permit that names it.
    fn has_any_to_be_named(&self) -> bool {
        let mut classes = self.exact.values();
        classes.any(|class| *class != Class::Open && !class.is_personal())
    }

    /// The names of a class that may be asked for by name, in order.
    fn names_of(&self, class: Class) -> BTreeSet<AttributeName> {
        let of_class = self.exact.iter().filter(|(_, of_name)| **of_name == class);
        of_class.map(|(name, _)| name.clone()).collect()
    }
}

/// What classification.toml says of one type.
#[derive(Debug, Clone)]
pub(super) struct TypeEntry {
    pub(super) class: Class,
    pub(super) attributes: AttributeClasses,
}

/// Everything that classification.toml says. Immutable.
#[derive(Debug, Clone, Default)]
pub struct Classification {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    types: HashMap<TypeName, Arc<TypeClasses>>,
    guarded: GuardedNames<Arc<TypeClasses>>,
    /// Every attribute that the file names.
    attributes: HashSet<AttributeName>,
    /// Attributes in which a facility publishes how it is reached.
    facility_contacts: HashSet<AttributeName>,
    /// Names as the file writes them, for suggestions.
    names: Vec<String>,
    unclassified: Arc<TypeClasses>,
}

/// Most attribute names per type whose class is remembered: far more than a type has, far less than an attacker
/// could send.
const MAX_REMEMBERED: usize = 4096;

/// The classes of the attributes of one type, with what it says of all types behind it.
#[derive(Debug, Default)]
pub(super) struct TypeClasses {
    /// The class of the type itself; `None`: nobody has classified it.
    pub(super) class: Option<Class>,
    /// The name that policies know the type by, whichever of its aliases it is called; `None`: its own.
    pub(super) policy_name: Option<TypeName>,
    own: AttributeClasses,
    everywhere: Arc<AttributeClasses>,
    /// Attributes that an unrestricted permit grants, in order.
    pub(super) open: Vec<AttributeName>,
    /// Whether some attribute needs to be named by a permit.
    pub(super) has_limited: bool,
    remembered: DashMap<AttributeName, Option<Class>, DefaultHashBuilder>,
}

impl TypeClasses {
    fn new(entry: TypeEntry, policy_name: Option<TypeName>, everywhere: &Arc<AttributeClasses>) -> Self {
        let open = entry.attributes.names_of(Class::Open);
        Self {
            class: Some(entry.class),
            policy_name,
            open: open.into_iter().collect(),
            has_limited: entry.attributes.has_any_to_be_named(),
            own: entry.attributes,
            everywhere: Arc::clone(everywhere),
            remembered: DashMap::default(),
        }
    }

    /// The attributes of this type that have a class by name.
    pub(super) fn named(&self, class: Class) -> impl Iterator<Item = &AttributeName> {
        let own = self.own.exact.iter();
        own.filter(move |(_, of_name)| **of_name == class).map(|(name, _)| name)
    }

    /// The attributes of this type that have a class by name, whichever.
    pub(super) fn all_named(&self) -> impl Iterator<Item = &AttributeName> {
        self.own.exact.keys()
    }

    /// The attributes that have a class by name in every type that does not say otherwise.
    pub(super) fn named_everywhere(&self) -> impl Iterator<Item = &AttributeName> {
        self.everywhere.exact.keys()
    }

    /// The class of an attribute of this type; `None`: nobody has classified it.
    pub(super) fn attribute(&self, name: &AttributeName) -> Option<Class> {
        // Names that the file writes need no judging.
        if let Some(class) = self.own.exact.get(name) {
            return Some(*class);
        }
        if let Some(class) = self.remembered.get(name) {
            return *class;
        }
        let class = self.class_by_spelling(name);
        if self.remembered.len() < MAX_REMEMBERED {
            self.remembered.insert(name.clone(), class);
        }
        class
    }

    /// The class of a name that the file does not write as it is. Read in several ways, the strictest counts.
    fn class_by_spelling(&self, name: &AttributeName) -> Option<Class> {
        if let Some(class) = self.everywhere.exact.get(name) {
            return Some(*class);
        }
        let (own, everywhere) = (&self.own.guarded, &self.everywhere.guarded);
        let mut strictest = None;
        NameFromOutside::of(name.as_str()).read(
            &|start| own.has_one_that_begins(start) || everywhere.has_one_that_begins(start),
            &mut |spelled| strictest = strictest.max(own.get(spelled).or_else(|| everywhere.get(spelled)).copied()),
        );
        strictest
    }
}

impl Classification {
    pub(super) fn new(
        everywhere: AttributeClasses,
        entries: Vec<(Vec<String>, Vec<TypeName>, TypeEntry)>,
        facility_contacts: HashSet<AttributeName>,
    ) -> Self {
        let everywhere = Arc::new(everywhere);
        let mut inner = Inner {
            unclassified: Arc::new(TypeClasses {
                everywhere: Arc::clone(&everywhere),
                ..TypeClasses::default()
            }),
            attributes: everywhere.exact.keys().cloned().collect(),
            facility_contacts,
            ..Inner::default()
        };
        for (names, expanded, entry) in entries {
            inner.attributes.extend(entry.attributes.exact.keys().cloned());
            let is_guarded = entry.class.is_guarded();
            let classes = Arc::new(TypeClasses::new(entry, expanded.first().cloned(), &everywhere));
            if is_guarded {
                for name in &names {
                    let stricter = |one: Arc<TypeClasses>, other: Arc<TypeClasses>| {
                        if other.class >= one.class { other } else { one }
                    };
                    inner.guarded.add(last_part(name), Arc::clone(&classes), stricter);
                }
            }
            inner.names.extend(names.into_iter().filter(|name| !name.contains('*')));
            for name in expanded {
                inner.types.insert(name, Arc::clone(&classes));
            }
        }
        Self { inner: Arc::new(inner) }
    }

    /// The class of a type; `None`: nobody has classified it.
    #[must_use]
    pub fn type_class(&self, r#type: &TypeName) -> Option<Class> {
        self.type_classes(r#type).class
    }

    /// Whether the file names the attribute, of whatever type.
    pub(super) fn knows_attribute(&self, name: &AttributeName) -> bool {
        self.inner.attributes.contains(name)
    }

    /// Whether a facility publishes in this attribute how it is reached.
    pub(super) fn is_facility_contact(&self, name: &AttributeName) -> bool {
        self.inner.facility_contacts.contains(name)
    }

    /// The class of an attribute in entities of a type; `None`: nobody has classified it.
    #[must_use]
    pub fn attribute_class(&self, r#type: &TypeName, attribute: &AttributeName) -> Option<Class> {
        self.type_classes(r#type).attribute(attribute)
    }

    /// Whether the file has the attribute by its name, of a type or of all.
    #[must_use]
    pub fn names_attribute(&self, name: &AttributeName) -> bool {
        self.inner.attributes.contains(name)
    }

    /// Whether the file speaks of this type.
    #[must_use]
    pub fn knows_type(&self, r#type: &TypeName) -> bool {
        self.inner.types.contains_key(r#type)
    }

    pub(super) fn type_classes(&self, r#type: &TypeName) -> &Arc<TypeClasses> {
        if let Some(classes) = self.inner.types.get(r#type) {
            return classes;
        }
        let guarded = self.guarded_type(&NameFromOutside::of(r#type.as_str()));
        guarded.unwrap_or(&self.inner.unclassified)
    }

    /// The strictest of the guarded types that a name may be read as.
    fn guarded_type(&self, name: &NameFromOutside) -> Option<&Arc<TypeClasses>> {
        let guarded = &self.inner.guarded;
        let mut strictest: Option<&Arc<TypeClasses>> = None;
        name.read(&|start| guarded.has_one_that_begins(start), &mut |spelled| {
            if let Some(found) = guarded.get(spelled)
                && strictest.is_none_or(|known| known.class < found.class)
            {
                strictest = Some(found);
            }
        });
        strictest
    }

    /// The guarded type that a part of an id names, however it is written.
    pub(super) fn guarded_type_in_part_of_id(&self, part: &str) -> Option<&Arc<TypeClasses>> {
        self.guarded_type(&NameFromOutside::of_part_of_id(part))
    }

    /// Whether the type and its attributes have the same classes in another classification.
    pub(super) fn says_the_same_of(&self, r#type: &TypeName, other: &Self) -> bool {
        let (own, others) = (self.type_classes(r#type), other.type_classes(r#type));
        self.type_class(r#type) == other.type_class(r#type)
            && own.policy_name == others.policy_name
            && own.own == others.own
            && own.everywhere == others.everywhere
    }

    /// What another classification says otherwise, in words: of types, of their attributes, of what is guarded in every
    /// vocabulary, of contacts.
    pub(crate) fn changes_to(&self, other: &Self) -> Vec<String> {
        let (old, new) = (&self.inner, &other.inner);
        let mut told = Vec::new();
        let names: BTreeSet<&TypeName> = old.types.keys().chain(new.types.keys()).collect();
        for name in names {
            let (was, is) = (self.type_classes(name), other.type_classes(name));
            let title = format!("the type {}", compact_type(name));
            if was.class != is.class {
                told.push(format!("{title} was {} and is {}", word(was.class), word(is.class)));
            }
            if was.policy_name != is.policy_name {
                told.push(format!("{title} is another name of another type"));
            }
            was.own.add_changes_to(&is.own, &title, &mut told);
        }
        let (was, is) = (&old.unclassified.everywhere, &new.unclassified.everywhere);
        was.add_changes_to(is, "every type", &mut told);
        let guarded = |inner: &Inner| -> BTreeSet<(String, Option<Class>)> {
            let named = inner.guarded.all();
            named.map(|(name, classes)| (name.to_owned(), classes.class)).collect()
        };
        for (name, class) in guarded(old).symmetric_difference(&guarded(new)) {
            told.push(format!(
                "whether types called {name} are {} in every vocabulary",
                word(*class)
            ));
        }
        for name in old.facility_contacts.symmetric_difference(&new.facility_contacts) {
            told.push(format!(
                "whether {} is a contact of a facility",
                compact_attribute(name)
            ));
        }
        told.sort();
        told
    }

    pub(super) fn types(&self) -> impl Iterator<Item = &TypeName> {
        self.inner.types.keys()
    }

    /// The names of types as the file writes them.
    pub fn type_names(&self) -> &[String] {
        &self.inner.names
    }

    /// The guarded types that an id names in one of its parts, as `urn:ngsi-ld:Resident:1` does.
    pub(super) fn guarded_in_id<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a TypeClasses> {
        let is_any = !self.inner.guarded.is_empty();
        let parts = is_any.then(|| parts_of_id(id)).into_iter().flatten();
        parts.filter_map(|part| self.inner.guarded.spelled(&part).map(AsRef::as_ref))
    }

    /// The class of an attribute where the type is not said: guarded if it is in any type that does not say
    /// otherwise, or in every type that says something; else the least strict of what types say.
    pub(super) fn class_somewhere(&self, name: &AttributeName) -> Option<Class> {
        let everywhere = self.inner.unclassified.attribute(name);
        if everywhere.is_some_and(Class::is_guarded) {
            return everywhere;
        }
        let said = self.inner.types.values().filter_map(|classes| classes.attribute(name));
        said.reduce(|one, other| if one.stricter(other) == one { other } else { one })
    }

    /// Whether an attribute of that name is personal in any type that does not say otherwise.
    pub fn is_personal_everywhere(&self, name: &AttributeName) -> bool {
        self.inner.unclassified.attribute(name).is_some_and(Class::is_personal)
    }
}

fn word(class: Option<Class>) -> &'static str {
    class.map_or("unclassified", Class::as_str)
}

/// The last part of an IRI or a short name.
fn last_part(name: &str) -> &str {
    name.rsplit(['/', '#', ':']).next().unwrap_or(name)
}
