//! The names of the attributes that Orion itself says a type has (`GET /v2/types/{type}`), of all its entities without looking
//! at any of them. It says how many entities it counts as well, whoever may see them: that is not read. Names are
//! all that is remembered, for a minute, and of no more types than the source is configured with.

use std::sync::{Arc, Mutex, PoisonError};
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

/// Most names of one type that are taken: more than an entity may have attributes.
const MOST_NAMES: usize = 1_000;

/// What the source has said, type by type.
#[derive(Debug, Default)]
pub(super) struct ToldNames(Mutex<HashMap<TypeName, Told>>);

#[derive(Debug, Clone)]
struct Told {
    names: Arc<[AttributeName]>,
    at: Instant,
}

/// What Orion says of a type.
#[derive(Deserialize)]
struct TypeDetails {
    attrs: HashMap<String, IgnoredAny>,
}

impl ToldNames {
    /// The names of a type's attributes; none where the source does not tell.
    ///
    /// # Errors
    /// [`AdapterError`], where it cannot be asked.
    pub(super) async fn of(
        &self,
        named: &NamedType,
        context: &Context,
        source: &Source,
        call: &Call,
    ) -> Result<Arc<[AttributeName]>, AdapterError> {
        let now = Instant::now();
        if let Some(told) = self.told(named.name(), now).filter(|_| !call.no_cache) {
            return Ok(told);
        }
        let path = format!("/v2/types/{}", named.escaped());
        let response = source.client.get(&path, &source.headers, call).await?;
        // What has no such route, or no entity of the type, has told of no name.
        let details = match response.status {
            StatusCode::OK => serde_json::from_slice::<TypeDetails>(&response.body).ok(),
            _ => None,
        };
        source.client.understood(&response);
        let raw = details.map(|details| details.attrs).unwrap_or_default();
        let mut names: Vec<AttributeName> = raw.keys().filter_map(|raw| view_name(context, raw)).collect();
        names.sort_unstable();
        names.truncate(MOST_NAMES);
        let names: Arc<[AttributeName]> = names.into();
        let told = Told {
            names: Arc::clone(&names),
            at: now,
        };
        self.lock().insert(named.name().clone(), told);
        Ok(names)
    }

    fn told(&self, of: &TypeName, now: Instant) -> Option<Arc<[AttributeName]>> {
        let told = self.lock().get(of).cloned()?;
        (now < told.at + HOLDS_FOR).then_some(told.names)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TypeName, Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
