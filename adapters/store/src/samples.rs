//! Generated entities and queries for property tests: from few names and values, so that queries find
//! something, and with every kind of value that comparison treats in its own way.

use compact_str::CompactString;
use ngsi_ld::context::Context;
use ngsi_ld::entity::{
    Attribute, AttributeValue, DateTime, Geometry, Instance, Json, Number, ObjectTypes, Position, Seal, TemporalType,
    Value,
};
use ngsi_ld::query::{
    AttributePath, Comparand, Comparison, Condition, Expression, GeoQuery, GeoRelation, IdPattern, Operator, Ordering,
    Pattern, ScopeQuery,
};
use ngsi_ld::{AttributeName, Entity, EntityId, Iri, TypeName};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use kakehashi_contract::{AttributeSelection, SourceQuery};

const TEXTS: &[&str] = &[
    "",
    "a",
    "b",
    "避難所",
    "避難場所",
    "urn:x:1",
    "'; DROP TABLE names; --",
    "\u{0}x",
    "％",
];
const URIS: &[&str] = &["urn:x:1", "urn:x:2", "urn:避難所:3"];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "1.0",
    "-1.5",
    "2",
    "10",
    "9007199254740993",
    "9007199254740992.0",
    "1e-400",
    "-7",
    "18446744073709551616",
];
const DATES: &[&str] = &[
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.500Z",
    "2026-01-01T00:00:00.5Z",
    "2026-01-01T00:00:01Z",
    "9999-12-31T23:59:59.999999Z",
    "0000-01-01T00:00:00Z",
];
const TIMES: &[&str] = &["10:00:00Z", "10:00:00.50Z", "10:00:00.5Z", "23:59:59Z"];
const CALENDAR_DATES: &[&str] = &["2026-01-01", "2026-01-02"];
const JSON: &[&str] = &[
    "[]",
    "[1,2]",
    "[\"a\",\"避難所\",true]",
    "[[1],{\"a\":1},null]",
    "[{\"@type\":\"DateTime\",\"@value\":\"2026-01-01T00:00:00Z\"}]",
    "{\"a\":1,\"city\":\"佐野\"}",
    "{\"address\":{\"city\":\"避難所\"},\"a\":[1,\"a\"]}",
    "[\"\\u3042\",9007199254740993]",
];
const LANGUAGES: &[&str] = &["ja", "en"];
const CORE: &str = "https://uri.etsi.org/ngsi-ld/";

pub(super) fn name(position: usize) -> AttributeName {
    AttributeName::new(Iri::new(format!("https://example.org/attribute/{position}")))
}

pub(super) fn type_name(position: usize) -> TypeName {
    TypeName::new(Iri::new(format!("https://example.org/Type{position}")))
}

fn texts() -> impl Strategy<Value = compact_str::CompactString> {
    select(TEXTS).prop_map(Into::into)
}

fn dates() -> impl Strategy<Value = DateTime> {
    select(DATES).prop_map(|text| DateTime::parse(text).unwrap())
}

fn numbers() -> impl Strategy<Value = Number> {
    select(NUMBERS).prop_map(|text| Number::parse(text).unwrap())
}

fn temporals() -> impl Strategy<Value = (TemporalType, compact_str::CompactString)> {
    prop_oneof![
        select(TIMES).prop_map(|text| (TemporalType::Time, text.into())),
        select(CALENDAR_DATES).prop_map(|text| (TemporalType::Date, text.into())),
    ]
}

fn json() -> impl Strategy<Value = Json> {
    select(JSON).prop_map(|text| Json::parse(text).unwrap())
}

