//! JSON as Orion reads and writes it: members keep their order, and numbers lose what Orion loses.

use std::fmt::{self, Write as _};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value. Numbers are doubles, as in Orion's database; members keep order and duplicates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

// === impl Json ===

impl Json {
    /// The first member of this name, if this is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.members()?
            .iter()
            .find_map(|(member, value)| (member == name).then_some(value))
    }

    pub(crate) fn members(&self) -> Option<&[(String, Json)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> Option<&[Json]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Appends this value as compact JSON.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => write_number(*number, out),
            Self::String(text) => write_text(text, out),
            Self::Array(items) => {
                out.push('[');
                for (position, item) in items.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (position, (name, value)) in members.iter().enumerate() {
                    if position > 0 {
                        out.push(',');
                    }
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        formatter.write_str(&text)
    }
}

/// Appends a JSON string with its quotes.
pub(crate) fn write_text(text: &str, out: &mut String) {
    // A string always serializes.
    if let Ok(quoted) = serde_json::to_string(text) {
        out.push_str(&quoted);
    }
}

/// Nine decimals, no trailing zeros; beyond 64-bit integers, seventeen significant digits.
pub(crate) fn write_number(number: f64, out: &mut String) {
    // The bound of i64 as a double; from there on Orion prints with an exponent.
    const INTEGERS: f64 = 9_223_372_036_854_775_808.0;
    let start = out.len();
    if number.abs() >= INTEGERS {
        write_scientific(number, out);
    } else if number.fract() == 0.0 {
        let _infallible = write!(out, "{number:.0}");
    } else {
        let _infallible = write!(out, "{number:.9}");
        let kept = out.trim_end_matches('0').trim_end_matches('.').len();
        out.truncate(kept);
    }
    if out.get(start..) == Some("-0") {
        out.truncate(start);
        out.push('0');
    }
}

/// As C's `%.17g` prints a large number: trailing zeros gone, a sign before the exponent.
fn write_scientific(number: f64, out: &mut String) {
    let text = format!("{number:.16e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    let _infallible = write!(out, "{digits}e+{exponent:0>2}");
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

// The database holds doubles only: integers beyond 2^53 lose digits, as recorded.
#[allow(clippy::cast_precision_loss)]
impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element()? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(number: f64) -> String {
        let mut out = String::new();
        write_number(number, &mut out);
        out
    }

    #[test]
    fn numbers_are_printed_as_recorded() {
        for (number, text) in [
            (1.0, "1"),
            (1e3, "1000"),
            (0.1, "0.1"),
            (1e-10, "0"),
            (-1e-10, "0"),
            (1e-7, "0.0000001"),
            (-0.0, "0"),
            (1.732_050_807_568_87, "1.732050808"),
            (9_007_199_254_740_992.0, "9007199254740992"),
            (9_223_372_036_854_775_808.0, "9.2233720368547758e+18"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e+19"),
            (-12.5, "-12.5"),
        ] {
            assert_eq!(printed(number), text);
        }
    }

    #[test]
    fn members_keep_their_order_and_their_duplicates() {
        let text = r#"{"b":1,"a":[true,null,"x"],"b":2}"#;
        let json: Json = serde_json::from_str(text).unwrap();
        assert_eq!(json.to_string(), text);
    }
}
