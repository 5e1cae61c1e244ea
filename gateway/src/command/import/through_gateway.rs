//! Records that go through a gateway which runs: it judges each, and tells its subscribers.

use std::collections::HashMap;

use serde::Deserialize;

use super::super::Failure;
use super::super::consumer_api::{ConsumerApi, ProblemDetails, told};
use super::reading::has_word;
use super::records::At;
use super::refusals::Refusal;

/// Records of one request: as many as the gateway writes in one transaction.
const AT_ONCE: usize = 100;

/// Most bytes of records of one request: half of what a gateway takes by default.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What became of records.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) written: u64,
    pub(super) refused: Vec<Refusal>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    errors: Vec<OfOne>,
}

#[derive(Deserialize)]
struct OfOne {
    #[serde(rename = "entityId")]
    id: String,
    #[serde(default)]
    error: ProblemDetails,
}

#[derive(Deserialize)]
struct IdMember<'a> {
    #[serde(borrow)]
    id: std::borrow::Cow<'a, str>,
}

/// Sends records.
pub(super) async fn send(api: &ConsumerApi, tenant: &str, records: &[(At, Vec<u8>)]) -> Result<Written, Failure> {
    let mut written = Written::default();
    // A body has one media type, and those with an @context of their own another than those without.
    for has_context in [false, true] {
        let of_kind = |record: &&(At, Vec<u8>)| has_word(&record.1, b"\"@context\"") == has_context;
        let mut some: Vec<&(At, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        for record in records.iter().filter(of_kind) {
            // What is no JSON would make no JSON of the body.
            if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&record.1) {
                written.refused.push(Refusal {
                    at: record.0,
                    member: None,
                    reason: error.to_string(),
                });
                continue;
            }
            if some.len() >= AT_ONCE || bytes + record.1.len() > MOST_BYTES && !some.is_empty() {
                send_some(api, tenant, &some, has_context, &mut written).await?;
                some.clear();
                bytes = 0;
            }
            bytes += record.1.len();
            some.push(record);
        }
        if !some.is_empty() {
            send_some(api, tenant, &some, has_context, &mut written).await?;
        }
    }
    Ok(written)
}

async fn send_some(
    api: &ConsumerApi,
    tenant: &str,
    records: &[&(At, Vec<u8>)],
    has_context: bool,
    written: &mut Written,
) -> Result<(), Failure> {
    let texts: Vec<&[u8]> = records.iter().map(|(_, text)| text.as_slice()).collect();
    let mut body = Vec::from(b"[");
    body.extend_from_slice(&texts.join(b",".as_slice()));
    body.push(b']');
    let media_type = match has_context {
        true => "application/ld+json",
        false => "application/json",
    };
    let request = api
        .client()
        .post(api.url("/ngsi-ld/v1/entityOperations/upsert")?)
        .header("ngsild-tenant", tenant)
        .header("content-type", media_type)
        .body(body);
    let response = api.ask(request).await?;
    let all = records.len() as u64;
    match response.status().as_u16() {
        201 | 204 => written.written += all,
        207 => {
            let outcome = response
                .bytes()
                .await
                .map_err(|error| Failure::other("the answer", error))?;
            let outcome: Outcome =
                serde_json::from_slice(&outcome).map_err(|error| Failure::other("the answer", error))?;
            let by_id: HashMap<String, At> = records
                .iter()
                .filter_map(|(at, text)| {
                    let member: IdMember<'_> = serde_json::from_slice(text).ok()?;
                    Some((member.id.into_owned(), *at))
                })
                .collect();
            written.written += all.saturating_sub(outcome.errors.len() as u64);
            for one in outcome.errors {
                let known = by_id.get(&one.id).copied();
                // What has no id that could be told says in the detail at which place of the request it stands.
                let placed = || {
                    let index = one.error.detail.strip_prefix('[')?.split(']').next()?;
                    records.get(index.parse::<usize>().ok()?).map(|(at, _)| *at)
                };
                written.refused.push(Refusal {
                    at: known.or_else(placed).unwrap_or_default(),
                    member: None,
                    reason: match one.error.detail.is_empty() {
                        true => one.error.title,
                        false => one.error.detail,
                    },
                });
            }
        }
        _ => return Err(told(response).await),
    }
    Ok(())
}