fn objects(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<EntityId>> {
    vec(select(URIS), count).prop_map(|uris| uris.into_iter().map(EntityId::new_unchecked).collect())
}

fn positions() -> impl Strategy<Value = Position> {
    // Around Tochigi, and where coordinates are special.
    let places = [
        (139.6, 36.3),
        (139.9, 36.8),
        (179.99, 0.0),
        (-179.99, 0.0),
        (10.0, 89.95),
        (-170.0, 89.95),
    ];
    (select(places.to_vec()), -0.02..0.02_f64, -0.02..0.02_f64).prop_map(|((longitude, latitude), east, north)| {
        Position::new(f64::clamp(longitude + east, -180.0, 180.0), latitude + north)
    })
}

pub(super) fn geometries() -> impl Strategy<Value = Geometry> {
    prop_oneof![
        3 => positions().prop_map(Geometry::Point),
        1 => vec(positions(), 2..4).prop_map(Geometry::LineString),
        1 => vec(positions(), 1..4).prop_map(Geometry::MultiPoint),
        1 => (positions(), 0.001..0.05_f64).prop_map(|(corner, size)| {
            let at = |east: f64, north: f64| {
                Position::new((corner.longitude + east).min(180.0), (corner.latitude + north).min(90.0))
            };
            Geometry::Polygon(vec![vec![at(0.0, 0.0), at(size, 0.0), at(size, size), at(0.0, size), at(0.0, 0.0)]])
        }),
    ]
}

fn values() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        4 => texts().prop_map(|text| AttributeValue::Property(Value::String(text))),
        4 => numbers().prop_map(|number| AttributeValue::Property(Value::Number(number))),
        2 => any::<bool>().prop_map(|boolean| AttributeValue::Property(Value::Boolean(boolean))),
        2 => dates().prop_map(|date| AttributeValue::Property(Value::DateTime(date))),
        2 => temporals().prop_map(|(r#type, value)| AttributeValue::Property(Value::Temporal { r#type, value })),
        2 => json().prop_map(|json| AttributeValue::Property(Value::Json(json))),
        1 => json().prop_map(AttributeValue::JsonProperty),
        1 => json().prop_map(AttributeValue::ListProperty),
        2 => objects(1..=2).prop_map(|objects| AttributeValue::Relationship {
            objects: objects.into_iter().collect(),
            object_types: ObjectTypes::default(),
        }),
        1 => objects(0..=2).prop_map(|objects| AttributeValue::ListRelationship {
            objects,
            object_types: [type_name(0)].into_iter().collect(),
        }),
        1 => vec(select(URIS), 1..3).prop_map(|terms| AttributeValue::VocabProperty(
            terms.into_iter().map(Iri::new).collect()
        )),
        1 => vec((select(LANGUAGES), vec(texts(), 0..3)), 0..3).prop_map(|languages| {
            AttributeValue::LanguageProperty(Box::new(
                languages
                    .into_iter()
                    .map(|(language, texts)| (language.into(), texts.into_iter().collect()))
                    .collect(),
            ))
        }),
        3 => geometries().prop_map(|geometry| AttributeValue::GeoProperty(Box::new(geometry))),
    ]
}

fn instances(depth: u32) -> BoxedStrategy<Instance> {
    let sub_attributes = if depth == 0 {
        Just(Vec::new()).boxed()
    } else {
        prop_oneof![2 => Just(Vec::new()), 1 => attributes(depth - 1)].boxed()
    };
    (values(), prop::option::of(dates()), any::<[bool; 3]>(), sub_attributes)
        .prop_map(
            |(value, observed_at, [has_unit, has_type, is_sealed], sub_attributes)| Instance {
                observed_at,
                unit_code: has_unit.then(|| "CEL".into()),
                value_type: has_type.then(|| Box::new(Iri::new("urn:t:Roman"))),
                seal: is_sealed.then(|| {
                    Box::new(Seal {
                        entity_id: Some(EntityId::new_unchecked("urn:e:1")),
                        entity_type: has_type.then(|| type_name(0)),
                    })
                }),
                sub_attributes,
                ..Instance::new(value)
            },
        )
        .boxed()
}

fn attributes(depth: u32) -> impl Strategy<Value = Vec<Attribute>> {
    let attribute = vec(instances(depth), 1..3).prop_map(|instances| {
        let with_dataset = |(mut instance, position): (Instance, usize)| {
            instance.dataset_id = (position > 0).then(|| Iri::new(format!("urn:dataset:{position}")));
            instance
        };
        instances.into_iter().zip(0..).map(with_dataset).collect()
    });
    vec(prop::option::of(attribute), 4).prop_map(|instances| {
        instances
            .into_iter()
            .enumerate()
            .filter_map(|(position, instances)| {
                Some(Attribute {
                    name: name(position),
                    instances: instances?,
                })
            })
            .collect()
    })
}

/// Scopes, and questions for them.
const SCOPES: &[&str] = &[
    "/栃木県",
    "/栃木県/佐野市",
    "/栃木県/佐野市/北",
    "/栃木",
    "/栃木県0",
    "/a_b",
];
const SCOPE_QUERIES: &[&str] = &[
    "/栃木県",
    "/栃木県/#",
    "/栃木県/+",
    "/栃木県/+/北",
    "/+",
    "/#",
    "(/栃木県/#;/a_b)|/栃木",
    "/a%b",
];

/// Any entity, one of 20 ids.
pub(super) fn entities() -> impl Strategy<Value = Entity> {
    let types = prop::sample::subsequence(vec![0, 1, 2], 1..=2);
    (
        0..20_u32,
        types,
        prop::sample::subsequence(SCOPES, 0..=2),
        prop::option::of(dates()),
        attributes(2),
    )
        .prop_map(|(number, types, scopes, expires_at, attributes)| {
            let id = EntityId::parse(&format!("urn:避難所:{number:02}")).unwrap();
            let mut entity = Entity::new(id, type_name(0));
            entity.types = types.into_iter().map(type_name).collect();
            entity.scopes = scopes.into_iter().map(CompactString::from).collect();
            if expires_at.is_some() {
                entity.system.dates_mut().expires_at = expires_at;
            }
            entity.attributes = attributes;
            entity
        })
}

fn comparands() -> impl Strategy<Value = Comparand> {
    prop_oneof![
        3 => texts().prop_map(Comparand::String),
        3 => numbers().prop_map(Comparand::Number),
        1 => any::<bool>().prop_map(Comparand::Boolean),
        3 => dates().prop_map(Comparand::DateTime),
        2 => temporals().prop_map(|(r#type, value)| Comparand::Temporal { r#type, value }),
        2 => select(URIS).prop_map(|uri| Comparand::Uri(Iri::new(uri))),
    ]
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    let operators = [
        Operator::Less,
        Operator::LessOrEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
    ];
    let patterns = ["a", "避難.*", ".*", "^避", "所$", "(?i)A|B", "[0-9]", "佐."];
    prop_oneof![
        4 => (any::<bool>(), vec(comparands(), 1..4))
            .prop_map(|(negated, values)| Comparison::Equal { negated, values }),
        2 => (any::<bool>(), comparands(), comparands())
            .prop_map(|(negated, from, to)| Comparison::Range { negated, from, to }),
        2 => (any::<bool>(), select(NUMBERS), select(NUMBERS)).prop_map(|(negated, from, to)| Comparison::Range {
            negated,
            from: Comparand::Number(Number::parse(from).unwrap()),
            to: Comparand::Number(Number::parse(to).unwrap()),
        }),
        4 => (select(operators.to_vec()), comparands())
            .prop_map(|(operator, value)| Comparison::Order { operator, value }),
        1 => (any::<bool>(), select(patterns.to_vec())).prop_map(|(negated, text)| Comparison::Pattern {
            negated,
            pattern: Pattern::parse(text).unwrap(),
        }),
    ]
}

fn conditions() -> impl Strategy<Value = Expression> {
    let core = |term: &str| AttributeName::new(Iri::new(format!("{CORE}{term}")));
    let sub_attributes = prop_oneof![
        6 => Just(Vec::new()),
        2 => Just(vec![core("observedAt")]),
        2 => select(vec!["unitCode", "datasetId", "createdAt", "modifiedAt", "expiresAt"]).prop_map(move |term| vec![core(term)]),
        2 => (0..4_usize).prop_map(|position| vec![name(position)]),
        1 => (0..4_usize, 0..4_usize).prop_map(|(one, other)| vec![name(one), name(other)]),
        1 => (0..4_usize).prop_map(move |position| vec![name(position), core("observedAt")]),
    ];
    let members = prop_oneof![
        8 => Just(Vec::new()),
        3 => select(vec!["city", "a", "ja", "en", "*", "type", "coordinates"]).prop_map(|member| vec![member.into()]),
        1 => Just(vec!["address".into(), "city".into()]),
    ];
    // The fifth name is one that no entity has; the dates of an entity are not among its attributes.
    let names = prop_oneof![
        12 => (0..5_usize).prop_map(name),
        1 => select(vec!["createdAt", "modifiedAt", "expiresAt"]).prop_map(core),
    ];
    (
        names,
        sub_attributes,
        members,
        prop::option::weighted(0.85, comparisons()),
    )
        .prop_map(|(attribute, sub_attributes, members, comparison)| {
            Expression::Condition(Condition {
                path: AttributePath {
                    attribute,
                    sub_attributes,
                    members,
                    linked: None,
                },
                comparison,
            })
        })
}

pub(super) fn expressions() -> impl Strategy<Value = Expression> {
    conditions().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(Expression::And),
            vec(inner, 1..4).prop_map(Expression::Or),
        ]
    })
}

