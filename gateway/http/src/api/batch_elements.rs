//! The elements of the array that the body of a batch holds: as many as a batch may have, and no more are read.

use std::fmt;

use axum::body::Bytes;
use kakehashi_resources::Held;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::request_body::RequestBody;
use super::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// Most elements of a batch. The smallest entities that mean something fill a body of 2 MiB with about 38,000; beyond that
/// there is nothing but elements that are none, of each of which much more would be told than was sent.
const MOST_OF_A_BATCH: usize = 50_000;

/// Bytes that are counted for each element before anything becomes of it: what is read of it, what became of it, and how that is
/// told, about. What is told of an error beyond them is counted when it is there.
const OF_AN_ELEMENT: usize = 1024;

/// What a body of a batch is.
pub(super) const ENTITIES: &str = "an array of entities";

/// What a body of a batch of ids is.
pub(super) const IDS: &str = "an array of entity ids";

/// The elements of the array that a body holds, and what is counted for them.
///
/// # Errors
/// 400 where it is none, 413 where it has too many, 403 and 503 where they may not be held.
pub(super) async fn parts_of(
    body: &RequestBody,
    scope: &Scope,
    expected: &'static str,
) -> Result<(Vec<Bytes>, Held), Problem> {
    let bytes = body.bytes().clone();
    let splitting = async move {
        let parts = elements(&bytes, expected)?;
        Ok(parts
            .iter()
            .map(|part| bytes.slice_ref(part.get().as_bytes()))
            .collect())
    };
    let parts: Result<Vec<Bytes>, Problem> = scope.resources.compute_over(body.bytes().len(), splitting).await?;
    let parts = parts?;
    let held = scope.resources.hold(parts.len().saturating_mul(OF_AN_ELEMENT))?;
    Ok((parts, held))
}

/// The elements of the array that a text holds.
///
/// # Errors
/// 400 where it is none, 413 where it has too many.
pub(super) fn elements<'a>(json: &'a [u8], expected: &str) -> Result<Vec<&'a RawValue>, Problem> {
    let refuse = |detail: String| Problem::new(ErrorType::BadRequestData, detail);
    let Bounded { elements, more } = serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => refuse(format!("the body: expected {expected}")),
        _ => {
            let (line, column) = (error.line(), error.column());
            let detail = format!("the body: not JSON at line {line}, column {column}");
            Problem::new(ErrorType::InvalidRequest, detail)
        }
    })?;
    if more > 0 {
        let all = elements.len() + more;
        let detail = format!("the body: {all} elements, and a batch may have {MOST_OF_A_BATCH}; send it in parts");
        return Err(Problem::new(ErrorType::ContentTooLarge, detail));
    }
    if elements.is_empty() {
        return Err(refuse("the body: the array is empty".to_owned()));
    }
    if let Some(index) = elements.iter().position(|element| element.get() == "null") {
        return Err(refuse(format!("[{index}]: null is not allowed here")));
    }
    Ok(elements)
}

/// As many elements of an array as a batch may have, and how many there are more.
struct Bounded<'a> {
    elements: Vec<&'a RawValue>,
    more: usize,
}

impl<'de: 'a, 'a> Deserialize<'de> for Bounded<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Bounded<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            //= 5.6.7.4-1, 5.6.8.4-1, 5.6.9.4-1, 5.6.10.4-1
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Bounded<'de>, A::Error> {
                let mut elements = Vec::new();
                while elements.len() < MOST_OF_A_BATCH
                    && let Some(element) = array.next_element()?
                {
                    elements.push(element);
                }
                let mut more = 0;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    more += 1;
                }
                Ok(Bounded { elements, more })
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}
