//! The names of the attributes that Orion itself says a type has (`GET /v2/types/{type}`), of all its entities without looking
//! at any of them. It says how many entities it counts as well, whoever may see them: that is not read. Names are
//! all that is remembered, for a minute, and of no more types than the source is configured with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use http::StatusCode;
use kakehashi_contract::{AdapterError, Call};
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names::view_name;
use super::pages::Source;
use super::plan::NamedType;

/// How long names hold, before the source is asked again.
const HOLDS_FOR: Duration = Duration::from_secs(60);

/// Most names of one type that are remembered: more than an entity may have attributes.
const MOST_NAMES: usize = 1_000;

/// What the source has said, type by type.
#[derive(Debug, Default)]
pub(super) struct ToldNames(Mutex<HashMap<TypeName, Told>>);

#[derive(Debug, Clone)]
struct Told {
    /// `None`: it does not tell.
    names: Option<Arc<[AttributeName]>>,
    at: Instant,
}

/// What Orion says of a type.
#[derive(Deserialize)]
struct TypeDetails {
    attrs: BTreeMap<String, IgnoredAny>,
}

impl ToldNames {
    /// The names of a type's attributes; `None` where the source does not tell.
    ///
    /// # Errors
    /// [`AdapterError`], where it cannot be asked.
    pub(super) async fn of(
        &self,
        named: &NamedType,
        context: &Context,
        source: &Source,
        call: &Call,
    ) -> Result<Option<Arc<[AttributeName]>>, AdapterError> {
        let now = Instant::now();
        if let Some(told) = self.told(named.name(), now).filter(|_| !call.no_cache) {
            return Ok(told);
        }
        let path = format!("/v2/types/{}", named.escaped());
        let response = source.client.get(&path, &source.headers, call).await?;
        // What has no such route tells nothing.
        let details = match response.status {
            StatusCode::OK => serde_json::from_slice::<TypeDetails>(&response.body).ok(),
            _ => None,
        };
        source.client.understood(&response);
        let names = details
            .filter(|details| details.attrs.len() <= MOST_NAMES)
            .map(|details| {
                let names = details.attrs.keys();
                names
                    .filter_map(|raw| view_name(context, raw))
                    .collect::<Arc<[AttributeName]>>()
            });
        let told = Told {
            names: names.clone(),
            at: now,
        };
        self.lock().insert(named.name().clone(), told);
        Ok(names)
    }

    fn told(&self, of: &TypeName, now: Instant) -> Option<Option<Arc<[AttributeName]>>> {
        let told = self.lock().get(of).cloned()?;
        (now < told.at + HOLDS_FOR).then_some(told.names)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TypeName, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use kakehashi_contract::Adapter;

    use super::super::tests::{call, with};
    use super::*;

    #[tokio::test]
    async fn the_names_of_a_type_are_asked_for_once_in_a_while() {
        let (orion, adapter) = with(
            r#"[{"id":"urn:x:1","type":"Room","a":{"type":"Text","value":"x"}},
                {"id":"urn:x:2","type":"Room","wind-speed":{"type":"Number","value":3}}]"#,
        )
        .await;
        orion.clear_requests();
        let room = Context::core().expand_type("Room").unwrap();
        let call = call();
        let mut told = adapter.told_attributes(&room, &call).await.unwrap().unwrap();
        told.sort_unstable();
        let mut expected = [
            view_name(Context::core(), "a").unwrap(),
            view_name(Context::core(), "wind-speed").unwrap(),
        ];
        expected.sort_unstable();
        assert_eq!(told, expected);
        adapter.told_attributes(&room, &call).await.unwrap();
        let asked: Vec<String> = orion.requests().iter().map(|request| request.path.clone()).collect();
        assert_eq!(asked, ["/v2/types/Room"]);
        let other = Context::core().expand_type("Person").unwrap();
        assert_eq!(
            adapter.told_attributes(&other, &call).await.unwrap(),
            None,
            "it is not asked for others"
        );
    }
}