fn geo_queries() -> impl Strategy<Value = GeoQuery> {
    let relations = prop_oneof![
        4 => (100.0..100_000.0_f64).prop_map(|max| GeoRelation::Near { min: None, max: Some(max) }),
        1 => (100.0..100_000.0_f64).prop_map(|min| GeoRelation::Near { min: Some(min), max: None }),
        1 => Just(GeoRelation::Near { min: Some(500.0), max: Some(2_000.0) }),
        3 => select(vec![
            GeoRelation::Within,
            GeoRelation::Contains,
            GeoRelation::Intersects,
            GeoRelation::Equals,
            GeoRelation::Disjoint,
            GeoRelation::Overlaps,
        ]),
    ];
    (relations, geometries(), 0..4_usize).prop_map(|(relation, geometry, position)| GeoQuery {
        relation,
        geometry: geometry.into(),
        property: name(position),
    })
}

/// The text of `orderBy` for terms, with what distances are measured from.
pub(super) fn orderings() -> impl Strategy<Value = Ordering> {
    let of_attribute = |position: usize, inside: &str, direction: &str| format!("a{position}{inside}{direction}");
    let directions = select(vec!["", ";desc"]);
    let inside = select(vec!["", "", "", ".observedAt", "[city]", "[ja]"]);
    let terms = prop_oneof![
        6 => (0..5_usize, inside, directions).prop_map(move |(position, inside, direction)| of_attribute(position, inside, direction)),
        2 => (0..4_usize, select(vec![";dist-asc", ";dist-desc"])).prop_map(move |(position, direction)| of_attribute(position, "", direction)),
        1 => select(vec!["id", "id;desc", "type", "scope;desc", "createdAt"]).prop_map(str::to_owned),
    ];
    (
        vec(terms, 1..3),
        select(vec![None, Some("ja"), Some("und-u-ks-level1")]),
    )
        .prop_map(|(terms, collation)| {
            let names: Vec<String> = (0..5)
                .map(|place| format!("\"a{place}\": \"{}\"", name(place).as_str()))
                .collect();
            let document = format!("{{\"@context\": {{{}}}}}", names.join(","));
            let context = Context::from_document(&document).unwrap();
            Ordering::parse(&terms.join(","), Some("[139.6,36.3]"), None, collation, &context).unwrap()
        })
}

