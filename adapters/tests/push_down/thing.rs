//! Random entities, before they are put into the language of a source.
//!
//! Values come from small sets, which questions use as well: of values that nothing equals nothing would be learnt.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// The types that are asked for. Sources hold others as well, which nobody may see.
pub(crate) const TYPES: [&str; 2] = ["EvacuationSite", "AED"];

/// The attributes. Any of them may hold anything. The last one is named after what it leads to, as is the custom with NGSI-v2.
pub(crate) const NAMES: [&str; 6] = ["name", "maxCapacity", "dateObserved", "location", "managedBy", "refAED"];

/// Texts that languages, encodings and query languages take for something else.
pub(crate) const TEXTS: &[&str] = &[
    "",
    "5",
    "5.0",
    "true",
    "null",
    "佐野市",
    "佐野市役所",
    "佐野",
    "\u{304c}",
    "\u{304b}\u{3099}",
    "caf\u{e9}",
    "cafe\u{301}",
    "😀",
    "👨\u{200d}👩\u{200d}👧",
    "שלום",
    "\u{202e}abc",
    "a b",
    " a",
    "a'b",
    "'a'",
    "a\"b",
    "a\\b",
    "a=b;c",
    "(x)",
    "x|y",
    "x,y",
    "<b>",
    "1..5",
    "9..17時",
    "a..b",
    "..",
    "a\nb",
    "a\u{0}b",
    "100%",
    "a+b&c",
    "ＡＢＣ",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "10:00:00Z",
    "urn:ngsi-ld:AED:1",
    "Room 1",
    "Point",
    "CEL",
];

/// Numbers whose neighbours, precision and notation matter.
pub(crate) const NUMBERS: &[&str] = &[
    "0",
    "-0.0",
    "1",
    "5",
    "5.0",
    "5.5",
    "-1.25",
    "120",
    "0.1",
    "0.30000000000000004",
    "3.14159265358979",
    "4.9999999999",
    "1e-10",
    "123456789.123456789",
    "1e15",
    "1e20",
    "1.5e300",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
];

/// Points in time around one another.
pub(crate) const DATE_TIMES: &[&str] = &[
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.0004Z",
    "2026-01-01T00:00:00.0015Z",
    "2025-12-31T23:59:59.999Z",
    "2026-01-01T09:30:00.5Z",
    "1969-12-31T23:59:59Z",
    "2038-01-19T03:14:08Z",
];

/// Dates and times of day.
pub(crate) const DATES: &[&str] = &["2026-01-01", "2025-12-31"];
pub(crate) const TIMES: &[&str] = &["10:00:00Z", "10:00:00.50Z", "09:59:59Z"];

/// What Relationships lead to. The last ones are no URIs.
pub(crate) const REFERENCES: &[&str] = &[
    "urn:ngsi-ld:AED:1",
    "urn:ngsi-ld:Thing:Room%201",
    "urn:ngsi-ld:AED:Room%201",
    "urn:ngsi-ld:Organization:佐野",
    "Room 1",
];

/// Where entities belong.
pub(crate) const SCOPES: &[&str] = &[
    "/栃木県",
    "/栃木県/佐野市",
    "/栃木県/佐野市/北",
    "/栃木",
    "/disaster",
    "/disaster/flood",
    "/north",
];

