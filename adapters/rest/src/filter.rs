//! From the conditions of a query to parameters of a platform, as far as its mapping declares some.
//!
//! What is sent is at least as wide as what was asked for, and the gateway decides on what comes back. Parts of a
//! conjunction are sent each on its own; of a disjunction nothing is, since parameters add up.

use std::fmt::Write as _;

use ngsi_ld::AttributeName;
use ngsi_ld::entity::{Geometry, Number, Position, Value};
use ngsi_ld::query::{Comparand, Comparison, Condition, Expression, GeoQuery, GeoRelation, Operator};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use kakehashi_contract::literal::longest_literal;
use kakehashi_mapping::language::{Rule, Test, TypeMapping, Unlisted};

/// The unreserved characters of RFC 3986 stand for themselves.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Longest text that is sent for comparison, in bytes: enough for any name or address.
const MAX_TEXT: usize = 256;

/// Platforms measure on a sphere or on a plane: what is this part farther may be as near there.
const DISTANCE_FACTOR: f64 = 1.01;

/// The same for short distances, metres.
const DISTANCE_MARGIN: f64 = 10.0;

/// Metres of a degree of latitude, at least (at the equator).
const METRES_OF_A_DEGREE: f64 = 110_000.0;

/// Boxes are this much wider, in degrees, about a metre: platforms keep and compare fewer digits.
const BOX_MARGIN: f64 = 0.000_01;

/// Boxes that reach farther are not sent, in degrees: near to a pole a circle is no box.
const MAX_LATITUDE: f64 = 85.0;
const MAX_LONGITUDE: f64 = 180.0;

/// What one type's platform is sent of the conditions of a query.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    /// Percent-encoded, without a separator before the first; empty: none. Each parameter stands there once.
    pub(super) text: String,
    /// Whether some of them narrow by `q`.
    pub(super) by_value: bool,
    /// Whether some of them narrow by the geo-query.
    pub(super) by_place: bool,
}

/// The parameters for one type.
pub(super) fn parameters(mapping: &TypeMapping, filter: Option<&Expression>, geo: Option<&GeoQuery>) -> Parameters {
    if mapping.filters.is_empty() {
        return Parameters::default();
    }
    let mut sent = Sent::default();
    for condition in filter.into_iter().flat_map(conjunction) {
        for filter in &mapping.filters {
            if filter.attribute != condition.path.attribute || !is_about_the_value(condition) {
                continue;
            }
            let rule = rule_of(mapping, &filter.attribute);
            if let (Some(comparison), Some(rule)) = (&condition.comparison, rule) {
                sent.add_comparison(&filter.test, comparison, rule);
            }
        }
    }
    let of_values = sent.names.len();
    if let Some(geo) = geo {
        let of_place = mapping.filters.iter().filter(|filter| filter.attribute == geo.property);
        for filter in of_place {
            sent.add_place(&filter.test, geo);
        }
    }
    Parameters {
        by_value: of_values > 0,
        // No parameter is one for values and one for places.
        by_place: sent.names.len() > of_values,
        text: sent.text,
    }
}

fn rule_of<'m>(mapping: &'m TypeMapping, name: &AttributeName) -> Option<&'m Rule> {
    let attribute = mapping.attributes.iter().find(|attribute| attribute.name == *name)?;
    Some(&attribute.rule)
}

/// The conditions that must all hold.
fn conjunction(filter: &Expression) -> Vec<&Condition> {
    match filter {
        Expression::And(parts) => parts.iter().flat_map(conjunction).collect(),
        Expression::Or(parts) => match parts.as_slice() {
            [only] => conjunction(only),
            _ => Vec::new(),
        },
        Expression::Condition(condition) => vec![condition],
    }
}

fn is_about_the_value(condition: &Condition) -> bool {
    let path = &condition.path;
    path.sub_attributes.is_empty() && path.members.is_empty() && path.linked.is_none()
}

#[derive(Default)]
struct Sent {
    text: String,
    names: Vec<String>,
}

