//! Random questions, in the words of the query language.

use kakehashi_adapters::{AttributeSelection, Page, SourceQuery};
use ngsi_ld::query::{Expression, GeoQuery, IdPattern, ScopeQuery};
use ngsi_ld::{AttributeName, EntityId};
use proptest::prelude::*;
use proptest::sample::select;

use crate::context;
use crate::thing::{DATE_TIMES, DATES, NAMES, NUMBERS, REFERENCES, Shape, TEXTS, TIMES, TYPES, shape};

/// A question.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    types: Vec<&'static str>,
    ids: Vec<String>,
    id_pattern: Option<&'static str>,
    /// `None`: all attributes.
    shown: Option<Vec<&'static str>>,
    any_attribute: Vec<&'static str>,
    q: Option<String>,
    geo: Option<Geo>,
    scope: Option<&'static str>,
    system_attributes: bool,
    pub(crate) page: Page,
}

#[derive(Debug, Clone)]
struct Geo {
    relation: String,
    reference: Shape,
    property: &'static str,
}

fn name(short: &str) -> AttributeName {
    context().expand_attribute(short).unwrap()
}

impl Asked {
    /// As an adapter is asked it.
    pub(crate) fn query(&self) -> SourceQuery {
        let filter = self
            .q
            .as_ref()
            .map(|q| Expression::parse(q, context()).unwrap_or_else(|error| panic!("{q}: {error}")));
        let geo = self.geo.as_ref().map(|geo| {
            let reference = geo.reference.geo_json();
            let geometry = reference["type"].as_str().unwrap();
            let coordinates = reference["coordinates"].to_string();
            GeoQuery::parse(&geo.relation, geometry, &coordinates, Some(geo.property), context()).unwrap()
        });
        let any_attribute: Vec<AttributeName> = self.any_attribute.iter().map(|short| name(short)).collect();
        // What a condition looks at is asked for, as the gateway sees to.
        let looked_at = filter.iter().flat_map(Expression::attributes).cloned();
        let looked_at = looked_at.chain(geo.iter().map(|geo| geo.property.clone()));
        let attributes = match &self.shown {
            None => AttributeSelection::All,
            Some(shown) => AttributeSelection::only(
                shown
                    .iter()
                    .map(|short| name(short))
                    .chain(looked_at)
                    .chain(any_attribute.iter().cloned()),
            ),
        };
        let on_dates = self.q.as_ref().is_some_and(|q| {
            ["createdAt", "modifiedAt", "expiresAt"]
                .iter()
                .any(|date| q.contains(date))
        });
        SourceQuery {
            ids: self.ids.iter().map(|id| EntityId::parse(id).unwrap()).collect(),
            id_pattern: self.id_pattern.map(|pattern| IdPattern::parse(pattern).unwrap()),
            attributes,
            any_attribute,
            filter: filter.map(Into::into),
            geo: geo.map(Into::into),
            scope: self.scope.map(|scope| ScopeQuery::parse(scope).unwrap().into()),
            system_attributes: self.system_attributes || on_dates,
            ..SourceQuery::of_types(
                self.types
                    .iter()
                    .map(|short| context().expand_type(short).unwrap())
                    .collect(),
            )
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// What has an order.
fn comparable() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(NUMBERS).prop_map(str::to_owned),
        4 => select(TEXTS).prop_map(quoted),
        3 => select(DATE_TIMES).prop_map(str::to_owned),
        1 => select(DATES).prop_map(str::to_owned),
        1 => select(TIMES).prop_map(str::to_owned),
    ]
}

/// What may equal something.
fn value() -> impl Strategy<Value = String> {
    let uris = REFERENCES.iter().filter(|uri| uri.starts_with("urn:")).copied();
    prop_oneof![
        6 => comparable(),
        1 => any::<bool>().prop_map(|flag| flag.to_string()),
        1 => select(uris.collect::<Vec<_>>()).prop_map(str::to_owned),
    ]
}

/// Regular expressions, as plain as people write them and otherwise.
const PATTERNS: &[&str] = &[
    "佐野",
    "佐野.*",
    "^佐野",
    "市$",
    "^5$",
    "^.{0,2}$",
    ".*市",
    "^.*野.*$",
    "5",
    "[a-z].*",
    "a.b",
    "(x|y).*",
    ".*",
    ".+",
    "\\\\(x\\\\)",
    "\\\\d+",
    "か.*",
    "caf.*",
    "a b",
    ".*b.*",
    "(?i:abc|ＡＢＣ)",
    "tru?e",
];

fn comparison() -> impl Strategy<Value = String> {
    let equal = select(&["==", "!="][..]);
    let order = select(&["<", "<=", ">", ">="][..]);
    let pattern = select(&["~=", "!~="][..]);
    prop_oneof![
        1 => Just(String::new()),
        4 => (equal.clone(), prop::collection::vec(value(), 1..4))
            .prop_map(|(operator, values)| format!("{operator}{}", values.join(","))),
        1 => (equal, comparable(), comparable()).prop_map(|(operator, from, to)| format!("{operator}{from}..{to}")),
        3 => (order, comparable()).prop_map(|(operator, value)| format!("{operator}{value}")),
        2 => (pattern, select(PATTERNS)).prop_map(|(operator, pattern)| format!("{operator}\"{pattern}\"")),
    ]
}

/// Where a path leads on from an attribute.
const TRAILS: &[&str] = &[
    ".accuracy",
    ".accuracy[a]",
    ".observedAt",
    ".unitCode",
    ".datasetId",
    ".modifiedAt",
    ".nowhere",
    "[a]",
    "[a.b]",
    "[x-y]",
    "[type]",
    "[coordinates]",
    "[ja]",
    "[*]",
    "[漢字]",
    "[@value]",
];

fn condition() -> impl Strategy<Value = String> {
    let attribute = prop_oneof![
        12 => select(&NAMES[..]),
        1 => Just("nowhere"),
        1 => select(&["createdAt", "modifiedAt", "expiresAt"][..]),
    ];
    let trail = prop_oneof![3 => Just(""), 2 => select(TRAILS)];
    (attribute, trail, comparison())
        .prop_map(|(attribute, trail, comparison)| format!("{attribute}{trail}{comparison}"))
}

/// Any `q`: mostly one condition, so that questions have answers.
fn q() -> impl Strategy<Value = String> {
    let joined = |inner: BoxedStrategy<String>| {
        let either = prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join("|")));
        let both = prop::collection::vec(inner, 2..3).prop_map(|parts| format!("({})", parts.join(";")));
        prop_oneof![3 => either, 1 => both]
    };
    condition().prop_recursive(3, 8, 3, move |inner| joined(inner.boxed()))
}

