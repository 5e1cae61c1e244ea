//! The names of types and attributes that a question mentions, and where: what hints are about, and what `explain` judges.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use kakehashi_federation::Question;
use ngsi_ld::projection::{MemberList, Projection};
use ngsi_ld::query::{AttributePath, Expression, Ordering, TypeSelection};
use ngsi_ld::{AttributeName, TypeName};

/// A name that a question mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentioned {
    /// Which.
    pub name: MentionedName,
    /// The parameters that mention it, each once.
    pub parameters: Vec<&'static str>,
}

/// The name of a type, or of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MentionedName {
    /// Of a type.
    Type(TypeName),
    /// Of an attribute.
    Attribute(AttributeName, Of),
}

/// Of which entities an attribute is meant to be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Of {
    /// Of those that are asked for.
    Asked,
    /// Of those that Relationships lead to, of one of these types; none: of any type.
    Linked(Vec<TypeName>),
}

impl Mentioned {
    /// Whether a name that stands for nothing there can be why nothing is found: what is left out of the answer cannot.
    #[must_use]
    pub fn may_decide(&self) -> bool {
        self.parameters.iter().any(|parameter| *parameter != OMIT)
    }
}

const OMIT: &str = "omit";

/// The names that a question mentions, each once, in the order in which the guide lists the parameters. Dates of the system
/// are nobody's names.
pub(super) fn mentioned(question: &Question, projection: Option<&Projection>) -> Vec<Mentioned> {
    let mut collecting = Collecting::default();
    let of_selectors = question.selectors.iter().filter_map(|one| one.types.as_ref());
    let selections = question.query.types.iter().chain(of_selectors);
    for name in selections.flat_map(TypeSelection::names) {
        collecting.add(MentionedName::Type(name.clone()), "type");
    }
    if let Some(Projection {
        picked,
        omitted,
        attributes,
    }) = projection
    {
        let attrs: BTreeSet<&AttributeName> = attributes.iter().flatten().collect();
        for name in attrs {
            collecting.add_attribute(name, Of::Asked, "attrs");
        }
        for (list, parameter) in [(picked, "pick"), (omitted, OMIT)] {
            if let Some(list) = list {
                collecting.add_members(list, &Of::Asked, parameter);
            }
        }
    }
    if let Some(filter) = &question.query.filter {
        collecting.add_conditions(filter);
    }
    if let Some(geo) = &question.query.geo {
        collecting.add_attribute(&geo.property, Of::Asked, "geoproperty");
    }
    for path in question.order.iter().flat_map(Ordering::paths) {
        collecting.add_path(path, Of::Asked, "orderBy");
    }
    collecting.all
}

#[derive(Default)]
struct Collecting {
    all: Vec<Mentioned>,
    /// Where each stands.
    places: HashMap<MentionedName, usize>,
}

impl Collecting {
    fn add(&mut self, name: MentionedName, parameter: &'static str) {
        let place = *self.places.entry(name).or_insert_with_key(|name| {
            self.all.push(Mentioned {
                name: name.clone(),
                parameters: Vec::new(),
            });
            self.all.len() - 1
        });
        if let Some(known) = self.all.get_mut(place)
            && !known.parameters.contains(&parameter)
        {
            known.parameters.push(parameter);
        }
    }

    fn add_attribute(&mut self, name: &AttributeName, of: Of, parameter: &'static str) {
        if !name.is_system_date() {
            self.add(MentionedName::Attribute(name.clone(), of), parameter);
        }
    }

    fn add_members(&mut self, list: &MemberList, of: &Of, parameter: &'static str) {
        let names: BTreeSet<&AttributeName> = list.attributes().collect();
        for name in names {
            self.add_attribute(name, of.clone(), parameter);
        }
        let mut linked: Vec<(&AttributeName, &MemberList)> = list.linked().collect();
        linked.sort_unstable_by_key(|(name, _)| *name);
        for (_, list) in linked {
            self.add_members(list, &Of::Linked(Vec::new()), parameter);
        }
    }

    fn add_conditions(&mut self, filter: &Expression) {
        match filter {
            Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| self.add_conditions(part)),
            Expression::Condition(condition) => self.add_path(&condition.path, Of::Asked, "q"),
        }
    }

    fn add_path(&mut self, path: &AttributePath, of: Of, parameter: &'static str) {
        self.add_attribute(&path.attribute, of, parameter);
        if let Some(linked) = &path.linked {
            for name in &linked.types {
                self.add(MentionedName::Type(name.clone()), parameter);
            }
            self.add_path(&linked.path, Of::Linked(linked.types.clone()), parameter);
        }
    }
}
