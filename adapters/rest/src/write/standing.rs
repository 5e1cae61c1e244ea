//! An entity as it stands in the platform, with its record.

use http::{HeaderValue, StatusCode, header};
use ngsi_ld::{Entity, EntityId};

use crate::source::{ACCEPTED, Source};
use kakehashi_client::Walked;
use kakehashi_contract::{Call, Flaw, WriteError};
use kakehashi_mapping::back::LostWhole;
use kakehashi_mapping::back::read_back;
use kakehashi_mapping::back::select;
use kakehashi_mapping::language::TypeMapping;

/// An entity that is there.
#[derive(Debug)]
pub(super) struct Standing<'m> {
    pub(super) mapping: &'m TypeMapping,
    pub(super) entity: Entity,
    pub(super) state: State,
}

/// A record as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    /// As the platform wrote it.
    pub(super) record: String,
    /// What the platform calls this state of it.
    pub(super) tag: Option<HeaderValue>,
}

impl Source {
    /// The entity of that id and of one of these types, as it is now. Of no others anything is asked.
    ///
    /// # Errors
    /// [`WriteError::CannotHold`], when the platform has several of which nobody can tell which is meant.
    pub(super) async fn standing<'m>(
        &self,
        id: &EntityId,
        types: &[&'m TypeMapping],
        call: &Call,
    ) -> Result<Option<Standing<'m>>, WriteError> {
        let mut found: Option<Standing<'m>> = None;
        for mapping in types {
            let Some(path) = mapping.record_request(id) else {
                continue;
            };
            if let Some(standing) = self.standing_of(id, mapping, &path, call).await?
                && found.replace(standing).is_some()
            {
                return Err(LostWhole::Several.into());
            }
        }
        Ok(found)
    }

    async fn standing_of<'m>(
        &self,
        id: &EntityId,
        mapping: &'m TypeMapping,
        path: &str,
        call: &Call,
    ) -> Result<Option<Standing<'m>>, WriteError> {
        // What was sent before an earlier write of another gateway tells nothing.
        let call = Call {
            no_cache: true,
            ..call.clone()
        };
        let client = &self.client;
        let response = client.get(path, &[ACCEPTED], &call).await?;
        match response.status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                client.understood(&response);
                return Ok(None);
            }
            _ => return Err(client.refusal(&response, "the platform refused the request").into()),
        }
        Walked::default().count(response.body.len(), client)?;
        let body = ngsi_ld::without_byte_order_mark(&response.body);
        let text = str::from_utf8(body).ok();
        let is_json = |text: &&str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let Some(text) = text.filter(is_json) else {
            return Err(client.not_understood(&response, "the answer is not JSON").into());
        };
        client.understood(&response);
        let mut records = Vec::new();
        select(text, &mapping.single.records.steps, &mut records);
        let tag = response.headers.get(header::ETAG).filter(|tag| is_strong(tag));
        let mut found: Option<Standing<'m>> = None;
        for record in records {
            match read_back(mapping, &self.outside, record) {
                // A platform that answers with another record, or with one that has no id, has none of this id.
                Ok(entity) if entity.id != *id => {}
                Err(Flaw::NoId) => {}
                Err(flaw) => return Err(LostWhole::Unreadable(flaw.as_str()).into()),
                Ok(entity) => {
                    let standing = Standing {
                        mapping,
                        entity,
                        state: State {
                            record: record.to_owned(),
                            tag: tag.cloned(),
                        },
                    };
                    if found.replace(standing).is_some() {
                        return Err(LostWhole::Several.into());
                    }
                }
            }
        }
        Ok(found)
    }
}

/// Whether a tag may be compared with (RFC 9110 section 13.1.1): a weak one never is the same.
fn is_strong(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"\"")
}