fn relation() -> impl Strategy<Value = String> {
    let metres = select(&["0.5", "1", "890", "1112", "5000", "100000", "9000000"][..]);
    prop_oneof![
        3 => metres.clone().prop_map(|metres| format!("near;maxDistance=={metres}")),
        1 => metres.prop_map(|metres| format!("near;minDistance=={metres}")),
        4 => select(&["within", "contains", "intersects", "equals", "disjoint", "overlaps"][..]).prop_map(str::to_owned),
    ]
}

fn geo() -> impl Strategy<Value = Geo> {
    let property = prop_oneof![6 => Just("location"), 1 => select(&NAMES[..])];
    (relation(), shape(), property).prop_map(|(relation, reference, property)| Geo {
        relation,
        reference,
        property,
    })
}

fn ids() -> impl Strategy<Value = Vec<String>> {
    let own = (select(&TYPES[..]), 0_u8..10).prop_map(|(r#type, number)| format!("urn:ngsi-ld:{type}:{number}"));
    // As an id of Orion's that is no URI is shown.
    let generated =
        (select(&TYPES[..]), 0_u8..10).prop_map(|(r#type, number)| format!("urn:ngsi-ld:{type}:Room%2520{number}"));
    let odd = (select(&TYPES[..]), 0_u8..10, 0..4).prop_map(|(r#type, number, form)| match form {
        0 => format!("tel:+81.{type}.{number}"),
        // As it would be found by what the one before means in a regular expression.
        1 => format!("tel:81-{type}-{number}"),
        2 => format!("urn:ngsi-ld:{type}:a%2Bb%2A%24%5B{number}%5D"),
        _ => format!("urn:ngsi-ld:{type}:aab{number}"),
    });
    let id = prop_oneof![
        4 => own,
        2 => generated,
        2 => odd,
        1 => Just("urn:x:a,b".to_owned()),
        1 => Just("urn:避難所:1".to_owned()),
    ];
    prop_oneof![5 => Just(Vec::new()), 2 => prop::collection::vec(id, 1..8)]
}

const ID_PATTERNS: &[&str] = &[
    "^urn:ngsi-ld:AED",
    "^urn:ngsi-ld:AED:",
    "^urn:ngsi-ld:EvacuationSite:Room",
    "^urn:ngsi-ld",
    "[1-3]$",
    "Room",
    "%25",
    ".",
    "^urn:x:",
    "^tel:",
    "^a",
    "^R",
    "Room 1",
];

const SCOPE_QUERIES: &[&str] = &[
    "/栃木県",
    "/栃木県/#",
    "/栃木県/佐野市",
    "/栃木県/+",
    "/+/佐野市",
    "/#",
    "(/栃木県/佐野市;/disaster)",
    "/disaster,/north",
    "/north/#|/disaster/flood",
    "/north/station",
    "/north/+/#",
    "/栃木",
];

/// Any question.
pub(crate) fn asked() -> impl Strategy<Value = Asked> {
    let types = prop::sample::subsequence(&TYPES[..], 1..=2);
    let shown = prop::option::weighted(0.4, prop::sample::subsequence(&NAMES[..], 0..=3));
    let any_attribute = prop_oneof![
        4 => Just(Vec::new()),
        1 => prop::sample::subsequence(&["name", "maxCapacity", "dateObserved", "location", "nowhere"][..], 1..=2),
    ];
    (
        prop_oneof![1 => types, 3 => Just(TYPES.to_vec())],
        ids(),
        prop::option::weighted(0.15, select(ID_PATTERNS)),
        shown,
        any_attribute,
        prop::option::weighted(0.7, q()),
        prop::option::weighted(0.3, geo()),
        prop::option::weighted(0.15, select(SCOPE_QUERIES)),
        prop::bool::weighted(0.2),
        (1_usize..5, 0_usize..6),
    )
        .prop_map(
            |(types, ids, id_pattern, shown, any_attribute, q, geo, scope, system_attributes, (limit, offset))| Asked {
                types,
                ids,
                id_pattern,
                shown,
                any_attribute,
                q,
                geo,
                scope,
                system_attributes,
                page: Page { limit, offset },
            },
        )
}
