//! A request of a consumer's, and how it goes over the wire.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::super::harness::encoded;
use super::world::{Area, Comparison, Filter, IDS, TYPES, World, area, filter, names};

#[derive(Debug, Clone)]
pub(super) enum Asked {
    Query {
        types: Vec<&'static str>,
        attributes: Vec<&'static str>,
        filter: Option<Filter>,
        area: Option<Area>,
        limit: usize,
        offset: usize,
    },
    Retrieve {
        id: usize,
        attributes: Vec<&'static str>,
    },
    Types,
}

#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) consumer: usize,
    pub(super) tenant: Option<usize>,
    /// One of the consumer's.
    pub(super) purpose: Option<&'static str>,
    /// Whether parts of an entity may meet conditions together.
    pub(super) split_entities: bool,
    pub(super) asked: Asked,
}

fn asked() -> impl Strategy<Value = Asked> {
    let attributes = || prop_oneof![2 => Just(Vec::new()), 1 => subsequence(names(), 1..4)];
    let query = (
        prop_oneof![4 => subsequence(TYPES.to_vec(), 1..3), 1 => Just(Vec::new())],
        attributes(),
        option::weighted(0.5, filter()),
        option::weighted(0.3, area()),
        1..6_usize,
        prop_oneof![4 => Just(0_usize), 1 => 1..3_usize],
    );
    let query = query.prop_map(|(types, mut attributes, filter, area, limit, offset)| {
        if types.is_empty() && attributes.is_empty() && filter.is_none() && area.is_none() {
            // Without any of them the query is too wide.
            attributes = names();
        }
        Asked::Query {
            types,
            attributes,
            filter,
            area,
            limit,
            offset,
        }
    });
    let retrieve = (0..IDS, attributes()).prop_map(|(id, attributes)| Asked::Retrieve { id, attributes });
    prop_oneof![8 => query, 3 => retrieve, 1 => Just(Asked::Types)]
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
        asked(),
        any::<prop::sample::Index>(),
    );
    let question = question.prop_map(move |(consumer, tenant, asked, index)| {
        let own = &purposes[consumer];
        let stated = index.index(own.len() + 1);
        Question {
            consumer,
            tenant,
            purpose: own.get(stated).copied(),
            split_entities,
            asked,
        }
    });
    vec(question, count)
}

/// The id of an entity.
pub(super) fn id(number: usize) -> String {
    format!("urn:iso:{number}")
}

/// A filter in the query language of clause 4.9.
pub(super) fn q(filter: &Filter) -> String {
    match filter {
        Filter::And(one, other) => format!("({};{})", q(one), q(other)),
        Filter::Or(one, other) => format!("({}|{})", q(one), q(other)),
        Filter::Condition(name, comparison, value) => match comparison {
            Comparison::Exists => (*name).to_owned(),
            Comparison::Equal => format!("{name}=={value}"),
            Comparison::NotEqual => format!("{name}!={value}"),
            Comparison::Less => format!("{name}<{value}"),
            Comparison::GreaterOrEqual => format!("{name}>={value}"),
        },
    }
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

impl Question {
    /// Path and query.
    pub(super) fn target(&self) -> String {
        match &self.asked {
            Asked::Types => "/ngsi-ld/v1/types".to_owned(),
            Asked::Retrieve { id: number, attributes } => {
                let mut target = format!("/ngsi-ld/v1/entities/{}", id(*number));
                if !attributes.is_empty() {
                    write!(target, "?attrs={}", attributes.join(",")).unwrap();
                }
                target
            }
            Asked::Query {
                types,
                attributes,
                filter,
                area,
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
                if let Some(filter) = filter {
                    add("q", &q(filter));
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
