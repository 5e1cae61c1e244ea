//! Computing a value of the fields of one record.

use std::borrow::Cow;

use ngsi_ld::entity::{AttributeValue, Json, Number, Value};

use super::findings::Finding;
use super::scalar::Scalar;
use super::value::Record;
use crate::expression::{Held, Sort};
use crate::language::Computed;

impl Record<'_, '_> {
    /// What an expression makes of the record; null is no value.
    pub(super) fn computed(&self, computed: &Computed) -> Result<Option<AttributeValue>, Finding> {
        let mut values = Vec::with_capacity(computed.slots.len());
        for slot in &computed.slots {
            values.push(match self.present(*slot)? {
                None => Held::Null,
                Some(scalar) => held(scalar)?,
            });
        }
        let made = computed
            .expression
            .evaluate(values)
            .map_err(|_| Finding::Unconvertible)?;
        let value = match (made, computed.sort) {
            (Held::Null, _) => return Ok(None),
            (Held::Text(text), Sort::Text) => Value::String(text.as_ref().into()),
            (Held::Boolean(boolean), Sort::Boolean) => Value::Boolean(boolean),
            (Held::Number(number), Sort::Number) => {
                Value::Number(Number::parse(&number.to_string()).ok_or(Finding::Unconvertible)?)
            }
            (Held::List(items), Sort::List) => {
                let items: Vec<String> = items.iter().map(as_json).collect();
                let json = Json::parse(&format!("[{}]", items.join(",")));
                Value::Json(json.map_err(|_| Finding::Unconvertible)?)
            }
            _ => return Err(Finding::Unconvertible),
        };
        Ok(Some(AttributeValue::Property(value)))
    }
}

/// What a field holds, as an expression takes it.
fn held(scalar: Scalar<'_>) -> Result<Held<'_>, Finding> {
    Ok(match scalar {
        Scalar::Text(text) => Held::Text(text),
        Scalar::Boolean(boolean) => Held::Boolean(boolean),
        Scalar::Number(digits) => {
            let number: f64 = digits.parse().map_err(|_| Finding::Unconvertible)?;
            Held::Number(number).finite()?
        }
        Scalar::Compound(json) => {
            let items: Vec<serde_json::Value> = serde_json::from_str(&json).map_err(|_| Finding::Unconvertible)?;
            let items: Result<Vec<Held<'_>>, Finding> = items.into_iter().map(item).collect();
            Held::List(items?)
        }
    })
}

/// An element of a list. Lists are flat.
fn item(value: serde_json::Value) -> Result<Held<'static>, Finding> {
    match value {
        serde_json::Value::Null => Ok(Held::Null),
        serde_json::Value::Bool(boolean) => Ok(Held::Boolean(boolean)),
        serde_json::Value::Number(number) => {
            let number = number.as_f64().ok_or(Finding::Unconvertible)?;
            Held::Number(number).finite()
        }
        serde_json::Value::String(text) => Ok(Held::Text(Cow::Owned(text))),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(Finding::Unconvertible),
    }
}

impl Held<'_> {
    fn finite(self) -> Result<Self, Finding> {
        match self {
            Self::Number(number) if !number.is_finite() => Err(Finding::Unconvertible),
            held => Ok(held),
        }
    }
}

fn as_json(held: &Held<'_>) -> String {
    match held {
        Held::Null | Held::List(_) => "null".to_owned(),
        Held::Boolean(boolean) => boolean.to_string(),
        Held::Number(number) => number.to_string(),
        Held::Text(text) => serde_json::Value::from(text.as_ref()).to_string(),
    }
}
