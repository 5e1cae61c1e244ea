//! The body of a request that writes: read within its limits, and taken apart into entities under the @context
//! that holds for each (clauses 6.3.4 and 6.3.5).

use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::Method;
use http_body_util::BodyExt;
use kakehashi_contexts::RequestContext;
use kakehashi_resources::{Held, pause};
use kakehashi_server::TooSlow;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{InvalidEntity, parse_entity};
use ngsi_ld::{Entity, without_byte_order_mark};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::request_context;
use super::scope::Scope;
use super::unpacked::unpacked;
use crate::negotiate::{BodyCoding, BodyMediaType};
use crate::problem::{ErrorType, Problem};

/// How much of a body that is too large is read and dropped, in bytes: more is an attack, not a mistake.
const MOST_DROPPED: usize = 16 * 1024 * 1024;

/// A body in memory, not deeper than it may be.
#[derive(Debug)]
pub(super) struct RequestBody {
    bytes: Bytes,
    media_type: BodyMediaType,
    /// What is counted of it for the request.
    _held: Held,
}

/// The member of an entity that says how the others are to be read.
#[derive(Deserialize)]
struct ContextMember<'a> {
    #[serde(rename = "@context", borrow, default)]
    context: Option<&'a RawValue>,
}

impl RequestBody {
    /// Reads a body.
    ///
    /// # Errors
    /// 415 for a media type or a coding of something else, 413 when it is larger than the limit, 400 when it breaks off or
    /// nests too deep.
    pub(super) async fn read(method: &Method, body: Body, scope: &Scope) -> Result<Self, Problem> {
        let media_type = BodyMediaType::of_request(method, &scope.headers)?;
        let limits = &scope.revision.config.gateway.limits;
        let mut held = scope.resources.held();
        let limit = limits.body.bytes();
        let mut bytes = Bytes::from(read_bytes(body, limit, &mut held).await?);
        if BodyCoding::of_request(&scope.headers)? == BodyCoding::Gzip {
            let unpacking = unpacked(bytes, limit, scope.resources.held());
            // However little there is of it, much may come out.
            let (whole, held_of_it) = scope.resources.compute_elsewhere(unpacking).await??;
            (bytes, held) = (whole.into(), held_of_it);
        }
        let bytes = bytes.slice_ref(without_byte_order_mark(&bytes));
        let (looked_at, deepest) = (bytes.clone(), limits.json_depth);
        let looking = async move { nests_deeper(&looked_at, deepest) };
        if let Some(at) = scope.resources.compute_over(bytes.len(), looking).await? {
            let (line, column) = place_of(bytes.get(..at).unwrap_or(&bytes));
            let detail = format!(
                "the body: arrays and objects nest deeper than {deepest} levels, at line {line}, column {column}"
            );
            return Err(Problem::new(ErrorType::BadRequestData, detail));
        }
        Ok(Self {
            bytes,
            media_type,
            _held: held,
        })
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Refuses a Link header that names an @context beside a body that carries its own (clause 6.3.5).
    ///
    /// # Errors
    /// 400
    pub(super) fn check_link(&self, scope: &Scope) -> Result<(), Problem> {
        let carries = match self.media_type {
            BodyMediaType::Json | BodyMediaType::MergePatch => None,
            BodyMediaType::JsonLd => Some(RawValue::NULL),
        };
        request_context::for_body(&scope.headers, self.media_type, carries).map(|_| ())
    }

    /// The @context of the one object that the body holds: its own, or that of the Link header.
    ///
    /// # Errors
    /// As [`Scope::body_context`].
    pub(super) async fn context(&self, scope: &Scope) -> Result<RequestContext, Problem> {
        self.context_of(&self.bytes, scope).await
    }

    async fn context_of(&self, json: &Bytes, scope: &Scope) -> Result<RequestContext, Problem> {
        let text = json.clone();
        let finding = async move { context_member(&text) };
        let member = scope.resources.compute_over(json.len(), finding).await??;
        scope.body_context(self.media_type, member.as_deref()).await
    }

    /// The one entity that the body holds.
    ///
    /// # Errors
    /// A problem that names the member and what is wrong with it.
    pub(super) async fn entity(&self, scope: &Scope) -> Result<Entity, Problem> {
        self.entity_of(&self.bytes, scope).await
    }

    /// The entity that a part of the body holds, under the @context of its own or of the Link header.
    ///
    /// # Errors
    /// As [`RequestBody::entity`].
    pub(super) async fn entity_of(&self, json: &Bytes, scope: &Scope) -> Result<Entity, Problem> {
        let (entity, _) = self.part(json, scope, parse_entity).await?;
        Ok(entity)
    }

    /// What the body holds, read as its operation reads it, and the @context that it was read under.
    ///
    /// # Errors
    /// As [`RequestBody::entity`].
    pub(super) async fn read_as<T: Send + 'static>(
        &self,
        scope: &Scope,
        read: impl FnOnce(&[u8], &Context) -> Result<T, InvalidEntity> + Send + 'static,
    ) -> Result<(T, RequestContext), Problem> {
        self.part(&self.bytes, scope, read).await
    }