impl Sent {
    fn add(&mut self, name: &str, value: &str) {
        let separator = if self.text.is_empty() { "" } else { "&" };
        let value = utf8_percent_encode(value, ESCAPED);
        // Writing into a String cannot fail.
        let _ = write!(self.text, "{separator}{name}={value}");
        self.names.push(name.to_owned());
    }

    /// Adds a parameter that is not there yet: of two conditions one narrows.
    fn add_once(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value.filter(|_| !self.names.iter().any(|known| known == name)) {
            self.add(name, &value);
        }
    }

    fn add_comparison(&mut self, test: &Test, comparison: &Comparison, rule: &Rule) {
        match test {
            Test::Equal(name) => self.add_once(name, equal(comparison, rule)),
            Test::AtLeast(name) => self.add_once(name, at_least(comparison)),
            Test::AtMost(name) => self.add_once(name, at_most(comparison)),
            Test::Part(name) => self.add_once(name, part(comparison)),
            Test::Box(_) | Test::Near { .. } => {}
        }
    }

    fn add_place(&mut self, test: &Test, geo: &GeoQuery) {
        match test {
            Test::Box(name) => self.add_once(name, bounding_box(geo)),
            Test::Near {
                latitude,
                longitude,
                metres,
            } => {
                if let Some((center, distance)) = circle(geo) {
                    self.add_once(latitude, Some(center.latitude.to_string()));
                    self.add_once(longitude, Some(center.longitude.to_string()));
                    self.add_once(metres, Some(distance.to_string()));
                }
            }
            _ => {}
        }
    }
}

/// The only value that the record may have, as the platform writes it.
fn equal(comparison: &Comparison, rule: &Rule) -> Option<String> {
    let Comparison::Equal { negated: false, values } = comparison else {
        return None;
    };
    let [value] = values.as_slice() else { return None };
    let Rule::Field { table, .. } = rule else { return None };
    let Some(table) = table else {
        return match value {
            Comparand::String(text) => sendable(text),
            Comparand::Number(number) => Some(number_text(number)),
            _ => None,
        };
    };
    // Of words of a table only one may mean the value, and no word that it does not list.
    let means = |word_value: &Value| match (word_value, value) {
        (Value::String(text), Comparand::String(wanted)) => text == wanted,
        (Value::Boolean(flag), Comparand::Boolean(wanted)) => flag == wanted,
        (Value::Number(number), Comparand::Number(wanted)) => {
            number.compare(wanted).is_some_and(std::cmp::Ordering::is_eq)
        }
        _ => false,
    };
    let is_unlisted = match &table.unlisted {
        Unlisted::Omit => false,
        Unlisted::Keep => true,
        Unlisted::Value(value) => means(value),
    };
    let mut words = table.values.iter().filter(|(_, value)| means(value));
    match (words.next(), words.next(), is_unlisted) {
        (Some((word, _)), None, false) => sendable(word),
        _ => None,
    }
}

fn at_least(comparison: &Comparison) -> Option<String> {
    match comparison {
        Comparison::Order {
            operator: Operator::Greater | Operator::GreaterOrEqual,
            value: Comparand::Number(number),
        }
        | Comparison::Range {
            negated: false,
            from: Comparand::Number(number),
            ..
        } => Some(number_text(number)),
        _ => only_number(comparison),
    }
}

fn at_most(comparison: &Comparison) -> Option<String> {
    match comparison {
        Comparison::Order {
            operator: Operator::Less | Operator::LessOrEqual,
            value: Comparand::Number(number),
        }
        | Comparison::Range {
            negated: false,
            to: Comparand::Number(number),
            ..
        } => Some(number_text(number)),
        _ => only_number(comparison),
    }
}

fn only_number(comparison: &Comparison) -> Option<String> {
    match comparison {
        Comparison::Equal { negated: false, values } => match values.as_slice() {
            [Comparand::Number(number)] => Some(number_text(number)),
            _ => None,
        },
        _ => None,
    }
}

