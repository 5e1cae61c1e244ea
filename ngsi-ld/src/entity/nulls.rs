//! What becomes of `null` in the value of a Property that a source holds (clause 4.5.0).
//!
//! JSON-LD takes away what is null when it expands a document, so that null cannot be a value in NGSI-LD. A member of an
//! object that is null says what a member says that is not there, and is left out. An element of an array keeps its place,
//! and those behind it theirs: it becomes the null literal of JSON-LD, which the clause offers for what has to be said.
//! What is a JSON literal already stays as it is, whole, and so does the value of a JsonProperty.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The null literal of JSON-LD (clause 4.5.0).
const NULL_LITERAL: &str = r#"{"@type":"@json","@value":null}"#;

/// The text without its nulls. It is JSON, and nested no deeper than values may be. `None` when that is not so.
pub(super) fn without_nulls(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    write_value(json, &mut out)?;
    Some(out)
}

fn write_value(json: &str, out: &mut String) -> Option<()> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    match json.as_bytes().first() {
        Some(b'{') => deserializer.deserialize_map(Compound(out)).ok(),
        Some(b'[') => deserializer.deserialize_seq(Compound(out)).ok(),
        _ => {
            out.push_str(json);
            Some(())
        }
    }
}

/// An object or an array, written as it is read.
struct Compound<'o>(&'o mut String);

/// The text of one value, and of a name with its quotes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<&'de str, D::Error> {
        <&'de RawValue as serde::Deserialize>::deserialize(deserializer).map(RawValue::get)
    }
}

impl<'de> Visitor<'de> for Compound<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de str)> = Vec::new();
        while let Some(name) = map.next_key::<super::parse::Text<'de>>()? {
            members.push((name.0, map.next_value_seed(Text)?));
        }
        let is_literal = members
            .iter()
            .any(|(name, value)| name == "@type" && *value == r#""@json""#);
        let out = self.0;
        out.push('{');
        let mut is_first = true;
        for (name, value) in members {
            if value == "null" && !is_literal {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            out.push_str(&serde_json::to_string(&name).map_err(A::Error::custom)?);
            out.push(':');
            if is_literal {
                out.push_str(value);
            } else {
                write_value(value, out).ok_or_else(|| A::Error::custom("no value"))?;
            }
        }
        out.push('}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let out = self.0;
        out.push('[');
        let mut is_first = true;
        while let Some(value) = list.next_element_seed(Text)? {
            if !std::mem::take(&mut is_first) {
                out.push(',');
            }
            match value {
                "null" => out.push_str(NULL_LITERAL),
                value => write_value(value, out).ok_or_else(|| A::Error::custom("no value"))?,
            }
        }
        out.push(']');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::entity::Json;

    #[test]
    fn members_that_are_null_go_and_elements_keep_their_places() {
        let null = NULL_LITERAL;
        for (held, shown) in [
            (r#"{"a":null}"#, "{}".to_owned()),
            (r#"{"a":null,"b":1,"c":null}"#, r#"{"b":1}"#.to_owned()),
            ("[null]", format!("[{null}]")),
            (
                r#"[1, null ,{"a":[null],"b":null}]"#,
                format!(r#"[1,{null},{{"a":[{null}]}}]"#),
            ),
            (r#"{"a\"\u00e9":1,"b":null}"#, r#"{"a\"é":1}"#.to_owned()),
            (null, null.to_owned()),
            (
                r#"{"x":{"@value":[null,{"a":null}],"@type":"@json"}}"#,
                r#"{"x":{"@value":[null,{"a":null}],"@type":"@json"}}"#.to_owned(),
            ),
            (
                r#"{"@type":"DateTime","@value":null}"#,
                r#"{"@type":"DateTime"}"#.to_owned(),
            ),
            (
                r#"{"null":"null","n":"\"null"}"#,
                r#"{"null":"null","n":"\"null"}"#.to_owned(),
            ),
            (r#"[1.500,1e3,-0]"#, "[1.500,1e3,-0]".to_owned()),
        ] {
            let raw: &RawValue = serde_json::from_str(held).unwrap();
            assert_eq!(Json::sound(raw).unwrap().as_str(), shown, "{held}");
        }
    }

    #[test]
    fn a_literal_keeps_them() {
        let raw: &RawValue = serde_json::from_str(r#"{"a": null}"#).unwrap();
        assert_eq!(Json::sound_literal(raw).unwrap().as_str(), r#"{"a":null}"#);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i32>().prop_map(Value::from),
            1 => "[a-z\"\\\\あnul]{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-d\"あ]", inner, 0..4).prop_map(|members| json!(members)),
            ]
        })
    }

    /// The same, of a tree.
    fn expected(value: Value) -> Value {
        match value {
            Value::Array(items) => items
                .into_iter()
                .map(|item| match item {
                    Value::Null => serde_json::from_str(NULL_LITERAL).unwrap(),
                    item => expected(item),
                })
                .collect(),
            Value::Object(members) => {
                let members = members.into_iter().filter(|(_, member)| !member.is_null());
                members.map(|(name, member)| (name, expected(member))).collect()
            }
            other => other,
        }
    }

    proptest! {
        #[test]
        fn no_null_is_left_but_in_literals(value in any_json()) {
            prop_assume!(value.is_array() || value.is_object());
            let text = value.to_string();
            let raw: &RawValue = serde_json::from_str(&text).unwrap();
            let shown = Json::sound(raw).unwrap();
            let read: Value = serde_json::from_str(shown.as_str()).unwrap();
            prop_assert_eq!(read, expected(value));
        }
    }
}
