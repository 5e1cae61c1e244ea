//! A request of a consumer's, and how it goes over the wire.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::super::harness::encoded;
use super::From;
use super::chances::{area, day, filter};
use super::world::{Area, Comparison, Filter, IDS, LINK, TYPES, World, date, id, names};

#[derive(Debug, Clone)]
pub(super) enum Asked {
    Query {
        types: Vec<&'static str>,
        attributes: Vec<&'static str>,
        filter: Option<Filter>,
        linked: Option<Linked>,
        /// When it was modified.
        modified: Option<Modified>,
        area: Option<Area>,
        /// `joinLevel` of a flat answer; 0: none.
        join: usize,
        limit: usize,
        offset: usize,
    },
    Retrieve {
        id: usize,
        attributes: Vec<&'static str>,
        /// `joinLevel` of a flat answer; 0: none.
        join: usize,
    },
    Types,
    /// Which types and attributes there are, with what is told of them.
    Known(Known),
}

/// What is asked about types and attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Every type, with its attributes.
    Types,
    /// One type: its attributes, and how many entities of it there are.
    Type(&'static str),
    /// Every attribute.
    Attributes,
    /// Every attribute, with the types that have it.
    AttributesOfTypes,
    /// One attribute: the types that have it, and how often.
    Attribute(&'static str),
}

/// A condition on when an entity was modified.
#[derive(Debug, Clone, Copy)]
pub(super) enum Modified {
    /// On this day or later.
    Since(u32),
    Before(u32),
}

/// A condition on an entity that is so many Relationships away.
#[derive(Debug, Clone)]
pub(super) struct Linked {
    pub(super) links: usize,
    pub(super) condition: Filter,
    /// Whether it is enough without the rest of the filter.
    pub(super) alone_is_enough: bool,
}

fn linked() -> impl Strategy<Value = Linked> {
    let condition = filter().prop_map(|filter| {
        // The first condition of it: a path leads to one attribute.
        let mut first = &filter;
        while let Filter::And(one, _) | Filter::Or(one, _) = first {
            first = one;
        }
        first.clone()
    });
    (1..3_usize, condition, any::<bool>()).prop_map(|(links, condition, alone_is_enough)| Linked {
        links,
        condition,
        alone_is_enough,
    })
}

/// `joinLevel`
fn join() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => 1..4_usize]
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) consumer: usize,
    pub(super) tenant: Option<usize>,
    /// One of the consumer's.
    pub(super) purpose: Option<&'static str>,
    /// Whether parts of an entity may meet conditions together.
    pub(super) split_entities: bool,
    /// Whether dates are shown (`sysAttrs`).
    pub(super) dated: bool,
    pub(super) asked: Asked,
}

fn modified() -> impl Strategy<Value = Modified> {
    prop_oneof![day().prop_map(Modified::Since), day().prop_map(Modified::Before)]
}

fn asked() -> impl Strategy<Value = Asked> {
    let attributes = || prop_oneof![2 => Just(Vec::new()), 1 => subsequence(names(), 1..4)];
    let query = (
        prop_oneof![4 => subsequence(TYPES.to_vec(), 1..3), 1 => Just(Vec::new())],
        attributes(),
        option::weighted(0.5, filter()),
        option::weighted(0.25, linked()),
        option::weighted(0.2, modified()),
        option::weighted(0.3, area()),
        join(),
        1..6_usize,
        prop_oneof![4 => Just(0_usize), 1 => 1..3_usize],
    );
    let query = query.prop_map(
        |(types, mut attributes, filter, linked, modified, area, join, limit, offset)| {
            let is_too_wide = types.is_empty() && filter.is_none() && linked.is_none() && area.is_none();
            if is_too_wide && attributes.is_empty() {
                // Without any of them the query is too wide.
                attributes = names();
            }
            Asked::Query {
                types,
                attributes,
                filter,
                // A condition on linked entities needs them to be retrieved.
                join: join.max(linked.as_ref().map_or(0, |linked: &Linked| linked.links)),
                linked,
                modified,
                area,
                limit,
                offset,
            }
        },
    );
    let retrieve = (0..IDS, attributes(), join());
    let retrieve = retrieve.prop_map(|(id, attributes, join)| Asked::Retrieve { id, attributes, join });
    let known = prop_oneof![
        Just(Known::Types),
        select(TYPES.as_slice()).prop_map(Known::Type),
        Just(Known::Attributes),
        Just(Known::AttributesOfTypes),
        select(names()).prop_map(Known::Attribute),
    ];
    prop_oneof![
        8 => query,
        3 => retrieve,
        1 => Just(Asked::Types),
        2 => known.prop_map(Asked::Known),
    ]
}

/// Questions of the consumers of a world.
pub(super) fn questions(world: &World, count: usize) -> impl Strategy<Value = Vec<Question>> + use<> {
    let purposes: Vec<Vec<&'static str>> = world
        .consumers
        .iter()
        .map(|consumer| consumer.purposes.clone())
        .collect();
    let tenants = world.tenants.len();
    let split_entities = world.shares;
    let question = (
        0..world.consumers.len(),
        option::weighted(0.25, 0..tenants),
        prop::bool::weighted(0.25),
        asked(),
        any::<prop::sample::Index>(),
    );
    let question = question.prop_map(move |(consumer, tenant, dated, asked, index)| {
        let own = &purposes[consumer];
        let stated = index.index(own.len() + 1);
        Question {
            consumer,
            tenant,
            purpose: own.get(stated).copied(),
            split_entities,
            dated: dated && !matches!(asked, Asked::Types | Asked::Known(_)),
            asked,
        }
    });
    vec(question, count)
}

