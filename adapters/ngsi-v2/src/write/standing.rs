//! An entity as it stands in the source, with what it is called there.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use ngsi_ld::{Entity, EntityId, TypeName};
use serde::Deserialize;

use super::super::Platform;
use super::super::names::view_id;
use super::super::plan::{Known, Plan};
use super::super::translate::translate_page;
use super::lost::LostWhole;
use kakehashi_client::{Response, Walked};
use kakehashi_contract::{Call, SourceQuery, WriteError, Yielded};

/// Entities that are asked for of one id: one more than there may be.
const TWO: &str = "&limit=2";

/// An entity that is there.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its id in the source.
    pub(super) raw: String,
    /// Its type in the source.
    pub(super) short: String,
    /// The service path in which it stands, if the source says it.
    pub(super) path: Option<String>,
    pub(super) entity: Entity,
}

/// What the source says of an entity beside its attributes.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type", default = "of_no_type")]
    short: Cow<'a, str>,
    #[serde(borrow, rename = "servicePath", default)]
    path: Option<Builtin<'a>>,
}

#[derive(Deserialize)]
struct Builtin<'a> {
    #[serde(borrow)]
    value: Cow<'a, str>,
}

/// NGSI-v2 gives an entity without a type this one.
fn of_no_type<'a>() -> Cow<'a, str> {
    Cow::Borrowed("Thing")
}

impl Platform {
    /// The entity of that id and of one of these types, as it is now. Of no others anything is asked.
    ///
    /// # Errors
    /// [`WriteError::CannotHold`], when the source has several of which nobody can tell which is meant.
    pub(super) async fn standing(
        &self,
        id: &EntityId,
        types: &[TypeName],
        call: &Call,
    ) -> Result<Option<Standing>, WriteError> {
        let mut query = SourceQuery::of_types(types.to_vec());
        query.ids = vec![id.clone()];
        query.system_attributes = true;
        let known = Known {
            types: &self.types,
            raw_names: &self.raw_names,
            object_types: &self.object_types,
            tables: &self.tables,
            ignored_places: &self.ignored_places,
        };
        let plan = Plan::of(&query, true, &self.writing.settings, &known);
        // What was sent before an earlier write of another gateway tells nothing.
        let call = Call {
            no_cache: true,
            ..call.clone()
        };
        let walked = Walked::default();
        let mut found: Option<Standing> = None;
        for request in &plan.requests {
            let url = format!("{request}{TWO}");
            let mut response = self.source.client.get(&url, &self.source.headers, &call).await?;
            self.source.check(&response)?;
            walked.count(response.body.len(), &self.source.client)?;
            if is_empty(&response) && self.source.must_be_empty(&plan, &call).await? {
                response = self.source.client.get(&url, &self.source.headers, &call).await?;
                self.source.check(&response)?;
            }
            for standing in self.read(id, &response, &plan)? {
                if found.replace(standing).is_some() {
                    return Err(LostWhole::Several.into());
                }
            }
        }
        Ok(found)
    }

    /// Those of an answer that are meant.
    fn read(&self, id: &EntityId, response: &Response, plan: &Plan) -> Result<Vec<Standing>, WriteError> {
        let client = &self.source.client;
        let heads: Vec<Head<'_>> = serde_json::from_slice(ngsi_ld::without_byte_order_mark(&response.body))
            .map_err(|_| client.not_understood(response, "the answer is not a list of entities"))?;
        let page = translate_page(&response.body, &plan.translation)
            .map_err(|error| client.not_understood(response, error.to_string()))?;
        client.understood(response);
        let meant: Vec<Head<'_>> = heads
            .into_iter()
            .filter(|head| view_id(&head.short, &head.id) == *id)
            .collect();
        if meant.len() > 1 {
            return Err(LostWhole::Several.into());
        }
        let mut entities = Vec::new();
        for yielded in page.yielded {
            match yielded {
                Yielded::Entity(entity) if entity.id == *id => entities.push(entity),
                Yielded::LeftOut(flaw) if !meant.is_empty() => return Err(LostWhole::Unreadable(flaw.as_str()).into()),
                Yielded::Entity(_) | Yielded::LeftOut(_) => {}
            }
        }
        let scopes_are_paths = self.settings.scope_from_servicepath;
        let standing = meant.into_iter().zip(entities).map(|(head, mut entity)| {
            if !scopes_are_paths {
                entity.scopes.clear();
            }
            Standing {
                raw: head.id.into_owned(),
                short: head.short.into_owned(),
                path: head.path.map(|path| path.value.into_owned()),
                entity,
            }
        });
        Ok(standing.collect())
    }

    /// The headers of a write into that service path.
    pub(super) fn headers_within(&self, path: &str) -> Result<Vec<(HeaderName, HeaderValue)>, WriteError> {
        let path = HeaderValue::from_str(path).map_err(|_| LostWhole::Scope)?;
        let mut headers: Vec<(HeaderName, HeaderValue)> = self.source.headers.to_vec();
        for (name, value) in &mut headers {
            if *name == super::super::SERVICE_PATHS {
                *value = path.clone();
            }
        }
        headers.push((http::header::CONTENT_TYPE, HeaderValue::from_static("application/json")));
        Ok(headers)
    }
}

fn is_empty(response: &Response) -> bool {
    !super::super::pages::is_list_of_something(&response.body)
}