/// Any query without a page.
pub(super) fn queries() -> impl Strategy<Value = SourceQuery> {
    let patterns = [
        "^urn:避難所:0",
        "^urn:避難所:1.*",
        "0",
        "^urn:避難所:0[1-5]$",
        "^urn:x",
        "^urn:避難所:00?",
        "[13579]$",
        "避.*(1|2)",
        "(?i)^URN:",
    ];
    (
        prop::sample::subsequence(vec![0, 1, 2, 3], 1..=2),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(0..25_u32, 1..4)],
        prop::option::weighted(0.3, select(patterns.to_vec())),
        prop_oneof![3 => Just(Vec::new()), 1 => vec(0..5_usize, 1..3)],
        prop::option::weighted(0.7, expressions()),
        prop::option::weighted(0.3, geo_queries()),
        prop::option::weighted(0.3, select(SCOPE_QUERIES)),
    )
        .prop_map(|(types, ids, pattern, any_attribute, filter, geo, scope)| SourceQuery {
            types: types.into_iter().map(type_name).collect(),
            ids: ids
                .into_iter()
                .map(|number| EntityId::parse(&format!("urn:避難所:{number:02}")).unwrap())
                .collect(),
            id_pattern: pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
            attributes: AttributeSelection::All,
            any_attribute: any_attribute.into_iter().map(name).collect(),
            filter: filter.map(Into::into),
            geo: geo.map(Into::into),
            scope: scope.map(|scope| ScopeQuery::parse(scope).unwrap().into()),
            system_attributes: true,
            fresh: false,
            beyond_open: false,
        })
}