/// A text that every value which fulfils the comparison holds.
fn part(comparison: &Comparison) -> Option<String> {
    match comparison {
        Comparison::Equal { negated: false, values } => match values.as_slice() {
            [Comparand::String(text)] => sendable(text),
            _ => None,
        },
        Comparison::Pattern {
            negated: false,
            pattern,
        } => longest_literal(pattern).and_then(|part| sendable(part.text)),
        _ => None,
    }
}

/// Numbers of the view are exact where they are whole; a platform reads the digits.
fn number_text(number: &Number) -> String {
    match number {
        Number::Integer(integer) => integer.to_string(),
        Number::Float(float) => float.to_string(),
        Number::Text(text) => text.to_string(),
    }
}

/// A text that platforms neither trim nor take for no condition at all.
fn sendable(text: &str) -> Option<String> {
    let is_plain =
        !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control) && text.trim() == text;
    is_plain.then(|| text.to_owned())
}

/// A circle around everything that is asked for: its centre, and whole metres.
fn circle(geo: &GeoQuery) -> Option<(Position, u64)> {
    let (GeoRelation::Near { max: Some(max), .. }, Geometry::Point(center)) = (&geo.relation, geo.geometry.geometry())
    else {
        return None;
    };
    let metres = (max * DISTANCE_FACTOR + DISTANCE_MARGIN).ceil();
    // Beyond half of the Earth's circumference everything is near.
    (metres < 20_000_000.0).then_some((*center, metres as u64))
}