/// A filter in the query language of clause 4.9.
pub(super) fn q(filter: &Filter) -> String {
    match filter {
        Filter::And(one, other) => format!("({};{})", q(one), q(other)),
        Filter::Or(one, other) => format!("({}|{})", q(one), q(other)),
        Filter::Condition(name, comparison, value) => condition(name, *comparison, *value),
    }
}

fn condition(path: &str, comparison: Comparison, value: i64) -> String {
    match comparison {
        Comparison::Exists => path.to_owned(),
        Comparison::Equal => format!("{path}=={value}"),
        Comparison::NotEqual => format!("{path}!={value}"),
        Comparison::Less => format!("{path}<{value}"),
        Comparison::GreaterOrEqual => format!("{path}>={value}"),
    }
}

/// The whole `q`; `None`: there is none.
fn whole_q(filter: Option<&Filter>, linked: Option<&Linked>) -> Option<String> {
    let own = filter.map(q);
    let Some(Linked {
        links,
        condition: Filter::Condition(name, comparison, value),
        alone_is_enough,
    }) = linked
    else {
        return own;
    };
    let path = format!("{}{name}{}", format!("{LINK}{{").repeat(*links), "}".repeat(*links));
    let linked = condition(&path, *comparison, *value);
    let operator = if *alone_is_enough { '|' } else { ';' };
    Some(own.map_or(linked.clone(), |own| format!("{own}{operator}{linked}")))
}

/// The ring around a box, as GeoJSON.
pub(super) fn ring(Area([west, south, east, north]): Area) -> String {
    let degrees = |halves: i64| format!("{:.1}", halves as f64 / 2.0);
    let corners = [
        (west, south),
        (east, south),
        (east, north),
        (west, north),
        (west, south),
    ];
    let corners = corners.map(|(longitude, latitude)| format!("[{},{}]", degrees(longitude), degrees(latitude)));
    format!("[[{}]]", corners.join(","))
}

/// The largest page that may be asked for.
pub(super) const LARGEST_PAGE: usize = 1_000;

impl Question {
    /// The same for all of its list.
    pub(super) fn whole(&self) -> Self {
        let mut whole = self.clone();
        if let Asked::Query { limit, offset, .. } = &mut whole.asked {
            (*limit, *offset) = (LARGEST_PAGE, 0);
        }
        whole
    }

    /// Path and query of the first page of this size, not counted.
    pub(super) fn uncounted(&self, size: usize) -> String {
        let mut first = self.clone();
        if let Asked::Query { limit, offset, .. } = &mut first.asked {
            (*limit, *offset) = (size, 0);
        }
        first.target().replace("count=true&", "")
    }

    pub(super) fn from(&self) -> From {
        From {
            consumer: self.consumer,
            tenant: self.tenant,
            purpose: self.purpose,
        }
    }

    /// The same, without what asks for dates or looks at them.
    pub(super) fn without_dates(&mut self) {
        self.dated = false;
        if let Asked::Query { modified, .. } = &mut self.asked {
            *modified = None;
        }
    }

    /// Path and query.
    pub(super) fn target(&self) -> String {
        match &self.asked {
            Asked::Types => "/ngsi-ld/v1/types".to_owned(),
            Asked::Known(known) => match known {
                Known::Types => "/ngsi-ld/v1/types?details=true".to_owned(),
                Known::Type(name) => format!("/ngsi-ld/v1/types/{}", encoded(name)),
                Known::Attributes => "/ngsi-ld/v1/attributes".to_owned(),
                Known::AttributesOfTypes => "/ngsi-ld/v1/attributes?details=true".to_owned(),
                Known::Attribute(name) => format!("/ngsi-ld/v1/attributes/{name}"),
            },
            Asked::Retrieve {
                id: number,
                attributes,
                join,
            } => {
                let mut target = format!("/ngsi-ld/v1/entities/{}?", id(*number));
                if !attributes.is_empty() {
                    write!(target, "attrs={}&", attributes.join(",")).unwrap();
                }
                if *join > 0 {
                    write!(target, "join=flat&joinLevel={join}&").unwrap();
                }
                if self.dated {
                    target.push_str("options=sysAttrs");
                }
                target
            }
            Asked::Query {
                types,
                attributes,
                filter,
                linked,
                modified,
                area,
                join,
                limit,
                offset,
            } => {
                let mut target = format!("/ngsi-ld/v1/entities?count=true&limit={limit}&offset={offset}");
                let mut add = |name: &str, value: &str| write!(target, "&{name}={}", encoded(value)).unwrap();
                if self.split_entities {
                    add("splitEntities", "true");
                }
                if !types.is_empty() {
                    add("type", &types.join(","));
                }
                if !attributes.is_empty() {
                    add("attrs", &attributes.join(","));
                }
                let modified = modified.map(|modified| match modified {
                    Modified::Since(day) => format!("modifiedAt>={}", date(day)),
                    Modified::Before(day) => format!("modifiedAt<{}", date(day)),
                });
                match (whole_q(filter.as_ref(), linked.as_ref()), modified) {
                    (None, None) => {}
                    (Some(q), None) | (None, Some(q)) => add("q", &q),
                    (Some(q), Some(modified)) => add("q", &format!("({q});{modified}")),
                }
                if self.dated {
                    add("options", "sysAttrs");
                }
                if *join > 0 {
                    add("join", "flat");
                    add("joinLevel", &join.to_string());
                }
                if let Some(area) = area {
                    add("georel", "within");
                    add("geometry", "Polygon");
                    add("coordinates", &ring(*area));
                }
                target
            }
        }
    }
}