/// One value of an attribute.
#[derive(Debug, Clone)]
pub(crate) enum Worth {
    Null,
    Text(&'static str),
    Number(&'static str),
    Boolean(bool),
    DateTime(&'static str),
    Date(&'static str),
    Time(&'static str),
    /// Texts, numbers and flags.
    List(Vec<Value>),
    Object(Value),
    References(Vec<&'static str>),
    Place(Shape),
    /// A text in Japanese, and some in English.
    Languages(&'static str, Vec<&'static str>),
}

/// A geometry, on a grid of a hundredth of a degree.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Point(i16, i16),
    /// From one end to the other.
    Line([i16; 4]),
    /// A rectangle: west, south, width, height.
    Area([i16; 4]),
    Points([i16; 4]),
}

/// An attribute.
#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) value: Worth,
    /// One of several ways in which a source may keep it.
    pub(crate) style: u8,
    /// An attribute of the attribute.
    pub(crate) accuracy: Option<Worth>,
    pub(crate) observed_at: Option<&'static str>,
    pub(crate) unit_code: Option<&'static str>,
    /// A second instance, with a datasetId.
    pub(crate) second: Option<Worth>,
}

/// An entity.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) number: u8,
    pub(crate) r#type: &'static str,
    /// One of several ways in which a source may keep it.
    pub(crate) style: u8,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) attributes: BTreeMap<&'static str, Attribute>,
}

impl Thing {
    /// Its id, where ids are URIs.
    pub(crate) fn uri(&self) -> String {
        format!("urn:ngsi-ld:{}:{}", self.r#type, self.number)
    }
}

/// The number as JSON.
pub(crate) fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

impl Shape {
    /// Longitude and latitude in degrees.
    pub(crate) fn degrees([x, y]: [i16; 2]) -> [f64; 2] {
        [139.9 + f64::from(x) / 100.0, 36.9 + f64::from(y) / 100.0]
    }

    /// The positions of a rectangle's ring.
    pub(crate) fn ring([west, south, width, height]: [i16; 4]) -> [[f64; 2]; 5] {
        let (east, north) = (west + width.max(1), south + height.max(1));
        [
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south],
        ]
        .map(Self::degrees)
    }

    pub(crate) fn geo_json(self) -> Value {
        let (r#type, coordinates) = match self {
            Self::Point(x, y) => ("Point", json!(Self::degrees([x, y]))),
            Self::Line([x, y, width, height]) => (
                "LineString",
                json!([Self::degrees([x, y]), Self::degrees([x + width.max(1), y + height])]),
            ),
            Self::Area(area) => ("Polygon", json!([Self::ring(area)])),
            Self::Points([x, y, width, height]) => (
                "MultiPoint",
                json!([Self::degrees([x, y]), Self::degrees([x + width, y + height])]),
            ),
        };
        json!({ "type": r#type, "coordinates": coordinates })
    }
}

/// Any geometry. Most lie near to one another.
pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let near = || (-3_i16..4, -3_i16..4, 0_i16..5, 0_i16..5);
    prop_oneof![
        6 => near().prop_map(|(x, y, ..)| Shape::Point(x, y)),
        1 => (-9000_i16..3000, -9000_i16..4000).prop_map(|(x, y)| Shape::Point(x, y)),
        2 => near().prop_map(|(x, y, width, height)| Shape::Line([x, y, width, height])),
        2 => near().prop_map(|(x, y, width, height)| Shape::Area([x, y, width, height])),
        1 => near().prop_map(|(x, y, width, height)| Shape::Points([x, y, width, height])),
    ]
}

/// A text, a number or a flag, as JSON.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        select(TEXTS).prop_map(Value::from),
        select(NUMBERS).prop_map(number),
        any::<bool>().prop_map(Value::from),
    ]
}

/// A JSON object with members that questions ask for.
fn object() -> impl Strategy<Value = Value> {
    let typed = prop_oneof![
        select(DATE_TIMES).prop_map(|text| json!({ "@type": "DateTime", "@value": text })),
        select(DATES).prop_map(|text| json!({ "@type": "Date", "@value": text })),
    ];
    let inner = prop_oneof![
        4 => scalar(),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(Value::from),
        1 => typed,
        1 => scalar().prop_map(|value| json!({ "b": value })),
    ];
    let member = select(&["a", "b", "x-y", "type", "ja", "漢字", "a.b"][..]);
    prop::collection::btree_map(member, inner, 0..4).prop_map(|members| json!(members))
}

/// A value of a Property.
fn plain() -> impl Strategy<Value = Worth> {
    prop_oneof![
        6 => select(TEXTS).prop_map(Worth::Text),
        6 => select(NUMBERS).prop_map(Worth::Number),
        2 => any::<bool>().prop_map(Worth::Boolean),
        3 => select(DATE_TIMES).prop_map(Worth::DateTime),
        1 => select(DATES).prop_map(Worth::Date),
        1 => select(TIMES).prop_map(Worth::Time),
        2 => prop::collection::vec(scalar(), 0..4).prop_map(Worth::List),
        3 => object().prop_map(Worth::Object),
    ]
}

fn worth() -> impl Strategy<Value = Worth> {
    prop_oneof![
        12 => plain(),
        1 => Just(Worth::Null),
        2 => prop::collection::vec(select(REFERENCES), 1..3).prop_map(Worth::References),
        4 => shape().prop_map(Worth::Place),
        1 => (select(TEXTS), prop::collection::vec(select(TEXTS), 0..3))
            .prop_map(|(ja, en)| Worth::Languages(ja, en)),
    ]
}

fn sometimes<T: Clone + std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.2, strategy)
}

fn attribute(value: impl Strategy<Value = Worth>) -> impl Strategy<Value = Attribute> {
    let unit_code = select(&["CEL", "IE", "°"][..]);
    (
        value,
        0_u8..6,
        sometimes(plain()),
        sometimes(select(DATE_TIMES)),
        sometimes(unit_code),
        sometimes(plain()),
    )
        .prop_map(|(value, style, accuracy, observed_at, unit_code, second)| Attribute {
            value,
            style,
            accuracy,
            observed_at,
            unit_code,
            second,
        })
}

fn thing() -> impl Strategy<Value = Thing> {
    let place = prop_oneof![4 => shape().prop_map(Worth::Place), 1 => worth()];
    let one = |strategy: BoxedStrategy<Attribute>| prop::option::weighted(0.7, strategy);
    (
        select(&TYPES[..]),
        0_u8..8,
        one(attribute(worth()).boxed()),
        one(attribute(worth()).boxed()),
        one(attribute(worth()).boxed()),
        one(attribute(place).boxed()),
        one(attribute(worth()).boxed()),
        prop::sample::subsequence(SCOPES, 0..3),
    )
        .prop_map(
            |(r#type, style, name, capacity, date, location, manager, scopes)| Thing {
                number: 0,
                r#type,
                style,
                scopes,
                attributes: NAMES
                    .into_iter()
                    .zip([name, capacity, date, location, manager])
                    .filter_map(|(name, attribute)| Some((name, attribute?)))
                    .collect(),
            },
        )
}

/// Some entities, each with a number of its own.
pub(crate) fn things() -> impl Strategy<Value = Vec<Thing>> {
    prop::collection::vec(thing(), 1..10).prop_map(|mut things| {
        for (number, thing) in (0..).zip(&mut things) {
            thing.number = number;
        }
        things
    })
}