/// A box around everything that is asked for: west, south, east, north.
fn bounding_box(geo: &GeoQuery) -> Option<String> {
    let positions = geo.geometry.positions();
    let bound =
        |of: fn(&Position) -> f64, best: fn(f64, f64) -> f64, start: f64| positions.iter().map(of).fold(start, best);
    let mut south = bound(|position| position.latitude, f64::min, f64::INFINITY);
    let mut north = bound(|position| position.latitude, f64::max, f64::NEG_INFINITY);
    let mut west = bound(|position| position.longitude, f64::min, f64::INFINITY);
    let mut east = bound(|position| position.longitude, f64::max, f64::NEG_INFINITY);
    let (mut upward, mut sideward) = (BOX_MARGIN, BOX_MARGIN);
    match &geo.relation {
        GeoRelation::Near { max: Some(max), .. } => {
            upward += (max * DISTANCE_FACTOR + DISTANCE_MARGIN) / METRES_OF_A_DEGREE;
            // The parallels are shortest at the end that is farthest from the equator.
            let farthest = south.abs().max(north.abs()) + upward;
            sideward += upward / farthest.min(MAX_LATITUDE).to_radians().cos();
        }
        // What is not near may be anywhere, and so may what does not meet an area.
        GeoRelation::Near { max: None, .. } | GeoRelation::Disjoint => return None,
        GeoRelation::Within
        | GeoRelation::Intersects
        | GeoRelation::Equals
        | GeoRelation::Contains
        | GeoRelation::Overlaps => {}
    }
    (south, north) = (south - upward, north + upward);
    (west, east) = (west - sideward, east + sideward);
    let is_regular = south >= -MAX_LATITUDE && north <= MAX_LATITUDE && west >= -MAX_LONGITUDE && east <= MAX_LONGITUDE;
    is_regular.then(|| format!("{west},{south},{east},{north}"))
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use super::*;
    use kakehashi_mapping::Mapping;

    const MAPPING: &str = r#"
[tables.flag]
values = { "有" = true, "無" = false, "-" = false }

[tables.kind]
values = { "1" = "open" }
unlisted = "keep"

[types.AED]
path = "/aed"
records = "$[*]"
id = "urn:x:{no}"

[types.AED.attributes]
name = "namae"
maxCapacity = { field = "ninzu", as = "number" }
opened = { field = "kaijo", table = "flag" }
kind = { field = "shubetsu", table = "kind" }
location = { latitude = "ido", longitude = "keido" }

[types.AED.filters]
name = { equal = "namae", part = "kensaku" }
maxCapacity = { equal = "ninzu", at_least = "min", at_most = "max" }
opened = { equal = "kaijo" }
kind = { equal = "shubetsu" }
location = { box = "hani", near = { latitude = "lat", longitude = "lon", metres = "r" } }
"#;

    fn mapping() -> Mapping {
        Mapping::parse(MAPPING, "test.toml", Context::core()).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    fn sent(q: &str) -> String {
        let filter = Expression::parse(q, Context::core()).unwrap();
        let mapping = mapping();
        let text = parameters(&mapping.type_mappings()[0], Some(&filter), None).text;
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    }

    fn sent_place(georel: &str, geometry: &str, coordinates: &str) -> String {
        let geo = GeoQuery::parse(georel, geometry, coordinates, None, Context::core()).unwrap();
        let mapping = mapping();
        let text = parameters(&mapping.type_mappings()[0], None, Some(&geo)).text;
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .unwrap()
            .into_owned()
    }

    #[test]
    fn conditions_become_the_parameters_that_are_declared_for_them() {
        for (q, parameters) in [
            (r#"name=="避難所 & 1""#, "namae=避難所 & 1&kensaku=避難所 & 1"),
            (r#"name~=".*小学校""#, "kensaku=小学校"),
            ("maxCapacity>5", "min=5"),
            ("maxCapacity<=5.5", "max=5.5"),
            ("maxCapacity==1..9", "min=1&max=9"),
            ("maxCapacity==5", "ninzu=5&min=5&max=5"),
            ("opened==true", "kaijo=有"),
            (
                r#"maxCapacity>5;name=="x";opened==true"#,
                "min=5&namae=x&kensaku=x&kaijo=有",
            ),
            ("maxCapacity>5;maxCapacity>7", "min=5"),
        ] {
            assert_eq!(sent(q), parameters, "{q}");
        }
    }

    #[test]
    fn what_could_leave_out_a_record_that_matches_is_not_sent() {
        for q in [
            "name",
            r#"name!="x""#,
            r#"name!~="x""#,
            r#"name=="x","y""#,
            r#"name==" x""#,
            r#"name=="""#,
            r#"name~="a|b""#,
            r#"name=="x"|maxCapacity>5"#,
            r#"name[ja]=="x""#,
            r#"name.note=="x""#,
            r#"nowhere=="x""#,
            "maxCapacity!=5",
            // Two words mean it.
            "opened==false",
            // A word that the table does not list means itself.
            r#"kind=="open""#,
        ] {
            assert_eq!(sent(q), "", "{q}");
        }
    }

    #[test]
    fn places_become_boxes_and_circles_that_are_somewhat_wider() {
        let near = sent_place("near;maxDistance==1000", "Point", "[139.5,36.25]");
        let (corners, circle) = near.split_once("&lat=").unwrap();
        assert_eq!(circle, "36.25&lon=139.5&r=1020");
        let corners: Vec<f64> = corners
            .strip_prefix("hani=")
            .unwrap()
            .split(',')
            .map(|corner| corner.parse().unwrap())
            .collect();
        let (a_degree_east, a_degree_north) = (89_800.0, 111_000.0);
        for (reach, metres) in [
            (139.5 - corners[0], a_degree_east),
            (36.25 - corners[1], a_degree_north),
            (corners[2] - 139.5, a_degree_east),
            (corners[3] - 36.25, a_degree_north),
        ] {
            assert!((1_000.0..1_100.0).contains(&(reach * metres)), "{corners:?}");
        }
        let within = sent_place("within", "Polygon", "[[[139,36],[140,36],[140,37],[139,36]]]");
        assert!(
            within.starts_with("hani=138.9999") && !within.contains("lat="),
            "{within}"
        );
        for (georel, geometry, coordinates) in [
            ("near;minDistance==5", "Point", "[139.5,36.25]"),
            ("disjoint", "Point", "[139.5,36.25]"),
            ("near;maxDistance==30000000", "Point", "[139.5,36.25]"),
            ("within", "Point", "[139.5,86]"),
        ] {
            assert_eq!(sent_place(georel, geometry, coordinates), "", "{georel} {coordinates}");
        }
    }
}
