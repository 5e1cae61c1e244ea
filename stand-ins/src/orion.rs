//! A stand-in for FIWARE Orion 4.7: NGSI-v2 over entities in memory, answering as a real one was recorded to.
//!
//! What is not here: sending notifications, forwarding to registered providers, and the expiry of entities.
//! Subscriptions and registrations are checked, kept and shown.

mod date;
mod documents;
mod entity;
mod error;
mod exchange;
mod filter;
mod geometry;
mod handlers;
mod json;
mod names;
mod parameters;
mod path;
mod query;
mod route;
mod store;
mod subscriptions;
mod update;

use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::server::Server;

use entity::draft::{EntityDraft, Form};
use json::Json;
use path::ServicePaths;
use store::Service;

/// A running Orion. Dereferences to its [`Server`].
#[derive(Debug)]
pub struct Orion {
    server: Server,
    state: Arc<State>,
}

/// How an [`Orion`] is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct OrionBuilder {
    port: u16,
    near_count_quirk: bool,
}

/// Why entities could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text is not a JSON array.
    #[error("the entities are not a JSON array")]
    NotAnArray,
    /// The text is not JSON.
    #[error("the entities are not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Orion would refuse an entity.
    #[error("entity {position} is refused: {answer}")]
    Refused {
        /// Which one, counted from 0.
        position: usize,
        /// What Orion would answer.
        answer: String,
    },
}

/// What all requests share.
#[derive(Debug, Default)]
struct State {
    near_count_quirk: bool,
    services: RwLock<HashMap<String, Service>>,
}

// === impl Orion ===

impl Orion {
    /// An Orion on a port that the system chooses, with nothing in it.
    ///
    /// # Errors
    /// No port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// An Orion with choices.
    #[must_use]
    pub fn builder() -> OrionBuilder {
        OrionBuilder::default()
    }

    /// Loads normalized entities (a JSON array) as `POST /v2/entities` would, under the same checks.
    /// Loading an entity again replaces it. Gives their number.
    ///
    /// # Errors
    /// The text is not such an array, or Orion would refuse an entity; those before it are loaded.
    pub fn load(&self, service: &str, path: &str, entities: &str) -> Result<usize, LoadError> {
        let json: Json = serde_json::from_str(entities)?;
        let entities = json.items().ok_or(LoadError::NotAnArray)?;
        let mut services = self.state.write();
        for (position, entity) in entities.iter().enumerate() {
            let mut load_one = || {
                let name = path::service(service)?;
                let paths = ServicePaths::for_write(Some(path))?;
                let draft = EntityDraft::read(entity, Form::Normalized)?;
                services
                    .entry(name)
                    .or_insert_with_key(|name| Service::named(name))
                    .create(draft, &paths, true)
            };
            load_one().map_err(|error: error::OrionError| LoadError::Refused {
                position,
                answer: String::from_utf8_lossy(error.into_response().body()).into_owned(),
            })?;
        }
        Ok(entities.len())
    }
}

impl Deref for Orion {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

// === impl OrionBuilder ===

impl OrionBuilder {
    /// Listens on this port; 0, the default, lets the system choose.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self { port, ..self }
    }

    /// Announces, for `georel=near`, the wrong `Fiware-Total-Count` that a real Orion announces: 2 where 5 are listed.
    #[must_use]
    pub fn with_near_count_quirk(self) -> Self {
        Self {
            near_count_quirk: true,
            ..self
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// The port cannot be bound.
    pub async fn start(self) -> io::Result<Orion> {
        let state = Arc::new(State {
            near_count_quirk: self.near_count_quirk,
            services: RwLock::default(),
        });
        let server = Server::start(self.port, handlers::Api(Arc::clone(&state))).await?;
        Ok(Orion { server, state })
    }
}

// === impl State ===

impl State {
    fn read(&self) -> RwLockReadGuard<'_, HashMap<String, Service>> {
        self.services.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<String, Service>> {
        self.services.write().unwrap_or_else(PoisonError::into_inner)
    }
}
