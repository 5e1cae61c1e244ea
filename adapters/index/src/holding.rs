//! Which types and attributes of a source are kept, said by whoever knows their classes, and what of an entity may be.

use std::sync::Arc;

use kakehashi_contract::{AttributeSelection, SelectedNames, SourceQuery};
use ngsi_ld::{AttributeName, Entity, TypeName};

/// A type of which something is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldType {
    /// Which.
    pub name: TypeName,
    /// The attributes that are kept.
    pub attributes: SelectedNames,
    /// Which others the source may have.
    pub others: Others,
}

/// Attributes of a type that are not kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Others {
    /// These: the source makes no more.
    These(SelectedNames),
    /// Whichever the source has.
    Any,
}

/// What is kept of a source. Its types are in the order in which the source lists them, where it makes them itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Holding {
    types: Vec<HeldType>,
}

/// Leaves of an entity what may be kept of it.
pub type Judge = Arc<dyn Fn(&mut Entity) -> Judged + Send + Sync>;

/// What may be kept of an entity.
#[derive(Debug, Clone, PartialEq)]
pub enum Judged {
    /// All of it.
    Whole,
    /// It, without something that was in these attributes and that is shown to few.
    Without(Vec<AttributeName>),
    /// Nothing.
    Nothing,
}

/// Why what a source holds is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotHeld {
    /// More entities than are kept of one source.
    TooMany,
    /// More bytes than are kept of one source.
    TooLarge,
    /// Other sources have taken what there is room for.
    NoRoom,
    /// An entity has types of which not the same is kept.
    SeveralTypes,
    /// Two entities have one id.
    RepeatedId,
    /// An entity of which nothing may be kept.
    Guarded,
    /// To read it takes longer than it is to be kept.
    TooSlow,
}

impl NotHeld {
    /// The word for it in logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::TooLarge => "too_large",
            Self::NoRoom => "no_room",
            Self::SeveralTypes => "several_types",
            Self::RepeatedId => "repeated_id",
            Self::Guarded => "guarded",
            Self::TooSlow => "too_slow",
        }
    }
}

impl HeldType {
    fn includes(&self, asked: &AttributeSelection) -> bool {
        match (asked, &self.others) {
            (AttributeSelection::All, Others::These(others)) => others.is_empty(),
            (AttributeSelection::All, Others::Any) => false,
            (AttributeSelection::Only(names), others) => names.iter().all(|name| {
                self.attributes.binary_search(name).is_ok()
                    || matches!(others, Others::These(others) if others.binary_search(name).is_err())
            }),
        }
    }
}

impl Holding {
    /// Of these types.
    #[must_use]
    pub const fn of(types: Vec<HeldType>) -> Self {
        Self { types }
    }

    /// The types of which something is kept.
    #[must_use]
    pub fn types(&self) -> &[HeldType] {
        &self.types
    }

    /// Whether no attribute is kept of any type.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.iter().all(|of_type| of_type.attributes.is_empty())
    }

    /// Whether what is kept is enough to answer a question, but for what only few may see.
    #[must_use]
    pub fn answers(&self, query: &SourceQuery) -> bool {
        let holds_all = |name: &TypeName| {
            let of_type = self.types.iter().find(|of_type| of_type.name == *name);
            of_type.is_some_and(|of_type| of_type.includes(&query.attributes))
        };
        !query.fresh
            && self.lists_in_the_order_of_the_source(&query.types)
            && query.types.iter().all(holds_all)
            && looks_at_what_is_asked_for(query)
    }

    /// Whether entities of these types come in the source's own order: whoever walks through a list asks for ids alone, too, and
    /// what is answered from memory must not stand elsewhere than what the source answers. Of which attributes are made it is
    /// said by whoever makes them, type by type; others mix types as they like.
    fn lists_in_the_order_of_the_source(&self, types: &[TypeName]) -> bool {
        let is_made = |of_type: &HeldType| matches!(of_type.others, Others::These(_));
        types.len() == 1 || self.types.iter().all(is_made)
    }

    /// What the source is asked, so that it can be kept: of each type by itself, so that it is known of which type it is what
    /// is wrong with an entity.
    pub fn questions(&self) -> impl Iterator<Item = SourceQuery> {
        self.types.iter().map(|of_type| SourceQuery {
            attributes: AttributeSelection::Only(of_type.attributes.clone()),
            system_attributes: true,
            ..SourceQuery::of_types(vec![of_type.name.clone()])
        })
    }

    /// Whether the same is kept of entities of each of these types.
    #[must_use]
    pub fn are_alike(&self, types: &[TypeName]) -> bool {
        let mut attributes = types.iter().map(|name| {
            let of_type = self.types.iter().find(|of_type| of_type.name == *name);
            of_type.map(|of_type| &of_type.attributes)
        });
        let first = attributes.next().flatten();
        first.is_some() && attributes.all(|other| other == first)
    }
}