    /// The same, of a part of the body.
    ///
    /// # Errors
    /// As [`RequestBody::entity`].
    pub(super) async fn part<T: Send + 'static>(
        &self,
        json: &Bytes,
        scope: &Scope,
        read: impl FnOnce(&[u8], &Context) -> Result<T, InvalidEntity> + Send + 'static,
    ) -> Result<(T, RequestContext), Problem> {
        let text = json.clone();
        let checking = async move { check_is_object(&text) };
        scope.resources.compute_over(json.len(), checking).await??;
        let context = self.context_of(json, scope).await?;
        let (text, names) = (json.clone(), Arc::clone(&context.context));
        let parsing = async move { read(&text, &names) };
        let read = scope.resources.compute_over(json.len(), parsing).await?;
        Ok((read.map_err(|error| invalid(&error))?, context))
    }
}

/// A part of a body, and the @context that it names; or what is wrong with it.
type Part = Result<(Bytes, Option<Box<RawValue>>), Problem>;

impl RequestBody {
    /// What the elements of the array in the body hold, read as their operation reads them, each under the @context of its own
    /// or of the Link header; or what is wrong with it. They are looked at together, and not each by itself.
    ///
    /// # Errors
    /// When the request may not use more of the process.
    pub(super) async fn parts<T: Send + 'static>(
        &self,
        texts: Vec<Bytes>,
        scope: &Scope,
        read: impl Fn(&[u8], &Context) -> Result<T, InvalidEntity> + Send + 'static,
    ) -> Result<Vec<Result<T, Problem>>, Problem> {
        let largest = texts.iter().map(Bytes::len).max().unwrap_or_default();
        let finding = async move {
            let mut found: Vec<Part> = Vec::with_capacity(texts.len());
            for text in texts {
                let member = check_begins_as_object(&text).and_then(|()| context_member(&text));
                found.push(member.map(|member| (text, member)));
                pause().await;
            }
            found
        };
        let found = scope.resources.compute_over(largest, finding).await?;
        let mut to_parse = Vec::with_capacity(found.len());
        // Most name what the one before has named.
        let mut last: Option<Result<RequestContext, Problem>> = None;
        let mut last_member: Option<Box<RawValue>> = None;
        for part in found {
            let (text, member) = match part {
                Ok(part) => part,
                Err(problem) => {
                    to_parse.push(Err(problem));
                    continue;
                }
            };
            let is_same = last_member.as_deref().map(RawValue::get) == member.as_deref().map(RawValue::get);
            let context = match last.take().filter(|_| is_same) {
                Some(context) => context,
                None => scope.body_context(self.media_type, member.as_deref()).await,
            };
            to_parse.push(context.clone().map(|context| (text, context.context)));
            (last, last_member) = (Some(context), member);
        }
        let parsing = async move {
            let mut parsed = Vec::with_capacity(to_parse.len());
            for part in to_parse {
                let read =
                    |(text, context): (Bytes, Arc<Context>)| read(&text, &context).map_err(|error| invalid(&error));
                parsed.push(part.and_then(read));
                pause().await;
            }
            parsed
        };
        Ok(scope.resources.compute_over(largest, parsing).await?)
    }
}

