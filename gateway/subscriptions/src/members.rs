//! The members of a JSON object that a consumer sent: each read once, each fault named by its path. No member stands
//! there twice.

use std::fmt;

use ngsi_ld::entity::parse::check_members;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How a subscription is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The text is no JSON: 400 InvalidRequest.
    NotJson(String),
    /// A member is not what it must be: 400 BadRequestData.
    Invalid(String),
    /// A member asks for what this version does not offer: 422 OperationNotSupported.
    NotOffered(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotJson(detail) | Self::Invalid(detail) | Self::NotOffered(detail)) = self;
        f.write_str(detail)
    }
}

/// Reads a JSON object in which no member, however deep, stands twice, and no number is one that nobody can read.
///
/// # Errors
/// [`Fault`]
pub fn parse_object(json: &[u8]) -> Result<Map<String, Value>, Fault> {
    if let Ok(text) = str::from_utf8(json)
        && let Err(invalid) = check_members(text)
    {
        return Err(Fault::Invalid(format!("member `{}`: {}", invalid.path, invalid.fault)));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Once.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Fault::NotJson("the body: expected a JSON object".to_owned())),
        Err(error) if error.is_data() => Err(Fault::Invalid(format!(
            "the body: a member stands twice in one object, before line {}, column {}",
            error.line(),
            error.column()
        ))),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(Fault::NotJson(format!(
                "the body: not JSON at line {line}, column {column}"
            )))
        }
    }
}

/// Any JSON value without repeated members.
struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(Once)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Once)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub struct At<'a> {
    /// The path to it: `notification.endpoint.uri`.
    pub path: String,
    /// The value.
    pub value: &'a Value,
}

impl<'a> At<'a> {
    /// A member of the body.
    pub fn member(name: &str, value: &'a Value) -> Self {
        Self {
            path: name.to_owned(),
            value,
        }
    }

    /// What is wrong here.
    pub fn invalid(&self, fault: impl fmt::Display) -> Fault {
        Fault::Invalid(format!("member `{}`: {fault}", self.path))
    }

    /// What is asked here and not offered.
    pub fn not_offered(&self, fault: impl fmt::Display) -> Fault {
        Fault::NotOffered(format!("member `{}`: {fault}", self.path))
    }

    /// Whether it removes the member (clause 5.5.8).
    pub fn is_null(&self) -> bool {
        self.value.is_null() || self.value.as_str() == Some(ngsi_ld::entity::parse::NGSI_LD_NULL)
    }

    /// A text that is not empty.
    pub fn text(&self) -> Result<&'a str, Fault> {
        let text = self.value.as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| self.invalid("expected a text that is not empty"))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn boolean(&self) -> Result<bool, Fault> {
        self.value
            .as_bool()
            .ok_or_else(|| self.invalid("expected true or false"))
    }

    /// A number above 0 that can be waited for.
    pub fn positive(&self) -> Result<Number, Fault> {
        /// In seconds more than 30 years: whoever means more means never.
        const LARGEST: f64 = 1e9;
        let number = self.value.as_number().filter(|number| {
            let value = number.as_f64();
            value.is_some_and(|value| value > 0.0 && value <= LARGEST)
        });
        number
            .cloned()
            .ok_or_else(|| self.invalid(format_args!("expected a number greater than 0, at most {LARGEST}")))
    }

    /// The elements of an array that is not empty and not longer than `most`.
    pub fn elements(&self, most: usize) -> Result<Vec<At<'a>>, Fault> {
        match self.value.as_array().filter(|array| !array.is_empty()) {
            Some(_) => self.elements_if_any(most),
            None => Err(self.invalid("expected an array that is not empty")),
        }
    }

    /// The elements of an array that may be empty.
    pub fn elements_if_any(&self, most: usize) -> Result<Vec<At<'a>>, Fault> {
        let array = self.value.as_array().ok_or_else(|| self.invalid("expected an array"))?;
        if array.len() > most {
            return Err(self.invalid(format_args!("it may have {most} elements")));
        }
        let at = |(index, value): (usize, &'a Value)| At {
            path: format!("{}[{index}]", self.path),
            value,
        };
        Ok(array.iter().enumerate().map(at).collect())
    }

    /// The members of an object, each of which must be known.
    pub fn object(&self, known: &[&str]) -> Result<Vec<(&'a str, At<'a>)>, Fault> {
        let object = self.value.as_object();
        let object = object.ok_or_else(|| self.invalid("expected an object"))?;
        let mut members = Vec::with_capacity(object.len());
        for (name, value) in object {
            let at = At {
                path: format!("{}.{name}", self.path),
                value,
            };
            if !known.contains(&name.as_str()) {
                return Err(at.invalid("there is no such member"));
            }
            members.push((name.as_str(), at));
        }
        Ok(members)
    }

    /// One of several names.
    pub fn one_of<T: Copy>(&self, names: &[(T, &'static str)]) -> Result<T, Fault> {
        let text = self.text()?;
        let found = names.iter().find(|(_, name)| *name == text);
        found.map(|(value, _)| *value).ok_or_else(|| {
            let names: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
            self.invalid(format_args!("expected one of {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_member_stands_twice_at_any_depth() {
        for twice in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":[{"b":1,"b":1}]}"#,
            r#"{"a":{"b":{},"\u0062":{}}}"#,
        ] {
            assert!(
                matches!(parse_object(twice.as_bytes()), Err(Fault::Invalid(_))),
                "{twice}"
            );
        }
        assert!(matches!(parse_object(b"{\"a\":1,}"), Err(Fault::NotJson(_))));
        assert!(matches!(parse_object(b"[]"), Err(Fault::NotJson(_))));
        assert!(matches!(parse_object(b"{} {}"), Err(Fault::NotJson(_))));
        let members = parse_object(br#"{"a":{"b":1},"c":{"b":[1.5,null,true,"x"]}}"#).unwrap();
        assert_eq!(members["c"]["b"], serde_json::json!([1.5, null, true, "x"]));
    }
}