/// Whether conditions look at nothing but what is asked for: what is kept beside that would tell of itself.
#[must_use]
pub fn looks_at_what_is_asked_for(query: &SourceQuery) -> bool {
    let is_asked =
        |name: &AttributeName| query.attributes.includes(name) || (query.system_attributes && name.is_system_date());
    let filter = query.filter.as_deref();
    query.any_attribute.iter().all(is_asked)
        && query.geo.iter().all(|geo| is_asked(&geo.property))
        && filter.is_none_or(|filter| filter.link_depth() == 0 && filter.attributes().into_iter().all(is_asked))
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;
    use ngsi_ld::query::Expression;

    use super::*;

    fn names(short: &[&str]) -> SelectedNames {
        let expanded = short.iter().map(|name| Context::core().expand_attribute(name).unwrap());
        match AttributeSelection::only(expanded) {
            AttributeSelection::Only(names) => names,
            AttributeSelection::All => unreachable!(),
        }
    }

    fn of_type(name: &str, attributes: &[&str], others: Others) -> HeldType {
        HeldType {
            name: Context::core().expand_type(name).unwrap(),
            attributes: names(attributes),
            others,
        }
    }

    fn asked(types: &[&str], attributes: Option<&[&str]>) -> SourceQuery {
        let types = types.iter().map(|name| Context::core().expand_type(name).unwrap());
        SourceQuery {
            attributes: attributes.map_or(AttributeSelection::All, |short| AttributeSelection::Only(names(short))),
            ..SourceQuery::of_types(types.collect())
        }
    }

    #[test]
    fn what_is_not_kept_is_asked_of_the_source() {
        let holding = Holding::of(vec![
            of_type("A", &["name", "size"], Others::These(names(&["note"]))),
            of_type("B", &["name", "size"], Others::These(names(&[]))),
            of_type("C", &["name"], Others::Any),
        ]);
        let alike = |short: &[&str]| {
            let types: Vec<TypeName> = asked(short, None).types;
            holding.are_alike(&types)
        };
        assert!(alike(&["A", "B"]) && alike(&["C"]));
        assert!(!alike(&["A", "C"]) && !alike(&["A", "D"]) && !alike(&["D"]));
        for (types, attributes, answers) in [
            (&["A"][..], Some(&["name"][..]), true),
            // The source makes none of that name.
            (&["A"], Some(&["name", "unheard"]), true),
            (&["A"], Some(&["name", "note"]), false),
            (&["A"], None, false),
            (&["B"], None, true),
            // How it mixes types is the source's own.
            (&["A", "B", "C"], Some(&["name"]), false),
            (&["C"], Some(&["name"]), true),
            (&["A", "C"], Some(&["name", "size"]), false),
            (&["C"], Some(&["name", "unheard"]), false),
            (&["B", "D"], Some(&["name"]), false),
        ] {
            assert_eq!(
                holding.answers(&asked(types, attributes)),
                answers,
                "{types:?} {attributes:?}"
            );
        }
    }

    #[test]
    fn conditions_that_look_at_more_than_is_asked_for_are_the_sources() {
        let holding = Holding::of(vec![of_type("B", &["name", "size"], Others::These(names(&[])))]);
        let filtered = |attributes: &[&str], q: &str, system_attributes| SourceQuery {
            filter: Some(Expression::parse(q, Context::core()).unwrap().into()),
            system_attributes,
            ..asked(&["B"], Some(attributes))
        };
        assert!(holding.answers(&filtered(&["name", "size"], "size>3", false)));
        assert!(!holding.answers(&filtered(&["name"], "size>3", false)));
        assert!(!holding.answers(&filtered(&["name"], "modifiedAt>2026-01-01T00:00:00Z", false)));
        assert!(holding.answers(&filtered(&["name"], "modifiedAt>2026-01-01T00:00:00Z", true)));
        assert!(!holding.answers(&filtered(&["name"], "name{size}>3", false)));
        let fresh = SourceQuery {
            fresh: true,
            ..asked(&["B"], Some(&["name"]))
        };
        assert!(!holding.answers(&fresh));
    }
}