/// The one entity that a text holds, under an @context that is known.
///
/// # Errors
/// As [`RequestBody::entity`].
pub(super) fn entity_in(json: &[u8], context: &Context) -> Result<Entity, Problem> {
    check_is_object(json)?;
    parse_entity(json, context).map_err(|error| invalid(&error))
}

/// The member `@context` of an object.
fn context_member(json: &[u8]) -> Result<Option<Box<RawValue>>, Problem> {
    let member: Result<ContextMember<'_>, serde_json::Error> = serde_json::from_slice(json);
    match member {
        Ok(member) => Ok(member.context.map(RawValue::to_owned)),
        Err(_) => {
            let detail = "member `@context`: it stands there twice";
            Err(Problem::new(ErrorType::BadRequestData, detail))
        }
    }
}

/// Whether the text is one JSON object: what is no JSON at all is told before anything of its members
/// (clause 5.5.4).
pub(super) fn check_is_object(json: &[u8]) -> Result<(), Problem> {
    check_is_json(json)?;
    check_begins_as_object(json)
}

/// Whether the text, which is JSON, is an object.
fn check_begins_as_object(json: &[u8]) -> Result<(), Problem> {
    if json.trim_ascii_start().first() != Some(&b'{') {
        let detail = "the body: expected a JSON object";
        return Err(Problem::new(ErrorType::InvalidRequest, detail));
    }
    Ok(())
}

/// Whether the text is JSON at all.
//= 5.5.4-1
pub(super) fn check_is_json(json: &[u8]) -> Result<(), Problem> {
    serde_json::from_slice::<IgnoredAny>(json).map(drop).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let detail = format!("the body: not JSON at line {line}, column {column}");
        Problem::new(ErrorType::InvalidRequest, detail)
    })
}

/// What a consumer is told of a text that is no entity, or of a name in it.
//= 4.6.4-2, 5.5.4-2
pub(super) fn invalid(error: &InvalidEntity) -> Problem {
    let error_type = if error.is_malformed_json() {
        ErrorType::InvalidRequest
    } else {
        ErrorType::BadRequestData
    };
    Problem::new(error_type, error.to_string())
}

/// Reads the bytes of a body. Of one that is too large the rest is read and dropped, within reason: a connection
/// that is closed while its peer still sends may lose the answer on its way.
//= 6.3.2-3
async fn read_bytes(mut body: Body, limit: usize, held: &mut Held) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if TooSlow::is_cause_of(&error) {
                let detail = "the body arrived too slowly; send it without pauses";
                return Problem::new(ErrorType::RequestTimeout, detail);
            }
            Problem::new(
                ErrorType::InvalidRequest,
                "the body broke off, or its chunks are malformed",
            )
        })?;
        let Some(data) = frame.data_ref() else { continue };
        length = length.saturating_add(data.len());
        if length <= limit {
            held.grow(data.len())?;
            bytes.extend_from_slice(data);
        } else if length - limit > MOST_DROPPED {
            break;
        }
    }
    if length > limit {
        let detail = format!("the body is larger than {limit} bytes; send it in parts");
        return Err(Problem::new(ErrorType::ContentTooLarge, detail));
    }
    Ok(bytes)
}

/// Where arrays and objects nest deeper than allowed, if they do. It looks at brackets outside of strings only, so that it
/// holds for texts that are no JSON as well.
fn nests_deeper(json: &[u8], allowed: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in json.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > allowed {
                    return Some(at);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The line and the column, both from 1, of what follows a text.
fn place_of(before: &[u8]) -> (usize, usize) {
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let last = before.iter().rev().take_while(|byte| **byte != b'\n');
    (line, last.count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_outside_of_strings_nest() {
        assert_eq!(nests_deeper(br#"{"a":[1,{"b":"[[[[\"[["}]}"#, 3), None);
        assert_eq!(nests_deeper(br#"{"a":[1,{"b":2}]}"#, 2), Some(8));
        assert_eq!(nests_deeper(b"[][][][]", 1), None);
        assert_eq!(nests_deeper(b"]]]]", 1), None);
        assert_eq!(nests_deeper(&[b'['; 200], 64), Some(64));
        assert_eq!(place_of(b""), (1, 1));
        assert_eq!(place_of(b"a\n\nbc"), (3, 3));
    }
}
